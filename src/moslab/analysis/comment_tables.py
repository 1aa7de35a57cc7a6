"""Scores and comments of the same models: what each costs the other. Notebook 09."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from moslab.analysis.claims import Claim, Verdict
from moslab.analysis.gap_tables import in_brackets, with_interval
from moslab.analysis.measured import Measured, gaps
from moslab.analysis.tables import Sentence, markdown, say
from moslab.analysis.verdict_tables import by_dataset, counts_in_words, of_claim, of_papers
from moslab.datasets import EMBEDDED
from moslab.datasets.table import CAPTIONS, ImageTable
from moslab.experiments.grid import Results
from moslab.experiments.store import COMMENTS, SAID_COMMENT, Run
from moslab.measures.captions import MEANS, cider, f_measure
from moslab.measures.statistics import LEAST_SEEDS, estimate
from moslab.world import iaa, language
from moslab.world.specs import Spec
from moslab.world.tasks import SEED
from moslab.world.told import Told, told

WITH = ", with comments"
ALONE = "comments alone"
NAMES = {"cider": "CIDEr", "tuples": "F of tuples"}
SIGNS = 4  # of a score of three digits
PAPER = "roc4mllm"
HURT = ("roc4mllm.comments_hurt_written_scores", "roc4mllm.comments_hurt_levels")
STABLE, HELPED = "roc4mllm.comments_leave_scores_alone", "roc4mllm.comments_help_scores"
IMPAIRED, MAINTAINED = "roc4mllm.levels_impair_comments", "roc4mllm.score_tokens_maintain_comments"
COST = ("roc4mllm.written_scores_cost_comments", "roc4mllm.levels_cost_comments")
LEFT_ALONE = "roc4mllm.score_tokens_leave_comments_alone"
OTHERS = "roc4mllm.comments_keep_other_answers"
OF_SCORES = (*HURT, STABLE, HELPED)
OF_COMMENTS = (IMPAIRED, MAINTAINED, *COST, LEFT_ALONE)


def with_and_without(arms: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Each arm, each with a comment behind its score, and comments without any score.

    The last one is asked for level words all the same, to see what comments alone teach about the score.
    """
    both: dict[str, dict[str, Any]] = {arm: dict(fields) for arm, fields in arms.items()}
    for arm, fields in arms.items():
        both[f"{arm}{WITH}"] = {**fields, "comments": "behind"}
    both[ALONE] = {"scorer": "levels", "comments": "alone"}
    return both


def share_of_score(table: ImageTable, trained: int | None) -> dict[str, float]:
    """How long a score and a comment are in a training answer.

    Args:
        table: a dataset with comments.
        trained: the first so many training pictures; None for all.

    Returns:
        signs of a written score, and words, the mean number of a comment's words and signs.
    """
    train = people(table, table.frame["image"].iloc[table.rows("train")[:trained]].tolist())
    lengths = [len(re.findall(r"\w+|[^\w\s]", text)) for texts in train for text in texts]
    return {"signs": SIGNS, "words": float(np.mean(lengths))}


def by_metric(claims: Mapping[str, Claim], names: Iterable[str], metric: str) -> list[Claim]:
    """Those of some claims that are about a metric."""
    return [claims[name] for name in names if claims[name].metric == metric]


# --- what models wrote ------------------------------------------------------------------------------------


def written(results: Results) -> Results:
    """The runs whose models wrote comments."""
    return Results({place: run for place, run in results.runs.items() if run.experiment.comments})


def measured(results: Results, dataset: str, split: str) -> dict[str, Measured]:
    """What was measured picture by picture, as a measurement whose metrics are means (`MEANS`).

    Args:
        results: runs with that split.
        dataset: whose test pictures they are.
        split: of `COMMENTS`, or of questions about other pictures.
    """
    scores, target = results.scores(dataset, split)
    return {dataset: Measured(scores, np.zeros_like(target), dataset, split=split)}


def differences(
    measurements: Mapping[str, Measured], pairs: Mapping[str, tuple[str, str]], metric: str
) -> pd.DataFrame:
    """Paired differences of means, as from `measured.gaps`."""
    found = gaps(measurements, pairs, MEANS[metric])
    return found.rename(columns={"difference in MAE": "difference"})


