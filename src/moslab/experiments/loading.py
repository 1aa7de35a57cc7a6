"""Batches made ahead by other processes, while the model is busy with the one before."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch.utils.data import DataLoader

from moslab.experiments.compute import Compute

CONTEXT = "fork"  # what makes a batch knows the model, which cannot be sent to other processes


def ahead(make: Callable[[Any], Any], parts: Sequence[Any], compute: Compute) -> Iterator[Any]:
    """What `make` makes of each part, in order.

    Several parts are made by loader workers where there are some. No random number is drawn that somebody
    else would draw.
    """
    if not compute.loader_workers or len(parts) == 1:
        yield from map(make, parts)
        return
    yield from DataLoader(
        parts,  # type: ignore[arg-type]  # anything with a length and numbers
        batch_size=None,
        collate_fn=make,
        num_workers=min(compute.loader_workers, len(parts)),
        pin_memory=torch.cuda.is_available(),
        generator=torch.Generator(),
        multiprocessing_context=CONTEXT,
    )
