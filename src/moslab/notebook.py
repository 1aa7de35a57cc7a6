"""What every notebook does besides its own question: check its parameters, say what will run, fetch runs, keep figures and record the result."""

import os
import time
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from moslab.analysis import figures
from moslab.analysis.claims import Verdict
from moslab.analysis.tables import Sentence, say
from moslab.batch import parameters
from moslab.batch.comparison import as_recorded
from moslab.batch.validity import looked_at
from moslab.experiments.collecting import From, collect, missing, stores
from moslab.experiments.experiment import Experiment, look_again
from moslab.experiments.grid import Grid, Results
from moslab.utils import paths
from moslab.utils.cores import cores
from moslab.utils.errors import UserError
from moslab.utils.files import cannot_write, read_json, sha256, write_json
from moslab.utils.paths import profile_dir
from moslab.utils.provenance import provenance


class Study:
    """One execution of a notebook.

    With runs="reference" the committed results are shown, nothing is trained and nothing is written (unless `output` is given).
    """

    def __init__(
        self, name: str, *, profile: str, runs: From, output: str = "", jobs: int = 0, **parameters: Any
    ) -> None:
        warnings.filterwarnings(
            "ignore", message="IProgress not found"
        )  # bars are plain text here, widgets are not missed
        stores(runs, profile)  # both names are checked before anything else
        if jobs < 0:
            raise UserError(
                f"jobs = {jobs} training processes make no sense: give 0 for one per core, or how many."
            )
        self.name, self.profile, self.source, self.jobs = name, profile, runs, jobs
        self.parameters = {"profile": profile, "runs": runs, "output": output, "jobs": jobs, **parameters}
        self.folder = (
            paths.user_path(output, "the parameter output").resolve() if output else profile_dir(profile)
        )
        self.writes = bool(output) or runs != "reference"
        self.started = time.time()
        self.values: dict[str, Any] = {}
        self.used: dict[str, float] = {}  # run key -> seconds
        self.headline: set[str] = set()  # keys of runs that a plain `make reproduce` trains anew
        self.borrowed: set[str] = set()  # keys of runs taken from the committed reference
        self.certain: set[str] = set()  # keys of runs whose entropy or top probability is read
        self.figures: dict[str, str] = {}  # file name -> SHA-256 of the figures kept
        self.waited = 0.0  # seconds spent on getting runs
        if self.writes:
            _check_writable(self.folder)
        figures.use_style()

    @classmethod
    def open(cls, name: str, namespace: dict[str, Any]) -> "Study":
        """The study of a running notebook: parameters checked, typed, completed by the profile, written back.

        Args:
            name: the notebook's file name without `.ipynb`.
            namespace: `globals()` of the notebook, behind its parameters cell.
        Raises:
            UserError: before anything runs, for a name or a value that the notebook does not know.
        """
        values = parameters.settle(paths.NOTEBOOKS / f"{name}.ipynb", namespace)
        namespace.update(values)
        return cls(name, **values)

    @property
    def reference(self) -> dict[str, Any]:
        """The committed result of this notebook; empty before there is one."""
        path = paths.REFERENCE / "results" / self.profile / f"{self.name}.json"
        return read_json(path) if path.exists() else {}

    def _repr_markdown_(self) -> str:
        where = f"results go to `{_short(self.folder)}`" if self.writes else "nothing is written"
        return f"**{self.name}**, profile *{self.profile}*, runs from *{self.source}*: {where}."

    __repr__ = _repr_markdown_

    def answer(self) -> Sentence:
        """The committed verdicts, for readers who want the answer first."""
        if not self.reference:
            return say("*No committed reference yet: run all cells to get an answer.*")
        rows = [
            f"| {claim['statement']} | {claim.get('on') or '–'} | **{claim['verdict']}** |"
            for claim in self.reference["claims"]
        ]
        table = (
            "\n".join(["| claim | data | verdict |", "|---|---|---|", *rows])
            if rows
            else "This notebook judges no claim."
        )
        return Sentence(f"**The answer, from the committed reference runs**\n\n{table}")

    def picture(self, name: str):
        """A committed figure, shown as part of the answer card."""
        path = paths.FIGURES / f"{name}.png"
        return Picture(path.read_bytes()) if path.exists() else say("*No committed figure yet.*")

    def plan(self, *grids: Grid) -> pd.DataFrame:
        """What `collect` will do: runs wanted, to train, taken from the committed reference (where local ones come first), and minutes by the reference's own times."""
        look_again()
        rows = []
        for grid in grids:
            experiments = {e.key: e for e in grid.experiments().values()}.values()
            todo = missing(experiments, self.source, self.profile, grid.afresh())
            known = self.reference.get("run_seconds", {})
            seconds = [known.get(e.key) for e in todo]
            minutes = (
                0.0 if not todo else None if None in seconds else sum(seconds) / 60 / (self.jobs or cores())
            )
            rows.append(
                {
                    "datasets": ", ".join(grid.datasets),
                    "arms": len(grid.arms),
                    "seeds": len(grid.seeds),
                    "runs": len(experiments),
                    "to train": len(todo),
                    "from the reference": len(experiments) - len(todo) - len(self._here(experiments)),
                    "minutes": "unknown" if minutes is None else f"{minutes:.1f}",
                }
            )
        return pd.DataFrame(rows)

    def collect(self, grid: Grid) -> Results:
        """The grid's runs; trains what is missing, unless runs come from the reference."""
        return self.collect_all(grid)[0]

    def collect_all(self, *grids: Grid) -> list[Results]:
        """The runs of several grids, which are trained together: what they have in common is trained once."""
        look_again()
        places = [grid.experiments() for grid in grids]
        asked, afresh = time.time(), set().union(*(grid.afresh() for grid in grids))
        experiments = [experiment for found in places for experiment in found.values()]
        runs = {run.key: run for run in collect(experiments, self.source, self.profile, self.jobs, afresh)}
        self.waited += time.time() - asked
        self.used |= {key: round(sum(run.seconds.values()), 2) for key, run in runs.items()}
        self.headline |= afresh
        for grid in grids:
            self.certain |= grid.certain(runs)
        here = self._here(experiments)
        self.borrowed |= set(runs) - here
        return [
            Results(
                {place: runs[experiment.key] for place, experiment in found.items()},
                here if self.source == "headline" else None,
            )
            for found in places
        ]

    def _here(self, experiments: Iterable[Experiment]) -> set[str]:
        """Keys of the finished runs that come from the local store."""
        local = stores("fresh", self.profile)[0]
        return {e.key for e in experiments if self.source != "reference" and local.has(e.key)}

    def committed(self, name: str, default: Any = None) -> Any:
        """A value of the committed reference, whatever the source of runs."""
        return self.reference.get("values", {}).get(name, default)

    def value(self, name: str, compute: Callable[[], Any]) -> Any:
        """A result that is not a run (JSON-able): the committed one with runs="reference", computed otherwise, recorded either way."""
        if self.source == "reference":
            stored = self.reference.get("values", {})
            if name not in stored:
                raise UserError(
                    f"The committed reference of {self.name} holds no {name!r}: set runs = 'reuse' to compute it here."
                )
            self.values[name] = stored[name]
        else:
            self.values[name] = compute()
        return self.values[name]

    def keep(self, figure: Figure, name: str) -> Figure:
        """Save a figure (PNG of README size) with the keys of the runs collected so far, and hand it back to be shown, once: a figure left open would be shown by the kernel too."""
        if self.writes:
            path = figures.save(figure, self.folder / "figures" / f"{name}.png", self.used)
            self.figures[path.name] = sha256(path.read_bytes())
        plt.close(figure)
        return figure

    def record(self, verdicts: Iterable[Verdict] = ()) -> Sentence:
        """Write the result JSON that the batch runner, the report and the reference read.

        Where nothing is written, say whether the verdicts, computed anew from committed runs, come out as recorded.
        """
        verdicts = list(verdicts)
        if not self.writes:
            found = [verdict.as_dict() for verdict in verdicts]
            return say(
                "Runs came from the committed reference, so nothing was recorded. {found}",
                found=as_recorded(found, self.reference.get("claims", [])),
            )
        result = {
            "notebook": self.name,
            "profile": self.profile,
            "runs_from": self.source,
            "parameters": self.parameters,
            "runs": sorted(self.used),
            "run_seconds": self.used,
            "headline": sorted(self.headline),
            "certainty": sorted(self.certain),
            "borrowed": len(self.borrowed),
            "claims": [verdict.as_dict() for verdict in verdicts],
            "values": self.values,
            "figures": self.figures,
            **looked_at(),
            "seconds": round(time.time() - self.started - self.waited, 1),
            "provenance": provenance(),
        }
        path = write_json(self.folder / "results" / f"{self.name}.json", result)
        return say("Recorded in `{path}`.", path=_short(path))


@dataclass(frozen=True)
class Picture:
    """A PNG that a notebook shows."""

    png: bytes

    def _repr_png_(self) -> bytes:
        return self.png

    def __repr__(self) -> str:
        return "Picture"


def _check_writable(folder: Path) -> None:
    probe = folder / f".writable-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as problem:
        raise cannot_write(folder, problem) from problem


def _short(path: Path) -> str:
    return str(path.relative_to(paths.ROOT)) if path.is_relative_to(paths.ROOT) else str(path)
