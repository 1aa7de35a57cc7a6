"""The list of stand-ins: every entry names two datasets and says how far one replaces the other."""

import pytest

from moslab import datasets
from moslab.analysis.claims.papers import PAPERS, read_paper
from moslab.datasets.stand_ins import stand_in_for, stand_ins
from moslab.publish.stand_ins_page import SETS, measured_tables, stand_ins_page, stand_ins_table
from moslab.publish.world_tables import oracles_table
from moslab.utils import paths
from moslab.utils.errors import UserError
from moslab.world import LABELS, generate
from moslab.world.tasks import TASKS


@pytest.mark.parametrize("published", stand_ins())
def test_an_entry_says_what_is_shared_and_what_is_lacking(published):
    entry = stand_ins()[published]
    assert entry.published in datasets.PUBLISHED and entry.stand_in in datasets.EMBEDDED
    assert datasets.aspect(entry.stand_in) == datasets.aspect(published)
    assert min(len(entry.shares), len(entry.lacks)) > 30


def test_no_two_datasets_share_a_stand_in():
    names = [entry.stand_in for entry in stand_ins().values()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    "published, preset", [("agiqa3k", "alignment"), ("icaa17k", "color"), ("para", "quality")]
)
def test_another_score_of_a_published_set_is_one_of_its_stand_in(published, preset):
    assert preset in datasets.module_of(published).PRESETS
    assert preset in TASKS[stand_in_for(published)].PRESETS


def test_every_dataset_of_the_papers_tables_has_a_stand_in():
    for path in PAPERS.glob("*.yaml"):
        for table in read_paper(path).tables:
            named = {column.dataset for column in table.columns if column.dataset}
            assert named & set(datasets.PUBLISHED) <= set(stand_ins()), table.where


def test_joined_datasets_are_replaced_one_by_one():
    assert stand_in_for("koniq10k") == "iqa"
    assert stand_in_for("koniq10k+ava") == "iqa+iaa"


def test_a_dataset_without_a_stand_in_is_named():
    with pytest.raises(UserError, match="pipal has no embedded stand-in: these have, koniq10k, ava"):
        stand_in_for("koniq10k+pipal")


def test_the_committed_page_has_the_list():
    page = (paths.ROOT / "docs" / "stand_ins.md").read_text(encoding="utf-8")
    assert page == stand_ins_page(page), "python -m moslab world card"
    assert stand_ins_table() in page


def test_the_page_was_measured_on_these_versions():
    page = (paths.ROOT / "docs" / "stand_ins.md").read_text(encoding="utf-8")
    for name in SETS:
        assert f"`{name}` {LABELS[name]}" in page, "labels changed: python -m moslab world card"
        assert page.count(f"| {name} ") > 3, name


def test_measured_tables_have_a_row_for_each_set(worlds_of_two):
    tables = measured_tables(worlds_of_two)
    assert set(tables) == {"versions", "scores", "oracles", "attributes", "leaks", "visibility"}
    for name in ("scores", "oracles", "leaks"):
        assert "like_aadb default" in tables[name] and "like_csiq default" in tables[name]
    assert tables["attributes"].count("like_aadb") == 10
    assert "like_csiq" not in tables["attributes"]


def test_oracles_of_dmos_are_printed_for_better_pictures(worlds_of_two):
    """DMOS is lower for better pictures, its oracle higher."""
    rows = [row for row in oracles_table(worlds_of_two).splitlines() if "like_csiq default" in row]
    truths = [float(row.split("|")[4]) for row in rows]
    assert rows and min(truths) > 0.9


@pytest.fixture
def worlds_of_two(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "CACHE", tmp_path)
    return [generate("like_aadb", n=200), generate("like_csiq", n=120)]
