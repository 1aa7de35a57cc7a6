"""The same work under other kernels of this machine: labels bit for bit, pictures and claims comparable.

`python tests/test_portability.py` measures again how far the golden run differs between kernels, for
data/golden_kernels.json.
"""

import json
import platform
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden import GOLDEN, KERNEL_DIFFERENCES, ROUNDED_TO, TOLERANCE, moved
from kernels import KERNELS, MEASURED, numpy_kernels, ran_as_asked, run
from toys import save_tiny_base

from moslab.batch.comparison import compare
from moslab.utils.provenance import cpu_name

pytestmark = pytest.mark.skipif(
    platform.machine().lower() not in ("x86_64", "amd64"), reason="these kernels are those of x86"
)
PROBE = Path(__file__).parent / "kernel_probe.py"


@pytest.fixture(scope="module")
def probes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What each set of kernels that this machine has made of the work, by its name; one process each."""
    folder = tmp_path_factory.mktemp("kernels")
    base = save_tiny_base(folder / "base")
    results = {name: run(PROBE, KERNELS[name], folder / f"{name}.json", base) for name in KERNELS}
    return {name: made for name, made in results.items() if ran_as_asked(made, name)}


@pytest.fixture(params=list(KERNELS))
def probe(probes, request) -> dict[str, Any]:
    if request.param not in probes:
        pytest.skip(f"this machine lacks the {request.param} kernels")
    return probes[request.param]


def test_default_and_another_set_of_kernels_ran(probes):
    assert "default" in probes and len(probes) > 1, f"only {', '.join(probes)} ran"
    assert not probes["default"]["numpy"] and (probes["avx2"]["numpy"] or not numpy_kernels())


def test_labels_are_the_same_to_the_last_bit(probes, probe):
    assert probe["labels"] == probes["default"]["labels"] and len(probe["labels"]) == 6


def test_pictures_stay_inside_their_tolerance(probe):
    assert probe["pixels"]["largest"] <= 1 and probe["pixels"]["share"] <= 1e-4


def test_the_golden_run_is_the_stored_one(probe):
    assert moved(probe["golden"], json.loads(GOLDEN.read_text())) == ""


def test_run_keys_are_the_same_and_claims_comparable(probes, probe):
    """As a smoke run has them: one without a standard error, one with."""
    reference = probes["default"]["record"]
    changes = compare(probe["record"], reference)
    assert [item.change for item in changes][0] == "no error" and not any(item.failed for item in changes)
    assert probe["record"]["runs"] == reference["runs"]


def test_kernels_differ_and_training_amplifies_it(probes):
    """Or the tests above would show nothing."""
    values = {probe["record"]["claims"][0]["value"] for probe in probes.values()}
    assert max(values) - min(values) > 1e-6


def differences(results: dict[str, dict[str, Any]]) -> dict[str, float]:
    """The largest difference between any two golden runs, at least the last digit that is kept."""
    largest = dict(ROUNDED_TO)
    for first, second in combinations(results.values(), 2):
        for scorer in ("bins", "levels"):
            for part in largest:
                gap = np.abs(np.subtract(first[scorer][part], second[scorer][part])).max()
                largest[part] = max(largest[part], round(float(gap), 9))
    return largest


def test_the_measured_differences_are_this_machine_s_too(probes):
    """With room for another processor: the golden run may differ by three times the largest."""
    results = differences({name: probe["golden"] for name, probe in probes.items()})
    assert all(results[part] <= TOLERANCE[part] for part in results)


def measure(folder: Path) -> dict[str, Any]:
    """For the data file: all sets of kernels against each other and against the stored run."""
    base = save_tiny_base(folder / "base")
    probed = {
        name: run(PROBE, chosen, folder / "probe.json", base) for name, chosen in (KERNELS | MEASURED).items()
    }
    ran = {
        name: made["golden"] for name, made in probed.items() if name in MEASURED or ran_as_asked(made, name)
    }
    return {
        "how": "tests/test_portability.py: largest difference of any two, the stored golden run among them",
        "processor": cpu_name(),
        "kernels": list(ran),
        "largest": differences(ran | {"stored": json.loads(GOLDEN.read_text())}),
    }


if __name__ == "__main__":
    import tempfile

    from moslab.utils.files import write_json

    with tempfile.TemporaryDirectory() as temporary:
        sys.stdout.write(f"{write_json(KERNEL_DIFFERENCES, measure(Path(temporary)))}\n")
