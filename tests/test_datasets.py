"""Loaders of published label files: small made-up folders in the published layouts, the real files where they are, and every bad input."""

import shutil
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import NO_DATA
from PIL import Image

from moslab import datasets
from moslab.datasets.embedded import table_of
from moslab.datasets.labelfile import mean_and_sd
from moslab.datasets.layouts import export
from moslab.datasets.table import ImageTable
from moslab.utils.errors import UserError
from moslab.world import generate

KONIQ_HEADER = "image_name,c1,c2,c3,c4,c5,c_total,MOS,SD,set\n"
KONIQ = [
    "a.jpg,0.0,0.0,0.25,0.75,0.0,100,75.5,0.435,training\n",
    "b.jpg,0.5,0.5,0.0,0.0,0.0,10,12.0,0.527,validation\n",
    "c.jpg,0.0,0.0,0.0,0.1,0.9,50,88.0,0.303,test\n",
]
AVA = [
    f"{index} {image} 0 1 5 17 38 36 15 6 5 1 {1 + index} 22 {challenge}\n"
    for index, image, challenge in ((1, 953619, 1396), (2, 953958, 608), (3, 954184, 1396))
]
TANET_HEADER = (
    "image_id,score2,score3,score4,score5,score6,score7,score8,score9,score10,score11,tag1,tag2,tag3\n"
)


@pytest.fixture
def koniq(tmp_path):
    """A function that writes a KonIQ folder with the given rows and gives the data root."""

    def write(rows=KONIQ, header=KONIQ_HEADER, where="koniq10k/metadata"):
        folder = tmp_path / where
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "koniq10k_distributions_sets.csv").write_text(header + "".join(rows))
        return str(tmp_path)

    return write


@pytest.fixture
def ava(tmp_path):
    """A function that writes an AVA folder in the official layout and gives the data root."""

    def write(rows=AVA, listed="953958\n", challenges="1396 100_Meters\n608 12_Days_Of_Christmas\n"):
        folder = tmp_path / "ava"
        folder.mkdir(exist_ok=True)
        for name, content in (
            ("AVA.txt", "".join(rows)),
            ("generic_test.jpgl", listed),
            ("challenges.txt", challenges),
        ):
            if content is not None:
                (folder / name).write_text(content)
        return str(tmp_path)

    return write


def test_koniq_scores_votes_and_splits(koniq):
    table = datasets.load("koniq10k", root=koniq())
    assert table.frame["mos"].tolist() == pytest.approx([3.75, 1.5, 4.9])
    assert table.votes.tolist() == [[0, 0, 25, 75, 0], [5, 5, 0, 0, 0], [0, 0, 0, 5, 45]]
    assert table.frame["split"].tolist() == ["train", "val", "test"] and table.rows("val").tolist() == [1]
    assert table.scale == (1, 5) and table.frame["sd"].tolist() == [0.435, 0.527, 0.303]
    assert table.frame["source"][2] == "koniq10k_distributions_sets.csv line 4"


def test_koniq_other_score_column_and_flat_layout(koniq):
    table = datasets.load("koniq10k", root=koniq(where="koniq10k"), preset="mos100")
    assert table.frame["mos"].tolist() == [75.5, 12.0, 88.0] and table.scale == (1, 100)
    assert table.frame["sd"].isna().all()
    assert table.manifest() != datasets.load("koniq10k", root=koniq(where="koniq10k")).manifest()


def test_pictures_are_opened_lazily(koniq):
    root = koniq()
    table = datasets.load("koniq10k", root=root)
    with pytest.raises(UserError, match="512x384/b.jpg is missing"):
        table.pixels.open(1)
    folder = table.pixels.folder.parent / "1024x768"
    folder.mkdir()
    Image.new("RGB", (8, 6), "red").save(folder / "b.jpg")
    (folder / "c.jpg").write_text("not a photo")
    table = datasets.load("koniq10k", root=root)
    assert table.pixels.open(1).size == (8, 6)
    with pytest.raises(UserError, match="c.jpg is not a readable picture"):
        table.pixels.open(2)


