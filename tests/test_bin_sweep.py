"""What is drawn of a sweep over the number of bins."""

import pandas as pd

from moslab.analysis import bin_sweep

BANDS = pd.DataFrame(
    [
        ("iqa", "bins K=5", 0.8, 0.7, 0.9),
        ("iqa", "bins K=51", 0.9, 0.8, 1.0),
        ("iqa", "levels", 0.85, 0.8, 0.9),
        ("iqa", "bins K=5 midpoints", 0.7, 0.6, 0.8),
        ("iaa", "bins K=51", 0.6, 0.5, 0.7),
    ],
    columns=["dataset", "arm", "value", "low", "high"],
)


def test_curves_hold_the_arms_of_the_sweep_by_dataset():
    curves = bin_sweep.curves(BANDS, [5, 51, 101])
    assert list(curves) == ["iqa", "iaa"]
    assert curves["iqa"].to_dict("list") == {
        "K": [5, 51],
        "value": [0.8, 0.9],
        "low": [0.7, 0.8],
        "high": [0.9, 1.0],
    }
    assert curves["iaa"]["K"].tolist() == [51]


def test_arms_without_a_number_of_bins_are_drawn_across():
    lines = bin_sweep.across(BANDS, ["levels", "bins K=5 midpoints", "roc"])
    assert lines == {"iqa": {"levels": (0.85, 0.8, 0.9), "bins K=5 midpoints": (0.7, 0.6, 0.8)}}


def test_nothing_measured_is_nothing_drawn():
    assert bin_sweep.curves(BANDS[:0], [5, 51]) == {}
    assert bin_sweep.across(BANDS, []) == {}


def test_what_was_not_swept_is_not_spoken_of():
    few = pd.DataFrame({"dataset": ["iqa"], "K": [5], "convention": ["linspace"], "srcc": [0.9], "used": [5]})
    told = bin_sweep.findings([], few, BANDS, [5, 11])
    assert not any("Labels lose" in sentence or "by not judged" in sentence for sentence in told)
    assert bin_sweep.answer([], BANDS, [5, 51]) == (
        "Whether more bins score better is not judged: SRCC is, with 5 and with 51 bins, 0.800 and 0.900 on "
        "iqa, 0.600 and 0.600 on iaa. 51 bins were not compared with five level words."
    )
