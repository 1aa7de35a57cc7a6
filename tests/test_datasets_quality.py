"""Loaders of quality datasets: miniature folders in the published layouts, every fault a user's copy can have, and the real files where they are."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from conftest import NO_DATA
from PIL import Image
from scipy.io import savemat

from moslab import datasets
from moslab.analysis import data_check
from moslab.datasets.table import FramePixels, ImageTable
from moslab.utils.errors import UserError


@dataclass(frozen=True)
class Mini:
    """A dataset of a few pictures in one of its layouts: a label file as rows of fields, and where the first row's picture lies."""

    name: str
    file: str
    columns: tuple[str, ...]  # () for a file without a header
    rows: tuple[tuple[str, ...], ...]
    image: int  # the field that holds the name
    score: int
    picture: str
    first: str  # the first row's id
    sep: str = ","
    off: str = "400"  # a score off the scale
    folders: bool = True  # names may have folders before them

    def write(self, root: Path, start: str = "") -> str:
        """The label file below the data root, which is returned; start: what stands before its text."""
        path = root / self.name / self.file
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [self.columns, *self.rows] if self.columns else self.rows
        path.write_text(start + "".join(self.sep.join(fields) + "\n" for fields in lines), encoding="utf-8")
        return str(root)

    def changed(self, row: int, field: int, value: str) -> "Mini":
        """The same with one field changed."""
        rows = [list(fields) for fields in self.rows]
        rows[row][field] = value
        return replace(self, rows=tuple(map(tuple, rows)))

    @property
    def line(self) -> int:
        """The first row's line."""
        return 2 if self.columns else 1


SPAQ = ("MOS", "Brightness", "Colorfulness", "Contrast", "Noisiness", "Sharpness")
SHEET = ("image", "dst_idx", "dst_type", "dst_lev", "dmos_std", "dmos")
LAYOUTS = [
    Mini(
        "spaq",
        "Annotations/MOS and Image attribute scores.csv",
        ("Image name", *SPAQ),
        (
            ("00001.jpg", "50.5", "40", "41", "42", "43", "44"),
            ("00002.jpg", "62.5", "50", "51", "52", "53", "54"),
        ),
        0,
        1,
        "TestImage/00001.jpg",
        "00001.jpg",
    ),
    Mini(
        "spaq",
        "spaqTest.csv",
        ("image_id", *SPAQ),
        (("10001.jpg", "6.1", "4", "5", "6", "7", "8"), ("10002.jpg", "5.1", "4", "5", "6", "7", "8")),
        0,
        1,
        "images/10001.jpg",
        "10001.jpg",
        off="11",
    ),
    Mini(
        "kadid10k",
        "dmos.csv",
        ("dist_img", "ref_img", "dmos", "var"),
        (("I01_01_01.png", "I01.png", "4.5", "0.5"), ("I02_25_05.png", "I02.png", "1.2", "0.4")),
        0,
        2,
        "images/I01_01_01.png",
        "I01_01_01.png",
        off="0.9",
    ),
    Mini(
        "tid2013",
        "mos_with_names.txt",
        (),
        (("5.5", "I01_01_1.bmp"), ("0.5", "i25_24_5.BMP")),
        1,
        0,
        "distorted_images/i01_01_1.bmp",
        "I01_01_1.bmp",
        sep=" ",
        off="9.5",
    ),
    Mini(
        "csiq",
        "csiq.DMOS.csv",
        SHEET,
        (("1600", "1", "noise", "1", "0.06", "0.0625"), ("elk", "3", "jpeg 2000", "5", "0.1", "0.75")),
        0,
        5,
        "dst_imgs/awgn/1600.AWGN.1.png",
        "1600.AWGN.1.png",
        off="1.5",
        folders=False,
    ),
    Mini(
        "csiq",
        "meta_info_CSIQDataset.csv",
        ("ref_name", "dist_name", "dmos"),
        (("1600.png", "1600.AWGN.1.png", "0.0625"), ("elk.png", "elk.jpeg2000.5.png", "0.75")),
        1,
        2,
        "dst_imgs/1600.AWGN.1.png",
        "1600.AWGN.1.png",
        off="1.5",
    ),
    Mini(
        "pipal",
        "Train_Label/A0001.txt",
        (),
        (("A0001_00_00.bmp", "1520.0648"), ("A0001_06_26.bmp", "1294.8478")),
        0,
        1,
        "Distortion_1/A0001_00_00.bmp",
        "A0001_00_00.bmp",
    ),
    Mini(
        "pipal",
        "meta_info_PIPALDataset.csv",
        ("hq_name", "dist_name", "elo_score"),
        (("A0001.bmp", "A0001_00_00.bmp", "1520.0648"), ("A0002.bmp", "A0002_06_26.bmp", "1294.8478")),
        1,
        2,
        "Train_Dist/A0001_00_00.bmp",
        "A0001_00_00.bmp",
    ),
    Mini(
        "konvid1k",
        "KoNViD_1k_mos.csv",
        ("flickr_id", "mos"),
        (("3015343584", "3.5"), ("2999049224", "2.25")),
        0,
        1,
        "frames/3015343584/001.png",
        "3015343584",
        off="5.5",
        folders=False,
    ),
    Mini(
        "konvid1k",
        "KoNViD_1k_metadata/KoNViD_1k_attributes.csv",
        ("flickr_id", "blur", "file_name", "MOS"),
        (("3015343584", "0.5", "3015343584_8s.mp4", "3.5"), ("2999049224", "", "x.mp4", "2.25")),
        0,
        3,
        "frames/3015343584/001.png",
        "3015343584",
        off="5.5",
        folders=False,
    ),
]


