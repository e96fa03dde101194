from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from xhaim.config import RetrieveSettings
from xhaim.records import Document
from xhaim.retrieve.chunk import chunk

T = datetime(2150, 1, 1)


def document(text: str) -> Document:
    return Document("note-1", "radiology", "Radiology", text, T, T)


def test_chunks_follow_sections_and_carry_exact_offsets() -> None:
    text = "Portable film.\nINDICATION: Dyspnea.\nFINDINGS: There is an effusion. No pneumothorax.\n"
    found = chunk(document(text), "cxr", RetrieveSettings())
    assert [(one.section, one.text) for one in found] == [
        ("", "Portable film."),
        ("INDICATION", "INDICATION: Dyspnea."),
        ("FINDINGS", "FINDINGS: There is an effusion. No pneumothorax."),
    ]
    assert [one.chunk_id for one in found] == [f"note-1:{one.start}-{one.end}" for one in found]
    assert {(one.doc_id, one.modality, one.kind, one.known_at) for one in found} == {("note-1", "cxr", "radiology", T)}


def test_long_sections_are_cut_between_sentences_with_one_of_overlap() -> None:
    text = " ".join(f"Sentence {word} has five words." for word in ("one", "two", "three", "four", "five"))
    found = chunk(document(text), "notes", RetrieveSettings(max_words=12, overlap_sentences=1))
    assert [one.text for one in found] == [
        "Sentence one has five words. Sentence two has five words.",
        "Sentence two has five words. Sentence three has five words.",
        "Sentence three has five words. Sentence four has five words.",
        "Sentence four has five words. Sentence five has five words.",
    ]


def test_a_giant_sentence_is_cut_between_words() -> None:
    text = " ".join(f"w{n}" for n in range(25))
    found = chunk(document(text), "notes", RetrieveSettings(max_words=10))
    assert [len(one.text.split()) for one in found] == [10, 10, 5]
    assert " ".join(one.text for one in found) == text


WORDS = st.sampled_from(
    ["FINDINGS:", "\n\nIMPRESSION:\n", "effusion", "is", "small.", "No", "- item", "\n", "1.", "___", "Ä."]
)


@given(
    st.lists(WORDS, max_size=80).map(" ".join) | st.text(max_size=200),
    st.integers(8, 30),
    st.integers(0, 3),
)
def test_every_character_lies_in_a_chunk_that_is_short_enough(text: str, max_words: int, overlap: int) -> None:
    found = chunk(document(text), "notes", RetrieveSettings(max_words=max_words, overlap_sentences=overlap))
    assert all(text[one.start : one.end] == one.text for one in found)
    assert all(0 < len(one.text.split()) <= max_words for one in found)
    covered = {at for one in found for at in range(one.start, one.end)}
    assert all(text[at].isspace() or at in covered for at in range(len(text)))
    assert len({one.chunk_id for one in found}) == len(found)
