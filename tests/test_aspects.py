"""What a dataset's scores judge: stated by every dataset, and read by prompts and learning rates."""

import pytest

from moslab import datasets
from moslab.backbones.prompts import Wording, aspect
from moslab.datasets.about import About
from moslab.experiments.tuning import table, tuned_rate
from moslab.utils.errors import UserError

AESTHETICS = {"iaa", "ava", "avacaptions", "tad66k", "icaa17k", "para", "aadb"}
AESTHETICS |= {"like_avacaptions", "like_tad66k", "like_icaa17k", "like_para", "like_aadb"}
FACTS = ("a dataset", None, "nowhere", "open")


@pytest.mark.parametrize("name", datasets.NAMES)
def test_the_aspect_of_every_dataset(name):
    expected = "aesthetics" if name in AESTHETICS else "quality"
    assert aspect(name) == datasets.aspect(name) == expected
    assert Wording(name, "generic").question(0) == f"How would you rate the {expected} of this image?"
    assert Wording(name).answer_prefix(0) == f"The {expected} of the image is"


@pytest.mark.parametrize("name", datasets.NAMES)
def test_a_preset_that_takes_another_score_says_what_that_one_judges(name):
    assert aspect(name, "alignment") == "alignment"
    assert aspect(name, "quality") == "quality"
    assert aspect(name, "color") == "color aesthetics"
    assert aspect(name, "both") == aspect(name)


@pytest.mark.parametrize("name", ["koniq10k+spaq", "ava+iaa", "iqa+aigiqa", "csv+tad66k"])
def test_joined_datasets_are_asked_for_quality(name):
    assert aspect(name) == "quality"


@pytest.mark.parametrize("name", datasets.PUBLISHED)
def test_a_dataset_without_tuned_rates_borrows_those_of_its_aspect(name):
    assert not any(entry.startswith(f"{name}/") for entry in table())
    stand_in = "iaa" if name in AESTHETICS else "iqa"
    assert tuned_rate("levels", name, "lm") == table()[f"{stand_in}/lm/levels"]["learning_rate"]


def test_a_dataset_that_states_no_aspect_is_refused_where_it_is_defined():
    with pytest.raises(TypeError, match="aspect"):
        About(*FACTS, signs=())
    with pytest.raises(
        UserError, match="a dataset states the aspect 'beauty': write .* quality or aesthetics"
    ):
        About(*FACTS, signs=(), aspect="beauty")


def test_an_unknown_dataset_has_no_aspect():
    with pytest.raises(UserError, match="Unknown dataset 'iqb': choose one of iqa, "):
        aspect("iqb")


@pytest.mark.parametrize("name", datasets.PUBLISHED)
def test_a_published_dataset_is_the_module_of_its_name(name):
    module = datasets.module_of(name)
    assert module.__name__ == f"moslab.datasets.{name}"
    assert module.PRESETS is None or module.PRESETS[0] == "default"
    assert isinstance(module.ABOUT, About) and callable(module.load)


def test_only_published_datasets_have_a_module():
    for name in ("iqa", "labelfile", "spaq "):
        with pytest.raises(UserError, match=f"Unknown dataset '{name}': published ones are koniq10k, ava, "):
            datasets.module_of(name)


def test_the_standard_library_is_found_where_a_dataset_has_its_name():
    import csv

    assert hasattr(csv, "reader") and csv is not datasets.module_of("csv")


def test_a_label_says_of_how_many_pictures_it_is():
    assert datasets.label("ava") == "AVA"
    assert datasets.label("ava", 25_551) == "AVA (TANet's 25,551 of 255,530 pictures)"
    assert datasets.label("ava", 9) == "AVA (9 of 255,530 pictures)"
    assert datasets.label("koniq10k", 10_073) == "KonIQ-10k"
    assert datasets.label("iqa", 9) == "iqa"