def some(keep: Callable[[Mini], bool]) -> pytest.MarkDecorator:
    """A test for each of the layouts that `keep` is true of."""
    kept = [mini for mini in LAYOUTS if keep(mini)]
    return pytest.mark.parametrize("mini", kept, ids=[f"{mini.name}-{Path(mini.file).stem}" for mini in kept])


each = some(lambda mini: True)


def paint(path: Path, color: str = "red") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 6), color).save(path)


def refused(mini: Mini, root: str, said: str) -> str:
    """The sentence that loading is refused with: one, naming the label file."""
    with pytest.raises(UserError, match=said) as problem:
        datasets.load(mini.name, root=root)
    assert Path(mini.file).name in str(problem.value) and "\n" not in str(problem.value)
    return str(problem.value)


@each
def test_every_layout_loads(mini, tmp_path):
    table = datasets.load(mini.name, root=mini.write(tmp_path))
    assert table.frame["image"][0] == mini.first
    assert len(table) == len(mini.rows)
    assert list(table.frame.columns) == list(datasets.table.COLUMNS)
    assert table.frame["mos"].tolist() == [float(fields[mini.score]) for fields in mini.rows]
    assert table.frame["mos"].between(*table.scale).all()
    assert table.frame["source"][0] == f"{Path(mini.file).name} line {mini.line}"
    assert set(table.frame["split"]) <= {"train", "val", "test"}
    assert table.annotations is None or table.annotations.index.equals(table.frame.index)
    assert table.higher_is_better == (mini.name != "csiq")


@each
@pytest.mark.parametrize("spelled", [str, str.upper])
def test_pictures_open_whatever_their_extension_is_written_like(mini, spelled, tmp_path):
    place = Path(mini.picture)
    paint(tmp_path / mini.name / place.with_suffix(spelled(place.suffix)))
    assert datasets.load(mini.name, root=mini.write(tmp_path)).pixels.open(0).size == (8, 6)


@each
def test_a_missing_picture_is_a_sentence(mini, tmp_path):
    with pytest.raises(
        UserError, match="is missing .row 0 of the labels|holds no frames .row 0 of the labels"
    ):
        datasets.load(mini.name, root=mini.write(tmp_path)).pixels.open(0)


