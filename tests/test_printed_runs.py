"""A printed table as a grid of experiments, beside the same table made again, and the order of its rows."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from toys import toy_run

from moslab.analysis.claims import printed_tables, table_of
from moslab.analysis.printed_grids import experiments, grid_of, parts_of
from moslab.analysis.printed_orders import KINDS, orders_of, share, told
from moslab.analysis.printed_runs import Again
from moslab.analysis.printed_tables import PrintedTables, section
from moslab.experiments.experiment import Experiment
from moslab.experiments.grid import Results
from moslab.experiments.scales import BACKBONES
from moslab.measures.metrics import srcc
from moslab.scorers import chain
from moslab.utils.errors import UserError
from moslab.world import ugc

SETTING = {"recipe": "lm", "backbone": "embedded", "learning_rate": 1e-3, "epochs": 3.0}
SEEDS = [0, 1, 2]
SHORT, LONG, WRITTEN = "Regression, 2 epochs", "Regression, 6 epochs", "NTP, 2 epochs"
WITH_TRAININGS = [
    table.id for table in printed_tables() if table.runs and table.runs.trained_on() and table.runs.columns
]


@pytest.fixture
def no_data(monkeypatch) -> None:
    """Keys without labels, pictures and weights."""
    monkeypatch.setattr(Experiment, "key", property(lambda one: f"{one.label} {one.epochs}"))


def again_with(noise: dict[str, float], seeds: list[int], scale: Any = "paper") -> Again:
    """RealQA's Table 5 with runs of some rows, whose scores are off by noise of the given size."""
    table = table_of("realqa.table5")
    assert table.runs is not None
    runs: dict[Any, Any] = {}
    for row, size in noise.items():
        for experiment in experiments(table.runs, row, "SRCC", SETTING, seeds, scale):
            run = toy_run(experiment)
            predictions = run.predictions.loc[np.zeros(200, int)].reset_index(drop=True)
            dice = np.random.default_rng(experiment.seed)
            predictions["target"] = np.linspace(1, 5, len(predictions))
            predictions["score"] = predictions["target"] + size * dice.normal(size=len(predictions))
            runs[row, "", experiment.seed] = type(run)(**{**vars(run), "predictions": predictions})
    return Again.of(table, SETTING, seeds, scale, {"all": Results(runs)})


def cells_of(again: Again) -> dict[str, dict[str, str]]:
    """The shown table: row -> heading -> cell."""
    header, _, *rows = [line.strip("| ").split(" | ") for line in again.shown().split("\n")]
    return {row[0]: dict(zip(header[1:], row[1:])) for row in rows}


# the experiments behind a table


def test_the_row_s_fields_win_over_the_setting_s_and_these_over_the_table_s() -> None:
    named = table_of("realqa.table5").runs
    assert named is not None
    [long] = experiments(named, LONG, "SRCC", SETTING, [4])
    assert (long.scorer, long.epochs, long.seed) == ("regression", 6.0, 4)
    assert (long.recipe, long.backbone, long.dataset) == ("lm", "embedded", "koniq10k")
    assert long.options["form"] == "logits"
    readme = table_of("qscorer.readme").runs
    assert readme is not None
    [elsewhere] = experiments(readme, "Q-Scorer (1)", "SPAQ SRCC", SETTING, [0])
    assert (elsewhere.dataset, elsewhere.test_dataset) == ("koniq10k", "spaq")


def test_at_the_embedded_scale_names_have_stand_ins_and_epochs_keep_their_proportion() -> None:
    named = table_of("realqa.table5").runs
    assert named is not None
    [long] = experiments(named, LONG, "SRCC", SETTING, [0], "embedded")
    assert (long.dataset, long.epochs, long.recipe, long.text) == ("iqa", 9.0, "lm", "image")
    scratch = table_of("realqa.table6").runs
    assert scratch is not None
    rows = [row for row in scratch.rows if "Scratch" in row]
    [first] = experiments(scratch, rows[0], "NCM", SETTING, [0], "embedded")
    assert (first.recipe, first.backbone) == ("scratch", "embedded")
    titles = table_of("rvtc.table5").runs
    assert titles is not None
    [shuffled] = experiments(titles, "shuffled titles", "AVA correlation", SETTING, [0], "embedded")
    assert (shuffled.dataset, shuffled.text) == ("iaa", "permuted")


@pytest.mark.parametrize("name", WITH_TRAININGS)
def test_a_table_is_a_grid_that_holds_the_experiments_of_its_cells(no_data, name: str) -> None:
    table = table_of(name)
    assert table.runs is not None
    for scale, backbone in (("embedded", "embedded"), ("paper", "Qwen/Qwen2-VL-7B-Instruct")):
        setting = {"backbone": backbone, "learning_rate": 1e-4}
        made = []
        for part in parts_of(table, scale).values():  # type: ignore[arg-type]
            made += grid_of(part, setting, [0, 1], scale).experiments().values()  # type: ignore[arg-type]
        for row in table.runs.rows:
            for column, measured in table.runs.columns.items():
                if not measured.of:
                    wanted = experiments(table.runs, row, column, setting, [0, 1], scale)
                    assert all(one in made for one in wanted)


