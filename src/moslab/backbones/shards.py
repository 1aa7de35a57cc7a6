"""Visual tokens of many pictures on disk: written as they come and read row by row.

No more than a batch of them is ever in memory. A shard is two files, each named after the SHA-256 of its
bytes: the tokens end to end (.tokens), and an index of them (.safetensors). The index is written last, so
tokens whose writing was ended count for nothing.
"""

import json
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from itertools import accumulate
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from moslab.utils.content import digest_of, digests_of
from moslab.utils.files import cannot_write, write_atomic

INDEX, TOKENS, UNFINISHED = ".safetensors", ".tokens", ".part"


@dataclass(frozen=True)
class Batch:
    """Pictures that the vision tower looked at together.

    Attributes:
        rows: which rows of the table they are.
        tokens: their visual tokens end to end, [all tokens, width].
        counts: number of tokens of each picture.
        others: what else the language model needs of them, by name, [pictures, ...]; see `extra_inputs`.
    """

    rows: list[int]
    tokens: torch.Tensor
    counts: list[int]
    others: dict[str, torch.Tensor]


@dataclass
class About:
    """What is known of pictures besides their tokens, gathered batch by batch.

    It is gathered in lists, since tensors that stay, however small, would lie in the memory of the batches
    that are gone and keep others out of it.
    """

    rows: list[int] = field(default_factory=list)
    numbers: dict[str, list[Any]] = field(default_factory=dict)
    kinds: dict[str, torch.dtype] = field(default_factory=dict)

    def add(self, batch: Batch) -> None:
        """What is known of one batch more."""
        self.rows += batch.rows
        for name, value in {"counts": torch.tensor(batch.counts), **batch.others}.items():
            self.numbers.setdefault(name, []).extend(value.tolist())
            self.kinds[name] = value.dtype

    def tensors(self) -> dict[str, torch.Tensor]:
        """Number of tokens, as `counts`, and what else there is, [pictures, ...]."""
        return {name: torch.tensor(some, dtype=self.kinds[name]) for name, some in self.numbers.items()}


@dataclass(frozen=True)
class TokenFile:
    """Tokens [all, width] in a file, memory-mapped: only what is asked for is read."""

    path: Path
    width: int
    dtype: torch.dtype

    @cached_property
    def _bytes(self) -> np.ndarray:
        return np.asarray(np.memmap(self.path, np.uint8, "r"))

    def __getitem__(self, rows: slice) -> torch.Tensor:
        """Some of them in a row, [tokens, width], as a copy."""
        step = self.width * self.dtype.itemsize
        content = self._bytes[rows.start * step : rows.stop * step].copy()
        return torch.from_numpy(content).view(self.dtype).view(-1, self.width)

    def is_complete(self, tokens: int) -> bool:
        """Whether it has the length of so many tokens."""
        return self.path.stat().st_size == tokens * self.width * self.dtype.itemsize


@dataclass(frozen=True)
class Shard:
    """Features of some pictures together.

    Attributes:
        pictures: which they are, by content.
        tokens: all their visual tokens end to end, [all tokens, width].
        ends: where each picture's tokens end, and 0 before, [pictures + 1].
        others: what else the language model needs of them, by name, [pictures, ...]; see `extra_inputs`.
    """

    pictures: Sequence[str]
    tokens: torch.Tensor | TokenFile
    ends: list[int]
    others: dict[str, torch.Tensor]

    @classmethod
    def of_batches(cls, pictures: Sequence[str], batches: Sequence[Batch]) -> "Shard":
        """One in memory."""
        about = About()
        for batch in batches:
            about.add(batch)
        tensors = about.tensors()
        return cls(pictures, torch.cat([batch.tokens for batch in batches]), _ends(tensors), tensors)

    @classmethod
    def of_file(cls, path: Path) -> "Shard":
        """The one of an index. ValueError where its tokens are not complete."""
        with safe_open(path, "pt") as stored:
            about = json.loads(stored.metadata()["shard"])
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}
        place = path.parent / about["tokens"]
        tokens = TokenFile(place, about["width"], getattr(torch, about["precision"]))
        ends = _ends(tensors)
        if not tokens.is_complete(ends[-1]):
            raise ValueError(f"{tokens.path} is not complete")
        return cls(about["pictures"], tokens, ends, tensors)

    def of(self, number: int) -> torch.Tensor:
        """Visual tokens of one picture, [tokens, width]."""
        return self.tokens[self.ends[number] : self.ends[number + 1]]

    def count(self, number: int) -> int:
        """How many these are."""
        return self.ends[number + 1] - self.ends[number]


