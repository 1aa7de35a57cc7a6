"""The process that waits to become the kernel of a notebook.

It is started beside the process that executes the notebook, by the batch runner, which has the libraries
loaded for both.
"""

import os
import sys
import time
from pathlib import Path

from moslab.utils.workers import keep_libraries

SOCKETS = "MOSLAB_SOCKETS"  # folder for the kernel's sockets; the batch runner creates and removes it
CONNECTION = "kernel.json"  # where the kernel's sockets are, in that folder
START = "start"  # exists there when the former is complete
COLUMNS = 20  # pandas' own choice in a kernel; in a terminal it shows as many as are not too wide


def serve_kernel() -> None:
    """Be the kernel of a notebook, as soon as somebody says where it is to be reached."""
    keep_libraries()
    from ipykernel.kernelapp import IPKernelApp

    from moslab.batch.ending import EndingKernel

    if hasattr(os, "setsid"):
        os.setsid()  # the terminal's Ctrl-C ends the batch, which then ends the kernel
    folder = Path(os.environ[SOCKETS])
    while not (folder / START).exists():
        time.sleep(0.01)
    tell_libraries()
    # Without the number of its parent, it would write into the log how to connect to it.
    IPKernelApp.launch_instance(
        ["-f", str(folder / CONNECTION)], parent_handle=os.getppid(), kernel_class=EndingKernel
    )


def tell_libraries() -> None:
    """Tell those that are loaded already what they ask when they are loaded: whether this is a kernel."""
    if "matplotlib" in sys.modules:
        from matplotlib import rcParams

        rcParams["backend"] = os.environ["MPLBACKEND"]
    if "pandas" in sys.modules:
        import pandas as pd

        pd.set_option("display.max_columns", COLUMNS)
