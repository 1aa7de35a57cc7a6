"""The result of one execution of a notebook: what it takes from the committed one, and what it writes."""

import os
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from moslab.analysis import figures
from moslab.analysis.answer import ANSWER, committed_result
from moslab.analysis.claims import Verdict, marked
from moslab.analysis.tables import Sentence, say
from moslab.batch.comparison import as_recorded
from moslab.batch.validity import loaded_inputs
from moslab.experiments.collecting import From, stores
from moslab.experiments.compute import AUTO, load_compute
from moslab.utils import paths
from moslab.utils.errors import UserError
from moslab.utils.files import cannot_write, sha256, write_json
from moslab.utils.paths import profile_dir
from moslab.utils.provenance import Card, card, provenance


class Record:
    """Parameters, values, verdicts and figures of a notebook, beside those that are committed.

    With runs="reference" the committed results are shown, and nothing is written (unless `output` is given).
    """

    def __init__(
        self, name: str, *, profile: str, runs: From, output: str = "", jobs: int = 0, **parameters: Any
    ) -> None:
        warnings.filterwarnings("ignore", message="IProgress not found")  # bars are plain text here
        stores(runs, profile)  # both names are checked before anything else
        if jobs < 0:
            raise UserError(
                f"jobs = {jobs} training processes make no sense: give 0 for one per core, or how many."
            )
        self.compute = parameters.get("compute", AUTO)
        if self.compute != AUTO:
            load_compute(self.compute)  # a wrong name is said now
        self.name, self.profile, self.source, self.jobs = name, profile, runs, jobs
        self.parameters = {"profile": profile, "runs": runs, "output": output, "jobs": jobs, **parameters}
        self.folder = profile_dir(profile)
        if output:
            self.folder = paths.user_path(output, "the parameter output").resolve()
        self.writes = bool(output) or runs != "reference"
        self.left_out: list[str] = []  # parameters that take a part of the notebook away
        self.started = time.time()
        self.waited = 0.0  # seconds spent on getting runs
        self.values: dict[str, Any] = {}
        self.verdicts: list[Verdict] = []
        self.used: dict[str, float] = {}  # run key -> seconds
        self.headline: set[str] = set()  # keys of runs that a plain `make reproduce` trains anew
        self.borrowed: set[str] = set()  # keys of runs taken from the committed reference
        self.certain: set[str] = set()  # keys of runs whose entropy or top probability is read
        self.figures: dict[str, str] = {}  # file name -> SHA-256 of the figures kept
        self.oracles: dict[str, str] = {}  # name of a measurement -> its oracle, as tables show it
        if self.writes:
            _check_writable(self.folder)
        figures.use_style()

    def _repr_markdown_(self) -> str:
        where = "nothing is written"
        if self.writes:
            where = f"results go to `{_short(self.folder)}`"
        without = f" Left out: {', '.join(self.left_out)}." if self.left_out else ""
        return f"**{self.name}**, profile *{self.profile}*, runs from *{self.source}*: {where}.{without}"

    __repr__ = _repr_markdown_

    @property
    def reference(self) -> dict[str, Any]:
        """The committed result of this notebook; empty before there is one."""
        return committed_result(self.name, self.profile)

    @property
    def judged(self) -> list[Verdict]:
        """All verdicts so far, decided orders marked by whether they survive together."""
        return marked(self.verdicts)

    def conclude(self, template: str, **values: Any) -> Sentence:
        """The notebook's answer in two sentences; its committed form opens the notebook.

        Args:
            template: as `tables.say` takes it.
            values: numbers from this session's results.
        """
        answer = say(template, **values)
        self.values[ANSWER] = str(answer)
        return answer

    def committed(self, name: str, default: Any = None) -> Any:
        """A value of the committed reference, whatever the source of runs."""
        return self.reference.get("values", {}).get(name, default)

    def value(self, name: str, compute: Callable[[], Any]) -> Any:
        """A result that is not a run (JSON-able), recorded under its name.

        Returns:
            With runs="reference" the committed one, otherwise what `compute` gives.

        Raises:
            UserError: where the committed reference holds none.
        """
        if self.source == "reference":
            self.values[name] = self._committed_part(name, self.reference.get("values", {}))
        else:
            self.values[name] = compute()
        return self.values[name]

    def part(self, name: str, key: str, compute: Callable[[], Any]) -> Any:
        """One entry of a value that is a table by `key`, see `value`."""
        entries = self.values.setdefault(name, {})
        if self.source == "reference":
            stored = self._committed_part(name, self.reference.get("values", {}))
            entries[key] = self._committed_part(key, stored)
        else:
            entries[key] = compute()
        return entries[key]

    def _committed_part(self, name: str, stored: Mapping[str, Any]) -> Any:
        if name not in stored:
            raise UserError(
                f"The committed reference of {self.name} holds no {name!r}: "
                "set runs = 'reuse' to compute it here."
            )
        return stored[name]

    def keep(self, figure: Figure, name: str) -> Figure:
        """Save a figure as PNG, with the keys of the runs collected so far, and hand it back to be shown."""
        if self.writes:
            path = figures.save(figure, self.folder / "figures" / f"{name}.png", self.used)
            self.figures[path.name] = sha256(path.read_bytes())
        return figure

    def record(self) -> Sentence:
        """Write the result JSON that the batch runner, the report and the reference read.

        Where nothing is written, it says whether the verdicts on the committed runs are as recorded.
        """
        claims = [verdict.as_dict() for verdict in self.judged]
        if not self.writes:
            return say(
                "Runs came from the committed reference, so nothing was recorded. {comparison}",
                comparison=as_recorded(claims, self.reference.get("claims", [])),
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
            "claims": claims,
            "values": self.values,
            "figures": self.figures,
            **loaded_inputs(),
            "seconds": round(time.time() - self.started - self.waited, 1),
            "provenance": provenance(),
        }
        path = write_json(self.folder / "results" / f"{self.name}.json", result)
        return say("Recorded in `{path}`.", path=_short(path))

    def card(self) -> Card:
        """Where these results come from: versions, machine, commit."""
        return card(provenance())


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
