"""Systems that were run elsewhere: their files are read, matched with labels, and judged as our runs are."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from toys import use_toy_table
from typer.testing import CliRunner

from moslab import cli
from moslab.analysis import outside, score_tables
from moslab.analysis.measured import Measured
from moslab.experiments.experiment import make
from moslab.experiments.grid import Results
from moslab.experiments.store import Run, Store
from moslab.measures.metrics import srcc
from moslab.publish.outside_commands import files_of
from moslab.utils import paths
from moslab.utils.errors import UserError
from moslab.utils.files import read_json

NAMES = [f"{number}.jpg" for number in range(8)]
MOS = np.array([1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5])
NEAR = MOS + np.array([0.1, -0.1] * 4)
FAR = MOS[[1, 0, 3, 2, 5, 4, 7, 6]]


def write(
    path: Path, scores: np.ndarray, names: list[str] | None = None, header: str = "image,score"
) -> Path:
    lines = [f"{name},{score}" for name, score in zip(names or NAMES, scores)]
    path.write_text("\n".join([header, *lines] if header else lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def target(tmp_path) -> score_tables.Target:
    return score_tables.target_of_file(write(tmp_path / "labels.csv", MOS, header="image,mos"))


# a verdict of the README from one CSV per run


def exported(notebook: str, arms: dict[str, dict], folder: Path) -> tuple[dict[str, list[Path]], Path]:
    """The committed runs of some arms on iqa as one CSV each, and their labels as another."""
    record = read_json(paths.REFERENCE / "results" / "embedded" / f"{notebook}.json")
    store = Store(paths.REFERENCE / "runs" / "embedded")
    asked = {"dataset": "iqa", "test_dataset": "", "backbone": "embedded", "epochs": 4.0, "text": "image"}
    systems: dict[str, list[Path]] = {}
    labels = folder / "labels.csv"
    for key in record["runs"]:
        fields = read_json(store.folder / key / "run.json")["experiment"]
        if any(fields[name] != value for name, value in asked.items()):
            continue
        for arm, own in arms.items():
            options = own.get("options", {})
            if fields["scorer"] == own["scorer"] and options.items() <= fields["options"].items():
                rows = store.get(key).split("test")
                rows[["image", "target"]].to_csv(labels, index=False)
                shuffled = rows[["image", "score"]].sample(frac=1, random_state=fields["seed"])
                file = folder / f"{arm} {fields['seed']}.csv"
                shuffled.to_csv(file, index=False)
                systems.setdefault(arm, []).append(file)
    return {arm: sorted(files) for arm, files in systems.items()}, labels


def test_a_verdict_of_the_readme_comes_out_of_one_csv_per_run(tmp_path):
    bins = {"centers": "linspace", "decoding": "expectation", "labels": "nearest", "spacing": "uniform"}
    arms = {
        "bins K=101": {"scorer": "bins", "options": bins | {"bins": 101}},
        "bins K=51": {"scorer": "bins", "options": bins | {"bins": 51}},
        "soft_levels": {"scorer": "soft_levels"},
    }
    systems, labels = exported("01_bin_sweep", arms, tmp_path)
    assert {arm: len(files) for arm, files in systems.items()} == dict.fromkeys(arms, 3)
    claims = ["rvtc.flat_after_51", "rvtc.beats_soft_levels"]
    judged = outside.judge(systems, score_tables.target_of_file(labels), claims)
    committed = read_json(paths.REFERENCE / "results" / "embedded" / "01_bin_sweep.json")["claims"]
    for verdict in judged.verdicts:
        known = next(one for one in committed if one["id"] == verdict.id and one["on"] == "iqa")
        assert (verdict.verdict, verdict.kind) == (known["verdict"], known["kind"])
        numbers = [verdict.value, verdict.low, verdict.high]
        assert numbers == pytest.approx([known["value"], known["low"], known["high"]], abs=1e-9)
    assert [verdict.kind for verdict in judged.verdicts] == ["equivalence", "order"]


# comparing


def test_systems_are_compared_with_each_other(target, tmp_path):
    systems = {"near": [write(tmp_path / "a.csv", NEAR)], "far": [write(tmp_path / "b.csv", FAR)]}
    judged = outside.judge(systems, target, ["near > far", "near = far within 0.5"])
    assert judged.systems.loc["far", "SRCC"] == f"{srcc(FAR, MOS):.4f}"
    assert judged.systems[["unread", "runs", "n"]].values.tolist() == [[0, 1, 8]] * 2
    gap = judged.gaps.loc["near less far", "difference in SRCC"]
    assert gap == pytest.approx(srcc(NEAR, MOS) - srcc(FAR, MOS), abs=1e-4)
    assert [verdict.verdict for verdict in judged.verdicts] == [
        "open",
        "open",
    ]  # one run says nothing of training
    assert "Fewer than three runs" in judged.notes[-1]


def test_three_runs_decide(target, tmp_path):
    random = np.random.default_rng(2)
    systems: dict[str, list[Path]] = {"near": [], "noise": []}
    for seed in range(3):
        systems["near"].append(write(tmp_path / f"a{seed}.csv", NEAR))
        systems["noise"].append(write(tmp_path / f"b{seed}.csv", random.permutation(MOS)))
    judged = outside.judge(systems, target, ["near > noise", "noise > near"], metric="mae")
    assert [verdict.verdict for verdict in judged.verdicts] == ["agrees", "disagrees"]


def test_what_readers_have_to_know_is_said(target, tmp_path):
    unread = NEAR.copy()
    unread[0] = np.nan
    systems = {
        "unread": [write(tmp_path / "a.csv", unread)],
        "other scale": [write(tmp_path / "b.csv", -10 * MOS - 100)],
    }
    judged = outside.judge(systems, target)
    notes = "\n".join(judged.notes)
    assert judged.unread == {"unread": 1, "other scale": 0}
    assert "unread: 1 answer of 8 could not be read" in notes
    assert "other scale: its scores are on another scale" in notes
    assert "other scale: its SRCC is negative" in notes
    assert judged.measured.scores["unread"][0, 0] == pytest.approx(NEAR[1:].mean())


@pytest.mark.parametrize(
    ("claim", "sentence"),
    [
        ("better", "Cannot read the claim"),
        ("a > c", "there is no c"),
        ("rvtc.nothing", "There is no claim 'rvtc.nothing'"),
        ("nobody.claims", "No claims file"),
        ("rvtc.51_bins_lose_nothing", "cannot decide it|there is no"),
    ],
)
def test_claims_that_cannot_be_judged(claim, sentence, target, tmp_path):
    systems = {"a": [write(tmp_path / "a.csv", NEAR)], "b": [write(tmp_path / "b.csv", FAR)]}
    with pytest.raises(UserError, match=sentence):
        outside.judge(systems, target, [claim])


def test_runs_pair_up(target, tmp_path):
    file = write(tmp_path / "a.csv", NEAR)
    with pytest.raises(UserError, match="a has 2 files and b 1"):
        outside.judge({"a": [file, file], "b": [file]}, target)


# files


def test_columns_are_found_by_their_names(target, tmp_path):
    for header in ("image,score", "Picture,PRED", "img_name,mos", "filename,prediction"):
        scores = score_tables.run_of(write(tmp_path / "a.csv", NEAR, header=header), target)
        assert scores == pytest.approx(NEAR)


def test_our_own_tables_and_pyiqa_s_files_are_read(target, tmp_path):
    table = pd.DataFrame({"picture": NAMES, "score": NEAR, "spread": 0.1, "problem": ""})
    table.loc[2, ["score", "problem"]] = [np.nan, "The model's answer could not be read as a score."]
    table.to_csv(tmp_path / "own.csv", index=False)
    assert (
        np.isnan(score_tables.run_of(tmp_path / "own.csv", target)).tolist()
        == [False, False, True] + [False] * 5
    )
    headless = write(tmp_path / "pyiqa.csv", NEAR, header="")
    assert score_tables.run_of(headless, target) == pytest.approx(NEAR)
    headless.write_text(headless.read_text().replace(",", "\t"))
    assert score_tables.run_of(headless, target) == pytest.approx(NEAR)


def test_pictures_are_matched_without_folders_and_endings(target, tmp_path):
    order = [3, 1, 0, 2, 7, 6, 5, 4]
    for form in ("{}", "/data/test/{}", "..\\test\\{}"):
        names = [form.format(NAMES[number]) for number in order]
        assert score_tables.run_of(write(tmp_path / "a.csv", NEAR[order], names), target) == pytest.approx(
            NEAR
        )
    stems = [str(number) for number in order]
    assert score_tables.run_of(write(tmp_path / "a.csv", NEAR[order], stems), target) == pytest.approx(NEAR)


@pytest.mark.parametrize(
    ("names", "scores", "sentence"),
    [
        ([*NAMES[:-1], "0.jpg"], NEAR, r"a.csv, line 9: 0.jpg is already on line 2"),
        (
            [*NAMES[:-1], "x/0.jpg"],
            NEAR,
            r"line 9: x/0.jpg is the same picture of labels.csv as 0.jpg on line 2",
        ),
        ([*NAMES[:-1], "other.jpg"], NEAR, r"a.csv, line 9: other.jpg is no picture of labels.csv.*1 of 8"),
        (NAMES[:-2], NEAR[:-2], r"a.csv lacks 2 of 8 pictures of labels.csv \(first: 6.jpg\)"),
        (NAMES, [*NEAR[:-1], "good"], r"a.csv, line 9: the score of 7.jpg is 'good', expected a number"),
        (NAMES, [*NEAR[:-1], "inf"], r"line 9: the score of 7.jpg is 'inf'"),
    ],
)
def test_bad_files_are_refused_by_file_row_and_remedy(names, scores, sentence, target, tmp_path):
    with pytest.raises(UserError, match=sentence):
        score_tables.run_of(write(tmp_path / "a.csv", scores, names), target)


def test_missing_files_and_columns(target, tmp_path):
    with pytest.raises(UserError, match="There is no file"):
        score_tables.run_of(tmp_path / "none.csv", target)
    with pytest.raises(UserError, match="no column of scores.*it has musiq.*call it score"):
        score_tables.run_of(write(tmp_path / "a.csv", NEAR, header="image,musiq"), target)
    with pytest.raises(UserError, match="no column of pictures"):
        score_tables.run_of(write(tmp_path / "a.csv", NEAR, header="what,score"), target)


def test_labels_have_splits_and_may_be_dmos(tmp_path):
    lines = [
        "image,dmos,split",
        *(f"{name},{mos},{'test' if mos > 2 else 'train'}" for name, mos in zip(NAMES, MOS)),
    ]
    path = tmp_path / "labels.csv"
    path.write_text("\n".join(lines))
    target = score_tables.target_of_file(path)
    assert target.mos == pytest.approx((5.5 - MOS)[MOS > 2])
    everything = write(tmp_path / "a.csv", NEAR)  # training pictures may be scored, too
    assert score_tables.run_of(everything, target) == pytest.approx(NEAR[MOS > 2])
    with pytest.raises(UserError, match="has no split 'val'; its splits are test, train"):
        score_tables.target_of_file(path, "val")


def test_labels_come_from_a_dataset(tmp_path, monkeypatch):
    table = use_toy_table(monkeypatch)
    target = score_tables.target_of_dataset("koniq10k", split="test")
    rows = table.rows("test")
    names = table.frame["image"].tolist()
    scores = table.frame["mos"].to_numpy() + 0.5
    file = write(tmp_path / "a.csv", scores[::-1], [f"koniq/{name}.jpg" for name in names[::-1]])
    assert score_tables.run_of(file, target) == pytest.approx(scores[rows])
    judged = outside.judge({"a": [file]}, target)
    assert (judged.measured.dataset, judged.measured.split) == ("koniq10k", "test")
    assert judged.systems.loc["a", "MAE"] == "0.5000"
    assert judged.gaps.empty


# the command


def test_the_command_prints_table_differences_and_verdicts(target, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "near.csv", NEAR)
    write(tmp_path / "b.csv", FAR)
    asked = ["judge", "near.csv", "K=51=b.csv", "--labels", "labels.csv", "--claim", "near > K=51"]
    printed = CliRunner().invoke(cli.app, asked, catch_exceptions=False).stdout
    for part in ("near less K=51", "own.near > K=51: Open on labels.csv", "SRCC 95 %"):
        assert part in printed


def test_labels_come_from_one_place(tmp_path):
    with pytest.raises(UserError, match="by --dataset or by --labels"):
        CliRunner().invoke(cli.app, ["judge", "a.csv"], catch_exceptions=False)


def test_names_stand_before_the_last_equals_sign(tmp_path):
    (tmp_path / "lr=1.csv").touch()
    files = files_of(["bins K=51=a.csv", "bins K=51=b.csv", "c.csv", str(tmp_path / "lr=1.csv")])
    assert {name: len(paths) for name, paths in files.items()} == {"bins K=51": 2, "c": 1, "lr=1": 1}


# beside our runs


def toy_results(images: list[str]) -> Results:
    experiment = make(dataset="iqa", learning_rate=1.0)
    predictions = pd.DataFrame({"image": images, "split": "test", "target": MOS, "score": NEAR})
    run = Run(experiment, "key", predictions, {}, [], {})
    return Results({("iqa", "ours", 0): run})


def test_scores_of_others_stand_beside_our_runs(tmp_path):
    one = Measured({"ours": NEAR[None]}, MOS, "iqa")
    file = write(tmp_path / "a.csv", FAR)
    together = outside.beside({"iqa, tuned": one}, toy_results(NAMES), {"theirs": [file]})
    assert list(together["iqa, tuned"].scores) == ["ours", "theirs"]
    assert together["iqa, tuned"].scores["theirs"] == pytest.approx(FAR[None])
    with pytest.raises(UserError, match="There is an arm ours already"):
        outside.beside({"iqa": one}, toy_results(NAMES), {"ours": [file]})
