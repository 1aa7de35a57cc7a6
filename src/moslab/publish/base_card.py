"""What the embedded bases can do, measured on their stored weights with pictures they never saw, and written beside them as a model card."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from PIL import Image

from moslab.analysis import sorting
from moslab.analysis.tables import markdown
from moslab.backbones.asking import write
from moslab.backbones.base import Backbone
from moslab.backbones.catalogue import EMBEDDED, WEIGHTS
from moslab.backbones.loading import load
from moslab.backbones.pretraining import BASES, Teacher, Writer, pad
from moslab.utils.errors import UserError
from moslab.utils.files import read_json, write_atomic, write_json
from moslab.world import PIXELS, language, specs
from moslab.world.draws import Dice
from moslab.world.render import render_all

SEED = 7001  # no corpus and no task uses it
PICTURES = 600
PROBE_PICTURES, PROBE_RIDGE = 3000, 100.0
MIXES = {"photographs": ("iaa", "calm"), "degraded": ("generic", "full"), "snapshots": ("ugc", "calm")}
TRIALS, SORTED = (
    100,
    (4, 10),
)  # numbers to be sorted: as many as in pre-training, and as many as RealQA asks for
SORTING = (sorting.accuracy, sorting.recall, sorting.hallucination)
TOLERANCES = {
    "mean_attribute_accuracy": 0.01,
    "caption_loss": 0.05,
}  # within which a base trained again agrees with its card


def write_cards(folder: Path | None = None) -> dict[str, dict[str, Any]]:
    """Measure every checkpoint in `folder` (default: the package's own) and write card.json beside each and README.md for all; about two minutes each on one core."""
    folder = Path(folder or WEIGHTS)
    if not (folder / "config.json").is_file():
        raise UserError(
            f"{folder} holds no base: give a folder that `python -m moslab base train FOLDER` has written."
        )
    cards = {
        name: measure(folder / place)
        for name, place in EMBEDDED.items()
        if (folder / place / "config.json").is_file()
    }
    write_atomic(folder / "README.md", render_cards(cards))
    return cards


def measure(folder: Path) -> dict[str, Any]:
    """Measure one checkpoint and write its card.json."""
    backbone = load(str(folder))
    teacher = Teacher(backbone).eval()
    writer = Writer(backbone.tokenizer, BASES[backbone.model_type].CHAT)
    with torch.no_grad():
        attributes = {name: attribute_accuracy(teacher, writer, *mix) for name, mix in MIXES.items()}
        answers = {task: number_answers(teacher, writer, task) for task in language.NUMBER_TASKS}
        card = {
            "attributes": attributes,
            "mean_attribute_accuracy": {name: mean(table) for name, table in attributes.items()},
            "probe": probe(teacher),
            "caption_loss": caption_loss(teacher, writer),
            "rated_facts_accuracy": rated_accuracy(teacher, writer),
            "counts": count_accuracy(teacher, writer),
            "numbers": {task: right for task, (right, _) in answers.items()},
            "digit_perplexity": mean({task: value for task, (_, value) in answers.items()}),
            "sorting": {str(length): sorting_metrics(backbone, length) for length in SORTED},
            "architecture": backbone.model_type,
            "parameters": backbone.model.num_parameters(),
            "vocabulary": len(backbone.tokenizer),
            "bytes": (folder / "model.safetensors").stat().st_size,
            "world": PIXELS,
            "training": read_json(folder / "training.json") if (folder / "training.json").exists() else None,
        }
    write_json(folder / "card.json", card)
    return card


def mean(table: Mapping[str, float]) -> float:
    return round(float(np.mean(list(table.values()))), 3)


def sample(
    mix: str, severity: str, pictures: int | None = None, first: int = 0
) -> tuple[specs.Spec, torch.Tensor]:
    """Unseen pictures: their spec and uint8 pixels [n, h, w, 3]."""
    spec = specs.draw(
        "card", SEED, np.arange(first, first + (pictures or PICTURES)), specs.MIXES[mix], severity=severity
    )
    return spec, torch.from_numpy(render_all(spec))


def look(teacher: Teacher, pictures: torch.Tensor) -> torch.Tensor:
    """Visual tokens [n, tokens, width]."""
    return torch.cat([teacher.look(part) for part in pictures.split(200)])


# --- seeing -----------------------------------------------------------------------------------------------------------------------------


def attribute_accuracy(teacher: Teacher, writer: Writer, mix: str, severity: str) -> dict[str, float]:
    """Share of right answers by attribute. Asked for a list, the model picks among an attribute's classes by the probability of their first token (all differ)."""
    spec, pictures = sample(mix, severity)
    tokens = look(teacher, pictures)
    accuracy = {}
    for field, name in language.NAMES.items():
        rows = tellable_rows(spec, field)
        opening = writer.encode(
            "".join(text for text, _ in writer.ask("Describe the photo.")) + f"{writer.chat.lead}{name}:"
        )
        ids = torch.tensor([opening]).expand(len(rows), -1)
        states = torch.cat(
            [
                teacher.text_states(part, some)[:, -1]
                for part, some in zip(tokens[rows].split(200), ids.split(200))
            ]
        )
        classes = [writer.encode(f" {words[0]}")[0] for words in language.WORDS[field]]
        said = teacher.backbone.vocabulary(states)[:, classes].argmax(1).numpy()
        accuracy[field] = round(float((said == spec.classes[field][rows]).mean()), 3)
    return accuracy


def tellable_rows(spec: specs.Spec, field: str) -> np.ndarray:
    """Pictures on which an attribute can be seen."""
    return np.array([row for row in range(len(spec)) if field in language.tellable(spec, row)])


def probe(teacher: Teacher) -> dict[str, float]:
    """What a ridge classifier reads from the frozen visual tokens of degraded pictures, by attribute: what is there, whether or not the language model can use it."""
    train, train_pictures = sample(*MIXES["degraded"], PROBE_PICTURES, first=PICTURES)
    test, test_pictures = sample(*MIXES["degraded"])
    x, y = (look(teacher, pictures).flatten(1).double() for pictures in (train_pictures, test_pictures))
    center, spread = x.mean(0), x.std(0) + 1e-6
    x, y = (x - center) / spread, (y - center) / spread
    gram = x @ x.T + PROBE_RIDGE * torch.eye(len(x), dtype=x.dtype)
    onto = (
        y @ x.T @ torch.linalg.inv(gram)
    )  # test pictures as mixtures of training pictures, for all attributes at once
    accuracy = {}
    for field, names in specs.FIELDS.items():
        targets = torch.nn.functional.one_hot(
            torch.from_numpy(train.classes[field].astype(np.int64)), len(names)
        ).double()
        said = (onto @ (targets - targets.mean(0)) + targets.mean(0)).argmax(1).numpy()
        rows = tellable_rows(test, field)
        accuracy[field] = round(float((said == test.classes[field])[rows].mean()), 3)
    return accuracy


# --- saying -----------------------------------------------------------------------------------------------------------------------------


def _texts(writer: Writer, form: str, mix: str, severity: str, pictures: int = 400):
    spec, pixels = sample(mix, severity, pictures)
    return pixels, [writer.write_as(form, spec, row, Dice(SEED, form, row)) for row in range(pictures)]


def _taught_logits(
    teacher: Teacher, pixels: torch.Tensor, texts: list
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logits and tokens at taught positions, and the text each belongs to."""
    ids, taught = pad(texts)
    states = torch.cat(
        [teacher.text_states(teacher.look(p), i) for p, i in zip(pixels.split(200), ids.split(200))]
    )
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
    return round(float((words[logits[rated][:, words].argmax(-1)] == tokens[rated]).float().mean()), 3)


def count_accuracy(teacher: Teacher, writer: Writer) -> float:
    """Share of counts on snapshots whose every digit is predicted right."""
    logits, tokens, text = _taught_logits(teacher, *_texts(writer, "count", *MIXES["snapshots"]))
    return _whole_answers(logits, tokens, text)


def _whole_answers(logits: torch.Tensor, tokens: torch.Tensor, text: torch.Tensor) -> float:
    """Share of texts all of whose taught tokens are predicted right."""
    wrong = torch.zeros(int(text.max()) + 1).index_add_(0, text, (logits.argmax(-1) != tokens).float())
    return round(float((wrong == 0).float().mean()), 3)


# --- numbers ----------------------------------------------------------------------------------------------------------------------------


def number_answers(teacher: Teacher, writer: Writer, task: str, exercises: int = 400) -> tuple[float, float]:
    """Share of exercises whose whole answer is predicted right, token by token, and the perplexity of the answers' digits (of their words where they are written out)."""
    pixels = sample(*MIXES["photographs"], exercises)[1]
    texts = [
        writer.turns([(question, [(answer, True)])])
        for question, answer in (
            language.number_exercise(task, Dice(SEED, task, row)) for row in range(exercises)
        )
    ]
    logits, tokens, text = _taught_logits(teacher, pixels, texts)
    said = torch.tensor(
        [
            bool(re.search(r"[0-9a-z]", writer.tokenizer.decode([token])))
            and token not in writer.tokenizer.all_special_ids
            for token in tokens.tolist()
        ]
    )
    return _whole_answers(logits, tokens, text), round(
        float(F.cross_entropy(logits[said], tokens[said]).exp()), 3
    )


def sorting_metrics(backbone: Backbone, length: int) -> dict[str, float]:
    """Mean accuracy, recall and hallucination over `TRIALS` lists of `length` numbers."""
    lists = sorting_by_list(backbone, length)
    return {metric.__name__: round(float(np.mean(lists[metric.__name__])), 3) for metric in SORTING}


def sorting_by_list(backbone: Backbone, length: int, trials: int = TRIALS) -> dict[str, list[float]]:
    """The sorting metrics and `sorting.rising` of each of so many lists of `length` numbers, written greedily by the model itself: metric -> [trials]."""
    asked = [sorting.trial(number, length) for number in range(trials)]
    picture = Image.fromarray(sample(*MIXES["photographs"], 1)[1][0].numpy())
    answers = [
        sorting.read_numbers(text)
        for text in write(
            backbone,
            picture,
            [f"{sorting.QUESTION} {', '.join(trial)}" for trial in asked],
            longest=6 * length + 4,
        )
    ]
    return {
        metric.__name__: [round(metric(answer, trial), 6) for answer, trial in zip(answers, asked)]
        for metric in (*SORTING, sorting.rising)
    }


# --- card -------------------------------------------------------------------------------------------------------------------------------


def stored(folder: Path = WEIGHTS) -> dict[str, dict[str, Any]]:
    """The cards that lie beside the package's bases, by backbone name."""
    return {
        name: read_json(folder / place / "card.json")
        for name, place in EMBEDDED.items()
        if (folder / place / "card.json").is_file()
    }


def agreement(found: Mapping[str, dict[str, Any]], committed: Mapping[str, dict[str, Any]]) -> pd.DataFrame:
    """Measured cards beside stored ones, one row per base and measure of `TOLERANCES`. A base is compared with the one of its name, a LLaVA or a small one in a folder of its own with the package's."""
    rows = []
    for name, card in found.items():
        alone = (
            "llava"
            if card["architecture"] == "llava"
            else "small"
            if (card["training"] or {}).get("plan", {}).get("layers")
            else ""
        )
        known = committed.get(f"embedded-{alone}" if alone else name)
        for measure, tolerance in TOLERANCES.items() if known else ():
            for part, value in (
                card[measure].items() if isinstance(card[measure], dict) else [("", card[measure])]
            ):
                before = known[measure][part] if part else known[measure]
                rows.append(
                    {
                        "base": name,
                        "measure": f"{measure.replace('_', ' ')} {part}".strip(),
                        "committed": before,
                        "found": value,
                        "tolerance": tolerance,
                        "within": abs(value - before) <= tolerance + 1e-9,
                    }
                )
    return pd.DataFrame(rows, columns=["base", "measure", "committed", "found", "tolerance", "within"])


def render_cards(cards: Mapping[str, dict[str, Any]]) -> str:
    """The model card as Markdown; every number comes from `cards`, by backbone name."""
    base = cards["embedded"]
    names = list(cards)
    attributes = [
        [field, *(f"{base['attributes'][mix][field]:.3f}" for mix in MIXES), f"{base['probe'][field]:.3f}"]
        for field in language.NAMES
    ]
    attributes.append(
        [
            "**mean**",
            *(f"**{base['mean_attribute_accuracy'][mix]:.3f}**" for mix in MIXES),
            f"**{mean(base['probe']):.3f}**",
        ]
    )

    def row(what: str, value: Any) -> list[str]:
        return [what, *(value(cards[name]) for name in names)]

    together = [
        row("parameters, million", lambda card: f"{card['parameters'] / 1e6:.2f}"),
        row("size, MB", lambda card: f"{card['bytes'] / 1e6:.1f}"),
        row(
            "pictures seen, vision + language",
            lambda card: (
                " + ".join(
                    f"{stage[-1]['images']:,}"
                    for stage in (card["training"] or {}).get("history", [])
                    if stage
                )
                or "-"
            ),
        ),
        *(
            row(
                f"attributes answered right, {mix}",
                lambda card, mix=mix: f"{card['mean_attribute_accuracy'][mix]:.3f}",
            )
            for mix in MIXES
        ),
        row("attributes read by a probe, degraded", lambda card: f"{mean(card['probe']):.3f}"),
        row("captions, nats per token", lambda card: f"{card['caption_loss']:.3f}"),
        row("rating word of a single fact", lambda card: f"{card['rated_facts_accuracy']:.3f}"),
        row("counts", lambda card: f"{card['counts']:.3f}"),
        *(
            row(f"numbers: {task}", lambda card, task=task: f"{card['numbers'][task]:.3f}")
            for task in language.NUMBER_TASKS
        ),
        row("perplexity of digits in answers", lambda card: f"{card['digit_perplexity']:.2f}"),
        *(
            row(
                f"sorting {length}: accuracy / recall / hallucination",
                lambda card, length=length: " / ".join(
                    f"{card['sorting'][str(length)][metric.__name__]:.2f}" for metric in SORTING
                ),
            )
            for length in SORTED
        ),
    ]
    return CARD.format(
        kinds="\n".join(f"* {KINDS[name]}" for name in names),
        attributes=markdown(
            ["attribute", *(f"said on {mix}" for mix in MIXES), "probe, degraded"], attributes
        ),
        together=markdown(["", *names], together),
        world=base["world"],
        vocabulary=base["vocabulary"],
        stages=_stages(base),
        probe=f"{PROBE_PICTURES:,}",
        trials=TRIALS,
        megabytes=f"{sum(card['bytes'] for card in cards.values()) / 1e6:.1f}",
        tolerances=", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in TOLERANCES.items()),
    )


def _stages(card: dict[str, Any]) -> str:
    plan = (card["training"] or {}).get("plan", {"stages": []})
    return "\n".join(
        f"{number}. {stage['teaches']}: {stage['images']:,} pictures ({', '.join(dict.fromkeys(stage['sources']))})"
        + (f", {stage['texts']} texts each" if stage["texts"] else "")
        for number, stage in enumerate(plan["stages"], 1)
    )


KINDS = {
    "embedded": "`embedded`: the base, a Qwen2-VL.",
    "embedded-early": "`embedded-early`: the same run after a tenth of its pictures, at full learning rate: less well pre-trained.",
    "embedded-middle": "`embedded-middle`: the same run after four tenths.",
    "embedded-nowords": "`embedded-nowords`: the base's vision tower with a language model that never met a rating word (excellent ... bad).",
    "embedded-llava": "`embedded-llava`: a LLaVA-1.5 (CLIP tower, next-to-last layer, 64 visual tokens, MLP projector, LLaMA) on the same corpus.",
    "embedded-small": "`embedded-small`: the base's vision tower with a language model of half the layers, taught on the same texts.",
}
CARD = """# Model card: the embedded bases

Multimodal LLMs of transformers' own classes, about two million parameters each, pre-trained from nothing on the embedded photo world (pixels {world}) and stored in bfloat16, {megabytes} MB together.
Measured on the stored weights, with pictures no corpus and no task contains. Vocabulary of the base: {vocabulary}.

{kinds}

{together}

"Photographs" are drawn like the aesthetics task, "degraded" ones like the harder part of the corpus, several degradations at once included, "snapshots" like uploads. Whole answers count for numbers and
counts. Sorting is RealQA's toy task on {trials} lists, written by the model itself; pre-training sorts two to five numbers, so ten are new to it.

## What the base sees

{attributes}

Asked to describe a photo, the model chooses among an attribute's classes by the probability of their words. The probe is a ridge classifier on the frozen visual tokens of {probe} pictures.

## Pre-training

Each picture is shown once; the stages of the base take turns in three rounds, whose ends are the early checkpoint, the middle one and the base:

{stages}

Vision stages teach tower and merger through attribute heads, which are thrown away; language stages freeze them and teach attribute lists, questions one by one and by level, captions, rated single facts,
counts and exercises with decimals (writing, reading, comparing, sorting). No title stands as a title, no score occurs, and rating words are said of single facts only, never of the whole picture.
`python -m moslab base train` makes the weights again (`--architecture llava` the LLaVA), `python -m moslab base card` measures them. Trained again, a base agrees with its card within: {tolerances}.

**Good for** comparing ways of outputting a score at equal budget. **Not for** judging photographs: they have seen drawn pictures only.
Licence: MIT, like the code; the pictures they were trained on are generated.
"""
