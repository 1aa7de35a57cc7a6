"""Scores of several arms on the same test pictures, and the questions that every notebook asks of them.

Tables, interval bands, paired differences and verdicts all start from a `Measured`; several of them, by the
name under which they are shown (a dataset, or a dataset and a condition), are a notebook's measurements.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from moslab.analysis import oracles
from moslab.analysis.claims import Claim, Verdict, judge, signed_weights
from moslab.analysis.tables import interval, scores_table, signed
from moslab.datasets import EMBEDDED
from moslab.experiments.experiment import Experiment
from moslab.measures.statistics import LEAST_SEEDS, Difference, compare, contrast, estimate
from moslab.utils.errors import UserError

RESAMPLES = 1000  # of the test pictures, for intervals
# The papers' backbones as claims name them, and what the folder or hub id of one holds.
PAPERS_MODELS = {
    "Qwen2-VL-2B": "Qwen2-VL-2B-Instruct",
    "Qwen2-VL-7B": "Qwen2-VL-7B-Instruct",
    "LLaVA 1.5": "llava-1.5-7b",
    "mPLUG-Owl2": "mplug-owl2",
}


@dataclass(frozen=True)
class Measured:
    """What some arms say of the same test pictures.

    Attributes:
        scores: by arm, `[seeds, n]`, on the label scale.
        target: the mean opinion scores that all of them are compared with, `[n]`.
        dataset: whose test pictures they are.
        preset: the dataset's variant.
        split: which of its pictures.
        images: how many pictures an embedded dataset was generated with; None for its own number.
        test_images: the first so many of the split; None for all.
        oracle: SRCC of the best predictor that sees the picture alone; None where nobody knows it.
        model: the backbone of a run at the papers' own scale, see `papers_model`; '' for any other.
    """

    scores: Mapping[str, np.ndarray]
    target: np.ndarray
    dataset: str
    preset: str = "default"
    split: str = "test"
    images: int | None = None
    test_images: int | None = None
    oracle: float | None = None
    model: str = ""

    @classmethod
    def of(
        cls,
        scores: Mapping[str, np.ndarray],
        target: np.ndarray,
        experiment: Experiment,
        split: str,
        papers: bool = False,
    ) -> "Measured":
        """Scores of a split of what `experiment` was tested on; `papers`: trained as the papers did it."""
        spec = experiment.tested_on
        return cls(
            scores,
            target,
            dataset=spec.name,
            preset=spec.preset,
            split=split,
            images=spec.images,
            test_images=experiment.test_images,
            model=papers_model(experiment) if papers else "",
        )

    @property
    def named(self) -> dict[str, np.ndarray]:
        """The scores under the names by which published numbers call them, too: 'bins K=51, Qwen2-VL-2B'."""
        if not self.model:
            return dict(self.scores)
        return {**self.scores, **{f"{arm}, {self.model}": runs for arm, runs in self.scores.items()}}

    @property
    def few(self) -> bool:
        """Whether there are too few training seeds for a verdict."""
        return any(len(runs) < LEAST_SEEDS for runs in self.scores.values())

    def value_of_oracle(self, knows: str = "image_only") -> float | None:
        """SRCC of the best predictor that knows so much; None where there is none."""
        return oracles.oracle_value(self.dataset, self.target, knows=knows, **self._which())

    def leads_over_oracle(self, knowing: Mapping[str, Collection[str]] | None = None) -> dict[str, float]:
        """Lower 99 % limit of each arm's lead over its oracle, in SRCC.

        An arm with a run that gives every picture one score has no SRCC and no lead.

        Args:
            knowing: arms that are shown more than the picture, by the oracle that knows as much.

        Raises:
            UserError: for a limit above zero, since labels then leak into what the model sees.
        """
        shown_more: dict[str, str] = {}
        for oracle, arms in (knowing or {}).items():
            shown_more |= dict.fromkeys(arms, oracle)
        leads: dict[str, float] = {}
        for oracle in ("image_only", *(knowing or {})):
            arms = [arm for arm in self.scores if shown_more.get(arm, "image_only") == oracle]
            scores = {arm: self.scores[arm] for arm in arms if self._ranks(arm)}
            leads |= oracles.stop_at_leak(self.dataset, scores, self.target, knows=oracle, **self._which())
        return leads

    def _ranks(self, arm: str) -> bool:
        """Whether no run of an arm gives every picture the same score."""
        return bool(np.ptp(self.scores[arm], axis=1).all())

    def _which(self) -> dict[str, Any]:
        return {
            "split": self.split,
            "images": self.images,
            "test_images": self.test_images,
            "preset": self.preset,
        }


def papers_model(experiment: Experiment) -> str:
    """The model of a run at the papers' own scale, as they name it: 'Qwen2-VL-7B'; '' for any other run.

    Such a run has one of their backbones, a published dataset, and all of its pictures in training and test.
    """
    spec = experiment.tested_on
    whole = experiment.train_images is None and experiment.test_images is None
    if not whole or any(part.name in EMBEDDED for part in spec.parts):
        return ""
    name = experiment.backbone.casefold()
    return next((model for model, folder in PAPERS_MODELS.items() if folder.casefold() in name), "")


def oracle_texts(measured: Mapping[str, Measured]) -> dict[str, str]:
    """The oracle as tables show it, by name; names without an oracle are left out."""
    return {name: f"oracle {one.oracle:.4f}" for name, one in measured.items() if one.oracle}


def table(
    measured: Mapping[str, Measured], metric: str = "srcc", paper: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """One row per dataset and arm, in the columns of `tables.scores_table`.

    Args:
        paper: what a paper prints, a text per arm.
    """
    texts = oracle_texts(measured)
    parts = {}
    for name, one in measured.items():
        parts[name] = scores_table(
            metric,
            one.scores,
            one.target,
            paper=paper,
            oracles=texts.get(name, ""),
            allow_few=one.few,
        )
    return pd.concat(parts, names=["dataset"])


def bands(
    measured: Mapping[str, Measured],
    arms: Iterable[str] | None = None,
    metric: str = "srcc",
    resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """Each arm's metric with its 95 % interval over test pictures and seeds, for a figure.

    Args:
        arms: which, in this order; all if not given. Those that were not measured are left out.

    Returns:
        One row per name and arm: dataset, arm, value, low, high.
    """
    rows = []
    for name, one in measured.items():
        for arm in one.scores if arms is None else arms:
            if arm in one.scores:
                band = estimate(metric, one.scores[arm], one.target, n=resamples, allow_few=one.few)
                rows.append((name, arm, band.value, band.low95, band.high95))
    return pd.DataFrame(rows, columns=["dataset", "arm", "value", "low", "high"])


def gaps(
    measured: Mapping[str, Measured],
    pairs: Mapping[str, tuple[str, str]],
    metric: str = "srcc",
    resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """Paired differences between arms on the same pictures, without a verdict.

    Args:
        pairs: what a difference says -> (first arm, second arm); the first less the second is shown.
            Pairs of which an arm was not measured are left out.

    Returns:
        One row per name and pair: the difference of the two metrics, its 95 % interval, n, seeds.
    """
    column = f"difference in {metric.upper()}"
    columns = ["dataset", "what", column, "low 95 %", "high 95 %", "n", "seeds"]
    rows = []
    for name, one in measured.items():
        for what, (first, second) in pairs.items():
            if first in one.scores and second in one.scores:
                gap = compare(
                    metric,
                    one.scores[first],
                    one.scores[second],
                    one.target,
                    n=resamples,
                    allow_few=one.few,
                )
                rows.append((name, what, gap.value, gap.low95, gap.high95, gap.n, gap.seeds))
    return pd.DataFrame(rows, columns=columns).set_index(["dataset", "what"]).round(4)


def judgeable(claims: Iterable[Claim], arms: Collection[str], dataset: str = "") -> list[Claim]:
    """The claims that scores of these arms can decide.

    Left out are claims about a difference that another claim's verdict speaks for, and published numbers of
    other data than `dataset`.
    """
    chosen = []
    for claim in claims:
        of_other_data = claim.kind == "number" and (not dataset or claim.dataset != dataset)
        if not of_other_data and not claim.judged_with and set(claim.arms) <= set(arms):
            chosen.append(claim)
    return chosen


def judge_all(claims: Iterable[Claim], measured: Mapping[str, Measured]) -> list[Verdict]:
    """A verdict on each claim wherever its arms were measured: claim by claim, name by name."""
    verdicts = []
    for claim in claims:
        for name, one in measured.items():
            if judgeable([claim], one.named, one.dataset if one.model else ""):
                verdicts.append(_judged(claim, one, name))
    return verdicts


def _judged(claim: Claim, one: Measured, name: str = "") -> Verdict:
    return judge(
        claim,
        one.named,
        one.target,
        on=name,
        embedded=one.dataset in EMBEDDED,
        paper_scale=bool(one.model),
        allow_few=one.few,
    )


def change_of_lead(
    claims: Iterable[Claim],
    before: Mapping[str, Measured],
    after: Mapping[str, Measured],
    called: tuple[str, str],
    resamples: int = RESAMPLES,
) -> pd.DataFrame:
    """How much the lead that a claim is about changes from one condition to another.

    The two conditions are matched in their order: the first of `before` with the first of `after`. The change
    is a difference of differences, paired over test pictures; verdicts of different names do not show one.

    Args:
        called: what the two conditions are called in the columns, for example ("larger", "smaller").

    Returns:
        One row per claim and dataset: lead and verdict under both conditions, their change and its interval.
    """
    first, second = called
    rows = []
    for claim in claims:
        for one, other in zip(before.values(), after.values(), strict=True):
            if not (judgeable([claim], one.scores) and judgeable([claim], other.scores)):
                continue
            old = _judged(claim, one)
            new = _judged(claim, other)
            change = _change(claim, one, other, resamples)
            rows.append(
                {
                    "claim": claim.id,
                    "dataset": one.dataset,
                    "metric": claim.metric,
                    first: signed(old.value),
                    f"verdict, {first}": old.verdict,
                    second: signed(new.value),
                    f"verdict, {second}": new.verdict,
                    f"interval, {second}": interval(new.low, new.high, new.level),
                    f"{second} less {first}": signed(change.value),
                    "its interval": interval(change.low95, change.high95, 0.95),
                }
            )
    return pd.DataFrame(rows).set_index(["claim", "dataset"]) if rows else pd.DataFrame()


def _change(claim: Claim, before: Measured, after: Measured, resamples: int) -> Difference:
    """The claim's difference under the second condition less that under the first; positive is better."""
    weights = signed_weights(claim)
    arms = [after.scores[arm] for arm in claim.arms] + [before.scores[arm] for arm in claim.arms]
    weights += [-weight for weight in weights]
    return contrast(claim.metric, arms, weights, after.target, n=resamples, allow_few=after.few)


