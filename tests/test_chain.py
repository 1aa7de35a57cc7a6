"""Attributes first, then the score: what is taught, what is read back, and what counts as failed."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from readers import labelled, labels_of, taught_text
from toys import load_exact, toy_table

from moslab.backbones.prompts import Wording
from moslab.experiments.evaluation import answers, predict, predictions_frame
from moslab.experiments.experiment import make
from moslab.experiments.reading import Reader
from moslab.scorers import chain, digits
from moslab.scorers.base import Labels
from moslab.utils.errors import UserError

TWO = ("exposure", "saturation")
CHOICES = {"exposure": ("good", "poor"), "saturation": ("bad", "excellent", "fair")}
TITLES = np.array(["Free", "Study", "Open", "Challenge", "Best of", "Month"])


@pytest.mark.parametrize(
    "form, text",
    [
        ("prose", "the exposure is good. the saturation is fair."),
        ("listed", "exposure: good; saturation: fair;"),
    ],
)
def test_what_is_written_is_read_back(form, text):
    """Whatever blanks and capitals a tokenizer leaves."""
    attributes = {"exposure": "good", "saturation": "fair"}
    assert chain.write_attributes(attributes, form) == text
    assert chain.read_attributes(text, CHOICES, form) == attributes
    spaced = text.replace(".", " .").replace(":", " :").upper()
    assert chain.read_attributes(spaced, CHOICES, form) == attributes
    unknown = chain.read_attributes(text.replace("fair", "fairly"), CHOICES, form)
    assert unknown == {"exposure": "good", "saturation": ""}
    assert chain.read_attributes("", CHOICES, form) == {"exposure": "", "saturation": ""}
    cut = text.split("s", 1)[0]
    assert chain.read_attributes(cut, CHOICES, form)["saturation"] == ""


@pytest.mark.parametrize("form", ["prose", "listed"])
def test_names_of_several_words_are_written_in_words(form):
    attributes = {"subject_clutter": "moderately cluttered", "level_shot": "yes"}
    choices = {"subject_clutter": ("cluttered", "moderately cluttered"), "level_shot": ("no", "yes")}
    text = chain.write_attributes(attributes, form)
    assert "subject clutter" in text
    assert chain.read_attributes(text, choices, form) == attributes


@pytest.fixture(scope="module", params=["tiny_base", "tiny_llava"])
def taught(request):
    """A reader whose model was taught six chains by heart."""
    backbone, table = load_exact(request.getfixturevalue(request.param)), labelled(toy_table(6))
    scorer = chain.Chain(chain.Options(attributes=TWO, settings={"digits": 2}))
    scorer.fit(labels_of(table), 1.0, 5.0)
    scorer.attach(backbone)
    reader = Reader(backbone, scorer, Wording("iqa", "title", shown=TITLES))
    backbone.model.requires_grad_(True)
    targets = scorer.encode(labels_of(table))
    torch.manual_seed(0)
    adam = torch.optim.Adam(backbone.model.model.language_model.parameters(), lr=3e-3)
    for _ in range(120):
        batch = reader.to_teach(table, range(6), targets)
        scorer.loss(reader.states(batch), batch, reader.vocabulary).backward()
        adam.step()
        adam.zero_grad()
    backbone.model.requires_grad_(False)
    return reader, table, targets


def test_the_whole_chain_is_taught(taught):
    reader, table, targets = taught
    batch = reader.to_teach(table, range(6), targets)
    for row in range(6):
        options = table.annotations.iloc[row]
        number = digits.written(int(targets[row, 0]), 2)
        assert taught_text(reader, batch["labels"][row]) == (
            f"the exposure is {options['exposure']}. the saturation is {options['saturation']}. "
            f"the score of this image is {number}."
        )


def test_attributes_and_scores_come_back(taught):
    """Written by the model itself, then the score read behind its own words."""
    reader, table, targets = taught
    scores = predict(reader, table, range(6))
    assert scores.said.equals(table.annotations[list(TWO)].reset_index(drop=True))
    assert scores.score == pytest.approx(reader.scorer.restore(targets))
    record = predictions_frame(table, np.arange(6), scores)
    agreement = answers(record)
    assert agreement.index.tolist() == list(TWO)
    assert (agreement["right"] == 1).all()
    assert (agreement["unread"] == 0).all()
    record.loc[:2, "said exposure"] = ["", "no option", np.nan]
    wrong = answers(record).loc["exposure"]
    assert wrong["right"] == 0.5
    assert wrong["unread"] == pytest.approx(2 / 6)


def test_an_answer_without_a_score_counts_as_failed(taught):
    reader, table, _ = taught
    read = reader.read(table, range(6))
    texts = read.write(reader.scorer.longest)
    texts[1], texts[2] = "the exposure is good. the exposure is good.", ""
    scores = reader.scorer.decode(replace(read, write=lambda _: texts))
    assert np.flatnonzero(~scores.parsed).tolist() == [1, 2]
    assert scores.said["exposure"].iloc[1:3].tolist() == ["good", ""]


@pytest.mark.parametrize("decoding", ["expectation", "tree"])
def test_every_decoding_of_the_number_follows_the_chain(taught, monkeypatch, decoding):
    reader, table, targets = taught
    options = digits.Options(digits=2, decoding=decoding)
    monkeypatch.setattr(reader.scorer.inner, "options", options)
    score = predict(reader, table, range(6)).score
    assert score == pytest.approx(reader.scorer.restore(targets), abs=0.2)


@pytest.mark.parametrize(
    "annotations, sentence",
    [
        (
            None,
            "chain tells 9 attributes first, and these data have no 'eye_catching': "
            "give attributes=..., some of none that there are",
        ),
        (
            pd.DataFrame({"caption": ["a"] * 2}),
            "these data have no 'eye_catching': give attributes=..., some of caption",
        ),
    ],
)
def test_data_without_attributes_are_refused(annotations, sentence):
    with pytest.raises(UserError, match=sentence):
        chain.Chain().fit(Labels(np.array([1.0, 2.0]), annotations=annotations), 1, 5)


def test_settings_of_the_score_are_checked_early():
    with pytest.raises(UserError, match="Scorer 'digits', option 'digits'"):
        make(scorer="chain", options={"settings": {"digits": 9}}, learning_rate=1e-3)


def test_answers_are_asked_of_a_record_that_has_them():
    sentence = "answered nothing beside its scores: use scorer='chain', or roc with also"
    with pytest.raises(UserError, match=sentence):
        answers(pd.DataFrame({"score": [1.0]}))
