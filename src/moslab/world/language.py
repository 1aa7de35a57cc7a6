"""What can be said of a picture of the world: class names in words, captions, attribute lists, questions and single rated facts.

Only facts visible at the working size are said. Rating words (bad ... excellent) stand on single facts alone ("the focus is poor"), never on the whole picture,
and nothing here is a score or a title: a base that learned from these sentences knows words and pixels, not judgements.
"""

from collections.abc import Mapping

import numpy as np

from moslab.world.specs import Spec

# Ways to say each class; the first is the one a list answers with.
WORDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "position": (("rule of thirds", "on a third"), ("centred", "in the middle"), ("offset", "off centre")),
    "clutter": (("minimalism", "a bare background"), ("sparse", "a few things around"), ("organised chaos", "a crowded background")),
    "saturation": (("black and white", "no colours"), ("muted tones", "pale colours"), ("natural colours", "natural tones"), ("vivid colours", "strong colours")),
    "light": (("underexposed", "very dark"), ("low key", "dark"), ("balanced", "well lit"), ("high key", "bright"), ("overexposed", "very bright")),
    "motion": (("still", "no motion"), ("motion blur", "moving")),
    "focus": (("deep focus", "all in focus"), ("shallow focus", "a blurred background")),
    "tilt": (("level", "straight"), ("dutch angle", "tilted")),
    "size": (("negative space", "tiny"), ("medium size", "half distance"), ("close up", "large")),
    "color": (("red",), ("orange",), ("yellow",), ("green",), ("blue",), ("purple",), ("pink",), ("white",)),
    "kind": (("flower", "flowers"), ("tree", "trees"), ("house", "houses"), ("boat", "boats"), ("balloon", "balloons"), ("mushroom", "mushrooms"),
             ("star", "stars"), ("mug", "mugs")),
    "scene": (("meadow", "in the meadow"), ("seaside", "by the seaside"), ("desert", "in the desert"), ("snow", "in the snow"), ("city", "in the city"),
              ("night", "at night"), ("studio", "in the studio")),
    "texture": (("plain", "one colour"), ("striped", "stripes"), ("dotted", "polka dots")),
    "blur": (("sharp", "crisp"), ("soft", "slightly blurred"), ("blurry", "blurred"), ("smeared", "very blurred")),
    "noise": (("clean", "no grain"), ("grainy", "film grain"), ("noisy", "heavy grain")),
    "jpeg": (("pristine", "no blocks"), ("compressed", "light compression"), ("blocky", "heavy compression")),
    "fog": (("clear", "clear air"), ("hazy", "haze"), ("foggy", "in the fog")),
}
NAMES = {"position": "position", "clutter": "background", "saturation": "colours", "light": "light", "motion": "motion", "focus": "focus", "tilt": "horizon",
         "size": "size", "color": "colour", "kind": "subject", "scene": "scene", "texture": "texture", "blur": "sharpness", "noise": "grain",
         "jpeg": "compression", "fog": "air"}
# How well a single visible fact turned out, by class. Facts without a better and a worse are not rated.
RATINGS: dict[str, tuple[str, ...]] = {
    "blur": ("excellent", "fair", "poor", "bad"),
    "light": ("bad", "fair", "excellent", "fair", "bad"),
    "noise": ("excellent", "fair", "poor"),
    "jpeg": ("excellent", "poor", "bad"),
    "fog": ("good", "fair", "poor"),
    "motion": ("good", "bad"),
    "clutter": ("good", "fair", "poor"),
    "tilt": ("good", "poor"),
}
# Facts that another class hides from view: no question is asked about them.
_HIDDEN = {"color": ("saturation", 0)}


def tellable(spec: Spec, row: int) -> list[str]:
    """The fields that can be read off this picture."""
    return [field for field in WORDS if field not in _HIDDEN or spec.classes[_HIDDEN[field][0]][row] != _HIDDEN[field][1]]


def attribute_list(spec: Spec, row: int, random: np.random.Generator) -> list[tuple[str, str]]:
    """(name of a fact, its class in words) of every tellable fact, in random order."""
    fields = tellable(spec, row)
    return [(NAMES[field], WORDS[field][int(spec.classes[field][row])][0]) for field in random.permutation(fields)]


def caption(spec: Spec, row: int, random: np.random.Generator) -> str:
    """One sentence: subject and scene, then some of the other facts in random order and wording."""
    say = _chooser(spec, row, random)
    colour = say("color", 0) + " " if "color" in tellable(spec, row) else ""
    article, number = ("a ", 0) if random.random() < 0.5 else ("", 1)
    head = f"a photo of {article}{colour}{say('kind', number)} {say('scene', 1)}"
    rest = [say(field) for field in random.permutation([f for f in WORDS if f not in ("color", "kind", "scene")]) if random.random() < 0.5]
    return ", ".join([head, *rest]) + "."


def rated_facts(spec: Spec, row: int, random: np.random.Generator) -> list[tuple[str, str]]:
    """(name of a fact, rating word) for a few single facts, in random order."""
    fields = random.permutation(list(RATINGS))[:4]
    return [(NAMES[field], RATINGS[field][int(spec.classes[field][row])]) for field in fields]


def _chooser(spec: Spec, row: int, random: np.random.Generator):
    def say(field: str, form: int | None = None) -> str:
        forms = WORDS[field][int(spec.classes[field][row])]
        return forms[int(random.integers(len(forms))) if form is None else form]
    return say


_UNITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
NUMBER_TASKS: Mapping[str, str] = {"write": "Write the number in digits:", "larger": "Which number is larger:", "smaller": "Which number is smaller:",
                                   "between": "Which number lies in the middle:"}


def number_exercise(task: str, random: np.random.Generator) -> tuple[str, str]:
    """(question, answer) about decimals between 0 and 9.99 with one or two places."""
    if task == "write":
        number = _decimal(random)
        return f"{NUMBER_TASKS[task]} {_spoken(number)}", number
    numbers = [_decimal(random) for _ in range(3 if task == "between" else 2)]
    ordered = sorted(numbers, key=float)
    answer = {"larger": ordered[-1], "smaller": ordered[0], "between": ordered[len(ordered) // 2]}[task]
    return f"{NUMBER_TASKS[task]} {', '.join(numbers)}", answer


def _decimal(random: np.random.Generator) -> str:
    return f"{random.uniform(0, 9.99):.{int(random.integers(1, 3))}f}"


def _spoken(number: str) -> str:
    return " ".join("point" if letter == "." else _UNITS[int(letter)] for letter in number)
