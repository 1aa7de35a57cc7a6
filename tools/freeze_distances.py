"""Measure again what src/moslab/world/distances.npz keeps, on this machine's kernels.

Scores of a handful of pictures may move, so the version of the sets' labels (moslab/world/version.py) is
raised with it, and what was trained on them is trained again.
"""

import numpy as np

from moslab.world import frozen, iqa
from moslab.world.like import csiq, kadid10k, single
from moslab.world.render import render_all


def main() -> None:
    """Write the file; half a minute."""
    found = {}
    drawn = iqa.distorted("iqa", frozen.SEED, np.arange(iqa.PICTURES))
    found["iqa"] = iqa.distances(drawn, render_all(drawn.spec, frozen.SIZE), frozen.SIZE)
    for module in (kadid10k, csiq):
        spoilt = module.drawn(module.NAME, frozen.SEED, np.arange(module.PICTURES))
        images = render_all(spoilt.spec, frozen.SIZE)
        found[module.NAME] = single.distances(spoilt, images, frozen.SIZE)
    steps = {name: np.rint(one * frozen.STEPS).astype(np.int32) for name, one in found.items()}
    np.savez_compressed(frozen.FILE, **steps)


if __name__ == "__main__":
    main()
