"""`make reference`: run everything, then write the committed reference.

Nothing else writes outside papermill_runs/<profile>.
"""

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from moslab.batch.execution import execute
from moslab.batch.failures import notebook_error
from moslab.batch.plan import find_notebooks
from moslab.batch.runner import reproduce
from moslab.batch.tasks import Outcome
from moslab.experiments.store import CERTAINTY, Run, Store
from moslab.publish.claims_page import claims_page
from moslab.publish.readme import render_performance, render_readme
from moslab.utils import paths
from moslab.utils.errors import UserError
from moslab.utils.files import read_json, sealed, sha256, write_atomic, write_json

PROFILES = ("smoke", "embedded")
SHOWN = "embedded"  # the profile whose notebooks and figures are committed
RECORDS = "[0-9][0-9]_*.json"  # result records, one per notebook
# Of the parameters that only say where and how.
DEFAULTS = {"output": "", "jobs": 0, "compute": "auto", "data_root": ""}
WITH_TABLES = {"README.md": render_readme, "docs/performance.md": render_performance}
KERNEL = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def reference(
    notebooks: str | list[str] | None = None,
    jobs: int | None = None,
    fresh: bool = False,
    profiles: tuple[str, ...] = PROFILES,
    console: Console | None = None,
) -> list[Outcome]:
    """Run the notebooks in each profile and copy what they gave in the form in which it is committed.

    That is results, run records, ledger, figures, executed notebooks, README tables. A change against the
    former reference is shown, but is no failure here.

    Raises:
        UserError: for a notebook that fails; nothing is copied then.
    """
    console = console or Console()
    outcomes = []
    for profile in profiles:
        outcomes += _reproduced(profile, notebooks, jobs, fresh, console)
    stems = [path.stem for path in find_notebooks(notebooks)]
    for profile in profiles:
        publish_results(profile, stems)
        publish_runs(profile)
    if SHOWN in profiles:
        publish_figures()
        publish_notebooks(stems, console)
        publish_tables()
    return outcomes


def _reproduced(
    profile: str, notebooks: str | list[str] | None, jobs: int | None, fresh: bool, console: Console
) -> list[Outcome]:
    outcomes = reproduce(profile, notebooks, jobs, fresh, "fresh", console=console)
    failed = [outcome.stem for outcome in outcomes if not outcome.ran]
    if failed:
        raise UserError(
            f"{', '.join(failed)} failed in the {profile} profile, so the reference stays as it is: "
            "mend that and start again."
        )
    return outcomes


def publish_results(profile: str, stems: list[str]) -> None:
    """Result records without this machine's paths and with a digest of their own, and the ledger."""
    local, committed = paths.profile_dir(profile), paths.REFERENCE / "results" / profile
    for stem in stems:
        result = portable(read_json(local / "results" / f"{stem}.json"))
        write_json(committed / f"{stem}.json", sealed(result))
    write_atomic(committed / "ledger.jsonl", (local / "ledger.jsonl").read_bytes())
    for record in committed.glob(RECORDS):
        if not (paths.NOTEBOOKS / f"{record.stem}.ipynb").is_file():
            record.unlink()


def portable(result: dict[str, Any]) -> dict[str, Any]:
    """The record with the parameters that only say where and how put back to their defaults."""
    parameters = result.get("parameters", {})
    defaults = {}
    for name, value in DEFAULTS.items():
        if name in ("output", "jobs") or name in parameters:
            defaults[name] = value
    return {**result, "parameters": {**parameters, **defaults}}


def publish_runs(profile: str) -> None:
    """Exactly those runs that the committed results name, in the form in which they are committed."""
    local = Store(paths.profile_dir(profile) / "runs")
    committed = Store(paths.REFERENCE / "runs" / profile)
    needed: set[str] = set()
    certain: set[str] = set()
    for result in committed_results(profile):
        needed.update(result.get("runs", []))
        certain.update(result.get("certainty", []))
    for key in sorted(needed):
        if local.has(key):
            copy_run(local.get(key), committed, certainty=key in certain)
        elif not committed.has(key):
            raise UserError(
                f"Run {key} is named by a result of the {profile} profile, but is in no store: "
                "run `make reference FRESH=1`."
            )
    for key in set(committed.keys()) - needed:
        shutil.rmtree(committed.folder / key)
    committed.prune()


