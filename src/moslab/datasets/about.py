"""What a dataset's authors publish about it: facts that a copy is compared with, access, and layout."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from moslab.utils.errors import UserError

Aspect = Literal["quality", "aesthetics"]
ASPECTS = get_args(Aspect)


@dataclass(frozen=True)
class About:
    """Facts of a dataset, for `moslab data list`, `moslab data check`, the page on data and the prompts.

    Attributes:
        title: name, first author and year.
        pictures: the published number, None where none is stated.
        obtain: where its authors give it out.
        access: 'open', 'form' (on request, by a form or licence) or 'loose' (no official copy: pictures are
            fetched one by one).
        signs: the columns or keys by which its label file is recognised wherever it lies, each a set that
            must be there whole.
        aspect: what the default preset's scores judge, as prompts say it; learning rates are tuned by it.
        splits: the sizes of the official split, empty where there is none.
        size: '' where we do not know.
        licence: '' where we do not know.
        files: names of label files that have neither columns nor keys.
        layout: label files and, ending in '/', folders of pictures, below the data root. The docstring of
            the dataset's module says which others are read.
        own_split: who splits the pictures and how, where there is no official split.
        parts: label files in use that hold a part of the pictures: how many -> whose they are.

    Raises:
        UserError: for an aspect that is not one of `ASPECTS`.
    """

    title: str
    pictures: int | None
    obtain: str
    access: Literal["open", "form", "loose"]
    signs: tuple[frozenset[str], ...]
    aspect: Aspect
    splits: Mapping[str, int] = field(default_factory=dict)
    size: str = ""
    licence: str = ""
    files: tuple[str, ...] = ()
    layout: tuple[str, ...] = ()
    own_split: str = ""
    parts: Mapping[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.aspect not in ASPECTS:
            raise UserError(
                f"{self.title} states the aspect {self.aspect!r}: write what its scores judge, "
                f"{' or '.join(ASPECTS)}."
            )

    def label(self, pictures: int | None = None) -> str:
        """The dataset's name for a text, with the part of it that is used: 'AVA (9 of 255,530 pictures)'.

        Args:
            pictures: how many are used; all if None.
        """
        name = self.title.partition(" (")[0]
        if pictures is None or self.pictures is None or pictures == self.pictures:
            return name
        whose = f"{self.parts[pictures]}'s " if pictures in self.parts else ""
        return f"{name} ({whose}{pictures:,} of {self.pictures:,} pictures)"
