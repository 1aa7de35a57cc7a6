"""Checkpoints that others published score pictures as their authors' own programs did."""

import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from checkpoint_folders import reweight, rewrite
from mplug_fixture import FOLDER, arrays, pictures
from published_toys import extra_of, save_adapted, save_base, save_deqa, save_qscorer, save_roc
from test_exit_status import ending
from torch import nn
from toys import load_exact

import moslab
from moslab.backbones import catalogue, converting, loading
from moslab.backbones.new_tokens import NewTokens
from moslab.experiments.published import FORMS
from moslab.scorers import qscorer, roc, soft_levels
from moslab.scorers.base import Reading
from moslab.utils.errors import UserError

CLOSE = {"abs": 1e-3}
WORDS = ["model.visual_abstractor.", "lm_head.", "model.embed_tokens.", "deepmlp."]  # trained whole


def scores(folder, asked=None, **options):
    return moslab.load_scorer(folder, **options).score(pictures(), asked=asked)["score"].tolist()


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A folder of each, by its kind."""
    root = tmp_path_factory.mktemp("published")
    return {
        "qalign": save_base(root / "one"),
        "deqa": save_deqa(root / "two"),
        "qscorer": save_qscorer(root / "three"),
        "roc4mllm": save_roc(root / "four"),
    }


# scores


@pytest.mark.parametrize("asked", ["quality", "aesthetics"])
def test_q_align_has_two_scales(folders, asked):
    """Its scorer classes go from 0 to 1, and `model.score` from 1 to 5, with its words swapped."""
    made = arrays("scorers/qalign")
    classes = scores(folders["qalign"], asked, kind="qalign")
    assert classes == pytest.approx(made[f"{asked}.scorer_class_0_1"].tolist(), **CLOSE)
    own = scores(folders["qalign"], asked, kind="qalign-score")
    assert own == pytest.approx(made[f"{asked}.model_score_1_5"].tolist(), **CLOSE)


@pytest.mark.parametrize(
    ("kind", "name"),
    [("deqa", "scorer_1_5"), ("qscorer", "model_score_clamped"), ("roc4mllm", "assessor_scores_round6")],
)
def test_a_folder_tells_whose_it_is(folders, kind, name):
    made = arrays(f"scorers/{kind.removesuffix('4mllm')}")[name]
    assert scores(folders[kind]) == pytest.approx(made.tolist(), **CLOSE)


def test_q_scorer_s_tokens_are_read_on_the_blank(folders):
    """Where the second pass predicts them."""
    made = arrays("scorers/qscorer")
    reader = moslab.load_scorer(folders["qscorer"]).reader
    logits = made["pass1.last_logits"][:, 400:]
    expected = logits.softmax(-1).double() @ torch.tensor(reader.scorer.outcomes())
    found = moslab.load_scorer(folders["qscorer"]).score(pictures())["spread"]
    squares = (torch.tensor(reader.scorer.outcomes()) - expected[:, None]) ** 2
    assert found.tolist() == pytest.approx((logits.softmax(-1) * squares).sum(1).sqrt().tolist(), **CLOSE)


@pytest.mark.parametrize(
    ("kind", "scale"),
    [("qalign", (0, 1)), ("qalign-score", (1, 5)), ("deqa", (1, 5)), ("roc4mllm", (1, 10))],
)
def test_certain_answers_lie_on_the_ends_of_the_scale(folders, kind, scale):
    loaded = moslab.load_scorer(folders[kind.removesuffix("-score")], kind=kind)
    assert loaded.scale == scale
    outcomes = loaded.reader.scorer.outcomes()
    assert (outcomes[0], outcomes[-1]) == pytest.approx(scale)
    assert np.diff(outcomes) == pytest.approx(
        np.full(len(outcomes) - 1, np.ptp(outcomes) / (len(outcomes) - 1))
    )


@torch.no_grad()
def test_deqa_s_worked_example(folders):
    """KonIQ's picture of MOS 4.40 on 1 to 5: a model that answers with its label gives that score again.

    Not quite, since the released labels need not sum to one.
    """
    label = soft_levels.encode(np.array([4.400807]), np.array([0.656258]))[0]  # bad to excellent
    assert label[::-1] == pytest.approx([0.4222, 0.5336, 0.0590, 0, 0], abs=5e-5)
    scorer = moslab.load_scorer(folders["deqa"]).reader.scorer
    vocabulary = nn.Linear(1, 400, bias=False)
    vocabulary.weight[scorer.level_tokens, 0] = torch.tensor(label).clamp(min=1e-12).log().float()
    read = scorer.decode(Reading(torch.ones(1, 1), vocabulary))
    assert read.distribution[0] == pytest.approx(label / label.sum(), abs=1e-6)
    assert read.score == pytest.approx([label @ np.arange(1, 6) / label.sum()], abs=1e-5)
    assert read.score == pytest.approx([4.40], abs=0.05)


@pytest.mark.parametrize("kind", ["qalign", "deqa", "qscorer", "roc4mllm"])
def test_half_precision_is_nearly_the_same(folders, monkeypatch, kind):
    """As weights are on a GPU."""
    asked = "quality" if kind == "qalign" else None
    whole = scores(folders[kind], asked, kind=kind)
    load = loading.load
    monkeypatch.setattr(loading, "load", lambda name, **how: load(name, **how | {"dtype": torch.float16}))
    half = moslab.load_scorer(folders[kind], kind=kind)
    assert half.reader.vocabulary.weight.dtype == torch.float16
    assert half.score(pictures(), asked=asked)["score"].tolist() == pytest.approx(whole, abs=0.1)


# adapters


@pytest.mark.parametrize("kind", ["qscorer", "deqa"])
def test_adapters_with_what_was_trained_whole(folders, tmp_path, kind, monkeypatch, capsys):
    """As published, in pickles: refused, converted, and then as the whole model that they make."""
    adapted = save_adapted(tmp_path / "adapted", tmp_path / "base", folders[kind], WORDS)
    for number, picture in enumerate(pictures()):
        picture.save(tmp_path / f"{number}.png")
    photos = [tmp_path / f"{number}.png" for number in range(3)]
    command = ["score", adapted, *photos, "--csv", tmp_path / "scores.csv"]
    status, last = ending(monkeypatch, capsys, *command)
    assert status == 2
    assert last.endswith(
        f"convert it once with `moslab convert {adapted}`, which runs nothing and writes safetensors."
    )
    assert ending(monkeypatch, capsys, "convert", adapted)[0] == 0
    status, last = ending(monkeypatch, capsys, *command)
    assert status == 2 and "give its folder as backbone" in last
    assert ending(monkeypatch, capsys, *command, "--backbone", tmp_path / "base")[0] == 0
    table = pd.read_csv(tmp_path / "scores.csv")
    name = {"qscorer": "model_score_clamped", "deqa": "scorer_1_5"}[kind]
    assert table["score"].tolist() == pytest.approx(arrays(f"scorers/{kind}")[name].tolist(), **CLOSE)


def test_such_a_folder_is_a_backbone_like_any_other(folders, tmp_path):
    """With what was trained whole, which also counts in its key."""
    adapted = save_adapted(tmp_path / "adapted", tmp_path / "base", folders["deqa"], WORDS)
    list(converting.convert(adapted))
    rewrite(adapted / "adapter_config.json", base_model_name_or_path=str(tmp_path / "base"))
    expected = load_exact(folders["deqa"]).model.state_dict()
    for name, weight in load_exact(adapted).model.state_dict().items():
        torch.testing.assert_close(weight, expected[name], atol=1e-5, rtol=1e-5)
    before = catalogue.fingerprint(str(adapted))
    (adapted / catalogue.TRAINED_WHOLE).unlink()
    assert catalogue.fingerprint(str(adapted)) != before


def test_training_goes_on_from_published_tokens(folders):
    tokens = NewTokens(load_exact(folders["qscorer"]), qscorer.names(5))
    published = extra_of("qscorer")
    assert torch.equal(tokens.outputs, published["lm_head.weight"][400:])
    assert torch.equal(tokens.inputs, published["model.embed_tokens.weight"][400:])


# unread answers


def without_position(weights):
    """Weights that never write [SCORE]."""
    head = weights["lm_head.weight"].clone()
    head[400] = 0
    return weights | {"lm_head.weight": head}


def test_a_model_that_writes_no_score_is_unread(folders, tmp_path, monkeypatch):
    """As the authors' -1."""
    monkeypatch.setattr(roc, "LONGEST", 4)
    folder = shutil.copytree(folders["roc4mllm"], tmp_path / "roc")
    reweight(folder, without_position)
    table = moslab.load_scorer(folder).score(pictures())
    assert table["score"].isna().all() and table["spread"].isna().all()


