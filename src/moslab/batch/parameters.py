"""The parameters cell of a notebook: read without running it, and checked before anything runs.

Papermill reads the cell with regular expressions and only warns about a name it does not know; here the cell
is parsed, its conventions are enforced (plain built-in annotations, one parameter per line, help comment
without an equals sign), and an unknown or ill-typed value is an error.
"""

import ast
import json
import math
import tokenize
from collections.abc import Iterable, Mapping
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple, get_args, get_origin

from moslab.batch.profiles import named_values
from moslab.utils.errors import UserError

PLAIN: dict[str, Any] = {"str": str, "int": int, "float": float, "bool": bool}
NESTED: dict[str, Any] = {"list": list, "dict": dict}
NEEDED = ("seeds", "datasets", "bins", "digits", "splits")  # lists without which there is nothing to run
INJECTED = "# Parameters"  # how the cell begins that papermill puts behind the parameters cell
# Fields of all experiments of a notebook and the parameters they come from; 0 and "" stand for "not given".
SETTING = {
    "images": "images",
    "train_images": "train_images",
    "test_images": "test_images",
    "epochs": "epochs",
    "batch_size": "batch_size",
    "backbone": "backbone",
    "learning_rate": "learning_rate",
    "recipe": "recipe",
    "precision": "precision",
    "optimizer": "optimizer",
    "root": "data_root",
    "min_pixels": "min_pixels",
    "max_pixels": "max_pixels",
    "text": "text",
    "vision": "vision",
    "vocabulary": "vocabulary",
    "lora_rank": "lora_rank",
    "lora_alpha": "lora_alpha",
    "lora_targets": "lora_targets",
    "lora_dropout": "lora_dropout",
}


class Parameter(NamedTuple):
    """One line of the cell: `seeds: list[int] = [0, 1, 2]   # training seeds`."""

    type: Any
    default: Any
    help: str


def declared(path: Path) -> dict[str, Parameter]:
    """Name -> (type, default, help) of a notebook's parameters cell.

    Raises:
        UserError: naming the line that breaks a convention.
    """
    path = Path(path)
    source = _parameters_source(path)
    try:
        statements = ast.parse(source).body
    except SyntaxError as problem:
        raise UserError(
            f"{path.name}: the parameters cell does not parse (line {problem.lineno}: {problem.msg})."
        ) from problem
    comments = _comments(source)
    lines = [statement for statement in statements if not _is_docstring(statement)]
    return dict(_read_line(path, line, comments) for line in lines)


def validate(path: Path, given: dict[str, Any]) -> dict[str, Any]:
    """The given values, typed as the notebook declares them.

    Args:
        path: the notebook.
        given: name -> value; strings (from a command line) are read as Python literals.

    Raises:
        UserError: for a name that the notebook does not declare or a value of another type; the sentence
            lists what would be right.
    """
    notebook = Path(path).name
    own = declared(path)
    unknown = sorted(set(given) - set(own))
    if unknown:
        raise UserError(f"{notebook} has no parameter {unknown[0]!r}: its parameters are {', '.join(own)}.")
    return {name: _convert(notebook, name, value, own[name]) for name, value in given.items()}


def check_values(notebook: str, values: Mapping[str, Any]) -> None:
    """UserError for what makes no sense: negative numbers, lists that repeat or are empty."""
    for name, value in values.items():
        parts = value if isinstance(value, list) else [value]
        numbers = [part for part in parts if isinstance(part, (int, float))]
        if any(part < 0 or not math.isfinite(part) for part in numbers):
            raise UserError(
                f"{notebook}: parameter {name} is {value!r}, but numbers should be finite and not negative."
            )
        if name in NEEDED and not value:
            raise UserError(
                f"{notebook}: parameter {name} is empty, so nothing could be run: name at least one."
            )
        if isinstance(value, list) and len({repr(part) for part in value}) < len(value):
            raise UserError(f"{notebook}: parameter {name} is {value!r}, which repeats: name each once.")


