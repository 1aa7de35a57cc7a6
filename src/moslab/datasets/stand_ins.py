"""Which embedded set stands in for which published dataset, and how far: the list in stand_ins.yaml.

It is the only such list: tables at embedded scale take their datasets from it, and the page on stand-ins is
made of it.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from moslab.utils.errors import UserError
from moslab.utils.files import read_yaml

FILE = Path(__file__).with_name("stand_ins.yaml")


@dataclass(frozen=True)
class StandIn:
    """An embedded set in the place of a published one.

    Attributes:
        published: the published dataset, by the name of its reader.
        stand_in: the embedded set.
        shares: what the two have in common.
        lacks: what the published one has and the embedded one has not.
    """

    published: str
    stand_in: str
    shares: str
    lacks: str


@cache
def stand_ins() -> dict[str, StandIn]:
    """All stand-ins by the published dataset, in the order in which they are listed."""
    entries = read_yaml(FILE)
    return {entry["published"]: StandIn(**entry) for entry in entries}


def stand_in_for(name: str) -> str:
    """The embedded set for a published dataset, or for several joined by '+'.

    Raises:
        UserError: for a dataset that has none.
    """
    return "+".join(_stand_in_for(part) for part in name.split("+"))


def _stand_in_for(name: str) -> str:
    if name not in stand_ins():
        raise UserError(f"{name} has no embedded stand-in: these have, {', '.join(stand_ins())}.")
    return stand_ins()[name].stand_in
