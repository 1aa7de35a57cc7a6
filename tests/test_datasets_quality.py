"""Quality datasets in each published layout: what loads, what does no harm, and every fault of a copy."""

from dataclasses import replace
from pathlib import Path

import pytest
from layouts import load_real, paint
from layouts_quality import assert_refused, every_layout, layout_of, layouts_that

from moslab import datasets
from moslab.analysis import data_check
from moslab.utils.errors import UserError


@every_layout
def test_every_layout_loads(layout, tmp_path):
    table = layout.load(tmp_path)
    assert table.frame["image"][0] == layout.first
    assert len(table) == len(layout.rows)
    assert list(table.frame.columns) == list(datasets.table.COLUMNS)
    assert table.frame["mos"].tolist() == [float(fields[layout.score]) for fields in layout.rows]
    assert table.frame["mos"].between(*table.scale).all()
    assert table.frame["source"][0] == f"{layout.title} line {layout.line}"
    assert set(table.frame["split"]) <= {"train", "val", "test"}
    assert table.annotations is None or table.annotations.index.equals(table.frame.index)
    assert table.higher_is_better == (layout.name != "csiq")


@every_layout
@pytest.mark.parametrize("spelled", [str, str.upper])
def test_pictures_open_whatever_their_extension_is_written_like(layout, spelled, tmp_path):
    picture = Path(layout.picture)
    paint(tmp_path / layout.name / picture.with_suffix(spelled(picture.suffix)))
    assert layout.load(tmp_path).pixels.open(0).size == (8, 6)


@every_layout
def test_a_missing_picture_is_a_sentence(layout, tmp_path):
    sentence = "is missing .row 0 of the labels|holds no frames .row 0 of the labels"
    with pytest.raises(UserError, match=sentence):
        layout.load(tmp_path).pixels.open(0)


@every_layout
def test_a_broken_picture_is_a_sentence(layout, tmp_path):
    picture = tmp_path / layout.name / layout.picture
    picture.parent.mkdir(parents=True)
    picture.write_text("not a photo")
    with pytest.raises(UserError, match="is not a readable picture"):
        layout.load(tmp_path).pixels.open(0)


@every_layout
def test_pictures_not_unpacked_are_a_sentence(layout, tmp_path):
    root = layout.write(tmp_path)
    archive = tmp_path / layout.name / f"{Path(layout.picture).parts[0]}.zip"
    archive.write_bytes(b"PK")
    with pytest.raises(UserError, match=f"{archive.name} is still packed"):
        datasets.load(layout.name, root=root).pixels.open(0)


@every_layout
def test_a_folder_not_unpacked_is_a_sentence(layout, tmp_path):
    name = layout.name
    (tmp_path / f"{name}.zip").write_bytes(b"PK")
    sentence = f"holds no folder {name}.* {name}.zip is still packed: unpack it there"
    with pytest.raises(UserError, match=sentence):
        datasets.load(name, root=str(tmp_path))


@every_layout
def test_a_missing_label_file_is_a_sentence(layout, tmp_path):
    (tmp_path / layout.name).mkdir()
    (tmp_path / layout.name / "labels.zip").write_bytes(b"PK")
    with pytest.raises(UserError, match=f"{layout.name} has no .*: expected .*labels.zip is still packed"):
        datasets.load(layout.name, root=str(tmp_path))


@layouts_that(lambda layout: layout.columns)
def test_a_missing_column_is_a_sentence(layout, tmp_path):
    columns = list(layout.columns)
    columns[layout.score] = "Punkte"
    renamed = replace(layout, columns=tuple(columns))
    assert "Punkte" in assert_refused(layout, renamed.write(tmp_path), "lacks the column")


@every_layout
def test_a_missing_field_is_a_sentence(layout, tmp_path):
    short = replace(layout, rows=(layout.rows[0], layout.rows[1][:1]))
    assert_refused(layout, short.write(tmp_path), f"line {layout.line + 1}, column .* is empty or NaN")


@every_layout
def test_a_byte_order_mark_is_passed_over(layout, tmp_path):
    plain = layout.load(tmp_path).frame
    marked = datasets.load(layout.name, root=layout.write(tmp_path, start="\ufeff")).frame
    assert marked.equals(plain)


@layouts_that(lambda layout: layout.folders)
def test_backslashes_separate_folders_too(layout, tmp_path):
    name = layout.rows[0][layout.image]
    frame = layout.changed(0, layout.image, rf"some\{name}").load(tmp_path).frame
    plain = layout.load(tmp_path).frame
    assert frame["image"][0] == f"some/{layout.first}"
    assert frame["group"].equals(plain["group"])


