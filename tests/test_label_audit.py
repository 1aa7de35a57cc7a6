"""What labels alone say: tables small enough to work out by hand, simulations whose truth is known, faults planted in lists, and the known faults of the published ones."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest
from conftest import NO_DATA
from scipy import stats
from test_datasets import AVA, KONIQ_HEADER, TANET_HEADER
from toys import use_toy_table

from moslab import datasets
from moslab.analysis import label_audit
from moslab.analysis.label_audit import (
    CODINGS,
    coding_ceilings,
    direction,
    left_out,
    rater_ceiling,
    shared_groups,
    title_power,
    together,
    word_range,
)
from moslab.datasets import lists
from moslab.datasets.table import ArrayPixels, ImageTable, training_rows
from moslab.measures.metrics import METRICS
from moslab.utils import paths
from moslab.utils.errors import UserError
from moslab.utils.files import read_json

WORDS = ("bad", "poor", "fair", "good", "excellent")
pytestmark = pytest.mark.filterwarnings("ignore:.*(is undefined, so NaN|did not converge)")  # small tables


def labelled(mos, scale=(1.0, 5.0), *, said=None, votes=None, up=True, **columns):
    """A table of scores, other columns as given. said: the last words of a list's answers."""
    n = len(mos)
    frame = pd.DataFrame(
        {
            "image": [f"{row}.jpg" for row in range(n)],
            "text": "",
            "mos": np.asarray(mos, dtype=float),
            "sd": np.nan,
            "split": "train",
            "group": "",
            "source": "",
        }
        | columns
    )
    return ImageTable(
        "made",
        frame,
        ArrayPixels(np.zeros((n, 1, 1, 3), np.uint8)),
        scale,
        votes=votes,
        higher_is_better=up,
        annotations=None if said is None else pd.DataFrame({"word": said}),
    )


# --- codings ----------------------------------------------------------------------------------------------------------------------------


def test_two_scores_through_every_coding():
    """2 and 6, on the range that they span and on a scale from 1 to 9; of the two, either is as often."""
    found = {(row["coding"], row["range"]): row for row in coding_ceilings(labelled([2, 6] * 4, (1.0, 9.0)))}
    errors = {
        ("levels", "train_minmax"): (0.4, 0.4),
        ("levels", "scale"): (0.2, 0.6),  # middles of fifths: 2.4 and 5.6; 1.8 and 6.6
        ("bins K=5", "train_minmax"): (0, 0),
        ("bins K=5", "scale"): (1, 1),  # centers 1, 3, 5, 7, 9: half-way scores go up
        ("bins K=11", "scale"): (0.2, 0.2),  # centers 0.8 apart: 1.8 and 5.8
        ("digits M=1", "train_minmax"): (0, 4 - 9 / 9.99 * 4),
        ("digits M=1", "scale"): (
            1 - 8 / 9.99,
            5 - 6 * 8 / 9.99,
        ),  # 0 and 9 of 9.99; 1.25 and 6.24 written as 1 and 6
        ("digits M=1, 1-9.99", "train_minmax"): (0, 4 - 8 / 8.99 * 4),
        ("digits M=1, native", "scale"): (0, 0),
    }
    for key, both in errors.items():
        assert found[key]["mae"] == pytest.approx(np.mean(both), abs=1e-12), key
        assert (
            found[key]["srcc"] == pytest.approx(1)
            and found[key]["plcc"] == pytest.approx(1)
            and found[key]["n"] == 8
        )


@pytest.mark.parametrize("k", [11, 51])
def test_bins_are_the_nearest_of_their_centers(k):
    """Against scipy and a search through all centers."""
    mos = np.random.default_rng(k).uniform(1.3, 4.4, 300)
    for row in coding_ceilings(labelled(mos), {f"bins K={k}": CODINGS[f"bins K={k}"]}):
        centers = np.linspace(*((1, 5) if row["range"] == "scale" else (mos.min(), mos.max())), k)
        nearest = np.array([min(centers, key=lambda center: abs(center - score)) for score in mos])
        assert row["mae"] == pytest.approx(np.abs(nearest - mos).mean()) and row["srcc"] == pytest.approx(
            stats.spearmanr(nearest, mos)[0]
        )
        assert row["plcc"] == pytest.approx(stats.pearsonr(nearest, mos)[0]) and set(METRICS) < set(row)


