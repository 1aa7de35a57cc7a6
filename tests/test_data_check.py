"""What a check says of a copy: whole, incomplete, mixed up, or of another dataset."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from layouts import KONIQ_HEADER
from PIL import Image
from typer.testing import CliRunner

from moslab import datasets
from moslab.analysis import data_check
from moslab.cli import app
from moslab.datasets.table import ImageTable
from moslab.utils.errors import UserError


def run(*arguments):
    """The command's exit status and what it printed."""
    found = CliRunner().invoke(app, ["data", *map(str, arguments)])
    if isinstance(found.exception, UserError):
        raise found.exception
    return found.exit_code, found.stdout


@pytest.fixture
def root(tmp_path):
    """A KonIQ folder of twelve different pictures."""
    folder = tmp_path / "koniq10k"
    (folder / "512x384").mkdir(parents=True)
    rows = []
    for number in range(12):
        Image.new("RGB", (8, 8), (number * 20, 0, 0)).save(folder / "512x384" / f"{number}.jpg")
        rows.append(f"{number}.jpg,0,0,1,0,0,9,50,0.1,{('training', 'validation', 'test')[number % 3]}\n")
    (folder / "koniq10k_distributions_sets.csv").write_text(KONIQ_HEADER + "".join(rows))
    return tmp_path


def labels(root):
    return root / "koniq10k" / "koniq10k_distributions_sets.csv"


def said(root, level, name="koniq10k", **options):
    return "\n".join(
        f"{finding.subject}: {finding.what}"
        for finding in data_check.check(name, root, **options)[0]
        if finding.level == level
    )


def test_a_whole_copy_has_no_faults(root):
    status, report = run("check", "koniq10k", "--root", root, "--every-picture")
    assert status == 0
    assert "ok     pictures: All 12 are there." in report
    assert "ok     pictures: 12 were opened and can be read." in report
    assert "note   pictures: 12 of 10,073 published." in report and "Higher scores are better" in report


def test_missing_and_unreadable_pictures_are_faults(root):
    (root / "koniq10k" / "512x384" / "3.jpg").unlink()
    (root / "koniq10k" / "512x384" / "4.jpg").write_text("no picture")
    status, report = run("check", "koniq10k", "--root", root)
    assert status == 1 and "fault  pictures: 1 of 12 are missing" in report and "3.jpg" in report
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
    assert "duplicates: 0.jpg, 3.jpg are the same file." in said(root, "note", every_picture=True)
    assert "duplicates: 1.jpg, 5.jpg are the same file in different splits." in said(
        root, "fault", every_picture=True
    )


def test_broken_labels_are_one_sentence(root):
    labels(root).write_text(KONIQ_HEADER + "a.jpg,0,0,1,0,0,9,500,0.1,training\n")
    assert "line 2: MOS is 500, expected 1 to 100" in said(root, "fault")
    labels(root).unlink()
    assert "has no label file" in said(root, "fault")


def test_a_folder_of_another_dataset_is_recognised(root):
    (root / "agiqa3k").mkdir()
    shutil.move(labels(root), root / "agiqa3k" / "data.csv")
    status, report = run("check", "agiqa3k", "--root", root)
    assert status == 1 and "lacks the columns" in report and "The folder looks like koniq10k." in report
    (root / "ava").mkdir()
    (root / "ava" / "list.json").write_text('[{"image": "a.jpg", "gt_score": 1}]')
    assert "The folder looks like lists." in said(root, "note", "ava")
    (root / "ava" / "data.csv").write_text(
        "name,prompt,adj1,adj2,style,mos_quality,std_quality,mos_align,std_align\n"
    )
    assert "The folder looks like agiqa3k." in said(root, "note", "ava")


def test_a_data_root_that_is_the_dataset_s_own_folder(root):
    findings, table = data_check.check("koniq10k", root / "koniq10k")
    assert table is None and "holds no folder koniq10k" in findings[0].what


def test_lower_is_better_overlaps_and_odd_scores(root):
    (root / "csv").mkdir()
    rows = ["a,3,0 0 9,r,train", "b,1,9 0 0,r,test", "c,3,0 0 9,s,test"]
    (root / "csv" / "x.csv").write_text("\n".join(["image,dmos,votes,group,split", *rows, ""]))
    assert "1 of 2 groups of test are in training too: r." in said(root, "note", "csv", preset="x")
    assert "DMOS: lower scores are better; they are turned round for training." in said(
        root, "ok", "csv", preset="x"
    )
    (root / "qalign_json").mkdir()
    for split, image in (("train", "koniq/1.jpg"), ("test", "other/1.jpg")):
        (root / "qalign_json" / f"{split}_koniq.json").write_text(
            json.dumps([{"image": image, "gt_score": 3}])
        )
    preset = "qalign_json/koniq"
    found = said(root, "note", "lists", preset=preset)
    assert "splits: 1 file names stand in more than one split, in different folders: 1.jpg;" in found
    listed = [{"image": "koniq/./1.jpg", "gt_score": 3}]
    (root / "qalign_json" / "test_koniq.json").write_text(json.dumps(listed))
    found = said(root, "fault", "lists", preset=preset)
    assert "koniq/1.jpg is in test_koniq.json object 0 (test) and again" in found


