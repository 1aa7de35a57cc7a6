"""Ways of outputting a score, one file each. A file's class `name` is how experiments and notebooks call it."""

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from moslab.utils.errors import UserError

if TYPE_CHECKING:
    from moslab.scorers.base import Options, Scorer


def names() -> tuple[str, ...]:
    """The files in this folder."""
    return tuple(sorted(module.name for module in iter_modules(__path__) if module.name != "base"))


NAMES = names()


def scorer_class(name: str) -> "type[Scorer]":
    """The scorer of a file in this folder; UserError for an unknown name."""
    if name not in NAMES:
        raise UserError(f"Unknown scorer {name!r}: choose one of {', '.join(NAMES)}.")
    module = import_module(f"moslab.scorers.{name}")
    return next(value for value in vars(module).values() if getattr(value, "name", None) == name)


def scorer_options(name: str, options: dict[str, Any]) -> "Options":
    """Options of a scorer, checked and filled with its defaults."""
    try:
        return scorer_class(name).Options(**options)
    except ValidationError as problem:
        first = problem.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        known = ", ".join(scorer_class(name).Options.model_fields) or "none"
        raise UserError(
            f"Scorer {name!r}, option {where!r}: {first['msg']} (got {first.get('input')!r}); its options are {known}."
        ) from problem