def test_codings_that_cannot_write_the_scores_are_left_out():
    mos = np.linspace(20, 80, 9)
    named = [(row["coding"], row["range"]) for row in coding_ceilings(labelled(mos, (0.0, 100.0)))]
    soft, native = {"soft levels, density", "soft levels, area"}, {"digits M=1, native"}
    assert {name for name, _ in named} == set(CODINGS) - soft - native and len(named) == 2 * (
        len(CODINGS) - 3
    )
    with_sd = coding_ceilings(labelled(mos, (0.0, 100.0), sd=0.1))
    assert {row["coding"] for row in with_sd} == set(CODINGS) - native
    assert all(
        row["mae"] == pytest.approx(0, abs=1e-9) for row in with_sd if row["coding"] in soft
    )  # narrow votes: two levels share the score, so nothing is lost
    assert ("digits M=1, native", "train_minmax") in [
        (row["coding"], row["range"]) for row in coding_ceilings(labelled(mos / 10, (0.0, 100.0)))
    ]


def test_only_training_scores_count_where_any_are_marked():
    table = labelled(
        [1, 2, 3, 9, 4, 5], (1.0, 9.0), split=["train", "train", "train", "test", "train", "train"]
    )
    assert training_rows(table).tolist() == [0, 1, 2, 4, 5]
    (row,) = coding_ceilings(table, {"bins": CODINGS["bins K=5"]}, ["train_minmax"])
    assert row["n"] == 5 and row["mae"] == 0  # on 1 to 5, the test picture's 9 being unseen
    assert training_rows(labelled([1, 2], split="test")).tolist() == [0, 1]


def test_lower_is_better_is_coded_turned_round():
    """As in training: one digit cannot write 9.99, so it is the best scores that lose."""
    table = labelled([0, 0.2, 0.4, 0.8, 1], (0.0, 1.0), up=False)
    assert pd.DataFrame(coding_ceilings(table)).equals(pd.DataFrame(coding_ceilings(table.upright())))
    lost = [
        row["mae"]
        for turned in (table, labelled(table.frame["mos"], (0.0, 1.0)))
        for row in coding_ceilings(turned, {"digits": CODINGS["digits M=1"]}, ["scale"])
    ]
    assert lost[0] != pytest.approx(lost[1])


# --- raters -----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("raters, spread", [((4, 30), 0.8), ((20, 21), 0.3), ((100, 200), 1.2)])
def test_rater_ceiling_is_the_correlation_with_the_true_means(raters, spread):
    """Every picture has its own distribution of votes from 1 to 10, whose mean is the true score; the published one is that of a few draws."""
    rng = np.random.default_rng(7)
    levels, n = np.arange(1.0, 11.0), 20_000
    share = stats.norm.pdf(levels, rng.normal(5.5, spread, (n, 1)), rng.uniform(0.8, 2, (n, 1)))
    share /= share.sum(1, keepdims=True)
    votes = rng.multinomial(rng.integers(*raters, n), share)
    published = votes @ levels / votes.sum(1)
    found = rater_ceiling(labelled(published, (1.0, 10.0), votes=votes))
    assert found["PLCC ceiling"] == pytest.approx(stats.pearsonr(share @ levels, published)[0], abs=0.01)
    assert found["sd of a mean"] == pytest.approx(np.std(published - share @ levels), rel=0.03)
    assert (
        found["raters"] == np.median(votes.sum(1))
        and found["sd of the scores"] == pytest.approx(published.std())
        and found["n"] == n
    )


