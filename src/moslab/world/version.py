"""The world's versions: a hand-bumped number and a digest of every constant, so that a changed constant changes them by itself.

`PIXELS` covers what a picture looks like (the base model is pre-trained on it, the probe reads it); `LABELS[task]` covers that and the labels of one task.
"""

from dataclasses import asdict, is_dataclass
from typing import Any

from moslab.utils.files import digest
from moslab.world import (
    aigiqa,
    degrade,
    distort,
    fidelity,
    iaa,
    iqa,
    language,
    render,
    shapes,
    specs,
    titles,
    ugc,
)

PIXELS_NUMBER = 1  # these numbers are bumped when code changes pixels or labels while every constant stays


def _plain(value: Any) -> Any:
    """A constant as JSON can hold it."""
    if is_dataclass(value):
        return asdict(value)
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list, set)):
        return sorted(map(str, value)) if isinstance(value, set) else [_plain(item) for item in value]
    return value.tolist() if hasattr(value, "tolist") else value


def _constants(module: Any, *names: str) -> list[Any]:
    return [module.__name__, [[name, _plain(getattr(module, name))] for name in names]]


PIXELS = (
    f"{PIXELS_NUMBER}-"
    + digest(
        [
            _constants(specs, "FIELDS", "FULL", "CALM", "MIXES", "PAN", "HALF_WIDTH"),
            _constants(
                render,
                "COLORS",
                "SCENES",
                "NIGHT_DIM",
                "STARS",
                "TOWERS",
                "WAVES",
                "SCENE_BEND",
                "SCENE_WAVES",
                "LITTER",
                "CRUMB",
                "POSTS",
            ),
            _constants(shapes, "PAINTS"),
            _constants(degrade, "HAZE"),
            _constants(distort, "KINDS", "WEIGHTS", "PRISTINE", "SECOND", "SECOND_SEVERITY"),
        ]
    )[:8]
)
_FIDELITY = _constants(
    fidelity,
    "DEAD_ZONE",
    "WEIGHT",
    "BEST",
    "WORST",
    "MIDDLE",
    "STEEPNESS",
    "WINDOW",
    "CONTRAST_FLOOR",
    "INFORMATION_FLOOR",
    "VISIBLE_JUMP",
)
_TEXTS = _constants(language, "WORDS", "NAMES", "RATINGS", "HIDDEN_BY", "LIKED", "DISLIKED", "MERIT")
_GENERATED = _constants(
    aigiqa,
    "SCALE",
    "RATERS",
    "RATER_DEVIATION",
    "HELD_OUT",
    "TRAIN",
    "VAL",
    "ERROR",
    "ARTEFACTS",
    "ARTEFACT_SPREAD",
    "FACETS",
    "HARDER",
    "STYLES",
    "STYLE_SHARES",
    "STYLE_FACET",
    "STYLE_HARDER",
    "UNSEEN_COLOR",
    "STRENGTH",
    "LEAST_WARP",
    "BEST_LOOK",
    "HARM",
    "VIVID",
    "LEAST_ALIGNED",
    "ALIGNED",
    "MANGLED",
    "TASTE",
)
LABELS = {
    "iqa": f"{PIXELS}-1-"
    + digest(
        [_TEXTS, _FIDELITY, _constants(iqa, "SCALE", "RATERS", "RATER_DEVIATION", "TASTE", "TRAIN", "VAL")]
    )[:8],
    "iaa": f"{PIXELS}-1-"
    + digest(
        [
            _TEXTS,
            _constants(titles, "SEED", "PAIRS", "HELD_OUT", "NEUTRAL", "SHARE", "CONCEPTS"),
            _constants(
                iaa,
                "SCALE",
                "MEAN",
                "QUALITY",
                "A",
                "TASTE",
                "INDIFFERENT_MATCH",
                "RATERS",
                "RATERS_SPREAD",
                "RATERS_RANGE",
                "RATER_DEVIATION",
                "TRAIN",
                "VAL",
                "PRESETS",
            ),
        ]
    )[:8],
    "aigiqa": f"{PIXELS}-1-" + digest([_TEXTS, _GENERATED, _constants(titles, "NEAR_COLORS")])[:8],
    "ugc": f"{PIXELS}-1-"
    + digest(
        [
            _TEXTS,
            _constants(
                ugc,
                "SCALE",
                "TRAIN",
                "VAL",
                "OPTIONS",
                "LEVELS",
                "REASONED",
                "SOFTNESS",
                "AS_SOFT",
                "CHROMA",
                "THIRDS",
                "MIDDLE",
                "SCENERY",
                "MARK_ERROR",
                "SLIP",
                "WEIGHTS",
                "EYE",
                "COMPOSITION",
                "USUAL",
                "CENTER",
                "SPREAD",
                "TASTE",
                "FEEDBACK",
                "COMPOSITE_SPREAD",
            ),
        ]
    )[:8],
}
