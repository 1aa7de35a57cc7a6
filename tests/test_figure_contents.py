"""What each figure draws: as many points as rows, bands and bars of intervals, lines of oracles."""

from collections.abc import Iterator

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from figure_frames import (
    ANSWERS,
    ARMS,
    BASES,
    CEILINGS,
    CODINGS,
    DOTS,
    ERRORS,
    GROWTH,
    INTERVAL,
    JUDGED,
    LINES,
    PHOTOS,
    PRINTED,
    ROUNDED,
    SAID,
    STEPS,
    SWEEP,
    TASKS,
    TITLES,
    row_names,
    shown,
    texts,
)
from matplotlib.axes import Axes
from matplotlib.collections import FillBetweenPolyCollection, LineCollection

from moslab.analysis import figures
from moslab.utils.errors import UserError


@pytest.fixture(autouse=True)
def style() -> Iterator[None]:
    with mpl.rc_context():
        figures.use_style()
        yield


def points(axis: Axes, label: str) -> list[tuple[float, float]]:
    """The points of a labelled line, or of the dots of labelled error bars."""
    handles, labels = axis.get_legend_handles_labels()
    handle = handles[labels.index(label)]
    line = handle.lines[0] if hasattr(handle, "lines") else handle
    return list(zip(line.get_xdata(), line.get_ydata()))


def bands(axis: Axes) -> list[FillBetweenPolyCollection]:
    return [one for one in axis.collections if isinstance(one, FillBetweenPolyCollection)]


def bars(axis: Axes) -> list[np.ndarray]:
    """The segments of error bars or of drawn intervals, [2, 2] each."""
    segments = []
    for one in axis.collections:
        if isinstance(one, LineCollection):
            segments += one.get_segments()
    return segments


# --- over bins ------------------------------------------------------------------------------------------


def test_ceilings_have_a_line_per_convention():
    figure = figures.ceilings({"iqa": CEILINGS, "iaa": CEILINGS})
    assert [axis.get_title() for axis in figure.axes] == list(TASKS)
    for axis in figure.axes:
        assert [len(line.get_xdata()) for line in axis.lines] == [3, 3]
        assert (axis.get_xlabel(), axis.get_xscale()) == ("number of bins K", "log")
        assert axis.get_ylabel() == "SRCC of nearest center to MOS"
        assert [label.get_text() for label in axis.get_xticklabels()] == ["5", "11", "51"]
    assert texts(figure.axes[0].get_legend()) == ["linspace", "midpoints"]
    with pytest.raises(UserError, match="nothing to draw for ceilings over K"):
        figures.ceilings({})


def test_a_bin_sweep_has_its_band_other_arms_and_the_oracle():
    references = {"iqa": {"levels": INTERVAL, "regression": (0.7, 0.6, 0.8)}}
    figure = figures.bin_sweep({"iqa": SWEEP, "iaa": SWEEP}, references, {"iqa": 0.951})
    first, second = figure.axes
    assert first.get_title() == "iqa (oracle 0.951)" and second.get_title() == "iaa"
    assert len(points(first, "bins, 95 % band")) == len(SWEEP)
    (band,) = bands(first)
    low, high = band.get_datalim(first.transData).intervaly
    assert (low, high) == pytest.approx((SWEEP["low"].min(), SWEEP["high"].max()))
    assert points(first, "levels")[0][1] == INTERVAL[0]
    assert [patch.get_height() for patch in first.patches] == pytest.approx([0.15, 0.2])
    assert not second.patches
    assert texts(figure.legends[0]) == ["bins, 95 % band", "levels", "regression"]
    assert first.get_ylabel() == "SRCC on test images"


# --- a row per coding or arm ----------------------------------------------------------------------------


def test_coding_ceilings_have_a_mark_per_dataset_and_row():
    (axis,) = figures.coding_ceilings(CODINGS).axes
    assert row_names(axis) == ["digits", "bins", "levels"]  # the first on top
    for task in TASKS:
        assert [y for _, y in points(axis, task)] == [2, 1, 0]
    assert texts(axis.get_legend()) == list(TASKS)