def test_published_scores_that_are_not_the_mean_of_their_votes_are_noted(tmp_path):
    """One's own are refused when loading; published files stay readable."""
    frame = pd.DataFrame({"image": ["a", "b"], "mos": [2.0, 1.0]})
    table = ImageTable("para", frame, None, (1.0, 3.0), votes=np.array([[0, 0, 9], [9, 0, 0]]))
    assert any(
        "1 scores are not the mean of their votes" in finding.what for finding in data_check.scores(table)
    )


def test_a_protocol_is_checked_like_a_split(root):
    (root / "csv").mkdir()
    (root / "csv" / "x.csv").write_text(
        "image,score,group\n" + "".join(f"{n},{n},{n % 4}\n" for n in range(12))
    )
    found = said(root, "note", "csv", preset="x", protocol="folds-4-0")
    assert "groups" not in found  # folds keep groups whole
    assert "knows no protocol 'folds'" in said(root, "fault", "csv", preset="x", protocol="folds")


def test_answers_of_a_list_are_held_against_its_scores(root):
    (root / "metas").mkdir()
    words = ["bad", "poor", "fair", "good", "excellent"]
    for name, said in (
        ("right", words),
        ("wrong", words[::-1]),
        ("odd", [*words[:4], "pristine"]),
        ("mixed", ["bad", "poor", "bad", "good", "excellent"]),
    ):
        rows = [
            {
                "image": f"{place}.jpg",
                "gt_score": place,
                "conversations": [{"from": "gpt", "value": f"The quality of the image is {word}."}],
            }
            for place, word in enumerate(said)
        ]
        (root / "metas" / f"train_{name}.json").write_text(json.dumps(rows))
    assert "words: bad, poor, fair, good, excellent, in the order of their scores (SRCC +1.00)." in said_of(
        root, "ok", "right"
    )
    assert "They run against the scores (SRCC -1.00)" in said_of(root, "fault", "wrong")
    assert "words" not in said_of(root, "fault", "wrong:dmos")
    assert "1 answers end in a word that is no level: pristine." in said_of(root, "fault", "odd")
    assert "The scores of bad, poor overlap" in said_of(root, "note", "mixed")


def said_of(root, level, name):
    return said(root, level, "lists", preset=f"metas/{name}")


def test_manifests_tell_copies_apart(root, tmp_path):
    written = tmp_path / "mine.json"
    assert run("check", "koniq10k", "--root", root, "--write-manifest", written)[0] == 0
    status, report = run("check", "koniq10k", "--root", root, "--manifest", written)
    assert status == 0
    assert "manifest, labels: All 12 are the same." in report
    assert "manifest, pictures: All 12 are the same." in report
    Image.new("RGB", (9, 9)).save(root / "koniq10k" / "512x384" / "2.jpg")
    rows = labels(root).read_text().splitlines()
    labels(root).write_text(
        "\n".join(
            [*rows[:-1], rows[-1].replace("0,0,1,0,0", "0,0,0,1,0"), "new.jpg,0,0,1,0,0,9,50,0.1,training"]
        )
        + "\n"
    )
    status, report = run("check", "koniq10k", "--root", root, "--manifest", written)
    assert status == 1
    assert "manifest, labels: 1 different: 11.jpg (test)." in report
    assert "manifest, labels: 1 only here: new.jpg (train)." in report
    assert "manifest, pictures: 1 different: 2.jpg." in report
    labels(root).write_text(labels(root).read_text().replace("50,0.1,validation", "50,0.2,validation"))
    assert (
        "manifest, labels: 5 different" in run("check", "koniq10k", "--root", root, "--manifest", written)[1]
    )  # four deviations and the score above
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
    assert status == 0 and all(name in report for name in datasets.PUBLISHED)
    here = {row["name"]: row["here"] for row in json.loads(run("list", "--root", root, "--json")[1])}
    assert here["koniq10k"] and sum(here.values()) == 1
    assert all(
        module.ABOUT.obtain and (module.ABOUT.signs or module.ABOUT.files)
        for module in datasets.PUBLISHED.values()
    )
