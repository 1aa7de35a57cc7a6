"""The tables of notebook 91, from the audits of label files (`label_audit.audit`)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from moslab.analysis.label_audit import mixtures
from moslab.analysis.tables import Sentence, say

Audits = Mapping[str, Mapping[str, Any]]
ASSUMPTIONS = {  # from the least gain to the most
    "as the scores do": "related through the score alone",
    "nothing": "picture tells nothing of the title",
    "perfect, nothing": "picture tells nothing, true means known",
}
NO_LIST = "Q-Align's list for KonIQ-10k is not at hand."


def files(audits: Audits) -> pd.DataFrame:
    """A row per dataset: version, pictures, splits, range and scale of the scores."""
    rows = []
    for name, one in audits.items():
        splits = [f"{split} {n:,}" for split, n in one["splits"].items()]
        rows.append(
            {
                "dataset": name,
                "version": one["version"],
                "pictures": one["n"],
                "published": one["published"],
                "splits": ", ".join(splits),
                "lowest": one["lowest"],
                "highest": one["highest"],
                "scale": "{:g} to {:g}".format(*one["scale"]),
            }
        )
    return pd.DataFrame(rows).set_index("dataset").round(3)


def ceilings(audits: Audits) -> pd.DataFrame:
    """A row per dataset, coding and range, with its ceilings: SRCC, PLCC raw and fitted."""
    return pd.concat([pd.DataFrame(one["ceilings"]) for one in audits.values()], ignore_index=True)


def largest_gain(gains: pd.DataFrame) -> Sentence:
    """To which coding of which dataset the logistic curve adds most.

    Args:
        gains: PLCC after the fit less raw PLCC, a row per coding and a column per dataset.
    """
    listed = gains.stack().dropna()
    if listed.empty:
        return say("No curve could be fitted.")
    coding, dataset = listed.idxmax()
    return say(
        "The curve adds most to {coding} on {dataset}: {gain:+.4f}. The median over all is {usual:+.4f}.",
        coding=coding,
        dataset=dataset,
        gain=listed.max(),
        usual=listed.median(),
    )


def largest_difference(audits: Audits, again: Audits) -> Sentence:
    """Whether audits that were made again give the ceilings that are shown."""
    if not again:
        return say("No label files found: everything here is the committed result.")
    shown = ceilings({name: audits[name] for name in again})["srcc"]
    gap = (ceilings(again)["srcc"] - shown).abs().max()
    return say("Recomputed {names}; largest difference {gap:.1e}.", names=", ".join(again), gap=gap)


def parts(audits: Audits, name: str) -> pd.DataFrame:
    """One part of the audits that have it ('raters', 'titles'), a row per dataset; empty where none has."""
    rows = [one[name] for one in audits.values() if one.get(name)]
    return pd.DataFrame(rows).set_index("dataset").round(4) if rows else pd.DataFrame()


def title_gains(audits: Audits, image_only: Sequence[float]) -> pd.DataFrame:
    """PLCC that AVA's titles could add to a predictor of the picture alone, by assumption; empty without AVA.

    Args:
        image_only: PLCC of such predictors, a row each.
    """
    if "titles" not in audits.get("ava", {}):
        return pd.DataFrame()
    rows = []
    for image in image_only:
        reached = mixtures(audits["ava"]["titles"], image)
        rows.append({"image": image} | {ASSUMPTIONS[name]: value for name, value in reached.items()})
    return pd.DataFrame(rows)


def koniq_list(audits: Audits, part: str, index: str) -> pd.DataFrame | Sentence:
    """One part of what Q-Align's list makes of KonIQ-10k ('left out', 'words'), by `index`."""
    koniq = audits.get("koniq10k", {})
    return pd.DataFrame(koniq[part]).set_index(index).round(2) if part in koniq else say(NO_LIST)


def word_range(audits: Audits) -> Sentence:
    """In which range the five words of Q-Align's list lie, and which way they run."""
    koniq = audits.get("koniq10k", {})
    if "range" not in koniq:
        return say(NO_LIST)
    return say(
        "The five words lie in equal fifths of the range {low:.2f} to {high:.2f} (no border is off by more "
        "than {worst:.3f}), and every picture outside it was dropped. The words run the way of the scores "
        "(SRCC {direction}).",
        low=koniq["range"]["low"],
        high=koniq["range"]["high"],
        worst=koniq["range"]["worst border"],
        direction=koniq["direction"],
    )


def overlaps(audits: Audits) -> pd.DataFrame | Sentence:
    """How many of a test list's pictures, prompts or photographs stand in another list as well.

    Returns:
        A row per test list: tested, shared, and with what.
    """
    rows = [*_test_lists(audits), *_photographs(audits), *_prompts(audits)]
    if not rows:
        return say("None of these lists is at hand.")
    return pd.DataFrame(rows, columns=["what", "tested", "shared", "with"]).set_index("what")


def _test_lists(audits: Audits) -> list[tuple[str, int, int, str]]:
    sets = audits.get("ava", {}).get("test sets", {})
    rows = []
    for name, n in sets.items():
        shared = sets.get(f"{name}, in the official")
        if shared is not None:
            official = f"the {sets['official']:,} of the official test list"
            rows.append((f"AVA, test list of {name}", n, shared, official))
    return rows


def _photographs(audits: Audits) -> list[tuple[str, int, int, str]]:
    found = audits.get("icaa17k", {}).get("photographs")
    if not found:
        return []
    return [
        ("ICAA17K, test rows", found["rows tested"], found["rows shared"], "photographs in training"),
        ("ICAA17K, test photographs", found["tested"], found["shared"], "photographs in training"),
    ]


def _prompts(audits: Audits) -> list[tuple[str, int, int, str]]:
    folds = audits.get("agiqa3k", {}).get("prompts", {}).get("split by picture", [])
    if not folds:
        return []
    shared, tested = np.sum(folds, axis=0)
    return [(f"AGIQA-3K, prompts of {len(folds)} test folds", int(tested), int(shared), "training")]


def audited(
    names: Sequence[str],
    present: Sequence[str],
    committed: Mapping[str, Any],
    audit: Callable[[str], dict[str, Any]],
) -> dict[str, Any]:
    """An audit per dataset: made here where its label files are, else the committed one, else None."""
    return {name: audit(name) if name in present else committed.get(name) for name in names}
