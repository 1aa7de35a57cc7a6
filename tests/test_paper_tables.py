"""The papers' tables as printed, what follows from their cells, and claims that quote them."""

from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest

from moslab import datasets
from moslab.analysis.claims import PAPERS, Claim, Paper, Table, load_paper, read_paper

ALL_PAPERS = pytest.mark.parametrize("path", sorted(PAPERS.glob("*.yaml")), ids=lambda path: path.stem)
OURS = "ROC4MLLM (Ours)"
# Row, column, the value worked out from other cells, the value printed.
Derived = tuple[str, str, float, float | None]
paper_of = cache(load_paper)


def table(name: str) -> Table:
    """A table by its id."""
    paper, _, _ = name.partition(".")
    return {one.id: one for one in paper_of(paper).tables}[name]


def number(name: str, row: str, column: str) -> float:
    """A cell that is printed."""
    cell = table(name).cell(row, column)
    assert cell is not None
    return cell


@pytest.fixture(scope="module")
def realqa() -> Paper:
    return paper_of("realqa")


@pytest.mark.parametrize(
    "name, row, column, printed",
    [
        ("realqa.table1", "Ours", "Back. Clut. SRCC", 0.380),
        ("realqa.table1", "GPT-4o", "Back. Clut. PLCC", 0.412),
        ("realqa.table1", "Qwen2-VL-7B", "Average SRCC", None),
        ("realqa.table1", "Qwen2-VL-72B", "Rank", 6),
        ("realqa.table2", "Mix + Levels + Attributes, High Middle Low", "PLCC", 0.617),
        ("realqa.table3", "LLaVA-1.5-7B", "Accuracy", 0.075),
        ("realqa.table4", "M=2", "AVA SRCC", 0.806),
        ("realqa.table4", "M=3", "KonIQ-10k PLCC difference", -0.001),
        ("realqa.table5", "Regression, 6 epochs", "SRCC", 0.908),
        ("realqa.table6", "LoRA FT, last 100 iterations", "NCM*", 0.71),
        ("realqa.table6", "Full FT from Scratch, convergence ratio (%)", "cross-entropy", -91.37),
        ("realqa.table7", "DSMix (ECCV 2024)", "LIVE Challenge PLCC", None),
        ("realqa.table7", "Q-Align (ICML 2024)", "SPAQ SRCC", 0.887),
        ("realqa.table8_ava", "Ours", "AVA SRCC", 0.809),
        ("realqa.table8_tad66k", "UNIAA", "TAD66K PLCC", 0.425),
        ("realqa.table9", "Baseline", "KoNViD SRCC", 0.305),
        ("realqa.table10", "Q-Align", "SRCC", 0.741),
        ("realqa.appendix_table1", "trial 3, answered", "number 9", 8.72),
        ("realqa.appendix_table2", "Ours†", "trained on AVA PLCC", 0.564),
        ("realqa.appendix_table3", "Exposure: underexposed", "number", 5),
        ("realqa.figure_dataset", "fine-grained attributes", "number", 10),
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
def test_cells_as_printed(name, row, column, printed):
    assert table(name).cell(row, column) == printed


@ALL_PAPERS
def test_every_table_has_a_place(path):
    paper = read_paper(path)
    assert paper.tables
    for one in paper.tables:
        assert one.where and one.what.endswith(".") and one.rows, one.id
        assert one.source != "paper" or "unknown" not in one.where, one.id
        cells = [cell for row in one.rows.values() for cell in row]
        assert any(cell is not None for cell in cells)
    for one in paper.contradictions:
        assert len(one.places) > 1 and one.what.endswith("."), one.id


# --- cells that follow from others ----------------------------------------------------------------------


def test_realqa_tables_agree_with_themselves(realqa):
    """Printed differences, percentages, averages and ranks follow from the measured cells.

    Every table says where it stands; none of these cells is among the contradictions.
    """
    checked = 0
    for one in realqa.tables:
        assert one.where and one.what.endswith(".")
        assert {column.dataset for column in one.columns} <= {"", *datasets.NAMES}
        for row, column, value, printed in derived_cells(one):
            assert value == pytest.approx(printed, abs=1e-9), f"{one.where}, row {row}, column {column}"
            checked += 1
    # Averages and ranks of table 1, differences of 4 and 5, percentages of 6, difference of 9.
    assert checked == 12 + 6 + 8 + 4 + 6 + 1


def derived_cells(one: Table) -> Iterator[Derived]:
    """Everything in a table of RealQA's that other cells of it decide."""
    yield from _differences(one)
    yield from _ratios(one)
    if "Rank" in [column.name for column in one.columns]:
        yield from _averages_and_ranks(one)


def _differences(one: Table) -> Iterator[Derived]:
    """Differences to the first row."""
    names = [column.name for column in one.columns]
    first, *others = one.rows
    for name in names:
        if f"{name} difference" not in names:
            continue
        for row in others:
            value = round(one.cell(row, name) - one.cell(first, name), 3)
            yield row, name, value, one.cell(row, f"{name} difference")


def _ratios(one: Table) -> Iterator[Derived]:
    """Changes from the first to the last iterations, in per cent."""
    for row in one.rows:
        if not row.endswith(", convergence ratio (%)"):
            continue
        run = row.removesuffix(", convergence ratio (%)")
        for column in one.columns:
            first = one.cell(f"{run}, first 100 iterations", column.name)
            last = one.cell(f"{run}, last 100 iterations", column.name)
            yield row, column.name, round(100 * (last - first) / first, 2), one.cell(row, column.name)


def _averages_and_ranks(one: Table) -> Iterator[Derived]:
    names = [column.name for column in one.columns if not column.name.startswith("Average")]
    complete = [row for row in one.rows if one.cell(row, "Average SRCC") is not None]
    for row in complete:
        for metric in ("SRCC", "PLCC"):
            parts = [one.cell(row, name) for name in names if name.endswith(metric)]
            value = round(float(np.mean(parts)), 3)
            yield row, f"Average {metric}", value, one.cell(row, f"Average {metric}")
    ranked = sorted(complete, key=lambda row: -one.cell(row, "Average SRCC"))
    for rank, row in enumerate(ranked, 1):
        yield row, "Rank", rank, one.cell(row, "Rank")


def printed_changes() -> Iterator[tuple[str, str, str, str, float | None]]:
    """Table, row, the row it is compared with, column, and the change as printed or as said in the text."""
    together = table("roc4mllm.table5")
    alone, both = "Score Prediction: ", "Score Prediction & Comments Generation: "
    for row in together.rows:
        for metric in ("SRCC", "PLCC", "MAE"):
            if row.startswith(both):
                change = together.cell(row, f"{metric} change")
                yield together.id, row, row.replace(both, alone), metric, change
    for metric, change in (("SRCC", 4.5), ("PLCC", 4.6), ("MAE", -4.2)):
        yield "roc4mllm.table1", OURS, "mPLUG-Owl2 (CVPR 2024)", metric, change
    for metric, change in (("SRCC", 13.3), ("PLCC", 12.2)):
        yield "roc4mllm.table2", OURS, "QAligns (ICML 2024)", f"ICAA17K {metric}", change
    baseline, coupled, decoupled = table("roc4mllm.table6").rows
    columns = ("AVA SRCC", "AVA PLCC", "ICAA17K SRCC", "ICAA17K PLCC")
    for column, change in zip(columns, (3.7, 3.8, 18.5, 17.3)):
        yield "roc4mllm.table6", coupled, baseline, column, change
    for column, change in zip(columns, (0.8, 0.8, 2.1, 2.3)):
        yield "roc4mllm.table6", decoupled, coupled, column, change


def test_printed_changes_agree_with_their_cells():
    """Of a value in parentheses, or in the text, and of the two cells it is the difference of."""
    changes = list(printed_changes())
    pairs = [(row, against) for name, row, against, *_ in changes if name == "roc4mllm.table5"]
    assert len(pairs) == 21
    assert {row for pair in pairs for row in pair} == set(table("roc4mllm.table5").rows)
    for name, row, against, column, change in changes:
        difference = round(100 * (number(name, row, column) - number(name, against, column)), 1)
        assert difference == change, (name, row, column)


# --- claims that quote tables ---------------------------------------------------------------------------


def test_realqa_published_numbers_stand_in_its_tables(realqa):
    at = {one.where: one for one in realqa.tables}
    for claim in realqa.claims:
        if claim.kind != "number":
            continue
        lead = "" if claim.place.column == "none" else f"{claim.place.column} "
        cells = {}
        for name in claim.published:
            cells[name] = at[claim.place.where].cell(claim.place.row, f"{lead}{name.upper()}")
        assert claim.published == cells, claim.id


@pytest.mark.parametrize("paper", ["rvtc", "roc4mllm", "qscorer"])
def test_number_claims_are_cells_of_their_tables(paper):
    """Every published number stands in the table, row and column that its place names."""
    content = paper_of(paper)
    for claim in content.claims:
        for metric, value in claim.published.items():
            assert quoted_cells(content, claim, metric) == [value], (claim.id, metric)


def quoted_cells(paper: Paper, claim: Claim, metric: str) -> list[float | None]:
    """The cells that the place of a claim names, under the heading of a metric."""
    heading = metric.removesuffix("_logistic4").upper()
    cells = []
    for one in paper.tables:
        if not one.where.startswith(claim.place.where) or claim.place.row not in one.rows:
            continue
        for column, cell in zip(one.columns, one.rows[claim.place.row]):
            dataset = column.name.removesuffix(heading).strip()
            if column.metric == heading and dataset in claim.place.column:
                cells.append(cell)
    return cells


# --- what is called best --------------------------------------------------------------------------------


def contradictions() -> dict[str, str]:
    """What contradicts itself in the two papers that claim to lead everywhere, by id."""
    listed = [*paper_of("roc4mllm").contradictions, *paper_of("qscorer").contradictions]
    return {one.id: one.what for one in listed}


def best_rival(name: str, column: str) -> float:
    """The best cell of a column without ours; with the sign turned for MAE."""
    one = table(name)
    sign = -1 if column == "MAE" else 1
    cells = [one.cell(row, column) for row in one.rows if row != OURS]
    return max(sign * cell for cell in cells if cell is not None)


def test_roc4mllm_leads_everywhere_but_in_one_column_and_that_is_listed():
    lost = set()
    for name in ("table1", "table2", "table3", "table4"):
        for column in table(f"roc4mllm.{name}").columns:
            sign = -1 if column.name == "MAE" else 1
            ours = sign * number(f"roc4mllm.{name}", OURS, column.name)
            if ours <= best_rival(f"roc4mllm.{name}", column.name):
                lost.add(f"{name}, {column.name}")
    assert lost == {"table4, AADB DoF SRCC"}
    listed = contradictions()
    assert ".61" in listed["roc4mllm.all_metrics_on_aadb"] and ".65" in listed["roc4mllm.all_metrics_on_aadb"]


@pytest.mark.parametrize("metric, lead", [("SRCC", 1.1), ("PLCC", 0.3)])
def test_roc4mllm_lead_over_other_models_is_listed(metric, lead):
    ours = number("roc4mllm.table1", OURS, metric)
    assert round(100 * (ours - best_rival("roc4mllm.table1", metric)), 1) == lead
    assert f"{lead} %" in contradictions()["roc4mllm.lead_over_mllms"]


@pytest.mark.parametrize("first, expected", [(0, (0.8383, 0.8398, 0.8382)), (1, (0.8127, 0.8115, 0.8062))])
def test_qscorer_means_over_benchmarks_are_listed(first, expected):
    """Every second cell is one metric's."""
    readme = table("qscorer.readme")
    rows = ("DeQA-Score", "Q-Scorer (5)", "Q-Scorer (1)")
    means = [round(float(np.mean(readme.rows[row][first::2])), 4) for row in rows]
    assert means == list(expected)
    listed = contradictions()["qscorer.best_on_benchmarks"]
    assert all(f"{mean:.4f}"[1:] in listed for mean in means)


@pytest.mark.parametrize("row", ["Q-Scorer (5)", "Q-Scorer (1)"])
def test_qscorer_is_below_its_baselines_on_kadid(row):
    baselines = [number("qscorer.readme", baseline, "KADID SRCC") for baseline in ("DeQA-Score", "Q-Align")]
    assert number("qscorer.readme", row, "KADID SRCC") < min(baselines)


def test_the_probabilities_in_an_exponential():
    """ROC4MLLM's Eq. 5 as printed, with all probability on the first or the last of ten tokens."""
    scores = np.arange(1, 11)
    weights = np.exp(np.eye(10)[[0, 9]])
    low, high = (weights / weights.sum(1, keepdims=True)) @ scores
    assert f"from {low:.2f} to {high:.2f}" in contradictions()["roc4mllm.exponential_of_probabilities"]
