"""The world's versions: a hand-bumped number and a digest of every constant.

A changed constant changes the version by itself. `PIXELS` covers what a picture looks like (the base model is
pre-trained on it, the probe reads it); `LABELS[task]` covers that and the labels of one task.
"""

from dataclasses import asdict, is_dataclass
from types import ModuleType
from typing import Any

from moslab.utils.files import digest
from moslab.world import (
    aigiqa,
    degrade,
    distort,
    fidelity,
    geometry,
    iaa,
    iqa,
    language,
    render,
    shapes,
    specs,
    titles,
    ugc,
)
from moslab.world.like import (
    aadb,
    appeal,
    authors,
    avacaptions,
    csiq,
    faults,
    icaa17k,
    kadid10k,
    konvid1k,
    livec,
    opinions,
    para,
    single,
    spaq,
    tad66k,
)

# These numbers are bumped when code changes pixels or labels while every constant stays.
PIXELS_NUMBER = 1
LABELS_NUMBERS = {"iqa": 1, "iaa": 1, "aigiqa": 1, "ugc": 1, "geometry": 1}
# The sets of `moslab.world.like`, and what else each is made with.
LIKE: dict[ModuleType, tuple[ModuleType, ...]] = {
    spaq: (opinions, faults),
    livec: (opinions, faults),
    kadid10k: (opinions, fidelity, single),
    csiq: (opinions, fidelity, single),
    tad66k: (opinions, appeal, iaa),
    icaa17k: (opinions, appeal),
    aadb: (opinions, appeal),
    para: (opinions, appeal, faults),
    konvid1k: (opinions, faults),
    avacaptions: (titles, iaa, authors),
}
LABELS_NUMBERS |= {module.NAME: 1 for module in LIKE}

# The constants of each module that a version covers, separated by blanks.
# Names and order are part of the digest.
COVERED: dict[ModuleType, str] = {
    specs: "FIELDS FULL CALM MIXES PAN HALF_WIDTH",
    render: "COLORS SCENES NIGHT_DIM STARS TOWERS WAVES SCENE_BEND SCENE_WAVES LITTER CRUMB POSTS",
    shapes: "PAINTS",
    degrade: "HAZE",
    distort: "KINDS WEIGHTS PRISTINE SECOND SECOND_SEVERITY",
    fidelity: (
        "DEAD_ZONE WEIGHT BEST WORST MIDDLE STEEPNESS WINDOW CONTRAST_FLOOR INFORMATION_FLOOR VISIBLE_JUMP"
    ),
    language: "WORDS NAMES RATINGS HIDDEN_BY LIKED DISLIKED MERIT",
    iqa: "SCALE RATERS RATER_DEVIATION TASTE TRAIN VAL",
    iaa: (
        "SCALE MEAN QUALITY A TASTE INDIFFERENT_MATCH RATERS RATERS_SPREAD RATERS_RANGE RATER_DEVIATION "
        "TRAIN VAL PRESETS"
    ),
    aigiqa: (
        "SCALE RATERS RATER_DEVIATION HELD_OUT TRAIN VAL ERROR ARTEFACTS ARTEFACT_SPREAD FACETS HARDER "
        "STYLES STYLE_SHARES STYLE_FACET STYLE_HARDER UNSEEN_COLOR STRENGTH LEAST_WARP BEST_LOOK HARM "
        "VIVID LEAST_ALIGNED ALIGNED MANGLED TASTE"
    ),
    ugc: (
        "SCALE TRAIN VAL OPTIONS LEVELS REASONED SOFTNESS AS_SOFT CHROMA THIRDS MIDDLE SCENERY "
        "MARK_ERROR SLIP WEIGHTS EYE COMPOSITION USUAL CENTER SPREAD TASTE FEEDBACK COMPOSITE_SPREAD"
    ),
    geometry: "SCALE MIX MOST LEAN EXTENT",
    titles: "SEED PAIRS HELD_OUT NEUTRAL SHARE CONCEPTS",
    opinions: "TRAIN VAL",
    faults: "WORST ACUTE DARK BRIGHT SEVERE PALE",
    single: "LEVELS VIVID BENT FIELD",
    spaq: "SCALE MIX CAUSES MINDED WORST_SCORE BEST_SCORE TASTE RATERS RATER_DEVIATION DIM",
    livec: "SCALE MIX CAUSES MINDED WORST_SCORE BEST_SCORE TASTE RATERS RATER_DEVIATION",
    kadid10k: (
        "SCALE FAULTS REFERENCES MIDDLE STEEPNESS WORST_SCORE BEST_SCORE TASTE RATERS RATER_DEVIATION"
    ),
    csiq: (
        "SCALE HIGHER_IS_BETTER FAULTS REFERENCES SHARES MIDDLE STEEPNESS TASTE RATERS RATER_DEVIATION ANSWER"
    ),
    authors: "EVERYTHING AUTHORS SILENCE",
    avacaptions: "NAME SCALE",
    konvid1k: (
        "SCALE SHARES FRAMES MIX PAN OCCURS LEAST FLICKER SHAKE ROLL HELD MINDED MINDED_IN_TIME SAY_OF_MEAN "
        "WORST_SCORE BEST_SCORE TASTE RATERS RATER_DEVIATION"
    ),
    appeal: "NO_HUE LEAST_CHROMA SEEN_AT SEEN_THROUGH STREWN",
    tad66k: "SCALE LANDSCAPE THEMES MEAN CENTER GAIN TASTE RATERS RATER_DEVIATION",
    icaa17k: "SCALE MIX COLORS_LIKED REST_LIKED SAY MEAN GAIN TASTE RATERS RATER_DEVIATION",
    aadb: (
        "SCALE MIX ATTRIBUTES SAY UNNAMED MEAN GAIN TASTE ATTRIBUTE_TASTE RATERS RATER_DEVIATION "
        "ATTRIBUTE_DEVIATION ANSWER"
    ),
    para: (
        "SCALE MIX CAUSES MINDED QUALITY ATTRIBUTES MIDDLE SAY AESTHETICS TASTE RATERS RATER_DEVIATION HALF"
    ),
}


def _plain(value: Any) -> Any:
    """A constant as JSON can hold it."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, set):
        return sorted(map(str, value))
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return value.tolist() if hasattr(value, "tolist") else value


def _constants(module: ModuleType, names: str) -> list[Any]:
    """The module's name, and name and value of each constant."""
    return [module.__name__, [[name, _plain(getattr(module, name))] for name in names.split()]]


def _version(number: int, constants: list[Any]) -> str:
    return f"{number}-{digest(constants)[:8]}"


def _covered(*modules: ModuleType) -> list[Any]:
    return [_constants(module, COVERED[module]) for module in modules]


def _labels(task: str, constants: list[Any]) -> str:
    return f"{PIXELS}-{_version(LABELS_NUMBERS[task], constants)}"


PIXELS = _version(PIXELS_NUMBER, _covered(specs, render, shapes, degrade, distort))
LABELS = {
    "iqa": _labels("iqa", _covered(language, fidelity, iqa)),
    "iaa": _labels("iaa", _covered(language, titles, iaa)),
    "aigiqa": _labels("aigiqa", [*_covered(language, aigiqa), _constants(titles, "NEAR_COLORS")]),
    "ugc": _labels("ugc", _covered(language, ugc)),
    "geometry": _labels("geometry", _covered(language, opinions, geometry)),
}
for _module, _others in LIKE.items():
    LABELS[_module.NAME] = _labels(_module.NAME, _covered(language, *_others, _module))
