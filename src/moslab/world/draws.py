"""Keyed random draws: every number is a pure function of (seed, stream name, index, sub-index).

There is no generator state, so enlarging a dataset or adding a field never moves a number that was there
before, and no numpy release can change one. Key: BLAKE2b of "seed|name"; mixing: the finaliser of splitmix64
(Steele, Lea and Flood, 2014), unsigned 64-bit integers only.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import blake2b
from itertools import accumulate
from typing import TypeVar

import numpy as np

T = TypeVar("T")

_GOLDEN, _STRIDE = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD1342543DE82EF95)
_AT_ONCE = 64  # draws of one Dice
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


def integers(seed: int, name: str, ids: np.ndarray | int, sub: np.ndarray | int = 0) -> np.ndarray:
    """uint64 draws, shaped like `ids` broadcast against `sub`."""
    ids = np.asarray(ids).astype(np.uint64)
    sub = np.asarray(sub).astype(np.uint64)
    with np.errstate(over="ignore"):  # wrapping around is the arithmetic meant here
        return _mixed(_mixed(_key(seed, name) + ids * _GOLDEN) + sub * _STRIDE + np.uint64(1))


def uniform(seed: int, name: str, ids: np.ndarray | int, sub: np.ndarray | int = 0) -> np.ndarray:
    """Draws from [0, 1) with 53 bits."""
    return (integers(seed, name, ids, sub) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def normal(seed: int, name: str, ids: np.ndarray | int, sub: np.ndarray | int = 0) -> np.ndarray:
    """Standard normal draws, multiples of 1e-9."""
    return normal_quantile(uniform(seed, name, ids, sub))


def choice(seed: int, name: str, ids: np.ndarray, weights: np.ndarray, sub: int = 0) -> np.ndarray:
    """Class numbers drawn by weights.

    Args:
        seed: of the draws.
        name: of the stream.
        ids: numbers of the pictures [n].
        weights: [k], or [n, k] for a row of weights per id; they need not sum to 1.
        sub: sub-index of the draw.

    Returns:
        Class numbers [n].
    """
    total = np.cumsum(np.asarray(weights, dtype=np.float64), axis=-1)
    threshold = uniform(seed, name, ids, sub)[..., None] * total[..., -1:]
    return np.minimum((threshold >= total).sum(-1), total.shape[-1] - 1)


class Dice:
    """Keyed draws one after the other, for things made of any number of choices, such as a sentence.

    The k-th draw is a function of (seed, name, id, k).
    """

    def __init__(self, seed: int, name: str, id: int, drawn: Sequence[float] = ()) -> None:
        """Args: as of `uniform`; `drawn` are the first draws, where they are known."""
        self._key = (seed, name, id)
        self._taken = 0
        self._draws = list(drawn)

    @classmethod
    def each(cls, seed: int, name: str, ids: np.ndarray) -> Iterator["Dice"]:
        """The dice of every id [n]; their first draws are made together, which takes a tenth of the time."""
        drawn = uniform(seed, name, ids[:, None], np.arange(_AT_ONCE))
        for id, row in zip(ids.tolist(), drawn):
            yield cls(seed, name, id, row.tolist())

    def uniform(self) -> float:
        """The next draw from [0, 1)."""
        if self._taken == len(self._draws):
            self._draws += uniform(*self._key, np.arange(self._taken, self._taken + _AT_ONCE)).tolist()
        self._taken += 1
        return self._draws[self._taken - 1]

    def integer(self, n: int) -> int:
        """One of 0 ... n - 1."""
        return int(self.uniform() * n)

    def choice(self, items: Sequence[T], weights: Sequence[float] | None = None) -> T:
        """One of `items`, evenly or by weights that sum to 1."""
        if weights is None:
            return items[self.integer(len(items))]
        draw = self.uniform()
        for item, upper in zip(items, accumulate(weights)):
            if draw < upper:
                return item
        return items[-1]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """`items` in random order."""
        keyed = sorted((self.uniform(), position) for position in range(len(items)))
        return [items[position] for _, position in keyed]


@lru_cache(maxsize=4096)
def _key(seed: int, name: str) -> np.uint64:
    key = blake2b(f"{seed}|{name}".encode(), digest_size=8).digest()
    return np.uint64(int.from_bytes(key, "little"))


def _mixed(x: np.ndarray) -> np.ndarray:
    x = (x ^ (x >> np.uint64(30))) * _MIX[0]
    x = (x ^ (x >> np.uint64(27))) * _MIX[1]
    return x ^ (x >> np.uint64(31))


# Acklam's rational approximation of the inverse normal distribution function: central part A/B, tails C/D
# (relative error 1.2e-9).
_A = (
    -3.969683028665376e1,
    2.209460984245205e2,
    -2.759285104469687e2,
    1.383577518672690e2,
    -3.066479806614716e1,
    2.506628277459239,
)
_B = (
    -5.447609879822406e1,
    1.615858368580409e2,
    -1.556989798598866e2,
    6.680131188771972e1,
    -1.328068155288572e1,
    1.0,
)
_C = (
    -7.784894002430293e-3,
    -3.223964580411365e-1,
    -2.400758277161838,
    -2.549732539343734,
    4.374664141464968,
    2.938163982698783,
)
_D = (7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996, 3.754408661907416, 1.0)
_CENTRAL = 0.5 - 0.02425


def normal_quantile(p: np.ndarray) -> np.ndarray:
    """Inverse normal distribution function.

    It is rounded to 1e-9, so that the last bits of a platform's logarithm vanish.
    """
    p = np.clip(p, 1e-12, 1 - 1e-12)
    q = p - 0.5
    center = np.polyval(_A, q * q) * q / np.polyval(_B, q * q)
    t = np.sqrt(-2 * np.log(np.minimum(p, 1 - p)))
    tail = np.polyval(_C, t) / np.polyval(_D, t)
    return np.round(np.where(np.abs(q) <= _CENTRAL, center, np.where(q < 0, tail, -tail)), 9)
