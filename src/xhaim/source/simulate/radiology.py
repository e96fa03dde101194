"""Radiology reports: chest films that state their own label, other examinations that speak of the chest in passing.

The report of a study states the observed label of that very study: with it as input, a pathology task is answered by
reading (the trap that the report policy is for). As an earlier report it tells of the severity at its own time.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np

from xhaim.records import Polarity
from xhaim.source.simulate.latent import ACUITY, DIMENSIONS, RECOVERY, Array
from xhaim.source.simulate.patients import pick
from xhaim.source.simulate.studies import Study, draw_label, finding_risk
from xhaim.source.simulate.writing import Scribe, Sentence, phrases

CONCEPTS = {
    "effusion": "pleural effusion",
    "cardiomegaly": "cardiomegaly",
    "pneumonia": "pneumonia",
    "acuity": "acuity",
    "recovery": "recovery",
}
"""Dimension -> its name in truth/spans; other findings are not evidence for a shipped task."""

_ORGANS = {
    "effusion": "Pleura",
    "cardiomegaly": "Heart",
    "pneumonia": "Lungs",
    "edema": "Vessels",
    "atelectasis": "Bases",
}
_ORDERS = (
    ("pneumonia", "edema", "atelectasis", "effusion", "cardiomegaly"),
    ("cardiomegaly", "pneumonia", "effusion", "edema", "atelectasis"),
)
_POLARITY: dict[int, Polarity] = {1: "affirmed", 0: "negated", -1: "uncertain"}

ELSEWHERE: tuple[str, ...] = (
    "CT HEAD W/O CONTRAST",
    "CT CHEST W/CONTRAST",
    "LIVER OR GALLBLADDER US (SINGLE ORGAN)",
    "PORTABLE ABDOMEN",
    "KNEE (AP, LAT & OBLIQUE) LEFT",
    "BILAT LOWER EXT VEINS",
    "SHOULDER (AP, NEUTRAL & AXILLARY) TRAUMA RIGHT",
    "CT ABD & PELVIS WITH CONTRAST",
)
_SEEN_IN: dict[str, tuple[str, ...]] = {
    "CT CHEST W/CONTRAST": ("pneumonia", "effusion", "cardiomegaly"),
    "LIVER OR GALLBLADDER US (SINGLE ORGAN)": ("effusion",),
    "PORTABLE ABDOMEN": ("effusion", "pneumonia"),
    "CT ABD & PELVIS WITH CONTRAST": ("effusion",),
}


def trend(state: Array, rng: np.random.Generator) -> str:
    """Say how a clinician finds the patient: ``worse``, ``better`` or ``neutral``, with a clinician's noise."""
    worse = float(state[ACUITY]) + 0.6 * float(rng.standard_normal())
    better = float(state[RECOVERY]) + 0.6 * float(rng.standard_normal())
    if worse > 0.9 and worse > better:
        return "worse"
    return "better" if better > 0.8 else "neutral"


def _of_trend(how: str) -> str | None:
    return {"worse": "acuity", "better": "recovery"}.get(how)


def _indication(scribe: Scribe, state: Array, age: int, *, inpatient: bool) -> list[Sentence]:
    how = trend(state, scribe.rng) if inpatient else "neutral"
    who = scribe.say(
        "who", [f"___ year old {'elderly ' if age > 80 else ''}patient."], copy=0.9, lead=scribe.under("INDICATION")
    )
    concept = _of_trend(how)
    polarity: Polarity | None = "affirmed" if concept else None
    options = [f"{reason}." for reason in phrases()["indications"][how]]
    why = scribe.say(f"why:{how}", options, copy=0.7, concept=concept, polarity=polarity)
    return [who, why]


def state_finding(
    scribe: Scribe, finding: str, label: int, severity: float, side: str, *, place: str, copy: float, lead: str = " "
) -> Sentence:
    """Write a sentence that says of a finding what ``label`` says: there, not there, perhaps."""
    book = phrases()["findings"][finding]
    polarity = _POLARITY[label]
    size = int(np.clip(severity + 0.35 * float(scribe.rng.standard_normal()), 0, 2.49) / 0.83)
    by_sign = label == 1 and scribe.rng.random() < 0.3
    fill = {
        "side": side,
        "other": "left" if side == "right" else "right",
        "lobe": f"{side} lower lobe",
        "size": book["sizes"][min(size, 2)],
    }
    return scribe.say(
        f"{place}:{finding}:{polarity}:{size if label == 1 else 0}",
        book["signs"] if by_sign else book[polarity],
        fill=fill,
        copy=copy,
        concept=CONCEPTS.get(finding),
        polarity=polarity if finding in CONCEPTS else None,
        lead=lead,
        organ=_ORGANS[finding] if place == "cxr" else None,
    )


