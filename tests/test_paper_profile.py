"""The paper profile: each notebook's plan is the printed table's, and all of them run to the end."""

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from paper_toys import Batch, given_in, make_home, moslab, reproduce
from toys import save_tiny_base

from moslab.analysis.claims import load_paper
from moslab.batch.parameters import declared
from moslab.batch.plan import checked_parameters, find_notebooks, left_out
from moslab.batch.profiles import named_values, table_values
from moslab.experiments import recipes
from moslab.experiments.grid import make_on
from moslab.utils.errors import UserError

ROOT = Path(__file__).resolve().parents[1]
PAPERS = ("rvtc", "realqa", "roc4mllm", "qscorer")
TABLES = [table for paper in PAPERS for table in load_paper(paper).tables if table.runs]
QWEN_2B, QWEN_7B = "Qwen/Qwen2-VL-2B-Instruct", "Qwen/Qwen2-VL-7B-Instruct"
REALQA = {"recipe": "realqa", "text": "realqa", "backbone": QWEN_7B, "epochs": 2.0, "train_images": 0}
REALQA |= {"min_pixels": 200704, "max_pixels": 401408, "lora_rank": 128, "lora_targets": "all"}
RVTC = {"recipe": "rvtc", "backbone": QWEN_2B, "epochs": 2.0, "train_images": 0, "precision": "bfloat16"}
PLANS: dict[str, dict[str, Any]] = {
    "00_tour": REALQA | {"dataset": "koniq10k"},
    "01_bin_sweep": RVTC
    | {"datasets": ["ava"], "text": "", "bins": [5, 11, 21, 31, 51, 101], "wordless": ""},
    "02_prompt_ablation": RVTC
    | {"titled": "ava", "generated": "agiqa3k", "splits": ["test"], "control": "", "second_backbone": ""},
    "03_digit_count": REALQA | {"datasets": ["ava", "koniq10k"], "digits": [1, 2, 3], "bases": []},
    "04_ncm_curves": REALQA
    | {"datasets": ["koniq10k"], "scratch_recipe": "realqa-scratch", "batch_size": 64, "early_backbone": ""},
    "05_regression_vs_ntp": REALQA | {"datasets": ["koniq10k"], "printed_epochs": 2.0, "small_backbone": ""},
    "06_conversion_error": {
        "recipe": "qscorer",
        "backbone": QWEN_7B,
        "text": "generic",
        "train_images": 0,
        "epochs": 3.0,
        "dataset": "koniq10k",
        "others": ["spaq", "kadid10k", "livec", "agiqa3k", "csiq"],
        "vision": "trained",
        "lora_targets": "qv",
        "related": False,
    },
    "11_across_datasets": {
        "recipe": "qscorer",
        "backbone": QWEN_7B,
        "text": "generic",
        "train_images": 0,
        "test_images": 0,
        "epochs": 3.0,
        "dataset": "koniq10k",
        "others": ["spaq", "kadid10k", "livec", "agiqa3k", "csiq"],
        "aesthetic": "",
        "mix": ["koniq10k", "spaq"],
    },
    "07_regression_over_classification": {
        "recipe": "roc4mllm",
        "backbone": QWEN_7B,
        "text": "roc4mllm",
        "train_images": 0,
        "epochs": 2.0,
        "datasets": ["ava", "icaa17k"],
        "voted": "ava",
        "bases": [],
        "judged_before": [],
    },
}