def change_of_gap(
    pair: tuple[str, str],
    before: Mapping[str, Measured],
    after: Mapping[str, Measured],
    condition: str,
    metric: str = "srcc",
) -> pd.DataFrame:
    """How much more the first of two arms changes than the second, from one condition to another.

    The two conditions are matched in their order, as in `change_of_lead`.

    Args:
        condition: what is new under `after`, as the columns say it.

    Returns:
        One row per dataset: the change of each arm, the difference of the changes with its 95 % interval,
        n and seeds.
    """
    first, second = pair
    rows = []
    for one, other in zip(before.values(), after.values(), strict=True):
        arms = [other.scores[first], one.scores[first], other.scores[second], one.scores[second]]
        few = one.few or other.few
        change = contrast(metric, arms, [1, -1, -1, 1], one.target, allow_few=few)
        row: dict[str, Any] = {"dataset": one.dataset}
        for arm in pair:
            own = compare(metric, other.scores[arm], one.scores[arm], one.target, allow_few=few)
            row[f"{arm}, change {condition}"] = own.value
        row |= {f"{first} less {second}": change.value, "low 95 %": change.low95, "high 95 %": change.high95}
        rows.append(row | {"n": change.n, "seeds": change.seeds})
    return pd.DataFrame(rows).set_index("dataset").astype({"n": int, "seeds": int}).round(4)


