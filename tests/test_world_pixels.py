"""Draws, specs and pixels of the embedded world: stable numbers, pictures that show their specs."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from moslab.utils.errors import UserError
from moslab.world import degrade, distort, draws, render, specs

STORED = Path(__file__).parent / "data"
SPEC_DIGEST = "2d4bf7e2dbd0ddb3"
KNOWN_INTEGERS = [7730448113424015859, 5781139376611344406, 16776445086799279272]
KNOWN_NORMALS = [-0.204277228, -0.486246527]


def generic(n: int) -> specs.Spec:
    return specs.draw("test", 5, np.arange(n), specs.MIXES["generic"])


def spec_digest(spec: specs.Spec) -> str:
    content = hashlib.sha256()
    for name in sorted(spec.classes):
        content.update(f"{name} {spec.classes[name].tolist()}".encode())
    for name in sorted(spec.values):
        content.update(f"{name} {[f'{value:.9f}' for value in spec.values[name]]}".encode())
    return content.hexdigest()[:16]


def plain(**changed: float) -> specs.Spec:
    """One picture without anything wrong but the changed numbers."""
    return distort.intact("test", 5, np.arange(1)).changed(
        **{name: np.array([float(value)]) for name, value in changed.items()}
    )


class TestDraws:
    def test_known_values(self):
        assert draws.integers(1, "a", np.arange(3)).tolist() == KNOWN_INTEGERS
        assert draws.normal(1, "a", np.arange(2)).tolist() == KNOWN_NORMALS

    def test_streams_seeds_and_subs_are_independent(self):
        ids = np.arange(4000)
        base = draws.uniform(1, "a", ids)
        for other in (
            draws.uniform(2, "a", ids),
            draws.uniform(1, "b", ids),
            draws.uniform(1, "a", ids, 1),
            draws.uniform(1, "a", ids + 1),
        ):
            assert abs(np.corrcoef(base, other)[0, 1]) < 0.05

    def test_distributions(self):
        ids = np.arange(20_000)
        z = draws.normal(3, "z", ids)
        assert abs(z.mean()) < 0.03 and abs(z.std() - 1) < 0.02
        assert np.bincount(draws.choice(3, "c", ids, np.array([1, 3, 0]))) / len(ids) == pytest.approx(
            [0.25, 0.75], abs=0.02
        )

    def test_a_row_of_weights_per_id(self):
        weights = np.eye(3)[[2, 0, 1]]
        assert draws.choice(1, "c", np.arange(3), weights).tolist() == [2, 0, 1]

    def test_normal_quantile_against_scipy(self):
        from scipy.stats import norm

        p = np.linspace(1e-6, 1 - 1e-6, 999)
        assert np.abs(draws.normal_quantile(p) - norm.ppf(p)).max() < 1e-7


class TestDice:
    def test_each_draw_is_a_function_of_its_place(self):
        first, again, other = (draws.Dice(3, "text", number) for number in (5, 5, 6))
        many = [first.uniform() for _ in range(200)]
        assert many == [again.uniform() for _ in range(200)] and many != [other.uniform() for _ in range(200)]
        assert many == draws.uniform(3, "text", 5, np.arange(200)).tolist()

    def test_many_dice_made_together_are_those_made_one_by_one(self):
        numbers = np.array([5, 5, 2**31])
        for number, together in zip(numbers.tolist(), draws.Dice.each(3, "text", numbers), strict=True):
            alone = draws.Dice(3, "text", number)
            assert [alone.uniform() for _ in range(200)] == [together.uniform() for _ in range(200)]

    def test_choices_and_orders(self):
        dice = draws.Dice(1, "test", 0)
        drawn = [dice.choice("abc", [0.5, 0.5, 0]) for _ in range(400)]
        assert set(drawn) == {"a", "b"} and 0.4 < drawn.count("a") / 400 < 0.6
        assert {dice.integer(3) for _ in range(100)} == {0, 1, 2}
        orders = {tuple(dice.shuffled("abc")) for _ in range(200)}
        assert len(orders) == 6 and all(sorted(order) == ["a", "b", "c"] for order in orders)


class TestSpecs:
    def test_digest(self):
        assert spec_digest(generic(64)) == SPEC_DIGEST

    def test_more_pictures_do_not_move_earlier_ones(self):
        few, many = generic(20), generic(300).take(slice(0, 20))
        assert spec_digest(few) == spec_digest(many)

    def test_classes_follow_from_numbers(self):
        for severity, mix in (("full", "generic"), ("calm", "iaa")):
            spec = specs.draw("test", 6, np.arange(500), specs.MIXES[mix], severity=severity)
            for field in specs.FULL:
                assert (specs.classify(field, spec.values[field]) == spec.classes[field]).all(), field

    def test_calm_lies_within_full(self):
        for field, spans in specs.CALM.items():
            for (low, high), (widest_low, widest_high) in zip(spans, specs.FULL[field]):
                assert widest_low <= low <= high <= widest_high, field

    def test_mixes_cover_every_field(self):
        for mix in specs.MIXES.values():
            assert {field: len(weights) for field, weights in mix.items()} == {
                field: len(names) for field, names in specs.FIELDS.items()
            }

    def test_class_names_are_unique(self):
        names = [name for classes in specs.FIELDS.values() for name in classes]
        assert len(names) == len(set(names))

    def test_moving_pictures_have_no_other_blur(self):
        spec = generic(800)
        moving = spec.classes["motion"] == 1
        assert moving.sum() > 50
        assert not spec.classes["blur"][moving].any() and not spec.classes["focus"][moving].any()
        assert spec.values["motion"][moving].min() >= 5

    def test_fields_are_drawn_independently(self):
        spec = specs.draw("test", 7, np.arange(4000), specs.MIXES["iaa"])
        free = ("position", "saturation", "light", "color", "kind", "scene", "size", "tilt")
        table = np.corrcoef([spec.classes[field] for field in free])
        assert np.abs(table - np.eye(len(free))).max() < 0.06

    def test_generic_covers_what_the_tasks_show(self):
        spec = generic(4000)
        iqa = distort.distorted("test", 1, np.arange(2000)).spec
        for field in specs.FULL:
            low, high = spec.values[field].min(), spec.values[field].max()
            margin = 0.05 * (high - low) + 1e-9
            assert iqa.values[field].min() >= low - margin and iqa.values[field].max() <= high + margin, field


class TestDistort:
    def test_kind_is_independent_of_the_subject(self):
        drawn = distort.distorted("test", 1, np.arange(4000))
        for field in ("kind", "color", "scene"):
            assert abs(np.corrcoef(drawn.kinds[:, 0], drawn.spec.classes[field])[0, 1]) < 0.06

    def test_severity_zero_changes_nothing(self):
        drawn = distort.distorted("test", 1, np.arange(600))
        untouched = (drawn.severities == 0).all(1)
        assert 0.02 < untouched.mean() < 0.10
        for name, value in drawn.spec.values.items():
            assert (value[untouched] == drawn.intact.values[name][untouched]).all(), name

    def test_pairs_that_hide_each_other_do_not_occur(self):
        drawn = distort.distorted("test", 1, np.arange(3000))
        both = (drawn.severities > 0).all(1)
        assert 0.2 < both.mean() < 0.45
        for pair in (("blur", "motion"), ("under", "over")):
            assert not ((drawn.severity(pair[0]) > 0) & (drawn.severity(pair[1]) > 0)).any()
        assert (drawn.kinds[both, 0] != drawn.kinds[both, 1]).all()


class TestRender:
    def test_pixels_against_stored_pictures(self):
        """At most one step on at most one value in ten thousand: what another numpy release may differ by."""
        stored = np.load(STORED / "world_pictures.npy")
        drawn = render.render_all(generic(40).take(np.array([0, 7, 13, 29])))
        difference = np.abs(stored.astype(int) - drawn.astype(int))
        assert difference.max() <= 1 and (difference > 0).mean() <= 1e-4

    @pytest.mark.parametrize("size", [(64, 64), (96, 96), (48, 64), (96, 128), (64, 48)])
    def test_sizes(self, size):
        pictures = render.render_all(generic(12), size)
        assert pictures.shape == (12, *size, 3) and pictures.dtype == np.uint8

    def test_a_picture_is_the_same_at_another_size(self):
        spec = generic(60).take(np.arange(40, 60))
        spec = spec.changed(noise=np.zeros(20), jpeg=np.zeros(20))
        small = render.render_all(spec, (64, 64)).reshape(20, 8, 8, 8, 8, 3).mean((2, 4))
        large = render.render_all(spec, (96, 96)).reshape(20, 8, 12, 8, 12, 3).mean((2, 4))
        assert np.abs(small - large).mean() < 6

    @pytest.mark.parametrize("field, value", [("debris", 7), ("integrity", 0.6)])
    def test_what_spoils_a_subject_stays_with_it(self, field, value):
        """A changed picture differs where the subject stands; a post reaches from top to bottom."""
        base = distort.intact("test", 9, np.arange(40))
        base = base.changed(focus=np.zeros(40), size=np.full(40, 0.2))
        before, after = (
            render.render_all(base.changed(**{field: np.full(40, number)})).astype(int)
            for number in (0, value)
        )
        moved = np.abs(after - before).max(3) > 8  # [n, rows, columns]
        center = np.clip(base.values["x"], 0.16, 0.84) * 64
        for row in range(40):
            columns = np.flatnonzero(moved[row].any(0))
            assert len(columns) and abs(columns - center[row]).max() < 1.6 * 0.2 * 64 + 3
            assert (moved[row].any(1).mean() > 0.9) == (field == "integrity")

    def test_a_bent_picture_is_bent_throughout(self):
        """The scene waves with its subject, and more so with a stronger bend."""
        base = distort.intact("test", 9, np.arange(40)).changed(focus=np.zeros(40))
        straight = render.render_all(base).astype(int)
        shares = []
        for bend in (specs.CALM["warp"][1][0], specs.CALM["warp"][2][1]):
            moved = (
                np.abs(render.render_all(base.changed(warp=np.full(40, bend))) - straight).max(3) > 8
            )  # [n, rows, columns]
            shares.append(moved.mean())
        assert moved.any(1).mean() > 0.8 and shares[1] > 1.5 * shares[0] > 0

    def test_a_subject_that_leaves_the_frame_stands_at_its_edge(self):
        spec = generic(3000)
        leaving = spec.values["leaves"] != 0
        assert 0.1 < leaving.mean() < 0.25 and (spec.classes["integrity"][leaving] > 0).all()
        assert (spec.classes["position"][leaving] == 2).all() and (
            np.abs(spec.values["x"][leaving] - 0.5) > 0.28
        ).all()
        outside = np.abs(spec.values["x"] - 0.5) + specs.HALF_WIDTH * spec.values["size"] - 0.5
        assert np.allclose(
            outside[leaving], 2 * specs.HALF_WIDTH * (spec.values["size"] * spec.values["integrity"])[leaving]
        )

    @pytest.mark.parametrize("size", [(60, 64), (0, 64), (64, 65)])
    def test_impossible_sizes(self, size):
        with pytest.raises(UserError, match="multiples of 16"):
            render.render(generic(1), 0, size)

    def test_motion_is_visible(self):
        """A smear of the shortest task length takes most of the edges along its path and few across it."""
        spec = distort.intact("test", 9, np.arange(30)).changed(
            motion=np.full(30, specs.CALM["motion"][1][0])
        )
        still = render.render_all(spec.changed(motion=np.zeros(30))).astype(float)
        moving = render.render_all(spec).astype(float)
        along = np.abs(np.diff(moving, axis=2)).mean() / np.abs(np.diff(still, axis=2)).mean()
        across = np.abs(np.diff(moving, axis=1)).mean() / np.abs(np.diff(still, axis=1)).mean()
        assert along < 0.4 and across > 1.4 * along

    @pytest.mark.parametrize("field, low, high", [("blur", 0, 2.5), ("fog", 0, 0.7), ("saturation", 1, 0)])
    def test_degradations_do_what_they_say(self, field, low, high):
        before, after = (render.render(plain(**{field: value}), 0).astype(float) for value in (low, high))
        spread = (
            (lambda picture: picture.std(2).mean())
            if field == "saturation"
            else (lambda picture: np.abs(np.diff(picture, axis=0)).mean())
        )
        assert spread(after) < 0.6 * spread(before)

    def test_exposure_brightens(self):
        means = [render.render(plain(light=stops), 0).mean() for stops in (-3, -1, 0, 1, 2)]
        assert means == sorted(means)

    def test_jpeg_leaves_flat_blocks(self):
        rng = np.random.default_rng(0)
        image = rng.random((3, 32, 48), dtype=np.float32)
        assert degrade.jpeg(image, 0) is image
        coarse = degrade.jpeg(image, 12)
        luma = np.tensordot(degrade.GRAY, coarse, 1).reshape(4, 8, 6, 8)
        assert (
            luma.std((1, 3)).mean()
            < 0.5 * np.tensordot(degrade.GRAY, image, 1).reshape(4, 8, 6, 8).std((1, 3)).mean()
        )
        assert np.abs(degrade.jpeg(image, 0.01) - image)[0].mean() < 0.25  # chroma is halved, nothing else

    def test_blur_keeps_a_flat_picture(self):
        flat = np.full((3, 32, 32), 0.4, np.float32)
        assert np.allclose(degrade.blur(flat, 2), 0.4, atol=1e-5) and np.allclose(
            degrade.motion(flat, 9, 0.3), 0.4, atol=1e-5
        )