def test_rater_ceiling_worked_out():
    """Votes 1 1 3 3, 2 2 2 2 and 5 5 5 5: the variance of the first, 4 / 3, makes an error of 1 / 3 in its mean and none in the others; the means 2, 2, 5 vary by 2."""
    found = rater_ceiling(
        labelled([2, 2, 5], votes=np.array([[2, 0, 2, 0, 0], [0, 4, 0, 0, 0], [0, 0, 0, 0, 4]]))
    )
    assert found["sd of a mean"] == pytest.approx(1 / 3) and found["PLCC ceiling"] == pytest.approx(
        np.sqrt(1 - 1 / 9 / 2)
    )


def test_raters_who_agree_on_nothing_have_the_ceiling_zero():
    """Two pictures of the same mean to which everyone says something else: less than nothing is left of the variance."""
    assert (
        rater_ceiling(labelled([3, 3.5], votes=np.array([[2, 0, 0, 0, 2], [1, 0, 1, 0, 2]])))["PLCC ceiling"]
        == 0
    )


@pytest.mark.parametrize(
    "votes", [None, [[1, 0, 0, 0, 0], [0, 9, 9, 9, 9]], [[0.5, 0.5, 0, 0, 0], [0, 0, 0, 0.5, 0.5]]]
)
def test_no_ceiling_without_counts(votes):
    """No votes, a single one, shares of unknown many."""
    assert rater_ceiling(labelled([1, 4], votes=None if votes is None else np.array(votes))) is None


# --- titles -----------------------------------------------------------------------------------------------------------------------------


def grouped(groups, effect, size=6, seed=0):
    """Scores in groups of equal size, whose means deviate by `effect`, the pictures within by 1; a last row of an unseen group."""
    rng = np.random.default_rng(seed)
    mos = 5 + effect * rng.normal(size=(groups, 1)) + rng.normal(size=(groups, size))
    return labelled(
        [*mos.ravel(), 5],
        (0.0, 10.0),
        group=[*np.repeat([f"g{number}" for number in range(groups)], size), "unseen"],
    ), mos


def test_balanced_groups_are_textbook_analysis_of_variance():
    """F is the mean square between groups over that within; (F - 1) / (F - 1 + size) is the intraclass correlation, 1 - 1 / F the reliability of a group's mean."""
    table, mos = grouped(40, 0.7)
    fitted = np.arange(mos.size)
    found = title_power(table, fitted, fitted)
    f = stats.f_oneway(*mos).statistic
    assert (
        found["between"] == pytest.approx((f - 1) / (f - 1 + 6))
        and found["groups"] == 40
        and found["seen"] == 1
        and found["n"] == 240
    )
    means = np.repeat(mos.mean(1), 6)  # shrinking all by 1 - 1 / F changes no correlation
    assert found["plcc"] == pytest.approx(stats.pearsonr(means, mos.ravel())[0]) and found[
        "srcc"
    ] == pytest.approx(stats.spearmanr(means, mos.ravel())[0])


def test_unequal_groups_shrink_by_their_size():
    """2, 4 and 7, 9, 8, 8: within 4 / 4 = 1, between groups 100 / 3, average size 6 - 20 / 6 = 8 / 3, so between = 97 / 3 / (8 / 3) = 97 / 8. The unseen and the ungrouped get the mean, 38 / 6."""
    table = labelled([2, 4, 7, 9, 8, 8, 3, 9, 6, 5, 100], (0.0, 10.0), group=[*"aabbbb", *"abc", "", ""])
    found = title_power(
        table, np.array([0, 1, 2, 3, 4, 5, 10]), np.arange(6, 10)
    )  # the last, of no group, is not fitted
    mean, spread = 38 / 6, 97 / 8
    predicted = [
        mean + 2 * spread / (2 * spread + 1) * (3 - mean),
        mean + 4 * spread / (4 * spread + 1) * (8 - mean),
        mean,
        mean,
    ]
    assert (
        found["between"] == pytest.approx(spread / (spread + 1))
        and found["groups"] == 2
        and found["seen"] == 0.5
    )
    assert found["plcc"] == pytest.approx(stats.pearsonr(predicted, [3, 9, 6, 5])[0]) and found[
        "srcc"
    ] == pytest.approx(stats.spearmanr(predicted, [3, 9, 6, 5])[0])


