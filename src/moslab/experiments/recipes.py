"""Recipes, and the papers' own as presets: named sets of an experiment's fields, each with its source."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args

from moslab.utils import paths
from moslab.utils.errors import UserError
from moslab.utils.files import read_yaml

Recipe = Literal["lm", "lora", "full", "scratch", "head"]
RECIPES: tuple[str, ...] = get_args(Recipe)
FILE = paths.PACKAGE / "recipes.yaml"
# Fields that say more of a recipe, and nothing of another one.
DETAILS = ("lora_rank", "lora_alpha", "lora_dropout", "lora_targets", "vision", "vocabulary")
LIMITS = ("min_pixels", "max_pixels")  # of pictures; 0 is the checkpoint's own


@dataclass(frozen=True)
class Preset:
    """A paper's training recipe.

    Attributes:
        name: what stands for it in an experiment's `recipe`.
        paper: whose it is.
        about: what trains, in a few words.
        scorer: the paper's, for which the recipe is meant; it is no part of the preset.
        fields: of an experiment.
        sources: where each field's value stands.
        open: what neither paper nor code says: `what`, the `choice` that was made, and `why`.
        not_here: `what` the architectures that are read do not have, and what is done `instead`.
    """

    name: str
    paper: str
    about: str
    scorer: str
    fields: Mapping[str, Any]
    sources: Mapping[str, str]
    open: tuple[Mapping[str, str], ...]
    not_here: tuple[Mapping[str, str], ...]

    @classmethod
    def of(cls, name: str, entry: Mapping[str, Any]) -> "Preset":
        """From its entry in the file."""
        return cls(
            name=name,
            paper=entry["paper"],
            about=entry["about"],
            scorer=entry["scorer"],
            fields={field: one["value"] for field, one in entry["fields"].items()},
            sources={field: one["source"] for field, one in entry["fields"].items()},
            open=tuple(entry["open"]),
            not_here=tuple(entry["not here"]),
        )


@cache
def presets() -> dict[str, Preset]:
    """All presets by name."""
    entries = read_yaml(FILE)
    return {name: Preset.of(name, entry) for name, entry in entries.items()}


def preset(name: str) -> Preset:
    """A preset.

    Raises:
        UserError: naming those that there are.
    """
    if name not in presets():
        raise UserError(f"Unknown preset {name!r}: choose one of {', '.join(presets())}.")
    return presets()[name]


def preset_fields(recipe: Any) -> dict[str, Any]:
    """The fields that a preset stands for, its plain recipe among them; none for a plain recipe.

    What is no word is left to the experiment, which refuses it.

    Raises:
        UserError: for an unknown name.
    """
    if recipe in RECIPES or not isinstance(recipe, str):
        return {}
    if recipe not in presets():
        raise UserError(
            f"Unknown recipe {recipe!r}: choose one of {', '.join(RECIPES)}, "
            f"or a paper's preset: {', '.join(presets())}."
        )
    return dict(presets()[recipe].fields)


def expanded(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of an experiment in which a preset's name, as the recipe, is replaced by what it stands for.

    Fields that are given beside it win over the preset's; None stands for not given.

    Raises:
        UserError: for an unknown recipe.
    """
    named = preset_fields(fields.get("recipe"))
    given = {name: value for name, value in fields.items() if value is not None or name not in named}
    if named:
        del given["recipe"]
    return named | given


def laid_over(setting: Mapping[str, Any], arm: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an arm within a setting: the arm's own win, also those of a preset that is its recipe.

    An arm with a recipe of its own takes nothing of what the setting says of another one, such as the rank.
    The setting's limits of pictures win over a preset's, so that all arms see the same pictures.

    Raises:
        UserError: for an unknown recipe.
    """
    own = expanded(arm)
    shared = {name: value for name, value in setting.items() if "recipe" not in own or name not in DETAILS}
    fields = shared | own
    for limit in LIMITS:
        if arm.get(limit) is None and setting.get(limit) is not None:
            fields[limit] = setting[limit]
    return fields
