"""Finished runs, by key: a folder each, complete or absent."""

import gzip
import io
import os
import shutil
import uuid
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from moslab.errors import UserError
from moslab.experiment import Experiment
from moslab.files import cannot_write, read_json, write_atomic, write_json
from moslab.lifeline import is_alive

RECORD = "run.json"  # written last: a folder without it is not a run
PREDICTIONS = "predictions.csv.gz"
DISTRIBUTIONS = "distributions.npz"
DAMAGE = (OSError, EOFError, ValueError, KeyError, TypeError, zlib.error, BadZipFile)  # what reading a damaged run can raise


@dataclass(frozen=True)
class Run:
    """One executed experiment.

    predictions: one row per evaluated picture: image, split, target, score (NaN if unreadable), parsed, entropy (nats), top (largest probability).
    metrics: split -> metric -> [value, low, high], 95 % bootstrap interval over pictures. history: training loss by step. seconds: by phase.
    distributions: [n, outcomes], kept locally only.
    """

    experiment: Experiment
    key: str
    predictions: pd.DataFrame
    metrics: dict[str, dict[str, list[float]]]
    history: list[dict[str, float]]
    seconds: dict[str, float]
    provenance: dict[str, Any] = field(default_factory=dict)
    distributions: np.ndarray | None = None

    def split(self, name: str = "test") -> pd.DataFrame:
        """Predictions of one split, in table order."""
        rows = self.predictions[self.predictions["split"] == name]
        if rows.empty:
            raise UserError(f"Run {self.key} ({self.experiment.label}) was not evaluated on split {name!r}.")
        return rows


class Store:
    """A folder of runs. Several processes may write to it: a run appears whole, by one rename, or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)

    def has(self, key: str) -> bool:
        return (self.folder / key / RECORD).is_file()

    def keys(self) -> list[str]:
        return sorted(path.parent.name for path in self.folder.glob(f"[!.]*/{RECORD}"))

    def get(self, key: str) -> Run:
        """Read a run; UserError if it is not there or was damaged."""
        folder = self.folder / key
        if not self.has(key):
            raise UserError(f"There is no finished run {key} in {self.folder}.")
        record = read_json(folder / RECORD)
        try:
            predictions = pd.read_csv(folder / PREDICTIONS, dtype={"image": str, "split": str})
            stored = folder / DISTRIBUTIONS
            distributions = np.load(stored, allow_pickle=False)["distributions"] if stored.exists() else None
            return Run(Experiment(**record["experiment"]), key, predictions, record["metrics"], record["history"], record["seconds"],
                       record["provenance"], distributions)
        except DAMAGE as problem:
            reason = (str(problem) or type(problem).__name__).splitlines()[0]
            raise UserError(f"The run in {folder} is damaged ({reason}): delete that folder and run again.") from problem

    def put(self, run: Run) -> None:
        """Keep a run. If another process was first, its record stays."""
        target, working = self.folder / run.key, self._aside(run.key)
        try:
            write_atomic(working / PREDICTIONS, _predictions_file(run.predictions))
            if run.distributions is not None:
                write_atomic(working / DISTRIBUTIONS, _distributions_file(run.distributions))
            write_json(working / RECORD, {"key": run.key, "experiment": run.experiment.model_dump(mode="json"), "metrics": run.metrics,
                                          "history": run.history, "seconds": run.seconds, "provenance": run.provenance})
            self._move_in(working, target)
        except OSError as problem:
            if not self.has(run.key):
                raise cannot_write(target, problem) from problem
        finally:
            shutil.rmtree(working, ignore_errors=True)

    def _move_in(self, working: Path, target: Path) -> None:
        """Rename a finished folder to its place; a folder that holds something is never renamed over, so the first of several writers wins
        and the others get OSError."""
        try:
            os.replace(working, target)
        except OSError:
            if self.has(target.name) or not target.exists():
                raise
            half = self._aside(target.name)  # deleted by hand, half-way
            os.replace(target, half)
            os.replace(working, target)
            shutil.rmtree(half, ignore_errors=True)

    def _aside(self, key: str) -> Path:
        """A name for a folder that is not a run yet or no longer, marked with this process, so that nobody sweeps it away while it is written."""
        return self.folder / f".{key}.{os.getpid()}-{uuid.uuid4().hex[:8]}"

    def sweep(self) -> None:
        """Remove what processes that no longer live left half-written."""
        for leftover in self.folder.glob(".*.*-????????"):
            owner = leftover.name.rsplit(".", 1)[1].split("-")[0]
            if owner.isdigit() and not is_alive(int(owner)):
                shutil.rmtree(leftover, ignore_errors=True)


def _predictions_file(predictions: pd.DataFrame) -> bytes:
    """Gzipped CSV, the same bytes for the same numbers."""
    text = predictions.to_csv(index=False, lineterminator="\n")
    return gzip.compress(text.encode(), mtime=0)


def _distributions_file(distributions: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, distributions=distributions.astype(np.float32))
    return stream.getvalue()
