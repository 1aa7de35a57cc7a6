"""A backbone without weights: true classes on the meta device, made of config.json alone."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from huggingface_hub import try_to_load_from_cache
from huggingface_hub.errors import HFValidationError
from PIL import Image

from moslab.backbones import catalogue, checkpoints, processors
from moslab.backbones.architecture import Architecture, Processor
from moslab.backbones.base import Backbone
from moslab.backbones.prompts import SHOWN, Wording
from moslab.datasets.table import ImageTable
from moslab.experiments.comments import taught_comments
from moslab.experiments.experiment import Experiment
from moslab.experiments.inputs import fitted_scorer, training_rows
from moslab.experiments.planning.anatomy import check_known
from moslab.experiments.planning.work import Picture
from moslab.experiments.reading import IGNORED, Reader
from moslab.experiments.trainable import Learning, compute_in_halves, set_trainable, weight_type
from moslab.scorers import scorer_class, scorer_options
from moslab.scorers.base import Labels, Options, Scorer
from moslab.utils.errors import UserError, first_line
from moslab.world import ugc

SHAPES = Path(__file__).with_name("shapes")
TITLE = "Black and white portrait"  # stands for a picture's own text
LIKE_LLAMA = ("llava", "mplug_owl2")  # architectures whose special tokens are LLaMA's
LONG = 10**9  # no sequence is too long for a tokenizer that stands for another
SOME = 64  # rows of a table whose answers are written out
COMMENT_WORDS = 30  # of a comment from data that are not at hand
WORDS = " word" * COMMENT_WORDS
# Stand for the labels of a dataset that is not at hand.
MOS = np.linspace(1, 5, 5)
LABELS = Labels(MOS, sd=np.full(5, 0.5), votes=np.ones((5, 5)), scale=(1.0, 5.0))
OPTION = ("moderate",)  # of an attribute whose options are unknown


def settings_folder(name: str) -> Path:
    """The folder with a backbone's config.json; nothing is fetched.

    Args:
        name: one of `catalogue.EMBEDDED`, a folder, or a hub id: of the local cache, or one of those whose
            shapes come with the package. For the folder of an adapter it is that of its base.

    Raises:
        UserError: for a name whose shape is not at hand.
    """
    base = catalogue.base_name(Path(name).expanduser())
    return _settings_folder(base or name)


def _settings_folder(name: str) -> Path:
    if name in catalogue.EMBEDDED or Path(name).expanduser().is_dir():
        return catalogue.resolve(name)
    try:
        cached = try_to_load_from_cache(name, "config.json")
    except HFValidationError:
        cached = None
    if isinstance(cached, str):
        return Path(cached).parent
    shipped = SHAPES / name.replace("/", "--")
    if name.count("/") == 1 and shipped.is_dir():
        return shipped
    known = ", ".join(sorted(folder.name.replace("--", "/") for folder in SHAPES.iterdir()))
    raise UserError(
        f"The shape of {name!r} is not at hand, and a plan fetches nothing: give a folder that holds its "
        f"config.json, or one of {known}."
    )


def shaped(experiment: Experiment, scorer: Scorer) -> Backbone:
    """The backbone of an experiment as `building.built` makes it, but without weights.

    Args:
        experiment: says which backbone, and which part of it is trained.
        scorer: with its coding; gets its own weights here, on the meta device, too.

    Raises:
        UserError: for a backbone whose shape is not at hand, or that the scorer cannot use.
    """
    folder = settings_folder(experiment.backbone)
    config = checkpoints.read_config(folder)
    check_known(config.model_type)
    architecture = catalogue.architecture_of(config.model_type)
    processor = processor_of(folder, architecture, config.model_type)
    if experiment.min_pixels or experiment.max_pixels:
        architecture.limit(processor, experiment.min_pixels, experiment.max_pixels)
    with torch.device("meta"):
        model = architecture.Model(config)
        model.to(weight_type(experiment))  # type: ignore[arg-type]  # the stub takes it for `self`
        model.tie_weights()
        architecture.accelerate(model)
        backbone = Backbone(experiment.backbone, folder, model, processor, architecture)
        scorer.attach(backbone)
        set_trainable(Learning.of(experiment), backbone, scorer)
        if experiment.precision == "bfloat16":
            compute_in_halves(experiment, backbone)
    return backbone


def processor_of(folder: Path, architecture: Architecture, model_type: str) -> Processor:
    """The folder's own, or an embedded base's with the folder's image processor where it has no tokenizer."""
    if any((folder / file).is_file() for file in ("tokenizer.json", "tokenizer.model", "vocab.json")):
        return architecture.read_processor(folder)
    stand_in = catalogue.resolve("embedded-llava" if model_type in LIKE_LLAMA else "embedded")
    processor = architecture.read_processor(stand_in)
    processor.tokenizer = processors.read_tokenizer(stand_in)  # as it is, not with another one's spelling
    processor.tokenizer.model_max_length = LONG
    template = str(processor.chat_template)
    processor.chat_template = template.replace("<image>", processor.image_token)
    try:
        kind = type(processor.image_processor)
        processor.image_processor = kind.from_pretrained(folder, trust_remote_code=False)
    except (OSError, ValueError) as problem:
        raise UserError(
            f"{folder} does not say how pictures are prepared ({first_line(problem)}): put the checkpoint's "
            "preprocessor_config.json beside its config.json."
        ) from problem
    return processor


