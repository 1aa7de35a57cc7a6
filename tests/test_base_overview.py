"""What bases can do, a row each."""

from moslab.publish import base_overview

CARD = {
    "mean_attribute_accuracy": {"degraded": 0.81234},
    "caption_loss": 1.5,
    "digit_perplexity": 6.789,
    "parameters": 1234567,
}


def test_a_base_without_a_stored_card_has_empty_cells(monkeypatch):
    monkeypatch.setattr(base_overview, "stored", lambda: {"embedded": CARD})
    frame = base_overview.overview(["embedded", "org/model"])
    assert list(frame) == base_overview.COLUMNS
    assert frame.loc["embedded"].tolist() == ["1,234,567", "0.812", "1.500", "6.79"]
    assert frame.loc["org/model"].tolist() == ["no stored card", "", "", ""]
    assert frame.index.name == "base"
    assert base_overview.overview([]).empty


def test_the_package_s_bases_have_cards():
    frame = base_overview.overview(["embedded", "embedded-early"])
    assert (frame != "").all(axis=None)
