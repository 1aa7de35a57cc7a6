"""Folders that others published: whose scorer one holds, and its weights put into ours.

What a folder holds decides, never its name. Some are whole models, some an adapter with what was trained
whole beside it.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from moslab.backbones import adapters, catalogue, checkpoints, loading
from moslab.backbones.base import Backbone
from moslab.backbones.catalogue import ADAPTER_FILE, TRAINED_WHOLE
from moslab.backbones.new_tokens import NewTokens
from moslab.experiments.compute import load_compute
from moslab.experiments.published.forms import FORMS
from moslab.experiments.reading import Reader
from moslab.scorers import qscorer
from moslab.scorers.base import Scorer
from moslab.utils.errors import UserError, first_line
from moslab.utils.files import read_json

ARCHITECTURE = "mplug_owl2"  # the one that they all stand on
NETWORK = "deepmlp."  # begins the names of Q-Scorer's network; its layers there and here:
LAYERS = {"model.0.linear": "hidden.0", "model.1.linear": "hidden.2", "output_layer": "last"}
LEFT_OUT = r".* belong to nothing in the model .*first: (deepmlp|learned_weight)"  # the second is unused


@dataclass(frozen=True)
class Published:
    """What a folder says of itself.

    Attributes:
        folder: see above.
        settings: its config.json.
        files: those that may hold weights of a scorer, all safetensors.
    """

    folder: Path
    settings: dict[str, Any]
    files: list[Path]

    @classmethod
    def read(cls, folder: Path) -> "Published":
        """A folder's settings, without its weights.

        Raises:
            UserError: for weights that are missing or pickled, and for another architecture.
        """
        path = folder / "config.json"
        settings = read_json(path) if path.is_file() else {}
        if (folder / ADAPTER_FILE).is_file():
            adapters.check(folder)
            files = [one for one in [folder / TRAINED_WHOLE] if one.is_file()]
            return cls(folder, settings, files)
        if settings.get("model_type") != ARCHITECTURE:
            raise UserError(
                f"{folder} holds a {settings.get('model_type')} model and no scorer: give a folder that "
                "save_scorer wrote, or a published one of Q-Align, DeQA-Score, Q-Scorer or ROC4MLLM."
            )
        checkpoints.check_weights(folder)
        return cls(folder, settings, catalogue.weight_files(folder))

    @property
    def kind(self) -> str:
        """Whose scorer it is, one of `FORMS`.

        Raises:
            UserError: where nothing in the folder tells.
        """
        if "score_token_id" in self.settings or self.network():
            return "qscorer"
        if "score_id" in self.settings and "num_tokens" in self.settings:
            return "roc4mllm"
        if "level_ids" in self.settings or "level_prefix" in self.settings:
            return "deqa"
        raise UserError(
            f"{self.folder} holds an mPLUG-Owl2, and nothing in it says whose scorer it is (Q-Align's look "
            f"like their base): choose one of {', '.join(FORMS)} with --as (kind= in Python)."
        )

    def network(self) -> dict[str, torch.Tensor]:
        """The weights of Q-Scorer's network, by their names in ours; empty where there are none."""
        weights = {}
        for name, weight in self._weights(NETWORK):
            layer, _, part = name.removeprefix(NETWORK).rpartition(".")
            weights[f"{LAYERS.get(layer, layer)}.{part}"] = weight
        return weights

    def _weights(self, start: str) -> Iterator[tuple[str, torch.Tensor]]:
        """The weights whose names begin so, with their names."""
        for path in self.files:
            with safe_open(path, "pt") as stored:
                for key in stored.keys():
                    name = adapters.published_name(key)
                    if name.startswith(start):
                        yield name, stored.get_tensor(key)


def holds(folder: Path) -> bool:
    """Whether a folder holds a checkpoint, or an adapter with what was trained whole."""
    return (folder / "config.json").is_file() or any(folder.glob(f"{Path(TRAINED_WHOLE).stem}.*"))


