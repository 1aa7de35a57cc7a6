"""What notebook 90 shows of the embedded sets: pictures, where scores come from, ceilings and floors."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from moslab.analysis.leaks import leaks
from moslab.analysis.tables import NOTHING, Sentence, say
from moslab.datasets import PUBLISHED
from moslab.datasets.embedded import table_of
from moslab.datasets.stand_ins import stand_ins
from moslab.measures.metrics import plcc
from moslab.measures.statistics import estimate
from moslab.world import World, generate, probe
from moslab.world.like import spaq
from moslab.world.like.faults import severities
from moslab.world.like.opinions import opinions
from moslab.world.tasks import SEED

EXPLAINED = spaq.NAME  # the set whose scores are explained step by step
FORMATS = ("csv", "lists", "pyiqa")  # readers of files in a layout, no dataset of their own
SEEN, PLACE, WORDS = "all that can be seen", "place in the file", "words of the text"
SHALLOW = ("mean colour", "8 x 8 thumbnail", "global statistics")
QUANTILES = {"5 %": 0.05, "median": 0.5, "95 %": 0.95}
TRUE = "true mean"  # what all people of the world would say on average
STEPS = ("what is seen", "and taste", "and raters")


# --- the sets ---------------------------------------------------------------------------------------------


def listed() -> pd.DataFrame:
    """A row per published dataset with a stand-in: the stand-in, what they share, what it lacks."""
    rows = []
    for one in stand_ins().values():
        rows.append((one.published, one.stand_in, one.shares, one.lacks))
    return pd.DataFrame(rows, columns=["published", "stand-in", "shares", "lacks"]).set_index("published")


def chosen(sets: Sequence[str]) -> list[str]:
    """The named stand-ins; for 'all' each of them, in the order of `listed`."""
    if "all" in sets:
        return [one.stand_in for one in stand_ins().values()]
    return list(sets)


def without_stand_in() -> list[str]:
    """Published datasets that the library reads and the world has nothing for."""
    return [name for name in PUBLISHED if name not in stand_ins() and name not in FORMATS]


def in_the_middle(world: World) -> tuple[Image.Image, str]:
    """The picture whose score is the median of its set, and the set's name with the score.

    Of a video, the frame in the middle.
    """
    mos = world.labels["mos"].to_numpy()
    row = int(np.argsort(mos, kind="stable")[len(mos) // 2])
    return table_of(world).pixels.open(row), f"{world.task}\n{mos[row]:.2f}"


def score_table(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """A row per set: pictures, scale, how scores lie on it and by how many raters."""
    columns = ["set", "pictures", "scale", "mean", "SD", "votes per picture", *QUANTILES]
    return pd.DataFrame(rows, columns=columns).set_index("set").fillna(NOTHING)


# --- from latents to a published score --------------------------------------------------------------------


def faults_of(world: World, pictures: Sequence[int]) -> pd.DataFrame:
    """How strong each fault of some pictures of `EXPLAINED` is, and the steps of their score.

    Args:
        world: `EXPLAINED`.
        pictures: their rows, which are also their numbers in the stream of draws.
    """
    spec = spaq.drawn(EXPLAINED, SEED, np.asarray(pictures))
    frame = pd.DataFrame(severities(spec), index=pd.Index(pictures, name="picture"))
    chosen = world.bounds.iloc[list(pictures)]
    frame[STEPS[0]] = chosen["image_only"].to_numpy()
    frame[STEPS[1]] = chosen["truth"].to_numpy()
    frame["published"] = world.labels["mos"].to_numpy()[list(pictures)]
    return frame


def steps(world: World) -> pd.DataFrame:
    """What each step adds to a score (SD), and how the sum goes with what is published."""
    mos = world.labels["mos"].to_numpy()
    stages = dict(zip(STEPS, (world.bounds["image_only"], world.bounds["truth"], mos), strict=True))
    rows, before = {}, np.full(len(mos), world.bounds["image_only"].mean())
    for name, values in stages.items():
        now = np.asarray(values)
        rows[name] = {"adds, SD": (now - before).std(), "PLCC with published": plcc(now, mos)}
        before = now
    return pd.DataFrame(rows).T.rename_axis("step")


def answers(world: World, raters: int) -> np.ndarray:
    """Votes [n, 101] of so many people about the pictures of `EXPLAINED`.

    The set's own number of them gives its published scores.
    """
    ids, truth = np.arange(len(world.labels)), world.bounds["truth"].to_numpy()
    deviation, scale = spaq.RATER_DEVIATION, spaq.SCALE
    stream = f"{EXPLAINED}.MOS"
    return opinions(stream, SEED, ids, truth, raters=raters, deviation=deviation, scale=scale)[0]


def mean_of(votes: np.ndarray) -> np.ndarray:
    """Mean opinions [n] of votes [n, 101] from 0 to 100."""
    return votes @ np.arange(votes.shape[1]) / votes.sum(1)


def by_raters(world: World, numbers: Sequence[int]) -> pd.DataFrame:
    """The ceiling of `EXPLAINED`, PLCC of all that can be seen, if other numbers of people had rated it."""
    rows = {}
    for number in numbers:
        mos = mean_of(answers(world, number))
        rows[number] = {
            SEEN: plcc(world.bounds["image_only"], mos),
            TRUE: plcc(world.bounds["truth"], mos),
        }
    return pd.DataFrame(rows).T.rename_axis("raters per picture")


# --- ceilings and floors ----------------------------------------------------------------------------------


def measured(sets: Sequence[str], images: int | None) -> list[dict[str, Any]]:
    """Each set drawn with so many pictures: `scores_of` and `ceiling_and_floor`."""
    rows = []
    for name in sets:
        world = generate(name, n=images)
        rows.append({"set": name, **scores_of(world), **ceiling_and_floor(world)})
    return rows


def scores_of(world: World) -> dict[str, Any]:
    """How published scores lie: columns of `score_table`, `QUANTILES` on a scale from 0 to 1."""
    mos = world.labels["mos"]
    low, high = world.scale
    votes = None if world.votes is None else f"{world.votes.sum(1).mean():.0f}"
    shares = ((mos - low) / (high - low)).quantile(list(QUANTILES.values())).tolist()
    return {
        "pictures": len(mos),
        "scale": f"{low:g} to {high:g}",
        "mean": float(mos.mean()),
        "SD": float(mos.std()),
        "votes per picture": votes,
        **dict(zip(QUANTILES, shares)),
    }


def ceiling_and_floor(world: World) -> dict[str, Any]:
    """What knows everything and what knows next to nothing, as PLCC on the test pictures.

    Returns:
        n (test pictures), what the oracle knows, its value, low and high (95 % interval over pictures),
        true mean (what raters miss), then each shallow view, see `moslab.analysis.leaks`.
    """
    table = table_of(world).oriented()
    tested = table.frame["split"].str.startswith("test").to_numpy()
    mos = table.frame["mos"].to_numpy()[tested]
    knows = "image_text" if "image_text" in world.bounds else "image_only"
    band = estimate("plcc", world.bounds[knows].to_numpy()[None, tested], mos, n=300, allow_few=True)
    return {
        "n": int(tested.sum()),
        "knows": knows.replace("image_text", "picture and text").replace("image_only", "picture"),
        "value": band.value,
        "low": band.low95,
        "high": band.high95,
        TRUE: plcc(world.bounds["truth"].to_numpy()[tested], mos),
        **leaks(table),
    }


def league(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Ceiling and floors of each set; empty where a set has no texts."""
    columns = ["set", "n", "knows", TRUE, "value", *SHALLOW, PLACE, WORDS]
    frame = pd.DataFrame(rows, columns=columns).set_index("set")
    return frame.rename(columns={"value": SEEN})


