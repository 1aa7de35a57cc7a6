"""What notebook 11 says of scorers on other data."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from moslab.analysis.claims import Claim, Verdict
from moslab.analysis.gap_tables import in_brackets, of_pair
from moslab.analysis.tables import say
from moslab.analysis.transfer import THIRDS, Routes, each_seed
from moslab.analysis.verdict_tables import by_dataset, counts_in_words, of_claim, of_papers

TOKENS = "qscorer.transfers_better_than_levels"
ONE_TOKEN = "qscorer.one_token_transfers_better_than_levels"
ALIKE = "qscorer.one_token_like_five_elsewhere"
WRITTEN = "realqa.digits_beat_levels_elsewhere"
MEANS = "realqa.digits_by_their_means_beat_levels_elsewhere"
GROWTH = "realqa.digits_lead_more_elsewhere"
OF_MIXTURE = ("qscorer.mixed_datasets_beats_levels", "qscorer.mixed_datasets_beats_soft_levels")
KEEPS = "qscorer.mixing_keeps_the_first_dataset"
JUDGED = (TOKENS, ONE_TOKEN, ALIKE, WRITTEN, MEANS, *OF_MIXTURE, KEEPS)


def judged_here(claims: Mapping[str, Claim]) -> list[Claim]:
    """The claims that scores decide in this notebook, and every published number."""
    numbers = [claim for claim in claims.values() if claim.kind == "number"]
    return [claims[name] for name in JUDGED] + numbers


def findings(
    verdicts: Iterable[Verdict],
    order: str,
    settled: pd.DataFrame,
    lost: Sequence[Mapping[str, Any]],
    thirds: pd.DataFrame,
    brought: pd.DataFrame,
) -> list[str]:
    """What tokens, digits and mixtures do on other data, a sentence or two each.

    Args:
        verdicts: all of the notebook.
        order: as from `transfer.easiest_first`.
        settled: as from `transfer.agreement`.
        lost: rows as from `transfer.within_faults`.
        thirds: five tokens less words, as from `transfer.by_thirds`.
        brought: what mixing changes, as from `Study.gaps`.
    """
    judged = list(verdicts)
    said = {name: by_dataset(of_claim(judged, name)) for name in (*JUDGED, GROWTH)}
    return [
        f"**Score tokens**, less level words, on sets they never saw: five {said[TOKENS]}; one "
        f"{said[ONE_TOKEN]}. One less five: {said[ALIKE]}. Among the worst third of each set's "
        f"pictures, five less words: {_thirds(thirds)}.",
        f"**Written digits**, less level words: {said[WRITTEN]}. Their lead there less that at home: "
        f"{said[GROWTH]}. Read by their means, less level words: {said[MEANS]}.",
        f"**Mixture**: Q-Scorer less level words {said[OF_MIXTURE[0]]}, less soft ones "
        f"{said[OF_MIXTURE[1]]}. Level words of the mixture less those of the one set: {said[KEEPS]}. "
        f"{_brought(brought)}",
        f"**Which sets are hard**, easiest first: {order}.",
        f"**Where order is lost**: {_lost(lost)}",
        f"**Seeds**: {_seeds(settled)}",
    ]


def _thirds(leads: pd.DataFrame) -> str:
    """The lead among the worst pictures of each tested dataset: '+0.010 [...] on iqa, ...'."""
    worst = leads[leads["third"] == THIRDS[0]].itertuples()
    return ", ".join(f"{in_brackets(row.value, row.low, row.high)} on {row.tested}" for row in worst)


def _brought(gaps: pd.DataFrame) -> str:
    """Every row of what mixing changes, in words."""
    texts = []
    for what in dict.fromkeys(gaps.index.get_level_values("what")):
        texts.append(f"{what} {of_pair(gaps, what)}")
    return f"{'; '.join(texts)}." if texts else "No two sets were mixed."


def _lost(rows: Sequence[Mapping[str, Any]], arm: str = "levels") -> str:
    """Level words over all faults and within one."""
    texts = []
    for row in rows:
        if row["arm"] == arm:
            texts.append(
                say(
                    "on {tested} {overall} SRCC over all pictures and {within} within one fault",
                    tested=row["tested"],
                    overall=row["all faults"],
                    within=row["within a fault"],
                )
            )
    if not texts:
        return "no set at hand says which fault a picture has."
    return f"level words reach {', '.join(texts)}."


def _seeds(settled: pd.DataFrame) -> str:
    """How far two seeds of each arm agree where they were trained, and least elsewhere."""
    texts = []
    for column in settled:
        arm, _, what = column.partition(": ")
        if what == "seeds with each other":
            values = settled[column].dropna()
            home = [trained == tested for trained, tested in values.index]
            away = values[[trained != tested and "+" not in trained for trained, tested in values.index]]
            if any(home) and len(away):
                least = away.idxmin()[1]
                told = say(
                    "{home} at home and {away} on {least}",
                    home=values[home].iloc[0],
                    away=away.min(),
                    least=least,
                )
                texts.append(f"{arm} {told}")
    if not texts:
        return "with a single one nothing can be said."
    what = "SRCC of two seeds' scores with each other, where they were trained and where it is lowest"
    return f"{what}: {'; '.join(texts)}."


def answer(verdicts: Iterable[Verdict], found: Routes, trained: str, arm: str = "levels") -> str:
    """What happens to level words elsewhere, and how the claims fare.

    Args:
        verdicts: all of the notebook.
        found: as from `transfer.routes`.
        trained: where the arms were trained.
    """
    judged = list(verdicts)
    reached = {}
    for (source, tested), one in found.items():
        if source == trained and arm in one.scores:
            reached[tested] = float(np.mean(each_seed(one, arm)))
    home = reached.pop(trained)
    return say(
        "Five level words trained on {trained} reach {home} SRCC there, {low} to {high} on {count} sets that "
        "they never saw. There, five score tokens lead them by {tokens}, written digits by {written}. "
        "The papers' claims on other and mixed sets get {counts}",
        trained=trained,
        home=home,
        low=min(reached.values(), default=float("nan")),
        high=max(reached.values(), default=float("nan")),
        count=len(reached),
        tokens=_span(of_claim(judged, TOKENS)),
        written=_span(of_claim(judged, WRITTEN)),
        counts=counts_in_words(of_papers(judged)),
    )


def _span(verdicts: Sequence[Verdict]) -> str:
    """'-0.012 to +0.020 (2 agrees, 1 open)': the smallest and the largest difference; 'nothing measured'."""
    values = [one.value for one in verdicts if one.value is not None]
    if not values:
        return "nothing measured"
    kinds = Counter(one.verdict for one in verdicts)
    told = ", ".join(f"{number} {kind}" for kind, number in kinds.items())
    return f"{min(values):+.3f} to {max(values):+.3f} ({told})"
