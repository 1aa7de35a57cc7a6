"""The sets of kernels that one machine can be made to use, and how a script is run under one of them."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

NUMPY = "NPY_DISABLE_CPU_FEATURES"
BASELINE = {
    NUMPY: os.environ.get(NUMPY) or " ".join(name for name in __cpu_dispatch__ if __cpu_features__[name])
}
# Torch's own kernels, oneDNN's, MKL's, numpy's and its OpenBLAS's. Each library takes its best below the
# named one; MKL listens to its first variable on Intel's processors only.
KERNELS = {
    "default": {
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
        "MKL_CBWR": "COMPATIBLE",
        "OPENBLAS_CORETYPE": "Nehalem",
        **BASELINE,
    },
    "avx2": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "OPENBLAS_CORETYPE": "Haswell",
    },
    "avx512": {
        "ATEN_CPU_CAPABILITY": "avx512",
        "ONEDNN_MAX_CPU_ISA": "AVX512_CORE",
        "MKL_ENABLE_INSTRUCTIONS": "AVX512",
        "OPENBLAS_CORETYPE": "SkylakeX",
    },
}
MEASURED = {  # one library at a time, beside these
    "torch default": {"ATEN_CPU_CAPABILITY": "default"},
    "oneDNN SSE4.1": {"ONEDNN_MAX_CPU_ISA": "SSE41"},
    "MKL SSE4.2": {"MKL_ENABLE_INSTRUCTIONS": "SSE4_2"},
    "MKL compatible": {"MKL_CBWR": "COMPATIBLE"},
    "OpenBLAS Nehalem": {"OPENBLAS_CORETYPE": "Nehalem"},
    "numpy baseline": BASELINE,
}


def numpy_kernels() -> list[str]:
    """The instruction sets that numpy uses in this process beyond those it was compiled for."""
    return [name for name in __cpu_dispatch__ if __cpu_features__[name]]


def environment(chosen: dict[str, str]) -> dict[str, str]:
    """This process's environment with nothing but the chosen kernels chosen."""
    controlled = set().union(*KERNELS.values(), *MEASURED.values())
    inherited = {name: value for name, value in os.environ.items() if name not in controlled}
    set_here = {name: value for name, value in chosen.items() if value}
    return inherited | set_here | {"PYTHONPATH": os.pathsep.join(sys.path)}


def run(script: Path, chosen: dict[str, str], *arguments: Path) -> dict[str, Any]:
    """What a script wrote as JSON into the file that is its first argument.

    Nothing where the processor lacks the kernels; AssertionError with the script's last words if it failed.
    """
    if "avx512" in chosen.values() and not __cpu_features__.get("AVX512F", True) and NUMPY not in os.environ:
        return {}  # without loading torch first
    done = subprocess.run(
        [sys.executable, script, *arguments], env=environment(chosen), capture_output=True, text=True
    )
    if done.returncode == -signal.SIGILL:
        return {}
    assert done.returncode == 0, f"{script.name} failed under {chosen}: {done.stderr[-2000:]}"
    return json.loads(arguments[0].read_text())


def ran_as_asked(result: dict[str, Any], kernels: str) -> bool:
    """Whether torch took the kernels that were asked for; it may silently take others."""
    return bool(result) and result["kernels"].lower() == kernels
