"""What notebook 04 says about its results: the answer, and its findings a sentence each."""

from collections.abc import Iterable

import pandas as pd

from moslab.analysis.claims import Verdict
from moslab.analysis.tables import say
from moslab.analysis.verdict_tables import by_dataset, of_claim

BLIND = 0.95  # share of the level without a picture from which on NCM shows nothing of the picture
SCRATCH_LOSS = "realqa.cross_entropy_falls_from_scratch"
SCRATCH_NCM = "realqa.ncm_stays_from_scratch"
SCRATCH_STAR = "realqa.ncm_star_stays_from_scratch"
BASE_LOSS = "realqa.cross_entropy_falls_from_base"
BASE_NCM = "realqa.ncm_falls_from_base"
BASE_STAR = "realqa.ncm_star_falls_from_base"
MORE = "realqa.ncm_falls_more_from_base"


def answer(
    verdicts: Iterable[Verdict], bands: pd.DataFrame, shares: pd.Series, base: str, scratch: str
) -> str:
    """The notebook's answer: how far NCM falls from either start, and what the scores are worth.

    Args:
        verdicts: all of the notebook.
        bands: dataset, arm, value, low, high of SRCC; as from `measured.bands`.
        shares: as from `continuity_tables.share_of_level`.
        base, scratch: the two arms.
    """
    judged = list(verdicts)
    falls = by_dataset(of_claim(judged, BASE_NCM))
    stays = by_dataset(of_claim(judged, SCRATCH_NCM))
    first = (
        f"Trained from the base's weights, NCM falls by this share of its start: {falls}; "
        f"from random weights by {stays}."
    )
    srcc = bands.set_index(["dataset", "arm"])["value"]
    sentences = [first]
    for dataset in bands["dataset"].unique():
        share = shares[dataset, scratch]
        sentences.append(
            say(
                "On {name} the SRCC of the model from random weights is {low} (of the other {high}); its NCM "
                "ends at {share:.0f} % of that of a model without a picture{so}.",
                name=dataset,
                low=float(srcc[dataset, scratch]),
                high=float(srcc[dataset, base]),
                share=100 * share,
                so=": a model that does not see would show the same" if share >= BLIND else "",
            )
        )
    return " ".join(sentences)


def findings(
    verdicts: Iterable[Verdict],
    apart: pd.DataFrame,
    correlations: pd.DataFrame,
    shares: pd.Series,
    costs: pd.DataFrame,
) -> list[str]:
    """What falls from which start, and why, a sentence each.

    Args:
        verdicts: all of the notebook.
        apart: as from `continuity_tables.taken_apart`.
        correlations: as from `continuity_tables.correlations`.
        shares: as from `continuity_tables.share_of_level`.
        costs: as from `continuity_tables.cost_of_answers`.
    """
    judged = list(verdicts)

    def fall(claim: str) -> str:
        return by_dataset(of_claim(judged, claim))

    return [
        say(
            "**From random weights**, the share by which each quantity falls: cross-entropy {loss}, "
            "NCM {ncm}, NCM* {star}.",
            loss=fall(SCRATCH_LOSS),
            ncm=fall(SCRATCH_NCM),
            star=fall(SCRATCH_STAR),
        ),
        say(
            "**From the base's weights**: cross-entropy {loss}, NCM {ncm}, NCM* {star}. NCM's share less "
            "that from random weights: {more}.",
            loss=fall(BASE_LOSS),
            ncm=fall(BASE_NCM),
            star=fall(BASE_STAR),
            more=fall(MORE),
        ),
        f"**Weights or recipe?** The share by which NCM falls differs by {apart_in_words(apart)}.",
        f"**Numbers or pictures?** {sight_in_words(correlations, shares)}",
        f"**Fixed words or digits?** {costs_in_words(costs)}",
    ]


def apart_in_words(apart: pd.DataFrame) -> str:
    """The difference in how far NCM falls, by what differs and dataset."""
    texts = []
    for (dataset, what), row in apart.iterrows():
        texts.append(f"{row['share by which NCM falls']} on {dataset} ({what})")
    return "; ".join(texts) or "nothing that was measured"


def sight_in_words(correlations: pd.DataFrame, shares: pd.Series) -> str:
    """How closely the last NCM follows SRCC, and how near it is to the level without a picture."""
    sentences = []
    for dataset, row in correlations.iterrows():
        arms = shares[dataset]
        listed = ", ".join(f"{100 * share:.0f} % ({arm})" for arm, share in arms.items())
        sentences.append(
            say(
                "On {name} the rank correlation of last NCM and SRCC is {over:+.2f} over {n} runs and "
                "{within:+.2f} within arms; NCM ends at this share of its level without a picture: {listed}.",
                name=dataset,
                over=float(row["over runs"]),
                within=float(row["within arms"]),
                n=int(row["n"]),
                listed=listed,
            )
        )
    return " ".join(sentences)


def costs_in_words(costs: pd.DataFrame) -> str:
    """Which arms end above the cost of digits by their frequencies, and what that leaves open."""
    listed = []
    for (dataset, arm), row in costs.iterrows():
        listed.append(f"{row['difference']:+.2f} on {dataset} ({arm})")
    above = bool((costs["difference"] > 0).any())
    bound = " What lies above zero is the least that fixed words cost, if digits cost no more than that."
    return (
        "Nats per answer in the last steps, less what the digits cost by their frequencies alone: "
        f"{', '.join(listed)}.{bound if above else ''} Runs keep one mean over all tokens, so how much falls "
        "on fixed words and how much on digits stays open."
    )
