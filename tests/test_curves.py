"""Learning curves: what is trained, and what the page says."""

from dataclasses import replace

import numpy as np
import pytest
from toys import toy_run

from moslab.backbones.catalogue import EMBEDDED
from moslab.publish import learning_curves
from moslab.publish.learning_curves import ALONE, ARMS, BASES, CURVES, RIGHT, SIZES, write_curves
from moslab.world.tasks import TASKS


@pytest.fixture
def asked(monkeypatch) -> list:
    """The experiments that would be trained; their scores come nearer to the targets with more pictures and with the right text."""
    seen = []

    def collect(experiments, runs, profile, jobs):
        seen.extend(experiments)
        for experiment in experiments:
            run = toy_run(experiment)
            random = np.random.default_rng([experiment.seed, experiment.train_images])
            noise = (
                1000
                / experiment.train_images
                * (0.5 if experiment.text == "title" and not experiment.test_text else 1)
            )
            yield replace(
                run,
                predictions=run.predictions.assign(
                    score=run.predictions["target"] + noise * random.normal(size=len(run.predictions))
                ),
            )

    monkeypatch.setattr(learning_curves, "collect", collect)
    monkeypatch.setattr(
        learning_curves,
        "oracle_value",
        lambda task, target, metric, knows, **_: 0.9876 if knows == "image_text" else 0.9,
    )
    monkeypatch.setattr(
        "moslab.experiments.digests.of_weights", lambda name: name
    )  # checkpoints need not be there
    return seen


def test_every_task_on_growing_parts_of_its_pictures(asked, tmp_path):
    points = write_curves([0, 1], folder=tmp_path)
    for task, curve in CURVES.items():
        mine = [
            e
            for e in asked
            if (e.dataset, e.preset) == (curve.dataset, curve.preset) and e.images == curve.images
        ]
        trained = {(e.train_images, e.text, e.test_text, e.seed) for e in mine}
        assert trained == {
            (n, ARMS[arm]["text"], ARMS[arm].get("test_text"), seed)
            for n in SIZES
            for arm in curve.arms
            for seed in (0, 1)
        }
        assert all(
            e.options["bins"] == 51
            and e.epochs == SIZES[e.train_images]
            and e.test_images == learning_curves.TEST_IMAGES
            for e in mine
        )
        assert (
            list(points[task]["images"].unique()) == list(SIZES)
            and (points[task]["low"] <= points[task]["value"]).all()
        )


def test_every_task_from_every_checkpoint(asked, tmp_path):
    points = write_curves([0], folder=tmp_path)
    assert set(BASES) <= set(EMBEDDED)
    for task, curve in CURVES.items():
        assert {e.backbone for e in asked if e.dataset == curve.dataset and e.images is None} == set(BASES)
        assert set(points[f"{task}, bases"]["base"]) == set(BASES.values()) and set(
            points[f"{task}, bases"]["arm"]
        ) == {ALONE, RIGHT} & set(curve.arms)


def test_there_are_pictures_enough():
    """Shares of the training split, from the tasks' constants."""
    shares = {"iqa": 2 / 3, "iaa": 0.64, "aigiqa": 0.63}
    for curve in CURVES.values():
        assert (
            shares[curve.dataset] * curve.images >= max(SIZES)
            and curve.preset in TASKS[curve.dataset].PRESETS
        )


def test_the_page_tells_points_bounds_and_what_a_text_gains(asked, tmp_path):
    points = write_curves([0, 1, 2], folder=tmp_path)
    page = (tmp_path / "learning_curves.md").read_text()
    names = ("aigiqa_alignment", "aigiqa_perception", "bases", "iaa", "iqa")
    figures = [f"learning_curve_{name}.png" for name in names]
    assert sorted(path.name for path in tmp_path.iterdir()) == [*figures, "learning_curves.md"]
    last = points["iqa"].iloc[-1]
    assert (
        f"| 20,000 | {ALONE} | {last['value']:.3f} | {last['low']:.3f} to {last['high']:.3f} | {last['srcc']:.3f} |"
        in page
    )
    assert f"0.900 ({ALONE}), 0.988 ({RIGHT})" in page and "3 seeds" in page
    table = points["iaa"].set_index(["images", "arm"])["value"].unstack()
    assert f"| {table.loc[20_000, RIGHT] - table.loc[20_000, ALONE]:+.3f} |" in page
