"""Generated images and uploads: what their prompts, generators and attributes do."""

import numpy as np
import pytest
from world_toys import plcc

from moslab.datasets.embedded import table_of
from moslab.world import (
    aigiqa,
    language,
    specs,
    ugc,
)


class TestGeneratedImages:
    def test_prompts_say_what_was_wanted(self):
        drawn = aigiqa.prompted("test", 3, np.arange(600))
        texts = drawn.texts
        assert len(set(texts)) > 95
        vocabulary = set(language.vocabulary())
        for row in range(0, 600, 6):
            assert len(set(texts[row : row + 6])) == 1
            words = set(language.words_of(texts[row]))
            assert {specs.FIELDS[field][drawn.wanted[field][row]] for field in ("color", "kind")} <= words
            assert words <= vocabulary
            assert bool(words & {"striped", "dotted"}) == (drawn.wanted["texture"][row] > 0)

    def test_generators_err_and_spoil_as_they_should(self):
        drawn = aigiqa.prompted("test", 3, np.arange(12_000))
        for number, error in enumerate(aigiqa.ERROR):
            rows = drawn.generator == number
            for field, harder in aigiqa.HARDER.items():
                wrong = (drawn.spec.classes[field] != drawn.wanted[field])[rows].mean()
                assert wrong == pytest.approx(min(harder * error, 0.95), abs=0.04), (number, field)
        mangled = [
            drawn.spec.values["warp"][drawn.generator == number].mean()
            for number in np.argsort(aigiqa.ARTEFACTS)
        ]
        assert mangled == sorted(mangled)

    def test_pictures_show_what_their_generator_made_of_the_prompt(self):
        """Style by style, on the numbers that are rendered."""
        drawn = aigiqa.prompted("test", 3, np.arange(1200))
        for number, (field, name, value) in enumerate(aigiqa.STYLES[1:], 1):
            shown = drawn.shown_style == number
            assert shown.sum() > 50 and (drawn.spec.values[field][shown] == value).all()
            has_class = drawn.spec.classes[field] == specs.FIELDS[field].index(name)
            assert has_class[shown].all() and not has_class[~shown].any()

    def test_a_picture_that_shows_everything_is_aligned_best(self):
        drawn = aigiqa.prompted("test", 3, np.arange(3000))
        perfect = (
            np.all([drawn.spec.classes[field] == number for field, number in drawn.wanted.items()], 0)
            & (drawn.style == drawn.shown_style)
            & (drawn.spec.classes["saturation"] > 0)
        )
        aligned = (
            aigiqa.alignment(drawn.spec, drawn.shown_style, drawn.wanted, drawn.style)
            + aigiqa.MANGLED * drawn.spec.values["warp"] / aigiqa.STRENGTH["warp"]
        )
        best = aigiqa.LEAST_ALIGNED + aigiqa.ALIGNED
        assert np.allclose(aligned[perfect], best)
        assert (aligned[~perfect] < best - 0.1).all()

    def test_what_the_picture_tells_of_the_alignment_is_calibrated(self):
        """Among pictures with a high or a low bound, the mean alignment is what the bound expects."""
        drawn = aigiqa.prompted("test", 5, np.arange(24_000))
        aligned = aigiqa.alignment(drawn.spec, drawn.shown_style, drawn.wanted, drawn.style)
        expected = aigiqa.alignment_bounds(drawn, aligned, 5)
        for bound in ("image_only", "text_only"):
            guess = expected[bound]
            for part in np.array_split(np.argsort(guess), 8):
                error = abs(aligned[part].mean() - guess[part].mean())
                assert error < 4 * aligned[part].std() / len(part) ** 0.5 + 0.02, bound

    def test_both_scores_are_annotated_and_one_is_the_label(self, worlds):
        for preset, column in (("aigiqa", "mos_quality"), ("alignment", "mos_align")):
            table = table_of(worlds[preset])
            assert np.allclose(table.annotations[column], table.frame["mos"])
        annotations = table_of(worlds["aigiqa"]).annotations
        assert 0.3 < plcc(annotations["mos_quality"], annotations["mos_align"]) < 0.75


class TestUploads:
    def test_attributes_are_realqa_s_own(self, worlds):
        """Nine of them, with the options of the paper's appendix table 3."""
        assert len(ugc.OPTIONS) == 9
        assert set(ugc.WEIGHTS) == set(ugc.OPTIONS) == set().union(*ugc.LEVELS.values())
        annotations = table_of(worlds["ugc"]).annotations
        for name, options in ugc.OPTIONS.items():
            assert set(annotations[name]) <= set(options) and annotations[name].nunique() > 1, name
        assert [len(options) for options in ugc.OPTIONS.values()] == [10, 10, 3, 3, 3, 2, 4, 5, 5]

    def test_annotators_are_nearly_right(self):
        made = ugc.make("default", 1, np.arange(800), (64, 64))
        truth = ugc.true_attributes(made.spec, ugc.measured_chroma(made.spec, (64, 64)))
        for name, options in ugc.OPTIONS.items():
            answers = np.array([options.index(option) + 1 for option in made.annotations[name]])
            assert plcc(answers, truth[name]) > 0.85, name

    def test_the_composite_has_the_usual_mean_and_spread(self):
        made = ugc.make("default", 9, np.arange(3000), (64, 64))
        assert made.frame["mos"].mean() == pytest.approx(ugc.CENTER, abs=0.1)
        assert made.bounds["image_only"].std() == pytest.approx(ugc.SPREAD, abs=0.12)
        assert plcc(made.annotations["feedback"], made.bounds["image_only"]) > 0.85

    @pytest.mark.parametrize(
        "name, worse",
        [
            ("subject_integrity", 1),
            ("image_clarity", 1),
            ("level_shot", 1),
            ("composition", 2),
            ("exposure", 1),
            ("exposure", 5),
        ],
    )
    def test_each_attribute_counts(self, name, worse):
        best = {key: np.array([len(options)]) for key, options in ugc.OPTIONS.items()} | {
            "exposure": np.array([3]),
            "saturation": np.array([4]),
        }
        assert ugc.composite(best | {name: np.array([worse])})[0] < ugc.composite(best)[0]

    def test_reasons_name_what_decides(self, worlds):
        annotations = table_of(worlds["ugc"]).annotations
        for name, fields in ugc.REASONED.items():
            named = {language.NAMES[field] for field in fields}
            others = set(language.NAMES.values()) - named - {"colour", "position", "colours"}
            for text in annotations[f"{name}_reason"].head(200):
                assert not set(language.words_of(text)) & others, text
