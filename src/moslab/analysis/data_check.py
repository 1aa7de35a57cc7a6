"""Holding a copy of a dataset against what its authors publish: what is there, what is missing, what cannot be right."""

import json
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.io import whosmat
from scipy.io.matlab import MatReadError

from moslab import datasets
from moslab.analysis import label_audit
from moslab.datasets import folders, labelfile, pictures, ratings
from moslab.datasets.about import About
from moslab.datasets.pictures import PictureError
from moslab.datasets.table import FramePixels, ImageTable, NamedPixels
from moslab.utils.content import digest_of, digests_of
from moslab.utils.errors import UserError
from moslab.utils.files import digest, read_json, write_json

SAMPLE = 200  # pictures opened unless all are asked for
SHOWN = 3  # examples named in a finding


@dataclass(frozen=True)
class Finding:
    """level: ok, note (worth knowing, nothing is wrong with the copy) or fault."""

    level: Literal["ok", "note", "fault"]
    subject: str
    what: str


def check(
    name: str, root: Path, preset: str = "default", protocol: str = "", every_picture: bool = False
) -> tuple[list[Finding], ImageTable | None]:
    """Findings, and the table where the labels can be read. every_picture: open and compare all pictures, instead of a sample of 200.

    UserError for a name that is no published dataset.
    """
    about = known(name).ABOUT
    table, findings = read(name, root, preset, protocol)
    if table is None:
        return [*findings, *([Finding("note", "obtain", obtain(about))] if about.pictures else [])], None
    found = pictures_of(table)
    labels = [*([] if protocol else counts(about, table)), *scores(table), *answers(table), *overlaps(table)]
    looked = [*presence(about, table, found), *contents(table, found.files, every_picture)]
    return [*findings, *labels, *looked], table


def known(name: str) -> Any:
    """The module of a published dataset."""
    return datasets.module_of(name)


def obtain(about: About) -> str:
    """Where a dataset comes from, in a sentence."""
    ways = {"open": "free to fetch", "form": "given out on request", "loose": "no official copy"}
    return f"{about.title}: {about.obtain} ({', '.join(part for part in (ways[about.access], about.size, about.licence or 'licence not stated') if part)})."


# --- labels -----------------------------------------------------------------------------------------------------------------------------


def read(name: str, root: Path, preset: str, protocol: str) -> tuple[ImageTable | None, list[Finding]]:
    """The table, with what its loader warned of; or why it cannot be read, and what the folder looks like instead."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", UserWarning)
        try:
            table = datasets.load(name, root=str(root), preset=preset, protocol=protocol)
        except UserError as problem:
            others = [
                other
                for other in looks_like(*([root / name, "*/*"] if (root / name).is_dir() else [root]))
                if other != name
            ]
            hint = (
                [Finding("note", "labels", f"The folder looks like {' or '.join(others)}.")] if others else []
            )
            return None, [Finding("fault", "labels", str(problem)), *hint]
    version = f", {table.version}" if table.version not in ("", "default") else ""
    return table, [
        Finding("ok", "labels", f"{len(table):,} pictures{version}."),
        *(Finding("note", "labels", str(warning.message)) for warning in said),
    ]


def looks_like(folder: Path, *deeper: str) -> list[str]:
    """Names of the datasets whose label files lie in a folder (or deeper, by patterns): those of which most columns are found."""
    seen = [
        (path.name, columns_of(path))
        for pattern in ("*", *deeper)
        for path in sorted(folder.glob(pattern))
        if path.suffix.lower() in (".csv", ".txt", ".json", ".jsonl", ".mat")
    ][:200]
    sure: dict[str, int] = {}
    for name in datasets.PUBLISHED:
        module = datasets.module_of(name)
        fits = [len(sign) for sign in module.ABOUT.signs for _, columns in seen if sign <= columns]
        fits += [10 for file, _ in seen if file in module.ABOUT.files]
        if fits:
            sure[name] = max(fits)
    best = max(sure.values(), default=0)
    return [name for name in sure if sure[name] == best]


def columns_of(path: Path) -> frozenset[str]:
    """The columns of a table, or the keys of a list's first object; none for what is neither."""
    try:
        if path.suffix.lower() == ".mat":
            return frozenset(name for name, *_ in whosmat(path))
        if path.suffix.lower() in (".json", ".jsonl"):
            with open(path, encoding="utf-8-sig") as stream:
                first = stream.read(20_000).lstrip("[ \n\r\t")
            return frozenset(json.JSONDecoder().raw_decode(first)[0])
        return frozenset(labelfile.header(path))
    except (UserError, MatReadError, ValueError, TypeError, OSError):
        return frozenset()


