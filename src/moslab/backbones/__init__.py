"""Multimodal LLMs behind one small interface: an embedded base, or a checkpoint by folder or hub id.

What one architecture does otherwise than another stands in one file each (`qwen2_vl.py`, `llava.py`): the same functions in the same order.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from moslab.content import digests_of
from moslab.errors import UserError, first_line
from moslab.files import digest, read_json

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image
    from transformers import PreTrainedModel, PreTrainedTokenizerFast, ProcessorMixin
    from transformers.cache_utils import Cache

ARCHITECTURES = {"qwen2_vl": "Qwen2-VL", "llava": "LLaVA-1.5"}  # model_type in config.json, and module here: what it is called
WEIGHTS = Path(__file__).parent / "weights"
# The bases that come with the package, by folder: the base, two checkpoints from early in its training, one that never met a rating word, another architecture, and one with
# half the language layers.
EMBEDDED = {"embedded": "", "embedded-early": "early", "embedded-middle": "middle", "embedded-nowords": "nowords", "embedded-llava": "llava",
            "embedded-small": "small"}
LOADED: set[str] = set()  # names of the checkpoints that this process has loaded, those of the package aside
_HUB_FILES = ["*.json", "*.jinja", "*.txt", "*.model", "*.safetensors"]


@dataclass
class Backbone:
    """A loaded model with its processor. `folder` is where both were read; `architecture` is the module that knows how the model looks and reads."""

    name: str
    folder: Path
    model: "PreTrainedModel"
    processor: "ProcessorMixin"
    architecture: ModuleType
    _encoded: dict[str, list[int]] = field(default_factory=dict)

    @property
    def tokenizer(self) -> "PreTrainedTokenizerFast":
        return self.processor.tokenizer

    @property
    def width(self) -> int:
        """Width of the language model's hidden states."""
        return self.model.config.text_config.hidden_size

    def tokens(self, text: str) -> list[int]:
        """Token ids of a piece of text that follows other text; remembered, since a run says few different things."""
        if text not in self._encoded:
            self._encoded[text] = self.architecture.tokens(self.tokenizer, text)
        return self._encoded[text]

    def answer(self, opening: str, rest: str = "") -> tuple[list[int], list[int]]:
        """Token ids of the assistant's words after `prompt`, up to a place and behind it; either may be empty."""
        lead = self.architecture.LEAD
        return (self.tokens(lead + opening), self.tokens(rest)) if opening else ([], self.tokens(lead + rest) if rest else [])

    def prompt(self, question: str, visual_tokens: int) -> list[int]:
        """Token ids of the user's turn (picture, then `question`, which may be empty) and the opening of the assistant's."""
        content = [{"type": "image"}] + ([{"type": "text", "text": question}] if question else [])
        text = self.processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
        image = self.processor.image_token
        return self.architecture.prompt_tokens(self.tokenizer, text.replace(image, image * visual_tokens))

    def inputs(self, pictures: "Sequence[Image]") -> dict[str, "torch.Tensor"]:
        """What the vision tower is shown of `pictures`, on its device and in its precision: `pixel_values`, and what goes `beside` them, a row per picture."""
        weight = next(iter(self.architecture.vision_weights(self.model)))
        made = self.processor.image_processor(images=list(pictures), return_tensors="pt")
        return {name: value.to(weight.device, weight.dtype if value.is_floating_point() else value.dtype) for name, value in made.items()}

    def count(self, inputs: dict[str, "torch.Tensor"]) -> list[int]:
        """Number of visual tokens of each picture."""
        return self.architecture.count(self.model, inputs)

    def look(self, inputs: dict[str, "torch.Tensor"]) -> "torch.Tensor":
        """Visual tokens [all pictures' tokens, width], end to end."""
        return self.architecture.look(self.model, inputs)

    def states(self, batch: dict[str, Any], cache: "Cache | None" = None) -> "torch.Tensor":
        """Last hidden states [batch, time, width] of input_ids with their pictures; `inputs.model_inputs` says in which forms these may come."""
        return self.architecture.states(self.model, batch, cache)

    def states_at(self, places: "torch.Tensor", batch: dict[str, Any], cache: "Cache | None" = None) -> "torch.Tensor":
        """Last hidden states [batch, width] at one place of each row; places: [batch]. Sooner than all of them, the more so the fewer layers a model has; not for training."""
        from moslab.backbones.places import only_at
        wanted = places[:, None] == places.new_tensor(range(batch["input_ids"].shape[1]))
        with only_at(self.model.model.language_model.layers[-1], wanted):
            return self.states(batch, cache)[wanted]


