"""Embedded tasks exported in the layouts of the published datasets."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from moslab.datasets import ava, koniq10k, layouts
from moslab.datasets.embedded import table_of
from moslab.utils.errors import UserError
from moslab.world import (
    generate,
    ugc,
)


class TestLayouts:
    def test_koniq(self, worlds, tmp_path):
        table, small = table_of(worlds["iqa"]), generate("iqa", n=40)
        layouts.export(small, tmp_path)
        read = koniq10k.load(tmp_path)
        assert read.frame["image"].tolist() == [f"{image}.png" for image in table.frame["image"].head(40)]
        assert np.allclose(read.frame["mos"], table.frame["mos"].head(40))
        assert (read.votes == table.votes[:40]).all()
        assert read.frame["split"].tolist() == table.frame["split"].head(40).tolist()
        assert (np.asarray(read.pixels.open(7)) == np.asarray(table.pixels.open(7))).all()
        hundred = koniq10k.load(tmp_path, "mos100").frame["mos"]
        assert np.allclose(hundred, (table.frame["mos"].head(40) - 1) / 4 * 99 + 1)

    def test_ava(self, worlds, tmp_path):
        table, small = table_of(worlds["iaa"]), generate("iaa", n=120)
        layouts.export(small, tmp_path)
        read = ava.load(tmp_path)
        expected = table.frame.head(120)
        assert read.version == "official" and read.frame["text"].tolist() == expected["text"].tolist()
        assert np.allclose(read.frame["mos"], expected["mos"]) and (read.votes == table.votes[:120]).all()
        assert ((read.frame["split"] == "test") == expected["split"].str.startswith("test")).all()
        assert (np.asarray(read.pixels.open(11)) == np.asarray(table.pixels.open(11))).all()

    def test_agiqa3k(self, worlds, tmp_path):
        table = table_of(generate("aigiqa", n=12))
        folder = layouts.export(generate("aigiqa", n=12), tmp_path)
        labels = pd.read_csv(folder / "data.csv")
        scores = ["mos_quality", "std_quality", "mos_align", "std_align"]
        assert list(labels) == ["name", "prompt", "adj1", "adj2", "style", *scores]
        assert labels["prompt"].tolist() == table.frame["text"].tolist()
        assert np.allclose(labels["mos_quality"], table.frame["mos"])
        picture = Image.open(folder / "images" / labels["name"][11])
        assert (np.asarray(picture) == np.asarray(table.pixels.open(11))).all()

    def test_realqa(self, worlds, tmp_path):
        table = table_of(generate("ugc", n=12))
        folder = layouts.export(generate("ugc", n=12), tmp_path)
        lines = [json.loads(line) for line in (folder / "realqa.jsonl").read_text().splitlines()]
        assert len(lines) == 12
        assert set(lines[0]["attributes"]) == set(ugc.OPTIONS)
        assert set(lines[0]["reasons"]) == set(ugc.REASONED)
        assert [line["score"] for line in lines] == table.frame["mos"].tolist()
        picture = Image.open(folder / lines[5]["image"])
        assert (np.asarray(picture) == np.asarray(table.pixels.open(5))).all()

    def test_nothing_is_overwritten(self, worlds, tmp_path):
        (tmp_path / "ava").mkdir()
        (tmp_path / "ava" / "mine.txt").write_text("mine")
        with pytest.raises(UserError, match="not empty"):
            layouts.export(generate("iaa", n=4), tmp_path)

    def test_a_set_without_a_layout_is_named(self, tmp_path):
        with pytest.raises(UserError, match="like_csiq is not written in a published layout: .* iqa, iaa"):
            layouts.export(generate("like_csiq", n=4), tmp_path)
