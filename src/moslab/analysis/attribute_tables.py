"""What notebook 08 shows and says of attributes: said together in one sentence, or learned one by one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from moslab.analysis import oracles
from moslab.analysis.claims import Verdict, table_of
from moslab.analysis.gap_tables import in_brackets, of_pair
from moslab.analysis.measured import RESAMPLES, Measured
from moslab.analysis.printed_grids import runs_of
from moslab.analysis.tables import Sentence, say
from moslab.analysis.verdict_tables import by_dataset, of_claim
from moslab.datasets.attributes import PREFIX
from moslab.datasets.stand_ins import stand_in_for
from moslab.datasets.table import ImageTable
from moslab.experiments.grid import Results
from moslab.experiments.store import Run
from moslab.measures.metrics import METRICS, srcc
from moslab.measures.statistics import compare

TABLE = "roc4mllm.table4"
TOGETHER, APART = "roc, attributes in one sentence", "roc, one attribute each"
SHORTER = "roc, one attribute each, fewer steps"
SENTENCE = "roc4mllm.one_sentence_like_separate_trainings"
WHOLE = "roc4mllm.attributes_leave_the_score_alone"
LEVELS = "roc4mllm.beats_levels"


def printed_attributes(dataset: str) -> dict[str, str]:
    """The attributes of Table 4 that a dataset or its stand-in has: annotation -> as printed."""
    names = {}
    for title, column in runs_of(table_of(TABLE)).columns.items():
        if dataset in (column.dataset, stand_in_for(column.dataset)):
            names[column.attribute] = title.split(" ", 1)[1].rsplit(" ", 1)[0]
    return names


def in_labels(table: ImageTable, names: Sequence[str]) -> pd.DataFrame:
    """How attributes go with the score and with one another in the labels of the test pictures.

    Returns:
        A row per attribute: SRCC with the score, and the strongest one with another of the attributes.
    """
    assert table.annotations is not None
    labels = table.annotations[list(names)].assign(score=table.frame["mos"].to_numpy())
    order = labels.iloc[table.rows("test")].astype(float).corr(method="spearman")
    rows = {}
    for name in names:
        others = order.loc[name, [other for other in names if other != name]]
        strongest = others.loc[others.abs().idxmax()] if len(others) else np.nan
        rows[name] = {"with the score": order.loc[name, "score"], "with another, at most": strongest}
    return pd.DataFrame(rows).T.rename_axis("attribute")


def of_attribute(
    together: Results, apart: Results, dataset: str, attribute: str, shorter: Results | None = None
) -> Results:
    """What several ways of training say of an attribute, as if it were the score.

    Args:
        together: runs that say it behind the score, in one sentence with others.
        apart: runs of arms named after attributes, each trained for its own alone.
        shorter: the same, trained for fewer steps; None for none.
    """
    runs = {}
    for (name, _, seed), run in together.runs.items():
        if name == dataset:
            runs[name, TOGETHER, seed] = _about(run, attribute)
    for called, results in ((APART, apart), (SHORTER, shorter)):
        for (name, arm, seed), run in (results.runs if results else {}).items():
            if (name, arm) == (dataset, attribute):
                runs[name, called, seed] = run
    return Results(runs)


def _about(run: Run, attribute: str) -> Run:
    """A run whose score is what it said of an attribute."""
    said, true = run.predictions[f"said {attribute}"], run.predictions[f"true {attribute}"].astype(float)
    return replace(
        run,
        experiment=run.experiment.model_copy(update={"preset": f"{PREFIX}{attribute}"}),
        predictions=run.predictions.assign(score=said, target=true.round(6)),
    )


def league(measured: Mapping[str, Measured]) -> pd.DataFrame:
    """Each attribute said both ways, beside its ceiling.

    Args:
        measured: by dataset and attribute, with the arms `TOGETHER` and `APART`.

    Returns:
        A row per attribute: SRCC and PLCC of both ways (means of single runs) and of what the latents say of
        the attribute, the ceiling (NaN for published data, where nobody knows it).
    """
    rows = {}
    for name, one in measured.items():
        row = {}
        for metric in ("srcc", "plcc"):
            for arm, called in ((TOGETHER, "one sentence"), (APART, "alone")):
                row[f"{metric.upper()}, {called}"] = _mean(metric, one.scores[arm], one.target)
            row[f"{metric.upper()}, ceiling"] = ceiling(one, metric)
        rows[name] = row
    return pd.DataFrame(rows).T.rename_axis("attribute")


def ceiling(one: Measured, metric: str) -> float:
    """What the latents' own value of an attribute reaches; NaN where nobody knows it."""
    value = oracles.oracle_value(
        one.dataset,
        one.target,
        metric,
        split=one.split,
        images=one.images,
        test_images=one.test_images,
        preset=one.preset,
    )
    return np.nan if value is None else value


