"""The frozen, typed description of one training and evaluation, and the key that names it."""

from collections.abc import Collection, Sequence
from functools import cache
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from moslab import datasets
from moslab.backbones.catalogue import fingerprint
from moslab.datasets import pictures
from moslab.datasets.protocols import check_protocol
from moslab.datasets.spec import DatasetSpec
from moslab.datasets.table import ImageTable
from moslab.scorers import scorer_class, scorer_options
from moslab.utils.errors import UserError
from moslab.utils.files import digest

METHOD_VERSIONS = {"training": 1, "evaluation": 1}  # raised by hand whenever the numbers change
Text = Literal[
    "image", "generic", "rvtc", "realqa", "roc4mllm", "title", "permuted", "random"
]  # see `moslab.backbones.prompts.Wording`
Recipe = Literal["lm", "lora", "full", "scratch", "head"]
LATER = (  # fields that came later: while they are not set, runs keep the key they always had
    "protocol",
    "test_dataset",
    "every_epoch",
    "related",
    "min_pixels",
    "max_pixels",
    "lora_rank",
    "lora_alpha",
)
LORA_RANK = 16
EVALUATION = (
    "splits",
    "test_text",
    "test_images",
    "test_dataset",
    "related",
)  # fields that training knows nothing of
FROZEN_VISION: tuple[str, ...] = ("lm", "lora", "head")


class Experiment(BaseModel):
    """One training and one evaluation. Everything here can change the result and is part of `key`, except `root`, which only says where files lie."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    dataset: str = "iqa"
    preset: str = Field("default", description="variant of an embedded dataset")
    images: int | None = Field(
        None, ge=8, description="how many pictures an embedded dataset is generated with"
    )
    protocol: str = Field("", description="splits other than the dataset's own")
    root: str | None = Field(None, description="folder of published datasets")
    text: Text = "image"
    test_text: Text | None = Field(
        None, description="what the test pictures are shown with, if other than in training"
    )
    scorer: str = "bins"
    options: dict[str, Any] = {}
    range: Literal["train_minmax", "scale"] = "train_minmax"
    backbone: str = "embedded"
    recipe: Recipe = "lm"
    precision: Literal["float32", "bfloat16"] = "float32"
    min_pixels: int | None = Field(
        None,
        ge=1,
        description="smaller pictures are enlarged to so many pixels; the checkpoint's own limit if not given",
    )
    max_pixels: int | None = Field(
        None,
        ge=1,
        description="larger pictures are shrunk to so many pixels; the checkpoint's own limit if not given",
    )
    lora_rank: int | None = Field(None, ge=1, description=f"of recipe lora; {LORA_RANK} if not given")
    lora_alpha: int | None = Field(None, ge=1, description="of recipe lora; twice the rank if not given")
    epochs: float = Field(4, gt=0)
    batch_size: int = Field(64, ge=1)
    learning_rate: float = Field(gt=0)
    weight_decay: float = Field(0.01, ge=0)
    warmup: float = Field(0.1, ge=0, le=1)
    train_images: int | None = Field(
        None, ge=2, description="the first so many of the training split; all if not given"
    )
    test_images: int | None = Field(
        None, ge=2, description="the first so many of each evaluated split; all if not given"
    )
    splits: tuple[str, ...] = Field(("test",), min_length=1)
    test_dataset: str = Field(
        "", description="evaluated on these splits of another dataset, if not of the one trained on"
    )
    every_epoch: bool = Field(
        False, description="evaluated after every epoch, too; kept in the run's history"
    )
    related: bool = Field(False, description="asked about the attributes of other pictures afterwards")
    seed: int = Field(0, ge=0)

    @field_validator("dataset", "test_dataset")
    @classmethod
    def _known_dataset(cls, name: str) -> str:
        for part in name.split("+") if name else ():
            if part not in datasets.NAMES:
                raise UserError(f"Unknown dataset {part!r}: choose one of {', '.join(datasets.NAMES)}.")
        return name

    @field_validator("scorer")
    @classmethod
    def _known_scorer(cls, name: str) -> str:
        return scorer_class(name).name

    @field_validator("splits")
    @classmethod
    def _each_split_once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(names)) < len(names):
            raise UserError(f"The splits {', '.join(names)} repeat: name each once.")
        return names

    def model_post_init(self, _: Any) -> None:
        object.__setattr__(self, "options", scorer_options(self.scorer, self.options).model_dump())
        if self.test_text == self.text:
            object.__setattr__(self, "test_text", None)  # one experiment, one key
        if self.test_dataset == self.dataset:
            object.__setattr__(self, "test_dataset", "")
        self._settle_lora()
        for name in f"{self.dataset}+{self.test_dataset}".strip("+").split("+") if self.protocol else ():
            check_protocol(self.protocol, name)

    def _settle_lora(self) -> None:
        """Rank and alpha belong to one recipe; their defaults, spelt out, are the same experiment."""
        given = [name for name in ("lora_rank", "lora_alpha") if getattr(self, name) is not None]
        if given and self.recipe != "lora":
            raise UserError(
                f"{given[0]} is for recipe='lora'; this experiment has {self.recipe!r}: leave it out."
            )
        if self.lora_alpha == 2 * (self.lora_rank or LORA_RANK):
            object.__setattr__(self, "lora_alpha", None)
        if self.lora_rank == LORA_RANK:
            object.__setattr__(self, "lora_rank", None)

    @property
    def trained_on(self) -> DatasetSpec:
        """The dataset that is trained on."""
        return self._spec(self.dataset)

    @property
    def tested_on(self) -> DatasetSpec:
        """The dataset that is tested on: the one trained on, unless another is named."""
        return self._spec(self.test_dataset or self.dataset)

    def _spec(self, name: str) -> DatasetSpec:
        return DatasetSpec(name, self.root, self.preset, self.protocol, self.images)

    @property
    def key(self) -> str:
        """Sixteen hex characters: fields, labels, pictures, weights and method versions.

        Of published pictures, those that are trained or tested on count by their content. Machine, threads and
        library versions are not in the key.

        Raises:
            UserError: for a picture that is not there, and for whatever is wrong with labels or weights.
        """
        fields = self._fields(without=())
        labels = [self.trained_on]
        if self.test_dataset:
            labels.append(self.tested_on)
        shown = [self._trained_pictures(), _pictures(self.tested_on, self.splits, self.test_images)]
        return self._digest(fields, labels, shown)

    @property
    def training(self) -> str:
        """What is trained, as `key` would name it.

        Equal for experiments that only look at the same trained model in different ways.
        """
        fields = self._fields(without=EVALUATION)
        reading = scorer_class(self.scorer).READING
        fields["options"] = {name: value for name, value in self.options.items() if name not in reading}
        return self._digest(fields, [self.trained_on], [self._trained_pictures()])

    def _fields(self, without: Collection[str]) -> dict[str, Any]:
        """The canonical fields; those that came later are absent while they are not set."""
        unset = {name for name in LATER if not getattr(self, name)}
        return self.model_dump(mode="json", exclude={"root", "backbone", *without, *unset})

    def _digest(self, fields: dict[str, Any], labels: list[DatasetSpec], shown: list[str]) -> str:
        versions = METHOD_VERSIONS | {self.scorer: scorer_class(self.scorer).version}
        manifests = [_manifest(spec) for spec in labels]
        return digest([fields, *manifests, *filter(None, shown), _fingerprint(self.backbone), versions])

    def _trained_pictures(self) -> str:
        return _pictures(self.trained_on, ("train",), self.train_images)

    @property
    def label(self) -> str:
        """A short name for progress bars and messages."""
        count = "".join(f" {self.options[name]}" for name in ("bins", "digits") if name in self.options)
        words = "" if self.text == "image" else f" with {self.text}"
        words += f", {self.test_text} at test," if self.test_text else ""
        preset = "" if self.preset == "default" else f" {self.preset}"
        preset += f" on {self.test_dataset}" if self.test_dataset else ""
        return f"{self.dataset}{preset}{words} {self.scorer}{count}, seed {self.seed}"


def make(**fields: Any) -> Experiment:
    """An experiment from keyword arguments; one clear sentence for anything wrong with them."""
    try:
        return Experiment(**fields)
    except ValidationError as problem:
        raise UserError(_sentence(problem)) from problem


def _sentence(problem: ValidationError) -> str:
    """The first thing wrong with an experiment; our own sentences come out of pydantic's wrapping as they are."""
    first = problem.errors()[0]
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, UserError):
        return str(cause)
    where = ".".join(str(part) for part in first["loc"]) or "experiment"
    if first["type"] == "extra_forbidden":
        return f"An experiment has no field {where!r}: its fields are {', '.join(Experiment.model_fields)}."
    return f"Experiment field {where!r}: {first['msg']} (got {first.get('input')!r})."