def test_groups_without_effect_explain_nothing():
    shares = [
        title_power(table, np.arange(mos.size), np.arange(mos.size + 1))["between"]
        for table, mos in (grouped(50, 0, seed=seed) for seed in range(40))
    ]
    assert min(shares) == 0 and np.mean(shares) < 0.03 and np.median(shares) < 0.02
    same = labelled([1, 3, 3, 1, 1, 3], group=[*"aabbcc"])  # means that differ less than pictures do
    found = title_power(same, np.arange(6), np.arange(6))
    assert found["between"] == 0 and np.isnan(found["srcc"])  # everyone gets the mean of all


def test_two_predictors_together():
    assert together(0.6, 0.3, 0) == pytest.approx(np.sqrt(0.6**2 + 0.3**2))
    assert together(0.8, 0.4, 0.5) == pytest.approx(0.8)  # the title knows nothing but what the picture shows
    assert together(1, 0.4, 0.4) == pytest.approx(1)


def test_two_predictors_together_against_least_squares():
    """Both see the truth through noise of their own, so that they share image * title."""
    rng = np.random.default_rng(0)
    image, title, n = 0.8, 0.45, 400_000
    truth = rng.normal(size=n)
    seen = np.column_stack(
        [power * truth + np.sqrt(1 - power**2) * rng.normal(size=n) for power in (image, title)]
    )
    mixed = seen @ np.linalg.lstsq(seen, truth, rcond=None)[0]
    assert together(image, title, image * title) == pytest.approx(stats.pearsonr(mixed, truth)[0], abs=0.002)


# --- lists made from a dataset ----------------------------------------------------------------------------------------------------------


def list_of(scores_by_word, **options):
    """A list of answers, from the scores of each word."""
    return labelled(
        [score for scores in scores_by_word.values() for score in scores],
        said=[word for word, scores in scores_by_word.items() for _ in scores],
        **options,
    )


FIFTHS = {
    "bad": [12, 19],
    "poor": [21, 29],
    "fair": [31, 39],
    "good": [41, 49],
    "excellent": [51, 58],
}  # of 10 to 60


def test_words_in_order():
    found = label_audit.words(list_of(dict(reversed(FIFTHS.items())) | {"": [99]}))
    assert found.index.tolist() == list(WORDS) and found["known"].all() and not found["overlaps"].any()
    assert found[["n", "lowest", "highest"]].loc["good"].tolist() == [2, 41, 49]


@pytest.mark.parametrize(
    "planted, unknown, overlapping",
    [
        ({"Superb": [59]}, {"Superb"}, set()),
        ({"Superb": [52]}, {"Superb"}, {"Superb", "excellent"}),
        ({"fair": [29, 39]}, set(), {"poor", "fair"}),
        ({"bad": [12, 45]}, set(), {"bad", "poor", "fair", "good"}),
        ({"good": [41, 49, 20]}, set(), {"poor", "fair", "good"}),
    ],
)
def test_odd_and_overlapping_words_are_told(planted, unknown, overlapping):
    found = label_audit.words(list_of(FIFTHS | planted))
    assert set(found.index[~found["known"]]) == unknown and set(found.index[found["overlaps"]]) == overlapping


def test_direction_of_words():
    upside_down = dict(zip(WORDS, reversed(FIFTHS.values())))
    assert direction(list_of(FIFTHS)) == pytest.approx(
        stats.spearmanr(np.repeat(range(5), 2), sum(FIFTHS.values(), []))[0]
    )
    assert direction(list_of(upside_down)) == pytest.approx(-direction(list_of(FIFTHS)))
    assert direction(list_of(upside_down, up=False)) == pytest.approx(
        direction(list_of(FIFTHS))
    )  # DMOS that are known as such
    assert direction(list_of(FIFTHS | {"": [0] * 9, "Superb": [0]})) == pytest.approx(
        direction(list_of(FIFTHS))
    )
    assert np.isnan(direction(list_of({"": [1, 2, 3], "good": [1, 2]})))


