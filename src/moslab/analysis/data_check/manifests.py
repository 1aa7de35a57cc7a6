"""Digests of a copy, by which two people see whether theirs are the same."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from moslab.analysis.data_check.findings import Finding, examples
from moslab.analysis.data_check.picture_files import pictures_of
from moslab.datasets.table import FramePixels, ImageTable
from moslab.utils.content import digests_of
from moslab.utils.errors import UserError
from moslab.utils.files import digest, read_json, write_json


def manifest(table: ImageTable) -> dict[str, Any]:
    """Digests of a copy: one over all labels, one per row of labels, one per picture that is there."""
    files = _named_files(table)
    return {
        "dataset": table.name,
        "version": table.version,
        "labels": table.manifest(),
        "rows": _row_digests(table),
        "pictures": dict(zip(files, digests_of(list(files.values())))),
    }


def _row_digests(table: ImageTable) -> dict[str, str]:
    rows = {}
    for number, row in enumerate(table.frame.itertuples(index=False)):
        labels = [f"{row.mos:.6f}", f"{row.sd:.6f}", row.text, _votes(table, number)]
        rows[f"{row.image} ({row.split})"] = digest(labels)
    return rows


def _votes(table: ImageTable, row: int) -> str:
    """The votes of a row as text, '' where there are none."""
    return "" if table.votes is None else " ".join(f"{count:g}" for count in table.votes[row])


def _named_files(table: ImageTable) -> dict[str, Path]:
    """The picture files that are there, by name; of a video every frame."""
    several = isinstance(table.pixels, FramePixels)
    files = {}
    for row, path in pictures_of(table).files:
        image = table.frame["image"][row]
        files[f"{image}/{path.name}" if several else image] = path
    return files


def write_manifest(table: ImageTable, path: Path) -> Path:
    """The manifest as JSON, for others who want to know whether their copy is the same."""
    write_json(path, manifest(table))
    return path


def compare(table: ImageTable, path: Path) -> list[Finding]:
    """This copy against the manifest of another.

    Raises:
        UserError: for a file that is no manifest.
    """
    theirs, ours = read_json(path), manifest(table)
    if not isinstance(theirs, dict) or set(theirs) != set(ours):
        raise UserError(
            f"{path} is not a manifest: take a file written by `moslab data check --write-manifest`."
        )
    if (theirs["dataset"], theirs["version"]) != (ours["dataset"], ours["version"]):
        what = f"It belongs to {_dataset_in_words(theirs)}; this is {_dataset_in_words(ours)}."
        return [Finding("fault", "manifest", what)]
    labels = _differences("labels", theirs["rows"], ours["rows"])
    pictures = _differences("pictures", theirs["pictures"], ours["pictures"])
    return [*labels, *pictures]


def _dataset_in_words(content: dict[str, Any]) -> str:
    return f"{content['dataset']}, version {content['version'] or 'default'}"


def _differences(noun: str, theirs: dict[str, str], ours: dict[str, str]) -> Iterator[Finding]:
    kinds = {
        "missing here": [name for name in theirs if name not in ours],
        "only here": [name for name in ours if name not in theirs],
        "different": [name for name in theirs if name in ours and theirs[name] != ours[name]],
    }
    for kind, names in kinds.items():
        if names:
            yield Finding("fault", f"manifest, {noun}", f"{len(names):,} {kind}: {examples(names)}.")
    if not any(kinds.values()):
        yield Finding("ok", f"manifest, {noun}", f"All {len(ours):,} are the same.")