# refused


def test_what_does_not_tell_is_asked_for(folders):
    with pytest.raises(UserError, match="says whose scorer it is .* choose one of qalign, .* with --as"):
        moslab.load_scorer(folders["qalign"])
    with pytest.raises(UserError, match="no published scorer 'q-align': choose one of qalign, qalign-score"):
        moslab.load_scorer(folders["qalign"], kind="q-align")
    with pytest.raises(UserError, match="say which is meant, such as asked="):
        scores(folders["qalign"], kind="qalign")


def test_the_command_is_told(folders, tmp_path, monkeypatch, capsys):
    pictures()[0].save(tmp_path / "0.png")
    command = ["score", folders["qalign"], tmp_path / "0.png", "--csv", tmp_path / "scores.csv"]
    status, last = ending(monkeypatch, capsys, *command)
    assert status == 2 and "choose one of qalign, qalign-score, deqa, qscorer, roc4mllm with --as" in last
    assert ending(monkeypatch, capsys, *command, "--as", "qalign", "--asked", "aesthetics")[0] == 0
    expected = arrays("scorers/qalign")["aesthetics.scorer_class_0_1"][0].item()
    assert pd.read_csv(tmp_path / "scores.csv")["score"][0] == pytest.approx(expected, **CLOSE)


def test_the_name_of_a_folder_tells_nothing(folders, tmp_path):
    named = shutil.copytree(folders["roc4mllm"], tmp_path / "deqa-qalign-qscorer")
    assert moslab.load_scorer(named).reader.scorer.name == "roc"


