"""What notebook 10 shows and says of attributes that a model writes before its score."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from moslab.analysis.claims import Verdict
from moslab.analysis.measured import Measured
from moslab.analysis.printed_runs import Again
from moslab.analysis.printed_tables import PrintedTables
from moslab.analysis.tables import Sentence, say
from moslab.analysis.verdict_tables import by_dataset, of_claim
from moslab.datasets.table import ImageTable
from moslab.experiments.grid import Grid, Results
from moslab.experiments.self_labels import UNKNOWN, attributes_of
from moslab.experiments.store import Run
from moslab.measures.metrics import srcc, unread_as_mean
from moslab.measures.statistics import estimate
from moslab.scorers.chain import ATTRIBUTES, in_words
from moslab.world import ugc
from moslab.world.frozen import SEED, SIZE

DIRECT, CHAIN = "digits M=3", "chain"
SUM = "chain, weighted sum of its attributes"
LONG = "6 epochs"  # three times those of the direct answer as printed
WRITTEN = ("realqa.table1", "realqa.table2")  # printed tables about attributes
HIGH_FIRST, LOW_FIRST = "Mix, High Middle Low", "Mix, Low Middle High"  # rows of the second
ELSEWHERE = "tested on another dataset"
RIDGE = 1.0  # pictures' worth of pull towards no weight at all
HELPS = "realqa.chain_helps"
AS_PRINTED = "realqa.chain_helps_as_printed"
BEYOND = "realqa.chain_helps_beyond_epochs"
WORDS = "realqa.chain_beats_levels"
WORDS_ELSEWHERE = "realqa.chain_beats_levels_elsewhere"
HELPS_ELSEWHERE = "realqa.chain_helps_elsewhere"
LABELS = "realqa.self_labels_go_with_mos"
DIGITS_ADD = "realqa.chain_beats_its_own_attributes"
LEVELS = "realqa.order_of_levels_matters_little"
JUDGED = (HELPS, AS_PRINTED, BEYOND, WORDS, HELPS_ELSEWHERE, WORDS_ELSEWHERE, DIGITS_ADD)


def as_printed(
    arms: Mapping[str, Mapping[str, Any]], epochs: float, longer_digits: bool
) -> dict[str, dict[str, Any]]:
    """Level words and direct answer for so many epochs; the chain for three times as many.

    With `longer_digits`, so is the direct answer once more.
    """
    printed = {arm: {**fields, "epochs": epochs} for arm, fields in arms.items() if arm != CHAIN}
    for arm in (DIRECT, CHAIN) if longer_digits else (CHAIN,):
        printed[f"{arm}, {LONG}"] = {**arms[arm], "epochs": 3 * epochs}
    return printed


def order_of_levels(tables: PrintedTables, results: Mapping[str, Results]) -> dict[str, Any]:
    """Table 2's mean SRCC over the attributes, high level first less low level first.

    Args:
        tables: Table 2.
        results: all runs of the notebook, by grid.

    Returns:
        For `Study.judge_value`: value, low and high (90 %), n and seeds.
    """
    again = Again.of(tables.tables[0], tables.setting, tables.seeds, tables.scale, results)
    gap = again.difference(HIGH_FIRST, LOW_FIRST, "SRCC")
    assert gap is not None  # `collect` hands out all runs or none
    return {"value": gap.value, "low": gap.low90, "high": gap.high90, "n": gap.n, "seeds": gap.seeds}


def of_base(grids: Mapping[str, Grid], backbone: str) -> dict[str, Grid]:
    """Grids of printed tables without the rows that another base makes (Q-Align's, at the papers' scale)."""
    own = {}
    for name, grid in grids.items():
        arms = {arm: fields for arm, fields in grid.arms.items() if fields["backbone"] == backbone}
        if arms:
            own[name] = replace(grid, arms=arms)
    return own


# --- attributes -------------------------------------------------------------------------------------------


def accuracy(chains: Mapping[str, Results], table: ImageTable) -> pd.DataFrame:
    """How often each attribute is written as it was annotated, on the test pictures of its own dataset.

    Args:
        chains: by the name of an arm, results that have its runs; the last one was trained longest.
        table: the dataset, for its training labels.

    Returns:
        A row per attribute: the share of right answers of each arm (mean over seeds), of the option that is
        commonest in training, and of whoever knows the true attribute (the ceiling, since annotators slip;
        NaN for published data).
    """
    rows: dict[str, dict[str, float]] = {}
    for name in ATTRIBUTES:
        row = {}
        for arm, results in chains.items():
            row[arm] = float(np.mean([_right(run, name) for run in results.of_arm(arm)]))
        rows[in_words(name)] = row
    frame = pd.DataFrame(rows).T
    arm, results = next(iter(chains.items()))
    tested = results.of_arm(arm)[0].split("test")
    return frame.assign(**_bounds(tested, table)).rename_axis("attribute")


def _right(run: Run, name: str) -> float:
    rows = run.split("test")
    return float((rows[f"said {name}"] == rows[f"true {name}"]).mean())


def _bounds(tested: pd.DataFrame, table: ImageTable) -> dict[str, list[float]]:
    """Shares of right answers of the commonest option, and of the true attribute."""
    assert table.annotations is not None
    train = table.annotations.iloc[table.rows("train")]
    known = true_options(table, len(tested))
    commonest, ceiling = [], []
    for name in ATTRIBUTES:
        labels = tested[f"true {name}"].astype(str)
        commonest.append(float((labels == str(train[name].mode()[0])).mean()))
        ceiling.append(float((labels.to_numpy() == known[name]).mean()) if known else np.nan)
    return {"commonest option": commonest, "ceiling": ceiling}


def true_options(table: ImageTable, first: int) -> dict[str, np.ndarray]:
    """The true attributes of the first test pictures of `ugc`, as options; empty for other datasets."""
    if table.name != "ugc":
        return {}
    rows = table.rows("test")[:first]
    spec = ugc.drawn(SEED, rows)
    attributes = ugc.true_attributes(spec, ugc.mean_chroma(spec, SEED, SIZE))
    known = {}
    for name, options in ugc.OPTIONS.items():
        numbers = np.clip(np.rint(attributes[name]), 1, len(options)).astype(int)
        known[name] = np.array(options)[numbers - 1]
    return known


# --- attributes and the score -----------------------------------------------------------------------------


def with_mos(tested: Mapping[str, Results], resamples: int = 300) -> pd.DataFrame:
    """How closely each attribute that a model labels by itself goes with the score.

    Args:
        tested: by the name of the dataset that they were tested on, runs of one arm.

    Returns:
        Columns dataset, arm (the attribute), value (SRCC of the option's place with MOS), low and high.
    """
    rows = []
    for name, results in tested.items():
        for attribute in ATTRIBUTES:
            said, target = _written(list(results.runs.values()), attribute)
            if not np.ptp(said, axis=1).all():  # a run that says the same of every picture
                rows.append((name, in_words(attribute), np.nan, np.nan, np.nan))
                continue
            band = estimate("srcc", said, target, n=resamples, allow_few=True)
            rows.append((name, in_words(attribute), band.value, band.low95, band.high95))
    return pd.DataFrame(rows, columns=["dataset", "arm", "value", "low", "high"])


def _written(runs: Sequence[Run], attribute: str, split: str = "test") -> tuple[np.ndarray, np.ndarray]:
    """An attribute's places [seeds, n], unread ones as the mean of the others, and the scores [n]."""
    parts = [run.split(split) for run in runs]
    said = [unread_as_mean(ugc.places(attribute, part[f"said {attribute}"])) for part in parts]
    return np.stack(said), parts[0]["target"].to_numpy()


def strongest(labels: Results, tested: Results) -> dict[str, Any]:
    """The attribute that goes best with MOS among training pictures, on the test pictures.

    Args:
        labels: runs that labelled the training pictures.
        tested: the same, asked about the test pictures.

    Returns:
        attribute, and for `Study.judge_value`: value (SRCC less 0.5, in the sign of the training pictures),
        low, high, n and seeds.
    """
    found = {}
    for attribute in ATTRIBUTES:
        said, target = _written(list(labels.runs.values()), attribute, "train")
        values = [srcc(one, target) for one in said if np.ptp(one)]
        found[attribute] = float(np.mean(values)) if len(values) == len(said) else 0.0
    best = max(found, key=lambda name: abs(found[name]))
    said, target = _written(list(tested.runs.values()), best)
    band = estimate("srcc", np.sign(found[best] or 1.0) * said, target, allow_few=True)
    judged = {"value": band.value - 0.5, "low": band.low95 - 0.5, "high": band.high95 - 0.5}
    return {"attribute": in_words(best), **judged, "n": len(target), "seeds": len(said)}


def with_sums(
    measured: Measured, results: Results, labels: Mapping[int, tuple[pd.DataFrame, np.ndarray]]
) -> Measured:
    """A measurement with one more arm, `SUM`: what the attributes that a chain wrote are worth together.

    Args:
        measured: with the arm `CHAIN`.
        results: the runs behind it.
        labels: by training seed, the attributes that were taught and the scores of these pictures.
    """
    scores = []
    for (_, arm, seed), run in results.runs.items():
        if arm == CHAIN:
            attributes, mos = labels[seed]
            scores.append(weighted_sum(attributes, mos, attributes_of(run.split("test"))))
    return replace(measured, scores={**measured.scores, SUM: np.stack(scores)})


def weighted_sum(attributes: pd.DataFrame, mos: np.ndarray, said: pd.DataFrame) -> np.ndarray:
    """Scores [n] of written attributes: a ridge regression of MOS on options, one weight each.

    Args:
        attributes: of the training pictures, [m, attributes].
        mos: their scores, [m].
        said: what was written about others, [n, attributes]; unknown options weigh nothing.
    """
    names = list(attributes)
    known = pd.get_dummies(attributes.astype(str), dtype=float)
    mean = known.mean()
    centered = (known - mean).to_numpy()
    pull = RIDGE * np.eye(centered.shape[1])
    weights = np.linalg.solve(centered.T @ centered + pull, centered.T @ (mos - mos.mean()))
    written = pd.get_dummies(said[names].astype(str), dtype=float)
    asked = written.reindex(columns=known.columns, fill_value=0.0) - mean
    return mos.mean() + asked.to_numpy() @ weights


def sum_of_annotated(results: Results, labels: tuple[pd.DataFrame, np.ndarray]) -> float:
    """SRCC that the weighted sum would reach if a chain wrote every attribute of a test picture as annotated.

    Args:
        results: with the arm `CHAIN`, on a dataset with attributes.
        labels: as from `taught_labels`.
    """
    rows = results.of_arm(CHAIN)[0].split("test")
    true = pd.DataFrame({name: rows[f"true {name}"] for name in ATTRIBUTES})
    return srcc(weighted_sum(*labels, true), rows["target"].to_numpy())


def agreement(taught: Results, labelling: Results) -> float:
    """How often a chain writes the attribute that its labeller says of the same test picture.

    Args:
        taught: chains on a dataset that was labelled by the model itself.
        labelling: the arm of the same name that labels, asked about the test pictures of this dataset.
    """
    said = {seed: run.split("test") for (_, arm, seed), run in taught.runs.items() if arm == CHAIN}
    shares = []
    for (_, _, seed), run in labelling.runs.items():
        same = attributes_of(said[seed]).to_numpy() == attributes_of(run.split("test")).to_numpy()
        shares.append(same.mean())
    return float(np.mean(shares))


def taught_labels(table: ImageTable, first: int | None) -> tuple[pd.DataFrame, np.ndarray]:
    """Attributes and scores of the training pictures of a dataset that has them."""
    assert table.annotations is not None
    rows = table.rows("train")[:first]
    return table.annotations.iloc[rows][list(ATTRIBUTES)], table.frame["mos"].to_numpy()[rows]


def own_labels(labels: Results) -> dict[int, tuple[pd.DataFrame, np.ndarray]]:
    """By seed, the attributes with which runs labelled training pictures, and the scores of these."""
    found = {}
    for (_, _, seed), run in labels.runs.items():
        rows = run.split("train")
        found[seed] = attributes_of(rows), rows["target"].to_numpy()
    return found


def unread(results: Mapping[str, Results], arm: str = CHAIN) -> pd.DataFrame:
    """How much of what chains wrote could not be read.

    Returns:
        A row per grid with such an arm: shares of attributes and of scores, means over its runs.
    """
    rows = {}
    for name, one in results.items():
        chains = [run for run in one.runs.values() if run.experiment.scorer == arm]
        if chains:
            attributes = [(attributes_of(run.predictions) == UNKNOWN).to_numpy().mean() for run in chains]
            scores = [1 - run.predictions["parsed"].mean() for run in chains]
            rows[name] = {"attributes": np.mean(attributes), "scores": np.mean(scores)}
    return pd.DataFrame(rows).T.rename_axis("share that could not be read")


# --- sentences --------------------------------------------------------------------------------------------


def answer(verdicts: Sequence[Verdict]) -> Sentence:
    """Whether the chain helps, at equal and at printed epochs."""
    return Sentence(
        "A chain of attributes before the digits, less the digits alone, in SRCC: at equal epochs "
        f"{by_dataset(of_claim(verdicts, HELPS))}; three times as long as the digits, as printed, "
        f"{by_dataset(of_claim(verdicts, AS_PRINTED))}."
    )


def findings(
    verdicts: Sequence[Verdict],
    right: pd.DataFrame,
    annotated: float,
    bands: pd.DataFrame,
    strong: Mapping[str, Any] | None,
) -> list[str]:
    """The notebook's findings, a sentence or two each.

    Args:
        verdicts: all of the notebook.
        right: as from `accuracy`.
        annotated: as from `sum_of_annotated`.
        bands: as from `with_mos`, of all datasets.
        strong: as from `strongest`; None where no dataset was labelled.
    """
    said = {name: by_dataset(of_claim(verdicts, name)) for name in JUDGED}
    lines = [
        f"**Chain less digits alone**: at equal epochs {said[HELPS]}; as printed, chain three times as long, "
        f"{said[AS_PRINTED]}; both three times as long {said[BEYOND]}.",
        f"**Chain less level words**: {said[WORDS]}.",
        f"**On other sets**: chain less digits {said[HELPS_ELSEWHERE]}; less level words "
        f"{said[WORDS_ELSEWHERE]}.",
        f"**Digits less a weighted sum of the attributes before them**: {said[DIGITS_ADD]}. "
        + say("The sum of the annotated attributes reaches an SRCC of {value}.", value=annotated),
        _of_attributes(right),
    ]
    order = of_claim(verdicts, LEVELS)
    if order:
        lines.append(
            f"**High level first, less low level first**, mean SRCC of attributes: {by_dataset(order)}."
        )
    if len(bands):
        lines.append(_of_labels(bands, strong))
    return lines


def _of_attributes(right: pd.DataFrame) -> str:
    arm = str(right.columns[-3])  # the chain that was trained longest
    ahead = int((right[arm] > right["commonest option"]).sum())
    text = say(
        "**Attributes**: {arm} writes {mean:.0%} of them as annotated; always writing the commonest option "
        "gives {common:.0%}, and {ahead} of {count} attributes are ahead of it.",
        arm=arm,
        mean=right[arm].mean(),
        common=right["commonest option"].mean(),
        ahead=ahead,
        count=len(right),
    )
    known = right["ceiling"].mean()
    return f"{text} The ceiling is {known:.0%}." if np.isfinite(known) else str(text)


def _of_labels(bands: pd.DataFrame, strong: Mapping[str, Any] | None) -> str:
    texts = []
    for name, rows in bands.groupby("dataset", sort=False):
        best = rows.loc[rows["value"].abs().fillna(0.0).idxmax()]
        texts.append(f"{best['arm']} {best['value']:+.3f} on {name}")
    text = f"**Self-labelled attributes** go with MOS at most by an SRCC of {', '.join(texts)}."
    if strong is None:
        return text
    return f"{text} Chosen among training pictures: {strong['attribute']}, {strong['value'] + 0.5:+.3f}."
