"""The corpus is fixed by its seed, says nothing it must not say, and both stages train into a checkpoint that can be read."""

import hashlib
import json
import re
from dataclasses import asdict

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from toys import toy_table

from moslab import backbones, cards, pretraining, world
from moslab.backbones import embedded
from moslab.backbones.processor import ImageTextProcessor
from moslab.pretraining import PROMPT_SENTENCES, Corpus, Plan, Stage, Writer, draw_corpus, make_batch, tokenizer_texts
from moslab.world import language, specs
from moslab.world.render import render_all
from moslab.world.tasks import SEED as TASK_SEED

SEED = Plan().seed
RATING_WORDS = {word for words in language.RATINGS.values() for word in words}


@pytest.fixture(scope="module")
def tokenizer():
    return embedded.build_tokenizer([*tokenizer_texts(SEED, pictures=150), *PROMPT_SENTENCES], size=700)


@pytest.fixture(scope="module")
def writer(tokenizer):
    return Writer(tokenizer)


def texts_of(writer: Writer, form: str, pictures: int = 300) -> list[tuple[str, str]]:
    """(whole text, taught part) of many pictures in one form."""
    spec = draw_corpus(np.arange(pictures), SEED)
    written = [getattr(writer, f"_{form}")(spec, row, np.random.default_rng([SEED, row])) for row in range(pictures)]
    return [(writer.tokenizer.decode(ids), writer.tokenizer.decode([token for token, kept in zip(ids, taught) if kept])) for ids, taught in written]


# words

def test_words_cover_every_class_of_the_world():
    assert {field: len(names) for field, names in specs.FIELDS.items()} == {field: len(words) for field, words in language.WORDS.items()}
    assert set(language.NAMES) == set(specs.FIELDS) and len(set(language.NAMES.values())) == len(specs.FIELDS)
    assert all(len(words) == len(specs.FIELDS[field]) for field, words in language.RATINGS.items())
    assert RATING_WORDS <= {"bad", "poor", "fair", "good", "excellent"}
    for field, classes in language.WORDS.items():  # no two classes of a field are called the same
        ways = [way for words in classes for way in words]
        assert len(set(ways)) == len(ways), field


def test_lists_tell_the_truth():
    spec = draw_corpus(np.arange(50), SEED)
    for row in range(50):
        said = dict(language.attribute_list(spec, row, np.random.default_rng(row)))
        assert said == {language.NAMES[field]: language.WORDS[field][spec.classes[field][row]][0] for field in language.tellable(spec, row)}
        rated = language.rated_facts(spec, row, np.random.default_rng(row))
        fields = {name: field for field, name in language.NAMES.items()}
        assert all(word == language.RATINGS[fields[name]][spec.classes[fields[name]][row]] for name, word in rated)


def test_no_colour_is_told_of_a_gray_picture():
    spec = draw_corpus(np.arange(400), SEED)
    gray = np.flatnonzero(spec.classes["saturation"] == 0)
    assert len(gray) > 10 and all("color" not in language.tellable(spec, row) for row in gray)
    colours = {way for words in language.WORDS["color"] for way in words} - {"white"}
    assert not any(colours & set(re.findall(r"\w+", language.caption(spec, row, np.random.default_rng(0)).replace("black and white", ""))) for row in gray)


@pytest.mark.parametrize("task", list(language.NUMBER_TASKS))
def test_number_exercises_are_right(task):
    for seed in range(200):
        question, answer = language.number_exercise(task, np.random.default_rng(seed))
        assert re.fullmatch(r"\d\.\d{1,2}", answer)
        shown = [float(number) for number in re.findall(r"\d\.\d+", question)]
        if task == "write":
            digits = [str(language._UNITS.index(word)) if word != "point" else "." for word in question.split(": ")[1].split()]
            assert "".join(digits) == answer
        else:
            assert float(answer) == {"larger": max, "smaller": min, "between": np.median}[task](shown)


# what is taught

def test_no_text_speaks_of_scores_titles_quality_or_aesthetics(writer):
    for form in Writer.FORMS:
        for whole, _ in texts_of(writer, form, 150):
            assert not re.search(r"score|title|challenge|quality|aesthetic|opinion|\bmos\b|overall|this image|the image", whole), whole


