"""The corpus is fixed by its seed, says nothing it must not say, and both stages train into a checkpoint that can be read."""

import hashlib
import json
import re
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from toys import toy_table, train_here

from moslab import world
from moslab.analysis import sorting
from moslab.backbones import catalogue, embedded, loading, pretraining
from moslab.backbones.asking import write
from moslab.backbones.pretraining import (
    PLANS,
    PROMPT_SENTENCES,
    Corpus,
    Plan,
    Stage,
    Writer,
    draw_corpus,
    make_batch,
    tokenizer_texts,
)
from moslab.backbones.qwen2_vl import ImageTextProcessor
from moslab.datasets.embedded import table_of
from moslab.publish import base_card
from moslab.world import language, specs
from moslab.world.draws import Dice
from moslab.world.render import render_all
from moslab.world.tasks import SEED as TASK_SEED
from moslab.world.tasks import TASKS

SEED = Plan().seed
RATING_WORDS = {word for words in language.RATINGS.values() for word in words}


@pytest.fixture(scope="module")
def tokenizer():
    return embedded.build_tokenizer([*tokenizer_texts(SEED, pictures=150), *PROMPT_SENTENCES])


@pytest.fixture(scope="module")
def writer(tokenizer):
    return Writer(tokenizer)


def texts_of(writer: Writer, form: str, pictures: int = 300) -> list[tuple[str, str]]:
    """(whole text, taught part) of many pictures in one form."""
    spec = draw_corpus(np.arange(pictures), SEED)
    written = [getattr(writer, f"_{form}")(spec, row, Dice(SEED, form, row)) for row in range(pictures)]
    return [
        (
            writer.tokenizer.decode(ids),
            writer.tokenizer.decode([token for token, kept in zip(ids, taught) if kept]),
        )
        for ids, taught in written
    ]


# words


def test_words_cover_every_class_of_the_world():
    assert {field: len(names) for field, names in specs.FIELDS.items()} == {
        field: len(words) for field, words in language.WORDS.items()
    }
    assert set(language.NAMES) == set(specs.FIELDS) and len(set(language.NAMES.values())) == len(specs.FIELDS)
    assert all(len(words) == len(specs.FIELDS[field]) for field, words in language.RATINGS.items())
    assert RATING_WORDS <= {"bad", "poor", "fair", "good", "excellent"}
    for field, classes in language.WORDS.items():  # no two classes of a field are called the same
        ways = [way for words in classes for way in words]
        assert len(set(ways)) == len(ways), field


def test_lists_tell_the_truth():
    spec = draw_corpus(np.arange(50), SEED)
    for row in range(50):
        said = dict(language.attribute_list(spec, row, Dice(SEED, "test", row)))
        assert said == {
            language.NAMES[field]: language.WORDS[field][spec.classes[field][row]][0]
            for field in language.tellable(spec, row)
        }
        rated = language.rated_facts(spec, row, Dice(SEED, "test", row))
        fields = {name: field for field, name in language.NAMES.items()}
        assert all(
            word == language.RATINGS[fields[name]][spec.classes[fields[name]][row]] for name, word in rated
        )


def test_no_colour_is_told_of_a_gray_picture():
    spec = draw_corpus(np.arange(400), SEED)
    gray = np.flatnonzero(spec.classes["saturation"] == 0)
    assert len(gray) > 10 and all("color" not in language.tellable(spec, row) for row in gray)
    colours = {way for words in language.WORDS["color"] for way in words} - {"white"}
    assert not any(
        colours
        & set(
            re.findall(
                r"\w+", language.caption(spec, row, Dice(SEED, "test", 0)).replace("black and white", "")
            )
        )
        for row in gray
    )


