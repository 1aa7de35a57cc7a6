"""Audits of whole folders: faults planted in lists, and the known faults of the published ones."""

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import NO_DATA
from label_tables import WORDS, labelled
from layouts import AVA, KONIQ_HEADER, TANET_HEADER
from toys import use_toy_table

from moslab import datasets
from moslab.analysis import label_audit
from moslab.analysis.answer import answer
from moslab.analysis.label_audit import CODINGS, direction, rater_ceiling, shared_groups
from moslab.datasets import lists
from moslab.utils import paths
from moslab.utils.files import read_json, write_json

# Small tables.
pytestmark = pytest.mark.filterwarnings("ignore:.*(is undefined, so NaN|did not converge)")
RESULT = paths.REFERENCE / "results" / "embedded" / "91_label_audit.json"


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """A data root with AVA, KonIQ-10k and Q-Align's lists of both."""
    for name in ("ava", "koniq10k", "qalign_json"):
        (tmp_path / name).mkdir()
    write_ava(tmp_path / "ava")
    write_koniq(tmp_path / "koniq10k")
    write_lists(tmp_path / "qalign_json")
    return tmp_path


def write_ava(folder: Path) -> None:
    """AVA in both layouts, where TANet tests on 953619, 954184 and another."""
    rows = []
    for row in range(1, 9):
        challenge = 608 if row % 2 else 1396
        rows.append(f"{row} {row} 0 {row} 5 17 38 36 15 6 5 {9 - row} 1 22 {challenge}\n")
    (folder / "AVA.txt").write_text("".join([*AVA, *rows]))
    (folder / "generic_test.jpgl").write_text("953619\n953958\n1\n2\n")
    (folder / "challenges.txt").write_text("1396 Sky\n608 Sea\n")
    for name, images in (("test", (953619, 954184, 7)), ("val", (953958,))):
        labels = [f"{image},0,0,0,0,0,0,0,0,0,9,1,2,7\n" for image in images]
        (folder / f"{name}.csv").write_text(TANET_HEADER + "".join(labels))


def write_koniq(folder: Path) -> None:
    """31 pictures, better with their number, every third one for test."""
    rows = []
    for number in range(31):
        share = number / 30
        split = "training" if number % 3 else "test"
        votes = f"{1 - share:.4f},0,0,0,{share:.4f},40"
        rows.append(f"{number}.jpg,{votes},{10 + 2 * number},0.9,{split}\n")
    (folder / "koniq10k_distributions_sets.csv").write_text(KONIQ_HEADER + "".join(rows))


def write_lists(folder: Path) -> None:
    """Q-Align's lists, of KonIQ-10k without its best and worst picture."""
    koniq: dict[str, list] = {"train_koniq": [], "test_koniq": []}
    for number in range(1, 30):
        answer = f"The quality of the image is {WORDS[(number - 1) // 6]}."
        row = {
            "image": f"koniq/{number}.jpg",
            "gt_score": 10 + 2 * number,
            "conversations": [{"from": "gpt", "value": answer}],
        }
        koniq["train_koniq" if number % 3 else "test_koniq"].append(row)
    ava = {}
    for name, images in (("train_ava", ["953958", "3"]), ("test_ava", ["953619", "1", "954184"])):
        ava[name] = [{"image": f"ava_images/{image}.jpg", "gt_score": 5} for image in images]
    for name, rows in (koniq | ava).items():
        (folder / f"{name}.json").write_text(json.dumps(rows))


def test_test_sets_of_ava(folders):
    """Training lists next to them count for nothing."""
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
    """Plain values, whether the data root is given or looked for.

    The list's fifths, from 11 to 71 by steps of 12, are found again; its two missing pictures are the
    extremes, one of each split.
    """
    monkeypatch.setenv("MOSLAB_DATA", str(folders))
    audit = label_audit.audit("koniq10k", folders if given else None)
    assert json.dumps(audit)
    assert audit["published"] == datasets.module_of("koniq10k").ABOUT.pictures
    assert audit["n"] == 31
    assert (audit["lowest"], audit["highest"]) == (1, 5)
    assert audit["raters"]["raters"] == 40
    assert audit["columns"]["srcc"] == pytest.approx(1)
    assert audit["range"] == pytest.approx({"low": 11, "high": 71, "worst border": 0}, abs=1e-9)
    assert audit["direction"] > 0.9
    assert [row["left out"] for row in audit["left out"]] == [0, 2]
    assert [row["of them extreme"] for row in audit["left out"]] == [0, 2]
    every = {(name, where) for name in CODINGS for where in label_audit.RANGES}
    assert {(row["coding"], row["range"]) for row in audit["ceilings"]} == every


