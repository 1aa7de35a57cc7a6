"""The README's table of verdicts, and the table of costs in docs/performance.md, from result records."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from moslab.analysis.claims import APART, CONTROL, COUNTED
from moslab.analysis.printed_orders import KINDS, share
from moslab.analysis.tables import NOTHING, markdown
from moslab.analysis.verdict_tables import FALLEN
from moslab.publish.markers import fill
from moslab.utils import paths
from moslab.utils.files import read_json

PAPERS = {"rvtc": "RvTC", "realqa": "RealQA", "qscorer": "Q-Scorer", "roc4mllm": "ROC4MLLM"}
OUTSIDE = "outside the counts"


def render_readme(text: str, results: list[dict[str, Any]]) -> str:
    """The README with the table of `results` between its markers."""
    text = fill(text, "results", f"{totals(results)}\n\n{results_table(results)}")
    return fill(text, "orders", orders_table(results))


def render_performance(text: str, results: list[dict[str, Any]]) -> str:
    """The page on performance with the costs of `results` between its markers."""
    return fill(text, "cost", cost_table(results))


# --- verdicts ---------------------------------------------------------------------------------------------


def results_table(results: list[dict[str, Any]]) -> str:
    """A row per notebook and paper: the notebook's question, and how many verdicts of each kind.

    Controls that no paper claims have a row of their own. Behind the number of decided verdicts stands how
    many of them do not survive together.
    """
    rows: list[list[Any]] = []
    for result in results:
        rows += _results_rows(result)
    return markdown(["notebook", "paper", *COUNTED, OUTSIDE], rows)


def _results_rows(result: dict[str, Any]) -> Iterator[list[Any]]:
    """A notebook without claims has one row."""
    papers: dict[str, list[Mapping[str, Any]]] = {}
    for claim in result.get("claims", []):
        papers.setdefault(_author(claim), []).append(claim)
    link = notebook_link(result["notebook"])
    for paper, claims in papers.items():
        counts = Counter(claim["verdict"] for claim in claims)
        fallen = Counter(claim["verdict"] for claim in claims if claim.get("survives") is False)
        cells = [_count(counts[kind], fallen[kind]) for kind in COUNTED]
        yield [link, paper, *cells, str(sum(counts[kind] for kind in APART))]
    if not papers:
        yield [link, NOTHING, *(NOTHING for _ in (*COUNTED, OUTSIDE))]


def _count(number: int, fallen: int) -> str:
    """'7 (1†)' where one of seven does not survive."""
    return f"{number} ({fallen}{FALLEN})" if fallen else str(number)


def totals(results: list[dict[str, Any]]) -> str:
    """How many statements of papers were judged and what came out; controls and the rest by themselves."""
    claims = [claim for result in results for claim in result.get("claims", [])]
    counted = [claim for claim in claims if claim["verdict"] in COUNTED]
    of_papers = Counter(claim["verdict"] for claim in counted if _author(claim) != CONTROL)
    kinds = [f"{of_papers[kind]} *{kind}*" for kind in COUNTED if of_papers[kind]]
    fallen = sum(claim.get("survives") is False for claim in counted)
    return (
        f"{sum(of_papers.values())} verdicts on statements of papers: {', '.join(kinds)}. "
        f"{len(counted) - sum(of_papers.values())} more are on controls of our own, and "
        f"{len(claims) - len(counted)} stand outside the counts. "
        f"{fallen} of the decided orders {'does' if fallen == 1 else 'do'} not survive together ({FALLEN})."
    )


def _author(claim: Mapping[str, Any]) -> str:
    """Who makes a claim: the paper by its usual name, or nobody but us."""
    if claim.get("source") == CONTROL:
        return CONTROL
    paper = claim.get("paper", NOTHING)
    return PAPERS.get(paper, paper)


def notebook_link(stem: str) -> str:
    """A link to a notebook by its title; by its file name where it has none."""
    return f"[{notebook_title(stem)}](notebooks/{stem}.ipynb)"


def notebook_title(stem: str) -> str:
    """The notebook's first heading without the number: `01 How many bins does a score need?`."""
    path = paths.NOTEBOOKS / f"{stem}.ipynb"
    cells = read_json(path)["cells"] if path.is_file() else []
    for cell in cells:
        first = "".join(cell["source"]).partition("\n")[0]
        if cell["cell_type"] == "markdown" and first.startswith("# "):
            return first.removeprefix("# ").replace(" ·", "", 1)
    return stem


# --- orders of printed rows ---------------------------------------------------------------------------------


def orders_table(results: list[dict[str, Any]]) -> str:
    """A row per printed table: how many pairs of its rows come out in the printed order, and how many not."""
    rows = []
    seen: set[str] = set()  # notebook 80 makes a table that another one makes, too
    total: Counter[str] = Counter()
    for result in results:
        for table, orders in result.get("values", {}).get("orders", {}).items():
            if table not in seen:
                rows.append([f"`{table}`", notebook_link(result["notebook"]), *_of_pairs(orders)])
                total.update(orders)
                seen.add(table)
    rows.append(["**all**", "", *_of_pairs(total)])
    return markdown(["printed table", "notebook", *KINDS, "same of decided"], rows)


def _of_pairs(orders: Mapping[str, int]) -> list[str]:
    return [*(str(orders[kind]) for kind in KINDS), share(orders)]


# --- costs ------------------------------------------------------------------------------------------------


def cost_table(results: list[dict[str, Any]]) -> str:
    """What each notebook costs, and on which machine and with which commit it was measured.

    Its runs, how many of them a plain `make reproduce` trains anew, how long they trained, and how long the
    notebook itself took.
    """
    header = [
        "notebook",
        "runs",
        "of them headline",
        "training, core minutes",
        "of them headline",
        "notebook itself, seconds",
        "measured on",
        "commit",
    ]
    return markdown(header, [_cost_row(result) for result in results if result.get("provenance")])


def _cost_row(result: dict[str, Any]) -> list[Any]:
    machine = result["provenance"]
    times = result.get("run_seconds", {})
    headline = result.get("headline", [])
    return [
        result["notebook"],
        len(times),
        len(headline),
        f"{sum(times.values()) / 60:.1f}",
        f"{sum(times[key] for key in headline) / 60:.1f}",
        f"{result['seconds']:.0f}",
        f"{machine['cpu']}, {machine['cores']} cores",
        machine["commit"]["id"][:10],
    ]