def counts(about: About, table: ImageTable) -> Iterator[Finding]:
    """Pictures and official splits against the published numbers."""
    if about.pictures is not None:
        yield _against("pictures", len(table), about.pictures)
    for split, published in about.splits.items():
        yield _against(f"split {split}", int((table.frame["split"] == split).sum()), published)


def _against(subject: str, found: int, published: int) -> Finding:
    level = "ok" if found == published else "note"
    return Finding(
        level,
        subject,
        f"{found:,} of {published:,} published."
        if found <= published
        else f"{found:,}, and {published:,} are published.",
    )


def scores(table: ImageTable) -> Iterator[Finding]:
    """Range and direction; scores that are not the mean of their votes."""
    frame, (low, high) = table.frame, table.scale
    yield Finding(
        "ok",
        "direction",
        "Higher scores are better."
        if table.higher_is_better
        else "DMOS: lower scores are better; they are turned round for training.",
    )
    outside = frame[(frame["mos"] < low) | (frame["mos"] > high)]
    if len(outside):
        yield Finding(
            "note",
            "scores",
            f"{len(outside):,} lie outside the scale {low:g} to {high:g}: {_examples(outside['image'] + ' ' + outside['mos'].map('{:g}'.format))}.",
        )
    else:
        yield Finding(
            "ok",
            "scores",
            f"{frame['mos'].min():g} to {frame['mos'].max():g} on a scale from {low:g} to {high:g}.",
        )
    if table.votes is not None:
        off = np.abs(ratings.mean_and_sd(table.votes, low, high)[0] - frame["mos"].to_numpy()) > 0.01 * (
            high - low
        )
        if off.any():
            yield Finding(
                "note",
                "votes",
                f"{off.sum():,} scores are not the mean of their votes (by over 1 % of the scale): {_examples(frame['image'][off])}.",
            )


def answers(table: ImageTable) -> Iterator[Finding]:
    """Of a list with answers: words that are none of the five, words whose scores overlap, and words that run against the scores."""
    if table.name != "lists" or (found := label_audit.words(table)).empty:
        return
    if not found["known"].all():
        yield Finding(
            "fault",
            "words",
            f"{found['n'][~found['known']].sum():,} answers end in a word that is no level: {_examples(found.index[~found['known']])}.",
        )
    if found["overlaps"].any():
        yield Finding(
            "note",
            "words",
            f"The scores of {_examples(found.index[found['overlaps']])} overlap: they were not cut by thresholds on these scores.",
        )
    along = label_audit.direction(table)
    if along < 0:
        preset = table.version.removesuffix(":mos")
        yield Finding(
            "fault",
            "words",
            f"They run against the scores (SRCC {along:+.2f}): upside down, or "
            "scores that are lower for better pictures; for the latter give the "
            f"preset as {preset}:dmos.",
        )
    elif found["known"].all() and not found["overlaps"].any():
        yield Finding(
            "ok", "words", f"{', '.join(found.index)}, in the order of their scores (SRCC {along:+.2f})."
        )


def overlaps(table: ImageTable) -> Iterator[Finding]:
    """File names of a list in two splits, and groups (references, prompts, challenges) in training and test.

    Such names lie in different folders: a picture in two splits is refused when loading.
    """
    frame = table.frame
    if table.name == "lists":
        bare = frame["image"].str.rpartition("/")[2]
        names = pd.DataFrame({"name": bare, "split": frame["split"]}).drop_duplicates()
        twice = names["name"][names["name"].duplicated()].unique()
        if len(twice):
            yield Finding(
                "note",
                "splits",
                f"{len(twice):,} file names stand in more than one split, in "
                f"different folders: {_examples(twice)}; --every-picture tells "
                "whether they are the same pictures.",
            )
    for split in sorted(set(frame["split"]) - {"train", "unused"}):
        tested = set(frame["group"][frame["split"] == split]) - {""}
        shared = tested & set(frame["group"][frame["split"] == "train"])
        if shared:
            yield Finding(
                "note",
                "groups",
                f"{len(shared):,} of {len(tested):,} groups of {split} are in training too: {_examples(sorted(shared))}.",
            )