@each
def test_a_broken_picture_is_a_sentence(mini, tmp_path):
    paint(tmp_path / mini.name / mini.picture)
    (tmp_path / mini.name / mini.picture).write_text("not a photo")
    with pytest.raises(UserError, match="is not a readable picture"):
        datasets.load(mini.name, root=mini.write(tmp_path)).pixels.open(0)


@each
def test_pictures_not_unpacked_are_a_sentence(mini, tmp_path):
    root = mini.write(tmp_path)
    home = tmp_path / mini.name / f"{Path(mini.picture).parts[0]}.zip"
    home.write_bytes(b"PK")
    with pytest.raises(UserError, match=f"{home.name} is still packed"):
        datasets.load(mini.name, root=root).pixels.open(0)


@each
def test_a_folder_not_unpacked_is_a_sentence(mini, tmp_path):
    (tmp_path / f"{mini.name}.zip").write_bytes(b"PK")
    with pytest.raises(
        UserError, match=f"holds no folder {mini.name}.* {mini.name}.zip is still packed: unpack it there"
    ):
        datasets.load(mini.name, root=str(tmp_path))


@each
def test_a_missing_label_file_is_a_sentence(mini, tmp_path):
    (tmp_path / mini.name).mkdir()
    (tmp_path / mini.name / "labels.zip").write_bytes(b"PK")
    with pytest.raises(UserError, match=f"{mini.name} has no .*: expected .*labels.zip is still packed"):
        datasets.load(mini.name, root=str(tmp_path))


@some(lambda mini: mini.columns)
def test_a_missing_column_is_a_sentence(mini, tmp_path):
    renamed = replace(
        mini,
        columns=tuple("Punkte" if place == mini.score else name for place, name in enumerate(mini.columns)),
    )
    assert "Punkte" in refused(mini, renamed.write(tmp_path), "lacks the column")


@each
def test_a_missing_field_is_a_sentence(mini, tmp_path):
    short = replace(mini, rows=(mini.rows[0], mini.rows[1][:1]))
    refused(mini, short.write(tmp_path), f"line {mini.line + 1}, column .* is empty or NaN")


@each
def test_a_byte_order_mark_is_passed_over(mini, tmp_path):
    plain = datasets.load(mini.name, root=mini.write(tmp_path)).frame
    assert datasets.load(mini.name, root=mini.write(tmp_path, start="\ufeff")).frame.equals(plain)


@some(lambda mini: mini.folders)
def test_backslashes_part_folders(mini, tmp_path):
    table = datasets.load(
        mini.name, root=mini.changed(0, mini.image, rf"some\{mini.rows[0][mini.image]}").write(tmp_path)
    )
    plain = datasets.load(mini.name, root=mini.write(tmp_path)).frame
    assert table.frame["image"][0] == f"some/{mini.first}" and table.frame["group"].equals(plain["group"])


@each
def test_blanks_around_fields_are_passed_over(mini, tmp_path):
    plain = datasets.load(mini.name, root=mini.write(tmp_path)).frame
    blank = replace(mini, rows=tuple(tuple(f"{field}  " for field in fields) for fields in mini.rows))
    assert datasets.load(mini.name, root=blank.write(tmp_path)).frame.equals(plain)


@each
def test_blank_lines_are_passed_over(mini, tmp_path):
    ended = replace(mini, rows=(*mini.rows, ("",)))
    assert len(datasets.load(mini.name, root=ended.write(tmp_path))) == len(mini.rows)


@each
def test_a_duplicate_is_a_sentence_with_both_lines(mini, tmp_path):
    said = refused(
        mini, replace(mini, rows=(*mini.rows, mini.rows[0])).write(tmp_path), "Keep one of the two"
    )
    assert f"line {mini.line}" in said and f"line {mini.line + 2}" in said


@each
@pytest.mark.parametrize(
    "value, said",
    [
        ("nan", "is empty or NaN"),
        ("good", "holds 'good': expected a number"),
        ("inf", "holds 'inf'|is inf, expected"),
    ],
)
def test_no_number_is_a_sentence(mini, value, said, tmp_path):
    refused(mini, mini.changed(1, mini.score, value).write(tmp_path), f"line {mini.line + 1}.*({said})")


