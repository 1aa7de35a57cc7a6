"""What notebook 03 says about its results: the answer, and its findings a sentence each."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from moslab.analysis.claims import Verdict
from moslab.analysis.digit_labels import Printed
from moslab.analysis.digit_tables import INVENTS, MEAN, SORTING_PAIRS, step_pairs
from moslab.analysis.tables import say
from moslab.analysis.verdict_tables import by_dataset, of_claim, strongest, with_limits

TWO_MORE = "realqa.two_extra_digits_help"
SECOND = "realqa.second_digit_helps"
THIRD = "realqa.third_digit_adds_little"
WORDS = "realqa.digits_beat_levels"
SORTING = (*SORTING_PAIRS, INVENTS)
WIDE = "KonIQ-10k"  # the column of Table 4 whose cell of whole numbers is looked into
GAIN = {
    "agrees": "Three digits score better than whole numbers",
    "disagrees": "Three digits score worse than whole numbers",
    "mixed": "Three digits score better than whole numbers in one place and worse in another",
    "undecided": "Whether three digits or whole numbers score better is not decided",
}
Steps = Sequence[Mapping[str, Any]]  # rows as from `digit_tables.steps`


def answer(
    verdicts: Iterable[Verdict], whole: pd.DataFrame, printed: Printed, topmost: Mapping[str, float | None]
) -> str:
    """The notebook's answer: digits against each other, against words, and the printed cell.

    Args:
        verdicts: all of the notebook.
        whole, printed, topmost: as `digit_labels.possible` takes them.
    """
    judged = list(verdicts)
    two = of_claim(judged, TWO_MORE)
    return (
        f"{GAIN[strongest(two)]}: the difference in SRCC is {by_dataset(two)}. "
        f"As written, three digits less five level words is {by_dataset(of_claim(judged, WORDS))}."
        f"{printed_cell(whole, printed, topmost)}"
    )


def printed_cell(whole: pd.DataFrame, printed: Printed, topmost: Mapping[str, float | None]) -> str:
    """What the printed cell of whole numbers on KonIQ-10k would take, as a further sentence.

    Empty where no dataset stands for KonIQ-10k. Its own labels come first, those of a stand-in second.
    """
    names = [name for name in whole["dataset"].unique() if printed[name][0] == WIDE]
    best = topmost[WIDE]
    if not names or best is None:
        return ""
    name = "koniq10k" if "koniq10k" in names else names[0]
    rows = whole[whole["dataset"] == name]
    needed = rows["needed"].dropna()
    cell = say("The {cell} printed for whole numbers on KonIQ-10k", cell=printed[name][2])
    if needed.empty:
        return f" {cell} cannot be reached under any of the {len(rows)} mappings to numbers."
    return " " + say(
        "{cell} would take an unrounded predictor with an SRCC of {low} to {high}, {place} the paper's best, "
        "{best}.",
        cell=cell,
        low=needed.min(),
        high=needed.max(),
        place=_beside(needed, best),
        best=best,
    )


def _beside(needed: pd.Series, best: float) -> str:
    if needed.min() > best:
        return "above"
    return "not above" if needed.max() <= best else "in part above"


def findings(
    verdicts: Iterable[Verdict],
    steps: Steps,
    written: pd.DataFrame,
    tree_gap: float,
    ends: tuple[int, int],
    floor: pd.DataFrame,
) -> list[str]:
    """What digits bring, against each other and against words, what is written, and what bases know.

    Args:
        verdicts: all of the notebook.
        steps: as from `digit_tables.steps`.
        written: as from `digit_tables.numbers_written`.
        tree_gap: as from `digit_tables.tree_less_mean`.
        ends: the fewest digits and the most.
        floor: as from `digit_tables.sorting_floor`.
    """
    judged = list(verdicts)
    least, most = ends
    rounding, teaching, *_ = step_pairs(least, most)
    return [
        say(
            "**How many digits?** Three digits less whole numbers: {two}. The second digit, where scores "
            "crowd: {second}. The third: {third}.",
            two=by_dataset(of_claim(judged, TWO_MORE)),
            second=by_dataset(of_claim(judged, SECOND)),
            third=by_dataset(of_claim(judged, THIRD)),
        ),
        say(
            "**Rounding or teaching?** Rounding the numbers of M={most} to M={least} afterwards changes SRCC "
            "by {rounding}. The model that was taught M={least} writes as coarsely, and its SRCC less that "
            "of the rounded numbers is {teaching}.",
            least=least,
            most=most,
            rounding=step_in_words(steps, rounding),
            teaching=step_in_words(steps, teaching),
        ),
        say(
            "**Digits or words?** Three digits less five level words: as written {written}; read by each "
            "digit's mean {mean}.",
            written=by_dataset(of_claim(judged, WORDS)),
            mean=step_in_words(steps, f"M={most}{MEAN} less levels"),
        ),
        say(
            "**What is written**: {written}. Each digit's mean instead of the written number changes SRCC by "
            "{mean}. A tree over all numbers instead of each digit's mean changes it by at most {gap:.5f} in "
            "any run.",
            written=writing_in_words(written, most),
            mean=step_in_words(steps, f"M={most}{MEAN}, less as written"),
            gap=tree_gap,
        ),
        say(
            "**Sorting**: {floor}. The verdicts on sorting are: {kinds}.",
            floor=floor_in_words(floor),
            kinds=kinds_in_words(one for claim in SORTING for one in of_claim(judged, claim)),
        ),
    ]


def step_in_words(steps: Steps, step: str) -> str:
    """'+0.027 [+0.010, +0.044] on iaa, ...'; 'not measured' for a step that no dataset has."""
    texts = []
    for row in steps:
        if row["step"] == step:
            value = with_limits(row["value"], row["low 95 %"], row["high 95 %"])
            texts.append(f"{value} on {row['dataset']}")
    return ", ".join(texts) or "not measured"


def writing_in_words(written: pd.DataFrame, m: int) -> str:
    """How many numbers of M digits single runs write, and how often the most frequent, by dataset."""
    texts = []
    for name, runs in written[written["M"] == m].groupby("dataset", sort=False):
        texts.append(
            say(
                "on {name} a run with M={m} writes {numbers} different numbers, one of them for {most} of "
                "{n} pictures",
                name=name,
                m=m,
                numbers=span(runs["numbers"]),
                most=span(runs["most frequent"]),
                n=int(runs["n"].iloc[0]),
            )
        )
    return ", ".join(texts) or "not measured"


def span(values: pd.Series) -> str:
    """'58 to 88', or the one number where all are equal."""
    low, high = values.min(), values.max()
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def floor_in_words(floor: pd.DataFrame) -> str:
    """What the base that sorts best gets right, beside a guess, by length of list."""
    texts = []
    for length, row in floor.iterrows():
        texts.append(
            say(
                "of {length} the base that sorts best ({best}) puts {accuracy} in their place, a random "
                "order of the right numbers {guessing}",
                length=length,
                best=row["best base"],
                accuracy=float(row["accuracy"]),
                guessing=float(row["guessing"]),
            )
        )
    return ", ".join(texts)


def kinds_in_words(verdicts: Iterable[Verdict]) -> str:
    """'5 not testable here, 1 agrees'; 'none' without verdicts."""
    kinds = Counter(verdict.verdict for verdict in verdicts)
    return ", ".join(f"{number} {kind}" for kind, number in kinds.items()) or "none"
