"""What notebook 06 says of turning scores into tokens."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from moslab.analysis.claims import Verdict
from moslab.analysis.conversion_tables import hidden_from
from moslab.analysis.gap_tables import in_brackets, with_interval
from moslab.analysis.tables import say
from moslab.analysis.verdict_tables import by_dataset, counts_in_words, of_claim, of_papers
from moslab.datasets.table import ImageTable, training_rows
from moslab.experiments.attribute_answers import ATTRIBUTES

ONE_TOKEN = "qscorer.one_token_like_five"
PLACE = "qscorer.place_of_reading_is_free"
RELATED = "qscorer.level_words_cost_related_tasks"
TRANSFER = "qscorer.transfers_better_than_levels"
MIXED = ("qscorer.mixed_datasets_beats_levels", "qscorer.mixed_datasets_beats_soft_levels")
SOFT, HARD = "regression less the words, averaged", "regression less the words, read hard"
ASKED = {"levels": "five level words", "qscorer 5": "Q-Scorer", "regression": "plain regression"}
INTERVALS = 5  # of the simulated readers, on a scale from 1 to 5
SPACING = 4 / INTERVALS


def where_averaging_hides(readers: pd.DataFrame, within: float = 0.1) -> str:
    """For which noise a reader who averages five intervals misses by little more than one without intervals.

    Args:
        readers: as from `conversion_tables.simulated_readers`, by its defaults.
        within: what counts as little more, as a share.
    """
    least = min(readers.index)
    apart = say(
        "at a noise of {noise:.2f} of the distance d between two centers, the expectation over intervals "
        "misses by {over} and the one without intervals by {without}",
        noise=least / SPACING,
        over=readers["mean |error|, expectation"][least],
        without=readers["mean |error|, without intervals"][least],
    )
    noise = hidden_from(readers, within)
    share = f"{100 * within:.0f} %"
    if noise is None:
        return f"{apart}; no simulated noise brings the two within {share} of each other."
    return f"{apart}; from {noise / SPACING:.2f} d on, the two lie within {share} of each other."


def error_in_spacings(errors: pd.DataFrame, table: ImageTable, levels: int = INTERVALS) -> float:
    """Root mean square error of trained models, in distances between the centers of `levels` equal intervals.

    Args:
        errors: as from `conversion.errors`.
        table: the dataset, whose training labels' range is divided.
    """
    missed = errors["label_approximation"] + errors["restoration"]
    spacing = float(np.ptp(table.frame["mos"].to_numpy()[training_rows(table)])) / levels
    return float(np.sqrt((missed**2).mean())) / spacing


def of_paper(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Verdicts on the paper's own claims about trained models: no arithmetic, no control of ours."""
    return [one for one in of_papers(verdicts) if one.counts]


def losses_in_words(losses: pd.DataFrame, coding: str) -> str:
    """'4.87 % on iqa, 5.02 % on aigiqa': what a coding loses of the labels' range.

    Args:
        losses: as from `conversion_tables.label_losses`.
    """
    return ", ".join(f"{share:.2f} % on {name}" for name, share in losses.loc[coding].items())


def answer(verdicts: Iterable[Verdict], losses: pd.DataFrame, gaps: pd.DataFrame, dataset: str) -> str:
    """What five words lose of labels, what trained models pay, and how Q-Scorer's claims fare.

    Args:
        verdicts: all of the notebook.
        losses: as from `conversion_tables.label_losses`.
        gaps: as from `measured.gaps`, with the pairs SOFT and HARD.
        dataset: where scorers were trained.
    """
    return say(
        "Five level words cost the labels of {dataset} {loss:.1f} % of their range. Plain regression leads "
        "the trained words by {soft} SRCC where their average is read, and by {hard} where the likeliest "
        "word is taken. Q-Scorer's claims on add-ons, other data and related tasks get {counts}",
        dataset=dataset,
        loss=losses.loc["levels", dataset],
        soft=_lead(gaps, dataset, SOFT),
        hard=_lead(gaps, dataset, HARD),
        counts=counts_in_words(of_paper(verdicts)),
    )


