"""What every notebook does besides its own question: one `Study`, and the verbs that all of them share."""

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, overload

import pandas as pd

from moslab.analysis import measured, verdict_tables
from moslab.analysis.answer import answer, picture
from moslab.analysis.claims import Claim, Verdict, judge_value
from moslab.analysis.measured import Measured
from moslab.analysis.printed_tables import PrintedTables
from moslab.analysis.tables import Sentence, say
from moslab.batch import parameters
from moslab.batch.record import Record
from moslab.datasets import EMBEDDED
from moslab.experiments import digests
from moslab.experiments.collecting import collect, missing, stores
from moslab.experiments.experiment import Experiment
from moslab.experiments.grid import Grid, Results
from moslab.experiments.recipes import LIMITS, preset_fields
from moslab.utils import paths
from moslab.utils.cores import cores
from moslab.utils.errors import UserError

Rows = list[dict[str, Any]]
__all__ = ["Study", "answer", "picture"]


class Study(Record):
    """One execution of a notebook. With runs="reference" nothing is trained."""

    @classmethod
    def open(cls, name: str, namespace: dict[str, Any]) -> "Study":
        """The study of a running notebook: parameters checked, typed, completed and written back.

        They are completed by what the profile sets, and by the paper's preset that is named as the recipe:
        its epochs, rate and so on replace the notebook's defaults and the profile's values, and give way to
        what was injected or edited.

        Args:
            name: the notebook's file name without `.ipynb`.
            namespace: `globals()` of the notebook, behind its parameters cell.

        Raises:
            UserError: before anything runs, for a name or a value that the notebook does not know.
        """
        stored = paths.NOTEBOOKS / f"{name}.ipynb"
        values = parameters.settle(stored, namespace)
        namespace.update(values)
        study = cls(name, **values)
        study.left_out = parameters.taken_away(stored, values)
        return study

    # --- what is run ----------------------------------------------------------------------------------

    def setting(self, **changes: Any) -> dict[str, Any]:
        """The fields that all experiments of this notebook share, from its parameters.

        A preset's name stays in `recipe`; `grid.make_on` puts in what no parameter says, such as the rank.

        Args:
            changes: fields with other values than the parameters say.
        """
        fields = {}
        for field, parameter in parameters.SETTING.items():
            if parameter in self.parameters:
                fields[field] = self.parameters[parameter] or None
        if not fields.get("text"):
            fields.pop("text", None)  # the picture alone, as experiments have it
        of_preset = preset_fields(fields.get("recipe"))
        for name in ("lora_dropout", *LIMITS):
            if name in of_preset and name in self.parameters:
                fields[name] = self.parameters[name]  # over the preset's, 0 too
        return fields | changes

    def grid(
        self,
        arms: Mapping[str, Mapping[str, Any]],
        datasets: str | Sequence[str] = (),
        *,
        seeds: Sequence[int] = (),
        headline: Collection[str] = (),
        certainty: bool = False,
        **changes: Any,
    ) -> Grid:
        """Every arm on every dataset with every seed, in this notebook's setting.

        Args:
            arms: name -> the fields of the experiment that make this arm.
            datasets: one or several; the parameter `datasets` if not given.
            seeds: the parameter `seeds` if not given.
            headline: arms that a plain `make reproduce` trains anew.
            certainty: whether entropy or top probability of these runs is read.
            changes: fields with other values than the parameters say.
        """
        names = [datasets] if isinstance(datasets, str) else list(datasets or self.parameters["datasets"])
        return Grid(
            names,
            arms,
            list(seeds or self.parameters["seeds"]),
            self.setting(**changes),
            headline=headline,
            certainty=certainty,
        )

    def plan(self, grids: Grid | Mapping[str, Grid]) -> pd.DataFrame:
        """What `collect` will do, a row per grid.

        Returns:
            Runs wanted, to train, and taken from the committed reference (where local ones come first), and
            minutes by the reference's own times.
        """
        digests.forget()
        named = {"": grids} if isinstance(grids, Grid) else grids
        rows = [self._plan_row(grid) for grid in named.values()]
        index = None if isinstance(grids, Grid) else pd.Index(list(named), name="grid")
        return pd.DataFrame(rows, index=index)

    def _plan_row(self, grid: Grid) -> dict[str, Any]:
        experiments = list({one.key: one for one in grid.experiments().values()}.values())
        todo = missing(experiments, self.source, self.profile, grid.headline_keys())
        local = self._local(experiments)
        return {
            "datasets": ", ".join(grid.datasets),
            "arms": len(grid.arms),
            "seeds": len(grid.seeds),
            "runs": len(experiments),
            "to train": len(todo),
            "from the reference": len(experiments) - len(todo) - len(local),
            "minutes": self._minutes(todo),
        }

    def _minutes(self, todo: Sequence[Experiment]) -> str:
        """How long training takes by the reference's own times, shared by all processes."""
        seconds = self.reference.get("run_seconds", {})
        if any(one.key not in seconds for one in todo):
            return "unknown"
        total = sum(seconds[one.key] for one in todo)
        return f"{total / 60 / (self.jobs or cores()):.1f}"

    @overload
    def collect(self, grids: Grid) -> Results: ...

    @overload
    def collect(self, grids: Mapping[str, Grid]) -> dict[str, Results]: ...

    def collect(self, grids: Grid | Mapping[str, Grid]) -> Results | dict[str, Results]:
        """The runs of a grid, or of several by name; what is missing is trained.

        Several grids are trained together: what they have in common is trained once. Nothing is trained where
        runs come from the reference: a missing run is a UserError.
        """
        if isinstance(grids, Grid):
            return self.collect({"": grids})[""]
        digests.forget()
        asked = time.time()
        wanted = {name: grid.experiments() for name, grid in grids.items()}
        headline: set[str] = set()
        experiments: list[Experiment] = []
        for name, grid in grids.items():
            headline |= grid.headline_keys()
            experiments += wanted[name].values()
        collected = collect(experiments, self.source, self.profile, self.jobs, headline, self.compute)
        runs = {run.key: run for run in collected}
        self.waited += time.time() - asked
        self.used |= {key: round(sum(run.seconds.values()), 2) for key, run in runs.items()}
        self.headline |= headline
        for grid in grids.values():
            self.certain |= grid.certainty_keys(runs)
        local = self._local(experiments)
        self.borrowed |= set(runs) - local
        here = local if self.source == "headline" else None
        results = {}
        for name, named in wanted.items():
            results[name] = Results({arm: runs[one.key] for arm, one in named.items()}, here)
        return results

    def _local(self, experiments: Iterable[Experiment]) -> set[str]:
        """Keys of the finished runs that come from the local store."""
        if self.source == "reference":
            return set()
        local = stores("fresh", self.profile)[0]
        return {one.key for one in experiments if local.has(one.key)}

    # --- what is measured -----------------------------------------------------------------------------

    def measure(
        self,
        results: Results,
        condition: str = "",
        *,
        called: str = "",
        split: str = "test",
        knowing: Mapping[str, Collection[str]] | None = None,
    ) -> dict[str, Measured]:
        """Every arm's test scores on each dataset of some results, with the oracle.

        Args:
            condition: under which the arms were trained; it stands behind the dataset's name in tables.
            called: the whole name instead, where the results hold one dataset.
            split: of the test pictures.
            knowing: arms that are shown more than the picture, by the oracle that knows as much.

        Returns:
            The measurement of each dataset, by the name under which tables and verdicts show it.

        Raises:
            UserError: for an arm that beats its oracle: labels leak into what the model sees.
        """
        measurements = {}
        for dataset in results.datasets:
            name = called or (f"{dataset}, {condition}" if condition else dataset)
            known = self.values.get("leads over the oracle", {}).get(name, {})  # of arms measured before
            scores, target = results.scores(dataset, split)
            papers = self.profile == "paper"
            one = Measured.of(scores, target, results.experiment(dataset), split, papers)
            oracle = self.part("oracles", name, one.value_of_oracle)
            leads = self.part("leads over the oracle", name, partial(one.leads_over_oracle, knowing))
            self.values["leads over the oracle"][name] = {**known, **leads}
            measurements[name] = replace(one, oracle=oracle)
        self.oracles |= measured.oracle_texts(measurements)
        return measurements

    def table(
        self,
        measurements: Mapping[str, Measured],
        metric: str = "srcc",
        paper: Mapping[str, str] | None = None,
    ) -> pd.DataFrame:
        """Every arm's metric with interval, n, seeds and oracle; see `measured.table`."""
        return measured.table(measurements, metric, paper)

    def bands(
        self,
        measurements: Mapping[str, Measured],
        arms: Iterable[str] | None = None,
        metric: str = "srcc",
        resamples: int = measured.RESAMPLES,
    ) -> pd.DataFrame:
        """Every arm's metric with its interval, for a figure; see `measured.bands`."""
        return measured.bands(measurements, arms, metric, resamples)

    def gaps(
        self,
        measurements: Mapping[str, Measured],
        pairs: Mapping[str, tuple[str, str]],
        metric: str = "srcc",
        resamples: int = measured.RESAMPLES,
    ) -> pd.DataFrame:
        """Paired differences between arms, without a verdict; see `measured.gaps`."""
        return measured.gaps(measurements, pairs, metric, resamples)

    def tables(self, table: str = "", own: Mapping[str, Any] | None = None, **changes: Any) -> PrintedTables:
        """The printed tables that this notebook makes again; at the papers' scale the one in `paper_table`.

        Args:
            table: one instead of the notebook's own.
            own: by table, such fields of that one alone.
            changes: fields with other values than the parameters say.
        """
        return PrintedTables.of(
            self.name,
            table,
            self.parameters.get("paper_table", ""),
            setting=self.setting(**changes),
            seeds=self.parameters["seeds"],
            at_hand=self.at_hand,
            part=self.part,
            own=own or {},
        )

    # --- what labels alone say ------------------------------------------------------------------------

    def present(self, *names: str) -> list[str]:
        """Those of some published datasets whose folders are at hand."""
        root = paths.data_root(self.parameters.get("data_root") or None)
        return [name for name in names if root and (root / name).is_dir()]

    def at_hand(self, names: Iterable[str], least: int = 0) -> list[str]:
        """Those of some datasets that are embedded, or whose folders are there; none if less than `least`."""
        there = [name for name in names if name in EMBEDDED or self.present(name)]
        return there if len(there) >= least else []

    def absent(self, names: Iterable[str]) -> list[str]:
        """A sentence for each of some datasets that is not at hand."""
        missing = dict.fromkeys(name for name in names if not self.at_hand([name]))
        return [f"{name}, which is not in the data root; its cells stay empty." for name in missing]

    def label_rows(
        self,
        name: str,
        work: Callable[[str], Rows],
        datasets: Sequence[str] = (),
        published: Sequence[str] = ("koniq10k", "ava"),
    ) -> pd.DataFrame:
        """Rows that labels alone decide, recorded under a name.

        Those of this notebook's datasets, and of published ones whose label files are at hand, are computed;
        those of the others are the committed ones.

        Args:
            work: the rows of a dataset, each with its name in the column `dataset`.
            datasets: this notebook's; its parameter of that name if not given.
            published: shown, too.
        """
        own = list(datasets) or self.parameters["datasets"]
        names = list(dict.fromkeys([*own, *self.present(*published)]))
        committed = [row for row in self.committed(name, []) if row["dataset"] not in names]

        def compute() -> Rows:
            return _rows(work, names) + committed

        return pd.DataFrame(self.value(name, compute))

    def compared_again(
        self,
        shown: pd.DataFrame,
        work: Callable[[str], Rows],
        on: Sequence[str],
        columns: Sequence[str] = ("srcc",),
        published: Sequence[str] = ("koniq10k", "ava"),
    ) -> Sentence:
        """Whether rows of published label files, computed again in this session, are those that are shown.

        Args:
            shown: rows as from `label_rows`, computed by `work`.
            on: the columns that name a row within its dataset.
            columns: the numbers that are compared.
        """
        rows = _rows(work, self.present(*published))
        if not rows:
            return say("No label files found: what is shown is the committed result.")
        both = pd.DataFrame(rows).merge(shown, on=["dataset", *on], suffixes=("", " shown"))
        differences = [(both[one] - both[f"{one} shown"]).abs().max() for one in columns]
        names = " and ".join(dict.fromkeys(both["dataset"]))
        return say(
            "Recomputed from the label files of {names}; largest difference {gap:.1e}.",
            names=names,
            gap=max(differences),
        )

    # --- what is concluded and kept -------------------------------------------------------------------

    def judge(
        self, claims: Mapping[str, Claim] | Iterable[Claim], measurements: Mapping[str, Measured]
    ) -> list[Verdict]:
        """The verdicts on all claims whose arms were measured, kept for `record`."""
        listed = claims.values() if isinstance(claims, Mapping) else claims
        verdicts = measured.judge_all(listed, measurements)
        self.verdicts += verdicts
        return verdicts

    def judge_value(self, claim: Claim, value: float, **details: Any) -> Verdict:
        """The verdict on a claim about one computed value, kept for `record`; see `claims.judge_value`."""
        verdict = judge_value(claim, value, **details)
        self.verdicts.append(verdict)
        return verdict

    def verdict(self, claim: str, on: str) -> Verdict:
        """The verdict on a claim, by its id, on a dataset or condition.

        Raises:
            UserError: for a claim that was not judged there.
        """
        [verdict] = self._verdicts([(claim, on)])
        return verdict

    def verdict_table(self, verdicts: Iterable[Verdict]) -> Sentence:
        """A row per claim and a column per dataset, marked by all orders judged so far.

        It stands behind everything that is judged; see `verdict_tables.verdict_table`.
        """
        return verdict_tables.verdict_table(self._verdicts((one.id, one.on) for one in verdicts))

    def _verdicts(self, places: Iterable[tuple[str, str]]) -> list[Verdict]:
        """Verdicts by claim and dataset, as marked together."""
        judged = {(verdict.id, verdict.on): verdict for verdict in self.judged}
        chosen = []
        for claim, on in places:
            if (claim, on) not in judged:
                raise UserError(f"{claim} was not judged on {on or 'labels'} in this notebook.")
            chosen.append(judged[claim, on])
        return chosen

    def verdict_details(self) -> pd.DataFrame:
        """Everything behind all verdicts, with the oracles; see `verdict_tables.details`."""
        return verdict_tables.details(self.judged, self.oracles)


def _rows(work: Callable[[str], Rows], datasets: Iterable[str]) -> Rows:
    """What `work` gives for each dataset, one below the other."""
    rows: Rows = []
    for dataset in datasets:
        rows += work(dataset)
    return rows
