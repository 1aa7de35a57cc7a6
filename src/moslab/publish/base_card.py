"""What the embedded bases can do, measured on their stored weights with pictures they never saw.

Each base gets a card.json next to its weights, and all together a model card, README.md.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from PIL import Image

from moslab.analysis import sorting
from moslab.backbones.asking import write
from moslab.backbones.base import Backbone
from moslab.backbones.catalogue import EMBEDDED, WEIGHTS
from moslab.backbones.loading import load
from moslab.backbones.pretraining import BASES, Teacher, Writer, pad
from moslab.publish.base_card_page import (
    MIXES,
    PROBE_PICTURES,
    SORTED,
    SORTING,
    TOLERANCES,
    TRIALS,
    mean,
    render_cards,
)
from moslab.utils.errors import UserError
from moslab.utils.files import read_json, write_atomic, write_json
from moslab.world import PIXELS, language, specs
from moslab.world.draws import Dice
from moslab.world.render import render_all

SEED = 7001  # no corpus and no task uses it
PICTURES = 600
PROBE_RIDGE = 100.0
CHUNK = 200  # pictures shown at once
Text = tuple[list[int], list[bool]]  # tokens, and which of them are taught


def write_cards(folder: Path | None = None) -> dict[str, dict[str, Any]]:
    """Measure every checkpoint in a folder, write card.json into each and README.md for all.

    About two minutes each on one core.

    Args:
        folder: the package's own if None.
    Returns:
        The cards by backbone name.
    Raises:
        UserError: for a folder without a base.
    """
    folder = Path(folder or WEIGHTS)
    if not (folder / "config.json").is_file():
        raise UserError(
            f"{folder} holds no base: give a folder that `python -m moslab base train FOLDER` has written."
        )
    cards = {}
    for name, subfolder in EMBEDDED.items():
        if (folder / subfolder / "config.json").is_file():
            cards[name] = measure(folder / subfolder)
    write_atomic(folder / "README.md", render_cards(cards))
    return cards


def measure(folder: Path) -> dict[str, Any]:
    """Measure one checkpoint and write its card.json."""
    backbone = load(str(folder))
    teacher = Teacher(backbone).eval()
    writer = Writer(backbone.tokenizer, BASES[backbone.model_type].CHAT)
    training = folder / "training.json"
    with torch.no_grad():
        card = {
            **abilities(backbone, teacher, writer),
            "architecture": backbone.model_type,
            "parameters": backbone.model.num_parameters(),
            "vocabulary": len(backbone.tokenizer),
            "bytes": (folder / "model.safetensors").stat().st_size,
            "world": PIXELS,
            "training": read_json(training) if training.exists() else None,
        }
    write_json(folder / "card.json", card)
    return card


def abilities(backbone: Backbone, teacher: Teacher, writer: Writer) -> dict[str, Any]:
    """All measures of a card."""
    attributes = {name: attribute_accuracy(teacher, writer, *mix) for name, mix in MIXES.items()}
    right, perplexity = {}, {}
    for task in language.NUMBER_TASKS:
        right[task], perplexity[task] = number_answers(teacher, writer, task)
    return {
        "attributes": attributes,
        "mean_attribute_accuracy": {name: mean(shares) for name, shares in attributes.items()},
        "probe": probe(teacher),
        "caption_loss": caption_loss(teacher, writer),
        "rated_facts_accuracy": rated_accuracy(teacher, writer),
        "counts": count_accuracy(teacher, writer),
        "numbers": right,
        "digit_perplexity": mean(perplexity),
        "sorting": {str(length): sorting_metrics(backbone, length) for length in SORTED},
    }


def sample(
    mix: str, severity: str, pictures: int | None = None, first: int = 0
) -> tuple[specs.Spec, torch.Tensor]:
    """Unseen pictures: their spec and uint8 pixels `[pictures, height, width, 3]`."""
    ids = np.arange(first, first + (pictures or PICTURES))
    spec = specs.draw("card", SEED, ids, specs.MIXES[mix], severity=severity)
    return spec, torch.from_numpy(render_all(spec))


def look(teacher: Teacher, pictures: torch.Tensor) -> torch.Tensor:
    """Visual tokens `[pictures, tokens, width]`."""
    return torch.cat([teacher.look(part) for part in pictures.split(CHUNK)])


# --- seeing ---------------------------------------------------------------------------------------------


def attribute_accuracy(teacher: Teacher, writer: Writer, mix: str, severity: str) -> dict[str, float]:
    """Share of right answers by attribute.

    Asked for a list, the model picks among an attribute's classes by the probability of their first token
    (all differ).
    """
    spec, pictures = sample(mix, severity)
    tokens = look(teacher, pictures)
    question = "".join(text for text, _ in writer.ask("Describe the photo."))
    accuracy = {}
    for field, name in language.NAMES.items():
        rows = tellable_rows(spec, field)
        opening = writer.encode(f"{question}{writer.chat.lead}{name}:")
        states = _last_states(teacher, tokens[rows], opening)
        classes = [writer.encode(f" {words[0]}")[0] for words in language.WORDS[field]]
        predicted = teacher.backbone.vocabulary(states)[:, classes].argmax(1).numpy()
        accuracy[field] = round(float((predicted == spec.classes[field][rows]).mean()), 3)
    return accuracy


def _last_states(teacher: Teacher, tokens: torch.Tensor, opening: Sequence[int]) -> torch.Tensor:
    """The state behind the last token of the same text for every picture, `[pictures, width]`."""
    ids = torch.tensor([opening]).expand(len(tokens), -1)
    states = []
    for part, texts in zip(tokens.split(CHUNK), ids.split(CHUNK)):
        states.append(teacher.text_states(part, texts)[:, -1])
    return torch.cat(states)


def tellable_rows(spec: specs.Spec, field: str) -> np.ndarray:
    """Pictures on which an attribute can be seen."""
    return np.array([row for row in range(len(spec)) if field in language.tellable(spec, row)])


def probe(teacher: Teacher) -> dict[str, float]:
    """What a ridge classifier reads from the frozen visual tokens of degraded pictures, by attribute.

    It shows what is there, whether or not the language model can use it.
    """
    train, train_pictures = sample(*MIXES["degraded"], PROBE_PICTURES, first=PICTURES)
    test, test_pictures = sample(*MIXES["degraded"])
    x = look(teacher, train_pictures).flatten(1).double()
    y = look(teacher, test_pictures).flatten(1).double()
    center = x.mean(0)
    spread = x.std(0) + 1e-6
    x, y = (x - center) / spread, (y - center) / spread
    gram = x @ x.T + PROBE_RIDGE * torch.eye(len(x), dtype=x.dtype)
    # Test pictures as mixtures of training pictures, for all attributes at once.
    weights = y @ x.T @ torch.linalg.inv(gram)
    accuracy = {}
    for field, names in specs.FIELDS.items():
        classes = torch.from_numpy(train.classes[field].astype(np.int64))
        targets = F.one_hot(classes, len(names)).double()
        predicted = (weights @ (targets - targets.mean(0)) + targets.mean(0)).argmax(1).numpy()
        rows = tellable_rows(test, field)
        accuracy[field] = round(float((predicted == test.classes[field])[rows].mean()), 3)
    return accuracy


# --- saying ---------------------------------------------------------------------------------------------


def _texts(
    writer: Writer, form: str, mix: str, severity: str, pictures: int = 400
) -> tuple[torch.Tensor, list[Text]]:
    """Unseen pictures with one conversation of a form each."""
    spec, pixels = sample(mix, severity, pictures)
    return pixels, [writer.write_as(form, spec, row, Dice(SEED, form, row)) for row in range(pictures)]


def _taught_logits(
    teacher: Teacher, pixels: torch.Tensor, texts: list[Text]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logits and tokens at taught positions, and the text each belongs to."""
    ids, taught = pad(texts)
    parts = []
    for pictures, tokens in zip(pixels.split(CHUNK), ids.split(CHUNK)):
        parts.append(teacher.text_states(teacher.look(pictures), tokens))
    states = torch.cat(parts)
    where = taught[:, 1:]
    return teacher.backbone.vocabulary(states[:, :-1][where]), ids[:, 1:][where], where.nonzero()[:, 0]


