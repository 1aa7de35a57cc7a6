"""What its authors publish about a dataset: what a copy is held against, how one comes by it, and where it lies."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class About:
    """Facts of a dataset, for `moslab data list`, `moslab data check` and the page on data.

    title: name, first author and year. pictures: the published number, None where none is stated. splits: the sizes of the official split, empty where there is none.
    obtain: where its authors give it out. access: 'open', 'form' (asked for with a form or licence) or 'loose' (no official copy: pictures are fetched one by one).
    size and licence: '' where we do not know. signs: the columns or keys by which its label file is known wherever it lies, each a set that must be there whole; files: names of label files that
    have neither. layout: label files and, ending in '/', folders of pictures, below the data root; the loader's docstring tells which others it takes. own_split: who splits the pictures and
    how, where there is no official split.
    """

    title: str
    pictures: int | None
    obtain: str
    access: Literal["open", "form", "loose"]
    signs: tuple[frozenset[str], ...]
    splits: Mapping[str, int] = field(default_factory=dict)
    size: str = ""
    licence: str = ""
    files: tuple[str, ...] = ()
    layout: tuple[str, ...] = ()
    own_split: str = ""
