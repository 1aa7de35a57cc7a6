"""The kernel of a notebook, which ends when it is asked to."""

import psutil
from ipykernel.ipkernel import IPythonKernel


class EndingKernel(IPythonKernel):
    """ipykernel's own, but for children that have ended already.

    When it is to end, ipykernel ends its children first and waits until they are gone. One that has ended
    stays listed until somebody asks how, as nobody does of the process from which workers are forked: the
    kernel would wait until it is killed, and leave what it shares with other processes behind.
    """

    def _process_children(self) -> list[psutil.Process]:
        children = super()._process_children()
        return [child for child in children if child.status() != psutil.STATUS_ZOMBIE]