def test_without_a_list_the_columns_remain(folders):
    for path in (folders / "qalign_json").glob("*_koniq.json"):
        path.unlink()
    table = datasets.load("koniq10k", root=str(folders))
    assert set(label_audit.koniq_extras(table, folders)) == {"columns"}


@pytest.mark.filterwarnings("ignore:generic_test.jpgl names")
def test_audit_of_titles_and_test_sets(folders):
    audit = label_audit.audit("ava", folders)
    assert audit["titles"]["n"] == audit["splits"]["test"] == 4
    assert audit["titles"]["groups"] == 2
    assert audit["test sets"] == label_audit.test_sets(folders)
    assert audit["version"] == "official"
    assert audit["raters"]["n"] == 11


def test_audit_of_an_embedded_task(monkeypatch):
    table = use_toy_table(monkeypatch)
    audit = label_audit.audit("iqa", None)
    assert audit["title"] == "iqa (embedded)"
    assert audit["n"] == audit["published"] == len(table)
    assert audit["raters"] is None
    assert len(audit["ceilings"]) == 2 * len(CODINGS)


def test_prompts_of_generated_pictures():
    """Ten pictures of each of twenty prompts, five held out: every prompt of a fold is in training too."""
    prompts = [f"prompt {row // 10}" for row in range(200)]
    split = np.where(np.arange(200) % 5, "train", "test").astype(object)
    split[:50] = "test_novel"
    table = labelled(range(200), group=prompts, split=split)
    counts = label_audit.agiqa_extras(table, None)["prompts"]
    assert counts["held out"] == [0, 5]
    assert len(counts["split by picture"]) == 5
    assert all(shared == tested <= 20 for shared, tested in counts["split by picture"])


# --- findings -------------------------------------------------------------------------------------------


