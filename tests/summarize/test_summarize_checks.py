from datetime import datetime

import pytest

from xhaim.summarize.checks import faults
from xhaim.task import load_task

TASK = load_task("pleural_effusion")
CITED = (
    "On 03/04/2150 Dr. Volkov saw a 2.5 cm left pleural effusion, moderate, on the chest film. No pneumothorax.",
    "Possible heart failure. Right lower lobe consolidation. Furosemide 40 mg IV was given. Prior film 12 Jan.",
)
TIMES = (datetime(2150, 3, 4), datetime(2150, 3, 5))


def check(sentence: str, *cited: str) -> tuple[str, ...]:
    return faults(sentence, cited or CITED, TIMES, TASK)


@pytest.mark.parametrize(
    "sentence",
    [
        "A moderate left pleural effusion of 2.5 cm was seen.",
        "A left effusion was seen on March 4, 2150.",
        "On 2150-03-05 heart failure was possible.",
        "Prior film on January 12.",
        "Dr. Volkov saw a left pleural effusion.",
        "Furosemide 40 mg was given.",
        "No pneumothorax is seen.",
        "Right lower lobe consolidation, left pleural effusion.",
    ],
)
def test_what_the_texts_say_holds(sentence: str) -> None:
    assert check(sentence) == ()


@pytest.mark.parametrize(
    ("sentence", "fault"),
    [
        ("A left pleural effusion of 25 cm.", "a number or unit"),
        ("A left pleural effusion of 2.5 mm.", "a number or unit"),
        ("Furosemide 40 mcg was given.", "a number or unit"),
        ("A left effusion was seen on March 5, 2151.", "a date"),
        ("A left effusion was seen on 03/06/2150.", "a date"),
        ("Prior film on February 12.", "a date"),
        ("A right pleural effusion.", "a side (left or right)"),
        ("Bilateral pleural effusions.", "a side (left or right)"),
        ("Left lower lobe consolidation, right pleural effusion.", "a side (left or right)"),
        ("No pleural effusion.", "'pleural effusion' as negated"),
        ("Possible pleural effusion.", "'pleural effusion' as uncertain"),
        ("Heart failure.", "'heart failure' as affirmed"),
        ("Dr. Gallagher saw a left pleural effusion.", "a name"),
        ("A left pleural effusion, seen by Margaret Baker.", "a name"),
        ("A large left pleural effusion.", "a degree, a change or a time such as 'now'"),
        ("An increased left pleural effusion.", "a degree, a change or a time such as 'now'"),
        ("The chest film shows a left pleural effusion now.", "a degree, a change or a time such as 'now'"),
        ("The risk of pleural effusion on the left.", "a probability or risk"),
        ("A moderate apical left pleural effusion.", "a part of the body"),
        ("A moderate left pleural effusion with a chest tube.", "a device or a procedure"),
        ("Furosemide 40 mg IV and metoprolol was given.", "a drug"),
        ("Torsemide 40 mg IV was given.", "a drug"),
        ("Diabetes with kidney disease and retinal bleeding.", "most of its words"),
    ],
)
def test_what_they_do_not_say_is_named(sentence: str, fault: str) -> None:
    assert fault in check(sentence)


def test_both_sides_hold_each_and_each_together_both() -> None:
    both = "Bilateral pleural effusions."
    assert check("A left pleural effusion.", both) == ()
    assert check("Bilateral pleural effusions.", "Left pleural effusion.", "Right pleural effusion.") == ()
    assert check("Bilateral pleural effusions.", "Left pleural effusion.", "Right rib fracture.") != ()


def test_faults_quote_nothing_of_the_sentence_or_the_texts() -> None:
    told = " ".join(
        check("Dr. Gallagher saw 77 right effusions on 5 May 2012, no effusion, risk, large, secretword zzz.")
    )
    for word in ("Gallagher", "77", "2012", "secretword", "Volkov"):
        assert word not in told