# --- pictures ---------------------------------------------------------------------------------------------------------------------------


Unfit = dict[str, list[tuple[str, PictureError]]]


@dataclass
class Pictures:
    """The picture files of a table, by what their names alone and the disk tell; nothing is opened.

    files: rows with files that can be opened. lost: paths that are missing. respelled: names as labels have
    them, with the disk's. unfit: by what is wrong (`PictureError.kind`), names with sentences.
    """

    files: list[tuple[int, Path]] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    respelled: list[str] = field(default_factory=list)
    unfit: Unfit = field(default_factory=dict)


def pictures_of(table: ImageTable) -> Pictures:
    """Every row's pictures, looked for on the disk."""
    found, pixels = Pictures(), table.pixels
    if not isinstance(pixels, NamedPixels):
        return found
    for row in range(len(table)):
        try:
            paths = [path for path in pixels.paths(row) if not pictures.is_missing(path)]
            for path in paths:
                pictures.check_file(path, pixels.where(row))
        except PictureError as problem:
            if problem.kind != pictures.MISSING:
                found.unfit.setdefault(problem.kind, []).append((pixels.names[row], problem))
                continue
            paths = []
        if not paths:
            found.lost.append(pictures.shown(pixels.path(row)))
            continue
        found.files += [(row, path) for path in paths]
        if pixels.spelled(row) != pixels.names[row]:
            found.respelled.append(f"{pixels.names[row]} ({pixels.spelled(row)})")
    return found


def presence(about: About, table: ImageTable, found: Pictures) -> Iterator[Finding]:
    """Pictures that are missing, spelled otherwise, or none. Without any, labels can still be studied."""
    lost = found.lost
    if lost and not found.files and not found.unfit:
        folder = Path(lost[0]).parent
        yield Finding(
            "note",
            "pictures",
            f"None of them is there (first: {lost[0]}); labels alone can be studied.{folders.still_packed(folder) or folders.still_packed(folder.parent)}",
        )
        if about.pictures:
            yield Finding("note", "obtain", obtain(about))
    elif lost:
        yield Finding("fault", "pictures", f"{len(lost):,} of {len(table):,} are missing: {_examples(lost)}.")
    elif found.files and not found.unfit:
        yield Finding("ok", "pictures", f"All {len(table):,} are there.")
    yield from _unfit(found.unfit, f"of {len(table):,}")
    if found.respelled:
        counted = f"{len(found.respelled):,} of {len(table):,} are"
        names = _examples(found.respelled)
        what = f"{counted} spelled otherwise on the disk than in the labels: {names}."
        yield Finding("note", "pictures", what)


