"""LLaVA-1.5 behind the same interface: the true classes' numbers, hub checkpoints, every recipe, and an embedded base pre-trained on the same corpus."""

import inspect
import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from test_backbones import mixed_table, reader_of
from toys import load_exact, toy_experiment, toy_table, train_here, use_toy_table
from transformers import AutoConfig, LlavaForConditionalGeneration

from moslab.backbones import catalogue, embedded_llava, features, llava, loading, pretraining
from moslab.backbones.asking import choose
from moslab.backbones.catalogue import ARCHITECTURES, architecture_of
from moslab.backbones.pretraining import Plan, Stage, Teacher, Writer, make_batch, tokenizer_texts
from moslab.cli import train as train_command
from moslab.experiments.training import execute, prepare
from moslab.utils.errors import UserError

TITLES = [
    "Sky",
    "A very long title about the fair quality of good images",
    "Free Study",
    "Open",
    "Best of the Month",
    "x",
]
SENTENCE = "How would you rate the quality of this image?"


@pytest.fixture(scope="module")
def tiny(tiny_llava):
    return load_exact(tiny_llava)


@pytest.fixture(scope="module")
def tokenizer():
    return embedded_llava.build_tokenizer(tokenizer_texts(1, pictures=40), size=500)


def titled_table():
    table = toy_table(6)
    table.frame["text"] = TITLES
    return table


# the seam


def test_architectures_have_the_same_functions_in_the_same_order():
    modules = [architecture_of(name) for name in ARCHITECTURES]
    functions = [
        [
            name
            for name, value in vars(module).items()
            if inspect.isfunction(value) and value.__module__ == module.__name__ and name[0] != "_"
        ]
        for module in modules
    ]
    assert functions == [functions[0]] * len(modules) and len(functions[0]) == 12
    assert [module.Model.config_class.model_type for module in modules] == list(ARCHITECTURES)


# the true classes' numbers


@pytest.fixture(params=["tiny_llava", "hub_like_llava"])
def folder(request):
    return request.getfixturevalue(request.param)


