"""The command `moslab tables`. It imports what it needs when it runs: the command line starts quickly."""

from typing import Annotated, Optional

import typer


def tables(
    root: Annotated[
        Optional[str], typer.Option(help="Folder of published datasets; MOSLAB_DATA if not given.")
    ] = None,
    backbone: Annotated[
        Optional[str], typer.Option(help="Instead of each table's own, of which config.json is read.")
    ] = None,
    compute: Annotated[str, typer.Option(help="How it is carried out: a name or a YAML file.")] = "one-gpu",
    card: Annotated[str, typer.Option(help="H100, H200, A100 or 4090.")] = "H100",
) -> None:
    """Every printed table: its notebook, its datasets and whether they are here, and what it takes."""
    from moslab.experiments.compute import load_compute
    from moslab.publish.plan_page import Request
    from moslab.publish.tables_page import overview
    from moslab.utils.paths import data_root

    request = Request(fields={"backbone": backbone, "root": root}, card=card, compute=load_compute(compute))
    print(overview(data_root(root), request))
