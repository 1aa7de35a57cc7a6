"""Which backbones there are, where they lie, and what a folder of one holds; nothing is loaded here."""

import os
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

from moslab.utils.content import digests_of
from moslab.utils.errors import UserError, first_line
from moslab.utils.files import digest, read_json
from moslab.utils.paths import user_path

if TYPE_CHECKING:
    from moslab.backbones.architecture import Architecture

# What is read here: model_type in config.json, which names a module of this folder -> what it is called.
ARCHITECTURES = {
    "qwen2_vl": "Qwen2-VL",
    "qwen2_5_vl": "Qwen2.5-VL",
    "qwen3_vl": "Qwen3-VL",
    "llava": "LLaVA-1.5",
    "mplug_owl2": "mPLUG-Owl2",
}
# What transformers has and is not read here: model_type -> why.
_RECURRENT = (
    "most layers of its decoder carry one state along a row, which mixes rows that stand end to end and "
    "cannot be read on from in several ways"
)
_TILES = "it cuts a picture into tiles, and here every picture is one input of the vision tower"
REFUSED = {
    "qwen3_5": _RECURRENT,
    "qwen3_5_moe": _RECURRENT,
    "qwen3_vl_moe": "its layers choose among experts, which no recipe here trains; take a dense Qwen3-VL",
    "llava_onevision": _TILES,
    "internvl": _TILES,
}
WEIGHTS = Path(__file__).parent / "weights"
# The bases that come with the package, by folder: the base, two checkpoints from early in its training, one
# that never met a rating word, another architecture, and one with half the language layers.
EMBEDDED = {
    "embedded": "",
    "embedded-early": "early",
    "embedded-middle": "middle",
    "embedded-nowords": "nowords",
    "embedded-llava": "llava",
    "embedded-small": "small",
}
LOADED: set[str] = set()  # names of the checkpoints that this process has loaded, those of the package aside
SETTINGS = (
    "config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "chat_template.jinja",
    "chat_template.json",
    "vocab.json",
    "merges.txt",
    "added_tokens.json",
    "special_tokens_map.json",
)
ADAPTER_FILE = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
TRAINED_WHOLE = "non_lora_trainables.safetensors"  # what LLaVA's programs train whole beside an adapter
WEIGHTS_FILE = "model.safetensors"
INDEX_FILE = "model.safetensors.index.json"
PICKLED = ("MAGAer13/mplug-owl2-llama2-7b",)  # hub ids of models that are published as pickles alone
_HUB_FILES = ["*.json", "*.jinja", "*.txt", "*.model", "*.safetensors"]


def resolve(name: str) -> Path:
    """The folder of a backbone.

    Args:
        name: one of `EMBEDDED`, a checkpoint folder, or a hub id ('owner/model'), which is fetched once, or
            taken from the local cache when offline.

    Raises:
        UserError: for a name that is none of these, and for a hub id that cannot be fetched or is published
            as pickled files alone.
    """
    if name in EMBEDDED:
        return _embedded(name)
    folder = user_path(name, "the backbone")
    if name.strip() and os.path.isdir(folder):  # false for names of any length
        return folder.resolve()
    if os.path.isfile(folder):
        raise UserError(f"{folder} is a file: give the folder that holds the whole checkpoint.")
    if name.count("/") != 1 or name.startswith((".", "/", "~")):
        raise _unknown(name)
    if name in PICKLED:
        raise UserError(
            f"{name} is published as pickles, which are not read, since they can run code: download it, have "
            "its weights written again by `moslab convert FOLDER --out NEW`, and give NEW as the backbone."
        )
    return _from_hub(name)


def _embedded(name: str) -> Path:
    folder = WEIGHTS / EMBEDDED[name]
    if not (folder / "config.json").is_file():
        other = " --architecture llava" if EMBEDDED[name] == "llava" else ""
        raise UserError(
            f"{name} has no weights ({folder} holds none): "
            f"make them with `python -m moslab base train{other}`."
        )
    return folder


def _unknown(name: str) -> UserError:
    return UserError(
        f"Unknown backbone {name!r}: give one of {', '.join(EMBEDDED)}, a folder written by "
        "save_pretrained, or a hub id such as 'Qwen/Qwen2-VL-2B-Instruct'."
    )


