"""Result records rendered as Markdown: the page of all claims, judged or not."""

from collections.abc import Mapping
from typing import Any

from moslab.analysis.claims import METRIC_NAMES, PAPERS, Claim, Paper, PrintedFigure, Table, load_paper
from moslab.analysis.tables import NOTHING, markdown
from moslab.analysis.verdict_tables import FALLEN

ABSENT = "not measured yet"
# What a claim without published numbers says, by its kind.
DIRECTIONS = {"order": "better", "equivalence": "equal", "trend": "rising", "existence": "above"}
Judged = list[tuple[dict[str, Any], str]]  # verdicts on a claim, each with its notebook


def by_claim(results: list[dict[str, Any]]) -> dict[str, Judged]:
    """Judged claims with the notebook of each verdict, by id."""
    judged: dict[str, Judged] = {}
    for result in results:
        for claim in result.get("claims", []):
            judged.setdefault(claim["id"], []).append((claim, result["notebook"]))
    return judged


def measured(claim: Mapping[str, Any]) -> str:
    """`SRCC +0.012 [-0.003, +0.027], n 1,587`: what a verdict rests on.

    Without interval what labels alone give; nothing for a claim without a value.
    """
    if claim.get("value") is None:
        return ""
    interval = ""
    if claim.get("low") != claim.get("high"):
        interval = f" [{claim['low']:+.3f}, {claim['high']:+.3f}]"
    what = claim.get("what", "images")
    unit = "" if what == "images" else f" {what}"
    size = f", n {claim['n']:,}{unit}" if claim.get("n") else ""
    return f"{METRIC_NAMES.get(claim.get('metric', ''), '')} {claim['value']:+.3f}{interval}{size}".strip()


def link(notebook: str, up: str) -> str:
    """A link to a notebook by its number; up: the way from the page to the repository's root."""
    return f"[{notebook[:2]}]({up}notebooks/{notebook}.ipynb)"


def claims_page(results: list[dict[str, Any]]) -> str:
    """docs/claims.md: every claim of every paper with its verdicts.

    Also what no notebook makes again and why, and where the papers contradict themselves.
    """
    judged = by_claim(results)
    papers = [load_paper(path.stem) for path in sorted(PAPERS.glob("*.yaml"))]
    sections = [_section(paper, judged) for paper in papers]
    return PAGE.format(papers="\n\n".join(sections), printed=_not_made_again(papers))


def _section(paper: Paper, judged: Mapping[str, Judged]) -> str:
    rows = []
    for claim in paper.claims:
        rows += _claim_rows(claim, judged.get(claim.id, []))
    contradictions = [f"* {' / '.join(one.places)}: {one.what}" for one in paper.contradictions]
    header = [
        "claim",
        "place",
        "source",
        "paper's value",
        "judged on",
        "our value [interval]",
        "seeds",
        "80 % power",
        "verdict",
        "notebook",
    ]
    return SECTION.format(
        title=paper.title,
        authors=paper.authors,
        reference=paper.reference,
        note=paper.note,
        claims=markdown(header, rows),
        contradictions="\n".join(contradictions) or "Nothing found.",
    )


def _claim_rows(claim: Claim, judged: Judged) -> list[list[Any]]:
    """A row per verdict; one that says why there is none otherwise."""
    if claim.judged_with:
        reason = f"one difference with {claim.judged_with}, judged there"
        head = [claim.statement, str(claim.place), claim.source, DIRECTIONS[claim.kind]]
        return [[*head, NOTHING, NOTHING, NOTHING, NOTHING, reason, NOTHING]]
    value = claim.published_values or DIRECTIONS[claim.kind]
    if claim.margin is not None:
        value += f", margin {claim.margin:g}"
    head = [claim.statement, str(claim.place), claim.source, value]
    if not judged:
        reason = "a number, compared at paper scale only" if claim.kind == "number" else ABSENT
        return [[*head, NOTHING, NOTHING, NOTHING, NOTHING, reason, NOTHING]]
    rows = []
    for one, notebook in judged:
        seeds = one.get("seeds") or NOTHING
        row = [one.get("on") or "all", measured(one) or NOTHING, seeds, power(one), said(one)]
        rows.append([*head, *row, link(notebook, "../")])
    return rows


def power(claim: Mapping[str, Any]) -> str:
    """What 80 % power could have seen, and what would resolve an open verdict."""
    if claim.get("detectable") is None:
        return NOTHING
    needed = f"; {claim['resolved_by']}" if claim.get("resolved_by") else ""
    return f"{claim['detectable']:.3f}{needed}"


def said(claim: Mapping[str, Any]) -> str:
    """The verdict, with a mark where it does not survive, and with a reason where it stands apart."""
    mark = FALLEN if claim.get("survives") is False else ""
    reason = f" ({claim['why']})" if claim.get("why") else ""
    return f"**{claim['verdict']}**{mark}{reason}"


def _not_made_again(papers: list[Paper]) -> str:
    """A row per printed table or figure that no notebook makes again."""
    rows = []
    for paper in papers:
        printed: list[Table | PrintedFigure] = [*paper.tables, *paper.figures]
        for one in printed:
            if not one.notebook:
                rows.append([paper.paper, one.where, one.what, one.source, one.why_not])
    return markdown(["paper", "table or figure", "what it shows", "source", "why not"], rows)


SECTION = """## {title}

{authors} ({reference}). {note}

{claims}

### Where it contradicts itself

{contradictions}"""
PAGE = """# All claims

Every statement of the four papers that is written down in [`src/moslab/papers`](../src/moslab/papers), with
the rule that was fixed before the reference runs. "Better" stands for an order, judged by the 95 % interval
of the paired difference; "equal" for an equivalence, judged by the 90 % interval and its margin; "rising" for
a trend; "above" for something that exists at all. Values are differences between means of single runs,
positive where the first side of the claim is better. The column "80 % power" says what difference (or what
margin of an equivalence) could have been seen, and what would resolve an open verdict at the smallest
difference worth knowing. † marks a decided order that is not decided any more once all orders of its notebook
are looked at together (Benjamini-Hochberg). [How verdicts are reached](method.md), and
[which of them a change of the rules moved](moved_verdicts.md). Published numbers are compared at paper scale
only. On `ava` labels are of TANet's 25,551 of AVA's 255,530 pictures. Third parties' summaries are not the
authors' words. Written by `make reference`.

{papers}

## Tables and figures that no notebook makes again

{printed}
"""
