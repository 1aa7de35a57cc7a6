"""Which notebooks have to run, and how long that should take.

What is done is not run again while code, parameters and tuning stay as they are, so a batch that was killed
is finished by starting it again.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from moslab.batch import parameters
from moslab.batch.comparison import settings
from moslab.batch.ledger import Ledger
from moslab.batch.profiles import named_values
from moslab.batch.results import read_reference, read_result
from moslab.batch.tasks import NO_LIMITS, Limits, Task
from moslab.utils import paths
from moslab.utils.errors import UserError
from moslab.utils.files import digest, file_digest, read_json

# Parameters that say where and how, and leave a result as it is.
NOT_ASKED = ("jobs", "output", "compute", "data_root")


def find_notebooks(wanted: str | list[str] | None) -> list[Path]:
    """The notebooks asked for, in reading order.

    Args:
        wanted: numbers or names ("00 01_bin_sweep" or a list of them); all notebooks if empty.

    Raises:
        UserError: listing what exists, for one that does not.
    """
    notebooks = {path.stem: path for path in sorted(paths.NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))}
    if not notebooks:
        raise UserError(
            f"There are no notebooks in {paths.NOTEBOOKS}: run this from a complete copy of the repository."
        )
    names = wanted.replace(",", " ").split() if isinstance(wanted, str) else list(wanted or [])
    if not names:
        return list(notebooks.values())
    chosen: set[str] = set()
    for name in names:
        chosen.update(_matching(name, notebooks))
    return [path for stem, path in notebooks.items() if stem in chosen]


def _matching(name: str, stems: Collection[str]) -> list[str]:
    """The notebooks of a number or a name; UserError where there is none."""
    wanted = Path(name).stem
    matches = [stem for stem in stems if wanted in (stem, stem[:2])]
    if not matches:
        raise UserError(
            f"There is no notebook {name!r}: choose from {', '.join(stems)} (the number is enough)."
        )
    return matches


def checked_parameters(
    sources: Iterable[Path], profile: str, common: dict[str, Any]
) -> dict[Path, dict[str, Any]]:
    """Notebook -> values of its parameters, typed: those of `profiles.named_values`, under the common ones.

    Args:
        sources: notebooks.
        profile: its name.
        common: values for every notebook that declares them, see `left_out`.

    Raises:
        UserError: for a parameter that no notebook has, or a value that makes no sense.
    """
    sources = list(sources)
    left_out(sources, common)
    typed = {}
    for source in sources:
        own = parameters.declared(source)
        given = {name: value for name, value in common.items() if name in own}
        defaults = {name: parameter.default for name, parameter in own.items()}
        by_name = named_values(profile, source, own, given, defaults)
        typed[source] = parameters.validate(source, by_name | given)
    for source, values in typed.items():
        parameters.check_values(source.name, values)
    return typed


def left_out(sources: Sequence[Path], common: Collection[str]) -> list[str]:
    """A sentence for each common parameter that some of the notebooks do not have.

    Raises:
        UserError: for one that no notebook of the repository has.
    """
    declared = {source: set(parameters.declared(source)) for source in sources}
    known = set().union(*declared.values())
    if not known.issuperset(common):
        known = known.union(*(parameters.declared(source) for source in find_notebooks(None)))
    sentences = []
    for name in common:
        if name not in known:
            parameters.validate(sources[0], {name: None})  # says what its parameters are
        without = [source.stem for source, own in declared.items() if name not in own]
        if without:
            sentences.append(f"{name} is no parameter of {', '.join(without)}: left out there.")
    return sentences


def plan(
    folder: Path, profile: str, typed: dict[Path, dict[str, Any]], jobs: int, limits: Limits = NO_LIMITS
) -> list[Task]:
    """What has to run. A training run that several notebooks need is counted with the first of them.

    Args:
        folder: the profile's.
        profile: its name.
        typed: notebook -> values of its parameters, see `checked_parameters`.
        jobs: training processes.
        limits: of a cell and of a notebook.
    """
    ledger = Ledger(folder / "ledger.jsonl")
    code = code_digest()
    counted: set[str] = set()
    tasks = []
    for source, given in typed.items():
        record = known_record(source, profile, folder, given)
        missing, seconds = estimate(record, profile, folder, given["runs"], jobs, counted)
        task = Task(
            stem=source.stem,
            source=source,
            folder=folder,
            given=given,
            inputs=inputs_digest(source, given, code),
            missing=missing,
            seconds=seconds,
            done=False,
            limits=limits,
        )
        tasks.append(replace(task, done=is_done(task, ledger) and still_valid(task, profile)))
    return tasks


# --- what a result depends on -------------------------------------------------------------------------------


def code_digest() -> str:
    """Of every file of the package: code, claims, tuned learning rates, the base's weights."""
    package = paths.PACKAGE
    digests = {}
    for path in sorted(package.rglob("[!.]*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digests[str(path.relative_to(package))] = file_digest(path)
    return digest(digests)


def inputs_digest(source: Path, given: dict[str, Any], code: str) -> str:
    """Of everything that the result of a notebook depends on.

    Its code cells, its parameters (but where things lie and with how many processes), the package, and which
    published datasets there are.
    """
    from moslab import datasets  # loads pandas, which the command line does without until a plan is made

    cells = [cell["source"] for cell in parameters.code_cells(source)]
    asked = {name: value for name, value in given.items() if name not in NOT_ASKED}
    root = paths.data_root(given.get("data_root") or None)
    present = [name for name in datasets.PUBLISHED if root and (root / name).is_dir()]
    return digest([cells, asked, code, present])


def is_done(task: Task, ledger: Ledger) -> bool:
    """Whether the ledger ends with a success on these inputs, and the result is the one written then."""
    last = ledger.last(task.stem) or {}
    return (
        last.get("status") == "done"
        and last["inputs"] == task.inputs
        and task.notebook.is_file()
        and last["result"] == file_digest(task.result)
    )


def still_valid(task: Task, profile: str) -> bool:
    """Whether the labels, pictures and weights behind a finished result are still there and the same."""
    from moslab.batch import validity  # loads pandas, too

    stores = (task.folder / "runs", paths.REFERENCE / "runs" / profile)
    return validity.still_holds(read_json(task.result), stores, task.given.get("data_root") or None)


# --- how long it takes --------------------------------------------------------------------------------------


def known_record(source: Path, profile: str, folder: Path, given: dict[str, Any]) -> dict[str, Any] | None:
    """A result that was made with these very parameters: the reference's, or the last one made here.

    It names the runs. None where there is none, so that no plan shows another experiment's numbers.
    """
    local = read_result(folder / "results" / f"{source.stem}.json")
    defaults = {name: parameter.default for name, parameter in parameters.declared(source).items()}
    wanted = settings({"parameters": defaults | given})
    for record in (read_reference(profile, source.stem), local):
        if record and settings({"parameters": defaults | record.get("parameters", {})}) == wanted:
            return record
    return None


def estimate(
    record: dict[str, Any] | None, profile: str, folder: Path, runs: str, jobs: int, counted: set[str]
) -> tuple[int | None, float | None]:
    """Training runs missing and seconds needed, by the times of a record.

    Args:
        record: a result made with the same parameters, see `known_record`.
        profile: its name.
        folder: the profile's.
        runs: `headline`, `fresh` or `reuse`, see `runner.reproduce`.
        jobs: training processes.
        counted: keys counted with earlier notebooks; those counted now are added.

    Returns:
        (None, None) without a record.
    """
    if record is None:
        return None, None
    local = folder / "runs"
    committed = paths.REFERENCE / "runs" / profile
    local_only = {"headline": record.get("headline", []), "fresh": record.get("runs", []), "reuse": []}[runs]
    missing = []
    for key in record.get("runs", []):
        stores = [local] if key in local_only else [local, committed]
        if key not in counted and not _is_finished(key, stores):
            missing.append(key)
    counted.update(missing)
    training = sum(record.get("run_seconds", {}).get(key, 0.0) for key in missing)
    return len(missing), record.get("seconds", 0.0) + training / min(jobs, max(len(missing), 1))


def _is_finished(key: str, stores: Sequence[Path]) -> bool:
    """Whether one of the stores has the run."""
    return any((store / key / "run.json").is_file() for store in stores)
