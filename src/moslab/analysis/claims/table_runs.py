"""How a printed table is made again: the experiment behind each row, and the datasets behind each column."""

from typing import Any, Literal

from moslab.analysis.claims.statements import Frozen

# Part of a training that a cell is about: the mean of its first or last steps, or the change between them.
Window = Literal["", "first", "last", "change"]


class RunRow(Frozen):
    """The experiment of a row.

    Attributes:
        fields: of the experiment, beside those that all rows share; a paper's preset may stand as the recipe.
        window: the steps that are measured; '' for the trained model.
    """

    fields: dict[str, Any] = {}
    window: Window = ""


class RunColumn(Frozen):
    """The measurement of a column, or the difference of two cells.

    Attributes:
        dataset: what is trained on; the table's own if ''.
        tested_on: what is tested on; what is trained on if ''.
        metric: as `METRIC_NAMES` spells it; '' for a difference.
        attribute: the annotation that its cells are about, '' for the score itself. The model says it in the
            sentence of its score: `roc` those of all the dataset's columns (option `also`), `chain` its own.
        mean_of: annotations over which its cells are the mean of the metric.
        of: the column whose cells are compared with one row's, for a difference.
        less: the row that they are compared with.
    """

    dataset: str = ""
    tested_on: str = ""
    metric: str = ""
    attribute: str = ""
    mean_of: tuple[str, ...] = ()
    of: str = ""
    less: str = ""

    @property
    def told(self) -> tuple[str, ...]:
        """The annotations that its cells are about."""
        return (self.attribute,) if self.attribute else self.mean_of


class TableRuns(Frozen):
    """What makes a printed table again. A row or column that is not here is quoted.

    Attributes:
        setting: fields that the experiments of all rows share: backbone, recipe, dataset and so on.
        rows: by the row's name as printed.
        columns: by the column's name as printed.
        choices: what the paper leaves open, and what was chosen.
    """

    setting: dict[str, Any]
    rows: dict[str, RunRow]
    columns: dict[str, RunColumn] = {}
    choices: tuple[str, ...] = ()

    def trained_on(self) -> list[str]:
        """Datasets that are trained on, in the order of the columns."""
        own = self.setting.get("dataset", "")
        names = [column.dataset or own for column in self.columns.values() if not column.of]
        return [name for name in dict.fromkeys([*names, own]) if name]

    def tested_elsewhere(self) -> list[str]:
        """Datasets that are tested on without being trained on."""
        tested = dict.fromkeys(column.tested_on for column in self.columns.values())
        return [name for name in tested if name and name not in self.trained_on()]