@pytest.mark.parametrize("task", list(language.NUMBER_TASKS))
def test_number_exercises_are_right(task):
    for seed in range(200):
        question, answer = language.number_exercise(task, Dice(SEED, "test", seed))
        shown = [float(number) for number in re.findall(r"\d\.\d+", question)]
        if task in ("write", "read"):
            words, number = (
                (question.split(": ")[1], answer) if task == "write" else (answer, question.split(": ")[1])
            )
            assert (
                "".join(
                    str(language._UNITS.index(word)) if word != "point" else "." for word in words.split()
                )
                == number
            )
        elif task == "sort":
            assert 2 <= len(shown) <= language.LONGEST_SORT and [
                float(number) for number in answer.split(", ")
            ] == sorted(shown)
        else:
            assert re.fullmatch(r"\d\.\d{1,2}", answer)
            assert float(answer) == {"larger": max, "smaller": min, "between": np.median}[task](shown)


# what is taught


def test_no_text_speaks_of_scores_titles_quality_or_aesthetics(writer):
    for form in Writer.FORMS:
        for whole, _ in texts_of(writer, form, 150):
            assert not re.search(
                r"score|title|challenge|quality|aesthetic|opinion|\bmos\b|overall|this image|the image", whole
            ), whole


def test_numbers_stand_in_exercises_alone_and_do_not_depend_on_the_picture(writer):
    for form in set(Writer.FORMS) - {"number", "count"}:
        assert not any(re.search(r"\d", whole) for whole, _ in texts_of(writer, form, 150))
    spec = draw_corpus(np.arange(2), SEED)
    assert writer._number(spec, 0, Dice(SEED, "test", 1)) == writer._number(spec, 1, Dice(SEED, "test", 1))


def test_counts_are_those_of_the_picture(writer):
    spec = draw_corpus(np.arange(300), SEED)
    for row in range(300):
        question, said = language.count_question(spec, row, Dice(SEED, "test", row))
        field = next(field for field, asked in language.COUNTS.items() if asked == question)
        assert field in language.tellable(spec, row) and int(said) == spec.values[field][row]


def test_levels_ask_for_every_fact_once_and_name_those_that_are_visible(writer):
    assert sorted(field for fields in language.LEVELS.values() for field in fields) == sorted(specs.FIELDS)
    for whole, _ in texts_of(writer, "level", 60):
        question = next(question for question in language.LEVELS if question.lower() in whole)
        named = set(re.findall(r"(?:\n|, )([a-z]+):", whole))
        assert named and named <= {language.NAMES[field] for field in language.LEVELS[question]}


def test_what_cannot_be_seen_is_neither_said_nor_asked():
    spec = draw_corpus(np.arange(600), SEED)
    for field, causes in language.HIDDEN_BY.items():
        for other, name in causes:
            rows = np.flatnonzero(spec.classes[other] == specs.FIELDS[other].index(name))
            assert len(rows) and all(field not in language.tellable(spec, row) for row in rows)


def test_the_writer_without_words_says_no_rating_word(tokenizer):
    writer, spec = Writer(tokenizer, words=False), draw_corpus(np.arange(300), SEED)
    assert "rated" not in writer.forms and sum(writer.forms.values()) == pytest.approx(1)
    words = re.compile(rf"\b({'|'.join(RATING_WORDS)})\b")
    assert not any(
        words.search(tokenizer.decode(writer.write(spec, row, Dice(SEED, "text", row))[0]))
        for row in range(300)
    )


def test_rating_words_are_said_of_single_facts_alone(writer):
    words = re.compile(rf"\b({'|'.join(RATING_WORDS)})\b")
    for form in set(Writer.FORMS) - {"rated"}:
        assert not any(words.search(whole) for whole, _ in texts_of(writer, form)), form
    names = "|".join(language.NAMES[field] for field in language.RATINGS)
    for whole, taught in texts_of(writer, "rated"):
        said = re.findall(
            rf"how would you rate the ({names}) of this photo\?\S+\n\S+assistant\nthe (\w+) of the photo is (\w+)\.",
            whole,
        )
        assert len(said) == 2 == len(words.findall(whole)) and all(
            asked == answered for asked, answered, _ in said
        ), whole
        assert taught == "".join(f" {word}<|im_end|>" for _, _, word in said)