def caption_loss(teacher: Teacher, writer: Writer) -> float:
    """Nats per token on unseen captions of unseen photographs."""
    logits, tokens, _ = _taught_logits(teacher, *_texts(writer, "caption", *MIXES["photographs"]))
    return round(float(F.cross_entropy(logits, tokens)), 3)


def rated_accuracy(teacher: Teacher, writer: Writer) -> float:
    """Share of single facts whose rating word is predicted right on degraded pictures."""
    logits, tokens, _ = _taught_logits(teacher, *_texts(writer, "rated", *MIXES["degraded"]))
    words = torch.tensor([writer.encode(f" {word}")[0] for word in language.RATING_WORDS])
    rated = torch.isin(tokens, words)
    predicted = words[logits[rated][:, words].argmax(-1)]
    return round(float((predicted == tokens[rated]).float().mean()), 3)


def count_accuracy(teacher: Teacher, writer: Writer) -> float:
    """Share of counts on snapshots whose every digit is predicted right."""
    logits, tokens, text = _taught_logits(teacher, *_texts(writer, "count", *MIXES["snapshots"]))
    return _whole_answers(logits, tokens, text)


def _whole_answers(logits: torch.Tensor, tokens: torch.Tensor, text: torch.Tensor) -> float:
    """Share of texts all of whose taught tokens are predicted right."""
    wrong = torch.zeros(int(text.max()) + 1).index_add_(0, text, (logits.argmax(-1) != tokens).float())
    return round(float((wrong == 0).float().mean()), 3)


