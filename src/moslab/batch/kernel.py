"""How a notebook is executed headless: this interpreter's own kernel over local sockets, each cell's progress on file, a dead kernel marked as such.

Papermill alone would start whatever kernel is registered as python3, talk over TCP ports that two runs can both pick, and write a notebook whose
cells all look completed when its kernel was killed.
"""

import math
import os
import sys
import time
from pathlib import Path
from typing import Any

from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from nbformat.v4 import new_output
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines

from moslab.utils.files import write_json
from moslab.utils.processes import kill_below

SOCKETS = "MOSLAB_SOCKETS"  # folder for the kernel's sockets; the batch runner creates and removes it
ENGINE = "moslab"


class OwnKernelManager(AsyncKernelManager):
    """ipykernel of the running interpreter, whatever kernels the user has installed; sockets instead of ports where there are any."""

    def __init__(self, **options: Any):
        super().__init__(**options)
        if sys.platform != "win32":
            folder = Path(os.environ[SOCKETS])
            self.transport = "ipc"
            self.connection_file = str(folder / "kernel.json")
            self.ip = str(folder / "k")

    @property
    def kernel_spec(self) -> KernelSpec:
        return KernelSpec(
            argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            display_name="Python 3",
            language="python",
        )


class WatchedClient(PapermillNotebookClient):
    """Papermill's client, which also reports each finished cell and marks the cell in which a kernel died."""

    progress: Path

    def papermill_execute_cells(self) -> None:
        code = [index for index, cell in enumerate(self.nb.cells) if cell.cell_type == "code"]
        started = time.time()
        for index, cell in enumerate(self.nb.cells):
            write_json(
                self.progress,
                {
                    "label": self.progress.stem,
                    "done": sum(i < index for i in code),
                    "total": len(code),
                    "started": started,
                    "pid": os.getpid(),
                },
            )
            if not self._succeeds(cell, index):
                break

    def _succeeds(self, cell: Any, index: int) -> bool:
        try:
            self.nb_man.cell_start(cell, index)
            self.execute_cell(cell, index)
            return True
        except CellExecutionError as problem:
            self.nb_man.cell_exception(cell, cell_index=index, exception=problem)
            return False
        except Exception as problem:  # the kernel died or the cell hung: nothing stands in the cell yet
            name = type(problem).__name__
            cell.outputs.append(
                new_output("error", ename=name, evalue=str(problem), traceback=[f"{name}: {problem}"])
            )
            if isinstance(problem, CellTimeoutError):
                kill_below(os.getpid())  # the kernel and whatever it started
            self.nb_man.cell_exception(cell, cell_index=index, exception=problem)
            raise
        finally:
            self.nb_man.cell_complete(cell, cell_index=index)


class WatchedEngine(NBClientEngine):
    """The papermill engine that puts the two together."""

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: Any,
        kernel_name: str,
        progress: Path,
        start_timeout: int = 60,
        cell_limit: float = 0,
        **_: Any,
    ) -> Any:
        limit = math.ceil(cell_limit) or None  # seconds
        client = WatchedClient(
            nb_man,
            kernel_name=kernel_name,
            kernel_manager_class=OwnKernelManager,
            timeout=limit,
            startup_timeout=start_timeout,
        )
        client.progress = progress
        return client.execute()


papermill_engines.register(ENGINE, WatchedEngine)
