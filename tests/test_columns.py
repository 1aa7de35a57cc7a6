"""A file of columns gives back the very same numbers and words, in few bytes."""

import gzip
import json

import numpy as np
import pandas as pd
import pytest

from moslab.experiments.columns import columns_file, read_columns

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("values", "width"),
    [
        (RANDOM.uniform(1, 5, 500).round(7), 4),  # scores as they are kept
        (RANDOM.uniform(0, 100, 500).astype(np.float32).astype(float).round(7), 4),
        (RANDOM.uniform(0, 1, 500).round(5), 4),
        ([1.0, np.nan, 3.5], 4),
        ([np.nan, np.nan], 4),
        (RANDOM.uniform(1, 5, 500), 8),  # digits that a decimal of seven places does not have
        ([1e300, -np.inf, 0.0], 8),
        ([-0.0, 1.0], 8),
        ([214.7483648, 214.7483647], 8),
        ([True, False], 1),
        ([3, -(2**40)], 8),
    ],
)
def test_numbers_come_back_bit_by_bit(values, width):
    frame = pd.DataFrame({"number": values})
    content = columns_file(frame)
    numbers = read_columns(content)["number"]
    assert numbers.dtype == frame["number"].dtype
    assert numbers.to_numpy().tobytes() == frame["number"].to_numpy().tobytes()
    head, _, body = gzip.decompress(content).partition(b"\n")
    assert json.loads(head)["rows"] == len(frame)
    assert len(body) == width * len(frame)


@pytest.mark.parametrize(
    "words",
    [
        ["clear", "", "clear"],
        ["01", "1", "NA"],
        ["a\nb", 'say "x", y', "é"],
        ["clear", None, ""],
    ],
)
def test_words_come_back_as_they_were(words):
    frame = read_columns(columns_file(pd.DataFrame({"said sky": words, "score": 1.0})))
    assert [None if pd.isna(word) else word for word in frame["said sky"]] == words
