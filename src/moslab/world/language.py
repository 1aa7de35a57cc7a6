"""What can be said of a picture of the world: class names in words, captions, attribute lists and questions, comments, reasons, counts, and exercises with numbers.

Only facts visible at the working size are said. Rating words (bad ... excellent) stand on single facts alone ("the focus is poor"); of the whole picture they are said
only in `rated_comment`, which exists to test whether such words disturb a score made of the same words. Every text is a function of keyed draws, and its words are those of `vocabulary()`.
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
    return [
        field
        for field in WORDS
        if not any(
            spec.classes[other][row] == FIELDS[other].index(name) for other, name in HIDDEN_BY.get(field, ())
        )
    ]


def answer(spec: Spec, row: int, field: str) -> str:
    """A fact's class as a list answers it."""
    return WORDS[field][int(spec.classes[field][row])][0]


def attribute_list(
    spec: Spec, row: int, dice: Dice, fields: Sequence[str] = tuple(WORDS)
) -> list[tuple[str, str]]:
    """(name of a fact, its class in words) of every tellable fact among `fields`, in random order."""
    told = tellable(spec, row)
    return [
        (NAMES[field], answer(spec, row, field))
        for field in dice.shuffled([field for field in fields if field in told])
    ]


def caption(spec: Spec, row: int, dice: Dice) -> str:
    """One sentence: subject and scene, then some of the other facts in random order and wording."""
    told = tellable(spec, row)
    colour = f"{_way(spec, row, 'color', 0)} " if "color" in told else ""
    article, number = ("a ", 0) if dice.uniform() < 0.5 else ("", 1)
    head = f"a photo of {article}{colour}{_way(spec, row, 'kind', number)} {_way(spec, row, 'scene', 1)}"
    rest = [
        dice.choice(_ways(spec, row, field))
        for field in dice.shuffled([f for f in told if f not in ("color", "kind", "scene")])
        if dice.uniform() < 0.4
    ]
    return ", ".join([head, *rest]) + "."


def rated_facts(spec: Spec, row: int, dice: Dice) -> list[tuple[str, str]]:
    """(name of a fact, rating word) for a few single facts, in random order."""
    told = tellable(spec, row)
    return [
        (NAMES[field], RATINGS[field][int(spec.classes[field][row])])
        for field in dice.shuffled([field for field in RATINGS if field in told])[:4]
    ]


LIKED = ("i like", "what pleases me:", "lovely:", "it works well:")
DISLIKED = ("a pity:", "i would mend", "what disturbs me:", "it suffers:")


def comment(spec: Spec, row: int, dice: Dice) -> str:
    """What a visitor might write: one or two things that please, one or two that disturb, as far as there are any. No rating words."""
    pleasing, disturbing = (
        [f"the {name}, {words}" for name, words in facts] for facts in merits(spec, row, dice)
    )
    parts = [
        f"{dice.choice(ways)} {' and '.join(facts[: 1 + dice.integer(2)])}."
        for ways, facts in ((LIKED, pleasing), (DISLIKED, disturbing))
        if facts
    ]
    return " ".join(dice.shuffled(parts) or ["nothing to remark."])


def rated_comment(spec: Spec, row: int, dice: Dice, word: str) -> str:
    """The same with a rating word of the whole picture before it: made for the test of semantic confusion, and for nothing else."""
    return f"{dice.choice(('this is', 'all in all', 'to me'))} {'an' if word == 'excellent' else 'a'} {word} photo. {comment(spec, row, dice)}"


def reason(spec: Spec, row: int, dice: Dice, fields: Sequence[str]) -> str:
    """Why a picture got its mark for something that `fields` decide, in one sentence without a mark."""

    def told(facts: list[tuple[str, str]]) -> list[str]:
        return [
            f"the {name} {'are' if name == NAMES['saturation'] else 'is'} {words}"
            for name, words in facts[:3]
        ]

    pleasing, disturbing = map(told, merits(spec, row, dice, fields))
    joined = [dice.choice((" and ", ", ")).join(facts) for facts in (pleasing, disturbing) if facts]
    return (dice.choice((", but ", ", yet ")).join(joined) or "nothing stands out") + "."


def merits(
    spec: Spec, row: int, dice: Dice, fields: Sequence[str] = tuple(RATINGS)
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Tellable facts that speak for the picture and those that speak against it, each as (name, class in words), in random order."""
    visible = tellable(spec, row)
    told = dice.shuffled([field for field in fields if field in visible and field in MERIT])
    sign = {field: MERIT[field][int(spec.classes[field][row])] for field in told}
    said = {field: (NAMES[field], answer(spec, row, field)) for field in told}
    return [said[field] for field in told if sign[field] > 0], [
        said[field] for field in told if sign[field] < 0
    ]


_SIGN = {"excellent": 1, "good": 1, "fair": 0, "poor": -1, "bad": -1}
MERIT: dict[str, tuple[int, ...]] = {
    field: tuple(_SIGN[word] for word in words) for field, words in RATINGS.items()
} | {"position": (1, 0, -1), "saturation": (0, -1, 0, 1), "size": (-1, 0, 1), "focus": (0, 1)}


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
    if task in ("write", "read"):
        number = _decimal(dice)
        question, answer = (_spoken(number), number) if task == "write" else (number, _spoken(number))
        return f"{NUMBER_TASKS[task]} {question}", answer
    numbers = [
        _decimal(dice) for _ in range({"between": 3, "sort": 2 + dice.integer(LONGEST_SORT - 1)}.get(task, 2))
    ]
    ordered = sorted(numbers, key=float)
    answer = {
        "larger": ordered[-1],
        "smaller": ordered[0],
        "between": ordered[len(ordered) // 2],
        "sort": ", ".join(ordered),
    }[task]
    return f"{NUMBER_TASKS[task]} {', '.join(numbers)}", answer


def _decimal(dice: Dice) -> str:
    places = 1 + dice.integer(2)
    return f"{dice.integer(10 ** (places + 1)) / 10**places:.{places}f}"


def _spoken(number: str) -> str:
    return " ".join("point" if letter == "." else _UNITS[int(letter)] for letter in number)


# --- words ----------------------------------------------------------------------------------------

_FRAME = """a photo of. this is all in all to me an. nothing to remark. nothing stands out. the and but yet is. i lovely works well. describe write caption
what how would you rate was taken does show composed lies are"""


def vocabulary() -> list[str]:
    """Every word that a caption, comment, reason, list or question can hold, in alphabetical order."""
    texts = [
        _FRAME,
        *(way for classes in WORDS.values() for ways in classes for way in ways),
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
    return sorted({word for text in texts for word in words_of(text)})


def words_of(text: str) -> list[str]:
    """The words of a text, without case, digits and punctuation."""
    return re.findall(r"[a-z]+", text.lower())