def _mean(metric: str, runs: np.ndarray, target: np.ndarray) -> float:
    """Mean of a metric over single runs, scores [seeds, n]."""
    return float(np.mean([METRICS[metric](run, target) for run in runs]))


def gaps(measured: Mapping[str, Measured], resamples: int = RESAMPLES) -> pd.DataFrame:
    """One sentence less a training for each attribute, with 95 % intervals, in SRCC and PLCC."""
    rows = {}
    for name, one in measured.items():
        row = {}
        for metric in ("srcc", "plcc"):
            gap = compare(
                metric,
                one.scores[TOGETHER],
                one.scores[APART],
                one.target,
                n=resamples,
                allow_few=one.few,
            )
            row[metric.upper()] = in_brackets(gap.value, gap.low95, gap.high95)
        rows[name] = row
    return pd.DataFrame(rows).T.rename_axis("one sentence less one training each")


def by_seed(together: Results, dataset: str, names: Sequence[str]) -> pd.DataFrame:
    """How well each training of one sentence says each of its attributes.

    Returns:
        A row per attribute: SRCC of every seed, and the spread between the best and the worst.
    """
    rows = {}
    for name in names:
        row = {}
        for seed, run in _by_seed(together, dataset, TOGETHER).items():
            row[f"seed {seed}"] = _order(run[f"said {name}"], run[f"true {name}"])
        rows[f"{dataset}, {name}"] = row | {"spread": max(row.values()) - min(row.values())}
    return pd.DataFrame(rows).T.rename_axis("SRCC in one sentence")


def halo(
    together: Results, whole: Results, apart: Results, dataset: str, names: Sequence[str]
) -> pd.DataFrame:
    """How closely each attribute goes with the score of the whole picture.

    Args:
        together, apart: as for `of_attribute`.
        whole: runs of the arm `roc`, which says the score alone.
        names: attributes that were trained for alone, too.

    Returns:
        A row per attribute, SRCC between attribute and score (means over seeds): among the labels; among what
        one sentence says; and between two trainings, one for each.
    """
    sentences = list(_by_seed(together, dataset, TOGETHER).values())
    scored = _by_seed(whole, dataset, "roc")
    rows = {}
    for name in names:
        alone = _by_seed(apart, dataset, name)
        in_one = [_order(run[f"said {name}"], run["score"]) for run in sentences]
        in_two = [_order(alone[seed]["score"], run["score"]) for seed, run in scored.items()]
        rows[f"{dataset}, {name}"] = {
            "labels": _order(sentences[0][f"true {name}"], sentences[0]["target"]),
            "said in one sentence": float(np.mean(in_one)),
            "said by two trainings": float(np.mean(in_two)),
        }
    return pd.DataFrame(rows).T.rename_axis("SRCC of attribute and score")


def _order(one: pd.Series, other: pd.Series) -> float:
    """SRCC of two columns."""
    return srcc(one.to_numpy(dtype=float), other.to_numpy(dtype=float))


def _by_seed(results: Results, dataset: str, arm: str) -> dict[int, pd.DataFrame]:
    """Test predictions of an arm by its training seed."""
    found = {}
    for (name, one, seed), run in results.runs.items():
        if (name, one) == (dataset, arm):
            found[seed] = run.split("test")
    return found