# --- numbers --------------------------------------------------------------------------------------------


def number_answers(teacher: Teacher, writer: Writer, task: str, exercises: int = 400) -> tuple[float, float]:
    """How well a base does exercises with numbers.

    Returns:
        The share of exercises whose whole answer is predicted right, token by token, and the perplexity of
        the answers' digits (of their words where they are written out).
    """
    _, pixels = sample(*MIXES["photographs"], exercises)
    texts = []
    for row in range(exercises):
        question, answer = language.number_exercise(task, Dice(SEED, task, row))
        texts.append(writer.turns([(question, [(answer, True)])]))
    logits, tokens, text = _taught_logits(teacher, pixels, texts)
    written = torch.tensor([_is_written(writer, token) for token in tokens.tolist()])
    perplexity = F.cross_entropy(logits[written], tokens[written]).exp()
    return _whole_answers(logits, tokens, text), round(float(perplexity), 3)


def _is_written(writer: Writer, token: int) -> bool:
    """Whether a token writes digits or letters."""
    text = str(writer.tokenizer.decode([token]))
    return bool(re.search(r"[0-9a-z]", text)) and token not in writer.tokenizer.all_special_ids


def sorting_metrics(backbone: Backbone, length: int) -> dict[str, float]:
    """Mean accuracy, recall and hallucination over `TRIALS` lists of `length` numbers."""
    lists = sorting_by_list(backbone, length)
    return {metric.__name__: round(float(np.mean(lists[metric.__name__])), 3) for metric in SORTING}


def sorting_by_list(backbone: Backbone, length: int, trials: int = TRIALS) -> dict[str, list[float]]:
    """The sorting metrics and `sorting.rising` of lists of numbers, written greedily by the model itself.

    Args:
        length: numbers in each list.
        trials: lists.
    Returns:
        metric -> `[trials]`.
    """
    asked = [sorting.trial(number, length) for number in range(trials)]
    questions = [f"{sorting.QUESTION} {', '.join(numbers)}" for numbers in asked]
    _, pictures = sample(*MIXES["photographs"], 1)
    picture = Image.fromarray(pictures[0].numpy())
    texts = write(backbone, picture, questions, longest=6 * length + 4)
    answers = [sorting.read_numbers(text) for text in texts]
    values = {}
    for metric in (*SORTING, sorting.rising):
        values[metric.__name__] = [
            round(metric(answer, numbers), 6) for answer, numbers in zip(answers, asked)
        ]
    return values


# --- cards ----------------------------------------------------------------------------------------------


def agreement(found: Mapping[str, dict[str, Any]], committed: Mapping[str, dict[str, Any]]) -> pd.DataFrame:
    """Measured cards next to stored ones, one row per base and measure of `TOLERANCES`.

    A base is compared with the one of its name; a LLaVA or a small one in a folder of its own with the
    package's.
    """
    rows: list[dict[str, Any]] = []
    for name, card in found.items():
        before = committed.get(_counterpart(name, card))
        if before:
            rows += [{"base": name} | row for row in _compared(card, before)]
    return pd.DataFrame(rows, columns=["base", "measure", "committed", "found", "tolerance", "within"])


def _counterpart(name: str, card: dict[str, Any]) -> str:
    """The name of the package's base that a card is compared with."""
    if card["architecture"] == "llava":
        return "embedded-llava"
    if (card["training"] or {}).get("plan", {}).get("layers"):
        return "embedded-small"
    return name


def _compared(card: dict[str, Any], before: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for name, tolerance in TOLERANCES.items():
        parts = card[name] if isinstance(card[name], dict) else {"": card[name]}
        for part, value in parts.items():
            old = before[name][part] if part else before[name]
            yield {
                "measure": f"{name.replace('_', ' ')} {part}".strip(),
                "committed": old,
                "found": value,
                "tolerance": tolerance,
                "within": abs(value - old) <= tolerance + 1e-9,
            }
