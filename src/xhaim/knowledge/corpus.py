"""A folder of Markdown and JSONL as knowledge: every passage with its source, licence, date and address.

What is in the folder was written by others and is data: nothing in it is run, followed or obeyed, and no network is
used. Every fault is named by its file and line, and one of them refuses the whole folder: half a corpus would answer as
if it were all of it.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from xhaim.errors import DataError
from xhaim.knowledge import jsonl, markdown
from xhaim.knowledge.passages import hidden, passages
from xhaim.knowledge.texts import Fault, Text
from xhaim.records import KnowledgeLine

_READERS = {".md": markdown.read, ".jsonl": jsonl.read}
_MAX_FILES = 10_000
_MAX_PASSAGES = 500_000
_MAX_DEPTH = 12
_SHOWN = 20
"""Faults that are listed; the others are counted."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """The passages of a folder."""

    lines: tuple[KnowledgeLine, ...]
    """By path, then by their order in the file; ``line_id`` is ``<path>:<line>:<passage>``."""
    digest: str
    """16 hex digits of all files that were read: part of every cache key."""
    unread: tuple[str, ...]
    """Files of other kinds, by path; hidden files and folders are not looked at."""


def read_corpus(folder: Path) -> Corpus:
    """Read every ``.md`` and ``.jsonl`` file below ``folder``.

    Markdown begins with YAML front matter (title, source, licence, and url and date where there are any) and is cut
    by heading and paragraph; a line of JSONL holds the same fields and ``text``. Passages have at most 180 words.
    Raises DataError for a folder without texts, a symbolic link or anything that is no plain file, a file, line or
    passage beyond the limits, and for every fault, named by file and line.
    """
    if not folder.is_dir():
        raise DataError("no folder of knowledge", got=folder, expected="a folder with .md or .jsonl files")
    lines: list[KnowledgeLine] = []
    faults: list[str] = []
    unread: list[str] = []
    digest = hashlib.sha256()
    for name in _files(folder):
        read = _READERS.get(Path(name).suffix.lower())
        if read is None:
            unread.append(name)
            continue
        digest.update(f"{name}\0".encode())
        for found in read(folder / name, digest):
            if isinstance(found, Fault):
                faults.append(f"  {name}:{found.line}: {found.what}")
            else:
                lines.extend(_lines(name, found))
            if len(lines) > _MAX_PASSAGES:
                raise DataError("too much knowledge in one folder", expected=f"at most {_MAX_PASSAGES:,} passages")
    if faults:
        more = [f"  and {len(faults) - _SHOWN} more"] if len(faults) > _SHOWN else []
        raise DataError(
            f"{folder}: {len(faults)} fault(s)\n" + "\n".join([*faults[:_SHOWN], *more]),
            do="mend or remove these lines; docs/knowledge.md shows both forms",
        )
    if not lines:
        raise DataError(f"{folder} holds no text", expected="files that end in .md or .jsonl")
    return Corpus(tuple(lines), digest.hexdigest()[:16], tuple(unread))


def _lines(name: str, text: Text) -> Iterator[KnowledgeLine]:
    for place, words in enumerate(passages(text.body), start=1):
        yield KnowledgeLine(
            line_id=f"{name}:{text.line}:{place}",
            kind="text",
            text=words,
            source=text.about.described(text.heading),
            url=text.about.url,
            licence=text.about.licence,
            date=text.about.date,
        )


def _files(folder: Path) -> list[str]:
    """Return the plain files below a folder by their POSIX paths, in order; refuse links and what is no file."""
    found: list[str] = []
    for path in _walk(folder, 0):
        name = path.relative_to(folder).as_posix()
        if hidden(name):
            raise DataError("a file name with invisible characters", got=ascii(name), do="rename the file")
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            raise DataError(f"{name} is a symbolic link", expected="files inside the folder", do="copy the file there")
        if not stat.S_ISREG(mode):
            raise DataError(f"{name} is no plain file", expected="files and folders")
        found.append(name)
        if len(found) > _MAX_FILES:
            raise DataError("too many files in one folder of knowledge", expected=f"at most {_MAX_FILES:,}")
    return sorted(found)


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    """Give what lies below a folder, but its folders; a link to a folder counts as a file, and is not followed."""
    if depth > _MAX_DEPTH:
        raise DataError("folders of knowledge are too deep", expected=f"at most {_MAX_DEPTH} folders in each other")
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(Path(entry.path), depth + 1)
            else:
                yield Path(entry.path)