@some(lambda mini: mini.sep == ",")
def test_a_missing_name_is_a_sentence(mini, tmp_path):
    refused(
        mini,
        mini.changed(1, mini.image, "  ").write(tmp_path),
        f"line {mini.line + 1}, column {mini.columns[mini.image] if mini.columns else 'dist_name'} is empty",
    )


@each
def test_a_score_off_the_scale_is_a_sentence(mini, tmp_path):
    refused(
        mini,
        mini.changed(1, mini.score, mini.off).write(tmp_path),
        f"line {mini.line + 1}: .* is {mini.off}, expected .* to ",
    )


@each
@pytest.mark.parametrize("text", ["", "\n\n"])
def test_an_empty_file_is_a_sentence(mini, text, tmp_path):
    mini.write(tmp_path)
    (tmp_path / mini.name / mini.file).write_text(text)
    refused(mini, str(tmp_path), "is empty: download it again|has no rows: download it again")


@some(lambda mini: mini.columns)
def test_a_header_alone_is_a_sentence(mini, tmp_path):
    refused(mini, replace(mini, rows=()).write(tmp_path), "has no rows")


@each
def test_a_binary_file_is_a_sentence(mini, tmp_path):
    mini.write(tmp_path)
    (tmp_path / mini.name / mini.file).write_bytes(b"\x89PNG\r\n\xff\xfe\x00\x00" * 20)
    refused(mini, str(tmp_path), "download it again|lacks the column")


@each
def test_an_unknown_preset_is_a_sentence(mini, tmp_path):
    with pytest.raises(UserError, match=f"{mini.name} knows no preset 'best': choose one of default"):
        datasets.load(mini.name, root=mini.write(tmp_path), preset="best")


@pytest.mark.parametrize("name", ["spaq", "livec", "kadid10k", "tid2013", "csiq", "pipal", "konvid1k"])
def test_every_dataset_says_what_it_is(name):
    about = datasets.PUBLISHED[name].ABOUT
    assert about.title
    assert about.obtain
    assert about.pictures
    assert not about.splits  # none of these has an official split


@some(lambda mini: mini.columns and mini.file != "meta_info_CSIQDataset.csv")
def test_a_label_file_is_known_by_its_columns(mini, tmp_path):
    """All but IQA-PyTorch's for CSIQ, whose columns its file for KADID-10k has as well."""
    mini.write(tmp_path)
    assert data_check.looks_like(tmp_path / mini.name, "*/*") == [mini.name]


def layout(name: str, part: str) -> Mini:
    return next(mini for mini in LAYOUTS if mini.name == name and part in mini.file)


@pytest.mark.parametrize(
    "mini, saved",
    [
        (layout("spaq", "MOS and"), "table of scores"),
        (layout("csiq", "DMOS"), "table of scores .sheet all_by_image."),
    ],
    ids=["spaq", "csiq"],
)
def test_a_workbook_alone_is_a_sentence(mini, saved, tmp_path):
    path = (tmp_path / mini.name / mini.file).with_suffix(".xlsx")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"PK")
    with pytest.raises(
        UserError,
        match=f"{path.name} is a workbook, which is not read here: save its {saved} as CSV beside it, named {Path(mini.file).name}",
    ):
        datasets.load(mini.name, root=str(tmp_path))


