"""Links and pictures of the README, docs/ and notebooks: all resolve, and every picture has a licence."""

import json
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from code_blocks import DOCS, page

from moslab.datasets.photos import PHOTOS

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MODEL_CARD = ROOT / "src" / "moslab" / "backbones" / "weights" / "README.md"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md")), MODEL_CARD]
LINK = re.compile(r"""\]\(<?([^)\s>]+)>?[^)]*\)|(?:href|src)=["']([^"']+)["']""")
CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.S | re.M)
PICTURE = re.compile(r"!\[([^\]]*)\]\(")
ELSEWHERE = ("https://", "http://", "mailto:", "data:")
# Files of this repository that prose names without a link.
NAMED = re.compile(
    r"`((?:src/moslab|moslab|tests|benchmarks|tools|docs|notebooks|figures|papers|papermill_runs/reference)"
    r"/[\w./-]+)`"
)


def markdown_of(path: Path) -> str:
    """A page, or the Markdown of a notebook: its cells and its outputs."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return text
    texts = []
    for cell in json.loads(text)["cells"]:
        if cell["cell_type"] == "markdown":
            texts.append("".join(cell["source"]))
        for output in cell.get("outputs", []):
            texts.append("".join(output.get("data", {}).get("text/markdown", "")))
    return "\n\n".join(texts)


def links_of(path: Path) -> Iterator[str]:
    """Targets inside this repository; code is no link."""
    for match in LINK.finditer(CODE.sub("", markdown_of(path))):
        target = match[1] or match[2]
        if not target.startswith(ELSEWHERE):
            yield target


@cache
def anchors(path: Path) -> set[str]:
    """Names of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", CODE.sub("", markdown_of(path)), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def why_broken(path: Path, target: str) -> str:
    """Empty for a link that leads somewhere in the repository."""
    name, _, anchor = target.partition("#")
    place = (path.parent / name).resolve() if name else path
    if not place.is_relative_to(ROOT):
        return f"{target} leads out of the repository"
    if not place.exists():
        return f"{target} is not there"
    if anchor and place.suffix == ".md" and anchor not in anchors(place):
        return f"{target}: no such heading"
    return ""


def tracked(pattern: str) -> list[str]:
    """Files in git, new ones included, by their paths from the root."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", pattern]
    done = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("not in git")
    return [name for name in done.stdout.splitlines() if (ROOT / name).is_file()]


@pytest.mark.parametrize("path", [*PAGES, *NOTEBOOKS], ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path):
    broken = [why_broken(path, target) for target in links_of(path)]
    assert [reason for reason in broken if reason] == []


@pytest.mark.parametrize("path", [*PAGES, *NOTEBOOKS], ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_named_in_prose_is_there(path):
    examples = set(re.findall(r"[Ss]ave (?:it|this) as\s+`([^`]+)`|notebook is `([^`]+)`", markdown_of(path)))
    to_be_made = {name for pair in examples for name in pair}
    missing = []
    for name in NAMED.findall(markdown_of(path)):
        places = [ROOT / name, ROOT / "src" / name, ROOT / "src" / "moslab" / name]
        patterned = "*" in name or re.search(r"NAME|NN_|MODEL_TYPE|PAPER", name)
        if name not in to_be_made and not patterned and not any(place.exists() for place in places):
            missing.append(name)
    assert missing == []


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("README.md", ""),
        ("docs/data.md#your-own-pictures", ""),
        ("docs/data.md#nothing", "no such heading"),
        ("docs/nothing.md", "is not there"),
        ("../elsewhere", "leads out of the repository"),
    ],
)
def test_broken_links_are_noticed(target, reason):
    why = why_broken(ROOT / "README.md", target)
    assert reason in why and bool(why) == bool(reason)


def test_the_index_names_every_page():
    listed = set(links_of(DOCS / "README.md"))
    assert {path.name for path in DOCS.glob("*.md")} - {"README.md"} <= listed


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_picture_has_a_text_for_those_who_cannot_see_it(path):
    assert all(PICTURE.findall(markdown_of(path)))


# licences


def test_every_picture_in_git_has_a_licence():
    pictures = page("pictures.md")
    assert tracked("*.png")
    assert [name for name in tracked("*.png") if f"`{name}`" not in pictures] == []


def test_every_licence_is_of_a_picture_that_is_there():
    names = re.findall(r"`((?:figures|docs)/[\w/]+\.\w+)`", page("pictures.md"))
    assert len(names) == len(set(names))
    assert [name for name in names if not (ROOT / name).is_file()] == []


def test_every_photograph_has_its_source_and_licence():
    rows = re.findall(r"^\| `(\w+)` \|.*\|(.*)\|$", page("pictures.md"), re.M)
    assert tuple(name for name, _ in rows) == PHOTOS
    assert all("public domain" in rights or "CC0" in rights for _, rights in rows)


@pytest.mark.parametrize("name", PHOTOS)
def test_scikit_image_states_what_is_quoted(name):
    from skimage import data

    stated = " ".join(getattr(data, name).__doc__.split())
    (row,) = re.findall(rf"^\| `{name}` \|.*\|(.*)\|$", page("pictures.md"), re.M)
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", row)
    for quote in re.findall(r'"([^"]+?)\.?"', plain):
        assert quote in re.sub(r"`([^<`]*?)\s*<[^>]*>`_", r"\1", stated)
