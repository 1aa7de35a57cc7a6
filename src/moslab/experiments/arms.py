"""Which ways of scoring are compared: an arm is a name, and the fields of the experiment that makes it."""

from collections.abc import Collection, Mapping
from typing import Any

from moslab.scorers import scorer_class

Arms = dict[str, dict[str, Any]]


def arms_of(
    known: Mapping[str, Mapping[str, Any]], scorers: Collection[str], always: Collection[str] = ()
) -> Arms:
    """The arms of some scorers.

    Args:
        known: arms in the order of the notebook, of more scorers than may be asked for.
        scorers: names of the scorers to compare. One that `known` has no arm of gets an arm of its own name.
        always: scorers that are compared whatever was asked for.

    Returns:
        The arms of `known` that belong to these scorers, then those of the others.

    Raises:
        UserError: for the name of no scorer.
    """
    wanted = [scorer_class(name).name for name in (*always, *scorers)]
    arms = {arm: dict(fields) for arm, fields in known.items() if fields["scorer"] in wanted}
    covered = {fields["scorer"] for fields in arms.values()}
    for name in wanted:
        if name not in covered:
            arms[name] = {"scorer": name}
    return arms


def tested_on(dataset: str, arms: Mapping[str, Mapping[str, Any]], condition: str) -> Arms:
    """The same trainings, tested on another dataset: each arm's name followed by the condition."""
    return {f"{arm}, {condition}": dict(fields) | {"test_dataset": dataset} for arm, fields in arms.items()}


def families(arms: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """What each arm's loss teaches: words, classes, a written number, or a regressed one."""
    return {arm: scorer_class(fields["scorer"]).family for arm, fields in arms.items()}
