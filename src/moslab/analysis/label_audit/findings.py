"""What is worth knowing before trusting a table, in sentences made from audits."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from moslab.analysis.label_audit.predictors import mixtures, published
from moslab.analysis.tables import Sentence, say
from moslab.datasets import label
from moslab.utils.errors import UserError

Audits = Mapping[str, Mapping[str, Any]]


def ceiling(
    found: Mapping[str, Any], coding: str, metric: str = "srcc", where: str = "train_minmax"
) -> float:
    """One cell of an audit's table of ceilings; UserError where it has none."""
    for row in found["ceilings"]:
        if (row["coding"], row["range"]) == (coding, where):
            return row[metric]
    raise UserError(f"The audit holds no ceiling of {coding!r} on the range {where!r}.")


def answer(audits: Audits) -> str:
    """What labels decide before any model is trained, in at most two sentences."""
    koniq, ava = audits.get("koniq10k"), audits.get("ava", {})
    sentences = []
    if koniq:
        sentences.append(
            say(
                "Before any model is trained, five level words keep an SRCC of {words} with KonIQ-10k's own "
                "scores, and 51 bins {bins}.",
                words=ceiling(koniq, "levels"),
                bins=ceiling(koniq, "bins K=51"),
            )
        )
    if ava.get("titles"):
        image, title = published()
        reach = mixtures(ava["titles"], image)
        within = title <= reach["perfect, nothing"]
        sentences.append(
            say(
                "On {ava}, means of challenges could lift a published image-only PLCC of {image} to between "
                "{least} and {most}, by assumption; {title} is published with titles, {so}.",
                ava=label("ava", ava["n"]),
                image=image,
                least=reach["as the scores do"],
                most=reach["perfect, nothing"],
                title=title,
                so="which lies within that" if within else "which lies above that",
            )
        )
    return " ".join(sentences) or "No audited label files are at hand."


def findings(audits: Audits, simulated: pd.DataFrame | None = None) -> list[Sentence]:
    """What is worth knowing before trusting a table, one bullet each, for the datasets that are there.

    Args:
        audits: from `audit`, by dataset.
        simulated: readers of five level words, as from `conversion_tables.simulated_readers`; left out if
            not given.
    """
    koniq, ava = audits.get("koniq10k"), audits.get("ava", {})
    sentences = []
    if koniq:
        sentences.append(_codings(koniq, simulated))
        if "left out" in koniq:
            sentences.append(_left_out(koniq["left out"]))
    if "TANet" in ava.get("test sets", {}):
        sentences.append(
            say(
                "**Two test sets.** Only {common} of the {tanet} pictures in TANet's test set of AVA are in "
                "the official one.",
                common=ava["test sets"]["TANet, in the official"],
                tanet=ava["test sets"]["TANet"],
            )
        )
    if ava.get("titles"):
        sentences.append(_titles(ava))
    shared = _in_test_and_training(audits)
    if shared:
        sentences.append(Sentence(f"**In test and in training.** {' '.join(shared)}"))
    return sentences


def _codings(koniq: Mapping[str, Any], simulated: pd.DataFrame | None) -> Sentence:
    kept = say(
        "**Coarse codings.** Five level words keep an SRCC of {srcc} with KonIQ-10k's own scores on the "
        "training range and {wide} on the nominal scale; one digit keeps {digit}, 51 bins {bins}.",
        srcc=ceiling(koniq, "levels"),
        wide=ceiling(koniq, "levels", where="scale"),
        digit=ceiling(koniq, "digits M=1"),
        bins=ceiling(koniq, "bins K=51"),
    )
    return kept if simulated is None else Sentence(f"{kept} {averaging(simulated)}")


def averaging(simulated: pd.DataFrame) -> Sentence:
    """What five level words cost a reader who picks one and a reader who averages, by noise.

    Args:
        simulated: as from `conversion_tables.simulated_readers`.
    """
    free = simulated["mean |error|, without intervals"]
    prices = {}
    for how in ("argmax", "expectation"):
        price = simulated[f"mean |error|, {how}"] - free
        prices[how] = ", ".join(f"{one:+.3f}" for one in price)
    return say(
        "In simulation, on scores from 1 to 5, they add {picks} to the mean error of a reader who picks and "
        "{averages} to that of one who averages, where the view has a noise of {noises}.",
        picks=prices["argmax"],
        averages=prices["expectation"],
        noises=", ".join(f"{noise:g}" for noise in simulated.index),
    )


def _left_out(split: Sequence[Mapping[str, Any]]) -> Sentence:
    train, test = split
    return say(
        "**A list is not the dataset.** Q-Align's for KonIQ-10k leaves out {train} training and {test} test "
        "pictures, and {extreme} of these {all} are the ones that score outside everything it lists.",
        train=train["left out"],
        test=test["left out"],
        extreme=train["of them extreme"] + test["of them extreme"],
        all=train["left out"] + test["left out"],
    )


def _titles(ava: Mapping[str, Any]) -> Sentence:
    image, title = published()
    reach = mixtures(ava["titles"], image)
    return say(
        "**Titles.** On {ava} the challenge alone predicts the score with a PLCC of {plcc}; on top of an "
        "image-only predictor of {image} that makes {sure} to {most} by linear mixture, and {perfect} if "
        "every challenge's mean were known exactly and the picture told nothing of it. {title} is reported "
        "for RvTC with titles.",
        ava=label("ava", ava["n"]),
        image=image,
        title=title,
        plcc=ava["titles"]["plcc"],
        sure=reach["as the scores do"],
        most=reach["nothing"],
        perfect=reach["perfect, nothing"],
    )


def _in_test_and_training(audits: Audits) -> list[str]:
    """What of a test set was trained on, a sentence per dataset."""
    sentences: list[str] = []
    prompts = audits.get("agiqa3k", {}).get("prompts")
    if prompts:
        shared, tested = prompts["split by picture"][0]
        sentences.append(
            say(
                "Split picture by picture, as published, AGIQA-3K has {shared} of the {n} prompts of a test "
                "fold in training.",
                n=tested,
                shared=shared,
            )
        )
    photographs = audits.get("icaa17k", {}).get("photographs")
    if photographs:
        sentences.append(
            say(
                "{rows} of ICAA17K's {tested} test rows show a photograph that is also trained on, in the "
                "folder of another colour and with the same score.",
                rows=photographs["rows shared"],
                tested=photographs["rows tested"],
            )
        )
    return sentences
