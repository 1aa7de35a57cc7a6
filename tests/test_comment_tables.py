"""Notebook 09's tables: comments measured like scores, what they are compared with, sentences on verdicts."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from toys import toy_table

from moslab.analysis import comment_tables as both
from moslab.analysis.claims import load_claims
from moslab.analysis.measured import Measured, judge_all
from moslab.datasets.table import ImageTable
from moslab.experiments.experiment import make
from moslab.experiments.grid import Results
from moslab.experiments.store import COMMENTS, SAID_COMMENT, Run
from moslab.world import iaa, language
from moslab.world.tasks import SEED
from moslab.world.told import told

PICTURES = 40
BEHIND = f"digits M=3{both.WITH}"
SAYINGS = ["the light is low key.", "lovely, vivid colours.", "a dutch angle, a pity."]
CLAIMS = load_claims("roc4mllm")


def run_of(seed: int, quality: float, how: str | None) -> Run:
    """A run whose comments are worth so much, give or take."""
    random = np.random.default_rng(seed)
    images = [f"toy{row:03d}" for row in range(PICTURES)]
    blocks = []
    for split in COMMENTS.values() if how else ():
        worth = quality + 0.1 * random.uniform(size=PICTURES)
        block = pd.DataFrame({"image": images, "split": split, "target": 0.0, "score": worth, "parsed": True})
        if split == COMMENTS["cider"]:
            block[SAID_COMMENT] = [SAYINGS[row % 3] for row in range(PICTURES)]
        blocks.append(block)
    scores = pd.DataFrame({"image": images, "split": "test", "target": 1.0, "score": 1.0, "parsed": True})
    fields = {"dataset": "iqa", "scorer": "levels", "learning_rate": 1.0, "comments": how, "seed": seed}
    return Run(make(**fields), f"{seed}{how}", pd.concat([scores, *blocks]), {}, [], {})


@pytest.fixture(scope="module")
def results() -> Results:
    """Comments alone are worth more than behind written scores."""
    runs = {}
    for seed in range(3):
        runs["toy", "digits M=3", seed] = run_of(seed, 0.0, None)
        runs["toy", BEHIND, seed] = run_of(seed, 0.3, "behind")
        runs["toy", both.ALONE, seed] = run_of(seed, 0.6, "alone")
    return both.written(Results(runs))


@pytest.fixture(scope="module")
def table() -> ImageTable:
    texts = [[SAYINGS[row % 3], SAYINGS[row % 3], SAYINGS[(row + 1) % 3]] for row in range(PICTURES)]
    return replace(toy_table(PICTURES), name="iaa", annotations=pd.DataFrame({"captions": texts}))


def test_every_arm_is_there_with_and_without_comments():
    arms = both.with_and_without({"digits M=3": {"scorer": "digits"}})
    assert list(arms) == ["digits M=3", BEHIND, both.ALONE]
    assert arms[BEHIND] == {"scorer": "digits", "comments": "behind"}
    assert "comments" not in arms["digits M=3"]


def test_claims_name_arms_of_the_notebook():
    arms = both.with_and_without({"digits M=3": {}, "levels": {}, "roc": {}})
    for name in (*both.OF_SCORES, *both.OF_COMMENTS, both.OTHERS):
        assert set(CLAIMS[name].arms) <= set(arms)
    assert [one.metric for one in both.by_metric(CLAIMS, both.OF_COMMENTS, "cider")] == ["cider"]


def test_means_of_comments_are_judged_like_metrics(results):
    assert set(results.runs) == {place for place in results.runs if place[1] != "digits M=3"}
    of_tuples = both.measured(results, "toy", COMMENTS["tuples"])
    [verdict] = judge_all([CLAIMS[both.COST[0]]], of_tuples)
    assert verdict.verdict == "agrees"
    assert verdict.value == pytest.approx(0.3, abs=0.03)
    gap = both.differences(of_tuples, {"behind": (BEHIND, both.ALONE)}, "tuples")
    assert gap["difference"].item() == pytest.approx(-verdict.value, abs=1e-3)


def test_quality_says_how_alike_comments_are(results):
    quality = both.quality(results, "toy")
    assert list(quality.index) == [BEHIND, both.ALONE]
    assert quality.at[BEHIND, "different"] == pytest.approx(3 / PICTURES)
    assert quality.at[BEHIND, "words"] == pytest.approx(np.mean([5] * 14 + [3] * 13 + [5] * 13))
    assert quality.at[both.ALONE, "cider"].startswith("0.6")


def test_f_of_tuples_is_made_of_two_counts(results, table):
    """Each saying is one of the person's two, so all that is said is right."""
    said, right = both.what_f_counts(results, table).values()
    assert said.scores[BEHIND].shape == (3, PICTURES)
    assert said.scores[BEHIND][0].tolist() == [len(told(SAYINGS[row % 3])) for row in range(PICTURES)]
    assert right.scores[BEHIND].tolist() == said.scores[BEHIND].tolist()
    others = replace(table, annotations=pd.DataFrame({"captions": [["nothing to remark."]] * PICTURES}))
    assert not both.what_f_counts(results, others)["of them said by people"].scores[BEHIND].any()


def test_yardsticks_need_no_model(table):
    images = table.frame["image"].iloc[table.rows("test")].tolist()
    yards = both.yardsticks(table, images, None)
    assert yards.at["a person", "cider"] > yards.at["the commonest comment", "cider"] > 0
    assert yards["tuples"].between(0, 1).all()


def test_examples_begin_with_a_person(results, table):
    header, _, person, model = both.examples(results, table, [BEHIND], count=2).splitlines()
    assert header == "| said by | picture 1 | picture 2 |"
    assert person.startswith("| a person | ")
    assert model == f"| {BEHIND} | {SAYINGS[0]} | {SAYINGS[1]} |"


def test_a_comment_is_longer_than_its_score(table):
    shares = both.share_of_score(table, None)
    assert shares["words"] > shares["signs"]


def test_what_the_world_knows_is_true():
    spec = iaa.enter(iaa.PRESETS["default"], SEED, np.arange(4)).spec
    texts = [f"{language.answer(spec, row, 'light')}." for row in range(4)]
    assert both._true(texts, spec) == (1.0, 1.0)
    wrong = "vivid colours, black and white."  # one of them at most
    assert both._true([wrong] * 4, spec)[0] <= 0.5


def test_what_is_left_over_stands_beside_what_was():
    row = {"kind": "related attributes", "way": "open answer", "arm": "roc", "before": 0.98}
    frame = both.left_over(pd.DataFrame([row | {"value": 0.5, "low": 0.4, "high": 0.6}]))
    assert list(frame["attributes, open answer"]) == ["0.980", "0.500 [0.400, 0.600]"]


def test_sentences_stand_without_verdicts(results, table):
    yards = both.yardsticks(table, table.frame["image"].tolist(), None)
    lines = both.findings([], both.quality(results, "toy"), yards, pd.DataFrame(), None, "+0.1", {})
    assert all(isinstance(line, str) and "nan" not in line for line in lines)
    assert "not judged" in both.answer([])
    counted = both.what_f_counts(results, table)
    more = both.findings([], both.quality(results, "toy"), yards, pd.DataFrame(), None, "+0.1", counted)
    [added] = set(more) - set(lines)
    assert f"{BEHIND} 2.0, 100% of them" in added


def test_level_words_of_comments_alone_have_an_interval():
    target = np.linspace(0, 1, 50)
    sentence = both.untaught_levels(Measured({both.ALONE: np.stack([target] * 3)}, target, "toy"))
    assert sentence.startswith("+1.000")
