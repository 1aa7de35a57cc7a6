"""Result records rendered as Markdown: the README's table of verdicts, and the page of all claims, judged or not."""

from collections.abc import Mapping
from typing import Any

from moslab.analysis.claims import METRIC_NAMES, PAPERS, Claim, Paper, load_paper
from moslab.analysis.tables import NOTHING, markdown

ABSENT = "not measured yet"


def render_readme(text: str, results: list[dict[str, Any]]) -> str:
    """`text` with the tables of `results` between their markers; markers that are not there are left out."""
    return fill(fill(text, "results", results_table(results)), "cost", cost_table(results))


def fill(text: str, marker: str, content: str) -> str:
    """`text` with everything between <!-- marker --> and <!-- /marker --> replaced."""
    start, end = f"<!-- {marker} -->", f"<!-- /{marker} -->"
    if start not in text or end not in text:
        return text
    before, rest = text.split(start, 1)
    return f"{before}{start}\n{content}\n{end}{rest.split(end, 1)[1]}"


def cost_table(results: list[dict[str, Any]]) -> str:
    """Per notebook: how many runs it asks for, how many of them a plain `make reproduce` trains anew, how long they trained, how long the notebook itself took, where and with which commit."""
    rows = []
    for result in results:
        machine, times = result.get("provenance"), result.get("run_seconds", {})
        headline = result.get("headline", [])
        if machine:
            rows.append(
                [
                    result["notebook"],
                    len(times),
                    len(headline),
                    f"{sum(times.values()) / 60:.1f}",
                    f"{sum(times[key] for key in headline) / 60:.1f}",
                    f"{result['seconds']:.0f}",
                    f"{machine['cpu']}, {machine['cores']} cores",
                    machine["commit"]["id"][:10],
                ]
            )
    return markdown(
        [
            "notebook",
            "runs",
            "of them headline",
            "training, core minutes",
            "of them headline",
            "notebook itself, seconds",
            "measured on",
            "commit",
        ],
        rows,
    )


def results_table(results: list[dict[str, Any]]) -> str:
    """One line per claim that was judged: paper, place and source, what it says, and for everything it was judged on the verdict with what was measured."""
    rows = []
    for name, found in by_claim(results).items():
        claim, _ = found[0]
        rows.append(
            [
                f"{claim.get('paper', NOTHING)}: {claim.get('place', NOTHING)} ({claim.get('source', NOTHING)})",
                claim.get("statement", name),
                "<br>".join(
                    f"{one.get('on') or 'all'}: **{one['verdict']}** {measured(one)}" for one, _ in found
                ),
                ", ".join(dict.fromkeys(link(notebook, "") for _, notebook in found)),
            ]
        )
    return markdown(
        ["paper, place, source", "claim", "judged on: verdict, difference [interval], n", "notebook"], rows
    )


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