def resolve(name: str) -> Path:
    """The folder of a backbone: one of `EMBEDDED`, a checkpoint folder, or a hub id ('owner/model'; fetched once, or taken from the local cache when offline)."""
    if name in EMBEDDED:
        folder = WEIGHTS / EMBEDDED[name]
        if not (folder / "config.json").is_file():
            other = " --architecture llava" if EMBEDDED[name] == "llava" else ""
            raise UserError(f"{name} has no weights ({folder} holds none): make them with `python -m moslab base train{other}`.")
        return folder
    if Path(name).expanduser().is_dir():
        return Path(name).expanduser().resolve()
    if name.count("/") != 1 or name.startswith((".", "/", "~")):
        raise UserError(f"Unknown backbone {name!r}: give one of {', '.join(EMBEDDED)}, a folder written by save_pretrained, or a hub id such as 'Qwen/Qwen2-VL-2B-Instruct'.")
    return _from_hub(name)


def _from_hub(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError
    try:
        return Path(snapshot_download(name, allow_patterns=_HUB_FILES, local_files_only=True))
    except LocalEntryNotFoundError:
        print(f"Fetching {name} (weights, tokenizer, settings; several GB) into the hub cache; set HF_HUB_OFFLINE=1 to forbid this.")
    try:
        return Path(snapshot_download(name, allow_patterns=_HUB_FILES))
    except Exception as problem:
        raise UserError(f"Cannot fetch {name} from the hub ({type(problem).__name__}): check the name and the network, "
                        "or download it elsewhere and give its folder.") from problem


SETTINGS = ("config.json", "preprocessor_config.json", "processor_config.json", "tokenizer.json", "tokenizer_config.json", "tokenizer.model",
            "chat_template.jinja", "chat_template.json", "vocab.json", "merges.txt", "added_tokens.json", "special_tokens_map.json")
INDEX = "model.safetensors.index.json"


def fingerprint(name: str) -> str:
    """Digest of what is loaded of a checkpoint: settings, tokenizer, and every byte of the weights (read once, then remembered)."""
    folder = resolve(name)
    files = [path for path in (folder / kind for kind in SETTINGS) if path.is_file()] + weight_files(folder)
    return digest([[path.name, path.stat().st_size, content] for path, content in zip(files, digests_of(files))])


def weight_files(folder: Path) -> list[Path]:
    """The files that transformers reads weights from: model.safetensors where there is one, else the index and the shards it names."""
    single, index = folder / "model.safetensors", folder / INDEX
    if single.is_file():
        return [single]
    if not index.is_file():
        return sorted(folder.glob("*.safetensors"))
    try:
        shards = set(read_json(index)["weight_map"].values())
    except (KeyError, TypeError, AttributeError):
        raise UserError(f"{index} is no weight map: take the file as it was published.") from None
    return [index, *(path for path in (folder / str(shard) for shard in sorted(shards, key=str)) if path.is_file())]


def architecture_of(model_type: str) -> ModuleType:
    """The module of an architecture, imported when first asked for."""
    return import_module(f"moslab.backbones.{model_type}")


def load(
    name: str = "embedded",
    *,
    scratch: bool = False,
    seed: int = 0,
    dtype: "torch.dtype | None" = None,
    min_pixels: int | None = None,
    max_pixels: int | None = None,
) -> Backbone:
    """Load a backbone on the CPU; `scratch` keeps the architecture and draws new weights from `seed`.

    min_pixels, max_pixels: limits of a picture's size in pixels, the checkpoint's own if None.

    Raises UserError for an unknown name, a folder without a checkpoint, or an architecture not in `ARCHITECTURES`. Weights are read with safetensors only.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoConfig
    from transformers.utils import logging

    logging.disable_progress_bar()
    folder = resolve(name)
    try:
        config = AutoConfig.from_pretrained(folder)
    except (OSError, ValueError) as problem:
        raise UserError(f"{folder} holds no checkpoint ({first_line(problem)}): give a folder written by save_pretrained.") from problem
    if config.model_type not in ARCHITECTURES:
        raise UserError(f"{folder} holds a {config.model_type} model; this version reads {' and '.join(ARCHITECTURES.values())} checkpoints.")
    architecture = architecture_of(config.model_type)
    processor = architecture.read_processor(folder)
    if min_pixels or max_pixels:
        architecture.limit(processor, min_pixels, max_pixels)
    if scratch:
        torch.manual_seed(seed)
        model = architecture.Model(config).to(dtype or torch.float32)
    else:
        try:
            model, found = architecture.Model.from_pretrained(folder, dtype=dtype or torch.float32, use_safetensors=True, output_loading_info=True)
        except (OSError, ValueError, RuntimeError, SafetensorError) as problem:
            raise UserError(f"The weights in {folder} cannot be read ({first_line(problem)}): complete the folder.") from problem
        if found["missing_keys"]:
            raise UserError(f"The weights in {folder} lack {len(found['missing_keys'])} tensors (first: {min(found['missing_keys'])}): complete the folder.")
    if name not in EMBEDDED:
        LOADED.add(name)
    architecture.accelerate(model)
    return Backbone(name, folder, model, processor, architecture)
