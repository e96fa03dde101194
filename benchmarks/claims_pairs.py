"""Real rewordings: pairs of a claim and a text, both written for other purposes, that say the same.

``terms``: what people coded of an Open-I report (``pleural effusion/left/small``), read out as a phrase.
``impression``: a sentence of the impression, most of whose words the findings hold too. ``summary``: a sentence that a
language model wrote of an MTS-Dialog visit, of summaries in which people found every fact right, beside the note and
the dialogue. None was made for xHAIM; in all three some pairs are not quite true: false alarms are an upper bound.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from benchmarks.claims_sources import Truth, _rows
from benchmarks.openi_reports import Report, read_reports
from xhaim.text.sentences import sentences

_BEFORE = frozenset(
    (
        *("left", "right", "bilateral", "small", "mild", "moderate", "severe", "large"),
        *("borderline", "upper", "lower", "middle", "multiple", "chronic"),
    )
)
_WORD = re.compile(r"[a-z]{4,}")


def real_pairs(data: Path) -> list[Truth]:
    """Return the pairs of all three kinds, ``corpus`` being the kind."""
    reports = read_reports(data / "openi_reports")
    return [*_terms(reports), *_impressions(reports), *_summaries(data)]


def _terms(reports: list[Report]) -> Iterator[Truth]:
    for report in reports:
        text = _text(report)
        for place, term in enumerate(report.terms):
            if "/" in term and text:
                yield Truth("terms", report.report_id, place, _phrase(term), text, text)


def _phrase(term: str) -> str:
    """Return ``small left pleural effusion`` for ``pleural effusion/left/small``."""
    head, *rest = [" ".join(reversed(part.strip().split(", "))) for part in term.split("/")]
    before = [one for one in reversed(rest) if one in _BEFORE]
    behind = [one for one in rest if one not in _BEFORE]
    return f"There is {' '.join([*before, head])}{' of the ' + ', '.join(behind) if behind else ''}."


def _text(report: Report) -> str:
    return " ".join(report.sections.get(name, "") for name in ("FINDINGS", "IMPRESSION")).strip()


def _impressions(reports: list[Report]) -> Iterator[Truth]:
    for report in reports:
        findings, impression = (report.sections.get(name, "") for name in ("FINDINGS", "IMPRESSION"))
        theirs = {word[:6] for word in _WORD.findall(findings.lower())}
        for place, (start, end) in enumerate(sentences(impression)):
            text = impression[start:end]
            ours = {word[:6] for word in _WORD.findall(text.lower())}
            told = len(ours) >= 3 and len(ours & theirs) / len(ours) >= 0.7
            if told and "xxxx" not in text.lower() and text.strip(". ").lower() not in findings.lower():
                yield Truth("impression", report.report_id, place, text, findings, findings)


def _summaries(data: Path) -> Iterator[Truth]:
    texts = _rows(data / "mts_dialog" / "MTS-Dialog-Automatic-Summaries-ValidationSet.csv")
    scores = _rows(data / "mts_dialog" / "MTS-Dialog-Manual-Scores4CorrelationStudy.csv")
    for row, (text, score) in enumerate(zip(texts, scores, strict=True)):
        if float(score["FactualPrecision"] or 0) < 1 or float(score["HallucinationRate"] or 1) > 0:
            continue
        summary, evidence = text["Automatic Summary"], f"{text['Reference Summary']}\n\n{text['Dialogue']}"
        for place, (start, end) in enumerate(sentences(summary)):
            if len(summary[start:end].split()) >= 4:
                yield Truth("summary", f"{text['ID']}.{row}", place, summary[start:end], evidence, evidence)