def merged(*measurements: Mapping[str, Measured]) -> dict[str, Measured]:
    """Arms that were measured apart on the same test pictures, together by name; the first one's names stay.

    Raises:
        UserError: where the test pictures differ.
    """
    together = dict(measurements[0])
    for further in measurements[1:]:
        for name, one in together.items():
            other = further.get(name)
            if other is None:
                continue
            if not np.array_equal(one.target, other.target):
                raise UserError(f"The arms on {name} were tested on different pictures: compare them apart.")
            together[name] = replace(one, scores={**one.scores, **other.scores})
    return together


def forest(verdicts: Iterable[Verdict]) -> pd.DataFrame:
    """Judged differences with the interval that decided, for `figures.differences`; trends are left out.

    Returns:
        One row per verdict: label, value, low, high.
    """
    rows = []
    for verdict in verdicts:
        if verdict.kind != "trend":
            statement = verdict.id.split(".")[1].replace("_", " ")
            rows.append((f"{statement} ({verdict.on})", verdict.value, verdict.low, verdict.high))
    return pd.DataFrame(rows, columns=["label", "value", "low", "high"])


def renamed(measurements: Mapping[str, Measured], names: Mapping[str, str]) -> dict[str, Measured]:
    """Some arms of each measurement under other names.

    Args:
        names: of the arms that are kept, as they are called -> as they shall be called.
    """
    chosen = {}
    for name, one in measurements.items():
        scores = {new: one.scores[old] for old, new in names.items() if old in one.scores}
        chosen[name] = replace(one, scores=scores)
    return chosen