def test_a_table_s_own_fields_are_of_its_experiments_alone(no_data) -> None:
    tables = PrintedTables(
        [table_of("realqa.table5"), table_of("realqa.table4")],
        "embedded",
        SETTING | {"train_images": 7},
        SEEDS,
        list,
        lambda name, key, compute: compute(),
        own={"realqa.table5": {"train_images": 5}},
    )
    for name, grid in tables.grids().items():
        fewer = name == "realqa.table5"
        assert {one.train_images for one in grid.experiments().values()} == {5 if fewer else 7}


def test_columns_of_absent_datasets_stay_empty() -> None:
    table = table_of("qscorer.readme")
    here = {"koniq10k", "spaq"}
    grid = grid_of(table, SETTING, [0], "paper", lambda names: [name for name in names if name in here])
    tested = {one.test_dataset for one in grid.experiments().values()}
    assert (list(grid.datasets), tested) == (["koniq10k"], {"", "spaq"})
    with pytest.raises(UserError, match="on datasets that are at hand"):
        grid_of(table, SETTING, [0], "paper", lambda names: [])
    with pytest.raises(UserError, match="No training"):
        grid_of(table_of("realqa.table3"), SETTING, [0], "paper")
    with pytest.raises(UserError, match="Nothing is said of the runs behind realqa.figure_dataset"):
        grid_of(table_of("realqa.figure_dataset"), SETTING, [0], "paper")


@pytest.mark.parametrize(("labels", "rows"), [((), 1), (("realqa",), 2)])
def test_rows_whose_attributes_are_absent_stay_empty(no_data, labels: tuple[str, ...], rows: int) -> None:
    here = {"koniq10k", "konvid1k", *labels}

    def present(names: Iterable[str]) -> list[str]:
        return [name for name in names if name in here]

    assert len(grid_of(table_of("realqa.table9"), SETTING, [0], "paper", present).arms) == rows


def test_columns_about_attributes_make_one_sentence_a_dataset(no_data) -> None:
    table = table_of("roc4mllm.table4")
    assert table.runs is not None
    [one] = experiments(table.runs, "ROC4MLLM (Ours)", "PARA DoF SRCC", SETTING, [0])
    said = ("compositionScore_mean", "colorScore_mean", "dofScore_mean", "lightScore_mean")
    assert (one.dataset, tuple(one.options["also"])) == ("para", said)
    parts = parts_of(table, "paper", lambda names: [name for name in names if name == "para"])
    assert list(parts) == ["roc4mllm.table4, para"]
    grid = grid_of(parts["roc4mllm.table4, para"], SETTING, [0], "paper")
    assert list(grid.experiments().values()) == [one]
    assert list(parts_of(table_of("realqa.table5"), "paper")) == ["realqa.table5"]


def test_a_cell_about_an_attribute_is_what_was_said_of_it(no_data) -> None:
    table = table_of("roc4mllm.table4")
    assert table.runs is not None
    [one] = experiments(table.runs, "ROC4MLLM (Ours)", "AADB Light SRCC", SETTING, [0])
    run = toy_run(one)
    count = len(run.predictions)
    light = {"said Light": np.linspace(-1, 1, count), "true Light": np.linspace(-0.5, 0.5, count)}
    run = type(run)(**{**vars(run), "predictions": run.predictions.assign(**light)})
    again = Again.of(table, SETTING, [0], "paper", {"all": Results({("aadb", "x", 0): run})})
    [(scores, target)] = again.cells("ROC4MLLM (Ours)", "AADB Light SRCC")
    assert scores[0].tolist() == light["said Light"].tolist()
    assert target.tolist() == light["true Light"].tolist()


def with_attributes(row: str, slip: dict[str, np.ndarray], seed: int) -> Any:
    """A run of RealQA's Table 2 that says each attribute as annotated, but for some pictures."""
    table = table_of("realqa.table2")
    assert table.runs is not None
    [one] = experiments(table.runs, row, "SRCC", SETTING, [seed])
    run = toy_run(one)
    predictions = run.predictions.loc[np.zeros(40, int)].reset_index(drop=True)
    columns = {}
    for name in table.runs.columns["SRCC"].mean_of:
        options = np.array(ugc.OPTIONS[name])
        true = np.arange(40) % len(options)
        said = np.where(slip.get(name, np.zeros(40, bool)), (true + 1) % len(options), true)
        columns |= {f"true {name}": options[true], f"said {name}": options[said]}
    return type(run)(**{**vars(run), "predictions": predictions.assign(**columns)})