def test_ava_official_layout(ava):
    table = datasets.load("ava", root=ava())
    assert table.frame["image"].tolist() == ["953619", "953958", "954184"]
    assert table.frame["split"].tolist() == ["train", "test", "train"]
    assert table.frame["text"].tolist() == ["100 Meters", "12 Days Of Christmas", "100 Meters"]
    assert table.frame["group"].tolist() == ["1396", "608", "1396"]
    votes = np.repeat(np.arange(1, 11), [0, 1, 5, 17, 38, 36, 15, 6, 5, 1])
    assert table.frame["mos"][0] == pytest.approx(votes.mean())
    assert table.frame["sd"][0] == pytest.approx(votes.std(ddof=1))
    assert table.votes.sum(axis=1).tolist() == [124] * 3
    assert table.scale == (1, 10)
    assert table.version == "official"


@pytest.mark.parametrize(
    "suffix, folder", [(".jpg", "images"), (".png", "images"), (".jpg", "images/images")]
)
def test_ava_picture_folders(ava, tmp_path, suffix, folder):
    root = ava()
    home = tmp_path / "ava" / folder
    home.mkdir(parents=True)
    for image in (953619, 953958):
        Image.new("RGB", (4, 4)).save(home / f"{image}{suffix}")
    assert datasets.load("ava", root=root).pixels.open(1).size == (4, 4)


def test_ava_csv_layout(ava, tmp_path):
    root = ava(rows=[], listed=None)
    folder = tmp_path / "ava"
    (folder / "AVA.txt").unlink()
    (folder / "val.csv").write_text(TANET_HEADER + "5,0,0,0,0,0,0,0,0,0,9,1,2,608\n\n")
    (folder / "test.csv").write_text(TANET_HEADER + "6,4,0,0,0,0,0,0,0,0,0,1,2,1396\n")
    table = datasets.load("ava", root=root)
    rows = table.frame[["image", "split", "mos", "text"]].values.tolist()
    assert rows == [["5", "val", 10, "12 Days Of Christmas"], ["6", "test", 1, "100 Meters"]]
    (folder / "test.csv").write_text(TANET_HEADER + "5,4,0,0,0,0,0,0,0,0,0,1,2,1396\n")
    with pytest.raises(UserError, match="test.csv and val.csv .* both hold image 5"):
        datasets.load("ava", root=root)


def test_ava_warns_with_counts(ava):
    with pytest.warns(UserWarning, match="2 of 3 images that have no labels"):
        datasets.load("ava", root=ava(listed="953958\n1\n2\n"))
    with pytest.warns(UserWarning, match="1 of 3 images belong to challenges"):
        table = datasets.load("ava", root=ava(challenges="1396 100_Meters\n"))
    assert table.frame["text"].tolist() == ["100 Meters", "", "100 Meters"]


def row(**changes):
    """The first KonIQ row with some fields changed."""
    fields = dict(zip(KONIQ_HEADER.strip().split(","), KONIQ[0].strip().split(",")))
    return ",".join({**fields, **changes}.values()) + "\n"


