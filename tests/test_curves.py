"""Learning curves: what is trained, and what the page says."""

from dataclasses import replace

import numpy as np
import pytest
from toys import toy_run

from moslab import curves
from moslab.curves import ALONE, CURVES, TITLED, write_curves


@pytest.fixture
def asked(monkeypatch) -> list:
    """The experiments that would be trained; their scores come nearer to the targets with more pictures and with the title."""
    seen = []

    def collect(experiments, runs, profile, jobs):
        seen.extend(experiments)
        for experiment in experiments:
            run = toy_run(experiment)
            random = np.random.default_rng([experiment.seed, experiment.train_images])
            noise = 1000 / experiment.train_images * (0.5 if experiment.text == "title" else 1)
            yield replace(run, predictions=run.predictions.assign(score=run.predictions["target"] + noise * random.normal(size=len(run.predictions))))

    monkeypatch.setattr(curves, "collect", collect)
    monkeypatch.setattr(curves, "oracle_value", lambda task, target, metric, knows: 0.9876 if knows == "image_text" else 0.9)
    return seen


def test_every_task_on_growing_parts_of_its_pictures(asked, tmp_path):
    points = write_curves([0, 1, 2], folder=tmp_path)
    for task, curve in CURVES.items():
        mine = [experiment for experiment in asked if experiment.dataset == task]
        assert {(e.train_images, e.text, e.seed) for e in mine} == {(n, text, seed) for n in curve.sizes for text in curve.texts.values() for seed in range(3)}
        assert all(e.options["bins"] == 51 and e.epochs == curve.epochs for e in mine)
        assert list(points[task]["images"].unique()) == list(curve.sizes) and (points[task]["low"] <= points[task]["value"]).all()


def test_the_page_tells_points_bounds_and_what_the_title_gains(asked, tmp_path):
    points = write_curves([0, 1, 2], folder=tmp_path)
    page = (tmp_path / "learning_curves.md").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["learning_curve_iaa.png", "learning_curve_iqa.png", "learning_curves.md"]
    last = points["iqa"].iloc[-1]
    assert f"| 4,005 | {ALONE} | {last['value']:.3f} | {last['low']:.3f} to {last['high']:.3f} | {last['one run']:.3f} |" in page
    assert f"0.900 ({ALONE}), 0.988 ({TITLED})" in page and page.count("gained by the title") == 1
    gain = points["iaa"].set_index(["images", "arm"])["value"].unstack()
    assert f"| 6,400 | {gain.loc[6400, TITLED] - gain.loc[6400, ALONE]:+.3f} |" in page
