"""What the folder of a saved scorer says of it."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

RECORD = "scorer.json"


class Part(BaseModel):
    """A part of scorer.json."""

    model_config = ConfigDict(extra="forbid")


class Base(Part):
    """The backbone as it was named in training, and the digest of its weights there."""

    name: str
    digest: str


class Asked(Part):
    """What the model is asked, see `Wording`; judged: the choices of `asked`, where there are several."""

    dataset: str
    preset: str
    text: str
    judged: tuple[str, ...] | None


class Record(Part):
    """What scorer.json holds.

    Attributes:
        format: raised when older folders can no longer be read.
        experiment: its fields, without `root` and `backbone`.
        backbone: see `Base`.
        coding: as from `Scorer.coding_state`.
        scale: lowest and highest score of the labels' nominal scale.
        wording: see `Asked`.
        chosen: why this one of several seeds was kept; '' for one that was saved on its own.
    """

    format: Literal[1]
    experiment: dict[str, Any]
    backbone: Base
    coding: dict[str, Any]
    scale: tuple[float, float]
    wording: Asked
    chosen: str = ""