def test_no_dataset_is_left_out_for_want_of_markers():
    names = [f"dataset {number}" for number in range(12)]
    frame = CODINGS[CODINGS["dataset"] == "iqa"]
    many = frame.merge(frame[["coding"]].assign(name=[names] * len(frame)).explode("name"), on="coding")
    (axis,) = figures.coding_ceilings(many.assign(dataset=many["name"])).axes
    assert texts(axis.get_legend()) == names


def test_differences_have_intervals_and_the_margin():
    (axis,) = figures.differences(JUDGED, margin=0.01).axes
    assert row_names(axis) == list(JUDGED["label"])
    assert [tuple(segment[:, 0]) for segment in bars(axis)] == list(zip(JUDGED["low"], JUDGED["high"]))
    assert list(axis.lines[-1].get_xdata()) == list(JUDGED["value"])
    (margin,) = axis.patches
    assert (margin.get_x(), margin.get_width()) == (-0.01, 0.02)
    assert texts(axis.get_legend()) == ["equivalence margin ±0.01"]
    assert axis.get_xlabel() == "difference in SRCC (positive: the first is better)"
    (without,) = figures.differences(JUDGED, metric="PLCC").axes
    assert not without.patches and without.get_legend() is None and "PLCC" in without.get_xlabel()


@pytest.mark.parametrize("frame", [DOTS, DOTS.drop(columns=["low", "high"])], ids=["intervals", "none"])
def test_dots_take_arms_with_and_without_intervals(frame):
    groups = {"one": "first kind", "two": "second kind", "three": "second kind"}
    figure = figures.dots(frame, "SRCC", groups=groups, oracles={"iqa": 0.95})
    first, second = figure.axes
    assert row_names(first) == ["three", "two", "one"] and row_names(second) == [""] * 3
    assert [y for _, y in points(first, "first kind")] == [2]
    assert [y for _, y in points(first, "second kind")] == [1, 0]
    assert points(first, "oracle")[0][0] == 0.95
    assert "oracle" not in second.get_legend_handles_labels()[1]
    assert len(bars(first)) == (3 if "low" in frame else 0)
    assert texts(figure.legends[0]) == ["oracle", "first kind", "second kind"]


def test_a_row_without_a_number_says_so():
    (axis,) = figures.differences(JUDGED.assign(value=np.nan)).axes
    assert [text.get_text() for text in axis.texts] == ["undefined"] * len(JUDGED)
    frame = DOTS.assign(value=DOTS["value"].where(DOTS["arm"] != "two"))
    for axis in figures.dots(frame, "SRCC").axes:
        assert [(text.get_text(), text.get_position()) for text in axis.texts] == [("undefined", (0.5, 1))]


def test_dots_of_one_kind_need_no_legend():
    figure = figures.dots(DOTS, "SRCC")
    assert not figure.legends


def test_rounding_shows_every_reading_and_what_was_printed():
    figure = figures.rounding(ROUNDED, PRINTED)
    first, second = figure.axes
    assert first.get_title() == "iqa (column KonIQ-10k)"
    for reading in ("the scores themselves", "noisy predictor"):
        assert [y for _, y in points(first, reading)] == [1, 0]
    assert points(first, "printed, three digits")[0][0] == 0.9
    assert points(second, "printed, whole numbers")[0][0] == 0.7
    assert row_names(first) == ["1-9.99", "0-9.99"]
    assert len(texts(figure.legends[0])) == 6


def test_semantic_confusion_shows_shares_after_and_before_tuning():
    figure = figures.semantic_confusion(ANSWERS)
    assert [axis.get_title() for axis in figure.axes] == ["counts", "attributes"]
    for axis in figure.axes:
        assert len(points(axis, "chosen, after tuning, 95 %")) == len(ARMS)
        assert points(axis, "written, before tuning")[0][0] == 0.7
        assert len(bars(axis)) == 4
        assert axis.get_xlabel() == "share of right answers"
    assert row_names(figure.axes[0]) == ["two", "one"]


