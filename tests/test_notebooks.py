"""The stored notebooks: conventions, and that nbval really compares numbers."""

import ast
import json
import re
from pathlib import Path

import papermill
import pytest

from moslab.batch import parameters
from moslab.utils import paths

NOTEBOOKS = sorted((Path(__file__).resolve().parents[1] / "notebooks").glob("[0-9][0-9]_*.ipynb"))
IGNORED = "nbval-ignore-output"


def read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def code(path: Path) -> list[dict]:
    return [cell for cell in read(path)["cells"] if cell["cell_type"] == "code"]


def plain_text(cell: dict) -> str:
    """What nbval holds a fresh execution against: streams and text/plain."""
    texts = [output.get("text", output.get("data", {}).get("text/plain", "")) for output in cell["outputs"]]
    return "".join(map("".join, texts))


def tags(cell: dict) -> list[str]:
    return cell["metadata"].get("tags", [])


def compared_cells(path: Path) -> list[dict]:
    """Code cells whose outputs nbval compares."""
    return [cell for cell in code(path) if IGNORED not in tags(cell)]


def compared_numbers(path: Path) -> int:
    """Cells that nbval compares and whose output holds a number."""
    cells = [cell for cell in compared_cells(path) if cell["execution_count"]]
    return len([cell for cell in cells if re.search(r"\d", plain_text(cell))])


def lines_of(cell: dict) -> int:
    """Lines of a cell that are not blank."""
    return len([line for line in "".join(cell["source"]).splitlines() if line.strip()])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
class TestStored:
    def test_kernel_is_python3(self, path: Path) -> None:
        assert read(path)["metadata"]["kernelspec"]["name"] == "python3"

    def test_parameters_are_seen_by_papermill_too(self, path: Path) -> None:
        assert set(parameters.declared(path)) == set(papermill.inspect_notebook(str(path)))

    def test_stored_parameters_are_the_embedded_reference(self, path: Path) -> None:
        declared = parameters.declared(path)
        defaults = {name: declared[name].default for name in ("profile", "runs", "output")}
        assert defaults == {"profile": "embedded", "runs": "reference", "output": ""}

    def test_every_cell_was_executed_without_error(self, path: Path) -> None:
        for cell in code(path):
            assert cell["execution_count"]
            assert all(output["output_type"] != "error" for output in cell["outputs"])

    def test_a_cell_shows_one_picture_at_most(self, path: Path) -> None:
        """A figure that is left open is shown as the cell's value, and once more when the cell ends."""
        for cell in code(path):
            kinds = [kind for output in cell["outputs"] for kind in output.get("data", {})]
            assert kinds.count("image/png") <= 1

    def test_no_traces_of_the_machine(self, path: Path) -> None:
        text = "".join(plain_text(cell) for cell in compared_cells(path))
        assert str(paths.ROOT) not in text and "papermill" not in read(path)["metadata"]

    def test_cells_are_short(self, path: Path) -> None:
        cells = [cell for cell in code(path) if "parameters" not in tags(cell)]
        assert 10 <= len(cells) <= 40
        assert max(map(lines_of, cells)) <= 12

    def test_code_is_narrow(self, path: Path) -> None:
        """As wide as an editor shows it on a laptop."""
        cells = [cell for cell in code(path) if "parameters" not in tags(cell)]
        lines = [line for cell in cells for line in "".join(cell["source"]).splitlines()]
        assert max(map(len, lines)) <= 100

    def test_markdown_holds_no_measured_number(self, path: Path) -> None:
        """Prose numbers are rendered by `say`; two decimals in Markdown would be a pasted measurement."""
        for cell in read(path)["cells"]:
            if cell["cell_type"] == "markdown":
                assert not re.search(r"(?<![\d.])0?\.\d{2,}", "".join(cell["source"]))

    def test_code_parses_and_imports_once(self, path: Path) -> None:
        imports = []
        for cell in code(path):
            nodes = ast.walk(ast.parse("".join(cell["source"])))
            imports += [ast.unparse(node) for node in nodes if isinstance(node, (ast.Import, ast.ImportFrom))]
        assert len(imports) == len(set(imports))


@pytest.mark.parametrize(
    ("stem", "at_least"),
    [
        ("00_tour", 6),
        ("01_bin_sweep", 10),
        ("02_prompt_ablation", 10),
        ("03_digit_count", 12),
        ("04_ncm_curves", 10),
        ("05_regression_vs_ntp", 12),
        ("06_conversion_error", 10),
        ("08_attributes", 8),
        ("09_scores_and_words", 12),
        ("10_chain_of_thought", 10),
        ("12_video", 10),
        ("80_printed_table", 8),
        ("11_across_datasets", 12),
        ("13_open_questions", 10),
        ("07_regression_over_classification", 12),
        ("90_world", 8),
        ("91_label_audit", 8),
    ],
)
def test_nbval_compares_numbers(stem: str, at_least: int) -> None:
    """Stripping outputs would switch the comparison off silently; this notices."""
    path = next(path for path in NOTEBOOKS if path.stem == stem)
    assert compared_numbers(path) >= at_least
