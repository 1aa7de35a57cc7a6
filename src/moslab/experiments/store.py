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

from moslab.experiments.experiment import Experiment
from moslab.utils import paths
from moslab.utils.errors import UserError
from moslab.utils.files import cannot_write, digest, read_json, sha256, write_atomic, write_json
from moslab.utils.processes import is_alive

RECORD = "run.json"  # written last: a folder without it is not a run
PREDICTIONS = "predictions.gz"
DISTRIBUTIONS = "distributions.npz"
TABLES = "tables"  # beside the runs: images and targets, shared by all runs evaluated on the same split
SHARED = ["image", "split", "target"]  # the columns that stand in the tables
CERTAINTY = ["entropy", "top"]  # always kept locally, committed only for runs where a notebook reads them
MISSING = -(2**31)  # the whole number that stands for a score that could not be read
DECIMALS = 7  # the most that a decimal column is tried with
# What reading a damaged run can raise.
DAMAGE = (OSError, EOFError, ValueError, LookupError, TypeError, AttributeError, zlib.error, BadZipFile)


@dataclass(frozen=True)
class Run:
    """One executed experiment.

    predictions: one row per evaluated picture: image, split, target, score (NaN if unreadable), parsed, and
    what else was answered ("said ...") beside what is true ("true ..."). entropy (nats) and top (largest
    probability) stand in local runs; committed ones have them where a notebook reads them (`Grid.certainty`).
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
            digests = _checked_digests(record, key)
            content = (folder / PREDICTIONS).read_bytes()
            if sha256(content) != digests["predictions"]:
                raise ValueError(f"{PREDICTIONS} does not have the SHA-256 that {RECORD} names")
            shared = [self._table(name) for name in digests["tables"]]
            answered = read_columns(content)
            predictions = pd.concat([pd.concat(shared, ignore_index=True), answered], axis=1)
            if len(predictions) != len(answered):
                raise ValueError("its predictions and its tables differ in length")
            stored = folder / DISTRIBUTIONS
            distributions = np.load(stored, allow_pickle=False)["distributions"] if stored.exists() else None
            experiment = Experiment(**record["experiment"])
            return Run(
                experiment,
                key,
                predictions,
                record["metrics"],
                record["history"],
                record["seconds"],
                record["provenance"],
                distributions,
            )
        except DAMAGE as problem:
            reason = (str(problem) or type(problem).__name__).splitlines()[0]
            raise UserError(f"The run in {folder} is damaged ({reason}): {_remedy(folder)}.") from problem

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
        """Keep a run. If another process was first, its record stays."""
        target, working = self.folder / run.key, self._aside(run.key)
        try:
            tables = [self._put_table(working, block) for block in _blocks(run.predictions)]
            predictions = columns_file(run.predictions.drop(columns=SHARED))
            write_atomic(working / PREDICTIONS, predictions)
            if run.distributions is not None:
                write_atomic(working / DISTRIBUTIONS, _distributions_file(run.distributions))
            experiment = run.experiment.model_dump(mode="json")
            record = {
                "key": run.key,
                "experiment": experiment,
                "metrics": run.metrics,
                "history": run.history,
                "seconds": run.seconds,
                "provenance": run.provenance,
            }
            digests = {"predictions": sha256(predictions), "tables": tables, "record": digest(record)}
            write_json(working / RECORD, record | {"sha256": digests})
            self._move_in(working, target)
        except OSError as problem:
            if not self.has(run.key):
                raise cannot_write(target, problem) from problem
        finally:
            shutil.rmtree(working, ignore_errors=True)

    def _put_table(self, working: Path, block: pd.DataFrame) -> str:
        """Keep the images and targets of one split, unless they are there; returns their file's SHA-256."""
        table = {
            "split": block["split"].iloc[0],
            "images": block["image"].tolist(),
            "targets": block["target"].tolist(),
        }
        content = _packed(json.dumps(table, ensure_ascii=False, separators=(",", ":")).encode())
        name = sha256(content)
        path = self._table_path(name)
        if not path.is_file() or sha256(path.read_bytes()) != name:
            write_atomic(working / path.name, content)
            path.parent.mkdir(parents=True, exist_ok=True)
            os.replace(working / path.name, path)  # whoever else does so at this moment writes the same bytes
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
    """What to do about a damaged run: who runs it again also writes its tables again."""
    if folder.is_relative_to(paths.REFERENCE):
        return f"restore the committed runs with `git checkout -- {paths.REFERENCE}`"
    return "delete that folder and run again"


