"""Small folders of the aesthetics datasets in their published layouts."""

import json
from pathlib import Path

import pytest
from layouts import ava_row

from moslab import datasets
from moslab.utils.errors import UserError

PARA_HEADER = (
    "imageName,sessionId,semantic,"
    "aestheticScore_1.0,aestheticScore_1.5,aestheticScore_2.0,aestheticScore_2.5,aestheticScore_3.0,"
    "aestheticScore_3.5,aestheticScore_4.0,aestheticScore_4.5,aestheticScore_5.0,"
    "aestheticScore_mean,aestheticScore_std,qualityScore_mean,qualityScore_std,"
    "compositionScore_mean,colorScore_mean,dofScore_mean,lightScore_mean,contentScore_mean,"
    "contentPreference_mean,willingnessToShare_mean\n"
)
PARA_ROW = "a.jpg,session1,scene,0,0,0,1,10,10,4,0,0,3.34,0.4,3.5,0.5,3.1,3.2,3.3,3.4,3.5,3.6,3.7\n"
PARA_ROW_WITHOUT_SEMANTIC = PARA_ROW.replace("session1,scene", "session2,")
CAPTIONS = "CLEAN_AVA_FULL_AFTER_SUBJECTIVE_CLEANING.json"


def caption(text: str) -> dict:
    """A caption as the authors' scripts leave it."""
    return {
        "raw": text.upper(),
        "clean": text,
        "tokens": [[word, "NN"] for word in text.split()],
        "unigrams": [],
        "bigrams": [],
        "imgid": 7,
        "sentid": "",
    }


def captioned(image: int, split: str, *texts: str) -> dict:
    """A picture's entry as the authors' scripts leave it."""
    return {
        "filename": f"{image}.jpg",
        "imgid": image,
        "cocoid": image,
        "split": split,
        "sentids": "",
        "filepath": "",
        "sentences": [caption(text) for text in texts],
    }


def captions_file(*entries: dict) -> str:
    """The captions of some pictures as one JSON file."""
    return json.dumps({"dataset": "AVA", "images": list(entries)})


def realqa_line(image: str, split: str, score: float) -> str:
    """A picture's line in RealQA's file."""
    entry = {
        "image": image,
        "split": split,
        "score": score,
        "attributes": {"exposure": "properly exposed"},
        "reasons": {"composition": "well placed"},
    }
    return json.dumps(entry) + "\n"


AVA_FILES = {
    "ava/AVA.txt": "".join(ava_row(index, 10 + index, challenge=608) for index in (1, 2, 3)),
    "ava/generic_test.jpgl": "13\n",
    "ava/challenges.txt": "608 12_Days_Of_Christmas\n",
}
# The first file of each folder is its main one, in which tests put faults.
FOLDERS = {
    "tad66k": {
        "labels/merge/train.csv": "image,score\na.jpg,1.9\nb.jpg,2.48\n",
        "labels/merge/test.csv": "image,score\nc.jpg,9.46\n",
        "labels/unmerge/train/art.csv": "image,score\na.jpg,1.9\nc.jpg,9.46\n",
        "labels/unmerge/test/sea.csv": "image,score\nc.jpg,9.46\n",
    },
    "icaa17k": {
        "1train.csv": (
            "ID,color,MOS,probability\n"
            "monochromatic/red/a.jpg,5.6,6.7,0.69\n"
            "monochromatic/red/b.jpg,5.7,0.8,0.7\n"
        ),
        "1test.csv": "ID,color,MOS,probability\ncomplementary/red_blue/a.jpg,5.6,6.7,0.69\n",
    },
    "para": {
        "annotation/PARA-GiaaTrain.csv": PARA_HEADER + PARA_ROW + PARA_ROW_WITHOUT_SEMANTIC,
        "annotation/PARA-GiaaTest.csv": PARA_HEADER + PARA_ROW.replace("a.jpg", "c.jpg"),
    },
    "aadb": {
        "imgListFiles_label/imgListTrainRegression_score.txt": "a.jpg 0.50\nb.jpg 0.55\n",
        "imgListFiles_label/imgListValidationRegression_score.txt": "v.jpg 1.0\n",
        "imgListFiles_label/imgListTestNewRegression_score.txt": "c.jpg 0.05\n",
        "imgListFiles_label/imgListTrainRegression_DoF.txt": "b.jpg -0.2\na.jpg 0.4\n",
        "imgListFiles_label/imgListTestNewRegression_DoF.txt": "c.jpg 1\n",
    },
    "avacaptions": {
        CAPTIONS: captions_file(
            captioned(11, "test", "the light is good here", "i like the colors"),
            captioned(13, "train", "too dark in the corner"),
        )
    },
    "realqa": {
        "realqa.jsonl": realqa_line("images/a.png", "train", 3.99) + realqa_line("images/b.png", "test", 7.5)
    },
}
NAMES = list(FOLDERS)
MAIN = {name: next(iter(files)) for name, files in FOLDERS.items()}
FIRST_PICTURE = {
    "tad66k": "TAD66K/a.jpg",
    "icaa17k": "images/monochromatic/red/a.jpg",
    "para": "imgs/session1/a.jpg",
    "aadb": "datasetImages_warp256/a.jpg",
    "avacaptions": "../ava/images/11.jpg",
    "realqa": "images/a.png",
}


def write_files(root: Path, files: dict[str, str]) -> str:
    """Writes files below a data root, which is returned."""
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return str(root)


def write_folder(root: Path, name: str, main: str | None = None) -> str:
    """Writes a dataset's folder below a data root, which is returned; main: another text of its main file."""
    files = {f"{name}/{path}": text for path, text in FOLDERS[name].items()}
    if name == "avacaptions":
        files |= AVA_FILES
    if main is not None:
        files[f"{name}/{MAIN[name]}"] = main
    return write_files(root, files)


def write_changed(root: Path, name: str, old: str, new: str) -> str:
    """Writes a dataset's folder with some text of its main file exchanged once."""
    text = FOLDERS[name][MAIN[name]]
    assert old in text
    return write_folder(root, name, main=text.replace(old, new, 1))


def assert_refused(name: str, root: str, sentence: str) -> None:
    """Loading ends in one sentence that says so."""
    with pytest.raises(UserError, match=sentence) as problem:
        datasets.load(name, root=root)
    assert "\n" not in str(problem.value)
