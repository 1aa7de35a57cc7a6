"""Small frames for every figure that draws one, and the figure of each."""

from collections.abc import Callable
from functools import partial
from itertools import product

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from moslab.analysis import figures

Draw = Callable[[pd.DataFrame], Figure]
INTERVAL = (0.82, 0.75, 0.9)  # value, low, high


def crossed(columns: dict[str, tuple], **numbers: float) -> pd.DataFrame:
    """A row per combination of the columns' values, with the same numbers in each row."""
    frame = pd.DataFrame(list(product(*columns.values())), columns=list(columns))
    return frame.assign(**numbers)


def with_interval(columns: dict[str, tuple]) -> pd.DataFrame:
    """`crossed` with a value that grows from row to row, and its interval."""
    frame = crossed(columns)
    value = 0.8 + frame.index / 200
    return frame.assign(value=value, low=value - 0.03, high=value + 0.02)


TASKS = ("iqa", "iaa")
ARMS = ("one", "two")
CEILINGS = crossed({"convention": ("linspace", "midpoints"), "K": (5, 11, 51)}, srcc=0.9)
CODINGS = crossed({"dataset": TASKS, "coding": ("levels", "bins", "digits")}, srcc=0.9)
TITLES = pd.DataFrame({"image": [0.6, 0.7, 0.8], "nothing": [0.7, 0.8, 0.9], "all": [0.65, 0.72, 0.81]})
SWEEP = with_interval({"K": (5, 11, 51)})
JUDGED = with_interval({"label": ("first claim", "second claim", "third claim")})
PHOTOS = crossed(
    {"degradation": ("blur", "noise"), "photo": ("cat", "coffee"), "strength": (0, 0.5, 1)}, score=3.0
)
GROWTH = with_interval({"arm": ARMS, "images": (1000, 5000, 20_000)})
BASES = with_interval({"arm": ARMS, "base": ("early", "middle", "base")})
LINES = with_interval({"dataset": TASKS, "arm": ARMS, "x": (1, 2, 4)})
DOTS = with_interval({"dataset": TASKS, "arm": ("one", "two", "three")})
ROUNDED = crossed({"dataset": TASKS, "mapping": ("0-9.99", "1-9.99")}, labels=0.95, srcc=0.8, shrunk=0.79)
ROUNDED["against rounded"] = 0.81
PRINTED = {"iqa": ("KonIQ-10k", 0.9, 0.85), "iaa": ("AVA", 0.8, 0.7)}
STEPS = with_interval(
    {"dataset": TASKS, "quantity": ("NCM", "cross-entropy"), "arm": ARMS, "step": (10, 20, 30)}
)
SAID = crossed({"said": (3.9, 4.0, 4.1)}, cross_entropy=1.0, ncm=0.5, ncm_removed=0.2)
ERRORS = crossed({"arm": ARMS, "low": (1.0, 2.0, 3.0)}, high=0.0, n=10, label_approximation=0.1, whole=0.3)
ERRORS["high"] = ERRORS["low"] + 1
ANSWERS = with_interval({"kind": ("counts", "attributes"), "way": ("chosen", "written"), "arm": ARMS})
ANSWERS["before"] = 0.7
ROUTES = with_interval({"row": ("trained on iqa", "trained on iaa"), "tested": TASKS})
LEADS = crossed({"row": ("digits", "tokens"), "tested": TASKS}, value=0.02, low=-0.01, high=0.05)


def by_task(draw: Callable[[dict[str, pd.DataFrame]], Figure], frame: pd.DataFrame) -> Figure:
    """A figure of frames by task, from the same frame for both."""
    return draw({task: frame for task in TASKS})


PAIRS = pd.DataFrame(
    [
        ("SRCC", "long", "short", 0.03, 0.02, 0.01, 0.03, "same"),
        ("SRCC", "long", "none", 0.1, 0.0, -0.1, 0.1, "open"),
    ],
    columns=["column", "better", "worse", "printed", "ours", "low", "high", "order"],
)

# Every figure made from a frame: what draws it, its frame, and the column of its series ('' if none).
CASES: dict[str, tuple[Draw, pd.DataFrame, str]] = {
    "ceilings": (partial(by_task, figures.ceilings), CEILINGS, "convention"),
    "coding_ceilings": (figures.coding_ceilings, CODINGS, "dataset"),
    "title_gain": (partial(figures.title_gain, published=(0.84, 0.9)), TITLES, ""),
    "bin_sweep": (
        partial(by_task, partial(figures.bin_sweep, references={"iqa": {"levels": INTERVAL}}, oracles={})),
        SWEEP,
        "",
    ),
    "differences": (partial(figures.differences, margin=0.01), JUDGED, ""),
    "degraded_photos": (figures.degraded_photos, PHOTOS, "photo"),
    "learning_curve": (partial(figures.learning_curve, oracles={"one": 0.95}), GROWTH, "arm"),
    "base_curve": (partial(by_task, figures.base_curve), BASES, "arm"),
    "lines": (partial(figures.lines, x="x", xlabel="epochs", ylabel="SRCC"), LINES, "arm"),
    "dots": (partial(figures.dots, xlabel="SRCC"), DOTS, "arm"),
    "attributes": (
        figures.attributes,
        DOTS.assign(panel=DOTS["dataset"], attribute="light", ceiling=0.9),
        "arm",
    ),
    "rounding": (partial(figures.rounding, printed=PRINTED), ROUNDED, "mapping"),
    "printed_orders": (partial(figures.printed_orders, where="Table 1"), PAIRS, ""),
    "ncm_curves": (partial(figures.ncm_curves, width=10), STEPS, "arm"),
    "numerical_ambiguity": (partial(figures.numerical_ambiguity, truth=4.0, marked=(3.9,)), SAID, ""),
    "conversion_error": (figures.conversion_error, ERRORS, "arm"),
    "semantic_confusion": (figures.semantic_confusion, ANSWERS, "arm"),
    "transfer": (partial(figures.transfer, leads=LEADS, tested=TASKS), ROUTES, ""),
}


def shown(figure: Figure) -> list[Axes]:
    """The panels that are not blank."""
    return [axis for axis in figure.axes if axis.axison]


def texts(legend) -> list[str]:
    """The entries of a legend."""
    return [text.get_text() for text in legend.get_texts()]


def row_names(axis: Axes) -> list[str]:
    """The names of a panel's rows, from below."""
    return [label.get_text() for label in axis.get_yticklabels()]