def look_again() -> None:
    """Forget what labels, pictures and weights were like: the next key looks at the files themselves.

    Keys are asked for by the hundred, so what they depend on is remembered in between; whoever plans, trains
    or fetches runs begins by looking again.
    """
    for remembered in (_table, _manifest, _pictures, _fingerprint):
        remembered.cache_clear()


def rows_of(table: ImageTable, splits: Sequence[str], limit: int | None) -> np.ndarray:
    """The first `limit` rows of each split (all of them if None), split by split."""
    return np.concatenate([table.rows(split)[:limit] for split in splits])


@cache
def _table(spec: DatasetSpec) -> ImageTable:
    return datasets.load(spec)


@cache
def _manifest(spec: DatasetSpec) -> str:
    if spec.name in datasets.EMBEDDED:
        return datasets.manifest(spec)
    return _table(spec).manifest()


@cache
def _pictures(spec: DatasetSpec, splits: tuple[str, ...], limit: int | None) -> str:
    """Digest of the pictures of some rows (see `rows_of`) by their content; '' where none is a file."""
    if all(part.name in datasets.EMBEDDED for part in spec.parts):
        return ""
    table = _table(spec)
    contents = [content for content in table.contents(rows_of(table, splits, limit)) if content]
    return digest([pictures.RULE, contents]) if contents else ""


@cache
def _fingerprint(backbone: str) -> str:
    return fingerprint(backbone)
