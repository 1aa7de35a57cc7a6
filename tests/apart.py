"""Code in a process of its own that does not load torch and transformers again."""

import os
import sys

from moslab.utils.workers import worker_context


def run(code: str, *arguments: str) -> int:
    """The exit status of a process that runs `code` in this one's environment."""
    process = worker_context().Process(target=_run, args=(code, arguments, dict(os.environ)))
    process.start()
    process.join()
    assert process.exitcode is not None
    return process.exitcode


def _run(code: str, arguments: tuple[str, ...], environment: dict[str, str]) -> None:
    os.environ.clear()
    os.environ |= environment
    sys.argv = ["apart", *arguments]
    exec(code, {"__name__": "__main__"})
