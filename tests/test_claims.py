"""Verdict rules on hand-made intervals and on made-up arms whose truth is known; the claims files themselves."""

import json
import math
from itertools import product

import numpy as np
import pytest

from moslab import datasets
from moslab.analysis.claims import (
    PAPERS,
    Claim,
    decide,
    judge,
    judge_value,
    load_claims,
    load_paper,
    read_paper,
)
from moslab.utils.errors import UserError

PLACE = {"where": "Table 1", "row": "ours", "column": "AVA"}


def claim(kind: str, arms: tuple[str, ...] = ("a", "b"), **fields) -> Claim:
    base = {
        "id": "x.it",
        "paper": "x",
        "place": PLACE,
        "source": "unknown",
        "statement": "It holds.",
        "metric": "srcc",
    }
    return Claim(**{**base, "kind": kind, "arms": arms, **fields})


def made_up_arms(n: int = 400, **noise: float) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Arms [3 seeds, n] by name, each the target plus noise of the given size."""
    rng = np.random.default_rng(5)
    target = rng.normal(size=n)
    return {
        name: target + size * (rng.normal(size=n) + 0.3 * rng.normal(size=(3, n)))
        for name, size in noise.items()
    }, target


@pytest.mark.parametrize(
    "kind, margin, low, high, verdict",
    [
        ("order", None, 0.001, 0.02, "agrees"),
        ("order", None, -0.02, -0.001, "disagrees"),
        ("order", None, -0.001, 0.02, "not resolved"),
        ("equivalence", 0.01, -0.01, 0.01, "agrees"),
        ("equivalence", 0.01, 0.011, 0.03, "disagrees"),
        ("equivalence", 0.01, -0.03, -0.011, "disagrees"),
        ("equivalence", 0.01, 0.001, 0.011, "not resolved"),
        ("equivalence", 0.01, -0.5, 0.5, "not resolved"),
        ("order", None, math.nan, math.nan, "not resolved"),
        ("equivalence", 0.01, math.nan, math.nan, "not resolved"),
    ],
)
def test_rules_on_intervals(kind, margin, low, high, verdict):
    assert decide(claim(kind, margin=margin), low, high) == verdict


def test_order_follows_the_better_arm():
    scores, target = made_up_arms(a=0.3, b=1.0)
    assert judge(claim("order"), scores, target).verdict == "agrees"
    assert judge(claim("order", ("b", "a")), scores, target).verdict == "disagrees"


def test_order_by_mae_takes_smaller_as_better():
    scores, target = made_up_arms(a=0.3, b=1.0)
    verdict = judge(claim("order", metric="mae"), scores, target)
    assert verdict.verdict == "agrees" and verdict.value > 0


def test_equivalence_in_its_three_outcomes():
    scores, target = made_up_arms(a=0.3, b=1.0)
    scores["twin"] = scores["a"] * 2 + 1
    scores["like"] = made_up_arms(a=0.3, b=1.0, like=0.31)[0]["like"]
    assert judge(claim("equivalence", ("a", "twin"), margin=0.01), scores, target).verdict == "agrees"
    assert judge(claim("equivalence", ("a", "b"), margin=0.01), scores, target).verdict == "disagrees"
    assert judge(claim("equivalence", ("a", "like"), margin=0.0005), scores, target).verdict == "not resolved"


def test_trend_follows_its_contrast():
    scores, target = made_up_arms(K5=1.2, K11=0.9, K21=0.5)
    up = claim("trend", ("K5", "K11", "K21"), weights=(-1.0, 0.0, 1.0), unit="from end to end")
    down = claim("trend", ("K21", "K11", "K5"), weights=(-1.0, 0.0, 1.0))
    verdict = judge(up, scores, target, on="iqa")
    assert (
        verdict.verdict == "agrees" and "from end to end" in verdict.sentence and "on iqa" in verdict.sentence
    )
    assert judge(down, scores, target).verdict == "disagrees"


def test_numbers_are_compared_at_paper_scale_only():
    scores, target = made_up_arms(n=3000, a=0.3)
    srcc = (
        1
        + judge(
            claim("number", ("a",), margin=0.01, published={"srcc": 1.0}), scores, target, paper_scale=True
        ).value
    )
    number = claim("number", ("a",), margin=0.01, published={"srcc": round(srcc, 3)})
    assert judge(number, scores, target, paper_scale=True).verdict == "agrees"
    off = judge(number, {}, target)
    assert off.verdict == "not resolved" and "paper scale only" in off.sentence and off.value is None
    far = claim("number", ("a",), margin=0.01, published={"srcc": 0.5})
    assert judge(far, scores, target, paper_scale=True).verdict == "disagrees"


def test_a_computed_value_is_judged_without_seeds():
    ceiling = claim("equivalence", ("labels at bin centers",), reference=1.0, margin=0.01)
    verdict = judge_value(ceiling, 0.9992, n=7058, on="koniq10k")
    assert verdict.verdict == "agrees" and verdict.seeds == 0 and verdict.value == pytest.approx(-0.0008)
    assert "0.9992" in verdict.sentence and "7,058" in verdict.sentence and "margin 0.01" in verdict.sentence
    assert judge_value(ceiling, 0.8847, n=7058).verdict == "disagrees"
    assert judge_value(ceiling, 0.989, n=70, low=0.98, high=0.995).verdict == "not resolved"


def test_existence_needs_a_value_above_its_reference():
    there = claim("existence", ("share of answers",))
    assert judge_value(there, 0.2, n=10).verdict == "agrees"
    assert judge_value(there, 0.0, n=10).verdict == "disagrees"
    assert judge_value(there, 0.2, n=10, low=-0.1, high=0.5).verdict == "not resolved"


def test_few_seeds_never_give_a_verdict():
    scores, target = made_up_arms(a=0.3, b=1.0)
    two = {name: arm[:2] for name, arm in scores.items()}
    with pytest.raises(UserError, match="a has 2 training seeds"):
        judge(claim("order"), two, target)
    marked = judge(claim("order"), two, target, allow_few=True)
    assert (
        marked.verdict == "not resolved" and "too few for a verdict" in marked.sentence and marked.seeds == 2
    )


def test_a_verdict_carries_its_numbers_and_is_json():
    scores, target = made_up_arms(a=0.3, b=1.0)
    scores["a"], scores["b"] = (
        np.repeat(scores[name][:1], 3, axis=0) for name in "ab"
    )  # no spread over seeds: infinite df
    verdict = judge(claim("order"), scores, target, on="iqa")
    content = json.loads(json.dumps(verdict.as_dict(), allow_nan=False))
    assert content["df"] is None and content["se"] > 0 and content["n"] == 400 and content["seeds"] == 3
    assert content["low"] < content["value"] < content["high"] and content["level"] == 0.95
    assert {
        "id",
        "paper",
        "place",
        "statement",
        "kind",
        "verdict",
        "margin",
        "metric",
        "sentence",
    } <= content.keys()
    assert f"{verdict.value:+.4f}" in verdict.sentence and f"{verdict.low:+.4f}" in verdict.sentence


def test_missing_arms_are_named():
    scores, target = made_up_arms(a=0.3)
    with pytest.raises(UserError, match="needs the arm b; the scores hold a"):
        judge(claim("order"), scores, target)
    with pytest.raises(UserError, match="judge it from scores"):
        judge_value(claim("order"), 1.0, n=3)
    with pytest.raises(UserError, match="judge_value"):
        judge(claim("equivalence", ("a",), margin=0.01), scores, target)


@pytest.mark.parametrize(
    "kind, fields, said",
    [
        ("order", {"arms": ("a",)}, "1 arms"),
        ("order", {"margin": 0.1}, "margin"),
        ("equivalence", {}, "margin"),
        ("trend", {"arms": ("a", "b", "c"), "weights": (1, 0, 0)}, "not to zero"),
        ("trend", {"arms": ("a", "b", "c"), "weights": (1, -1)}, "one weight per arm"),
        ("number", {"arms": ("a",), "margin": 0.01}, "no published srcc"),
        ("order", {"metric": "rmse"}, "unknown metric"),
        ("order", {"id": "y.it"}, "begins with the paper"),
        ("order", {"source": "hearsay"}, "source"),
        ("order", {"surprise": 1}, "surprise"),
    ],
)
def test_incomplete_claims_are_refused(kind, fields, said):
    with pytest.raises(ValueError, match=said):
        claim(kind, **fields)


def test_files_that_are_no_claims_are_sentences(tmp_path):
    with pytest.raises(UserError, match="there are .*rvtc"):
        load_paper("rvtcc")
    for content in ("claims: [", "paper: x", "[]"):
        (tmp_path / "x.yaml").write_text(content)
        with pytest.raises(UserError, match="x.yaml is not a claims file"):
            read_paper(tmp_path / "x.yaml")
    text = (PAPERS / "rvtc.yaml").read_text()
    (tmp_path / "x.yaml").write_text(text.replace("rvtc.flat_after_51", "rvtc.51_bins_lose_nothing"))
    with pytest.raises(UserError, match="51_bins_lose_nothing twice"):
        read_paper(tmp_path / "x.yaml")


@pytest.mark.parametrize("path", sorted(PAPERS.glob("*.yaml")), ids=lambda path: path.stem)
def test_claims_files_are_complete(path):
    paper = read_paper(path)
    assert paper.paper == path.stem and paper.claims
    for one in paper.claims:
        assert one.statement.endswith(".") and str(one.place)
        assert all(0 < value < 1 for value in one.published.values())


def test_the_bin_trend_is_a_least_squares_slope():
    """A metric that gains .01 per doubling of K has a contrast of .01."""
    trend = load_claims("rvtc")["rvtc.more_bins_better_to_51"]
    bins = [int(name.split("=")[1]) for name in trend.arms]
    assert bins == [5, 11, 21, 31, 51]
    assert np.dot(trend.weights, 0.8 + 0.01 * np.log2(bins)) == pytest.approx(0.01, abs=1e-5)


@pytest.fixture(scope="module")
def realqa():
    return load_paper("realqa")


@pytest.mark.parametrize(
    "table, row, column, printed",
    [
        ("table1", "Ours", "Back. Clut. SRCC", 0.380),
        ("table1", "GPT-4o", "Back. Clut. PLCC", 0.412),
        ("table1", "Qwen2-VL-7B", "Average SRCC", None),
        ("table1", "Qwen2-VL-72B", "Rank", 6),
        ("table2", "Mix + Levels + Attributes, High Middle Low", "PLCC", 0.617),
        ("table3", "LLaVA-1.5-7B", "Accuracy", 0.075),
        ("table4", "M=2", "AVA SRCC", 0.806),
        ("table4", "M=3", "KonIQ-10k PLCC difference", -0.001),
        ("table5", "Regression, 6 epochs", "SRCC", 0.908),
        ("table6", "LoRA FT, last 100 iterations", "NCM*", 0.71),
        ("table6", "Full FT from Scratch, convergence ratio (%)", "cross-entropy", -91.37),
        ("table7", "DSMix (ECCV 2024)", "LIVE Challenge PLCC", None),
        ("table7", "Q-Align (ICML 2024)", "SPAQ SRCC", 0.887),
        ("table8_ava", "Ours", "AVA SRCC", 0.809),
        ("table8_tad66k", "UNIAA", "TAD66K PLCC", 0.425),
        ("table9", "Baseline", "KoNViD SRCC", 0.305),
        ("table10", "Q-Align", "SRCC", 0.741),
        ("appendix_table1", "trial 3, answered", "number 9", 8.72),
        ("appendix_table2", "Ours†", "trained on AVA PLCC", 0.564),
        ("appendix_table3", "Exposure: underexposed", "number", 5),
        ("figure_dataset", "fine-grained attributes", "number", 10),
    ],
)
def test_realqa_tables_as_printed(realqa, table, row, column, printed):
    assert {one.id: one for one in realqa.tables}[f"realqa.{table}"].cell(row, column) == printed


def test_realqa_tables_agree_with_themselves(realqa):
    """Every table says where it stands, and what is printed beside its cells (differences, percentages, averages, ranks) follows from them: none of it is among the contradictions."""
    checked = 0
    for table in realqa.tables:
        assert (
            table.where
            and table.what.endswith(".")
            and {column.dataset for column in table.columns} <= {"", *datasets.NAMES}
        )
        for row, column, value, printed in derived_cells(table):
            assert value == pytest.approx(printed, abs=1e-9), f"{table.where}, row {row}, column {column}"
            checked += 1
    assert (
        checked == 12 + 6 + 8 + 4 + 6 + 1
    )  # averages and ranks of table 1, differences of 4 and 5, percentages of 6, difference of 9


def test_realqa_published_numbers_stand_in_its_tables(realqa):
    at = {table.where: table for table in realqa.tables}
    for one in (claim for claim in realqa.claims if claim.kind == "number"):
        lead = "" if one.place.column == "none" else f"{one.place.column} "
        assert one.published == {
            name: at[one.place.where].cell(one.place.row, f"{lead}{name.upper()}") for name in one.published
        }, one.id


def derived_cells(table):
    """(row, column, value worked out from other cells, value printed) for everything in a table of RealQA's that other cells of it decide."""
    rows, names = table.rows, [column.name for column in table.columns]
    for name in (name for name in names if f"{name} difference" in names):
        for row in list(rows)[1:]:  # differences are to the first row
            yield (
                row,
                name,
                round(table.cell(row, name) - table.cell(next(iter(rows)), name), 3),
                table.cell(row, f"{name} difference"),
            )
    for row in (row for row in rows if row.endswith(", convergence ratio (%)")):
        for name in names:
            first, last = (
                table.cell(row.replace("convergence ratio (%)", f"{end} 100 iterations"), name)
                for end in ("first", "last")
            )
            yield row, name, round(100 * (last - first) / first, 2), table.cell(row, name)
    if "Rank" in names:
        complete = [row for row in rows if table.cell(row, "Average SRCC") is not None]
        for row, metric in product(complete, ("SRCC", "PLCC")):
            parts = [
                table.cell(row, name)
                for name in names
                if name.endswith(metric) and not name.startswith("Average")
            ]
            yield (
                row,
                f"Average {metric}",
                round(float(np.mean(parts)), 3),
                table.cell(row, f"Average {metric}"),
            )
        for place, row in enumerate(sorted(complete, key=lambda row: -table.cell(row, "Average SRCC")), 1):
            yield row, "Rank", place, table.cell(row, "Rank")


