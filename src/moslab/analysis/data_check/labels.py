"""What labels show: whether they can be read, their number, range and direction, their words and splits."""

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from moslab import datasets
from moslab.analysis import label_audit
from moslab.analysis.data_check.findings import Finding, examples
from moslab.analysis.data_check.recognising import looks_like
from moslab.datasets import ratings
from moslab.datasets.about import About
from moslab.datasets.table import ImageTable
from moslab.utils.errors import UserError

VOTES_OFF = 0.01  # of the scale, that a score may differ from the mean of its votes


def obtain(about: About) -> str:
    """Where a dataset comes from, in a sentence."""
    ways = {"open": "free to fetch", "form": "given out on request", "loose": "no official copy"}
    parts = [ways[about.access], about.size, about.licence or "licence not stated"]
    return f"{about.title}: {about.obtain} ({', '.join(part for part in parts if part)})."


def read(name: str, root: Path, preset: str, protocol: str) -> tuple[ImageTable | None, list[Finding]]:
    """The table, with what its loader warned of.

    Where it cannot be read: None, why, and what the folder looks like instead.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        try:
            table = datasets.load(name, root=str(root), preset=preset, protocol=protocol)
        except UserError as problem:
            return None, [Finding("fault", "labels", str(problem)), *_other_datasets(name, root)]
    version = f", {table.version}" if table.version not in ("", "default") else ""
    findings = [Finding("ok", "labels", f"{len(table):,} pictures{version}.")]
    findings += [Finding("note", "labels", str(warning.message)) for warning in caught]
    return table, findings


def _other_datasets(name: str, root: Path) -> Iterator[Finding]:
    """Which other dataset the folder looks like, if any."""
    folder = root / name
    alike = looks_like(folder, "*/*") if folder.is_dir() else looks_like(root)
    others = [other for other in alike if other != name]
    if others:
        yield Finding("note", "labels", f"The folder looks like {' or '.join(others)}.")


def counts(about: About, table: ImageTable) -> Iterator[Finding]:
    """Pictures and official splits against the published numbers."""
    if about.pictures is not None:
        yield _against("pictures", len(table), about.pictures)
    for split, published in about.splits.items():
        number = int((table.frame["split"] == split).sum())
        yield _against(f"split {split}", number, published)


def _against(subject: str, number: int, published: int) -> Finding:
    if number > published:
        return Finding("note", subject, f"{number:,}, and {published:,} are published.")
    return Finding(
        "ok" if number == published else "note", subject, f"{number:,} of {published:,} published."
    )


def scores(table: ImageTable) -> Iterator[Finding]:
    """Range and direction; scores that are not the mean of their votes."""
    better = "Higher scores are better."
    if not table.higher_is_better:
        better = "DMOS: lower scores are better; they are turned round for training."
    yield Finding("ok", "direction", better)
    yield _range(table)
    yield from _votes(table)


def _range(table: ImageTable) -> Finding:
    frame = table.frame
    low, high = table.scale
    outside = frame[(frame["mos"] < low) | (frame["mos"] > high)]
    if len(outside):
        names = examples(outside["image"] + " " + outside["mos"].map("{:g}".format))
        what = f"{len(outside):,} lie outside the scale {low:g} to {high:g}: {names}."
        return Finding("note", "scores", what)
    span = f"{frame['mos'].min():g} to {frame['mos'].max():g}"
    return Finding("ok", "scores", f"{span} on a scale from {low:g} to {high:g}.")


def _votes(table: ImageTable) -> Iterator[Finding]:
    """Scores that are not the mean of their votes, where there are votes."""
    if table.votes is None:
        return
    low, high = table.scale
    mean, _ = ratings.mean_and_sd(table.votes, low, high)
    off = np.abs(mean - table.frame["mos"].to_numpy()) > VOTES_OFF * (high - low)
    if off.any():
        names = examples(table.frame["image"][off])
        what = f"{off.sum():,} scores are not the mean of their votes (by over 1 % of the scale): {names}."
        yield Finding("note", "votes", what)


def answers(table: ImageTable) -> Iterator[Finding]:
    """Of a list with answers: words that are no level, that overlap, or that run against the scores."""
    if table.name != "lists":
        return
    words = label_audit.words(table)
    if words.empty:
        return
    unknown = words[~words["known"]]
    overlapping = words.index[words["overlaps"]]
    if len(unknown):
        what = f"{unknown['n'].sum():,} answers end in a word that is no level: {examples(unknown.index)}."
        yield Finding("fault", "words", what)
    if len(overlapping):
        what = f"The scores of {examples(overlapping)} overlap"
        yield Finding("note", "words", f"{what}: they were not cut by thresholds on these scores.")
    along = label_audit.direction(table)
    if along < 0:
        yield _upside_down(table, along)
    elif not len(unknown) and not len(overlapping):
        what = f"{', '.join(words.index)}, in the order of their scores (SRCC {along:+.2f})."
        yield Finding("ok", "words", what)


def _upside_down(table: ImageTable, along: float) -> Finding:
    preset = table.version.removesuffix(":mos")
    return Finding(
        "fault",
        "words",
        f"They run against the scores (SRCC {along:+.2f}): upside down, or scores that are lower for better "
        f"pictures; for the latter give the preset as {preset}:dmos.",
    )


def overlaps(table: ImageTable) -> Iterator[Finding]:
    """File names of a list in two splits, and groups (references, prompts, challenges) in training and test.

    Such names lie in different folders: a picture in two splits is refused when loading.
    """
    if table.name == "lists":
        yield from _repeated_names(table)
    frame = table.frame
    trained = set(frame["group"][frame["split"] == "train"])
    for split in sorted(set(frame["split"]) - {"train", "unused"}):
        tested = set(frame["group"][frame["split"] == split]) - {""}
        shared = tested & trained
        if shared:
            counted = f"{len(shared):,} of {len(tested):,} groups of {split} are in training too"
            yield Finding("note", "groups", f"{counted}: {examples(sorted(shared))}.")


def _repeated_names(table: ImageTable) -> Iterator[Finding]:
    bare = table.frame["image"].str.rpartition("/")[2]
    names = pd.DataFrame({"name": bare, "split": table.frame["split"]}).drop_duplicates()
    repeated = names["name"][names["name"].duplicated()].unique()
    if len(repeated):
        yield Finding(
            "note",
            "splits",
            f"{len(repeated):,} file names stand in more than one split, in different folders: "
            f"{examples(repeated)}; --every-picture tells whether they are the same pictures.",
        )
