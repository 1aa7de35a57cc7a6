"""LLaVA-1.5 behind the same interface: the true classes' numbers, hub checkpoints and every recipe."""

import shutil

import numpy as np
import pytest
import torch
from checkpoint_folders import rewrite, template
from test_backbones import mixed_table, reader_of
from test_hidden_states import UNEQUAL_TITLES, titled_table
from toys import load_exact, toy_experiment, toy_table, use_toy_table
from transformers import LlavaForConditionalGeneration

from moslab.backbones import catalogue, embedded_llava, features, llava, loading
from moslab.backbones.asking import choose
from moslab.backbones.pretraining import tokenizer_texts
from moslab.experiments.training import execute, prepare
from moslab.utils.errors import UserError

SENTENCE = "How would you rate the quality of this image?"


@pytest.fixture(scope="module")
def tiny(tiny_llava):
    return load_exact(tiny_llava)


@pytest.fixture(scope="module")
def tokenizer():
    return embedded_llava.build_tokenizer(tokenizer_texts(1, pictures=40), size=500)


# the true classes' numbers


@pytest.fixture(params=["tiny_llava", "hub_like_llava"])
def folder(request):
    return request.getfixturevalue(request.param)


def test_processor_and_states_are_transformers_own(folder):
    """Ids, pixels and hidden states of whole prompts against an untouched LLaVA fed by its own processor."""
    backbone = load_exact(folder)
    table = mixed_table()
    own = LlavaForConditionalGeneration.from_pretrained(folder).eval()
    reader = reader_of(backbone, "generic")
    states = reader.read(table, range(6)).states
    batch = reader.to_read(table, range(6))
    turn = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": SENTENCE}]}
    text = backbone.processor.apply_chat_template([turn], add_generation_prompt=True)
    assert text == f"USER: <image>\n{SENTENCE} ASSISTANT:"
    pictures = [table.pixels.open(row) for row in range(6)]
    inputs = backbone.processor(text=[text] * 6, images=pictures, return_tensors="pt")
    for name in ("input_ids", "pixel_values"):
        assert torch.equal(inputs[name], batch[name]), name
    with torch.no_grad():
        last = own(**inputs, output_hidden_states=True).hidden_states[-1]
    assert torch.allclose(states, last[:, -1], atol=1e-5)


@pytest.mark.parametrize(
    "choice",
    [
        {"vision_feature_layer": -2},
        {"vision_feature_layer": -1},
        {"vision_feature_layer": 1},
        {"vision_feature_layer": [-3, -2]},
        {"vision_feature_select_strategy": "full"},
    ],
    ids=str,
)
def test_visual_tokens_follow_the_checkpoint_s_layer_and_strategy(tokenizer, choice):
    config = embedded_llava.build_config(tokenizer)
    config.update(choice)
    slow = embedded_llava.build_model(config)
    fast = embedded_llava.build_model(config)
    llava.accelerate(fast)
    assert fast.state_dict().keys() == slow.state_dict().keys()
    inputs = embedded_llava.inputs(torch.from_numpy(toy_table(3).pixels.array))
    tokens = llava.look(fast, inputs)
    own = torch.cat(slow.model.get_image_features(**inputs).pooler_output)
    assert torch.allclose(tokens, own, atol=1e-6)
    assert len(tokens) == sum(llava.count(fast, inputs))
    tokens.sum().backward()
    own.sum().backward()
    read = {id(weight) for weight in llava.vision_weights(fast)}
    for (name, one), two in zip(slow.named_parameters(), fast.parameters()):
        assert (one.grad is None) == (two.grad is None) == (id(two) not in read), name
        assert one.grad is None or torch.allclose(one.grad, two.grad, atol=1e-4, rtol=1e-4), name


