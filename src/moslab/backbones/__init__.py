"""Multimodal LLMs behind one small interface: the embedded base, or any Qwen2-VL checkpoint by folder or hub id."""

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from moslab.errors import UserError
from moslab.files import digest

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerFast, Qwen2VLForConditionalGeneration

    from moslab.backbones.processor import ImageTextProcessor

_HUB_FILES = ["*.json", "*.jinja", "*.txt", "*.safetensors"]
_WHOLE = 64 * 2**20  # files up to this many bytes are hashed whole


@dataclass
class Backbone:
    """A loaded model with its processor. `folder` is where both were read."""

    name: str
    folder: Path
    model: "Qwen2VLForConditionalGeneration"
    processor: "ImageTextProcessor"
    _encoded: dict[str, list[int]] = field(default_factory=dict)

    @property
    def tokenizer(self) -> "PreTrainedTokenizerFast":
        return self.processor.tokenizer

    @property
    def width(self) -> int:
        """Width of the language model's hidden states."""
        return self.model.config.text_config.hidden_size

    @cached_property
    def image_token(self) -> int:
        return self.model.config.image_token_id

    def tokens(self, text: str) -> list[int]:
        """Token ids of a piece of text, without special tokens; remembered, since a run says few different things."""
        if text not in self._encoded:
            self._encoded[text] = self.tokenizer.encode(text, add_special_tokens=False)
        return self._encoded[text]

    def prompt(self, question: str, visual_tokens: int) -> list[int]:
        """Token ids of the user's turn (picture, then `question`, which may be empty) and the opening of the assistant's."""
        content = [{"type": "image"}] + ([{"type": "text", "text": question}] if question else [])
        text = self.processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
        image = self.processor.image_token
        return self.tokens(text.replace(image, image * visual_tokens))


def resolve(name: str) -> Path:
    """The folder of a backbone: 'embedded', a checkpoint folder, or a hub id ('owner/model'; fetched once, or taken from the local cache when offline)."""
    if name == "embedded":
        from moslab.backbones.embedded import WEIGHTS
        return WEIGHTS
    if Path(name).expanduser().is_dir():
        return Path(name).expanduser().resolve()
    if name.count("/") != 1 or name.startswith((".", "/", "~")):
        raise UserError(f"Unknown backbone {name!r}: give 'embedded', a folder written by save_pretrained, or a hub id such as 'Qwen/Qwen2-VL-2B-Instruct'.")
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


def fingerprint(name: str) -> str:
    """Digest of a checkpoint's files. Files above 64 MB count by name, size and their first and last megabyte."""
    folder = resolve(name)
    kinds = ("config.json", "preprocessor_config.json", "processor_config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja")
    files = [folder / kind for kind in kinds if (folder / kind).is_file()] + sorted(folder.glob("*.safetensors"))
    return digest([[file.name, file.stat().st_size, _hash(file)] for file in files])


def _hash(file: Path) -> str:
    size = file.stat().st_size
    with open(file, "rb") as stream:
        content = stream.read() if size <= _WHOLE else stream.read(2**20)
        if size > _WHOLE:
            stream.seek(-(2**20), 2)
            content += stream.read()
    return hashlib.sha256(content).hexdigest()


def load(name: str = "embedded", *, scratch: bool = False, seed: int = 0, dtype: "torch.dtype | None" = None) -> Backbone:
    """Load a backbone on the CPU; `scratch` keeps the architecture and draws new weights from `seed`.

    Raises UserError for an unknown name, a folder without a checkpoint, or an architecture other than Qwen2-VL. Weights are read with safetensors only.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoConfig, Qwen2VLForConditionalGeneration
    from transformers.utils import logging

    from moslab.backbones.processor import ImageTextProcessor, first_line
    from moslab.backbones.vision import accelerate_vision

    logging.disable_progress_bar()
    folder = resolve(name)
    try:
        config = AutoConfig.from_pretrained(folder)
    except (OSError, ValueError) as problem:
        raise UserError(f"{folder} holds no checkpoint ({first_line(problem)}): give a folder written by save_pretrained.") from problem
    if config.model_type != "qwen2_vl":
        raise UserError(f"{folder} holds a {config.model_type} model; this version reads Qwen2-VL checkpoints.")
    processor = ImageTextProcessor.from_folder(folder)
    if scratch:
        torch.manual_seed(seed)
        model = Qwen2VLForConditionalGeneration(config).to(dtype or torch.float32)
    else:
        try:
            model, found = Qwen2VLForConditionalGeneration.from_pretrained(folder, dtype=dtype or torch.float32, use_safetensors=True, output_loading_info=True)
        except (OSError, ValueError, RuntimeError, SafetensorError) as problem:
            raise UserError(f"The weights in {folder} cannot be read ({first_line(problem)}): complete the folder.") from problem
        if found["missing_keys"]:
            raise UserError(f"The weights in {folder} lack {len(found['missing_keys'])} tensors (first: {min(found['missing_keys'])}): complete the folder.")
    accelerate_vision(model.model.visual)
    return Backbone(name, folder, model, processor)
