"""Finished runs, by key: a folder each, complete or absent."""

import gzip
import io
import json
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

from moslab.experiments.columns import columns_file, packed, read_columns
from moslab.experiments.experiment import Experiment
from moslab.utils import paths
from moslab.utils.errors import UserError
from moslab.utils.files import cannot_write, digest, read_json, sha256, write_atomic, write_json
from moslab.utils.processes import is_alive

RECORD = "run.json"  # written last: a folder without it is not a run
PREDICTIONS = "predictions.gz"
DISTRIBUTIONS = "distributions.npz"
TABLES = "tables"  # next to the runs: images and targets, shared by all runs evaluated on the same split
SHARED = ["image", "split", "target"]  # the columns that stand in the tables
# Splits of a run that hold the comments its model wrote (experiments/comments.py), by what measures them.
COMMENTS = {"cider": "comments, CIDEr", "tuples": "comments, tuples"}
SAID_COMMENT = "said comment"  # the column with what was written
CERTAINTY = ["entropy", "top"]  # always kept locally, committed only for runs where a notebook reads them
# What reading a damaged run can raise.
DAMAGE = (OSError, EOFError, ValueError, LookupError, TypeError, AttributeError, zlib.error, BadZipFile)


@dataclass(frozen=True)
class Run:
    """One executed experiment.

    Attributes:
        experiment: its description.
        key: names it, see `Experiment.key`.
        predictions: one row per evaluated picture: image, split, target, score (NaN if unreadable), parsed,
            and further answers ("said ...") with the true ones ("true ..."). entropy (nats) and top (largest
            probability) stand in local runs; committed ones have them where a notebook reads them
            (`Grid.certainty`).
        metrics: split -> metric -> [value, low, high], 95 % bootstrap interval over pictures.
        history: training loss by step, or what a scorer measured of every step.
        seconds: by phase.
        provenance: commit, library versions, machine.
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
        """Predictions of one split, in table order; UserError where there are none."""
        rows = self.predictions[self.predictions["split"] == name]
        if rows.empty:
            raise UserError(f"Run {self.key} ({self.experiment.label}) was not evaluated on split {name!r}.")
        return rows


class Store:
    """A folder of runs, to which several processes may write.

    A run appears whole, by one rename, or not at all.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)

    def has(self, key: str) -> bool:
        """Whether the run is there."""
        return (self.folder / key / RECORD).is_file()

    def keys(self) -> list[str]:
        """Keys of all runs, sorted."""
        return sorted(path.parent.name for path in self.folder.glob(f"[!.]*/{RECORD}"))

    def get(self, key: str) -> Run:
        """Read a run.

        Raises:
            UserError: there is none, or one of its files is not what was written: its record is of another
                run or was changed, or its predictions or a table of theirs lack the SHA-256 that it names.
        """
        folder = self.folder / key
        if not self.has(key):
            raise UserError(f"There is no finished run {key} in {self.folder}.")
        record = read_json(folder / RECORD)
        try:
            return self._run_of(record, key)
        except DAMAGE as problem:
            reason = (str(problem) or type(problem).__name__).splitlines()[0]
            raise UserError(f"The run in {folder} is damaged ({reason}): {_remedy(folder)}.") from problem

    def _run_of(self, record: dict[str, Any], key: str) -> Run:
        """The run that a record describes, with its other files; one of DAMAGE for what is not as written."""
        digests = _checked_digests(record, key)
        predictions = self._predictions(key, digests)
        stored = self.folder / key / DISTRIBUTIONS
        distributions = None
        if stored.exists():
            distributions = np.load(stored, allow_pickle=False)["distributions"]
        return Run(
            experiment=Experiment(**record["experiment"]),
            key=key,
            predictions=predictions,
            metrics=record["metrics"],
            history=record["history"],
            seconds=record["seconds"],
            provenance=record["provenance"],
            distributions=distributions,
        )

    def _predictions(self, key: str, digests: dict[str, Any]) -> pd.DataFrame:
        """Predictions of a run, those columns included that it shares with others."""
        content = (self.folder / key / PREDICTIONS).read_bytes()
        if sha256(content) != digests["predictions"]:
            raise ValueError(f"{PREDICTIONS} does not have the SHA-256 that {RECORD} names")
        shared = [self._table(name) for name in digests["tables"]]
        own = read_columns(content)
        predictions = pd.concat([pd.concat(shared, ignore_index=True), own], axis=1)
        if len(predictions) != len(own):
            raise ValueError("its predictions and its tables differ in length")
        return predictions

    def _table(self, name: str) -> pd.DataFrame:
        """Images, split and targets of one table."""
        path = self._table_path(name)
        content = path.read_bytes() if path.is_file() else b""
        if sha256(content) != name:
            raise ValueError(f"{TABLES}/{path.name} is missing or does not have the SHA-256 in its name")
        table = json.loads(gzip.decompress(content))
        frame = pd.DataFrame({"image": table["images"], "split": table["split"], "target": table["targets"]})
        return frame.astype({"target": float})

    def _table_path(self, name: str) -> Path:
        return self.folder / TABLES / f"{name}.json.gz"

    def put(self, run: Run) -> None:
        """Keep a run. If another process was first, its record stays.

        Raises:
            UserError: where it cannot be written.
        """
        target = self.folder / run.key
        working = self.working_folder(run.key)
        try:
            self._write(run, working)
            self._move_in(working, target)
        except OSError as problem:
            if not self.has(run.key):
                raise cannot_write(target, problem) from problem
        finally:
            shutil.rmtree(working, ignore_errors=True)

    def _write(self, run: Run, working: Path) -> None:
        """Write the files of a run, its record last."""
        tables = [self._put_table(working, block) for block in _blocks(run.predictions)]
        predictions = columns_file(run.predictions.drop(columns=SHARED))
        write_atomic(working / PREDICTIONS, predictions)
        if run.distributions is not None:
            write_atomic(working / DISTRIBUTIONS, distributions_file(run.distributions))
        record = {
            "key": run.key,
            "experiment": run.experiment.model_dump(mode="json"),
            "metrics": run.metrics,
            "history": run.history,
            "seconds": run.seconds,
            "provenance": run.provenance,
        }
        digests = {"predictions": sha256(predictions), "tables": tables, "record": digest(record)}
        write_json(working / RECORD, record | {"sha256": digests})

    def _put_table(self, working: Path, block: pd.DataFrame) -> str:
        """Keep the images and targets of one split, unless they are there; returns their file's SHA-256."""
        table = {
            "split": block["split"].iloc[0],
            "images": block["image"].tolist(),
            "targets": block["target"].tolist(),
        }
        content = packed(json.dumps(table, ensure_ascii=False, separators=(",", ":")).encode())
        name = sha256(content)
        path = self._table_path(name)
        if not path.is_file() or sha256(path.read_bytes()) != name:
            write_atomic(working / path.name, content)
            path.parent.mkdir(parents=True, exist_ok=True)
            os.replace(working / path.name, path)  # another process would write the same bytes
        return name

    def prune(self) -> None:
        """Remove the tables that no run refers to."""
        named: set[str] = set()
        for key in self.keys():
            named.update(read_json(self.folder / key / RECORD)["sha256"]["tables"])
        for path in (self.folder / TABLES).glob("*.json.gz"):
            if path.name.removesuffix(".json.gz") not in named:
                path.unlink()

    def _move_in(self, working: Path, target: Path) -> None:
        """Rename a finished folder to its place.

        A folder that holds something is never renamed over, so the first of several writers wins and the
        others get OSError.
        """
        try:
            os.replace(working, target)
        except OSError:
            if self.has(target.name) or not target.exists():
                raise
            incomplete = self.working_folder(target.name)  # a run that was partly deleted by hand
            os.replace(target, incomplete)
            os.replace(working, target)
            shutil.rmtree(incomplete, ignore_errors=True)

    def working_folder(self, key: str) -> Path:
        """Where a run lies while it is no run yet, or no longer.

        The name tells the process, so that `sweep` leaves it alone while that process lives.
        """
        return self.folder / f".{key}.{os.getpid()}-{uuid.uuid4().hex[:8]}"

    def sweep(self) -> None:
        """Remove what processes that no longer live left unfinished."""
        for leftover in self.folder.glob(".*.*-????????"):
            owner = leftover.name.rsplit(".", 1)[1].split("-")[0]
            if owner.isdigit() and not is_alive(int(owner)):
                shutil.rmtree(leftover, ignore_errors=True)


