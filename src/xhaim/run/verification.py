"""Anybody's explanation against a record: what it cites, whether that was known, and whether each sentence holds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import polars as pl

from xhaim.cohort.samples import SAMPLE_SCHEMA, as_samples, with_ids
from xhaim.cohort.stays import stays
from xhaim.cohort.times import at_image
from xhaim.errors import DataError
from xhaim.explain.evidence_words import claims_of, evidence_words
from xhaim.explain.verify import Fault, verify
from xhaim.ports import Entailment, LanguageModel
from xhaim.records import Explanation, Record, ReportPolicy, Sample
from xhaim.run.given_explanation import Given, GivenCitation, read
from xhaim.run.known import Known, known_of
from xhaim.run.words import entailment_model
from xhaim.source.store import Store
from xhaim.task import Task, load_task, shipped_tasks
from xhaim.text.values import value_words
from xhaim.verify.check import ClaimVerdict, check
from xhaim.verify.citations import Cited, citation_quality
from xhaim.verify.found import Sentence, Verification


def verify_file(path: Path, store: Path, task: str | None, nli: str | None) -> Verification:
    """Check a file of either form. Raises DataError, TaskError or PrerequisiteError for what cannot be read."""
    found = read(path)
    model, place = entailment_model(nli), Store.open(store)
    if isinstance(found, Given):
        return verify_given(found, place, model, None)
    name = task or (found.task_id if found.task_id in shipped_tasks() else None)
    return verify_explanation(found, place, load_task(name) if name else None, model, None)


def verify_explanation(
    explanation: Explanation, store: Store, task: Task | None, nli: Entailment | None, model: LanguageModel | None
) -> Verification:
    """Check xHAIM's own form against the record of its sample, which is found in the store by its id.

    Raises DataError where the store has no such sample.
    """
    record = _record(store, _sample(store, explanation.sample_id), explanation.report_policy)
    return verification_of(explanation, record, task, nli, model)


def verification_of(
    explanation: Explanation, record: Record, task: Task | None, nli: Entailment | None, model: LanguageModel | None
) -> Verification:
    """Return what is found of an explanation against a record at hand; a sentence that is said again counts once."""
    faults = verify(explanation, record, task=task)
    cited = cited_words(explanation, record, faults)
    sentences, claims, told = [], list[Cited](), set[tuple[str, tuple[int, ...]]]()
    for place, statement in enumerate(explanation.statements):
        mine = [one for one in faults if one.statement == place or one.marker in statement.markers]
        said = list(claims_of(statement, cited))
        found = tuple(verdict for one in said for verdict in _claims(one, nli, model))
        if (statement.text, statement.markers) not in told:
            claims += said
            told.add((statement.text, statement.markers))
        sentences.append(Sentence(statement.text, _words(mine), found))
    used = {marker for statement in explanation.statements for marker in statement.markers}
    whole = _words([one for one in faults if one.statement is None and one.marker not in used])
    resolved = sum(text is not None for text in cited.values())
    return _told(sentences, whole, resolved, len(cited), claims, nli, model)


def cited_words(explanation: Explanation, record: Record, faults: Sequence[Fault]) -> dict[int, str | None]:
    """Return the words that each citation rests on, by marker; None for those that do not hold."""
    bad, score = {one.marker for one in faults}, explanation.image_score
    return {
        one.marker: None if one.marker in bad else evidence_words(one, record, score) for one in explanation.citations
    }


def _words(faults: Sequence[Fault]) -> tuple[str, ...]:
    return tuple(f"{one.kind}: {one.detail}" for one in faults)


def verify_given(given: Given, store: Store, nli: Entailment | None, model: LanguageModel | None) -> Verification:
    """Check the short form. Raises DataError where the store has no such subject."""
    sample = Sample("given", given.subject_id, None, given.stay_id, given.prediction_time, None, None)
    record = _record(store, sample, given.report_policy)
    sentences, claims, resolved = [], [], 0
    for one in given.sentences:
        found = [_resolve(cited, record) for cited in one.citations]
        resolved += sum(text is not None for text, _ in found)
        said = Cited(one.text, tuple(text for text, _ in found))
        claims.append(said)
        faults = [fault for _, fault in found if fault] or ([] if one.citations else ["uncited: it cites nothing"])
        sentences.append(Sentence(one.text, tuple(faults), _claims(said, nli, model)))
    every = sum(len(one.citations) for one in given.sentences)
    return _told(sentences, (), resolved, every, claims, nli, model)


def _told(
    sentences: Sequence[Sentence],
    faults: tuple[str, ...],
    resolved: int,
    citations: int,
    claims: Sequence[Cited],
    nli: Entailment | None,
    model: LanguageModel | None,
) -> Verification:
    every = [claim for one in sentences for claim in one.claims]
    supported = sum(claim.verdict == "supported" for claim in every) / len(every) if every else None

    def holds(sentence: str, texts: Sequence[str]) -> bool:
        return all(one.verdict == "supported" for one in check(sentence, texts, entailment=nli, model=model))

    return Verification(tuple(sentences), faults, resolved, citations, supported, citation_quality(claims, holds))


def _claims(said: Cited, nli: Entailment | None, model: LanguageModel | None) -> tuple[ClaimVerdict, ...]:
    return check(said.text, [text for text in said.evidence if text is not None], entailment=nli, model=model)


def _resolve(cited: GivenCitation, record: Record) -> tuple[str | None, str | None]:
    """Return the words that a citation points to, or what is wrong with it."""
    document = next((one for one in record.documents if cited.source_id in (one.doc_id, one.source)), None)
    if document is not None:
        start = 0 if cited.start is None else cited.start
        end = len(document.text) if cited.end is None else cited.end
        if not 0 <= start < end <= len(document.text):
            return None, "span: offsets are not inside the document"
        said = document.text[start:end]
        wrong = cited.quote is not None and cited.quote != said
        return (None, "quote: not the words at these offsets") if wrong else (said, None)
    value = next((one for one in record.measurements if cited.source_id in (one.measurement_id, one.source)), None)
    if value is None:
        return None, "source: no such source in this record before the prediction"
    words = value_words(value)
    wrong = cited.quote is not None and cited.quote != words
    return (None, "value: not the value and unit in the record") if wrong else (f"{value.label} was {words}.", None)


def _record(store: Store, sample: Sample, policy: ReportPolicy) -> Record:
    frame = pl.DataFrame([{name: getattr(sample, name) for name in SAMPLE_SCHEMA}], schema=SAMPLE_SCHEMA)
    return Known(known_of(store, frame, policy)).record(sample)


_ID = re.compile(r"(?:s(?P<subject>\d{1,18}))?-?(?P<stay>\d{1,18})?-(?P<time>\d{8}T\d{6})")
"""As ``cohort.samples.with_ids`` makes them: ``<stay>-<time>``, ``s<subject>-<time>``, ``s<subject>-<stay>-<time>``."""


def _sample(store: Store, sample_id: str) -> Sample:
    """Find a sample by its id; with the index image where one was taken then."""
    said = _ID.fullmatch(sample_id)
    if said is None or not (said["subject"] or said["stay"]):
        raise DataError("no sample id", got=sample_id[:80], expected="<stay_id>-<time>, as a run names it")
    try:
        time = datetime.strptime(said["time"], "%Y%m%dT%H%M%S")
    except ValueError:
        raise DataError("no sample id", got=sample_id[:80], expected="a time such as 21800726T041000") from None
    if said["stay"] is None:
        return Sample(sample_id, int(said["subject"]), None, None, time, None, None)
    mine = pl.col("stay_id") == int(said["stay"])
    if said["subject"]:
        mine &= pl.col("subject_id") == int(said["subject"])
    subjects = store.events().filter(mine).select("subject_id").unique().collect()["subject_id"].to_list()
    theirs = stays(store.events(subjects), required=False).filter(mine)
    films, _ = at_image(store.events(subjects), theirs)
    named, _ = with_ids(films)
    found = [one for one in as_samples(named) if one.prediction_time.replace(microsecond=0) == time]
    if found:
        return replace(found[0], sample_id=sample_id)
    if theirs.height != 1:
        raise DataError("the store has no such sample", got=sample_id[:80], expected="a sample of this store")
    row = theirs.row(0, named=True)
    return Sample(sample_id, row["subject_id"], row["hadm_id"], row["stay_id"], time, None, None)
