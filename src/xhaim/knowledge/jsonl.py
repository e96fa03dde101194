"""A JSONL file as texts: one object a line with text, title, source, licence, and url and date where there are any."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from xhaim.knowledge.markdown import Hash
from xhaim.knowledge.passages import one_line
from xhaim.knowledge.texts import About, Fault, Text, fields_at_fault, opened

MAX_LINE = 1_000_000
"""Bytes of one line."""


class _Row(About):
    text: Annotated[str, Field(min_length=1)]


def read(path: Path, digest: Hash) -> Iterator[Text | Fault]:
    """Give the text of each line, or its fault; blank lines are passed over."""
    with opened(path) as file:
        number = 0
        while raw := file.readline(MAX_LINE + 1):
            number += 1
            digest.update(raw)
            if len(raw) > MAX_LINE:
                yield Fault(number, f"more than {MAX_LINE:,} bytes in one line; what follows was not read")
                return
            if raw.strip():
                yield _text(raw, number)


def _text(raw: bytes, number: int) -> Text | Fault:
    try:
        row = _Row.model_validate(json.loads(raw.decode("utf-8-sig"), object_pairs_hook=_once))
    except UnicodeDecodeError:
        return Fault(number, "not UTF-8")
    except ValidationError as error:
        return Fault(number, fields_at_fault(error))
    except (ValueError, RecursionError) as error:
        return Fault(number, str(error) if isinstance(error, _TwiceError) else "not JSON")
    return Text(number, "", row.text, row) if one_line(row.text) else Fault(number, "text: blank")


class _TwiceError(ValueError):
    """A name stands twice in one object."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _TwiceError("a name stands twice in one object")
    return found