def test_numbers_stand_in_exercises_alone_and_do_not_depend_on_the_picture(writer):
    for form in set(Writer.FORMS) - {"number"}:
        assert not any(re.search(r"\d", whole) for whole, _ in texts_of(writer, form, 150))
    spec = draw_corpus(np.arange(2), SEED)
    assert writer._number(spec, 0, np.random.default_rng(1)) == writer._number(spec, 1, np.random.default_rng(1))


def test_rating_words_are_said_of_single_facts_alone(writer):
    words = re.compile(rf"\b({'|'.join(RATING_WORDS)})\b")
    for form in set(Writer.FORMS) - {"rated"}:
        assert not any(words.search(whole) for whole, _ in texts_of(writer, form)), form
    names = "|".join(language.NAMES[field] for field in language.RATINGS)
    for whole, taught in texts_of(writer, "rated"):
        said = re.findall(rf"how would you rate the ({names}) of this photo\?\S+\n\S+assistant\nthe (\w+) of the photo is (\w+)\.", whole)
        assert len(said) == 2 == len(words.findall(whole)) and all(asked == answered for asked, answered, _ in said), whole
        assert taught == "".join(f" {word}." for _, _, word in said)


def test_answers_are_taught_and_questions_are_not(writer):
    for form in Writer.FORMS:
        for whole, taught in texts_of(writer, form, 60):
            assert "assistant" not in taught and "photo?" not in taught and "<|image_pad|>" not in taught and "user" not in taught
            assert taught and whole.count("<|image_pad|>") == 16
    whole, taught = texts_of(writer, "list", 1)[0]
    assert whole.split("assistant\n")[1].count(":") == Writer.FACTS and ":" not in taught


def test_forms_are_shares_of_one():
    assert sum(Writer.FORMS.values()) == pytest.approx(1)


def test_scoring_sentences_are_in_the_vocabulary_and_not_in_the_corpus(tokenizer, writer):
    assert all(len(tokenizer.encode(f" {word}")) == 1 for word in ("bad", "poor", "fair", "good", "excellent", "quality", "aesthetics", "score"))
    corpus = " ".join(whole for form in Writer.FORMS for whole, _ in texts_of(writer, form, 60))
    assert not any(sentence.lower() in corpus for sentence in PROMPT_SENTENCES)


# batches

def test_a_picture_of_the_corpus_is_a_function_of_seed_and_number(writer):
    five = np.array([5])
    together, alone, other = make_batch(np.array([4, 5, 9]), SEED, writer), make_batch(five, SEED, writer), make_batch(five, SEED + 1, writer)
    assert torch.equal(together.pictures[1], alone.pictures[0]) and not torch.equal(alone.pictures[0], other.pictures[0])
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
    seen, said = ({id(weight) for weight in pretraining.learning(stage, teacher)} for stage in (Plan().stages[0], Plan().stages[-1]))
    assert seen.isdisjoint(said) and seen | said == {id(weight) for weight in teacher.parameters()}


def test_processes_share_the_corpus_without_overlap(tokenizer, monkeypatch):
    monkeypatch.setattr(pretraining, "make_batch", lambda ids, seed, writer, sources, texts: ids.tolist())
    plan = Plan((Stage("vision", 100, 1e-3, ("degraded",)), Stage("language", 24, 1e-3, ("degraded",), batch=4, texts=1)), processes=2)
    shares = [sum(Corpus(plan, 1, tokenizer, rank), []) for rank in range(2)]
    assert sorted(shares[0] + shares[1]) == list(range(100, 124)) and not set(shares[0]) & set(shares[1])


def test_sources_take_turns():
    mixed = draw_corpus(np.arange(6), SEED, ("photographs", "distorted"))
    assert set(mixed.classes["jpeg"][::2]) == {0} and mixed.values["light"][0] == draw_corpus(np.arange(6), SEED, ("photographs",)).values["light"][0]