def table(name: str):
    """A table by its id."""
    return {one.id: one for one in load_paper(name.split(".")[0]).tables}[name]


@pytest.mark.parametrize(
    "name, row, column, value",
    [
        ("roc4mllm.table1", "Q-Align (ICML 2024)", "MAE", 0.934),
        ("roc4mllm.table1", "CALM (AAAI 2025)", "MAE", None),
        ("roc4mllm.table1", "AesMamba (ACMMM 2024)", "PLCC", 0.760),
        ("roc4mllm.table2", "ICAA (ICCV 2023)", "ICAA17K PLCC", 0.890),
        ("roc4mllm.table2", "EAT (ACMMM 2023)", "TAD66K SRCC", 0.517),
        ("roc4mllm.table3", "MaxVit (ECCV 2022)", "PARA PLCC", 0.936),
        ("roc4mllm.table3", "ROC4MLLM (Ours)", "AADB SRCC", 0.783),
        ("roc4mllm.table4", "MAINet (ACMMM 2024)", "AADB DoF SRCC", 0.65),
        ("roc4mllm.table4", "MUSIQ (ICCV 2021)", "AADB Motion Blur PLCC", 0.03),
        ("roc4mllm.table4", "ROC4MLLM (Ours)", "PARA Color SRCC", 0.91),
        ("roc4mllm.table5", "Score Prediction & Comments Generation: Q-Align", "MAE change", -4.3),
        ("roc4mllm.table5", "Score Prediction & Comments Generation: Qwen2-VL + ROC4MLLM", "CIDEr", 0.090),
        ("roc4mllm.table5", "Score Prediction: LLaVA 1.5", "SPICE", None),
        ("roc4mllm.table6", "Regression w/o Loss Decoupling", "ICAA17K SRCC", 0.873),
        ("qscorer.readme", "Q-Align (LoRA)", "KADID PLCC", 0.624),
        ("qscorer.readme", "Q-Scorer (1)", "LIVE-Wild SRCC", 0.888),
        ("qscorer.readme", "Q-Scorer (5)", "AGIQA-3K PLCC", 0.821),
        ("rvtc.table5", "shuffled titles", "AVA correlation", 0.86),
        ("rvtc.table7", "shuffled prompts", "alignment", 0.63),
    ],
)
def test_the_other_tables_as_printed(name, row, column, value):
    assert table(name).cell(row, column) == value


