"""The child process in which the batch runner executes one notebook.

It is started as `python -m moslab.batch.child` and reads its request as JSON from standard input. Exit
status: 0 done, 1 a cell raised, 28 the disk is full, 124 a cell reached its time limit, 138 the kernel died
(as papermill's own command line has it).
"""

import json
import sys
import traceback
from contextlib import suppress
from pathlib import Path

from moslab.utils.files import FULL_DISK
from moslab.utils.processes import die_with_parent

KERNEL_DIED = 138
CELL_TIMED_OUT = 124
DISK_FULL = 28


def main() -> int:
    """Execute the notebook of the request; all paths absolute.

    The request: {"source", "output", "parameters", "progress", "cell_limit"}.

    Returns:
        The exit status.
    """
    die_with_parent()
    request = json.load(sys.stdin)

    # Imported here: the batch runner reads the statuses above without it, and a child whose parent dies
    # meanwhile must not outlive it. The first line spares an optional check of jsonschema that takes a second
    # to import.
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
            cell_limit=request.get("cell_limit", 0),
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


if __name__ == "__main__":
    sys.exit(main())
