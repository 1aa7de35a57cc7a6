"""Paired differences as text."""

from made_up import GAPS

from moslab.analysis import gap_tables


def test_differences_stand_across_datasets():
    frame = gap_tables.across(GAPS)
    assert list(frame) == ["iqa", "iaa"]
    assert frame.loc["digits: means"].tolist() == ["+0.016 [+0.011, +0.020]", "–"]
    assert frame.loc["words", "iaa"] == "-0.020 [-0.030, -0.010]"
    assert gap_tables.across(GAPS[:0]).empty


def test_one_difference_is_told_dataset_by_dataset():
    text = "+0.001 [-0.001, +0.003] on iqa, -0.020 [-0.030, -0.010] on iaa"
    assert gap_tables.of_pair(GAPS, "words") == text
    assert gap_tables.of_pair(GAPS, "never measured") == ""
