"""Comments: what is taught behind a score or alone, what is written after training, and what it is worth."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from readers import labels_of, reader_with, taught_text
from toys import save_tiny_base, toy_table

from moslab.backbones.features import cached_features
from moslab.backbones.prompts import Wording
from moslab.datasets.table import ImageTable
from moslab.experiments import comments, training
from moslab.experiments.experiment import Experiment, make
from moslab.experiments.fields import ADDED_LATER
from moslab.experiments.inputs import evaluated_rows
from moslab.experiments.reading import Reader
from moslab.experiments.store import COMMENTS, SAID_COMMENT
from moslab.measures.captions import cider, f_measure, plain
from moslab.scorers import scorer_class
from moslab.utils.errors import UserError
from moslab.world.language import NAMES, WORDS
from moslab.world.told import told


def commented(pictures: int = 40) -> ImageTable:
    """The toy table with one to three comments on each picture."""
    texts = [[f"good image of number {row}."] * (1 + row % 3) for row in range(pictures)]
    return replace(toy_table(pictures), annotations=pd.DataFrame({"captions": texts}))


def experiment(**fields) -> Experiment:
    return make(**{"dataset": "iqa", "scorer": "digits", "learning_rate": 1e-3} | fields)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return save_tiny_base(tmp_path_factory.mktemp("base") / "base")


def reader_of(name: str, base, alone: bool = False) -> Reader:
    """A scorer's reader that teaches a comment to each picture of the toy table."""
    said = {row: f"good image of {row}." for row in range(40)}
    return replace(reader_with(scorer_class(name)(), base), comments=said, alone=alone)


# --- the experiment ---


def test_unset_fields_leave_keys_as_they_were():
    assert {"comments", "test_comments"} <= set(ADDED_LATER)
    assert experiment(test_comments=5) == experiment()  # nothing is written without comments


def test_how_many_are_written_changes_no_training():
    one, other = experiment(comments="behind"), experiment(comments="behind", test_comments=5)
    assert one.key != other.key
    assert one.training == other.training
    keys = {experiment(comments=how).training for how in (None, "behind", "alone")}
    assert len(keys) == 3


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"scorer": "bins", "comments": "behind"}, "use one of digits, levels, roc"),
        ({"scorer": "roc", "comments": "alone"}, "use one of digits, levels"),
        ({"scorer": "roc", "options": {"then": "x"}, "comments": "behind"}, "has a text already"),
    ],
)
def test_what_cannot_be_taught_is_refused(fields, sentence):
    with pytest.raises(UserError, match=sentence):
        experiment(**fields)


def test_each_picture_gets_one_of_its_comments_drawn_by_the_seed():
    texts = pd.DataFrame({"captions": [[f"{row} {number}" for number in range(4)] for row in range(40)]})
    table = replace(toy_table(), annotations=texts)
    drawn = [comments.taught_comments(experiment(comments="behind", seed=seed), table) for seed in (0, 1)]
    assert list(drawn[0]) == table.rows("train").tolist()
    assert all(text in texts["captions"][row] for row, text in drawn[0].items())
    assert drawn[0] != drawn[1]
    assert comments.taught_comments(experiment(), table) == {}


def test_data_without_comments_are_refused():
    with pytest.raises(UserError, match="has no comments to teach"):
        comments.taught_comments(experiment(comments="behind"), toy_table())


# --- what is taught, and written ---


@pytest.mark.parametrize("name", ["digits", "levels", "roc"])
def test_a_comment_stands_behind_the_scores_sentence(name, base):
    reader = reader_of(name, base)
    targets = reader.scorer.encode(labels_of(toy_table()))[:3]
    batch = reader.to_teach(toy_table(), range(3), targets)
    bare = replace(reader, comments={}).to_teach(toy_table(), range(3), targets)
    assert (batch["read_position"] == bare["read_position"]).all()
    for row in range(3):
        sentence = taught_text(reader, bare["labels"][row])
        assert taught_text(reader, batch["labels"][row]) == f"{sentence} good image of {row}."
    assert np.isfinite(reader.scorer.loss(reader.states(batch), batch, reader.vocabulary).item())


def test_a_comment_alone_is_the_whole_answer(base):
    reader = reader_of("levels", base, alone=True)
    batch = reader.to_teach(toy_table(), range(2), reader.scorer.encode(labels_of(toy_table()))[:2])
    assert [taught_text(reader, labels) for labels in batch["labels"]] == [
        "good image of 0.",
        "good image of 1.",
    ]
    scored = reader.to_read(toy_table(), range(2))  # scores are read where the scorer reads them
    assert (scored["read_position"] > batch["read_position"]).all()


