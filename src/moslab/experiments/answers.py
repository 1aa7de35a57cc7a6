"""Scores that a model writes into its answer, as reasoning models do: no training, no logits.

Q-Insight and VisualQuality-R1 think first and end with a number between tags, `<answer>4.2</answer>`, or
with JSON between them, `<answer>{"rating": 4.2}</answer>`. Where the published code of VisualQuality-R1
cannot read an answer, it takes a random score from 1 to 5; here there is none (NaN), and it is counted.

Source: the published inference code of Q-Insight (Li et al., 2025) and VisualQuality-R1 (Wu et al., 2025).
Both sample their answers; here they are written greedily. Q-Insight's system prompt and the words
"Picture 1: " that VisualQuality-R1 puts before the picture are left out, since a chat template decides what
stands there.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from moslab.backbones.asking import write
from moslab.backbones.base import Backbone
from moslab.experiments.scoring_files import NO_ANSWER, open_picture
from moslab.utils.errors import UserError

RATING = (
    "What is your overall rating on the quality of this picture? The rating should be a float between 1 and "
    "5, rounded to two decimal places, with 1 representing very poor quality and 5 representing excellent "
    "quality."
)
QUESTIONS = {
    "q-insight": (
        f'{RATING} Return the final answer in JSON format with the following keys: "rating": The score.'
    ),
    "visualquality-r1": (
        f"You are doing the image quality assessment task. Here is the question: {RATING} First output the "
        "thinking process in <think> </think> tags and then output the final answer with only one score in "
        "<answer> </answer> tags."
    ),
}
LONGEST = 512  # tokens of an answer
Scale = tuple[float, float]
_NUMBER = r"[-+]?\d+(?:\.\d+)?"
_TAGGED = re.compile(r"<answer>(.*?)</answer>", re.DOTALL | re.IGNORECASE)
_THOUGHT = re.compile(r"<think>.*?(?:</think>|$)", re.DOTALL | re.IGNORECASE)
_KEYED = re.compile(rf'"(?:rating|score|quality)"\s*:\s*"?({_NUMBER})', re.IGNORECASE)
_SAID = re.compile(rf"\b(?:score|rating|quality)\b[^.\d<]*?(?:\bis|\bof|:|=)\s*({_NUMBER})", re.IGNORECASE)


def read_answer(text: str, scale: Scale | None = None) -> float:
    """The score in a written answer; NaN where there is none.

    Looked at is what stands between the last pair of answer tags; without tags, what follows the thinking,
    and there a score must be named as one ("the quality score is 3.85") or stand alone.

    Args:
        text: as a model wrote it.
        scale: a number outside of it is no score; any is one where it is None.
    """
    tagged = _TAGGED.findall(text)
    said = (tagged[-1] if tagged else _THOUGHT.sub("", text)).strip()
    found = _KEYED.findall(said) or _SAID.findall(said)
    if not found:
        alone = re.match(_NUMBER if tagged else rf"{_NUMBER}\s*(?:/\s*\d+)?\W*$", said.lstrip("*[({ "))
        found = re.findall(_NUMBER, alone[0])[:1] if alone else []
    score = float(found[-1]) if found else np.nan
    if scale is not None and not scale[0] <= score <= scale[1]:
        return np.nan
    return score


def question_of(name: str) -> str:
    """A paper's question by its name, or a question of one's own; UserError for an empty one."""
    if not name.strip():
        raise UserError(f"The question is empty: write one, or one of {', '.join(QUESTIONS)}.")
    return QUESTIONS.get(name, name)


def ask(
    backbone: Backbone,
    files: Sequence[Path],
    question: str,
    longest: int = LONGEST,
    scale: Scale | None = None,
) -> pd.DataFrame:
    """What a model answers about each picture, and the score in it.

    Args:
        backbone: see `loading.load_to_ask`.
        files: the pictures'.
        question: see `question_of`.
        longest: tokens that an answer may have.
        scale: see `read_answer`.

    Returns:
        A row per picture: picture, answer, score (NaN if unread), and problem, '' for one with a score.
    """
    asked = question_of(question)
    rows: list[dict[str, Any]] = []
    for file in tqdm(files, desc="asking", unit="picture", leave=False, disable=None):
        row: dict[str, Any] = {"picture": str(file), "answer": "", "score": np.nan, "problem": ""}
        try:
            row["answer"] = write(backbone, open_picture(file), [asked], longest)[0]
            row["score"] = read_answer(row["answer"], scale)
            row["problem"] = NO_ANSWER if np.isnan(row["score"]) else ""
        except UserError as problem:
            row["problem"] = str(problem)
        rows.append(row)
    return pd.DataFrame(rows, columns=["picture", "answer", "score", "problem"])


# --- files of answers -------------------------------------------------------------------------------------


def json_lines(path: Path) -> dict[int, dict[str, Any]]:
    """The objects of a JSONL file by line number, blank lines left out.

    Raises:
        UserError: for the first line that is no JSON object.
    """
    records = {}
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError as problem:
            raise UserError(
                f"{path}, line {number}: not valid JSON ({problem}); write one object a line."
            ) from problem
        if not isinstance(record, dict):
            raise UserError(
                f"{path}, line {number}: {line[:40]!r} is no JSON object; write one object a line."
            )
        records[number] = record
    return records