def test_spaq_layouts_say_which_they_are(tmp_path):
    """The official file goes first; the other two keep their split and scale, and share no picture."""
    test = layout("spaq", "Test")
    train = replace(test, file="spaqTrain.csv", rows=(("00001.jpg", *test.rows[0][1:]),))
    test.write(tmp_path)
    table = datasets.load("spaq", root=train.write(tmp_path))
    assert table.frame["split"].tolist() == ["train", "test", "test"]
    assert table.scale == (0, 10)
    assert table.version == "icaa17k"
    assert table.annotations["Sharpness"].tolist() == [8, 8, 8] and table.frame["sd"].isna().all()
    replace(train, rows=test.rows[:1]).write(tmp_path)
    with pytest.raises(
        UserError, match="spaq: 10001.jpg is on spaqTrain.csv line 2 and again on spaqTest.csv line 2"
    ):
        datasets.load("spaq", root=str(tmp_path))
    table = datasets.load("spaq", root=layout("spaq", "MOS and").write(tmp_path))
    assert table.version == "official"
    assert table.scale == (0, 100)
    assert table.annotations["Brightness"].tolist() == [40, 50]


def test_spaq_attributes_lie_on_the_scale_too(tmp_path):
    mini = layout("spaq", "MOS and")
    refused(mini, mini.changed(1, 6, "-1").write(tmp_path), "line 3: Sharpness is -1, expected 0 to 100")


def test_kadid_deviation_is_the_column_called_variance(tmp_path):
    """Votes whose deviation, and not whose variance, the published column holds: 25 times 1 and five times 2."""
    votes = np.repeat([1, 2], [25, 5])
    assert (round(votes.mean(), 2), round(votes.std(), 3)) == (1.17, 0.373)
    root = layout("kadid10k", "dmos").write(tmp_path)
    assert datasets.load("kadid10k", root=root).frame["sd"].tolist() == [0.5, 0.4]
    assert datasets.load("kadid10k", root=root, preset="deqa").frame["sd"].tolist() == pytest.approx(
        [0.5**0.5, 0.4**0.5]
    )
    assert datasets.load("kadid10k", root=root).annotations.values.tolist() == [["01", 1], ["25", 5]]


def test_tid_names_are_one_whatever_their_case(tmp_path):
    mini = layout("tid2013", "names")
    table = datasets.load("tid2013", root=mini.write(tmp_path))
    assert table.frame["group"].tolist() == ["I01", "I25"]
    assert table.annotations[["distortion", "level"]].values.tolist() == [["01", 1], ["24", 5]]
    refused(
        mini,
        replace(mini, rows=(*mini.rows, ("4.5", "i01_01_1.BMP"))).write(tmp_path),
        "line 3: i01_01_1.bmp is already on line 1",
    )
    refused(
        mini,
        mini.changed(1, 1, "I25.BMP").write(tmp_path),
        "line 2: 'I25.BMP' does not tell reference, distortion and level as I01_05_2.bmp does",
    )


def test_tid_standard_errors_are_no_deviations(tmp_path):
    """i03_11_5 as published: 40 raters with a mean of 0.7 and a deviation of 0.6 give its 0.09487."""
    votes = np.repeat([0, 1, 2], [15, 22, 3])
    assert (votes.mean(), round(votes.std() / len(votes) ** 0.5, 5)) == (0.7, 0.09487)
    mini = layout("tid2013", "names")
    root = mini.write(tmp_path)
    assert datasets.load("tid2013", root=root).annotations["standard_error"].isna().all()
    errors = tmp_path / "tid2013" / "mos_std.txt"
    errors.write_text("0.13013 \n0.16008\n")
    table = datasets.load("tid2013", root=root)
    assert table.annotations["standard_error"].tolist() == [0.13013, 0.16008]
    assert table.frame["sd"].isna().all()
    for text, said in (
        ("0.1\n", "mos_std.txt has 1 lines for the 2 scores"),
        ("0.1\nx\n", "mos_std.txt, line 2, column mos_std holds 'x'"),
        ("0.1\n-1\n", "line 2: mos_std is -1"),
        ("", "has no rows"),
    ):
        errors.write_text(text)
        with pytest.raises(UserError, match=said):
            datasets.load("tid2013", root=root)


