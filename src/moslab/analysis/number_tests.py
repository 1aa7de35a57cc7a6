"""What a language model knows of numbers without training: sorting, copying and comparing.

Sorting is RealQA's Table 3, with its prompt word for word, and once more with solved examples before it. Why
a model fails to sort is asked apart: whether it can write down ten numbers at all (copying), whether it knows
which of two is larger (comparing), and whether it can repeat a single number, which is all that a scorer of
digits asks of it. The last two are read in two ways, as the papers read scores: what is written greedily, and
what the probabilities say.

Source: RealQA, section 4.5 and table 3 for the sorting; the other tasks and the examples are ours.
"""

import time
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from moslab.analysis import sorting
from moslab.analysis.tables import Sentence, say
from moslab.experiments.language_model import PACKAGE, SMOLLM2, load_smollm2
from moslab.measures.statistics import share_interval
from moslab.utils import paths
from moslab.utils.files import read_json, write_json
from moslab.utils.provenance import provenance

RESULTS = paths.PACKAGE / "smollm2.json"
TRIALS = 100  # lists; the paper has 200
LENGTH = 10  # numbers of a list
SHOWN = 3  # solved examples where some are shown
FIRST_SHOWN = 10_000  # number of the first trial that is an example: no example is asked
SORT = "Sort these numbers from low to high and return the result directly to me!"
COPY = "Copy these numbers in their order and return the result directly to me!"
FORMAT = "Numbers: [{numbers}]. Return format: [number 1, number 2, …, number n]"
LARGER = "Which number is larger, {first} or {second}? Answer with the number alone."
REPEAT = "Repeat this number: {number}. Answer with the number alone."
FORMS = {"no example": 0, f"{SHOWN} examples": SHOWN}
LONGEST_NUMBER = 16  # tokens that the answer of one number may have
Turns = list[dict[str, str]]
Measure = Callable[[Sequence[str], Sequence[str]], float]


class Model(Protocol):
    """What is asked of a language model, see `LanguageModel`."""

    def write(self, conversations: Sequence[Sequence[dict[str, str]]], longest: int) -> list[str]: ...

    def log_likelihood(self, conversation: Sequence[dict[str, str]], answer: str) -> float: ...

    def expected_digits(self, conversation: Sequence[dict[str, str]], answer: str) -> list[float]: ...


# --- questions --------------------------------------------------------------------------------------------


def conversation(ask: Callable[[int], tuple[str, str]], number: int, shown: int) -> Turns:
    """The question of a trial, behind `shown` solved ones.

    Args:
        ask: the number of a trial, to its question and the right answer.
    """
    turns: Turns = []
    for example in range(FIRST_SHOWN, FIRST_SHOWN + shown):
        question, answer = ask(example)
        turns += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return [*turns, {"role": "user", "content": ask(number)[0]}]


def asked_to_sort(number: int) -> tuple[str, str]:
    """RealQA's question, and the sorted list."""
    numbers = sorting.trial(number, LENGTH)
    return f"{SORT} {FORMAT.format(numbers=', '.join(numbers))}", _listed(sorted(numbers, key=float))


def asked_to_copy(number: int) -> tuple[str, str]:
    """The same numbers, to be left in their order."""
    numbers = sorting.trial(number, LENGTH)
    return f"{COPY} {FORMAT.format(numbers=', '.join(numbers))}", _listed(numbers)


def asked_to_compare(number: int) -> tuple[str, str]:
    """Two numbers, the larger one first in every second trial."""
    smaller, larger = two_numbers(number)
    first, second = (larger, smaller) if number % 2 else (smaller, larger)
    return LARGER.format(first=first, second=second), larger


def asked_to_repeat(number: int) -> tuple[str, str]:
    """One number."""
    one = sorting.trial(number, 1)[0]
    return REPEAT.format(number=one), one


def two_numbers(number: int) -> tuple[str, str]:
    """Two numbers of a trial that differ, the smaller one first."""
    numbers = sorted(sorting.trial(number, LENGTH), key=float)
    middle = next(place for place in (4, 3, 2, 1, 0) if float(numbers[place]) < float(numbers[place + 1]))
    return numbers[middle], numbers[middle + 1]


def _listed(numbers: Sequence[str]) -> str:
    return f"[{', '.join(numbers)}]"


# --- answers ----------------------------------------------------------------------------------------------


def in_place(answer: Sequence[str], asked: Sequence[str]) -> float:
    """Share of the positions of the list as asked that hold the right number."""
    return sum(float(one) == float(other) for one, other in zip(answer, asked)) / len(asked)


LISTS: dict[str, tuple[Callable[[int], tuple[str, str]], tuple[Measure, ...]]] = {
    "sorting": (
        asked_to_sort,
        (sorting.accuracy, sorting.recall, sorting.hallucination, sorting.rising, in_place),
    ),
    "copying": (asked_to_copy, (in_place, sorting.recall, sorting.hallucination)),
}


def lists(model: Model, task: str, shown: int, trials: int) -> dict[str, list[float]]:
    """Every measure of every list that is written; task: of `LISTS`."""
    ask, measures = LISTS[task]
    talks = [conversation(ask, number, shown) for number in range(trials)]
    answers = [sorting.read_numbers(text) for text in model.write(talks, longest=8 * LENGTH)]
    asked = [sorting.trial(number, LENGTH) for number in range(trials)]
    values: dict[str, list[float]] = {}
    for measure in measures:
        both = zip(answers, asked)
        values[measure.__name__] = [round(measure(answer, numbers), 6) for answer, numbers in both]
    return values


