"""Attributes that a model gives a dataset by itself: whose they are, what becomes of unread ones, and what is
trained first."""

from dataclasses import replace

import pandas as pd
import pytest
from toys import toy_run, toy_table

from moslab.experiments import collecting, self_labels
from moslab.experiments.experiment import Experiment, make
from moslab.experiments.fields import ADDED_LATER
from moslab.experiments.store import Run
from moslab.utils.errors import UserError


@pytest.fixture
def no_weights(monkeypatch) -> None:
    """Keys without labels, pictures and weights."""
    monkeypatch.setattr(Experiment, "key", property(lambda one: f"{one.label} {one.labelled_by}"))


def chain(**fields) -> Experiment:
    return make(**{"dataset": "iqa", "scorer": "chain", "labelled_by": "ugc", "learning_rate": 1e-3} | fields)


def test_only_a_chain_on_another_dataset_is_labelled():
    assert "labelled_by" in ADDED_LATER  # so that older keys stay valid
    assert chain().labelled_by == "ugc"
    assert chain(dataset="ugc").labelled_by == ""
    assert chain(scorer="digits").labelled_by == ""
    with pytest.raises(UserError, match="Unknown dataset 'nowhere'"):
        chain(labelled_by="nowhere")


def test_the_labeller_is_the_same_training_on_the_set_with_attributes():
    labeller = chain(seed=2, train_images=50, test_images=20, test_dataset="like_spaq", epochs=3).labeller
    assert (labeller.dataset, labeller.test_dataset, labeller.labelled_by) == ("ugc", "iqa", "")
    assert (labeller.splits, labeller.test_images) == (("train",), 50)
    assert (labeller.seed, labeller.epochs, labeller.train_images) == (2, 3, 50)


def test_labels_change_the_key_of_run_and_training():
    """With real digests: of the embedded worlds' labels and the base's weights."""
    own = chain(labelled_by="")
    assert chain().key != own.key
    assert chain().training != own.training
    assert chain().labeller.training == chain(dataset="ugc").training


def labelling_run(said: dict[str, list[str | None]]) -> Run:
    run = toy_run(chain().labeller)
    frame = pd.DataFrame({"image": ["i1", "i0"], "split": "train", "target": 1.0, "score": 1.0} | said)
    return replace(run, predictions=frame)


def test_labels_are_found_by_picture(monkeypatch, no_weights):
    said = {"said exposure": ["good", ""], "said saturation": [None, "low"]}
    monkeypatch.setattr(self_labels, "finished", lambda experiment: labelling_run(said))
    table = toy_table(4)
    frame = table.frame.assign(image=["i0", "i1", "i2", "i3"])
    old = pd.DataFrame({"exposure": ["old"] * 4, "other": list("abcd")})
    labelled = self_labels.with_attributes(replace(table, frame=frame, annotations=old), chain())
    assert labelled.annotations["exposure"].tolist() == ["unknown", "good", "", ""]
    assert labelled.annotations["saturation"].tolist() == ["low", "unknown", "", ""]
    assert labelled.annotations["other"].tolist() == list("abcd")


def test_a_labelling_run_that_is_missing_is_a_sentence(no_weights):
    with pytest.raises(UserError, match="The run that labels iqa .* is not finished: train it first"):
        self_labels.finished(chain(seed=77).labeller)


def test_what_labels_is_trained_first(monkeypatch, no_weights):
    monkeypatch.setattr(collecting, "missing", lambda experiments, *_: list(experiments))
    own, later = chain(dataset="ugc"), chain()
    assert collecting.stages([later, own], "smoke") == [[own, later.labeller], [later]]
    assert collecting.stages([own], "smoke") == [[own]]
    assert collecting.stages([], "smoke") == [[]]
