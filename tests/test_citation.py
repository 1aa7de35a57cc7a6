"""CITATION.cff: complete, and the same as the project's own metadata and the claims files."""

import tomllib
from pathlib import Path

import pytest
import yaml

from moslab import __version__
from moslab.analysis.claims import PAPERS, load_paper

ROOT = Path(__file__).resolve().parents[1]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
REFERENCES = {reference["title"]: reference for reference in CITATION["references"]}


@pytest.mark.parametrize("field", ["message", "title", "authors", "type", "license", "version"])
def test_what_citing_needs_is_there(field):
    assert CITATION[field]


def test_it_is_a_software_citation_of_the_format_s_current_version():
    assert CITATION["cff-version"] == "1.2.0"
    assert CITATION["type"] == "software"
    assert all(author.get("name") or author.get("family-names") for author in CITATION["authors"])


def test_version_and_licence_are_the_project_s():
    assert str(CITATION["version"]) == PROJECT["version"] == __version__
    assert CITATION["license"] == PROJECT["license"]


def test_the_repository_s_address_comes_from_pyproject_alone():
    address = PROJECT.get("urls", {}).get("Repository")
    assert CITATION.get("repository-code") == address
    assert "url" not in CITATION


@pytest.mark.parametrize("paper", sorted(path.stem for path in PAPERS.glob("*.yaml")))
def test_every_paper_is_referenced_as_its_claims_file_has_it(paper):
    cited = load_paper(paper)
    reference = REFERENCES[cited.title]
    names = [f"{author['given-names']} {author['family-names']}" for author in reference["authors"]]
    assert ", ".join(names) == cited.authors
    assert reference["notes"] == cited.reference
