"""Result records rendered as Markdown: the README's table of verdicts."""

from typing import Any

from moslab.tables import NOTHING, markdown


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
    """Per notebook: how many runs it asks for, how long they trained, how long the notebook itself took, where and with which commit."""
    rows = []
    for result in results:
        machine, times = result.get("provenance"), result.get("run_seconds", {}).values()
        if machine:
            rows.append([result["notebook"], len(times), f"{sum(times) / 60:.1f}", f"{result['seconds']:.0f}", f"{machine['cpu']}, {machine['cores']} cores",
                         machine["commit"]["id"][:10]])
    return markdown(["notebook", "training runs", "training, core minutes", "notebook itself, seconds", "measured on", "commit"], rows)


def results_table(results: list[dict[str, Any]]) -> str:
    """One line per claim: the paper, what it says, and per dataset the verdict with what was measured; the notebook shows place, protocol and bounds."""
    datasets = list(dict.fromkeys(claim.get("on") or NOTHING for result in results for claim in result.get("claims", [])))
    rows = []
    for result in results:
        link = f"[{result['notebook'][:2]}](notebooks/{result['notebook']}.ipynb)"
        by_id: dict[str, list[dict[str, Any]]] = {}
        for claim in result.get("claims", []):
            by_id.setdefault(claim["id"], []).append(claim)
        for name, claims in by_id.items():
            found = {claim.get("on") or NOTHING: f"**{claim['verdict']}**<br>{measured(claim)}" for claim in claims}
            rows.append([claims[0].get("paper", NOTHING), claims[0].get("statement", name), *(found.get(dataset, "") for dataset in datasets), link])
    return markdown(["paper", "claim", *datasets, "notebook"], rows)


def measured(claim: dict[str, Any]) -> str:
    """`SRCC +0.012 [-0.003, +0.027]`, without interval what labels alone give, or a dash for a claim without a value."""
    if claim.get("value") is None:
        return NOTHING
    interval = f" [{claim['low']:+.3f}, {claim['high']:+.3f}]" if claim.get("low") != claim.get("high") else ""
    return f"{claim.get('metric', '').upper()} {claim['value']:+.3f}{interval}".strip()
