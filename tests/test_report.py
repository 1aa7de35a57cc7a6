"""The README's tables are rendered from result records and nothing else."""

from moslab.report import cost_table, fill, render_readme

RESULT = {
    "notebook": "01_bin_sweep", "seconds": 12.4, "run_seconds": {"a": 60.0, "b": 30.0},
    "provenance": {"cpu": "Some CPU", "cores": 2, "commit": {"id": "0123456789abcdef", "dirty": False}},
    "claims": [{"id": "rvtc.x", "on": "iqa", "statement": "More | is better.", "paper": "rvtc", "place": "Fig. 2", "metric": "srcc", "value": 0.012, "low": -0.003,
                "high": 0.027, "verdict": "not resolved"},
               {"id": "rvtc.x", "on": "ava", "statement": "More | is better.", "paper": "rvtc", "metric": "srcc", "value": -0.001, "low": -0.001, "high": -0.001,
                "verdict": "agrees"},
               {"id": "rvtc.y", "on": "iqa", "statement": "Words suffice.", "paper": "rvtc", "metric": "srcc", "value": None, "verdict": "not resolved"}],
}


def test_both_tables_stand_between_their_markers() -> None:
    text = render_readme("top\n<!-- results -->\nold\n<!-- /results -->\nmiddle\n<!-- cost --><!-- /cost -->\nend", [RESULT])
    assert "old" not in text and text.startswith("top\n") and text.endswith("\nend")
    link = "[01](notebooks/01_bin_sweep.ipynb)"
    assert f"| rvtc | More \\| is better. | **not resolved**<br>SRCC +0.012 [-0.003, +0.027] | **agrees**<br>SRCC -0.001 | {link} |\n" in text
    assert "| paper | claim | iqa | ava | notebook |\n| --- | --- | --- | --- | --- |\n" in text and f"| rvtc | Words suffice. | **not resolved**<br>– |  | {link} |" in text
    assert "| 01_bin_sweep | 2 | 1.5 | 12 | Some CPU, 2 cores | 0123456789 |" in text


def test_rendering_twice_changes_nothing() -> None:
    once = render_readme("<!-- results --><!-- /results -->", [RESULT])
    assert render_readme(once, [RESULT]) == once


def test_text_without_markers_stays() -> None:
    assert fill("no markers here", "results", "table") == "no markers here"
    assert cost_table([]).count("\n") == 1
