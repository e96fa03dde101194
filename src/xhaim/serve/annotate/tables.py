"""What is kept of the annotation: who was asked what, and what they said. No text of an explanation or of a record."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Integer, String, Table, Text

from xhaim.serve.database import METADATA

MOST_COMMENT = 5000
"""Characters."""

ITEMS = Table(
    "annotation_items",
    METADATA,
    Column("explanation", String(64), primary_key=True),  # SHA-256 of its JSON: an item is these very words
    Column("task_id", String(100), nullable=False),
    Column("sample_id", String(200), nullable=False),
    Column("subject_id", BigInteger, nullable=False),
    Column("stratum", String(40), nullable=False),  # never shown to a rater
    Column("calibration", Boolean, nullable=False),
)
SCORES = Table(
    "annotation_scores",
    METADATA,
    Column("explanation", String(64), ForeignKey("annotation_items.explanation"), primary_key=True),
    Column("rater", String(80), primary_key=True),
    Column("dimension", String(60), primary_key=True),
    Column("score", Integer, nullable=False),
    Column("entered_by", String(80), nullable=False),
    Column("saved_at", String(40), nullable=False),
)
COMMENTS = Table(
    "annotation_comments",
    METADATA,
    Column("explanation", String(64), ForeignKey("annotation_items.explanation"), primary_key=True),
    Column("rater", String(80), primary_key=True),
    Column("comment", Text, nullable=False),
    Column("entered_by", String(80), nullable=False),
    Column("saved_at", String(40), nullable=False),
)
PREFERENCES = Table(
    "annotation_preferences",
    METADATA,
    Column("pair", String(64), primary_key=True),  # SHA-256 of both explanations' names
    Column("rater", String(80), primary_key=True),
    Column("task_id", String(100), nullable=False),
    Column("sample_id", String(200), nullable=False),
    Column("first", String(64), nullable=False),  # the explanation of the run that is served
    Column("second", String(64), nullable=False),  # the one of the run beside it
    Column("left", String(64), nullable=False),  # which of them stood on the left
    Column("preferred", String(64)),  # null: neither
    Column("comment", Text, nullable=False),
    Column("saved_at", String(40), nullable=False),
)
