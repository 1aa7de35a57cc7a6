"""KonIQ-10k: its scores, its pictures in two sizes, and rows that cannot be."""

import pytest
from layouts import (
    KONIQ,
    KONIQ_FILE,
    KONIQ_HEADER,
    limits,
    load_csv,
    load_meta,
    load_real,
    paint,
    write_koniq,
)

from moslab import datasets
from moslab.analysis import label_audit
from moslab.datasets.ratings import mean_and_sd
from moslab.utils.errors import UserError


def test_koniq_scores_votes_and_splits(tmp_path):
    table = datasets.load("koniq10k", root=write_koniq(tmp_path))
    assert table.frame["mos"].tolist() == pytest.approx([3.75, 1.5, 4.9])
    assert table.votes.tolist() == [[0, 0, 25, 75, 0], [5, 5, 0, 0, 0], [0, 0, 0, 5, 45]]
    assert table.frame["split"].tolist() == ["train", "val", "test"] and table.rows("val").tolist() == [1]
    assert table.scale == (1, 5) and table.frame["sd"].tolist() == [0.435, 0.527, 0.303]
    assert table.frame["source"][2] == f"{KONIQ_FILE} line 4"


def test_koniq_other_score_column_and_flat_layout(tmp_path):
    root = write_koniq(tmp_path, where="koniq10k")
    table = datasets.load("koniq10k", root=root, preset="mos100")
    assert table.frame["mos"].tolist() == [75.5, 12.0, 88.0] and table.scale == (1, 100)
    assert table.frame["sd"].isna().all()
    assert table.manifest() != datasets.load("koniq10k", root=root).manifest()


def test_pictures_are_opened_lazily(tmp_path):
    root = write_koniq(tmp_path)
    table = datasets.load("koniq10k", root=root)
    with pytest.raises(UserError, match="512x384/b.jpg is missing"):
        table.pixels.open(1)
    folder = table.pixels.folder.parent / "1024x768"
    paint(folder / "b.jpg")
    (folder / "c.jpg").write_text("not a photo")
    table = datasets.load("koniq10k", root=root)
    assert table.pixels.open(1).size == (8, 6)
    with pytest.raises(UserError, match="c.jpg is not a readable picture"):
        table.pixels.open(2)


def row(**changes):
    """The first KonIQ row with some fields changed."""
    names = KONIQ_HEADER.strip().split(",")
    fields = dict(zip(names, KONIQ[0].strip().split(",")))
    return ",".join({**fields, **changes}.values()) + "\n"


@pytest.mark.parametrize(
    "rows, sentence",
    [
        ([KONIQ[1], row(c3="")], "line 3, column c3 is empty or NaN"),
        ([KONIQ[1], row(SD="nan")], "line 3, column SD is empty or NaN"),
        ([row(MOS="seventy")], "line 2, column MOS holds 'seventy': expected a number"),
        ([row(MOS="inf")], "line 2, column MOS holds"),
        (["\n", row(MOS="0.4")], "line 3: MOS is 0.4, expected 1 to 100"),
        ([row(c3="0", c4="0")], "line 2: c1 \\+ ... \\+ c5 is 0"),
        ([row(c4="1.75")], "line 2: c4 is 1.75, expected 0 to 1"),
        ([row(c_total="0")], "line 2: c_total is 0"),
        ([row(set="train")], "set is 'train', expected one of training"),
        ([*KONIQ, row()], "line 5: a.jpg is already on line 2"),
        ([KONIQ[0], "x,1,2,3,4,5,6,7,8,9,10,11\n"], "Expected 10 fields in line 3, saw 12"),
        (["x,1,2,3,4,5,6,7,8,9,10,11\n"], "the first row has more fields"),
        ([], "has no rows"),
        (["\n\n"], "has no rows"),
    ],
)
def test_bad_rows_are_sentences(tmp_path, rows, sentence):
    with pytest.raises(UserError, match=sentence) as problem:
        datasets.load("koniq10k", root=write_koniq(tmp_path, rows))
    assert KONIQ_FILE in str(problem.value)


def test_a_binary_file_is_a_sentence(tmp_path):
    root = write_koniq(tmp_path)
    path = tmp_path / "koniq10k" / "metadata" / KONIQ_FILE
    path.write_bytes(b"\x89PNG\r\n\xff\xfe\x00\x00" * 20)
    with pytest.raises(UserError, match=KONIQ_FILE):
        datasets.load("koniq10k", root=root)


@pytest.fixture
def koniq(tmp_path):
    """A data root with KonIQ's labels and a folder of pictures of each size."""
    for size in ("512x384", "1024x768"):
        (tmp_path / "koniq10k" / size).mkdir(parents=True)
    write_koniq(tmp_path, where="koniq10k")
    return tmp_path


