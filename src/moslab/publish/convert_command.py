"""The command `moslab convert`. It imports what it needs when it runs: the command line starts quickly."""

from pathlib import Path
from typing import Annotated, Optional

import typer

from moslab.utils.paths import user_path


def convert(
    folder: Annotated[str, typer.Argument(help="A checkpoint folder whose weights are .bin files.")],
    out: Annotated[
        Optional[Path], typer.Option(help="Where to; beside the .bin files if not given, which stay.")
    ] = None,
) -> None:
    """Write a checkpoint's pickled weights again as safetensors, file by file; no code in them is run."""
    from moslab.backbones import converting

    for path in converting.convert(user_path(folder, "the checkpoint"), out):
        print(path)
