"""Claims of the papers, written down before the first run, and the rules by which our runs agree with them or not.

order        the first arm is better than the second: agrees when the 95 % interval of the difference lies above zero, disagrees below it.
equivalence  two arms (or one computed value and its reference) differ by at most `margin`: agrees when the 90 % interval lies inside
             +-margin, disagrees when it lies wholly outside.
trend        a contrast over several arms, weights in the file: judged like an order.
number       a published value: compared at paper scale only, by the equivalence rule with the given margin.
existence    a thing is there at all: agrees when the interval of the computed value lies above the reference, disagrees when it does not reach it.

Everything else is *not resolved*. A difference is written so that positive means better, for MAE too.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from scipy import stats

from moslab.measures.metrics import METRICS
from moslab.measures.statistics import LEAST_SEEDS, Difference, against_number, contrast
from moslab.utils import paths
from moslab.utils.errors import UserError

PAPERS = paths.PACKAGE / "papers"
Kind = Literal["order", "equivalence", "trend", "number", "existence"]
Source = Literal[
    "paper", "third party's summary", "author's repository", "quoted by someone", "unknown", "our own control"
]
LEVELS = {"order": 0.95, "trend": 0.95, "existence": 0.95, "equivalence": 0.90, "number": 0.90}
LOWER_IS_BETTER = frozenset(
    {"mae", "hallucination", "ncm", "ncm_star", "cross_entropy", "error", "calibration"}
)
# Metrics of scores, which `judge` works out itself, and others that a notebook measures and hands to `judge_value`.
METRIC_NAMES = {
    "srcc": "SRCC",
    "plcc": "PLCC",
    "plcc_logistic4": "PLCC after a logistic fit",
    "mae": "MAE",
    "accuracy": "accuracy",
    "recall": "recall",
    "hallucination": "hallucination",
    "ncm": "NCM",
    "ncm_star": "NCM*",
    "cross_entropy": "cross-entropy",
    "error": "conversion error",
    "calibration": "expected calibration error",
}


class Frozen(BaseModel):
    """Typed, unchangeable, and no key that nobody reads."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Place(Frozen):
    """Where a statement stands; 'unknown' where we could not see it."""

    where: str
    row: str = "unknown"
    column: str = "unknown"

    def __str__(self) -> str:
        cells = (("row", self.row), ("column", self.column))
        return ", ".join([self.where] + [f"{name} {value}" for name, value in cells if value != "none"])


class Claim(Frozen):
    """One statement of one paper.

    arms: names of the arms in the order of the rule. weights: of a trend, summing to zero; unit: what one step of them is. margin: of an
    equivalence or a number, in the metric. reference: what a single computed value is held against. published: a number's values by metric.
    headline: a plain `make reproduce` trains the arms of this claim anew.
    """

    id: str
    paper: str
    place: Place
    source: Source
    statement: str
    kind: Kind
    metric: str
    arms: tuple[str, ...] = ()
    weights: tuple[float, ...] = ()
    unit: str = ""
    margin: float | None = None
    reference: float = 0.0
    published: dict[str, float] = {}
    headline: bool = False

    @model_validator(mode="after")
    def complete(self) -> "Claim":
        """Each kind has what its rule needs and nothing else."""
        problem = incomplete(self)
        if problem:
            raise ValueError(f"claim {self.id}: {problem}")
        return self

    @property
    def paper_says(self) -> str:
        """What stands in the first column of a table: the number with its metric, or the statement."""
        numbers = ", ".join(f"{METRIC_NAMES[name]} {value:.3f}" for name, value in self.published.items())
        return numbers or self.statement


