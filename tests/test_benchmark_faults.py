"""What ``medec`` and ``dialogues`` read and make: numbered sentences, twins, faults that the dialogue does not hold."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from benchmarks import medec
from benchmarks.dialogues import recalls
from benchmarks.dialogues_cases import cases, truths
from benchmarks.dialogues_cases import read as read_dialogues
from benchmarks.medec import folds
from benchmarks.medec_texts import Text, read, twins

from xhaim.errors import DataError
from xhaim.verify.wrong_sentence import Ranker


def _csv(path: Path, *rows: dict[str, str]) -> Path:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def _row(sentences: str, flag: str = "1", at: str = "1") -> dict[str, str]:
    return {"Text ID": "t", "Text": "x", "Sentences": sentences, "Error Flag": flag, "Error Sentence ID": at}


def test_sentences_are_read_by_their_numbers(tmp_path: Path) -> None:
    path = _csv(tmp_path / "m.csv", _row("0 One thing.\n1 Her pulse is\n90/min and\n2 12 mg  were given."))
    (text,) = read(path)
    assert text.sentences == ("One thing.", "Her pulse is 90/min and", "12 mg were given.")
    assert (text.wrong, text.flagged) == (1, True)


def test_a_text_that_starts_at_another_number_keeps_it(tmp_path: Path) -> None:
    (text,) = read(_csv(tmp_path / "m.csv", _row("3 One.\n4 Two.", at="4")))
    assert (text.numbers, text.wrong) == ((3, 4), 1)


def test_texts_without_an_error_or_without_an_answer(tmp_path: Path) -> None:
    path = _csv(tmp_path / "m.csv", _row("0 One.", "0", "-1"), _row("0 One.", "", ""), _row("", "", ""))
    assert [(text.wrong, text.flagged) for text in read(path)] == [(None, False), (None, None)]


def test_a_wrong_sentence_that_is_not_there_is_a_miss_and_no_error(tmp_path: Path) -> None:
    (text,) = read(_csv(tmp_path / "m.csv", _row("0 One.\n1 Two.", at="7")))
    assert (text.wrong, text.flagged) == (None, True)


def test_another_csv_is_told(tmp_path: Path) -> None:
    other = _csv(tmp_path / "m.csv", {"a": "1"})
    with pytest.raises(DataError, match="no csv of MEDEC"):
        read(other)
    with pytest.raises(DataError, match="no csv of dialogues"):
        read_dialogues(other)
    with pytest.raises(DataError, match="cannot be read"):
        read(tmp_path / "absent.csv")


def test_the_ranker_that_is_kept_reads_and_finds_the_written_in_answer() -> None:
    ranker = Ranker.load(Path(medec.__file__).with_name("models") / "medec.json")
    text = ["A 40-year-old man comes to the physician.", "Suspected of gout.", "His pulse is 80/min.", "He smokes."]
    assert int(np.argmax(ranker.rank(text))) == 1


def _text(words: str) -> Text:
    return Text("t", (words,), (0,), None, False, "", "")


def test_twins_and_their_kin_are_one_group() -> None:
    one, other, far = "a b c d e f g h", "a b c d e f x y", "p q r s t u v w"
    groups = twins([_text(one), _text(far), _text(other)])
    assert groups[0] == groups[2] != groups[1]


def test_a_group_is_never_on_both_sides() -> None:
    groups = np.array([0, 0, 1, 2, 2, 3, 4, 5])
    tested = []
    for train, test in folds(groups, 3, seed=1):
        assert not set(groups[train]) & set(groups[test])
        tested += test
    assert sorted(tested) == list(range(8))


DIALOGUE = (
    "Doctor: What brings you in?\nPatient: I have had mild pain in my left knee for two weeks. I take ten milligrams "
    "of lisinopril.\nDoctor: Any fever?\nPatient: No."
)
NOTE = "He reports mild left knee pain for 2 weeks. He takes lisinopril 10 mg daily. He denies any fever at all."


def test_every_fault_changes_the_sentence_into_what_the_dialogue_does_not_say(tmp_path: Path) -> None:
    path = _csv(tmp_path / "d.csv", {"ID": "0", "section_text": NOTE, "dialogue": DIALOGUE})
    found = truths([path])
    assert [one.sentence for one in found] == [f"{part.strip(' .')}." for part in NOTE.split(". ")]
    made = {(case.kind, case.sentence) for case in cases(found)}
    assert ("side", "He reports mild right knee pain for 2 weeks.") in made
    assert any(kind == "severity" and "mild" not in sentence for kind, sentence in made)
    drugs = [sentence for kind, sentence in made if kind == "medication"]
    assert len(drugs) == 1
    assert "lisinopril" not in drugs[0]
    assert {sentence for kind, sentence in made if not kind} == {one.sentence for one in found}
    assert not any(kind and sentence in NOTE for kind, sentence in made)


def test_one_dialogue_is_one_group_in_whichever_file(tmp_path: Path) -> None:
    one = _csv(tmp_path / "a.csv", {"ID": "0", "section_text": NOTE, "dialogue": DIALOGUE})
    other = _csv(tmp_path / "b.csv", {"encounter_id": "9", "note": NOTE, "dialogue": DIALOGUE.replace("\n", " \n")})
    assert len({truth.doc_id for truth in truths([one, other])}) == 1


def test_recall_of_a_kind_with_few_faults_is_not_averaged() -> None:
    kind = np.array(["side"] * 40 + ["date"] * 3 + [""] * 5)
    called = np.array([True] * 30 + [False] * 18)
    assert recalls(kind, called) == {"side": 0.75}