def test_range_of_the_fifths():
    assert word_range(label_audit.words(list_of(FIFTHS))) == pytest.approx((10, 60, 0), abs=1e-9)
    shifted = FIFTHS | {
        "good": [41, 53],
        "excellent": [55, 58],
    }  # borders 20, 30, 40, 54: slope 56 / 5, mean 36
    assert word_range(label_audit.words(list_of(shifted))) == pytest.approx((8, 64, 1.6))


@pytest.mark.parametrize(
    "faulty",
    [dict(zip(WORDS, reversed(FIFTHS.values()))), FIFTHS | {"Superb": [59]}, {"bad": [1], "good": [2]}],
)
def test_fifths_need_the_five_words(faulty):
    with pytest.raises(UserError, match="Fifths need the five words in their order; found"):
        word_range(label_audit.words(list_of(faulty)))


def test_pictures_that_a_list_leaves_out():
    """Ten pictures of 0 to 9: the list drops both ends of training, the lower end of test, and takes a test picture in between and one of validation for training."""
    whole = labelled(
        range(10), split=["train", "test", "train", "test", "val", "train", "test", "test", "train", "train"]
    )
    rows = [2, 5, 8, 4, 6, 3, 7]
    listed = labelled(rows, image=[f"made/{row}.jpg" for row in rows], split=["train"] * 5 + ["test"] * 2)
    found = left_out(listed, whole, {"train": ("train",), "test": ("test",)})
    assert found.loc["train"].tolist() == [5, 3, 2, 2, 2, 8] and found.loc["test"].tolist() == [
        4,
        2,
        2,
        1,
        2,
        8,
    ]
    assert left_out(listed, whole, {"train": ("train", "val")}).loc[
        "train", ["published", "listed", "left out"]
    ].tolist() == [6, 4, 2]


def test_groups_that_test_and_training_share():
    table = labelled(range(8), group=["a", "a", "b", "b", "c", "", "", "d"])
    split = np.array(["train", "train", "train", "test", "test", "train", "test", "val"])
    assert shared_groups(table, split) == (1, 2)  # b of b and c; pictures without a group share none
    assert shared_groups(table, np.array(["train"] * 4 + ["test"] * 4)) == (0, 2)


# --- whole folders ----------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def folders(tmp_path):
    """A data root with AVA in both layouts, where TANet tests on 953619, 954184 and another, and with KonIQ and Q-Align's lists of both, without KonIQ's best and worst picture."""
    for name in ("ava", "koniq10k", "qalign_json"):
        (tmp_path / name).mkdir()
    more = [
        f"{row} {row} 0 {row} 5 17 38 36 15 6 5 {9 - row} 1 22 {608 if row % 2 else 1396}\n"
        for row in range(1, 9)
    ]
    for name, content in {
        "AVA.txt": "".join([*AVA, *more]),
        "generic_test.jpgl": "953619\n953958\n1\n2\n",
        "challenges.txt": "1396 Sky\n608 Sea\n",
        "test.csv": TANET_HEADER
        + "".join(f"{image},0,0,0,0,0,0,0,0,0,9,1,2,7\n" for image in (953619, 954184, 7)),
        "val.csv": TANET_HEADER + "953958,0,0,0,0,0,0,0,0,0,9,1,2,7\n",
    }.items():
        (tmp_path / "ava" / name).write_text(content)
    rows = [
        f"{number}.jpg,{1 - number / 30:.4f},0,0,0,{number / 30:.4f},40,{10 + 2 * number},0.9,{'training' if number % 3 else 'test'}\n"
        for number in range(31)
    ]
    (tmp_path / "koniq10k" / "koniq10k_distributions_sets.csv").write_text(KONIQ_HEADER + "".join(rows))
    koniq = [
        (
            number,
            {
                "image": f"koniq/{number}.jpg",
                "gt_score": 10 + 2 * number,
                "conversations": [
                    {"from": "gpt", "value": f"The quality of the image is {WORDS[(number - 1) // 6]}."}
                ],
            },
        )
        for number in range(1, 30)
    ]
    images = {"train_ava": ["953958", "3"], "test_ava": ["953619", "1", "954184"]}
    content = {
        "train_koniq": [row for number, row in koniq if number % 3],
        "test_koniq": [row for number, row in koniq if not number % 3],
    }
    content |= {
        name: [{"image": f"ava_images/{image}.jpg", "gt_score": 5} for image in listed]
        for name, listed in images.items()
    }
    for name, objects in content.items():
        (tmp_path / "qalign_json" / f"{name}.json").write_text(json.dumps(objects))
    return tmp_path


