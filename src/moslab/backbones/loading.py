"""A backbone by name, ready to use: one that comes with the package, or a checkpoint by folder or hub id."""

import torch
from transformers.utils import is_flash_attn_2_available, logging

from moslab.backbones import adapters, catalogue, checkpoints, processors, templates
from moslab.backbones.base import Backbone
from moslab.backbones.catalogue import EMBEDDED, architecture_of, resolve, whole_folder
from moslab.utils.errors import UserError


def load(
    name: str = "embedded",
    *,
    scratch: bool = False,
    seed: int = 0,
    dtype: torch.dtype | None = None,
    min_pixels: int | None = None,
    max_pixels: int | None = None,
    attention: str = "auto",
    base: str | None = None,
) -> Backbone:
    """Load a backbone on the CPU.

    Weights are read with safetensors only, and no code of a folder runs.

    Args:
        name: one of `catalogue.EMBEDDED`, a checkpoint folder, a hub id, or the folder of an adapter, which
            is merged into the base that it names; tokenizer and image processor are the base's.
        scratch: keep the architecture and draw new weights from `seed`.
        dtype: of the weights, float32 if None.
        min_pixels, max_pixels: limits of a picture's size in pixels, the checkpoint's own if None.
        attention: by which of transformers' implementations, its own choice if 'auto'.
        base: of an adapter, where that is not the one which its folder names.

    Raises:
        UserError: for an unknown name, a folder without a checkpoint, an architecture not in `ARCHITECTURES`,
            for parts that do not fit each other (see `checkpoints` and `processors`), and for kernels of
            attention that are not installed.
    """
    logging.disable_progress_bar()
    if attention == "flash_attention_2" and not is_flash_attn_2_available():
        raise UserError(
            "attention='flash_attention_2' needs the library flash-attn and a GPU, and one of them is "
            "missing: install it, or set attention in the file of compute to auto."
        )
    given = resolve(name)
    folder = resolve(base) if base else whole_folder(name)
    if given != folder:
        adapters.check(given)
    config = checkpoints.read_config(folder)
    architecture = architecture_of(config.model_type)
    processor = architecture.read_processor(folder)
    if min_pixels or max_pixels:
        architecture.limit(processor, min_pixels, max_pixels)
    processors.check_processor(folder, processor, config, architecture)
    templates.check_template(folder, processor, architecture)
    if scratch:
        torch.manual_seed(seed)
        model = architecture.Model(config)
        model.to(dtype or torch.float32)  # type: ignore[arg-type]  # the stub takes it for `self`
    else:
        model = checkpoints.load_model(architecture, folder, dtype or torch.float32)
        if given != folder:
            adapters.merge(given, model)
    if name not in EMBEDDED:
        catalogue.LOADED.add(name)
    if attention != "auto":
        model.set_attn_implementation(attention)
    architecture.accelerate(model)
    return Backbone(name, folder, model, processor, architecture)


def load_to_ask(
    name: str = "embedded", *, min_pixels: int | None = None, max_pixels: int | None = None
) -> Backbone:
    """Load a backbone that is asked and not trained.

    It is on the GPU where there is one, a checkpoint then in bfloat16, as it is scored with; else as `load`
    gives it.

    Args:
        name, min_pixels, max_pixels: see `load`.

    Raises:
        UserError: see `load`.
    """
    on_gpu = torch.cuda.is_available()
    halves = torch.bfloat16 if on_gpu and name not in EMBEDDED else None
    backbone = load(name, dtype=halves, min_pixels=min_pixels, max_pixels=max_pixels)
    backbone.model.eval().requires_grad_(False)
    if on_gpu:
        backbone.model.to("cuda")  # type: ignore[arg-type]  # its stub takes no device
    return backbone
