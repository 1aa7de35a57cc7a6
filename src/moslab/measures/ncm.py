"""RealQA's numerical continuity metric (NCM): does a model that is taught digits one by one come closer to the number they form? (Its section 3.2; figure 4 and table 6.)

With e_m = sum_d d p_m(d) over the ten digits at place m and weights 10^-(m-1), NCM is the distance between E = sum_m 10^-(m-1) e_m and the true number. NCM* leaves the true digit out
of every sum, so it falls only if the probability that is not on it lies on digits nearby. The equations of NCM* are not printed legibly and the released code differs from what the
text suggests, so both readings are computed: 'masked', where the true digit's value counts as zero and nothing is renormalised (the released code; a model that is sure of the truth has
E* near zero, so the metric ends near the score itself), and 'removed', where its probability is taken out and the rest renormalised (the only reading under which the published values can
fall as they do). Distances are given as absolute values (the text's word) and squared (the code).
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch

NAMES = ("ncm", "ncm_masked", "ncm_removed")


def measure(shares: torch.Tensor, digits: torch.Tensor) -> dict[str, float]:
    """Means over a batch of NCM and both NCM*, absolute and squared. shares: [n, M, 10], over the digits alone; digits: the true ones [n, M]."""
    values = torch.arange(10.0, dtype=torch.float64, device=shares.device)
    weights = 10.0 ** -torch.arange(shares.shape[1], dtype=torch.float64, device=shares.device)
    shares = shares.double()
    others = shares.scatter(-1, digits[..., None], 0.0)
    renormalised = others / others.sum(-1, keepdim=True).clamp(min=1e-30)
    distance = {
        name: (weights * (share @ values - digits)).sum(1)
        for name, share in zip(NAMES, (shares, others, renormalised))
    }
    return {name: float(distance[name].abs().mean()) for name in NAMES} | {
        f"{name}_squared": float(distance[name].square().mean()) for name in NAMES
    }


def convergence(history: Sequence[Mapping[str, float]], name: str, window: int = 100) -> dict[str, float]:
    """Table 6: means over the first and the last `window` steps, and the change between them as a share of the first."""
    values = np.array([step[name] for step in history])
    first, last = values[:window].mean(), values[-window:].mean()
    return {"first": float(first), "last": float(last), "ratio": float((last - first) / first)}


def places(numbers: np.ndarray | torch.Tensor, m: int) -> torch.Tensor:
    """The digits [n, M] of numbers without their point [n]: 399 is 3, 9, 9."""
    numbers = torch.as_tensor(numbers)
    return torch.stack([numbers // 10**power % 10 for power in reversed(range(m))], 1)


def sure_of(numbers: np.ndarray | torch.Tensor, m: int, share: float = 0.9) -> torch.Tensor:
    """Hand-made shares [n, M, 10] of one who says `numbers` [n]: `share` on the digit said at each place, the rest evenly on the other nine."""
    digits = places(numbers, m)
    return torch.full((*digits.shape, 10), (1 - share) / 9, dtype=torch.float64).scatter(
        -1, digits[..., None], share
    )


def digit_cross_entropy(shares: torch.Tensor, digits: torch.Tensor) -> torch.Tensor:
    """Nats per digit of every answer, [n]. shares: [n, M, 10]; digits: the true ones [n, M]."""
    return -shares.gather(-1, digits[..., None]).log().mean((1, 2))


def without_picture(digits: torch.Tensor, tokens: int) -> dict[str, dict[str, float]]:
    """What `measure` gives to models that have not seen a picture, and the loss of an answer of so many tokens whose fixed ones are certain: one that finds all digits equally likely, and
    one that knows how often each stands at each place. digits: those of the labels [n, M]."""
    often = torch.stack([torch.bincount(place, minlength=10) for place in digits.unbind(1)]).double() / len(
        digits
    )
    known = {"nothing": torch.full_like(often, 0.1), "how often each digit stands at each place": often}
    found = {}
    for name, shares in known.items():
        shares = shares.expand(len(digits), -1, -1)
        nats = digits.shape[1] * float(digit_cross_entropy(shares, digits).mean())
        found[name] = measure(shares, digits) | {"loss": nats / tokens}
    return found


def over_steps(histories: Sequence[Sequence[Mapping[str, float]]], name: str, width: int = 1) -> pd.DataFrame:
    """One quantity of several runs (seeds) step by step: columns step, value (mean over the runs), low and high (lowest and highest run), each run smoothed by a moving mean over `width` steps,
    which stands at the last of them."""
    shortest = min(len(history) for history in histories)
    values = np.array([[step[name] for step in history[:shortest]] for history in histories])
    smooth = np.stack([np.convolve(row, np.full(width, 1 / width), "valid") for row in values])
    return pd.DataFrame(
        {
            "step": np.arange(width, shortest + 1),
            "value": smooth.mean(0),
            "low": smooth.min(0),
            "high": smooth.max(0),
        }
    )
