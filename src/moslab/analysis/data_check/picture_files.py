"""What the picture files of a dataset show: which are there, which can be used, which are the same."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from moslab.analysis.data_check.findings import Finding, examples
from moslab.analysis.data_check.labels import obtain
from moslab.datasets import folders, pictures
from moslab.datasets.about import About
from moslab.datasets.pictures import PictureError
from moslab.datasets.table import ImageTable, NamedPixels, Pixels
from moslab.utils.content import digest_of

SAMPLE = 200  # pictures opened unless all are asked for
Unfit = dict[str, list[tuple[str, PictureError]]]


@dataclass
class Pictures:
    """The picture files of a table, by what their names and the disk say; nothing is opened.

    Attributes:
        files: rows with files that can be opened.
        lost: paths that are missing.
        respelled: names as labels have them, with the disk's.
        unfit: by what is wrong (`PictureError.kind`), names with sentences.
    """

    files: list[tuple[int, Path]] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    respelled: list[str] = field(default_factory=list)
    unfit: Unfit = field(default_factory=dict)


def pictures_of(table: ImageTable) -> Pictures:
    """Every row's pictures, looked for on the disk; none for pictures in memory."""
    files = Pictures()
    pixels = table.pixels
    if not isinstance(pixels, NamedPixels):
        return files
    for row in range(len(table)):
        try:
            paths = _present(table.pixels, row)
        except PictureError as problem:
            if problem.kind != pictures.MISSING:
                files.unfit.setdefault(problem.kind, []).append((pixels.names[row], problem))
                continue
            paths = []
        if not paths:
            files.lost.append(pictures.shown(pixels.path(row)))
            continue
        files.files += [(row, path) for path in paths]
        if pixels.spelled(row) != pixels.names[row]:
            files.respelled.append(f"{pixels.names[row]} ({pixels.spelled(row)})")
    return files


def _present(pixels: Pixels, row: int) -> list[Path]:
    """The files of a row that are there; PictureError for one that is no ordinary file."""
    paths = [path for path in pixels.paths(row) if not pictures.is_missing(path)]
    for path in paths:
        pictures.check_file(path, pixels.where(row))
    return paths


def presence(about: About, table: ImageTable, files: Pictures) -> Iterator[Finding]:
    """Pictures that are missing, spelled otherwise, or none. Without any, labels can still be studied."""
    if files.lost and not files.files and not files.unfit:
        yield _no_pictures(files.lost)
        if about.pictures:
            yield Finding("note", "obtain", obtain(about))
    elif files.lost:
        what = f"{len(files.lost):,} of {len(table):,} are missing: {examples(files.lost)}."
        yield Finding("fault", "pictures", what)
    elif files.files and not files.unfit:
        yield Finding("ok", "pictures", f"All {len(table):,} are there.")
    yield from _unfit(files.unfit, f"of {len(table):,}")
    if files.respelled:
        counted = f"{len(files.respelled):,} of {len(table):,} are"
        names = examples(files.respelled)
        what = f"{counted} spelled otherwise on the disk than in the labels: {names}."
        yield Finding("note", "pictures", what)


def _no_pictures(lost: Sequence[str]) -> Finding:
    folder = Path(lost[0]).parent
    packed = folders.still_packed(folder) or folders.still_packed(folder.parent)
    what = f"None of them is there (first: {lost[0]}); labels alone can be studied.{packed}"
    return Finding("note", "pictures", what)


def contents(table: ImageTable, files: Sequence[tuple[int, Path]], every_picture: bool) -> Iterator[Finding]:
    """Pictures that cannot be used, what is worth knowing of others, and the same bytes under two names."""
    opened = files if every_picture else files[:: max(1, len(files) // SAMPLE)][:SAMPLE]
    unfit: Unfit = {}
    traits: dict[str, list[str]] = {}
    rows_of: dict[str, list[int]] = {}  # by digest
    for row, path in opened:
        try:
            for trait in pictures.traits(path, table.pixels.where(row)):
                traits.setdefault(trait, []).append(path.name)
        except PictureError as problem:
            unfit.setdefault(problem.kind, []).append((path.name, problem))
            continue
        rows_of.setdefault(digest_of(path), []).append(row)
    yield from _unfit(unfit, f"of {len(opened):,} opened")
    if opened and not unfit:
        more = "" if every_picture else "; --every-picture opens all and finds duplicates"
        yield Finding("ok", "pictures", f"{len(opened):,} were opened and can be read{more}.")
    for trait, names in traits.items():
        what = f"{len(names):,} of {len(opened):,} opened {trait}: {examples(names)}."
        yield Finding("note", "pictures", what)
    for rows in rows_of.values():
        yield from _duplicates(table, rows)


def _duplicates(table: ImageTable, rows: Sequence[int]) -> Iterator[Finding]:
    """Rows whose files hold the same bytes: a fault where they are in different splits."""
    images = [table.frame["image"][row] for row in rows]
    if len(set(images)) < 2:
        return
    same = f"{examples(images)} are the same file"
    if table.frame["split"].iloc[list(rows)].nunique() > 1:
        yield Finding("fault", "duplicates", f"{same} in different splits.")
    else:
        yield Finding("note", "duplicates", f"{same}.")


def _unfit(unfit: Unfit, among: str) -> Iterator[Finding]:
    """A fault for each thing that is wrong, with the sentence of the first picture and others by name."""
    for kind, problems in unfit.items():
        (_, first), *others = problems
        names = [pictures.shown(name) for name, _ in others]
        more = f" The same of {examples(names)}." if names else ""
        yield Finding("fault", "pictures", f"{len(problems):,} {among} {kind}. {first}{more}")
