"""Real photographs from scikit-image and what can be done to them."""

import numpy as np
import pytest

from moslab.datasets.photos import DEGRADATIONS, PHOTOS, degraded, photo
from moslab.utils.errors import UserError


@pytest.mark.parametrize("name", PHOTOS)
def test_photographs_come_at_working_size(name: str) -> None:
    assert photo(name).size == (64, 64)
    assert photo(name).mode == "RGB"


@pytest.mark.parametrize("kind", DEGRADATIONS)
def test_damage_grows_with_severity(kind: str) -> None:
    intact = np.asarray(photo("coffee"), float)
    damage = []
    for severity in (0.0, 0.3, 0.6, 1.0):
        degraded_photo = np.asarray(degraded(photo("coffee"), kind, severity), float)
        damage.append(np.abs(degraded_photo - intact).mean())
    assert damage[0] == 0
    assert damage == sorted(damage)
    assert damage[-1] > 5


def test_unknown_names_list_the_known() -> None:
    with pytest.raises(UserError, match="astronaut"):
        photo("mona lisa")
    with pytest.raises(UserError, match="blur"):
        degraded(photo("coffee"), "rain", 0.5)
