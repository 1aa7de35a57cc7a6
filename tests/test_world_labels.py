"""The embedded tasks' tables: raters, labels that stay as they are, names and splits."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from world_toys import OWN_NAMES, SIZES, plcc

from moslab.datasets.embedded import table_of
from moslab.world import (
    LABELS,
    generate,
    raters,
    tasks,
)
from moslab.world.distort import distorted
from moslab.world.titles import CONCEPTS, titles

IAA_LABELS = "8b2c5a0028a7897f"
IQA_DISTORTIONS = "0b93f5a4a090345f"
AIGIQA_LABELS = "d03ddfc3c3dbb420"
UGC_LABELS = "d35655b427ef567b"
STORED_VOTES = Path(__file__).parent / "data" / "world_iqa_votes.npy"
SCALES = {"iqa": (1, 5), "iaa": (1, 10), "aigiqa": (0, 5), "alignment": (0, 5), "ugc": (1, 10)}


class TestRaters:
    def test_votes_are_counts_around_the_mean(self):
        mean = np.array([1.0, 3.2, 5.0])
        votes = raters.cast_votes("test", 1, np.arange(3), mean, np.array([400, 500, 600]), 0.6, (1, 5))
        assert votes.shape == (3, 5) and votes.sum(1).tolist() == [400, 500, 600]
        mos, sd = raters.opinion_scores(votes, (1, 5))
        assert mos[1] == pytest.approx(3.2, abs=0.1) and 0.4 < sd[1] < 0.9
        assert mos[0] > 1.1 and mos[2] < 4.9  # the ends of the scale push means inwards

    def test_scores_by_hand(self):
        mos, sd = raters.opinion_scores(np.array([[1, 0, 0, 0, 3]]), (1, 5))
        assert mos[0] == 4 and sd[0] == pytest.approx(2)


class TestTable:
    @pytest.mark.parametrize("task", list(SIZES))
    def test_table(self, worlds, task):
        world, low_high = worlds[task], SCALES[task]
        table = table_of(world)
        assert len(table) == SIZES[task] == len(world.bounds) == len(table.annotations)
        assert table.scale == low_high
        assert LABELS[table.name] in table.version
        assert table.frame["mos"].between(*low_high).all()
        if task == "ugc":  # a composite is nobody's opinion
            assert table.votes is None and table.frame["sd"].isna().all()
        else:
            levels = np.linspace(*low_high, table.votes.shape[1])
            assert np.allclose(table.votes @ levels / table.votes.sum(1), table.frame["mos"])
            assert (table.frame["sd"] >= 0).all()
        assert table.pixels.open(3).size == (64, 64)
        assert table.frame["source"][0] == "labels.csv line 2"

    def test_iaa_labels_are_bit_stable(self, worlds):
        frame = table_of(worlds["iaa"]).frame
        content = [
            f"{row.image} {row.text} {row.mos:.9f} {row.sd:.9f} {row.split}"
            for row in frame.head(200).itertuples()
        ]
        assert hashlib.sha256("\n".join(content).encode()).hexdigest()[:16] == IAA_LABELS

    @pytest.mark.parametrize("task", ["aigiqa", "ugc"])
    def test_labels_and_annotations_are_bit_stable(self, worlds, task):
        table = table_of(worlds[task])
        labels = table.frame.drop(columns="source").head(200).to_csv(index=False)
        content = labels + table.annotations.head(200).to_csv(index=False)
        expected = {"aigiqa": AIGIQA_LABELS, "ugc": UGC_LABELS}[task]
        assert hashlib.sha256(content.encode()).hexdigest()[:16] == expected

    def test_iqa_distortions_are_bit_stable(self, worlds):
        frame = table_of(worlds["iqa"]).frame.head(200)
        drawn = distorted("iqa", tasks.SEED, np.arange(200))
        severities = [[f"{severity:.6f}" for severity in pair] for pair in drawn.severities]
        columns = (drawn.kinds.tolist(), severities, frame["image"].tolist(), frame["split"].tolist())
        content = "".join(map(str, columns))
        assert hashlib.sha256(content.encode()).hexdigest()[:16] == IQA_DISTORTIONS

    def test_iqa_votes_are_stable(self, worlds):
        """These labels pass through pixels, whose last step may differ between machines.

        One picture in a hundred may move, by two votes.
        """
        moved = np.abs(table_of(worlds["iqa"]).votes[:200] - np.load(STORED_VOTES)).sum(1)
        assert (moved > 0).mean() <= 0.01 and moved.max() <= 4

    @pytest.mark.parametrize("task", OWN_NAMES)
    def test_more_pictures_do_not_move_earlier_ones(self, worlds, task):
        few = generate(task, n=60)
        pd.testing.assert_frame_equal(table_of(few).frame, table_of(worlds[task]).frame.head(60))
        pd.testing.assert_frame_equal(few.bounds, worlds[task].bounds.head(60))
        pd.testing.assert_frame_equal(table_of(few).annotations, table_of(worlds[task]).annotations.head(60))
        assert (few.images == worlds[task].images[:60]).all()

    @pytest.mark.parametrize("task", OWN_NAMES)
    def test_names_tell_nothing(self, worlds, task):
        frame = table_of(worlds[task]).frame
        assert frame["image"].is_unique and frame["image"].str.fullmatch(r"\d{11}").all()
        assert abs(plcc(frame["image"].astype(int), frame["mos"])) < 0.1
        assert abs(plcc(np.arange(len(frame)), frame["mos"])) < 0.1

    def test_names_stay_distinct(self):
        assert len(set(tasks.picture_ids("iaa", np.arange(200_000)))) == 200_000


class TestSplits:
    def test_shares(self, worlds):
        share = {task: table_of(worlds[task]).frame["split"].value_counts(normalize=True) for task in worlds}
        assert share["iqa"][["train", "val", "test"]].tolist() == pytest.approx(
            [0.667, 0.067, 0.267], abs=0.05
        )
        assert share["iaa"][["train", "val", "test", "test_novel"]].tolist() == pytest.approx(
            [0.64, 0.06, 0.15, 0.15], abs=0.05
        )

    def test_no_original_is_in_two_splits(self, worlds):
        assert table_of(worlds["iqa"]).frame.groupby("group")["split"].nunique().max() == 1

    def test_novel_titles_are_new_but_their_words_are_not(self):
        trained = [title for title in titles() if not title.held_out]
        novel = [title for title in titles() if title.held_out]
        assert len(titles()) == 100 and len(novel) == 18 and len({title.text for title in titles()}) == 100
        words = set(" ".join(title.text for title in trained).replace(":", "").split())
        assert all(set(title.text.replace(":", "").split()) <= words for title in novel)
        concepts = set().union(*(title.concepts for title in trained))
        assert concepts == set(CONCEPTS)
        assert all(len(title.concepts) == 2 for title in novel)

    def test_novel_titles_are_tested_only(self, worlds):
        frame = table_of(worlds["iaa"]).frame
        novel = {title.text for title in titles() if title.held_out}
        assert ((frame["split"] == "test_novel") == frame["text"].isin(novel)).all()
        assert {title.text for title in titles()} >= set(frame["text"])

    def test_prompts_are_disjoint_where_they_should_be(self, worlds):
        """test_novel shares no prompt with training.

        test is split picture by picture, so nearly all of its prompts are trained on.
        """
        by_split = table_of(worlds["aigiqa"]).frame.groupby("split")["text"].agg(set)
        assert not by_split["test_novel"] & (by_split["train"] | by_split["val"] | by_split["test"])
        assert len(by_split["test"] & by_split["train"]) > 0.9 * len(by_split["test"])
        columns = ["text", "split", "image"]
        expected = table_of(worlds["aigiqa"]).frame[columns]
        assert table_of(worlds["alignment"]).frame[columns].equals(expected)

    @pytest.mark.parametrize("task, test", [("aigiqa", 1500), ("iaa", 1500), ("iqa", 1500), ("ugc", 1900)])
    def test_tasks_are_large_enough_to_tell_small_differences(self, worlds, task, test):
        share = table_of(worlds[task]).frame["split"].value_counts(normalize=True)
        pictures = share * tasks.TASKS[task].PICTURES
        assert pictures["test"] > 0.9 * test
        if task == "aigiqa":
            assert pictures["test_novel"] > 0.9 * test
