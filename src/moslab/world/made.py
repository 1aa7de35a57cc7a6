"""What every task's `make` returns, and how its pictures are split."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from moslab.world.frame import Size
from moslab.world.render import render_all
from moslab.world.specs import Spec


def split_names(
    draws: np.ndarray, train: float, val: float, held_out: np.ndarray | None = None
) -> np.ndarray:
    """Names of splits [n].

    Args:
        draws: uniform draws [n], one per picture.
        train: share of the training split.
        val: share of the validation split; the rest is the test split.
        held_out: pictures [n] that are 'test_novel' whatever their draw.
    """
    novel = np.zeros(len(draws), bool) if held_out is None else held_out
    return np.select([novel, draws < train, draws < train + val], ["test_novel", "train", "val"], "test")


@dataclass(frozen=True)
class Made:
    """What is known of one task's pictures, n rows everywhere; they are drawn when they are asked for.

    Attributes:
        frame: columns text, split, group, mos, sd.
        votes: counts [n, levels], or None where there are no votes.
        bounds: what the best predictors would say, on the label scale.
        annotations: further labels of a picture that a model may be trained on.
        spec: what is to be seen.
        frames: of videos, one after the other, a row per video each; none of pictures.
    """

    frame: pd.DataFrame
    votes: np.ndarray | None
    bounds: pd.DataFrame
    annotations: pd.DataFrame
    spec: Spec
    frames: tuple[Spec, ...] = ()

    def draw(self, size: Size) -> np.ndarray:
        """The pictures, uint8 [n, height, width, 3]; [n, frames, height, width, 3] of videos.

        Args:
            size: height and width in pixels.
        """
        if self.frames:
            return np.stack([render_all(frame, size) for frame in self.frames], 1)
        return render_all(self.spec, size)