def drawn(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The same for `figures.attributes`: a row per set and shallow view, the oracle as ceiling."""
    views = ("mean colour", "global statistics", PLACE)
    found = []
    for row in rows:
        for view in views:
            found.append(("ceiling and floors", row["set"], view, *[row[view]] * 3, row["value"]))
    return pd.DataFrame(found, columns=["panel", "attribute", "arm", "value", "low", "high", "ceiling"])


def hardest_to_see(sets: Collection[str], per_set: int = 1) -> pd.DataFrame:
    """The latents of each set's labels that the probe reads worst from pictures."""
    frame = pd.DataFrame(probe.table()["table"])
    own = frame[frame["task"].isin(sets)].sort_values("readability", kind="stable")
    worst = own.groupby("task", sort=False).head(per_set)
    return worst.set_index("task")[["latent", "classes", "n", "readability"]].rename_axis("set")


# --- sentences --------------------------------------------------------------------------------------------


def answer(rows: Sequence[Mapping[str, Any]]) -> Sentence:
    """How much there is to learn on the sets, and how much of it is nearly free."""
    if not rows:
        return say("No drawn sets are looked at in this profile.")
    top, bottom = _extremes(rows, "value")
    free, bare = _extremes(rows, "global statistics")
    return say(
        "Whoever sees all that is shown goes with the published scores by a PLCC of {low} ({bottom}) to "
        "{high} ({top}), a ridge regression on global pixel statistics by {least} ({bare}) to {most} "
        "({free}). What lies between is room to compare methods in; agreement with people is nowhere in it.",
        low=bottom["value"],
        bottom=bottom["set"],
        high=top["value"],
        top=top["set"],
        least=bare["global statistics"],
        bare=bare["set"],
        most=free["global statistics"],
        free=free["set"],
    )


def findings(rows: Sequence[Mapping[str, Any]], added: pd.DataFrame, raters: pd.DataFrame) -> list[str]:
    """The notebook's findings, a sentence or two each.

    Args:
        rows: as from `measured`.
        added: as from `steps`.
        raters: as from `by_raters`.
    """
    taste, votes = added["adds, SD"][STEPS[1]], added["adds, SD"][STEPS[2]]
    few, many = raters.index.min(), raters.index.max()
    lines = [
        say(
            "**Where a score comes from** ({name}): what can be seen has a standard deviation of {seen}; "
            "taste adds {taste} and raters {votes}, on a scale of 100.",
            name=EXPLAINED,
            seen=added["adds, SD"][STEPS[0]],
            taste=taste,
            votes=votes,
        ),
        say(
            "**Raters**: the ceiling is {low} with {few} of them and {high} with {many}. What is then left "
            "below 1 is taste, which no number of raters takes away.",
            low=raters[SEEN][few],
            few=int(few),
            high=raters[SEEN][many],
            many=int(many),
        ),
    ]
    return [*map(str, lines), *(_of_sets(rows) if rows else [])]


def _of_sets(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    widest, narrowest = _extremes([{**row, "gap": row["value"] - _best(row)} for row in rows], "gap")
    place = max(rows, key=lambda row: abs(row[PLACE]))
    return [
        say(
            "**Room for methods**: between the best shallow view and all that can be seen lie {low} PLCC "
            "({narrow}) to {high} ({wide}).",
            low=narrowest["gap"],
            narrow=narrowest["set"],
            high=widest["gap"],
            wide=widest["set"],
        ),
        say(
            "**Leaks**: the place in the file goes with the score by a PLCC of at most {value}, whatever its "
            "sign ({name}). Chance alone stays below {chance} in 95 of 100 cases at {n} test pictures.",
            value=abs(place[PLACE]),
            name=place["set"],
            n=place["n"],
            chance=2 / np.sqrt(place["n"]),
        ),
    ]


def _best(row: Mapping[str, Any]) -> float:
    return max(row[view] for view in SHALLOW)


def _extremes(rows: Sequence[Mapping[str, Any]], name: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The rows with the largest and the smallest value of a name."""
    ordered = sorted(rows, key=lambda row: row[name])
    return ordered[-1], ordered[0]
