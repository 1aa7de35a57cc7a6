"""The statements of a stored notebook behind some of its variables, to be executed without the rest."""

import ast
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from moslab.utils.files import read_json


def statements(path: Path) -> list[ast.stmt]:
    """All statements of a notebook behind its parameters cell."""
    listed: list[ast.stmt] = []
    for cell in read_json(path)["cells"]:
        tags = cell["metadata"].get("tags", [])
        if cell["cell_type"] == "code" and "parameters" not in tags:
            listed += ast.parse("".join(cell["source"])).body
    return listed


def names(statement: ast.stmt) -> Iterator[str]:
    """Every name that a statement reads or binds."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Name):
            yield node.id


def bound(statement: ast.stmt) -> set[str]:
    """Names that a statement binds, or whose object it fills."""
    bindings = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.alias):
            bindings.add(node.asname or node.name.partition(".")[0])
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            bindings.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bindings.add(node.id)
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
            bindings |= set(names(ast.Expr(node.value)))
    return bindings


def calls(statement: ast.stmt, function: str) -> bool:
    """Whether a statement calls a function, as it is written there ('study.grid')."""
    nodes = [node for node in ast.walk(statement) if isinstance(node, ast.Call)]
    return any(ast.unparse(node.func) == function for node in nodes)


def behind(path: Path, function: str, given: Collection[str]) -> tuple[set[str], ast.Module]:
    """Variables that are made by calling a function, and all that has to be executed to have them.

    Args:
        given: names that are known from elsewhere.
    """
    variables: set[str] = set()
    needed: set[str] = set()
    kept: list[ast.stmt] = []
    for statement in reversed(statements(path)):
        if calls(statement, function):
            variables |= bound(statement)
            needed |= bound(statement)
        if bound(statement) & needed:
            needed |= set(names(statement)) - set(given)
            kept.insert(0, statement)
    return variables, ast.Module(kept, type_ignores=[])


def made_by(path: Path, function: str, given: dict[str, Any]) -> list[Any]:
    """The values of all variables of a notebook that are made by calling a function.

    Args:
        given: values that are known from elsewhere, by name.
    """
    variables, module = behind(path, function, given)
    namespace = dict(given)
    exec(compile(module, path.name, "exec"), namespace)
    return [
        namespace[name] for name in sorted(variables & namespace.keys())
    ]  # no variables of comprehensions
