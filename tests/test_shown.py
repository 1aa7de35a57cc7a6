"""What readers are shown is what is stored: tables, verdicts and figures against the committed results.

nbval holds what stands in the stored notebooks against a fresh execution, but reads only the plain text of an
output, as for terminals; here HTML and Markdown are held against that text, and verdicts against the records.
"""

import base64
import copy
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from stored_outputs import DETAIL_COLUMNS, Table, outputs, plain

from moslab.analysis import verdict_tables
from moslab.analysis.answer import ANSWER
from moslab.analysis.claims import APART, COUNTED, Verdict
from moslab.analysis.tables import NOTHING
from moslab.analysis.verdict_tables import EVERYWHERE, LEGEND
from moslab.batch.comparison import settings
from moslab.batch.parameters import declared
from moslab.batch.plan import checked_parameters
from moslab.notebook import answer
from moslab.publish.claims_page import claims_page
from moslab.publish.readme import render_performance, render_readme
from moslab.utils import paths
from moslab.utils.files import is_sealed, read_json, sha256

RECORDS = sorted((paths.REFERENCE / "results").glob("*/[0-9][0-9]_*.json"))
RESULTS = {path.stem: read_json(path) for path in RECORDS if path.parent.name == "embedded"}
NOTEBOOKS = {stem: read_json(paths.NOTEBOOKS / f"{stem}.ipynb") for stem in RESULTS}
README = (paths.ROOT / "README.md").read_text(encoding="utf-8")
PERFORMANCE = (paths.ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
CLAIMS_PAGE = (paths.ROOT / "docs" / "claims.md").read_text(encoding="utf-8")
KINDS = "|".join(kind.capitalize() for kind in (*COUNTED, *APART))
SENTENCE = re.compile(rf"^(?:\* )?((?:{KINDS})(?: on .+)?\. .+)$", re.MULTILINE)
OPENING = "**Answer** (of the committed"


# what is wrong with a notebook, in words; nothing where everything holds


def renderings_that_differ(notebook: dict) -> list[str]:
    """Outputs whose HTML or Markdown says something else than their plain text, which nbval compares."""
    wrong = [text for output, text in outputs(notebook, "text/markdown") if text != plain(output)]
    for output, html in outputs(notebook, "text/html"):
        text = plain(output)
        continued = [line for line in text.splitlines() if line.endswith("\\")]
        cells, index = Table(html).words(blocks=1 + len(continued))
        shown = Counter(text.replace("\\", "").split())
        missing = (cells + index) - shown
        added = shown - (cells + index)
        shortened = all(word in index for word in missing) and all("..." in word for word in added)
        if (missing or added) and not shortened:
            wrong.append(f"{dict(missing)} against {dict(added)}")
    return wrong


def verdicts_that_differ(notebook: dict, record: dict) -> list[str]:
    """Rows and cells of tables of verdicts that do not say what the record says."""
    return details_that_differ(notebook, record) + cells_that_differ(notebook, record)


def details_that_differ(notebook: dict, record: dict) -> list[str]:
    """Rows of the table of everything behind the verdicts."""
    claims = {(claim["id"], claim["on"] or NOTHING): claim for claim in record["claims"]}
    wrong = []
    for _, html in outputs(notebook, "text/html"):
        if is_verdict_table(html):
            for row in Table(html).body:
                wrong += row_that_differs(row, claims)
    return wrong


def is_verdict_table(html: str) -> bool:
    return "<th>verdict</th>" in html and "<th>80 % power</th>" in html


def cells_that_differ(notebook: dict, record: dict) -> list[str]:
    """Cells of tables with a claim per row and a dataset per column."""
    expected = {}
    for claim in record["claims"]:
        verdict = Verdict(**claim)
        expected[verdict.statement, verdict.on or EVERYWHERE] = verdict_tables.cell(verdict)
    wrong = []
    for _, text in outputs(notebook, "text/markdown"):
        if LEGEND in text:
            for place, shown in shown_cells(text).items():
                if shown != expected.get(place, NOTHING):
                    wrong.append(f"{place}: {shown}")
    return wrong


def shown_cells(text: str) -> dict[tuple[str, str], str]:
    """The cells of a Markdown table, by claim and dataset."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    rows = [line.removeprefix("| ").removesuffix(" |").split(" | ") for line in lines]
    columns = rows[0][1:]
    cells = {}
    for claim, *row in rows[2:]:
        cells |= {(claim, column): shown for column, shown in zip(columns, row, strict=True)}
    return cells


def sentences_that_differ(notebook: dict, record: dict) -> list[str]:
    """Verdicts in a sentence that is not the record's."""
    recorded = {claim["sentence"] for claim in record["claims"]}
    sentences: list[str] = []
    for _, text in outputs(notebook, "text/markdown") + outputs(notebook, "stream"):
        sentences += SENTENCE.findall(text)
    return [sentence for sentence in sentences if sentence not in recorded]


def answer_differs(notebook: dict, record: dict) -> bool:
    """Whether what opens the notebook is not the record's answer."""
    shown = [text for _, text in outputs(notebook, "text/markdown") if text.startswith(OPENING)]
    return shown != [str(answer(record["notebook"]))]


def conclusion_differs(notebook: dict, record: dict) -> bool:
    """Whether the answer that the notebook ends with, from its own cells, is not the record's."""
    return record["values"][ANSWER] not in [text for _, text in outputs(notebook, "text/markdown")]


def row_that_differs(row: list[str], claims: dict) -> list[str]:
    """The row of a table of details, unless it is the record's; long texts are cut short in it."""
    name = (row[0], row[1])
    if name not in claims:
        return [f"{name} is not on record"]
    expected = verdict_tables.details([Verdict(**claims[name])]).drop(columns="bounds").iloc[0]
    shown = dict(zip(DETAIL_COLUMNS, row[2:]))
    same = all(alike(shown[column], expected[column]) for column in expected.index)
    return [] if same else [f"{name}: {shown} instead of {expected.to_dict()}"]


def alike(shown: str, expected: Any) -> bool:
    if shown.endswith("..."):
        return str(expected).startswith(shown.removesuffix("..."))
    return shown == str(expected)


def pictures_that_differ(notebook: dict, record: dict) -> list[str]:
    """Figures that open the notebook and are not the recorded ones."""
    wrong = []
    for cell in notebook["cells"]:
        name = re.search(r'^picture\("(\w+)"\)', "".join(cell["source"]))
        if name and cell["cell_type"] == "code":
            shown = [base64.b64decode("".join(output["data"]["image/png"])) for output in cell["outputs"]]
            if [sha256(png) for png in shown] != [record["figures"].get(f"{name[1]}.png")]:
                wrong.append(name[1])
    return wrong


def figures_that_differ(folder: Path, results: list[dict]) -> list[str]:
    """Figures that no record names, or that are not the ones recorded."""
    recorded: dict[str, str] = {}
    for record in results:
        recorded |= record["figures"]
    drawn = {path.name: sha256(path.read_bytes()) for path in folder.iterdir()}
    return sorted(name for name in {**recorded, **drawn} if recorded.get(name) != drawn.get(name))


# as committed


def test_the_readme_shows_the_records():
    assert README == render_readme(README, list(RESULTS.values())), "make reference"


def test_the_page_on_performance_shows_the_records():
    assert PERFORMANCE == render_performance(PERFORMANCE, list(RESULTS.values())), "make reference"


def test_the_page_of_claims_shows_the_records():
    assert CLAIMS_PAGE == claims_page(list(RESULTS.values())), "make reference"


@pytest.mark.parametrize("stem", RESULTS)
def test_a_notebook_shows_its_record(stem):
    notebook, record = NOTEBOOKS[stem], RESULTS[stem]
    assert not renderings_that_differ(notebook)
    assert not verdicts_that_differ(notebook, record)
    assert not sentences_that_differ(notebook, record)
    assert not answer_differs(notebook, record)
    assert not conclusion_differs(notebook, record)
    assert not pictures_that_differ(notebook, record)


def test_every_figure_is_one_on_record():
    assert not figures_that_differ(paths.FIGURES, list(RESULTS.values()))


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_no_record_was_changed_by_hand(path):
    assert is_sealed(read_json(path))


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_record_has_the_parameters_that_its_notebook_has(path):
    """Or `make reproduce` would have nothing to compare its verdicts with, and say so of all of them."""
    notebook = paths.NOTEBOOKS / f"{path.stem}.ipynb"
    values = checked_parameters([notebook], path.parent.name, {"profile": path.parent.name})[notebook]
    stored = {name: one.default for name, one in declared(notebook).items()}
    assert settings(read_json(path)) == settings({"parameters": stored | values})


# and after one character was changed by hand


def other(character: str) -> str:
    return "7" if character != "7" else "3"


def changed(text: str, position: int) -> str:
    """A text with another character at one position."""
    return text[:position] + other(text[position]) + text[position + 1 :]


TABLES = {
    "results": (README, render_readme),
    "orders": (README, render_readme),
    "cost": (PERFORMANCE, render_performance),
}


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 0.8, 0.999])
@pytest.mark.parametrize("marker", TABLES)
def test_a_changed_table_is_noticed(marker, share):
    page, render = TABLES[marker]
    start = page.index(f"<!-- {marker} -->") + len(f"<!-- {marker} -->")
    end = page.index(f"<!-- /{marker} -->")
    by_hand = changed(page, start + int(share * (end - start)))
    assert by_hand != render(by_hand, list(RESULTS.values()))