def drawn(measured: Mapping[str, Measured], bands: pd.DataFrame) -> pd.DataFrame:
    """The bands of `measured.bands` for `figures.attributes`.

    Returns:
        Columns panel (the dataset), attribute, arm, value, low, high and ceiling.
    """
    parts = bands["dataset"].str.split(", ", n=1, expand=True)
    ceilings = {name: ceiling(one, "srcc") for name, one in measured.items()}
    return bands.assign(panel=parts[0], attribute=parts[1], ceiling=bands["dataset"].map(ceilings))


# --- sentences --------------------------------------------------------------------------------------------


def answer(verdicts: Iterable[Verdict], table: pd.DataFrame) -> Sentence:
    """What one sentence costs, and how far both ways stay below the ceilings.

    Args:
        verdicts: all of the notebook.
        table: as from `league`.
    """
    judged = of_claim(verdicts, SENTENCE)
    apart = [one.value for one in judged if one.value is not None and np.isfinite(one.value)]
    text = say(
        "One sentence with all attributes reaches an SRCC of {together}, a training for each {alone} (means "
        "over {count} attributes); single differences go from {low:+.3f} to {high:+.3f}.",
        together=table["SRCC, one sentence"].mean(),
        alone=table["SRCC, alone"].mean(),
        count=len(table),
        low=min(apart, default=np.nan),
        high=max(apart, default=np.nan),
    )
    ceilings = table["SRCC, ceiling"].dropna()
    if ceilings.empty:
        return text
    return Sentence(f"{text} {say('The ceilings lie at {mean} on average.', mean=ceilings.mean())}")


def findings(
    verdicts: Sequence[Verdict],
    table: pd.DataFrame,
    seeds: pd.DataFrame,
    halos: pd.DataFrame,
    steps: pd.DataFrame | None = None,
) -> list[str]:
    """The notebook's findings, a sentence each.

    Args:
        verdicts: all of the notebook.
        table: as from `league`.
        seeds: as from `by_seed`.
        halos: as from `halo`.
        steps: as from `measured.gaps`, what is lost with fewer steps and what in a sentence; None for none.
    """
    more = halos["said in one sentence"] - halos["labels"]
    other = halos["said by two trainings"] - halos["labels"]
    lines = [
        "**The score of the whole picture**, score tokens less five level words: "
        f"{by_dataset(of_claim(verdicts, LEVELS))}.",
        f"**One sentence less a training for each attribute**: {by_dataset(of_claim(verdicts, SENTENCE))}.",
        "**The score with attributes behind it less the score alone**: "
        f"{by_dataset(of_claim(verdicts, WHOLE))}.",
        say(
            "**Learned or not yet?** From seed to seed one sentence differs most for {most} (spread {high}, "
            "SRCC), least for {least} ({low}).",
            most=seeds["spread"].idxmax(),
            high=seeds["spread"].max(),
            least=seeds["spread"].idxmin(),
            low=seeds["spread"].min(),
        ),
        say(
            "**Do attributes follow the score?** Said in one sentence they go with it {one:+.3f} more than "
            "labels do, said by two trainings {two:+.3f} more (means in SRCC).",
            one=more.mean(),
            two=other.mean(),
        ),
    ]
    if steps is not None:
        pairs = dict.fromkeys(steps.index.get_level_values("what"))
        lost = "; ".join(f"{pair}: {of_pair(steps, str(pair))}" for pair in pairs)
        lines.append(f"**Slower, or worse?** Less a training for each attribute: {lost}.")
    shares = (table["SRCC, one sentence"] / table["SRCC, ceiling"]).dropna()
    if not shares.empty:
        reached = say(
            "**Ceilings**: one sentence reaches {best:.0%} of it for {first}, and {worst:.0%} for {last}.",
            best=shares.max(),
            first=shares.idxmax(),
            worst=shares.min(),
            last=shares.idxmin(),
        )
        lines.append(reached)
    return lines
