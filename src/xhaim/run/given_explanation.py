"""An explanation that somebody wrote, read as data: xHAIM's own JSON, or a list of sentences with citations.

The short form names a subject, a prediction time and sentences; each citation a source of the store (``source_id``),
and of a document the characters. Whatever the file holds, it becomes neither code nor path.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from xhaim.errors import DataError
from xhaim.explain.render import from_json
from xhaim.records import Explanation, ReportPolicy

MAX_BYTES = 8_000_000


class GivenCitation(BaseModel):
    """Where a sentence says it rests."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source_id: Annotated[str, Field(max_length=500)]
    start: int | None = None
    end: int | None = None
    quote: Annotated[str, Field(max_length=100_000)] | None = None


class GivenSentence(BaseModel):
    """One sentence."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: Annotated[str, Field(min_length=1, max_length=20_000)]
    citations: Annotated[tuple[GivenCitation, ...], Field(max_length=100)] = ()


class Given(BaseModel):
    """The short form."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    subject_id: int
    prediction_time: datetime
    """Without a zone: the store's own times."""
    stay_id: int | None = None
    report_policy: ReportPolicy = "admissible"
    """What of radiology text may be cited; ``admissible``: all that was known before the prediction time."""
    sentences: Annotated[tuple[GivenSentence, ...], Field(min_length=1, max_length=1000)]


def read(path: Path) -> Explanation | Given:
    """Read a file of either form. Raises DataError for anything else, with what was got and expected."""
    if not path.is_file():
        raise DataError(f"no file '{path}'", do="give the JSON of: xhaim explain RUN --sample ID --format json")
    if path.stat().st_size > MAX_BYTES:
        raise DataError(f"{path} is too large", got=f"{path.stat().st_size:,} bytes", expected=f"at most {MAX_BYTES:,}")
    try:
        text = path.read_text(encoding="utf-8")
        raw: Any = json.loads(text)
    except (ValueError, RecursionError):
        raise DataError(f"{path} is not JSON", expected="UTF-8 JSON") from None
    if isinstance(raw, dict) and "statements" in raw:
        return from_json(text)
    try:
        given = Given.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise DataError(
            f"{path} is no explanation: {error.error_count()} fault(s)",
            got=f"at {'.'.join(str(part) for part in first['loc']) or 'the top'}: {first['msg']}",
            expected="xHAIM's own JSON, or subject_id, prediction_time and sentences with text and citations",
        ) from None
    if given.prediction_time.tzinfo is not None:
        raise DataError(f"{path}: a prediction time with a zone", expected="a time of the store, without a zone")
    return given
