"""The child process in which the batch runner executes one notebook: `python -m moslab._execute` with a request as JSON on its standard input.

Exit status: 0 done, 1 a cell raised, 138 the kernel died (as papermill's own command line has it).
"""

import json
import sys
import traceback
from pathlib import Path

from moslab.lifeline import die_with_parent

KERNEL_DIED = 138


def main() -> int:
    """Execute the notebook of the request {"source", "output", "parameters", "progress"}; all paths absolute."""
    die_with_parent()
    request = json.load(sys.stdin)

    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # an optional check of jsonschema that costs a second to import
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    from moslab.notebook_kernel import ENGINE
    try:
        papermill.execute_notebook(request["source"], request["output"], parameters=request["parameters"], engine_name=ENGINE,
                                   kernel_name="python3", language="python", progress_bar=False, progress=Path(request["progress"]))
    except PapermillExecutionError:
        return 1
    except DeadKernelError:
        return KERNEL_DIED
    except Exception:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