def incomplete(claim: Claim) -> str:
    """What a claim lacks or has too much, in words; empty when nothing."""
    arms = {"order": (2, 2), "equivalence": (1, 2), "trend": (3, 99), "number": (1, 1), "existence": (1, 1)}[
        claim.kind
    ]
    rules = [
        (
            claim.metric not in METRIC_NAMES,
            f"unknown metric {claim.metric!r}, known are {', '.join(METRIC_NAMES)}",
        ),
        (not claim.id.startswith(f"{claim.paper}."), f"its id begins with the paper, {claim.paper}."),
        (
            not arms[0] <= len(claim.arms) <= arms[1],
            f"kind {claim.kind} does not go with {len(claim.arms)} arms",
        ),
        (
            (claim.kind in ("equivalence", "number")) != (claim.margin is not None),
            "equivalence and number have a margin, the others none",
        ),
        ((claim.kind == "trend") != bool(claim.weights), "a trend has weights, the others none"),
        (bool(claim.weights) and len(claim.weights) != len(claim.arms), "one weight per arm"),
        (abs(sum(claim.weights)) > 1e-6, f"the weights sum to {sum(claim.weights):g}, not to zero"),
        (claim.kind == "number" and claim.metric not in claim.published, f"no published {claim.metric}"),
    ]
    return "; ".join(text for wrong, text in rules if wrong)


class Column(Frozen):
    """A column of a printed table. dataset: what it is measured on, '' if nothing of the kind; metric: as the table heads it ('SRCC', 'NCM')."""

    name: str
    dataset: str = ""
    metric: str


class Table(Frozen):
    """A table as printed, cell by cell; None where it prints none ('-', 'N.A.').

    where: 'Table 4'. what: what it shows, in our words. notebook: the number of the one that measures it again, '' while none does. note: what is unclear or wrong about the printed table.
    """

    id: str
    where: str
    what: str
    source: Source
    notebook: str = ""
    note: str = ""
    columns: tuple[Column, ...]
    rows: dict[str, tuple[float | None, ...]]

    @model_validator(mode="after")
    def rectangular(self) -> "Table":
        for name, cells in self.rows.items():
            if len(cells) != len(self.columns):
                raise ValueError(
                    f"table {self.id}, row {name}: {len(cells)} cells under {len(self.columns)} columns"
                )
        return self

    def cell(self, row: str, column: str) -> float | None:
        """One printed value. UserError for a row or column that is not there."""
        names = [one.name for one in self.columns]
        if row not in self.rows or column not in names:
            raise UserError(
                f"Table {self.id} has no cell {row!r}, {column!r}: rows are {', '.join(self.rows)}; columns {', '.join(names)}."
            )
        return self.rows[row][names.index(column)]


class Contradiction(Frozen):
    """Two places of one paper, or a paper and its code, that cannot both be true."""

    id: str
    places: tuple[str, ...]
    what: str


class Paper(Frozen):
    """A paper, its claims, its tables and where it contradicts itself, as papers/<paper>.yaml holds them."""

    paper: str
    title: str
    authors: str
    reference: str
    note: str
    claims: tuple[Claim, ...]
    tables: tuple[Table, ...] = ()
    contradictions: tuple[Contradiction, ...] = ()

    @model_validator(mode="after")
    def named(self) -> "Paper":
        """Ids begin with the paper and occur once."""
        ids = [one.id for part in (self.claims, self.tables, self.contradictions) for one in part]
        foreign, twice = (
            [name for name in ids if not name.startswith(f"{self.paper}.")],
            sorted({name for name in ids if ids.count(name) > 1}),
        )
        if foreign:
            raise ValueError(f"ids begin with the paper, {self.paper}., and {', '.join(foreign)} does not")
        if twice:
            raise ValueError(
                f"holds {', '.join(twice)} twice: give every claim, table and contradiction its own id"
            )
        return self


@dataclass(frozen=True)
class Verdict:
    """What our runs say of one claim, with everything needed to print it. Numbers are None where there are none.

    value: the difference (positive is better), or a computed value less its reference. level, low, high: the interval that decided.
    paper_says: the statement, or published values. on: the dataset. margin: of an equivalence. seeds: 0 for a value computed from labels alone.
    """

    id: str
    paper: str
    place: str
    source: str
    statement: str
    paper_says: str
    kind: str
    metric: str
    on: str
    verdict: Literal["agrees", "disagrees", "not resolved"]
    sentence: str
    value: float | None = None
    se: float | None = None
    df: float | None = None
    low: float | None = None
    high: float | None = None
    level: float | None = None
    margin: float | None = None
    n: int | None = None
    seeds: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """For the result JSON: infinite and undefined numbers become None."""
        return {
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in asdict(self).items()
        }