def quality(results: Results, dataset: str) -> pd.DataFrame:
    """How good comments are, a row per arm.

    Returns:
        CIDEr, and for embedded data F of tuples, each with its 95 % interval; what share of all comments
        differ from each other, words per comment, n and seeds.
    """
    rows: dict[str, dict[str, Any]] = {}
    for metric, split in COMMENTS.items():
        if all(split in set(run.predictions["split"]) for run in results.runs.values()):
            for arm, scores in results.scores(dataset, split)[0].items():
                rows.setdefault(arm, {})[metric] = _interval(scores)
    for arm, row in rows.items():
        texts = [comments_of(run) for run in results.of_arm(arm)]
        row["different"] = float(np.mean([one.nunique() / len(one) for one in texts]))
        row["words"] = float(np.mean([one.str.split().str.len().mean() for one in texts]))
        row |= {"n": len(texts[0]), "seeds": len(texts)}
    return pd.DataFrame(rows).T.rename_axis("arm")


def _interval(scores: np.ndarray) -> str:
    """'0.376 [0.351, 0.401]' for values [seeds, n]."""
    one = estimate("mae", scores, np.zeros(scores.shape[1]), allow_few=True)
    if len(scores) < LEAST_SEEDS:
        return f"{one.value:.3f}"
    return with_interval(one.value, one.low95, one.high95)


def comments_of(run: Run) -> pd.Series:
    """The comments that a run's model wrote, by picture; '' where it wrote none."""
    rows = run.predictions[run.predictions["split"] == COMMENTS["cider"]]
    return rows.set_index("image")[SAID_COMMENT].fillna("")


# --- what they are compared with --------------------------------------------------------------------------


def people(table: ImageTable, images: Sequence[str]) -> pd.Series:
    """All comments that people wrote about some pictures, a list each."""
    assert table.annotations is not None
    by_image = pd.Series(table.annotations[CAPTIONS].to_list(), index=table.frame["image"])
    return by_image[list(images)]


def yardsticks(table: ImageTable, images: Sequence[str], trained: int | None) -> pd.DataFrame:
    """What those reach who write without a model.

    Args:
        table: the dataset.
        images: the pictures that models commented on.
        trained: the first so many training pictures; None for all.

    Returns:
        Rows 'a person' (one person's comment against those of the others, where there are some) and 'the
        commonest comment' (of the training pictures, said of every picture): CIDEr, and for embedded data F
        of tuples.
    """
    of_pictures = people(table, images)
    several = [texts for texts in of_pictures if len(texts) > 1]
    train = people(table, table.frame["image"].iloc[table.rows("train")[:trained]].tolist())
    commonest = pd.Series([text for texts in train for text in texts]).mode()[0]
    rows = {
        "a person": _worth([texts[0] for texts in several], [texts[1:] for texts in several]),
        "the commonest comment": _worth([commonest] * len(of_pictures), of_pictures.to_list()),
    }
    frame = pd.DataFrame(rows).T.rename_axis("without a model")
    return frame if table.name in EMBEDDED else frame[["cider"]]


def _worth(texts: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, float]:
    pairs = zip(texts, references)
    shares = [f_measure(told(text), told(*true)) for text, true in pairs]
    return {"cider": float(cider(texts, references).mean()), "tuples": float(np.mean(shares))}


def examples(results: Results, table: ImageTable, arms: Sequence[str], count: int = 3) -> Sentence:
    """What a person and the first run of each arm say of the first pictures, a column each."""
    first = {arm: comments_of(results.of_arm(arm)[0]) for arm in arms}
    images = first[arms[0]].index[:count].tolist()
    rows = [["a person", *(texts[0] for texts in people(table, images))]]
    rows += [[arm, *texts[images]] for arm, texts in first.items()]
    return Sentence(markdown(["said by", *(f"picture {number}" for number in range(1, count + 1))], rows))


