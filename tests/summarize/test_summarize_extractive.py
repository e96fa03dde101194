from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from xhaim.config import SummarizeSettings
from xhaim.records import Chunk, Evidence, ScoredChunk, Summary
from xhaim.summarize.extractive import VERBATIM, extractive
from xhaim.task import load_task
from xhaim.text.sentences import sentences

TASK = load_task("pleural_effusion")
T = datetime(2150, 1, 1)


def evidence(*texts: str) -> Evidence:
    """Best first; the first is the oldest."""
    scored = []
    for rank, text in enumerate(texts, start=1):
        at = T + timedelta(days=rank)
        chunk = Chunk(f"d{rank}:0-{len(text)}", f"d{rank}", "cxr", "cxr", "", 0, len(text), text, at, at)
        scored.append(ScoredChunk(chunk, 0.5, 0.5, 0.5, rank, "effusion", None))
    return Evidence("s1", TASK.id, "cxr", tuple(scored), len(texts))


def words(text: str) -> int:
    """A tokenizer with two special tokens, and a token for every four letters of a word."""
    return 2 + sum(-(-len(word) // 4) for word in text.split())


def run(found: Evidence, max_tokens: int = 256) -> Summary:
    return extractive(found, TASK, words, SummarizeSettings(max_tokens=max_tokens))


def test_sentences_come_word_for_word_newest_first_with_their_chunks() -> None:
    summary = run(
        evidence("FINDINGS:\nNo pleural\n effusion. Lines in place.", "Small effusion?", "NO PLEURAL EFFUSION.")
    )
    assert [(one.text, one.chunk_ids) for one in summary.sentences] == [
        ("NO PLEURAL EFFUSION.", ("d1:0-47", "d3:0-20")),
        ("Small effusion?", ("d2:0-15",)),
    ]
    assert summary.n_tokens == words(summary.text)
    assert (summary.writer, summary.dropped, summary.modality) == ("extractive", 0, "cxr")


def test_what_names_no_concept_is_left_out() -> None:
    plain = "The lines are in place. The spine is degenerative. ___ year old."
    assert run(evidence(plain)).sentences == ()
    assert [one.text for one in run(evidence(plain, "No effusion.")).sentences] == ["No effusion."]


def test_what_is_said_of_a_relative_alone_is_left_out() -> None:
    found = evidence("Father had a pleural effusion. Mother had none, but the patient has a pleural effusion.")
    kept = [one.text for one in run(found).sentences]
    assert "Father had a pleural effusion." not in kept


def test_what_names_a_concept_goes_first_one_of_each_chunk_in_turn() -> None:
    found = evidence(
        "The lines are in place. Pleural effusion one. Pleural effusion two.", "Degenerative spine. No effusion three."
    )
    assert run(found, max_tokens=16).text == "No effusion three. Pleural effusion one."
    assert "effusion two" in run(found, max_tokens=24).text
    assert "spine" not in run(found, max_tokens=24).text


def test_a_sentence_that_alone_is_too_long_is_cut_between_words() -> None:
    summary = run(evidence("effusion " * 200), max_tokens=16)
    assert summary.text == " ".join(["effusion"] * 7)
    assert summary.n_tokens == 16
    assert run(evidence("x" * 500), max_tokens=16).sentences == ()


def test_no_evidence_no_sentences() -> None:
    assert run(evidence()) == Summary("s1", TASK.id, "cxr", (), 2, "extractive", 0, VERBATIM)


TEXT = st.lists(
    st.sampled_from(
        ["No effusion. ", "FINDINGS: ", "Possible pleural effusion ", "on the left", ". ", "\n", "- ", "3.5 cm", "..."]
    ),
    max_size=20,
).map("".join)


@settings(deadline=None)
@given(st.lists(TEXT, max_size=6), st.integers(16, 80))
def test_every_sentence_stands_in_the_chunks_it_cites_and_the_whole_fits(texts: list[str], budget: int) -> None:
    found = evidence(*texts)
    summary = run(found, budget)
    by_id = {one.chunk.chunk_id: one.chunk.text for one in found.chunks}
    assert summary.n_tokens == words(summary.text) <= budget
    whole = [
        {" ".join(text[start:end].split()).casefold() for start, end in sentences(text)} for text in by_id.values()
    ]
    for one in summary.sentences:
        assert one.chunk_ids
        for chunk_id in one.chunk_ids:
            assert one.text.casefold() in " ".join(by_id[chunk_id].split()).casefold()
        assert len(summary.sentences) == 1 or any(one.text.casefold() in pieces for pieces in whole)
    assert len({one.text.casefold() for one in summary.sentences}) == len(summary.sentences)
