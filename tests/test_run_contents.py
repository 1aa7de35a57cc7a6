"""What stands in a run: predictions, metrics and history, and further evaluations that can be asked for."""

import numpy as np
import pytest
import torch
from toys import toy_experiment, toy_table, use_toy_table

from moslab.experiments import attribute_answers, evaluation
from moslab.experiments.training import execute, prepare


@pytest.fixture
def toy(home, monkeypatch):
    """Every dataset is the toy table, and nothing is written outside a folder of the test."""
    return use_toy_table(monkeypatch)


def test_a_run_holds_what_was_asked(toy, tiny_base):
    steps = []
    experiment = toy_experiment(tiny_base, splits=("val", "test"), test_images=6, train_images=20, epochs=3)
    run = execute(experiment, lambda done, total: steps.append((done, total)))
    assert steps == [(number, 5) for number in range(1, 6)]  # 3 epochs of 20 pictures, 12 a step
    assert [entry["step"] for entry in run.history] == [1, 2, 3, 4, 5]
    assert run.key == run.experiment.key
    assert set(run.seconds) == {"preparing", "training", "evaluation"}
    assert run.provenance["packages"]["torch"] == torch.__version__
    assert set(run.metrics) == {"val", "test"}
    assert set(run.metrics["test"]) == {"srcc", "plcc", "mae", "unparsed"}
    assert run.metrics["test"]["unparsed"] == [0, 0, 0]


def test_a_run_holds_a_prediction_for_each_picture_asked(toy, tiny_base):
    run = execute(toy_experiment(tiny_base, splits=("val", "test"), test_images=6, train_images=20, epochs=3))
    predictions = run.predictions
    assert predictions["split"].tolist() == ["val"] * 6 + ["test"] * 6
    assert list(predictions) == ["image", "split", "target", "score", "parsed", "entropy", "top"]
    rows = np.concatenate([toy.rows("val")[:6], toy.rows("test")[:6]])
    assert predictions["image"].tolist() == toy.frame["image"].iloc[rows].tolist()
    assert predictions["target"].tolist() == pytest.approx(toy.frame["mos"].iloc[rows], abs=1e-6)
    assert predictions["parsed"].all()
    assert predictions["score"].between(1, 5).all()
    assert predictions["top"].between(0.2, 1).all()
    assert run.distributions.shape == (12, 5)
    assert run.distributions.sum(1) == pytest.approx(np.ones(12))


def test_unread_answers_are_counted_and_left_out():
    frame = toy_table(12).frame
    scores = evaluation.Scores(frame["mos"].where(frame.index != 3).to_numpy(), np.full((12, 2), 0.5))
    predictions = evaluation.predictions_frame(toy_table(12), range(12), scores)
    measured = evaluation.measure(predictions.assign(split="test"))["test"]
    assert measured["unparsed"] == [1, 1, 1]
    assert measured["srcc"][0] == pytest.approx(1)
    assert measured["mae"][0] == pytest.approx(0, abs=1e-6)


def test_argmax_decoding_gives_bin_centers(toy, tiny_base):
    run = execute(toy_experiment(tiny_base, options={"bins": 5, "decoding": "argmax"}, range="scale"))
    assert set(run.predictions["score"]) <= {1.0, 2.0, 3.0, 4.0, 5.0}


def test_loose_pictures_are_scored_as_those_of_a_table(toy, tiny_base):
    table, reader = prepare(toy_experiment(tiny_base))
    reader.backbone.model.eval()
    rows = table.rows("test")
    loose = evaluation.score_pictures(reader, [table.pixels.open(int(row)) for row in rows])
    assert loose == pytest.approx(evaluation.predict(reader, table, rows).score, abs=1e-5)


def test_shuffling_at_test_changes_the_evaluation_alone(home, monkeypatch, tiny_base):
    table = use_toy_table(monkeypatch, pictures=30)
    table.frame["text"] = [f"Title {'abcdef'[row % 6]}" for row in range(30)]
    right = execute(toy_experiment(tiny_base, text="title"))
    shuffled = execute(toy_experiment(tiny_base, text="title", test_text="random"))
    assert right.history == shuffled.history
    assert right.experiment.key != shuffled.experiment.key
    assert not np.allclose(right.predictions["score"], shuffled.predictions["score"])
    own = toy_experiment(tiny_base, text="title", test_text="title")  # nothing is shuffled there
    assert own.key == right.experiment.key


def test_every_epoch_is_evaluated_and_nothing_changes(toy, tiny_base):
    watched = execute(toy_experiment(tiny_base, every_epoch=True, epochs=3))
    plain = execute(toy_experiment(tiny_base, epochs=3))
    epochs = [entry for entry in watched.history if "epoch" in entry]
    assert watched.predictions.equals(plain.predictions)
    assert [entry for entry in watched.history if "epoch" not in entry] == plain.history
    assert [entry["epoch"] for entry in epochs] == [1, 2, 3]
    assert epochs[-1]["srcc"] == pytest.approx(plain.metrics["test"]["srcc"][0], abs=1e-5)
    target = plain.predictions["target"].to_numpy()
    nearest = np.abs(np.linspace(1, 5, 5) - target[:, None]).argmin(1)
    right = plain.distributions.argmax(1) == nearest
    overconfidence = plain.predictions["top"].mean() - right.mean()
    # The training scores' range is a little narrower than the scale.
    assert epochs[-1]["overconfidence"] == pytest.approx(overconfidence, abs=0.2)


def test_answers_to_related_questions_are_kept_with_the_scores(toy, monkeypatch, tiny_base):
    monkeypatch.setattr(attribute_answers, "PICTURES", 6)
    asked = execute(toy_experiment(tiny_base, related=True))
    plain = execute(toy_experiment(tiny_base))
    assert asked.split("test").equals(plain.split("test"))
    assert asked.metrics == plain.metrics
    for kind in (attribute_answers.ATTRIBUTES, attribute_answers.RATINGS):
        answered, chosen = asked.split(kind), asked.split(f"{kind}{attribute_answers.CHOSEN}")
        assert 0 < len(answered) == len(chosen) <= 6
        assert answered["score"].between(0, 1).all()
        assert (answered["target"] == 1).all()
        # What is likeliest of all words is likeliest of a few.
        assert (chosen["score"].to_numpy() >= answered["score"].to_numpy()).all()