def contents(table: ImageTable, files: Sequence[tuple[int, Path]], every_picture: bool) -> Iterator[Finding]:
    """Pictures that cannot be used, what is worth knowing of others, and the same bytes under two names."""
    chosen = files if every_picture else files[:: max(1, len(files) // SAMPLE)][:SAMPLE]
    unfit: Unfit = {}
    traits: dict[str, list[str]] = {}
    seen: dict[str, list[int]] = {}
    for row, path in chosen:
        try:
            for trait in pictures.traits(path, table.pixels.where(row)):
                traits.setdefault(trait, []).append(path.name)
        except PictureError as problem:
            unfit.setdefault(problem.kind, []).append((path.name, problem))
            continue
        seen.setdefault(digest_of(path), []).append(row)
    yield from _unfit(unfit, f"of {len(chosen):,} opened")
    if chosen and not unfit:
        yield Finding(
            "ok",
            "pictures",
            f"{len(chosen):,} were opened and can be read{'' if every_picture else '; --every-picture opens all and finds duplicates'}.",
        )
    for trait, names in traits.items():
        what = f"{len(names):,} of {len(chosen):,} opened {trait}: {_examples(names)}."
        yield Finding("note", "pictures", what)
    split = table.frame["split"].to_numpy()
    for rows in (
        rows
        for rows in seen.values()
        if len(rows) > 1 and len({table.frame["image"][row] for row in rows}) > 1
    ):
        apart = len(set(split[rows])) > 1
        yield Finding(
            "fault" if apart else "note",
            "duplicates",
            f"{_examples([table.frame['image'][row] for row in rows])} are the same file{' in different splits' if apart else ''}.",
        )


def _unfit(unfit: Unfit, among: str) -> Iterator[Finding]:
    """A fault for each thing that is wrong, with the sentence of the first picture and others by name."""
    for kind, found in unfit.items():
        others = [pictures.shown(name) for name, _ in found[1:]]
        beside = f" The same of {_examples(others)}." if others else ""
        yield Finding("fault", "pictures", f"{len(found):,} {among} {kind}. {found[0][1]}{beside}")


def _examples(names: Any) -> str:
    names = list(names)
    return ", ".join(map(str, names[:SHOWN])) + (
        f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    )


# --- manifest ---------------------------------------------------------------------------------------------------------------------------


def manifest(table: ImageTable) -> dict[str, Any]:
    """Digests of a copy: one over all labels, one per row of labels, one per picture that is there."""
    votes = (
        [""] * len(table)
        if table.votes is None
        else [" ".join(f"{count:g}" for count in row) for row in table.votes]
    )
    rows = {
        f"{row.image} ({row.split})": digest([f"{row.mos:.6f}", f"{row.sd:.6f}", row.text, voted])
        for row, voted in zip(table.frame.itertuples(index=False), votes)
    }
    several = isinstance(table.pixels, FramePixels)
    files = {}
    for row, path in pictures_of(table).files:
        image = table.frame["image"][row]
        files[f"{image}/{path.name}" if several else image] = path
    return {
        "dataset": table.name,
        "version": table.version,
        "labels": table.manifest(),
        "rows": rows,
        "pictures": dict(zip(files, digests_of(list(files.values())))),
    }


def write_manifest(table: ImageTable, path: Path) -> Path:
    """The manifest as JSON, for whoever wants to know whether their copy is the same."""
    write_json(path, manifest(table))
    return path


def compare(table: ImageTable, path: Path) -> list[Finding]:
    """This copy against the manifest of another."""
    theirs, ours = read_json(path), manifest(table)
    if not isinstance(theirs, dict) or set(theirs) != set(ours):
        raise UserError(
            f"{path} is not a manifest: take a file written by `moslab data check --write-manifest`."
        )
    if (theirs["dataset"], theirs["version"]) != (ours["dataset"], ours["version"]):
        return [
            Finding(
                "fault",
                "manifest",
                f"It belongs to {theirs['dataset']}, version {theirs['version'] or 'default'}; this is {ours['dataset']}, version {ours['version'] or 'default'}.",
            )
        ]
    return [
        finding
        for part, noun in (("rows", "labels"), ("pictures", "pictures"))
        for finding in _differences(noun, theirs[part], ours[part])
    ]


def _differences(noun: str, theirs: dict[str, str], ours: dict[str, str]) -> Iterator[Finding]:
    other = [name for name in theirs if name in ours and theirs[name] != ours[name]]
    kinds = {
        "missing here": [name for name in theirs if name not in ours],
        "only here": [name for name in ours if name not in theirs],
        "different": other,
    }
    for kind, names in kinds.items():
        if names:
            yield Finding("fault", f"manifest, {noun}", f"{len(names):,} {kind}: {_examples(names)}.")
    if not any(kinds.values()):
        yield Finding("ok", f"manifest, {noun}", f"All {len(ours):,} are the same.")


def as_json(name: str, findings: Sequence[Finding]) -> str:
    """The report for machines."""
    return json.dumps(
        {
            "dataset": name,
            "ok": not any(finding.level == "fault" for finding in findings),
            "findings": [asdict(finding) for finding in findings],
        },
        indent=1,
    )


def overview(root: Path | None) -> pd.DataFrame:
    """Every published dataset: its name here, what it is, how many pictures, how one comes by it, whether a folder of it is there."""
    abouts = {name: datasets.module_of(name).ABOUT for name in datasets.PUBLISHED}
    rows = [
        {
            "name": name,
            "dataset": about.title,
            "pictures": about.pictures,
            "access": about.access,
            "size": about.size or "",
            "here": bool(root and (root / name).is_dir()),
        }
        for name, about in abouts.items()
    ]
    return pd.DataFrame(rows).astype({"pictures": "Int64"})
