"""What notebook 02 says about prompts, in sentences made from its results."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from moslab.analysis.claims import Verdict
from moslab.analysis.tables import Sentence, say
from moslab.analysis.verdict_tables import by_dataset, difference, of_claim, strongest

MEANING = "rvtc.titles_beat_permuted"
GROUPS = "rvtc.permuted_titles_above_image_only"
ANY_TITLE = "rvtc.random_titles_above_image_only"
MISLED = "rvtc.wrong_titles_at_test_below_image_only"
GENERIC = "rvtc.generic_question_gives_nothing"
GENERIC_WORDS = "rvtc.level_words_with_generic_question_like_image_only"
BOTH_QUALITY = "rvtc.one_model_for_quality"
BOTH_ALIGNMENT = "rvtc.one_model_for_alignment"
LONG = "rvtc.prolonged_training_hurts"
LONG_TITLES = "rvtc.titles_undo_prolonged_training"
SOFTENED = "rvtc.titles_soften_prolonged_training"

MEANING_IN_WORDS = {
    "agrees": "Their meaning counts beyond telling groups apart",
    "disagrees": "Their meaning does not count beyond telling groups apart",
    "mixed": "Whether their meaning counts depends on the pictures",
    "undecided": "Whether their meaning counts beyond telling groups apart stays open",
}


def turned(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Verdicts with their differences turned round: for 'changes by', where a claim says 'is worse'."""
    seen = []
    for one in verdicts:
        value, low, high = _minus(one.value), _minus(one.high), _minus(one.low)
        seen.append(replace(one, value=value, low=low, high=high))
    return seen


def reached(shares: pd.DataFrame) -> str:
    """'+0.040 of +0.120 on iaa (33 %), ...'; where the possible gain is unknown, the gain alone.

    Args:
        shares: as from `prompt_tables.share_of_possible_gain`.
    """
    texts = []
    for name, row in shares.iterrows():
        gain, possible = row["gain"], row["possible gain"]
        text = f"{gain:+.3f} on {name}"
        if np.isfinite(possible):
            text = f"{gain:+.3f} of {possible:+.3f} on {name} ({percent(row['share'])})"
        texts.append(text)
    return ", ".join(texts) or "not measured"


def percent(share: float) -> str:
    """'33 %', or 'undefined' for a share of nothing."""
    return f"{100 * share:.0f} %" if np.isfinite(share) else "undefined"


def answer(verdicts: Iterable[Verdict], shares: pd.DataFrame) -> str:
    """The notebook's answer in two sentences.

    Args:
        verdicts: all of the notebook.
        shares: of the gain that titles make possible, as from `prompt_tables.share_of_possible_gain`.
    """
    judged = list(verdicts)
    meaning = of_claim(judged, MEANING)
    alone, titles = turned(of_claim(judged, LONG)), of_claim(judged, LONG_TITLES)
    first = f"Right titles change SRCC by {reached(shares)}."
    if built_in(judged):
        parts = [f"{percent(row['share'])} on {name}" for name, row in shares.iterrows()]
        first = (
            "That titles help was built into the data; of the gain in SRCC that they make possible, the "
            f"model reaches {', '.join(parts)}."
        )
    return (
        f"{first} "
        f"{MEANING_IN_WORDS[strongest(meaning)]} (right less permuted titles: {differences(meaning)}), and "
        f"prolonged training changes SRCC by {differences(alone)} without titles and by "
        f"{differences(titles)} with them."
    )


def differences(verdicts: Iterable[Verdict]) -> str:
    """'+0.026 [+0.016, +0.037] on iaa, ...': without the verdicts' words, or that nothing was judged."""
    return ", ".join(f"{difference(one)} on {one.on}" for one in verdicts) or "not judged"


def built_in(verdicts: Iterable[Verdict]) -> bool:
    """Whether some of the claims hold by construction of the data."""
    return any(one.verdict == "by construction" for one in verdicts)


