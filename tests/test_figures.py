"""What all figures share: labels, one series, undefined values, nothing to draw; how they are saved."""

from collections.abc import Iterator

import matplotlib as mpl
import numpy as np
import pytest
from figure_frames import CASES, LINES, row_names, shown, texts
from matplotlib import pyplot as plt
from PIL import Image

from moslab.analysis import figures
from moslab.utils.errors import UserError

EVERY = pytest.mark.parametrize("name", CASES)
PICTURE = Image.new("RGB", (8, 8), (90, 120, 150))


@pytest.fixture(autouse=True)
def style() -> Iterator[None]:
    with mpl.rc_context():
        figures.use_style()
        yield


def test_every_figure_has_a_test_here():
    of_pictures = {"beliefs", "contact_sheet", "side_by_side", "votes"}
    others = {"PALETTE", "save", "use_style"}
    assert set(figures.__all__) == set(CASES) | of_pictures | others


def test_a_figure_carries_its_runs_and_does_not_change(tmp_path):
    written = []
    for name in ("a.png", "b.png"):
        figure = figures.lines(LINES, "x", "epochs", "SRCC", oracles={"iqa": 0.95}, log=True)
        figures.save(figure, tmp_path / name, ["beef", "abba"])
        written.append((tmp_path / name).read_bytes())
    assert written[0] == written[1]
    assert Image.open(tmp_path / "a.png").text["Runs"] == "abba beef"


@EVERY
def test_no_figure_is_left_open(name):
    draw, frame, _ = CASES[name]
    draw(frame)
    assert not plt.get_fignums()


@EVERY
def test_axes_are_labelled(name):
    """Panels of the last row say what lies along them; the first panel what lies up, or names its rows."""
    draw, frame, _ = CASES[name]
    figure = draw(frame)
    for axis in shown(figure):
        if axis.get_subplotspec().is_last_row():
            assert axis.get_xlabel(), axis.get_title()
    first = figure.axes[0]
    assert first.get_ylabel() or "nats" in first.get_title() or set(row_names(first)) <= set(frame.stack())


@EVERY
def test_series_are_named_once(name):
    """In a legend, as the title of their panel, or next to their row."""
    draw, frame, series = CASES[name]
    figure = draw(frame)
    named = set()
    legends = list(figure.legends)
    for axis in figure.axes:
        named |= {axis.get_title(), *row_names(axis)}
        if axis.get_legend():
            legends.append(axis.get_legend())
    for legend in legends:
        entries = texts(legend)
        assert len(entries) == len(set(entries))
        named.update(entries)
    if series:
        assert set(frame[series]) <= named


@EVERY
def test_one_series_is_enough(name):
    draw, frame, series = CASES[name]
    some = frame[frame[series] == frame[series].iloc[0]] if series else frame.iloc[:1]
    draw(some).canvas.draw()


@EVERY
def test_undefined_values_leave_a_gap(name):
    """As an arm whose correlation is undefined: what else there is is drawn."""
    draw, frame, _ = CASES[name]
    numbers = [column for column in frame if frame[column].dtype == float and column not in ("low", "high")]
    holes = frame.astype({column: float for column in numbers})
    holes.loc[holes.index[1], numbers] = np.nan
    figure = draw(holes)
    figure.canvas.draw()
    assert all(np.isfinite([*axis.get_xlim(), *axis.get_ylim()]).all() for axis in shown(figure))


@EVERY
def test_nothing_to_draw_is_a_sentence(name):
    draw, frame, _ = CASES[name]
    with pytest.raises(UserError, match="There is nothing to draw for .*: it was given no rows."):
        draw(frame.iloc[:0])


# --- pictures -------------------------------------------------------------------------------------------


def test_a_contact_sheet_has_a_caption_under_every_picture():
    figure = figures.contact_sheet([PICTURE] * 5, ["MOS 1.00", "two\nlines", "c", "d", "e"], columns=3)
    assert len(figure.axes) == 6 and not shown(figure)
    assert [len(axis.images) for axis in figure.axes] == [1, 1, 1, 1, 1, 0]
    assert [axis.get_title() for axis in figure.axes] == ["MOS 1.00", "two\nlines", "c", "d", "e", ""]
    with pytest.raises(UserError, match="nothing to draw for a contact sheet"):
        figures.contact_sheet([], [])


def test_votes_stand_at_their_marks_with_their_mean():
    figure = figures.votes(PICTURE, np.array([0, 2, 5, 2, 1]), (1.0, 5.0), 3.2)
    picture, votes = figure.axes
    assert len(picture.images) == 1 and not picture.axison
    assert [bar.get_height() for bar in votes.patches] == [0, 2, 5, 2, 1]
    assert [bar.get_x() + bar.get_width() / 2 for bar in votes.patches] == pytest.approx([1, 2, 3, 4, 5])
    assert list(votes.lines[0].get_xdata()) == [3.2, 3.2]
    assert (votes.get_xlabel(), votes.get_ylabel()) == ("rating", "raters")
    assert texts(votes.get_legend()) == ["mean opinion score 3.20", "votes"]
    with pytest.raises(UserError, match="nothing to draw for votes"):
        figures.votes(PICTURE, np.array([]), (1.0, 5.0), 3.2)


def test_beliefs_show_the_likeliest_words():
    answers = {"sky": {"clear": 0.7, "grey": 0.3}, "focus": {"sharp": 0.4, "soft": 0.6}}
    figure = figures.beliefs(PICTURE, answers)
    _, bars = figure.axes
    assert [bar.get_width() for bar in bars.patches] == [0.7, 0.6]
    assert row_names(bars) == ["sky: clear", "focus: soft"]
    assert bars.get_yticks()[0] > bars.get_yticks()[1]  # the first on top
    assert bars.get_xlabel() == "probability of the likeliest answer"
    with pytest.raises(UserError, match="nothing to draw for beliefs"):
        figures.beliefs(PICTURE, {})