def test_cached_features_are_the_live_ones(tiny, tmp_path):
    table = mixed_table()
    rows = [4, 2, 5, 2]
    cache = features.cached_features(table, tiny, folder=tmp_path)
    live = reader_of(tiny, "generic")
    cached = reader_of(tiny, "generic", features=cache)
    batches = [reader.to_teach(table, rows, np.zeros(4, int)) for reader in (live, cached)]
    assert "pixel_values" in batches[0] and "pixel_values" not in batches[1]
    assert torch.equal(live.states(batches[0]), cached.states(batches[1]))
    assert [cache.count(row) for row in rows] == [64] * 4
    assert cache.of(3).shape == (64, 128)
    assert cache.extra_inputs(rows) == {}


@pytest.mark.parametrize("scorer", ["bins", "levels"])
def test_padding_and_company_change_nothing_that_is_read(tiny, scorer):
    table = titled_table(UNEQUAL_TITLES)
    reader = reader_of(tiny, "title", scorer, dataset="iaa", shown=np.array(UNEQUAL_TITLES))
    together = reader.read(table, range(6)).states
    batch = reader.to_read(table, range(6))
    assert len(set(batch["read_position"].tolist())) > 2
    for row in range(6):
        assert torch.allclose(together[row], reader.read(table, [row]).states[0], atol=1e-5)


def test_the_answer_follows_the_marker_and_a_blank(tiny):
    plain = reader_of(tiny).to_read(toy_table(5), [0])
    assert tiny.tokenizer.decode(plain["input_ids"][0]) == "<s>user: " + "<image>" * 64 + "\nassistant:"
    prefixed = reader_of(tiny, "generic", "levels").to_read(toy_table(5), [0])
    words = tiny.tokenizer.decode(prefixed["input_ids"][0])
    assert words.endswith("? assistant: the quality of the image is")


def test_chances_of_answers_sum_to_one(tiny):
    picture = toy_table(5).pixels.open(0)
    chances = choose(tiny, picture, SENTENCE, "The quality of the image is", [" good", " bad"])
    assert sum(chances.values()) == pytest.approx(1)


# checkpoints


def test_llama_s_tokens_are_those_of_the_whole_conversation(hub_like_llava):
    """LLaMA's tokenizer puts a blank before every text; pieces come out as they stand in the whole."""
    backbone = loading.load(str(hub_like_llava))
    prompt = backbone.prompt("How good?", 4)
    assert prompt[:13] == [1, 3148, 1001, 29901, 29871] + [32000] * 4 + [29871, 13, 5328, 1781]
    start, rest = backbone.answer("The quality of the image is", " excellent.")
    whole = f"USER: {'<image>' * 4}\nHow good? ASSISTANT: The quality of the image is excellent.</s>"
    pieces = [*prompt, *start, *rest, backbone.tokenizer.eos_token_id]
    assert pieces == backbone.tokenizer.encode(whole)
    for words, tokens in ((" good", ["\u2581good"]), (".", ["."]), ("3.9", ["3", ".", "9"])):
        assert backbone.tokenizer.convert_ids_to_tokens(backbone.tokens(words)) == tokens


def test_a_chat_template_of_the_checkpoint_wins(tiny_llava, tmp_path):
    folder = shutil.copytree(tiny_llava, tmp_path / "llava")

    def prompt() -> str:
        backbone = loading.load(str(folder))
        return backbone.tokenizer.decode(backbone.prompt("How?", 2))

    # LLaVA-1.5's own words are what a folder without a template gets.
    (folder / "chat_template.jinja").unlink()
    assert prompt() == "<s>user: <image><image>\nhow? assistant:"
    before = catalogue.fingerprint(str(folder))
    rewrite(folder / "chat_template.json", chat_template=template("older", "<image>"))
    assert prompt() == "<s>older<image><image>how?"
    assert catalogue.fingerprint(str(folder)) != before
    (folder / "chat_template.json").unlink()
    (folder / "chat_template.jinja").write_text(template("<s>newer", "<image>"))
    assert prompt() == "<s>newer<image><image>how?"


