"""Imports of the package: down the list of rooms, never in a circle, at the top of a file.

Files have 400 lines at most. They are parsed, not run. An import counts wherever it stands: at the top,
inside a function, or for type checkers only.
"""

import ast
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "moslab"
# Lowest first: each room may import from itself and from those before it.
ROOMS = (
    "utils",
    "measures",
    "world",
    "datasets",
    "backbones",
    "scorers",
    "experiments",
    "analysis",
    "batch",
    "publish",
)
ROOT_FILES = {"__init__.py", "__main__.py", "cli.py", "notebook.py"}
MOST_LINES = 400

# Imports inside functions, with the reason for each. The command line (moslab.cli) may have any.
STARTS_SLOWLY = "the command line starts without it, and few commands need it"
FEW_NEED_IT = "large, and only this function needs it"
NEWBORN_CHILD = "a child first ties itself to its parent; the batch runner reads its statuses without this"
NEWBORN_WORKER = "a worker's first act; its parent does without it"
INSIDE_FUNCTIONS = {
    ("moslab", "moslab.experiments.saved"): STARTS_SLOWLY,
    ("moslab.backbones.attention", "torch.nn.attention"): FEW_NEED_IT,
    ("moslab.backbones.base", "moslab.backbones.attention"): FEW_NEED_IT,
    ("moslab.backbones.catalogue", "huggingface_hub"): FEW_NEED_IT,
    ("moslab.backbones.catalogue", "huggingface_hub.errors"): FEW_NEED_IT,
    ("moslab.batch.profiles", "moslab.analysis.claims.papers"): STARTS_SLOWLY,
    ("moslab.batch.waiting", "ipykernel.kernelapp"): NEWBORN_CHILD,
    ("moslab.batch.waiting", "matplotlib"): NEWBORN_CHILD,
    ("moslab.batch.waiting", "moslab.batch.ending"): NEWBORN_CHILD,
    ("moslab.batch.waiting", "pandas"): NEWBORN_CHILD,
    ("moslab.batch.child", "moslab.batch.kernel"): NEWBORN_CHILD,
    ("moslab.batch.child", "nbclient.exceptions"): NEWBORN_CHILD,
    ("moslab.batch.child", "papermill"): NEWBORN_CHILD,
    ("moslab.batch.child", "papermill.exceptions"): NEWBORN_CHILD,
    ("moslab.batch.plan", "moslab.batch.validity"): STARTS_SLOWLY,
    ("moslab.batch.plan", "moslab.datasets"): STARTS_SLOWLY,
    ("moslab.datasets.livec", "scipy.io"): FEW_NEED_IT,
    ("moslab.datasets.photos", "skimage"): FEW_NEED_IT,
    ("moslab.experiments.collecting", "moslab.experiments.worker"): STARTS_SLOWLY,
    ("moslab.experiments.collecting", "torch"): STARTS_SLOWLY,
    ("moslab.measures.captions", "pycocoevalcap.cider.cider"): FEW_NEED_IT,
    ("moslab.utils.workers", "torch"): NEWBORN_WORKER,
    ("moslab.publish.convert_command", "moslab.backbones.converting"): STARTS_SLOWLY,
    ("moslab.publish.outside_commands", "moslab.analysis.number_tests"): STARTS_SLOWLY,
    ("moslab.publish.outside_commands", "moslab.analysis.outside"): STARTS_SLOWLY,
    ("moslab.publish.outside_commands", "moslab.analysis.score_tables"): STARTS_SLOWLY,
    ("moslab.publish.outside_commands", "moslab.backbones.loading"): STARTS_SLOWLY,
    ("moslab.publish.outside_commands", "moslab.experiments.answers"): STARTS_SLOWLY,
    ("moslab.publish.outside_commands", "moslab.experiments.conversations"): STARTS_SLOWLY,
    ("moslab.publish.outside_commands", "moslab.experiments.experiment"): STARTS_SLOWLY,
    ("moslab.publish.outside_commands", "moslab.experiments.scoring_files"): STARTS_SLOWLY,
    ("moslab.publish.plan_command", "moslab.experiments.compute"): STARTS_SLOWLY,
    ("moslab.publish.plan_command", "moslab.publish.plan_page"): STARTS_SLOWLY,
    ("moslab.publish.plan_command", "moslab.publish.recipes_page"): STARTS_SLOWLY,
    ("moslab.publish.score_command", "moslab.experiments.scoring_files"): STARTS_SLOWLY,
    ("moslab.publish.tables_command", "moslab.experiments.compute"): STARTS_SLOWLY,
    ("moslab.publish.tables_command", "moslab.publish.plan_page"): STARTS_SLOWLY,
    ("moslab.publish.tables_command", "moslab.publish.tables_page"): STARTS_SLOWLY,
    ("moslab.publish.tables_command", "moslab.utils.paths"): STARTS_SLOWLY,
    ("moslab.utils.cores", "torch.cuda"): FEW_NEED_IT,
    ("moslab.world.probe", "torch"): FEW_NEED_IT,
}


@dataclass(frozen=True)
class Import:
    """One module that another one imports.

    Attributes:
        importer: the module that holds the statement.
        imported: the module that is imported.
        line: of the statement.
        inside: whether it stands in a function.
    """

    importer: str
    imported: str
    line: int
    inside: bool

    def __str__(self) -> str:
        return f"{self.importer}, line {self.line}, imports {self.imported}"