def test_a_mean_over_attributes_counts_options_by_their_place(no_data) -> None:
    table = table_of("realqa.table2")
    first, second = list(table.runs.rows)  # type: ignore[union-attr]
    wrong = {"exposure": np.arange(40) < 20}
    runs = [with_attributes(first, {}, seed) for seed in SEEDS]
    runs += [with_attributes(second, wrong, seed) for seed in SEEDS]
    again = Again(table, SETTING, SEEDS, "paper", runs)
    right, worse = again.value(first, "SRCC"), again.value(second, "SRCC")
    gap = again.difference(first, second, "SRCC")
    assert right is not None and worse is not None and gap is not None
    assert right.value == pytest.approx(1)
    [one, *_] = [cell for cell in again.cells(second, "SRCC") if not np.array_equal(cell[0][0], cell[1])]
    assert worse.value == pytest.approx((8 + srcc(one[0][0], one[1])) / 9)
    assert gap.value == pytest.approx(right.value - worse.value)
    assert gap.low95 > 0
    assert orders_of(again) == {"same": 2, "opposite": 0, "too close": 0, "open": 0}


def test_a_chain_is_told_its_attributes_by_its_own_option(no_data) -> None:
    table = table_of("realqa.table2")
    assert table.runs is not None
    first, second = ([*experiments(table.runs, row, "SRCC", SETTING, [0])][0] for row in table.runs.rows)
    assert (
        first.options
        == experiments(table_of("realqa.table1").runs, "Ours", "Comp. SRCC", SETTING, [0])[0].options
    )
    assert set(first.options["attributes"]) == set(second.options["attributes"]) == set(chain.ATTRIBUTES)
    assert tuple(first.options["attributes"]) == chain.ATTRIBUTES
    assert second.options["attributes"][0] == "image_clarity"


def test_every_backbone_that_a_table_names_has_a_stand_in() -> None:
    named = set()
    for table in printed_tables():
        if table.runs:
            rows = [row.fields for row in table.runs.rows.values()]
            named |= {fields["backbone"] for fields in [table.runs.setting, *rows] if "backbone" in fields}
    assert named <= set(BACKBONES)


# its cells


@pytest.mark.parametrize("seeds", [[0], SEEDS])
def test_cells_are_as_printed_or_made_again_or_a_dash(no_data, seeds: list[int]) -> None:
    shown = cells_of(again_with({SHORT: 0.5, WRITTEN: 0.0}, seeds))
    assert list(shown) == [SHORT, LONG, WRITTEN]
    assert shown[WRITTEN]["SRCC: printed"] == "0.939"
    lines = again_with({SHORT: 0.5, WRITTEN: 0.0}, seeds).shown().split("\n")
    exact = lines[-1].split(" | ")
    assert exact[5] == "1.000" if len(seeds) == 1 else exact[5].startswith("1.000 [1.000, ")
    judged = "" if len(seeds) == 1 else " (disagrees)"
    assert exact[6] == f"+0.061{judged}"  # ours less the printed one
    assert exact[2] == "–"  # epochs are no measurement
    assert lines[-2].split(" | ")[5] == "–"  # not run
    assert lines[-3].split(" | ")[8] == "–"  # no difference to itself
    gain, noisy = exact[8], lines[-3].split(" | ")[5]
    assert float(gain.split()[0]) == pytest.approx(1 - float(noisy.split()[0]), abs=0.002)
    assert ("[" in gain) == (len(seeds) == 3)


def test_at_the_embedded_scale_no_numbers_are_compared(no_data) -> None:
    again = again_with({SHORT: 0.5, WRITTEN: 0.0}, SEEDS, "embedded")
    text = section(again, orders_of(again))
    assert "| difference |" not in text
    assert "Stand-ins: `iqa` for koniq10k." in text
    assert "Left open by the paper, and chosen: The regression is a linear layer" in text


# the order of its rows


def test_two_rows_come_out_in_the_printed_order_or_the_other_way_round(no_data) -> None:
    as_printed = again_with({SHORT: 0.5, WRITTEN: 0.0}, SEEDS, "embedded")
    assert orders_of(as_printed) == dict(zip(KINDS, (2, 0, 0, 0)))  # SRCC and PLCC
    reversed_ones = again_with({SHORT: 0.0, WRITTEN: 0.5}, SEEDS, "embedded")
    assert orders_of(reversed_ones) == dict(zip(KINDS, (0, 2, 0, 0)))
    alike = again_with({SHORT: 0.0, WRITTEN: 0.0}, SEEDS, "embedded")
    assert orders_of(alike) == dict(zip(KINDS, (0, 0, 2, 0)))
    few = again_with({SHORT: 0.5, WRITTEN: 0.0}, [0], "embedded")
    assert orders_of(few) == dict(zip(KINDS, (0, 0, 0, 2)))
    assert sum(orders_of(again_with({SHORT: 0.5}, SEEDS, "embedded")).values()) == 0


def test_orders_are_told_with_what_guessing_gives() -> None:
    counts = dict(zip(KINDS, (2, 1, 3, 4)))
    assert share(counts) == "67 %"
    assert told(counts) == (
        "Of 10 pairs of rows within a column, 2 come out in the printed order and 1 the other way round; "
        "3 are too close to call and 4 open. In the printed order: 67 % of the decided; guessing gives half."
    )
    assert share(dict.fromkeys(KINDS, 0)) == "–"
    assert told(dict.fromkeys(KINDS, 0)) == "No two rows of a column were made again."
