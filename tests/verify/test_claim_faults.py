"""What the benchmark of claims puts into sentences: faults that no evidence holds; rewordings that are true."""

import pytest
from benchmarks.claims_faults import KINDS, dated, faulted
from benchmarks.claims_rewordings import reworded
from benchmarks.claims_sources import Truth
from benchmarks.claims_training_grammar import corrupted, turned

from xhaim.verify.check import stands_in

EVIDENCE = "The lungs are clear. There is a mild left pleural effusion of 12 mm, which has increased since 3/14/2020."
OTHERS = [
    Truth("made", "b", 0, "Colonoscopy showed diverticula near the sigmoid.", "Colonoscopy showed diverticula.", ""),
    Truth("made", "a", 9, "Warfarin was stopped before dental extraction.", "Warfarin was stopped.", ""),
]
TRUTH = Truth("made", "a", 1, EVIDENCE.split(". ", 1)[1], EVIDENCE, EVIDENCE)


@pytest.mark.parametrize("kind", KINDS)
def test_each_fault_changes_the_sentence_or_what_it_cites(kind):
    found = faulted(TRUTH, kind, OTHERS)
    assert found is not None
    sentence, evidence = found
    assert (sentence, evidence) != (TRUTH.sentence, TRUTH.evidence)
    assert not stands_in(sentence, [evidence])
    assert faulted(TRUTH, kind, OTHERS) == found


def test_a_day_is_put_before_both():
    one = dated(TRUTH)
    assert one.sentence.endswith(TRUTH.sentence)
    assert one.sentence in one.evidence
    assert one.sentence != TRUTH.sentence


def test_rewordings_are_other_words_and_always_the_same():
    told = reworded("He has hypertension and shortness of breath.", "key")
    assert told == reworded("He has hypertension and shortness of breath.", "key")
    assert told is not None
    assert "hypertension" not in told or "shortness of breath" not in told
    assert reworded("Nothing here can be turned.", "x") is None


@pytest.mark.parametrize("kind", ["side", "severity", "trend", "negation", "number"])
def test_the_training_faults_are_faults_too(kind):
    found = corrupted(TRUTH, kind, OTHERS, kind)
    assert found is not None
    assert not stands_in(found[0], [found[1]])
    assert turned(found[0], "k") == turned(found[0], "k")
