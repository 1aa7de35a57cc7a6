"""mPLUG-Owl2 behind the interface: its words, its weights, every scorer, every recipe, saved and loaded."""

import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from checkpoint_folders import reweight, rewrite, template
from conftest import real_tokenizer
from mplug_fixture import FOLDER, arrays
from PIL import Image
from readers import labelled
from safetensors.torch import load_file
from test_backbones import mixed_table
from test_backbones import reader_of as plain_reader
from test_every_scorer import TITLES, reader_of
from test_packing import PACKING, assert_same, loss_and_gradients
from toys import load_exact, toy_experiment, use_toy_table

from moslab.backbones import features, loading, mplug_owl2
from moslab.backbones.mplug_owl2.configuration import MPLUGOwl2Config
from moslab.experiments.evaluation import predict
from moslab.experiments.training import execute, prepare
from moslab.scorers import NAMES
from moslab.utils.errors import UserError

SENTENCE = "How would you rate the quality of this image?"


@pytest.fixture(scope="module")
def tiny(tiny_mplug):
    return load_exact(tiny_mplug)


@pytest.fixture(scope="module")
def six_pictures():
    """Of several sizes."""
    return labelled(mixed_table())


# words


def test_the_conversation_is_the_authors(tiny):
    """The image has no token of its own: <unk> stands once for each of its visual tokens."""
    owl = tiny
    turn = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": SENTENCE}]}
    text = owl.processor.apply_chat_template([turn], add_generation_prompt=True)
    assert text == f"USER: <|image|>{SENTENCE} ASSISTANT:"
    prompt = owl.prompt(SENTENCE, 9)
    first, rest = owl.tokenizer.encode("USER: "), owl.tokenizer.encode(f"{SENTENCE} ASSISTANT:")[1:]
    assert prompt == [*first, *[0] * 9, *rest]
    assert owl.prompt("", 9) == [*first, *[0] * 9, *owl.tokenizer.encode(" ASSISTANT:")[1:]]


def test_the_answer_goes_on_in_the_same_piece(tiny):
    lead, rest = tiny.answer("The quality of the image is", " good.")
    whole = tiny.tokenizer.encode(f"{SENTENCE} ASSISTANT: The quality of the image is good.")
    assert tiny.prompt(SENTENCE, 1)[-len(whole) + len(lead) + len(rest) + 1 :] + lead + rest == whole[1:]


def test_llama_s_own_vocabulary_is_read_from_sentencepiece(tmp_path):
    """As the authors' code encodes it with the real tokenizer, and as that of a tokenizer.json."""
    folder = shutil.copytree(FOLDER, tmp_path / "real")
    shutil.copyfile(real_tokenizer("llama2") / "tokenizer.model", folder / "tokenizer.model")
    text = f"USER: {SENTENCE}\n<|image|> ASSISTANT: The quality of the image is"
    ids = [1, 3148, 1001, 29901, 1128, 723, 366, 6554, 278, 11029, 310, 445, 1967, 29973, 13, 0]
    ids += [29871, 319, 1799, 9047, 13566, 29901, 450, 11029, 310, 278, 1967, 338]
    tokenizer = mplug_owl2.read_processor(folder).tokenizer
    assert mplug_owl2.prompt_tokens(tokenizer, text) == ids
    assert mplug_owl2.tokens(tokenizer, " excellent") == [15129]
    front = mplug_owl2.prompt_tokens(tokenizer, "<|image|>How would you rate the aesthetics of this image?")
    assert front == [0, 1, 1128, 723, 366, 6554, 278, 263, 342, 9188, 1199, 310, 445, 1967, 29973]
    (folder / "tokenizer.model").unlink()
    tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"))  # beside the published settings
    other = mplug_owl2.read_processor(folder).tokenizer
    assert mplug_owl2.prompt_tokens(other, text) == ids
    assert other.decode([450, 11029, 338]) == tokenizer.decode([450, 11029, 338])


def test_added_tokens_stand_between_blanks_as_in_q_scorer_s_training(tmp_path):
    folder = shutil.copytree(FOLDER, tmp_path / "added")
    rewrite(folder / "added_tokens.json", **{f"<score{number}>": 399 + number for number in (2, 5, 1, 4, 3)})
    tokenizer = mplug_owl2.read_processor(folder).tokenizer
    taught = arrays("scorers/qscorer")["train.input_ids"][0, -11:-1].tolist()
    assert mplug_owl2.tokens(tokenizer, " The quality of the image is <score4>.") == taught