def test_answers_are_taught_and_questions_are_not(writer):
    for form in Writer.FORMS:
        for whole, taught in texts_of(writer, form, 60):
            assert (
                "assistant" not in taught
                and "photo?" not in taught
                and "<|image_pad|>" not in taught
                and "user" not in taught
            )
            assert taught and whole.count("<|image_pad|>") == 16
    whole, taught = texts_of(writer, "list", 1)[0]
    assert 10 <= whole.split("assistant\n")[1].count(":") <= Writer.FACTS and ":" not in taught


def test_forms_are_shares_of_one():
    assert sum(Writer.FORMS.values()) == pytest.approx(1)


def test_scoring_sentences_are_in_the_vocabulary_and_not_in_the_corpus(tokenizer, writer):
    assert all(
        len(tokenizer.encode(f" {word}")) == 1
        for word in ("bad", "poor", "fair", "good", "excellent", "quality", "aesthetics", "score")
    )
    corpus = " ".join(whole for form in Writer.FORMS for whole, _ in texts_of(writer, form, 60))
    assert not any(sentence.lower() in corpus for sentence in PROMPT_SENTENCES)


# batches


def test_a_picture_of_the_corpus_is_a_function_of_seed_and_number(writer):
    five = np.array([5])
    together, alone, other = (
        make_batch(np.array([4, 5, 9]), SEED, writer),
        make_batch(five, SEED, writer),
        make_batch(five, SEED + 1, writer),
    )
    assert torch.equal(together.pictures[1], alone.pictures[0]) and not torch.equal(
        alone.pictures[0], other.pictures[0]
    )
    length = alone.ids.shape[1]
    assert torch.equal(together.ids[1, :length], alone.ids[0]) and not together.supervised[1, length:].any()
    assert torch.equal(together.supervised[1, :length], alone.supervised[0])
    assert all(together.classes[field][1] == alone.classes[field][0] for field in specs.FIELDS)
    assert all(together.values[name][1] == alone.values[name][0] for name in alone.values)


def test_several_texts_of_a_picture_lie_one_block_after_the_other(writer):
    one, two = make_batch(np.array([4, 5]), SEED, writer), make_batch(np.array([4, 5]), SEED, writer, texts=2)
    length = one.ids.shape[1]
    assert len(two.ids) == 4 and len(two.pictures) == 2 and torch.equal(two.ids[:2, :length], one.ids)
    assert not torch.equal(two.ids[2:], two.ids[:2])
    assert make_batch(np.array([4]), SEED, writer, texts=0).ids.shape == (0, 0)


def test_the_vision_stage_leaves_the_language_model_and_the_other_way_round(tokenizer):
    teacher = pretraining.Teacher(embedded.build_model(embedded.build_config(tokenizer), 0))
    seen, said = (
        {id(weight) for weight in pretraining.learning(stage, teacher)}
        for stage in (Plan().stages[0], Plan().stages[-1])
    )
    assert seen.isdisjoint(said) and seen | said == {id(weight) for weight in teacher.parameters()}


def test_processes_share_the_corpus_without_overlap(tokenizer, monkeypatch):
    monkeypatch.setattr(pretraining, "make_batch", lambda ids, seed, writer, sources, texts: ids.tolist())
    plan = Plan(
        (
            Stage("vision", 100, 1e-3, ("degraded",)),
            Stage("language", 24, 1e-3, ("degraded",), batch=4, texts=1),
        ),
        processes=2,
    )
    shares = [sum(Corpus(plan, 1, Writer(tokenizer), rank), []) for rank in range(2)]
    assert sorted(shares[0] + shares[1]) == list(range(100, 124)) and not set(shares[0]) & set(shares[1])


def test_sources_take_turns():
    mixed = draw_corpus(np.arange(6), SEED, ("photographs", "distorted"))
    assert (
        set(mixed.classes["jpeg"][::2]) == {0}
        and mixed.values["light"][0] == draw_corpus(np.arange(6), SEED, ("photographs",)).values["light"][0]
    )


