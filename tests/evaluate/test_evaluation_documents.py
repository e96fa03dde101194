"""Model card, TRIPOD+AI checklist, page and figures: from the run's own artefacts, stamped, and safe with any text."""

from __future__ import annotations

from dataclasses import replace
from html import unescape
from xml.etree import ElementTree as ET

import pytest
from made_up_experiments import HOSTILE, make_artefacts, make_experiments
from test_markup import Tags, flat, rendered

from xhaim.evaluate.evaluation_figures import evaluation_figures, standalone
from xhaim.evaluate.evaluation_page import evaluation_page
from xhaim.evaluate.experiment import stamps_of
from xhaim.evaluate.markup import markdown
from xhaim.evaluate.model_card import UNKNOWN, model_card
from xhaim.evaluate.tripod import AUTHORS, checklist
from xhaim.evaluate.tripod_items import ITEMS

SECTIONS = [
    "Model details", "Intended use", "Factors", "Metrics", "Evaluation data", "Training data",
    "Quantitative analyses", "Ethical considerations", "Caveats and recommendations",
]  # fmt: skip


@pytest.fixture(scope="module")
def facts():
    return make_artefacts(make_experiments())


@pytest.fixture(scope="module")
def hostile():
    return make_artefacts(make_experiments(title=HOSTILE, policies=("prior_only",)), resamples=20)


def test_the_card_has_mitchells_sections_and_says_what_it_cannot_know(facts):
    card = model_card(facts)
    assert [line[3:] for line in card.splitlines() if line.startswith("## ")] == SECTIONS
    assert "**SIMULATED · LEAKY**" in card
    assert card.count(UNKNOWN) == 5  # who made it, whom to ask, users, why these records, ethics
    assert "lab: some stays only" in card
    auc = next(row for row in facts.tables["performance"].rows if row["model"] == "xhaim")["auc"]
    assert f"AUC {auc.mean:.3f} ± {auc.se:.3f}" in card
    assert r"Pleural effusion \[prior\_only\], xHAIM" in card
    assert "Intersectional.** Not computed" in card


def test_a_card_of_real_patients_under_honest_policies_has_no_stamp():
    honest = make_experiments(simulated=False, policies=("prior_only",))
    card = model_card(make_artefacts(honest, resamples=20))
    assert "SIMULATED" not in card
    assert "LEAKY" not in card


def test_the_checklist_has_the_27_items_in_52_parts(facts):
    assert len({item.number.rstrip("abcdefg") for item in ITEMS}) == 27
    grid = checklist(facts)
    assert [row[1] for row in grid.body] == [item.number for item in ITEMS]
    assert len(grid.body) == 52
    left = [row[1] for row in grid.body if row[4] == AUTHORS]
    assert {"17", "18a", "18b", "18c", "18d", "19", "25", "3c"} <= set(left)  # what no run can know
    assert grid.notes[0].startswith(f"{52 - len(left)} of 52 parts")
    assert all(row[5] == "" for row in grid.body if row[4] == AUTHORS)


def test_the_checklist_says_what_the_run_did(facts):
    said = {row[1]: row[4] for row in checklist(facts).body}
    assert "5 repeated splits by subject" in said["12a"]
    assert "2180-01-02 to 2190-03-04" in said["5b"]
    assert "SIMULATED patients" in said["5a"]
    assert "index_included · LEAKY" in said["9b"]
    assert "prior_only], xHAIM: AUC" in said["23a"]
    other = replace(
        facts,
        settings=facts.settings.model_copy(update={"llm": facts.settings.llm.model_copy(update={"model": "m-7"})}),
    )
    assert "Language model: none" in said["12c"]
    assert "Language model: m-7" in {row[1]: row[4] for row in checklist(other).body}["12c"]


def test_a_path_of_this_machine_stands_in_no_document(facts):
    encoder = facts.settings.encoder.model_copy(update={"name": "/home/somebody/secret/bert"})
    mine = replace(facts, settings=facts.settings.model_copy(update={"encoder": encoder}))
    for text in (model_card(mine), markdown(checklist(mine))):
        assert "somebody" not in text
        assert "encoder bert" in text


def test_hostile_titles_stay_text_in_the_documents(hostile):
    card = rendered(model_card(hostile))
    assert set(card.tags) == {"h1", "h2", "p", "ul", "li", "strong"}
    items = rendered(markdown(checklist(hostile)))
    assert set(items.tags) == {"p", "strong", "table", "thead", "tbody", "tr", "th", "td"}


def test_the_page_shows_hostile_titles_letter_for_letter_and_runs_nothing(hostile):
    grids = [table.grid for table in hostile.tables.values()]
    figures = evaluation_figures(hostile.experiments, hostile.tables["subgroups"])
    page = evaluation_page(HOSTILE, ("SIMULATED",), grids, figures, (HOSTILE,))
    found = Tags(page)
    assert "script" not in found.tags
    assert "img" not in found.tags
    assert "b" not in found.tags
    assert any("Evil | <script>alert(1)</script>" in cell for cell in found.cells)
    assert "script-src" not in page.split("</head>")[0]
    assert "default-src 'none'" in unescape(page)
    assert page.count("SIMULATED</strong>") > len(grids)


def test_figures_are_stamped_whole_files_and_the_same_every_time(facts):
    first, second = (evaluation_figures(facts.experiments[1:], facts.tables["subgroups"]) for _ in range(2))
    assert first == second
    assert [figure.kind for figure in first] == ["calibration", "decision", "subgroups"] * 2
    assert len({figure.key for figure in first}) == 6
    for figure in first[:3]:
        root = ET.fromstring(standalone(figure))
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        words = " ".join(node.text for node in root if node.tag.endswith("}text"))
        assert words == " · ".join((*figure.stamps, figure.caption))
        assert "SIMULATED" in figure.stamps
        assert "LEAKY" in figure.stamps
        assert "[index_included · LEAKY]" in figure.caption
    for figure in first[3:]:  # nobody was predicted
        assert figure.svg is None
        assert standalone(figure) is None
    assert "xHAIM: not drawn, no calibrated risk" in first[4].notes


def test_the_forest_plot_names_the_groups_that_it_cannot_draw(facts):
    forest = evaluation_figures(facts.experiments[:1], facts.tables["subgroups"])[2]
    assert ">sex: F (" in forest.svg
    assert any(note.startswith("age: 80 and over (") and "are needed" in note for note in forest.notes)


def test_a_hostile_title_cannot_leave_its_figure(hostile):
    for figure in evaluation_figures(hostile.experiments, hostile.tables["subgroups"])[:3]:
        root = ET.fromstring(standalone(figure))
        assert not [node for node in root.iter() if node.tag.endswith(("script", "image", "foreignObject"))]
        assert "alert(1)" in flat("".join(root.itertext()))


def test_stamps_of_nothing_are_none():
    assert stamps_of([]) == ()
