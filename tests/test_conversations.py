"""Training conversations written for other programs: the turns that are taught, in the forms they read."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from toys import save_tiny_base, toy_experiment, use_toy_table
from typer.testing import CliRunner

from moslab import cli
from moslab.experiments import conversations
from moslab.experiments.inputs import training_rows
from moslab.experiments.reading import IGNORED
from moslab.experiments.training import prepare
from moslab.utils.errors import UserError

SETTING = {"text": "generic", "options": {}}


@pytest.fixture
def base(tmp_path, monkeypatch) -> Path:
    use_toy_table(monkeypatch)
    return save_tiny_base(tmp_path / "base")


def read(file: Path) -> list[dict]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("scorer", ["levels", "digits"])
def test_what_is_exported_is_what_is_taught(scorer, base, tmp_path):
    experiment = toy_experiment(base, scorer=scorer, **SETTING)
    lines = read(conversations.export(experiment, tmp_path / "out"))
    table, reader = prepare(experiment)
    rows = training_rows(experiment, table)
    batch = reader.to_teach(table, rows, reader.scorer.encode(conversations.Labels.of(table, rows)))
    assert len(lines) == len(rows)
    for row, line, labels in zip(rows, lines, batch["labels"]):
        taught = reader.backbone.tokenizer.decode(labels[labels != IGNORED], skip_special_tokens=True)
        user, assistant = line["messages"]
        assert taught.strip() == assistant["content"].lower()  # the tiny tokenizer knows no capitals
        assert user["content"] == "<image>" + reader.wording.question(int(row))
        assert line["solution"] == table.frame["mos"][row]


def test_ms_swift_reads_messages_and_images(base, tmp_path):
    first = read(conversations.export(toy_experiment(base, scorer="levels", **SETTING), tmp_path / "out"))[0]
    assert [turn["role"] for turn in first["messages"]] == ["user", "assistant"]
    assert first["messages"][0]["content"] == "<image>How would you rate the quality of this image?"
    assert first["messages"][1]["content"].startswith("The quality of the image is ")
    assert set(first) == {"messages", "images", "solution"}


def test_llama_factory_reads_sharegpt_with_a_description(base, tmp_path):
    folder = tmp_path / "out"
    experiment = toy_experiment(base, scorer="digits", **SETTING)
    first = read(conversations.export(experiment, folder, "llama-factory"))[0]
    human, gpt = first["conversations"]
    assert (human["from"], gpt["from"]) == ("human", "gpt")
    assert human["value"].count("<image>") == len(first["images"]) == 1
    assert gpt["value"].startswith("The score of this image is ")
    described = json.loads((folder / "dataset_info.json").read_text())["moslab"]
    assert described["formatting"] == "sharegpt"
    assert (folder / described["file_name"]).is_file()
    assert described["columns"] == {"messages": "conversations", "images": "images"}


def test_pictures_in_memory_are_written_out(base, tmp_path):
    experiment = toy_experiment(base, scorer="levels", train_images=3, **SETTING)
    lines = read(conversations.export(experiment, tmp_path / "out"))
    table = conversations.taught(experiment)
    for row, line in zip(training_rows(experiment, table), lines):
        path = Path(line["images"][0])
        assert path.is_absolute()
        assert np.array_equal(np.asarray(Image.open(path)), np.asarray(table.pixels.open(int(row))))


def test_a_chain_tells_its_attributes_first(tmp_path, monkeypatch):
    exposure = pd.DataFrame({"exposure": ["dark", "properly exposed"] * 20})
    table = replace(use_toy_table(monkeypatch), annotations=exposure)
    monkeypatch.setattr(conversations, "taught", lambda _: table)
    experiment = toy_experiment("embedded", scorer="chain", options={"attributes": ("exposure",)})
    answers = [line["messages"][1]["content"] for line in read(conversations.export(experiment, tmp_path))]
    forms = [
        re.fullmatch(r"the exposure is (dark|properly exposed)\. (.*) \d\.\d\d\.", one) for one in answers
    ]
    assert {form[2] for form in forms} == {"The score of this image is"}


def test_without_words_the_picture_is_the_question(base, tmp_path):
    experiment = toy_experiment(base, scorer="levels", options={})
    first = read(conversations.export(experiment, tmp_path / "out"))[0]
    assert first["messages"][0]["content"] == "<image>"


@pytest.mark.parametrize("scorer", ["bins", "regression", "roc", "soft_levels", "qscorer"])
def test_scorers_that_teach_more_than_words_are_refused(scorer, base, tmp_path):
    experiment = toy_experiment(base, scorer=scorer, **SETTING)
    with pytest.raises(UserError, match=f"The scorer {scorer} teaches more than words"):
        conversations.export(experiment, tmp_path / "out")


def test_unknown_forms_and_marks_in_texts_are_refused(tmp_path, monkeypatch):
    use_toy_table(monkeypatch, text="My <image>")
    experiment = toy_experiment("embedded", scorer="levels", text="title", options={})
    with pytest.raises(UserError, match="Unknown format 'alpaca'"):
        conversations.export(experiment, tmp_path, "alpaca")
    with pytest.raises(UserError, match="holds <image>, which stands for a picture"):
        conversations.export(experiment, tmp_path)


def test_the_command_names_the_file(tmp_path, monkeypatch):
    use_toy_table(monkeypatch)
    asked = ["conversations", str(tmp_path / "out"), "--scorer", "digits", "--options", '{"digits": 2}']
    printed = CliRunner().invoke(cli.app, asked, catch_exceptions=False).stdout
    assert printed.strip().endswith("train.jsonl")
    with pytest.raises(UserError, match="are no JSON"):
        CliRunner().invoke(cli.app, [*asked[:-1], "digits=2"], catch_exceptions=False)
