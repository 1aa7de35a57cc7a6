"""The pictures of pre-training: fixed by their seed, shared without overlap, and drawn for nothing else."""

import hashlib
from itertools import chain

import numpy as np
import pytest
import torch
from test_corpus_words import corpus_tokenizer
from toys import toy_table

from moslab import world
from moslab.backbones import catalogue, embedded
from moslab.backbones.pretraining import (
    SOURCES,
    Corpus,
    Plan,
    Stage,
    Writer,
    corpus,
    draw_corpus,
    make_batch,
)
from moslab.backbones.qwen2_vl import ImageTextProcessor
from moslab.publish import base_card
from moslab.world import specs
from moslab.world.render import render_all
from moslab.world.tasks import SEED as TASK_SEED
from moslab.world.tasks import TASKS

SEED = Plan().seed


@pytest.fixture(scope="module")
def writer():
    return Writer(corpus_tokenizer())


def test_a_picture_of_the_corpus_is_a_function_of_seed_and_number(writer):
    five = np.array([5])
    together = make_batch(np.array([4, 5, 9]), SEED, writer)
    alone = make_batch(five, SEED, writer)
    assert torch.equal(together.pictures[1], alone.pictures[0])
    assert not torch.equal(alone.pictures[0], make_batch(five, SEED + 1, writer).pictures[0])
    length = alone.ids.shape[1]
    assert torch.equal(together.ids[1, :length], alone.ids[0])
    assert torch.equal(together.supervised[1, :length], alone.supervised[0])
    assert not together.supervised[1, length:].any()
    assert all(together.classes[field][1] == alone.classes[field][0] for field in specs.FIELDS)
    assert all(together.values[name][1] == alone.values[name][0] for name in alone.values)


def test_several_texts_of_a_picture_lie_one_block_after_the_other(writer):
    one = make_batch(np.array([4, 5]), SEED, writer)
    two = make_batch(np.array([4, 5]), SEED, writer, texts=2)
    length = one.ids.shape[1]
    assert len(two.ids) == 4
    assert len(two.pictures) == 2
    assert torch.equal(two.ids[:2, :length], one.ids)
    assert not torch.equal(two.ids[2:], two.ids[:2])
    assert make_batch(np.array([4]), SEED, writer, texts=0).ids.shape == (0, 0)


def test_processes_share_the_corpus_without_overlap(writer, monkeypatch):
    monkeypatch.setattr(corpus, "make_batch", lambda ids, seed, writer, sources, texts: ids.tolist())
    stages = (
        Stage("vision", 100, 1e-3, ("degraded",)),
        Stage("language", 24, 1e-3, ("degraded",), batch=4, texts=1),
    )
    plan = Plan(stages, processes=2)
    shares = [list(chain.from_iterable(Corpus(plan, 1, writer, rank))) for rank in range(2)]
    assert sorted(shares[0] + shares[1]) == list(range(100, 124))
    assert not set(shares[0]) & set(shares[1])


def test_sources_take_turns():
    mixed = draw_corpus(np.arange(6), SEED, ("photographs", "distorted"))
    photographs = draw_corpus(np.arange(6), SEED, ("photographs",))
    assert set(mixed.classes["jpeg"][::2]) == {0}
    assert mixed.values["light"][0] == photographs.values["light"][0]


def digests_of(pictures: np.ndarray) -> set[str]:
    return {hashlib.sha256(picture.tobytes()).hexdigest() for picture in np.asarray(pictures)}


def test_corpus_card_and_tasks_draw_different_pictures(home):
    assert len({TASK_SEED, Plan().seed, base_card.SEED}) == 3
    trained = digests_of(render_all(draw_corpus(np.arange(80), SEED, tuple(SOURCES))))
    card = digests_of(base_card.sample("iaa", "calm", 40)[1].numpy())
    tasks = set()
    for task in TASKS:
        tasks |= digests_of(world.generate(task, n=60).images)
    assert len(trained) == 80
    assert not trained & tasks and not card & tasks and not trained & card


@pytest.mark.parametrize("size", [(64, 64), (64, 96)])
def test_patches_are_the_processor_s_bit_for_bit(size):
    processor = ImageTextProcessor.from_folder(catalogue.WEIGHTS).image_processor
    table = toy_table(5, size=size)
    patches = embedded.inputs(torch.from_numpy(table.pixels.array))
    own = processor(images=[table.pixels.open(row) for row in range(5)], return_tensors="pt")
    assert all(torch.equal(patches[name], own[name]) for name in ("image_grid_thw", "pixel_values"))
