"""The data card, docs/data_card.md: its prose stands here, its numbers are measured when it is written."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from moslab.files import write_atomic
from moslab.tables import markdown
from moslab.world import iaa, iqa, probe, sheet
from moslab.world.leaks import leaks
from moslab.world.tasks import PRESETS, SEED, SIZES, World, generate
from moslab.world.titles import HELD_OUT, titles
from moslab.world.version import LABELS, PIXELS

TUNING = "The oracles' weights (a, b, offset, taste) were tuned until the bounds lay near the figures the papers report for AVA; nothing else was fitted to any result."


def write_card(docs: Path) -> Path:
    """Measure both tasks and all presets, draw the sheets into docs/sheets and write docs/data_card.md; some two minutes on one core."""
    docs = Path(docs)
    worlds = {(task, preset): generate(task, preset) for task in SIZES for preset in PRESETS[task]}
    for task in SIZES:
        sheet.contact_sheet(task, docs / "sheets" / f"{task}.png")
    sheet.degradation_sheet(docs / "sheets" / "distortions.png")
    return write_atomic(docs / "data_card.md", _text(worlds))


def bounds_table(world: World) -> list[list[str]]:
    """One row per split: name, number of pictures, PLCC of each bound with the MOS ('-' where a bound is constant or absent)."""
    frame, rows = world.table.frame, []
    for split in ("train", "val", "test", "test_novel"):
        chosen = (frame["split"] == split).to_numpy()
        if chosen.any():
            reached = [_plcc(world.bounds[name][chosen], frame["mos"][chosen]) if name in world.bounds else "-" for name in BOUNDS]
            rows.append([f"{world.task} {world.preset}", split, f"{chosen.sum():,}", *reached])
    return rows


BOUNDS = ("truth", "image_text", "image_only", "text_only", "wrong_text")


def _plcc(bound: Iterable[float], mos: Iterable[float]) -> str:
    bound = np.asarray(bound)
    return "-" if np.ptp(bound) < 1e-9 else f"{np.corrcoef(bound, np.asarray(mos))[0, 1]:.3f}"


def _text(worlds: dict[tuple[str, str], World]) -> str:
    default = {task: worlds[task, "default"] for task in SIZES}
    measured = {task: leaks(world.table) for task, world in default.items()}
    views = list(dict.fromkeys(name for found in measured.values() for name in found))
    bounds = markdown(["task", "split", "n", *BOUNDS], [row for world in worlds.values() for row in bounds_table(world)])
    leak_rows = [[task, *(f"{found[view]:.3f}" if view in found else "-" for view in views)] for task, found in measured.items()]
    probed = probe.table()
    probe_rows = [[row["task"], row["latent"], str(row["classes"]), f"{row['n']:,}", f"{row['readability']:.2f}"] for row in probed["table"]]
    preset_rows = [[name, f"{p.b:g}", f"{p.offset:g}", f"{p.compliance:g}", "yes" if p.override else "no"] for name, p in iaa.PRESETS.items()]
    return TEMPLATE.format(
        versions=", ".join(f"{task} {version}" for task, version in LABELS.items()), pixels=PIXELS, seed=SEED,
        scores=markdown(["task", "n", "scale", "mean", "SD of the MOS", "lowest", "highest", "votes per picture", "SD over raters"],
                        [_score_row(world) for world in default.values()]),
        bounds=bounds, leaks=markdown(["task", *views], leak_rows), floor=probe.FLOOR, probe=markdown(["task", "latent", "classes", "n", "readability"], probe_rows),
        presets=markdown(["preset", "b", "offset", "compliance", "a title silences what it names"], preset_rows), a=iaa.A, taste=iaa.TASTE, tuned=TUNING,
        iqa_raters=iqa.RATERS, iaa_raters=iaa.RATERS, titles=len(titles()), held_out=HELD_OUT, clear=probe.CLEAR_SEVERITY, train=probe.TRAIN)


def _score_row(world: World) -> list[str]:
    frame, votes = world.table.frame, world.table.votes
    mos = frame["mos"]
    return [world.task, f"{len(frame):,}", "{:g} to {:g}".format(*world.table.scale), f"{mos.mean():.2f}", f"{mos.std():.2f}", f"{mos.min():.2f}", f"{mos.max():.2f}",
            f"{votes.sum(1).mean():.0f}", f"{frame['sd'].mean():.2f}"]


TEMPLATE = """# Data card: the embedded photo world