REFUSED = {
    "no network": ("qalign", "qscorer", None, r"holds no network of Q-Scorer's \(deepmlp"),
    "no settings": ("qalign", "roc4mllm", None, "config.json lacks 'min_score'"),
    "a base": ("deqa", None, str(FOLDER), "holds a whole model: leave its backbone out"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_choice_is_one_sentence(folders, case):
    kind, chosen, base, sentence = REFUSED[case]
    with pytest.raises(UserError, match=sentence):
        moslab.load_scorer(folders[kind], kind=chosen, backbone=base)


def test_tokens_are_never_made_up(folders, tmp_path):
    folder = shutil.copytree(folders["roc4mllm"], tmp_path / "roc")
    (folder / "added_tokens.json").unlink()
    with pytest.raises(UserError, match="does not end with the tokens of such a scorer"):
        moslab.load_scorer(folder)


def test_a_network_of_another_width_does_not_fit(folders, tmp_path):
    folder = shutil.copytree(folders["qscorer"], tmp_path / "qscorer")
    reweight(folder, lambda weights: weights | {"deepmlp.output_layer.bias": torch.zeros(2)})
    with pytest.raises(UserError, match="network of Q-Scorer's in .* does not fit the model"):
        moslab.load_scorer(folder)


def test_other_models_are_no_scorers(tiny_base, tmp_path):
    with pytest.raises(UserError, match="holds a qwen2_vl model and no scorer"):
        moslab.load_scorer(tiny_base, kind="qalign")
    with pytest.raises(UserError, match="leave 'deqa' out"):
        moslab.load_scorer(tmp_path, kind="deqa")
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "config.json").write_text("{}")
    rewrite(adapter / "adapter_config.json", peft_type="IA3", base_model_name_or_path=str(tiny_base))
    with pytest.raises(UserError, match="holds an adapter of kind IA3"):
        moslab.load_scorer(adapter, kind="deqa")


def test_every_kind_is_tried_here():
    assert set(FORMS) == {"qalign", "qalign-score", "deqa", "qscorer", "roc4mllm"}