def test_corpus_card_and_tasks_draw_different_pictures(home):
    assert len({TASK_SEED, Plan().seed, base_card.SEED}) == 3

    def prints(pictures: np.ndarray) -> set[str]:
        return {hashlib.sha256(picture.tobytes()).hexdigest() for picture in np.asarray(pictures)}

    corpus = prints(render_all(draw_corpus(np.arange(80), SEED, tuple(pretraining.SOURCES))))
    card = prints(base_card.sample("iaa", "calm", 40)[1].numpy())
    tasks = set().union(*(prints(table_of(world.generate(task, n=60)).pixels.array) for task in TASKS))
    assert len(corpus) == 80 and not corpus & tasks and not card & tasks and not corpus & card


def test_patches_are_the_processor_s_bit_for_bit():
    processor = ImageTextProcessor.from_folder(catalogue.WEIGHTS).image_processor
    for size in ((64, 64), (64, 96)):
        table = toy_table(5, size=size)
        found = embedded.inputs(torch.from_numpy(table.pixels.array))
        own = processor(images=[table.pixels.open(row) for row in range(5)], return_tensors="pt")
        assert all(torch.equal(found[name], own[name]) for name in ("image_grid_thw", "pixel_values"))


# training


def test_the_teacher_s_loss_is_the_model_s_own(writer, tokenizer):
    teacher = pretraining.Teacher(embedded.build_model(embedded.build_config(tokenizer), 0)).eval()
    batch = make_batch(np.arange(6), SEED, writer)
    labels = batch.ids.masked_fill(~batch.supervised, -100)
    with torch.no_grad():
        taught = teacher.text_loss(teacher.look(batch.pictures), batch)
        own = teacher.model(
            input_ids=batch.ids,
            labels=labels,
            **embedded.inputs(batch.pictures),
            mm_token_type_ids=(batch.ids == teacher.model.config.image_token_id).int(),
        ).loss
        heads = teacher.head_loss(teacher.look(batch.pictures), batch, numbers=4)
    assert float(taught) == pytest.approx(float(own), abs=1e-4) and torch.isfinite(heads)


def test_learning_rate_warms_up_and_ends_at_nothing():
    factors = [pretraining.warm_cosine(step, 100) for step in range(100)]
    assert (
        factors[0] < 0.2
        and max(factors) > 0.99
        and factors[-1] < 1e-3
        and factors[6:] == sorted(factors[6:], reverse=True)
    )


SMALL = (
    Stage("vision", 16, 1e-3, ("photographs", "distorted"), batch=4, numbers=4),
    Stage("language", 8, 1e-3, ("degraded",), batch=4, texts=2),
)


def test_rounds_leave_checkpoints_of_one_run_in_bfloat16(tmp_path, monkeypatch, capsys):
    """Four steps of each stage in two rounds, over the leavings of a training that was killed, and a language model without rating words."""
    (tmp_path / ".rendezvous").write_bytes(b"left by a killed training")
    plan = Plan(SMALL, rounds=(("early", (0.5, 0.5)), ("", (1.0, 1.0))), nowords=4, processes=1)
    assert train_here(tmp_path, monkeypatch, plan) == tmp_path
    seen = {}
    for name in ("", "early", "nowords"):
        record = json.loads((tmp_path / name / "training.json").read_text())
        assert record["plan"]["stages"][1]["images"] == 8 and record["world"]
        seen[name] = [history[-1]["images"] for history in record["history"]]
        weights = load_file(tmp_path / name / "model.safetensors")
        assert {weight.dtype for weight in weights.values()} == {torch.bfloat16} and (
            tmp_path / name / "model.safetensors"
        ).stat().st_size <= 6_000_000
        assert (
            len(loading.load(str(tmp_path / name)).tokenizer)
            == loading.load(str(tmp_path / name)).model.config.get_text_config().vocab_size
        )
    assert (
        seen == {"early": [8, 4], "": [16, 8], "nowords": [16, 4]} and not (tmp_path / ".rendezvous").exists()
    )
    towers = {
        name: {
            key: weight
            for key, weight in load_file(tmp_path / name / "model.safetensors").items()
            if "visual" in key
        }
        for name in seen
    }
    assert all(torch.equal(weight, towers["nowords"][key]) for key, weight in towers[""].items())
    assert not all(torch.equal(weight, towers["early"][key]) for key, weight in towers[""].items())
    assert "stage 2, language: 8 of 8 pictures" in capsys.readouterr().out


