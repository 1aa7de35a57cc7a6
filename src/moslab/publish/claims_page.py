"""Result records rendered as Markdown: the page of all claims, judged or not."""

from collections.abc import Mapping
from typing import Any

from moslab.analysis.claims import METRIC_NAMES, PAPERS, Claim, Paper, load_paper
from moslab.analysis.tables import NOTHING, markdown

ABSENT = "not measured yet"


def by_claim(results: list[dict[str, Any]]) -> dict[str, list[tuple[dict[str, Any], str]]]:
    """Judged claims with the notebook of each verdict, by id."""
    found: dict[str, list[tuple[dict[str, Any], str]]] = {}
    for result in results:
        for claim in result.get("claims", []):
            found.setdefault(claim["id"], []).append((claim, result["notebook"]))
    return found


def measured(claim: Mapping[str, Any]) -> str:
    """`SRCC +0.012 [-0.003, +0.027], n 1,587`, without interval what labels alone give; nothing for a claim without a value."""
    if claim.get("value") is None:
        return ""
    interval = (
        f" [{claim['low']:+.3f}, {claim['high']:+.3f}]" if claim.get("low") != claim.get("high") else ""
    )
    size = f", n {claim['n']:,}" if claim.get("n") else ""
    return f"{METRIC_NAMES.get(claim.get('metric', ''), '')} {claim['value']:+.3f}{interval}{size}".strip()


def link(notebook: str, up: str) -> str:
    """A link to a notebook by its number; up: the way from the page to the repository's root."""
    return f"[{notebook[:2]}]({up}notebooks/{notebook}.ipynb)"


def claims_page(results: list[dict[str, Any]]) -> str:
    """docs/claims.md: every claim of every paper with its verdicts, what no notebook measures yet, and where the papers contradict themselves."""
    judged, papers = by_claim(results), [load_paper(path.stem) for path in sorted(PAPERS.glob("*.yaml"))]
    return PAGE.format(
        papers="\n\n".join(_paper(paper, judged) for paper in papers), tables=_open_tables(papers)
    )


def _paper(paper: Paper, judged: Mapping[str, list[tuple[dict[str, Any], str]]]) -> str:
    rows = [row for claim in paper.claims for row in _claim_rows(claim, judged.get(claim.id, []))]
    contradictions = "\n".join(f"* {' / '.join(one.places)}: {one.what}" for one in paper.contradictions)
    table = markdown(
        [
            "claim",
            "place",
            "source",
            "paper's value",
            "judged on",
            "our value [interval]",
            "seeds",
            "verdict",
            "notebook",
        ],
        rows,
    )
    return f"## {paper.title}\n\n{paper.authors} ({paper.reference}). {paper.note}\n\n{table}\n\n### Where it contradicts itself\n\n{contradictions or 'Nothing found.'}"


def _claim_rows(claim: Claim, found: list[tuple[dict[str, Any], str]]) -> list[list[Any]]:
    published = (
        ", ".join(f"{METRIC_NAMES[name]} {value:.3f}" for name, value in claim.published.items())
        or {"order": "better", "equivalence": "equal", "trend": "rising", "existence": "above"}[claim.kind]
    )
    published += f", margin {claim.margin:g}" if claim.margin is not None else ""
    head = [claim.statement, str(claim.place), claim.source, published]
    if not found:
        return [
            [
                *head,
                NOTHING,
                NOTHING,
                NOTHING,
                "a number, compared at paper scale only" if claim.kind == "number" else ABSENT,
                NOTHING,
            ]
        ]
    return [
        [
            *head,
            one.get("on") or "all",
            measured(one) or NOTHING,
            one.get("seeds") or NOTHING,
            f"**{one['verdict']}**",
            link(notebook, "../"),
        ]
        for one, notebook in found
    ]


def _open_tables(papers: list[Paper]) -> str:
    rows = [
        [paper.paper, table.where, table.what, table.source, table.note or NOTHING]
        for paper in papers
        for table in paper.tables
        if not table.notebook
    ]
    return markdown(["paper", "table", "what it shows", "source", "note"], rows)


PAGE = """# All claims

Every statement of the four papers that is written down in [`src/moslab/papers`](../src/moslab/papers), with the rule that was fixed before the first run. "Better" stands for an order, judged by the 95 % interval of the paired difference;
"equal" for an equivalence, judged by the 90 % interval and its margin; "rising" for a trend; "above" for something that exists at all. Values are differences, positive where the first side of the claim is better.
Published numbers are compared at paper scale only. Third parties' summaries are not the authors' words. Written by `make reference`.

{papers}

## Tables that no notebook measures yet

{tables}
"""
