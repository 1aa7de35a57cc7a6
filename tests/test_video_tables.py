"""What notebook 12 makes of videos, on made-up scores."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_up import GAPS, TARGET, measured, seeds

from moslab.analysis import video_tables as video
from moslab.analysis.claims import load_claims
from moslab.analysis.measured import Measured
from moslab.experiments.experiment import make
from moslab.measures.metrics import srcc
from moslab.world import generate

VIDEOS = 200
AVERAGED = f"{video.DIRECT}, frames averaged"


def world(frames: pd.DataFrame | None = None) -> pd.DataFrame:
    """Half of the videos flicker, some freeze; what frames are worth has nothing to do with it."""
    random = np.random.default_rng(0)
    alone = random.uniform(1, 5, VIDEOS)
    flicker = np.where(np.arange(VIDEOS) % 2, random.uniform(0.2, 1, VIDEOS), 0)
    freeze = np.where(np.arange(VIDEOS) % 6 == 1, 0.5, 0)
    whole = alone - 2 * flicker
    return pd.DataFrame(
        {
            video.ALONE: alone,
            video.ALL: whole,
            "flicker": flicker,
            "shake": 0.5 * flicker**3,
            "freeze": freeze,
        }
    )


def blind() -> Measured:
    """Raters mind what the world has; an arm says what each frame is worth, and nothing of time."""
    known = world()
    noise = np.random.default_rng(1).normal(0, 0.2, (3, VIDEOS))
    return Measured({"blind": known[video.ALONE].to_numpy() + noise}, known[video.ALL].to_numpy(), "toy")


def test_arms_are_tested_on_videos_in_one_way():
    arms = video.shown("like_konvid1k", {"chain": {"scorer": "chain"}}, "together", 4)
    fields = {"scorer": "chain", "frames": "together", "frame_count": 4, "test_dataset": "like_konvid1k"}
    assert arms == {"chain, tested on videos": fields}


def test_ways_stand_side_by_side_under_the_claims_names():
    arm = f"{video.DIRECT}, {video.ON_VIDEOS}"
    ways = {how: measured({arm: TARGET}) for how in video.HOWS}
    joint = video.by_way(ways)
    assert set(joint.scores) == {f"{video.DIRECT}, frames {how}" for how in video.HOWS}
    assert set(video.plain_arms(ways)["averaged"].scores) == {video.DIRECT}
    claims = load_claims("realqa")
    named = {name for claim in (video.TOGETHER, video.ORDER) for name in claims[claim].arms}
    assert named <= set(joint.scores)


def test_how_alike_two_ways_are():
    one = measured({"a": TARGET, "b": TARGET[::-1].copy(), "c": TARGET})
    found = video.alike(one, [("a", "c"), ("a", "b"), ("a", "nothing")])
    assert found.to_dict() == {"a, and c": pytest.approx(1), "a, and b": pytest.approx(-1)}


def test_a_mean_of_frames_is_worse_where_there_are_faults_of_time():
    rows = video.by_time(blind(), world, ["blind", "nothing"])
    assert [row["judge"] for row in rows] == [
        "each frame, known exactly",
        "whole videos, known exactly",
        "blind",
    ]
    alone, whole, arm = rows
    assert whole["without"] == whole["with"] == pytest.approx(1)
    calm = (world()[list(video.FAULTS)] == 0).all(axis=1)
    known = world()
    expected = srcc(known[video.ALONE][~calm], known[video.ALL][~calm])
    assert (alone["without"], alone["with"]) == (pytest.approx(1), pytest.approx(expected))
    assert (alone["n without"], alone["n"], alone["seeds"]) == (calm.sum(), VIDEOS, 0)
    assert arm["low"] < arm["difference"] < arm["high"]
    assert arm["low"] > 0
    assert video.missed(rows, "blind") == {
        "value": arm["difference"],
        "low": arm["low"],
        "high": arm["high"],
        "n": VIDEOS,
        "seeds": 3,
    }
    assert video.time_shown(rows).index.tolist()[2] == "blind"


def test_what_goes_into_scores_is_found():
    one = blind()
    rows = video.pulls(one, world, {"blind": "who averages", "nothing": "no one"})
    assert {row["arm"] for row in rows} == {"raters", "who averages"}
    value = {(row["arm"], row["dataset"]): row for row in rows}
    spread = one.target.std()
    assert value["raters", "flicker"]["value"] == pytest.approx(-2 / spread)
    assert value["raters", "freeze"]["value"] == pytest.approx(0, abs=1e-9)
    for fault in video.FAULTS:
        seen = value["who averages", fault]
        assert seen["low"] < 0 < seen["high"]
    shown = video.pulls_shown(rows)
    assert shown.index.tolist() == ["raters", "who averages"]
    assert shown.columns.tolist() == ["what frames are worth", *video.FAULTS]


def test_scores_that_are_all_alike_have_no_pull():
    constant = replace(blind(), scores={"flat": seeds(np.ones(VIDEOS))})
    rows = video.pulls(constant, world, {"flat": "flat"})
    assert all(row["value"] == 0 for row in rows if row["arm"] == "flat")


def test_of_published_videos_nothing_is_known():
    experiment = make(dataset="iqa", test_dataset="konvid1k", learning_rate=1.0)
    assert video.known(experiment).empty
    assert video.by_time(blind(), pd.DataFrame, ["blind"]) == video.pulls(blind(), pd.DataFrame, {}) == []


def test_what_is_known_is_of_the_tested_videos(world_cache):
    experiment = make(
        dataset="iqa",
        test_dataset="like_konvid1k",
        images=60,
        test_images=10,
        frames="averaged",
        learning_rate=1.0,
    )
    known = video.known(experiment)
    drawn = generate("like_konvid1k", "default", 60)
    expected = drawn.bounds[(drawn.labels["split"] == "test").to_numpy()][:10]
    assert known["flicker"].tolist() == expected["flicker"].tolist()


def test_findings_are_said_of_what_is_there():
    rows = video.by_time(blind(), world, ["blind"])
    pulled = video.pulls(blind(), world, {"blind": "who averages"})
    lines = video.findings([], GAPS, rows, pulled)
    assert len(lines) == 5
    assert "raters: flicker -" in lines[-1]
    assert len(video.findings([], GAPS, [], [])) == 4
    assert "not judged" in video.answer([])