def test_csiq_layouts_name_the_same_pictures(tmp_path):
    """Lower is better as published, and upright turns it; the two layouts differ in the deviation alone."""
    sheet, shared = layout("csiq", "DMOS"), layout("csiq", "meta")
    other = datasets.load("csiq", root=shared.write(tmp_path))
    table = datasets.load("csiq", root=sheet.write(tmp_path))
    assert (table.version, other.version) == ("official", "pyiqa")
    columns = ["image", "mos", "split", "group"]
    assert table.frame[columns].equals(other.frame[columns]) and table.annotations.equals(other.annotations)
    assert table.frame["sd"].tolist() == [0.06, 0.1] and other.frame["sd"].isna().all()
    assert table.annotations.values.tolist() == [["AWGN", 1], ["jpeg2000", 5]]
    assert table.upright().frame["mos"].tolist() == [0.9375, 0.25]
    refused(
        sheet,
        sheet.changed(1, 2, "fog").write(tmp_path),
        "line 3: dst_type is 'fog', expected one of noise, jpeg",
    )
    refused(sheet, sheet.changed(1, 3, "7").write(tmp_path), "line 3: dst_lev is 7, expected 1 to 5")


def test_csiq_sheet_may_have_an_empty_column_before_it(tmp_path):
    mini = layout("csiq", "DMOS")
    moved = replace(mini, columns=("", *mini.columns), rows=tuple(("", *fields) for fields in mini.rows))
    assert datasets.load("csiq", root=moved.write(tmp_path)).frame["image"][0] == mini.first


def test_pipal_reads_a_file_for_every_reference(tmp_path):
    first = layout("pipal", "Train_Label")
    second = replace(first, file="Train_Label/A0002.txt", rows=(("A0002_03_07.bmp", "1437.0798"),))
    first.write(tmp_path)
    table = datasets.load("pipal", root=second.write(tmp_path))
    assert table.frame["group"].tolist() == ["A0001", "A0001", "A0002"]
    assert table.frame["source"][2] == "A0002.txt line 1"
    assert table.annotations.columns.tolist() == [
        "distortion",
        "type",
    ]
    assert table.annotations.values.tolist() == [["00", 0], ["06", 26], ["03", 7]]
    one_table = datasets.load("pipal", root=layout("pipal", "meta").write(tmp_path / "other"))
    assert one_table.frame["split"][0] == table.frame["split"][0]  # a reference's place is its own
    replace(second, rows=first.rows[:1]).write(tmp_path)
    with pytest.raises(
        UserError, match="pipal: A0001_00_00.bmp is on A0001.txt line 1 and again on A0002.txt line 1"
    ):
        datasets.load("pipal", root=str(tmp_path))


def references() -> Iterator[tuple[Mini, tuple[tuple[str, ...], ...]]]:
    """Layouts with references, and rows of forty references under two distortions each."""
    yield (
        layout("kadid10k", "dmos"),
        tuple((f"I{ref}_0{kind}_01.png", f"I{ref}.png", "3", "1") for ref in range(40) for kind in (1, 2)),
    )
    yield (
        layout("tid2013", "names"),
        tuple(("3", f"{'iI'[kind - 1]}{ref:02d}_0{kind}_1.bmp") for ref in range(40) for kind in (1, 2)),
    )
    yield (
        layout("csiq", "DMOS"),
        tuple(
            (f"ref.{ref}", "1", kind, "1", "0.1", "0.5") for ref in range(40) for kind in ("noise", "blur")
        ),
    )
    yield (
        layout("pipal", "meta"),
        tuple(
            (f"A{ref:04d}.bmp", f"A{ref:04d}_0{kind}_01.bmp", "1400") for ref in range(40) for kind in (1, 2)
        ),
    )


@pytest.mark.parametrize(
    "mini, rows", list(references()), ids=lambda value: value.name if isinstance(value, Mini) else ""
)
def test_a_reference_is_in_one_split(mini, rows, tmp_path):
    frame = datasets.load(mini.name, root=replace(mini, rows=rows).write(tmp_path)).frame
    assert frame["group"].nunique() == 40
    assert (frame.groupby("group")["split"].nunique() == 1).all()
    assert set(frame["split"]) == {"train", "val", "test"}