def test_corpus_card_and_tasks_draw_different_pictures(home):
    assert len({TASK_SEED, Plan().seed, cards.SEED}) == 3

    def prints(pictures: np.ndarray) -> set[str]:
        return {hashlib.sha256(picture.tobytes()).hexdigest() for picture in np.asarray(pictures)}

    corpus = prints(render_all(draw_corpus(np.arange(80), SEED)))
    card = prints(cards.sample("iaa", "calm", 40)[1].numpy())
    tasks = set().union(*(prints(world.generate(task, n=60).table.pixels.array) for task in ("iqa", "iaa")))
    assert len(corpus) == 80 and not corpus & tasks and not card & tasks and not corpus & card


def test_patches_are_the_processor_s_bit_for_bit():
    processor = ImageTextProcessor.from_folder(embedded.WEIGHTS).image_processor
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
        own = teacher.model(input_ids=batch.ids, labels=labels, **embedded.inputs(batch.pictures),
                            mm_token_type_ids=(batch.ids == teacher.model.config.image_token_id).int()).loss
        heads = teacher.head_loss(teacher.look(batch.pictures), batch, numbers=4)
    assert float(taught) == pytest.approx(float(own), abs=1e-4) and torch.isfinite(heads)


def test_learning_rate_warms_up_and_ends_at_nothing():
    factors = [pretraining.warm_cosine(step, 100) for step in range(100)]
    assert factors[0] < 0.2 and max(factors) > 0.99 and factors[-1] < 1e-3 and factors[6:] == sorted(factors[6:], reverse=True)


def test_both_stages_train_and_leave_a_checkpoint_in_bfloat16(tmp_path, monkeypatch, capsys):
    """Two steps of each stage in this process, over the leavings of a training that was killed."""
    monkeypatch.setattr(torch.multiprocessing, "spawn", lambda work, args, nprocs: [work(rank, *args) for rank in range(nprocs)])
    monkeypatch.setattr(pretraining, "tokenizer_texts", lambda seed: tokenizer_texts(seed, pictures=40))
    monkeypatch.setattr(cards, "measure", lambda folder: {"measured": str(folder)})
    (tmp_path / ".rendezvous").write_bytes(b"left by a killed training")
    plan = Plan((Stage("vision", 8, 1e-3, ("photographs", "distorted"), batch=4, numbers=4), Stage("language", 4, 1e-3, ("degraded",), batch=4, texts=2)), processes=1)
    assert pretraining.train(tmp_path, plan) == {"measured": str(tmp_path)}
    record = json.loads((tmp_path / "training.json").read_text())
    assert record["plan"]["stages"][1]["images"] == 4 and record["world"]
    assert [history[-1]["images"] for history in record["history"]] == [8, 4] and record["history"][1][-1]["loss"] > 0
    assert {weight.dtype for weight in load_file(tmp_path / "model.safetensors").values()} == {torch.bfloat16}
    assert (tmp_path / "model.safetensors").stat().st_size <= 6_000_000 and not (tmp_path / ".rendezvous").exists()
    backbone = backbones.load(str(tmp_path))
    assert backbone.width == embedded.WIDTH and len(backbone.tokenizer) == backbone.model.config.get_text_config().vocab_size
    assert "stage 2, language: 4 of 4 pictures" in capsys.readouterr().out


# card

def test_card_is_measured_on_the_stored_weights(tmp_path, tokenizer, monkeypatch):
    sample, texts = cards.sample, cards._texts
    monkeypatch.setattr(cards, "sample", lambda mix, severity, pictures=6: sample(mix, severity, 6))
    monkeypatch.setattr(cards, "_texts", lambda *asked: texts(*asked[:4], 6))
    pretraining.save(embedded.build_model(embedded.build_config(tokenizer)), tokenizer, tmp_path, {"plan": asdict(Plan())})
    card = cards.measure(tmp_path)
    assert set(card["attributes"]) == set(cards.MIXES) and set(card["attributes"]["degraded"]) == set(specs.FIELDS)
    shares = [*card["mean_attribute_accuracy"].values(), card["rated_facts_accuracy"]]
    assert all(0 <= share <= 1 for share in shares) and card["caption_loss"] > 3
    assert card["world"] == world.PIXELS and json.loads((tmp_path / "card.json").read_text()) == card
    assert f"{card['mean_attribute_accuracy']['photographs']:.3f}" in (tmp_path / "README.md").read_text()
