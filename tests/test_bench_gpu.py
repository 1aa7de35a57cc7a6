"""The benchmark at the papers' scale, tried at tiny shapes.

Every way runs, gives the same numbers, and stands in the file.
"""

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.gpu import __main__ as command  # noqa: E402
from benchmarks.gpu import measure, packing, record, shapes, standing, ways, work, workloads  # noqa: E402
from benchmarks.gpu.pictures import Pictures  # noqa: E402

WORKLOADS = {"T1", "S1", "S2", "T2", "T1-convolution", "T1-large", "T1-compiled"}


@pytest.fixture(scope="module")
def tried(tmp_path_factory: Any) -> dict[str, Any]:
    """The file of a trial of the whole benchmark."""
    out = tmp_path_factory.mktemp("bench") / "gpu.json"
    arguments = "--device cpu --shapes tiny --minutes 0.01 --batch 2 --pictures 4 --commit abc --out"
    assert command.main([*arguments.split(), str(out)]) == 0
    return json.loads(out.read_text())


def test_every_way_runs_and_gives_the_same(tried: dict[str, Any]) -> None:
    assert tried["finished"] and "errors" not in tried
    assert set(tried["workloads"]) == WORKLOADS
    for name, workload in tried["workloads"].items():
        for way, arm in workload["arms"].items():
            assert "error" not in arm, (name, way, arm["error"])
            assert arm["gate"]["passed"], (name, way, arm["gate"])
            assert len(arm["seconds"]) >= 1 and arm["pictures_per_second"] > 0
        assert all(pair["ratio"] > 0 for pair in workload["ratios"])


def test_the_file_says_what_was_measured(tried: dict[str, Any]) -> None:
    assert tried["machine"]["commit"] == "abc" and tried["machine"]["packages"]["torch"] == torch.__version__
    assert len(tried["probes"]) == 3
    assert all(probe["product_flops"] > 0 < probe["copy_bytes"] for probe in tried["probes"])
    assert {row["verdict"] for row in tried["targets"]} <= {"trial", "not measured"}
    assert set(tried["profiles"]) == {"ours-live"} and tried["profiles"]["ours-live"]["kernels"]
    assert tried["host"]["prepared_live"] > tried["host"]["prepared_kept"]
    assert tried["workloads"]["T2"]["arms"]["R3"]["padding"] == 0
    assert tried["workloads"]["T1"]["arms"]["R0"]["padding"] == 0
    assert tried["workloads"]["T2"]["epoch_padding"]["like length"] < 0.001


def test_tables_are_made_of_the_file_alone(tried: dict[str, Any]) -> None:
    true_shapes = json.loads(json.dumps(tried))
    true_shapes["settings"]["shapes"] = "7b"
    arms = true_shapes["workloads"]["T1"]["arms"]
    arms["ours-kept"]["gate"]["passed"] = False
    ratios = true_shapes["workloads"]["T1"]["ratios"]
    pairs = {(pair["faster"], pair["slower"]): pair for pair in ratios}
    pairs["ours-live", "R0"].update(ratio=2.5, low=2.4, high=2.6)
    true_shapes["targets"] = record.judged(true_shapes, work.CEILING)
    verdicts = {row["what"]: row["verdict"] for row in true_shapes["targets"]}
    assert verdicts["training, live / recipe"] == "met"
    assert verdicts["training, kept / recipe"].startswith("FAIL")
    assert verdicts["scoring, live: useful share of 790 TFLOP/s"] == "missed"
    page = record.section(true_shapes)
    assert "2.50 [2.40, 2.60]" in page and tried["machine"]["card"] in page
    ways_tried = sum(len(workload["arms"]) for workload in true_shapes["workloads"].values())
    assert len(record.arms_table(true_shapes).splitlines()) == 2 + ways_tried


def test_readme_and_the_page_on_performance_show_the_newest_results() -> None:
    pages = record.filled_pages()
    assert list(pages) == [record.PAGE, record.README]
    for path, filled in pages.items():
        page = path.read_text(encoding="utf-8")
        assert "<!-- gpu -->" in page
        assert filled == page
    assert record.in_short(None) == record.UNMEASURED


