"""The records that flow between the steps: frozen, and the only vocabulary that steps share.

Times are naive local times with microseconds, as MEDS and MIMIC keep them. ``known_at`` is when a fact was
available to a clinician; a fact is admissible for a sample only if ``known_at < prediction_time``, but for the
index image, which is an input. Offsets are half-open, in Python characters of ``Document.text``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Modality = Literal["notes", "cxr"]
"""The unstructured modalities, each with its own evidence, summary and encoder. ``cxr``: words about chest
images (earlier radiology reports of the chest, or what a vision model says); ``notes``: all other text."""

MODALITIES: tuple[Modality, ...] = ("notes", "cxr")

Polarity = Literal["affirmed", "negated", "uncertain"]

ReportPolicy = Literal["admissible", "none", "prior_only", "prior_plus_indication", "index_included"]
"""Which radiology text may be used. ``admissible`` (outcome tasks): all that was known before t. The others are
for pathology tasks; ``index_included`` is leaky and stamped so everywhere."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One decision: a subject's stay at a prediction time."""

    sample_id: str
    """``<stay_id>-<yyyymmddThhmmss>``: unique in a store, and the same for any order of rows."""
    subject_id: int
    hadm_id: int | None
    stay_id: int | None
    prediction_time: datetime
    index_study_id: int | None = None
    """The imaging study whose time is the prediction time; ``None`` for a landmark."""
    index_image_id: str | None = None
    """The frontal image of that study which is an input."""


@dataclass(frozen=True, slots=True)
class Document:
    """One admissible text."""

    doc_id: str
    kind: str
    """``radiology``, ``discharge``, ``ecg``, ``echo``, ``cxr`` (a chest X-ray report), or any other kind."""
    title: str
    """What a reader is shown: ``Radiology: CHEST (PORTABLE AP)``."""
    text: str
    time: datetime
    known_at: datetime
    study_id: int | None = None
    hadm_id: int | None = None
    source: str = ""
    """Table and natural key, or FHIR url."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One admissible value of one signal: evidence in its own right."""

    measurement_id: str
    """``<code>@<yyyymmddThhmmss>``, with ``#2`` and on for ties ordered by value: the same for any row order."""
    signal: str
    """Name in the signal catalogue, as in ``lactate``."""
    label: str
    value: float
    unit: str | None
    time: datetime
    known_at: datetime
    source: str = ""


@dataclass(frozen=True, slots=True)
class Image:
    """One admissible chest image."""

    image_id: str
    path: str
    """Relative to the store's image root."""
    view: str | None
    time: datetime
    known_at: datetime
    study_id: int | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """Everything admissible for one sample: what a reader of the chart could have known at that time."""

    sample: Sample
    static: Mapping[str, str | float | None]
    """Demographics and admission facts known before the prediction time; ``None`` = not recorded."""
    documents: tuple[Document, ...]
    """Ordered by known_at, then doc_id."""
    measurements: tuple[Measurement, ...]
    """Ordered by signal, time, value."""
    images: tuple[Image, ...]
    """Ordered by time, then image_id; the index image is the last of its study."""


# ---- step 1 -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a document: whole sentences of one section."""

    chunk_id: str
    """``<doc_id>:<start>-<end>``."""
    doc_id: str
    modality: Modality
    kind: str
    section: str
    """Upper case, as in ``IMPRESSION``; empty where the document has none."""
    start: int
    end: int
    text: str
    """Exactly ``document.text[start:end]``."""
    time: datetime
    known_at: datetime


@dataclass(frozen=True, slots=True)
class ScoredChunk:
    """A chunk with the scores that put it where it is."""

    chunk: Chunk
    bm25: float
    """Lucene BM25, min-max over the sample's chunks of the modality, of the best query: [0, 1]."""
    dense: float
    """Cosine mapped to [0, 1], of the same query."""
    score: float
    """alpha * bm25 + (1 - alpha) * dense: [0, 1] (paper section 4, Finding Relevant Chunks)."""
    rank: int
    """From 1 within the modality."""
    query: str
    """The anchor, synonym or sign that scored best."""
    polarity: Polarity | None
    """What the chunk says of the task's concepts; ``None`` where it names none."""
    also_in: tuple[str, ...] = ()
    """Chunk ids of identical or near-identical older text, shown once."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The retrieved chunks of one sample for one task and modality, best first."""

    sample_id: str
    task_id: str
    modality: Modality
    chunks: tuple[ScoredChunk, ...]
    considered: int
    """How many admissible chunks were ranked."""


# ---- step 2 -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CitedSentence:
    """A sentence and the chunks it rests on."""

    text: str
    chunk_ids: tuple[str, ...]
    """At least one for a summary's sentence."""
    entailment: float | None = None
    """Probability that it follows from its chunks; ``None``: not asked, or the chart's own words."""