def _from_hub(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, allow_patterns=_HUB_FILES, local_files_only=True))
    except HFValidationError:
        raise _unknown(name) from None
    except LocalEntryNotFoundError:
        print(
            f"Fetching {name} (weights, tokenizer, settings; several GB) into the hub cache; "
            "set HF_HUB_OFFLINE=1 to forbid this."
        )
    try:
        return Path(snapshot_download(name, allow_patterns=_HUB_FILES))
    except Exception as problem:
        raise UserError(
            f"Cannot fetch {name} from the hub ({type(problem).__name__}), and there is no folder of "
            "that name here: check the name and the network, or download it elsewhere and give its "
            "folder."
        ) from problem


def base_name(folder: Path) -> str:
    """The backbone that a folder's adapter changes, '' for a folder without an adapter.

    A relative path is taken from the folder, or else from the working directory.

    Raises:
        UserError: for an adapter that names no base.
    """
    path = folder / ADAPTER_FILE
    if not path.is_file():
        return ""
    try:
        name = read_json(path)["base_model_name_or_path"]
    except (KeyError, TypeError, UserError):
        name = None
    if not name or not isinstance(name, str):
        raise UserError(
            f"{folder} holds an adapter that names no base: write its folder or hub id into {ADAPTER_FILE} "
            "(base_model_name_or_path)."
        )
    beside = folder / name
    return str(beside) if beside.is_dir() else name


def whole_folder(name: str) -> Path:
    """The folder of the whole model behind a name: its own, or that of the base which its adapter changes.

    Raises:
        UserError: for a base that is neither here nor can be fetched.
    """
    folder = resolve(name)
    base = base_name(folder)
    if not base:
        return folder
    try:
        return resolve(base)
    except UserError as problem:
        raise UserError(
            f"{folder} holds an adapter for {base}, which is not at hand ({first_line(problem)}): give its "
            f"folder in {ADAPTER_FILE} (base_model_name_or_path), or merge the two (peft's merge_and_unload, "
            "then save_pretrained) and give that folder."
        ) from problem


def fingerprint(name: str) -> str:
    """Digest of what is loaded of a checkpoint: settings, tokenizer, and every byte of the weights.

    Files are read once; their digests are then remembered.
    """
    folder = resolve(name)
    if base_name(folder):
        files = (ADAPTER_FILE, ADAPTER_WEIGHTS, TRAINED_WHOLE)
        adapter = [folder / file for file in files if (folder / file).is_file()]
        return digest([_contents(adapter), _contents(_files(whole_folder(name)))])
    return digest(_contents(_files(folder)))


def _files(folder: Path) -> list[Path]:
    """What is read of a checkpoint folder."""
    settings = [folder / file for file in SETTINGS if (folder / file).is_file()]
    return settings + weight_files(folder)


def _contents(files: Sequence[Path]) -> list[list[object]]:
    """Name, size and digest of each file."""
    return [[path.name, path.stat().st_size, content] for path, content in zip(files, digests_of(files))]


def weight_files(folder: Path) -> list[Path]:
    """The files that transformers reads weights from.

    This is model.safetensors where there is one, else the index and the shards it names.

    Raises:
        UserError: for an index that is no weight map.
    """
    single = folder / WEIGHTS_FILE
    index = folder / INDEX_FILE
    if single.is_file():
        return [single]
    if not index.is_file():
        return sorted(folder.glob("*.safetensors"))
    try:
        shards = set(read_json(index)["weight_map"].values())
    except (KeyError, TypeError, AttributeError):
        raise UserError(f"{index} is no weight map: take the file as it was published.") from None
    paths = [folder / str(shard) for shard in sorted(shards, key=str)]
    return [index, *(path for path in paths if path.is_file())]


def known() -> str:
    """What the architectures are called that are read, as words."""
    *others, last = ARCHITECTURES.values()
    return f"{', '.join(others)} and {last}"


def architecture_of(model_type: str) -> "Architecture":
    """The module of an architecture, imported when first asked for."""
    return cast("Architecture", import_module(f"moslab.backbones.{model_type}"))