def _blocks(predictions: pd.DataFrame) -> list[pd.DataFrame]:
    """The rows of each split, which stand one behind the other."""
    begins = predictions["split"] != predictions["split"].shift()
    return [block for _, block in predictions.groupby(begins.cumsum())]


# A file of columns: gzip of one line of JSON and the columns' bytes, one behind the other, little-endian.
# docs/runs.md describes it for other languages.


def columns_file(frame: pd.DataFrame) -> bytes:
    """The columns of `frame` as a compact file, the same bytes for the same values."""
    columns = [_packed_column(frame[name]) for name in frame]
    described = [{"name": name, **about} for name, (about, _) in zip(frame, columns)]
    head = {"rows": len(frame), "columns": described}
    body = b"".join(values.tobytes() for _, values in columns)
    return _packed(json.dumps(head, ensure_ascii=False).encode() + b"\n" + body)


def read_columns(content: bytes) -> pd.DataFrame:
    """The frame that `columns_file` wrote."""
    head, _, body = gzip.decompress(content).partition(b"\n")
    about = json.loads(head)
    found, place = {}, 0
    for column in about["columns"]:
        values = np.frombuffer(body, np.dtype(column["type"]).newbyteorder("<"), about["rows"], place)
        place += values.nbytes
        found[column["name"]] = _unpacked_column(column, values)
    return pd.DataFrame(found, index=range(about["rows"]))


def _packed_column(values: pd.Series) -> tuple[dict[str, Any], np.ndarray]:
    """How a column is written, and what is written.

    Scores are rounded to seven decimals, which four bytes hold as a whole number of 1e-7 and not as a float32.
    """
    if pd.api.types.is_bool_dtype(values):
        return {"type": "uint8", "kind": "flag"}, values.to_numpy(dtype="<u1")
    if pd.api.types.is_integer_dtype(values):
        return {"type": "int64", "kind": "number"}, values.to_numpy(dtype="<i8")
    if pd.api.types.is_float_dtype(values):
        return _packed_numbers(values.to_numpy(dtype=float))
    known = values.notna().to_numpy()
    codes, words = pd.factorize(values[known].astype(str), sort=True)
    numbers = np.full(len(values), MISSING, dtype="<i4")
    numbers[known] = codes
    return {"type": "int32", "kind": "text", "values": list(words)}, numbers


def _packed_numbers(values: np.ndarray) -> tuple[dict[str, Any], np.ndarray]:
    """As decimals in four bytes where that gives back the very same float64, in all eight bytes otherwise."""
    known = ~np.isnan(values)
    exact = values[known]
    for decimals in range(DECIMALS + 1):
        with np.errstate(over="ignore"):
            counted = np.rint(exact * 10.0**decimals)
        if not (np.abs(counted) < -MISSING).all():
            break
        whole = np.full(len(values), MISSING, dtype="<i4")
        whole[known] = counted
        if (whole[known] / 10.0**decimals).tobytes() == exact.tobytes():
            return {"type": "int32", "kind": "decimal", "decimals": decimals}, whole
    return {"type": "float64", "kind": "number"}, values.astype("<f8")


def _unpacked_column(about: dict[str, Any], values: np.ndarray) -> Any:
    if about["kind"] == "flag":
        return values.astype(bool)
    if about["kind"] == "decimal":
        return np.where(values == MISSING, np.nan, values / 10.0 ** about["decimals"])
    if about["kind"] == "text":
        return [None if number == MISSING else about["values"][number] for number in values]
    return values.astype(about["type"])


def _packed(content: bytes) -> bytes:
    """Compressed, without a time in it."""
    return gzip.compress(content, mtime=0)


def _distributions_file(distributions: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, distributions=distributions.astype(np.float32))
    return stream.getvalue()
