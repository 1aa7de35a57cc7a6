"""The visibility rule: a latent may enter a label only if a fixed probe can read it from the pixels.

Readable means (balanced accuracy - chance) / (1 - chance) of at least `FLOOR` on pictures as the task shows
them. A latent that fails is made visible or leaves the labels. The probe, trained once per world version,
is a small convolutional network that learns all fields at once from pre-training pictures; its table is
kept in probe.json in this folder.
"""

from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from moslab.utils.files import read_json, write_json
from moslab.world.aigiqa import STRENGTH, prompted
from moslab.world.distort import KINDS, distorted
from moslab.world.like import aadb, csiq, icaa17k, kadid10k, konvid1k, livec, para, spaq, tad66k
from moslab.world.like.single import LEVELS
from moslab.world.render import render_all
from moslab.world.specs import FIELDS, MIXES, Spec, draw

if TYPE_CHECKING:
    import torch

RESULT = Path(__file__).with_name("probe.json")
FLOOR = 0.4
TRAIN, EPOCHS, BATCH, RATE, SEED = 22_000, 4, 64, 3e-3, 4321
HELD_OUT = {"iaa": 3_000, "iqa": 4_000, "aigiqa": 3_000, "ugc": 3_000}
HELD_OUT |= dict.fromkeys(("like_spaq", "like_livec", "like_konvid1k", "like_tad66k", "like_icaa17k"), 2_000)
HELD_OUT |= dict.fromkeys(("like_aadb", "like_para", "like_kadid10k", "like_csiq"), 2_000)
_COMPOSED = ("position", "clutter", "focus", "motion", "tilt", "size")
_CONTENT = ("color", "kind", "scene", "texture")
LABELLED: dict[str, tuple[str, ...]] = {  # the fields that a task's labels speak of
    "iaa": tuple(field for field in FIELDS if np.count_nonzero(MIXES["iaa"][field]) > 1),
    "aigiqa": ("color", "kind", "scene", "texture", "saturation", "light", "fog"),
    "ugc": (
        "integrity",
        "debris",
        "clutter",
        "tilt",
        "blur",
        "motion",
        "noise",
        "jpeg",
        "light",
        "saturation",
        "position",
        "size",
        "color",
        "scene",
        "texture",
        "focus",
    ),
    "like_spaq": ("blur", "motion", "noise", "jpeg", "fog", "light", "saturation"),
    "like_livec": ("blur", "motion", "noise", "jpeg", "fog", "light", "saturation"),
    "like_konvid1k": ("blur", "noise", "jpeg", "fog", "light"),
    "like_tad66k": (*_COMPOSED, *_CONTENT, "saturation", "light", "blur"),
    "like_icaa17k": ("color", "scene", "saturation", "light", "fog", *_COMPOSED[:5], "blur"),
    "like_aadb": (*_COMPOSED, *_CONTENT, "saturation", "light", "fog", "blur"),
    "like_para": (*_COMPOSED, *_CONTENT[:3], "saturation", "light", "fog", "blur", "noise", "jpeg"),
}
DRAWN: dict[str, Callable[[np.ndarray], Spec]] = {
    "iaa": lambda ids: draw("probe iaa", SEED, ids, MIXES["iaa"], severity="calm"),
    "aigiqa": lambda ids: prompted("probe aigiqa", SEED, ids).spec,
    "ugc": lambda ids: draw("probe ugc", SEED, ids, MIXES["ugc"], severity="calm"),
    "like_spaq": lambda ids: spaq.drawn("probe like_spaq", SEED, ids),
    "like_livec": lambda ids: livec.drawn("probe like_livec", SEED, ids),
    "like_konvid1k": lambda ids: konvid1k.drawn("probe like_konvid1k", SEED, ids).scene,
    "like_tad66k": lambda ids: tad66k.drawn("probe like_tad66k", SEED, ids)[0],
    "like_icaa17k": lambda ids: icaa17k.drawn("probe like_icaa17k", SEED, ids),
    "like_aadb": lambda ids: aadb.drawn("probe like_aadb", SEED, ids),
    "like_para": lambda ids: para.drawn("probe like_para", SEED, ids),
}
SINGLE = {"like_kadid10k": kadid10k, "like_csiq": csiq}  # one fault per picture
# A distortion or artefact of at least the clear severity must be told from none, or from a faint one.
CLEAR_SEVERITY, FAINT = 0.5, 0.1
DEGRADED = {  # the classes that say a distortion is there
    "blur": ("blur", ("blurry", "smeared")),
    "motion": ("motion", ("moving",)),
    "noise": ("noise", ("grainy", "noisy")),
    "jpeg": ("jpeg", ("compressed", "blocky")),
    "under": ("light", ("underexposed", "dark")),
    "over": ("light", ("bright", "overexposed")),
    "fog": ("fog", ("hazy", "foggy")),
    "fade": ("saturation", ("gray", "muted")),
    "vivid": ("saturation", ("vivid",)),
    "bend": ("warp", ("warped", "mangled")),
}


