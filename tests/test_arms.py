"""Arms: which scorers are compared, by which names."""

import pytest

from moslab import scorers
from moslab.experiments import arms
from moslab.utils.errors import UserError

KNOWN = {
    "levels": {"scorer": "levels"},
    "bins K=5": {"scorer": "bins", "options": {"bins": 5}},
    "bins K=51": {"scorer": "bins", "options": {"bins": 51}},
    "roc": {"scorer": "roc"},
}


def test_arms_keep_the_order_of_the_notebook():
    assert list(arms.arms_of(KNOWN, ["roc", "levels"])) == ["levels", "roc"]
    assert list(arms.arms_of(KNOWN, ["levels"], always=["bins"])) == ["levels", "bins K=5", "bins K=51"]


def test_a_scorer_without_an_arm_gets_one_of_its_own_name():
    chosen = arms.arms_of(KNOWN, ["qscorer", "levels", "qscorer"], always=["levels"])
    assert chosen == {"levels": {"scorer": "levels"}, "qscorer": {"scorer": "qscorer"}}


def test_without_scorers_only_those_that_are_always_compared_remain():
    assert arms.arms_of(KNOWN, []) == {}
    assert list(arms.arms_of(KNOWN, [], always=["roc"])) == ["roc"]


def test_an_arm_s_fields_are_its_own_copy():
    arms.arms_of(KNOWN, ["roc"])["roc"]["epochs"] = 9
    assert KNOWN["roc"] == {"scorer": "roc"}


def test_the_name_of_no_scorer_is_one_sentence():
    with pytest.raises(UserError, match="Unknown scorer 'rocc': choose one of bins"):
        arms.arms_of(KNOWN, ["levels", "rocc"])


def test_the_same_trainings_are_tested_elsewhere():
    trained = {"levels": {"scorer": "levels", "epochs": 2}}
    away = arms.tested_on("iaa", trained, "tested on iaa")
    assert away == {"levels, tested on iaa": {"scorer": "levels", "epochs": 2, "test_dataset": "iaa"}}
    assert trained == {"levels": {"scorer": "levels", "epochs": 2}}


def test_families_are_those_of_the_scorers():
    every = {name: {"scorer": name} for name in scorers.NAMES}
    assert arms.families(every) == {name: scorers.scorer_class(name).family for name in scorers.NAMES}
    assert arms.families(KNOWN)["bins K=51"] == "classes"
    assert arms.families({}) == {}
