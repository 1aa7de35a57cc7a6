"""What is shown to a base in pre-training: stages, rounds and the checkpoints that they leave."""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Stage:
    """One kind of lesson.

    Attributes:
        teaches: "vision" or "language".
        images: pictures of the stage, all processes together.
        rate: largest learning rate of the matrices (see `optimization.optimizers`).
        sources: what is drawn in turn (see `corpus.SOURCES`).
        batch: pictures (vision) or texts (language) per step and process.
        numbers: weight of the graded numbers against the classes, vision only.
        texts: per picture, language only.
    """

    teaches: str
    images: int
    rate: float
    sources: tuple[str, ...]
    batch: int = 64
    numbers: float = 0.0
    texts: int = 0

    @property
    def pictures(self) -> int:
        """Pictures per step and process."""
        return self.batch // max(self.texts, 1)


STAGES = (
    Stage(
        teaches="vision",
        images=400_000,
        rate=6e-3,
        sources=("photographs", "distorted", "degraded", "distorted", "generated", "distorted"),
        numbers=60,
    ),
    Stage(
        teaches="language",
        images=40_000,
        rate=4e-3,
        sources=("photographs", "degraded", "generated", "distorted"),
        batch=32,
        texts=2,
    ),
)


@dataclass(frozen=True)
class Plan:
    """What is shown, stage by stage, by how many processes, and to which architecture.

    Stages take turns in rounds and go on where they stopped, so that every round leaves a whole model of the
    same run.

    Attributes:
        rounds: (name of the checkpoint, share of the pictures seen by then, for every stage); "" is the base
            itself.
        nowords: pictures of a further language stage that never says a rating word, from the same start and
            over the final vision tower; 0 for none.
        architecture: one of `teacher.BASES`.
        eyes: a finished base whose vision tower is taken over.
        layers: of the language model, if not the architecture's own.
    """

    stages: tuple[Stage, ...] = STAGES
    rounds: tuple[tuple[str, tuple[float, ...]], ...] = (
        ("early", (0.1, 0.1)),
        ("middle", (0.4, 0.4)),
        ("", (1.0, 1.0)),
    )
    nowords: int = 24_000
    processes: int = 2
    seed: int = 4001
    architecture: str = "qwen2_vl"
    eyes: str = ""
    layers: int = 0

    def first(self, number: int) -> int:
        """Number of the first picture of a stage: stages share none."""
        return sum(stage.images for stage in self.stages[:number])


PLANS = {
    "qwen2_vl": Plan(),
    "llava": Plan(
        stages=(replace(STAGES[0], images=240_000), replace(STAGES[1], images=28_000)),
        rounds=(("", (1.0, 1.0)),),
        nowords=0,
        architecture="llava",
    ),
    "small": Plan(rounds=(("", (0.0, 1.0)),), nowords=0, eyes="embedded", layers=2),
}