def comparing(model: Model, shown: int, trials: int) -> dict[str, list[float]]:
    """Which of two numbers is larger.

    Returns:
        greedy: 1 where the first of the two that the answer names is the larger one; unread: 1 where it names
        neither; by probability: 1 where the larger one is the likelier answer, by the mean log-probability of
        its tokens. Each [trials].
    """
    talks = [conversation(asked_to_compare, number, shown) for number in range(trials)]
    greedy: list[float] = []
    unread: list[float] = []
    likelier: list[float] = []
    for number, text in enumerate(model.write(talks, longest=LONGEST_NUMBER)):
        smaller, larger = two_numbers(number)
        named = [one for one in sorting.read_numbers(text) if float(one) in (float(smaller), float(larger))]
        greedy.append(float(bool(named) and float(named[0]) == float(larger)))
        unread.append(float(not named))
        gap = model.log_likelihood(talks[number], larger) - model.log_likelihood(talks[number], smaller)
        likelier.append(float(gap > 0))
    return {"greedy": greedy, "unread": unread, "by probability": likelier}


def repeating(model: Model, shown: int, trials: int) -> dict[str, list[float]]:
    """One number, repeated.

    Returns:
        greedy: 1 where it is the first number of the answer; expectation off by: how far the expectation of
        its digits is from it, each digit read behind the right ones, as RealQA's NCM is computed. Each
        [trials].
    """
    talks = [conversation(asked_to_repeat, number, shown) for number in range(trials)]
    greedy: list[float] = []
    off: list[float] = []
    for number, text in enumerate(model.write(talks, longest=LONGEST_NUMBER)):
        right = sorting.trial(number, 1)[0]
        written = sorting.read_numbers(text)
        greedy.append(float(bool(written) and float(written[0]) == float(right)))
        off.append(
            round(abs(expectation(model.expected_digits(talks[number], right), right) - float(right)), 6)
        )
    return {"greedy": greedy, "expectation off by": off}


def expectation(digits: Sequence[float], right: str) -> float:
    """The number that expected digits make; right: it has as many before the point."""
    before = len(right.partition(".")[0])
    return sum(digit * 10.0 ** (before - 1 - place) for place, digit in enumerate(digits))


def measure(model: Model, trials: int = TRIALS) -> dict[str, Any]:
    """All tasks in all forms: task -> form -> measure -> [trials]."""
    values: dict[str, Any] = {}
    for form, shown in FORMS.items():
        for task in LISTS:
            values.setdefault(task, {})[form] = lists(model, task, shown, trials)
        values.setdefault("comparing", {})[form] = comparing(model, shown, trials)
        values.setdefault("repeating", {})[form] = repeating(model, shown, trials)
    return values


# --- results ----------------------------------------------------------------------------------------------


def write_results(trials: int = TRIALS, path: Path = RESULTS) -> pd.DataFrame:
    """Ask SmolLM2 and keep what it answers, with machine, versions and command.

    Returns:
        The results as `table` shows them.

    Raises:
        UserError: where the model is not installed.
    """
    started = time.time()
    values = measure(load_smollm2(), trials)
    made = provenance()
    record = {
        "model": SMOLLM2,
        "package": f"{PACKAGE} {metadata.version(PACKAGE)}",
        "license": "Apache-2.0",
        "command": f"python -m moslab numbers --trials {trials}",
        "machine": {name: made[name] for name in ("cpu", "cores", "threads", "platform")},
        "versions": {name: made["packages"][name] for name in ("torch", "transformers", "moslab")},
        "commit": made["commit"],
        "seconds": round(time.time() - started),
        "values": values,
    }
    write_json(path, record)
    return table(values)


def results(path: Path = RESULTS) -> dict[str, Any]:
    """The committed results, which need no package."""
    return read_json(path)


def made_with(record: dict[str, Any]) -> Sentence:
    """Which model was asked, by which command, with which versions and on which machine."""
    machine, versions = record["machine"], record["versions"]
    return Sentence(
        f"{record['model']} (package {record['package']}, {record['license']}), asked by "
        f"`{record['command']}` with transformers {versions['transformers']} and torch "
        f"{versions['torch']} on {machine['cpu']}, {machine['threads']} of {machine['cores']} cores, in "
        f"{record['seconds'] / 60:.0f} minutes."
    )


def finding(record: dict[str, Any]) -> Sentence:
    """What the committed results say of a language model that others pre-trained, and how they were made."""
    values = record["values"]
    shares = []
    for form, measures in values["sorting"].items():
        right = np.mean(measures["accuracy"])
        copied = np.mean(values["copying"][form]["in_place"])
        shares.append(
            f"{right:.3f} of ten numbers in their place and {copied:.3f} of them copied, with {form}"
        )
    return say(
        "**A language model that others pre-trained**: {shares}; a random order has 0.100 in place "
        "({trials} lists). {made}",
        shares=", ".join(shares),
        trials=len(measures["accuracy"]),
        made=made_with(record),
    )


def sorting_lists(record: dict[str, Any]) -> dict[str, dict[str, list[float]]]:
    """The sorted lists as `digit_tables.sorting_table` takes them: name and form -> measure -> [trials]."""
    return {f"{record['model']}, {form}": values for form, values in record["values"]["sorting"].items()}


def table(values: dict[str, Any]) -> pd.DataFrame:
    """Means with 95 % intervals over the trials, a row per task, form and measure."""
    rows = []
    for task, forms in values.items():
        for form, measures in forms.items():
            for name, numbers in measures.items():
                low, high = share_interval(numbers, (0, 1))
                rows.append((task, form, name, float(np.mean(numbers)), low, high, len(numbers)))
    columns = ["task", "form", "measure", "mean", "low 95 %", "high 95 %", "trials"]
    return pd.DataFrame(rows, columns=columns).set_index(["task", "form", "measure"]).sort_index().round(3)
