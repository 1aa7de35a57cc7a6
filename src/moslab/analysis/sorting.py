"""RealQA's toy task: does a model that is to write scores know which number is larger?

Ten decimals between 1 and 10 with at most two places are to be sorted from low to high. The appendix'
algorithm is an image that the text does not repeat, so what it leaves open is decided here: positions are
compared one by one over the true length, and numbers count as often as they occur.

Source: RealQA, section 4.5, table 3 and its appendix.
"""

import re
from collections import Counter
from collections.abc import Sequence

from moslab.world.draws import Dice
from moslab.world.language import NUMBER_TASKS

QUESTION = NUMBER_TASKS["sort"]  # as the embedded bases were taught it


def trial(number: int, length: int = 10) -> list[str]:
    """The numbers of one trial, as written: between 1 and 10, with one or two places ('3.8', '3.99')."""
    dice = Dice(31, f"sorting {length}", number)
    return [f"{1 + 9 * dice.uniform():.{1 + dice.integer(2)}f}" for _ in range(length)]


def read_numbers(answer: str) -> list[str]:
    """The numbers in an answer, in their order.

    Where the answer holds lists of numbers in square brackets, those of the last one: what stands around it
    ("Here are the 10 numbers:") is no part of the list.
    """
    lists = re.findall(r"\[[^\[\]]*\d[^\[\]]*\]", answer)
    return re.findall(r"\d+(?:\.\d+)?", lists[-1] if lists else answer)


def accuracy(answer: Sequence[str], asked: Sequence[str]) -> float:
    """Share of the positions of the sorted list that hold the right number."""
    ordered = sorted(map(float, asked))
    return sum(float(written) == right for written, right in zip(answer, ordered)) / len(ordered)


def recall(answer: Sequence[str], asked: Sequence[str]) -> float:
    """Share of the numbers asked about that the answer uses."""
    used = Counter(map(float, answer)) & Counter(map(float, asked))
    return sum(used.values()) / len(asked)


def hallucination(answer: Sequence[str], asked: Sequence[str]) -> float:
    """Share of the answer's numbers that were not asked about; 0 for an empty answer."""
    given = set(map(float, asked))
    return sum(float(written) not in given for written in answer) / max(len(answer), 1)


def rising(answer: Sequence[str], asked: Sequence[str]) -> float:
    """Share of neighbours in the answer that do not fall, whatever was asked about.

    0 for fewer than two numbers. In a random order it is half of them.
    """
    numbers = [float(written) for written in answer]
    if len(numbers) < 2:
        return 0.0
    return sum(one <= other for one, other in zip(numbers, numbers[1:])) / (len(numbers) - 1)
