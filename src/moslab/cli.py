"""The command line: thin, and quick to start, since every command imports what it needs only when it runs."""

import sys
import traceback
from pathlib import Path
from typing import Annotated, Optional

import typer

from moslab.publish import convert_command, outside_commands, plan_command, score_command, tables_command
from moslab.utils.endings import UsageProblem, end, end_usage, own_error
from moslab.utils.errors import UserError
from moslab.utils.files import FULL_DISK
from moslab.utils.words import plural

app = typer.Typer(
    help="moslab: how should a multimodal language model output a score?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
world_app = typer.Typer(help="The embedded photo world.", no_args_is_help=True)
base_app = typer.Typer(help="The embedded base model.", no_args_is_help=True)
data_app = typer.Typer(help="Published datasets in your folders.", no_args_is_help=True)
app.add_typer(data_app, name="data")
app.add_typer(world_app, name="world")
app.add_typer(base_app, name="base")
app.command("convert")(convert_command.convert)
app.command("plan")(plan_command.plan)
app.command("recipes")(plan_command.recipe_presets)
app.command("tables")(tables_command.tables)
outside_commands.register(app)

Notebooks = Annotated[str, typer.Option(help='Numbers or names, like "00 01"; all if empty.')]
Jobs = Annotated[Optional[int], typer.Option(help="Training processes; one per core if not given.")]
Fresh = Annotated[
    bool,
    typer.Option("--fresh", help="Empty the profile's local store first, or what the named notebooks made."),
]
Task = Annotated[str, typer.Argument(help="iqa, iaa, aigiqa or ugc.")]
Root = Annotated[
    Optional[str], typer.Option(help="Folder that holds the datasets; MOSLAB_DATA if not given.")
]
AsJson = Annotated[bool, typer.Option("--json", help="For machines.")]
Preset = Annotated[str, typer.Option(help="Variant of the task.")]


@app.command()
def reproduce(
    profile: Annotated[str, typer.Option(help="smoke, embedded or paper.")] = "embedded",
    notebooks: Notebooks = "",
    jobs: Jobs = None,
    fresh: Fresh = False,
    runs: Annotated[
        str,
        typer.Option(
            help="headline trains the headline claims' runs and takes the others from the committed "
            "reference; fresh trains all; reuse takes whatever is there."
        ),
    ] = "headline",
    cell_limit: Annotated[
        Optional[float],
        typer.Option(
            help="Minutes after which a cell is ended, 0 for never; hours to days, by profile, if not given."
        ),
    ] = None,
    notebook_limit: Annotated[Optional[float], typer.Option(help="The same for a whole notebook.")] = None,
    table: Annotated[
        str, typer.Option(help="Make a printed table alone, like realqa.table5; see `tables`.")
    ] = "",
    set_: Annotated[
        Optional[list[str]],
        typer.Option("--set", help="A notebook parameter, like seeds=[0,1]; may be repeated."),
    ] = None,
) -> None:
    """Train what is missing, run the notebooks and compare with the committed reference."""
    from moslab.batch import runner

    outcomes = runner.reproduce(
        profile,
        notebooks,
        jobs=jobs,
        fresh=fresh,
        runs=runs,
        given=assignments(set_ or []),
        table=table,
        cell_limit=cell_limit,
        notebook_limit=notebook_limit,
    )
    if not all(outcome.ok for outcome in outcomes):
        end(1, runner.why_not_reproduced(outcomes))


@app.command()
def reference(notebooks: Notebooks = "", jobs: Jobs = None, fresh: Fresh = False) -> None:
    """Run everything and rewrite notebooks/, figures/, README and docs, and papermill_runs/reference."""
    from moslab.publish.reference import reference as write

    write(notebooks, jobs, fresh)


@app.command()
def tune(
    dataset: Annotated[
        Optional[list[str]],
        typer.Option(help="An embedded or published dataset; iqa, iaa, aigiqa and ugc if not given."),
    ] = None,
    scorer: Annotated[Optional[list[str]], typer.Option(help="All scorers if not given.")] = None,
    recipe: Annotated[str, typer.Option(help="lm, lora, full, scratch or head.")] = "lm",
    profile: Annotated[str, typer.Option(help="Whose store keeps the runs.")] = "embedded",
    train_images: Annotated[int, typer.Option(help="Training pictures.")] = 2000,
    batch_size: Annotated[int, typer.Option(help="Pictures a step.")] = 64,
    jobs: Jobs = None,
) -> None:
    """Find learning rates again, on the validation split, and keep them with their curves."""
    from moslab.batch.runner import count_jobs
    from moslab.experiments import tuning_search

    setting = {"train_images": train_images, "batch_size": batch_size}
    for line in tuning_search.tune_each(
        dataset or (), scorer or (), recipe, profile, count_jobs(jobs), **setting
    ):
        print(line)


app.command("score")(score_command.score)


@app.command("scorers")
def scorer_table(
    seeds: Annotated[int, typer.Option(help="Training seeds per scorer.")] = 3,
    scorer: Annotated[Optional[list[str]], typer.Option(help="All scorers if not given.")] = None,
    jobs: Jobs = None,
) -> None:
    """Train every scorer with the same budget on iqa and iaa (ugc for the chain) and write docs/scorers.md.

    It takes about half an hour on two cores.
    """
    from moslab.batch.runner import count_jobs
    from moslab.publish.scorer_page import write_table

    print(write_table(list(range(seeds)), scorer or (), count_jobs(jobs)))


@data_app.command("list")
def data_list(
    root: Root = None,
    as_json: AsJson = False,
    docs: Annotated[
        bool, typer.Option("--docs", help="Write the table of docs/data.md anew instead.")
    ] = False,
) -> None:
    """Every dataset that can be read, how one comes by it, and whether it is there."""
    if docs:
        from moslab.publish.data_page import write_page

        print(write_page())
        return
    from moslab.analysis import data_check
    from moslab.utils.paths import data_root

    datasets = data_check.overview(data_root(root))
    if as_json:
        print(datasets.to_json(orient="records", indent=1))
    else:
        print(datasets.to_string(index=False, na_rep=""))


@data_app.command("check")
def data_check(
    name: Annotated[str, typer.Argument(help="A name from `data list`.")],
    root: Root = None,
    preset: Annotated[str, typer.Option(help="Variant of the dataset.")] = "default",
    protocol: Annotated[
        str, typer.Option(help="Other splits than its own, such as qalign or folds-5-0.")
    ] = "",
    every_picture: Annotated[
        bool,
        typer.Option(
            "--every-picture", help="Open all pictures and look for duplicates, instead of a sample of 200."
        ),
    ] = False,
    manifest: Annotated[
        Optional[Path], typer.Option(help="Compare with the manifest of another copy.")
    ] = None,
    write_manifest: Annotated[
        Optional[Path], typer.Option(help="Write the manifest of this copy: digests of labels and pictures.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what is there, what is missing and what cannot be right; exit status 1 if anything is wrong."""
    from moslab.analysis import data_check
    from moslab.utils.paths import data_root

    folder = data_root(root)
    if folder is None:
        raise UserError(
            "There is no data root: give the folder that holds the datasets with --root, "
            "or in the variable MOSLAB_DATA."
        )
    findings, table = data_check.check(name, folder, preset, protocol, every_picture)
    if table is not None and manifest:
        findings += data_check.compare(table, manifest)
    if table is not None and write_manifest:
        path = data_check.write_manifest(table, write_manifest)
        findings.append(data_check.Finding("ok", "manifest", f"Written to {path}."))
    if as_json:
        print(data_check.as_json(name, findings))
    else:
        for finding in findings:
            print(f"{finding.level:5}  {finding.subject}: {finding.what}")
    faults = [finding for finding in findings if finding.level == "fault"]
    if faults:
        first = f"{faults[0].subject}: {faults[0].what.rstrip('.')}"
        more = f" (and {len(faults) - 1} more above)" if len(faults) > 1 else ""
        end(1, f"{name} has something wrong with its {first}{more}.")


@world_app.command()
def generate(
    task: Task,
    preset: Preset = "default",
    n: Annotated[Optional[int], typer.Option(help="Pictures; the task's own number if not given.")] = None,
    size: Annotated[tuple[int, int], typer.Option(help="Height and width in pixels.")] = (64, 64),
) -> None:
    """Draw a task into the cache (any command that needs it does this by itself)."""
    from moslab import world

    made = world.generate(task, preset, n, size)
    labels = plural(len(made.labels), "label", "labels")
    pictures = plural(len(made.images), "picture", "pictures")
    print(f"{labels}, {pictures}: {made.folder}")


@world_app.command()
def sheet(
    task: Annotated[str, typer.Option(help="iqa, iaa, aigiqa, ugc or distortions.")],
    path: Annotated[Optional[Path], typer.Option(help="PNG file; docs/sheets/TASK.png if not given.")] = None,
    preset: Preset = "default",
) -> None:
    """Write a contact sheet with labels, or one of every distortion at rising severity."""
    from moslab.utils import paths
    from moslab.world import sheet as sheets

    path = path or paths.ROOT / "docs" / "sheets" / f"{task}.png"
    if task == "distortions":
        print(sheets.degradation_sheet(path))
    else:
        print(sheets.contact_sheet(task, path, preset=preset))


@world_app.command()
def write(
    task: Task,
    folder: Annotated[
        Path, typer.Argument(help="A data root; koniq10k/, ava/, agiqa3k/ or realqa/ is made in it.")
    ],
    preset: Preset = "default",
) -> None:
    """Write a task out in a published layout.

    That is KonIQ-10k's for iqa, AVA's for iaa, AGIQA-3K's for aigiqa, and lines of JSON after RealQA for ugc.
    """
    from moslab import world
    from moslab.datasets import layouts

    print(layouts.export(world.generate(task, preset), folder))


@world_app.command()
def probe() -> None:
    """Measure again which latents of the world can be read from its pictures; about eight minutes."""
    from moslab.world import PIXELS
    from moslab.world import probe as probing

    print(probing.run(PIXELS))


@world_app.command("card")
def world_card(
    docs: Annotated[Path, typer.Argument(help="Folder for data_card.md and its sheets.")] = Path("docs"),
) -> None:
    """Measure the tasks and write the data card; about two minutes."""
    from moslab.publish.world_card import write_card

    print(write_card(docs))


@world_app.command()
def curves(
    seeds: Annotated[int, typer.Option(help="Training seeds per point.")] = 3, jobs: Jobs = None
) -> None:
    """Train on growing parts of the embedded tasks and write docs/learning_curves.md.

    With right and wrong texts and from every checkpoint; half an hour a seed.
    """
    from moslab.batch.runner import count_jobs
    from moslab.publish.learning_curves import write_curves

    for task, points in write_curves(list(range(seeds)), count_jobs(jobs)).items():
        print(task, points.round(3).to_string(index=False), sep="\n")


@base_app.command()
def train(
    folder: Annotated[Optional[Path], typer.Argument(help="The package's own weights if not given.")] = None,
    architecture: Annotated[
        str, typer.Option(help="qwen2_vl, llava, or small: the base's eyes with half the language layers.")
    ] = "qwen2_vl",
) -> None:
    """Train a base and its checkpoints from nothing and compare their measured cards with the committed ones.

    It takes about an hour on two cores, half of that for llava, ten minutes for small.
    """
    from moslab.backbones import pretraining
    from moslab.publish import base_card, base_overview

    if architecture not in pretraining.PLANS:
        raise UserError(
            f"Unknown architecture {architecture!r}: choose one of {', '.join(pretraining.PLANS)}."
        )
    committed = base_overview.stored()
    weights = pretraining.train(folder, pretraining.PLANS[architecture])
    print(base_card.agreement(base_card.write_cards(weights), committed).to_string(index=False))


@base_app.command()
def card(
    folder: Annotated[Optional[Path], typer.Argument(help="The package's own weights if not given.")] = None,
) -> None:
    """Measure what stored bases can do, write their cards and compare them with the committed ones.

    It takes about two minutes each.
    """
    from moslab.publish import base_card, base_overview

    committed = base_overview.stored()
    print(base_card.agreement(base_card.write_cards(folder), committed).to_string(index=False))


def assignments(settings: list[str]) -> dict[str, str]:
    """`["seeds=[0,1]"]` as a dict; UserError for one without a name or an equals sign."""
    values = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not name.isidentifier() or not equals:
            raise UserError(f"Cannot read {setting!r}: write a parameter as name=value, like seeds=[0,1].")
        values[name] = value
    return values


def main() -> None:
    """Entry point. Whatever the exit status that is not 0, the last line says why, in one sentence.

    Status 1: the work was done and something is wrong, or moslab itself has an error. 2: bad input, reported
    before the work starts. 130: interrupted; the same command goes on from there.
    """
    try:
        status = app(standalone_mode=False)  # None, or the number of a typer.Exit
    except UserError as problem:
        end(2, str(problem))
    except typer.Abort:
        end(1, "Aborted: the input ended before the question was answered.")
    except Exception as problem:
        if isinstance(problem, UsageProblem):
            end_usage(problem)
        if isinstance(problem, OSError) and problem.errno in FULL_DISK:
            end(1, "The disk is full: free some space, then start again; finished runs are kept.")
        traceback.print_exc()
        end(1, own_error(problem))
    if status == 130:  # how typer passes Ctrl-C on
        end(130, "Interrupted; finished runs are kept, the same command goes on from there.")
    sys.exit(status if isinstance(status, int) else 0)