def _ends(tensors: dict[str, torch.Tensor]) -> list[int]:
    """Takes the counts out of a shard's tensors and adds them up."""
    return list(accumulate(tensors.pop("counts").tolist(), initial=0))


def stored(home: Path, wanted: Collection[str]) -> list[Shard]:
    """The shards of a folder that hold a wanted picture.

    Whatever is not what its name says, not complete, or belongs to nothing, is removed.
    """
    shards: dict[Path, Shard] = {}
    for path in sorted(home.glob(f"*{INDEX}")):
        with suppress(ValueError, KeyError, TypeError, AttributeError, OSError, SafetensorError):
            if digest_of(path) == path.stem:
                shards[path] = Shard.of_file(path)
    _remove_all_but(home, shards)
    needed = {path: shard for path, shard in shards.items() if not set(wanted).isdisjoint(shard.pictures)}
    found = digests_of([_tokens_of(shard) for shard in needed.values()])
    for (path, shard), digest in zip(list(needed.items()), found):
        if digest != _tokens_of(shard).stem:
            del needed[path], shards[path]
    _remove_all_but(home, shards)
    return list(needed.values())


def _tokens_of(shard: Shard) -> Path:
    assert isinstance(shard.tokens, TokenFile)
    return shard.tokens.path


def _remove_all_but(home: Path, shards: dict[Path, Shard]) -> None:
    """Remove the files that belong to none of a folder's shards."""
    belonging = {*shards, *map(_tokens_of, shards.values())}
    for kind in (INDEX, TOKENS, UNFINISHED):
        for path in home.glob(f"*{kind}"):
            if path not in belonging:
                path.unlink(missing_ok=True)


def write(home: Path, batches: Iterable[Batch], names: dict[int, str], most: int) -> Path:
    """Write a shard of the next batches, each as it comes.

    Args:
        home: the folder.
        batches: are taken until a shard is full.
        names: of pictures by content, by row.
        most: bytes of tokens with which it is full.

    Returns:
        Its index.

    Raises:
        UserError: where the disk is full or the folder cannot be written.
    """
    about = About()
    content = sha256()
    with _unfinished(home) as stream:
        for batch in batches:
            raw = batch.tokens.contiguous().view(torch.uint8).numpy().data
            stream.write(raw)
            content.update(raw)
            about.add(batch)
            if stream.tell() >= most:
                break
        stream.flush()
        os.fsync(stream.fileno())
        os.replace(stream.name, home / f"{content.hexdigest()}{TOKENS}")
    shard = {
        "pictures": [names[row] for row in about.rows],
        "tokens": f"{content.hexdigest()}{TOKENS}",
        "width": batch.tokens.shape[1],
        "precision": str(batch.tokens.dtype).removeprefix("torch."),
    }
    index = save(about.tensors(), metadata={"shard": json.dumps(shard)})
    return write_atomic(home / f"{sha256(index).hexdigest()}{INDEX}", index)


@contextmanager
def _unfinished(home: Path) -> Iterator[IO[bytes]]:
    """A new file in a folder, removed unless it has got another name inside."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=home, suffix=UNFINISHED, delete=False) as stream:
            try:
                os.chmod(stream.name, 0o644)
                yield stream
            finally:
                Path(stream.name).unlink(missing_ok=True)
    except OSError as problem:
        raise cannot_write(home, problem) from problem