@pytest.mark.parametrize(
    "architecture, tokens, patches, expected",
    [("qwen2_vl", 1045, 3996, (7.75, 13.86, 35.8)), ("llava", 640, 577, (0.39, 8.40, 17.3))],
)
def test_work_of_true_shapes(
    architecture: str, tokens: int, patches: int, expected: tuple[float, float, float]
) -> None:
    """Tera-operations worked out by hand: the tower, the language model forward, a training step."""
    tokenizer: Any = SimpleNamespace(convert_tokens_to_ids=lambda token: 7)
    config = shapes.config_of(architecture, "7b", tokenizer)
    operations = [
        work.vision(config, patches),
        sum(work.language(config.text_config, tokens)),
        work.useful(config, [tokens], [patches], training=True, looks=True),
    ]
    assert [count / 1e12 for count in operations] == pytest.approx(expected, rel=0.01)


@pytest.fixture(scope="module")
def bench() -> shapes.Bench:
    return shapes.make_bench("qwen2_vl", "tiny", torch.device("cpu"), torch.float32)


def test_a_way_that_fails_is_written_down_and_the_next_goes_on(bench: shapes.Bench) -> None:
    sizes: list[int] = []

    def scarce(size: int) -> ways.Step:
        sizes.append(size)
        if size > 2:
            raise torch.OutOfMemoryError("no room")
        return ways.Step(lambda check: ways.Outcome(1.0, torch.ones(3)), 4, 0.0, 8.0)

    def broken(size: int) -> ways.Step:
        raise RuntimeError("a kernel is missing")

    plain = standing.Standing()
    listed = [
        ways.Way("broken", "", plain, broken, 4),
        ways.Way("scarce", "", plain, scarce, 4),
        ways.Way("hopeless", "", plain, lambda size: scarce(9), 4),
    ]
    workload = ways.Workload("T", "", listed, "broken", [("scarce", "broken")], 1.0)
    entry: dict[str, Any] = {}
    measure.compare(bench, workload, 0.0, entry, lambda: None)
    arms = entry["arms"]
    assert "a kernel is missing" in arms["broken"]["error"] and entry["ratios"][0]["ratio"] is None
    assert sizes[:2] == [4, 2]
    assert arms["scarce"]["out_of_memory"] == [4] and arms["scarce"]["batch"] == 2
    assert entry["reference"] == "scarce" and arms["scarce"]["seconds"]
    assert arms["hopeless"]["out_of_memory"] == [4, 2]
    assert "out of memory" in arms["hopeless"]["error"]


def test_a_slow_way_is_not_waited_for() -> None:
    with pytest.raises(measure.Slow), measure.at_most(0.1):
        while True:
            pass


def test_another_number_does_not_pass(bench: shapes.Bench) -> None:
    gradient, turned = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 2.0, -3.0])
    reference = ways.Outcome(2.0, gradient)
    assert measure.gate(bench, reference, ways.Outcome(2.0, gradient.clone()))["passed"]
    assert not measure.gate(bench, reference, ways.Outcome(2.1, gradient))["passed"]
    assert not measure.gate(bench, reference, ways.Outcome(2.0, turned))["passed"]


def test_nothing_of_one_way_is_left_in_the_next(bench: shapes.Bench) -> None:
    packing.choose_kernel(bench)
    pictures = Pictures.of(bench, shapes.equal_sizes("tiny", 2), "levels")
    plain = workloads.t1(bench, pictures, 2).ways[1]
    standing.stand(bench, plain.standing)
    first = plain.make(2).run(True)
    everything = standing.Standing(
        training=True,
        checkpointing=True,
        convolution=True,
        batched=False,
        adapters=True,
        halves=True,
        packed=True,
        joined=True,
        fused=True,
    )
    standing.stand(bench, everything)
    standing.stand(bench, plain.standing)
    second = plain.make(2).run(True)
    assert first.gradient is not None and second.gradient is not None
    assert first.loss == second.loss and torch.equal(first.gradient, second.gradient)