@every_layout
def test_blanks_around_fields_are_passed_over(layout, tmp_path):
    plain = layout.load(tmp_path).frame
    rows = []
    for fields in layout.rows:
        rows.append(tuple(f"{field}  " for field in fields))
    assert replace(layout, rows=tuple(rows)).load(tmp_path).frame.equals(plain)


@every_layout
def test_blank_lines_are_passed_over(layout, tmp_path):
    ended = layout.more(("",))
    assert len(ended.load(tmp_path)) == len(layout.rows)


@every_layout
def test_a_duplicate_is_a_sentence_with_both_lines(layout, tmp_path):
    root = layout.more(layout.rows[0]).write(tmp_path)
    sentence = assert_refused(layout, root, "Keep one of the two")
    assert f"line {layout.line}" in sentence
    assert f"line {layout.line + 2}" in sentence


@every_layout
@pytest.mark.parametrize(
    "value, sentence",
    [
        ("nan", "is empty or NaN"),
        ("good", "holds 'good': expected a number"),
        ("inf", "holds 'inf'|is inf, expected"),
    ],
)
def test_no_number_is_a_sentence(layout, value, sentence, tmp_path):
    root = layout.changed(1, layout.score, value).write(tmp_path)
    assert_refused(layout, root, f"line {layout.line + 1}.*({sentence})")


@layouts_that(lambda layout: layout.sep == ",")
def test_a_missing_name_is_a_sentence(layout, tmp_path):
    root = layout.changed(1, layout.image, "  ").write(tmp_path)
    column = layout.columns[layout.image] if layout.columns else "dist_name"
    assert_refused(layout, root, f"line {layout.line + 1}, column {column} is empty")


@every_layout
def test_a_score_off_the_scale_is_a_sentence(layout, tmp_path):
    root = layout.changed(1, layout.score, layout.off).write(tmp_path)
    assert_refused(layout, root, f"line {layout.line + 1}: .* is {layout.off}, expected .* to ")


@every_layout
@pytest.mark.parametrize("text", ["", "\n\n"])
def test_an_empty_file_is_a_sentence(layout, text, tmp_path):
    layout.write(tmp_path)
    (tmp_path / layout.name / layout.file).write_text(text)
    assert_refused(layout, str(tmp_path), "is empty: download it again|has no rows: download it again")


@layouts_that(lambda layout: layout.columns)
def test_a_header_alone_is_a_sentence(layout, tmp_path):
    assert_refused(layout, replace(layout, rows=()).write(tmp_path), "has no rows")


@every_layout
def test_a_binary_file_is_a_sentence(layout, tmp_path):
    layout.write(tmp_path)
    (tmp_path / layout.name / layout.file).write_bytes(b"\x89PNG\r\n\xff\xfe\x00\x00" * 20)
    assert_refused(layout, str(tmp_path), "download it again|lacks the column")


@every_layout
def test_an_unknown_preset_is_a_sentence(layout, tmp_path):
    with pytest.raises(UserError, match=f"{layout.name} knows no preset 'best': choose one of default"):
        layout.load(tmp_path, preset="best")


@pytest.mark.parametrize("name", ["spaq", "livec", "kadid10k", "tid2013", "csiq", "pipal", "konvid1k"])
def test_every_dataset_says_what_it_is(name):
    about = datasets.module_of(name).ABOUT
    assert about.title
    assert about.obtain
    assert about.pictures
    assert not about.splits  # none of these has an official split


@layouts_that(lambda layout: layout.columns and layout.file != "meta_info_CSIQDataset.csv")
def test_a_label_file_is_known_by_its_columns(layout, tmp_path):
    """All but IQA-PyTorch's for CSIQ, whose columns its file for KADID-10k has as well."""
    layout.write(tmp_path)
    assert data_check.looks_like(tmp_path / layout.name, "*/*") == [layout.name]


@pytest.mark.parametrize(
    "layout, saved",
    [
        (layout_of("spaq", "MOS and"), "table of scores"),
        (layout_of("csiq", "DMOS"), "table of scores .sheet all_by_image."),
    ],
    ids=["spaq", "csiq"],
)
def test_a_workbook_alone_is_a_sentence(layout, saved, tmp_path):
    path = (tmp_path / layout.name / layout.file).with_suffix(".xlsx")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"PK")
    advice = f"save its {saved} as CSV beside it, named {layout.title}"
    with pytest.raises(UserError, match=f"{path.name} is a workbook, which is not read here: {advice}"):
        datasets.load(layout.name, root=str(tmp_path))


@pytest.mark.parametrize("name", ["livec", "kadid10k", "tid2013", "csiq", "pipal", "konvid1k"])
def test_real_labels_are_as_many_as_published(name, data_root):
    table = load_real(data_root, name)
    assert len(table) == datasets.module_of(name).ABOUT.pictures
    assert table.frame["mos"].between(*table.scale).mean() > 0.99
