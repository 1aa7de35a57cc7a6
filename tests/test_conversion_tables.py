"""What turning scores into tokens costs: theory, made-up answers and made-up runs."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_up import REVERSED, SRCC_SWAPPED, SWAPPED, TARGET, measured
from toys import toy_experiment, toy_run, toy_table

from moslab.analysis import conversion_tables
from moslab.analysis.measured import Measured
from moslab.experiments.attribute_answers import ATTRIBUTES, CHOSEN
from moslab.experiments.grid import Results
from moslab.experiments.store import Run
from moslab.measures.statistics import Difference, difference
from moslab.scorers import levels

EVEN = 1 + 4 * (np.arange(1000) + 0.5) / 1000  # evenly spread over 1 to 5


# theory


def test_rounding_costs_a_quarter_of_the_distance_of_centers():
    frame = conversion_tables.rounding_theory(EVEN, [5, 50])
    assert frame.index.tolist() == ["5 intervals", "50 intervals", "regression"]
    assert frame["mean |e|"].tolist() == pytest.approx([0.2, 0.02, 0])
    assert frame["d / 4"].tolist() == [0.2, 0.02, 0]
    assert frame["mean of e squared"].tolist() == pytest.approx([0.64 / 12, 0.0064 / 12, 0], abs=2e-5)
    assert frame["d squared / 12"].tolist() == pytest.approx([0.64 / 12, 0.0064 / 12, 0], abs=1e-5)


def test_readers_of_a_sure_belief_miss_by_the_rounding_alone():
    """In the middle of an interval nobody rounds; on a quarter of it the middle is 0.2 off."""
    rng = np.random.default_rng(0)
    middles = np.repeat([1.4, 2.2, 3.0, 3.8, 4.6], 4)
    columns = ["mean |error|, argmax", "mean |error|, expectation", "mean |error|, without intervals"]
    sure = conversion_tables.simulated_readers(middles, [0.02], rng)
    assert list(sure) == columns
    assert sure.index.tolist() == [0.02]
    assert sure.loc[0.02, columns[:2]].tolist() == pytest.approx([0, 0], abs=1e-3)
    assert sure.loc[0.02, columns[2]] == pytest.approx(0.016, abs=0.01)
    aside = conversion_tables.simulated_readers(middles + 0.2, [0.02], rng)
    assert aside.loc[0.02, columns[:2]].tolist() == pytest.approx([0.2, 0.2], abs=1e-3)


def readers_of(over: list[float], without: list[float]) -> pd.DataFrame:
    """Simulated readers at three noises."""
    columns = {"mean |error|, expectation": over, "mean |error|, without intervals": without}
    return pd.DataFrame(columns, index=[0.1, 0.2, 0.4])


def test_intervals_are_hidden_from_a_noise_on():
    assert conversion_tables.hidden_from(readers_of([2, 1.05, 1.01], [1, 1, 1])) == 0.2
    assert conversion_tables.hidden_from(readers_of([1, 2, 1.01], [1, 1, 1])) == 0.4
    assert conversion_tables.hidden_from(readers_of([1, 1, 2], [1, 1, 1])) is None
    assert conversion_tables.hidden_from(readers_of([1, 1, 1.3], [1, 1, 1]), within=0.5) == 0.1


def test_codings_that_lose_nothing_are_left_out():
    rows = [("iqa", "levels", 5.0), ("iqa", "exact", 0.0), ("iaa", "levels", 6.0), ("iaa", "exact", 0.0001)]
    losses = conversion_tables.label_losses(pd.DataFrame(rows, columns=["dataset", "coding", "of range"]))
    assert losses.loc["levels"].to_dict() == {"iqa": 5, "iaa": 6}
    assert losses.index.tolist() == ["levels"]


# errors of runs


@pytest.fixture
def results(tiny_base) -> Results:
    """Five words, read soft and hard, which say one too much; two seeds."""
    runs = {}
    for seed in (0, 1):
        run = toy_run(toy_experiment(tiny_base, scorer="levels", seed=seed))
        said = run.predictions.assign(score=run.predictions["target"] + 1)
        runs["iqa", "levels", seed] = replace(run, predictions=said)
    return Results(runs)


@pytest.fixture
def rounding() -> np.ndarray:
    """What five words over the training range make of the toy table's test scores."""
    table = toy_table()
    mos = table.frame["mos"].to_numpy()
    trained, tested = mos[table.rows("train")], mos[table.rows("test")]
    codes = levels.encode(tested, trained.min(), trained.max())
    return levels.decode(np.eye(5)[codes], trained.min(), trained.max()) - tested


def test_errors_of_all_seeds_of_an_arm_stand_together(results, rounding):
    frames = conversion_tables.errors_by_arm([results], toy_table())
    assert list(frames) == ["levels"]
    assert frames["levels"]["label_approximation"].to_numpy() == pytest.approx(np.tile(rounding, 2))
    whole = frames["levels"]["label_approximation"] + frames["levels"]["restoration"]
    assert whole.to_numpy() == pytest.approx(1)
    assert conversion_tables.errors_by_arm([], toy_table()) == {}