PLANS["08_attributes"] = {
    "recipe": "roc4mllm",
    "backbone": QWEN_7B,
    "text": "roc4mllm",
    "train_images": 0,
    "epochs": 2.0,
    "datasets": ["aadb", "para"],
    "shorter": 0.0,
}
PLANS["10_chain_of_thought"] = REALQA | {
    "dataset": "realqa",
    "labelled": "koniq10k",
    "others": ["spaq", "livec"],
    "correlated": ["koniq10k", "ava"],
    "printed_epochs": 2.0,
}
PLANS["09_scores_and_words"] = {
    "recipe": "roc4mllm",
    "backbone": QWEN_7B,
    "text": "roc4mllm",
    "train_images": 0,
    "epochs": 2.0,
    "dataset": "avacaptions",
    "test_comments": 0,
    "related": False,
}
PLANS["12_video"] = REALQA | {
    "dataset": "koniq10k",
    "attributes": "realqa",
    "videos": "konvid1k",
    "test_images": 0,
    "frames": 0,
}
PLANS["13_open_questions"] = RVTC | {
    "titled": "ava",
    "splits": ["test"],
    "second_backbone": "",
    "measures": [],
    "quality": "",
}
PLANS["80_printed_table"] = REALQA | {"table": "realqa.table5", "paper_table": "realqa.table5"}


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Batch:
    """All notebooks; few bins in 01, since a miniature has fewer distinct scores than 101 quantiles need.

    The first one trains in processes of its own, as the profile does; the others in their own process.
    """
    home = make_home(tmp_path_factory.mktemp("paper"), save_tiny_base)
    first = reproduce(home, "01", bins=[5, 15], compute="auto")
    others = reproduce(home, "00 02 03 04 05 06 07 08 09 10 11 12 13 80 90 91")
    return Batch(others.folder, first.status or others.status, first.printed + others.printed)


# --- the plan, as it is on a machine with the models and data ---


@pytest.mark.parametrize("stem", PLANS)
def test_a_notebook_plans_what_its_table_is_made_with(stem: str) -> None:
    [notebook] = find_notebooks(stem)
    planned = {name: one.default for name, one in declared(notebook).items()}
    planned |= checked_parameters([notebook], "paper", {"profile": "paper"})[notebook]
    assert {name: planned[name] for name in PLANS[stem]} == PLANS[stem]


@pytest.mark.parametrize("table", TABLES, ids=[table.id for table in TABLES])
def test_the_runs_of_a_table_are_experiments(table: Any) -> None:
    for row in table.runs.rows.values():
        for dataset in table.runs.trained_on():
            fields = recipes.laid_over(table.runs.setting, row.fields)
            made = make_on(dataset, **{name: value for name, value in fields.items() if name != "dataset"})
            assert made.dataset == dataset
            assert made.train_images is None
    for name, column in table.runs.columns.items():
        assert bool(column.metric) != bool(column.of), name


def test_a_table_of_the_users_own_wins_over_the_profiles() -> None:
    [notebook] = find_notebooks("05")
    given = {"paper_table": "roc4mllm.table1", "epochs": 1.0}
    [values] = checked_parameters([notebook], "paper", {"profile": "paper"} | given).values()
    assert values["datasets"] == ["ava"]
    assert values["recipe"] == "roc4mllm"
    assert values["epochs"] == 1.0
    assert values["backbone"] == "MAGAer13/mplug-owl2-llama2-7b"


def test_a_table_without_runs_is_refused() -> None:
    with pytest.raises(UserError) as problem:
        table_values("realqa.figure_dataset")
    assert "choose another table" in str(problem.value)
    with pytest.raises(UserError) as unknown:
        named_values("paper", Path("05_x.ipynb"), ["paper_table"], {"paper_table": "realqa.table99"}, {})
    assert "There is no printed table 'realqa.table99'" in str(unknown.value)


def test_what_some_notebooks_do_not_know_is_left_out_and_said() -> None:
    notebooks = find_notebooks("01 02")
    typed = checked_parameters(notebooks, "paper", {"control": "null"})
    assert [values.get("control") for values in typed.values()] == [None, "null"]
    sentence = "control is no parameter of 01_bin_sweep: left out there."
    assert left_out(notebooks, ["control", "seeds"]) == [sentence]
    assert left_out(notebooks[:1], ["control"]) == [sentence]
    with pytest.raises(UserError) as problem:
        left_out(notebooks, ["colour"])
    assert "01_bin_sweep.ipynb has no parameter 'colour'" in str(problem.value)


# --- the whole way, on miniatures ---


def test_every_notebook_runs_to_the_end(batch: Batch) -> None:
    assert batch.status == 0, batch.printed[-3000:]


def test_the_bin_sweep_records_its_dataset_alone(batch: Batch) -> None:
    """Verdicts and figures are of what was trained on, label-only rows of labels that are there, too."""
    result = batch.result("01_bin_sweep")
    assert result["parameters"]["seeds"] == [0]
    assert {claim["on"] for claim in result["claims"]} == {"ava"}
    assert {row["dataset"] for row in result["values"]["ceilings"]} == {"ava", "koniq10k"}
    assert (batch.folder / "figures" / "bin_sweep.png").stat().st_size > 5000