def what_f_counts(results: Results, table: ImageTable) -> dict[str, Measured]:
    """What F of tuples is made of, picture by picture, in the form of `measured`.

    F is twice the second number over the sum of the first and of what people say, which all arms share.

    Returns:
        'things said', how many different ones a comment says, and 'of them said by people', how many of them
        people say of the picture; [seeds, n] by arm.
    """
    said: dict[str, list[list[int]]] = {}
    right: dict[str, list[list[int]]] = {}
    images = comments_of(next(iter(results.runs.values()))).index  # all runs comment on the same pictures
    true = [told(*several) for several in people(table, images.tolist())]
    for (_, arm, _), run in results.runs.items():
        ours = [told(text) for text in comments_of(run)[images]]
        said.setdefault(arm, []).append([len(one) for one in ours])
        right.setdefault(arm, []).append([len(one & other) for one, other in zip(ours, true)])
    counted = {"things said": said, "of them said by people": right}
    return {name: _as_means(one, table.name) for name, one in counted.items()}


def _as_means(counts: Mapping[str, Sequence[Sequence[int]]], dataset: str) -> Measured:
    scores = {arm: np.array(rows, dtype=float) for arm, rows in counts.items()}
    pictures = next(iter(scores.values())).shape[1]
    return Measured(scores, np.zeros(pictures), dataset)


def truth(results: Results, table: ImageTable) -> pd.DataFrame:
    """How much of what comments say is true of the picture, which the world knows; no rows elsewhere.

    Returns:
        A row per arm: true, the share of named properties that the picture has; properties, named per
        comment. Means over seeds.
    """
    if table.name != "like_avacaptions":
        return pd.DataFrame()
    number = pd.Series(np.arange(len(table)), index=table.frame["image"])
    rows: dict[str, list[tuple[float, float]]] = {}
    for (_, arm, _), run in results.runs.items():
        texts = comments_of(run)
        spec = iaa.enter(iaa.PRESETS["default"], SEED, number[texts.index].to_numpy()).spec
        rows.setdefault(arm, []).append(_true(texts.to_list(), spec))
    means = {arm: np.mean(values, axis=0) for arm, values in rows.items()}
    return pd.DataFrame(means, index=["true", "properties"]).T.rename_axis("arm")


def _true(texts: Sequence[str], spec: Spec) -> tuple[float, float]:
    """Share of properties that are true, and how many a comment names."""
    named, right = 0, 0
    for row, text in enumerate(texts):
        said = {one for one in told(text) if len(one) == 2}
        named += len(said)
        right += len(said & facts(spec, row))
    return right / max(named, 1), named / len(texts)


def facts(spec: Spec, row: int) -> set[Told]:
    """Everything that can be said of a picture of the world."""
    return {(name, language.answer(spec, row, field)) for field, name in language.NAMES.items()}


def left_over(gained: pd.DataFrame) -> pd.DataFrame:
    """Right answers to other questions before and after training, a row per arm.

    Args:
        gained: as from `conversion_tables.answers_after`.
    """
    cells: dict[str, dict[str, str]] = {"before training": {}}
    for _, row in gained.iterrows():
        column = f"{row['kind'].removeprefix('related ')}, {row['way']}"
        cells["before training"][column] = f"{row['before']:.3f}"
        value = with_interval(row["value"], row["low"], row["high"])
        cells.setdefault(row["arm"], {})[column] = value
    return pd.DataFrame(cells).T.rename_axis("share of right answers")


# --- sentences --------------------------------------------------------------------------------------------


def answer(verdicts: Sequence[Verdict]) -> Sentence:
    """Whether comments cost the score, and the score the comment."""
    judged = {name: by_dataset(of_claim(verdicts, name)) for name in (*HURT, STABLE, *COST, LEFT_ALONE)}
    return say(
        "Scores alone less scores with comments, in SRCC: written digits {digits}; level words {levels}. "
        "Score tokens with comments less without: {roc}. Comments alone less comments behind a score, in F "
        "of what they say: digits {before_digits}; level words {before_levels}. The paper's claims get "
        "{counts}",
        digits=judged[HURT[0]],
        levels=judged[HURT[1]],
        roc=judged[STABLE],
        before_digits=judged[COST[0]],
        before_levels=judged[COST[1]],
        counts=counts_in_words(of_papers(verdicts)),
    )


