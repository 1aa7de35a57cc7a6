"""How good written texts are, measured picture by picture against what people wrote."""

import re
from collections.abc import Collection, Mapping, Sequence

import numpy as np


def plain(text: str) -> str:
    """Words in lower case without punctuation.

    It stands in the place of the Penn Treebank tokeniser, a Java program, that goes before CIDEr as released;
    on plain sentences the two agree.
    """
    return " ".join(re.findall(r"[a-z0-9']+", text.lower()))


def cider(written: Sequence[str], references: Sequence[Sequence[str]]) -> np.ndarray:
    """CIDEr-D of each of n texts, [n]; their mean is what papers report, ten times the cosine as released.

    How rare a phrase is, is counted among these very references.

    Args:
        written: a text per picture, [n].
        references: what people wrote about each, at least one text, [n].

    Source:
        Vedantam et al., 2015, by the package pycocoevalcap.
    """
    from pycocoevalcap.cider.cider import Cider

    true = {number: [plain(text) for text in texts] for number, texts in enumerate(references)}
    said = {number: [plain(text)] for number, text in enumerate(written)}
    _, scores = Cider().compute_score(true, said)
    return np.asarray(scores, dtype=np.float64)


def f_measure(said: Collection[object], true: Collection[object]) -> float:
    """Harmonic mean of the share of what is said that is true, and the share of what is true that is said.

    1 where both are empty, 0 where one is.
    """
    if not said and not true:
        return 1.0
    right = len(set(said) & set(true))
    return 2 * right / (len(said) + len(true))


# Means of what was measured picture by picture, higher for better. As scores with a target of 0 for every
# picture, such a mean is their mean absolute error, and is resampled and compared as one.
MEANS: Mapping[str, str] = {"cider": "mae", "tuples": "mae", "accuracy": "mae"}