def test_a_saved_processor_is_the_same_again(tiny, tmp_path):
    tiny.processor.save(tmp_path)
    again = mplug_owl2.read_processor(tmp_path)
    assert again.chat_template == tiny.processor.chat_template
    text = f"USER: <|image|>\n{SENTENCE} ASSISTANT: 3.99"
    ids = mplug_owl2.prompt_tokens(again.tokenizer, text)
    assert ids == mplug_owl2.prompt_tokens(tiny.tokenizer, text)
    pictures = [Image.new("RGB", (30, 50), "red")]
    made = [one.image_processor(images=pictures, return_tensors="pt") for one in (again, tiny.processor)]
    assert torch.equal(made[0]["pixel_values"], made[1]["pixel_values"])


# weights


def test_code_that_a_folder_brings_is_not_run(tiny_mplug, tmp_path):
    folder = shutil.copytree(tiny_mplug, tmp_path / "mplug")
    (folder / "modeling.py").write_text("raise AssertionError('run')")
    rewrite(
        folder / "config.json", auto_map={"AutoConfig": "modeling.A", "AutoModelForCausalLM": "modeling.B"}
    )
    assert type(loading.load(str(folder)).model) is mplug_owl2.Model


def test_saved_weights_have_their_published_names(tiny_mplug):
    published = {name for name in load_file(FOLDER / "model.safetensors") if "inv_freq" not in name}
    assert set(load_file(tiny_mplug / "model.safetensors")) == published


def targets(owl, which):
    """Which layers take adapters: part and name within a layer."""
    found = set()
    for name, module in owl.model.named_modules():
        if re.fullmatch(owl.lora_targets(which), name):
            assert isinstance(module, torch.nn.Linear), name
            part = "tower" if "vision_model" in name else "decoder"
            found.add(f"{part} {name.split('layers.')[1].split('.', 2)[2]}")
    return found


def test_adapters_go_where_the_papers_put_them(tiny):
    qv = {"decoder q_proj", "decoder v_proj.multiway.1"}
    twofold = {f"decoder {name}_proj.multiway.{copy}" for name in "kv" for copy in (0, 1)}
    decoder = twofold | {f"decoder {name}_proj" for name in ("q", "o", "gate", "up", "down")}
    tower = {f"tower {name}" for name in ("query_key_value", "dense", "fc1", "fc2")}
    assert targets(tiny, "qv") == qv
    assert targets(tiny, "decoder") == decoder
    assert targets(tiny, "all") == decoder | tower


def test_the_published_model_has_as_many_weights_as_its_authors_say():
    """8.2 billion; and 149 million where Q-Align trains adapters of rank 128 and the visual abstractor."""
    with torch.device("meta"):
        model = mplug_owl2.Model(MPLUGOwl2Config())
    assert sum(weight.numel() for weight in model.parameters()) == 8_197_859_328
    learning = sum(weight.numel() for weight in model.model.visual_abstractor.parameters())
    for name, layer in model.named_modules():
        if re.fullmatch(mplug_owl2.DECODER_LAYERS["qv"], name):
            learning += 128 * (layer.in_features + layer.out_features)
    assert round(learning / 1e6) == 149


def moving(folder, **fields):
    """The parts of the model that learn in an experiment."""
    model = prepare(toy_experiment(folder, batch_size=6, **fields))[1].backbone.model
    parts = set()
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            parts.add("adapters" if "lora" in name else name.split(".")[1] if "model." in name else "lm_head")
    return parts


def test_recipes_train_what_they_say(home, monkeypatch, tiny_mplug):
    use_toy_table(monkeypatch, pictures=20)
    vision = {"vision_model", "visual_abstractor"}
    assert moving(tiny_mplug, recipe="lm") == {"language_model", "lm_head"}
    assert moving(tiny_mplug, recipe="full") == {"language_model", "lm_head"} | vision
    assert moving(tiny_mplug, recipe="scratch") == {"language_model", "lm_head"} | vision
    assert moving(tiny_mplug, recipe="head") == set()
    assert moving(tiny_mplug, recipe="lora", lora_targets="qv") == {"adapters"}
    apart = {"vision": "trained", "vocabulary": "trained", "lora_targets": "qv"}
    assert moving(tiny_mplug, recipe="lora", **apart) == {"adapters", "lm_head"} | vision


# reading


