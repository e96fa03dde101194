import hashlib
import random
from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from xhaim.config import RetrieveSettings
from xhaim.records import Chunk, Evidence
from xhaim.retrieve.hybrid import retrieve
from xhaim.task import load_task

TASK = load_task("pleural_effusion")
T = datetime(2150, 1, 1)


def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    """Bags of hashed words: alike texts are near, and nothing needs to be loaded."""
    vectors = np.full((len(texts), 64), 1e-3, dtype=np.float32)
    for row, text in enumerate(texts):
        for word in text.lower().replace(".", " ").split():
            vectors[row, int(hashlib.sha256(word.encode()).hexdigest(), 16) % 64] += 1
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def chunks(*texts: str) -> list[Chunk]:
    """One document a day; the last is the newest."""
    return [
        Chunk(f"d{day:03}:0-{len(text)}", f"d{day:03}", "cxr", "cxr", "", 0, len(text), text, at, at)
        for day, text in enumerate(texts)
        for at in [T + timedelta(days=day)]
    ]


def run(pieces: Sequence[Chunk], **changed: object) -> Evidence:
    return retrieve("s1", TASK, "cxr", pieces, embed, RetrieveSettings(**changed))


LETTERS = ("ab", "cd", "ef", "gh", "ij", "kl", "mn", "op")
DENIALS = [f"No pleural effusion or pneumothorax on film number {letters}." for letters in LETTERS]


def test_the_one_finding_is_seen_among_many_denials_and_a_denial_with_it() -> None:
    finding = "Right costophrenic angle blunting."
    found = run(chunks(finding, *DENIALS))
    assert finding in [one.chunk.text for one in found.chunks]
    assert {one.polarity for one in found.chunks} >= {"affirmed", "negated"}
    plain = run(chunks(finding, *DENIALS), polarity_slots=False)
    assert finding not in [one.chunk.text for one in plain.chunks]


def test_copies_are_shown_once_newest_first_and_the_contrary_is_no_copy() -> None:
    found = run(chunks("Small left pleural effusion.", "No left pleural effusion.", "SMALL left\npleural effusion."))
    assert [(one.chunk.doc_id, one.also_in) for one in sorted(found.chunks, key=lambda one: one.chunk.doc_id)] == [
        ("d001", ()),
        ("d002", ("d000:0-28",)),
    ]
    assert found.considered == 3


def test_what_is_copied_forward_is_hidden_only_where_it_stands_in_what_is_shown() -> None:
    one, two = "Small left pleural effusion is seen at the base.", "Heart is large."
    assert [each.also_in for each in run(chunks(two, f"{one} {two}")).chunks] == [(), ()]  # read otherwise
    (shown,) = run(chunks(one, f"{one} {two}")).chunks
    assert (shown.chunk.doc_id, shown.also_in) == ("d001", (f"d000:0-{len(one)}",))
    assert len(run(chunks(one, one.replace("left", "right"))).chunks) == 2
    assert len(run(chunks(one, f"No {one}")).chunks) == 2


def test_of_two_alike_the_newer_takes_the_last_place_and_the_score_says_nothing_of_it() -> None:
    pieces = chunks(*(f"Nothing of note {letters}." for letters in LETTERS))
    shown = {one.chunk.doc_id for one in run(pieces, recency=1.0).chunks}
    assert shown == {f"d{day:03}" for day in range(3, 8)}
    assert {one.chunk.doc_id for one in run(pieces, recency=0.0).chunks} != shown
    old = run(chunks("There is a pleural effusion.", "Lines."), recency=1.0, top_k_cxr=2)
    assert [one.chunk.doc_id for one in old.chunks] == ["d000", "d001"], "places by worth, order by score"
    for one in old.chunks:
        assert one.score == pytest.approx(0.5 * one.bm25 + 0.5 * one.dense, abs=1e-4)


def test_scores_are_the_hybrid_of_the_named_query() -> None:
    pieces = chunks("There is a pleural effusion.", "The heart is large.", "Lines in place.")
    found = run(pieces, alpha=0.3)
    assert [one.rank for one in found.chunks] == [1, 2, 3]
    for one in found.chunks:
        assert one.score == pytest.approx(0.3 * one.bm25 + 0.7 * one.dense, abs=1e-4)
        query, text = embed([one.query, one.chunk.text])
        assert one.dense == pytest.approx((float(query @ text) + 1) / 2, abs=1e-4)
    assert found.chunks[0].query == "There is a pleural effusion."
    assert found.chunks[0].bm25 == 1
    assert [one.score for one in found.chunks] == sorted((one.score for one in found.chunks), reverse=True)


def test_the_plain_form_is_one_query_and_one_ranking() -> None:
    found = run(chunks(*DENIALS, DENIALS[0]), polarity_slots=False)
    assert {one.query for one in found.chunks} == {" ".join(TASK.anchors)}
    assert len(found.chunks) == 5
    assert all(one.also_in == () for one in found.chunks)


def test_ties_go_to_the_newest_then_document_then_offset() -> None:
    one, two, three = chunks("nothing", "naught", "nil")
    same = [
        Chunk(f"{doc}:{at}-{at + 1}", doc, "cxr", "", "", at, at + 1, "x", T, T)
        for doc, at in [("b", 0), ("a", 5), ("a", 2)]
    ]
    order = [each.chunk.chunk_id for each in run(same, polarity_slots=False).chunks]
    assert order == ["a:2-3", "a:5-6", "b:0-1"]
    flat = run([one, two, three], polarity_slots=False, alpha=1.0)
    assert [each.chunk.doc_id for each in flat.chunks] == ["d002", "d001", "d000"]


def test_what_speaks_against_and_other_people_do_not_take_the_places_of_findings() -> None:
    mortality = load_task("mortality_48h")
    texts = [f"The patient is stable on day {letters}." for letters in LETTERS]
    pieces = chunks("Septic shock on vasopressors.", *texts)
    found = retrieve("s", mortality, "notes", pieces, embed, RetrieveSettings(top_k_notes=4))
    assert "Septic shock on vasopressors." in [one.chunk.text for one in found.chunks]
    (other,) = run(chunks("Mother had a pleural effusion.")).chunks
    assert other.polarity is None


def test_nothing_in_nothing_out() -> None:
    assert run([]) == Evidence("s1", TASK.id, "cxr", (), 0)


WORDS = st.sampled_from(["no", "effusion", "pleural", "possible", "large", "heart", "failure", "clear", "."])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(WORDS, min_size=1, max_size=6).map(" ".join), max_size=12), st.randoms(), st.booleans())
def test_the_order_of_rows_never_matters(texts: list[str], draw: random.Random, slots: bool) -> None:
    pieces = chunks(*texts)
    shuffled = pieces[:]
    draw.shuffle(shuffled)
    found = run(pieces, polarity_slots=slots)
    assert found == run(shuffled, polarity_slots=slots)
    assert len(found.chunks) <= 5
    shown = [one.chunk.chunk_id for one in found.chunks] + [copy for one in found.chunks for copy in one.also_in]
    assert len(set(shown)) == len(shown)
    assert all(0 <= one.score <= 1 for one in found.chunks)
