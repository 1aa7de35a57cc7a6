"""Videos scored by models of still pictures: which frames, and one by one or in one prompt."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from arrays import Given
from layouts import paint
from layouts_quality import layout_of
from test_backbones import mixed_table, reader_of
from test_qwen_models import close, followed_by, states_of
from toys import load_exact, toy_experiment, toy_table, use_toy_table

from moslab import datasets
from moslab.backbones import features, templates
from moslab.backbones.base import Backbone
from moslab.backbones.continuing import Continuation
from moslab.datasets.embedded import DrawnVideos
from moslab.datasets.table import ImageTable
from moslab.datasets.videos import evenly, single_frames
from moslab.experiments import digests, evaluation, training, videos
from moslab.experiments.compute import Compute
from moslab.experiments.experiment import make
from moslab.experiments.fields import ADDED_LATER, EVALUATION_FIELDS
from moslab.experiments.grid import make_on
from moslab.scorers.base import Scores
from moslab.utils.errors import UserError

QWENS = ["tiny_base", "tiny_qwen2_5_vl", "tiny_qwen3_vl"]
SHOWN = {0: [0, 1, 2], 3: [4, 3]}  # rows of pictures of several sizes


@pytest.fixture(autouse=True)
def nothing_remembered():
    digests.forget()
    yield
    digests.forget()


@pytest.fixture(params=[*QWENS, "tiny_llava", "tiny_mplug"])
def backbone(request) -> Backbone:
    return load_exact(request.getfixturevalue(request.param))


def video_table(frames: int = 4, videos: int = 10) -> ImageTable:
    """Videos of the toy table's pictures."""
    stills = toy_table(videos * frames)
    array = stills.pixels.array.reshape(videos, frames, 64, 64, 3)
    return replace(toy_table(videos), pixels=DrawnVideos(Given(array)))


# frames


def test_frames_are_taken_in_even_steps():
    assert evenly(8) == evenly(8, 9) == list(range(8))
    assert evenly(8, 1) == [4]  # the frame that a row opens as
    assert evenly(8, 2) == [2, 6]
    assert evenly(8, 4) == [1, 3, 5, 7]
    assert [len(set(evenly(7, wanted))) for wanted in range(1, 8)] == list(range(1, 8))


def test_each_frame_is_a_row_with_its_videos_labels():
    table = video_table()
    frames, of_video = single_frames(table, [7, 2], 2)
    assert of_video == [[0, 1], [2, 3]]
    assert frames.frame["mos"].tolist() == table.frame["mos"][[7, 7, 2, 2]].tolist()
    assert (np.asarray(frames.pixels.open(1)) == table.pixels.world.images[7, 3]).all()
    assert frames.pixels.where(1) == "frame 4 of row 7"
    assert frames.contents([0, 1]) == ["", ""]


