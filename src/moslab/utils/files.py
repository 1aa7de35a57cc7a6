"""Writing files atomically, and the digests that name things."""

import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock

from moslab.utils.errors import UserError

YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml, ten times as fast, where it is there
FULL_DISK = (errno.ENOSPC, errno.EDQUOT)  # a full disk, a used-up quota


def write_atomic(path: Path, content: str | bytes) -> Path:
    """Write a file so that readers see the old content or the new, never half of it.

    The content goes into a temporary file in the same folder, is flushed to disk and then renamed.

    Returns:
        The path.

    Raises:
        UserError: where the disk is full or the folder cannot be written.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as problem:
        raise cannot_write(path, problem) from problem
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content.encode() if isinstance(content, str) else content)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as problem:
        Path(temporary).unlink(missing_ok=True)
        raise cannot_write(path, problem) from problem
    return path


def cannot_write(path: Path, problem: OSError) -> UserError:
    """The error for a full disk, a read-only folder and the like."""
    return UserError(
        f"Cannot write {path}: {problem.strerror or problem}. Free some space or make the folder writable, "
        "then start again; finished runs are kept."
    )


def read_yaml(path: Path) -> Any:
    """The content of a YAML file.

    Raises:
        yaml.YAMLError: for one that is not YAML.
    """
    return yaml.load(path.read_text(encoding="utf-8"), Loader=YAML)


def write_json(path: Path, content: Any) -> Path:
    """Write JSON with sorted keys, atomically."""
    return write_atomic(path, json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """The content of a JSON file; UserError where it is not JSON."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as problem:
        raise UserError(f"{path} is not valid JSON ({problem}); delete it and run again.") from problem


def digest(content: Any) -> str:
    """Sixteen hex characters of the SHA-256 of the canonical JSON of `content`."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def sha256(content: bytes) -> str:
    """SHA-256 of bytes in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def file_digest(path: Path) -> str:
    """Sixteen hex characters of the SHA-256 of a file; empty where there is no file."""
    return sha256(path.read_bytes())[:16] if path.is_file() else ""


def sealed(content: dict[str, Any]) -> dict[str, Any]:
    """`content` with its own digest, which shows later whether somebody changed it."""
    return content | {"digest": digest(content)}


def is_sealed(content: dict[str, Any]) -> bool:
    """Whether the content still has the digest that it was sealed with."""
    rest = {name: value for name, value in content.items() if name != "digest"}
    return content.get("digest") == digest(rest)


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold `path` as a lock file; a second process waits until the first one leaves or dies."""
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        guard = FileLock(str(path))
        guard.acquire()
    except OSError as problem:
        raise cannot_write(path, problem) from problem
    try:
        yield
    finally:
        guard.release()
