"""The frozen, typed description of one training and evaluation, and the key that names it."""

from collections.abc import Collection
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from moslab import datasets
from moslab.backbones.prompts import MADE, MADE_VERSION
from moslab.datasets.protocols import check_protocol
from moslab.datasets.spec import DatasetSpec
from moslab.experiments import digests
from moslab.experiments.fields import (
    ADDED_LATER,
    COMMENTING,
    EVALUATION_FIELDS,
    FROZEN_VISION,
    FROZEN_VOCABULARY,
    LORA_FIELDS,
    LORA_RANK,
    WORDS_ALONE,
    Comments,
    Frames,
    Learns,
    LoraTargets,
    Text,
)
from moslab.experiments.recipes import LIMITS, Recipe
from moslab.scorers import scorer_class, scorer_options
from moslab.utils.errors import UserError
from moslab.utils.files import digest

METHOD_VERSIONS = {"training": 1, "evaluation": 1}  # raised by hand whenever the numbers change


class Experiment(BaseModel):
    """One training and one evaluation.

    Every field can change the result and is part of `key`, except `root`, which only says where files lie,
    and `backbone`, whose weights count instead of its name.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    dataset: str = "iqa"
    preset: str = Field("default", description="variant of an embedded dataset")
    images: int | None = Field(None, ge=8, description="number of pictures generated for an embedded dataset")
    protocol: str = Field("", description="splits other than the dataset's own")
    root: str | None = Field(None, description="folder of published datasets")
    text: Text = "image"
    test_text: Text | None = Field(None, description="text shown at test, if other than in training")
    scorer: str = "bins"
    options: dict[str, Any] = {}
    range: Literal["train_minmax", "scale"] = "train_minmax"
    backbone: str = "embedded"
    recipe: Recipe = "lm"
    precision: Literal["float32", "bfloat16"] = "float32"
    min_pixels: int | None = Field(
        None,
        ge=0,
        description="smaller pictures are enlarged to this area; the checkpoint's own limit if None or 0",
    )
    max_pixels: int | None = Field(
        None,
        ge=0,
        description="larger pictures are shrunk to this area; the checkpoint's own limit if None or 0",
    )
    lora_rank: int | None = Field(None, ge=1, description=f"of recipe lora; {LORA_RANK} if None")
    lora_alpha: int | None = Field(None, ge=1, description="of recipe lora; twice the rank if None")
    lora_dropout: float | None = Field(None, ge=0, lt=1, description="of recipe lora; 0 if None")
    lora_targets: LoraTargets | None = Field(
        None,
        description="linear layers that recipe lora adapts: the decoder's (decoder, or None), its query and "
        "value projections (qv), or those of decoder and vision tower (all)",
    )
    vision: Learns | None = Field(
        None,
        description="whether tower and merger learn in full; as the recipe has it if None. "
        "Recipes lm and lora can have them trained",
    )
    vocabulary: Learns | None = Field(
        None,
        description="whether the output matrix learns in full, and with it the input rows where they are the "
        "same matrix; as the recipe has it if None. Recipe lora can have it trained",
    )
    epochs: float = Field(4, ge=0, description="0 for the base as it comes, without any training")
    batch_size: int = Field(64, ge=1)
    learning_rate: float = Field(gt=0)
    optimizer: Literal["adamw", "adamw_8bit"] | None = Field(
        None, description="adamw if None; adamw_8bit keeps its states in eight bits, as bitsandbytes does"
    )
    weight_decay: float = Field(0.01, ge=0)
    warmup: float = Field(0.1, ge=0, le=1)
    train_images: int | None = Field(None, ge=2, description="first rows of the training split; all if None")
    test_images: int | None = Field(None, ge=2, description="first rows of each evaluated split; all if None")
    splits: tuple[str, ...] = Field(("test",), min_length=1)
    test_dataset: str = Field(
        "", description="another dataset whose splits are evaluated; '' for the same one"
    )
    every_epoch: bool = Field(
        False, description="also evaluated after every epoch, kept in the run's history"
    )
    related: bool = Field(False, description="asked about attributes of other pictures after training")
    labelled_by: str = Field(
        "",
        description="dataset whose attributes the same model learns first, to label this dataset by itself; "
        "for scorer chain, '' where the dataset's own attributes are taught",
    )
    frames: Frames | None = Field(
        None,
        description="how a video is scored: each of its frames by itself, and their scores averaged; all of "
        "them together, in one prompt; or so, in an order drawn for each video. "
        "Its frame in the middle alone if None",
    )
    frame_count: int | None = Field(
        None, ge=1, description="so many frames of each video, in even steps; all if None"
    )
    comments: Comments | None = Field(
        None,
        description="one comment on each training picture is taught: behind the score's sentence, or alone, "
        "in its place; None for scores without comments",
    )
    test_comments: int | None = Field(
        None,
        ge=1,
        description="comments are written about the first so many pictures of each evaluated split; about "
        "all that are tested if None",
    )
    seed: int = Field(0, ge=0)

    @field_validator("dataset", "test_dataset", "labelled_by")
    @classmethod
    def _known_dataset(cls, name: str) -> str:
        for part in _parts(name):
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
        """Spell out defaults and drop what says nothing, so that one experiment has one key."""
        object.__setattr__(self, "options", scorer_options(self.scorer, self.options).model_dump())
        if self.test_text == self.text:
            object.__setattr__(self, "test_text", None)
        if self.test_dataset == self.dataset:
            object.__setattr__(self, "test_dataset", "")
        if self.scorer != "chain" or self.labelled_by == self.dataset:
            object.__setattr__(self, "labelled_by", "")
        if self.test_dataset and {self.text, self.test_text} & set(MADE):
            raise UserError(
                f"Texts of the kinds {', '.join(MADE)} are made for the pictures of one dataset: leave "
                f"test_dataset={self.test_dataset!r} out."
            )
        self._settle_lora()
        self._settle_learning()
        self._settle_comments()
        if self.optimizer == "adamw":
            self._unset("optimizer")
        if not self.frames:
            self._unset("frame_count")
        for limit in LIMITS:
            if getattr(self, limit) == 0:
                self._unset(limit)
        if self.protocol:
            for name in [*_parts(self.dataset), *_parts(self.test_dataset), *_parts(self.labelled_by)]:
                check_protocol(self.protocol, name)

    def _settle_lora(self) -> None:
        """Refuse adapters' settings for other recipes; their defaults, spelt out, are the same experiment."""
        given = [name for name in LORA_FIELDS if getattr(self, name) is not None]
        if given and self.recipe != "lora":
            raise UserError(
                f"{given[0]} is for recipe='lora'; this experiment has {self.recipe!r}: leave it out."
            )
        if self.lora_alpha == 2 * (self.lora_rank or LORA_RANK):
            self._unset("lora_alpha")
        for name, default in LORA_FIELDS.items():
            if getattr(self, name) == default:
                self._unset(name)

    def _settle_learning(self) -> None:
        """Refuse what a recipe cannot have; what it has anyway, spelt out, is the same experiment."""
        if self.vision == ("frozen" if self.recipe in FROZEN_VISION else "trained"):
            self._unset("vision")
        if self.vocabulary == ("frozen" if self.recipe in FROZEN_VOCABULARY else "trained"):
            self._unset("vocabulary")
        if self.vision and self.recipe not in ("lm", "lora"):
            raise UserError(
                f"vision={self.vision!r} makes no sense with recipe={self.recipe!r}: leave it out, or use "
                "recipe lm or lora."
            )
        if self.vocabulary and self.recipe != "lora":
            raise UserError(
                f"vocabulary={self.vocabulary!r} makes no sense with recipe={self.recipe!r}: leave it out, "
                "or use recipe lora."
            )
        if self.vision and self.lora_targets == "all":
            raise UserError(
                "vision='trained' trains the tower in full, and lora_targets='all' adapts it: leave one out."
            )

    def _settle_comments(self) -> None:
        """Refuse comments with scorers that cannot have them; without comments none are written."""
        if not self.comments:
            self._unset("test_comments")
            return
        can = COMMENTING if self.comments == "behind" else WORDS_ALONE
        if self.scorer not in can:
            raise UserError(
                f"comments={self.comments!r} cannot be taught with scorer {self.scorer!r}: use one of "
                f"{', '.join(can)}."
            )
        if self.options.get("then"):
            raise UserError(f"roc with then={self.options['then']!r} has a text already: leave comments out.")

    def _unset(self, name: str) -> None:
        object.__setattr__(self, name, None)

    @property
    def trains_vision(self) -> bool:
        """Whether what the vision tower makes of a picture changes in training."""
        apart = self.vision == "trained" or self.lora_targets == "all"
        return apart or self.recipe not in FROZEN_VISION

    @property
    def trained_on(self) -> DatasetSpec:
        """The dataset that is trained on."""
        return self._spec(self.dataset)

    @property
    def tested_on(self) -> DatasetSpec:
        """The dataset that is tested on: the one trained on, unless another is named."""
        return self._spec(self.test_dataset or self.dataset)

    @property
    def labeller(self) -> "Experiment":
        """The training whose answers are this one's attributes: the same, on the pictures of `labelled_by`.

        What it is asked about are the training pictures of this one.
        """
        changes = {
            "dataset": self.labelled_by,
            "preset": "default",
            "labelled_by": "",
            "test_text": None,
            "test_dataset": self.dataset,
            "test_images": self.train_images,
            "splits": ("train",),
            "every_epoch": False,
            "related": False,
            "frames": None,
        }
        return make(**{**self.model_dump(), **changes})

    def _labellers_dataset(self) -> list[DatasetSpec]:
        """What the labeller learns from; nothing where the dataset's own attributes are taught."""
        return [self.labeller.trained_on] if self.labelled_by else []

    def _spec(self, name: str) -> DatasetSpec:
        return DatasetSpec(
            name, root=self.root, preset=self.preset, protocol=self.protocol, images=self.images
        )

    @property
    def key(self) -> str:
        """Sixteen hex characters: a digest of fields, labels, pictures, weights and method versions.

        Published pictures that are trained or tested on count by their content. Machine, threads and library
        versions are not in the key.

        Raises:
            UserError: for a missing picture, and for anything wrong with labels or weights.
        """
        fields = self._fields(without=())
        labels = [self.trained_on]
        if self.test_dataset:
            labels.append(self.tested_on)
        labels += self._labellers_dataset()
        trained_pictures = self._trained_pictures()
        tested_pictures = digests.of_pictures(
            self.tested_on, self.splits, self.test_images, every_frame=bool(self.frames)
        )
        return self._digest(fields, labels, [trained_pictures, tested_pictures])

    @property
    def training(self) -> str:
        """Key of the training alone: equal for experiments that evaluate one trained model differently."""
        fields = self._fields(without=EVALUATION_FIELDS)
        reading = scorer_class(self.scorer).READING
        fields["options"] = {name: value for name, value in self.options.items() if name not in reading}
        labels = [self.trained_on, *self._labellers_dataset()]
        return self._digest(fields, labels, [self._trained_pictures()])

    def _fields(self, without: Collection[str]) -> dict[str, Any]:
        """The canonical fields; those that were added later are absent while they are not set."""
        unset = {name for name in ADDED_LATER if not getattr(self, name)}
        return self.model_dump(mode="json", exclude={"root", "backbone", *without, *unset})

    def _digest(self, fields: dict[str, Any], labels: list[DatasetSpec], pictures: list[str]) -> str:
        versions = METHOD_VERSIONS | {self.scorer: scorer_class(self.scorer).version}
        if {fields["text"], fields.get("test_text")} & set(MADE):
            versions = versions | {"made texts": MADE_VERSION}
        manifests = [digests.of_labels(spec) for spec in labels]
        weights = digests.of_weights(self.backbone)
        return digest([fields, *manifests, *filter(None, pictures), weights, versions])

    def _trained_pictures(self) -> str:
        own = digests.of_pictures(self.trained_on, ("train",), self.train_images)
        return own + self.labeller._trained_pictures() if self.labelled_by else own

    @property
    def label(self) -> str:
        """A short name for progress bars and messages."""
        label = self.dataset
        if self.preset != "default":
            label += f" {self.preset}"
        if self.test_dataset:
            label += f" on {self.test_dataset}"
        if self.frames:
            label += f", frames {self.frames}"
        if self.text != "image":
            label += f" with {self.text}"
        if self.test_text:
            label += f", {self.test_text} at test,"
        label += f" {self.scorer}"
        for name in ("bins", "digits"):
            if name in self.options:
                label += f" {self.options[name]}"
        if self.comments:
            label += f", comments {self.comments}"
        return f"{label}, seed {self.seed}"


def _parts(name: str) -> list[str]:
    """The names of joined datasets; none for ''."""
    return name.split("+") if name else []


def make(**fields: Any) -> Experiment:
    """An experiment from keyword arguments.

    Raises:
        UserError: one sentence on the first field that is wrong.
    """
    try:
        return Experiment(**fields)
    except ValidationError as problem:
        raise UserError(_sentence(problem)) from problem


def _sentence(problem: ValidationError) -> str:
    """The first thing wrong with an experiment; a UserError that pydantic wrapped comes out as it was."""
    first = problem.errors()[0]
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, UserError):
        return str(cause)
    where = ".".join(str(part) for part in first["loc"]) or "experiment"
    if first["type"] == "extra_forbidden":
        return f"An experiment has no field {where!r}: its fields are {', '.join(Experiment.model_fields)}."
    return f"Experiment field {where!r}: {first['msg']} (got {first.get('input')!r})."
