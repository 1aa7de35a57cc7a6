"""What notebook 05 shows and says of its comparison: who lies at the top, and what each step changes."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from scipy import stats

from moslab.analysis.claims import Verdict
from moslab.analysis.gap_tables import across, of_pair, with_interval
from moslab.analysis.measured import RESAMPLES, Measured
from moslab.analysis.tables import Sentence, say
from moslab.analysis.verdict_tables import by_dataset, of_claim
from moslab.experiments.tuning import CANDIDATES
from moslab.measures.metrics import srcc
from moslab.measures.statistics import LEAST_SEEDS, Difference, compare

# What arms are called in sentences.
PLAIN = {
    "levels": "five level words",
    "soft_levels": "soft level words",
    "bins K=51": "51 bins",
    "digits M=3": "written digits",
    "digits M=3, each digit's mean": "digits read by their means",
    "regression": "plain regression",
    "regression, from logits": "regression from vocabulary logits",
    "roc": "regression on score tokens",
    "roc coupled": "regression on level words",
    "qscorer 5": "five score tokens with a network",
    "qscorer 1": "one score token with a network",
}
DIGITS = "realqa.digits_beat_regression"
LONGER = "realqa.digits_beat_longer_regression"
TOKENS = "roc4mllm.beats_levels"
WRITTEN = "roc4mllm.beats_written_scores"
NETWORK = "qscorer.beats_levels"
SOFT = "qscorer.beats_soft_levels"
HINT = " With fewer than three training seeds this is no more than a hint."


def standings(measured: Mapping[str, Measured], resamples: int = RESAMPLES) -> pd.DataFrame:
    """Every arm's distance in SRCC from the best one of its dataset, paired over test pictures.

    Which arm is best is seen from the same pictures, so each of its rivals is given its share of the error:
    the intervals of a dataset hold together with 95 %.

    Returns:
        A row per dataset and arm, best first and undefined ones last: SRCC (mean of single runs), behind (the
        best arm's SRCC less this one's), low, high, at the top (the interval reaches zero, so that the arm
        cannot be told apart from the best), n and seeds.

    Source:
        Hsu, 1984, on comparisons with the best; Bonferroni's bound in place of exact quantiles.
    """
    parts = {name: _standing(one, resamples) for name, one in measured.items()}
    return pd.concat(parts, names=["dataset"])


def _standing(one: Measured, resamples: int) -> pd.DataFrame:
    """The rows of `standings` of one dataset, indexed by arm."""
    values = {}
    for arm, runs in one.scores.items():
        values[arm] = float(np.mean([srcc(run, one.target) for run in runs]))
    ranked = sorted(values, key=lambda arm: np.nan_to_num(values[arm], nan=-np.inf), reverse=True)
    rivals = max(1, len(ranked) - 1)
    best = one.scores[ranked[0]]
    rows = []
    for arm in ranked:
        gap = compare("srcc", best, one.scores[arm], one.target, n=resamples, allow_few=one.few)
        low, high = joint_interval(gap, rivals)
        rows.append((arm, values[arm], gap.value, low, high, low <= 0, gap.n, gap.seeds))
    columns = ["arm", "SRCC", "behind", "low", "high", "at the top", "n", "seeds"]
    return pd.DataFrame(rows, columns=columns).set_index("arm")


def joint_interval(gap: Difference, comparisons: int, level: float = 0.95) -> tuple[float, float]:
    """The interval of one of several differences that hold together at a level, by Bonferroni's bound."""
    reach = float(gap.se * stats.t.ppf(1 - (1 - level) / (2 * comparisons), gap.df))
    return gap.value - reach, gap.value + reach


def changes(leads: pd.DataFrame) -> pd.DataFrame:
    """How much each claim's difference changes under the second condition, a column per dataset.

    Args:
        leads: as from `measured.change_of_lead`, whose last two columns are the change and its interval.
    """
    cells: dict[str, dict[str, str]] = {}
    for (claim, name), row in leads.iterrows():
        metric = f"{claim}, {row['metric'].upper()}"
        limits = row.iloc[-1].removesuffix(" (95 %)").replace(" to ", ", ")
        cells.setdefault(name, {})[metric] = f"{row.iloc[-2]} [{limits}]"
    return pd.DataFrame(cells).rename_axis("claim, 95 % interval")


# --- sentences --------------------------------------------------------------------------------------------


def plain(arm: str) -> str:
    """What an arm is called in a sentence."""
    return PLAIN.get(arm, arm)


def answer(standing: pd.DataFrame) -> str:
    """Who lies at the top on each dataset, and how far level words and written digits lie behind.

    Args:
        standing: as from `standings`.
    """
    sentences = [
        _leader(str(name), rows.droplevel("dataset"))
        for name, rows in standing.groupby(level="dataset", sort=False)
    ]
    hint = HINT if standing["seeds"].min() < LEAST_SEEDS else ""
    return " ".join(sentences) + hint


