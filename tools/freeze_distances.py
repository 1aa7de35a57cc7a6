"""Measure again what src/moslab/world/distances.npz keeps, on this machine's kernels.

Scores of a handful of pictures may move, so the version of the sets' labels (moslab/world/version.py) is
raised with it, and what was trained on them is trained again.
"""

import numpy as np

from moslab.world import fidelity, frozen, iqa
from moslab.world.like import csiq, kadid10k, single
from moslab.world.render import render_all


def main() -> None:
    """Write the file; half a minute."""
    found = {"iqa": _of_iqa()}
    for module in (kadid10k, csiq):
        drawn = module.drawn(module.NAME, frozen.SEED, np.arange(module.PICTURES))
        images = render_all(drawn.spec, frozen.SIZE)
        found[module.NAME] = single.distances(drawn, images, frozen.SIZE)
    steps = {name: np.rint(one * frozen.STEPS).astype(np.int32) for name, one in found.items()}
    np.savez_compressed(frozen.FILE, **steps)


def _of_iqa() -> np.ndarray:
    drawn = iqa.distorted("iqa", frozen.SEED, np.arange(iqa.PICTURES))
    images = render_all(drawn.spec, frozen.SIZE)
    return fidelity.distance(iqa.measure(drawn, images, frozen.SIZE))


if __name__ == "__main__":
    main()