def modules_of(package: Path) -> dict[str, Path]:
    """Module name -> file, for every module of a package."""
    modules = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        modules[".".join(parts).removesuffix(".__init__")] = path
    return modules


def imports_of(module: str, path: Path, modules: Collection[str]) -> list[Import]:
    """Every import of a file, with the names that are modules resolved to these."""
    found = []
    for statement, inside in statements(ast.parse(path.read_text(encoding="utf-8"))):
        for name in imported_modules(statement, module, path.name == "__init__.py", modules):
            found.append(Import(module, name, statement.lineno, inside))
    return found


def statements(node: ast.AST, inside: bool = False) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """Import statements below a node, each with whether it stands in a function."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.Import, ast.ImportFrom)):
            yield child, inside
        function = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef))
        yield from statements(child, inside or function)


def imported_modules(
    statement: ast.Import | ast.ImportFrom, module: str, is_package: bool, modules: Collection[str]
) -> list[str]:
    """The modules that a statement of `module` names; in `from package import name`, name may be one."""
    if isinstance(statement, ast.Import):
        return [alias.name for alias in statement.names]
    source = statement.module or ""
    if statement.level:
        parts = module.split(".")
        above = statement.level - 1 if is_package else statement.level
        base = ".".join(parts[: len(parts) - above])
        source = f"{base}.{source}" if source else base
    names = []
    for alias in statement.names:
        full = f"{source}.{alias.name}"
        names.append(full if full in modules else source)
    return list(dict.fromkeys(names))


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Groups of modules that import each other, directly or through others."""
    reach = {module: reachable(module, graph) for module in graph}
    groups = set()
    for module, below in reach.items():
        if module in below:
            groups.add(frozenset(other for other in below if module in reach[other]))
    return sorted(sorted(group) for group in groups)


def reachable(module: str, graph: dict[str, set[str]]) -> set[str]:
    """Every module that one imports, directly or through others."""
    seen: set[str] = set()
    waiting = list(graph[module])
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += graph[name]
    return seen


def room_of(module: str) -> str:
    """The room of a module; empty for the package itself and the files in its root."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in ROOMS else ""


MODULES = modules_of(PACKAGE)
IMPORTS = list(chain.from_iterable(imports_of(module, path, MODULES) for module, path in MODULES.items()))
OWN = [found for found in IMPORTS if found.imported in MODULES]


# the package


def test_rooms_import_only_downwards():
    wrong = []
    for found in OWN:
        importer, imported = room_of(found.importer), room_of(found.imported)
        if importer and (not imported or ROOMS.index(imported) > ROOMS.index(importer)):
            wrong.append(str(found))
    assert not wrong, "\n".join(wrong)


def test_every_folder_of_the_package_is_a_room():
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert folders == set(ROOMS)


def test_no_module_imports_itself_through_others():
    graph: dict[str, set[str]] = {module: set() for module in MODULES}
    for found in OWN:
        graph[found.importer].add(found.imported)
    assert circles(graph) == []


def test_imports_inside_functions_are_those_with_a_reason():
    late = {(found.importer, found.imported) for found in IMPORTS if found.inside}
    late = {pair for pair in late if pair[0] != "moslab.cli"}
    assert late - set(INSIDE_FUNCTIONS) == set(), "move these to the top of their files"
    assert set(INSIDE_FUNCTIONS) - late == set(), "these are gone: take them off the list"


def test_the_root_holds_only_what_people_start():
    assert {path.name for path in PACKAGE.glob("*.py")} == ROOT_FILES


def test_a_file_is_read_in_one_sitting():
    long = {}
    for folder in ("src", "tests", "benchmarks", "tools"):
        for path in (ROOT / folder).rglob("*.py"):
            lines = len(path.read_text(encoding="utf-8").splitlines())
            if lines > MOST_LINES:
                long[str(path.relative_to(ROOT))] = lines
    assert not long


# how imports are read


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import a.low.x", ["a.low.x"]),
        ("from a.low import x", ["a.low.x"]),
        ("from a.low.x import thing", ["a.low.x"]),
        ("from a.low import thing, x", ["a.low", "a.low.x"]),
        ("from a import low", ["a.low"]),
        ("from . import y", ["a.high.y"]),
        ("from .y import thing", ["a.high.y"]),
        ("from ..low import x", ["a.low.x"]),
        ("if TYPE_CHECKING:\n    from a.low import x", ["a.low.x"]),
        ("def f():\n    from a.low import x", ["a.low.x"]),
        ("import numpy as np", ["numpy"]),
    ],
)
def test_names_are_resolved_to_modules(tmp_path, source, names):
    modules = ("a", "a.low", "a.low.x", "a.high", "a.high.y", "a.high.z")
    path = tmp_path / "z.py"
    path.write_text(source)
    found = imports_of("a.high.z", path, modules)
    assert [item.imported for item in found] == names
    assert all(item.inside == source.startswith("def") for item in found)


def test_relative_imports_of_a_package_start_in_it(tmp_path):
    path = tmp_path / "__init__.py"
    path.write_text("from .y import thing\nfrom .. import low")
    found = imports_of("a.high", path, ("a", "a.low", "a.high", "a.high.y"))
    assert [item.imported for item in found] == ["a.high.y", "a.low"]


def test_circles_are_found():
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}, "e": {"e"}, "f": set()}
    assert circles(graph) == [["a", "b", "c"], ["e"]]
