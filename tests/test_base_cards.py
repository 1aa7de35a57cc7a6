"""The cards of the embedded bases, and what a base writes by itself."""

import json
import re
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from test_corpus_words import corpus_tokenizer
from toys import toy_table

from moslab import world
from moslab.analysis import sorting
from moslab.backbones import catalogue, loading, pretraining
from moslab.backbones.asking import write
from moslab.backbones.pretraining import Plan, new_base
from moslab.publish import base_card, base_overview
from moslab.world import language, specs

# cards


@pytest.fixture(scope="module")
def cards(tmp_path_factory):
    """The folder of two bases, and their cards, measured on a few pictures."""
    folder = tmp_path_factory.mktemp("bases")
    for place in ("", "early"):
        record = {"plan": asdict(Plan()), "history": [[{"images": 5}], []]}
        pretraining.save(new_base("qwen2_vl", corpus_tokenizer()), folder / place, record)
    texts, answers = base_card._texts, base_card.number_answers
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"PICTURES": 8, "PROBE_PICTURES": 20, "TRIALS": 2}.items():
            patch.setattr(base_card, name, value)
        patch.setattr(base_card, "_texts", lambda *asked: texts(*asked[:4], 6))
        patch.setattr(base_card, "number_answers", lambda *asked: answers(*asked, exercises=4))
        return folder, base_card.write_cards(folder)


def test_cards_are_measured_on_the_stored_weights(cards):
    folder, measured = cards
    assert set(measured) == {"embedded", "embedded-early"}
    for place, card in (("", measured["embedded"]), ("early", measured["embedded-early"])):
        assert set(card["attributes"]) == set(base_card.MIXES)
        assert set(card["attributes"]["degraded"]) == set(specs.FIELDS) == set(card["probe"])
        shares = [
            *card["mean_attribute_accuracy"].values(),
            card["rated_facts_accuracy"],
            card["counts"],
            *card["numbers"].values(),
            *card["sorting"]["10"].values(),
        ]
        assert all(0 <= share <= 1 for share in shares)
        assert card["caption_loss"] > 3
        assert card["digit_perplexity"] > 2
        assert card["world"] == world.PIXELS
        assert json.loads((folder / place / "card.json").read_text()) == card


def test_the_page_shows_the_bases_that_are_there(cards):
    folder, measured = cards
    readme = (folder / "README.md").read_text()
    assert f"{measured['embedded']['mean_attribute_accuracy']['photographs']:.3f}" in readme
    assert "embedded-early" in readme
    assert "embedded-middle |" not in readme


def test_sampled_pictures_have_their_pixels():
    assert base_card.sample("iaa", "calm", 3)[1].shape == (3, 64, 64, 3)


def committed() -> dict[str, Path]:
    """The bases whose weights lie in the package, by name."""
    folders = {name: catalogue.WEIGHTS / folder for name, folder in catalogue.EMBEDDED.items()}
    return {name: folder for name, folder in folders.items() if (folder / "config.json").is_file()}


def test_committed_bases_are_small_and_their_cards_are_of_this_world():
    assert {"embedded", "embedded-early", "embedded-middle", "embedded-nowords"} <= set(committed())
    sizes = {name: (folder / "model.safetensors").stat().st_size for name, folder in committed().items()}
    assert sum(sizes.values()) < 25_000_000
    readme = (catalogue.WEIGHTS / "README.md").read_text()
    for name, folder in committed().items():
        card = json.loads((folder / "card.json").read_text())
        remedy = f"{name}: pixels changed; run `python -m moslab base train`"
        assert card["world"] == world.PIXELS == card["training"]["world"], remedy
        assert card["bytes"] == sizes[name]
        assert f"| {card['caption_loss']:.3f} |" in readme