OTHER_TOWER = {"model_type": "siglip_vision_model"}


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (
            lambda folder: (folder / "tokenizer.json").unlink(),
            "holds no LLaVA-1.5 tokenizer and image processor .*give a folder with tokenizer.json",
        ),
        (
            lambda folder: (folder / "preprocessor_config.json").unlink(),
            "holds no LLaVA-1.5 tokenizer and image processor",
        ),
        (
            lambda folder: rewrite(folder / "config.json", image_token_index=7),
            "has no token <image> with number 7, which config.json names",
        ),
        (
            lambda folder: rewrite(folder / "config.json", vision_config=OTHER_TOWER),
            "holds a LLaVA with a siglip_vision_model tower; this version reads LLaVA-1.5",
        ),
        (
            lambda folder: rewrite(folder / "config.json", model_type="mistral"),
            "holds a mistral model; this version reads Qwen2-VL, .*LLaVA-1.5.* checkpoints",
        ),
        (
            lambda folder: (folder / "model.safetensors").write_bytes(b"abc"),
            "The weights in .* cannot be read",
        ),
    ],
)
def test_a_damaged_checkpoint_is_one_sentence(tiny_llava, tmp_path, damage, sentence):
    folder = shutil.copytree(tiny_llava, tmp_path / "llava")
    damage(folder)
    with pytest.raises(UserError, match=sentence):
        loading.load(str(folder))


def test_the_embedded_bases_have_names(tiny_llava, tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, "WEIGHTS", tmp_path)
    for name in catalogue.EMBEDDED:
        sentence = f"{name} has no weights .*make them with `python -m moslab base train"
        with pytest.raises(UserError, match=sentence):
            catalogue.resolve(name)
    shutil.copytree(tiny_llava, tmp_path / "llava")
    assert loading.load("embedded-llava").width == 128


# experiments


@pytest.mark.parametrize("recipe", ["lm", "lora", "full"])
@pytest.mark.parametrize("scorer", ["bins", "levels"])
def test_experiments_run_on_it(home, monkeypatch, tiny_llava, scorer, recipe):
    use_toy_table(monkeypatch, pictures=20)
    experiment = toy_experiment(
        tiny_llava, scorer=scorer, recipe=recipe, text="generic", batch_size=6, epochs=1
    )
    run = execute(experiment)
    assert run.predictions["score"].between(1, 5).all()
    assert len(run.history) == 2
    assert run.distributions.shape == (4, 5)


def learning_in(model: torch.nn.Module) -> set[str]:
    return {name for name, weight in model.named_parameters() if weight.requires_grad}


@pytest.mark.parametrize(("recipe", "learns"), [("scratch", True), ("head", False)])
def test_every_recipe_trains_what_it_says(home, monkeypatch, tiny_llava, recipe, learns):
    use_toy_table(monkeypatch, pictures=20)
    experiment = toy_experiment(tiny_llava, batch_size=6, epochs=1, recipe=recipe)
    assert bool(learning_in(prepare(experiment)[1].backbone.model)) == learns
    assert np.isfinite(execute(experiment).predictions["score"]).all()


def test_lora_trains_adapters_of_the_language_model(home, monkeypatch, tiny_llava):
    use_toy_table(monkeypatch, pictures=20)
    experiment = toy_experiment(tiny_llava, batch_size=6, epochs=1, recipe="lora", precision="bfloat16")
    model = prepare(experiment)[1].backbone.model
    assert {weight.dtype for weight in model.parameters()} == {torch.float32, torch.bfloat16}
    learns = learning_in(model)
    assert learns
    assert all("language_model" in name and "lora" in name for name in learns)
    adapted = {name.split(".")[-4].removesuffix("_proj") for name in learns}
    assert adapted == {"q", "k", "v", "o", "gate", "up", "down"}
    assert np.isfinite(execute(experiment).predictions["score"]).all()
