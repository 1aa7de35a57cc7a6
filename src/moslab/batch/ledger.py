"""The batch runner's own record of what it started and how it ended.

This record, not the notebook's metadata, decides what is done.
"""

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moslab.utils.files import cannot_write


@dataclass(frozen=True)
class Ledger:
    """An append-only file of JSON lines, each flushed to disk before the call returns.

    Attributes:
        path: the file; it need not exist yet.
    """

    path: Path

    def append(self, event: str, **entry: Any) -> None:
        """Add one line; UserError when the disk is full or the folder is read-only."""
        content = {"time": round(time.time(), 3), "event": event, **entry}
        line = json.dumps(content, sort_keys=True) + "\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as stream:
                stream.write(self._mend() + line.encode())
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as problem:
            raise cannot_write(self.path, problem) from problem

    def _mend(self) -> bytes:
        """A newline if an earlier writer was killed in the middle of a line."""
        if not self.path.stat().st_size:
            return b""
        with self.path.open("rb") as stream:
            stream.seek(-1, os.SEEK_END)
            return b"" if stream.read() == b"\n" else b"\n"

    def entries(self) -> list[dict[str, Any]]:
        """Every whole line; a line cut short by a crash is no entry."""
        if not self.path.is_file():
            return []
        entries = []
        for line in self.path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                entries.append(json.loads(line))
            except json.JSONDecodeError:
                continue
        return [entry for entry in entries if isinstance(entry, dict)]

    def last(self, notebook: str) -> dict[str, Any] | None:
        """The latest entry about a notebook's start or end.

        The notebook is done if that is `ended` with status done; else it has to run.
        """
        latest = None
        for entry in self.entries():
            if entry.get("notebook") == notebook and entry.get("event") in ("started", "ended"):
                latest = entry
        return latest