@pytest.mark.parametrize(("field", "value"), [("verdict", "agrees"), ("value", 0.5)])
def test_a_changed_verdict_shows_on_the_page_of_claims(field, value):
    results = copy.deepcopy(list(RESULTS.values()))
    assert results[5]["claims"][0][field] != value
    results[5]["claims"][0][field] = value
    assert CLAIMS_PAGE != claims_page(results)


def test_a_changed_verdict_shows_in_the_readme():
    results = copy.deepcopy(list(RESULTS.values()))
    assert results[5]["claims"][0]["verdict"] != "agrees"
    results[5]["claims"][0]["verdict"] = "agrees"
    assert README != render_readme(README, results)


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_changed_record_is_noticed(path):
    record = read_json(path)
    by_hand = [
        record | {"seconds": record["seconds"] + 1e-9},
        record | {"values": {**record["values"], "more": 1}},
        record | {"claims": [*record["claims"], {}]},
        record | {"figures": {"a.png": ""}},
    ]
    assert not any(is_sealed(one) for one in by_hand)


JUDGING = [stem for stem, record in RESULTS.items() if record["claims"]]


def alone(output: dict) -> dict:
    """A notebook with a copy of this output only."""
    return {"cells": [{"cell_type": "code", "source": [], "outputs": [copy.deepcopy(output)]}]}


