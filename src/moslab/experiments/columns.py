"""A file of columns: gzip of one line of JSON and the columns' bytes, one behind the other, little-endian.

docs/runs.md describes it for other languages.
"""

import gzip
import json
from typing import Any

import numpy as np
import pandas as pd

MISSING = -(2**31)  # the whole number that stands for a score that could not be read
DECIMALS = 7  # the most that a decimal column is tried with


def columns_file(frame: pd.DataFrame) -> bytes:
    """The columns of `frame` as a compact file, the same bytes for the same values."""
    descriptions: list[dict[str, Any]] = []
    body = b""
    for name in frame:
        description, values = _packed_column(frame[name])
        descriptions.append({"name": name, **description})
        body += values.tobytes()
    head = {"rows": len(frame), "columns": descriptions}
    return packed(json.dumps(head, ensure_ascii=False).encode() + b"\n" + body)


def read_columns(content: bytes) -> pd.DataFrame:
    """The frame that `columns_file` wrote."""
    head, _, body = gzip.decompress(content).partition(b"\n")
    description = json.loads(head)
    rows = description["rows"]
    columns = {}
    offset = 0
    for column in description["columns"]:
        values = np.frombuffer(body, np.dtype(column["type"]).newbyteorder("<"), rows, offset)
        offset += values.nbytes
        columns[column["name"]] = _unpacked_column(column, values)
    return pd.DataFrame(columns, index=range(rows))


def _packed_column(values: pd.Series) -> tuple[dict[str, Any], np.ndarray]:
    """How a column is written, and what is written.

    Scores are rounded to seven decimals, which four bytes hold as a whole number of 1e-7 and not as a
    float32.
    """
    if pd.api.types.is_bool_dtype(values):
        return {"type": "uint8", "kind": "flag"}, values.to_numpy(dtype="<u1")
    if pd.api.types.is_integer_dtype(values):
        return {"type": "int64", "kind": "number"}, values.to_numpy(dtype="<i8")
    if pd.api.types.is_float_dtype(values):
        return _packed_numbers(values.to_numpy(dtype=float))
    given = values.notna().to_numpy()
    codes, words = pd.factorize(values[given].astype(str), sort=True)
    numbers = np.full(len(values), MISSING, dtype="<i4")
    numbers[given] = codes
    return {"type": "int32", "kind": "text", "values": list(words)}, numbers


def _packed_numbers(values: np.ndarray) -> tuple[dict[str, Any], np.ndarray]:
    """As decimals in four bytes where that gives back the very same float64, in all eight bytes otherwise."""
    given = ~np.isnan(values)
    exact = values[given]
    for decimals in range(DECIMALS + 1):
        with np.errstate(over="ignore"):
            counted = np.rint(exact * 10.0**decimals)
        if not (np.abs(counted) < -MISSING).all():
            break
        whole = np.full(len(values), MISSING, dtype="<i4")
        whole[given] = counted
        if (whole[given] / 10.0**decimals).tobytes() == exact.tobytes():
            return {"type": "int32", "kind": "decimal", "decimals": decimals}, whole
    return {"type": "float64", "kind": "number"}, values.astype("<f8")


def _unpacked_column(description: dict[str, Any], values: np.ndarray) -> np.ndarray | list[str | None]:
    """The values that `_packed_column` wrote."""
    kind = description["kind"]
    if kind == "flag":
        return values.astype(bool)
    if kind == "decimal":
        return np.where(values == MISSING, np.nan, values / 10.0 ** description["decimals"])
    if kind == "text":
        return [None if number == MISSING else description["values"][number] for number in values]
    return values.astype(description["type"])


def packed(content: bytes) -> bytes:
    """Compressed, without a time in it."""
    return gzip.compress(content, mtime=0)
