"""mPLUG-Owl2: every number that the authors' own programs computed on a tiny model comes out here."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from mplug_fixture import FOLDER, PICTURE, arrays, as_ours, case, pictures, settings
from safetensors.torch import load_file
from toys import load_exact

from moslab.backbones.base import Backbone
from moslab.backbones.continuing import Continuation
from moslab.backbones.mplug_owl2 import processing

CLOSE = {"atol": 1e-4, "rtol": 1e-5}
SCORES = {"atol": 1e-3, "rtol": 0}
CASES = ["padded", "prompt", "text_only", "two_images_per_row", "video_equal", "with_text_only_row"]


@pytest.fixture(scope="module")
def owl() -> Backbone:
    return load_exact(FOLDER)


@pytest.fixture(params=["eager", "sdpa"])
def attention(request, owl) -> Iterator[None]:
    owl.model.set_attn_implementation(request.param)
    yield
    owl.model.set_attn_implementation("sdpa")


@dataclass
class Seen:
    """What modules were given and gave."""

    given: list[torch.Tensor] = field(default_factory=list)
    made: list[torch.Tensor] = field(default_factory=list)


@contextmanager
def watching(modules) -> Iterator[Seen]:
    """Within, the first input and the output of every module is kept."""
    seen = Seen()

    def keep(_, inputs, output):
        seen.given.append(inputs[0])
        seen.made.append(output)

    hooks = [module.register_forward_hook(keep) for module in modules]
    yield seen
    for hook in hooks:
        hook.remove()


def assert_close(one: torch.Tensor, other: torch.Tensor) -> None:
    torch.testing.assert_close(one, other, **CLOSE)


# pictures


def test_pictures_are_padded_and_prepared_as_theirs(owl):
    made = arrays("preprocess")
    assert tuple(made["background"].tolist()) == (122, 116, 104)
    for number, picture in enumerate(pictures()):
        whole = processing.square(picture, (122, 116, 104))
        assert np.array_equal(np.asarray(whole), made[f"square_{number}"].numpy())
    assert_close(owl.prepared(pictures())["pixel_values"], made["pad_pixel_values"])


@torch.no_grad()
def test_tower_and_abstractor(owl, attention):
    made = arrays("vision")
    model = owl.model.model
    layers = [*model.vision_model.encoder.layers, *model.visual_abstractor.encoder.layers]
    watched = [model.vision_model.embeddings, *layers, model.vision_model]
    with watching(watched) as seen:
        tokens = owl.look({"pixel_values": made["pixel_values"]})
    names = [f"vision.hidden.{number}" for number in range(3)]
    names += ["vision.last_hidden_state", "abstractor.layer_out.0", "abstractor.layer_out.1"]
    for name, states in zip(names, seen.made, strict=True):
        assert_close(states, made[name])
    assert_close(tokens, made["abstractor.last_hidden_state"].flatten(0, 1))
    assert owl.count(made) == [9] * 4


def test_positions_of_the_abstractor_are_those_in_the_checkpoint(owl):
    stored = load_file(FOLDER / "model.safetensors")
    for number, layer in enumerate(owl.model.model.visual_abstractor.encoder.layers):
        attention = layer.crossattention.attention
        name = f"model.visual_abstractor.encoder.layers.{number}.crossattention.attention."
        torch.testing.assert_close(attention.query_positions(), stored[f"{name}q_pos_embed"])
        torch.testing.assert_close(attention.key_positions(), stored[f"{name}k_pos_embed"])


# whole passes


@pytest.mark.parametrize("name", CASES)
@torch.no_grad()
def test_hidden_states_and_logits(owl, attention, name):
    batch, made = case(name)
    read = batch["attention_mask"]
    model = owl.model
    with watching([*owl.layers, owl.language_model.norm]) as seen:
        logits = model(**batch).logits
    for number, states in enumerate([seen.given[0], seen.made[0], seen.made[2]]):
        assert_close(states[read], made[f"hidden.{number}"][read])
    assert_close(logits[read], made["logits"][read])
    if "expanded_attention_mask" in made:
        assert torch.equal(read, made["expanded_attention_mask"])
        assert torch.equal(batch["labels"], made["expanded_labels"])
    if "modality_indicators" in made:
        assert torch.equal(
            batch["input_ids"] == model.config.image_token_id, made["modality_indicators"].bool()
        )


@torch.no_grad()
def test_clips_of_unequal_length_are_read_at_their_own_ends(owl):
    """The authors' code reads the shorter row at its padding."""
    batch, made = case("video_unequal")
    places = made["true_last_index"]
    assert torch.equal(places, batch["attention_mask"].sum(1) - 1)
    logits = owl.model(**batch).logits[torch.arange(2), places]
    assert_close(logits, made["logits_true_last"])


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize(
    "name", ["padded", "text_only", "two_images_per_row", "video_equal", "with_text_only_row"]
)
def test_losses_and_gradients(name, checkpointing):
    owl = load_exact(FOLDER)
    owl.model.train().requires_grad_(True)
    if checkpointing:
        owl.model.activation_checkpointing_enable({"use_reentrant": False})
    batch, made = case(name)
    loss = owl.model(**batch).loss
    loss.backward()
    assert_close(loss, made["loss"])
    gradients = {
        part.replace("language_model.", ""): weight.grad for part, weight in owl.model.named_parameters()
    }
    wanted = [key for key in made if key.startswith("gradnorm.")]
    assert len(wanted) == 23
    for key in wanted:
        gradient = gradients[key.removeprefix("gradnorm.")]
        assert_close(torch.zeros(()) if gradient is None else gradient.norm(), made[key])


