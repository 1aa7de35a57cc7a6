"""Compares a copy of a dataset with what its authors publish.

Findings say what is there, what is missing and what cannot be right.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from moslab import datasets
from moslab.analysis.data_check.findings import Finding, Level
from moslab.analysis.data_check.labels import answers, counts, obtain, overlaps, read, scores
from moslab.analysis.data_check.manifests import compare, manifest, write_manifest
from moslab.analysis.data_check.picture_files import SAMPLE, contents, pictures_of, presence
from moslab.analysis.data_check.recognising import columns_of, looks_like
from moslab.datasets.table import ImageTable

__all__ = [
    "SAMPLE",
    "Finding",
    "Level",
    "answers",
    "as_json",
    "check",
    "columns_of",
    "compare",
    "contents",
    "counts",
    "looks_like",
    "manifest",
    "obtain",
    "overlaps",
    "overview",
    "pictures_of",
    "presence",
    "read",
    "scores",
    "write_manifest",
]


def check(
    name: str, root: Path, preset: str = "default", protocol: str = "", every_picture: bool = False
) -> tuple[list[Finding], ImageTable | None]:
    """Findings, and the table where the labels can be read.

    Args:
        root: the data root.
        protocol: other splits than the dataset's own.
        every_picture: open and compare all pictures, instead of a sample of 200.
    Raises:
        UserError: for a name that is no published dataset.
    """
    about = datasets.module_of(name).ABOUT
    table, findings = read(name, root, preset, protocol)
    if table is None:
        if about.pictures:
            findings.append(Finding("note", "obtain", obtain(about)))
        return findings, None
    files = pictures_of(table)
    if not protocol:
        findings += counts(about, table)
    findings += [*scores(table), *answers(table), *overlaps(table)]
    findings += [*presence(about, table, files), *contents(table, files.files, every_picture)]
    return findings, table


def as_json(name: str, findings: Sequence[Finding]) -> str:
    """The report for machines."""
    report = {
        "dataset": name,
        "ok": not any(finding.level == "fault" for finding in findings),
        "findings": [asdict(finding) for finding in findings],
    }
    return json.dumps(report, indent=1)


def overview(root: Path | None) -> pd.DataFrame:
    """Every published dataset, one row each.

    Args:
        root: the data root; None if there is none.
    Returns:
        Columns name (the one used here), dataset, pictures, access (how one comes by it), size and here
        (whether a folder of it is there).
    """
    rows = []
    for name in datasets.PUBLISHED:
        about = datasets.module_of(name).ABOUT
        rows.append(
            {
                "name": name,
                "dataset": about.title,
                "pictures": about.pictures,
                "access": about.access,
                "size": about.size or "",
                "here": bool(root and (root / name).is_dir()),
            }
        )
    return pd.DataFrame(rows).astype({"pictures": "Int64"})
