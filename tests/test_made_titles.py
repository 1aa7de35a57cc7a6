"""Titles that a machine makes: what they are made of, who gets them, and where they are refused."""

from dataclasses import replace

import numpy as np
import pytest
from arrays import ArrayPixels
from toys import toy_experiment, toy_table

from moslab.backbones import loading, prompts
from moslab.backbones.asking import write, write_each
from moslab.backbones.prompts import Wording
from moslab.datasets.table import ImageTable
from moslab.experiments import inputs, made_titles
from moslab.experiments.made_titles import nearest, with_titles
from moslab.experiments.training import execute
from moslab.utils.errors import UserError


def titled(pictures: int = 20) -> ImageTable:
    """Noise, whose pictures are titled by their numbers; test and validation pictures have no title."""
    table = toy_table(pictures)
    trained = table.frame["split"] == "train"
    texts = [f"number {row}" if known else "" for row, known in enumerate(trained)]
    return replace(table, frame=table.frame.assign(text=texts))


@pytest.fixture
def table(monkeypatch, home) -> ImageTable:
    """What every dataset is."""
    made = titled()
    monkeypatch.setattr("moslab.datasets.load", lambda name, **_: made)
    monkeypatch.setattr("moslab.datasets.manifest", lambda name, **_: made.manifest())
    return made


def test_the_nearest_picture_is_another_one_and_looks_alike(tiny_base):
    """Every picture twice: the twin is found, never the picture itself."""
    table = titled()
    pixels = np.asarray(table.pixels.array)
    twins = replace(table, pixels=ArrayPixels(np.repeat(pixels[:10], 2, axis=0)))
    rows = np.arange(20)
    found = nearest(loading.load(str(tiny_base)), twins, rows, rows)
    assert (found == rows ^ 1).all()
    pool = np.array([4, 9])
    assert set(nearest(loading.load(str(tiny_base)), twins, rows, pool)) == {4, 9}


def test_pictures_of_any_size_are_asked_together(any_base):
    """Batched and padded, a picture gets the answer that it gets alone."""
    backbone = loading.load_to_ask(str(any_base))
    pictures = [toy_table(4).pixels.open(row) for row in range(3)]
    pictures[1] = pictures[1].resize((96, 64))
    together = write_each(backbone, pictures, "Write a title.", 5)
    assert together == [write(backbone, one, ["Write a title."], 5)[0] for one in pictures]


def test_used_rows_get_titles_once(table, tiny_base, monkeypatch):
    experiment = toy_experiment(tiny_base, text="written", test_text="nearest", train_images=6)
    shown = with_titles(table, [experiment])
    used = inputs.used_rows([experiment], table)
    unused = np.setdiff1d(np.arange(len(table)), used)
    for kind in prompts.MADE:
        texts = prompts.shown_texts(shown, kind)
        assert (texts[unused] == "").all()
    lent = set(table.frame["text"][inputs.training_rows(experiment, table)])
    assert set(prompts.shown_texts(shown, "nearest")[used]) <= lent
    monkeypatch.setattr(made_titles, "_made", lambda *_: pytest.fail("made again"))
    again = with_titles(table, [experiment])
    assert (prompts.shown_texts(again, "nearest") == prompts.shown_texts(shown, "nearest")).all()
    question = Wording.of(shown, "ava", "nearest").question(int(used[0]))
    assert question.endswith(f"Challenge title: {prompts.shown_texts(shown, 'nearest')[used[0]]}.")


def test_a_training_with_made_titles_runs(table, tiny_base):
    run = execute(toy_experiment(tiny_base, text="nearest", test_text="written", epochs=1))
    assert np.isfinite(run.predictions["score"]).all()


def test_a_table_without_made_texts_says_where_they_are_made():
    with pytest.raises(UserError, match="The texts of text='written' are made where a model is trained"):
        Wording.of(titled(), "iqa", "written")


def test_titles_are_needed_where_they_are_lent(table, tiny_base):
    inputs.check_inputs(toy_experiment(tiny_base, text="written"), toy_table(20))
    inputs.check_inputs(toy_experiment(tiny_base, text="nearest"), table)
    with pytest.raises(UserError, match="iqa has no text for 12 of 12 pictures"):
        inputs.check_inputs(toy_experiment(tiny_base, text="nearest"), toy_table(20))


def test_other_datasets_are_refused(tiny_base):
    with pytest.raises(UserError, match="written, nearest are made for the pictures of one dataset"):
        toy_experiment(tiny_base, text="written", test_dataset="iaa")


def test_ways_of_making_count_in_the_key(table, tiny_base, monkeypatch):
    def keys() -> list[str]:
        made = toy_experiment(tiny_base, text="written")
        tested = toy_experiment(tiny_base, test_text="nearest")
        return [made.key, made.training, tested.key, tested.training, toy_experiment(tiny_base).key]

    before = keys()
    monkeypatch.setattr("moslab.experiments.experiment.MADE_VERSION", 2)
    assert [one == other for one, other in zip(before, keys())] == [False, False, False, True, True]
