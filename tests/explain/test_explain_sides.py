"""Which evidence is shown, on which side, and in what words: passages, values, labels and images."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from explain_cases import (
    CLEAR,
    FACTS,
    FILM,
    NOW,
    SETTINGS,
    TASK,
    Additive,
    document,
    evidence_of,
    explained,
    record,
    scored,
    texts,
    value,
)

from xhaim.explain.compose import explain
from xhaim.explain.facts import Films
from xhaim.explain.quotes import sides_of
from xhaim.explain.verify import verify
from xhaim.records import Image
from xhaim.task import load_task


def test_words_that_disagree_with_the_effect_are_pointed_out():
    clear = document("r1", "cxr", CLEAR, 46)
    chunk = scored(clear, "cxr", "negated")
    explanation = explained(record([clear]), [chunk], Additive({chunk.chunk.chunk_id: 0.1}))
    assert texts(explanation, "for") == []
    assert texts(explanation, "against")[0].endswith(
        "yet without this passage the risk would be 61 % (-10 points), which is not what its words say."
    )


def test_a_passage_is_quoted_by_all_that_it_says_and_by_sides():
    text = "Large pleural effusion. Bowel gas. Blunting of the costophrenic angle. The patient has heart failure now."
    both = document("both", "cxr", f"{text} No pleural effusion on the left.", 9)
    chunk = scored(both, "cxr", "affirmed")
    explanation = explained(record([both]), [chunk], Additive({chunk.chunk.chunk_id: 0.2}))
    end = "without this passage, which speaks for and against, the risk would be 51 % (-20 points)."
    assert texts(explanation, "for") == [
        'The chest X-ray report of 25 Jul 19:10 (9 h before) says "Large pleural effusion.", "Blunting of the '
        f'costophrenic angle." and "The patient has heart failure now."; {end}'
    ]
    assert texts(explanation, "against") == [
        'The chest X-ray report of 25 Jul 19:10 (9 h before) says "No pleural effusion on the left."; ' + end
    ]
    assert [both.text[one.start : one.end] for one in explanation.citations] == [
        one.quote for one in explanation.citations
    ]
    assert [one.markers for one in explanation.statements if one.role in ("for", "against")] == [(1, 2, 3), (4,)]


def test_words_copied_behind_a_few_others_are_one_piece():
    first = document("a", "cxr", "There is a large pleural effusion.", 9)
    copied = document("b", "discharge", "CXR ___: There is a large pleural effusion.", 5)
    other = document("c", "echo", "We saw in all views that there is a large pleural effusion.", 5)
    chunks = [scored(first, "cxr", "affirmed"), scored(copied, "notes", "affirmed"), scored(other, "notes", "affirmed")]
    explanation = explained(record([first, copied, other]), chunks, Additive({}))
    assert [one.source_id for one in explanation.citations] == ["b", "c"]


def test_words_on_the_finding_keep_places_that_others_would_crowd():
    said = [document(f"d{n}", "cxr", f"A pleural effusion of size {n}.", 40 + n) for n in range(4)]
    other = [document(f"h{n}", "nursing", f"Heart failure of grade {n}.", 20 + n) for n in range(5)]
    chunks = [scored(one, "cxr", "affirmed", n) for n, one in enumerate([*other, *said])]
    model = Additive({one.chunk.chunk_id: 0.05 - n / 1000 for n, one in enumerate(chunks[:5])})
    explanation = explained(record([*said, *other]), chunks, model)
    assert [one.source_id for one in explanation.citations] == ["h0", "h1", "d0", "d1", "d2"]


def test_the_newest_denials_have_places_though_older_ones_moved_the_risk_more():
    said = [document(f"d{n}", "cxr", f"No pleural effusion on film {n}.", 10 + n) for n in range(5)]
    chunks = [scored(one, "cxr", "negated", n) for n, one in enumerate(said)]
    model = Additive({one.chunk.chunk_id: -0.01 * (1 + n) for n, one in enumerate(chunks)})
    explanation = explained(record(said), chunks, model)
    assert [one.source_id for one in explanation.citations] == ["d4", "d1", "d0"]


def test_passages_that_disagree_with_their_words_come_last_and_none_is_kept_silent():
    said = [document(f"d{n}", "cxr", f"No pleural effusion on film {n}.", 40 + n) for n in range(5)]
    chunks = [scored(one, "cxr", "negated", n) for n, one in enumerate(said)]
    model = Additive({one.chunk.chunk_id: 0.1 if n < 3 else -0.1 for n, one in enumerate(chunks)})
    explanation = explained(record(said), chunks, model)
    against = texts(explanation, "against")
    assert ["not what its words say" in text for text in against] == [False, False, True]
    assert "Other passages move the risk otherwise than their words say." in texts(explanation, "limits")
    assert len(explanation.citations) == 5


def test_a_value_that_moves_the_risk_a_tenth_of_the_greatest_is_left_out_and_an_image_is_not():
    film = document("r2", "cxr", FILM, 22)
    chunk = scored(film, "cxr", "affirmed")
    chart = record([film], [value("spo2", "Oxygen saturation", 97, "%", 1)], image=True)
    effects = {chunk.chunk.chunk_id: 0.3, chart.measurements[0].measurement_id: 0.029, "image": 0.029}
    explanation = explained(chart, [chunk], Additive(effects))
    assert [one.kind for one in explanation.citations] == ["span", "image"]
    effects[chart.measurements[0].measurement_id] = 0.031
    explanation = explained(chart, [chunk], Additive(effects))
    assert [one.kind for one in explanation.citations] == ["span", "measurement", "image"]


def test_a_report_of_an_earlier_admission_says_so():
    film = replace(document("r2", "cxr", FILM, 999), hadm_id=4)
    said = texts(explained(record([film]), [scored(film, "cxr", "affirmed")], Additive({})), "for")
    assert ", of an earlier admission, says " in said[0]
    film = replace(film, hadm_id=5)
    said = texts(explained(record([film]), [scored(film, "cxr", "affirmed")], Additive({})), "for")
    assert "earlier admission" not in said[0]


def test_for_a_course_words_of_an_earlier_admission_count_only_where_they_move_the_risk_as_they_speak():
    """Death within 48 hours: what was written weeks ago says nothing of today, unless the model was seen to use it."""
    task = load_task("mortality_48h")
    words = ["Septic shock.", "Multiorgan failure.", "On vasopressors.", "Intubated."]
    notes = [replace(document(f"d{n}", "discharge", text, 900 + n), hadm_id=4) for n, text in enumerate(words)]
    notes[3] = replace(notes[3], hadm_id=5)
    chunks = [scored(one, "notes", "affirmed", n) for n, one in enumerate(notes)]
    model = Additive({chunks[0].chunk.chunk_id: 0.1, chunks[1].chunk.chunk_id: -0.1})
    found = explained(record(notes), chunks, model, task=task)
    by_marker = {one.marker: one.source_id for one in found.citations}
    sides = {
        role: [by_marker[one.markers[0]] for one in found.statements if one.role == role] for role in ("for", "against")
    }
    assert sides == {"for": ["d0", "d3"], "against": []}
    assert "Other passages move the risk otherwise than their words say." in texts(found, "limits")


def test_what_is_spoken_of_as_past_takes_no_side():
    past = document("h", "discharge", "History of pleural effusion.", 30)
    chunk = scored(past, "notes", "affirmed")
    assert not texts(explained(record([past]), [chunk], Additive({})), "for")
    moved = explained(record([past]), [chunk], Additive({chunk.chunk.chunk_id: 0.2}))
    assert len(texts(moved, "for")) == 1


def test_the_label_of_an_earlier_film_is_measured_where_no_passage_tells_of_it():
    """Films 8 and 7 are labelled; the report of 8 is a passage, whose removal takes its label out as well."""
    new, old = (
        replace(document("new", "cxr", FILM, 22), study_id=8),
        replace(document("old", "cxr", CLEAR, 99), study_id=7),
    )
    late = replace(document("late", "cxr", FILM, -1), study_id=6)
    films = Films({8: 1.0, 7: 0.0, 6: 1.0, 5: 1.0})

    def model(removals):
        return [0.71 + 0.1 * (7 in one.study_ids) for one in removals]

    evidence, summaries = evidence_of([scored(new, "cxr", "affirmed")])
    facts = replace(FACTS, films=films)
    found = explain(record([new, old, late]), TASK, evidence, summaries, facts, model, SETTINGS, simulated=True)
    assert texts(found, "against") == [
        'The chest X-ray report of 22 Jul 01:10 (4 days before) says "No pleural effusion or pneumothorax.", and its '
        "film is labelled negative; without that label the risk would be 81 % (+10 points)."
    ]
    assert {one.source_id for one in found.citations} == {"new", "old"}


def test_the_images_say_what_was_read_and_each_has_its_own_effect():
    before = Image("i0", "y.jpg", "PA", NOW - timedelta(hours=50), NOW - timedelta(hours=50), 8)
    chart = record([], [], image=True)
    chart = replace(chart, images=(before, *chart.images))
    facts = replace(FACTS, films=Films(earlier=before, score=0.714))

    def model(removals):
        return [0.71 - 0.2 * one.image + 0.1 * one.earlier_image for one in removals]

    found = explain(chart, TASK, *evidence_of([]), facts, model, SETTINGS, simulated=True)
    assert texts(found, "for") == [
        "A small network fitted on the training images, not a radiologist, read the index chest X-ray of 26 Jul 04:10 "
        "and gave it a score of 0.71 (not calibrated) for the finding; without its reading the risk would be 51 % "
        "(-20 points)."
    ]
    assert texts(found, "against") == [
        "A small network fitted on the training images, not a radiologist, read the earlier chest X-ray of 24 Jul "
        "02:10; without its reading the risk would be 81 % (+10 points)."
    ]
    assert not verify(found, chart, task=TASK)
    forged = replace(found, image_score=0.9)
    assert {one.kind for one in verify(forged, chart, task=TASK)} == {"number"}


@pytest.mark.parametrize(
    ("words", "side"),
    [
        ("The heart is mildly enlarged.", {"for"}),
        ("The heart size remains enlarged.", {"for"}),
        ("The cardiac silhouette appears enlarged.", {"for"}),
        ("Globular configuration of the heart.", {"for"}),
        ("The heart is normal.", {"against"}),
        ("The heart is not\nsignificantly enlarged.", {"against"}),
        ("The heart and mediastinum are within normal limits.", {"against"}),
        ("Heart size normal.", {"against"}),
        ("The heart is not clearly enlarged.", set()),
        ("The heart is at the upper limits of normal.", set()),
        ("Borderline heart size.", set()),
        ("The heart is normal in rate and rhythm.", set()),
    ],
)
def test_which_side_the_words_of_a_report_take_for_cardiomegaly(words, side):
    assert sides_of(words, load_task("cardiomegaly")) == side
