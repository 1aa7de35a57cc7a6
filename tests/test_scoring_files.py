"""Picture files are scored from the command line, whatever some of them hold."""

import re
import shlex
import shutil
from pathlib import Path

import pandas as pd
import pytest
from code_blocks import blocks, page, section
from PIL import Image
from saved_toys import pictures, save_trained
from test_exit_status import ending
from toys import use_toy_table

from moslab.experiments import scoring_files
from moslab.experiments.evaluation import read_pictures
from moslab.experiments.saved import load_scorer
from moslab.utils import paths


@pytest.fixture
def photos(tmp_path) -> Path:
    """A folder with two pictures and a folder with a third, and files that are none."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    opened = pictures()
    opened[0].save(folder / "a.png")
    opened[1].save(folder / "b.PNG")
    opened[3].save(folder / "more" / "c.png")
    (folder / "notes.txt").write_text("no picture")
    return folder


def test_a_folder_is_scored_with_those_below_it(kept, photos, tmp_path, monkeypatch, capsys):
    status = ending(monkeypatch, capsys, "score", kept[0], photos, "--csv", tmp_path / "s.csv", "--batch", 2)[
        0
    ]
    table = pd.read_csv(tmp_path / "s.csv", keep_default_na=False)
    assert status == 0
    assert list(table) == ["picture", "score", "spread", "problem"]
    assert table["picture"].tolist() == [str(photos / name) for name in ("a.png", "b.PNG", "more/c.png")]
    expected = load_scorer(kept[0]).score([pictures()[number] for number in (0, 1, 3)])
    assert table["score"].tolist() == pytest.approx(expected["score"].tolist(), abs=1e-5)
    assert table["spread"].tolist() == pytest.approx(expected["spread"].tolist(), abs=1e-5)
    assert table["problem"].tolist() == [""] * 3


def test_an_unreadable_picture_is_a_row_that_says_why(kept, photos, tmp_path, monkeypatch, capsys):
    (photos / "b.PNG").write_bytes((photos / "a.png").read_bytes()[:300])
    status, last = ending(monkeypatch, capsys, "score", kept[0], photos, "--csv", tmp_path / "s.csv")
    assert (status, last) == (1, "1 of 3 pictures got no score; the column problem says why.")
    table = pd.read_csv(tmp_path / "s.csv")
    assert table["score"].isna().tolist() == [False, True, False]
    assert "b.PNG is not a readable picture" in table["problem"][1]


def test_without_a_file_the_table_is_printed(kept, photos, monkeypatch, capsys):
    status, last = ending(monkeypatch, capsys, "score", kept[0], photos / "a.png")
    assert status == 0
    assert last.split()[0] == str(photos / "a.png")


def test_a_run_is_named_by_its_key(kept, photos, home, monkeypatch, capsys):
    shutil.copytree(kept[0], home / "papermill_runs" / "smoke" / "scorers" / "abc")
    arguments = ["score", "abc", photos, "--profile", "smoke"]
    assert ending(monkeypatch, capsys, *arguments)[0] == 0
    status, last = ending(monkeypatch, capsys, "score", "abd", photos, "--profile", "smoke")
    assert status == 2 and last.startswith("There is no saved scorer abd: give the folder")


def test_a_picture_is_turned_once(kept, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    pictures()[3].save(tmp_path / "turned.png", exif=exif)
    table = scoring_files.score_files(kept[0], [tmp_path / "turned.png"])
    opened = load_scorer(kept[0]).score([Image.open(tmp_path / "turned.png")])
    assert table["score"][0] == pytest.approx(opened["score"][0], abs=1e-6)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nothing"], "There is no nothing: give picture files, or folders that hold some."),
        (["empty"], "empty holds no pictures: their names end in .bmp"),
        (["photos", "--csv", "empty"], "empty is a folder: give the file that the table is written to."),
        (["photos", "--csv", "photos/a.png/s.csv"], "photos/a.png/s.csv cannot be written, since "),
        (["photos", "--texts", "none.csv"], "none.csv cannot be read as a CSV file ("),
        (["photos", "--texts", "t.csv"], "This model was trained with text='image' and is shown no texts"),
        (
            ["photos", "--asked", "quality"],
            "This model judges one thing, quality: leave asked='quality' out.",
        ),
        (["photos", "--backbone", "nothing"], "Unknown backbone 'nothing'"),
    ],
)
def test_bad_input_is_told_before_anything_is_scored(kept, photos, monkeypatch, capsys, arguments, sentence):
    monkeypatch.chdir(photos.parent)
    (photos.parent / "empty").mkdir()
    write_texts(photos.parent / "t.csv", ["photos/a.png", "photos/b.PNG", "photos/more/c.png"])
    monkeypatch.setattr(scoring_files, "score_batch", lambda *_: pytest.fail("scored"))
    status, last = ending(monkeypatch, capsys, "score", kept[0], *arguments)
    assert status == 2 and last.startswith(sentence)


def write_texts(path: Path, names: list[str]) -> None:
    lines = [f"{name},title {number}" for number, name in enumerate(names)]
    path.write_text("\n".join(["picture,text", *lines]) + "\n")


def test_each_picture_is_shown_with_its_text(tiny_base, photos, tmp_path, monkeypatch, capsys):
    reader = save_trained(tmp_path / "kept", "levels", tiny_base, text="title", titles="Sky")
    table = tmp_path / "scores.csv"
    command = ["score", tmp_path / "kept", photos, "--csv", table]
    status, last = ending(monkeypatch, capsys, *command)
    assert status == 2 and "trained with text='title', and there are none for 3 pictures" in last
    write_texts(tmp_path / "t.csv", ["photos/more/c.png", "photos/a.png"])
    status, last = ending(monkeypatch, capsys, *command, "--texts", tmp_path / "t.csv")
    assert status == 2 and "t.csv has no text for 1 picture (first: " in last
    write_texts(tmp_path / "t.csv", ["photos/more/c.png", "photos/a.png", "photos/b.PNG"])
    assert ending(monkeypatch, capsys, *command, "--texts", tmp_path / "t.csv")[0] == 0
    opened = [pictures()[number] for number in (0, 1, 3)]
    expected = read_pictures(reader, opened, ["title 1", "title 2", "title 0"]).score
    assert pd.read_csv(table)["score"].tolist() == pytest.approx(expected, abs=1e-5)


def test_the_page_shows_commands_that_run(home, photos, monkeypatch, capsys):
    use_toy_table(monkeypatch)
    monkeypatch.chdir(photos.parent)
    (photos / "a.png").rename(photos / "first.png")
    (photos / "b.PNG").rename(photos / "second.png")
    text = section(page("runs.md"), "Score your own pictures")
    saving, loading_again = re.findall(r"(?:^    .*\n|^\n(?=    ))+", text, re.M)
    (command,) = blocks(text, "bash")
    exec(re.sub("^    ", "", saving, flags=re.M), {})
    assert command.startswith("python -m moslab ")
    assert ending(monkeypatch, capsys, *shlex.split(command)[3:])[0] == 0
    exec(re.sub("^    ", "", loading_again, flags=re.M), {})
    printed = capsys.readouterr().out.split()
    assert printed[:2] == ["score", "spread"]
    assert len(pd.read_csv("scores.csv")) == 3
    assert paths.ROOT == home
