"""How a notebook is executed headless: own kernel, local sockets, progress on file, a dead kernel marked.

Papermill alone would start whatever kernel is registered as python3, talk over TCP ports that two runs can
both pick, and write a notebook whose cells all look completed when its kernel was killed.
"""

import math
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import psutil
from jupyter_client import AsyncKernelManager
from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.provisioning import LocalProvisioner
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from nbformat.v4 import new_output
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines

from moslab.batch.waiting import CONNECTION, SOCKETS, START
from moslab.utils.files import write_json
from moslab.utils.processes import is_alive, kill_below

ENGINE = "moslab"


class WaitingKernel:
    """A process that waits to become the kernel, with what jupyter_client asks of one it started itself.

    Args:
        pid: its number.
    """

    stdin = stdout = stderr = None

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def poll(self) -> int | None:
        """None while it runs; its status is known to who started it."""
        return None if is_alive(self.pid) else 1

    def wait(self) -> int | None:
        """The same: it is asked when the process has ended, and reaped by who started it."""
        return self.poll()

    def send_signal(self, signum: int) -> None:
        """Send it a signal; ProcessLookupError where it is gone."""
        os.kill(self.pid, signum)

    def kill(self) -> None:
        """End it; ProcessLookupError where it is gone."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end; ProcessLookupError where it is gone."""
        self.send_signal(signal.SIGTERM)


class TakesOver(LocalProvisioner):
    """Takes the waiting process for the kernel instead of starting one."""

    async def launch_kernel(self, cmd: list[str], **_: Any) -> KernelConnectionInfo:
        """Tell the process that its connection file is complete; it is started by no command."""
        self.pid = OwnKernelManager.waiting
        self.process = WaitingKernel(self.pid)  # type: ignore[assignment]
        Path(os.environ[SOCKETS], START).touch()
        return self.connection_info


class OwnKernelManager(AsyncKernelManager):
    """ipykernel of the running interpreter, whatever kernels the user has installed.

    It talks over sockets instead of ports, where the system has sockets.

    Attributes:
        waiting: number of the process that waits to become the kernel.
    """

    waiting: int

    def __init__(self, **options: Any):
        super().__init__(**options)
        folder = Path(os.environ[SOCKETS])
        self.connection_file = str(folder / CONNECTION)
        if sys.platform != "win32":
            self.transport = "ipc"
            self.ip = str(folder / "k")
        self.provisioner = TakesOver(kernel_id="own", kernel_spec=self.kernel_spec, parent=self)

    @property
    def kernel_spec(self) -> KernelSpec:
        """What the kernel is; there is no command that starts it."""
        return KernelSpec(argv=[], display_name="Python 3", language="python")


class WatchedClient(PapermillNotebookClient):
    """Papermill's client, which also reports each finished cell and marks the cell in which a kernel died."""

    progress: Path

    def papermill_execute_cells(self) -> None:
        """Execute one cell after the other until one fails, writing how many code cells are done."""
        report: dict[str, Any] = {
            "label": self.progress.stem,
            "done": 0,
            "total": len([cell for cell in self.nb.cells if cell.cell_type == "code"]),
            "started": time.time(),
            "pid": os.getpid(),
        }
        for index, cell in enumerate(self.nb.cells):
            write_json(self.progress, report)
            if not self._succeeds(cell, index):
                break
            if cell.cell_type == "code":
                report["done"] += 1

    def _succeeds(self, cell: Any, index: int) -> bool:
        """Whether a cell ran without an error of its own; other errors are marked in it and raised."""
        try:
            self.nb_man.cell_start(cell, index)
            self.execute_cell(cell, index)
            return True
        except CellExecutionError as problem:
            self.nb_man.cell_exception(cell, cell_index=index, exception=problem)
            return False
        except Exception as problem:  # the kernel died or the cell hung: the cell shows nothing of it yet
            name = type(problem).__name__
            line = f"{name}: {problem}"
            cell.outputs.append(new_output("error", ename=name, evalue=str(problem), traceback=[line]))
            if isinstance(problem, CellTimeoutError):
                kill_below(OwnKernelManager.waiting)
                psutil.Process(OwnKernelManager.waiting).kill()
            self.nb_man.cell_exception(cell, cell_index=index, exception=problem)
            raise
        finally:
            self.nb_man.cell_complete(cell, cell_index=index)


class WatchedEngine(NBClientEngine):
    """The papermill engine that puts kernel and client together."""

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: Any,
        kernel_name: str,
        progress: Path,
        kernel: int,
        start_timeout: int = 60,
        cell_limit: float = 0,
        **_: Any,
    ) -> Any:
        """Papermill's entry point.

        Args:
            nb_man: papermill's keeper of the notebook.
            kernel_name: name of the kernel, as papermill wants one.
            progress: file in which finished cells are counted.
            kernel: number of the process that waits to become the kernel.
            start_timeout: seconds that the kernel may take to start.
            cell_limit: seconds that a cell may take, 0 for any number.
        """
        OwnKernelManager.waiting = kernel  # nbclient makes the manager, without arguments
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