def test_konvid_attributes_are_numbers_where_they_can_be(tmp_path):
    table = datasets.load("konvid1k", root=layout("konvid1k", "attributes").write(tmp_path))
    assert table.annotations["blur"].isna().tolist() == [False, True]
    assert table.annotations["blur"][0] == 0.5
    assert table.annotations["file_name"].tolist() == ["3015343584_8s.mp4", "x.mp4"]
    assert (
        datasets.load("konvid1k", root=layout("konvid1k", "mos").write(tmp_path / "other")).annotations
        is None
    )


def test_frames_come_in_the_order_of_their_numbers(tmp_path):
    for number, color in ((10, "blue"), (2, "green"), (1, "red")):
        paint(tmp_path / "a" / f"{number}.png", color)
    (tmp_path / "a" / "notes.txt").write_text("not a frame")
    pixels = FramePixels(tmp_path, ("a", "b"))
    assert [picture.getpixel((0, 0)) for picture in pixels.frames(0)] == [
        (255, 0, 0),
        (0, 128, 0),
        (0, 0, 255),
    ]
    assert pixels.open(0).getpixel((0, 0)) == (0, 128, 0)
    with pytest.raises(
        UserError,
        match="b holds no frames .row 1 of the labels.*one frame a second.*ffmpeg -i b.mp4 -vf fps=1 .*b/%03d.png$",
    ):
        pixels.frames(1)


NAMES = ["t1.bmp", "t2.bmp", "3.bmp", "820.JPG", "1164.bmp"]


@pytest.fixture
def livec(tmp_path) -> Callable[..., str]:
    """A function that writes LIVE Challenge's three files, values as given, and gives the data root; a list None is left out."""

    def write(
        names=NAMES, mos=(63.9, 25.3, 44.4, 78.3, 72.7), sd=(18.4, 13.7, 20.3, 18.3, 19.2), home="", key=""
    ):
        folder = tmp_path / "livec" / home / "Data"
        folder.mkdir(parents=True, exist_ok=True)
        cells = None if names is None else np.array([[name] for name in names], dtype=object).reshape(-1, 1)
        for name, values in (
            ("AllImages_release", cells),
            ("AllMOS_release", mos),
            ("AllStdDev_release", sd),
        ):
            if values is not None:
                savemat(folder / f"{name}.mat", {key or name: values})
        return str(tmp_path)

    return write


@pytest.mark.parametrize("home", ["", "ChallengeDB_release"])
def test_livec_leaves_out_what_raters_practised_on(livec, home, tmp_path):
    root = livec(home=home)
    table = datasets.load("livec", root=root)
    assert table.frame["image"].tolist() == NAMES[2:]
    assert table.frame["mos"].tolist() == [44.4, 78.3, 72.7]
    assert table.frame["sd"].tolist() == [20.3, 18.3, 19.2]
    assert table.frame["source"][0] == "AllImages_release.mat line 3" and table.scale == (0, 100)
    everything = datasets.load("livec", root=root, preset="all")
    assert everything.frame["image"].tolist() == NAMES
    assert everything.frame["split"][2:].tolist() == table.frame["split"].tolist()
    paint(tmp_path / "livec" / home / "Images" / "trainingImages" / "t1.bmp")
    paint(tmp_path / "livec" / home / "Images" / "820.jpg")
    assert everything.pixels.open(0).size == table.pixels.open(1).size == (8, 6)
    with pytest.raises(UserError, match="Images/3.bmp is missing .row 0"):
        table.pixels.open(0)


def test_livec_names_may_have_blanks_and_folders(livec):
    frame = datasets.load("livec", root=livec([*NAMES[:3], "820.JPG  ", "some\\1164.bmp"])).frame
    assert frame["image"].tolist() == ["3.bmp", "820.JPG", "some/1164.bmp"]