@pytest.mark.parametrize(
    "preset, first, second",
    [("default", "512x384", "1024x768"), ("mos100", "mos100:512x384", "mos100:1024x768")],
)
def test_the_size_of_koniq_s_pictures_is_chosen(koniq, preset, first, second):
    choice = f"choose the preset {first} or {second}"
    with pytest.raises(UserError, match=f"holds pictures of both sizes, .*: {choice}"):
        datasets.load("koniq10k", root=str(koniq), preset=preset)
    small = datasets.load("koniq10k", root=str(koniq), preset=first)
    large = datasets.load("koniq10k", root=str(koniq), preset=second)
    assert small.pixels.folder.name == "512x384"
    assert large.pixels.folder.name == "1024x768"
    assert small.manifest() != large.manifest()
    assert small.frame["mos"].equals(large.frame["mos"])
    assert small.scale == ((1, 5) if preset == "default" else (1, 100))
    assert small.frame["sd"].isna().all() == (preset == "mos100")
    (koniq / "koniq10k" / "512x384").rmdir()
    assert datasets.load("koniq10k", root=str(koniq), preset=preset).pixels.folder.name == "1024x768"


def test_other_datasets_pass_over_the_size_of_koniq_s_pictures(koniq):
    """KonIQ is joined to others, and trained or tested with others, under one preset."""
    load_csv(koniq, "image,score\na.jpg,1\nb.jpg,2\n", "default")
    table = datasets.load("koniq10k+csv", root=str(koniq), preset="1024x768")
    assert table.version == "koniq10k:1024x768 csv:default"
    assert table.pixels.parts[0].folder.name == "1024x768"
    assert datasets.manifest("iqa", preset="1024x768") == datasets.manifest("iqa")
    with pytest.raises(UserError, match="csv has no file mos100:512x384.csv"):
        datasets.load("koniq10k+csv", root=str(koniq), preset="mos100:512x384")


def test_the_size_of_koniq_s_pictures_is_chosen_for_pyiqa_s_file_too(koniq):
    content = "img_name,mos,official_split\na.jpg,1,training\nb.jpg,2,test\n"
    choice = "choose the preset KonIQ10kDataset:512x384 or KonIQ10kDataset:1024x768"
    with pytest.raises(UserError, match=choice):
        load_meta(koniq, "KonIQ10kDataset", content)
    (koniq / "koniq10k" / "1024x768" / "a.jpg").touch()
    large = load_meta(koniq, "KonIQ10kDataset", content, ":official_split:1024x768")
    assert large.pixels.folder.name == "1024x768"
    with pytest.raises(UserError, match="pyiqa knows no preset 'KonIQ10kDataset:512x384:1024x768'"):
        load_meta(koniq, "KonIQ10kDataset", content, ":512x384:1024x768")
    with pytest.raises(UserError, match="has no column of splits '512x384'"):
        load_meta(koniq, "SPAQDataset", content, ":512x384")


def test_koniq_s_deviations_are_those_of_votes(koniq):
    write_koniq(koniq, [KONIQ[0].replace("0.435", "-0.435")], where="koniq10k")
    with pytest.raises(UserError, match="line 2: SD is -0.435, expected 0 to 4"):
        datasets.load("koniq10k", root=str(koniq), preset="512x384")


def test_labels_alone_need_no_size(koniq):
    assert label_audit.labels_preset("koniq10k", koniq, "mos100") == "mos100:512x384"
    assert label_audit.labels_preset("ava", koniq) == "default"
    table = datasets.load("koniq10k", root=str(koniq), preset="512x384")
    extras = label_audit.koniq_extras(table, koniq)
    assert extras["columns"]["srcc"] == pytest.approx(1)


def test_real_koniq_labels(data_root):
    table = load_real(data_root, "koniq10k")
    assert table.frame["split"].value_counts().to_dict() == {"train": 7058, "test": 2015, "val": 1000}
    assert limits(table) == pytest.approx([1.096, 4.310], abs=5e-4)
    first = table.frame.iloc[0]
    assert first["image"] == "10004473376.jpg"
    assert first["mos"] == pytest.approx(3.828571)
    assert first["sd"] == pytest.approx(0.527278, abs=1e-6)


def test_real_koniq_sd_is_that_of_the_votes(data_root):
    table = load_real(data_root, "koniq10k")
    _, sd = mean_and_sd(table.votes, *table.scale)
    assert sd == pytest.approx(table.frame["sd"].to_numpy(), abs=1e-3)
