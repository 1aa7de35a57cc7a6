"""What trainings take, as tables for a terminal and for docs/plan.md."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from moslab import datasets
from moslab.analysis.claims import Table, table_of
from moslab.analysis.printed_grids import experiments, runs_of, trained_and_tested
from moslab.analysis.tables import markdown
from moslab.batch.plan import checked_parameters, find_notebooks
from moslab.datasets.spec import DatasetSpec
from moslab.datasets.splits import TRAIN
from moslab.datasets.table import ImageTable
from moslab.experiments.compute import Compute, load_compute
from moslab.experiments.experiment import Experiment
from moslab.experiments.grid import make_on
from moslab.experiments.inputs import labelled, training_rows
from moslab.experiments.planning import Plan, card, cards, hours, plan, sizes_of
from moslab.experiments.planning.work import GIB, rates
from moslab.experiments.recipes import RECIPES, presets
from moslab.publish.markers import fill
from moslab.utils import paths
from moslab.utils.errors import UserError
from moslab.utils.files import write_atomic

PICTURE = (1024, 768)  # KonIQ-10k's
# Of the tables in docs/plan.md.
BACKBONES = ("Qwen/Qwen2-VL-7B-Instruct", "MAGAer13/mplug-owl2-llama2-7b", "llava-hf/llava-1.5-7b-hf")
SHORT = ("GiB", "fits", "pictures/s", "hours", "disk GB", "fits with")
HEADER = ("recipe", "weights that learn", *SHORT)


@dataclass(frozen=True)
class Request:
    """What is planned; None leaves a field to the recipe, the dataset or the experiment.

    Attributes:
        fields: of the experiments, without the recipe.
        card: name of a kind of card.
        compute: how the training is carried out.
        picture: width and height of all pictures.
        images: how many are trained on.
        read: labels of datasets that plans needed so far, each read once.
    """

    fields: Mapping[str, Any]
    card: str = "H100"
    compute: Compute = Compute()
    picture: tuple[int, int] | None = None
    images: int | None = None
    read: dict[DatasetSpec, ImageTable] = field(default_factory=dict)

    def plan(self, recipe: str) -> Plan:
        """The plan of one recipe, or of a paper's preset.

        Raises:
            UserError: for anything that the experiment or its backbone does not allow.
        """
        return self.plan_of(self._experiment(recipe))

    def plan_of(self, experiment: Experiment) -> Plan:
        """The plan of an experiment."""
        table, sizes = None, [self.picture or PICTURE]
        if self.picture is None or self.images is None:
            table, sizes = self._at_hand(experiment, sizes)
        return plan(
            experiment,
            self.compute,
            card(self.card),
            [self.picture] if self.picture else sizes,
            self.images or _images(experiment, table),
            table=table,
        )

    def _at_hand(
        self, experiment: Experiment, sizes: list[tuple[int, int]]
    ) -> tuple[ImageTable | None, list[tuple[int, int]]]:
        """The dataset that is trained on, with sizes of some of its pictures; None and `sizes` if not here.

        Where its labels are here without pictures, the labels count; where only test pictures have labels
        here, it is as if it were not here.
        """
        spec = experiment.trained_on
        try:
            if spec not in self.read:
                self.read[spec] = labelled(spec)
            if "train" not in set(self.read[spec].frame["split"]):
                return None, sizes
            return self.read[spec], sizes_of(experiment, self.read[spec])
        except UserError:
            return self.read.get(spec), sizes

    def _experiment(self, recipe: str) -> Experiment:
        fields = {name: value for name, value in self.fields.items() if value is not None}
        if recipe in RECIPES:
            fields = {"learning_rate": 1.0, "scorer": "levels", "text": "generic"} | fields
        elif recipe in presets():
            fields = {"scorer": presets()[recipe].scorer} | fields
        return make_on(fields.pop("dataset", "koniq10k"), recipe=recipe, precision="bfloat16", **fields)


def _images(experiment: Experiment, table: ImageTable | None) -> int:
    """How many pictures are trained on: those of the table, else of the official split.

    Where only its test pictures are official, all others are trained on; where there is none, our own split
    takes `TRAIN` of the published number.

    Raises:
        UserError: where nothing of this is known.
    """
    if table is not None:
        return len(training_rows(experiment, table))
    name = experiment.dataset
    about = datasets.module_of(name).ABOUT if name in datasets.PUBLISHED else None
    if about and "train" in about.splits:
        return about.splits["train"]
    if about and about.pictures and about.splits:
        return about.pictures - sum(about.splits.values())
    if about and about.pictures:
        return round(TRAIN * about.pictures)
    raise UserError(
        f"{name} is not here, and how many pictures it has is unknown: say how many --images are trained "
        "on (`moslab plan`)."
    )


# --- tables ------------------------------------------------------------------------------------------------


def overview(request: Request, recipes: Sequence[str] = ()) -> str:
    """A row for each recipe; all papers' presets if none are given."""
    return markdown(HEADER, [row(request, recipe) for recipe in recipes or presets()])


def row(request: Request, recipe: str) -> list[str]:
    """One recipe; what it cannot be planned with stands in its last cell."""
    try:
        planned = request.plan(recipe)
    except UserError as problem:
        return [f"`{recipe}`", *[""] * (len(HEADER) - 2), str(problem)]
    share = planned.weights.learning / planned.weights.all
    learning = f"{_count(planned.weights.learning)} ({share:.1%})"
    return [f"`{recipe}`", learning, *_in_short(planned)]


