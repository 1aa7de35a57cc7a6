"""RealQA's numerical continuity metric (NCM): does a model that is taught digits one by one come closer to the number they form? (Its section 3.2; figure 4 and table 6.)

With e_m = sum_d d p_m(d) over the ten digits at place m and weights 10^-(m-1), NCM is the distance between E = sum_m 10^-(m-1) e_m and the true number. NCM* leaves the true digit out
of every sum, so it falls only if the probability that is not on it lies on digits nearby. The equations of NCM* are not printed legibly and the released code differs from what the
text suggests, so both readings are computed: 'masked', where the true digit's value counts as zero and nothing is renormalised (the released code; a model that is sure of the truth has
E* near zero, so the metric ends near the score itself), and 'removed', where its probability is taken out and the rest renormalised (the only reading under which the published values can
fall as they do). Distances are given as absolute values (the text's word) and squared (the code).
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

NAMES = ("ncm", "ncm_masked", "ncm_removed")


def measure(shares: torch.Tensor, digits: torch.Tensor) -> dict[str, float]:
    """Means over a batch of NCM and both NCM*, absolute and squared. shares: [n, M, 10], over the digits alone; digits: the true ones [n, M]."""
    values = torch.arange(10.0, dtype=torch.float64, device=shares.device)
    weights = 10.0 ** -torch.arange(shares.shape[1], dtype=torch.float64, device=shares.device)
    shares = shares.double()
    others = shares.scatter(-1, digits[..., None], 0.0)
    renormalised = others / others.sum(-1, keepdim=True).clamp(min=1e-30)
    distance = {name: (weights * (share @ values - digits)).sum(1) for name, share in zip(NAMES, (shares, others, renormalised))}
    return {name: float(distance[name].abs().mean()) for name in NAMES} | {f"{name}_squared": float(distance[name].square().mean()) for name in NAMES}


def convergence(history: Sequence[Mapping[str, float]], name: str, window: int = 100) -> dict[str, float]:
    """Table 6: means over the first and the last `window` steps, and the change between them as a share of the first."""
    values = np.array([step[name] for step in history])
    first, last = values[:window].mean(), values[-window:].mean()
    return {"first": float(first), "last": float(last), "ratio": float((last - first) / first)}
