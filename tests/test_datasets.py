"""Loading by name: what is missing or unknown, the world in published layouts, oddities of copies."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from layouts import KONIQ_FILE, paint, write_agiqa, write_ava, write_koniq

from moslab import datasets
from moslab.datasets.embedded import table_of
from moslab.datasets.layouts import export
from moslab.utils.errors import UserError
from moslab.world import generate


def test_missing_files_are_sentences(tmp_path):
    with pytest.raises(UserError, match="holds no folder koniq10k"):
        datasets.load("koniq10k", root=str(tmp_path))
    (tmp_path / "koniq10k").mkdir()
    with pytest.raises(UserError, match=f"has no label file: expected metadata/{KONIQ_FILE}"):
        datasets.load("koniq10k", root=str(tmp_path))
    renamed = "image_name,c1,c2,c3,vier,c5,c_total,MOS,SD,Satz\n"
    with pytest.raises(UserError, match="lacks the columns set, c4; it has image_name"):
        datasets.load("koniq10k", root=write_koniq(tmp_path, header=renamed))
    with pytest.raises(UserError, match="is empty"):
        datasets.load("koniq10k", root=write_koniq(tmp_path, [], header=""))
    (tmp_path / "ava").mkdir()
    with pytest.raises(UserError, match="neither AVA.txt nor train.csv"):
        datasets.load("ava", root=str(tmp_path))
    with pytest.raises(UserError, match="no test list"):
        datasets.load("ava", root=write_ava(tmp_path, listed=None))
    with pytest.raises(UserError, match="none of its 1 ids"):
        datasets.load("ava", root=write_ava(tmp_path, listed="1\n"))
    with pytest.raises(UserError, match="line 2: '608' has no title"):
        datasets.load("ava", root=write_ava(tmp_path, challenges="1396 100_Meters\n608\n"))
    with pytest.raises(UserError, match="not a folder"):
        datasets.load("ava", root=str(tmp_path / "nowhere"))


def test_unknown_names_list_the_known(tmp_path, monkeypatch):
    names = "iqa, iaa, aigiqa, ugc, geometry, like_spaq"
    with pytest.raises(UserError, match=f"Unknown dataset 'koniq': choose one of {names}"):
        datasets.load("koniq")
    with pytest.raises(UserError, match="choose one of default, mos100"):
        datasets.load("koniq10k", root=write_koniq(tmp_path), preset="mos5")
    with pytest.raises(UserError, match="of its own size"):
        datasets.load("koniq10k", root=write_koniq(tmp_path), size=(64, 64))
    monkeypatch.setattr(datasets, "data_root", lambda given: None)
    with pytest.raises(UserError, match="MOSLAB_DATA"):
        datasets.load("koniq10k")


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


@dataclass(frozen=True)
class Oddity:
    """The first picture's field in a label file as it stands and as it may stand, and its picture's place."""

    write: Callable[[Path], str]
    file: str
    field: str
    odd: str
    picture: str


ODD = {
    "koniq10k": Oddity(
        write_koniq,
        file=f"koniq10k/metadata/{KONIQ_FILE}",
        field="a.jpg,",
        odd="part\\a.jpg  ,",
        picture="koniq10k/512x384/part/a.JPG",
    ),
    "agiqa3k": Oddity(
        write_agiqa,
        file="agiqa3k/data.csv",
        field="glide_0_0.jpg,",
        odd="part\\glide_0_0.jpg ,",
        picture="agiqa3k/images/part/glide_0_0.JPG",
    ),
    "ava": Oddity(
        write_ava,
        file="ava/AVA.txt",
        field="1 953619",
        odd="  1   953619",
        picture="ava/images/953619.JPG",
    ),
}


@pytest.mark.parametrize("name", ODD)
def test_small_oddities_of_a_copy_do_no_harm(name, tmp_path):
    """Of four kinds, and an archive that was never unpacked is named.

    A byte-order mark, blanks around fields, the other separator of folders, an extension in capitals.
    """
    oddity = ODD[name]
    root = oddity.write(tmp_path)
    plain = datasets.load(name, root=root)
    labels = tmp_path / oddity.file
    text = labels.read_text().replace(oddity.field, oddity.odd, 1)
    labels.write_text("\ufeff" + text, encoding="utf-8")
    picture = tmp_path / oddity.picture
    paint(picture, "black", size=(5, 4))
    table = datasets.load(name, root=root)
    assert table.frame["mos"].tolist() == plain.frame["mos"].tolist()
    assert table.pixels.open(0).size == (5, 4)
    assert "\\" not in "".join(table.frame["image"])
    assert not table.frame["image"].str.contains(" ").any()
    archive = tmp_path / name / "pictures.zip"
    archive.write_bytes(b"PK")
    shutil.rmtree(picture.parent)
    missing = r"is missing .row 0 of the labels, .* line \d+.: complete the image folder. "
    with pytest.raises(UserError, match=missing + "pictures.zip is still packed"):
        datasets.load(name, root=root).pixels.open(0)
    labels.unlink()
    with pytest.raises(UserError, match="pictures.zip is still packed|has neither AVA.txt nor"):
        datasets.load(name, root=root)