def _checked_digests(record: dict[str, Any], key: str) -> dict[str, Any]:
    """What a record says of its files; ValueError unless it is the unchanged record of run `key`."""
    if "sha256" not in record:
        raise ValueError(f"{RECORD} names no SHA-256: it is incomplete or of an older form")
    if record["key"] != key:
        raise ValueError(f"its record is that of run {record['key']}")
    rest = {name: value for name, value in record.items() if name != "sha256"}
    if digest(rest) != record["sha256"]["record"]:
        raise ValueError(f"{RECORD} was changed after it was written")
    return record["sha256"]


def _remedy(folder: Path) -> str:
    """What to do about a damaged run; running it again also writes its tables again."""
    if folder.is_relative_to(paths.REFERENCE):
        return f"restore the committed runs with `git checkout -- {paths.REFERENCE}`"
    return "delete that folder and run again"


def _blocks(predictions: pd.DataFrame) -> list[pd.DataFrame]:
    """The rows of each split, which stand one behind the other."""
    begins = predictions["split"] != predictions["split"].shift()
    return [block for _, block in predictions.groupby(begins.cumsum())]


def distributions_file(distributions: np.ndarray) -> bytes:
    """Distributions [n, outcomes] as a compressed file."""
    stream = io.BytesIO()
    np.savez_compressed(stream, distributions=distributions.astype(np.float32))
    return stream.getvalue()
