"""Where a benchmark runs."""

from typing import Any

import torch

from moslab.utils.provenance import provenance


def usual_device() -> torch.device:
    """The GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def machine(device: torch.device, commit: str) -> dict[str, Any]:
    """Card, packages and commit."""
    here = provenance()
    card, memory = here["cpu"], None
    if device.type == "cuda":
        card = torch.cuda.get_device_name(device)
        memory = torch.cuda.get_device_properties(device).total_memory
    return {
        "card": card,
        "memory": memory,
        "packages": {**here["packages"], "torch": torch.__version__},
        "cuda": torch.version.cuda,
        "python": here["python"],
        "platform": here["platform"],
        "cores": here["cores"],
        "commit": commit or here["commit"]["id"],
        "local_changes": here["commit"]["dirty"],
    }