# --- over a number --------------------------------------------------------------------------------------


def test_title_gain_has_a_line_per_assumption_and_the_published_pair():
    (axis,) = figures.title_gain(TITLES, (0.84, 0.9)).axes
    assert points(axis, "image alone") == list(zip(TITLES["image"], TITLES["image"]))
    for assumption in ("nothing", "all"):
        assert points(axis, assumption) == list(zip(TITLES["image"], TITLES[assumption]))
    assert points(axis, "RvTC without and with titles") == [(0.84, 0.9)]
    assert "PLCC" in axis.get_xlabel() and "PLCC" in axis.get_ylabel()


def test_degraded_photos_share_one_scale():
    figure = figures.degraded_photos(PHOTOS)
    first, second = figure.axes
    assert first.get_ylim() == second.get_ylim() == (2.8, 3.2)
    assert len(points(first, "cat")) == 3
    assert texts(first.get_legend()) == ["cat", "coffee"]
    assert second.get_xlabel() == "noise strength (0 none, 1 heavy)"


def test_a_learning_curve_has_bands_and_oracles():
    (axis,) = figures.learning_curve(GROWTH, {"one": 0.95, "two": 0.97}).axes
    assert len(bands(axis)) == len(ARMS)
    assert [len(points(axis, arm)) for arm in ARMS] == [3, 3]
    assert points(axis, "oracle, two: 0.970")[0][1] == 0.97
    assert [label.get_text() for label in axis.get_xticklabels()] == ["1,000", "5,000", "20,000"]
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("training images", "PLCC on test images")


@pytest.mark.parametrize("tasks", [("iqa",), TASKS])
def test_base_curves_have_a_mark_and_a_bar_per_checkpoint(tasks):
    figure = figures.base_curve({task: BASES for task in tasks})
    assert [axis.get_title() for axis in figure.axes] == list(tasks)
    for axis in figure.axes:
        left, right = (points(axis, arm) for arm in ARMS)
        assert [x for x, _ in left] == pytest.approx([-0.1, 0.9, 1.9])
        assert [x for x, _ in right] == pytest.approx([0.1, 1.1, 2.1])
        assert len(bars(axis)) == 6
    assert texts(figure.axes[-1].get_legend()) == list(ARMS)


def test_lines_have_bands_where_there_are_intervals():
    figure = figures.lines(LINES, "x", "epochs", "SRCC", oracles={"iqa": 0.95, "iaa": None}, log=True)
    first, second = figure.axes
    assert len(bands(first)) == len(ARMS)
    assert [len(points(first, arm)) for arm in ARMS] == [3, 3]
    assert points(first, "oracle")[0][1] == 0.95
    assert "oracle" not in second.get_legend_handles_labels()[1]
    assert (first.get_xlabel(), first.get_ylabel(), first.get_xscale()) == ("epochs", "SRCC", "log")
    assert [label.get_text() for label in first.get_xticklabels()] == ["1", "2", "4"]
    assert texts(figure.legends[0]) == [*ARMS, "oracle"]
    without = figures.lines(LINES.drop(columns=["low", "high"]), "x", "epochs", "SRCC")
    assert not bands(without.axes[0])


def test_many_datasets_stand_in_two_columns():
    frames = [LINES.assign(dataset=f"dataset {number}") for number in range(5)]
    figure = figures.lines(pd.concat(frames), "x", "epochs", "SRCC")
    assert len(figure.axes) == 6 and len(shown(figure)) == 5
    assert figure.axes[0].get_subplotspec().get_gridspec().ncols == 2


def test_more_arms_than_colors_differ_in_style():
    arms = [f"arm {number}" for number in range(12)]
    frame = pd.concat([LINES[LINES["arm"] == "one"].assign(arm=arm) for arm in arms])
    axis = figures.lines(frame, "x", "epochs", "SRCC").axes[0]
    looks = {(line.get_color(), line.get_linestyle()) for line in axis.lines}
    assert len(axis.lines) == len(looks) == 12


# --- digits and conversion errors -----------------------------------------------------------------------


