"""How the command line ends where its exit status is not 0: the last line says why, in one sentence."""

import sys
from typing import NoReturn, Protocol, runtime_checkable


def end(status: int, sentence: str) -> NoReturn:
    """Leave with an exit status that is not 0 and, as the very last line, the sentence that says why."""
    sys.stdout.flush()
    print(sentence, file=sys.stderr, flush=True)
    raise SystemExit(status)


@runtime_checkable
class UsageProblem(Protocol):
    """What typer raises for a command line that it cannot read."""

    exit_code: int

    def show(self) -> None:
        """Print usage and what is wrong."""


def end_usage(problem: UsageProblem) -> NoReturn:
    """An option or command that does not exist, or none at all: usage first, then what is wrong."""
    problem.show()
    if type(problem).__name__ == "NoArgsIsHelpError":
        end(problem.exit_code, "No command was given: choose one of those above.")
    raise SystemExit(problem.exit_code)


def own_error(problem: Exception) -> str:
    """The sentence below a traceback."""
    what = type(problem).__name__
    message = " ".join(str(problem).split())[:200]
    if message:
        what = f"{what} ({message})"
    return f"moslab stopped at an error of its own, {what}; its place is above."
