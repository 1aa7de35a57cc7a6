"""Measure again what src/moslab/world/measures.npz keeps, on this machine's kernels.

Labels of a handful of pictures may move, so the version of the sets' labels (moslab/world/version.py) is
raised with it, and what was trained on them is trained again.
"""

import numpy as np

from moslab.world import frozen, iqa, ugc
from moslab.world.distort import distorted
from moslab.world.fidelity import distances
from moslab.world.like import csiq, kadid10k


def main() -> None:
    """Write the file; half a minute."""
    staged = distorted("iqa", frozen.SEED, np.arange(iqa.PICTURES))
    uploads = ugc.drawn(frozen.SEED, np.arange(ugc.PICTURES))
    found = {
        "iqa": distances(staged.intact, staged.spec, frozen.SIZE),
        "ugc": ugc.measured_chroma(uploads, frozen.SIZE),
    }
    for module in (kadid10k, csiq):
        spoilt = module.drawn(module.NAME, frozen.SEED, np.arange(module.PICTURES))
        found[module.NAME] = distances(spoilt.intact, spoilt.spec, frozen.SIZE)
    steps = {name: np.rint(one * frozen.STEPS).astype(np.int32) for name, one in found.items()}
    np.savez_compressed(frozen.FILE, **steps)


if __name__ == "__main__":
    main()
