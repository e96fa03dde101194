"""Discharge summaries: 250 to 600 words, most of them about other things, and at the end the outcome.

A summary is stored after the patient has left, and states how the stay ended (the trap of the outcome tasks). For a
later stay it is an honest old document, where an echocardiogram or a course of antibiotics speaks of the findings.
"""

from __future__ import annotations

from xhaim.records import Polarity
from xhaim.source.simulate.patients import CONDITIONS, REASONS, Admission
from xhaim.source.simulate.radiology import CONCEPTS, trend
from xhaim.source.simulate.studies import TASKS, Study, draw_label, finding_risk, finding_state
from xhaim.source.simulate.writing import Scribe, Sentence, phrases


def discharge_summary(scribe: Scribe, stay: Admission, studies: list[Study]) -> list[Sentence]:
    """Write the summary of an admission that has ended."""
    return [
        *_opening(scribe, stay),
        *_past(scribe, stay),
        *_some(scribe, stay, "exam", 0.7, "\n\nPhysical Exam:\n", copy=0.8, lead="\n"),
        *_results(scribe, stay, studies),
        *_course(scribe, stay),
        *_medications(scribe, stay, "Medications on Admission"),
        *_medications(scribe, stay, "Discharge Medications"),
        *_ending(scribe, stay),
    ]


def _opening(scribe: Scribe, stay: Admission) -> list[Sentence]:
    who, complaint = stay.patient, REASONS[stay.reason][1]
    subject = "woman" if who.gender == "F" else "man"
    history = [CONDITIONS[name][1] for name in who.conditions[:3]]
    known = f" with a history of {', '.join(history)}" if history else ""
    head = f"Name: ___   Unit No: ___\nAdmission Date: ___   Discharge Date: ___\nSex: {who.gender}\nService: MEDICINE"
    return [
        scribe.say("dc:head", [head], lead="\n"),
        scribe.say("dc:allergies", ["No Known Allergies.", "Penicillins.", "Sulfa."], copy=0.9, lead="\n\nAllergies: "),
        scribe.say("dc:complaint", [f"{complaint}."], lead="\n\nChief Complaint:\n"),
        scribe.say(
            f"dc:hpi:{stay.reason}",
            [f"This is a ___ year old {subject}{known} who presented with {complaint}."],
            copy=0.5,
            lead="\n\nHistory of Present Illness:\n",
        ),
        *_some(scribe, stay, "history", 0.45, " ", copy=0.8),
    ]


def _past(scribe: Scribe, stay: Admission) -> list[Sentence]:
    known = [CONDITIONS[name][1] for name in stay.patient.conditions] or ["none"]
    listed = [
        scribe.say(f"dc:pmh:{at}", [f"{name}."], copy=0.95, lead="\n" if at else "\n\nPast Medical History:\n")
        for at, name in enumerate(known)
    ]
    social = _some(scribe, stay, "social", 0.4, "\n\nSocial History: ", copy=0.9)
    return [*listed, *social, *_some(scribe, stay, "family", 0.3, "\n\nFamily History: ", copy=0.9)]


def _pronouns(stay: Admission) -> dict[str, str]:
    if stay.patient.gender == "F":
        return {"he": "she", "He": "She", "his": "her", "him": "her"}
    return {"he": "he", "He": "He", "his": "his", "him": "him"}


_LENGTHS = {"terse": 0.75, "templated": 1.0, "verbose": 1.6, "dictation": 1.25}
"""How much of what could be said each house style says."""


def _some(
    scribe: Scribe, stay: Admission, part: str, share: float, heading: str, *, copy: float, lead: str = " "
) -> list[Sentence]:
    """Write a share of the phrase book's sentences of a part, the first below a heading."""
    said: list[Sentence] = []
    fill = _pronouns(stay)
    for at, sentence in enumerate(phrases()["discharge"][part]):
        if scribe.rng.random() < share * _LENGTHS[scribe.style]:
            lead_here = lead if said else heading
            said.append(scribe.say(f"dc:{part}:{at}", [sentence], fill=fill, copy=copy, lead=lead_here))
    return said


