"""Outputs of stored notebooks, and the tables of pandas in them."""

from collections import Counter
from html.parser import HTMLParser

# Of the table of everything behind the verdicts.
DETAIL_COLUMNS = [
    "paper",
    "measured",
    "interval",
    "runs together",
    "80 % power",
    "resolved by",
    "n",
    "seeds",
    "protocol",
    "bounds",
    "verdict",
]


class Table(HTMLParser):
    """A table of pandas: its rows, each a list of (tag, text, rowspan)."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[tuple[str, str, int]]] = []
        self.head = 0  # rows of column headings
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        if tag == "tr":
            self.rows.append([])
        if tag == "tbody":
            self.head = len(self.rows)
        if tag in ("td", "th"):
            self.rows[-1].append((tag, "", int(dict(attrs).get("rowspan", 1))))

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1]:
            tag, text, span = self.rows[-1][-1]
            self.rows[-1][-1] = (tag, text + data.strip("\n "), span)

    @property
    def body(self) -> list[list[str]]:
        """The cells of every row, with what is written once for several rows in each of them."""
        rows: list[list[str]] = []
        for row in self.rows[self.head :]:
            cells = iter(row)
            above = self._spanning(len(rows))
            width = len(row) + len(above)
            rows.append([above.get(column) or next(cells)[1] for column in range(width)])
        return rows

    def _spanning(self, number: int) -> dict[int, str]:
        """Column -> text of the cells that reach down to row `number` from above."""
        reaching: dict[int, str] = {}
        width = len(self.rows[self.head])
        for above, row in enumerate(self.rows[self.head : self.head + number]):
            first = width - len(row)
            for column, (_, text, span) in enumerate(row, first):
                if above + span > number:
                    reaching[column] = text
        return reaching

    def words(self, blocks: int) -> tuple[Counter, Counter]:
        """Words of headings and cells, and those of the index, which stands before each block of columns."""
        cells: Counter = Counter()
        index: Counter = Counter()
        width = [tag for tag, _, _ in self.rows[self.head]].count("th")
        for number, row in enumerate(self.rows):
            for column, (tag, text, _) in enumerate(row):
                in_index = tag == "th" and (number >= self.head or column < width)
                words = index if in_index else cells
                words.update(text.split())
        return cells, Counter({word: count * blocks for word, count in index.items()})


def outputs(notebook: dict, kind: str) -> list[tuple[dict, str]]:
    """Outputs of one kind, with their text."""
    texts = []
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            text = output.get("text") if kind == "stream" else output.get("data", {}).get(kind)
            if text:
                texts.append((output, "".join(text)))
    return texts


def plain(output: dict) -> str:
    return "".join(output["data"]["text/plain"])
