"""Small published folders for tests (KonIQ-10k, AVA, AGIQA-3K), one's own files, and the real label files."""

import json
import warnings
from pathlib import Path

import pytest
from conftest import NO_DATA
from PIL import Image

from moslab import datasets
from moslab.datasets.table import ImageTable

KONIQ_FILE = "koniq10k_distributions_sets.csv"
KONIQ_HEADER = "image_name,c1,c2,c3,c4,c5,c_total,MOS,SD,set\n"
KONIQ = [
    "a.jpg,0.0,0.0,0.25,0.75,0.0,100,75.5,0.435,training\n",
    "b.jpg,0.5,0.5,0.0,0.0,0.0,10,12.0,0.527,validation\n",
    "c.jpg,0.0,0.0,0.0,0.1,0.9,50,88.0,0.303,test\n",
]


def ava_row(index: int, image: int, challenge: int, tag: int = 1) -> str:
    """A picture's line in AVA.txt: 124 votes, two tags and a challenge."""
    return f"{index} {image} 0 1 5 17 38 36 15 6 5 1 {tag} 22 {challenge}\n"


AVA = [
    ava_row(1, 953619, challenge=1396, tag=2),
    ava_row(2, 953958, challenge=608, tag=3),
    ava_row(3, 954184, challenge=1396, tag=4),
]
AVA_CHALLENGES = "1396 100_Meters\n608 12_Days_Of_Christmas\n"
TANET_HEADER = (
    "image_id,score2,score3,score4,score5,score6,score7,score8,score9,score10,score11,tag1,tag2,tag3\n"
)
AGIQA_HEADER = "name,prompt,adj1,adj2,style,mos_quality,std_quality,mos_align,std_align\n"


def paint(path: Path, color: str | tuple[int, int, int] = "red", size: tuple[int, int] = (8, 6)) -> None:
    """Saves a picture of one color in the format that the name's extension says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, color).save(path)


def write_koniq(
    root: Path,
    rows: list[str] = KONIQ,
    header: str = KONIQ_HEADER,
    where: str = "koniq10k/metadata",
) -> str:
    """Writes KonIQ's label file below a data root, which is returned."""
    folder = root / where
    folder.mkdir(parents=True, exist_ok=True)
    (folder / KONIQ_FILE).write_text(header + "".join(rows))
    return str(root)


def write_graded_koniq(root: Path) -> str:
    """Writes a KonIQ folder of 40 pictures in order of quality below a data root, which is returned."""
    rows = []
    for number in range(40):
        color = (number * 6, 90, 200 - number * 5)
        paint(root / "koniq10k" / "512x384" / f"{number}.jpg", color, size=(16, 16))
        share = number / 40
        votes = f"{1 - share:.4f},0,0,0,{share:.4f},40"
        split = "training" if number % 4 else "test"
        rows.append(f"{number}.jpg,{votes},{1 + 99 * share:.2f},0.9,{split}\n")
    return write_koniq(root, rows, where="koniq10k")


def write_qalign_lists(root: Path) -> str:
    """Writes Q-Align's lists of the graded KonIQ, without its two best pictures, below the data root."""
    levels = ("bad", "poor", "fair", "good", "excellent")
    lists: dict[str, list] = {"qalign_json/train_koniq": [], "qalign_json/test_koniq": []}
    for number in range(38):
        question = {"from": "human", "value": "How good?\n<|image|>"}
        answer = {"from": "gpt", "value": f"The quality of the image is {levels[number // 8]}."}
        entry = {
            "id": f"{number}.jpg->{number}",
            "image": f"koniq/{number}.jpg",
            "conversations": [question, answer],
        }
        lists[f"qalign_json/{'train' if number < 30 else 'test'}_koniq"].append(entry)
    return write_lists(root, lists)


def write_ava(
    root: Path,
    rows: list[str] = AVA,
    listed: str | None = "953958\n",
    challenges: str | None = AVA_CHALLENGES,
) -> str:
    """Writes AVA's official files below a data root, which is returned; None leaves a file out."""
    folder = root / "ava"
    folder.mkdir(exist_ok=True)
    files = {"AVA.txt": "".join(rows), "generic_test.jpgl": listed, "challenges.txt": challenges}
    for name, content in files.items():
        if content is not None:
            (folder / name).write_text(content)
    return str(root)


def write_agiqa(root: Path, prompts: int = 200, extra: str = "") -> str:
    """Writes AGIQA-3K's file, three pictures of each prompt, below a data root, which is returned."""
    rows = []
    for prompt in range(prompts):
        for number in range(3):
            name = f"glide_{prompt}_{number}.jpg"
            scores = f"{prompt % 5 + 0.1},0.5,{number + 1},0.25"
            rows.append(f"{name},a prompt number {prompt},baroque style,,,{scores}\n")
    (root / "agiqa3k").mkdir(exist_ok=True)
    (root / "agiqa3k" / "data.csv").write_text(AGIQA_HEADER + "".join(rows) + extra)
    return str(root)


def write_csv(root: Path, content: str | bytes, name: str = "mine") -> str:
    """Writes csv/<name>.csv, text as UTF-8, below a data root, which is returned."""
    (root / "csv").mkdir(exist_ok=True)
    data = content if isinstance(content, bytes) else content.encode()
    (root / "csv" / f"{name}.csv").write_bytes(data)
    return str(root)


def load_csv(root: Path, content: str | bytes, name: str = "mine") -> ImageTable:
    """The table of a CSV file of one's own with such content."""
    return datasets.load("csv", root=write_csv(root, content, name), preset=name)


def write_lists(root: Path, files: dict[str, list]) -> str:
    """Writes JSON lists {file: entries} below a data root, which is returned; an entry may be just a name."""
    for file, entries in files.items():
        path = root / f"{file}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        objects = []
        for number, entry in enumerate(entries):
            named = {"image": entry, "gt_score": 1 + number}
            objects.append(named if isinstance(entry, str) else entry)
        path.write_text(json.dumps(objects))
    return str(root)


def load_lists(root: Path, files: dict[str, list], preset: str) -> ImageTable:
    """The table of a preset of such JSON lists."""
    return datasets.load("lists", root=write_lists(root, files), preset=preset)


def write_meta(root: Path, name: str, content: str) -> str:
    """Writes a meta file of IQA-PyTorch below a data root, which is returned."""
    (root / "pyiqa").mkdir(exist_ok=True)
    (root / "pyiqa" / f"meta_info_{name}.csv").write_text(content)
    return str(root)


def load_meta(root: Path, name: str, content: str, suffix: str = "") -> ImageTable:
    """The table of such a meta file; suffix: what the preset says behind its name."""
    return datasets.load("pyiqa", root=write_meta(root, name, content), preset=name + suffix)


def load_real(root: Path, name: str, preset: str = "default") -> ImageTable:
    """A real label file; skips the test where this data root has none."""
    if not (root / name).is_dir():
        pytest.skip(NO_DATA)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ids, challenges and captions that the published lists lack
        return datasets.load(name, root=str(root), preset=preset)


def limits(table: ImageTable) -> list[float]:
    """The lowest and the highest score of a table."""
    return table.frame["mos"].agg(["min", "max"]).tolist()


def values(table: ImageTable, *columns: str) -> list[list]:
    """These columns of a table, row by row."""
    return table.frame[list(columns)].values.tolist()
