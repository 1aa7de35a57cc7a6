"""A notebook of the plan, and how it ended."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from moslab.batch.comparison import Comparison


@dataclass(frozen=True)
class Limits:
    """Seconds after which a cell, and a whole notebook, is ended; 0 for never."""

    cell: float = 0.0
    notebook: float = 0.0


NO_LIMITS = Limits()


@dataclass(frozen=True)
class Task:
    """One notebook of the plan.

    Attributes:
        stem: file name of the notebook without `.ipynb`.
        source: the stored notebook.
        folder: the profile's folder, where everything is written.
        given: values of its parameters, typed.
        inputs: digest of everything that the result depends on.
        missing: training runs to be done; None where no result with these parameters tells.
        seconds: expected duration; None where no result with these parameters tells.
        done: whether there is nothing to do.
        limits: after which a cell or the notebook is ended.
    """

    stem: str
    source: Path
    folder: Path
    given: dict[str, Any]
    inputs: str
    missing: int | None
    seconds: float | None
    done: bool
    limits: Limits = NO_LIMITS

    @property
    def result(self) -> Path:
        """The result record, written by the notebook's last cell."""
        return self.folder / "results" / f"{self.stem}.json"

    @property
    def notebook(self) -> Path:
        """The executed notebook."""
        return self.folder / "notebooks" / f"{self.stem}.ipynb"

    @property
    def running(self) -> Path:
        """The executed notebook while it runs."""
        return self.notebook.with_suffix(".running.ipynb")

    @property
    def log(self) -> Path:
        """What the notebook's process prints."""
        return self.folder / "logs" / f"{self.stem}.log"

    @property
    def progress(self) -> Path:
        """How many cells are done, while the notebook runs."""
        return self.folder / "progress" / f"{self.stem}.json"

    @property
    def ledger(self) -> Path:
        """The profile's ledger."""
        return self.folder / "ledger.jsonl"


@dataclass(frozen=True)
class Outcome:
    """How a notebook ended.

    Attributes:
        stem: file name of the notebook without `.ipynb`.
        status: `done`, `done already` or `failed`.
        seconds: how long it ran.
        where: the executed notebook.
        reason: why it failed, in one sentence; empty if it did not.
        comparisons: its verdicts against the reference's.
    """

    stem: str
    status: str
    seconds: float
    where: Path
    reason: str = ""
    comparisons: list[Comparison] = field(default_factory=list)

    @property
    def ran(self) -> bool:
        """Whether it did not fail."""
        return self.status != "failed"

    @property
    def ok(self) -> bool:
        """Neither failed nor reversed, beyond three standard errors, or short of a claim."""
        return self.ran and not any(item.failed for item in self.comparisons)