def test_a_base_trained_again_is_held_against_the_committed_cards():
    before = base_overview.stored()
    assert set(before) == set(committed())
    assert base_card.agreement(before, before)["within"].all()
    worse = before["embedded"] | {"caption_loss": before["embedded"]["caption_loss"] + 0.06}
    again = {"embedded": worse, "embedded-early": before["embedded-early"]}
    table = base_card.agreement(again, before).set_index(["base", "measure"])["within"]
    assert table.index[table.eq(False)].tolist() == [("embedded", "caption loss")]
    accuracies = {f"mean attribute accuracy {mix}" for mix in base_card.MIXES}
    assert {measure for _, measure in table.index} == accuracies | {"caption loss"}
    # A LLaVA trained into a folder of its own.
    alone = base_card.agreement({"embedded": before["embedded-llava"]}, before)
    assert alone["within"].all()
    assert base_card.agreement({"embedded": before["embedded"]}, {}).empty


def test_the_base_without_words_sees_as_the_base_does():
    """They share the vision tower, which was taught without words."""
    base, silent = (loading.load(name).vision.state_dict() for name in ("embedded", "embedded-nowords"))
    assert base
    assert all(torch.equal(weight, silent[name]) for name, weight in base.items())


@pytest.mark.parametrize("name", committed())
def test_the_first_token_tells_an_attribute_s_classes_apart(name):
    """The card's question is decided by it."""
    backbone = loading.load(name)
    for field, classes in language.WORDS.items():
        first = [backbone.tokens(f" {words[0]}")[0] for words in classes]
        assert len(set(first)) == len(first), field


# what a base writes


@pytest.mark.parametrize(
    ("answer", "accuracy", "recall", "hallucination"),
    [
        ("1.5, 2.0, 3.25", 1, 1, 0),
        ("1.5, 3.25, 2.0", 1 / 3, 1, 0),
        ("", 0, 0, 0),
        ("1.5, 1.5, 9.9", 1 / 3, 1 / 3, 1 / 3),
        ("[1.5, 2, 3.25, 4]", 1, 1, 1 / 4),
        ("none at all", 0, 0, 0),
    ],
)
def test_sorting_metrics(answer, accuracy, recall, hallucination):
    written = sorting.read_numbers(answer)
    asked = ["3.25", "1.5", "2.0"]
    assert sorting.accuracy(written, asked) == pytest.approx(accuracy)
    assert sorting.recall(written, asked) == pytest.approx(recall)
    assert sorting.hallucination(written, asked) == pytest.approx(hallucination)


@pytest.mark.parametrize(
    ("answer", "numbers"),
    [
        ("1.5, 2.25, 10", ["1.5", "2.25", "10"]),
        ("Here are the 10 numbers: [1.5, 2.25]", ["1.5", "2.25"]),
        ("Sorted from [2.25, 1.5]: ['1.5', '2.25']. That took 1 step.", ["1.5", "2.25"]),
        ("From low to high [as asked]: 1.5, 2.25", ["1.5", "2.25"]),
        ("[1.5, 2.25", ["1.5", "2.25"]),
        ("[]", []),
    ],
)
def test_numbers_are_read_from_the_last_list_in_brackets(answer, numbers):
    assert sorting.read_numbers(answer) == numbers


def test_sorting_trials_are_realqa_s():
    for number in range(50):
        trial = sorting.trial(number)
        assert len(trial) == 10
        assert all(1 <= float(decimal) <= 10 for decimal in trial)
        assert all(re.fullmatch(r"\d+\.\d{1,2}", decimal) for decimal in trial)
    assert sorting.trial(3) == sorting.trial(3) != sorting.trial(4)


def test_a_model_writes_until_it_ends(tiny_base):
    """Answers of questions of several lengths, each as if asked alone."""
    backbone = loading.load(str(tiny_base))
    picture = toy_table(2).pixels.open(0)
    questions = ["Sky?", "A longer question?", "Sea?"]
    together = write(backbone, picture, questions, longest=5)
    assert together == [write(backbone, picture, [question], longest=5)[0] for question in questions]
    assert all(len(backbone.tokens(answer)) <= 5 for answer in together)