def test_processor_and_states_are_transformers_own(folder):
    """Ids, pixels and hidden states of whole prompts against an untouched LLaVA fed by its own processor."""
    backbone, table = load_exact(folder), mixed_table()
    own = LlavaForConditionalGeneration.from_pretrained(folder).eval()
    reader = reader_of(backbone, "generic")
    states, batch = reader.read(table, range(6)).states, reader.to_read(table, range(6))
    text = backbone.processor.apply_chat_template(
        [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": SENTENCE}]}],
        add_generation_prompt=True,
    )
    assert text == f"USER: <image>\n{SENTENCE} ASSISTANT:"
    inputs = backbone.processor(
        text=[text] * 6, images=[table.pixels.open(row) for row in range(6)], return_tensors="pt"
    )
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
    slow, fast = (embedded_llava.build_model(config) for _ in range(2))
    llava.accelerate(fast)
    assert fast.state_dict().keys() == slow.state_dict().keys()
    inputs = embedded_llava.inputs(torch.from_numpy(toy_table(3).pixels.array))
    seen, own = llava.look(fast, inputs), torch.cat(slow.model.get_image_features(**inputs).pooler_output)
    assert torch.allclose(seen, own, atol=1e-6) and len(seen) == sum(llava.count(fast, inputs))
    seen.sum().backward(), own.sum().backward()
    read = {id(weight) for weight in llava.vision_weights(fast)}
    for (name, one), two in zip(slow.named_parameters(), fast.named_parameters()):
        assert (one.grad is None) == (two[1].grad is None) == (id(two[1]) not in read), name
        assert one.grad is None or torch.allclose(one.grad, two[1].grad, atol=1e-4, rtol=1e-4), name


def test_cached_features_are_the_live_ones(tiny, tmp_path):
    table, rows = mixed_table(), [4, 2, 5, 2]
    found = features.cached_features(table, tiny, folder=tmp_path)
    live, cached = reader_of(tiny, "generic"), reader_of(tiny, "generic", found=found)
    batches = [reader.to_teach(table, rows, np.zeros(4, int)) for reader in (live, cached)]
    assert "pixel_values" in batches[0] and "pixel_values" not in batches[1]
    assert torch.equal(live.states(batches[0]), cached.states(batches[1]))
    assert (
        [found.count(row) for row in rows] == [64] * 4
        and found.of(3).shape == (64, 128)
        and found.beside(rows) == {}
    )


@pytest.mark.parametrize("scorer", ["bins", "levels"])
def test_padding_and_company_change_nothing_that_is_read(tiny, scorer):
    table, reader = titled_table(), reader_of(tiny, "title", scorer, dataset="iaa", shown=np.array(TITLES))
    together, batch = reader.read(table, range(6)).states, reader.to_read(table, range(6))
    assert len(set(batch["read_position"].tolist())) > 2
    for row in range(6):
        assert torch.allclose(together[row], reader.read(table, [row]).states[0], atol=1e-5)


def test_the_answer_follows_the_marker_and_a_blank(tiny):
    plain = reader_of(tiny).to_read(toy_table(5), [0])
    assert tiny.tokenizer.decode(plain["input_ids"][0]) == "<s>user: " + "<image>" * 64 + "\nassistant:"
    prefixed = reader_of(tiny, "generic", "levels").to_read(toy_table(5), [0])
    assert tiny.tokenizer.decode(prefixed["input_ids"][0]).endswith(
        "? assistant: the quality of the image is"
    )
    chances = choose(
        tiny, toy_table(5).pixels.open(0), SENTENCE, "The quality of the image is", [" good", " bad"]
    )
    assert sum(chances.values()) == pytest.approx(1)


# checkpoints


def test_llama_s_tokens_are_those_of_the_whole_conversation(hub_like_llava):
    """LLaMA's tokenizer puts a blank before every text it is given; pieces come out as they stand in the whole."""
    backbone = loading.load(str(hub_like_llava))
    prompt = backbone.prompt("How good?", 4)
    assert prompt[:13] == [1, 3148, 1001, 29901, 29871] + [32000] * 4 + [29871, 13, 5328, 1781]
    pieces = (
        prompt
        + sum(backbone.answer("The quality of the image is", " excellent."), [])
        + [backbone.tokenizer.eos_token_id]
    )
    assert pieces == backbone.tokenizer.encode(
        f"USER: {'<image>' * 4}\nHow good? ASSISTANT: The quality of the image is excellent.</s>"
    )
    assert [
        backbone.tokenizer.convert_ids_to_tokens(backbone.tokens(words)) for words in (" good", ".", "3.9")
    ] == [["\u2581good"], ["."], ["3", ".", "9"]]


def test_a_chat_template_of_the_checkpoint_wins(tiny_llava, tmp_path):
    folder = shutil.copytree(tiny_llava, tmp_path / "llava")

    def said() -> str:
        backbone = loading.load(str(folder))
        return backbone.tokenizer.decode(backbone.prompt("How?", 2))

    (folder / "chat_template.jinja").unlink()
    assert (
        said() == "<s>user: <image><image>\nhow? assistant:"
    )  # LLaVA-1.5's own words are what a folder without a template gets
    before = catalogue.fingerprint(str(folder))
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": f"older{QUESTION_TEMPLATE}"}))
    assert said() == "<s>older<image><image>how?" and catalogue.fingerprint(str(folder)) != before
    (folder / "chat_template.json").unlink()
    (folder / "chat_template.jinja").write_text(f"<s>newer{QUESTION_TEMPLATE}")
    assert said() == "<s>newer<image><image>how?"


QUESTION_TEMPLATE = "{% for part in messages[0]['content'] %}{{ part['text'] if part['type'] == 'text' else '<image>' }}{% endfor %}"


def rewrite(path, **changes) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


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
            lambda folder: rewrite(
                folder / "config.json", vision_config={"model_type": "siglip_vision_model"}
            ),
            "holds a LLaVA with a siglip_vision_model tower; this version reads LLaVA-1.5",
        ),
        (
            lambda folder: rewrite(folder / "config.json", model_type="mistral"),
            "holds a mistral model; this version reads Qwen2-VL and LLaVA-1.5 checkpoints",
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
        with pytest.raises(
            UserError, match=f"{name} has no weights .*make them with `python -m moslab base train"
        ):
            catalogue.resolve(name)
    shutil.copytree(tiny_llava, tmp_path / "llava")
    assert loading.load("embedded-llava").width == 128


# experiments


@pytest.mark.parametrize("recipe", ["lm", "lora", "full"])
@pytest.mark.parametrize("scorer", ["bins", "levels"])
def test_experiments_run_on_it(home, monkeypatch, tiny_llava, scorer, recipe):
    use_toy_table(monkeypatch, pictures=20)
    run = execute(
        toy_experiment(tiny_llava, scorer=scorer, recipe=recipe, text="generic", batch_size=6, epochs=1)
    )
    assert (
        run.predictions["score"].between(1, 5).all()
        and len(run.history) == 2
        and run.distributions.shape == (4, 5)
    )


@pytest.mark.parametrize(
    "fields",
    [{"recipe": "scratch"}, {"recipe": "head"}, {"recipe": "lora", "precision": "bfloat16"}],
    ids=str,
)
def test_every_recipe_trains_what_it_says(home, monkeypatch, tiny_llava, fields):
    use_toy_table(monkeypatch, pictures=20)
    experiment = toy_experiment(tiny_llava, batch_size=6, epochs=1, **fields)
    _, reader = prepare(experiment)
    learns = {name for name, weight in reader.backbone.model.named_parameters() if weight.requires_grad}
    if fields["recipe"] == "lora":
        assert {weight.dtype for weight in reader.backbone.model.parameters()} == {
            torch.float32,
            torch.bfloat16,
        }
        assert learns and all("language_model" in name and "lora" in name for name in learns)
        assert {name.split(".")[-4] for name in learns} == {
            "q_proj",
            "k_proj",
            "v_proj",
            "o_proj",
            "gate_proj",
            "up_proj",
            "down_proj",
        }
    else:
        assert bool(learns) == (fields["recipe"] == "scratch")
    assert np.isfinite(execute(experiment).predictions["score"]).all()


# pre-training


def test_fast_inputs_are_the_processor_s_bit_for_bit(tiny):
    table = toy_table(5)
    own = tiny.inputs([table.pixels.open(row) for row in range(5)])
    assert torch.equal(
        embedded_llava.inputs(torch.from_numpy(table.pixels.array))["pixel_values"], own["pixel_values"]
    )


def test_the_corpus_speaks_as_prompts_do(tiny):
    writer = Writer(tiny.tokenizer, embedded_llava.CHAT)
    ids, taught = writer._turns(
        [
            (SENTENCE, [("The quality of the image is", False), (" good", True), (".", True)]),
            ("Open?", [("3.9", True)]),
        ]
    )
    first = tiny.prompt(SENTENCE, 64) + sum(tiny.answer("The quality of the image is", " good."), [])
    assert first == tiny.prompt(SENTENCE, 64) + tiny.answer("", "The quality of the image is good.")[1]
    assert ids[: len(first)] == first
    assert tiny.tokenizer.decode(ids[len(first) :]) == "</s>user: open? assistant: 3.9</s>"
    assert tiny.tokenizer.decode([token for token, kept in zip(ids, taught) if kept]) == " good.</s> 3.9</s>"


def test_the_teacher_s_loss_is_the_model_s_own(tokenizer):
    teacher = Teacher(embedded_llava.build_model(embedded_llava.build_config(tokenizer))).eval()
    batch = make_batch(np.arange(3), 1, Writer(tokenizer, embedded_llava.CHAT))
    with torch.no_grad():
        taught = teacher.text_loss(teacher.look(batch.pictures), batch)
        own = teacher.model(
            input_ids=batch.ids,
            labels=batch.ids.masked_fill(~batch.supervised, -100),
            **embedded_llava.inputs(batch.pictures),
        ).loss
        heads = teacher.head_loss(teacher.look(batch.pictures), batch, numbers=4)
    assert float(taught) == pytest.approx(float(own), abs=1e-4) and torch.isfinite(heads)
    seen, said = (
        {id(weight) for weight in pretraining.learning(stage, teacher)}
        for stage in (Plan().stages[0], Plan().stages[-1])
    )
    unread = set(
        map(
            id,
            [
                *teacher.model.model.vision_tower.encoder.layers[-1].parameters(),
                *teacher.model.model.vision_tower.post_layernorm.parameters(),
            ],
        )
    )
    assert seen.isdisjoint(said) and seen | said | unread == {id(weight) for weight in teacher.parameters()}


def test_both_stages_train_and_leave_a_checkpoint(tmp_path, monkeypatch):
    """Two steps of each stage in this process."""
    plan = Plan(
        (
            Stage("vision", 8, 1e-3, ("photographs", "distorted"), batch=4, numbers=4),
            Stage("language", 4, 1e-3, ("degraded",), batch=4, texts=2),
        ),
        rounds=(("", (1.0, 1.0)),),
        nowords=0,
        processes=1,
        architecture="llava",
    )
    assert train_here(tmp_path, monkeypatch, plan) == tmp_path
    record = json.loads((tmp_path / "training.json").read_text())
    assert record["plan"]["architecture"] == "llava" and [
        history[-1]["images"] for history in record["history"]
    ] == [8, 4]
    assert {weight.dtype for weight in load_file(tmp_path / "model.safetensors").values()} == {torch.bfloat16}
    assert (tmp_path / "model.safetensors").stat().st_size <= 6_000_000 and AutoConfig.from_pretrained(
        tmp_path
    ).model_type == "llava"
    backbone = loading.load(str(tmp_path))
    assert (
        backbone.width == 128
        and len(backbone.tokenizer) == backbone.model.config.get_text_config().vocab_size
    )


def test_an_unknown_architecture_is_one_sentence():
    with pytest.raises(UserError, match="Unknown architecture 'lava': choose one of qwen2_vl, llava"):
        train_command(None, "lava")
