"""Result records rendered as Markdown: the README's table of verdicts."""

from typing import Any


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
    lines = ["| notebook | training runs | training, core minutes | notebook itself, seconds | measured on | commit |", "|---|---|---|---|---|---|"]
    for result in results:
        machine, times = result.get("provenance"), result.get("run_seconds", {}).values()
        if not machine:
            continue
        lines.append(f"| {result['notebook']} | {len(times)} | {sum(times) / 60:.1f} | {result['seconds']:.0f} | {machine['cpu']}, {machine['cores']} cores "
                     f"| {machine['commit']['id'][:10]} |")
    return "\n".join(lines)


def results_table(results: list[dict[str, Any]]) -> str:
    """One line per claim: what the paper says, where, what was measured (interval), the verdict and the notebook that shows it."""
    lines = ["| claim | place | data | measured | verdict | notebook |", "|---|---|---|---|---|---|"]
    for result in results:
        link = f"[{result['notebook'][:2]}](notebooks/{result['notebook']}.ipynb)"
        for claim in result.get("claims", []):
            cells = [claim.get("statement", claim["id"]), place(claim), claim.get("on", ""), measured(claim), f"**{claim['verdict']}**", link]
            lines.append("| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |")
    return "\n".join(lines)


def place(claim: dict[str, Any]) -> str:
    return ", ".join(part for part in (claim.get("paper"), claim.get("place")) if part)


def measured(claim: dict[str, Any]) -> str:
    """`SRCC +0.012 [-0.003, +0.027]`, or a dash for a claim without a value."""
    if claim.get("value") is None:
        return "–"
    interval = "" if claim.get("low") is None else f" [{claim['low']:+.3f}, {claim['high']:+.3f}]"
    return f"{claim.get('metric', '').upper()} {claim['value']:+.3f}{interval}".strip()
