"""What can be said of a picture of the world, in words.

Class names, captions, attribute lists and questions, comments, reasons, counts, and exercises with numbers.
Only facts visible at the working size are said. Rating words (bad ... excellent) stand on single facts
alone ("the focus is poor"); of the whole picture they are said only in `rated_comment`, which exists to
test whether such words disturb a score made of the same words. Every text is a function of keyed draws, and
its words are those of `vocabulary()`.
"""

import re
from collections.abc import Mapping, Sequence

from moslab.world.draws import Dice
from moslab.world.specs import FIELDS, Spec

# Ways to say each class; the first is the one a list answers with.
WORDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "position": (("rule of thirds", "on a third"), ("centred", "in the middle"), ("offset", "off centre")),
    "clutter": (
        ("minimalism", "a bare background"),
        ("sparse", "a few things around"),
        ("organised chaos", "a crowded background"),
    ),
    "saturation": (
        ("black and white", "no colours"),
        ("muted tones", "pale colours"),
        ("natural colours", "natural tones"),
        ("vivid colours", "strong colours"),
    ),
    "light": (
        ("underexposed", "very dark"),
        ("low key", "dark"),
        ("balanced", "well lit"),
        ("high key", "bright"),
        ("overexposed", "very bright"),
    ),
    "motion": (("still", "no motion"), ("motion blur", "moving")),
    "focus": (("deep focus", "all in focus"), ("shallow focus", "a blurred background")),
    "tilt": (("level", "straight"), ("dutch angle", "tilted")),
    "size": (("negative space", "tiny"), ("medium size", "half distance"), ("close up", "large")),
    "color": (("red",), ("orange",), ("yellow",), ("green",), ("blue",), ("purple",), ("pink",), ("white",)),
    "kind": (
        ("flower", "flowers"),
        ("tree", "trees"),
        ("house", "houses"),
        ("boat", "boats"),
        ("balloon", "balloons"),
        ("mushroom", "mushrooms"),
        ("star", "stars"),
        ("mug", "mugs"),
    ),
    "scene": (
        ("meadow", "in the meadow"),
        ("seaside", "by the seaside"),
        ("desert", "in the desert"),
        ("snow", "in the snow"),
        ("city", "in the city"),
        ("night", "at night"),
        ("studio", "in the studio"),
    ),
    "texture": (("plain", "one colour"), ("striped", "stripes"), ("dotted", "polka dots")),
    "blur": (
        ("sharp", "crisp"),
        ("soft", "slightly blurred"),
        ("blurry", "blurred"),
        ("smeared", "very blurred"),
    ),
    "noise": (("clean", "no grain"), ("grainy", "film grain"), ("noisy", "heavy grain")),
    "jpeg": (("pristine", "no blocks"), ("compressed", "light compression"), ("blocky", "heavy compression")),
    "fog": (("clear", "clear air"), ("hazy", "haze"), ("foggy", "in the fog")),
    "integrity": (("whole", "in full view"), ("clipped", "a little cut off"), ("cut off", "half hidden")),
    "debris": (("tidy", "nothing on it"), ("littered", "a few things on it"), ("messy", "many things on it")),
    "warp": (("regular", "a true shape"), ("warped", "a bent shape"), ("mangled", "a broken shape")),
}
NAMES = {
    "position": "position",
    "clutter": "background",
    "saturation": "colours",
    "light": "light",
    "motion": "motion",
    "focus": "focus",
    "tilt": "horizon",
    "size": "size",
    "color": "colour",
    "kind": "subject",
    "scene": "scene",
    "texture": "texture",
    "blur": "sharpness",
    "noise": "grain",
    "jpeg": "compression",
    "fog": "air",
    "integrity": "completeness",
    "debris": "tidiness",
    "warp": "shape",
}
# What is asked together, from how a picture was taken to how it is composed.
LEVELS: dict[str, tuple[str, ...]] = {
    "How was this photo taken?": ("saturation", "light", "motion", "blur", "noise", "jpeg", "fog"),
    "What does this photo show?": ("color", "kind", "scene", "texture", "integrity", "debris", "warp"),
    "How is this photo composed?": ("position", "clutter", "focus", "tilt", "size"),
}
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
    "integrity": ("good", "fair", "bad"),
    "debris": ("good", "fair", "poor"),
    "warp": ("excellent", "poor", "bad"),
}
RATING_WORDS = ("excellent", "good", "fair", "poor", "bad")
# Classes of other facts that hide a fact from view: nothing is said or asked about it then.
_DESTROYED = (("blur", "smeared"), ("motion", "moving"), ("jpeg", "blocky"))
HIDDEN_BY: dict[str, tuple[tuple[str, str], ...]] = {
    "color": (("saturation", "gray"),),
    "blur": (("motion", "moving"),),
    "focus": (("motion", "moving"), ("blur", "smeared")),
    "texture": _DESTROYED,
    "debris": _DESTROYED,
    "warp": (*_DESTROYED, ("integrity", "cut")),
}


