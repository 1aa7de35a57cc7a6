"""What every task's `make` returns."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from moslab.world.specs import Spec


@dataclass(frozen=True)
class Made:
    """One task's pictures, n rows everywhere.

    frame: text, split, group, mos, sd. images: uint8 [n, height, width, 3]. votes: counts [n, levels], or None where nobody votes. bounds: what the best readers would say, on
    the label scale. annotations: further labels of a picture that a model may be trained on. spec: what was drawn.
    """

    frame: pd.DataFrame
    images: np.ndarray
    votes: np.ndarray | None
    bounds: pd.DataFrame
    annotations: pd.DataFrame
    spec: Spec