def fitted(experiment: Experiment, table: ImageTable | None) -> tuple[Scorer, Labels]:
    """The experiment's scorer with its coding, and some of the labels it is fitted to.

    Args:
        experiment: says which scorer.
        table: what it is fitted to; a few labels stand for one if None, and for what a model has yet to
            label.
    """
    if table is not None and not experiment.labelled_by:
        return fitted_scorer(experiment, table), Labels.of(table, training_rows(experiment, table)[:SOME])
    options = scorer_options(experiment.scorer, experiment.options)
    labels = replace(LABELS, annotations=_annotations(options))
    scorer = scorer_class(experiment.scorer)(options)
    scorer.fit(labels, 1.0, 5.0)
    return scorer, labels


def _annotations(options: Options) -> pd.DataFrame:
    """In the place of annotations that a scorer's options name: attributes in words, scores, a comment."""
    annotations = pd.DataFrame(index=range(len(MOS)))
    for name in getattr(options, "attributes", ()):
        annotations[name] = np.resize(ugc.OPTIONS.get(name, OPTION), len(MOS))
    for name in getattr(options, "also", ()):
        annotations[name] = MOS
    then = getattr(options, "then", "")
    if then:
        annotations[then] = WORDS
    return annotations


def longest_answer(scorer: Scorer, labels: Labels) -> str:
    """The longest of the answers that an attached scorer teaches for some labels."""
    return max((scorer.completion(target) for target in scorer.encode(labels)), key=len)


def comment(experiment: Experiment, table: ImageTable | None) -> str:
    """What is taught behind the longest answer: the longest of a table's comments, or one of usual length."""
    if not experiment.comments:
        return ""
    if table is None:
        return WORDS
    return " " + max(list(taught_comments(experiment, table).values())[:SOME], key=len)


def measured(
    experiment: Experiment, backbone: Backbone, scorer: Scorer, answer: str, size: tuple[int, int]
) -> Picture:
    """A picture of (width, height) pixels, with its words and an answer."""
    shown = np.array([TITLE], dtype=object) if experiment.text in SHOWN else None
    wording = Wording(experiment.dataset, experiment.text, experiment.preset, shown)
    made = backbone.processor.image_processor(images=[Image.new("RGB", size)], return_tensors="pt")
    visual = backbone.count(made)[0]
    words = Reader(backbone, scorer, wording).words(0, visual, answer)
    taught = sum(label != IGNORED for label in words["labels"])
    return Picture(len(words["input_ids"]), visual, backbone.patches(size), taught)
