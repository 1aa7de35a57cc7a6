"""Artificially distorted pictures: KADID-10k, TID2013, CSIQ and PIPAL."""

from dataclasses import replace

import numpy as np
import pytest
from layouts_quality import assert_refused, layout_of

from moslab import datasets
from moslab.utils.errors import UserError


def test_kadid_deviation_is_the_column_called_variance(tmp_path):
    """25 votes of 1 and five of 2 have the deviation, and not the variance, that the column holds."""
    votes = np.repeat([1, 2], [25, 5])
    assert (round(votes.mean(), 2), round(votes.std(), 3)) == (1.17, 0.373)
    layout = layout_of("kadid10k", "dmos")
    table = layout.load(tmp_path)
    assert table.frame["sd"].tolist() == [0.5, 0.4]
    assert table.annotations.values.tolist() == [["01", 1], ["25", 5]]
    deqa = layout.load(tmp_path, preset="deqa")
    assert deqa.frame["sd"].tolist() == pytest.approx([0.5**0.5, 0.4**0.5])


def test_tid_names_are_one_whatever_their_case(tmp_path):
    layout = layout_of("tid2013", "names")
    table = layout.load(tmp_path)
    assert table.frame["group"].tolist() == ["I01", "I25"]
    assert table.annotations[["distortion", "level"]].values.tolist() == [["01", 1], ["24", 5]]
    twice = layout.more(("4.5", "i01_01_1.BMP")).write(tmp_path)
    assert_refused(layout, twice, "line 3: i01_01_1.bmp is already on line 1")
    short = layout.changed(1, 1, "I25.BMP").write(tmp_path)
    sentence = "line 2: 'I25.BMP' does not tell reference, distortion and level as I01_05_2.bmp does"
    assert_refused(layout, short, sentence)


def test_tid_standard_errors_are_no_deviations(tmp_path):
    """i03_11_5 as published: 40 raters with a mean of 0.7 and a deviation of 0.6 give its 0.09487."""
    votes = np.repeat([0, 1, 2], [15, 22, 3])
    assert (votes.mean(), round(votes.std() / len(votes) ** 0.5, 5)) == (0.7, 0.09487)
    layout = layout_of("tid2013", "names")
    assert layout.load(tmp_path).annotations["standard_error"].isna().all()
    (tmp_path / "tid2013" / "mos_std.txt").write_text("0.13013 \n0.16008\n")
    table = layout.load(tmp_path)
    assert table.annotations["standard_error"].tolist() == [0.13013, 0.16008]
    assert table.frame["sd"].isna().all()


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("0.1\n", "mos_std.txt has 1 lines for the 2 scores"),
        ("0.1\nx\n", "mos_std.txt, line 2, column mos_std holds 'x'"),
        ("0.1\n-1\n", "line 2: mos_std is -1"),
        ("", "has no rows"),
    ],
)
def test_bad_tid_standard_errors_are_sentences(text, sentence, tmp_path):
    root = layout_of("tid2013", "names").write(tmp_path)
    (tmp_path / "tid2013" / "mos_std.txt").write_text(text)
    with pytest.raises(UserError, match=sentence):
        datasets.load("tid2013", root=root)


def test_csiq_layouts_name_the_same_pictures(tmp_path):
    """Lower is better as published, and oriented turns it; the two layouts differ in the deviation alone."""
    shared = layout_of("csiq", "meta").load(tmp_path)
    table = layout_of("csiq", "DMOS").load(tmp_path)
    assert (table.version, shared.version) == ("official", "pyiqa")
    columns = ["image", "mos", "split", "group"]
    assert table.frame[columns].equals(shared.frame[columns])
    assert table.annotations.equals(shared.annotations)
    assert table.frame["sd"].tolist() == [0.06, 0.1]
    assert shared.frame["sd"].isna().all()
    assert table.annotations.values.tolist() == [["AWGN", 1], ["jpeg2000", 5]]
    assert table.oriented().frame["mos"].tolist() == [0.9375, 0.25]


@pytest.mark.parametrize(
    "field, value, sentence",
    [
        (2, "fog", "line 3: dst_type is 'fog', expected one of noise, jpeg"),
        (3, "7", "line 3: dst_lev is 7, expected 1 to 5"),
    ],
)
def test_distortions_that_csiq_does_not_have_are_refused(field, value, sentence, tmp_path):
    sheet = layout_of("csiq", "DMOS")
    assert_refused(sheet, sheet.changed(1, field, value).write(tmp_path), sentence)


def test_csiq_sheet_may_have_an_empty_column_before_it(tmp_path):
    layout = layout_of("csiq", "DMOS")
    rows = [("", *fields) for fields in layout.rows]
    moved = replace(layout, columns=("", *layout.columns), rows=tuple(rows))
    assert moved.load(tmp_path).frame["image"][0] == layout.first


def test_pipal_reads_a_file_for_every_reference(tmp_path):
    first = layout_of("pipal", "Train_Label")
    second = replace(first, file="Train_Label/A0002.txt", rows=(("A0002_03_07.bmp", "1437.0798"),))
    first.write(tmp_path)
    table = second.load(tmp_path)
    assert table.frame["group"].tolist() == ["A0001", "A0001", "A0002"]
    assert table.frame["source"][2] == "A0002.txt line 1"
    assert table.annotations.columns.tolist() == ["distortion", "type"]
    assert table.annotations.values.tolist() == [["00", 0], ["06", 26], ["03", 7]]
    one_table = layout_of("pipal", "meta").load(tmp_path / "other")
    assert one_table.frame["split"][0] == table.frame["split"][0]  # a reference's place is its own
    root = replace(second, rows=first.rows[:1]).write(tmp_path)
    sentence = "pipal: A0001_00_00.bmp is on A0001.txt line 1 and again on A0002.txt line 1"
    with pytest.raises(UserError, match=sentence):
        datasets.load("pipal", root=root)


REFERENCES = {  # a layout, and the rows of one reference under two distortions
    "kadid10k": (
        layout_of("kadid10k", "dmos"),
        lambda number: (
            (f"I{number}_01_01.png", f"I{number}.png", "3", "1"),
            (f"I{number}_02_01.png", f"I{number}.png", "3", "1"),
        ),
    ),
    "tid2013": (
        layout_of("tid2013", "names"),
        lambda number: (("3", f"i{number:02d}_01_1.bmp"), ("3", f"I{number:02d}_02_1.bmp")),
    ),
    "csiq": (
        layout_of("csiq", "DMOS"),
        lambda number: (
            (f"ref.{number}", "1", "noise", "1", "0.1", "0.5"),
            (f"ref.{number}", "1", "blur", "1", "0.1", "0.5"),
        ),
    ),
    "pipal": (
        layout_of("pipal", "meta"),
        lambda number: (
            (f"A{number:04d}.bmp", f"A{number:04d}_01_01.bmp", "1400"),
            (f"A{number:04d}.bmp", f"A{number:04d}_02_01.bmp", "1400"),
        ),
    ),
}


@pytest.mark.parametrize("name", REFERENCES)
def test_a_reference_is_in_one_split(name, tmp_path):
    layout, pair_of = REFERENCES[name]
    rows = []
    for number in range(40):
        rows.extend(pair_of(number))
    frame = replace(layout, rows=tuple(rows)).load(tmp_path).frame
    assert frame["group"].nunique() == 40
    assert (frame.groupby("group")["split"].nunique() == 1).all()
    assert set(frame["split"]) == {"train", "val", "test"}
