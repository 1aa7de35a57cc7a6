"""What the embedded base can do, measured on its stored weights with pictures it never saw, and written beside them as a model card."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from moslab.backbones import embedded, load
from moslab.files import read_json, write_atomic, write_json
from moslab.pretraining import BASES, Teacher, Writer, pad
from moslab.world import PIXELS, language, specs
from moslab.world.render import render_all

SEED = 7001  # no corpus and no task uses it
PICTURES = 1000
MIXES = {"photographs": ("iaa", "calm"), "degraded": ("generic", "full")}


def measure(folder: Path | None = None) -> dict:
    """Measure the checkpoint in `folder` (default: the package's own) and write card.json and README.md there. About two minutes on one core."""
    folder = Path(folder or embedded.WEIGHTS)
    backbone = load(str(folder))
    teacher = Teacher(backbone.model).eval()
    writer = Writer(backbone.tokenizer, BASES[backbone.model.config.model_type].CHAT)
    with torch.no_grad():
        attributes = {name: attribute_accuracy(teacher, writer, *mix) for name, mix in MIXES.items()}
        card = {"attributes": attributes, "mean_attribute_accuracy": {name: round(float(np.mean(list(table.values()))), 3) for name, table in attributes.items()},
                "caption_loss": caption_loss(teacher, writer), "rated_facts_accuracy": rated_accuracy(teacher, writer),
                "numbers": {task: number_accuracy(teacher, writer, task) for task in language.NUMBER_TASKS},
                "parameters": backbone.model.num_parameters(), "vocabulary": len(backbone.tokenizer), "bytes": (folder / "model.safetensors").stat().st_size,
                "world": PIXELS, "training": read_json(folder / "training.json") if (folder / "training.json").exists() else None}
    write_json(folder / "card.json", card)
    write_atomic(folder / "README.md", render_card(card))
    return card


def sample(mix: str, severity: str, pictures: int = PICTURES) -> tuple[specs.Spec, torch.Tensor]:
    """Unseen pictures: their spec and uint8 pixels [n, h, w, 3]."""
    spec = specs.draw("card", SEED, np.arange(pictures), specs.MIXES[mix], severity=severity)
    return spec, torch.from_numpy(render_all(spec))


def attribute_accuracy(teacher: Teacher, writer: Writer, mix: str, severity: str) -> dict[str, float]:
    """Share of right answers by attribute. Asked for a list, the model picks among an attribute's classes by their words' mean log-probability."""
    spec, pictures = sample(mix, severity)
    tokens = torch.cat([teacher.look(part) for part in pictures.split(250)])
    accuracy = {}
    for field, name in language.NAMES.items():
        rows = np.array([row for row in range(len(spec)) if field in language.tellable(spec, row)])
        opening = "".join(text for text, _ in writer._ask("Describe the photo.")) + f"{writer.chat.lead}{name}:"
        scores = torch.stack([_continuation(teacher, writer, tokens[rows], opening, f" {words[0]}") for words in language.WORDS[field]], 1)
        accuracy[field] = round(float((scores.argmax(1).numpy() == spec.classes[field][rows]).mean()), 3)
    return accuracy


def _continuation(teacher: Teacher, writer: Writer, tokens: torch.Tensor, opening: str, words: str) -> torch.Tensor:
    """Mean log-probability of `words` after `opening` for every picture, [n]."""
    start, end = writer.encode(opening), writer.encode(words)
    ids = torch.tensor([start + end])
    parts = []
    for part in tokens.split(250):
        states = teacher.text_states(part, ids.expand(len(part), -1))[:, len(start) - 1: -1]
        parts.append(-F.cross_entropy(teacher.model.lm_head(states).flatten(0, 1), ids[:, len(start):].expand(len(part), -1).flatten(), reduction="none"))
    return torch.cat(parts).view(len(tokens), -1).mean(1)


def _texts(writer: Writer, form: str, mix: str, severity: str, pictures: int = 500):
    spec, pixels = sample(mix, severity, pictures)
    random = np.random.default_rng(SEED)
    return pixels, [getattr(writer, f"_{form}")(spec, row, random) for row in range(pictures)]


def _taught_logits(teacher: Teacher, pixels: torch.Tensor, texts: list) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logits and tokens at taught positions, and the text each belongs to."""
    ids, taught = pad(texts)
    states = torch.cat([teacher.text_states(teacher.look(p), i) for p, i in zip(pixels.split(250), ids.split(250))])
    where = taught[:, 1:]
    return teacher.model.lm_head(states[:, :-1][where]), ids[:, 1:][where], where.nonzero()[:, 0]


def caption_loss(teacher: Teacher, writer: Writer) -> float:
    """Nats per token on unseen captions of unseen photographs."""
    logits, tokens, _ = _taught_logits(teacher, *_texts(writer, "caption", *MIXES["photographs"]))
    return round(float(F.cross_entropy(logits, tokens)), 3)


def rated_accuracy(teacher: Teacher, writer: Writer) -> float:
    """Share of single facts whose rating word is predicted right on degraded pictures."""
    logits, tokens, _ = _taught_logits(teacher, *_texts(writer, "rated", *MIXES["degraded"]))
    words = torch.tensor([writer.encode(f" {word}")[0] for word in {word for words in language.RATINGS.values() for word in words}])
    rated = torch.isin(tokens, words)
    return round(float((words[logits[rated][:, words].argmax(-1)] == tokens[rated]).float().mean()), 3)


def number_accuracy(teacher: Teacher, writer: Writer, task: str) -> float:
    """Share of exercises whose whole answer is predicted token by token."""
    pixels, random = sample(*MIXES["photographs"], 500)[1], np.random.default_rng(SEED)
    texts = []
    for _ in range(len(pixels)):
        question, answer = language.number_exercise(task, random)
        texts.append(writer._turns([(question, [(answer, True), (writer.chat.end, True)])]))
    logits, tokens, text = _taught_logits(teacher, pixels, texts)
    wrong = torch.zeros(len(texts)).index_add_(0, text, (logits.argmax(-1) != tokens).float())
    return round(float((wrong == 0).float().mean()), 3)


def render_card(card: dict) -> str:
    """The model card as Markdown; every number comes from `card`."""
    rows = "\n".join(f"| {field} | {card['attributes']['photographs'][field]:.3f} | {card['attributes']['degraded'][field]:.3f} |" for field in language.NAMES)
    numbers = ", ".join(f"{task} {share:.3f}" for task, share in card["numbers"].items())
    plan = (card["training"] or {}).get("plan", {"stages": []})
    stages = "\n".join(f"{number}. {stage['teaches']}: {stage['images']:,} pictures ({', '.join(dict.fromkeys(stage['sources']))})"
                       + (f", {stage['texts']} texts each" if stage["texts"] else "") for number, stage in enumerate(plan["stages"], 1))
    return f"""# Model card: the embedded base

A Qwen2-VL of {card['parameters'] / 1e6:.2f} million parameters (vocabulary {card['vocabulary']}), pre-trained from nothing on the embedded photo world
(version {card['world']}) and stored in bfloat16 ({card['bytes'] / 1e6:.1f} MB). Measured on the stored weights, with pictures no corpus and no task contains.

| attribute | accuracy on photographs | on degraded pictures |
|---|---|---|
{rows}
| **mean** | **{card['mean_attribute_accuracy']['photographs']:.3f}** | **{card['mean_attribute_accuracy']['degraded']:.3f}** |

Asked to describe a photo, the model chooses among an attribute's classes by the probability of their words.
"Photographs" are drawn like the aesthetics task, "degraded" ones like the harder half of the corpus, several degradations at once included.

* Captions: {card['caption_loss']:.3f} nats per token.
* Rating word of a single visible fact ("the light is poor"): {card['rated_facts_accuracy']:.3f} right on degraded pictures.
* Number exercises answered right, whole answers: {numbers}.

**Pre-training**, each picture shown once:

{stages}

Vision stages teach tower and merger through attribute heads, which are thrown away; language stages freeze them and teach attribute lists, questions, captions, rated single facts and
number exercises. No title stands as a title, no score occurs, and rating words are said of single facts only, never of the whole picture. `python -m moslab base train` makes the weights again, `python -m moslab base card` measures them.

**Good for** comparing ways of outputting a score at equal budget. **Not for** judging photographs: it has seen drawn pictures only.
Licence: MIT, like the code; the pictures it was trained on are generated.
"""