def load_paper(paper: str) -> Paper:
    """papers/<paper>.yaml, checked."""
    path = PAPERS / f"{paper}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in PAPERS.glob("*.yaml")))
        raise UserError(f"No claims file for paper {paper!r}; there are {known}.")
    return read_paper(path)


def read_paper(path: Path) -> Paper:
    """A claims file; every claim gets the file's paper. UserError names the file and what is wrong in it."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        claims = [{"paper": content["paper"], **claim} for claim in content["claims"]]
        read = Paper(**{**content, "claims": claims})
    except (yaml.YAMLError, ValidationError, KeyError, TypeError) as problem:
        raise UserError(f"{path} is not a claims file: {problem}") from problem
    return read


def load_claims(paper: str) -> dict[str, Claim]:
    """The claims of a paper by id, in the order of the file."""
    return {claim.id: claim for claim in load_paper(paper).claims}


def headline_arms(claims: Mapping[str, Claim]) -> frozenset[str]:
    """Every arm that a headline claim compares."""
    return frozenset(arm for claim in claims.values() if claim.headline for arm in claim.arms)


def judge(
    claim: Claim,
    scores: Mapping[str, np.ndarray],
    target: np.ndarray,
    *,
    on: str = "",
    paper_scale: bool = False,
    allow_few: bool = False,
    n: int = 1000,
    seed: int = 0,
) -> Verdict:
    """The verdict on a claim from test scores by arm, each [seeds, images], and the targets [images].

    on: the dataset's name, for the sentence. paper_scale: the runs are at the paper's own scale, so published numbers may be compared.
    allow_few: fewer than three seeds give 'not resolved' instead of a UserError. n, seed: of the bootstrap.
    """
    if claim.kind == "number" and not paper_scale:
        return verdict_of(
            claim, on, "not resolved", "Not attempted: a published number is compared at paper scale only."
        )
    if claim.metric not in METRICS:
        raise UserError(
            f"Claim {claim.id} is about {METRIC_NAMES[claim.metric]}, which is not worked out from scores: use judge_value."
        )
    arms = chosen(claim, scores)
    options = {"n": n, "seed": seed, "allow_few": allow_few}
    if claim.kind == "number":
        result = against_number(
            claim.metric, arms[claim.arms[0]], claim.published[claim.metric], target, **options
        )
    else:
        sign = -1.0 if claim.metric in LOWER_IS_BETTER else 1.0
        weights = claim.weights or (1.0, -1.0)
        result = contrast(claim.metric, arms, [sign * weight for weight in weights], target, **options)
    return verdict_from_difference(claim, result, on)


def judge_value(
    claim: Claim,
    value: float,
    *,
    n: int,
    on: str = "",
    low: float | None = None,
    high: float | None = None,
    seeds: int = 0,
    what: str = "images",
) -> Verdict:
    """The verdict on a claim about one value that is no metric of scores: computed without training, such as a ceiling (no seeds, an interval only where given), or measured on trained models.

    n: images, or `what`, behind the value. seeds: training runs behind it; fewer than three decide nothing. low, high: the interval of the claim's kind, .90 for an equivalence. The difference
    to the claim's reference is judged, by margin (equivalence) or sign (existence).
    """
    if len(claim.arms) != 1 or claim.kind not in ("equivalence", "existence"):
        raise UserError(
            f"Claim {claim.id} compares {len(claim.arms)} arms by kind {claim.kind}: judge it from scores, not from one value."
        )
    low, high = (value if end is None else end for end in (low, high))
    low, high, gap = (float(end) - claim.reference for end in (low, high, value))
    few = 0 < seeds < LEAST_SEEDS
    spread = "" if low == high else f", interval {low:+.4f} to {high:+.4f}"
    source = (
        f"{seeds} seed{'s' * (seeds != 1)}{', too few for a verdict' * few}"
        if seeds
        else "nothing was trained"
    )
    detail = (
        f"{claim.arms[0]}: {METRIC_NAMES[claim.metric]} {value:.4f}, {gap:+.4f} from {claim.reference:g}"
        f"{spread}{rule(claim)}; n = {n:,} {what}, {source}."
    )
    return verdict_of(
        claim,
        on,
        "not resolved" if few else decide(claim, low, high),
        detail,
        value=gap,
        low=low,
        high=high,
        margin=claim.margin,
        n=n,
        seeds=seeds,
        level=None if low == high else LEVELS[claim.kind],
        se=None if low == high else (high - low) / (2 * stats.norm.ppf((1 + LEVELS[claim.kind]) / 2)),
    )


def chosen(claim: Claim, scores: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The claim's arms in its order."""
    missing = [name for name in claim.arms if name not in scores]
    if missing:
        raise UserError(
            f"Claim {claim.id} needs the arm{'s' * (len(missing) > 1)} {', '.join(missing)}; "
            f"the scores hold {', '.join(scores)}."
        )
    if len(claim.arms) == 1 and claim.kind != "number":
        raise UserError(f"Claim {claim.id} is about one computed value: use judge_value.")
    return {name: scores[name] for name in claim.arms}


