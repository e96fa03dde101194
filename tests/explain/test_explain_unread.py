"""What the record says of the question and the model did not read is shown, and said to be so."""

from __future__ import annotations

from dataclasses import replace

from explain_cases import FACTS, NOW, Additive, document, explained, record, scored, texts

from xhaim.explain.facts import Films, Removal
from xhaim.explain.unread import unread
from xhaim.explain.verify import verify
from xhaim.task import load_task

TASK = load_task("pleural_effusion")


def test_a_newer_denial_that_the_model_did_not_read_stands_against():
    film = document("r1", "cxr", "Large pleural effusion.", 30)
    newer = document("n1", "nursing", "Lungs clear. No pleural effusion on ultrasound.", 3)
    chunk = scored(film, "cxr", "affirmed")
    model = Additive({chunk.chunk.chunk_id: 0.2})
    explanation = explained(record([film, newer]), [chunk], model)
    assert texts(explanation, "against") == [
        'The nursing note of 26 Jul 01:10 (3 h before) says "No pleural effusion on ultrasound."; the model did not '
        "read these words, and its risk does not know of them."
    ]
    [citation] = [one for one in explanation.citations if one.source_id == "n1"]
    assert (citation.effect, citation.effect_reason) == (None, "the model did not read these words")
    assert verify(explanation, record([film, newer]), task=TASK) == []
    assert not any("n1" in str(removal) for batch in model.batches for removal in batch)
    assert not any("not known" in text for text in texts(explanation, "limits"))


def test_it_is_in_no_joint_removal():
    film = document("r1", "cxr", "Large pleural effusion.", 30)
    newer = document("n1", "nursing", "There is a left pleural effusion.", 3)
    chunk = scored(film, "cxr", "affirmed")
    explanation = explained(record([film, newer]), [chunk], Additive({chunk.chunk.chunk_id: 0.4}))
    cited = {marker for one in explanation.statements if one.role == "change" for marker in one.markers}
    assert len(texts(explanation, "for")) == 2
    assert cited == {one.marker for one in explanation.citations if one.source_id == "r1"}


def test_what_is_late_past_doubtful_of_another_admission_or_said_already_is_not_added():
    film = document("r1", "cxr", "There is a large pleural effusion.", 30)
    others = [
        replace(document("late", "nursing", "Moderate pleural effusion.", 1), known_at=NOW),
        document("past", "nursing", "History of pleural effusion.", 3),
        document("doubt", "nursing", "Possible small pleural effusion.", 3),
        replace(document("before", "nursing", "Small pleural effusion.", 3000), hadm_id=4),
        document("again", "nursing", "CXR today: There is a large pleural effusion.", 3),
    ]
    chunk = scored(film, "cxr", "affirmed")
    explanation = explained(record([film, *others]), [chunk], Additive({chunk.chunk.chunk_id: 0.2}))
    assert {one.source_id for one in explanation.citations} == {"r1"}


def test_nothing_but_what_the_model_did_not_read():
    newer = document("n1", "nursing", "No pleural effusion.", 3)
    model = Additive({})
    explanation = explained(record([newer]), [], model)
    assert len(texts(explanation, "against")) == 1
    assert model.batches == []
    assert explanation.faithfulness is None
    assert explanation.risk == FACTS.risk
    assert texts(explanation, "change") == []


def test_the_newest_of_many_and_each_wording_once():
    notes = [document(f"n{n}", "nursing", f"There is a pleural effusion of {n} cm.", 3 + n) for n in range(6)]
    copy = document("copy", "nursing", "There is a pleural effusion of 1 cm.", 40)
    explanation = explained(record([*notes, copy]), [], Additive({}))
    assert [one.source_id for one in explanation.citations] == ["n0", "n1", "n2"]


def test_a_note_of_millions_of_characters_is_read_to_its_end():
    long = document("long", "nursing", "The patient slept well and ate. " * 100_000 + "There is a pleural effusion.", 3)
    explanation = explained(record([long]), [], Additive({}))
    [citation] = explanation.citations
    assert (citation.quote, citation.end) == ("There is a pleural effusion.", len(long.text))


def test_of_a_film_whose_label_is_an_input_the_model_knows_that_much():
    report = replace(document("r1", "cxr", "No pleural effusion.", 30), study_id=7)
    films = Films(labels={7: 0.0}, earlier=None, score=None)
    chart = record([report])
    [piece] = unread(chart, TASK, films, [])
    assert (piece.source.label, piece.removal) == (0.0, Removal())
    newer = [replace(document(f"f{n}", "cxr", f"Effusion of {n} cm.", n), study_id=10 + n) for n in range(1, 4)]
    facts = replace(FACTS, films=Films({7: 0.0, 11: 1.0, 12: 1.0, 13: 1.0}, None, None))
    explanation = explained(record([report, *newer]), [], Additive({}), facts)
    assert texts(explanation, "against") == [
        'The chest X-ray report of 24 Jul 22:10 (30 h before) says "No pleural effusion.", and its film is labelled '
        "negative; the model did not read these words, but for the label of their film."
    ]