def _results(scribe: Scribe, stay: Admission, studies: list[Study]) -> list[Sentence]:
    """Copy the impressions of the stay's films forward, and say what was done about each finding."""
    values = " ".join(f"{name}-{scribe.rng.random() * span + low:.1f}" for name, low, span in _PANEL)
    said: list[Sentence | None] = [scribe.say("dc:labs", [f"___ {values}"], lead="\n\nPertinent Results:\n")]
    for finding in TASKS:
        if studies:
            said += [_copied(scribe, finding, polarity) for polarity in _KEPT if scribe.rng.random() < 0.5]
        severity = finding_state(stay.course.states[-1], finding)
        label = draw_label(finding_risk(finding, severity), scribe.rng)
        if label in (0, 1) and scribe.rng.random() < 0.6:
            options = phrases()["discharge"]["finding" if label else "absent"][finding]
            said.append(
                scribe.say(
                    f"dc:{finding}:{label}",
                    options,
                    fill=_pronouns(stay),
                    copy=0.3,
                    concept=CONCEPTS[finding],
                    polarity="affirmed" if label else "negated",
                    lead="\n",
                )
            )
    return [sentence for sentence in said if sentence is not None]


def _copied(scribe: Scribe, finding: str, polarity: Polarity) -> Sentence | None:
    """Copy what an impression last said of a finding, if one said it with this polarity."""
    place = f"impression:{finding}:{polarity}"
    slot = next((key for key in reversed(scribe.memory) if key.startswith(place)), None)
    if slot is None:
        return None
    concept = CONCEPTS[finding]
    return scribe.say(slot, [], copy=1.0, concept=concept, polarity=polarity, lead="\nCXR ___: ")


_KEPT: tuple[Polarity, ...] = ("affirmed", "negated")
_PANEL = (("WBC", 4, 14), ("Hgb", 7, 7), ("Plt", 90, 300), ("Na", 130, 14), ("K", 3.2, 2), ("Creat", 0.5, 2.5))


def _course(scribe: Scribe, stay: Admission) -> list[Sentence]:
    said = [scribe.say("dc:course", [f"# {REASONS[stay.reason][2]}."], lead="\n\nBrief Hospital Course:\n")]
    said += _some(scribe, stay, "course", 0.42, " ", copy=0.6)
    for share in (0.25, 0.5, 1.0):
        how = trend(stay.course.states[int(share * stay.course.end)], scribe.rng)
        if how != "neutral":
            concept = "acuity" if how == "worse" else "recovery"
            options = phrases()["discharge"][how]
            at = 1 + int(scribe.rng.random() * len(said))
            said.insert(
                at, scribe.say(f"dc:{how}:{share}", options, fill=_pronouns(stay), concept=concept, polarity="affirmed")
            )
    return said


def _medications(scribe: Scribe, stay: Admission, heading: str) -> list[Sentence]:
    return _some(scribe, stay, "medications", 0.45, f"\n\n{heading}:\n", copy=0.9, lead="\n")


def _ending(scribe: Scribe, stay: Admission) -> list[Sentence]:
    """State the outcome."""
    disposition = "Expired" if stay.course.died else "Home" if stay.minute % 2 else "Extended Care"
    condition = "Deceased." if stay.course.died else "Stable, alert and interactive, ambulatory."
    return [
        scribe.say("dc:where", [f"{disposition}."], lead="\n\nDischarge Disposition:\n"),
        scribe.say("dc:diagnosis", [f"{REASONS[stay.reason][2]}."], lead="\n\nDischarge Diagnosis:\n"),
        scribe.say("dc:condition", [condition], lead="\n\nDischarge Condition:\n"),
        scribe.say(
            "dc:follow",
            ["Please follow up with your doctor in ___ weeks."],
            copy=0.9,
            lead="\n\nFollowup Instructions:\n",
        ),
    ]
