"""Tables that measure embedded sets: scores, what the oracles reach, leaks, and what can be read off."""

from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np

from moslab.analysis.leaks import leaks
from moslab.analysis.tables import markdown
from moslab.datasets.embedded import table_of
from moslab.world import World, probe

ORACLES = ("truth", "image_text", "image_only", "text_only", "wrong_text", "annotated")
Worlds = Mapping[tuple[str, str], World]  # by task and preset


def scores_table(worlds: Iterable[World]) -> str:
    """A row per set: how many pictures, how their scores lie, and by how many raters."""
    header = [
        "task",
        "n",
        "scale",
        "mean",
        "SD of the MOS",
        "lowest",
        "highest",
        "votes per picture",
        "SD over raters",
    ]
    return markdown(header, [_score_row(world) for world in worlds])


def _score_row(world: World) -> list[str]:
    frame = world.labels
    mos = frame["mos"]
    low, high = world.scale
    raters = "-"
    spread = "-"
    if world.votes is not None:
        raters = f"{world.votes.sum(1).mean():.0f}"
        spread = f"{frame['sd'].mean():.2f}"
    return [
        f"{world.task} {world.preset}",
        f"{len(frame):,}",
        f"{low:g} to {high:g}",
        f"{mos.mean():.2f}",
        f"{mos.std():.2f}",
        f"{mos.min():.2f}",
        f"{mos.max():.2f}",
        raters,
        spread,
    ]


def oracles_table(worlds: Iterable[World], oracles: Sequence[str] = ORACLES) -> str:
    """A row per set and split: number of pictures, PLCC of each oracle with the MOS.

    '-' where an oracle says the same of all pictures, or is absent.
    """
    rows = []
    for world in worlds:
        rows += _oracle_rows(world, oracles)
    return markdown(["task", "split", "n", *oracles], rows)


def _oracle_rows(world: World, oracles: Sequence[str]) -> list[list[str]]:
    frame = table_of(world).oriented().frame
    rows = []
    for split in ("train", "val", "test", "test_novel"):
        chosen = (frame["split"] == split).to_numpy()
        if not chosen.any():
            continue
        row = [f"{world.task} {world.preset}", split, f"{chosen.sum():,}"]
        for name in oracles:
            exists = name in world.bounds
            row.append(_plcc(world.bounds[name][chosen], frame["mos"][chosen]) if exists else "-")
        rows.append(row)
    return rows


def _plcc(oracle: Iterable[float], mos: Iterable[float]) -> str:
    oracle = np.asarray(oracle)
    return "-" if np.ptp(oracle) < 1e-9 else f"{np.corrcoef(oracle, np.asarray(mos))[0, 1]:.3f}"


def leaks_table(worlds: Iterable[World]) -> str:
    """PLCC from each shallow view, '-' where a task has none of the kind."""
    measured = {f"{world.task} {world.preset}": leaks(table_of(world).oriented()) for world in worlds}
    views: dict[str, None] = {}  # in the order in which they occur
    for values in measured.values():
        views |= dict.fromkeys(values)
    rows = []
    for name, values in measured.items():
        rows.append([name, *(f"{values[view]:.3f}" if view in values else "-" for view in views)])
    return markdown(["task", *views], rows)


def probe_table(tasks: Collection[str]) -> str:
    """A row per latent that the labels of some tasks speak of: how well it can be read."""
    rows = []
    for row in probe.table()["table"]:
        if row["task"] not in tasks:
            continue
        readability = f"{row['readability']:.2f}"
        rows.append([row["task"], row["latent"], str(row["classes"]), f"{row['n']:,}", readability])
    return markdown(["task", "latent", "classes", "n", "readability"], rows)