def test_the_coding_s_share_of_the_error(results, rounding):
    frames = conversion_tables.errors_by_arm([results], toy_table())
    scores, target = results.scores("iqa")
    row = conversion_tables.error_shares(frames, Measured(scores, target, "iqa")).loc["levels"]
    assert (row["MAE, trained"], row["SRCC, trained"]) == (1, 1)
    assert row["MAE, perfect"] == pytest.approx(np.abs(rounding).mean(), abs=1e-4)
    assert row["share, %"] == pytest.approx(100 * np.abs(rounding).mean(), abs=1e-4)
    assert row["share of squares, %"] == pytest.approx(100 * np.square(rounding).mean(), abs=1e-4)
    assert (row["unread"], row["n"], row["seeds"]) == (0, 8, 2)


def test_steps_are_kept_by_the_arm_that_makes_them(results):
    """A smooth arm, one that follows all steps of the five words, and one that follows half of them."""
    guess = np.linspace(1, 5, 41)
    run = results.runs["iqa", "levels", 0]
    table = toy_table()
    mos = table.frame["mos"].to_numpy()[table.rows("train")]
    codes = levels.encode(guess, mos.min(), mos.max())
    stepped = levels.decode(np.eye(5)[codes], mos.min(), mos.max())
    arms = {"regression": guess, "levels": stepped, "half": (guess + stepped) / 2}
    scores = {arm: np.tile(row, (3, 1)) for arm, row in arms.items()}
    one = Measured(scores, guess, "iqa")
    kept = conversion_tables.steps_kept(list(arms), {"steps": "levels"}, one, {"levels": run}, table)
    shares = {arm: share.value for (arm, _), share in kept.items()}
    assert shares == pytest.approx({"regression": 0, "levels": 1, "half": 0.5})


# steps as text


def share(value: float) -> Difference:
    """A share of steps without any spread."""
    return difference(0.0, np.full(3, value), 10)


CODED = {"steps of words": "levels", "steps of bins": "bins"}
KEPT = {
    ("levels", "steps of words"): share(0.5),
    ("levels, read hard", "steps of words"): share(0.9),
    ("bins", "steps of words"): share(-0.25),
    ("levels", "steps of bins"): share(0.1),
    ("levels, read hard", "steps of bins"): share(0.8),
    ("bins", "steps of bins"): share(0.6),
    ("bins, read hard", "steps of bins"): share(1.0),
}


def test_kept_steps_are_a_table_of_arms_and_codings():
    frame = conversion_tables.steps_table(KEPT)
    assert list(frame) == ["steps of words", "steps of bins"]
    assert frame.loc["bins", "steps of words"] == "-0.250 (-0.250 to -0.250)"
    assert pd.isna(frame.loc["bins, read hard", "steps of words"])


def test_soft_and_hard_reading_are_compared_in_a_sentence():
    arms = {"levels": TARGET, "levels, read hard": REVERSED, "bins": TARGET, "bins, read hard": TARGET}
    first, second = conversion_tables.read_soft_and_hard(KEPT, CODED, measured(arms))
    assert first == (
        "**levels** follow +0.500 [+0.500, +0.500] of their own steps, read hard +0.900 [+0.900, +0.900]. "
        "Read by expectation, the same models reach +2.000 [+2.000, +2.000] SRCC more"
    )
    assert "reach +0.000 [+0.000, +0.000] SRCC more" in second


def test_the_furthest_stray_is_of_another_arm_s_steps_and_not_read_hard():
    assert conversion_tables.furthest_stray(KEPT, CODED) == 0.25


# comparisons


def test_arms_are_held_against_another_by_rank_and_by_size():
    one = measured({"a": TARGET, "b": SWAPPED, "c": REVERSED})
    frame = conversion_tables.against(one, ["b", "c"], "a")
    assert frame["label"].tolist() == ["b", "c"]
    assert frame["value"].tolist() == pytest.approx([SRCC_SWAPPED - 1, -2])
    assert frame["MAE"].tolist() == pytest.approx([1, 5])
    assert frame["runs together"].tolist() == pytest.approx([SRCC_SWAPPED - 1, -2])
    assert frame[["n", "seeds"]].to_numpy().tolist() == [[10, 3], [10, 3]]
    assert conversion_tables.against(one, [], "a").empty


