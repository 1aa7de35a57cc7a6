"""Figures say which runs they show, and the same figure is the same file."""

import pandas as pd
from matplotlib import pyplot as plt
from PIL import Image

from moslab.analysis import figures

FRAME = pd.DataFrame(
    [
        (dataset, arm, x, 0.8 + x / 50, 0.7, 0.9)
        for dataset in ("iqa", "iaa")
        for arm in ("one", "two")
        for x in (1, 2, 4)
    ],
    columns=["dataset", "arm", "x", "value", "low", "high"],
)


def test_a_figure_carries_its_runs_and_does_not_change(tmp_path):
    figures.use_style()
    written = []
    for name in ("a.png", "b.png"):
        figure = figures.lines(FRAME, "x", "epochs", "SRCC", bounds={"iqa": 0.95}, log=True)
        figures.save(figure, tmp_path / name, ["beef", "abba"])
        plt.close(figure)
        written.append((tmp_path / name).read_bytes())
    assert written[0] == written[1]
    assert Image.open(tmp_path / "a.png").text["Runs"] == "abba beef"


def test_dots_take_arms_with_and_without_intervals():
    for frame in (FRAME[FRAME["x"] == 1], FRAME[FRAME["x"] == 1].drop(columns=["low", "high"])):
        figure = figures.dots(frame, "SRCC", groups={"one": "first kind"})
        assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["two", "one"] and len(
            figure.axes
        ) == 2
        plt.close(figure)