def test_frames_in_folders(tmp_path):
    layout = layout_of("konvid1k", "mos")
    layout.write(tmp_path)
    folder = tmp_path / "konvid1k" / "frames"
    for number in range(12):
        paint(folder / layout.rows[0][0] / f"{number}.png", (20 * number, 0, 0))
    table = datasets.load("konvid1k", root=str(tmp_path))
    frames, of_video = single_frames(table, [0], 3)
    assert [frames.pixels.open(row).getpixel((0, 0))[0] // 20 for row in of_video[0]] == [2, 6, 10]
    assert [frames.pixels.paths(row)[0].name for row in of_video[0]] == ["2.png", "6.png", "10.png"]
    assert len(set(frames.contents([0, 1, 2]))) == 3


def test_pictures_are_no_videos():
    with pytest.raises(UserError, match="iqa has pictures and no videos: leave out frames"):
        single_frames(toy_table(4), [0])


# several pictures in one prompt


@torch.no_grad()
def test_several_pictures_are_read_the_same_however_they_come(backbone, tmp_path):
    """Live and kept, padded and end to end, together with others and alone."""
    table = mixed_table()
    live = replace(reader_of(backbone), shown=SHOWN)
    kept = replace(live, features=features.compute_features(table, range(6), backbone))
    rows = [0, 3, 5]  # three pictures, two, and one of its own
    expected = live.read(table, rows).states
    assert not close(expected[0], reader_of(backbone).read(table, [0]).states[0])
    for one in (kept, replace(kept, compute=Compute(packing=True))):
        assert close(one.read(table, rows).states, expected)
    for place, row in enumerate(rows):
        assert close(live.read(table, [row]).states[0], expected[place])
    lengths = kept.lengths(table, rows)
    assert lengths == kept.to_read(table, rows)["attention_mask"].sum(1).tolist()


@torch.no_grad()
def test_reading_on_behind_several_pictures_is_reading_anew(backbone):
    table = mixed_table()
    reader = replace(reader_of(backbone), shown=SHOWN)
    batch = reader.to_read(table, [0, 3, 5])
    ends = batch["attention_mask"].sum(1)
    followed = Continuation(backbone, batch).follow(torch.tensor([5, 6]), [-1, 0])
    longer = followed_by(batch, [5, 6])
    padding = longer["attention_mask"] == 0
    longer["input_ids"][padding] = backbone.tokenizer.pad_token_id
    anew = backbone.states(longer)
    assert close(followed[:, 1], anew[torch.arange(3), ends + 1])


@torch.no_grad()
@pytest.mark.parametrize("sizes", ["one size", "mixed sizes"])
@pytest.mark.parametrize("name", QWENS)
def test_positions_of_several_pictures_are_transformers_own(request, name, sizes):
    backbone = load_exact(request.getfixturevalue(name))
    own = backbone.architecture.Model.from_pretrained(backbone.folder).eval()
    table = toy_table(6) if sizes == "one size" else mixed_table()
    shown = {0: [0, 1, 2], 3: [5, 4, 3]} if sizes == "one size" else SHOWN
    reader = replace(reader_of(backbone), shown=shown)
    batch = reader.to_read(table, [0, 3])
    kept = batch["attention_mask"].bool()
    assert close(reader.states(batch)[kept], states_of(own, batch)[kept])


def test_a_template_of_one_picture_is_refused(tiny_base, monkeypatch):
    backbone = load_exact(tiny_base)
    one = templates._rendered(backbone.processor, "What?")
    monkeypatch.setattr(backbone.processor, "apply_chat_template", lambda *_, **__: one)
    with pytest.raises(UserError, match=r"writes 1 image tokens .* for 2 pictures.*frames='averaged'"):
        backbone.prompt("What?", (4, 4))


# scores of videos


def test_frames_are_averaged_and_put_in_one_prompt(tiny_base):
    frames, of_video = single_frames(video_table(), range(10))
    reader = reader_of(load_exact(tiny_base))
    alone = evaluation.predict(reader, frames, range(40)).score.reshape(10, 4)
    averaged = videos.predict(reader, frames, of_video, "averaged")
    assert averaged.score == pytest.approx(alone.mean(1))
    assert averaged.distribution.sum(1) == pytest.approx(1)
    together = videos.predict(reader, frames, of_video, "together").score
    shown = {rows[0]: rows for rows in of_video}
    expected = evaluation.predict(replace(reader, shown=shown), frames, range(0, 40, 4)).score
    assert together == pytest.approx(expected)
    assert not np.allclose(together, averaged.score, atol=1e-4)


def test_order_is_drawn_for_each_video_and_says_nothing_to_a_mean(tiny_base):
    frames, of_video = single_frames(video_table(), range(10))
    reader = reader_of(load_exact(tiny_base))
    shuffled = videos.predict(reader, frames, of_video, "shuffled").score
    assert shuffled == pytest.approx(videos.predict(reader, frames, of_video, "shuffled").score)
    assert not np.allclose(shuffled, videos.predict(reader, frames, of_video, "together").score, atol=1e-5)
    backwards = [rows[::-1] for rows in of_video]
    means = [videos.predict(reader, frames, rows, "averaged").score for rows in (of_video, backwards)]
    assert means[0] == pytest.approx(means[1])


def test_unread_frames_do_not_count():
    score = np.array([1.0, np.nan, 3.0, np.nan, np.nan, 2.0])
    scores = Scores(score, np.full((6, 2), 0.5), pd.DataFrame({"exposure": list("abcdef")}))
    averaged = videos.averaged(scores, [[0, 1, 2], [3, 4], [5]])
    assert averaged.score == pytest.approx([2.0, np.nan, 2.0], nan_ok=True)
    assert averaged.parsed.tolist() == [True, False, True]
    assert averaged.said is None


# experiments


def test_frames_leave_older_keys_and_the_training_alone(tiny_base):
    plain = make_on(
        "iqa", backbone=str(tiny_base), learning_rate=1e-3, test_dataset="like_konvid1k", images=60
    )
    assert {"frames", "frame_count"} <= set(ADDED_LATER) & set(EVALUATION_FIELDS)
    given = [{"frames": how} for how in ("averaged", "together", "shuffled")]
    given.append({"frames": "together", "frame_count": 4})
    others = [make(**{**plain.model_dump(), **fields}) for fields in given]
    assert len({one.key for one in (plain, *others)}) == 5
    assert {one.training for one in others} == {plain.training}
    assert make(**{**plain.model_dump(), "frame_count": 4}) == plain


def test_every_frame_on_disk_counts_in_the_key(tmp_path):
    layout = layout_of("konvid1k", "mos")
    layout.write(tmp_path)
    for row in layout.rows:
        for number in range(4):
            paint(tmp_path / "konvid1k" / "frames" / row[0] / f"{number}.png")
    spec = datasets.DatasetSpec("konvid1k", root=str(tmp_path))
    splits = tuple(sorted(set(datasets.load(spec).frame["split"])))
    before = [digests.of_pictures(spec, splits, None, every_frame=every) for every in (False, True)]
    paint(tmp_path / "konvid1k" / "frames" / layout.rows[0][0] / "0.png", "blue")
    digests.forget()
    after = [digests.of_pictures(spec, splits, None, every_frame=every) for every in (False, True)]
    assert [one == other for one, other in zip(before, after)] == [True, False]


def test_one_training_is_evaluated_with_frames_in_each_way(home, monkeypatch, tiny_base):
    table = use_toy_table(monkeypatch, pictures=20)
    pixels = DrawnVideos(Given(np.stack([table.pixels.array] * 3, 1)))
    still = replace(table, pixels=pixels)
    monkeypatch.setattr(datasets, "load", lambda name, **_: still)
    ways = ("averaged", "together", "shuffled")
    asked = [toy_experiment(tiny_base, frames=how, epochs=1) for how in ways]
    runs = list(training.execute_together([toy_experiment(tiny_base, epochs=1), *asked]))
    scores = [run.predictions["score"].to_numpy() for run in runs]
    assert scores[0] == pytest.approx(scores[1], abs=1e-5)  # all frames are one picture
    assert scores[2] == pytest.approx(scores[3], abs=1e-5)
    assert not np.allclose(scores[0], scores[2], atol=1e-3)


def test_frames_of_pictures_are_refused_before_training(home, monkeypatch, tiny_base):
    use_toy_table(monkeypatch)
    with pytest.raises(UserError, match="iqa has pictures and no videos"):
        training.prepare(toy_experiment(tiny_base, frames="together"))


def test_no_epochs_are_the_base_as_it_comes(home, monkeypatch, tiny_base):
    use_toy_table(monkeypatch)
    table, reader = training.prepare(toy_experiment(tiny_base, epochs=0, scorer="levels"))
    before = {name: weight.clone() for name, weight in reader.backbone.model.named_parameters()}
    assert training.fit(toy_experiment(tiny_base, epochs=0, scorer="levels"), table, reader) == []
    assert all(torch.equal(before[name], one) for name, one in reader.backbone.model.named_parameters())
