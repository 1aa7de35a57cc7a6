"""What a notebook shows before anything else: the committed answer and a committed figure."""

from dataclasses import dataclass
from io import BytesIO
from typing import Any

from PIL import Image

from moslab.analysis.tables import Sentence
from moslab.utils import paths
from moslab.utils.files import read_json

ANSWER = "answer"  # the value of a result record that holds the notebook's conclusion
PAGE_WIDTH = 830  # pixels of a notebook's outputs on a laptop
TALLEST = 400  # pixels of the figure that opens a notebook
SHOWN = "embedded"  # the profile whose reference readers are shown


@dataclass(frozen=True)
class Picture:
    """A PNG that a notebook shows, no larger than fits on a laptop's screen below title and answer."""

    png: bytes

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        with Image.open(BytesIO(self.png)) as image:
            width, height = image.size
        if height * min(1.0, PAGE_WIDTH / width) <= TALLEST:
            return self.png, {}
        return self.png, {"width": round(width * TALLEST / height)}

    def __repr__(self) -> str:
        return "Picture"


def committed_result(name: str, profile: str = SHOWN) -> dict[str, Any]:
    """The committed result record of a notebook; empty before there is one."""
    path = paths.REFERENCE / "results" / profile / f"{name}.json"
    return read_json(path) if path.exists() else {}


def answer(name: str) -> Sentence:
    """The conclusion of a notebook, as its committed reference runs gave it.

    Args:
        name: the notebook's file name without `.ipynb`.
    """
    record = committed_result(name)
    text = record.get("values", {}).get(ANSWER)
    if text is None:
        return Sentence("*No committed reference yet: run all cells to get an answer.*")
    source = "reference runs, on the embedded model"
    if record.get("runs") == []:
        source = "reference, without any training"
    return Sentence(f"**Answer** (of the committed {source}): {text}")


def picture(figure: str) -> Picture | Sentence:
    """A committed figure by its name."""
    path = paths.FIGURES / f"{figure}.png"
    return Picture(path.read_bytes()) if path.exists() else Sentence("*No committed figure yet.*")
