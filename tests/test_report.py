"""Tables of the README and docs/, and the page of all claims, are made of records and claims files alone."""

from typing import Any

from moslab.analysis.claims import PAPERS, load_paper
from moslab.publish.claims_page import claims_page
from moslab.publish.markers import fill
from moslab.publish.readme import (
    cost_table,
    orders_table,
    render_performance,
    render_readme,
    results_table,
    totals,
)

RESULT: dict[str, Any] = {
    "notebook": "01_bin_sweep",
    "seconds": 12.4,
    "run_seconds": {"a": 60.0, "b": 30.0},
    "headline": ["b"],
    "provenance": {"cpu": "Some CPU", "cores": 2, "commit": {"id": "0123456789abcdef", "dirty": False}},
    "claims": [
        {
            "id": "rvtc.x",
            "on": "iqa",
            "statement": "More | is better.",
            "paper": "rvtc",
            "place": "Fig. 2",
            "source": "paper",
            "metric": "srcc",
            "value": 0.012,
            "low": -0.003,
            "high": 0.027,
            "n": 1587,
            "seeds": 3,
            "detectable": 0.0211,
            "resolved_by": "7,100 images",
            "verdict": "open",
        },
        {
            "id": "rvtc.x",
            "on": "ava",
            "statement": "More | is better.",
            "paper": "rvtc",
            "metric": "srcc",
            "value": -0.001,
            "low": -0.001,
            "high": -0.001,
            "verdict": "agrees",
        },
        {
            "id": "rvtc.y",
            "on": "iqa",
            "statement": "Words suffice.",
            "paper": "rvtc",
            "metric": "srcc",
            "value": None,
            "verdict": "arithmetic",
            "why": "labels alone",
        },
    ],
}


OTHER_PAPER: dict[str, Any] = {
    "notebook": "05_regression_vs_ntp",
    "claims": [
        {"id": "realqa.x", "paper": "realqa", "verdict": "disagrees", "survives": False},
        {"id": "deqa.x", "paper": "deqa", "verdict": "agrees"},
        {"id": "realqa.y", "paper": "realqa", "verdict": "disagrees", "survives": True},
        {"id": "realqa.e", "paper": "realqa", "verdict": "differs, size open", "survives": None},
        {"id": "realqa.z", "paper": "realqa", "source": "our own control", "verdict": "agrees"},
    ],
}


def test_tables_stand_between_their_markers() -> None:
    readme = render_readme("top\n<!-- results -->\nold\n<!-- /results -->\nend", [RESULT])
    performance = render_performance("top\n<!-- cost -->old<!-- /cost -->\nend", [RESULT])
    for text in (readme, performance):
        assert "old" not in text
        assert text.startswith("top\n") and text.endswith("\nend")
    assert "| 01_bin_sweep | 2 | 1 | 1.5 | 0.5 | 12 | Some CPU, 2 cores | 0123456789 |" in performance


def test_verdicts_are_counted_by_notebook_and_paper() -> None:
    unjudged = {"notebook": "91_label_audit", "claims": []}
    rows = results_table([RESULT, OTHER_PAPER, unjudged]).splitlines()[2:]
    bins, regression, audit = (row.partition(" | ")[0] for row in (rows[0], rows[1], rows[4]))
    assert bins == "| [01 How many bins does a score need?](notebooks/01_bin_sweep.ipynb)"
    assert rows[0] == f"{bins} | RvTC | 1 | 0 | 0 | 0 | 1 | 1 |"
    assert rows[1] == f"{regression} | RealQA | 0 | 2 (1†) | 0 | 1 | 0 | 0 |"
    assert rows[2] == f"{regression} | deqa | 1 | 0 | 0 | 0 | 0 | 0 |"
    assert rows[3] == f"{regression} | our own control | 1 | 0 | 0 | 0 | 0 | 0 |"
    assert rows[4] == f"{audit} | – | – | – | – | – | – | – |"
    assert len(rows) == 5