def chest_report(scribe: Scribe, study: Study, state: Array, age: int, side: str, *, inpatient: bool) -> list[Sentence]:
    """Write the report of a chest film: about 90 words, stating the study's own labels."""
    book, rng = phrases(), scribe.rng
    exam = scribe.say(
        "cxr:exam", [f"EXAMINATION: {study.exam}."], lead="\n                                 FINAL REPORT\n"
    )
    body = [exam, *_indication(scribe, state, age, inpatient=inpatient)]
    body.append(
        scribe.say("cxr:technique", book["technique"][study.lateral :: 2], copy=0.0, lead=scribe.under("TECHNIQUE"))
    )
    body.append(scribe.say("cxr:comparison", book["comparison"], copy=0.7, lead=scribe.under("COMPARISON")))
    found: list[Sentence] = []
    fillers = [int(at) for at in rng.permutation(5)]
    for finding in pick(rng, _ORDERS):
        label = study.label[finding]
        if label is not None:
            found.append(state_finding(scribe, finding, label, study.severity[finding], side, place="cxr", copy=0.75))
        if rng.random() < 0.45 and fillers:
            at = fillers.pop()
            found.append(scribe.say(f"cxr:filler{at}", book["chest_filler"][at::5], copy=0.85, organ="Other"))
    if study.devices:
        found.append(scribe.say("cxr:tube", book["devices"], copy=0.85, organ="Lines"))
    found.append(scribe.say("cxr:line", book["lines"], copy=0.85, organ="Lines"))
    how = trend(state, rng) if inpatient else "neutral"
    if how != "neutral" and rng.random() < 0.45:
        found.append(scribe.say(f"cxr:{how}", book["reader"][how], concept=_of_trend(how), polarity="affirmed"))
    body += _headed(found, scribe.under("FINDINGS"))
    body += _headed(_impression(scribe, study, side), scribe.under("IMPRESSION"))
    if rng.random() < 0.25:
        body.append(scribe.say("cxr:closer", book["closers"]))
    return body


def _headed(sentences: list[Sentence], heading: str) -> list[Sentence]:
    """Put a heading before the first of some sentences."""
    if not sentences:
        return []
    first = sentences[0]
    lead = heading.rstrip(" ") + first.lead if first.lead.startswith("\n") else heading
    return [Sentence(first.text, first.concept, first.polarity, first.is_copy, lead), *sentences[1:]]


def _impression(scribe: Scribe, study: Study, side: str) -> list[Sentence]:
    stated = [finding for finding in CONCEPTS if study.label.get(finding) is not None]
    shown = [finding for finding in stated if study.label[finding] == 1 or scribe.rng.random() < 0.4]
    sentences = []
    for finding in shown:
        label = study.label[finding]
        if label is not None:
            severity = study.severity[finding]
            sentences.append(state_finding(scribe, finding, label, severity, side, place="impression", copy=0.75))
    return sentences or [
        scribe.say("cxr:quiet", ["No acute cardiopulmonary process.", "No relevant change."], copy=0.3)
    ]


def other_report(scribe: Scribe, exam: str, state: Array, age: int, side: str, *, inpatient: bool) -> list[Sentence]:
    """Write the report of another examination; those that see the chest say what they see at their own time."""
    book, rng = phrases()["exams"][exam], scribe.rng
    body = [
        scribe.say("other:exam", [f"EXAMINATION: {exam}."], lead="\n"),
        *_indication(scribe, state, age, inpatient=inpatient),
    ]
    body.append(
        scribe.say(
            f"{exam}:tech", ["Standard protocol.", "Routine departmental protocol."], lead=scribe.under("TECHNIQUE")
        )
    )
    found = []
    for at, sentence in enumerate(book["filler"]):
        if rng.random() < 0.7:
            found.append(scribe.say(f"{exam}:{at}", [sentence], copy=0.85))
    for finding in _SEEN_IN.get(exam, ()):
        severity = float(state[DIMENSIONS.index(finding)])
        label = draw_label(finding_risk(finding, severity), rng)
        if label is not None and rng.random() < (0.9 if "CHEST" in exam else 0.45):
            found.insert(
                int(rng.random() * len(found)),
                state_finding(scribe, finding, label, severity, side, place="other", copy=0.2),
            )
    body += _headed(found, scribe.under("FINDINGS"))
    body.append(
        scribe.say(
            "other:end",
            ["No acute findings.", "Findings as above.", "Stable examination."],
            lead=scribe.under("IMPRESSION"),
        )
    )
    return body


def second_read(scribe: Scribe, study: Study, side: str) -> list[Sentence]:
    """Write the report of somebody who read a study again and saw the same."""
    opening = ["SECOND READ: The study of ___ was <reviewed|read again> by the <attending|night> radiologist."]
    body = [scribe.say(f"second:{study.study_id}", opening, lead="\n")]
    for finding in CONCEPTS:
        label = study.label.get(finding)
        if label is not None:
            severity = study.severity[finding]
            body.append(state_finding(scribe, finding, label, severity, side, place="second", copy=0.0))
    return body


def addendum(scribe: Scribe, finding: str, side: str, when: datetime) -> list[Sentence]:
    """Write an addendum that takes back what its parent said: a planted contradiction."""
    opening = scribe.say(f"addendum:{when}", ["ADDENDUM: The images were reviewed again with Dr. ___."], lead="\n")
    return [opening, state_finding(scribe, finding, 0, 0.0, side, place="addendum", copy=0.0)]
