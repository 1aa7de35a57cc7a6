"""like_konvid1k, after KoNViD-1k: videos of eight frames, one a second, each with one score on 1 to 5.

A video is one scene across which the camera pans. Every frame has the faults of a picture; besides there
are faults of time: the light flickers, the camera shakes, frames freeze. People judge the frames by their
mean and by the worst, and mind each fault of time. Some 114 rate each video; neither votes nor deviations
are published.

Pictures are [n, frames, height, width, 3]. Of the bounds, `image_only` knows all frames in their order;
`frames_alone` is the mean of what each frame is worth alone, as a scorer of stills without an error has it.
Grain stands still, and what is strewn over the background does not follow the camera: neither is a latent
of time.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from moslab.world.draws import normal, uniform
from moslab.world.frame import Size
from moslab.world.like.faults import annoyance, photographed, quality
from moslab.world.like.opinions import labels, opinions
from moslab.world.made import Made
from moslab.world.specs import MIXES, Spec

NAME = "like_konvid1k"
SCALE = (1, 5)
PICTURES = 1_200
PRESETS = ("default",)
SHARES = (0.40, 0.06)  # training and validation
FRAMES = 8
MIX = MIXES["iqa"] | {
    "light": (0.06, 0.18, 0.56, 0.14, 0.06),
    "blur": (0.50, 0.20, 0.20, 0.10),
    "jpeg": (0.62, 0.24, 0.14),
    "noise": (0.82, 0.11, 0.07),
    "fog": (0.90, 0.06, 0.04),
}
PAN = (0.12, 0.30)  # how far the subject crosses the frame, least and most, fraction of its width
OCCURS = {"flicker": 0.35, "shake": 0.40, "freeze": 0.35}  # share of the videos with each fault of time
LEAST = 0.2  # severity of one that occurs
FLICKER = 0.9  # stops, standard deviation of the worst
SHAKE, ROLL = 0.07, 7.0  # fraction of the frame and degrees, standard deviations of the worst
HELD = (1, 5)  # frames that repeat the one before them, least and most
MINDED = {"blur": 1.3, "noise": 1.0, "jpeg": 1.3, "dark": 1.2, "bright": 1.2, "fog": 0.8, "pale": 0.2}
MINDED_IN_TIME = {"flicker": 0.55, "shake": 0.55, "freeze": 0.65}
SAY_OF_MEAN = 0.6  # of the mean frame; the worst has the rest
WORST_SCORE, BEST_SCORE, TASTE = 1.1, 4.75, 0.15
RATERS, RATER_DEVIATION = 114, 0.75


@dataclass(frozen=True)
class Videos:
    """Scenes, their frames, and the severity of each fault of time in [0, 1], [n] each.

    Attributes:
        scene: before the camera moves, a row per video.
        frames: one after the other, each with a row per video.
        faults: severity by fault of time.
    """

    scene: Spec
    frames: list[Spec]
    faults: dict[str, np.ndarray]


def drawn(stream: str, seed: int, ids: np.ndarray) -> Videos:
    """The videos of a stream."""
    scene = photographed(stream, seed, ids, MIX, {})
    faults = {}
    for name, share in OCCURS.items():
        strength = LEAST + (1 - LEAST) * uniform(seed, f"{stream}.{name}.severity", ids)
        faults[name] = np.where(uniform(seed, f"{stream}.{name}", ids) < share, strength, 0)
    second = seconds(stream, seed, ids, faults["freeze"])
    frames = [_frame(stream, seed, scene, second[:, frame], faults) for frame in range(FRAMES)]
    return Videos(scene, frames, faults)


def seconds(stream: str, seed: int, ids: np.ndarray, freeze: np.ndarray) -> np.ndarray:
    """The second that each frame shows, [n, frames]: its own, or an earlier one where the video freezes."""
    least, most = HELD
    held = np.where(freeze > 0, np.rint(least + (most - least) * freeze), 0).astype(int)
    last_start = FRAMES - held
    start = 1 + (uniform(seed, f"{stream}.freeze.start", ids) * last_start).astype(int)
    second = np.tile(np.arange(FRAMES), (len(ids), 1))
    frozen = (second >= start[:, None]) & (second < (start + held)[:, None])
    return np.where(frozen, start[:, None] - 1, second)


def _frame(stream: str, seed: int, scene: Spec, second: np.ndarray, faults: dict[str, np.ndarray]) -> Spec:
    """What the camera sees in a second of its own for every video [n]."""
    ids, value = scene.ids, scene.values

    def wander(name: str) -> np.ndarray:
        return normal(seed, f"{stream}.{name}", ids, second)

    side = np.where(uniform(seed, f"{stream}.pan.side", ids) < 0.5, -1, 1)
    reach = PAN[0] + (PAN[1] - PAN[0]) * uniform(seed, f"{stream}.pan", ids)
    across = faults["shake"] * SHAKE * wander("across")
    down = faults["shake"] * SHAKE * wander("down")
    moved = {
        "x": value["x"] + side * reach * (second / (FRAMES - 1) - 0.5) + across,
        "y": value["y"] + down,
        "horizon": value["horizon"] + down,
    }
    seen = Spec(ids, scene.classes, value | moved)
    return seen.changed(
        tilt=value["tilt"] + faults["shake"] * ROLL * wander("roll"),
        light=value["light"] + faults["flicker"] * FLICKER * wander("light"),
    )


def make(preset: str, seed: int, ids: np.ndarray, size: Size) -> Made:
    """Videos with scores and bounds."""
    videos = drawn(NAME, seed, ids)
    alone = np.stack([quality(frame, MINDED) for frame in videos.frames], 1)  # [n, frames]
    pooled = SAY_OF_MEAN * alone.mean(1) + (1 - SAY_OF_MEAN) * alone.min(1)
    visible = _score(pooled * np.exp(-annoyance(videos.faults, MINDED_IN_TIME)))
    truth = np.clip(visible + TASTE * normal(seed, f"{NAME}.taste", ids), *SCALE)
    _, mos, _ = opinions(NAME, seed, ids, truth, raters=RATERS, deviation=RATER_DEVIATION, scale=SCALE)
    known = {"truth": truth, "image_only": visible, "frames_alone": _score(alone.mean(1))}
    frame = labels(NAME, seed, ids, mos, shares=SHARES)
    return Made(
        frame=frame,
        votes=None,
        bounds=pd.DataFrame(known | videos.faults),
        annotations=pd.DataFrame(index=frame.index),
        spec=videos.scene,
        frames=tuple(videos.frames),
    )


def _score(share: np.ndarray) -> np.ndarray:
    """On the scale, [n], from a quality between 0 and 1."""
    return WORST_SCORE + (BEST_SCORE - WORST_SCORE) * share