@torch.no_grad()
def test_greedy_generation(owl):
    """With keys and values kept, and by reading everything again."""
    made = arrays("generate")
    prompt = made["input_ids"]
    batch = as_ours(prompt) | {"pixel_values": arrays("vision")["pixel_values"][made["image_index"]]}
    begun = Continuation(owl, batch)
    states = begun.last
    for step in range(5):
        token = made["sequences.cache"][:, prompt.shape[1] + step]
        logits = owl.vocabulary(states)
        assert_close(logits, made["scores.cache"][:, step])
        assert torch.equal(logits.argmax(-1), token)
        again = owl.vocabulary(owl.model.model(**batch).last_hidden_state[:, -1])
        assert_close(again, made["scores.nocache"][:, step])
        states = begun.follow(token[:, None], [step - 1])[:, 0]
        batch["input_ids"] = torch.cat([batch["input_ids"], token[:, None]], 1)
        batch["attention_mask"] = torch.ones_like(batch["input_ids"])
    written = Continuation(owl, as_ours(prompt) | {"pixel_values": batch["pixel_values"]}).write(5)
    assert written == made["sequences.cache"][:, prompt.shape[1] :].tolist()


# words


def theirs(ids: list[int]) -> list[int]:
    """Our token ids with the authors' place-holder."""
    return [PICTURE if number == 0 else number for number in ids]


def test_prompts_are_encoded_piece_by_piece(owl):
    prompts = [settings("prompt")]
    for task in ("quality", "aesthetics"):
        for name in ("model_score", "scorer_class"):
            text = settings("scorers/qalign_prompts")[f"{name}.{task}"]
            key = f"{task}.model_score.input_ids" if name == "model_score" else f"{task}.input_ids"
            prompts.append({"prompt": text, "input_ids": arrays("scorers/qalign")[key].tolist()})
    roc = settings("scorers/roc_config")["prompt"]
    prompts.append({"prompt": roc, "input_ids": arrays("scorers/roc")["input_ids"].tolist()})
    for prompt in prompts:
        assert theirs(processing.prompt_tokens(owl.tokenizer, prompt["prompt"])) == prompt["input_ids"]


# what others read from it


def read(owl: Backbone, ids: torch.Tensor) -> torch.Tensor:
    """Last hidden states [3, width] behind a prompt about each of the three pictures."""
    batch = as_ours(ids.expand(3, -1)) | owl.prepared(pictures())
    return owl.states(batch)[:, -1]