def readability(truth: np.ndarray, predicted: np.ndarray) -> tuple[float, int]:
    """(balanced accuracy - chance) / (1 - chance) over the classes in `truth`, and their number."""
    classes = np.unique(truth)
    balanced = np.mean([(predicted[truth == number] == number).mean() for number in classes])
    chance = 1 / len(classes)
    return float((balanced - chance) / (1 - chance)), len(classes)


def measure(version: str, report: Callable[[str], None] = print) -> dict[str, Any]:
    """Train the probe and measure every latent; about eight minutes on one core.

    Returns:
        {version, seconds, table}; a row of the table has task, latent, classes, n and readability.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    started = perf_counter()
    try:
        network = _trained(report)
        rows = []
        for task in DRAWN:
            rows += _read_classes(network, task)
        rows += _read_artefacts(network)
        rows += _read_iqa(network)
        for task in SINGLE:
            rows += _read_single(network, task)
    finally:
        torch.set_num_threads(threads)
    return {"version": version, "seconds": round(perf_counter() - started), "table": rows}


def run(version: str, report: Callable[[str], None] = print) -> Path:
    """Measure and write probe.json."""
    return write_json(RESULT, measure(version, report))


def table() -> dict[str, Any]:
    """The stored measurement."""
    return read_json(RESULT)


def _network() -> "torch.nn.Module":
    """Eight convolutions, read out twice.

    At the end position by position, and early on, where grain, blocks and smears are, as statistics of the
    whole picture.
    """
    import torch
    from torch import nn

    def layer(channels: int, width: int, stride: int, kernel: int = 3) -> list[nn.Module]:
        return [
            nn.Conv2d(channels, width, kernel, stride, kernel // 2, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
        ]

    class Probe(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fine = nn.Sequential(*layer(3, 32, 2, 5), *layer(32, 32, 1))
            self.coarse = nn.Sequential(
                *layer(32, 48, 2),
                *layer(48, 64, 1),
                *layer(64, 64, 1),
                *layer(64, 96, 2),
                *layer(96, 96, 1),
                *layer(96, 32, 1),
                nn.Flatten(),
            )
            self.head = nn.Linear(32 * 8 * 8 + 2 * 32, sum(_class_counts()))

        def forward(self, pictures: torch.Tensor) -> torch.Tensor:
            fine = self.fine(pictures)
            mean = fine.mean((2, 3))
            return self.head(torch.cat([self.coarse(fine), mean, torch.log(mean + 0.01)], 1))

    return Probe()


def _class_counts() -> list[int]:
    return [len(classes) for classes in FIELDS.values()]


def _trained(report: Callable[[str], None]) -> "torch.nn.Module":
    import torch

    torch.manual_seed(SEED)
    spec = draw("probe", SEED, np.arange(TRAIN), MIXES["generic"])
    images = render_all(spec)
    targets, weights = {}, {}
    for field in FIELDS:
        targets[field] = torch.as_tensor(spec.classes[field])
        weights[field] = torch.as_tensor(_class_weights(spec.classes[field]), dtype=torch.float32)
    network = _network().train()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
    optimizer = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=0.02)
    steps = EPOCHS * (TRAIN // BATCH) + 1
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps, pct_start=0.2)
    loss = torch.zeros(())
    for epoch in range(EPOCHS):
        order = torch.randperm(TRAIN)
        for batch in order[: TRAIN // BATCH * BATCH].split(BATCH):
            logits = network(_tensor(images[batch.numpy()])).split(_class_counts(), 1)
            loss = torch.zeros(())
            for field, part in zip(FIELDS, logits):
                loss = loss + torch.nn.functional.cross_entropy(part, targets[field][batch], weights[field])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        report(f"probe: epoch {epoch + 1} of {EPOCHS}, loss {loss.item():.2f}")
    return network.eval()


def _class_weights(classes: np.ndarray) -> np.ndarray:
    """Weights that make every class of a field count alike, as balanced accuracy does."""
    counts = np.bincount(classes)
    return len(classes) / (len(counts) * counts)


def _tensor(images: np.ndarray) -> "torch.Tensor":
    import torch

    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 127.5 - 1


def _predicted(network: "torch.nn.Module", spec: Spec) -> dict[str, np.ndarray]:
    """The class that the probe sees in each picture, by field [n]."""
    import torch

    batches = np.array_split(render_all(spec), max(len(spec) // 250, 1))
    with torch.no_grad():
        logits = torch.cat([network(_tensor(batch)) for batch in batches])
    parts = logits.split(_class_counts(), 1)
    return {field: part.argmax(1).numpy() for field, part in zip(FIELDS, parts)}


def _read_classes(network: "torch.nn.Module", task: str) -> list[dict[str, Any]]:
    spec = DRAWN[task](np.arange(HELD_OUT[task]))
    predicted = _predicted(network, spec)
    rows = []
    for field in LABELLED[task]:
        rows.append(_row(task, field, _visible(field, spec), spec.classes[field], predicted[field]))
    return rows


def _read_artefacts(network: "torch.nn.Module") -> list[dict[str, Any]]:
    """Artefacts of generated images have no classes: strong ones must be told from faint ones."""
    spec = DRAWN["aigiqa"](np.arange(HELD_OUT["aigiqa"]))
    predicted = _predicted(network, spec)
    rows = []
    for field, worst in STRENGTH.items():
        share = spec.values[field] / worst
        clear = share >= CLEAR_SEVERITY
        rows.append(_row("aigiqa", field, clear | (share <= FAINT), clear, predicted[field] > 0))
    return rows


def _visible(field: str, spec: Spec) -> np.ndarray:
    if field == "color":  # black and white has no colour, and no label asks for it
        return spec.classes["saturation"] > 0
    return np.full(len(spec), True)


def _read_iqa(network: "torch.nn.Module") -> list[dict[str, Any]]:
    drawn = distorted("probe iqa", SEED, np.arange(HELD_OUT["iqa"]))
    predicted = _predicted(network, drawn.spec)
    rows = []
    for kind in KINDS:
        severity = drawn.severity(kind)
        measured = (severity == 0) | (severity >= CLEAR_SEVERITY)
        rows.append(_row("iqa", kind, measured, severity > 0, _degraded(kind, predicted)))
    return rows


def _read_single(network: "torch.nn.Module", task: str) -> list[dict[str, Any]]:
    """Each fault at a clear level must be told from every other fault."""
    module = SINGLE[task]
    drawn = module.drawn(f"probe {task}", SEED, np.arange(HELD_OUT[task]))
    predicted = _predicted(network, drawn.spec)
    clear = np.array(LEVELS)[drawn.level - 1] >= CLEAR_SEVERITY
    rows = []
    for number, fault in enumerate(module.FAULTS):
        has_it = drawn.fault == number
        rows.append(_row(task, fault, clear | ~has_it, has_it, _degraded(fault, predicted)))
    return rows


def _degraded(kind: str, predicted: dict[str, np.ndarray]) -> np.ndarray:
    """Whether the probe sees a distortion in each picture, [n]."""
    field, classes = DEGRADED[kind]
    return np.isin(predicted[field], [FIELDS[field].index(name) for name in classes])


def _row(
    task: str, latent: str, rows: np.ndarray, truth: np.ndarray, predicted: np.ndarray
) -> dict[str, Any]:
    """A row of the table: how well a latent can be read on some pictures."""
    value, classes = readability(truth[rows], predicted[rows])
    return {
        "task": task,
        "latent": latent,
        "classes": classes,
        "n": int(rows.sum()),
        "readability": round(value, 3),
    }