@pytest.mark.parametrize("paper", ["rvtc", "roc4mllm", "qscorer"])
def test_number_claims_are_cells_of_their_tables(paper):
    """Every published number stands in the table, row and column that its place names."""
    content = load_paper(paper)
    for claim in content.claims:
        for metric, value in claim.published.items():
            heading = metric.removesuffix("_logistic4").upper()
            cells = [
                cell
                for one in content.tables
                if one.where.startswith(claim.place.where) and claim.place.row in one.rows
                for column, cell in zip(one.columns, one.rows[claim.place.row])
                if column.metric == heading
                and column.name.removesuffix(heading).strip() in claim.place.column
            ]
            assert cells == [value], (claim.id, metric)


@pytest.mark.parametrize("path", sorted(PAPERS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_table_has_a_place(path):
    paper = read_paper(path)
    assert paper.tables
    for one in paper.tables:
        assert (
            one.where
            and one.what.endswith(".")
            and one.rows
            and (one.source != "paper" or "unknown" not in one.where)
        ), one.id
        assert any(cell is not None for cells in one.rows.values() for cell in cells)
    for one in paper.contradictions:
        assert len(one.places) > 1 and one.what.endswith("."), one.id


def test_printed_changes_agree_with_their_cells():
    """Of a value in parentheses, or in the text, and of the two cells it is the difference of."""
    together = table("roc4mllm.table5")
    alone, both = "Score Prediction: ", "Score Prediction & Comments Generation: "
    printed = [
        (together.id, row, row.replace(both, alone), metric, together.cell(row, f"{metric} change"))
        for row in together.rows
        if row.startswith(both)
        for metric in ("SRCC", "PLCC", "MAE")
    ]
    assert len(printed) == 21 and {row.replace(alone, both) for row in together.rows} == {
        row for _, row, *_ in printed
    }
    ours, owl = "ROC4MLLM (Ours)", "mPLUG-Owl2 (CVPR 2024)"
    baseline, coupled, decoupled = table("roc4mllm.table6").rows
    printed += [
        ("roc4mllm.table1", ours, owl, metric, value)
        for metric, value in (("SRCC", 4.5), ("PLCC", 4.6), ("MAE", -4.2))
    ]
    printed += [
        ("roc4mllm.table2", ours, "QAligns (ICML 2024)", "ICAA17K SRCC", 13.3),
        ("roc4mllm.table2", ours, "QAligns (ICML 2024)", "ICAA17K PLCC", 12.2),
    ]
    columns = ("AVA SRCC", "AVA PLCC", "ICAA17K SRCC", "ICAA17K PLCC")
    printed += [
        ("roc4mllm.table6", coupled, baseline, column, value)
        for column, value in zip(columns, (3.7, 3.8, 18.5, 17.3))
    ]
    printed += [
        ("roc4mllm.table6", decoupled, coupled, column, value)
        for column, value in zip(columns, (0.8, 0.8, 2.1, 2.3))
    ]
    for name, row, against, column, value in printed:
        assert round(100 * (table(name).cell(row, column) - table(name).cell(against, column)), 1) == value, (
            name,
            row,
            column,
        )


def test_what_is_called_best_is_best_or_listed():
    """Claims of leading everywhere, held against the cells; where a table says otherwise, the contradiction is listed."""
    ours, lost = "ROC4MLLM (Ours)", set()
    for name in ("table1", "table2", "table3", "table4"):
        one = table(f"roc4mllm.{name}")
        for column in (column.name for column in one.columns):
            sign = -1 if column == "MAE" else 1
            rivals = [
                sign * one.cell(row, column)
                for row in one.rows
                if row != ours and one.cell(row, column) is not None
            ]
            if sign * one.cell(ours, column) <= max(rivals):
                lost.add(f"{name}, {column}")
    assert lost == {"table4, AADB DoF SRCC"}
    listed = {one.id: one.what for name in ("roc4mllm", "qscorer") for one in load_paper(name).contradictions}
    assert ".61" in listed["roc4mllm.all_metrics_on_aadb"] and ".65" in listed["roc4mllm.all_metrics_on_aadb"]
    rivals = {
        metric: max(
            cell
            for row in table("roc4mllm.table1").rows
            if row != ours and (cell := table("roc4mllm.table1").cell(row, metric))
        )
        for metric in ("SRCC", "PLCC")
    }
    for metric, lead in (("SRCC", 1.1), ("PLCC", 0.3)):
        assert (
            round(100 * (table("roc4mllm.table1").cell(ours, metric) - rivals[metric]), 1) == lead
            and f"{lead} %" in listed["roc4mllm.lead_over_mllms"]
        )
    readme = table("qscorer.readme")
    for first, places in ((0, (0.8383, 0.8398, 0.8382)), (1, (0.8127, 0.8115, 0.8062))):
        means = [
            round(float(np.mean(readme.rows[row][first::2])), 4)
            for row in ("DeQA-Score", "Q-Scorer (5)", "Q-Scorer (1)")
        ]
        assert means == list(places) and all(
            f"{mean:.4f}"[1:] in listed["qscorer.best_on_benchmarks"] for mean in means
        )
    for row in ("Q-Scorer (5)", "Q-Scorer (1)"):
        assert readme.cell(row, "KADID SRCC") < min(
            readme.cell("DeQA-Score", "KADID SRCC"), readme.cell("Q-Align", "KADID SRCC")
        )


def test_the_probabilities_in_an_exponential():
    """ROC4MLLM's Eq. 5 as printed, with all probability on the first or the last of ten tokens."""
    scores = np.arange(1, 11)
    weights = np.exp(np.eye(10)[[0, 9]])
    low, high = (weights / weights.sum(1, keepdims=True)) @ scores
    said = {one.id: one.what for one in load_paper("roc4mllm").contradictions}[
        "roc4mllm.exponential_of_probabilities"
    ]
    assert f"from {low:.2f} to {high:.2f}" in said
