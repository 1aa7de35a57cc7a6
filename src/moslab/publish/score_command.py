"""The command `moslab score`. It imports what it needs when it runs: the command line starts quickly."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from moslab.utils.endings import end


def score(
    scorer: Annotated[
        str,
        typer.Argument(
            metavar="FOLDER",
            help="A saved scorer, the key of a run whose scorer the profile keeps, or a published checkpoint "
            "of Q-Align, DeQA-Score, Q-Scorer or ROC4MLLM.",
        ),
    ],
    pictures: Annotated[list[Path], typer.Argument(help="Picture files, and folders that hold some.")],
    csv: Annotated[Optional[Path], typer.Option(help="Where the table goes; printed if not given.")] = None,
    texts: Annotated[Optional[Path], typer.Option(help="CSV file with the columns picture, text.")] = None,
    asked: Annotated[Optional[str], typer.Option(help="What is judged, for a model of two scores.")] = None,
    backbone: Annotated[
        Optional[str], typer.Option(help="Where its backbone is here; as in training if not given.")
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Pictures at once.")] = 32,
    profile: Annotated[str, typer.Option(help="Whose scorers a key names.")] = "embedded",
    kind: Annotated[
        Optional[str],
        typer.Option(
            "--as",
            help="Whose scorer a published checkpoint is, where it does not tell: qalign, qalign-score, "
            "deqa, qscorer or roc4mllm.",
        ),
    ] = None,
) -> None:
    """Score picture files with a saved or published scorer; exit status 1 if any of them has no score."""
    from moslab.experiments import scoring_files

    folder = scoring_files.folder_of(scorer, profile)
    table = scoring_files.score_files(folder, pictures, texts, asked, backbone, batch, csv, kind)
    print(csv or table.to_string(index=False, na_rep=""))
    if failed := scoring_files.without_score(table):
        end(1, failed)