def _leader(name: str, rows: pd.DataFrame) -> str:
    """The sentence of one dataset."""
    best, rivals = rows.index[0], rows.iloc[1:].dropna(subset=["SRCC"])
    if np.isnan(rows["SRCC"].iloc[0]):
        return f"No arm orders the pictures of {name}: each gives all of them one score."
    top = rivals.index[rivals["at the top"]]
    start = say(
        "Best on {name}: {best} (SRCC {value})", name=name, best=plain(best), value=rows["SRCC"].iloc[0]
    )
    field = f"ahead of all {len(rivals)} others"
    if len(top):
        field = f"not told apart from {len(top)} of the {len(rivals)} others"
    if "regression" in top:
        field += f", {plain('regression')} among them"
    lower = []
    for arm in ("levels", "digits M=3"):
        if arm in rivals.index:
            row = rivals.loc[arm]
            behind = with_interval(row["behind"], row["low"], row["high"])
            lower.append(f"{plain(arm)} lie {behind} lower")
        elif arm in rows.index and arm != best:
            lower.append(f"the SRCC of {plain(arm)} is undefined")
    return f"{'; '.join([f'{start}, {field}', *lower])}."


def findings(
    verdicts: Iterable[Verdict],
    standing: pd.DataFrame,
    steps: pd.DataFrame,
    by_length: pd.DataFrame,
    sizes: pd.DataFrame | None = None,
) -> list[str]:
    """What the comparison says, a sentence or two each.

    Args:
        verdicts: all of the notebook.
        standing: as from `standings`.
        steps: differences of two arms, as from `measured.gaps`, among them those of the digits' readings.
        by_length: differences as from `measured.gaps`, under the trainings' lengths in rising order.
        sizes: as from `changes`; None where there is one base alone.
    """
    judged = list(verdicts)
    fair = [verdict for verdict in judged if "," not in verdict.on]
    printed = [verdict for verdict in judged if verdict.on.endswith(", as printed")]
    return [
        f"**The top**: {_the_top(standing)}.",
        "**Written against regressed**, written digits less plain regression: "
        f"{by_dataset(of_claim(fair, DIGITS))}; under RealQA's own lengths and one rate for all, "
        f"{by_dataset(of_claim(printed, DIGITS))}; less the longer regression, "
        f"{by_dataset(of_claim(printed, LONGER))}. ROC4MLLM's regression on score tokens less written "
        f"digits: {by_dataset(of_claim(fair, WRITTEN))}.",
        f"**Training or reading?** {_readings(steps)}.",
        f"**Words against regressed**, less five level words: ROC4MLLM's regression on score tokens "
        f"{by_dataset(of_claim(fair, TOKENS))}, Q-Scorer's five tokens with a network "
        f"{by_dataset(of_claim(fair, NETWORK))}. The latter less soft level words: "
        f"{by_dataset(of_claim(fair, SOFT))}.",
        f"**Time and size**, written digits less plain regression: {_lengths(by_length)}{_sizes(sizes)}.",
    ]


def _the_top(standing: pd.DataFrame) -> str:
    """'on iqa soft level words (not told apart: plain regression, 51 bins); ...'."""
    texts = []
    for name, rows in standing.groupby(level="dataset", sort=False):
        frame = rows.droplevel("dataset")
        together = frame.index[frame["at the top"]]
        others = ", ".join(plain(arm) for arm in together if arm != frame.index[0]) or "no other"
        texts.append(f"on {name} {plain(frame.index[0])} (not told apart: {others})")
    return "; ".join(texts)


def _readings(steps: pd.DataFrame) -> str:
    """What the digits' two readings say, or that they were not compared."""
    pairs = dict.fromkeys(steps.index.get_level_values("what"))
    texts = [f"{pair}: {of_pair(steps, pair)}" for pair in pairs if pair.startswith("digits")]
    return "; ".join(texts) or "The digits' readings were not compared"


def _lengths(by_length: pd.DataFrame) -> str:
    """The difference after the shortest and after the longest training."""
    cells = across(by_length.xs("digits M=3", level="what", drop_level=False)).iloc[0]
    ends = dict.fromkeys([cells.index[0], cells.index[-1]])
    return ", ".join(f"{cells[name]} after {name}" for name in ends)


def _sizes(sizes: pd.DataFrame | None) -> str:
    """How much the difference changes on the smaller base; empty without one."""
    if sizes is None or sizes.empty:
        return ""
    row = sizes.loc[f"{DIGITS}, SRCC"]
    each = ", ".join(f"{cell} on {name}" for name, cell in row.items())
    return f"; on the smaller base it changes by {each}"


def rates_tried(rates: pd.DataFrame, recipe: str) -> Sentence:
    """How many learning rates lie at the lower end of those that tuning tries.

    Args:
        rates: as from `Results.learning_rates`.
        recipe: as the notebook was given it; a paper's preset has a rate of its own, and nothing is tuned.
    """
    if recipe not in CANDIDATES:
        return say("All train at the rate of the recipe {recipe}, which nobody tuned.", recipe=recipe)
    tried = CANDIDATES[recipe]
    return say(
        "Tuning tries {tried}, no less; {lowest} of all {total} rates are the smallest of these.",
        tried=", ".join(f"{rate:g}" for rate in tried),
        lowest=int((rates <= min(tried)).sum().sum()),
        total=rates.size,
    )
