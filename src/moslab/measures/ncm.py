"""RealQA's numerical continuity metric (NCM): how far the digits' probabilities lie from the number.

It asks whether a model that is taught digits one by one comes closer to the number that they form
(RealQA, section 3.2, figure 4 and table 6).

With e_m = sum_d d p_m(d) over the ten digits at place m and weights 10^-(m-1), NCM is the distance between
E = sum_m 10^-(m-1) e_m and the true number. NCM* leaves the true digit out of every sum, so it falls only if
the probability that is not on the true digit lies on digits nearby.

The equations of NCM* are not printed legibly, and the released code differs from what the text suggests, so
both readings are computed:

- 'masked': the true digit's value counts as zero and nothing is renormalised (the released code). A model
  that is sure of the truth has E* near zero, so the metric ends near the score itself.
- 'removed': the true digit's probability is taken out and the rest renormalised (the only reading under which
  the published values can fall as they do).

Distances are given as absolute values (the text's word) and squared (the code).
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch

NAMES = ("ncm", "ncm_masked", "ncm_removed")


def measure(shares: torch.Tensor, digits: torch.Tensor) -> dict[str, float]:
    """NCM and both NCM*, absolute and squared, averaged over a batch.

    Args:
        shares: probabilities over the ten digits alone [n, M, 10].
        digits: the true digits [n, M].

    Returns:
        Name -> mean: each of `NAMES`, and the same with "_squared" after it.
    """
    values = torch.arange(10.0, dtype=torch.float64, device=shares.device)
    weights = 10.0 ** -torch.arange(shares.shape[1], dtype=torch.float64, device=shares.device)
    shares = shares.double()
    others = shares.scatter(-1, digits[..., None], 0.0)
    renormalised = others / others.sum(-1, keepdim=True).clamp(min=1e-30)
    means, squares = {}, {}
    for name, share in zip(NAMES, (shares, others, renormalised)):
        distance = (weights * (share @ values - digits)).sum(1)  # [n]
        means[name] = float(distance.abs().mean())
        squares[f"{name}_squared"] = float(distance.square().mean())
    return means | squares


def convergence(history: Sequence[Mapping[str, float]], name: str, window: int = 100) -> dict[str, float]:
    """Means over the first and the last `window` steps, and the change as a share of the first.

    Source:
        RealQA, table 6.
    """
    values = np.array([step[name] for step in history])
    first, last = values[:window].mean(), values[-window:].mean()
    return {"first": float(first), "last": float(last), "ratio": float((last - first) / first)}


def places(numbers: np.ndarray | torch.Tensor, m: int) -> torch.Tensor:
    """The digits [n, M] of numbers without their point [n]: 399 is 3, 9, 9."""
    numbers = torch.as_tensor(numbers)
    return torch.stack([numbers // 10**power % 10 for power in reversed(range(m))], 1)


def sure_of(numbers: np.ndarray | torch.Tensor, m: int, share: float = 0.9) -> torch.Tensor:
    """Hand-made probabilities [n, M, 10] of a model that answers `numbers` [n].

    `share` lies on the answer's digit at each of the `m` places, the rest evenly on the other nine.
    """
    digits = places(numbers, m)
    others = torch.full((*digits.shape, 10), (1 - share) / 9, dtype=torch.float64)
    return others.scatter(-1, digits[..., None], share)


def digit_cross_entropy(shares: torch.Tensor, digits: torch.Tensor) -> torch.Tensor:
    """Nats per digit of every answer, [n]. shares: [n, M, 10]; digits: the true ones [n, M]."""
    return -shares.gather(-1, digits[..., None]).log().mean((1, 2))


def without_picture(digits: torch.Tensor, tokens: int) -> dict[str, dict[str, float]]:
    """What `measure` gives for two models that have not seen a picture.

    One finds all digits equally likely; the other knows how often each digit stands at each place.

    Args:
        digits: the labels' digits [n, M].
        tokens: length of an answer, of which all tokens but the digits are certain.

    Returns:
        What the model knows -> the values of `measure`, and the "loss" of such an answer.
    """
    counts = torch.stack([torch.bincount(digit, minlength=10) for digit in digits.unbind(1)])
    frequency = counts.double() / len(digits)  # [M, 10]
    models = {
        "nothing": torch.full_like(frequency, 0.1),
        "how often each digit stands at each place": frequency,
    }
    values = {}
    for name, shares in models.items():
        shares = shares.expand(len(digits), -1, -1)
        nats = digits.shape[1] * float(digit_cross_entropy(shares, digits).mean())
        values[name] = measure(shares, digits) | {"loss": nats / tokens}
    return values


def over_steps(histories: Sequence[Sequence[Mapping[str, float]]], name: str, width: int = 1) -> pd.DataFrame:
    """One quantity of several runs (seeds) step by step.

    Each run is smoothed by a moving mean over `width` steps, which stands at the last of them.

    Returns:
        Columns step, value (mean over the runs), low and high (lowest and highest run).
    """
    shortest = min(len(history) for history in histories)
    window = np.full(width, 1 / width)
    runs = []
    for history in histories:
        values = np.array([step[name] for step in history[:shortest]])
        runs.append(np.convolve(values, window, "valid"))
    smooth = np.stack(runs)  # [runs, steps]
    return pd.DataFrame(
        {
            "step": np.arange(width, shortest + 1),
            "value": smooth.mean(0),
            "low": smooth.min(0),
            "high": smooth.max(0),
        }
    )
