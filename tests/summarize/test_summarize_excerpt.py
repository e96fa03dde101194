"""Which sentences of the evidence a prompt shows, and that nothing else supports what a model writes."""

import json
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from xhaim.config import SummarizeSettings
from xhaim.errors import BackendError
from xhaim.llm.fence import without_marks
from xhaim.llm.scripted import ScriptedModel
from xhaim.records import Chunk, Evidence, ScoredChunk
from xhaim.summarize.excerpt import LEFT_OUT, Piece, excerpts
from xhaim.summarize.generative import generative
from xhaim.summarize.mood import statements, states
from xhaim.task import load_task

TASK = load_task("pleural_effusion")
T = datetime(2150, 1, 1)
DAY = timedelta(days=1)


def chunks(*texts: str) -> list[Chunk]:
    """Chunks of one document each, the best first and the newest last."""
    return [
        Chunk(f"d{n}:0-9", f"d{n}", "cxr", "cxr", "", 0, len(text), text, T + n * DAY, T + n * DAY)
        for n, text in enumerate(texts, 1)
    ]


def shown(*texts: str, words: int = 120) -> list[tuple[int, tuple[str, ...]]]:
    return [(one.number, one.lines) for one in excerpts(chunks(*texts), texts, TASK, words)]


REPORT = """EXAMINATION: CHEST (PA AND LAT)

INDICATION: Cough.

FINDINGS:
The lines are in place. There is a small left
pleural effusion. It has grown. The bones are intact. Increasing blunting of the left costophrenic sulcus.

IMPRESSION: Nothing new."""


def test_of_a_report_the_sentences_that_bear_on_the_question_are_shown_under_their_heading() -> None:
    told = ("FINDINGS:", LEFT_OUT, "There is a small left pleural effusion.", LEFT_OUT)
    assert shown(REPORT) == [(1, (*told, "Increasing blunting of the left costophrenic sulcus."))]


def test_what_stands_together_in_the_text_has_no_mark_between() -> None:
    assert shown("Left effusion. No thoracentesis. Sodium was normal today. Heart failure.") == [
        (1, ("Left effusion.", "No thoracentesis.", LEFT_OUT, "Heart failure."))
    ]


def test_a_sentence_of_several_chunks_is_shown_once_where_it_is_newest() -> None:
    old = "No pleural effusion. Heart failure is seen."
    assert shown(old, "Lines in place. no  pleural\neffusion.") == [
        (1, ("Heart failure is seen.",)),
        (2, ("no pleural effusion.",)),
    ]


def test_of_a_chunk_in_which_nothing_bears_on_it_the_first_words_are_shown() -> None:
    bearing, other = "Left effusion.", "The condition has got worse. " + "It is so and so and so and so. " * 3
    assert shown(bearing, other)[1] == (2, ("The condition has got worse.", "It is so and so and so and so."))
    long = "He " + "walked and " * 40 + "slept."
    assert shown(bearing, long) == [(1, (bearing,)), (2, (long,))]
    assert shown(bearing, long, words=60) == [(1, (bearing,))]
    assert shown("", "Lungs are clear.") == [(2, ("Lungs are clear.",))]
    assert shown("", "") == []


def test_of_a_relative_nothing_is_shown_as_of_the_patient() -> None:
    assert shown("Left effusion. Her mother had heart failure.") == [(1, ("Left effusion.",))]


def test_concepts_go_first_one_of_each_chunk_in_turn_within_the_words() -> None:
    many = " ".join(f"Effusion number {n} was seen here." for n in "abcdefgh")
    sign = "The costophrenic sulcus is not seen on this film."
    found = shown(f"{sign} {many}", "Moderate right pleural effusion was seen.", words=20)
    assert found == [
        (1, (f"Effusion number {'a'} was seen here.", "Effusion number b was seen here.")),
        (2, ("Moderate right pleural effusion was seen.",)),
    ]
    assert shown("word " * 200 + "effusion.", words=20)[0][1] == ("word " * 200 + "effusion.",)


def test_what_follows_words_to_a_reader_is_not_shown_without_them() -> None:
    text = "Left effusion. The final text is as follows. No effusion.\n\nHeart failure."
    assert shown(text) == [(1, ("Left effusion.", LEFT_OUT, "Heart failure."))]


def evidence(*texts: str) -> Evidence:
    scored = tuple(ScoredChunk(one, 0.5, 0.5, 0.5, n, "q", None) for n, one in enumerate(chunks(*texts), 1))
    return Evidence("s1", TASK.id, "cxr", scored, len(texts))


