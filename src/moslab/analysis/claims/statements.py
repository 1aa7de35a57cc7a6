"""What a claim is: one statement of one paper, with its place there and what its rule needs."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator

Kind = Literal["order", "equivalence", "trend", "number", "existence"]
CONTROL = "our own control"  # the source of claims that no paper makes
Source = Literal[
    "paper", "third party's summary", "author's repository", "quoted by someone", "unknown", "our own control"
]
# How many arms a claim of each kind may name, from least to most.
ARMS = {"order": (2, 2), "equivalence": (1, 2), "trend": (3, 99), "number": (1, 1), "existence": (1, 1)}
LOWER_IS_BETTER = frozenset(
    {"mae", "hallucination", "ncm", "ncm_star", "cross_entropy", "error", "calibration"}
)
# Metrics of scores, which `judge` computes itself, and others, which a notebook hands to `judge_value`.
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
    "cider": "CIDEr",
    "tuples": "F of tuples",
}


class Frozen(BaseModel):
    """A typed, immutable part of a claims file; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Place(Frozen):
    """Where a statement stands; 'unknown' where we could not see it, 'none' where there is none."""

    where: str
    row: str = "unknown"
    column: str = "unknown"

    def __str__(self) -> str:
        parts = [self.where]
        if self.row != "none":
            parts.append(f"row {self.row}")
        if self.column != "none":
            parts.append(f"column {self.column}")
        return ", ".join(parts)


class Apart(Frozen):
    """Why a claim stands outside every count.

    Attributes:
        kind: 'arithmetic' for what follows from labels alone, 'by construction' for what the embedded world,
            or the texts that the embedded bases were taught with, were made to show. The second is lifted
            where data and models are not ours.
        why: in a few words.
    """

    kind: Literal["arithmetic", "by construction"]
    why: str


class Claim(Frozen):
    """One statement of one paper.

    Attributes:
        arms: names of the arms in the order of the rule.
        weights: of a trend, summing to zero.
        unit: what one step of the weights is.
        margin: of an equivalence or a number, in the metric.
        worth: the smallest difference worth knowing, in the metric; of a trend in its unit.
        apart: why it stands outside every count, if it does.
        judged_with: the claim that is about the same difference, whose verdict speaks for this one.
        reference: what a single computed value is compared with.
        published: a number's values by metric.
        dataset: what a published number was tested on.
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
    worth: float = 0.01
    apart: Apart | None = None
    judged_with: str = ""
    reference: float = 0.0
    published: dict[str, float] = {}
    dataset: str = ""
    headline: bool = False

    @model_validator(mode="after")
    def complete(self) -> "Claim":
        """Each kind has what its rule needs and nothing else."""
        problems = problems_of(self)
        if problems:
            raise ValueError(f"claim {self.id}: {'; '.join(problems)}")
        return self

    @property
    def smallest(self) -> float:
        """The smallest difference worth knowing: the margin, where there is one."""
        return self.worth if self.margin is None else self.margin

    @property
    def published_values(self) -> str:
        """'SRCC 0.899, PLCC 0.901'; empty where no number is published."""
        values = [f"{METRIC_NAMES[name]} {value:.3f}" for name, value in self.published.items()]
        return ", ".join(values)

    @property
    def paper_says(self) -> str:
        """What stands in the first column of a table: the number with its metric, or the statement."""
        return self.published_values or self.statement


def problems_of(claim: Claim) -> list[str]:
    """What a claim lacks or has too much, in words; empty when it is complete."""
    problems = []
    least, most = ARMS[claim.kind]
    needs_margin = claim.kind in ("equivalence", "number")
    total = sum(claim.weights)
    if claim.metric not in METRIC_NAMES:
        problems.append(f"unknown metric {claim.metric!r}, known are {', '.join(METRIC_NAMES)}")
    if not claim.id.startswith(f"{claim.paper}."):
        problems.append(f"its id begins with the paper, {claim.paper}.")
    if not least <= len(claim.arms) <= most:
        problems.append(f"kind {claim.kind} does not go with {len(claim.arms)} arms")
    if needs_margin != (claim.margin is not None):
        problems.append("equivalence and number have a margin, the others none")
    if (claim.kind == "trend") != bool(claim.weights):
        problems.append("a trend has weights, the others none")
    if claim.weights and len(claim.weights) != len(claim.arms):
        problems.append("one weight per arm")
    if abs(total) > 1e-6:
        problems.append(f"the weights sum to {total:g}, not to zero")
    if claim.kind == "number" and claim.metric not in claim.published:
        problems.append(f"no published {claim.metric}")
    if (claim.kind == "number") != bool(claim.dataset):
        problems.append("a number names its dataset, the others none")
    return problems
