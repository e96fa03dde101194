"""A dialogue as statements: speakers, questions with their answers, spoken numbers, lay words."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xhaim.text.polarity import polarity
from xhaim.verify.dialogue import Turn, statements, turns
from xhaim.verify.spoken import in_digits


def test_both_ways_to_mark_a_speaker() -> None:
    named = turns("Doctor: How are you?\nPatient: Fine.\nI slept.\n")
    tagged = turns("[doctor] how are you ?\n[patient] fine .\ni slept .")
    assert named == (Turn("doctor", "How are you?"), Turn("patient", "Fine. I slept."))
    assert tagged == (Turn("doctor", "how are you?"), Turn("patient", "fine. i slept."))


def test_words_before_the_first_speaker_are_kept() -> None:
    assert turns("Recorded today.\nDoctor: Hello.") == (Turn("", "Recorded today."), Turn("doctor", "Hello."))
    assert turns("No speaker at all.") == (Turn("", "No speaker at all."),)
    assert turns("") == ()


def test_no_denies_the_question_and_yes_affirms_it() -> None:
    said = statements("Doctor: Any chest pain or fever?\nPatient: No.\nDoctor: Any cough?\nPatient: Yeah, at night.")
    assert said == ("No chest pain or fever.", "Yes, Any cough.", "Yeah, at night.")
    at = said[0].index("fever")
    assert polarity(said[0], at, at + 5) == "negated"
    at = said[1].index("cough")
    assert polarity(said[1], at, at + 5) == "affirmed"


@pytest.mark.parametrize(
    "answer", ["nope .", "um , no , not at all .", "i do n't .", "Not really.", "uh , never", "Actually, no."]
)
def test_other_ways_to_say_no(answer: str) -> None:
    assert statements(f"[doctor] do you smoke ?\n[patient] {answer}")[0].startswith("No smoke")


def test_a_denied_history_is_denied() -> None:
    said = statements("Doctor: So, do you have a history of diabetes or other problems?\nPatient: Not to my knowledge.")
    assert said[0] == "No history of diabetes or other problems."
    at = said[0].index("diabetes")
    assert polarity(said[0], at, at + 8) == "negated"


def test_any_other_answer_stands_behind_its_question() -> None:
    said = statements("Doctor: How old are you?\nPatient: I'm twenty six. I was born in May.")
    assert said == ("How old are you, I'm 26.", "I was born in May.")


def test_a_question_that_nobody_answers_is_kept() -> None:
    assert statements("Doctor: Any fever?") == ("Any fever.",)
    assert statements("Doctor: Any fever? Any cough?\nPatient: No.") == ("Any fever.", "No cough.")


def test_a_question_without_its_mark_is_answered_too() -> None:
    assert statements("[doctor] okay any chest pain\n[patient] no") == ("No chest pain.",)
    assert statements("[doctor] any chest pain\n[patient] it hurts") == ("Any chest pain.", "It hurts.")


def test_of_a_long_question_only_its_end_is_answered() -> None:
    talk = "we will keep you on your allopurinol for the gout and come back here in the fall do you have any fever"
    said = statements(f"[doctor] {talk}\n[patient] no")
    assert said[0].endswith("come back here in the fall.")
    assert said[1] == "No fever."
    assert "allopurinol" not in said[1]
    said = statements(f"[doctor] {talk} any other questions for me\n[patient] no")
    assert not any(one.startswith("No ") for one in said)


def test_talk_without_full_stops_is_cut_into_thoughts() -> None:
    talk = "on your heart exam you have a nice regular rate and rhythm there are no murmurs that i can hear today "
    talk += "and on your lung exam i can hear some crackles at both of the bases"
    assert statements(f"[doctor] {talk}") == (
        "On your heart exam you have a nice regular rate and rhythm.",
        "There are no murmurs that i can hear today.",
        "And on your lung exam i can hear some crackles at both of the bases.",
    )


def test_initials_are_joined() -> None:
    assert statements("Patient: The M R I and 6 m g of it.") == ("The MRI and 6 mg of it.",)


def test_words_that_say_nothing_are_left_out() -> None:
    assert statements("[doctor] okay .\n[patient] mm-hmm .\n[doctor] all right , great .") == ()


def test_the_clinical_word_stands_behind_the_lay_one() -> None:
    assert statements("Patient: My belly hurts.") == ("My belly (abdomen) hurts.",)
    assert statements("Patient: The bellyband fits.") == ("The bellyband fits.",)


def test_titles_do_not_end_a_sentence() -> None:
    assert statements("Patient: I saw dr. jones today. he was kind.") == ("I saw dr. jones today.", "He was kind.")


@pytest.mark.parametrize(
    ("spoken", "written"),
    [
        ("one forty over ninety", "140/90"),
        ("one hundred and twenty five over eighty", "125/80"),
        ("ninety eight point six", "98.6"),
        ("one point five", "1.5"),
        ("point oh five, or point 5", "0.05, or 0.5"),
        ("zero point five", "0.5"),
        ("one to two weeks", "1 to 2 weeks"),
        ("to the point", "to the point"),
        ("nineteenth of June", "June 19"),
        ("September first of nineteen ninety five", "September 1, 1995"),
        ("in O one and January oh nine", "in 2001 and January 2009"),
        ("in 12-2019", "in 12/2019"),
        ("two o'clock in the morning", "2:00 am"),
        ("at one o'clock", "at 1:00"),
        ("the third or seventh month", "the 3rd or 7th month"),
        ("a second one", "a second one"),
        ("a year ago, for an hour", "1 year ago, for 1 hour"),
        ("once a day, a year of it", "once a day, a year of it"),
        ("two thousand nine", "2009"),
        ("two thousand and four hundred", "2400"),
        ("nineteen eighty five", "1985"),
        ("twenty twenty one", "2021"),
        ("fifteen hundred", "1500"),
        ("one oh five", "105"),
        ("Twenty-five milligrams", "25 milligrams"),
        ("ten fifteen", "10 15"),
        ("two or three, and four", "2 or 3, and 4"),
        ("eighty percent", "80%"),
        ("January tenth two thousand nine", "January 10, 2009"),
        ("May twenty first", "May 21"),
        ("one of them", "one of them"),
        ("oh no, a hundred times", "oh no, 100 times"),
        ("someone often attended", "someone often attended"),
    ],
)
def test_spoken_numbers(spoken: str, written: str) -> None:
    assert in_digits(spoken) == written


_ONES = [
    "", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
_TENS = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


def _spelt(number: int) -> str:
    """Oracle: spell a number out."""
    if number >= 1000:
        return " ".join(filter(None, [_spelt(number // 1000), "thousand", _spelt(number % 1000)]))
    if number >= 100:
        return " ".join(filter(None, [_ONES[number // 100], "hundred", _spelt(number % 100)]))
    return _ONES[number] if number < 20 else " ".join(filter(None, [_TENS[number // 10], _ONES[number % 10]]))


@given(st.integers(2, 99_999))
def test_every_number_comes_back_from_its_words(number: int) -> None:
    assert in_digits(_spelt(number)) == str(number)


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(["\nDoctor: ", "\n[a] ", ".", "?", "!", " no", " yes", " one", " oh", ",", " pain"]),
        max_size=40,
    )
)
def test_any_text_gives_statements_that_say_something(pieces: list[str]) -> None:
    for one in statements("".join(pieces)):
        assert one.endswith(".")
        assert any(sign.isalnum() for sign in one)
        assert "\n" not in one


@pytest.mark.parametrize(
    "hostile", ["mm-hmm " * 8_000 + "x", "?" * 60_000, "." * 60_000, "one " * 12_000, "a: " * 12_000, " " * 60_000]
)
def test_hostile_text_takes_seconds_at_most(hostile: str) -> None:
    start = time.process_time()
    statements("Doctor: " + hostile + "\nPatient: " + hostile)
    assert time.process_time() - start < 5
