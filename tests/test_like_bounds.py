"""What the best predictors reach on the sets in the place of published ones, and shallow ones at most."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from like_toys import SIZES, make_sets
from world_toys import plcc

from moslab.analysis import leaks, oracles
from moslab.datasets.embedded import table_of
from moslab.utils import paths
from moslab.world import World, language, specs
from moslab.world.distort import intact
from moslab.world.fidelity import distances
from moslab.world.like import aadb, appeal, authors, avacaptions, faults, kadid10k, single, tad66k

# Measured at full size (docs/data_card.md), with room for a sample of a hundred test pictures.
LEAK_CEILINGS = {
    "mean colour": 0.40,
    "8 x 8 thumbnail": 0.45,
    "global statistics": 0.80,
    "place in the file": 0.30,
    "words of the text": 0.35,
}
PLAIN = ("like_spaq", "like_livec", "like_kadid10k", "like_csiq")


@pytest.fixture(scope="module")
def sets(world_cache: Path) -> Iterator[dict[str, World]]:
    """Small sets by name; while this module uses them, their cache is the world's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "CACHE", world_cache)
        yield make_sets()


def reached(world: World) -> dict[str, float]:
    """PLCC of every bound with the scores, higher for better pictures."""
    mos = table_of(world).oriented().frame["mos"]
    return {name: plcc(world.bounds[name], mos) for name in world.bounds if np.ptp(world.bounds[name]) > 0}


class TestOracles:
    @pytest.mark.parametrize("name", PLAIN)
    def test_a_picture_tells_nearly_all_of_its_quality(self, sets, name):
        known = reached(sets[name])
        assert known["truth"] > known["image_only"] > 0.93

    def test_a_theme_tells_more_than_its_pictures(self, sets):
        known = reached(sets["like_tad66k"])
        assert known["truth"] > known["image_text"] > known["image_only"] > known["wrong_text"]
        assert -0.1 < known["text_only"] < 0.35

    @pytest.mark.parametrize("name", ["like_aadb", "like_para"])
    def test_published_attributes_tell_less_than_the_picture(self, sets, name):
        known = reached(sets[name])
        assert known["truth"] > known["image_only"] > known["annotated"] > 0.4

    def test_frames_one_by_one_tell_less_than_the_video(self, sets):
        known = reached(sets["like_konvid1k"])
        assert known["truth"] > 0.97 and known["image_only"] > known["frames_alone"] + 0.05

    def test_comments_leave_the_scores_as_they_are(self, sets):
        known = {"truth", "image_text", "image_only", "text_only", "wrong_text"}
        assert set(sets["like_avacaptions"].bounds) == known

    def test_attributes_have_ceilings_of_their_own(self, sets):
        """Each published attribute, and what the latents say of it."""
        for name in ("like_spaq", "like_aadb", "like_para", "like_icaa17k"):
            world = sets[name]
            for column in set(world.annotations) & set(world.bounds):
                assert plcc(world.annotations[column], world.bounds[column]) > 0.5, (name, column)

    @pytest.mark.parametrize("name", SIZES)
    def test_a_leak_would_be_seen(self, sets, name):
        """The oracle is read in the direction in which experiments read the scores."""
        frame = table_of(sets[name]).oriented().frame
        target = frame["mos"][frame["split"] == "test"].to_numpy()
        value = oracles.oracle_value(name, target, images=SIZES[name])
        assert value is not None and value > 0.4
        assert not set(sets[name].bounds) & set(frame)


@pytest.mark.parametrize("name", [name for name in SIZES if name != "like_konvid1k"])
def test_shallow_views_stay_below_their_ceilings(sets, name):
    """Sixty videos would be too few for a regression; the data card measures them all."""
    found = leaks.leaks(table_of(sets[name]).oriented())
    assert {view: value for view, value in found.items() if value > LEAK_CEILINGS[view]} == {}


