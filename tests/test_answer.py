"""The answer card: a row per claim, a column per dataset or condition."""

from moslab.analysis.answer import Picture, answer_table


def recorded(statement: str, on: str, verdict: str, value: float | None) -> dict:
    """What a result JSON holds of a verdict."""
    return {"statement": statement, "on": on, "verdict": verdict, "value": value}


def test_each_cell_holds_the_verdict_and_the_difference():
    claims = [
        recorded("Bins beat words.", "iqa", "agrees", 0.01234),
        recorded("Words beat bins.", "iaa", "disagrees", -0.5),
        recorded("Bins beat words.", "iaa", "not resolved", 0.0),
    ]
    assert answer_table(claims).splitlines() == [
        "| claim | iqa | iaa |",
        "| --- | --- | --- |",
        "| Bins beat words. | **agrees** +0.012 | **not resolved** +0.000 |",
        "| Words beat bins. | – | **disagrees** -0.500 |",
    ]


def test_a_claim_without_a_dataset_or_a_value_has_a_cell_too():
    table = answer_table([recorded("Three digits | do.", "", "not resolved", None)])
    assert "| claim | labels |" in table
    assert r"| Three digits \| do. | **not resolved** |" in table


def test_a_notebook_that_judges_nothing_says_so():
    assert answer_table([]) == "This notebook judges no claim."


def test_a_picture_is_shown_as_png():
    picture = Picture(b"\x89PNG")
    assert picture._repr_png_() == b"\x89PNG"
    assert repr(picture) == "Picture"