def of_notebook(number: str, backbone: str | None) -> tuple[str, str]:
    """The printed table that the paper profile gives a notebook, and the backbone, the given one if any.

    Raises:
        UserError: for a notebook that there is not, or that makes no table again.
    """
    [notebook] = find_notebooks(number)
    values = checked_parameters([notebook], "paper", {"profile": "paper"})[notebook]
    if not values.get("paper_table"):
        raise UserError(f"{notebook.stem} makes no printed table again, so nothing is trained there.")
    return values["paper_table"], backbone or values["backbone"]


def of_table(name: str, request: Request) -> str:
    """A row for each training behind a printed table, and the hours of all of them together.

    Args:
        name: such as 'realqa.table5'.
        request: whose fields win over those that the table names.

    Raises:
        UserError: for a table that there is not, or one of which no runs are named.
    """
    trainings = trainings_of(table_of(name), request)
    if not trainings:
        raise UserError(f"No training is behind {name}.")
    rows: list[list[str]] = []
    plans: list[Plan] = []
    for names, experiment in trainings.items():
        try:
            plans.append(request.plan_of(experiment))
            rows.append([*names, *_in_short(plans[-1])])
        except UserError as problem:  # such as a dataset of unknown size
            rows.append([*names, *[""] * (len(SHORT) - 1), str(problem)])
    listed = markdown(["row", "trained on", *SHORT], rows)
    which = "each" if len(plans) == len(rows) else "each that could be planned"
    return f"{listed}\n\nOne seed of {which}: {hours(plans):.1f} hours on one card, evaluation on top."


def trainings_of(table: Table, request: Request) -> dict[tuple[str, str], Experiment]:
    """(row, dataset that is trained on) -> each training behind a printed table, once.

    Raises:
        UserError: for a table of which no runs are named.
    """
    runs = runs_of(table)
    setting = {field: value for field, value in request.fields.items() if value is not None}
    trainings: dict[tuple[str, str], Experiment] = {}
    for row in runs.rows:
        for column, measured in runs.columns.items():
            dataset, _ = trained_and_tested(runs, measured)
            if dataset and not measured.of:
                [experiment] = experiments(runs, row, column, setting, [0])
                alone = experiment.model_copy(update={"test_dataset": ""})
                if alone not in trainings.values():  # other rows may measure the same training
                    trainings[row, dataset] = alone
    return trainings


def _in_short(planned: Plan) -> list[str]:
    return [
        f"{planned.memory.total / GIB:.0f}",
        "yes" if planned.fits else "no",
        f"{planned.pictures_per_second:.1f}",
        f"{planned.hours:.1f}",
        f"{(planned.cache_bytes + planned.state_bytes) / 1e9:.0f}",
        "" if planned.fits else planned.remedy or "nothing that is offered here",
    ]


def sheet(planned: Plan) -> str:
    """One plan, part by part."""
    rows = [[name, f"{size / GIB:.2f}"] for name, size in asdict(planned.memory).items() if size]
    rows.append(["**total**", f"**{planned.memory.total / GIB:.2f}**"])
    return "\n\n".join([summary(planned), markdown(["memory on each card", "GiB"], rows), assumed(planned)])


def summary(planned: Plan) -> str:
    """What fits, how large it is and how long it takes, in a few sentences."""
    one = planned.picture
    verdict = "fits" if planned.fits else "does not fit"
    pixels = max(width * height for width, height in planned.sizes)
    remedy = f" It would with: {planned.remedy}." if planned.remedy else ""
    return (
        f"{planned.experiment.label} on an {planned.card.label} {verdict} with {planned.setting}: "
        f"{planned.memory.total / GIB:.1f} of {planned.card.gibibytes:.1f} GiB.{remedy}\n"
        f"{_count(planned.weights.all)} weights, {_count(planned.weights.learning)} learn. "
        f"{one.tokens:,.0f} tokens a picture, {one.visual:,.0f} of them visual; "
        f"the largest has {pixels:,} pixels.\n"
        f"{planned.pictures:,} pictures, {planned.experiment.epochs:g} epochs: "
        f"{planned.pictures_per_second:.1f} pictures a second, {planned.hours:.1f} hours. "
        f"On disk: {planned.cache_bytes / 1e9:.1f} GB of kept features, "
        f"{planned.state_bytes / 1e9:.1f} GB for a saved state."
    )


def assumed(planned: Plan) -> str:
    """Where the time comes from."""
    way = rates()["measured"][planned.way]
    return (
        f"Time: {planned.operations / 1e12:.1f} TFLOP a picture at {way['share']:.0%} of "
        f"{planned.card.teraflops:g} TFLOP/s, the share that was measured on an H200 "
        f"({way['source']}: {way['pictures_per_second']} pictures a second). "
        f"{planned.card.label}: {planned.card.source}."
    )


def _count(number: int) -> str:
    return f"{number / 1e9:.2f} billion" if number >= 1e9 else f"{number / 1e6:.1f} million"


# --- docs/plan.md ------------------------------------------------------------------------------------------


def write_page() -> Path:
    """Bring the tables in docs/plan.md up to date."""
    page = paths.ROOT / "docs" / "plan.md"
    return write_atomic(page, plan_page(page.read_text(encoding="utf-8")))


def plan_page(text: str) -> str:
    """`text` with the tables between its markers."""
    parts = []
    for backbone in BACKBONES:
        table = overview(
            Request({"backbone": backbone}, compute=load_compute("one-gpu"), picture=PICTURE, images=7058)
        )
        parts.append(f"### {backbone}\n\n{table}")
    rows = []
    for name, one in cards().items():
        rows.append([f"`{name}`", one.label, one.gibibytes, one.teraflops, one.source])
    listed = markdown(["name", "card", "GiB", "TFLOP/s", "source"], rows)
    return fill(fill(text, "plans", "\n\n".join(parts)), "cards", listed)