def tellable(spec: Spec, row: int) -> list[str]:
    """The fields that can be read off this picture."""
    return [field for field in WORDS if not _is_hidden(spec, row, field)]


def _is_hidden(spec: Spec, row: int, field: str) -> bool:
    """Whether another fact hides this one."""
    for other, name in HIDDEN_BY.get(field, ()):
        if spec.classes[other][row] == FIELDS[other].index(name):
            return True
    return False


def answer(spec: Spec, row: int, field: str) -> str:
    """A fact's class as a list answers it."""
    return WORDS[field][int(spec.classes[field][row])][0]


def attribute_list(
    spec: Spec, row: int, dice: Dice, fields: Sequence[str] = tuple(WORDS)
) -> list[tuple[str, str]]:
    """(name of a fact, its class in words) of every tellable fact among `fields`, in random order."""
    visible = tellable(spec, row)
    listed = dice.shuffled([field for field in fields if field in visible])
    return [(NAMES[field], answer(spec, row, field)) for field in listed]


def caption(spec: Spec, row: int, dice: Dice) -> str:
    """One sentence: subject and scene, then some of the other facts in random order and wording."""
    visible = tellable(spec, row)
    colour = f"{_way(spec, row, 'color', 0)} " if "color" in visible else ""
    article, number = ("a ", 0) if dice.uniform() < 0.5 else ("", 1)
    parts = [f"a photo of {article}{colour}{_way(spec, row, 'kind', number)} {_way(spec, row, 'scene', 1)}"]
    others = [field for field in visible if field not in ("color", "kind", "scene")]
    for field in dice.shuffled(others):
        if dice.uniform() < 0.4:
            parts.append(dice.choice(_ways(spec, row, field)))
    return ", ".join(parts) + "."


def rated_facts(spec: Spec, row: int, dice: Dice) -> list[tuple[str, str]]:
    """(name of a fact, rating word) for a few single facts, in random order."""
    visible = tellable(spec, row)
    rated = dice.shuffled([field for field in RATINGS if field in visible])[:4]
    return [(NAMES[field], RATINGS[field][int(spec.classes[field][row])]) for field in rated]


LIKED = ("i like", "what pleases me:", "lovely:", "it works well:")
DISLIKED = ("a pity:", "i would mend", "what disturbs me:", "it suffers:")


def comment(spec: Spec, row: int, dice: Dice) -> str:
    """What a visitor might write: one or two things that please, and one or two that disturb.

    It holds no rating words, and fewer things where there are fewer.
    """
    parts = []
    for ways, facts in zip((LIKED, DISLIKED), merits(spec, row, dice)):
        if facts:
            opening = dice.choice(ways)
            some = [f"the {name}, {words}" for name, words in facts[: 1 + dice.integer(2)]]
            parts.append(f"{opening} {' and '.join(some)}.")
    return " ".join(dice.shuffled(parts) or ["nothing to remark."])


def rated_comment(spec: Spec, row: int, dice: Dice, word: str) -> str:
    """A comment after a rating word of the whole picture, for the test of semantic confusion alone."""
    opening = dice.choice(("this is", "all in all", "to me"))
    article = "an" if word == "excellent" else "a"
    return f"{opening} {article} {word} photo. {comment(spec, row, dice)}"


def reason(spec: Spec, row: int, dice: Dice, fields: Sequence[str]) -> str:
    """Why a picture got its mark for something that `fields` decide, in one sentence without a mark."""
    joined = []
    for facts in merits(spec, row, dice, fields):
        if facts:
            link = dice.choice((" and ", ", "))
            joined.append(link.join(_statement(name, words) for name, words in facts[:3]))
    return (dice.choice((", but ", ", yet ")).join(joined) or "nothing stands out") + "."


def _statement(name: str, words: str) -> str:
    verb = "are" if name == NAMES["saturation"] else "is"
    return f"the {name} {verb} {words}"


