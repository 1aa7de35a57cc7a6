"""A tiny mPLUG-Owl2 in the authors' own layout, and what the authors' own programs computed from it.

The files in data/mplug_owl2 hold data only. They were made on a CPU in float32 with X-PLUG/mPLUG-Owl at
0f3068f and transformers 4.31; those in scorers/ with Q-Future/Q-Align at 14dfdff, zhiyuanyou/DeQA-Score at
8e4abc8, 2kxx/Q-Scorer at f1236fa and ROC4MLLM at f6a2ae6. Weights are random.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

FOLDER = Path(__file__).parent / "data" / "mplug_owl2"
PICTURE = -200  # the authors' place-holder for a whole picture
TOKENS = 9  # visual tokens of a picture: eight queries and its end
PAD = 2


def arrays(name: str) -> dict[str, torch.Tensor]:
    """The numbers in a file, by name."""
    with np.load(FOLDER / f"{name}.npz") as stored:
        return {key: torch.from_numpy(stored[key]) for key in stored.files}


def settings(name: str) -> Any:
    """A JSON file."""
    return json.loads((FOLDER / f"{name}.json").read_text())


def pictures() -> list[Image.Image]:
    """Three of different shapes."""
    return [Image.fromarray(pixels.numpy()) for pixels in arrays("pictures").values()]


def spread(rows: torch.Tensor, fill: int, filler: int, images: list[int]) -> torch.Tensor:
    """Rows of the authors' with as many entries for a picture as it has visual tokens.

    Args:
        rows: [batch, time], with `PICTURE` where pictures stand.
        fill: what is entered for each visual token.
        filler: what pads a shorter row.
        images: pictures behind each place-holder of a row.
    """
    spread_rows = []
    for row, pictures_there in zip(rows.tolist(), images):
        wide = []
        for entry in row:
            wide += [fill] * (TOKENS * pictures_there) if entry == PICTURE else [entry]
        spread_rows.append(wide)
    longest = max(map(len, spread_rows))
    return torch.tensor([row + [filler] * (longest - len(row)) for row in spread_rows])


def as_ours(
    ids: torch.Tensor, mask: torch.Tensor | None = None, images: list[int] | None = None
) -> dict[str, torch.Tensor]:
    """The authors' token ids as our model takes them: padding has a number that no picture has."""
    mask = torch.ones_like(ids) if mask is None else mask
    marked = torch.where(mask.bool(), ids, -1)  # what pads, by a number that is no token
    wide = spread(marked, 0, -1, images or [1] * len(ids))
    return {"input_ids": torch.where(wide < 0, PAD, wide), "attention_mask": wide >= 0}


def case(name: str) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """A case as our model takes it, and its numbers.

    The authors' code uses up a picture in a row without a place-holder; here such a row has no picture.
    """
    made = arrays(f"case_{name}")
    ids = made["input_ids"]
    images = [1] * len(ids)
    index = made.get("image_index", torch.zeros(0, dtype=torch.long))
    if made.get("images_is_list", torch.tensor(False)):
        images = (index >= 0).sum(1).tolist()
    if name == "with_text_only_row":
        index = index[:1]
    batch = as_ours(ids, made.get("attention_mask"), images)
    if "labels" in made:
        labels = torch.where(ids == PICTURE, PICTURE, made["labels"])
        batch["labels"] = spread(labels, -100, -100, images)
    if len(index):
        batch["pixel_values"] = arrays("vision")["pixel_values"][index[index >= 0]]
    return batch, made
