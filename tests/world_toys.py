"""What the tests of the embedded tasks share: small sizes, and helpers for bounds."""

import numpy as np

from moslab.world import World, generate, iaa, raters

SIZES = {"iqa": 900, "iaa": 1500, "aigiqa": 1500, "alignment": 1500, "ugc": 900}
OWN_NAMES = (
    "iqa",
    "iaa",
    "aigiqa",
    "ugc",
)  # of these tasks; the sets of moslab.world.like have tests of their own


def make_worlds() -> dict[str, World]:
    """The small tasks; "alignment" is the other score of the generated images."""
    worlds = {}
    for name, n in SIZES.items():
        worlds[name] = generate("aigiqa", "alignment", n) if name == "alignment" else generate(name, n=n)
    return worlds


def plcc(x, y):
    """Pearson's correlation."""
    return float(np.corrcoef(x, y)[0, 1])


def entries(preset="default", n=4000, seed=1):
    """Pictures of the aesthetics task without pixels: what was drawn, labels, scores [n], bounds."""
    chosen = iaa.PRESETS[preset]
    drawn = iaa.enter(chosen, seed, np.arange(n))
    frame, votes, bounds = iaa.label(drawn, chosen, seed)
    return drawn, frame, raters.opinion_scores(votes, iaa.SCALE)[0], bounds