def test_findings_are_sentences_with_the_audits_numbers(folders):
    """Of a list and two test sets; datasets that are not there say nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        audits = {name: label_audit.audit(name, folders) for name in ("koniq10k", "ava")}
    audits["ava"]["titles"]["plcc"] = 0.33
    sentences = label_audit.findings(audits)
    assert len(sentences) == 4
    kept = label_audit.ceiling(audits["koniq10k"], "levels")
    assert f"keep an SRCC of {kept:.3f} with KonIQ-10k's own scores" in sentences[0]
    assert "leaves out 0 training and 2 test pictures, and 2 of these 2" in sentences[1]
    assert "Only 1 of the 3 pictures in TANet's test set of AVA are in the official one" in sentences[2]
    assert "with a PLCC of 0.330;" in sentences[3]
    assert f"({audits['ava']['n']} of 255,530 pictures)" in sentences[3]
    assert label_audit.findings({}) == []
    assert f"keep an SRCC of {kept:.3f} with KonIQ-10k's own scores" in label_audit.answer(audits)


def test_findings_on_groups():
    audits = {
        "agiqa3k": {"prompts": {"split by picture": [[290, 291]]}},
        "icaa17k": {"photographs": {"rows shared": 700, "rows tested": 1617}},
    }
    (text,) = label_audit.findings(audits)
    prompts, photographs = text.split(" in training. ")
    assert prompts.endswith("AGIQA-3K has 290 of the 291 prompts of a test fold")
    assert photographs.startswith("700 of ICAA17K's 1,617 test rows show a photograph")


def test_what_levels_cost_is_told_by_noise():
    simulated = pd.DataFrame(
        {
            "mean |error|, argmax": [0.2, 0.5],
            "mean |error|, expectation": [0.15, 0.41],
            "mean |error|, without intervals": [0.05, 0.4],
        },
        index=pd.Index([0.05, 0.8], name="noise"),
    )
    text = label_audit.averaging(simulated)
    assert "add +0.150, +0.100 to the mean error of a reader who picks" in text
    assert "+0.100, +0.010 to that of one who averages, where the view has a noise of 0.05, 0.8." in text


@pytest.mark.parametrize(("between", "says"), [(0.05, "which lies above that."), (0.2, "which lies within")])
def test_the_answer_holds_the_published_gain_against_means_of_challenges(between, says):
    ava = {"n": 255_530, "titles": {"plcc": 0.2, "between": between}}
    text = label_audit.answer({"ava": ava})
    assert text.startswith("On AVA, means of challenges could lift a published image-only PLCC of 0.842")
    assert says in text
    assert label_audit.answer({}) == "No audited label files are at hand."


def test_the_notebook_says_that_nothing_was_trained(home):
    record = {"runs": [], "values": {"answer": "Five words."}}
    write_json(home / "papermill_runs/reference/results/embedded/91_toy.json", record)
    assert answer("91_toy") == "**Answer** (of the committed reference, without any training): Five words."


# --- the published lists --------------------------------------------------------------------------------


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
    """Equal fifths of a range that is neither the scale nor that of the training scores.

    What lies outside was dropped, from training and from test.
    """
    extras = label_audit.koniq_extras(*published("koniq10k", "qalign_json"))
    words = {row["word"]: row for row in extras["words"]}
    assert list(words) == list(WORDS)
    assert all(row["known"] and not row["overlaps"] for row in words.values())
    assert extras["direction"] > 0.9
    assert extras["range"] == pytest.approx({"low": 6.67, "high": 85.36, "worst border": 0}, abs=0.01)
    missing = [(row["split"], row["left out"], row["of them extreme"]) for row in extras["left out"]]
    assert missing == [("train", 12, 12), ("test", 5, 5)]
    low, high = extras["range"]["low"], extras["range"]["high"]
    assert all(low < row["lowest listed"] < row["highest listed"] < high for row in extras["left out"])


def test_real_ava_test_sets(published):
    _, root = published("ava", "qalign_json")
    if not (root / "ava" / "test.csv").is_file():
        pytest.skip(NO_DATA)
    assert label_audit.test_sets(root) == {
        "official": 20_000,
        "TANet": 12_776,
        "TANet, in the official": 975,
        "Q-Align": 19_930,
        "Q-Align, in the official": 19_930,
    }


def test_real_ava_list_has_no_words(published):
    _, root = published("ava", "qalign_json")
    listed = lists.load(root, "qalign_json/ava")
    assert label_audit.words(listed).empty
    assert np.isnan(direction(listed))


def test_real_agiqa_prompts(published):
    counts = label_audit.agiqa_extras(*published("agiqa3k"))["prompts"]
    assert all(shared == tested > 250 for shared, tested in counts["split by picture"])
    assert counts["held out"][0] == 0


def test_real_icaa_photographs(published):
    table, _ = published("icaa17k")
    split = table.frame["split"].to_numpy()
    assert (split == "test").sum() == 1_617
    assert shared_groups(table, split) == (692, 1_548)


def test_real_rater_ceilings(published):
    """Some hundred votes leave little to raters.

    The deviation of a mean is worked out from the file's own column of deviations.
    """
    table, _ = published("koniq10k")
    result = rater_ceiling(table)
    variance = (table.frame["sd"] ** 2 / table.votes.sum(1)).mean()
    left = 1 - variance / table.frame["mos"].var()
    assert result["sd of a mean"] == pytest.approx(np.sqrt(variance), rel=0.01)
    assert result["PLCC ceiling"] == pytest.approx(np.sqrt(left), abs=1e-3)
    assert 100 < result["raters"] < 120


def rounded(audit: dict) -> tuple[dict, pd.DataFrame]:
    """An audit with numbers to six decimals, and its ceilings by themselves."""
    content = json.loads(json.dumps(audit), parse_float=lambda number: round(float(number), 6))
    ceilings = pd.DataFrame(content.pop("ceilings")).sort_index(axis=1)
    return content, ceilings


@pytest.mark.parametrize("name", ["koniq10k", "agiqa3k"])
def test_the_committed_audit_is_that_of_the_files(name, data_root):
    """What notebook 91 shows without label files, compared with them where they are."""
    if not (data_root / name).is_dir():
        pytest.skip(NO_DATA)
    committed, committed_ceilings = rounded(read_json(RESULT)["values"]["audit"][name])
    measured, measured_ceilings = rounded(label_audit.audit(name, data_root))
    pd.testing.assert_frame_equal(committed_ceilings, measured_ceilings, atol=1e-5)
    assert committed == measured