def test_test_sets_of_ava(folders):
    """Training lists beside them count for nothing."""
    assert label_audit.test_sets(folders) == {
        "official": 4,
        "TANet": 3,
        "TANet, in the official": 1,
        "Q-Align": 3,
        "Q-Align, in the official": 2,
    }
    (folders / "qalign_json" / "test_ava.json").unlink()
    (folders / "ava" / "test.csv").unlink()
    assert label_audit.test_sets(folders) == {"official": 4}
    (folders / "ava" / "generic_test.jpgl").unlink()
    assert label_audit.test_sets(folders) == {}


@pytest.mark.parametrize("given", [True, False])
def test_audit_of_a_dataset_with_a_list(folders, given, monkeypatch):
    """Plain values, whether the data root is given or found. The list's fifths, from 11 to 71 by steps of 12, are found again; its two missing pictures are the extremes, one of each split."""
    monkeypatch.setenv("MOSLAB_DATA", str(folders))
    found = label_audit.audit("koniq10k", folders if given else None)
    assert (
        json.dumps(found)
        and found["published"] == datasets.PUBLISHED["koniq10k"].ABOUT.pictures
        and found["n"] == 31
    )
    assert (
        found["lowest"] == 1
        and found["highest"] == 5
        and found["raters"]["raters"] == 40
        and found["columns"]["srcc"] == pytest.approx(1)
    )
    assert (
        found["range"] == pytest.approx({"low": 11, "high": 71, "worst border": 0}, abs=1e-9)
        and found["direction"] > 0.9
    )
    assert (
        [row["of them extreme"] for row in found["left out"]]
        == [row["left out"] for row in found["left out"]]
        == [0, 2]
    )
    assert {(row["coding"], row["range"]) for row in found["ceilings"]} == {
        (name, where) for name in CODINGS for where in label_audit.RANGES
    }
    for path in (folders / "qalign_json").glob("*_koniq.json"):
        path.unlink()
    assert set(label_audit.koniq_extras(datasets.load("koniq10k", root=str(folders)), folders)) == {"columns"}


@pytest.mark.filterwarnings("ignore:generic_test.jpgl names")
def test_audit_of_titles_and_test_sets(folders):
    found = label_audit.audit("ava", folders)
    assert (
        found["titles"]["n"] == found["splits"]["test"] == 4
        and found["titles"]["groups"] == 2
        and found["test sets"] == label_audit.test_sets(folders)
    )
    assert found["version"] == "official" and found["raters"]["n"] == 11


def test_audit_of_an_embedded_task(monkeypatch):
    table = use_toy_table(monkeypatch)
    found = label_audit.audit("iqa", None)
    assert (
        found["title"] == "iqa (embedded)"
        and found["n"] == found["published"] == len(table)
        and found["raters"] is None
        and len(found["ceilings"]) == 2 * len(CODINGS)
    )


def test_prompts_of_generated_pictures():
    """Ten pictures of each of twenty prompts, five of them held out: split one by one, every prompt stands in training too."""
    prompts = [f"prompt {row // 10}" for row in range(200)]
    split = ["test_novel" if row < 50 else "test" if row % 5 == 0 else "train" for row in range(200)]
    found = label_audit.agiqa_extras(labelled(range(200), group=prompts, split=split), None)["prompts"]
    assert (
        found["held out"] == [0, 5]
        and len(found["split by picture"]) == 5
        and all(shared == tested <= 20 for shared, tested in found["split by picture"])
    )