def test_writing_goes_on_where_the_taught_words_begin(base):
    """What is written together is what each picture gets by itself."""
    reader = reader_of("digits", base)
    together = reader.write(toy_table(), range(3), 6)
    assert together == [reader.write(toy_table(), [row], 6)[0] for row in range(3)]


@pytest.mark.parametrize(
    ("text", "alone", "comment"),
    [
        (" 3.99. the light is low key.", False, "the light is low key."),
        (" 3 . 99. lovely.", False, "lovely."),
        ("4. lovely.", False, "lovely."),
        (" good. lovely. but dark.", False, "lovely. but dark."),
        (". lovely.", False, "lovely."),
        (" 3.99", False, ""),
        (" lovely. but dark.", True, "lovely. but dark."),
    ],
)
def test_the_comment_is_what_stands_behind_the_first_sentence(text, alone, comment):
    assert comments.without_score(text, alone) == comment


def test_what_is_written_is_kept_with_its_worth(monkeypatch, base):
    table = replace(commented(), name="like_avacaptions")
    reader = reader_of("digits", base)
    monkeypatch.setattr(
        Reader, "write", lambda self, table, rows, longest: [" 1.00. vivid colours."] * len(rows)
    )
    rows = comments.answers(experiment(comments="behind", test_comments=4), table, reader)
    assert rows["split"].value_counts().to_dict() == dict.fromkeys(COMMENTS.values(), 4)
    assert set(rows["target"]) == {0.0}
    of_cider = rows[rows["split"] == COMMENTS["cider"]]
    assert set(of_cider[SAID_COMMENT]) == {"vivid colours."}
    assert comments.answers(experiment(comments="behind"), toy_table(), reader).empty


def test_no_more_comments_than_pictures_are_evaluated(monkeypatch, base):
    """Features are there for the evaluated pictures alone."""
    reader = reader_of("digits", base)
    monkeypatch.setattr(Reader, "write", lambda self, table, rows, longest: ["1.00. dark."] * len(rows))
    fewer = experiment(comments="behind", test_images=3, test_comments=5)
    written = comments.answers(fewer, commented(), reader)
    assert written["split"].value_counts().to_dict() == dict.fromkeys(COMMENTS.values(), 3)


@pytest.mark.parametrize("test", [{"test_dataset": "iaa"}, {"test_text": "title"}])
def test_comments_are_written_about_what_is_tested(monkeypatch, base, test):
    """With the pictures and the words of the test, not with those of the training."""
    seen = {}

    def answers(_, table, reader):
        seen.update(table=table, reader=reader)
        return pd.DataFrame()

    monkeypatch.setattr(comments, "answers", answers)
    tested = replace(commented(60), name="iaa")
    taught = toy_table(20)
    monkeypatch.setattr(training, "labelled", lambda _: tested)
    reader = reader_of("levels", base)
    reader.features = cached_features(taught, reader.backbone)
    one = experiment(scorer="levels", comments="behind", **test)
    training.evaluated(one, taught, reader, [], {})
    assert seen["table"] is (tested if "test_dataset" in test else taught)
    assert seen["reader"].wording == Wording.of(seen["table"], "iqa", one.test_text or one.text, one.preset)
    assert all(seen["reader"].features.count(row) for row in evaluated_rows(one, seen["table"]))


# --- measures ---


def test_a_comment_that_people_wrote_is_worth_more_than_another():
    people = [["the light is low key.", "lovely, low key."], ["a dutch angle."], ["still, and sharp."]]
    same = cider([texts[0] for texts in people], people)
    other = cider(["a dutch angle.", "still, and sharp.", "the light is low key."], people)
    assert same.shape == (3,)
    assert (same > 1).all()
    assert other == pytest.approx(0, abs=1e-9)


def test_words_are_plain():
    assert plain("Lovely, the LIGHT: low key.") == "lovely the light low key"


def test_tuples_are_read_off_the_closed_vocabulary():
    assert told("The light is high key.") == {("light",), ("light", "high key")}
    assert told("bright") == told("high key")  # another way to say it
    assert told("i would mend the focus.") == {("focus",)}
    assert told("light compression") == {("compression",), ("compression", "compressed")}
    assert told("nothing to remark.") == set()


def test_each_phrase_says_one_thing():
    ways = [way for classes in WORDS.values() for several in classes for way in several]
    assert len(ways) == len(set(ways))
    assert not set(ways) & set(NAMES.values())


def test_f_measure():
    assert f_measure({1, 2}, {2, 3, 4}) == pytest.approx(2 * (1 / 2) * (1 / 3) / (1 / 2 + 1 / 3))
    assert f_measure(set(), set()) == 1
    assert f_measure(set(), {1}) == 0
