"""Authors of comments: each looks at some things, says more or less, in sentences of their own.

Comments say visible facts alone, in the words of `moslab.world.language`, without rating words.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from moslab.world.draws import Dice
from moslab.world.language import merits
from moslab.world.specs import Spec


@dataclass(frozen=True)
class Author:
    """Someone who comments.

    Attributes:
        looks_at: fields of which the author speaks.
        share: of the pictures that the author looks at.
        most: how many merits, and how many faults, are said at most.
        likes: sentences about a merit, with the fact's name and its class in words.
        minds: sentences about a fault.
    """

    looks_at: tuple[str, ...]
    share: float
    most: tuple[int, int]
    likes: tuple[str, ...]
    minds: tuple[str, ...]


EVERYTHING = ("position", "clutter", "saturation", "light", "motion", "focus", "tilt", "size", "blur")
AUTHORS: dict[str, Author] = {
    "composer": Author(
        ("position", "size", "clutter", "tilt"),
        0.6,
        (2, 1),
        ("i like how this is composed: {words}.", "the {name} works well: {words}."),
        ("what disturbs me is the {name}: {words}.", "i would mend the {name}, {words}."),
    ),
    "technician": Author(
        ("blur", "light", "motion", "focus"),
        0.6,
        (1, 2),
        ("the {name} is {words}.", "how this was taken works well: {words}."),
        ("it suffers: {words}.", "the {name} is a pity: {words}."),
    ),
    "colourist": Author(
        ("saturation", "light"),
        0.5,
        (2, 1),
        ("lovely {name}, {words}.", "what pleases me: {words}."),
        ("i would mend the {name}, {words}.", "a pity, {words}."),
    ),
    "friend": Author(EVERYTHING, 0.7, (2, 0), ("lovely, {words}.", "i like the {name}: {words}."), ()),
    "critic": Author(
        EVERYTHING,
        0.6,
        (0, 3),
        (),
        ("{words}: a pity.", "i would mend the {name}.", "what disturbs me: {words}."),
    ),
    "visitor": Author(
        EVERYTHING,
        0.8,
        (1, 1),
        ("it works well: {words}, and i like this.", "{words}, all in all lovely."),
        ("but what disturbs me: {words}.", "yet {words}, a pity."),
    ),
}
SILENCE = ("visitor", "nothing to remark.")


def comments(stream: str, seed: int, spec: Spec) -> list[list[tuple[str, str]]]:
    """For each picture (author, comment) of everyone who looked at it and had something to say; at least one.

    Args:
        stream: name of the draws.
        seed: of the draws.
        spec: the pictures.
    """
    said: list[list[tuple[str, str]]] = [[] for _ in range(len(spec))]
    for name, author in AUTHORS.items():
        for row, dice in enumerate(Dice.each(seed, f"{stream}.{name}", spec.ids)):
            if dice.uniform() < author.share:
                comment = _comment(author, spec, row, dice)
                if comment:
                    said[row].append((name, comment))
    return [of_picture or [SILENCE] for of_picture in said]


def _comment(author: Author, spec: Spec, row: int, dice: Dice) -> str:
    """An author's sentences about merits, then about faults; '' where there is nothing to say."""
    sentences = []
    ways = (author.likes, author.minds)
    for most, sayings, facts in zip(author.most, ways, merits(spec, row, dice, author.looks_at)):
        sentences += _sentences(facts[:most], sayings, dice)
    return " ".join(sentences)


def _sentences(facts: Sequence[tuple[str, str]], sayings: Sequence[str], dice: Dice) -> list[str]:
    """A sentence for each fact (name, class in words)."""
    return [dice.choice(sayings).format(name=name, words=words) for name, words in facts]
