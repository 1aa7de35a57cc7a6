"""The commands `moslab plan` and `moslab recipes`.

They import what they need when they run: the command line starts quickly.
"""

from dataclasses import replace
from typing import Annotated, Optional

import typer

from moslab.utils.errors import UserError

DEFAULT = "Qwen/Qwen2-VL-7B-Instruct"


def plan(
    backbone: Annotated[
        Optional[str],
        typer.Option(
            help="A folder or a hub id, of which config.json is read; Qwen2-VL-7B, or the table's own, if "
            "not given. Nothing is fetched."
        ),
    ] = None,
    table: Annotated[
        Optional[str], typer.Option(help="A printed table, like realqa.table5: a row for each training.")
    ] = None,
    notebook: Annotated[
        Optional[str], typer.Option(help="A notebook's number: the table that the paper profile gives it.")
    ] = None,
    recipe: Annotated[
        Optional[str],
        typer.Option(help="A recipe or a paper's preset; a row for each preset if not given."),
    ] = None,
    scorer: Annotated[Optional[str], typer.Option(help="The preset's own, or levels, if not given.")] = None,
    dataset: Annotated[
        Optional[str], typer.Option(help="What is trained on; koniq10k, or the table's, if not given.")
    ] = None,
    picture: Annotated[
        Optional[str],
        typer.Option(metavar="WxH", help="Its size; that of some files, or 1024x768, if not given."),
    ] = None,
    images: Annotated[Optional[int], typer.Option(min=1, help="Training pictures; all if not given.")] = None,
    epochs: Annotated[Optional[float], typer.Option(help="As the recipe has it if not given.")] = None,
    batch_size: Annotated[Optional[int], typer.Option(help="Pictures a step; as the recipe has it.")] = None,
    max_pixels: Annotated[Optional[int], typer.Option(help="Larger pictures are shrunk to this.")] = None,
    compute: Annotated[str, typer.Option(help="How it is carried out: a name or a YAML file.")] = "one-gpu",
    card: Annotated[str, typer.Option(help="H100, H200, A100 or 4090.")] = "H100",
    eight_bit: Annotated[bool, typer.Option("--eight-bit", help="8-bit optimiser states.")] = False,
    shards: Annotated[int, typer.Option(min=1, help="Cards that the model is divided over.")] = 1,
    docs: Annotated[bool, typer.Option("--docs", help="Write docs/plan.md anew instead.")] = False,
) -> None:
    """What a training will take, before anything is loaded: memory by part, disk, time, and what fits."""
    from moslab.experiments.compute import load_compute
    from moslab.publish import plan_page

    if docs:
        print(plan_page.write_page())
        return
    if notebook:
        table, backbone = plan_page.of_notebook(notebook, backbone)
    how = load_compute(compute)
    divided = replace(how, processes=shards, sharded=True)
    request = plan_page.Request(
        fields={
            "backbone": backbone or (None if table else DEFAULT),
            "scorer": scorer,
            "dataset": dataset,
            "epochs": epochs,
            "batch_size": batch_size,
            "max_pixels": max_pixels,
            "optimizer": "adamw_8bit" if eight_bit else None,
        },
        card=card,
        compute=divided if shards > 1 else how,
        picture=picture_size(picture),
        images=images,
    )
    if table:
        print(plan_page.of_table(table, request))
        return
    print(plan_page.sheet(request.plan(recipe)) if recipe else plan_page.overview(request))


def picture_size(given: str | None) -> tuple[int, int] | None:
    """`"1024x768"` as width and height; UserError for anything else."""
    if given is None:
        return None
    width, cross, height = given.lower().partition("x")
    if not (cross and width.isdigit() and height.isdigit() and int(width) and int(height)):
        raise UserError(f"Cannot read the size {given!r}: write width and height in pixels, like 1024x768.")
    return int(width), int(height)


def recipe_presets(
    name: Annotated[Optional[str], typer.Argument(help="A preset; a row for each if not given.")] = None,
    docs: Annotated[bool, typer.Option("--docs", help="Write docs/recipes.md anew instead.")] = False,
) -> None:
    """The papers' training recipes: every value with its source, and what was chosen where there is none."""
    from moslab.publish import recipes_page

    print(recipes_page.write_page() if docs else recipes_page.shown(name))