@dataclass(frozen=True, slots=True)
class Summary:
    """Cited sentences of one modality that fit the encoder."""

    sample_id: str
    task_id: str
    modality: Modality
    sentences: tuple[CitedSentence, ...]
    n_tokens: int
    """Word pieces of ``text`` with the encoder's tokenizer, special tokens counted."""
    writer: str
    """``extractive``, or the model's id."""
    dropped: int = 0
    """Sentences that failed their checks."""
    entailment: str = "entailment not checked: no model"
    """Which model said that each sentence follows from its chunks, or why none did."""

    @property
    def text(self) -> str:
        """The sentences without their citations, as the encoder reads them."""
        return " ".join(sentence.text for sentence in self.sentences)


# ---- step 3 -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Features:
    """What the predictor sees of n samples: texts for the encoders, named numeric columns, index images."""

    sample_ids: tuple[str, ...]
    texts: Mapping[str, tuple[str, ...]]
    """Modality -> n summary texts; empty where nothing was found."""
    values: NDArray[np.float32]
    """[n, d]; NaN = missing."""
    names: tuple[str, ...]
    """[d] in words: ``lactate, max``."""
    blocks: Mapping[str, tuple[int, int]]
    """Block -> half-open column range; the ranges tile [0, d)."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """A calibrated risk."""

    sample_id: str
    task_id: str
    model: str
    """``xhaim``, ``xhaim_frozen``, ``haim``, or a baseline's name."""
    split: int
    raw: float
    """Mean of the booster's probabilities over the fold encoders, before calibration."""
    risk: float
    """Calibrated probability, [0, 1]."""
    low: float | None = None
    """Interval of the risk; ``None`` where the calibration set is too small to give one."""
    high: float | None = None
    outcomes: tuple[int, ...] = (0, 1)
    """Split-conformal set; both outcomes: the model abstains."""


# ---- step 4 -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Citation:
    """Where a statement rests: a span of a document, one measurement, or an image."""

    marker: int
    """The n of [n], from 1."""
    kind: Literal["span", "measurement", "image"]
    source_id: str
    """doc_id, measurement_id or image_id."""
    label: str
    """What it is, for a reader: ``Radiology: CHEST (PORTABLE AP)``, ``Lactate``."""
    quote: str
    """The exact words, or the value with its unit."""
    time: datetime
    known_at: datetime
    start: int | None = None
    """Offsets into the document; ``None`` unless a span."""
    end: int | None = None
    polarity: Polarity | None = None
    effect: float | None = None
    """Change of the calibrated risk brought by this evidence: risk with it minus risk without it."""
    effect_reason: str | None = None
    """Why there is no effect; ``None`` where there is one."""


@dataclass(frozen=True, slots=True)
class KnowledgeLine:
    """One line of medical knowledge and who says it: never evidence about a patient."""

    line_id: str
    """``pleural_effusion:sign:2``: unique in its knowledge base."""
    kind: Literal["definition", "sign", "mimic", "value", "criterion", "text"]
    """``text``: a passage of somebody's own folder; all others: a line of a task card."""
    text: str
    source: str
    """Title, publisher or journal, year: what a reader needs to find it."""
    url: str | None
    licence: str
    """Under which it may be shown; of a card's line ``own words``: a paraphrase of a fact of its source."""
    date: str | None
    """ISO day, month or year of the source; ``None`` where it has none."""


@dataclass(frozen=True, slots=True)
class KnowledgeCitation:
    """A line of knowledge that a statement rests on."""

    marker: int
    """The n of [K n], from 1."""
    line: KnowledgeLine


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A sentence of a document: half-open offsets in its characters."""

    doc_id: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Named:
    """A line of knowledge, and where the evidence names what it is about."""

    line: KnowledgeLine
    span: Span
    polarity: Polarity


CriterionStatus = Literal["met", "not met", "unknown"]
"""``unknown`` where nothing was found: a record that is silent has not said no."""


@dataclass(frozen=True, slots=True)
class Points:
    """A score as far as it can be counted: at least ``low`` and at most ``high`` of ``most``."""

    low: int
    high: int
    most: int


@dataclass(frozen=True, slots=True)
class Criterion:
    """One criterion of a guideline, judged on one record."""

    criterion_id: str
    """Of the card: ``curb65_urea``."""
    text: str
    """Short: ``urea above 7 mmol/L``."""
    status: CriterionStatus
    reason: str
    """Why, in words: the value and the threshold, or that nothing was found."""
    measurement_ids: tuple[str, ...]
    """Measurements of this record, known before the prediction time, that it rests on."""
    spans: tuple[Span, ...]
    """Sentences of this record's documents that it rests on."""
    line: KnowledgeLine
    """The line of the card that says so."""
    parts: tuple[str, ...] = ()
    """Of a score: the ids of its criteria."""
    points: Points | None = None
    """Of a score; ``None`` for a single criterion."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One sentence of an explanation."""

    text: str
    """Without citation marks."""
    role: Literal[
        "risk", "for", "against", "observed", "knowledge", "checklist", "missing", "change", "model", "limits"
    ]
    """``observed``: what the record holds, on no side, since there is no model that could tell. ``knowledge``: what
    medicine says of the question. ``checklist``: whether this patient meets a criterion."""
    markers: tuple[int, ...]
    """Citations it rests on; empty only for what speaks of the model, of knowledge or of absence."""
    knowledge: tuple[int, ...] = ()
    """The [K n] it rests on; never mixed with evidence: what a patient's record says stands in ``markers`` alone."""
    status: CriterionStatus | None = None
    """Of a checklist's criterion; ``None`` for every other role."""
    compared: tuple[int, ...] = ()
    """Those of ``markers`` that stand for what was said or measured before, for its trend: on no side by themselves."""


