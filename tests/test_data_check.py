"""What a check says of a copy: whole, incomplete, mixed up, or of another dataset."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from layouts import AGIQA_HEADER, KONIQ_FILE, paint, write_csv, write_koniq, write_lists
from PIL import Image
from typer.testing import CliRunner

from moslab import datasets
from moslab.analysis import data_check
from moslab.cli import app
from moslab.datasets.table import ImageTable
from moslab.utils.errors import UserError


def run(*arguments):
    """The command's exit status and what it printed."""
    result = CliRunner().invoke(app, ["data", *map(str, arguments)])
    if isinstance(result.exception, UserError):
        raise result.exception
    return result.exit_code, result.stdout


@pytest.fixture
def root(tmp_path):
    """A data root with a KonIQ folder of twelve different pictures."""
    rows = []
    for number in range(12):
        paint(tmp_path / "koniq10k" / "512x384" / f"{number}.jpg", (number * 20, 0, 0), size=(8, 8))
        split = ("training", "validation", "test")[number % 3]
        rows.append(f"{number}.jpg,0,0,1,0,0,9,50,0.1,{split}\n")
    write_koniq(tmp_path, rows, where="koniq10k")
    return tmp_path


def labels(root):
    return root / "koniq10k" / KONIQ_FILE


def findings(root, level, name="koniq10k", **options):
    """What a check says on this level, a line for each finding."""
    everything, _ = data_check.check(name, root, **options)
    return "\n".join(f"{finding.subject}: {finding.what}" for finding in everything if finding.level == level)


def test_a_whole_copy_has_no_faults(root):
    status, report = run("check", "koniq10k", "--root", root, "--every-picture")
    assert status == 0
    assert "ok     pictures: All 12 are there." in report
    assert "ok     pictures: 12 were opened and can be read." in report
    assert "note   pictures: 12 of 10,073 published." in report
    assert "Higher scores are better" in report


def test_missing_and_unreadable_pictures_are_faults(root):
    (root / "koniq10k" / "512x384" / "3.jpg").unlink()
    (root / "koniq10k" / "512x384" / "4.jpg").write_text("no picture")
    status, report = run("check", "koniq10k", "--root", root)
    assert status == 1
    assert "fault  pictures: 1 of 12 are missing" in report
    assert "3.jpg" in report
    assert "fault  pictures: 1 of 11 opened cannot be read." in report
    assert "4.jpg is not a readable picture" in report
    parsed = json.loads(run("check", "koniq10k", "--root", root, "--json")[1])
    assert parsed["dataset"] == "koniq10k"
    assert not parsed["ok"]
    assert {finding["level"] for finding in parsed["findings"]} == {"ok", "note", "fault"}


def test_without_any_picture_labels_can_be_studied(root):
    shutil.rmtree(root / "koniq10k" / "512x384")
    (root / "koniq10k" / "koniq10k_512x384.zip").write_bytes(b"")
    status, report = run("check", "koniq10k", "--root", root)
    assert status == 0
    assert "labels alone can be studied" in report
    assert "koniq10k_512x384.zip is still packed" in report
    assert "obtain: KonIQ-10k (Hosu et al., 2020): " in report


def test_the_same_file_twice(root):
    pictures = root / "koniq10k" / "512x384"
    shutil.copy(pictures / "0.jpg", pictures / "3.jpg")  # both for training
    shutil.copy(pictures / "1.jpg", pictures / "5.jpg")  # validation and test
    notes = findings(root, "note", every_picture=True)
    assert "duplicates: 0.jpg, 3.jpg are the same file." in notes
    faults = findings(root, "fault", every_picture=True)
    assert "duplicates: 1.jpg, 5.jpg are the same file in different splits." in faults


def test_broken_labels_are_one_sentence(root):
    write_koniq(root, ["a.jpg,0,0,1,0,0,9,500,0.1,training\n"], where="koniq10k")
    assert "line 2: MOS is 500, expected 1 to 100" in findings(root, "fault")
    labels(root).unlink()
    assert "has no label file" in findings(root, "fault")


def test_a_folder_of_another_dataset_is_recognised(root):
    (root / "agiqa3k").mkdir()
    shutil.move(labels(root), root / "agiqa3k" / "data.csv")
    status, report = run("check", "agiqa3k", "--root", root)
    assert status == 1
    assert "lacks the columns" in report
    assert "The folder looks like koniq10k." in report
    (root / "ava").mkdir()
    (root / "ava" / "list.json").write_text('[{"image": "a.jpg", "gt_score": 1}]')
    assert "The folder looks like lists." in findings(root, "note", "ava")
    (root / "ava" / "data.csv").write_text(AGIQA_HEADER)
    assert "The folder looks like agiqa3k." in findings(root, "note", "ava")


def test_a_data_root_that_is_the_dataset_s_own_folder(root):
    everything, table = data_check.check("koniq10k", root / "koniq10k")
    assert table is None
    assert "holds no folder koniq10k" in everything[0].what


def test_lower_scores_and_groups_in_two_splits_are_said(root):
    rows = ["a,3,0 0 9,r,train", "b,1,9 0 0,r,test", "c,3,0 0 9,s,test"]
    write_csv(root, "\n".join(["image,dmos,votes,group,split", *rows, ""]), "x")
    notes = findings(root, "note", "csv", preset="x")
    assert "1 of 2 groups of test are in training too: r." in notes
    passed = findings(root, "ok", "csv", preset="x")
    assert "DMOS: lower scores are better; they are turned round for training." in passed


