"""Quality datasets of a few pictures in each of their published layouts, to parametrise tests."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from moslab import datasets
from moslab.datasets.table import ImageTable
from moslab.utils.errors import UserError


@dataclass(frozen=True)
class Layout:
    """A dataset of a few pictures in one of its layouts: a label file as rows of fields.

    Attributes:
        name: Of the dataset.
        file: The label file, below the dataset's folder.
        columns: The header's names; () for a file without a header.
        rows: The fields of each row.
        image: Number of the field that holds the picture's name.
        score: Number of the field that holds the score.
        picture: Where the first row's picture lies.
        first: The first row's id.
        sep: What separates fields.
        off: A score off the scale.
        folders: Whether names may have folders before them.
    """

    name: str
    file: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    image: int
    score: int
    picture: str
    first: str
    sep: str = ","
    off: str = "400"
    folders: bool = True

    def write(self, root: Path, start: str = "") -> str:
        """Writes the label file below a data root, which is returned; start: what stands before its text."""
        path = root / self.name / self.file
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [self.columns, *self.rows] if self.columns else self.rows
        text = "".join(self.sep.join(fields) + "\n" for fields in lines)
        path.write_text(start + text, encoding="utf-8")
        return str(root)

    def load(self, root: Path, preset: str = "default") -> ImageTable:
        """The table of the dataset, written below this data root."""
        return datasets.load(self.name, root=self.write(root), preset=preset)

    def changed(self, row: int, field: int, value: str) -> "Layout":
        """The same with one field changed."""
        rows = [list(fields) for fields in self.rows]
        rows[row][field] = value
        return replace(self, rows=tuple(map(tuple, rows)))

    def more(self, *rows: tuple[str, ...]) -> "Layout":
        """The same with further rows."""
        return replace(self, rows=(*self.rows, *rows))

    @property
    def line(self) -> int:
        """The first row's line."""
        return 2 if self.columns else 1

    @property
    def title(self) -> str:
        """The label file's name without its folder."""
        return Path(self.file).name


SPAQ = ("MOS", "Brightness", "Colorfulness", "Contrast", "Noisiness", "Sharpness")
LAYOUTS = [
    Layout(
        "spaq",
        "Annotations/MOS and Image attribute scores.csv",
        columns=("Image name", *SPAQ),
        rows=(
            ("00001.jpg", "50.5", "40", "41", "42", "43", "44"),
            ("00002.jpg", "62.5", "50", "51", "52", "53", "54"),
        ),
        image=0,
        score=1,
        picture="TestImage/00001.jpg",
        first="00001.jpg",
    ),
    Layout(
        "spaq",
        "spaqTest.csv",
        columns=("image_id", *SPAQ),
        rows=(("10001.jpg", "6.1", "4", "5", "6", "7", "8"), ("10002.jpg", "5.1", "4", "5", "6", "7", "8")),
        image=0,
        score=1,
        picture="images/10001.jpg",
        first="10001.jpg",
        off="11",
    ),
    Layout(
        "kadid10k",
        "dmos.csv",
        columns=("dist_img", "ref_img", "dmos", "var"),
        rows=(("I01_01_01.png", "I01.png", "4.5", "0.5"), ("I02_25_05.png", "I02.png", "1.2", "0.4")),
        image=0,
        score=2,
        picture="images/I01_01_01.png",
        first="I01_01_01.png",
        off="0.9",
    ),
    Layout(
        "tid2013",
        "mos_with_names.txt",
        columns=(),
        rows=(("5.5", "I01_01_1.bmp"), ("0.5", "i25_24_5.BMP")),
        image=1,
        score=0,
        picture="distorted_images/i01_01_1.bmp",
        first="I01_01_1.bmp",
        sep=" ",
        off="9.5",
    ),
    Layout(
        "csiq",
        "csiq.DMOS.csv",
        columns=("image", "dst_idx", "dst_type", "dst_lev", "dmos_std", "dmos"),
        rows=(("1600", "1", "noise", "1", "0.06", "0.0625"), ("elk", "3", "jpeg 2000", "5", "0.1", "0.75")),
        image=0,
        score=5,
        picture="dst_imgs/awgn/1600.AWGN.1.png",
        first="1600.AWGN.1.png",
        off="1.5",
        folders=False,
    ),
    Layout(
        "csiq",
        "meta_info_CSIQDataset.csv",
        columns=("ref_name", "dist_name", "dmos"),
        rows=(("1600.png", "1600.AWGN.1.png", "0.0625"), ("elk.png", "elk.jpeg2000.5.png", "0.75")),
        image=1,
        score=2,
        picture="dst_imgs/1600.AWGN.1.png",
        first="1600.AWGN.1.png",
        off="1.5",
    ),
    Layout(
        "pipal",
        "Train_Label/A0001.txt",
        columns=(),
        rows=(("A0001_00_00.bmp", "1520.0648"), ("A0001_06_26.bmp", "1294.8478")),
        image=0,
        score=1,
        picture="Distortion_1/A0001_00_00.bmp",
        first="A0001_00_00.bmp",
    ),
    Layout(
        "pipal",
        "meta_info_PIPALDataset.csv",
        columns=("hq_name", "dist_name", "elo_score"),
        rows=(("A0001.bmp", "A0001_00_00.bmp", "1520.0648"), ("A0002.bmp", "A0002_06_26.bmp", "1294.8478")),
        image=1,
        score=2,
        picture="Train_Dist/A0001_00_00.bmp",
        first="A0001_00_00.bmp",
    ),
    Layout(
        "konvid1k",
        "KoNViD_1k_mos.csv",
        columns=("flickr_id", "mos"),
        rows=(("3015343584", "3.5"), ("2999049224", "2.25")),
        image=0,
        score=1,
        picture="frames/3015343584/001.png",
        first="3015343584",
        off="5.5",
        folders=False,
    ),
    Layout(
        "konvid1k",
        "KoNViD_1k_metadata/KoNViD_1k_attributes.csv",
        columns=("flickr_id", "blur", "file_name", "MOS"),
        rows=(("3015343584", "0.5", "3015343584_8s.mp4", "3.5"), ("2999049224", "", "x.mp4", "2.25")),
        image=0,
        score=3,
        picture="frames/3015343584/001.png",
        first="3015343584",
        off="5.5",
        folders=False,
    ),
]


def layout_of(name: str, part: str) -> Layout:
    """A dataset's first layout with such a part in its file's name."""
    return next(layout for layout in LAYOUTS if layout.name == name and part in layout.file)


def layouts_that(keep: Callable[[Layout], bool]) -> pytest.MarkDecorator:
    """A test for each of the layouts that `keep` is true of."""
    kept = [layout for layout in LAYOUTS if keep(layout)]
    ids = [f"{layout.name}-{Path(layout.file).stem}" for layout in kept]
    return pytest.mark.parametrize("layout", kept, ids=ids)


every_layout = layouts_that(lambda layout: True)


def assert_refused(layout: Layout, root: str, sentence: str) -> str:
    """Loading ends in one sentence, which names the label file and is returned."""
    with pytest.raises(UserError, match=sentence) as problem:
        datasets.load(layout.name, root=root)
    text = str(problem.value)
    assert layout.title in text
    assert "\n" not in text
    return text
