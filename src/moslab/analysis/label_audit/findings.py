"""What is worth knowing before trusting a table, in sentences made from audits."""

from collections.abc import Mapping
from typing import Any

from moslab.analysis.label_audit.predictors import mixtures, published
from moslab.analysis.tables import Sentence, say
from moslab.datasets import label
from moslab.utils.errors import UserError


def ceiling(
    found: Mapping[str, Any], coding: str, metric: str = "srcc", where: str = "train_minmax"
) -> float:
    """One cell of an audit's table of ceilings; UserError where it has none."""
    for row in found["ceilings"]:
        if (row["coding"], row["range"]) == (coding, where):
            return row[metric]
    raise UserError(f"The audit holds no ceiling of {coding!r} on the range {where!r}.")


def findings(audits: Mapping[str, Mapping[str, Any]]) -> list[Sentence]:
    """What is worth knowing before trusting a table, one sentence each, for the datasets that are there.

    Args:
        audits: from `audit`, by dataset.
    """
    sentences = []
    koniq = audits.get("koniq10k")
    if koniq:
        sentences += _koniq_findings(koniq)
    ava = audits.get("ava", {})
    if "test sets" in ava:
        sentences += _ava_findings(ava)
    prompts = audits.get("agiqa3k", {}).get("prompts")
    if prompts:
        shared, tested = prompts["split by picture"][0]
        sentences.append(
            say(
                "Split picture by picture, as its published splits are, all {n} prompts of a test fold of "
                "AGIQA-3K are in training: {shared} of {n}.",
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


def _koniq_findings(koniq: Mapping[str, Any]) -> list[Sentence]:
    sentences = [
        say(
            "Five equal fifths (Q-Align's words) keep an SRCC of {srcc} with KonIQ-10k's own scores on the "
            "training range and {wide} on the nominal scale; one digit keeps {digit}, 51 bins {bins}.",
            srcc=ceiling(koniq, "levels"),
            wide=ceiling(koniq, "levels", where="scale"),
            digit=ceiling(koniq, "digits M=1"),
            bins=ceiling(koniq, "bins K=51"),
        )
    ]
    if "left out" in koniq:
        train, test = koniq["left out"]
        sentences.append(
            say(
                "Q-Align's list for KonIQ-10k leaves out {train} training and {test} test pictures, and "
                "{extreme} of these {all} are the ones that score outside everything it lists.",
                train=train["left out"],
                test=test["left out"],
                extreme=train["of them extreme"] + test["of them extreme"],
                all=train["left out"] + test["left out"],
            )
        )
    return sentences


def _ava_findings(ava: Mapping[str, Any]) -> list[Sentence]:
    sentences = []
    image, title = published()
    sets = ava["test sets"]
    reach = mixtures(ava["titles"], image)
    if "TANet" in sets:
        sentences.append(
            say(
                "AVA has two test sets in use: only {common} of the {tanet} pictures in TANet's are in the "
                "official one.",
                common=sets["TANet, in the official"],
                tanet=sets["TANet"],
            )
        )
    sentences.append(
        say(
            "On {ava} the challenge alone predicts the score with a PLCC of {plcc}; on top of an image-only "
            "predictor of {image} that makes {sure} to {most} by linear mixture, and {perfect} if every "
            "challenge's mean were known exactly and the picture told nothing of it. {title} is reported for "
            "RvTC with titles.",
            ava=label("ava", ava["n"]),
            image=image,
            title=title,
            plcc=ava["titles"]["plcc"],
            sure=reach["as the scores do"],
            most=reach["nothing"],
            perfect=reach["perfect, nothing"],
        )
    )
    return sentences
