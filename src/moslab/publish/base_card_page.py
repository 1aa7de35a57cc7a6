"""The model card of the embedded bases: its prose stands here, its numbers come from their cards."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from moslab.analysis import sorting
from moslab.analysis.tables import markdown
from moslab.world import language

Card = Mapping[str, Any]
# What is measured: name -> (mix of the world's pictures, severity of their degradations).
MIXES = {"photographs": ("iaa", "calm"), "degraded": ("generic", "full"), "snapshots": ("ugc", "calm")}
PROBE_PICTURES = 3000
TRIALS = 100  # lists to be sorted
SORTED = (4, 10)  # numbers in a list: as many as in pre-training, and as many as RealQA asks for
SORTING = (sorting.accuracy, sorting.recall, sorting.hallucination)
# Within which a base trained again agrees with its card.
TOLERANCES = {"mean_attribute_accuracy": 0.01, "caption_loss": 0.05}


def mean(table: Mapping[str, float]) -> float:
    """Mean of a table's values, to three decimals."""
    return round(float(np.mean(list(table.values()))), 3)


def render_cards(cards: Mapping[str, Card]) -> str:
    """The model card as Markdown; every number comes from `cards`, by backbone name."""
    base = cards["embedded"]
    tolerances = [f"{name.replace('_', ' ')} {value:g}" for name, value in TOLERANCES.items()]
    return CARD.format(
        kinds="\n".join(f"* {KINDS[name]}" for name in cards),
        attributes=_attributes(base),
        together=_together(cards),
        world=base["world"],
        vocabulary=base["vocabulary"],
        stages=_stages(base),
        probe=f"{PROBE_PICTURES:,}",
        trials=TRIALS,
        megabytes=f"{sum(card['bytes'] for card in cards.values()) / 1e6:.1f}",
        tolerances=", ".join(tolerances),
    )


def _attributes(card: Card) -> str:
    """A row per attribute, what is said of each mix and what a probe reads, and a row of means."""
    header = ["attribute", *(f"said on {mix}" for mix in MIXES), "probe, degraded"]
    rows = []
    for field in language.NAMES:
        shares = [card["attributes"][mix][field] for mix in MIXES] + [card["probe"][field]]
        rows.append([field, *(f"{share:.3f}" for share in shares)])
    means = [card["mean_attribute_accuracy"][mix] for mix in MIXES] + [mean(card["probe"])]
    rows.append(["**mean**", *(f"**{share:.3f}**" for share in means)])
    return markdown(header, rows)


def _together(cards: Mapping[str, Card]) -> str:
    """A column per base and a row per measure."""
    rows = []
    for name, value in _measures().items():
        rows.append([name, *(value(card) for card in cards.values())])
    return markdown(["", *cards], rows)


def _measures() -> dict[str, Callable[[Card], str]]:
    """What stands in each row of the table of all bases."""
    measures: dict[str, Callable[[Card], str]] = {
        "parameters, million": lambda card: f"{card['parameters'] / 1e6:.2f}",
        "size, MB": lambda card: f"{card['bytes'] / 1e6:.1f}",
        "pictures seen, vision + language": _pictures_seen,
    }
    for mix in MIXES:
        measures[f"attributes answered right, {mix}"] = _value("mean_attribute_accuracy", mix)
    measures["attributes read by a probe, degraded"] = lambda card: f"{mean(card['probe']):.3f}"
    measures["captions, nats per token"] = _value("caption_loss")
    measures["rating word of a single fact"] = _value("rated_facts_accuracy")
    measures["counts"] = _value("counts")
    for task in language.NUMBER_TASKS:
        measures[f"numbers: {task}"] = _value("numbers", task)
    measures["perplexity of digits in answers"] = lambda card: f"{card['digit_perplexity']:.2f}"
    for length in SORTED:
        measures[f"sorting {length}: accuracy / recall / hallucination"] = _sorting(length)
    return measures


def _value(name: str, part: str = "") -> Callable[[Card], str]:
    """A number of a card, or of a table in it, with three decimals."""

    def text(card: Card) -> str:
        return f"{card[name][part] if part else card[name]:.3f}"

    return text


def _sorting(length: int) -> Callable[[Card], str]:
    def text(card: Card) -> str:
        metrics = card["sorting"][str(length)]
        return " / ".join(f"{metrics[metric.__name__]:.2f}" for metric in SORTING)

    return text


def _pictures_seen(card: Card) -> str:
    history = (card["training"] or {}).get("history", [])
    seen = [f"{stage[-1]['images']:,}" for stage in history if stage]
    return " + ".join(seen) or "-"


def _stages(card: Card) -> str:
    """The stages of pre-training, a numbered line each."""
    plan = (card["training"] or {}).get("plan", {"stages": []})
    lines = []
    for number, stage in enumerate(plan["stages"], 1):
        sources = ", ".join(dict.fromkeys(stage["sources"]))
        texts = f", {stage['texts']} texts each" if stage["texts"] else ""
        lines.append(f"{number}. {stage['teaches']}: {stage['images']:,} pictures ({sources}){texts}")
    return "\n".join(lines)


KINDS = {
    "embedded": "`embedded`: the base, a Qwen2-VL.",
    "embedded-early": "`embedded-early`: the same run after a tenth of its pictures, at full learning rate: "
    "less well pre-trained.",
    "embedded-middle": "`embedded-middle`: the same run after four tenths.",
    "embedded-nowords": "`embedded-nowords`: the base's vision tower with a language model that never met a "
    "rating word (excellent ... bad).",
    "embedded-llava": "`embedded-llava`: a LLaVA-1.5 (CLIP tower, next-to-last layer, 64 visual tokens, MLP "
    "projector, LLaMA) on the same corpus.",
    "embedded-small": "`embedded-small`: the base's vision tower with a language model of half the layers, "
    "taught on the same texts.",
}
CARD = """# Model card: the embedded bases

Multimodal LLMs of transformers' own classes, about two million parameters each, pre-trained from nothing on
the embedded photo world (pixels {world}) and stored in bfloat16, {megabytes} MB together. Measured on the
stored weights, with pictures no corpus and no task contains. Vocabulary of the base: {vocabulary}.

{kinds}

{together}

"Photographs" are drawn like the aesthetics task, "degraded" ones like the harder part of the corpus, several
degradations at once included, "snapshots" like uploads. Whole answers count for numbers and counts. Sorting
is RealQA's toy task on {trials} lists, written by the model itself; pre-training sorts two to five numbers,
so ten are new to it.

## What the base sees

{attributes}

Asked to describe a photo, the model chooses among an attribute's classes by the probability of their words.
The probe is a ridge classifier on the frozen visual tokens of {probe} pictures.

## Pre-training

Each picture is shown once; the stages of the base take turns in three rounds, whose ends are the early
checkpoint, the middle one and the base:

{stages}

Vision stages teach tower and merger through attribute heads, which are thrown away; language stages freeze
them and teach attribute lists, questions one by one and by level, captions, rated single facts, counts and
exercises with decimals (writing, reading, comparing, sorting). No title stands as a title, no score occurs,
and rating words are said of single facts only, never of the whole picture. `python -m moslab base train`
makes the weights again (`--architecture llava` the LLaVA), `python -m moslab base card` measures them.
Trained again, a base agrees with its card within: {tolerances}.

**Good for** comparing ways of outputting a score at equal budget. **Not for** judging photographs: they have
seen drawn pictures only. Licence: MIT, like the code; the pictures they were trained on are generated.
"""