@pytest.mark.parametrize(
    "rows, said",
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
def test_bad_rows_are_sentences(koniq, rows, said):
    with pytest.raises(UserError, match=said) as problem:
        datasets.load("koniq10k", root=koniq(rows))
    assert "koniq10k_distributions_sets.csv" in str(problem.value)


@pytest.mark.parametrize(
    "rows, said",
    [
        ([AVA[0], "2 7 0 0 0 0 0 0 0 0 0 0 1 2 608\n"], "line 2: the sum of the votes is 0"),
        (["1 7 0 -4 9 0 0 0 0 0 0 0 1 2 608\n"], "line 1: count2 is -4"),
        (["\n", "1 7 0 4 x 0 0 0 0 0 0 0 1 2 608\n"], "line 2, column count3 holds 'x'"),
        ([AVA[0], "1 7 0 4 9\n"], "line 2, column count4 is empty"),
        (
            [AVA[0], AVA[1].replace("608", "608 9")],
            "AVA.txt cannot be read as a table .*Expected 15 fields in line 2, saw 16",
        ),
        (["1 7 0 4 9\n"], "AVA.txt.*(expected 15 and found 5|is empty)"),
        ([AVA[0], AVA[1], AVA[0]], "line 3: 953619 is already on line 1"),
        ([""], "AVA.txt has no rows"),
    ],
)
def test_bad_ava_rows_are_sentences(ava, rows, said):
    with pytest.raises(UserError, match=said):
        datasets.load("ava", root=ava(rows))


def test_missing_files_are_sentences(koniq, ava, tmp_path):
    with pytest.raises(UserError, match="holds no folder koniq10k"):
        datasets.load("koniq10k", root=str(tmp_path))
    (tmp_path / "koniq10k").mkdir()
    with pytest.raises(
        UserError, match="has no label file: expected metadata/koniq10k_distributions_sets.csv"
    ):
        datasets.load("koniq10k", root=str(tmp_path))
    with pytest.raises(UserError, match="lacks the columns set, c4; it has image_name"):
        datasets.load("koniq10k", root=koniq(header="image_name,c1,c2,c3,vier,c5,c_total,MOS,SD,Satz\n"))
    with pytest.raises(UserError, match="is empty"):
        datasets.load("koniq10k", root=koniq([], header=""))
    (tmp_path / "ava").mkdir()
    with pytest.raises(UserError, match="neither AVA.txt nor train.csv"):
        datasets.load("ava", root=str(tmp_path))
    with pytest.raises(UserError, match="no test list"):
        datasets.load("ava", root=ava(listed=None))
    with pytest.raises(UserError, match="none of its 1 ids"):
        datasets.load("ava", root=ava(listed="1\n"))
    with pytest.raises(UserError, match="line 2: '608' has no title"):
        datasets.load("ava", root=ava(challenges="1396 100_Meters\n608\n"))
    with pytest.raises(UserError, match="not a folder"):
        datasets.load("ava", root=str(tmp_path / "nowhere"))


def test_a_binary_file_is_a_sentence(koniq, tmp_path):
    root = koniq()
    path = tmp_path / "koniq10k" / "metadata" / "koniq10k_distributions_sets.csv"
    path.write_bytes(b"\x89PNG\r\n\xff\xfe\x00\x00" * 20)
    with pytest.raises(UserError, match="koniq10k_distributions_sets.csv"):
        datasets.load("koniq10k", root=root)


def test_unknown_names_list_the_known(koniq, monkeypatch):
    with pytest.raises(
        UserError, match="Unknown dataset 'koniq': choose one of iqa, iaa, aigiqa, ugc, koniq10k, ava"
    ):
        datasets.load("koniq")
    with pytest.raises(UserError, match="choose one of default, mos100"):
        datasets.load("koniq10k", root=koniq(), preset="mos5")
    with pytest.raises(UserError, match="of its own size"):
        datasets.load("koniq10k", root=koniq(), size=(64, 64))
    monkeypatch.setattr(datasets, "data_root", lambda given: None)
    with pytest.raises(UserError, match="MOSLAB_DATA"):
        datasets.load("koniq10k")


def test_as_many_rows_as_ava_within_seconds(ava):
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(rng.integers(0, 60, size=(255_000, 13)))
    rows.insert(0, "image", np.arange(255_000) + 1)
    rows.insert(0, "index", np.arange(255_000))
    rows[12] = 608
    text = rows.to_csv(sep=" ", header=False, index=False)
    root = ava([text], listed="17\n")
    started = time.perf_counter()
    table = datasets.load("ava", root=root)
    assert time.perf_counter() - started < 10  # about a second on an idle core
    assert len(table) == 255_000 and table.votes.nbytes < 6e6


@pytest.mark.parametrize("task, name", [("iqa", "koniq10k"), ("iaa", "ava")])
def test_the_embedded_world_reads_the_same_from_a_published_layout(task, name, home):
    world = table_of(generate(task, n=30, size=(32, 32)))
    export(generate(task, n=30, size=(32, 32)), home / "root")
    table = datasets.load(name, root=str(home / "root"))
    assert table.frame["mos"].tolist() == pytest.approx(world.frame["mos"].tolist())
    assert table.frame["sd"].tolist() == pytest.approx(world.frame["sd"].tolist())
    assert table.frame["text"].tolist() == world.frame["text"].tolist()
    assert (table.votes == world.votes).all() and table.scale == world.scale
    assert (np.asarray(table.pixels.open(7)) == np.asarray(world.pixels.open(7))).all()
    assert set(table.rows("test")) == set(np.flatnonzero(world.frame["split"].str.startswith("test")))


@pytest.mark.parametrize("preset", ["default", "alignment"])
def test_generated_pictures_read_the_same_from_a_published_layout(preset, home):
    world = table_of(generate("aigiqa", preset, n=60, size=(32, 32)))
    export(generate("aigiqa", preset, n=60, size=(32, 32)), home / "root")
    table = datasets.load("agiqa3k", root=str(home / "root"), preset=preset)
    assert table.frame["mos"].tolist() == pytest.approx(world.frame["mos"].tolist(), abs=1e-4)
    assert table.frame["text"].tolist() == world.frame["text"].tolist()
    assert table.scale == world.scale
    assert (np.asarray(table.pixels.open(7)) == np.asarray(world.pixels.open(7))).all()
    for column in ("adj1", "adj2", "style"):
        assert table.annotations[column].tolist() == world.annotations[column].fillna("").tolist()


AGIQA = "name,prompt,adj1,adj2,style,mos_quality,std_quality,mos_align,std_align\n"


@pytest.fixture
def agiqa(tmp_path):
    """A data root with AGIQA-3K's file: so many prompts, three pictures each."""

    def write(prompts: int = 200, extra: str = "") -> Path:
        rows = [
            f"glide_{prompt}_{place}.jpg,a prompt number {prompt},baroque style,,,{prompt % 5 + 0.1},0.5,{place + 1},0.25"
            for prompt in range(prompts)
            for place in range(3)
        ]
        (tmp_path / "agiqa3k").mkdir(exist_ok=True)
        (tmp_path / "agiqa3k" / "data.csv").write_text(AGIQA + "\n".join(rows) + f"\n{extra}")
        return tmp_path

    return write


def test_agiqa_prompts_are_held_out_whole(agiqa):
    table = datasets.load("agiqa3k", root=str(agiqa()))
    of = {
        split: set(table.frame["group"][table.rows(split)])
        for split in ("train", "val", "test", "test_novel")
    }
    assert not of["test_novel"] & (of["train"] | of["val"] | of["test"]) and of["test"] & of["train"]
    assert 0.1 < len(of["test_novel"]) / 200 < 0.27 and 0.5 < len(table.rows("train")) / 600 < 0.75
    assert table.frame["sd"][0] == 0.5
    assert table.annotations["generator"].unique().tolist() == ["glide"]
    assert table.annotations["adj2"][0] == ""
    fewer = datasets.load("agiqa3k", root=str(agiqa(50)))
    assert (
        fewer.frame["split"].tolist() == table.frame["split"][:150].tolist()
    )  # a picture's split is its own
    assert datasets.load("agiqa3k", root=str(agiqa()), preset="alignment").frame["mos"][:3].tolist() == [
        1,
        2,
        3,
    ]


@pytest.mark.parametrize(
    "row, said",
    [
        ("glide_0_0.jpg,again,,,,1,0.5,1,0.5", "line 602: glide_0_0.jpg is already on line 2"),
        ("new.jpg,a prompt,,,,7,0.5,1,0.5", "line 602: mos_quality is 7, expected -0.1 to 5"),
        ("new.jpg,a prompt,,,,1,0.5,nan,0.5", "line 602, column mos_align is empty or NaN"),
        ("new.jpg,,,,,1,0.5,1,0.5", "line 602, column prompt is empty or NaN"),
    ],
)
def test_bad_agiqa_rows_are_sentences(agiqa, row, said):
    with pytest.raises(UserError, match=said):
        datasets.load("agiqa3k", root=str(agiqa(extra=row + "\n")))


def test_agiqa_knows_two_scores(agiqa):
    with pytest.raises(UserError, match="agiqa3k knows no preset 'mos': choose one of default, alignment"):
        datasets.load("agiqa3k", root=str(agiqa()), preset="mos")


def real(root: Path, name: str) -> ImageTable:
    """A real label file; skips the test where this data root has none."""
    if not (root / name).is_dir():
        pytest.skip(NO_DATA)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ids and challenges that the published lists lack
        return datasets.load(name, root=str(root))


def test_real_koniq_labels(data_root):
    table = real(data_root, "koniq10k")
    assert table.frame["split"].value_counts().to_dict() == {"train": 7058, "test": 2015, "val": 1000}
    assert table.frame["mos"].agg(["min", "max"]).tolist() == pytest.approx([1.096, 4.310], abs=5e-4)
    first = table.frame.iloc[0]
    assert (first["image"], first["mos"], first["sd"]) == (
        "10004473376.jpg",
        pytest.approx(3.828571),
        pytest.approx(0.527278, abs=1e-6),
    )


def test_real_koniq_sd_is_that_of_the_votes(data_root):
    table = real(data_root, "koniq10k")
    assert mean_and_sd(table.votes, *table.scale)[1] == pytest.approx(table.frame["sd"].to_numpy(), abs=1e-3)


def test_real_ava_labels(data_root):
    table = real(data_root, "ava")
    assert table.frame["mos"].between(1, 10).all() and (table.votes.sum(axis=1) > 50).all()
    if table.version == "tanet":
        assert table.frame["split"].value_counts().to_dict() == {"test": 12776, "val": 12775}
        assert table.frame.set_index("image").loc["591979", "text"] == "Free Study 2007-09"


def test_real_agiqa_labels(data_root):
    """2,982 pictures of 300 prompts, all of which would stand in training if it were split by picture."""
    table = real(data_root, "agiqa3k")
    assert len(table) == 2982 and table.frame["group"].nunique() == 300
    assert table.annotations["generator"].value_counts().to_dict() == {
        "sd1.5": 1200,
        "midjourney": 592,
        "AttnGAN": 300,
        "glide": 300,
        "xl2.2": 300,
        "DALLE2": 290,
    }
    assert table.frame["mos"].agg(["min", "max"]).tolist() == pytest.approx(
        [table.frame["mos"].min(), 4.488741], abs=1e-6
    )
    assert table.frame["mos"].min() <= 0
    novel = set(table.frame["group"][table.rows("test_novel")])
    assert 40 < len(novel) < 70 and not novel & set(table.frame["group"][table.rows("train")])


ODD = {  # label file, the first picture's field as it stands and as it may stand, and where the picture lies
    "koniq10k": (
        "koniq10k/metadata/koniq10k_distributions_sets.csv",
        "a.jpg,",
        "part\\a.jpg  ,",
        "koniq10k/512x384/part/a.JPG",
    ),
    "agiqa3k": (
        "agiqa3k/data.csv",
        "glide_0_0.jpg,",
        "part\\glide_0_0.jpg ,",
        "agiqa3k/images/part/glide_0_0.JPG",
    ),
    "ava": ("ava/AVA.txt", "1 953619", "  1   953619", "ava/images/953619.JPG"),
}


@pytest.mark.parametrize("name", ODD)
def test_small_oddities_of_a_copy_do_no_harm(name, koniq, agiqa, ava, tmp_path):
    """A byte-order mark, blanks around fields, the other separator of folders, an extension in capitals; an archive that was never unpacked is named."""
    root = str({"koniq10k": koniq, "agiqa3k": agiqa, "ava": ava}[name]())
    file, as_is, odd, picture = ODD[name]
    plain = datasets.load(name, root=root)
    (tmp_path / file).write_text(
        "\ufeff" + (tmp_path / file).read_text().replace(as_is, odd, 1), encoding="utf-8"
    )
    (tmp_path / picture).parent.mkdir(parents=True)
    Image.new("RGB", (5, 4)).save(tmp_path / picture, "jpeg")
    table = datasets.load(name, root=root)
    assert table.frame["mos"].tolist() == plain.frame["mos"].tolist() and table.pixels.open(0).size == (5, 4)
    assert "\\" not in "".join(table.frame["image"]) and not table.frame["image"].str.contains(" ").any()
    archive = tmp_path / name / "pictures.zip"
    archive.write_bytes(b"PK")
    shutil.rmtree((tmp_path / picture).parent)
    with pytest.raises(
        UserError,
        match=r"is missing .row 0 of the labels, .* line \d+.: complete the image folder. pictures.zip is still packed",
    ):
        datasets.load(name, root=root).pixels.open(0)
    (tmp_path / file).unlink()
    with pytest.raises(UserError, match="pictures.zip is still packed|has neither AVA.txt nor"):
        datasets.load(name, root=root)