def settle(path: Path, namespace: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a running notebook, typed and checked as the batch runner does it before the start.

    What was injected (by papermill) or edited stands; else what profile, table and preset say, see
    `profiles.named_values`; else the default.

    Args:
        path: the notebook as it is stored, which says names, types and defaults.
        namespace: the running notebook's, behind the parameters cell; `In` holds the cells run so far.

    Raises:
        UserError: for an injected name that the notebook does not declare, for a value of another type, and
            for an unknown recipe or table.
    """
    own = declared(path)
    injected = injected_names(namespace.get("In", ()))
    values = {name: namespace.get(name, parameter.default) for name, parameter in own.items()}
    unknown = {name: namespace.get(name) for name in injected if name not in own}
    given = validate(path, values | unknown)
    kept = {name for name in own if name in injected or given[name] != own[name].default}
    by_user = {name: given[name] for name in kept}
    defaults = {name: parameter.default for name, parameter in own.items()}
    set_by_name = named_values(given.get("profile", ""), path, own, by_user, defaults)
    taken = {name: value for name, value in set_by_name.items() if name not in kept}
    typed = given | validate(path, taken)
    check_values(path.name, typed)
    return typed


def taken_away(path: Path, values: Mapping[str, Any]) -> list[str]:
    """Parameters that are empty or false where the stored notebook has something: what they name is not run.

    Args:
        path: the notebook as it is stored.
        values: its parameters.
    """
    names = []
    for name, parameter in declared(path).items():
        given = values[name]
        if parameter.default and not given and isinstance(given, (str, list, bool)):
            names.append(name)
    return names


def injected_names(cells: Iterable[str]) -> set[str]:
    """The names that papermill's own cells assign, among the cells that were run so far."""
    names = set()
    for cell in cells:
        if cell.lstrip().startswith(INJECTED):
            targets = [node.targets[0] for node in ast.parse(cell).body if isinstance(node, ast.Assign)]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


def type_name(kind: Any) -> str:
    """`list[int]`, `str`: the annotation as written."""
    return str(kind) if get_origin(kind) else kind.__name__


def code_cells(path: Path) -> list[dict[str, Any]]:
    """The code cells of a notebook file, source joined; UserError for a file that is no notebook."""
    try:
        cells = json.loads(Path(path).read_text(encoding="utf-8"))["cells"]
    except (json.JSONDecodeError, KeyError, TypeError, UnicodeDecodeError) as problem:
        raise UserError(
            f"{path} is not a notebook ({type(problem).__name__}: {problem}); restore it from git."
        ) from problem
    return [{**cell, "source": "".join(cell["source"])} for cell in cells if cell["cell_type"] == "code"]


def _parameters_source(path: Path) -> str:
    for cell in code_cells(path):
        if "parameters" in cell["metadata"].get("tags", []):
            return cell["source"]
    raise UserError(f"{path.name} has no cell tagged 'parameters': tag the cell that holds its parameters.")


def _comments(source: str) -> dict[int, str]:
    """Line number -> comment, without its hash."""
    tokens = tokenize.generate_tokens(StringIO(source).readline)
    return {
        token.start[0]: token.string.lstrip("# ").rstrip()
        for token in tokens
        if token.type == tokenize.COMMENT
    }


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _read_line(path: Path, statement: ast.stmt, comments: dict[int, str]) -> tuple[str, Parameter]:
    """Name and parameter of one line; UserError for one that breaks a convention."""
    where = f"{path.name}, line {statement.lineno} of the parameters cell"
    if not (
        isinstance(statement, ast.AnnAssign)
        and isinstance(statement.target, ast.Name)
        and statement.value is not None
    ):
        raise UserError(f"{where}: write each parameter as `name: type = value   # help`.")
    if statement.end_lineno != statement.lineno:
        raise UserError(f"{where}: write each parameter on one line.")
    comment = comments.get(statement.lineno, "")
    if "=" in comment or "=" in ast.unparse(statement.value):
        raise UserError(
            f"{where}: an equals sign in the value or its comment hides the parameter from papermill; "
            "reword it."
        )
    try:
        parameter = Parameter(_read_type(statement.annotation), ast.literal_eval(statement.value), comment)
    except ValueError as problem:
        raise UserError(f"{where}: {problem}.") from problem
    if not _fits(parameter.default, parameter.type):
        raise UserError(f"{where}: {parameter.default!r} is not of type {type_name(parameter.type)}.")
    return statement.target.id, parameter


def _read_type(annotation: ast.expr) -> Any:
    """The type that an annotation names; ValueError for one that is not plain and built in."""
    if isinstance(annotation, ast.Name) and annotation.id in PLAIN | NESTED:
        return (PLAIN | NESTED)[annotation.id]
    if isinstance(annotation, ast.Subscript) and isinstance(annotation.value, ast.Name):
        if annotation.value.id in NESTED:
            parts = [annotation.slice]
            if isinstance(annotation.slice, ast.Tuple):
                parts = annotation.slice.elts
            return NESTED[annotation.value.id][tuple(_read_type(part) for part in parts)]
    raise ValueError(
        f"the annotation {ast.unparse(annotation)} is not a plain built-in "
        "(str, int, float, bool, list[...], dict[...])"
    )


def _fits(value: Any, kind: Any) -> bool:
    """Whether a value is of a type; an integer serves as a float, a bool never as a number."""
    origin = get_origin(kind) or kind
    inner = get_args(kind)
    if origin is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if origin is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if not isinstance(value, origin):
        return False
    if origin is list and inner:
        return all(_fits(part, inner[0]) for part in value)
    if origin is dict and inner:
        return all(_fits(key, inner[0]) and _fits(part, inner[1]) for key, part in value.items())
    return True


def _convert(notebook: str, name: str, value: Any, parameter: Parameter) -> Any:
    """The value as the parameter's type; UserError where it does not fit."""
    read = value
    if isinstance(value, str) and parameter.type is not str:
        read = _literal(value)
    if not _fits(read, parameter.type):
        raise UserError(
            f"{notebook}: parameter {name} is {value!r}, but should be of type {type_name(parameter.type)}, "
            f"like {parameter.default!r}."
        )
    return float(read) if parameter.type is float else read


def _literal(text: str) -> Any:
    """A Python literal, or `true` and `false` as shells write them; the text itself where it is none."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
