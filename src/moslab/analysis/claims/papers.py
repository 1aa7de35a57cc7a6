"""The claims files, papers/*.yaml: a paper's statements, its printed tables and its contradictions."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import yaml
from pydantic import ValidationError, model_validator

from moslab.analysis.claims.statements import Claim, Frozen, Source
from moslab.analysis.claims.table_runs import TableRuns
from moslab.utils import paths
from moslab.utils.errors import UserError
from moslab.utils.files import YAML

PAPERS = paths.PACKAGE / "papers"


class Column(Frozen):
    """A column of a printed table.

    Attributes:
        dataset: what it is measured on; '' if nothing of the kind.
        metric: as the table heads it ('SRCC', 'NCM').
    """

    name: str
    dataset: str = ""
    metric: str


class Table(Frozen):
    """A table as printed, cell by cell; None where it prints none ('-', 'N.A.').

    Attributes:
        where: such as 'Table 4'.
        what: what it shows, in our words.
        notebook: the number of the notebook that measures it again; '' while none does.
        note: what is unclear or wrong about the printed table.
        runs: what makes it again; None where nothing is said of it.
        why_not: why it cannot be made again, in a sentence.
    """

    id: str
    where: str
    what: str
    source: Source
    notebook: str = ""
    note: str = ""
    columns: tuple[Column, ...]
    rows: dict[str, tuple[float | None, ...]]
    runs: TableRuns | None = None
    why_not: str = ""

    @model_validator(mode="after")
    def rectangular(self) -> "Table":
        """Every row has a cell under every column."""
        width = len(self.columns)
        for name, cells in self.rows.items():
            if len(cells) != width:
                raise ValueError(f"table {self.id}, row {name}: {len(cells)} cells under {width} columns")
        return self

    @model_validator(mode="after")
    def made_of_its_own(self) -> "Table":
        """Runs are named for rows and columns that are printed."""
        if self.runs:
            columns = {one.name for one in self.columns}
            differences = [one for one in self.runs.columns.values() if one.of]
            named = {*self.runs.rows, *(one.less for one in differences)} - set(self.rows)
            named |= {*self.runs.columns, *(one.of for one in differences)} - columns
            if named:
                raise ValueError(f"table {self.id} has no {', '.join(sorted(named))} of which runs are named")
        return self

    def cell(self, row: str, column: str) -> float | None:
        """One printed value.

        Raises:
            UserError: for a row or column that is not there.
        """
        names = [one.name for one in self.columns]
        if row not in self.rows or column not in names:
            raise UserError(
                f"Table {self.id} has no cell {row!r}, {column!r}: "
                f"rows are {', '.join(self.rows)}; columns {', '.join(names)}."
            )
        return self.rows[row][names.index(column)]


class PrintedFigure(Frozen):
    """A figure of a paper, in our words: what it draws is measured again by a notebook, or cannot be.

    Attributes:
        where: such as 'Figure 4'.
        what: what it shows.
        notebook: the number of the notebook that measures it again; '' for none.
        why_not: why none does, in a sentence.
    """

    id: str
    where: str
    what: str
    source: Source
    notebook: str = ""
    why_not: str = ""

    @model_validator(mode="after")
    def answered(self) -> "PrintedFigure":
        """It has a notebook or a reason."""
        if bool(self.notebook) == bool(self.why_not):
            raise ValueError(f"figure {self.id} has either a notebook or a reason why it has none")
        return self


class Contradiction(Frozen):
    """Two places of one paper, or a paper and its code, that cannot both be true."""

    id: str
    places: tuple[str, ...]
    what: str


class Paper(Frozen):
    """A paper, its claims, its tables and where it contradicts itself, as papers/<paper>.yaml holds them."""

    paper: str
    title: str
    authors: str
    reference: str
    note: str
    claims: tuple[Claim, ...]
    tables: tuple[Table, ...] = ()
    figures: tuple[PrintedFigure, ...] = ()
    contradictions: tuple[Contradiction, ...] = ()

    @model_validator(mode="after")
    def named(self) -> "Paper":
        """Ids begin with the paper and occur once."""
        ids = [claim.id for claim in self.claims]
        ids += [table.id for table in self.tables]
        ids += [figure.id for figure in self.figures]
        ids += [contradiction.id for contradiction in self.contradictions]
        foreign = [name for name in ids if not name.startswith(f"{self.paper}.")]
        repeated = sorted({name for name in ids if ids.count(name) > 1})
        if foreign:
            raise ValueError(f"ids begin with the paper, {self.paper}., and {', '.join(foreign)} does not")
        if repeated:
            names = ", ".join(repeated)
            raise ValueError(
                f"holds {names} twice: give every claim, table, figure and contradiction its own id"
            )
        return self


def load_paper(paper: str) -> Paper:
    """papers/<paper>.yaml, checked.

    Raises:
        UserError: for a paper without a claims file, or a file that is wrong.
    """
    path = PAPERS / f"{paper}.yaml"
    if not path.is_file():
        papers = ", ".join(sorted(file.stem for file in PAPERS.glob("*.yaml")))
        raise UserError(f"No claims file for paper {paper!r}; there are {papers}.")
    return read_paper(path)


def read_paper(path: Path) -> Paper:
    """A claims file; every claim gets the file's paper.

    Raises:
        UserError: names the file and what is wrong in it.
    """
    return _read_paper(path, path.read_text(encoding="utf-8"))


@lru_cache
def _read_paper(path: Path, text: str) -> Paper:
    """The same from the file's text; remembered, since notebooks ask for a paper dozens of times."""
    try:
        content = yaml.load(text, Loader=YAML)
        claims = [{"paper": content["paper"], **claim} for claim in content["claims"]]
        return Paper(**{**content, "claims": claims})
    except (yaml.YAMLError, ValidationError, KeyError, TypeError) as problem:
        raise UserError(f"{path} is not a claims file: {problem}") from problem


def table_of(name: str) -> Table:
    """A printed table by its id, which begins with the paper: 'realqa.table5'.

    Raises:
        UserError: for one that there is not.
    """
    for table in load_paper(name.partition(".")[0]).tables:
        if table.id == name:
            return table
    raise UserError(f"There is no printed table {name!r}: see src/moslab/papers.")


def printed_tables(notebook: str = "") -> list[Table]:
    """All printed tables, or those that a notebook makes again, in the order of the files.

    Args:
        notebook: its number; '' for all.
    """
    found = []
    for path in sorted(PAPERS.glob("*.yaml")):
        found += [table for table in load_paper(path.stem).tables if notebook in ("", table.notebook)]
    return found


def printed_figures() -> list[PrintedFigure]:
    """All printed figures, in the order of the files."""
    papers = [load_paper(path.stem) for path in sorted(PAPERS.glob("*.yaml"))]
    return [figure for paper in papers for figure in paper.figures]


def load_claims(paper: str) -> dict[str, Claim]:
    """The claims of a paper by id, in the order of the file."""
    return {claim.id: claim for claim in load_paper(paper).claims}


def headline_arms(claims: Mapping[str, Claim]) -> frozenset[str]:
    """Every arm that a headline claim compares."""
    arms: set[str] = set()
    for claim in claims.values():
        if claim.headline:
            arms.update(claim.arms)
    return frozenset(arms)
