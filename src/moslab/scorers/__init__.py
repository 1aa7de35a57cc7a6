"""Ways of outputting a score, one file each. A class's `name` is what experiments and notebooks call it."""

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
    """The scorer of a file in this folder.

    Raises:
        UserError: for an unknown name, and for a file without a class of that `name`.
    """
    if name not in NAMES:
        raise UserError(f"Unknown scorer {name!r}: choose one of {', '.join(NAMES)}.")
    module = import_module(f"moslab.scorers.{name}")
    for value in vars(module).values():
        if isinstance(value, type) and getattr(value, "name", None) == name:
            return value
    raise UserError(f"{module.__file__} has no class with name = {name!r}: give its scorer this name.")


def scorer_options(name: str, options: dict[str, Any]) -> "Options":
    """Options of a scorer, checked and filled with its defaults.

    Raises:
        UserError: for an unknown scorer, an unknown option, and a value that an option does not take.
    """
    kind = scorer_class(name).Options
    try:
        return kind(**options)
    except ValidationError as problem:
        first = problem.errors()[0]
        option = ".".join(str(part) for part in first["loc"])
        known = ", ".join(kind.model_fields) or "none"
        raise UserError(
            f"Scorer {name!r}, option {option!r}: {first['msg']} (got {first.get('input')!r}); "
            f"its options are {known}."
        ) from problem