def test_one_name_in_two_splits_is_said(root):
    lists = {"qalign_json/train_koniq": ["koniq/1.jpg"], "qalign_json/test_koniq": ["other/1.jpg"]}
    write_lists(root, lists)
    notes = findings(root, "note", "lists", preset="qalign_json/koniq")
    assert "splits: 1 file names stand in more than one split, in different folders: 1.jpg;" in notes
    write_lists(root, {"qalign_json/test_koniq": ["koniq/./1.jpg"]})
    faults = findings(root, "fault", "lists", preset="qalign_json/koniq")
    assert "koniq/1.jpg is in test_koniq.json object 0 (test) and again" in faults


def test_published_scores_that_are_not_the_mean_of_their_votes_are_noted(tmp_path):
    """One's own are refused when loading; published files stay readable."""
    frame = pd.DataFrame({"image": ["a", "b"], "mos": [2.0, 1.0]})
    table = ImageTable("para", frame, None, (1.0, 3.0), votes=np.array([[0, 0, 9], [9, 0, 0]]))
    sentences = [finding.what for finding in data_check.scores(table)]
    assert any("1 scores are not the mean of their votes" in sentence for sentence in sentences)


def test_a_protocol_is_checked_like_a_split(root):
    rows = "".join(f"{n},{n},{n % 4}\n" for n in range(12))
    write_csv(root, "image,score,group\n" + rows, "x")
    notes = findings(root, "note", "csv", preset="x", protocol="folds-4-0")
    assert "groups" not in notes  # folds keep groups whole
    faults = findings(root, "fault", "csv", preset="x", protocol="folds")
    assert "knows no protocol 'folds'" in faults


@pytest.mark.parametrize(
    ("words", "level", "sentence"),
    [
        pytest.param(
            ["bad", "poor", "fair", "good", "excellent"],
            "ok",
            "words: bad, poor, fair, good, excellent, in the order of their scores (SRCC +1.00).",
            id="right",
        ),
        pytest.param(
            ["excellent", "good", "fair", "poor", "bad"],
            "fault",
            "They run against the scores (SRCC -1.00)",
            id="wrong",
        ),
        pytest.param(
            ["bad", "poor", "fair", "good", "pristine"],
            "fault",
            "1 answers end in a word that is no level: pristine.",
            id="odd",
        ),
        pytest.param(
            ["bad", "poor", "bad", "good", "excellent"],
            "note",
            "The scores of bad, poor overlap",
            id="mixed",
        ),
    ],
)
def test_answers_of_a_list_are_held_against_its_scores(root, words, level, sentence):
    write_answers(root, words)
    assert sentence in findings(root, level, "lists", preset="metas/x")


def test_answers_of_a_list_of_dmos_run_against_its_scores(root):
    write_answers(root, ["excellent", "good", "fair", "poor", "bad"])
    assert "words" not in findings(root, "fault", "lists", preset="metas/x:dmos")


def write_answers(root, words):
    """Writes a list of pictures with rising scores and answers that end in these words."""
    entries = []
    for number, word in enumerate(words):
        answer = {"from": "gpt", "value": f"The quality of the image is {word}."}
        entries.append({"image": f"{number}.jpg", "gt_score": number, "conversations": [answer]})
    write_lists(root, {"metas/train_x": entries})


def test_manifests_tell_copies_apart(root, tmp_path):
    manifest = tmp_path / "mine.json"
    assert run("check", "koniq10k", "--root", root, "--write-manifest", manifest)[0] == 0
    status, report = run("check", "koniq10k", "--root", root, "--manifest", manifest)
    assert status == 0
    assert "manifest, labels: All 12 are the same." in report
    assert "manifest, pictures: All 12 are the same." in report
    Image.new("RGB", (9, 9)).save(root / "koniq10k" / "512x384" / "2.jpg")
    *others, last = labels(root).read_text().splitlines()
    changed = last.replace("0,0,1,0,0", "0,0,0,1,0")
    more = "new.jpg,0,0,1,0,0,9,50,0.1,training"
    labels(root).write_text("\n".join([*others, changed, more]) + "\n")
    status, report = run("check", "koniq10k", "--root", root, "--manifest", manifest)
    assert status == 1
    assert "manifest, labels: 1 different: 11.jpg (test)." in report
    assert "manifest, labels: 1 only here: new.jpg (train)." in report
    assert "manifest, pictures: 1 different: 2.jpg." in report
    labels(root).write_text(labels(root).read_text().replace("50,0.1,validation", "50,0.2,validation"))
    _, report = run("check", "koniq10k", "--root", root, "--manifest", manifest)
    assert "manifest, labels: 5 different" in report  # four deviations and the score above


def test_a_file_that_is_no_manifest_is_a_sentence(root, tmp_path):
    (tmp_path / "odd.json").write_text("{}")
    with pytest.raises(UserError, match="odd.json is not a manifest"):
        run("check", "koniq10k", "--root", root, "--manifest", tmp_path / "odd.json")


def test_unknown_names_and_no_root(root, monkeypatch):
    with pytest.raises(UserError, match="Unknown dataset 'iqa': published ones are koniq10k"):
        run("check", "iqa", "--root", root)
    monkeypatch.setattr("moslab.utils.paths.data_root", lambda given: None)
    with pytest.raises(UserError, match="There is no data root"):
        run("check", "koniq10k")


def test_every_dataset_is_listed(root):
    status, report = run("list", "--root", root)
    assert status == 0
    assert all(name in report for name in datasets.PUBLISHED)
    _, text = run("list", "--root", root, "--json")
    assert [row["name"] for row in json.loads(text) if row["here"]] == ["koniq10k"]


@pytest.mark.parametrize("name", datasets.PUBLISHED)
def test_every_dataset_says_how_it_is_obtained_and_recognised(name):
    about = datasets.module_of(name).ABOUT
    assert about.obtain
    assert about.signs or about.files