def load(
    folder: Path, base: str | None = None, kind: str | None = None
) -> tuple[Reader, tuple[float, float]]:
    """A published scorer.

    Args:
        folder: as it was published, with its weights in safetensors.
        base: where the base of an adapter is here; as the folder names it if None.
        kind: one of `FORMS`; as the folder tells if None.

    Returns:
        The model, ready to score, and the lowest and highest of its scores.

    Raises:
        UserError: for a folder that cannot be read, or is none of a scorer.
    """
    if kind is not None and kind not in FORMS:
        raise UserError(f"There is no published scorer {kind!r}: choose one of {', '.join(FORMS)}.")
    published = Published.read(folder)
    kind = kind or published.kind
    network = published.network()
    if kind == "qscorer" and not network:
        raise UserError(f"{folder} holds no network of Q-Scorer's ({NETWORK}...): complete the folder.")
    backbone = _backbone(published, base)
    score_tokens = _score_tokens(backbone) if kind == "qscorer" else 0
    form = FORMS[kind](published.settings | {"score_tokens": score_tokens})
    scorer = form.made()
    scorer.attach(backbone)
    _check_tokens(folder, scorer)
    if isinstance(scorer, qscorer.QScorer):
        _fill(folder, scorer, network)
    backbone.processor.chat_template = form.template
    scorer.eval().to(next(backbone.model.parameters()).device)
    return Reader(backbone, scorer, form.words, compute=load_compute()), form.scale


def _backbone(published: Published, base: str | None) -> Backbone:
    """The model, on the GPU in half precision where there is one, as its authors score with it."""
    adapted = (published.folder / ADAPTER_FILE).is_file()
    if base and not adapted:
        raise UserError(f"{published.folder} holds a whole model: leave its backbone out.")
    if adapted and not base:
        _check_base(published.folder)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", LEFT_OUT)
        on_gpu = torch.cuda.is_available()
        dtype = torch.float16 if on_gpu else torch.float32
        backbone = loading.load(str(published.folder), dtype=dtype, base=base)
    if backbone.model_type != ARCHITECTURE:
        raise UserError(
            f"The base of {published.folder} is a {backbone.model_type} model, and published scorers stand "
            "on mPLUG-Owl2: give the base that the adapter was trained on."
        )
    backbone.model.eval().requires_grad_(False)
    if on_gpu:
        backbone.model.to("cuda")  # type: ignore[arg-type]  # its stub takes no device
    return backbone


def _check_base(folder: Path) -> None:
    """UserError unless the base that an adapter names is here."""
    try:
        catalogue.whole_folder(str(folder))
    except UserError as problem:
        raise UserError(
            f"{folder} holds an adapter, and its base, {catalogue.base_name(folder)}, is not at hand: give "
            "its folder as backbone."
        ) from problem


def _score_tokens(backbone: Backbone) -> int:
    """How many score tokens Q-Scorer's vocabulary ends with, one at least.

    Beside an adapter there is no tokenizer that knows them: rows without a name are theirs.
    """
    tokenizer = backbone.tokenizer
    unnamed = len(backbone.vocabulary.weight) - len(tokenizer)
    tokenizer.add_tokens(qscorer.names(unnamed), special_tokens=True)
    count = 1
    while f"<score{count + 1}>" in tokenizer.get_vocab():
        count += 1
    return count


def _check_tokens(folder: Path, scorer: Scorer) -> None:
    """UserError for a scorer with tokens of its own that the folder does not bring."""
    tokens = getattr(scorer, "tokens", None)
    if isinstance(tokens, NewTokens) and not tokens.brought:
        raise UserError(
            f"The vocabulary in {folder} does not end with the tokens of such a scorer: take tokenizer "
            "(added_tokens.json) and weights as they were published."
        )


def _fill(folder: Path, scorer: qscorer.QScorer, network: dict[str, torch.Tensor]) -> None:
    """Put in the weights of the network."""
    try:
        scorer.network.load_state_dict(network)
    except RuntimeError as problem:
        raise UserError(
            f"The network of Q-Scorer's in {folder} does not fit the model ({first_line(problem)}): take the "
            "folder as it was published."
        ) from problem