class TestFaults:
    @pytest.mark.parametrize(
        "fault, field, values",
        [
            ("blur", "blur", (0, 1, 3)),
            ("motion", "motion", (0, 6, 16)),
            ("noise", "noise", (0, 0.1, 0.2)),
            ("jpeg", "jpeg", (0, 3, 12)),
            ("fog", "fog", (0, 0.3, 0.9)),
            ("dark", "light", (0, -1.5, -3.4)),
            ("bright", "light", (0, 1.2, 2.4)),
            ("pale", "saturation", (1, 0.4, 0)),
        ],
    )
    def test_more_of_any_fault_is_worse(self, fault, field, values):
        base = intact("test", 3, np.arange(1))
        found = [base.changed(**{field: np.array([float(value)])}) for value in values]
        strength = [float(faults.severities(spec)[fault][0]) for spec in found]
        quality = [float(faults.quality(spec, {fault: 1.3})[0]) for spec in found]
        assert strength[0] < 0.05 and strength == sorted(strength) and strength[2] > 0.8
        assert quality == sorted(quality, reverse=True) and quality[0] > 0.98

    def test_a_second_fault_adds_less_than_it_is_alone(self):
        one, two = {"a": np.array([0.6])}, {"a": np.array([0.6]), "b": np.array([0.6])}
        alone = faults.annoyance(one, {"a": 1.0})[0]
        assert alone < faults.annoyance(two, {"a": 1.0, "b": 1.0})[0] < 2 * alone

    def test_a_cause_brings_its_fault(self):
        spec = faults.photographed(
            "test",
            3,
            np.arange(900),
            specs.MIXES["iaa"],
            {"noise": ("light", ((0, 0, 1), (0, 0, 1), (1, 0, 0), (1, 0, 0), (1, 0, 0)))},
        )
        assert ((spec.classes["noise"] == 2) == (spec.classes["light"] < 2)).all()

    def test_every_fault_gets_worse_with_its_level(self):
        """Over six references."""
        pictures = np.arange(6 * len(kadid10k.FAULTS) * len(single.LEVELS))
        drawn = single.spoilt("test", 3, pictures, kadid10k.FAULTS, 6)
        from_intact = distances(drawn.intact, drawn.spec, (64, 64))
        for fault, name in enumerate(kadid10k.FAULTS):
            means = [
                from_intact[(drawn.fault == fault) & (drawn.level == level)].mean() for level in range(1, 6)
            ]
            assert means == sorted(means) and means[4] > means[0], name

    def test_every_reference_has_every_picture_once(self):
        drawn = single.spoilt("test", 3, np.arange(100), ("blur", "noise"), 10)
        pictures = set(zip(drawn.reference.tolist(), drawn.fault.tolist(), drawn.level.tolist()))
        assert len(pictures) == 100 and set(drawn.reference.tolist()) == set(range(10))
        later = single.spoilt("test", 3, np.arange(100, 110), ("blur", "noise"), 10)
        assert later.reference.min() >= 10

    @pytest.mark.parametrize("name", ["like_kadid10k", "like_csiq"])
    def test_no_reference_is_in_two_splits(self, sets, name):
        frame = sets[name].labels
        assert frame.groupby("group")["split"].nunique().max() == 1 and frame["group"].nunique() > 80


class TestAppeal:
    def test_hues_alike_or_opposite_go_together(self):
        colors, scenes = specs.FIELDS["color"], specs.FIELDS["scene"]
        table = appeal.hue_harmony()
        assert table.min() >= 0 and table.max() <= 1
        assert (table[:, colors.index("white")] == appeal.NO_HUE).all()
        sea = table[scenes.index("sea")]
        assert sea[colors.index("blue")] > 0.8 and sea[colors.index("orange")] > 0.8
        assert sea[colors.index("green")] < 0.2

    def test_a_gray_picture_has_neither_harmony_nor_colour(self):
        spec = specs.draw("test", 3, np.arange(300), specs.MIXES["iaa"])
        gray = spec.take(spec.classes["saturation"] == 0)
        assert (appeal.harmony(gray) == appeal.NO_HUE).all()
        assert (appeal.term("color", tuple(np.ones(8)), gray) == 0).all()
        assert appeal.harmony(spec).std() > 0.2

    def test_expected_scores_are_the_themes_means(self):
        spec, theme = tad66k.drawn("test", 3, np.arange(20_000))
        score = tad66k.scores(spec)[np.arange(20_000), theme]
        expected = tad66k.expected_scores()
        for number in range(len(tad66k.THEMES)):
            rows = theme == number
            assert abs(score[rows].mean() - expected[number]) < 4 * score[rows].std() / rows.sum() ** 0.5

    def test_the_posterior_of_themes_is_calibrated(self):
        spec, theme = tad66k.drawn("test", 3, np.arange(8_000))
        probability = tad66k.posterior(spec)
        assert np.allclose(probability.sum(1), 1)
        given = probability[np.arange(8_000), theme]
        assert given.min() > 0 and given.mean() == pytest.approx((probability**2).sum(1).mean(), rel=0.05)

    def test_every_attribute_of_aadb_varies(self):
        spec = aadb.drawn("test", 3, np.arange(800))
        values = aadb.attributes(spec)
        assert all(value.std() > 0.2 for value in values.values())


class TestComments:
    def test_words_are_the_world_s_and_rate_nothing(self, sets):
        vocabulary = set(language.vocabulary()) - set(language.RATING_WORDS)
        for captions in sets["like_avacaptions"].annotations["captions"]:
            for text in captions:
                assert set(language.words_of(text)) <= vocabulary, text

    def test_authors_speak_of_what_they_look_at(self):
        spec = specs.draw("test", 3, np.arange(200), specs.MIXES["iaa"], severity="calm")
        names = set()
        for row, said in enumerate(authors.comments("test", 3, spec)):
            for name, text in said:
                names.add(name)
                author = authors.AUTHORS[name]
                others = set(authors.EVERYTHING) - set(author.looks_at)
                for field in others:
                    assert language.answer(spec, row, field) not in text, (name, text)
        assert names == set(authors.AUTHORS)

    def test_friends_praise_and_critics_mind(self):
        assert authors.AUTHORS["friend"].most[1] == authors.AUTHORS["critic"].most[0] == 0

    def test_several_people_comment_and_differ(self, sets):
        captions = sets["like_avacaptions"].annotations["captions"]
        assert captions.map(len).mean() > 2.5
        assert captions.explode().nunique() > 0.4 * captions.map(len).sum()
        assert avacaptions.PICTURES == 10_000
