"""The set-up: three files that agree, and one sentence for whatever a machine lacks."""

import ast
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK_LINES = (ROOT / "requirements.lock").read_text().splitlines()
LOCK = [Requirement(line) for line in LOCK_LINES if line and not line.startswith("#")]
PINS = {canonicalize_name(pin.name): next(iter(pin.specifier)) for pin in LOCK}


@pytest.fixture
def setup() -> ModuleType:
    specification = importlib.util.spec_from_file_location("moslab_setup", ROOT / "tools" / "setup.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A repository with nothing but what the set-up reads."""
    for name in ("pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def requirements() -> list[Requirement]:
    lines = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["test"]]
    return [Requirement(line) for line in lines]


# the three files


def test_every_requirement_is_pinned_inside_its_range():
    for wanted in requirements():
        pin = PINS[canonicalize_name(wanted.name)]
        inside = pin.operator == "==" and wanted.specifier.contains(pin.version)
        assert inside, f"{wanted} is pinned to {pin.version}"


def test_the_lock_installs_anywhere():
    assert PINS["torch"].version == "2.13.0"
    for pin in LOCK:
        plain = len(pin.specifier) == 1 and "+" not in str(pin.specifier) and not pin.url
        assert plain, f"{pin} is not a plain pin"
        special = re.match(r"nvidia|cuda|triton|torchvision", pin.name)
        assert not special, f"{pin.name} belongs to one kind of machine only"


def test_conda_gets_the_same():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    plain = [Requirement(line) for line in environment["dependencies"] if isinstance(line, str)]
    (python,) = [requirement for requirement in plain if requirement.name == "python"]
    assert str(python.specifier) == str(Requirement("python" + PROJECT["requires-python"]).specifier)
    nested = [line for line in environment["dependencies"] if isinstance(line, dict)]
    assert nested == [{"pip": ["-c requirements.lock", "-e .[test]"]}]


def imports(path: Path) -> set[str]:
    """The packages that a file imports."""
    packages = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            packages |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            packages.add(node.module.split(".")[0])
    return packages


@pytest.mark.parametrize("folder", ["src", "tests", "benchmarks"])
def test_every_import_is_declared(folder):
    declared = {canonicalize_name(wanted.name) for wanted in requirements()} | {"moslab"}
    owners = packages_distributions()
    files = list((ROOT / folder).rglob("*.py"))
    inside = set(sys.stdlib_module_names) | {"moslab", "benchmarks"}
    if folder != "src":
        inside |= {path.stem for path in files}
    for path in files:
        for module in imports(path) - inside:
            names = {canonicalize_name(name) for name in owners.get(module, [module])}
            sentence = f"{path.relative_to(ROOT)} imports {module}, which pyproject.toml does not declare"
            assert names & declared, sentence


def test_the_package_carries_its_data():
    import moslab

    source = ROOT / "src/moslab"
    assert Path(moslab.__file__).is_relative_to(ROOT / "src")
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    carried: set[Path] = set()
    for pattern in patterns["moslab"]:
        carried.update(source.glob(pattern))
    files = [path for path in source.rglob("[!.]*") if path.is_file()]
    data = {path for path in files if path.suffix not in (".py", ".pyc")}
    missing = sorted(str(path.relative_to(ROOT)) for path in data - carried)
    assert not missing, f"not in the package: {missing}"


# the bootstrap


def stub_python(folder: Path, name: str, version: str) -> None:
    """An interpreter that is too old: it fails the version check and tells its version."""
    folder.mkdir(exist_ok=True)
    stub = folder / name
    stub.write_text(f'#!/bin/sh\ncase "$2" in *print*) echo {version};; *) exit 1;; esac\n')
    stub.chmod(0o755)


def bootstrap(folder: Path) -> subprocess.CompletedProcess:
    """The set-up's shell script, with no other programs than those in a folder."""
    for tool in ("sh", "dirname"):
        (folder / tool).symlink_to(shutil.which(tool))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHON"}
    return subprocess.run(
        [folder / "sh", ROOT / "tools" / "setup.sh"],
        env={**environment, "PATH": str(folder)},
        capture_output=True,
        text=True,
    )


def assert_one_sentence(process: subprocess.CompletedProcess, sentence: str) -> None:
    """The set-up ended with status 1 and a single line that says so."""
    assert process.returncode == 1
    assert sentence in process.stderr
    assert len(process.stderr.splitlines()) == 1


def test_no_python_is_one_sentence(tmp_path):
    assert_one_sentence(bootstrap(tmp_path), "no Python was found")


def test_an_old_python_is_one_sentence(tmp_path):
    stub_python(tmp_path, "python3", "3.9")
    assert_one_sentence(bootstrap(tmp_path), "python3 is Python 3.9")


def test_a_newer_python_next_to_an_old_one_is_taken(tmp_path):
    stub_python(tmp_path, "python3", "3.9")
    newer = tmp_path / "python3.12"
    newer.write_text('#!/bin/sh\ncase "$1" in -c) exit 0;; *) echo "runs $1";; esac\n')
    newer.chmod(0o755)
    assert bootstrap(tmp_path).stdout == "runs tools/setup.py\n"


def test_no_disk_no_venv_and_no_permission(setup, copy, monkeypatch):
    monkeypatch.setattr(setup.shutil, "disk_usage", lambda _: SimpleNamespace(free=5e8))
    with pytest.raises(setup.SetupError, match="has 0.5 GB free, but the environment needs 3 GB"):
        setup.prepare(copy)
    monkeypatch.setattr(setup.shutil, "disk_usage", lambda _: SimpleNamespace(free=5e10))
    monkeypatch.setattr(setup.os, "access", lambda *_: False)
    with pytest.raises(setup.SetupError, match="is not writable"):
        setup.prepare(copy)
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    with pytest.raises(setup.SetupError, match="lacks the venv module"):
        setup.prepare(copy)
    assert not (copy / ".venv").exists()


NO_NETWORK = "WARNING: Retrying ... NewConnectionError('...: Temporary failure in name resolution')"
DISK_FULL = "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"
NO_MATCH = "No matching distribution found for torch==2.13.0"


@pytest.mark.parametrize(
    ("log", "sentence"),
    [
        (NO_NETWORK, "package index could not be reached"),
        (DISK_FULL, "The disk filled up"),
        (f"ERROR: {NO_MATCH}", f"{NO_MATCH}. The whole log"),
    ],
)
def test_a_failed_installation_is_one_sentence(setup, log, sentence):
    assert sentence in setup.explain(log)


def test_installed_once_updated_when_a_file_changes_and_rebuilt_after_a_kill(setup, copy, monkeypatch):
    calls = []

    def pretend(command, log):
        calls.append(command[2])
        (copy / ".venv" / "bin").mkdir(exist_ok=True)
        (copy / ".venv" / "bin" / "python").touch()

    monkeypatch.setattr(setup, "run", pretend)
    setup.prepare(copy)
    setup.prepare(copy)
    assert calls == ["venv", "pip"]
    (copy / "requirements.lock").write_text("numpy==2.0\n")
    setup.prepare(copy)
    assert calls == ["venv", "pip", "pip"]
    (copy / ".venv" / "stamp").unlink()
    setup.prepare(copy)
    assert calls[3:] == ["venv", "pip"]


def test_an_unreachable_index_ends_with_one_sentence_and_no_stamp(setup, copy, monkeypatch):
    def fail(command, log):
        raise setup.SetupError(setup.explain("Max retries exceeded"))

    monkeypatch.setattr(setup, "run", fail)
    with pytest.raises(setup.SetupError, match="could not be reached"):
        setup.prepare(copy)
    assert not setup.is_ready(copy)


# the commands


MAKE_VARIABLES = {
    "MAKEFLAGS",
    "MAKELEVEL",
    "PROFILE",
    "NOTEBOOKS",
    "JOBS",
    "FRESH",
    "CELL_LIMIT",
    "NOTEBOOK_LIMIT",
}


def make(*arguments: str) -> str:
    """What make prints, as if called by a person: this may itself run below `make test`."""
    environment = {name: value for name, value in os.environ.items() if name not in MAKE_VARIABLES}
    command = ["make", "--no-print-directory", "-C", str(ROOT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout


def test_make_alone_prints_its_help():
    shown = make()
    assert "make reproduce" in shown
    assert "make test" in shown


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        (
            ["PROFILE=smoke", "NOTEBOOKS=00 01", "JOBS=3", "FRESH=1"],
            '--profile "smoke" --notebooks "00 01" --jobs "3" --fresh',
        ),
        (["FRESH=0"], '--profile "embedded" --notebooks ""'),
        (
            ["CELL_LIMIT=90", "NOTEBOOK_LIMIT=0"],
            '--profile "embedded" --notebooks "" --cell-limit "90" --notebook-limit "0"',
        ),
    ],
)
def test_make_passes_its_variables_on(variables, expected):
    shown = make("-n", "reproduce", *variables)
    options = shown.split("moslab reproduce ")[1].split("\n")[0]
    assert re.sub(r" +", " ", options).strip() == expected


def test_the_command_line_starts_without_the_heavy_libraries():
    heavy = {"torch", "transformers", "papermill", "pandas", "numpy"}
    code = f"import sys, moslab.cli, moslab.batch.runner; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_an_error_of_the_user_is_one_sentence_and_status_2():
    command = [sys.executable, "-m", "moslab", "reproduce", "--profile", "big"]
    process = subprocess.run(command, capture_output=True, text=True)
    assert process.returncode == 2
    assert process.stderr == "Unknown profile 'big': choose one of smoke, embedded, paper.\n"
