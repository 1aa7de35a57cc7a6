"""The generated-image task: two scores of the same pictures, how good they look and how well they show their prompt (after AGIQA-3K: six generators, 21 raters, scale 0 to 5).

Every prompt asks for a colour, a subject, a place, perhaps a texture and a style; each of six generators draws it, gets facets wrong at its own rate and leaves artefacts of its
own strength: bent shapes, blur, grain, stray things. *Perception* depends on the artefacts alone, so a prompt cannot help. *Alignment* depends on the facets asked for, so without
the prompt a reader can only infer from the artefacts how unreliable the generator is. All numbers are set by hand.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from moslab.world.draws import choice, integers, normal, uniform
from moslab.world.language import WORDS
from moslab.world.made import Made, split_names
from moslab.world.raters import cast_votes, opinion_scores
from moslab.world.render import Size, render_all
from moslab.world.specs import FIELDS, MIXES, Spec, draw
from moslab.world.titles import COLORS

SCALE = (0, 5)
PICTURES = 10_800
PRESETS = ("default", "alignment")  # which score is the label: perception, or alignment
RATERS, RATER_DEVIATION = 21, 0.75
HELD_OUT, TRAIN, VAL = 0.18, 0.77, 0.05  # share of prompts never trained on; shares of the other pictures
GENERATORS = ("A", "B", "C", "D", "E", "F")
ERROR = (0.60, 0.42, 0.24, 0.10, 0.32, 0.03)  # how often a generator gets a facet wrong
ARTEFACTS, ARTEFACT_SPREAD = (
    (2.0, 0.9, -0.4, -1.3, 0.3, -2.2),
    0.5,
)  # logit of its artefacts' strength, mean and spread over pictures
FACETS = {"kind": 0.36, "color": 0.24, "scene": 0.22, "texture": 0.10}  # say in the alignment
HARDER = {"kind": 0.8, "color": 0.9, "scene": 0.8, "texture": 1.4}  # multiples of the generator's error
STYLES = (
    (),
    ("saturation", "gray", 0.0),
    ("fog", "foggy", 0.68),
    ("light", "dark", -1.8),
)  # none, or the field it sets, its class and number
STYLE_SHARES, STYLE_FACET, STYLE_HARDER = (0.52, 0.16, 0.16, 0.16), 0.14, 1.2
UNSEEN_COLOR = 0.5  # match of a colour nobody can see
STRENGTH = {"warp": 0.20, "blur": 1.9, "noise": 0.12, "debris": 6.0}  # of the worst artefacts
LEAST_WARP = 0.4  # share of the bending that artefacts of a strength bring at least
BEST_LOOK, HARM, VIVID = 4.5, {"warp": 2.2, "blur": 0.9, "noise": 0.7, "debris": 0.7}, 0.12
LEAST_ALIGNED, ALIGNED, MANGLED = 0.45, 4.2, 0.6
TASTE = {"perception": 0.26, "alignment": 0.36}


@dataclass(frozen=True)
class Generated:
    """Pictures and what was asked for. wanted, style: class numbers [n]; shown_style: [n]; generator: [n]."""

    spec: Spec
    generator: np.ndarray
    wanted: dict[str, np.ndarray]
    style: np.ndarray
    shown_style: np.ndarray

    @property
    def texts(self) -> list[str]:
        """The prompts."""
        return [
            prompt({field: int(number[row]) for field, number in self.wanted.items()}, int(self.style[row]))
            for row in range(len(self.generator))
        ]


def prompt(wanted: dict[str, int], style: int) -> str:
    """A prompt in words, such as 'a striped red mug at night, low key'."""
    look = ([WORDS["texture"][wanted["texture"]][0]] if wanted["texture"] else []) + [
        FIELDS["color"][wanted["color"]]
    ]
    article = "an" if look[0][0] in "aeiou" else "a"
    return " ".join([article, *look, FIELDS["kind"][wanted["kind"]], WORDS["scene"][wanted["scene"]][1]]) + (
        f", {style_words(style)}" if style else ""
    )


def style_words(style: int) -> str:
    """'black and white', 'in the fog', 'low key', or nothing."""
    field, name, _ = STYLES[style] or ("", "", 0)
    return WORDS[field][FIELDS[field].index(name)][-1 if field == "fog" else 0] if field else ""


def prompted(stream: str, seed: int, ids: np.ndarray) -> Generated:
    """Draw prompts (six pictures in a row share one), then what each generator made of them."""
    number, generator = ids // len(GENERATORS), ids % len(GENERATORS)
    wanted = {
        field: choice(seed, f"{stream}.prompt.{field}", number, np.array(MIXES["aigiqa"][field]))
        for field in FACETS
    }
    style = choice(seed, f"{stream}.prompt.style", number, np.array(STYLE_SHARES))
    mix = MIXES["aigiqa"] | {
        field: np.stack([_shown_given_wanted(field, error) for error in ERROR])[generator, wanted[field]]
        for field in FACETS
    }
    spec = draw(stream, seed, ids, mix, severity="calm")
    shown = choice(
        seed,
        f"{stream}.style",
        ids,
        np.stack([_style_given_wanted(error) for error in ERROR])[generator, style],
    )
    return Generated(_spoilt(stream, seed, spec, generator, shown), generator, wanted, style, shown)


def _spoilt(stream: str, seed: int, spec: Spec, generator: np.ndarray, style: np.ndarray) -> Spec:
    """The pictures with their style and their artefacts."""
    strength = 1 / (
        1
        + np.exp(
            -(
                np.array(ARTEFACTS)[generator]
                + ARTEFACT_SPREAD * normal(seed, f"{stream}.artefacts", spec.ids)
            )
        )
    )
    share = {field: uniform(seed, f"{stream}.artefacts.{field}", spec.ids) for field in STRENGTH}
    share["warp"] = LEAST_WARP + (1 - LEAST_WARP) * share["warp"]
    values = {field: np.round(STRENGTH[field] * strength * share[field], 6) for field in STRENGTH} | {
        field: np.where(style == number, value, spec.values[field])
        for number, (field, _, value) in enumerate(STYLES[1:], 1)
    }
    return spec.changed(**values | {"debris": np.rint(values["debris"])})


def make(preset: str, seed: int, ids: np.ndarray, size: Size) -> Made:
    """Pictures, labels, votes and bounds of one of the two scores; the annotations hold both."""
    drawn = prompted("aigiqa", seed, ids)
    look, aligned = (
        perception(drawn.spec),
        alignment(drawn.spec, drawn.shown_style, drawn.wanted, drawn.style),
    )
    means = {
        name: np.clip(mean + TASTE[name] * normal(seed, f"aigiqa.taste.{name}", ids), *SCALE)
        for name, mean in (("perception", look), ("alignment", aligned))
    }
    votes = {
        name: cast_votes(f"aigiqa.{name}", seed, ids, mean, np.full(len(ids), RATERS), RATER_DEVIATION, SCALE)
        for name, mean in means.items()
    }
    scores = {name: opinion_scores(count, SCALE) for name, count in votes.items()}
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
    annotations = pd.DataFrame(
        {
            "generator": np.array(GENERATORS)[drawn.generator],
            "adj1": [WORDS["texture"][number][0] if number else "" for number in drawn.wanted["texture"]],
            "adj2": "",
            "style": [style_words(number) for number in drawn.style],
            "mos_quality": scores["perception"][0],
            "std_quality": scores["perception"][1],
            "mos_align": scores["alignment"][0],
            "std_align": scores["alignment"][1],
        }
    )
    bounds = pd.DataFrame(
        {"truth": means[asked]}
        | ({"image_only": look} if asked == "perception" else alignment_bounds(drawn, aligned, seed))
    )
    return Made(frame, render_all(drawn.spec, size), votes[asked], bounds, annotations, drawn.spec)


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
    share = _facet_share(
        sum(weight * matched[field] for field, weight in FACETS.items()), style == shown_style, style > 0
    )
    return LEAST_ALIGNED + ALIGNED * share - _mangling(spec)


def alignment_bounds(drawn: Generated, aligned: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """What can be said of the alignment by those who know picture and prompt, the picture alone (Bayes' rule over prompts and generators), the prompt alone, or a wrong prompt."""
    ids = drawn.spec.ids
    other = prompted(
        "aigiqa",
        seed,
        (ids // len(GENERATORS) + 1 + (integers(seed, "aigiqa.wrong", ids) % np.uint64(997)).astype(int))
        * len(GENERATORS),
    )
    return {
        "image_text": aligned,
        "image_only": _expected_from_picture(drawn),
        "text_only": _expected_from_prompt(drawn),
        "wrong_text": alignment(drawn.spec, drawn.shown_style, other.wanted, other.style),
    }


def _facet_share(matched: np.ndarray, style_met: np.ndarray, style_asked: np.ndarray) -> np.ndarray:
    """Share of what was asked for that is there; `matched` sums the weighted facets."""
    return (matched + STYLE_FACET * style_met * style_asked) / (
        sum(FACETS.values()) + STYLE_FACET * style_asked
    )


def _mangling(spec: Spec) -> np.ndarray:
    """Bent shapes also hurt the alignment that people see."""
    return MANGLED * spec.values["warp"] / STRENGTH["warp"]


def _gray(spec: Spec) -> np.ndarray:
    return spec.classes["saturation"] == 0


def _match(field: str) -> np.ndarray:
    """[wanted, shown]: how well a class answers; colours pass for their neighbours to some degree."""
    return (
        np.array([concept.match for concept in COLORS.values()])
        if field == "color"
        else np.eye(len(FIELDS[field]))
    )


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
    """E[alignment | picture], [n], summed over generators and everything that each may have been asked for."""
    spec, shown = drawn.spec, drawn.spec.classes | {"style": drawn.shown_style}
    weight, expected = _artefact_likelihood(spec), np.zeros((len(spec), len(GENERATORS)))
    asked_style = np.arange(len(STYLES)) > 0
    for number, error in enumerate(ERROR):
        matched = np.zeros(len(spec))
        for field, say in FACETS.items():
            posterior, evidence = _reversed(
                np.array(MIXES["aigiqa"][field]), _shown_given_wanted(field, error)
            )
            found = (posterior * _match(field)).sum(0)[shown[field]]
            unseen = _gray(spec) & (field == "color")
            matched += say * np.where(unseen, UNSEEN_COLOR, found)
            weight[:, number] *= np.where(unseen, 1 / len(evidence), evidence[shown[field]])
        posterior, evidence = _reversed(np.array(STYLE_SHARES), _style_given_wanted(error))
        weight[:, number] *= evidence[shown["style"]]
        met = np.arange(len(STYLES))[None] == shown["style"][:, None]
        expected[:, number] = (
            posterior[:, shown["style"]].T * _facet_share(matched[:, None], met, asked_style[None])
        ).sum(1)
    return LEAST_ALIGNED + ALIGNED * (weight * expected).sum(1) / weight.sum(1) - _mangling(spec)


def _expected_from_prompt(drawn: Generated) -> np.ndarray:
    """E[alignment | prompt], [n]."""
    shares, black_and_white = [], 1
    for error in ERROR:
        styles = _style_given_wanted(error)[drawn.style]
        found = {
            field: (_shown_given_wanted(field, error) * _match(field)).sum(1)[drawn.wanted[field]]
            for field in FACETS
        }
        found["color"] = (
            styles[:, black_and_white] * UNSEEN_COLOR + (1 - styles[:, black_and_white]) * found["color"]
        )
        met = styles[np.arange(len(styles)), drawn.style]
        shares.append(
            _facet_share(sum(say * found[field] for field, say in FACETS.items()), met, drawn.style > 0)
        )
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
    """Likelihood of the visible artefacts under each generator, [n, generators]: their common strength is summed over on a grid."""
    strength = _strengths()[None]
    likelihood = np.ones((len(spec), strength.shape[1]))
    for field, worst in STRENGTH.items():
        share = spec.values[field][:, None] / worst
        if field == "debris":  # a rounded number
            likelihood *= (
                np.clip(
                    np.minimum(share + 0.5 / worst, strength) - np.maximum(share - 0.5 / worst, 0), 0, None
                )
                / strength
            )
        else:
            least = LEAST_WARP if field == "warp" else 0.0
            likelihood *= ((share >= least * strength - 1e-4) & (share <= strength + 1e-4)) / (
                (1 - least) * strength
            )
    return likelihood @ _strength_densities().T + 1e-12


def _splits(drawn: Generated, seed: int, ids: np.ndarray) -> np.ndarray:
    """Prompts held out by what they ask for, so that equal prompts stay together; the others' pictures one by one."""
    content = drawn.style
    for field, number in drawn.wanted.items():
        content = content * len(FIELDS[field]) + number
    return split_names(
        uniform(seed, "aigiqa.split", ids), TRAIN, VAL, uniform(seed, "aigiqa.held out", content) < HELD_OUT
    )
