"""What the best predictors reach on the embedded tasks, and what shallow ones may reach at most."""

import numpy as np
import pandas as pd
import pytest
from world_toys import SIZES, entries, plcc

from moslab.analysis import leaks
from moslab.datasets.embedded import table_of
from moslab.world import (
    World,
    fidelity,
    iaa,
    render,
)
from moslab.world.distort import distorted

# Measured on 6,000 and 10,000 pictures (docs/data_card.md), with room for a smaller sample.
LEAK_CEILINGS = {
    "iqa": {
        "mean colour": 0.20,
        "8 x 8 thumbnail": 0.40,
        "global statistics": 0.80,
        "place in the file": 0.20,
    },
    "iaa": {
        "mean colour": 0.30,
        "8 x 8 thumbnail": 0.45,
        "global statistics": 0.65,
        "place in the file": 0.15,
        "words of the text": 0.28,
    },
    "aigiqa": {
        "mean colour": 0.20,
        "8 x 8 thumbnail": 0.28,
        "global statistics": 0.76,
        "place in the file": 0.18,
        "words of the text": 0.18,
    },
    "alignment": {
        "mean colour": 0.20,
        "8 x 8 thumbnail": 0.25,
        "global statistics": 0.56,
        "place in the file": 0.18,
        "words of the text": 0.20,
    },
    "ugc": {
        "mean colour": 0.32,
        "8 x 8 thumbnail": 0.58,
        "global statistics": 0.72,
        "place in the file": 0.20,
    },
}


def correlations(world: World) -> dict[str, float]:
    """PLCC of every bound with the labels."""
    mos = table_of(world).frame["mos"]
    return {name: plcc(world.bounds[name], mos) for name in world.bounds}


class TestBounds:
    def test_order_iaa(self):
        _, frame, mos, bounds = entries()
        reached = {name: plcc(bounds[name], mos) for name in bounds}
        assert reached["truth"] > 0.97 > reached["image_text"] + 0.03
        assert reached["image_text"] > reached["image_only"] + 0.07 > reached["wrong_text"] + 0.09
        assert 0 < reached["text_only"] < 0.3

    def test_a_stronger_title_widens_the_gap(self):
        gaps = {}
        for preset in ("default", "strong"):
            _, _, mos, bounds = entries(preset)
            gaps[preset] = plcc(bounds["image_text"], mos) - plcc(bounds["image_only"], mos)
        assert gaps["strong"] > gaps["default"] + 0.03

    def test_null_titles_mean_nothing(self):
        drawn, _, mos, bounds = entries("null")
        assert abs(plcc(bounds["image_text"], mos) - plcc(bounds["image_only"], mos)) < 0.01
        assert np.allclose(bounds["image_text"], bounds["wrong_text"]) and bounds["text_only"].nunique() == 1
        posterior = iaa.title_posterior(drawn.spec, iaa.PRESETS["null"])
        assert np.allclose(posterior, posterior[0])

    def test_presets_share_mean_and_spread(self):
        for preset in iaa.PRESETS:
            _, _, _, bounds = entries(preset)
            assert bounds["truth"].mean() == pytest.approx(5.4, abs=0.04)
            assert bounds["truth"].std() == pytest.approx(0.75, abs=0.03)

    def test_expected_scores_are_the_titles_means(self):
        preset = iaa.PRESETS["default"]
        drawn = iaa.enter(preset, 3, np.arange(20_000))
        score = iaa.scores(drawn.spec, preset)[np.arange(20_000), drawn.title]
        expected = iaa.expected_scores(preset)
        for number in range(0, 100, 9):
            rows = drawn.title == number
            assert abs(score[rows].mean() - expected[number]) < 4 * score[rows].std() / rows.sum() ** 0.5

    def test_posterior_is_calibrated(self):
        preset = iaa.PRESETS["default"]
        drawn = iaa.enter(preset, 3, np.arange(8000))
        posterior = iaa.title_posterior(drawn.spec, preset)
        assert np.allclose(posterior.sum(1), 1)
        expected = (posterior**2).sum(1).mean()
        assert posterior[np.arange(8000), drawn.title].mean() == pytest.approx(expected, rel=0.1)

    def test_gray_pictures_have_no_colour(self):
        drawn = entries(n=3000)[0]
        gray = drawn.spec.take(drawn.spec.classes["saturation"] == 0)
        other_colors = {"color": (gray.classes["color"] + 3) % 8}
        recolored = type(gray)(gray.ids, gray.classes | other_colors, gray.values)
        preset = iaa.PRESETS["default"]
        assert np.allclose(iaa.scores(gray, preset), iaa.scores(recolored, preset))
        assert np.allclose(iaa.title_posterior(gray, preset), iaa.title_posterior(recolored, preset))

    def test_iqa(self, worlds):
        reached = correlations(worlds["iqa"])
        assert reached["truth"] > reached["image_only"] > 0.96

    def test_generated_images(self, worlds):
        look = correlations(worlds["aigiqa"])
        assert set(look) == {"truth", "image_only"}  # a prompt cannot help
        assert look["truth"] > 0.97 > look["image_only"] > 0.9
        aligned = correlations(worlds["alignment"])
        assert aligned["truth"] > 0.97 > aligned["image_text"] > 0.92 > aligned["image_only"] + 0.2
        assert 0.5 < aligned["image_only"] < 0.75
        assert aligned["text_only"] < 0.2
        assert aligned["wrong_text"] < 0.3

    def test_ugc(self, worlds):
        reached = correlations(worlds["ugc"])
        assert reached["truth"] == pytest.approx(1)
        assert 0.99 > reached["image_only"] > reached["annotated"] > 0.88

    def test_bounds_are_not_in_the_table(self, worlds):
        for world in worlds.values():
            assert not set(world.bounds) & set(table_of(world).frame)
            assert not set(world.bounds) & set(pd.read_csv(world.folder / "labels" / "labels.csv").columns)


class TestFidelity:
    def test_identical_pictures_are_best(self):
        pictures = render.render_all(distorted("test", 1, np.arange(4)).intact)
        assert (fidelity.features(pictures, pictures) == 0).all()
        assert fidelity.pseudo_mos(np.zeros((1, 8)))[0] == fidelity.BEST

    def test_more_of_any_distortion_is_worse(self):
        drawn = distorted("test", 1, np.arange(700))
        score = fidelity.opinion(fidelity.distances(drawn.intact, drawn.spec, (64, 64)))
        single = drawn.severities[:, 1] == 0
        for number in range(8):
            rows = single & (drawn.kinds[:, 0] == number) & (drawn.severities[:, 0] > 0)
            assert plcc(drawn.severities[rows, 0], score[rows]) < -0.5, number

    def test_heavy_jpeg_on_flat_scenes_is_poor(self):
        spec = distorted("flat", 3, np.arange(120)).intact
        spec = spec.take((spec.classes["clutter"] == 0) & (spec.classes["scene"] != 4))
        before = render.render_all(spec)
        for scale, ceiling in ((12.5, 2.4), (5.0, 2.9)):  # JPEG qualities 4 and 10
            after = render.render_all(spec.changed(jpeg=np.full(len(spec), scale)))
            assert fidelity.pseudo_mos(fidelity.features(before, after)).max() < ceiling


@pytest.mark.parametrize("task", list(SIZES))
def test_shallow_views_stay_below_their_ceilings(worlds, task):
    reached = leaks.leaks(table_of(worlds[task]))
    assert set(reached) == set(LEAK_CEILINGS[task])
    assert {name: value for name, value in reached.items() if value > LEAK_CEILINGS[task][name]} == {}
