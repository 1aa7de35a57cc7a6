"""The child process in which the batch runner executes one notebook, with another one as its kernel.

Exit status: 0 done, 1 a cell raised, 28 the disk is full, 124 a cell reached its time limit,
138 the kernel died (as papermill's own command line has it).
"""

import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

from moslab.utils.files import FULL_DISK

KERNEL_DIED = 138
CELL_TIMED_OUT = 124
DISK_FULL = 28


def execute_notebook(request: dict[str, Any]) -> None:
    """Execute the notebook of the request and end this process with the status above; all paths absolute.

    Args:
        request: {"source", "output", "parameters", "progress", "cell_limit", "kernel"}; kernel: the number of
            the process that serves as kernel.
    """
    sys.exit(status_of(request))


def status_of(request: dict[str, Any]) -> int:
    """The same, but for ending."""
    # Spares an optional check of jsonschema that takes seconds to import.
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    from moslab.batch.kernel import ENGINE

    try:
        papermill.execute_notebook(
            request["source"],
            request["output"],
            parameters=request["parameters"],
            engine_name=ENGINE,
            kernel_name="python3",
            language="python",
            progress_bar=False,
            progress=Path(request["progress"]),
            cell_limit=request["cell_limit"],
            kernel=request["kernel"],
        )
    except PapermillExecutionError:
        return 1
    except DeadKernelError:
        return KERNEL_DIED
    except CellTimeoutError:
        return CELL_TIMED_OUT
    except Exception as problem:
        with suppress(OSError):  # a full disk takes no log either
            traceback.print_exc()
            sys.stderr.flush()
        return DISK_FULL if has_no_space(problem) else 1
    return 0


def has_no_space(problem: BaseException | None) -> bool:
    """Whether an exception, or one that it came from, is that of a full disk."""
    while problem is not None:
        if isinstance(problem, OSError) and problem.errno in FULL_DISK:
            return True
        problem = problem.__cause__ or problem.__context__
    return False
