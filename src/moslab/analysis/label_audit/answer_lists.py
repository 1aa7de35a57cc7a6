"""Lists of answers that were made from a dataset: their words, and what they leave out of it."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from moslab.datasets.table import ImageTable
from moslab.measures.metrics import srcc
from moslab.scorers import levels
from moslab.utils.errors import UserError


def words(listed: ImageTable) -> pd.DataFrame:
    """The answers of a list by their last word, one row each, in order of scores.

    Returns:
        Columns n, lowest and highest (scores), known (one of Q-Align's five), overlaps (its scores reach into
        those of another word).
    """
    rows = _annotated(listed)
    scores = rows[rows["word"] != ""].groupby("word")["mos"].agg(["size", "min", "max"])
    scores = scores.rename(columns={"size": "n", "min": "lowest", "max": "highest"}).sort_values("lowest")
    reached_before = scores["highest"].cummax().shift(fill_value=-np.inf)
    begins_next = scores["lowest"].shift(-1, fill_value=np.inf)
    return scores.assign(
        known=scores.index.isin(levels.LEVELS),
        overlaps=(scores["lowest"] <= reached_before) | (scores["highest"] >= begins_next),
    )


def _annotated(listed: ImageTable) -> pd.DataFrame:
    """The rows of a list with their word, '' where the answer ends in none."""
    if listed.annotations is None:
        return listed.frame.assign(word="")
    return listed.frame.assign(word=listed.annotations["word"])


def direction(listed: ImageTable) -> float:
    """SRCC of the words' rank, bad to excellent, with the scores, turned round where the table says DMOS.

    Near -1 in a list whose words are upside down; NaN without words.
    """
    rank_of = {word: number for number, word in enumerate(levels.LEVELS)}
    rank = _annotated(listed)["word"].map(rank_of)
    ranked = rank.notna().to_numpy()
    if ranked.sum() <= 2:
        return float("nan")
    mos = listed.oriented().frame["mos"].to_numpy()
    return srcc(rank[ranked].to_numpy(), mos[ranked])


def word_range(found: pd.DataFrame) -> tuple[float, float, float]:
    """The range whose equal fifths the words lie in, and how far the worst border is off.

    The range is a least-squares fit through the borders between the words.

    Args:
        found: from `words`, five known ones.
    Raises:
        UserError: for other words, or another order.
    """
    borders = (found["highest"].to_numpy()[:-1] + found["lowest"].to_numpy()[1:]) / 2
    if list(found.index) != list(levels.LEVELS):
        raise UserError(f"Fifths need the five words in their order; found {', '.join(found.index)}.")
    width, start = np.polyfit(np.arange(1, 5), borders, 1)
    off = np.abs(borders - (start + width * np.arange(1, 5))).max()
    return float(start), float(start + 5 * width), float(off)


def left_out(listed: ImageTable, whole: ImageTable, splits: Mapping[str, tuple[str, ...]]) -> pd.DataFrame:
    """Pictures of a dataset's splits that its list leaves out, one row per split of the list.

    Args:
        listed: the list.
        whole: the dataset.
        splits: which of the dataset's splits a split of the list is made from, {'train': ('train',), ...}.
    Returns:
        Columns published, listed, left out, of them extreme (how many of these score outside everything that
        is listed), lowest listed and highest listed.
    """
    names = listed.frame["image"].str.rpartition("/")[2]
    kept = whole.frame[whole.frame["image"].isin(set(names))]["mos"]
    rows = []
    for split, parts in splits.items():
        published = whole.frame[whole.frame["split"].isin(parts)]
        in_split = set(names[listed.frame["split"] == split])
        absent = published[~published["image"].isin(in_split)]
        extreme = (absent["mos"] < kept.min()) | (absent["mos"] > kept.max())
        rows.append(
            {
                "split": split,
                "published": len(published),
                "listed": len(published) - len(absent),
                "left out": len(absent),
                "of them extreme": int(extreme.sum()),
                "lowest listed": float(kept.min()),
                "highest listed": float(kept.max()),
            }
        )
    return pd.DataFrame(rows).set_index("split")
