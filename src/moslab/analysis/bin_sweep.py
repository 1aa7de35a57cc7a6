"""What notebook 01 draws of its sweep over the number of bins, and says about it."""

from collections.abc import Collection, Iterable, Sequence

import pandas as pd

from moslab.analysis.claims import Verdict
from moslab.analysis.tables import say
from moslab.analysis.verdict_tables import by_dataset, of_claim, strongest

Band = tuple[float, float, float]
TREND = "rvtc.more_bins_better_to_51"
WORDS = "rvtc.51_bins_beat_five_words"
FLAT = "rvtc.flat_after_51"
COUNT = "rvtc.count_apart_from_words"
HEAD = "rvtc.five_bins_like_five_words"
SOFT = "rvtc.beats_soft_levels"


def curves(bands: pd.DataFrame, bins: Sequence[int]) -> dict[str, pd.DataFrame]:
    """The sweep's arms over K, by dataset.

    Args:
        bands: dataset, arm, value, low, high; as from `measured.bands`.
        bins: the values of K, whose arms are called `bins K=...`.

    Returns:
        Frames with K, value, low, high.
    """
    count = {f"bins K={k}": k for k in bins}
    swept = bands[bands["arm"].isin(list(count))]
    swept = swept.assign(K=swept["arm"].map(count))
    columns = ["K", "value", "low", "high"]
    return {name: rows[columns] for name, rows in swept.groupby("dataset", sort=False)}


def across(bands: pd.DataFrame, arms: Collection[str]) -> dict[str, dict[str, Band]]:
    """Arms that have no K, drawn across the sweep: dataset -> arm -> value, low, high."""
    lines: dict[str, dict[str, Band]] = {}
    for row in bands.itertuples():
        if row.arm in arms:
            lines.setdefault(row.dataset, {})[row.arm] = (row.value, row.low, row.high)
    return lines


def ends(bands: pd.DataFrame, bins: Sequence[int]) -> str:
    """SRCC with the fewest and the most bins, by dataset: '.931 and .934 on iqa'."""
    texts = []
    for name, frame in curves(bands, bins).items():
        values = frame.sort_values("K")["value"]
        texts.append(f"{values.iloc[0]:.3f} and {values.iloc[-1]:.3f} on {name}")
    return ", ".join(texts)


def answer(verdicts: Iterable[Verdict], bands: pd.DataFrame, bins: Sequence[int]) -> str:
    """The notebook's answer in two sentences, in the words of this session's verdicts."""
    judged = list(verdicts)
    more = strongest(of_claim(judged, TREND))
    gain = {
        "agrees": "More bins score better",
        "disagrees": "More bins score worse",
    }.get(more, "More bins than the fewest bring nothing that can be seen")
    few, many = min(bins), max(bins)
    if not of_claim(judged, TREND):
        gain = "Whether more bins score better is not judged"
    first = f"{gain}: SRCC is, with {few} and with {many} bins, {ends(bands, bins)}."
    against = of_claim(judged, WORDS)
    if not against:
        return f"{first} 51 bins were not compared with five level words."
    return f"{first} Against five level words, 51 bins differ by {by_dataset(against)}."


def findings(
    verdicts: Iterable[Verdict], ceilings: pd.DataFrame, bands: pd.DataFrame, bins: Sequence[int]
) -> list[str]:
    """What the labels, the sweep and the controls say, a sentence each.

    Args:
        verdicts: all of the notebook.
        ceilings: label-only rows, as from `conversion.dataset_ceilings`.
        bands: as from `measured.bands`.
        bins: the values of K.
    """
    judged = list(verdicts)
    trend = of_claim(judged, TREND)
    per_doubling = f"Per doubling of K it changes by {by_dataset(trend)}"
    return [
        *_of_labels(ceilings),
        say(
            "**The sweep**: SRCC with {few} and {many} bins is {ends}. {per_doubling}.",
            few=min(bins),
            many=max(bins),
            ends=ends(bands, bins),
            per_doubling=per_doubling if trend else "What a doubling of K changes is not judged",
        ),
        say("**Beyond 51**: 101 bins less 51: {gaps}.", gaps=by_dataset(of_claim(judged, FLAT))),
        say(
            "**Count or words?** 51 bins less five bins that code like the words: {count}. Those five bins "
            "less the five words: {head}.",
            count=by_dataset(of_claim(judged, COUNT)),
            head=by_dataset(of_claim(judged, HEAD)),
        ),
        say("**Soft labels**: 51 bins less soft levels: {gaps}.", gaps=by_dataset(of_claim(judged, SOFT))),
    ]


def _of_labels(ceilings: pd.DataFrame) -> list[str]:
    """What 51 bins leave of the labels; nothing where they are not among the sweep's."""
    at_51 = ceilings.query("K == 51 and convention == 'linspace'")
    if at_51.empty:
        return []
    filled = ", ".join(f"{row.used} on {row.dataset}" for row in at_51.itertuples())
    return [
        say(
            "**Labels lose next to nothing with 51 bins**: the SRCC that survives is at least {least:.4f}, "
            "and of the 51 bins {filled} hold a picture.",
            least=at_51["srcc"].min(),
            filled=filled,
        )
    ]