def merits(
    spec: Spec, row: int, dice: Dice, fields: Sequence[str] = tuple(RATINGS)
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Visible facts that speak for the picture, and those that speak against it.

    Returns:
        Two lists of (name of a fact, its class in words), each in random order.
    """
    visible = tellable(spec, row)
    pleasing, disturbing = [], []
    for field in dice.shuffled([field for field in fields if field in visible and field in MERIT]):
        sign = MERIT[field][int(spec.classes[field][row])]
        fact = (NAMES[field], answer(spec, row, field))
        if sign > 0:
            pleasing.append(fact)
        elif sign < 0:
            disturbing.append(fact)
    return pleasing, disturbing


_SIGN = {"excellent": 1, "good": 1, "fair": 0, "poor": -1, "bad": -1}


def _signs(words: tuple[str, ...]) -> tuple[int, ...]:
    return tuple(_SIGN[word] for word in words)


_RATED_MERIT = {field: _signs(words) for field, words in RATINGS.items()}
MERIT: dict[str, tuple[int, ...]] = _RATED_MERIT | {
    "position": (1, 0, -1),
    "saturation": (0, -1, 0, 1),
    "size": (-1, 0, 1),
    "focus": (0, 1),
}


def _ways(spec: Spec, row: int, field: str) -> tuple[str, ...]:
    return WORDS[field][int(spec.classes[field][row])]


def _way(spec: Spec, row: int, field: str, form: int) -> str:
    ways = _ways(spec, row, field)
    return ways[min(form, len(ways) - 1)]


# --- numbers --------------------------------------------------------------------------------------

COUNTS = {"debris": "How many things lie on the subject?", "clutter": "How many things are strewn around?"}


def count_question(spec: Spec, row: int, dice: Dice) -> tuple[str, str]:
    """(question, answer) about how many things are to be seen."""
    visible = tellable(spec, row)
    field = dice.choice([field for field in COUNTS if field in visible])
    return COUNTS[field], str(int(spec.values[field][row]))


_UNITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
NUMBER_TASKS: Mapping[str, str] = {
    "write": "Write the number in digits:",
    "read": "Write the number in words:",
    "larger": "Which number is larger:",
    "smaller": "Which number is smaller:",
    "between": "Which number lies in the middle:",
    "sort": "Sort these numbers from low to high:",
}
LONGEST_SORT = 5


def number_exercise(task: str, dice: Dice) -> tuple[str, str]:
    """(question, answer) about decimals between 0 and 9.99 with one or two places."""
    instruction = NUMBER_TASKS[task]
    if task == "write":
        number = _decimal(dice)
        return f"{instruction} {_spoken(number)}", number
    if task == "read":
        number = _decimal(dice)
        return f"{instruction} {number}", _spoken(number)
    longest = 2 + dice.integer(LONGEST_SORT - 1)  # drawn for every task, so that the later draws stay
    count = {"between": 3, "sort": longest}.get(task, 2)
    numbers = [_decimal(dice) for _ in range(count)]
    ordered = sorted(numbers, key=float)
    answer = {
        "larger": ordered[-1],
        "smaller": ordered[0],
        "between": ordered[len(ordered) // 2],
        "sort": ", ".join(ordered),
    }[task]
    return f"{instruction} {', '.join(numbers)}", answer


def _decimal(dice: Dice) -> str:
    places = 1 + dice.integer(2)
    return f"{dice.integer(10 ** (places + 1)) / 10**places:.{places}f}"


def _spoken(number: str) -> str:
    return " ".join("point" if letter == "." else _UNITS[int(letter)] for letter in number)


# --- words ----------------------------------------------------------------------------------------

_FRAME = """a photo of. this is all in all to me an. nothing to remark. nothing stands out.
the and but yet is. i lovely works well. describe write caption
what how would you rate was taken does show composed lies are"""


def vocabulary() -> list[str]:
    """Every word that a caption, comment, reason, list or question can hold, in alphabetical order."""
    texts = [
        _FRAME,
        *_class_words(),
        *NAMES.values(),
        *LEVELS,
        *LIKED,
        *DISLIKED,
        *RATING_WORDS,
        *COUNTS.values(),
        *NUMBER_TASKS.values(),
        "point",
        *_UNITS,
    ]
    return sorted(set(words_of(" ".join(texts))))


def _class_words() -> list[str]:
    """Every way to say a class."""
    texts: list[str] = []
    for classes in WORDS.values():
        for ways in classes:
            texts += ways
    return texts


def words_of(text: str) -> list[str]:
    """The words of a text, without case, digits and punctuation."""
    return re.findall(r"[a-z]+", text.lower())
