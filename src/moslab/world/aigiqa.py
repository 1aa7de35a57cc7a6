"""The generated-image task: two scores per picture, how good it looks and how well it shows its prompt.

It follows AGIQA-3K: six generators, 21 raters, scale 0 to 5. Every prompt asks for a colour, a subject, a
place, perhaps a texture and a style; each of six generators draws it, gets facets wrong at its own rate and
leaves artefacts of its own strength: bent shapes, blur, grain, stray things. *Perception* depends on the
artefacts alone, so a prompt cannot help. *Alignment* depends on the facets asked for, so without the prompt
a model can only infer from the artefacts how unreliable the generator is. All numbers are set by hand.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from moslab.world.draws import choice, integers, normal, uniform
from moslab.world.frame import Size
from moslab.world.language import WORDS
from moslab.world.made import Made, split_names
from moslab.world.raters import cast_votes, opinion_scores
from moslab.world.specs import FIELDS, MIXES, Spec, draw
from moslab.world.titles import COLORS

SCALE = (0, 5)
PICTURES = 10_800
PRESETS = ("default", "alignment")  # which score is the label: perception, or alignment
RATERS, RATER_DEVIATION = 21, 0.75
HELD_OUT, TRAIN, VAL = 0.18, 0.77, 0.05  # share of prompts never trained on; shares of the other pictures
GENERATORS = ("A", "B", "C", "D", "E", "F")
ERROR = (0.60, 0.42, 0.24, 0.10, 0.32, 0.03)  # how often a generator gets a facet wrong
# Logit of the strength of a generator's artefacts: mean, and spread over pictures.
ARTEFACTS, ARTEFACT_SPREAD = (2.0, 0.9, -0.4, -1.3, 0.3, -2.2), 0.5
FACETS = {"kind": 0.36, "color": 0.24, "scene": 0.22, "texture": 0.10}  # say in the alignment
HARDER = {"kind": 0.8, "color": 0.9, "scene": 0.8, "texture": 1.4}  # multiples of the generator's error
# None, or the field that a style sets, its class and number.
STYLES: tuple[tuple[()] | tuple[str, str, float], ...] = (
    (),
    ("saturation", "gray", 0.0),
    ("fog", "foggy", 0.68),
    ("light", "dark", -1.8),
)
_BLACK_AND_WHITE = 1  # the style without colours
STYLE_SHARES, STYLE_FACET, STYLE_HARDER = (0.52, 0.16, 0.16, 0.16), 0.14, 1.2
UNSEEN_COLOR = 0.5  # match of a colour on a gray picture
STRENGTH = {"warp": 0.20, "blur": 1.9, "noise": 0.12, "debris": 6.0}  # of the worst artefacts
LEAST_WARP = 0.4  # share of the bending that artefacts of a strength bring at least
BEST_LOOK, HARM, VIVID = 4.5, {"warp": 2.2, "blur": 0.9, "noise": 0.7, "debris": 0.7}, 0.12
LEAST_ALIGNED, ALIGNED, MANGLED = 0.45, 4.2, 0.6
TASTE = {"perception": 0.26, "alignment": 0.36}


@dataclass(frozen=True)
class Generated:
    """Pictures and what was asked for.

    Attributes:
        spec: the pictures.
        generator: numbers into GENERATORS [n].
        wanted: facet -> class number asked for [n].
        style: numbers into STYLES, as asked for [n].
        shown_style: numbers into STYLES, as drawn [n].
    """

    spec: Spec
    generator: np.ndarray
    wanted: dict[str, np.ndarray]
    style: np.ndarray
    shown_style: np.ndarray

    @property
    def texts(self) -> list[str]:
        """The prompts."""
        return [self._prompt(row) for row in range(len(self.generator))]

    def _prompt(self, row: int) -> str:
        wanted = {field: int(number[row]) for field, number in self.wanted.items()}
        return prompt(wanted, int(self.style[row]))


def prompt(wanted: dict[str, int], style: int) -> str:
    """A prompt in words, such as 'a striped red mug at night, low key'."""
    look = []
    if wanted["texture"]:
        look.append(WORDS["texture"][wanted["texture"]][0])
    look.append(FIELDS["color"][wanted["color"]])
    article = "an" if look[0][0] in "aeiou" else "a"
    subject, scene = FIELDS["kind"][wanted["kind"]], WORDS["scene"][wanted["scene"]][1]
    text = " ".join([article, *look, subject, scene])
    return f"{text}, {style_words(style)}" if style else text


def style_words(style: int) -> str:
    """'black and white', 'in the fog', 'low key', or nothing."""
    chosen = STYLES[style]
    if not chosen:
        return ""
    field, name, _ = chosen
    ways = WORDS[field][FIELDS[field].index(name)]
    return ways[-1] if field == "fog" else ways[0]


def prompted(stream: str, seed: int, ids: np.ndarray) -> Generated:
    """Draw prompts (six pictures in a row share one), then what each generator made of them."""
    number, generator = ids // len(GENERATORS), ids % len(GENERATORS)
    style = choice(seed, f"{stream}.prompt.style", number, np.array(STYLE_SHARES))
    wanted = {}
    mix: dict[str, Sequence[float] | np.ndarray] = dict(MIXES["aigiqa"])
    for field in FACETS:
        usual = np.array(MIXES["aigiqa"][field])
        wanted[field] = choice(seed, f"{stream}.prompt.{field}", number, usual)
        shown_given_wanted = np.stack([_shown_given_wanted(field, error) for error in ERROR])
        mix[field] = shown_given_wanted[generator, wanted[field]]
    spec = draw(stream, seed, ids, mix, severity="calm")
    style_given_wanted = np.stack([_style_given_wanted(error) for error in ERROR])
    shown_style = choice(seed, f"{stream}.style", ids, style_given_wanted[generator, style])
    return Generated(
        spec=_spoilt(stream, seed, spec, generator, shown_style),
        generator=generator,
        wanted=wanted,
        style=style,
        shown_style=shown_style,
    )


def _spoilt(stream: str, seed: int, spec: Spec, generator: np.ndarray, style: np.ndarray) -> Spec:
    """The pictures with their style and their artefacts."""
    deviation = normal(seed, f"{stream}.artefacts", spec.ids)
    logit = np.array(ARTEFACTS)[generator] + ARTEFACT_SPREAD * deviation
    strength = 1 / (1 + np.exp(-logit))
    share = {field: uniform(seed, f"{stream}.artefacts.{field}", spec.ids) for field in STRENGTH}
    share["warp"] = LEAST_WARP + (1 - LEAST_WARP) * share["warp"]
    values = {field: np.round(STRENGTH[field] * strength * share[field], 6) for field in STRENGTH}
    values["debris"] = np.rint(values["debris"])
    for number, chosen in enumerate(STYLES):
        if chosen:
            field, _, value = chosen
            values[field] = np.where(style == number, value, spec.values[field])
    return spec.changed(**values)


def make(preset: str, seed: int, ids: np.ndarray, size: Size) -> Made:
    """Pictures, labels, votes and bounds of one of the two scores; the annotations hold both."""
    drawn = prompted("aigiqa", seed, ids)
    visible = {
        "perception": perception(drawn.spec),
        "alignment": alignment(drawn.spec, drawn.shown_style, drawn.wanted, drawn.style),
    }
    raters = np.full(len(ids), RATERS)
    means, votes, scores = {}, {}, {}
    for name, mean in visible.items():
        taste = TASTE[name] * normal(seed, f"aigiqa.taste.{name}", ids)
        means[name] = np.clip(mean + taste, *SCALE)
        votes[name] = cast_votes(f"aigiqa.{name}", seed, ids, means[name], raters, RATER_DEVIATION, SCALE)
        scores[name] = opinion_scores(votes[name], SCALE)
    asked = "alignment" if preset == "alignment" else "perception"
    texts = drawn.texts
    frame = pd.DataFrame(
        {
            "text": texts,
            "split": _splits(drawn, seed, ids),
            "group": texts,
            "mos": scores[asked][0],
            "sd": scores[asked][1],
        }
    )
    if asked == "perception":
        bounds = {"image_only": visible["perception"]}
    else:
        bounds = alignment_bounds(drawn, visible["alignment"], seed)
    return Made(
        frame=frame,
        votes=votes[asked],
        bounds=pd.DataFrame({"truth": means[asked]} | bounds),
        annotations=_annotations(drawn, *scores["perception"], *scores["alignment"]),
        spec=drawn.spec,
    )


def _annotations(
    drawn: Generated,
    mos_quality: np.ndarray,
    std_quality: np.ndarray,
    mos_align: np.ndarray,
    std_align: np.ndarray,
) -> pd.DataFrame:
    """Further labels, in the columns of AGIQA-3K."""
    textures = [WORDS["texture"][number][0] if number else "" for number in drawn.wanted["texture"]]
    return pd.DataFrame(
        {
            "generator": np.array(GENERATORS)[drawn.generator],
            "adj1": textures,
            "adj2": "",
            "style": [style_words(number) for number in drawn.style],
            "mos_quality": mos_quality,
            "std_quality": std_quality,
            "mos_align": mos_align,
            "std_align": std_align,
        }
    )


# --- scores ---------------------------------------------------------------------------------------


def perception(spec: Spec) -> np.ndarray:
    """How good a picture looks, [n], before taste: artefacts alone, and a little for vivid colours."""
    harm = sum(weight * spec.values[field] / STRENGTH[field] for field, weight in HARM.items())
    return BEST_LOOK - harm + VIVID * (spec.classes["saturation"] == FIELDS["saturation"].index("vivid"))


def alignment(
    spec: Spec, shown_style: np.ndarray, wanted: dict[str, np.ndarray], style: np.ndarray
) -> np.ndarray:
    """How well a picture shows a prompt, [n], before taste."""
    matched = {field: _match(field)[wanted[field], spec.classes[field]] for field in FACETS}
    matched["color"] = np.where(_gray(spec), UNSEEN_COLOR, matched["color"])
    share = _facet_share(_weighted(matched), style == shown_style, style > 0)
    return LEAST_ALIGNED + ALIGNED * share - _mangling(spec)


def alignment_bounds(drawn: Generated, aligned: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """The best predictions of the alignment, [n] each.

    From picture and prompt, from the picture alone (Bayes' rule over prompts and generators), from the prompt
    alone, and from a wrong prompt.
    """
    ids = drawn.spec.ids
    shift = 1 + (integers(seed, "aigiqa.wrong", ids) % np.uint64(997)).astype(int)
    other = prompted("aigiqa", seed, (ids // len(GENERATORS) + shift) * len(GENERATORS))
    return {
        "image_text": aligned,
        "image_only": _expected_from_picture(drawn),
        "text_only": _expected_from_prompt(drawn),
        "wrong_text": alignment(drawn.spec, drawn.shown_style, other.wanted, other.style),
    }


def _facet_share(matched: np.ndarray, style_met: np.ndarray, style_asked: np.ndarray) -> np.ndarray:
    """Share of what was asked for that is there; `matched` sums the weighted facets."""
    total = sum(FACETS.values()) + STYLE_FACET * style_asked
    return (matched + STYLE_FACET * style_met * style_asked) / total


def _weighted(matched: dict[str, np.ndarray]) -> np.ndarray:
    """Weighted sum over the facets, [n]."""
    total = np.zeros(())
    for field, weight in FACETS.items():
        total = total + weight * matched[field]
    return total


def _mangling(spec: Spec) -> np.ndarray:
    """Bent shapes also hurt the alignment that people see."""
    return MANGLED * spec.values["warp"] / STRENGTH["warp"]


def _gray(spec: Spec) -> np.ndarray:
    return spec.classes["saturation"] == 0


def _match(field: str) -> np.ndarray:
    """[wanted, shown]: how well a class answers; colours pass for their neighbours to some degree."""
    if field == "color":
        return np.array([concept.match for concept in COLORS.values()])
    return np.eye(len(FIELDS[field]))


def _shown_given_wanted(field: str, error: float) -> np.ndarray:
    """[wanted, shown] probabilities of a facet."""
    classes = len(FIELDS[field])
    wrong = min(HARDER[field] * error, 0.95)
    return (1 - wrong) * np.eye(classes) + wrong / (classes - 1) * (1 - np.eye(classes))


def _style_given_wanted(error: float) -> np.ndarray:
    """[wanted, shown] probabilities: a style is met or forgotten, and never comes unasked."""
    forgotten = min(STYLE_HARDER * error, 0.95)
    table = (1 - forgotten) * np.eye(len(STYLES))
    table[:, 0] += forgotten
    table[0, 0] = 1
    return table


# --- what can be known ----------------------------------------------------------------------------


def _expected_from_picture(drawn: Generated) -> np.ndarray:
    """E[alignment | picture], [n], summed over generators and all that each may have been asked for."""
    spec, style = drawn.spec, drawn.shown_style
    weight = _artefact_likelihood(spec)  # [n, generators]
    expected = np.zeros((len(spec), len(GENERATORS)))
    styles = np.arange(len(STYLES))
    met = styles[None] == style[:, None]  # [n, styles]
    for number, error in enumerate(ERROR):
        matched = np.zeros(len(spec))
        for field, facet_weight in FACETS.items():
            match, likelihood = _facet_from_picture(spec, field, error)
            matched += facet_weight * match
            weight[:, number] *= likelihood
        posterior, evidence = _reversed(np.array(STYLE_SHARES), _style_given_wanted(error))
        weight[:, number] *= evidence[style]
        shares = _facet_share(matched[:, None], met, styles[None] > 0)
        expected[:, number] = (posterior[:, style].T * shares).sum(1)
    return LEAST_ALIGNED + ALIGNED * (weight * expected).sum(1) / weight.sum(1) - _mangling(spec)


def _facet_from_picture(spec: Spec, field: str, error: float) -> tuple[np.ndarray, np.ndarray]:
    """Expected match of a facet given what is shown, and the likelihood of what is shown, both [n]."""
    shown = spec.classes[field]
    posterior, evidence = _reversed(np.array(MIXES["aigiqa"][field]), _shown_given_wanted(field, error))
    match = (posterior * _match(field)).sum(0)[shown]
    likelihood = evidence[shown]
    if field == "color":
        match = np.where(_gray(spec), UNSEEN_COLOR, match)
        likelihood = np.where(_gray(spec), 1 / len(evidence), likelihood)
    return match, likelihood


def _expected_from_prompt(drawn: Generated) -> np.ndarray:
    """E[alignment | prompt], [n]."""
    shares = []
    for error in ERROR:
        styles = _style_given_wanted(error)[drawn.style]  # [n, styles]
        matched = {}
        for field in FACETS:
            match = (_shown_given_wanted(field, error) * _match(field)).sum(1)
            matched[field] = match[drawn.wanted[field]]
        gray = styles[:, _BLACK_AND_WHITE]
        matched["color"] = gray * UNSEEN_COLOR + (1 - gray) * matched["color"]
        met = styles[np.arange(len(styles)), drawn.style]
        shares.append(_facet_share(_weighted(matched), met, drawn.style > 0))
    strength = np.mean([(density * _strengths()).sum() for density in _strength_densities()])
    return LEAST_ALIGNED + ALIGNED * np.mean(shares, 0) - MANGLED * strength * (1 + LEAST_WARP) / 2


def _reversed(prior: np.ndarray, shown_given_wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Posterior [wanted, shown] and evidence [shown] by Bayes' rule."""
    joint = (prior / prior.sum())[:, None] * shown_given_wanted
    return joint / joint.sum(0), joint.sum(0)


_LOGITS = np.linspace(-6, 6, 481)


def _strengths() -> np.ndarray:
    return 1 / (1 + np.exp(-_LOGITS))


def _strength_densities() -> np.ndarray:
    """[generators, grid], each row summing to one."""
    density = np.exp(-0.5 * ((_LOGITS - np.array(ARTEFACTS)[:, None]) / ARTEFACT_SPREAD) ** 2)
    return density / density.sum(1, keepdims=True)


def _artefact_likelihood(spec: Spec) -> np.ndarray:
    """Likelihood of the visible artefacts under each generator, [n, generators].

    Their common strength is summed over on a grid.
    """
    strength = _strengths()[None]
    likelihood = np.ones((len(spec), strength.shape[1]))
    for field, worst in STRENGTH.items():
        share = spec.values[field][:, None] / worst
        if field == "debris":  # a rounded number
            overlap = np.minimum(share + 0.5 / worst, strength) - np.maximum(share - 0.5 / worst, 0)
            likelihood *= np.clip(overlap, 0, None) / strength
        else:
            least = LEAST_WARP if field == "warp" else 0.0
            possible = (share >= least * strength - 1e-4) & (share <= strength + 1e-4)
            likelihood *= possible / ((1 - least) * strength)
    return likelihood @ _strength_densities().T + 1e-12


def _splits(drawn: Generated, seed: int, ids: np.ndarray) -> np.ndarray:
    """Prompts held out by what they ask for, so that equal prompts stay together; others by picture."""
    content = drawn.style
    for field, number in drawn.wanted.items():
        content = content * len(FIELDS[field]) + number
    held_out = uniform(seed, "aigiqa.held out", content) < HELD_OUT
    return split_names(uniform(seed, "aigiqa.split", ids), TRAIN, VAL, held_out)