def test_arms_away_stand_beside_what_training_on_the_tested_data_reaches():
    home = measured({"a": TARGET, "b": SWAPPED}, dataset="here")
    there = measured({"a": TARGET, "b": TARGET}, dataset="there")
    away = measured({"a, moved": REVERSED, "b, moved": SWAPPED}, dataset="there", oracle=0.99)
    frame = conversion_tables.away_from_home({"x": away}, {"here": home, "there": there}, "here")
    assert frame.index.tolist() == [("x", "a"), ("x", "b")]
    assert frame["SRCC"].tolist() == [-1, round(SRCC_SWAPPED, 4)]
    assert frame["same models, on here"].tolist() == ["1.0000", f"{SRCC_SWAPPED:.4f}"]
    assert frame["trained on the tested data alone"].tolist() == ["1.0000", "1.0000"]
    assert frame["less that"].tolist()[0] == "-2.000 [-2.000, -2.000]"
    assert frame["bounds"].tolist() == ["oracle 0.9900", "oracle 0.9900"]
    assert "Nothing was trained" in conversion_tables.away_from_home({}, {})


def test_mixtures_stand_beside_each_dataset_alone():
    homes = {"y": measured({"b": TARGET}, dataset="y")}
    mixed = measured({"b, mixed": SWAPPED[None], "c, mixed": TARGET[None]}, dataset="y")
    homes["y"] = replace(homes["y"], scores={"b": TARGET[None]})
    frame = conversion_tables.away_from_home({"mixed, y": mixed}, homes)
    assert "same models" not in " ".join(frame)
    assert frame["trained on the tested data alone"].tolist() == ["1.0000", "–"]
    assert frame["less that"].tolist()[0].startswith(f"{SRCC_SWAPPED - 1:+.3f} [")
    assert frame["less that"].tolist()[1] == "–"
    assert frame["seeds"].tolist() == [1, 1]


def test_nothing_is_compared_across_datasets_or_other_pictures():
    away = measured({"a, moved": TARGET}, dataset="there")
    other = replace(measured({"a": TARGET}, dataset="there"), target=TARGET + 1)
    here = {"here": measured({"a": TARGET}, dataset="here")}
    assert conversion_tables.away_from_home({"x": away}, here)["less that"].tolist() == ["–"]
    assert conversion_tables.away_from_home({"x": away}, {"there": other})["less that"].tolist() == ["–"]


# answers to other questions


def answered(run: Run, right: float) -> Run:
    """A run that was asked ten questions of one kind, openly and in multiple choice."""
    frames = []
    for way, share_right in {"": right, CHOSEN: 1.0}.items():
        columns = {"image": [f"{number}" for number in range(10)], "split": ATTRIBUTES + way}
        frames.append(pd.DataFrame(columns | {"target": 1.0, "score": share_right, "parsed": True}))
    return replace(run, predictions=pd.concat(frames, ignore_index=True))


def test_right_answers_after_tuning_are_compared_with_those_of_the_words(tiny_base):
    runs = {}
    for arm, right in {"levels": 0.5, "qscorer": 0.75}.items():
        for seed in (0, 1, 2):
            run = toy_run(toy_experiment(tiny_base, scorer="levels", seed=seed))
            runs["iqa", arm, seed] = answered(run, right)
    before = {ATTRIBUTES: 0.9, ATTRIBUTES + CHOSEN: 1.0}
    frame = conversion_tables.answers_after(Results(runs), "iqa", [ATTRIBUTES], before)
    rows = frame.set_index(["way", "arm"])
    assert rows.index.tolist() == [
        ("open answer", "levels"),
        ("open answer", "qscorer"),
        ("multiple choice", "levels"),
        ("multiple choice", "qscorer"),
    ]
    assert rows["before"].tolist() == [0.9, 0.9, 1.0, 1.0]
    assert rows["value"].tolist() == [0.5, 0.75, 1, 1]
    assert rows["low"].tolist() == [0.5, 0.75, 1, 1]
    assert rows["less levels"].tolist() == [0, 0.25, 0, 0]
    assert set(rows["n"]) == {10}
    assert conversion_tables.answers_after(Results(runs), "iqa", [], before).empty


def test_intervals_of_shares_end_where_shares_do(tiny_base):
    runs = {}
    for arm, rights in {"levels": (1.0, 1.0, 0.1), "qscorer": (0.0, 0.0, 0.9)}.items():
        for seed, right in enumerate(rights):
            run = toy_run(toy_experiment(tiny_base, scorer="levels", seed=seed))
            runs["iqa", arm, seed] = answered(run, right)
    before = {ATTRIBUTES: 0.9, ATTRIBUTES + CHOSEN: 1.0}
    frame = conversion_tables.answers_after(Results(runs), "iqa", [ATTRIBUTES], before)
    levels, qscorer = frame[frame["way"] == "open answer"].to_dict("records")
    assert (levels["low"], levels["high"]) == (0, 1)
    assert (qscorer["low"], qscorer["high"]) == (0, 1)
    assert (qscorer["low, less levels"], qscorer["high, less levels"]) == (-1, 1)


def test_right_answers_before_tuning_are_shares_by_kind(monkeypatch, tiny_base):
    frame = pd.DataFrame({"split": ["b", "a", "b"], "score": [1.0, 0.25, 0.5]})
    monkeypatch.setattr(conversion_tables, "answers", lambda base: frame)
    assert conversion_tables.answers_before(str(tiny_base)) == {"b": 0.75, "a": 0.25}
