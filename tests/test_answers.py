"""Scores in written answers: what is read, what is not, and how a model is asked."""

import json

import numpy as np
import pytest
from PIL import Image

from moslab.analysis import score_tables
from moslab.experiments import answers
from moslab.experiments.answers import read_answer
from moslab.utils.errors import UserError


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("<think>It is sharp, 5 of 5?</think><answer>4.20</answer>", 4.2),
        ('<think>Blurry.</think>\n<answer>\n{"rating": 2.35}\n</answer>', 2.35),
        ('<answer>{"rating": "3"}</answer>', 3.0),
        ("<answer>1.0</answer> no, <answer>2.5</answer>", 2.5),
        ("<answer>4.2/5</answer>", 4.2),
        ("<answer>**3.9**</answer>", 3.9),
        ("The quality score is 3.85", 3.85),
        ("The score of this image is 3.99.", 3.99),
        ("<think>A rating of 2 would be low.</think> Overall quality score: 4", 4.0),
        ("3.5", 3.5),
        (" 4 / 5.", 4.0),
        ("-0.3", -0.3),
    ],
)
def test_scores_are_read(text, score):
    assert read_answer(text) == pytest.approx(score)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The picture is good.",
        "<answer>good</answer>",
        "<think>It could be 4.2, or 3",
        "<think>The score is 4.2",
        "There are 3 birds and 2 trees.",
        "<answer></answer>4.2",
    ],
)
def test_an_answer_without_a_score_is_unread(text):
    assert np.isnan(read_answer(text))


def test_a_score_off_the_scale_is_unread():
    assert read_answer("<answer>85</answer>") == 85
    assert np.isnan(read_answer("<answer>85</answer>", (1, 5)))
    assert read_answer("<answer>5</answer>", (1, 5)) == 5


# files


@pytest.fixture
def target(tmp_path) -> score_tables.Target:
    path = tmp_path / "labels.csv"
    path.write_text("image,mos\na.jpg,1\nb.jpg,2\nc.jpg,3\n")
    return score_tables.target_of_file(path)


def test_lines_of_json_and_tables_hold_answers(target, tmp_path):
    texts = ["<answer>1.5</answer>", 'I see "nothing", really.', '<answer>{"rating": 3}</answer>']
    lines = tmp_path / "answers.jsonl"
    records = [
        {"image": "x/a.jpg", "response": texts[0]},
        {"image": "x/b.jpg", "response": texts[1]},
        {"image": "x/c.jpg", "response": texts[2]},
    ]
    lines.write_text("\n\n".join(map(json.dumps, records)) + "\n")
    assert score_tables.run_of(lines, target, answers=True) == pytest.approx([1.5, np.nan, 3.0], nan_ok=True)
    of_swift = [{"images": [{"path": record["image"]}], "response": record["response"]} for record in records]
    lines.write_text("\n".join(map(json.dumps, of_swift)))
    assert score_tables.run_of(lines, target, answers=True) == pytest.approx([1.5, np.nan, 3.0], nan_ok=True)


def test_lines_of_json_hold_scores_too(target, tmp_path):
    lines = tmp_path / "scores.jsonl"
    lines.write_text(
        '{"image": "a", "score": 1}\n{"image": "b", "score": null}\n{"image": "c", "score": 2.5}\n'
    )
    assert score_tables.run_of(lines, target) == pytest.approx([1, np.nan, 2.5], nan_ok=True)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("{broken", "line 2: not valid JSON"),
        ("[1]", "line 2: .* is no JSON object"),
        ('{"response": "4"}', "line 2 has no image"),
    ],
)
def test_bad_lines_are_named(line, sentence, target, tmp_path):
    lines = tmp_path / "answers.jsonl"
    lines.write_text(f'{{"image": "a.jpg", "response": "1"}}\n{line}\n')
    with pytest.raises(UserError, match=sentence):
        score_tables.run_of(lines, target, answers=True)


# asking


def test_a_model_is_asked_about_each_picture(tmp_path, monkeypatch):
    said = iter(["<answer>3.5</answer>", "nice"])
    asked = []
    monkeypatch.setattr(
        answers, "write", lambda _, __, questions, ___: asked.append(questions) or [next(said)]
    )
    files = [tmp_path / "a.png", tmp_path / "none.png", tmp_path / "b.png"]
    for file in (files[0], files[2]):
        Image.new("RGB", (8, 8)).save(file)
    table = answers.ask(None, files, "visualquality-r1")
    assert table["score"].tolist() == pytest.approx([3.5, np.nan, np.nan], nan_ok=True)
    assert table["answer"].tolist() == ["<answer>3.5</answer>", "", "nice"]
    assert table["problem"].tolist()[0] == ""
    assert "none.png" in table["problem"][1]
    assert asked == [[answers.QUESTIONS["visualquality-r1"]]] * 2


def test_questions_may_be_one_s_own():
    assert answers.question_of("How good is it?") == "How good is it?"
    with pytest.raises(UserError, match="The question is empty"):
        answers.question_of(" ")