CELLS = [(stem, "verdict") for stem in JUDGING] + [
    ("05_regression_vs_ntp", name) for name in DETAIL_COLUMNS[:9]
]


@pytest.mark.parametrize(("stem", "column"), CELLS)
def test_a_changed_cell_of_a_verdict_table_is_noticed(stem, column):
    tables = outputs(NOTEBOOKS[stem], "text/html")
    output, html = next((output, text) for output, text in tables if is_verdict_table(text))
    notebook = alone(output)
    cells = list(re.finditer(r"<td>(.+?)</td>", html))
    position = cells[DETAIL_COLUMNS.index(column)].start(1)
    notebook["cells"][0]["outputs"][0]["data"]["text/html"] = changed(html, position)
    assert not verdicts_that_differ(alone(output), RESULTS[stem])
    assert not renderings_that_differ(alone(output))
    assert verdicts_that_differ(notebook, RESULTS[stem])
    assert renderings_that_differ(notebook)


@pytest.mark.parametrize("stem", JUDGING)
def test_a_changed_mark_of_a_verdict_is_noticed(stem):
    texts = outputs(NOTEBOOKS[stem], "text/markdown")
    output, text = next((output, text) for output, text in texts if LEGEND in text)
    notebook = alone(output)
    marked = re.search(r"\| ([✓✗≈≠?·]) [+-]", text)
    other_mark = "✓" if marked[1] != "✓" else "✗"
    by_hand = text[: marked.start(1)] + other_mark + text[marked.end(1) :]
    notebook["cells"][0]["outputs"][0]["data"] = {"text/markdown": by_hand, "text/plain": by_hand}
    assert not verdicts_that_differ(alone(output), RESULTS[stem])
    assert verdicts_that_differ(notebook, RESULTS[stem])


@pytest.mark.parametrize("share", [0.0, 0.4, 0.7, 0.999])
@pytest.mark.parametrize("stem", RESULTS)
def test_a_changed_answer_is_noticed(stem, share):
    """Also where all renderings were changed alike."""
    texts = outputs(NOTEBOOKS[stem], "text/markdown")
    output, text = next((output, text) for output, text in texts if text.startswith(OPENING))
    notebook = alone(output)
    by_hand = changed(text, int(share * len(text)))
    notebook["cells"][0]["outputs"][0]["data"] = {"text/markdown": by_hand, "text/plain": by_hand}
    assert not answer_differs(alone(output), RESULTS[stem])
    assert answer_differs(notebook, RESULTS[stem])


@pytest.mark.parametrize("kind", ["text/markdown", "stream"])
def test_a_changed_sentence_is_noticed(kind):
    """Whether it is shown as Markdown or printed."""
    record = RESULTS["04_ncm_curves"]
    texts = [text for _, text in outputs(NOTEBOOKS["04_ncm_curves"], "text/markdown")]
    text = next(text for text in texts if SENTENCE.search(text))
    by_hand = changed(text, SENTENCE.search(text).end(1) - 3)
    assert not sentences_that_differ(alone(output_of(text, kind)), record)
    assert sentences_that_differ(alone(output_of(by_hand, kind)), record)


def output_of(text: str, kind: str) -> dict:
    """An output that shows a text."""
    return {"text": text} if kind == "stream" else {"data": {kind: text}}


@pytest.mark.parametrize("stem", RESULTS)
def test_a_changed_picture_is_noticed(stem):
    notebook = copy.deepcopy(NOTEBOOKS[stem])
    cell = next(cell for cell in notebook["cells"] if "".join(cell["source"]).startswith("picture("))
    data = cell["outputs"][0]["data"]
    png = "".join(data["image/png"])
    data["image/png"] = changed(png, len(png) // 2)
    assert pictures_that_differ(notebook, RESULTS[stem])


def test_a_changed_missing_or_additional_figure_is_noticed(tmp_path):
    content = {path.name: path.read_bytes() for path in paths.FIGURES.iterdir()}
    for name, png in content.items():
        (tmp_path / name).write_bytes(png)
    first, second = sorted(content)[:2]
    flipped = bytearray(content[first])
    flipped[-20] ^= 1
    (tmp_path / first).write_bytes(flipped)
    (tmp_path / second).unlink()
    (tmp_path / "zebra.png").write_bytes(b"")
    assert figures_that_differ(tmp_path, list(RESULTS.values())) == [first, second, "zebra.png"]