def findings(
    verdicts: Iterable[Verdict],
    titles: pd.DataFrame,
    prompts: pd.DataFrame,
    changed: pd.DataFrame,
    arms: Sequence[str],
) -> list[Sentence]:
    """What titles, prompts and long training do, a sentence or two each.

    Args:
        verdicts: all of the notebook.
        titles: the shares of the possible gain reached with titles, as from `share_of_possible_gain`.
        prompts: the same for prompts and alignment.
        changed: what prolonged training changes, an arm per row, as from `change_at_the_end`.
        arms: the arm without titles and the one with them.
    """
    judged = list(verdicts)
    meaning = of_claim(judged, MEANING)
    start = "**How much texts add.**"
    if built_in(judged):
        start = "**Built in and reached.** That texts carry something is built into the data."
    return [
        say(
            "{start} The model's gain in SRCC, of the possible one: from titles {titles}; from prompts, for "
            "alignment, {prompts}.",
            start=start,
            titles=reached(titles),
            prompts=reached(prompts),
        ),
        say(
            "**Meaning or groups?** Right titles less permuted ones: {meaning}. {so}. Permuted titles less "
            "the picture alone: {groups}.",
            meaning=by_dataset(meaning),
            so=MEANING_IN_WORDS[strongest(meaning)],
            groups=by_dataset(of_claim(judged, GROUPS)),
        ),
        say(
            "**Wrong titles and generic questions.** Any picture's title, in training and test, changes SRCC "
            "by {any}; wrong titles at test alone by {misled}. A generic question changes it by {generic} "
            "for bins and by {words} for level words.",
            any=by_dataset(of_claim(judged, ANY_TITLE)),
            misled=by_dataset(turned(of_claim(judged, MISLED))),
            generic=by_dataset(of_claim(judged, GENERIC)),
            words=by_dataset(of_claim(judged, GENERIC_WORDS)),
        ),
        say(
            "**One model for two scores** less a model for each: quality {quality}; alignment {alignment}.",
            quality=by_dataset(of_claim(judged, BOTH_QUALITY)),
            alignment=by_dataset(of_claim(judged, BOTH_ALIGNMENT)),
        ),
        say(
            "**Prolonged training** changes SRCC by {alone} without titles and by {titles} with them; the "
            "second less the first: {softened}. {result}{cause}",
            alone=by_dataset(turned(of_claim(judged, LONG))),
            titles=by_dataset(of_claim(judged, LONG_TITLES)),
            softened=by_dataset(of_claim(judged, SOFTENED)),
            result=long_with_titles(judged),
            cause=overconfidence(judged, changed, arms),
        ),
    ]


def long_with_titles(verdicts: Iterable[Verdict]) -> str:
    """What prolonged training does where titles are shown, and whether that is less than without them.

    Empty where nothing is decided.
    """
    judged = list(verdicts)
    with_titles = of_claim(judged, LONG_TITLES)
    kind = strongest(with_titles)
    if kind == "agrees":
        return "With titles nothing changes beyond the margin."
    if kind != "disagrees":
        return "Whether it does harm with titles stays open."
    if max(one.value or 0.0 for one in with_titles) > 0:
        return "With titles it does not leave the score as it was."
    less = {
        "agrees": "less than without them",
        "disagrees": "more than without them",
    }.get(strongest(of_claim(judged, SOFTENED)), "and whether less than without them stays open")
    return f"With titles it does harm, {less}."


def overconfidence(verdicts: Iterable[Verdict], changed: pd.DataFrame, arms: Sequence[str]) -> str:
    """Whether the arm that fares worse is the one whose calibration error grows more; empty if not measured.

    Args:
        verdicts: all of the notebook.
        changed: what prolonged training changes, an arm per row.
        arms: the arm without titles and the one with them.
    """
    judged = list(verdicts)
    alone, titles = turned(of_claim(judged, LONG)), of_claim(judged, LONG_TITLES)
    if not (alone and titles) or not set(arms) <= set(changed.index):
        return ""
    drift = [changed.loc[arm, "calibration"] for arm in arms]
    alone_worse = (alone[0].value or 0.0) < (titles[0].value or 0.0)
    same = alone_worse == (drift[0] > drift[1])
    which = "is also" if same else "is not"
    return (
        f" The calibration error changes by {drift[0]:+.3f} without titles and by {drift[1]:+.3f} with them: "
        f"the arm that fares worse in SRCC {which} the one whose calibration error grows more."
    )


def _minus(value: float | None) -> float | None:
    return None if value is None else -value