def _lead(gaps: pd.DataFrame, dataset: str, pair: str) -> str:
    """'+0.005 [+0.000, +0.010]'."""
    row = gaps.loc[(dataset, pair)]
    return in_brackets(row.iloc[0], row["low 95 %"], row["high 95 %"])


def averaging(readers: pd.DataFrame, readings: Iterable[str], error: float, stray: float) -> str:
    """What trained models keep of their coding's steps, and for which noise averaging would hide them.

    Args:
        readers: as from `conversion_tables.simulated_readers`.
        readings: as from `conversion_tables.read_soft_and_hard`.
        error: how far plain regression misses, as from `error_in_spacings`.
        stray: as from `conversion_tables.furthest_stray`.
    """
    return say(
        "{readings}. Where no step should be found, no arm that is read softly strays further than {stray} "
        "from zero. In the simulation, {where} Plain regression misses by {error:.2f} d, d between two "
        "words (root mean square).",
        readings=". ".join(readings),
        stray=stray,
        where=where_averaging_hides(readers),
        error=error,
    )


def cost_of_words(confusion: pd.DataFrame, dataset: str) -> dict[str, Any]:
    """What level words cost open answers about attributes, less Q-Scorer's cost, as `judge_value` takes it.

    Args:
        confusion: as from `conversion_tables.answers_after`.
        dataset: where scorers were trained.
    """
    row = confusion.set_index(["kind", "way", "arm"]).loc[ATTRIBUTES, "open answer", "qscorer 5"]
    return {
        "value": row["less levels"],
        "low": row["low, less levels"],
        "high": row["high, less levels"],
        "n": int(row["n"]),
        "seeds": int(row["seeds"]),
        "on": f"{dataset}, {ATTRIBUTES}",
        "what": "pictures",
    }


def findings(
    verdicts: Iterable[Verdict], losses: pd.DataFrame, trained: str, confusion: pd.DataFrame | None
) -> list[str]:
    """What labels, trained models, the network and other data say, a sentence or two each.

    Args:
        verdicts: all of the notebook.
        losses: as from `conversion_tables.label_losses`.
        trained: as from `averaging`.
        confusion: as from `conversion_tables.answers_after`; None where nothing of the kind was asked.
    """
    judged = list(verdicts)
    addons = [one for one in of_paper(judged) if one.id.endswith("_helps")]
    mixed = {claim: by_dataset(of_claim(judged, claim)) for claim in MIXED}
    return [
        f"**Labels**: of their range, five words lose {losses_in_words(losses, 'levels')}. "
        "That is arithmetic, and says nothing of trained models.",
        f"**Trained models**: {trained}",
        f"**The network**: one token less five {by_dataset(of_claim(judged, ONE_TOKEN))}; read on the token "
        f"less before it {by_dataset(of_claim(judged, PLACE))}. The add-ons, each at weight one: "
        f"{counts_in_words(addons)}",
        f"**Related tasks**: {_related(judged, confusion)}",
        f"**Other data**, Q-Scorer less level words: {by_dataset(of_claim(judged, TRANSFER))}; trained on a "
        f"mixture, {mixed[MIXED[0]]}; and less soft level words, {mixed[MIXED[1]]}.",
    ]


def _related(verdicts: list[Verdict], confusion: pd.DataFrame | None) -> str:
    """What tuning leaves of answers about attributes, and the verdict on it."""
    if confusion is None:
        return "questions about drawn pictures were not asked."
    about_attributes = confusion[confusion["kind"] == ATTRIBUTES]
    return (
        f"{_answers(about_attributes)}. The claim, on open answers, after Q-Scorer less after level words: "
        f"{by_dataset(of_claim(verdicts, RELATED))}."
    )


def _answers(confusion: pd.DataFrame) -> str:
    """Right answers before and after tuning, by arm and way of asking."""
    texts = []
    for arm, called in ASKED.items():
        rows = confusion[confusion["arm"] == arm]
        ways = []
        for _, row in rows.iterrows():
            share = with_interval(row["value"], row["low"], row["high"])
            ways.append(f"{share} by {row['way']}")
        if ways:
            texts.append(f"after {called} {' and '.join(ways)}")
    before = ", ".join(f"{share:.3f}" for share in dict.fromkeys(confusion["before"]))
    return f"of answers about attributes, {before} are right before tuning, {', '.join(texts)}"