def test_ncm_curves_have_a_panel_per_dataset_and_quantity():
    levels = {("iqa", "NCM"): 1.5}
    figure = figures.ncm_curves(STEPS, 10, levels)
    assert [axis.get_title() for axis in figure.axes] == [
        "NCM, iqa",
        "cross-entropy, iqa",
        "NCM, iaa",
        "cross-entropy, iaa",
    ]
    first, nats, *_ = figure.axes
    assert len(bands(first)) == len(ARMS)
    assert [len(points(first, arm)) for arm in ARMS] == [3, 3]
    assert points(first, "digit frequencies, no picture")[0][1] == 1.5
    assert first.get_xlabel() == "training step (moving mean over 10)"
    assert (nats.get_ylabel(), nats.get_yscale()) == ("nats per token", "log")
    assert texts(figure.legends[0]) == [*ARMS, "digit frequencies, no picture"]


def test_one_dataset_is_not_named_in_every_panel():
    figure = figures.ncm_curves(STEPS[STEPS["dataset"] == "iqa"], 10)
    assert [axis.get_title() for axis in figure.axes] == ["NCM", "cross-entropy"]


def test_numerical_ambiguity_marks_numbers_and_the_truth():
    figure = figures.numerical_ambiguity(SAID, truth=4.0, marked=(3.9, 4.1))
    left, right = figure.axes
    assert left.get_title() == "cross-entropy of the digits (nats)"
    assert len(left.lines[0].get_xdata()) == len(SAID)
    assert [text.get_text() for text in left.texts] == ["3.90", "4.10"]
    assert points(left, "the truth, 4.00")[0][0] == 4.0
    assert texts(right.get_legend()) == ["NCM", "NCM*, removed", "the truth, 4.00"]


def test_conversion_errors_stand_in_the_middle_of_their_intervals():
    figure = figures.conversion_error(ERRORS)
    first, second, *blank = figure.axes
    assert len(shown(figure)) == 2 and len(blank) == 2
    assert first.get_title() == "one" and second.get_title() == "two"
    assert points(first, "error of the trained model") == [(1.5, 0.3), (2.5, 0.3), (3.5, 0.3)]
    assert points(first, "rounding alone (a perfect classifier's error)")[0] == (1.5, 0.1)
    assert [bar.get_height() for bar in first.patches] == pytest.approx([1.05 * 0.3] * 3)
    assert (first.get_xlabel(), first.get_ylabel()) == ("mean opinion score", "mean absolute error")
    assert len(texts(figure.legends[0])) == 3


def test_scorers_side_by_side_have_a_panel_and_their_srcc_each():
    target = np.linspace(1, 5, 20)
    scores = {"bins": target + 0.1, "levels": -target, "digits": np.round(target)}
    figure = figures.side_by_side(scores, target, (1.0, 5.0), columns=2)
    assert [axis.get_title() for axis in shown(figure)][:2] == ["bins, SRCC 1.000", "levels, SRCC -1.000"]
    assert len(figure.axes) == 4 and len(shown(figure)) == 3
    for axis in shown(figure):
        assert len(axis.collections[0].get_offsets()) == 20
        assert list(axis.lines[0].get_xdata()) == [1, 5]
    assert figure.get_supxlabel() == "mean opinion score"
    assert figure.get_supylabel() == "predicted score"
    with pytest.raises(UserError, match="nothing to draw for scorers side by side"):
        figures.side_by_side({}, target, (1.0, 5.0))


def test_a_scorer_with_an_unread_answer_has_no_srcc():
    target = np.linspace(1, 5, 20)
    scores = np.where(target > 4, np.nan, target)
    with pytest.warns(UserWarning, match="SRCC is undefined, so NaN: 5 of 20 images have no score"):
        figure = figures.side_by_side({"digits": scores}, target, (1.0, 5.0))
    (axis,) = shown(figure)
    assert axis.get_title() == "digits, SRCC nan"
    assert np.isfinite(axis.collections[0].get_offsets().filled(np.nan)).all(1).sum() == 15