def verdict_from_difference(claim: Claim, result: Difference, on: str) -> Verdict:
    """Decide by the interval of the claim's kind, and say so with the numbers."""
    level = LEVELS[claim.kind]
    low, high = result.interval(level)
    verdict = "not resolved" if result.few else decide(claim, low, high)
    detail = (
        f"{subject(claim)} by {result.value:+.4f} {METRIC_NAMES[claim.metric]}{' ' * bool(claim.unit)}{claim.unit} "
        f"({100 * level:.0f} % interval {low:+.4f} to {high:+.4f}){rule(claim)}; n = {result.n:,}, {result.seeds} "
        f"seed{'s' * (result.seeds != 1)}{', too few for a verdict' * result.few}."
    )
    return verdict_of(
        claim,
        on,
        verdict,
        detail,
        value=result.value,
        se=result.se,
        df=result.df,
        low=low,
        high=high,
        level=level,
        margin=claim.margin,
        n=result.n,
        seeds=result.seeds,
    )


def decide(claim: Claim, low: float, high: float) -> Literal["agrees", "disagrees", "not resolved"]:
    """The rule of the claim's kind on an interval; an undefined interval decides nothing."""
    if claim.margin is not None:
        agrees, disagrees = (
            -claim.margin <= low and high <= claim.margin,
            low > claim.margin or high < -claim.margin,
        )
    else:
        agrees, disagrees = low > 0, high < 0 or (claim.kind == "existence" and high <= 0)
    return "agrees" if agrees else "disagrees" if disagrees else "not resolved"


def subject(claim: Claim) -> str:
    """The arms of a difference in words."""
    if claim.kind == "trend":
        return f"{claim.arms[0]} to {claim.arms[-1]} changes"
    if claim.kind == "number":
        return f"{claim.arms[0]} differs from the published {claim.published[claim.metric]:.3f}"
    return f"{claim.arms[0]} differs from {claim.arms[1]}"


def rule(claim: Claim) -> str:
    return "" if claim.margin is None else f", margin {claim.margin:g}"


def verdict_of(claim: Claim, on: str, verdict: str, detail: str, **numbers: Any) -> Verdict:
    """A verdict with the claim's own fields and the finished sentence."""
    opening = f"{verdict.capitalize()}{f' on {on}' * bool(on)}"
    return Verdict(
        id=claim.id,
        paper=claim.paper,
        place=str(claim.place),
        source=claim.source,
        statement=claim.statement,
        paper_says=claim.paper_says,
        kind=claim.kind,
        metric=claim.metric,
        on=on,
        verdict=verdict,
        sentence=f"{opening}. {detail}",
        **numbers,
    )