@pytest.mark.parametrize(
    "changes, said",
    [
        (dict(names=[*NAMES[:4], "3.bmp"]), "AllImages_release.mat, line 5: 3.bmp is already on line 3"),
        (dict(names=[*NAMES[:4], ""]), "AllImages_release.mat, line 5, column image is empty"),
        (dict(names=[*NAMES[:4], 7.0]), "AllImages_release.mat, line 5, column image is empty"),
        (dict(names=NAMES[:4]), "AllMOS_release.mat has 5 values for the 4 names in AllImages_release.mat"),
        (dict(mos=(1, 2, 3, np.nan, 5)), "AllMOS_release.mat, line 4, column mos is empty or NaN"),
        (dict(mos=(1, 2, 3, np.inf, 5)), "AllMOS_release.mat, line 4, column mos holds 'inf'"),
        (dict(mos=(1, 2, 3, 101, 5)), "AllMOS_release.mat, line 4: mos is 101, expected 0 to 100"),
        (
            dict(mos=np.array(["a", "b", "c", "d", "e"], dtype=object)),
            "AllMOS_release.mat, line 1, column mos holds 'a'",
        ),
        (dict(sd=(1, 2, 3, -4, 5)), "AllStdDev_release.mat, line 4: sd is -4"),
        (dict(sd=()), "AllStdDev_release.mat has no rows"),
        (dict(key="Images"), "AllImages_release.mat lacks the variable AllImages_release; it has Images"),
        (dict(sd=None), "livec has no file AllStdDev_release.mat: expected Data/AllStdDev_release.mat"),
    ],
)
def test_bad_livec_files_are_sentences(livec, changes, said):
    with pytest.raises(UserError, match=said):
        datasets.load("livec", root=livec(**changes))


@pytest.mark.parametrize(
    "content", [b"", b"<html>log in first</html>" * 20, b"\xef\xbb\xbf", b"MATLAB 5.0 MAT-file" + b" " * 200]
)
def test_broken_livec_files_are_sentences(livec, content, tmp_path):
    root = livec()
    (tmp_path / "livec" / "Data" / "AllMOS_release.mat").write_bytes(content)
    with pytest.raises(
        UserError, match="AllMOS_release.mat (is not a MATLAB file that can be read|lacks the variable)"
    ):
        datasets.load("livec", root=root)


def test_livec_not_unpacked_is_a_sentence(livec, tmp_path):
    (tmp_path / "livec.zip").write_bytes(b"PK")
    with pytest.raises(UserError, match="holds no folder livec: .* livec.zip is still packed"):
        datasets.load("livec", root=str(tmp_path))
    root = livec(names=None)
    (tmp_path / "livec" / "Images.zip").write_bytes(b"PK")
    with pytest.raises(UserError, match="AllImages_release.mat.* Images.zip is still packed"):
        datasets.load("livec", root=root)
    with pytest.raises(UserError, match="3.bmp is missing .* Images.zip is still packed"):
        datasets.load("livec", root=livec()).pixels.open(0)


def real(root: Path, name: str) -> ImageTable:
    """A real label file; skips the test where this data root has none."""
    if not (root / name).is_dir():
        pytest.skip(NO_DATA)
    return datasets.load(name, root=str(root))


def test_real_spaq_labels(data_root):
    """As many pictures as published; the copy passed on splits them 10,000 to 1,125 by number, on 0-10."""
    table = real(data_root, "spaq")
    assert len(table) == datasets.PUBLISHED["spaq"].ABOUT.pictures
    if table.version == "icaa17k":
        assert table.frame["split"].value_counts().to_dict() == {"train": 10_000, "test": 1_125}
        assert table.frame["mos"].agg(["min", "max"]).tolist() == [0.2, 9.6]
        assert table.frame["image"].tolist() == [f"{number:05d}.jpg" for number in range(1, 11_126)]


@pytest.mark.parametrize("name", ["livec", "kadid10k", "tid2013", "csiq", "pipal", "konvid1k"])
def test_real_labels_are_as_many_as_published(name, data_root):
    table = real(data_root, name)
    assert len(table) == datasets.PUBLISHED[name].ABOUT.pictures
    assert table.frame["mos"].between(*table.scale).mean() > 0.99