def committed_results(profile: str) -> list[dict[str, Any]]:
    """The committed result records of a profile, in the order of the notebooks."""
    return [read_json(path) for path in sorted((paths.REFERENCE / "results" / profile).glob(RECORDS))]


def copy_run(run: Run, committed: Store, certainty: bool) -> None:
    """Commit a run in place of what stands there, without its distributions.

    Args:
        certainty: a notebook reads entropies and top probabilities, so they are kept.
    """
    left_out = [] if certainty else CERTAINTY
    predictions = run.predictions.drop(columns=left_out, errors="ignore")
    shutil.rmtree(committed.folder / run.key, ignore_errors=True)
    committed.put(replace(run, predictions=predictions, distributions=None))


def publish_figures() -> None:
    """Exactly those figures that the committed results of the shown profile name by their SHA-256."""
    local = paths.profile_dir(SHOWN) / "figures"
    named: set[str] = set()
    for result in committed_results(SHOWN):
        for name, expected in result.get("figures", {}).items():
            named.add(name)
            _publish_figure(local / name, paths.FIGURES / name, expected)
    for figure in paths.FIGURES.glob("*.png"):
        if figure.name not in named:
            figure.unlink()


def _publish_figure(local: Path, committed: Path, expected: str) -> None:
    """Copy a figure unless the committed one is the one recorded."""
    if committed.is_file() and sha256(committed.read_bytes()) == expected:
        return
    if not local.is_file() or sha256(local.read_bytes()) != expected:
        raise UserError(
            f"{local} is missing or is not the figure that was recorded: run `make reference FRESH=1`."
        )
    write_atomic(committed, local.read_bytes())


def publish_notebooks(stems: list[str], console: Console) -> None:
    """Executed copies in place of the notebooks.

    They are written when all have run, or the provenance of the next one would tell of local changes.
    """
    executed = {}
    for stem in stems:
        console.print(f"{stem}: executing the stored copy", highlight=False)
        executed[stem] = executed_copy(stem)
    for stem, notebook in executed.items():
        write_json(paths.NOTEBOOKS / f"{stem}.ipynb", notebook)


def executed_copy(stem: str) -> dict[str, Any]:
    """A notebook executed as a reader would open it, in the form in which it is stored.

    It runs with its stored defaults on committed runs.

    Raises:
        UserError: where it fails.
    """
    source = paths.NOTEBOOKS / f"{stem}.ipynb"
    with tempfile.TemporaryDirectory() as folder:
        output, log = Path(folder) / f"{stem}.ipynb", Path(folder) / "log"
        status = execute(source, output, {}, Path(folder) / "progress.json", log)
        if status:
            reason = notebook_error(output) or log.read_text(errors="replace")[-2000:]
            raise UserError(
                f"{stem} ran, but fails with its stored parameters on the new reference: {reason}."
            )
        return stored_form(read_json(output))


def stored_form(notebook: dict[str, Any]) -> dict[str, Any]:
    """An executed notebook without papermill's and the kernel's traces.

    Only what readers see makes a difference in git.
    """
    for cell in notebook["cells"]:
        for name in ("papermill", "execution"):
            cell["metadata"].pop(name, None)
        if not cell["metadata"].get("tags"):
            cell["metadata"].pop("tags", None)
    return {**notebook, "metadata": KERNEL}


def publish_tables() -> None:
    """The README's table, the costs of notebooks and the page of all claims, from the committed results."""
    results = committed_results(SHOWN)
    for name, render in WITH_TABLES.items():
        page = paths.ROOT / name
        if page.is_file():
            write_atomic(page, render(page.read_text(encoding="utf-8"), results))
    write_atomic(paths.ROOT / "docs" / "claims.md", claims_page(results))
