"""Comments on pictures: the one that is taught with each, and those that a trained model writes.

What a model writes is kept in its run, with what each comment is worth: CIDEr against all comments that
people wrote about the picture, and for pictures of the embedded world the F-measure of what it says
(`moslab.world.told`), which stands in the place of SPICE.

Source: ROC4MLLM, Table 5 (one comment per picture is taught, behind the score).
"""

import re

import numpy as np
import pandas as pd
import torch

from moslab.datasets import EMBEDDED
from moslab.datasets.table import CAPTIONS, ImageTable
from moslab.experiments.digests import rows_of
from moslab.experiments.evaluation import together
from moslab.experiments.experiment import Experiment
from moslab.experiments.inputs import training_rows
from moslab.experiments.reading import Reader
from moslab.experiments.store import COMMENTS, SAID_COMMENT
from moslab.measures.captions import cider, f_measure
from moslab.utils.errors import UserError
from moslab.world.draws import integers
from moslab.world.told import told

LONGEST = 128  # tokens of an answer
AT_ONCE = 128  # pictures
_END_OF_SENTENCE = re.compile(r"\.(?!\s*\d)")  # and no decimal point


def taught_comments(experiment: Experiment, table: ImageTable) -> dict[int, str]:
    """A comment for each training row, one of its picture's, drawn by the seed; none if none is taught.

    Raises:
        UserError: for data without comments.
    """
    if not experiment.comments:
        return {}
    captions = _captions(table)
    if captions is None:
        raise UserError(
            f"{table.name} has no comments to teach: use avacaptions or like_avacaptions, or leave comments "
            "out."
        )
    rows = training_rows(experiment, table)
    draws = integers(experiment.seed, "taught comment", rows)
    chosen = {}
    for row, draw in zip(rows.tolist(), draws.tolist()):
        of_picture = captions.iloc[row]
        chosen[row] = of_picture[draw % len(of_picture)]
    return chosen


def _captions(table: ImageTable) -> pd.Series | None:
    if table.annotations is None or CAPTIONS not in table.annotations:
        return None
    return table.annotations[CAPTIONS]


def answers(experiment: Experiment, table: ImageTable, reader: Reader) -> pd.DataFrame:
    """What a trained model writes about the first test pictures, in the form of a run's predictions.

    Args:
        experiment: says how many.
        table: what is tested on.
        reader: the model, with the pictures and words of that table.

    Returns:
        A row per picture and measure: score is the measure's value, target 0. The comments stand in the rows
        of CIDEr, `SAID_COMMENT`. No rows for data without comments.
    """
    captions = _captions(table)
    if captions is None:
        return pd.DataFrame()
    limits = [limit for limit in (experiment.test_comments, experiment.test_images) if limit]
    rows = rows_of(table, experiment.splits, min(limits, default=None))
    written = write(reader, table, rows)
    people = [captions.iloc[row] for row in rows]
    blocks = [_block("cider", table, rows, cider(written, people)).assign(**{SAID_COMMENT: written})]
    if table.name in EMBEDDED:
        worth = [f_measure(told(text), told(*texts)) for text, texts in zip(written, people)]
        blocks.append(_block("tuples", table, rows, np.array(worth)))
    return pd.concat(blocks, ignore_index=True)


def _block(measure: str, table: ImageTable, rows: np.ndarray, values: np.ndarray) -> pd.DataFrame:
    """One measure of the comments on n pictures."""
    columns = {
        "image": table.frame["image"].to_numpy()[rows],
        "split": COMMENTS[measure],
        "target": 0.0,
        "score": values.round(4),
        "parsed": True,
        "entropy": np.nan,
        "top": np.nan,
    }
    return pd.DataFrame(columns)


def write(reader: Reader, table: ImageTable, rows: np.ndarray) -> list[str]:
    """The comments that a model writes by itself, greedily, one per row.

    The model goes on behind the words that begin its score's answer: it first writes its score. What follows
    that sentence is the comment, '' where nothing does.
    """
    groups = together(reader, table, rows, AT_ONCE)
    texts: list[str] = []
    with torch.no_grad():
        for group in groups:
            texts += reader.write(table, [int(rows[number]) for number in group], LONGEST)
    back = np.argsort(np.concatenate(groups))
    return [without_score(texts[number], reader.alone) for number in back]


def without_score(text: str, alone: bool) -> str:
    """What stands behind an answer's first sentence; all of it where no score is taught."""
    if alone:
        return text.strip()
    end = _END_OF_SENTENCE.search(text)
    return text[end.end() :].strip() if end else ""