Version of the pixels {pixels}, of the labels {versions}, seed {seed}. This page is written by `moslab.world.card`; every number in the tables was measured when it was written.

## What it is
Small pictures (64 x 64 by default, any multiples of 16) drawn by rule in numpy: one subject out of eight in one of seven scenes, with colour, texture, size, place, clutter,
light, saturation, focus, tilt, motion, blur, grain, compression and haze. Two tasks are built on them.

* **iqa**, after KonIQ-10k: an intact picture is distorted in one or two of eight ways; its true mean opinion is a frozen logistic of full-reference differences.
  {iqa_raters} raters per picture, scale 1 to 5, no text. [Pictures by score](sheets/iqa.png), [every distortion at rising severity](sheets/distortions.png).
* **iaa**, after AVA: the score depends on the picture *and* on the challenge it was entered for. About {iaa_raters} raters per picture, scale 1 to 10, {titles} titles;
  {held_out} pair titles are held out as split `test_novel`, every word of which occurs in other titles. [Pictures by score](sheets/iaa.png).

{scores}

Every rater gives a whole number, round(clip(mean + normal)), and MOS and SD come from these votes alone.

## What it is not
No human judged these pictures. The fidelity measure's weights, dead zones and logistic, and the liking of every class, were **set by hand** while looking at the pictures.
{tuned}
So scores here order methods under known conditions; they say nothing about agreement with people, and no value is comparable with a paper's.

## How a score is made (iaa)
mean = {a} x liking of the latents the title does not name + b x match to the title + offset of the title + taste ({taste} x normal, which nobody can see), then a fixed linear map.
A black and white picture has no colour to like or to match; a moving picture has no other blur. A title's offset is a sum over its words, so a new title's follows from known ones.

{presets}

`null` is the control: titles mean nothing there, so a gain from the title is a fault of the experiment.

## Bounds
PLCC with the MOS of the best predictor that knows: the mean before the votes (truth); all latents and the title (image_text); all latents, the title unknown (image_only, by Bayes' rule);
the title alone (text_only); all latents and a wrong title (wrong_text). They are computed from the generator's own tables, so they are upper bounds for what can be read from pixels.
For iqa, image_only is the pseudo-MOS before taste, which needs the original: an upper bound too. The bounds lie in a file of their own that no loader opens.

{bounds}

What a trained model reaches between its bounds, and what the title adds: [learning curves](learning_curves.md).

## Leaks
PLCC on the test pictures of a ridge regression from views too shallow to judge a picture.

{leaks}

## Visibility
A latent may enter a label only if a small convolutional network, trained on {train:,} pre-training pictures, reads it with (balanced accuracy - chance) / (1 - chance) of at least {floor:g}
on pictures as the task shows them; for iqa the question is whether a distortion of severity {clear:g} or more is there or no trace of it.

{probe}

## Known disagreements
A picture that compression, exposure or blur has destroyed still counts as what it was meant to show; a tiny red subject scores as red; motion along a sea or a dune shows little;
heavy exposure of a night scene brightens it rather than spoils it, and its score says so.

## Determinism
Every draw is keyed by (seed, stream, picture number): more pictures never move earlier ones. Specs and the labels of iaa are bit-stable; pixels may differ by one step in one value of ten thousand
between numpy releases. The labels of iqa pass through pixels: fidelity features are rounded to four decimals first, and still a vote or two may move in one picture of a hundred.

## Licence
The pictures and labels are generated and dedicated to the public domain (CC0 1.0); the generator has the licence of the code. No photograph is in them.
"""
