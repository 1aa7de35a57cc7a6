"""The sets in the place of published ones: their labels, what they publish, and how they stay as they are."""

import ast
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from like_toys import SIZES, make_sets
from PIL import Image
from world_toys import plcc

from moslab import datasets
from moslab.datasets.embedded import DrawnVideos, table_of
from moslab.utils import paths
from moslab.world import LABELS, World, generate, sheet, tasks
from moslab.world.like import aadb, csiq, icaa17k, kadid10k, konvid1k, para, spaq
from moslab.world.version import COVERED, LIKE

STORED = json.loads((Path(__file__).parent / "data" / "like_labels.json").read_text(encoding="utf-8"))
PASS_THROUGH_PIXELS = ("like_kadid10k", "like_csiq")
STILL = [name for name in SIZES if name != "like_konvid1k"]
WITHOUT_DEVIATIONS = {"like_tad66k", "like_icaa17k", "like_aadb", "like_konvid1k"}
WITH_VOTES = {"like_para": 9, "like_avacaptions": 10}


@pytest.fixture(scope="module")
def sets(world_cache: Path) -> Iterator[dict[str, World]]:
    """Small sets by name; while this module uses them, their cache is the world's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "CACHE", world_cache)
        yield make_sets()


def labels_digest(world: World) -> str:
    """Of everything that is published of the first fifty pictures, scores to six decimals."""
    frame = world.labels.head(50).round(6).to_csv(index=False)
    annotations = world.annotations.head(50).round(6).to_csv(index=False)
    return hashlib.sha256((frame + annotations).encode()).hexdigest()[:16]


def capitals(module) -> set[str]:
    """Constants that a module defines itself."""
    names = set()
    for statement in ast.parse(Path(module.__file__).read_text(encoding="utf-8")).body:
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        targets = [statement.target] if isinstance(statement, ast.AnnAssign) else targets
        for target in targets:
            parts = target.elts if isinstance(target, ast.Tuple) else [target]
            names |= {part.id for part in parts if part.id.isupper() and not part.id.startswith("_")}
    return names


class TestVersions:
    def test_every_set_is_named_after_its_module(self):
        names = {module.__name__.rpartition(".")[2]: module.NAME for module in LIKE}
        assert all(name == f"like_{module}" for module, name in names.items())
        assert (
            set(names.values())
            == set(SIZES)
            == set(tasks.TASKS) - {"iqa", "iaa", "aigiqa", "ugc", "geometry"}
        )

    @pytest.mark.parametrize("module", LIKE, ids=lambda module: module.NAME)
    def test_every_constant_is_in_a_version(self, module):
        """Also those of what a set is made with."""
        elsewhere = {"NAME", "PICTURES", "PRESETS", "SCORES", "HARMONY"}
        for part in (module, *LIKE[module]):
            if ".like." in part.__name__:
                assert capitals(part) - elsewhere - set(COVERED[part].split()) == set(), part.__name__

    def test_the_older_tasks_have_the_versions_that_stored_runs_name(self):
        assert {task: LABELS[task] for task in ("iqa", "iaa", "aigiqa", "ugc")} == STORED["versions"]


class TestLabels:
    @pytest.mark.parametrize("name", SIZES)
    def test_a_set_is_a_dataset(self, sets, name):
        table = datasets.load(name, images=SIZES[name])
        assert len(table) == SIZES[name] == len(sets[name].bounds)
        assert table.frame["mos"].between(*table.scale).all()
        assert table.frame["sd"].isna().all() == (name in WITHOUT_DEVIATIONS)
        assert (table.votes.shape[1] if table.votes is not None else None) == WITH_VOTES.get(name)
        assert table.higher_is_better == (name != "like_csiq")
        assert table.pixels.open(3).size == (64, 64)
        assert {"train", "val", "test"} <= set(table.frame["split"])

    def test_votes_make_the_scores(self, sets):
        table = table_of(sets["like_para"])
        levels = np.linspace(*table.scale, 9)
        assert np.allclose(table.votes @ levels / table.votes.sum(1), table.frame["mos"])

    @pytest.mark.parametrize("name", [name for name in SIZES if name not in PASS_THROUGH_PIXELS])
    def test_labels_are_bit_stable(self, sets, name):
        assert labels_digest(sets[name]) == STORED["digests"][name]

    @pytest.mark.parametrize("name", PASS_THROUGH_PIXELS)
    def test_labels_that_pass_through_pixels_are_stable(self, sets, name):
        """One picture in fifty may move, by a vote or two."""
        low, high = sets[name].scale
        moved = np.abs(sets[name].labels["mos"].head(50) - STORED["scores"][name])
        assert (moved > 1e-6).sum() <= 1 and moved.max() <= 0.05 * (high - low)

    @pytest.mark.parametrize("name", SIZES)
    def test_more_pictures_do_not_move_earlier_ones(self, sets, name):
        few = generate(name, n=8)
        pd.testing.assert_frame_equal(few.labels, sets[name].labels.head(8))
        pd.testing.assert_frame_equal(few.bounds, sets[name].bounds.head(8))
        pd.testing.assert_frame_equal(few.annotations, sets[name].annotations.head(8))
        assert (few.images == sets[name].images[:8]).all()

    @pytest.mark.parametrize("name", SIZES)
    def test_pixels_are_what_they_were(self, sets, name):
        """Means of the first pictures, to a step in a thousand values."""
        means = np.asarray(sets[name].images[:8]).reshape(8, -1).mean(1)
        assert np.abs(means - STORED["means"][name]).max() < 0.01

    @pytest.mark.parametrize("name", STILL)
    def test_names_and_places_tell_nothing(self, sets, name):
        frame = sets[name].labels
        assert frame["image"].is_unique
        limit = 4 / len(frame) ** 0.5
        assert abs(plcc(frame["image"].astype(int), frame["mos"])) < limit
        assert abs(plcc(np.arange(len(frame)), frame["mos"])) < limit

    @pytest.mark.parametrize("name, least", [("like_konvid1k", 600), *((name, 1400) for name in STILL)])
    def test_enough_is_tested(self, sets, name, least):
        share = (sets[name].labels["split"] == "test").mean()
        assert share * tasks.TASKS[name].PICTURES > 0.9 * least

    def test_sets_can_be_joined(self, sets, monkeypatch):
        for name in ("like_spaq", "like_csiq"):
            monkeypatch.setattr(tasks.TASKS[name], "PICTURES", SIZES[name])
        joined = datasets.load("like_spaq+like_csiq")
        dmos = sets["like_csiq"].labels["mos"].to_numpy()
        assert plcc(joined.frame["mos"].to_numpy()[-len(dmos) :], dmos) == pytest.approx(-1)


class TestPublishedColumns:
    """Annotations have the names that the published files have, so that one description serves both."""

    def test_spaq(self, sets):
        assert list(spaq.seen(generate_spec(spaq))) == datasets.module_of("spaq").ATTRIBUTES
        assert set(datasets.module_of("spaq").ATTRIBUTES) < set(sets["like_spaq"].annotations)

    def test_aadb(self, sets):
        published = set(datasets.module_of("aadb").ATTRIBUTES)
        assert published - set(aadb.ATTRIBUTES) == {"BalacingElements"}
        assert set(aadb.ATTRIBUTES) == set(aadb.SAY) < published
        values = sets["like_aadb"].annotations[list(aadb.ATTRIBUTES)]
        assert values.abs().max().max() <= 1 and np.allclose(np.rint(5 * values), 5 * values)

    def test_para(self, sets):
        published = set(datasets.module_of("para").PUBLISHED)
        texts = {"caption", "comment", "rated_comment"}
        assert published - set(sets["like_para"].annotations) == {
            "contentPreference_mean",
            "willingnessToShare_mean",
        }
        assert set(sets["like_para"].annotations) - texts < published
        assert set(para.SAY) == {"quality", *para.ATTRIBUTES}

    def test_icaa17k(self, sets):
        assert {"color", "MOS"} == set(icaa17k.SCORES.values()) < set(sets["like_icaa17k"].annotations)
        other = generate("like_icaa17k", "color", SIZES["like_icaa17k"])
        assert np.allclose(other.labels["mos"], sets["like_icaa17k"].annotations["color"])
        assert np.allclose(sets["like_icaa17k"].labels["mos"], other.annotations["MOS"])

    @pytest.mark.parametrize("name", PASS_THROUGH_PIXELS)
    def test_distortions_have_a_level(self, sets, name):
        annotations = sets[name].annotations
        assert set(annotations["level"]) == {1, 2, 3, 4, 5}
        faults = {"like_kadid10k": kadid10k.FAULTS, "like_csiq": csiq.FAULTS}[name]
        assert set(annotations["distortion"]) == set(faults)

    def test_captions_are_lists(self, sets):
        annotations = sets["like_avacaptions"].annotations
        for captions, authors, comment in zip(
            annotations["captions"], annotations["authors"], annotations["comment"]
        ):
            assert comment in captions and len(captions) == len(authors) == len(set(authors)) > 0


def generate_spec(module):
    """Ten pictures of a set without pixels."""
    return module.drawn("test", 3, np.arange(10))


class TestVideos:
    def test_a_row_is_a_video_that_opens_in_the_middle(self, sets):
        table = table_of(sets["like_konvid1k"])
        assert isinstance(table.pixels, DrawnVideos)
        frames = table.pixels.frames(2)
        assert len(frames) == konvid1k.FRAMES and frames[0].size == (64, 64)
        assert (np.asarray(table.pixels.open(2)) == np.asarray(frames[4])).all()
        assert table.pixels.file(2) == "" and table.pixels.paths(2) == []

    def test_frozen_frames_are_equal_and_others_are_not(self, sets):
        """A video that pans never shows the same picture twice unless it freezes."""
        world = sets["like_konvid1k"]
        videos = np.asarray(world.images)
        repeats = (videos[:, 1:] == videos[:, :-1]).all((2, 3, 4)).sum(1)
        frozen = world.bounds["freeze"].to_numpy() > 0
        assert (repeats[frozen] >= konvid1k.HELD[0]).all() and (repeats[frozen] <= konvid1k.HELD[1]).all()
        assert repeats[~frozen].max() == 0

    def test_light_flickers_where_it_should(self):
        videos = konvid1k.drawn("test", 3, np.arange(400))
        light = np.stack([frame.values["light"] for frame in videos.frames], 1).std(1)
        flickers = videos.faults["flicker"] > 0
        assert light[~flickers].max() < 1e-9 < 0.01 < light[flickers].min()

    def test_seconds_run_on_after_a_freeze(self):
        second = konvid1k.seconds("test", 3, np.arange(300), np.tile([0.0, 0.4, 1.0], 100))
        assert (second[::3] == np.arange(konvid1k.FRAMES)).all()
        assert (np.diff(second, axis=1) >= 0).all() and (second[:, 0] == 0).all()
        held = (second != np.arange(konvid1k.FRAMES)).sum(1)
        assert set(held[1::3]) == {3} and set(held[2::3]) == {5}


@pytest.mark.parametrize("name", ["like_para", "like_avacaptions", "like_konvid1k"])
def test_small_sheets_are_small(sets, tmp_path, monkeypatch, name):
    monkeypatch.setattr(tasks.TASKS[name], "PICTURES", SIZES[name])
    path = sheet.small_sheet(name, tmp_path / "sheet.png", n=3)
    assert Image.open(path).size[0] > 380 and path.stat().st_size < 50_000


def test_a_sheet_shows_a_video_by_one_frame(sets, tmp_path, monkeypatch):
    monkeypatch.setattr(tasks.TASKS["like_konvid1k"], "PICTURES", SIZES["like_konvid1k"])
    path = sheet.contact_sheet("like_konvid1k", tmp_path / "sheet.png", n=4, columns=2)
    assert Image.open(path).size[0] == 2 * 156