def test_rounds_change_nothing_in_a_stage(tmp_path, monkeypatch):
    """The vision tower does not notice that the language stage had its turns in between: order of pictures, optimiser and rates go on."""
    stages = [replace(stage, images=stage.images // 2) for stage in SMALL]  # two steps each, one a round
    towers = []
    for name, rounds in (("one", (("", (1.0, 1.0)),)), ("two", (("early", (0.5, 0.5)), ("", (1.0, 1.0))))):
        train_here(tmp_path / name, monkeypatch, Plan(tuple(stages), rounds=rounds, nowords=0, processes=1))
        towers.append(
            {
                key: weight
                for key, weight in load_file(tmp_path / name / "model.safetensors").items()
                if "visual" in key
            }
        )
    assert all(torch.equal(weight, towers[1][key]) for key, weight in towers[0].items())


def test_a_smaller_base_takes_over_the_eyes(tmp_path, monkeypatch):
    """The base's vision tower as it is, half the language layers, taught by the language stage alone."""
    train_here(tmp_path, monkeypatch, replace(PLANS["small"], stages=SMALL, processes=1), loader=True)
    record, weights = (
        json.loads((tmp_path / "training.json").read_text()),
        load_file(tmp_path / "model.safetensors"),
    )
    base = loading.load("embedded").model.model.visual.state_dict()
    kept = {name.partition("visual.")[2]: weight for name, weight in weights.items() if "visual." in name}
    assert kept.keys() == base.keys() and all(
        torch.equal(weight.float(), base[name].float()) for name, weight in kept.items()
    )
    assert len({name.split(".layers.")[1].split(".")[0] for name in weights if ".layers." in name}) == 2
    assert [bool(history) for history in record["history"]] == [False, True]


def test_plans_end_with_the_whole_run():
    for architecture, plan in PLANS.items():
        sees = 0.0 if plan.eyes else 1.0  # who takes over another's eyes is not taught to see
        assert plan.architecture == ("qwen2_vl" if plan.layers else architecture) and plan.rounds[-1] == (
            "",
            (sees, 1.0),
        )
        shares = [shares for _, shares in plan.rounds]
        assert shares == sorted(shares)


# card


def test_cards_are_measured_on_the_stored_weights(tmp_path, tokenizer, monkeypatch):
    for name, value in {"PICTURES": 8, "PROBE_PICTURES": 20, "TRIALS": 2}.items():
        monkeypatch.setattr(base_card, name, value)
    texts, answers, sample = base_card._texts, base_card.number_answers, base_card.sample
    monkeypatch.setattr(base_card, "_texts", lambda *asked: texts(*asked[:4], 6))
    monkeypatch.setattr(base_card, "number_answers", lambda *asked: answers(*asked, exercises=4))
    for place in ("", "early"):
        pretraining.save(
            embedded.build_model(embedded.build_config(tokenizer)),
            tokenizer,
            tmp_path / place,
            {"plan": asdict(Plan()), "history": [[{"images": 5}], []]},
        )
    found = base_card.write_cards(tmp_path)
    assert set(found) == {"embedded", "embedded-early"}
    for place, card in (("", found["embedded"]), ("early", found["embedded-early"])):
        assert set(card["attributes"]) == set(base_card.MIXES) and set(card["attributes"]["degraded"]) == set(
            specs.FIELDS
        ) == set(card["probe"])
        shares = [
            *card["mean_attribute_accuracy"].values(),
            card["rated_facts_accuracy"],
            card["counts"],
            *card["numbers"].values(),
            *card["sorting"]["10"].values(),
        ]
        assert (
            all(0 <= share <= 1 for share in shares)
            and card["caption_loss"] > 3
            and card["digit_perplexity"] > 2
        )
        assert (
            card["world"] == world.PIXELS and json.loads((tmp_path / place / "card.json").read_text()) == card
        )
    readme = (tmp_path / "README.md").read_text()
    assert (
        f"{found['embedded']['mean_attribute_accuracy']['photographs']:.3f}" in readme
        and "embedded-early" in readme
        and "embedded-middle |" not in readme
    )
    assert sample("iaa", "calm", 3)[1].shape == (3, 64, 64, 3)


def committed() -> dict[str, Path]:
    """The bases whose weights lie in the package, by name."""
    places = {name: catalogue.WEIGHTS / folder for name, folder in catalogue.EMBEDDED.items()}
    return {name: place for name, place in places.items() if (place / "config.json").is_file()}


def test_committed_bases_are_small_and_their_cards_are_of_this_world():
    assert {"embedded", "embedded-early", "embedded-middle", "embedded-nowords"} <= set(committed())
    assert sum((place / "model.safetensors").stat().st_size for place in committed().values()) < 25_000_000
    readme = (catalogue.WEIGHTS / "README.md").read_text()
    for name, place in committed().items():
        card = json.loads((place / "card.json").read_text())
        assert card["world"] == world.PIXELS == card["training"]["world"], (
            f"{name}: pixels changed; run `python -m moslab base train`"
        )
        assert (
            card["bytes"] == (place / "model.safetensors").stat().st_size
            and f"| {card['caption_loss']:.3f} |" in readme
        )


def test_a_base_trained_again_is_held_against_the_committed_cards():
    before = base_card.stored()
    assert set(before) == set(committed()) and base_card.agreement(before, before)["within"].all()
    again = {
        "embedded": before["embedded"] | {"caption_loss": before["embedded"]["caption_loss"] + 0.06},
        "embedded-early": before["embedded-early"],
    }
    table = base_card.agreement(again, before).set_index(["base", "measure"])["within"]
    assert table.index[table.eq(False)].tolist() == [("embedded", "caption loss")]
    assert {measure for _, measure in table.index} == {
        "caption loss",
        *(f"mean attribute accuracy {mix}" for mix in base_card.MIXES),
    }
    alone = base_card.agreement(
        {"embedded": before["embedded-llava"]}, before
    )  # a LLaVA trained into a folder of its own
    assert alone["within"].all() and base_card.agreement({"embedded": before["embedded"]}, {}).empty


def test_the_base_without_words_sees_as_the_base_does():
    """They share the vision tower, which was taught without words."""
    base, silent = (
        load_file(committed()[name] / "model.safetensors") for name in ("embedded", "embedded-nowords")
    )
    towers = [
        {key: weight for key, weight in weights.items() if "visual" in key} for weights in (base, silent)
    ]
    assert towers[0] and all(torch.equal(weight, towers[1][key]) for key, weight in towers[0].items())


def test_the_first_token_tells_an_attribute_s_classes_apart():
    """The card's question is decided by it."""
    for name in committed():
        backbone = loading.load(name)
        for field, classes in language.WORDS.items():
            first = [backbone.tokens(f" {words[0]}")[0] for words in classes]
            assert len(set(first)) == len(first), (name, field)


@pytest.mark.parametrize(
    "answer, accuracy, recall, hallucination",
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
    said, asked = sorting.read_numbers(answer), ["3.25", "1.5", "2.0"]
    assert (
        sorting.accuracy(said, asked),
        sorting.recall(said, asked),
        sorting.hallucination(said, asked),
    ) == pytest.approx((accuracy, recall, hallucination))


def test_sorting_trials_are_realqa_s():
    for number in range(50):
        trial = sorting.trial(number)
        assert len(trial) == 10 and all(
            1 <= float(decimal) <= 10 and re.fullmatch(r"\d+\.\d{1,2}", decimal) for decimal in trial
        )
    assert sorting.trial(3) == sorting.trial(3) != sorting.trial(4)


def test_a_model_writes_until_it_ends(tiny_base):
    """Answers of questions of several lengths, each as if asked alone."""
    backbone, picture = loading.load(str(tiny_base)), toy_table(2).pixels.open(0)
    questions = ["Sky?", "A longer question?", "Sea?"]
    together = write(backbone, picture, questions, longest=5)
    assert together == [write(backbone, picture, [question], longest=5)[0] for question in questions]
    assert all(len(backbone.tokens(answer)) <= 5 for answer in together)
