"""like_avacaptions, after AVA-Captions: the pictures of `iaa` again, with comments by several authors.

Pictures, scores, splits and bounds are those of `iaa` with the same number, as AVA-Captions comments on
AVA. The annotations hold `captions`, all comments on a picture, their `authors`, and `comment`, one of
them: what a model that is taught one comment per picture is taught.
"""

import numpy as np
import pandas as pd

from moslab.world import iaa
from moslab.world.draws import integers
from moslab.world.frame import Size
from moslab.world.like.authors import comments
from moslab.world.made import Made
from moslab.world.specs import Spec

NAME = "like_avacaptions"
SCALE = iaa.SCALE
PICTURES = iaa.PICTURES
PRESETS = ("default",)


def make(preset: str, seed: int, ids: np.ndarray, size: Size) -> Made:
    """The pictures of `iaa` with comments."""
    made = iaa.make("default", seed, ids, size)
    return Made(
        frame=made.frame,
        votes=made.votes,
        bounds=made.bounds,
        annotations=commented(seed, made.spec),
        spec=made.spec,
    )


def commented(seed: int, spec: Spec) -> pd.DataFrame:
    """Columns captions and authors (lists of texts) and comment, a row per picture."""
    said = comments(NAME, seed, spec)
    pick = integers(seed, f"{NAME}.one", spec.ids)
    one = [these[int(number) % len(these)][1] for these, number in zip(said, pick)]
    captions = [[comment for _, comment in these] for these in said]
    authors = [[author for author, _ in these] for these in said]
    return pd.DataFrame({"captions": captions, "authors": authors, "comment": one})
