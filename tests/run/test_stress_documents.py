"""Perturbed notes: what each edit writes, what it must leave, and that its control does not leave it."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xhaim.config import RetrieveSettings
from xhaim.modality.concepts import concept_features
from xhaim.modality.documents import modality_of
from xhaim.records import Document
from xhaim.retrieve.chunk import chunk
from xhaim.run.stress_additions import flood, irrelevant, relevant
from xhaim.run.stress_documents import moved_between, nothing, reordered, typos, typos_in_concepts
from xhaim.run.stress_facts import facts, terms_of
from xhaim.run.stress_paraphrase import otherwise, paraphrased, turned_round
from xhaim.task import load_task

TASK = load_task("pleural_effusion")
T = datetime(2150, 1, 10, 12)
REPORT = """EXAMINATION: CHEST (PORTABLE AP).
INDICATION: Pt with shortness of breath, evaluate for pneumonia.
FINDINGS: There is a small left pleural effusion, unchanged. No evidence of pneumothorax. The heart
is mildly enlarged. Endotracheal tube ends 4.5 cm above the carina. The patient was examined upright.
IMPRESSION: Persistent small effusion. No pulmonary edema is seen.
"""
KEEPING = {"typos": partial(typos, share=0.6), "order": reordered, "paraphrase": paraphrased, "irrelevant": irrelevant}
CONTROLS = {
    "typos": partial(typos_in_concepts, share=0.6), "order": moved_between, "paraphrase": turned_round,
    "irrelevant": relevant,
}  # fmt: skip


def note(text: str, hours: float = 20, name: str = "r:1") -> Document:
    when = T - timedelta(hours=hours)
    return Document(name, "radiology", "Radiology: CHEST (PORTABLE AP)", text, when, when, None, None, name)


def readings(documents) -> list[float]:
    """The concepts block of the whole documents, without how long ago."""
    chunks = [one for d in documents for one in chunk(d, modality_of(d), RetrieveSettings(overlap_sentences=0))]
    row = concept_features(TASK, chunks, T)
    return [value for at, value in enumerate(row) if at % 5 < 3]


sentence = st.sampled_from(
    [line.strip() for line in REPORT.replace("\n", " ").split(".") if line.strip()]
    + ["Pleural effusion has resolved", "no PNA, s/p CABG", "Mother had effusions", "w/o effusion", "pl effusion b/l",
       "Right effusion cannot be excluded", "There is no effusion", "Blunting of the left costophrenic angle"]
)  # fmt: skip
reports = st.lists(sentence, min_size=1, max_size=12).map(lambda lines: ". ".join(lines) + ".")


@pytest.mark.parametrize("edit", KEEPING.values(), ids=KEEPING.keys())
@given(texts=st.lists(reports, min_size=1, max_size=3))
def test_what_keeps_the_facts_leaves_every_reading_and_number(edit, texts):
    documents = [note(text, hours, f"r:{hours}") for hours, text in enumerate(texts, start=1)]
    edited = edit(documents, TASK, T)
    assert readings(edited.documents) == readings(documents)
    for before, after in zip(documents, edited.documents, strict=True):
        assert facts(after.text, terms_of(TASK)) == facts(before.text, terms_of(TASK))
        assert (after.doc_id, after.time, after.known_at) == (before.doc_id, before.time, before.known_at)
    assert edit(documents[::-1], TASK, T).documents == edited.documents[::-1]  # each by its own text


@given(st.text(max_size=300))
def test_hostile_text_breaks_nothing(text):
    documents = [note(text), note(REPORT, 2, "r:2")]
    for edit in (*KEEPING.values(), *CONTROLS.values(), nothing, partial(flood, times=2)):
        edited = edit(documents, TASK, T)
        assert len(edited.documents) >= len(documents)
        assert edit(documents, TASK, T) == edited


@pytest.mark.parametrize("name", KEEPING)
def test_controls_edit_as_much_and_change_the_facts(name):
    documents = [note(REPORT), note(REPORT.replace("small left", "large right"), 30, "r:2"), note(REPORT * 3, 3, "r:3")]
    kept, control = KEEPING[name](documents, TASK, T), CONTROLS[name](documents, TASK, T)
    assert kept.made > 0
    assert 0 < control.made <= kept.made
    assert control.documents != tuple(documents)
    if name == "order":  # what is said stays; when it was said does not
        assert control.made <= kept.made
        before = Counter(line for one in documents for line in one.text.split(". "))
        assert Counter(line for one in control.documents for line in one.text.split(". ")) != before
    else:
        assert readings(control.documents) != readings(documents)


def test_typing_errors_spare_concepts_denials_and_sides():
    long = "No pleural effusion. Bilateral hyperinflation without pneumothorax. Interstitial markings increased. " * 20
    edited = typos([note(long)], TASK, T, share=0.9)
    words = edited.documents[0].text.replace(".", "").lower().split()
    assert edited.made >= 3
    for word, times in {"pleural": 20, "effusion": 20, "no": 20, "bilateral": 20, "without": 20}.items():
        assert words.count(word) == times
    assert edited.made == sum(a != b for a, b in zip(words, long.replace(".", "").lower().split(), strict=True))


def test_a_copied_sentence_is_mistyped_the_same_way_in_every_copy():
    line = "Interstitial markings of both hemithoraces increased considerably since yesterday evening."
    several = [note(f"{line} Number {n}.", n, f"r:{n}") for n in range(1, 6)]
    texts = {one.text.split(".")[0] for one in typos(several, TASK, T).documents}
    assert len(texts) == 1


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("No evidence of pneumothorax.", "Pneumothorax is absent."),
        ("There is no pneumothorax.", "No pneumothorax is seen."),
        ("No pleural effusion is seen.", "There is no pleural effusion."),
        ("There is a small effusion.", "Small effusion is present."),
        ("No effusion.", "Effusion: none."),
        ("CHF is absent.", "There is no evidence of CHF."),
        ("Pt s/p CABG w/o SOB.", "Patient status post CABG without shortness of breath."),
        (
            "Compared to the prior film, probably\nunchanged.",
            "In comparison with the previous film, likely\nunchanged.",
        ),
        ("Lactate 4.2.", "Lactate 4.2."),
    ],
)
def test_the_grammar_of_paraphrases(before, after):
    assert otherwise(before)[0] == after
    assert (otherwise(before)[1] > 0) == (before != after)


def test_a_paraphrase_that_would_be_read_otherwise_is_undone(monkeypatch):
    monkeypatch.setattr("xhaim.run.stress_paraphrase.otherwise", lambda text: (text.replace("No ", "Some "), 1))
    edited = paraphrased([note("No pleural effusion. No fracture.")], TASK, T)
    assert edited.documents[0].text == "No pleural effusion. Some fracture."
    assert (edited.made, edited.undone) == (1, 1)


def test_opposites():
    documents = [note("There is a left pleural effusion. No evidence of pneumothorax. The bones are intact.")]
    edited = turned_round(documents, TASK, T)
    assert edited.made == 1
    assert edited.documents[0].text.startswith("There is no ")
    assert "The bones are intact." in edited.documents[0].text
    denied = turned_round([note("No evidence of pleural effusion.")], TASK, T)
    assert denied.documents[0].text == "There is pleural effusion."


def test_sentences_stay_in_their_section_when_they_change_places():
    edited = reordered([note(REPORT)], TASK, T)
    assert edited.made >= 2
    impression = edited.documents[0].text.split("IMPRESSION:")[1]
    assert set(impression.strip().removesuffix(".").split(". ")) == {
        "Persistent small effusion", "No pulmonary edema is seen",
    }  # fmt: skip


def test_what_is_beside_the_point_and_what_is_not_stand_in_the_same_places():
    document = note(REPORT)
    beside, to_the_point = (edit([document], TASK, T).documents[0].text for edit in (irrelevant, relevant))
    assert beside.count("The patient ") == REPORT.count("The patient ") + 2
    assert to_the_point.count("There is ") == REPORT.count("There is ") + 2
    firsts = [text.find(mark) for text, mark in ((beside, " The patient "), (to_the_point, " There is "))]
    assert firsts[0] > 0
    assert [line for line in beside.splitlines() if line in REPORT] == [
        line for line in to_the_point.splitlines() if line in REPORT
    ]


@pytest.mark.parametrize("newest", [False, True])
@pytest.mark.parametrize("gap", [timedelta(hours=5), timedelta(microseconds=1)])
def test_a_flood_is_of_the_past_and_newer_than_all_else(gap, newest):
    documents = [note(f"Note {n}.", 1000 - n, f"r:{n}") for n in range(7)]
    last = documents[-1]
    documents[-1] = Document(*(getattr(last, name) for name in ("doc_id", "kind", "title", "text")), T - gap, T - gap)
    edited = flood(documents, TASK, T, times=3, newest=newest)
    copies = edited.documents[7:]
    assert edited.documents[:7] == tuple(documents)
    assert edited.made == len(copies) == 3
    assert {one.text for one in copies} == {"Note 6." if newest else "Note 0."}
    assert all(T - gap <= one.known_at < T and one.time == one.known_at for one in copies)
    assert len({one.doc_id for one in edited.documents}) == 10


def test_nobody_without_documents_is_flooded():
    for edit in (*KEEPING.values(), *CONTROLS.values(), partial(flood, times=2)):
        assert edit([], TASK, T).documents == ()