def test_the_table_s_columns_are_the_kinds_of_verdicts() -> None:
    header = results_table([RESULT]).splitlines()[0]
    kinds = "agrees | disagrees | too close to call | differs, size open | open"
    assert header == f"| notebook | paper | {kinds} | outside the counts |"


def test_verdicts_on_statements_of_papers_are_counted_apart_from_controls() -> None:
    assert totals([RESULT, OTHER_PAPER]) == (
        "6 verdicts on statements of papers: 2 *agrees*, 2 *disagrees*, 1 *differs, size open*, 1 *open*. "
        "1 more are on controls of our own, and 1 stand outside the counts. "
        "1 of the decided orders does not survive together (†)."
    )


def test_a_notebook_without_a_title_goes_by_its_file_name(home, make_notebook) -> None:
    make_notebook("20_toy", "x: int = 1   # a number")
    (row,) = results_table([{"notebook": "20_toy"}]).splitlines()[2:]
    assert row == "| [20_toy](notebooks/20_toy.ipynb) | – | – | – | – | – | – | – |"


def test_orders_of_printed_rows_are_counted_once_for_each_table() -> None:
    counts = {"same": 2, "opposite": 1, "too close": 0, "open": 3}
    one = {"notebook": "05_regression_vs_ntp", "values": {"orders": {"realqa.table5": counts}}}
    again = {"notebook": "80_printed_table", "values": {"orders": {"realqa.table5": counts}}}
    _, _, row, total = orders_table([RESULT, one, again]).splitlines()
    assert row.startswith("| `realqa.table5` | [05 ")
    assert row.endswith("| 2 | 1 | 0 | 3 | 67 % |") and total.endswith("| 2 | 1 | 0 | 3 | 67 % |")


def test_rendering_twice_changes_nothing() -> None:
    once = render_readme("<!-- results --><!-- /results -->", [RESULT])
    assert render_readme(once, [RESULT]) == once


def test_text_without_markers_stays() -> None:
    assert fill("no markers here", "results", "table") == "no markers here"
    assert cost_table([]).count("\n") == 1


def test_the_page_of_claims_leaves_none_out() -> None:
    """Every claim, judged or not, every contradiction, and all that no notebook makes again."""
    judged = load_paper("rvtc").claims[1]
    page = claims_page([{"notebook": "01_bin_sweep", "claims": [{**RESULT["claims"][0], "id": judged.id}]}])
    papers = [load_paper(path.stem) for path in PAPERS.glob("*.yaml")]
    for paper in papers:
        assert all(claim.statement.replace("|", "\\|") in page for claim in paper.claims) and all(
            one.what in page for one in paper.contradictions
        )
        for one in (*paper.tables, *paper.figures):
            if not one.notebook:
                assert one.why_not and f"| {one.what} | {one.source} | {one.why_not} |" in page
    claims = [claim for paper in papers for claim in paper.claims]
    expected = [claim for claim in claims if claim.kind != "number" and not claim.judged_with]
    assert page.count("not measured yet |") == len(expected) - 1
    spoken_for = [claim for claim in claims if claim.judged_with]
    assert page.count("one difference with ") == len(spoken_for)
    for claim in spoken_for:
        (row,) = (line for line in page.splitlines() if line.startswith(f"| {claim.statement} |"))
        assert row.endswith(f"| – | – | – | – | one difference with {claim.judged_with}, judged there | – |")
    measured = "SRCC +0.012 [-0.003, +0.027], n 1,587"
    link = "[01](../notebooks/01_bin_sweep.ipynb)"
    assert f"| iqa | {measured} | 3 | 0.021; 7,100 images | **open** | {link} |" in page


def test_a_verdict_on_the_page_says_what_marks_it_or_sets_it_apart() -> None:
    first = load_paper("rvtc").claims[1].id
    fallen = {**RESULT["claims"][1], "id": first, "survives": False}
    apart = {**RESULT["claims"][2], "id": first}
    page = claims_page([{"notebook": "01_bin_sweep", "claims": [fallen, apart]}])
    assert "| ava | SRCC -0.001 | – | – | **agrees**† |" in page
    assert "| iqa | – | – | – | **arithmetic** (labels alone) |" in page