@pytest.mark.parametrize("stem", PLANS)
def test_runs_are_those_of_the_papers(batch: Batch, stem: str) -> None:
    """None is on embedded data, on the first 2,000 pictures, or without the question that the paper asks."""
    experiments = batch.experiments(stem)
    assert experiments
    data = {name for one in experiments for name in (one.dataset, one.test_dataset) if name}
    assert data <= {"koniq10k", "ava", "agiqa3k", "realqa", "avacaptions", "konvid1k", "aadb"}
    assert {one.train_images for one in experiments} == {None}
    assert all(one.backbone.endswith("base") for one in experiments)
    question = PLANS[stem].get("text", None)
    if question:
        assert {one.text for one in experiments} == {question}


@pytest.mark.parametrize(
    ("stem", "rows"),
    [
        ("02_prompt_ablation", ["correct titles", "shuffled titles"]),
        ("03_digit_count", ["M=1", "M=2", "M=3"]),
        ("05_regression_vs_ntp", ["Regression, 2 epochs", "Regression, 6 epochs", "NTP, 2 epochs"]),
        ("06_conversion_error", ["Q-Scorer (5)", "Q-Scorer (1)"]),
        ("08_attributes", ["ROC4MLLM (Ours)"]),
        ("12_video", ["Baseline", "Baseline + CoT training"]),
    ],
)
def test_each_row_of_the_printed_table_is_made_again(batch: Batch, stem: str, rows: list[str]) -> None:
    """The notebook shows our value beside every printed one; with a single run it has no interval."""
    epochs = 3 if stem.startswith("05") else 0  # cells of a column that is no measurement
    for row in rows:
        printed, ours = batch.shown(stem, row)[epochs : epochs + 2]
        assert re.fullmatch(r"\d\.\d{2,3}", printed)  # with the decimals that the paper prints
        assert re.fullmatch(r"-?\d\.\d{3}|nan", ours)


def test_sorting_is_asked_of_the_given_backbone(batch: Batch) -> None:
    record = batch.result("03_digit_count")
    for bases in record["values"]["sorting"].values():
        assert list(bases) == [record["parameters"]["backbone"]]


def test_datasets_that_are_not_there_are_said(batch: Batch) -> None:
    stored = (batch.folder / "notebooks" / "06_conversion_error.ipynb").read_text()
    for name in ("spaq", "kadid10k", "livec", "csiq"):
        assert f"{name}, which is not in the data root" in stored


def test_the_walk_of_the_readme_runs_on_the_miniature(batch: Batch) -> None:
    """Its commands as they stand there, but for the folders, and with little of everything."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = text.split("### From one GPU", 1)[1].split("```")[1]
    lines = [line.partition(" #")[0].strip() for line in block.strip().splitlines()]
    assert 3 <= len(lines) <= 10
    home = batch.folder.parents[1]
    walked = []
    for line in lines:
        here = line.replace("/models/Qwen2-VL-7B-Instruct", str(home / "base"))
        here = here.replace("/data", str(home / "data"))
        arguments = arguments_of(here, home)
        if arguments:
            process = moslab(home, *arguments)
            assert process.returncode == 0, (line, process.stdout + process.stderr)
            walked.append(arguments[0])
    assert walked == ["data", "plan", "reproduce"]


def arguments_of(line: str, home: Path) -> list[str]:
    """What a line of the README gives to the command line; nothing for one that only prepares or shows."""
    if line.startswith("make reproduce"):
        told = subprocess.run(
            ["make", "-n", *shlex.split(line)[1:]], capture_output=True, text=True, cwd=ROOT
        )
        [command] = [one for one in told.stdout.splitlines() if "moslab reproduce" in one]
        arguments = shlex.split(command)[3:]
        for name, value in given_in(home).items():
            arguments += ["--set", f"{name}={value}"]
        return arguments
    return shlex.split(line)[3:] if line.startswith(".venv/bin/python -m moslab") else []