@torch.no_grad()
def test_q_align_s_and_deqa_s_scores(owl):
    """One closed set of five words, three scales."""
    made = arrays("scorers/qalign")
    five = torch.arange(5.0, 0, -1)
    for task in ("quality", "aesthetics"):
        logits = owl.vocabulary(read(owl, made[f"{task}.input_ids"]))
        assert_close(logits, made[f"{task}.last_logits"])
        levels = logits[:, made["level_ids"]].softmax(-1)
        torch.testing.assert_close(levels, made[f"{task}.level_probs"], **SCORES)
        score = levels @ ((five - 1) / 4)
        torch.testing.assert_close(score, made[f"{task}.scorer_class_0_1"], **SCORES)
        swapped = owl.vocabulary(read(owl, made[f"{task}.model_score.input_ids"]))
        score = swapped[:, made["level_ids"]].softmax(-1) @ five
        torch.testing.assert_close(score, made[f"{task}.model_score_1_5"], **SCORES)
    made = arrays("scorers/deqa")
    logits = owl.vocabulary(read(owl, made["input_ids"]))
    assert_close(logits, made["last_logits"])
    score = logits[:, made["level_ids"]].softmax(-1) @ five
    torch.testing.assert_close(score, made["scorer_1_5"], **SCORES)


def with_extra(name: str) -> tuple[Backbone, dict[str, torch.Tensor]]:
    """The model with the longer vocabulary of a scorer, and all of that scorer's weights."""
    owl = load_exact(FOLDER)
    extra = load_file(FOLDER / "scorers" / f"{name}_extra.safetensors")
    owl.model.resize_token_embeddings(len(extra["lm_head.weight"]))
    owl.vocabulary.load_state_dict({"weight": extra["lm_head.weight"]})
    owl.model.get_input_embeddings().load_state_dict({"weight": extra["model.embed_tokens.weight"]})
    return owl, extra


@torch.no_grad()
def test_q_scorer_s_two_passes(owl):
    """A blank is written after the first one, and the network reads the score there."""
    made = arrays("scorers/qscorer")
    owl, extra = with_extra("qscorer")
    ids = made["input_ids"].expand(3, -1)
    scores = []
    for number in range(2):
        states = read(owl, ids)
        logits = owl.vocabulary(states)
        assert_close(states, made[f"pass{number}.last_hidden"])
        assert_close(logits, made[f"pass{number}.last_logits"])
        for layer in ("model.0.linear", "model.1.linear"):
            weight, bias = (extra[f"deepmlp.{layer}.{part}"] for part in ("weight", "bias"))
            states = torch.relu(states @ weight.T + bias)
        scores.append(states @ extra["deepmlp.output_layer.weight"][0] + extra["deepmlp.output_layer.bias"])
        ids = torch.cat([ids, logits.argmax(-1)[:, None]], 1)
    torch.testing.assert_close(scores[0], made["score_one_pass_only"], **SCORES)
    torch.testing.assert_close(scores[1], made["score_published_two_pass"], **SCORES)


@torch.no_grad()
def test_roc4mllm_s_scores():
    """Written greedily up to the first [SCORE], and read where that was about to be written."""
    made = arrays("scorers/roc")
    owl, _ = with_extra("roc")
    batch = as_ours(made["input_ids"].expand(3, -1)) | owl.prepared(pictures())
    written = torch.tensor(Continuation(owl, batch).write(12))
    assert torch.equal(written, made["generated"])
    begun = Continuation(owl, batch)
    following = begun.follow(written, range(-1, 11))
    states = torch.cat([begun.last[:, None], following], 1)[torch.arange(3), made["score_step"]]
    logits = owl.vocabulary(states)[:, -10:]
    torch.testing.assert_close(logits, made["score_logits"], **CLOSE)
    scores = logits.softmax(-1).double() @ made["score_values"].double()
    torch.testing.assert_close(scores, made["assessor_scores_round6"], **SCORES)
