"""Models of true widths with few layers, and the bytes that autograd saves of a training step, counted."""

import json
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import nn
from toys import toy_table
from transformers.initialization import no_init_weights

from moslab.backbones.base import Backbone
from moslab.backbones.catalogue import architecture_of
from moslab.backbones.features import compute_features
from moslab.backbones.prompts import Wording
from moslab.experiments.planning import shaping
from moslab.experiments.planning.activations import Batch
from moslab.experiments.reading import Reader
from moslab.experiments.trainable import Learning, set_trainable
from moslab.scorers import levels
from moslab.scorers.base import Labels

MPLUG = "MAGAer13/mplug-owl2-llama2-7b"
LLAVA = "llava-hf/llava-1.5-7b-hf"
# Published shapes, cut to a few layers, a small vocabulary and, where every picture is a square, a small one.
CUT: dict[str, dict[str, Any]] = {
    "Qwen/Qwen2-VL-2B-Instruct": {
        "text_config": {"num_hidden_layers": 2, "vocab_size": 1024},
        "vision_config": {"depth": 1},
    },
    "Qwen/Qwen2.5-VL-7B-Instruct": {
        "text_config": {"num_hidden_layers": 1, "vocab_size": 1024},
        "vision_config": {"depth": 1},
    },
    "Qwen/Qwen3-VL-8B-Instruct": {
        "text_config": {"num_hidden_layers": 2, "vocab_size": 1024},
        "vision_config": {"depth": 2, "deepstack_visual_indexes": [0]},
    },
    LLAVA: {
        "text_config": {"num_hidden_layers": 1, "vocab_size": 1024, "pad_token_id": 0},
        "vision_config": {"num_hidden_layers": 2, "image_size": 56},
    },
    MPLUG: {
        "num_hidden_layers": 1,
        "vocab_size": 1024,
        "visual_config": {
            "visual_model": {"num_hidden_layers": 1, "image_size": 112},
            "visual_abstractor": {"num_hidden_layers": 1, "num_learnable_queries": 16, "grid_size": 8},
        },
    },
}
SQUARES = {LLAVA: 56, MPLUG: 112}
PICTURES = 2
SIZE = (56, 28)  # width and height in pixels


class Counted:
    """A training step of a model, whose saved bytes are counted.

    Args:
        name: of a published shape in `CUT`.
        learning: what learns.
        dtype: of the backbone's weights.
    """

    def __init__(self, name: str, learning: Learning, dtype: torch.dtype) -> None:
        self.scorer = levels.Levels()
        self.scorer.fit(Labels(np.array([1.0, 5.0])), 1.0, 5.0)
        self.backbone = cut_backbone(name, dtype)
        self.scorer.attach(self.backbone)
        self.learn(learning)
        self.backbone.model.train()

    def learn(self, learning: Learning) -> None:
        """Set what learns; adapters stay where they were put."""
        set_trainable(learning, self.backbone, self.scorer)

    def step(self, kept: bool, checkpointing: bool, autocast: bool) -> tuple[int, Batch]:
        """Bytes that are saved when the loss is known, and the batch that it is the loss of.

        Args:
            kept: whether the model is given visual tokens instead of pictures.
            checkpointing: as in `Compute`.
            autocast: whether products are in bfloat16.
        """
        if checkpointing:
            self.backbone.model.activation_checkpointing_enable({"use_reentrant": False})
            self.backbone.model.disable_input_require_grads()
        table = toy_table(PICTURES, size=SIZE[::-1])
        features = compute_features(table, range(PICTURES), self.backbone) if kept else None
        reader = Reader(self.backbone, self.scorer, Wording("iqa"), features)
        targets = self.scorer.encode(Labels.of(table, np.arange(PICTURES)))
        batch = reader.to_teach(table, range(PICTURES), targets)
        context = torch.autocast("cpu", dtype=torch.bfloat16) if autocast else nullcontext()
        with saved() as boxes, context:
            loss = self.scorer.loss(reader.states(batch), batch, self.backbone.vocabulary)
            counted = count(boxes, self.backbone.model)
        assert loss.requires_grad
        seen = 0 if kept else PICTURES * self.backbone.patches(SIZE)
        taught = int((batch["labels"] >= 0).sum())
        tokens = batch["input_ids"]
        visual = int((tokens == self.backbone.model.config.image_token_id).sum())
        return counted, Batch(tokens.numel(), visual, seen, PICTURES, taught, not kept)


def cut_backbone(name: str, dtype: torch.dtype) -> Backbone:
    """A published shape with few layers; its weights are whatever lies in memory."""
    folder = shaping.settings_folder(name)
    settings = json.loads((folder / "config.json").read_text())
    put_into(settings, CUT[name])
    architecture = architecture_of(settings["model_type"])
    processor = shaping.processor_of(folder, architecture, settings["model_type"])
    if name in SQUARES:
        side = SQUARES[name]
        processor.image_processor.size = {"shortest_edge": side}
        processor.image_processor.crop_size = {"height": side, "width": side}
    image = processor.tokenizer.convert_tokens_to_ids(processor.image_token)
    settings |= {"image_token_id": image, "image_token_index": image}
    config = architecture.Model.config_class.from_dict(settings)
    with no_init_weights():
        model = architecture.Model(config).to(dtype)
    architecture.accelerate(model)
    return Backbone(name, folder, model, processor, architecture)


def put_into(settings: dict[str, Any], changes: dict[str, Any]) -> None:
    """Put changes into settings, also into those of parts."""
    for name, value in changes.items():
        if isinstance(value, dict):
            put_into(settings[name], value)
        else:
            settings[name] = value


class Box:
    """A saved tensor, for as long as the graph has it."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor


@contextmanager
def saved() -> Iterator["weakref.WeakSet[Box]"]:
    """What autograd saves meanwhile and still has."""
    boxes: weakref.WeakSet[Box] = weakref.WeakSet()

    def pack(tensor: torch.Tensor) -> Box:
        box = Box(tensor)
        boxes.add(box)
        return box

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda box: box.tensor):
        yield boxes


def count(boxes: Any, model: nn.Module) -> int:
    """Bytes of the storages behind saved tensors, each once, without the model's own weights."""
    own = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    sizes = {}
    for box in boxes:
        storage = box.tensor.untyped_storage()
        if storage.data_ptr() not in own:
            sizes[storage.data_ptr()] = storage.nbytes()
    return sum(sizes.values())