def findings(
    verdicts: Sequence[Verdict],
    comments: pd.DataFrame,
    yards: pd.DataFrame,
    true: pd.DataFrame,
    gained: pd.DataFrame | None,
    untaught: str,
    counted: Mapping[str, Measured],
) -> list[str]:
    """The notebook's findings, a sentence or two each.

    Args:
        verdicts: all of the notebook.
        comments: as from `quality`.
        yards: as from `yardsticks`.
        true: as from `truth`.
        gained: as from `conversion_tables.answers_after`; None where nothing was asked.
        untaught: as from `untaught_levels`.
        counted: as from `what_f_counts`; empty where that was not counted.
    """
    said = {name: by_dataset(of_claim(verdicts, name)) for name in (*OF_SCORES, *OF_COMMENTS, OTHERS)}
    lines = [
        f"**Comments and the score**, without comments less with: digits {said[HURT[0]]}; level words "
        f"{said[HURT[1]]}. Score tokens, with less without: as good {said[STABLE]}; better {said[HELPED]}.",
        f"**The score and comments**, comments alone less behind a score: digits {said[COST[0]]}; level "
        f"words {said[COST[1]]}. Behind score tokens less alone: {said[LEFT_ALONE]}.",
        f"**Between the ways of scoring**: comments behind digits less behind level words {said[IMPAIRED]} "
        f"in CIDEr; behind score tokens less behind digits {said[MAINTAINED]} in F.",
        *([_of_counts(counted)] if counted else []),
        _of_quality(comments, yards),
    ]
    if len(true):
        lines.append(_of_truth(true))
    lines.append(
        "**What comments alone teach about the score**: level words of that model, which it was never taught "
        f"as scores, reach an SRCC of {untaught}."
    )
    if gained is not None:
        lines.append(f"{_of_others(gained)} Claim: {said[OTHERS]}.")
    return lines


def _of_counts(counted: Mapping[str, Measured]) -> str:
    """How many different things comments say, and the share of them that people say of the picture, too."""
    things, right = counted.values()
    texts = []
    for arm, scores in things.scores.items():
        number = float(scores.mean())
        share = float(right.scores[arm].mean()) / number if number else 0.0
        texts.append(say("{arm} {number:.1f}, {share:.0%} of them", arm=arm, number=number, share=share))
    return f"**Different things per comment, and how many of them people say, too**: {'; '.join(texts)}."


def _of_quality(comments: pd.DataFrame, yards: pd.DataFrame) -> str:
    best = comments["cider"].str.split().str[0].astype(float)
    return say(
        "**How good the comments are**: CIDEr {low} to {high}; one person against the others {person}, the "
        "commonest comment for every picture {commonest}. Of an arm's comments {few:.0%} to {many:.0%} "
        "differ.",
        low=best.min(),
        high=best.max(),
        person=yards.at["a person", "cider"],
        commonest=yards.at["the commonest comment", "cider"],
        few=comments["different"].min(),
        many=comments["different"].max(),
    )


def _of_truth(true: pd.DataFrame) -> str:
    texts = [say("{arm} {share:.0%}", arm=arm, share=row["true"]) for arm, row in true.iterrows()]
    return f"**What is said is true** of so many properties: {'; '.join(texts)}."


def _of_others(gained: pd.DataFrame) -> str:
    """What is left of answers to other questions, over all arms, by way of asking."""
    texts = []
    for (kind, way), rows in gained.groupby(["kind", "way"], sort=False):
        texts.append(
            say(
                "{kind}, {way}, {before} before training, {low} to {high} after",
                kind=kind,
                way=way,
                before=rows["before"].iloc[0],
                low=rows["value"].min(),
                high=rows["value"].max(),
            )
        )
    return f"**Other abilities**, share of right answers: {'; '.join(texts)}."


def untaught_levels(measurement: Measured) -> str:
    """SRCC of the level words of a model that learned comments alone, with its interval."""
    one = estimate("srcc", measurement.scores[ALONE], measurement.target, allow_few=True)
    return in_brackets(one.value, one.low95, one.high95)
