"""Learning curves: what is trained, and what the page says."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from toys import toy_run

from moslab.backbones.catalogue import EMBEDDED
from moslab.experiments.experiment import Experiment
from moslab.experiments.store import Run
from moslab.publish import learning_curves
from moslab.publish.learning_curves import ALONE, ARMS, BASES, CURVES, RIGHT, SIZES, write_curves
from moslab.world.tasks import TASKS


def nearer_with_more(experiment: Experiment) -> Run:
    """A run whose scores come nearer to the targets with more pictures and with the right text."""
    run = toy_run(experiment)
    random = np.random.default_rng([experiment.seed, experiment.train_images])
    noise = 1000 / experiment.train_images
    if experiment.text == "title" and not experiment.test_text:
        noise *= 0.5
    scores = run.predictions["target"] + noise * random.normal(size=len(run.predictions))
    return replace(run, predictions=run.predictions.assign(score=scores))


@pytest.fixture
def asked(monkeypatch) -> list[Experiment]:
    """The experiments that would be trained."""
    seen: list[Experiment] = []

    def collect(experiments, runs, profile, jobs):
        seen.extend(experiments)
        return [nearer_with_more(experiment) for experiment in experiments]

    def oracle_value(task, target, metric, knows, **_):
        return 0.9876 if knows == "image_text" else 0.9

    monkeypatch.setattr(learning_curves, "collect", collect)
    monkeypatch.setattr(learning_curves, "oracle_value", oracle_value)
    # Checkpoints need not be there.
    monkeypatch.setattr("moslab.experiments.digests.of_weights", lambda name: name)
    return seen


def test_every_task_on_growing_parts_of_its_pictures(asked, tmp_path):
    points = write_curves([0, 1], folder=tmp_path)
    for task, curve in CURVES.items():
        mine = [
            e for e in asked if (e.dataset, e.preset, e.images) == (curve.dataset, curve.preset, curve.images)
        ]
        trained = {(e.train_images, e.text, e.test_text, e.seed) for e in mine}
        wanted = set()
        for size, arm, seed in product(SIZES, curve.arms, (0, 1)):
            wanted.add((size, ARMS[arm]["text"], ARMS[arm].get("test_text"), seed))
        assert trained == wanted
        for experiment in mine:
            assert experiment.options["bins"] == 51
            assert experiment.epochs == SIZES[experiment.train_images]
            assert experiment.test_images == learning_curves.TEST_IMAGES
        assert list(points[task]["images"].unique()) == list(SIZES)
        assert (points[task]["low"] <= points[task]["value"]).all()


def test_every_task_from_every_checkpoint(asked, tmp_path):
    points = write_curves([0], folder=tmp_path)
    assert set(BASES) <= set(EMBEDDED)
    for task, curve in CURVES.items():
        assert {e.backbone for e in asked if e.dataset == curve.dataset and e.images is None} == set(BASES)
        bases = points[f"{task}, bases"]
        assert set(bases["base"]) == set(BASES.values())
        assert set(bases["arm"]) == {ALONE, RIGHT} & set(curve.arms)


@pytest.mark.parametrize("curve", CURVES.values(), ids=CURVES)
def test_there_are_pictures_enough(curve):
    """Shares of the training split, from the tasks' constants."""
    share = {"iqa": 2 / 3, "iaa": 0.64, "aigiqa": 0.63}[curve.dataset]
    assert share * curve.images >= max(SIZES)
    assert curve.preset in TASKS[curve.dataset].PRESETS


def test_the_page_tells_points_oracles_and_what_a_text_gains(asked, tmp_path):
    points = write_curves([0, 1, 2], folder=tmp_path)
    page = (tmp_path / "learning_curves.md").read_text()
    names = ("aigiqa_alignment", "aigiqa_perception", "bases", "iaa", "iqa")
    figures = [f"learning_curve_{name}.png" for name in names]
    assert sorted(path.name for path in tmp_path.iterdir()) == [*figures, "learning_curves.md"]
    last = points["iqa"].iloc[-1]
    value = f"{last['value']:.3f} | {last['low']:.3f} to {last['high']:.3f} | {last['srcc']:.3f}"
    assert f"| 20,000 | {ALONE} | {value} |" in page
    assert f"0.900 ({ALONE}), 0.988 ({RIGHT})" in page
    assert "3 seeds" in page
    table = points["iaa"].set_index(["images", "arm"])["value"].unstack()
    assert f"| {table.loc[20_000, RIGHT] - table.loc[20_000, ALONE]:+.3f} |" in page


def test_one_seed_is_no_plural(asked, tmp_path):
    write_curves([0], folder=tmp_path)
    assert "of a larger draw of each task, 1 seed; epochs:" in (tmp_path / "learning_curves.md").read_text()
