"""What the shipped tasks' words mean in sentences that a clinician would read at a glance; written by hand."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xhaim.modality.concepts import concept_columns, concept_features
from xhaim.records import Chunk
from xhaim.retrieve.reading import read
from xhaim.task import load_task, shipped_tasks
from xhaim.text.elsewhere import bare
from xhaim.text.polarity import Mention, mentions

NAMED = [
    ("pleural_effusion", "Small left effusion, unchanged.", "pleural effusion", "affirmed"),
    ("pleural_effusion", "Pleural and pericardial effusions are present.", "pleural effusion", "affirmed"),
    ("pleural_effusion", "No pericardial or pleural effusion.", "pleural effusion", "negated"),
    ("pleural_effusion", "Knee pain and a left effusion.", "pleural effusion", "affirmed"),
    ("pleural_effusion", "Left pleural effusion without pericardial effusion.", "pleural effusion", "affirmed"),
    ("pleural_effusion", "Pericardial fat is prominent, effusion is seen.", "pleural effusion", "affirmed"),
    ("pleural_effusion", "Right pigtail catheter remains in place.", "thoracentesis", "affirmed"),
    ("cardiomegaly", "The cardiac silhouette is enlarged.", "cardiomegaly", "affirmed"),
    ("cardiomegaly", "The heart is mildly enlarged.", "cardiomegaly", "affirmed"),
    ("cardiomegaly", "Moderate enlargement of the cardiac silhouette.", "cardiomegaly", "affirmed"),
    ("cardiomegaly", "The heart is not enlarged.", "normal heart size", "affirmed"),
    ("cardiomegaly", "Heart size is normal.", "normal heart size", "affirmed"),
    ("pneumonia", "Consolidation of the left lower lobe.", "pneumonia", "affirmed"),
    ("pneumonia", "No focal opacity or infiltrate.", "pneumonia", "negated"),
    ("pneumonia", "Fever overnight.", "respiratory infection", "affirmed"),
    ("mortality_48h", "Uncal herniation.", "neurological injury", "affirmed"),
    ("mortality_48h", "Unresponsive to painful stimuli.", "neurological injury", "affirmed"),
    ("mortality_48h", "Hypotension on two pressors.", "shock", "affirmed"),
    ("mortality_48h", "The patient is stable.", "improvement", "affirmed"),
    ("mortality_48h", "A nodule was seen and the patient is stable.", "improvement", "affirmed"),
    ("mortality_48h", "No fracture; extubated, stable.", "improvement", "affirmed"),
    ("los_48h", "Stable, alert and interactive.", "recovery", "affirmed"),
    ("los_48h", "Remains intubated.", "organ support", "affirmed"),
]
NOT_NAMED = [
    ("pleural_effusion", "Small suprapatellar joint effusion."),
    ("pleural_effusion", "Trace physiologic pericardial effusion."),
    ("pleural_effusion", "Moderate joint effusions."),
    ("pleural_effusion", "Effusion in the left knee."),
    ("pleural_effusion", "The knee shows a small effusion."),
    ("pleural_effusion", "Pericardium: There is a small effusion."),
    ("pleural_effusion", "No hip or shoulder effusion."),
    ("pleural_effusion", "Middle ear effusion on the right."),
    ("pleural_effusion", "Layering fluid in the sphenoid sinus."),
    ("pleural_effusion", "Pigtail catheter in the gallbladder."),
    ("cardiomegaly", "Enlarged liver."),
    ("cardiomegaly", "The thyroid is enlarged."),
    ("pneumonia", "Consolidation of the medication list."),
    ("pneumonia", "Consolidation chemotherapy was given."),
    ("pneumonia", "Focal opacity of the lens."),
    ("pneumonia", "Fatty infiltrates of the liver."),
    ("pneumonia", "Rheumatic fever as a child."),
    ("mortality_48h", "Disc herniation at L4-L5."),
    ("mortality_48h", "Orthostatic hypotension."),
    ("mortality_48h", "ICD shock last year."),
    ("mortality_48h", "The mediastinal contours are stable."),
    ("mortality_48h", "A 6 mm ground glass nodule in the right upper lobe is stable."),
    ("mortality_48h", "There is moderate cardiomegaly, stable."),
    ("mortality_48h", "Unresponsive to diuretics."),
    ("los_48h", "A stable nodule in the right upper lobe."),
    ("los_48h", "Stable examination."),
]


def named(task_id: str, sentence: str) -> list[tuple[str, str]]:
    task = load_task(task_id)
    owner = {term: concept.name for concept in reversed(task.concepts) for term in concept.terms}
    return [(owner[one.term], one.polarity) for one in mentions(sentence, tuple(owner))]


@pytest.mark.parametrize(("task_id", "sentence", "concept", "polarity"), NAMED)
def test_what_a_task_names(task_id: str, sentence: str, concept: str, polarity: str) -> None:
    assert set(named(task_id, sentence)) == {(concept, polarity)}


@pytest.mark.parametrize(("task_id", "sentence"), NOT_NAMED)
def test_what_is_something_else(task_id: str, sentence: str) -> None:
    assert named(task_id, sentence) == []
    task, at = load_task(task_id), datetime(2150, 1, 1)
    reading = read(sentence, task)
    assert (reading.polarity, reading.statements) == (None, frozenset())
    piece = Chunk(f"d:0-{len(sentence)}", "d", "notes", "note", "", 0, len(sentence), sentence, at, at)
    row = dict(zip(concept_columns(task), concept_features(task, [piece], datetime(2150, 1, 2)), strict=True))
    assert not any(row[f"{concept.name}, affirmed"] for concept in task.concepts)


def test_every_shipped_term_is_found_where_it_stands_alone() -> None:
    for task_id in shipped_tasks():
        for concept in load_task(task_id).concepts:
            for term in concept.terms:
                assert mentions(f"{bare(term)}.", [term])[0].term == term


def test_words_far_away_or_beyond_a_conjunction_do_not_count() -> None:
    term = "effusion unless joint, ear"
    assert mentions("The joint was seen to be warm but effusion", [term])
    assert mentions("joint one two three four effusion", [term])
    assert not mentions("joint one two three effusion", [term])
    assert mentions("effusion one two three four joint", [term])
    assert not mentions("EFFUSION of the JOINTS", [term])
    assert mentions("effusion is new in the joint", [term]), "a verb ends the noun phrase"
    assert mentions("disjoint effusion, forearm", [term]), "whole words alone"


def test_hostile_exclusions_are_literal() -> None:
    assert mentions("aaaa effusion", ["effusion unless (a+)+$"])
    assert mentions("effusion", ["effusion unless "]) == [Mention("effusion unless ", 0, 8, "affirmed")]


@given(st.text(alphabet="İß joint effusion.,:", max_size=80))
def test_any_text_can_be_read(text: str) -> None:
    for one in mentions(text, ["effusion unless joint"]):
        assert text[one.start : one.end].lower().startswith("effusion")
