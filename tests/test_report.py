"""The README's tables and the page of all claims are rendered from result records and claims files alone."""

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
    old = "top\n<!-- results -->\nold\n<!-- /results -->\nmiddle\n<!-- cost --><!-- /cost -->\nend"
    text = render_readme(old, [RESULT])
    assert "old" not in text
    assert text.startswith("top\n") and text.endswith("\nend")
    more, words = text.splitlines()[4:6]
    link = "[01](notebooks/01_bin_sweep.ipynb)"
    iqa = "iqa: **not resolved** SRCC +0.012 [-0.003, +0.027], n 1,587"
    ava = "ava: **agrees** SRCC -0.001"
    assert more == f"| rvtc: Fig. 2 (paper) | More \\| is better. | {iqa}<br>{ava} | {link} |"
    assert words.endswith(f"| Words suffice. | iqa: **not resolved**  | {link} |")
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
    measurable = 0
    for path in PAPERS.glob("*.yaml"):
        paper = load_paper(path.stem)
        assert all(claim.statement.replace("|", "\\|") in page for claim in paper.claims)
        assert all(one.what in page for one in paper.contradictions)
        unmeasured = [table.what for table in paper.tables if not table.notebook]
        assert all(what.replace("|", "\\|") in page for what in unmeasured)
        measurable += sum(claim.kind != "number" for claim in paper.claims)
    assert page.count("not measured yet |") == measurable - 1
    verdict = "SRCC +0.012 [-0.003, +0.027], n 1,587 | – | **not resolved**"
    assert f"| iqa | {verdict} | [01](../notebooks/01_bin_sweep.ipynb) |" in page
