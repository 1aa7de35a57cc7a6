"""What a comment says, read back out of its words.

Comments of the world are written with a closed list of phrases (`moslab.world.language`), each for one class
of one fact. So what is said can be read off exactly, without a parser: this stands in the place of the
scene graphs that SPICE compares.
"""

import re
from functools import cache

from moslab.world.language import NAMES, WORDS

Told = tuple[str, ...]  # (name of a fact,) or (name of a fact, its class)


def told(*texts: str) -> set[Told]:
    """What texts speak of together, and what they say of that.

    'the light is high key' gives ('light',) and ('light', 'high key'); a name without a class gives itself
    alone. All ways of saying a class count as one.

    Source:
        SPICE (Anderson et al., 2016) compares such tuples of objects and of objects with attributes.
    """
    found: set[Told] = set()
    for phrase in _pattern().findall(" ".join(texts).lower()):
        said = _phrases()[phrase]
        found |= {said[:1], said}
    return found


@cache
def _phrases() -> dict[str, Told]:
    """What each phrase says."""
    phrases: dict[str, Told] = {name: (name,) for name in NAMES.values()}
    for field, classes in WORDS.items():
        for ways in classes:
            phrases |= dict.fromkeys(ways, (NAMES[field], ways[0]))
    return phrases


@cache
def _pattern() -> re.Pattern[str]:
    """The longest phrase that stands anywhere: 'light compression' says nothing of the light."""
    longest_first = sorted(_phrases(), key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, longest_first))})\b")
