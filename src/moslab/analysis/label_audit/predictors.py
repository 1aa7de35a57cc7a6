"""How well labels could be predicted: by their own raters, and by the titles of the pictures."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from moslab.analysis.claims import load_claims
from moslab.datasets.ratings import mean_and_sd
from moslab.datasets.table import ImageTable
from moslab.measures.metrics import plcc, srcc


def rater_ceiling(table: ImageTable) -> dict[str, Any] | None:
    """How well the true mean opinion would predict the published one, as PLCC.

    The error of a mean of n votes has the variance sd^2 / n; what is left of the variance of the published
    means is that of the true ones, and the ceiling is the root of their ratio, 0 where nothing is left.

    Returns:
        dataset, raters (the median number of votes), sd of a mean, sd of the scores, PLCC ceiling, n; None
        where votes are unpublished, shares instead of counts, or a single one.
    Source: classical test theory.
    """
    votes = table.votes
    if votes is None or votes.sum(1).min() < 2:
        return None
    raters = votes.sum(1)
    mean, sd = mean_and_sd(votes, *table.scale)
    error = sd**2 / raters
    reliability = max(0.0, 1 - error.mean() / mean.var())
    return {
        "dataset": table.name,
        "raters": float(np.median(raters)),
        "sd of a mean": float(np.sqrt(error.mean())),
        "sd of the scores": float(mean.std()),
        "PLCC ceiling": float(np.sqrt(reliability)),
        "n": len(mean),
    }


def title_power(table: ImageTable, fitted: np.ndarray, tested: np.ndarray) -> dict[str, Any]:
    """What a picture's group alone (AVA: its challenge) predicts.

    The prediction is the mean of the group over the rows `fitted`, shrunk towards the mean of all by its
    reliability, and compared with the rows `tested`. Pictures without a group are not fitted, and predicted
    as those of an unseen one: by the mean of all.

    Args:
        fitted, tested: row numbers.
    Returns:
        dataset, groups, between (the share of the variance that lies between groups: one-way random effects,
        unequal sizes), seen (the share of tested pictures whose group was fitted), srcc, plcc, n.
    """
    mos = table.frame["mos"].to_numpy()
    group = table.frame["group"].to_numpy()
    fitted = fitted[group[fitted] != ""]
    mean = mos[fitted].mean()
    scores = pd.DataFrame({"mos": mos[fitted], "group": group[fitted]})
    groups = scores.groupby("group")["mos"].agg(["mean", "size", "var"])
    size = groups["size"]
    n = len(fitted)
    within = ((size - 1) * groups["var"].fillna(0)).sum() / (n - len(groups))
    spread = (size * (groups["mean"] - mean) ** 2).sum() / (len(groups) - 1)
    between = max(0.0, (spread - within) / ((n - (size**2).sum() / n) / (len(groups) - 1)))
    shrunk = size * between / (size * between + within) * (groups["mean"] - mean)
    predicted = mean + pd.Series(group[tested]).map(shrunk).fillna(0).to_numpy()
    return {
        "dataset": table.name,
        "groups": len(groups),
        "between": float(between / (between + within)),
        "seen": float(np.isin(group[tested], groups.index).mean()),
        "srcc": srcc(predicted, mos[tested]),
        "plcc": plcc(predicted, mos[tested]),
        "n": len(tested),
    }


def together(image: float, title: float, shared: float) -> float:
    """PLCC of the best linear mixture of two predictors.

    Args:
        image, title: PLCC of each.
        shared: the correlation of their predictions, below 1.
    """
    return float(np.sqrt((image**2 + title**2 - 2 * image * title * shared) / (1 - shared**2)))


def mixtures(titles: Mapping[str, Any], image: float) -> dict[str, float]:
    """The PLCC that an image-only predictor reaches at best with what titles know, by assumption.

    All mixtures are linear: what a picture has to do with its title is not in them.

    Args:
        titles: from `title_power`.
        image: PLCC of the image-only predictor.
    Returns:
        By what the predictor knows already of what titles know, from the least gain to the most. 'as the
        scores do': given the score, the two say nothing of each other. 'nothing': the predictor's scores do
        not correlate with the titles' (the most a title can add). 'perfect, nothing': the same with every
        group's true mean in place of the one estimated.
    """
    title = titles["plcc"]
    return {
        "as the scores do": together(image, title, image * title),
        "nothing": together(image, title, 0),
        "perfect, nothing": together(image, titles["between"] ** 0.5, 0),
    }


def published() -> tuple[float, float]:
    """PLCC on AVA that others quote for RvTC without and with challenge titles."""
    claims = load_claims("rvtc")
    without = claims["rvtc.ava_image_only_qwen2_vl_2b"]
    with_titles = claims["rvtc.ava_challenge_title"]
    return without.published["plcc"], with_titles.published["plcc"]