@pytest.mark.parametrize("name", NAMES)
def test_a_score_depends_on_neither_company_nor_padding(name, tiny_mplug, six_pictures):
    """Together, one by one, and together without any padding."""
    reader = reader_of(name, load_exact(tiny_mplug), six_pictures, TITLES)
    together = predict(reader, six_pictures, range(6))
    for other in (
        predict(reader, six_pictures, range(6), batch=1),
        predict(replace(reader, compute=PACKING), six_pictures, range(6)),
    ):
        assert together.score == pytest.approx(other.score, abs=1e-5, nan_ok=True)
        assert together.distribution == pytest.approx(other.distribution, abs=1e-5)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_gradients_without_padding_are_those_with_it(tiny_mplug, six_pictures, checkpointing):
    reader = reader_of("levels", load_exact(tiny_mplug), six_pictures, TITLES)
    if checkpointing:
        reader.backbone.model.train().activation_checkpointing_enable({"use_reentrant": False})
    plain = loss_and_gradients(reader, six_pictures)
    assert_same(plain, loss_and_gradients(replace(reader, compute=PACKING), six_pictures))


def test_kept_visual_tokens_are_the_live_ones(tiny, six_pictures, tmp_path):
    rows = [4, 2, 5, 2]
    kept = features.cached_features(six_pictures, tiny, folder=tmp_path)
    readers = [plain_reader(tiny, "generic"), plain_reader(tiny, "generic", features=kept)]
    batches = [reader.to_teach(six_pictures, rows, np.zeros(4, int)) for reader in readers]
    assert "pixel_values" in batches[0] and "pixel_values" not in batches[1]
    states = [reader.states(batch) for reader, batch in zip(readers, batches)]
    assert torch.allclose(*states, atol=1e-6)
    assert [kept.count(row) for row in rows] == [9] * 4


def test_kept_tokens_are_another_set_for_other_settings(tiny_mplug, tmp_path):
    """The heads of the tower stand nowhere in its weights."""
    folder = shutil.copytree(tiny_mplug, tmp_path / "other")
    keys = [features.vision_key(load_exact(folder))]
    config = (folder / "config.json").read_text()
    assert config.count('"num_attention_heads": 4') == 3
    (folder / "config.json").write_text(
        config.replace('"num_attention_heads": 4', '"num_attention_heads": 2')
    )
    assert features.vision_key(load_exact(folder)) not in keys


# training


@pytest.mark.parametrize(
    "fields",
    [
        {"recipe": "lm"},
        {"recipe": "scratch"},
        {"recipe": "head"},
        {"recipe": "lora", "lora_targets": "all", "precision": "bfloat16"},
        {"recipe": "lora", "lora_targets": "qv", "vision": "trained", "vocabulary": "trained"},
        {"recipe": "full", "precision": "bfloat16"},
    ],
    ids=lambda fields: " ".join(fields.values()),
)
def test_experiments_run_on_it(home, monkeypatch, tiny_mplug, fields):
    use_toy_table(monkeypatch, pictures=20)
    run = execute(toy_experiment(tiny_mplug, text="generic", batch_size=6, epochs=1, **fields))
    assert run.predictions["score"].between(1, 5).all()
    assert len(run.history) == 2


# bad input


def test_sizes_cannot_be_chosen(tiny_mplug):
    with pytest.raises(UserError, match="sees every picture as a square of 56 x 56 pixels"):
        loading.load(str(tiny_mplug), max_pixels=1000)


def without_end(weights):
    """Weights without the token that ends a picture."""
    return {name: weight for name, weight in weights.items() if "vit_eos" not in name}


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (
            lambda folder: (folder / "tokenizer.model").unlink(),
            r"holds no tokenizer .tokenizer.model or tokenizer.json.: give a folder laid out like MAGAer13",
        ),
        (lambda folder: (folder / "tokenizer.model").write_bytes(b"abc"), "holds no mPLUG-Owl2 tokenizer"),
        (
            lambda folder: rewrite(folder / "preprocessor_config.json", size=28, crop_size=28),
            "pictures of 28 x 28 pixels, and config.json reads 56 x 56",
        ),
        (
            lambda folder: rewrite(folder / "config.json", image_token_id=7),
            "has no token <|image|> with number 7".replace("|", r"\|"),
        ),
        (
            lambda folder: (folder / "chat_template.jinja").write_text(template("hello", "<image>")),
            "writes 0 image tokens",
        ),
        (
            lambda folder: reweight(folder, without_end),
            "lack 1 tensors .first: model.visual_abstractor.vit_eos",
        ),
    ],
)
def test_a_damaged_checkpoint_is_one_sentence(tiny_mplug, tmp_path, damage, sentence):
    folder = shutil.copytree(tiny_mplug, tmp_path / "mplug")
    damage(folder)
    with pytest.raises(UserError, match=sentence):
        loading.load(str(folder))


def test_visual_tokens_have_as_many_places_as_there_are(tiny):
    batch = {"input_ids": torch.tensor([[1, 0, 0, 5]]), "pixel_values": torch.zeros(1, 3, 56, 56)}
    with pytest.raises(ValueError, match="9 visual tokens for 2 places"):
        tiny.states(batch)
