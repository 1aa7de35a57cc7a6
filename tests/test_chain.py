"""Attributes first, then the score: what is taught, what is read back, and what counts as failed."""

import numpy as np
import pandas as pd
import pytest
import torch
from test_every_scorer import labelled
from toys import load_exact, toy_table

from moslab.backbones.prompts import Wording
from moslab.experiments.evaluation import answers, predict, predictions_frame
from moslab.experiments.experiment import make
from moslab.experiments.reading import Reader
from moslab.scorers import chain, digits
from moslab.scorers.base import Labels
from moslab.utils.errors import UserError

TWO = ("exposure", "saturation")
OPTIONS = {"exposure": ("good", "poor"), "saturation": ("bad", "excellent", "fair")}


@pytest.mark.parametrize(
    "form, text",
    [
        ("prose", "the exposure is good. the saturation is fair."),
        ("listed", "exposure: good; saturation: fair;"),
    ],
)
def test_what_is_told_is_heard(form, text):
    said = {"exposure": "good", "saturation": "fair"}
    assert chain.told(said, form) == text and chain.heard(text, OPTIONS, form) == said
    assert (
        chain.heard(text.replace(".", " .").replace(":", " :").upper(), OPTIONS, form) == said
    )  # blanks and capitals that a tokenizer leaves
    assert chain.heard(text.replace("fair", "fairly"), OPTIONS, form) == {
        "exposure": "good",
        "saturation": "",
    }
    assert chain.heard("", OPTIONS, form) == {"exposure": "", "saturation": ""}
    assert chain.heard(text.split("s", 1)[0], OPTIONS, form)["saturation"] == ""


def test_names_of_several_words_are_spoken():
    said = {"subject_clutter": "moderately cluttered", "level_shot": "yes"}
    known = {"subject_clutter": ("cluttered", "moderately cluttered"), "level_shot": ("no", "yes")}
    for form in ("prose", "listed"):
        assert chain.heard(chain.told(said, form), known, form) == said


@pytest.fixture(scope="module", params=["tiny_base", "tiny_llava"])
def taught(request):
    """A reader whose model was taught six chains by heart."""
    backbone, table = load_exact(request.getfixturevalue(request.param)), labelled(toy_table(6))
    scorer = chain.Chain(chain.Options(attributes=TWO, settings={"digits": 2}))
    scorer.fit(Labels.of(table, np.arange(6)), 1.0, 5.0)
    scorer.attach(backbone)
    reader = Reader(
        backbone,
        scorer,
        Wording("iqa", "title", shown=np.array(["Free", "Study", "Open", "Challenge", "Best of", "Month"])),
    )
    backbone.model.requires_grad_(True)
    targets = scorer.encode(Labels.of(table, np.arange(6)))
    torch.manual_seed(0)
    adam = torch.optim.Adam(backbone.model.model.language_model.parameters(), lr=3e-3)
    for _ in range(120):
        batch = reader.to_teach(table, range(6), targets)
        scorer.loss(reader.states(batch), batch, reader.vocabulary).backward()
        adam.step(), adam.zero_grad()
    backbone.model.requires_grad_(False)
    return reader, table, targets


def test_the_whole_chain_is_taught(taught):
    reader, table, targets = taught
    batch = reader.to_teach(table, range(6), targets)
    for row in range(6):
        labels, said = batch["labels"][row], table.annotations.iloc[row]
        text = (
            reader.backbone.tokenizer.decode(labels[labels != -100], skip_special_tokens=True).strip().lower()
        )
        number = digits.written(int(targets[row, 0]), 2)
        assert (
            text
            == f"the exposure is {said['exposure']}. the saturation is {said['saturation']}. the score of this image is {number}."
        )


def test_attributes_and_scores_come_back(taught):
    """Written by the model itself, then the score read behind its own words."""
    reader, table, targets = taught
    found = predict(reader, table, range(6))
    assert found.said.equals(table.annotations[list(TWO)].reset_index(drop=True))
    assert found.score == pytest.approx(reader.scorer.restore(targets))
    record = predictions_frame(table, np.arange(6), found)
    table_of_answers = answers(record)
    assert (
        table_of_answers.index.tolist() == list(TWO)
        and (table_of_answers["right"] == 1).all()
        and (table_of_answers["unread"] == 0).all()
    )
    record.loc[:2, "said exposure"] = ["", "no option", np.nan]
    wrong = answers(record).loc["exposure"]
    assert wrong["right"] == 0.5 and wrong["unread"] == pytest.approx(2 / 6)


def test_an_answer_without_a_score_counts_as_failed(taught):
    reader, table, _ = taught
    read = reader.read(table, range(6))
    texts = read.write(reader.scorer.longest)
    texts[1], texts[2] = "the exposure is good. the exposure is good.", ""
    found = reader.scorer.decode(
        type(read)(read.states, read.vocabulary, read.follow, lambda _: texts, read.again)
    )
    assert np.flatnonzero(~found.parsed).tolist() == [1, 2] and found.said["exposure"].iloc[1:3].tolist() == [
        "good",
        "",
    ]


def test_every_decoding_of_the_number_follows_the_chain(taught):
    reader, table, targets = taught
    for decoding in ("expectation", "tree"):
        reader.scorer.inner.options = digits.Options(digits=2, decoding=decoding)
        assert predict(reader, table, range(6)).score == pytest.approx(
            reader.scorer.restore(targets), abs=0.2
        )
    reader.scorer.inner.options = digits.Options(digits=2)


@pytest.mark.parametrize(
    "annotations, sentence",
    [
        (
            None,
            "chain tells 9 attributes first, and these data have no 'eye_catching': give attributes=..., some of none that there are",
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
    with pytest.raises(
        UserError, match="answered nothing beside its scores: use scorer='chain', or roc with also"
    ):
        answers(pd.DataFrame({"score": [1.0]}))
