"""The two scales at which a printed table is made again, and what stands in for what at the embedded one."""

from collections.abc import Mapping
from typing import Any, Literal

from moslab.datasets.stand_ins import stand_in_for
from moslab.experiments import recipes
from moslab.experiments.recipes import preset_fields
from moslab.utils.errors import UserError

Scale = Literal["embedded", "paper"]
BACKBONES = {
    "MAGAer13/mplug-owl2-llama2-7b": "embedded",
    "Qwen/Qwen2-VL-7B-Instruct": "embedded",
    "Qwen/Qwen2-VL-2B-Instruct": "embedded",
    "llava-hf/llava-1.5-7b-hf": "embedded-llava",
}
SAME = (
    "scorer",
    "options",
    "preset",
    "test_text",
    "frames",
    "frame_count",
    "comments",
)  # fields that mean the same at both scales
TEXTS = ("image", "generic", "title", "permuted", "random")  # papers' own questions ask the base nothing


def fields_at(
    scale: Scale, shared: Mapping[str, Any], own: Mapping[str, Any], setting: Mapping[str, Any]
) -> dict[str, Any]:
    """The fields of a table row's experiments, but for the datasets.

    At the papers' scale they are what the table says. At the embedded one, scorer, options and the kind of
    text stay; the backbone has a stand-in; a paper's preset gives way to the setting's recipe, unless it
    trains from nothing; epochs keep their proportion to the preset's.

    Args:
        scale: which.
        shared: fields that the table names for all its rows.
        own: fields of the row, which win over all others.
        setting: fields of the notebook, which win over the table's.

    Raises:
        UserError: for an unknown recipe, and at the embedded scale for a backbone without a stand-in.
    """
    if scale == "paper":
        return recipes.laid_over({**shared, **setting}, own)
    usual = preset_fields(shared.get("recipe", "lm")).get("epochs")
    replaced = _embedded(own, setting.get("epochs"), usual)
    return recipes.laid_over({**_embedded(shared), **setting}, replaced)


def _embedded(
    fields: Mapping[str, Any], epochs: float | None = None, usual: float | None = None
) -> dict[str, Any]:
    """What takes the place of some fields.

    Args:
        fields: as a table names them.
        epochs: of the setting, which stand for the `usual` ones; None for no change.
        usual: epochs of the table's recipe.
    """
    taken = {name: fields[name] for name in SAME if name in fields}
    if fields.get("text") in TEXTS:
        taken["text"] = fields["text"]
    if "labelled_by" in fields:
        taken["labelled_by"] = stand_in_for(fields["labelled_by"])
    if "backbone" in fields:
        taken["backbone"] = backbone_for(fields["backbone"])
    if preset_fields(fields.get("recipe", "lm")).get("recipe") == "scratch":
        taken["recipe"] = "scratch"
    if epochs and usual and "epochs" in fields:
        taken["epochs"] = epochs * fields["epochs"] / usual
    return taken


def backbone_for(name: str) -> str:
    """The embedded base in the place of a published model.

    Raises:
        UserError: for a model that has none.
    """
    if name not in BACKBONES:
        raise UserError(f"{name} has no embedded stand-in: these have, {', '.join(BACKBONES)}.")
    return BACKBONES[name]


def dataset_at(scale: Scale, name: str) -> str:
    """A dataset of a table, or its stand-in; '' stays ''.

    Raises:
        UserError: at the embedded scale for a dataset that has none.
    """
    return stand_in_for(name) if name and scale == "embedded" else name
