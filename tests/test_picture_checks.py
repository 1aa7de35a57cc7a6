"""What a check says of pictures."""

import os

import numpy as np
from picture_files import (
    COLORS,
    SIXTEEN,
    findings,
    load_own,
    needs_exact_disk,
    own_folder,
    paint,
    saved,
    see_through,
)
from PIL import Image

from moslab.analysis import data_check
from moslab.datasets import folders, pictures

ODD = (
    "turned.jpg",
    "clear.png",
    "veil.png",
    "deep.png",
    "float.tif",
    "moving.gif",
    "PLAIN.png",  # on the disk in small letters
    "pipe.png",
)
THIN = tuple(f"thin{number}.png" for number in range(5))
NOTES = (
    "note 1 of 12 opened have 16 bits a channel, scaled to 8: deep.png.",
    "note 1 of 12 opened hold floating-point numbers, read as 0 to 1: float.tif.",
    "note 2 of 12 opened are transparent in places, laid over white: clear.png, veil.png.",
    "note 1 of 12 opened are turned as their EXIF orientation says: turned.jpg.",
    "note 1 of 12 opened hold several frames, of which the first is read: moving.gif.",
    "note 1 of 13 are spelled otherwise on the disk than in the labels: PLAIN.png (plain.png).",
)


def write_odd_pictures(folder):
    """Writes the odd and the thin pictures."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(COLORS).save(folder / "plain.png")
    Image.fromarray(COLORS).save(folder / "turned.jpg", exif=exif)
    see_through("RGBA").save(folder / "clear.png")
    see_through("LA").save(folder / "veil.png")
    (folder / "deep.png").write_bytes(saved(SIXTEEN, "png"))
    (folder / "float.tif").write_bytes(saved(np.ones((2, 2), np.float32), "tiff"))
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    frames[0].save(folder / "moving.gif", save_all=True, append_images=frames[1:])
    os.mkfifo(folder / "pipe.png")
    for name in THIN:
        paint(folder / name, size=(1, 300))


@needs_exact_disk
def test_a_check_counts_what_is_odd_with_examples(tmp_path):
    write_odd_pictures(own_folder(tmp_path))
    load_own(tmp_path, *ODD, *THIN)
    everything = findings(tmp_path, every_picture=True)
    assert set(NOTES) <= set(everything)
    thin = next(finding for finding in everything if "too thin" in finding)
    assert thin.startswith("fault 5 of 12 opened are too thin. ")
    assert thin.endswith("The same of thin1.png, thin2.png, thin3.png and 1 more.")
    special = "fault 1 of 13 are no ordinary files. "
    assert any(finding.startswith(special) for finding in everything)


def test_frames_of_videos_are_checked_too(tmp_path):
    (tmp_path / "konvid1k").mkdir()
    (tmp_path / "konvid1k" / "KoNViD_1k_mos.csv").write_text("flickr_id,mos\n1,2\n2,3\n3,4\n")
    for name in ("1/1.png", "1/2.png", "2/1.png"):
        paint(tmp_path / "konvid1k" / "frames" / name)
    (tmp_path / "konvid1k" / "frames" / "2" / "2.png").touch()
    everything, table = data_check.check("konvid1k", tmp_path)
    sentences = [finding.what for finding in everything if finding.subject == "pictures"]
    missing = next(sentence for sentence in sentences if "1 of 3 are missing: " in sentence)
    assert missing.endswith("frames/3.")
    assert any("1 of 3 are empty. " in sentence for sentence in sentences)
    assert list(data_check.manifest(table)["pictures"]) == ["1/1.png", "1/2.png"]


def test_a_check_of_many_missing_pictures_lists_no_folder_for_each(tmp_path, monkeypatch):
    paint(own_folder(tmp_path) / "0.png")
    load_own(tmp_path, *(f"{number}.png" for number in range(300)))
    asked = []

    def still_packed(*arguments):
        asked.append(arguments)
        return ""

    monkeypatch.setattr(folders, "still_packed", still_packed)
    monkeypatch.setattr(pictures, "still_packed", still_packed)
    assert any("299 of 300 are missing" in finding for finding in findings(tmp_path))
    assert len(asked) < 5