@dataclass(frozen=True, slots=True)
class Faithfulness:
    """Whether the cited words and values are what moves the risk: measured with all of them at once.

    The index image is left as it is, but for ``cited_alone``: nothing of its size could be taken out at random.
    """

    without_cited: float
    """Risk with everything but the cited words and values (comprehensiveness), [0, 1]."""
    cited_alone: float
    """Risk with the cited evidence alone (sufficiency); what cannot be taken out, as age and sex, stays."""
    at_random: tuple[float, ...]
    """Risks, each without as many words and values, drawn at random from the others that the model read."""
    drawn: float
    """Size of the draws over that of the cited evidence, of words or of values, whichever is smaller: 1 is as much;
    less where the model read too little else."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """A risk in sentences, each traceable."""

    sample_id: str
    task_id: str
    question: str
    report_policy: ReportPolicy
    risk: float | None
    """``None`` where no model could be fitted; ``unscored`` says why."""
    low: float | None
    high: float | None
    base_rate: float | None
    """Share of positives among the training samples."""
    threshold: float | None
    """Operating point, chosen on validation."""
    abstains: bool
    statements: tuple[Statement, ...]
    citations: tuple[Citation, ...]
    contributions: Mapping[str, float]
    """Block -> TreeSHAP summed over its columns, in log-odds of the uncalibrated booster."""
    dropped: tuple[str, ...]
    """Reasons of the statements that failed verification and are not shown."""
    writer: str
    simulated: bool
    unscored: str | None = None
    """Why there is no risk; ``None`` where there is one."""
    knowledge: tuple[KnowledgeCitation, ...] = ()
    """What the [K n] of the statements stand for."""
    columns: Mapping[str, float] = field(default_factory=dict)
    """Named columns that add most, greatest first: ``lactate, max`` -> log-odds, as in ``contributions``."""
    image_score: float | None = None
    """What the image network gave the index image for the task's finding, [0, 1], not calibrated."""
    faithfulness: Faithfulness | None = None
    """``None`` where nothing is cited, or no effect could be measured."""
    additive: Mapping[str, float] = field(default_factory=dict)
    """Only where asked for: ``[n]``, other evidence, and what cannot be taken out -> change of the risk, averaged over
    orders of taking out; they sum to the risk less the base rate."""


# ---- judging ------------------------------------------------------------------------------------------------

Dimension = Literal["citation", "factuality", "quality"]
"""What an explanation is scored on, 1 to 5 each (paper, Results); ``judge/rubric.yaml`` describes every level."""

DIMENSIONS: tuple[Dimension, ...] = ("citation", "factuality", "quality")


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing that a judge finds wrong with an explanation."""

    dimension: Dimension
    severity: Literal["minor", "considerable", "major"]
    """What it can do to a patient."""
    detail: str
    """What is wrong."""
    quote: str
    """Words of the explanation, exactly; empty for what is missing from it."""
    statement: int | None = None
    """Place of the sentence, from 0; ``None``: the explanation as a whole."""
    marker: int | None = None
    """The [n] of the citation that it is about."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one judge, a person or a program, says of one explanation."""

    sample_id: str
    task_id: str
    explanation: str
    """SHA-256 of the explanation's JSON: a verdict is of these very words."""
    rater: str
    """Login of a person, id of a model, or ``deterministic critic``."""
    scores: Mapping[str, int | None]
    """Dimension -> 1 to 5; ``None`` where there is no score, and ``reasons`` says why. Never a made-up number."""
    reasons: Mapping[str, str]
    """Dimension -> why this score, or why none."""
    issues: tuple[Issue, ...] = ()
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Attrition:
    """One reason why rows or samples were left out."""

    stage: str
    reason: str
    n: int