def written(
    texts: tuple[str, ...], *told: tuple[str, list[int]], words: int = 120
) -> list[tuple[str, tuple[str, ...]]]:
    answer = json.dumps({"sentences": [{"text": text, "chunks": numbers} for text, numbers in told]})
    settings = SummarizeSettings(shown_words=words)
    summary = generative(evidence(*texts), TASK, ScriptedModel([answer] * 2), lambda one: len(one.split()), settings)
    return [(one.text, one.chunk_ids) for one in summary.sentences]


def test_what_is_not_shown_supports_nothing() -> None:
    texts = ("There is a left effusion. The sodium was 128 mmol/l.",)
    good = ("There is a left effusion.", [1])
    assert written(texts, good, ("The sodium was 128 mmol/l.", [1])) == [(good[0], ("d1:0-9",))]
    assert "128" not in prompt_of(*texts)
    with pytest.raises(BackendError, match="no usable summary"):
        written(texts, ("The sodium was 128 mmol/l.", [1]))


def test_a_chunk_of_which_nothing_is_shown_cannot_be_cited_and_the_others_keep_their_numbers() -> None:
    texts = ("There is a left effusion.", "There is a left effusion.", "Heart failure.")
    assert [one.number for one in excerpts(chunks(*texts), texts, TASK, 120)] == [2, 3]
    told = written(
        texts, ("There is a left effusion.", [1]), ("Heart failure.", [3]), ("There is a left effusion.", [2])
    )
    assert told == [("Heart failure.", ("d3:0-9",)), ("There is a left effusion.", ("d2:0-9",))]


def test_to_cite_what_is_not_shown_costs_no_more_than_that_sentence() -> None:
    texts = ("There is a left effusion.", *["There is a left effusion."] * 4)
    told = written(texts, ("A left effusion.", [1, 2, 3, 4, 5]), ("There is a left effusion.", [5]))
    assert told == [("There is a left effusion.", ("d5:0-9",))]


def test_what_was_not_shown_still_stands_against_what_is_written() -> None:
    denied = "No pleural effusion is seen" + " anywhere" * 20 + "."
    told = written(("A left effusion.", denied), ("A left effusion.", [1]), words=20)
    assert denied not in prompt_of("A left effusion.", denied, words=20)
    assert told == [("A left effusion.", ("d1:0-9",)), (denied, ("d2:0-9",))]


def prompt_of(*texts: str, words: int = 120) -> str:
    model = ScriptedModel([BackendError("only the prompt")])
    with pytest.raises(BackendError):
        generative(evidence(*texts), TASK, model, len, SummarizeSettings(shown_words=words))
    return model.asked[0][1]


PARTS = [
    "Left effusion. ", "No effusion. ", "heart failure ", "Sodium 128. ", "FINDINGS: ", "\n\n", "\n", "... ", "… ", "<",
    "> ", "chart 12ab 1", "The final text is as follows. ", "Is there an effusion? ", "- thoracentesis\n",
    "IMPRESSION:\n", "PLAN: tap. ", "1. Effusion\n", "word " * 30, "Mother had heart failure. ",
]  # fmt: skip
TEXTS = st.lists(st.lists(st.sampled_from(PARTS), max_size=10).map("".join).map(without_marks), max_size=4)


@given(TEXTS, st.integers(20, 60))
@hypothesis_settings(deadline=None, max_examples=150)
def test_what_is_shown_is_of_the_chart_reads_the_same_and_forges_nothing(texts: list[str], words: int) -> None:
    found = excerpts(chunks(*texts), texts, TASK, words)
    for piece in found:
        plain = [one for one in statements(texts[piece.number - 1]) if one[1] or not states(one[0])]
        lines = [one for one in piece.lines if one != LEFT_OUT]
        rest = iter(plain)
        assert all(any(line == sentence for sentence, _ in rest) for line in lines)
        assert statements(piece.text) == tuple((line, states(line)) for line in lines)
        together = "\n".join(piece.lines)
        assert without_marks(together) == together
    assert [one.number for one in found] == sorted({one.number for one in found})
    assert bool(found) == any(text.strip() and body(text) for text in texts)
    told = [line.casefold() for one in found for line in one.lines if line != LEFT_OUT and not line.endswith(":")]
    assert len(told) == len(set(told))
    assert len(told) == 1 or sum(len(line.split()) for line in told) <= words


def body(text: str) -> bool:
    """Say whether a text has more than headings and what words to a reader bar."""
    return bool(excerpts(chunks(text), [text], TASK, 20))


def test_a_piece_of_nothing_has_no_text() -> None:
    assert Piece(1, chunks("x")[0], (LEFT_OUT,)).text == ""
