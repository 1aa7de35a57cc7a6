"""The committed conclusion and a committed figure, before anything else."""

import pytest
from PIL import Image

from moslab.analysis.answer import Picture, answer, picture
from moslab.analysis.tables import Sentence
from moslab.utils.files import write_json


def commit(home, profile: str, record: dict) -> None:
    write_json(home / f"papermill_runs/reference/results/{profile}/01_toy.json", record)


def test_the_answer_is_what_the_committed_notebook_concluded(home):
    commit(home, "embedded", {"values": {"answer": "51 bins, by 0.012 SRCC."}})
    shown = answer("01_toy")
    assert isinstance(shown, Sentence)
    assert shown == (
        "**Answer** (of the committed reference runs, on the embedded model): 51 bins, by 0.012 SRCC."
    )


@pytest.mark.parametrize("record", [None, {}, {"values": {"ceilings": []}}])
def test_without_a_committed_answer_it_says_how_to_get_one(home, record):
    if record is not None:
        commit(home, "embedded", record)
    commit(home, "smoke", {"values": {"answer": "of another profile"}})
    assert answer("01_toy") == "*No committed reference yet: run all cells to get an answer.*"


@pytest.mark.parametrize(
    ("size", "metadata"),
    [((830, 400), {}), ((830, 415), {"width": 800}), ((1660, 790), {}), ((450, 900), {"width": 200})],
)
def test_a_committed_figure_is_shown_as_png_that_fits_on_a_laptop(home, size, metadata):
    assert picture("toy") == "*No committed figure yet.*"
    (home / "figures").mkdir()
    Image.new("L", size).save(home / "figures/toy.png")
    shown = picture("toy")
    assert isinstance(shown, Picture)
    assert shown._repr_png_() == ((home / "figures/toy.png").read_bytes(), metadata)
    assert repr(shown) == "Picture"
