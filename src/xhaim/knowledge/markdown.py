"""A Markdown file as texts under its headings, with YAML front matter that says whose they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from pydantic import ValidationError

from xhaim.errors import DataError
from xhaim.knowledge.passages import one_line
from xhaim.knowledge.texts import About, Fault, Text, fields_at_fault, opened
from xhaim.strict_yaml import parse

MAX_BYTES = 5_000_000
_MAX_FRONT = 16_384
"""Characters of front matter."""
_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.*)")
_FENCE = re.compile(r" {0,3}(```|~~~)")


class Hash(Protocol):
    """What takes in every byte that was read."""

    def update(self, data: bytes, /) -> None:
        """Take in bytes."""


def read(path: Path, digest: Hash) -> Iterator[Text | Fault]:
    """Give the texts of a file, each under its nearest heading, or the fault that refuses it."""
    with opened(path) as file:
        raw = file.read(MAX_BYTES + 1)
    digest.update(raw)
    if len(raw) > MAX_BYTES:
        yield Fault(1, f"more than {MAX_BYTES:,} bytes")
        return
    try:
        whole = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        yield Fault(raw.count(b"\n", 0, error.start) + 1, "not UTF-8")
        return
    lines = whole.replace("\r\n", "\n").split("\n")
    end = next((at for at, line in enumerate(lines[1:], start=1) if line.strip() == "---"), None)
    if lines[0].strip() != "---" or end is None:
        yield Fault(1, "no front matter; expected --- , title, source and licence as YAML, ---")
        return
    about = _about("\n".join(lines[1:end]))
    yield from [about] if isinstance(about, Fault) else _texts(lines, end + 1, about)


def _about(front: str) -> About | Fault:
    if len(front) > _MAX_FRONT:
        return Fault(1, f"front matter of more than {_MAX_FRONT:,} characters")
    try:
        return About.model_validate(parse(front))
    except ValidationError as error:
        return Fault(1, fields_at_fault(error))
    except DataError as error:
        return Fault(1, f"front matter is not YAML: {error.what}")


def _texts(lines: list[str], first: int, about: About) -> Iterator[Text | Fault]:
    """Cut at headings; a ``#`` between code fences is none."""
    heading, begun, fence, empty = "", first, "", True
    body: list[str] = []
    for at in range(first, len(lines) + 1):
        line = lines[at] if at < len(lines) else None
        mark = None if line is None or fence else _HEADING.match(line)
        if line is None or mark:
            if one_line("\n".join(body)):
                yield Text(begun + 1, heading, "\n".join(body), about)
                empty = False
            if mark:
                heading, begun, body = one_line(mark[2].rstrip("# \t"))[:200], at, []
        else:
            opening = _FENCE.match(line)
            if opening and fence in ("", opening[1]):
                fence = "" if fence else opening[1]
            body.append(line)
    if empty:
        yield Fault(first, "no text below the front matter")
