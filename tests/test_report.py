"""The README's tables and the page of all claims are rendered from result records and claims files, and nothing else."""

from moslab.analysis.claims import PAPERS, load_paper
from moslab.publish.claims_page import claims_page, cost_table, fill, render_readme

RESULT = {
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
            "verdict": "not resolved",
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
            "verdict": "not resolved",
        },
    ],
}


def test_both_tables_stand_between_their_markers() -> None:
    text = render_readme(
        "top\n<!-- results -->\nold\n<!-- /results -->\nmiddle\n<!-- cost --><!-- /cost -->\nend", [RESULT]
    )
    assert "old" not in text and text.startswith("top\n") and text.endswith("\nend")
    link = "[01](notebooks/01_bin_sweep.ipynb)"
    assert (
        f"| rvtc: Fig. 2 (paper) | More \\| is better. | iqa: **not resolved** SRCC +0.012 [-0.003, +0.027], n 1,587<br>ava: **agrees** SRCC -0.001 | {link} |\n"
        in text
    )
    assert f"| Words suffice. | iqa: **not resolved**  | {link} |" in text
    assert "| 01_bin_sweep | 2 | 1 | 1.5 | 0.5 | 12 | Some CPU, 2 cores | 0123456789 |" in text


def test_rendering_twice_changes_nothing() -> None:
    once = render_readme("<!-- results --><!-- /results -->", [RESULT])
    assert render_readme(once, [RESULT]) == once


def test_text_without_markers_stays() -> None:
    assert fill("no markers here", "results", "table") == "no markers here"
    assert cost_table([]).count("\n") == 1


def test_the_page_of_claims_leaves_none_out() -> None:
    """Every claim, judged or not, every contradiction, and every table that no notebook measures."""
    judged = load_paper("rvtc").claims[1]
    page = claims_page([{"notebook": "01_bin_sweep", "claims": [{**RESULT["claims"][0], "id": judged.id}]}])
    papers = [load_paper(path.stem) for path in PAPERS.glob("*.yaml")]
    for paper in papers:
        assert all(claim.statement.replace("|", "\\|") in page for claim in paper.claims) and all(
            one.what in page for one in paper.contradictions
        )
        assert all(table.what.replace("|", "\\|") in page for table in paper.tables if not table.notebook)
    assert (
        page.count("not measured yet |")
        == sum(claim.kind != "number" for paper in papers for claim in paper.claims) - 1
    )
    assert (
        "| iqa | SRCC +0.012 [-0.003, +0.027], n 1,587 | – | **not resolved** | [01](../notebooks/01_bin_sweep.ipynb) |"
        in page
    )