# --- the published lists ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def published(data_root):
    """A function that loads a published table; skips the test where this data root has none."""

    def load(name, *others):
        if not all((data_root / folder).is_dir() for folder in (name, *others)):
            pytest.skip(NO_DATA)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            return datasets.load(name, root=str(data_root)), data_root

    return load


def test_real_koniq_list(published):
    """Equal fifths of a range that is neither the scale nor that of the training scores; what lies outside was dropped, from training and from test."""
    found = label_audit.koniq_extras(*published("koniq10k", "qalign_json"))
    words = {row["word"]: row for row in found["words"]}
    assert (
        list(words) == list(WORDS)
        and all(row["known"] and not row["overlaps"] for row in words.values())
        and found["direction"] > 0.9
    )
    assert found["range"] == pytest.approx({"low": 6.67, "high": 85.36, "worst border": 0}, abs=0.01)
    assert [(row["split"], row["left out"], row["of them extreme"]) for row in found["left out"]] == [
        ("train", 12, 12),
        ("test", 5, 5),
    ]
    assert all(
        found["range"]["low"] < row["lowest listed"] < row["highest listed"] < found["range"]["high"]
        for row in found["left out"]
    )


def test_real_ava_test_sets(published):
    _, root = published("ava", "qalign_json")
    if not (root / "ava" / "test.csv").is_file():
        pytest.skip(NO_DATA)
    found = label_audit.test_sets(root)
    assert found == {
        "official": 20_000,
        "TANet": 12_776,
        "TANet, in the official": 975,
        "Q-Align": 19_930,
        "Q-Align, in the official": 19_930,
    }


def test_real_ava_list_has_no_words(published):
    _, root = published("ava", "qalign_json")
    listed = lists.load(root, "qalign_json/ava")
    assert label_audit.words(listed).empty and np.isnan(direction(listed))


def test_real_agiqa_prompts(published):
    found = label_audit.agiqa_extras(*published("agiqa3k"))["prompts"]
    assert (
        all(shared == tested > 250 for shared, tested in found["split by picture"])
        and found["held out"][0] == 0
    )


def test_real_icaa_photographs(published):
    table, _ = published("icaa17k")
    split = table.frame["split"].to_numpy()
    assert (split == "test").sum() == 1_617 and shared_groups(table, split) == (692, 1_548)


def test_real_rater_ceilings(published):
    """Some hundred votes leave little to raters: the deviation of a mean, worked out from the file's own column of deviations."""
    table, _ = published("koniq10k")
    found = rater_ceiling(table)
    variance = (table.frame["sd"] ** 2 / table.votes.sum(1)).mean()
    assert found["sd of a mean"] == pytest.approx(np.sqrt(variance), rel=0.01) and found[
        "PLCC ceiling"
    ] == pytest.approx(np.sqrt(1 - variance / table.frame["mos"].var()), abs=1e-3)
    assert 100 < found["raters"] < 120


@pytest.mark.parametrize("name", ["koniq10k", "agiqa3k"])
def test_the_committed_audit_is_that_of_the_files(name, data_root):
    """What notebook 91 shows without label files, held against them where they are."""
    if not (data_root / name).is_dir():
        pytest.skip(NO_DATA)
    committed = read_json(paths.REFERENCE / "results" / "embedded" / "91_label_audit.json")["values"][
        "audit"
    ][name]
    committed, found = (
        json.loads(json.dumps(one), parse_float=lambda number: round(float(number), 6))
        for one in (committed, label_audit.audit(name, data_root))
    )
    pd.testing.assert_frame_equal(
        *(pd.DataFrame(one.pop("ceilings")).sort_index(axis=1) for one in (committed, found)), atol=1e-5
    )
    assert committed == found
