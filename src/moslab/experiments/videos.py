"""A model of still pictures scores videos: its frames one by one, or all in one prompt."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from moslab.datasets.table import ImageTable
from moslab.experiments import evaluation
from moslab.experiments.fields import Frames
from moslab.experiments.reading import Reader
from moslab.scorers.base import Scores
from moslab.world.draws import Dice

SHUFFLES = 17  # seed of the orders of frames


def predict(reader: Reader, frames: ImageTable, of_video: Sequence[Sequence[int]], how: Frames) -> Scores:
    """Scores of videos, in their order.

    Args:
        reader: a trained model with its words.
        frames: a row for each frame, see `datasets.videos.single_frames`.
        of_video: the rows of each video's frames.
        how: averaged: each frame is scored as a picture.
            together: all frames of a video stand in one prompt, with the words of a single picture.
            shuffled: so, in an order drawn for each video.
    """
    if how == "averaged":
        return averaged(evaluation.predict(reader, frames, range(len(frames))), of_video)
    shown = {}
    for number, rows in enumerate(of_video):
        shown[rows[0]] = Dice(SHUFFLES, "frames", number).shuffled(rows) if how == "shuffled" else rows
    return evaluation.predict(replace(reader, shown=shown), frames, list(shown))


def averaged(scores: Scores, of_video: Sequence[Sequence[int]]) -> Scores:
    """Scores of single frames as scores of their videos: means, without whatever else was answered.

    A frame whose score could not be read does not count; nor can a video of nothing else be read.
    """
    means = np.full(len(of_video), np.nan)
    distributions = []
    for number, rows in enumerate(of_video):
        read = scores.score[rows][scores.parsed[rows]]
        if len(read):
            means[number] = read.mean()
        distributions.append(scores.distribution[rows].mean(0))
    return Scores(means, np.stack(distributions))
