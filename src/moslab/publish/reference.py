"""`make reference`: run everything, then write the committed reference. Nothing else writes outside papermill_runs/<profile>."""

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
DEFAULTS = {"output": "", "jobs": 0, "data_root": ""}  # of the parameters that only say where and how
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
    """Run the notebooks in each profile and commit-ready copy what they gave: results, run records, ledger, figures, executed notebooks, README tables.

    A change against the former reference is shown, but is no failure here; a notebook that fails is a UserError and nothing is copied.
    """
    console = console or Console()
    outcomes = []
    for profile in profiles:
        found = reproduce(profile, notebooks, jobs, fresh, "fresh", console=console)
        failed = [outcome.stem for outcome in found if not outcome.ran]
        if failed:
            raise UserError(
                f"{', '.join(failed)} failed in the {profile} profile, so the reference stays as it is: mend that and start again."
            )
        outcomes += found
    stems = [path.stem for path in find_notebooks(notebooks)]
    for profile in profiles:
        publish_results(profile, stems)
        publish_runs(profile)
    if SHOWN in profiles:
        publish_figures()
        executed = {}
        for stem in stems:
            console.print(f"{stem}: executing the stored copy", highlight=False)
            executed[stem] = executed_copy(stem)
        for (
            stem,
            notebook,
        ) in (
            executed.items()
        ):  # after the last one ran, or the next one's provenance would tell of local changes
            write_json(paths.NOTEBOOKS / f"{stem}.ipynb", notebook)
        publish_tables()
    return outcomes


def publish_results(profile: str, stems: list[str]) -> None:
    """Result records without this machine's paths and with a digest of their own, and the ledger."""
    local, committed = paths.profile_dir(profile), paths.REFERENCE / "results" / profile
    for stem in stems:
        result = portable(read_json(local / "results" / f"{stem}.json"))
        write_json(committed / f"{stem}.json", sealed(result))
    write_atomic(committed / "ledger.jsonl", (local / "ledger.jsonl").read_bytes())
    for stale in committed.glob("[0-9][0-9]_*.json"):
        if not (paths.NOTEBOOKS / f"{stale.stem}.ipynb").is_file():
            stale.unlink()


def portable(result: dict[str, Any]) -> dict[str, Any]:
    """The record with the parameters that only say where and how put back to their defaults."""
    return {
        **result,
        "parameters": {
            **result.get("parameters", {}),
            **{
                name: value
                for name, value in DEFAULTS.items()
                if name in ("output", "jobs", *result.get("parameters", {}))
            },
        },
    }


def publish_runs(profile: str) -> None:
    """Exactly those runs that the committed results name, in the form in which they are committed."""
    local, committed = Store(paths.profile_dir(profile) / "runs"), Store(paths.REFERENCE / "runs" / profile)
    results = [read_json(path) for path in (paths.REFERENCE / "results" / profile).glob("[0-9][0-9]_*.json")]
    needed: set[str] = set()
    certain: set[str] = set()
    for result in results:
        needed.update(result.get("runs", []))
        certain.update(result.get("certainty", []))
    for key in sorted(needed):
        if local.has(key):
            copy_run(local.get(key), committed, certainty=key in certain)
        elif not committed.has(key):
            raise UserError(
                f"Run {key} is named by a result of the {profile} profile, but is in no store: run `make reference FRESH=1`."
            )
    for key in set(committed.keys()) - needed:
        shutil.rmtree(committed.folder / key)
    committed.prune()


def copy_run(run: Run, committed: Store, certainty: bool) -> None:
    """Commit a run in place of what stands there: without its distributions, and with entropies and top
    probabilities only if a notebook reads them."""
    left_out = [] if certainty else CERTAINTY
    predictions = run.predictions.drop(columns=left_out, errors="ignore")
    shutil.rmtree(committed.folder / run.key, ignore_errors=True)
    committed.put(replace(run, predictions=predictions, distributions=None))


def publish_figures() -> None:
    """Exactly those figures that the committed results of the shown profile name by their SHA-256."""
    local = paths.profile_dir(SHOWN) / "figures"
    named: set[str] = set()
    for path in sorted((paths.REFERENCE / "results" / SHOWN).glob("[0-9][0-9]_*.json")):
        for name, expected in read_json(path).get("figures", {}).items():
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


def executed_copy(stem: str) -> dict[str, Any]:
    """A notebook executed as a reader would open it (stored defaults, committed runs), in the form in which it is stored."""
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
    """An executed notebook without papermill's and the kernel's traces, so that only what readers see makes a difference in git."""
    for cell in notebook["cells"]:
        for name in ("papermill", "execution"):
            cell["metadata"].pop(name, None)
        if not cell["metadata"].get("tags"):
            cell["metadata"].pop("tags", None)
    return {**notebook, "metadata": KERNEL}


def publish_tables() -> None:
    """The README's table, the costs of notebooks and the page of all claims, from the committed results."""
    committed = sorted((paths.REFERENCE / "results" / SHOWN).glob("[0-9][0-9]_*.json"))
    results = [read_json(path) for path in committed]
    for name, render in WITH_TABLES.items():
        page = paths.ROOT / name
        if page.is_file():
            write_atomic(page, render(page.read_text(encoding="utf-8"), results))
    write_atomic(paths.ROOT / "docs" / "claims.md", claims_page(results))
