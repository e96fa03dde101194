"""How simulated clinicians write: house styles, abbreviations, typing errors, text copied forward, hard line breaks.

A document is a list of sentences; the writer remembers each sentence of a patient by the place it stands in (its
slot), and copies the older one forward at times, as people do. What a sentence says of a concept is noted, and
becomes ``truth/spans.csv.gz`` with the exact offsets.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import yaml

from xhaim.records import Polarity
from xhaim.source.simulate.patients import pick

STYLES = ("terse", "templated", "verbose", "dictation")
TYPO_SHARE = 0.005
"""Of words."""
LINE = 78
"""Characters after which a line of a document breaks."""

_CHOICE = re.compile(r"<([^<>]*)>")
_RANGE = re.compile(r"(\d+(?:\.(\d+))?)\.\.(\d+(?:\.\d+)?)")
_SHORTENS = {"terse": 0.6, "templated": 0.15, "verbose": 0.05, "dictation": 0.1}
_VERBOSE_OPENERS = ("In comparison with the study of ___, ", "As compared to the previous radiograph, ", "Again, ")
_DICTATED_OPENERS = ("We see that ", "I note that ", "On today's film ")


@dataclass(frozen=True, slots=True)
class Reader:
    """A radiologist: a house style and habits."""

    style: str
    typos: float = 1.0
    """Typing errors, as a multiple of the usual share."""
    shortens: float = 1.0
    """Abbreviations, as a multiple of the style's share."""


SITES: tuple[tuple[Reader, ...], ...] = (
    (Reader("terse", 1.6, 1.2), Reader("terse", 0.4, 0.6), Reader("dictation"), Reader("verbose", 0.3)),
    (Reader("templated", 0.5), Reader("templated", 1.2, 2.0), Reader("verbose"), Reader("dictation", 2.0)),
)
"""Where films are read, and by whom. A patient has a site, and is sometimes seen at the other."""


@cache
def phrases() -> dict[str, Any]:
    """Return the phrase book (``phrases.yaml``)."""
    text = files("xhaim.source.simulate").joinpath("phrases.yaml").read_text(encoding="utf-8")
    book: dict[str, Any] = yaml.safe_load(text)
    return book


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a document and what it says."""

    text: str
    concept: str | None = None
    polarity: Polarity | None = None
    is_copy: bool = False
    lead: str = " "
    """What stands before it: a blank, or a line break with a heading."""


@dataclass(frozen=True, slots=True)
class Span:
    """Half-open offsets of a sentence that says something of a concept."""

    start: int
    end: int
    concept: str
    polarity: Polarity
    is_copy: bool


@dataclass(slots=True)
class Scribe:
    """Writes one patient's documents; ``memory`` is what can be copied forward, by slot."""

    rng: np.random.Generator
    memory: dict[str, str] = field(default_factory=dict)
    reader: Reader = Reader("templated")
    sentences: int = 0
    copied: int = 0
    words: int = 0
    opened: bool = False
    """Whether a sentence of the document was begun in its style's own way: once is enough."""

    @property
    def style(self) -> str:
        """House style of whoever writes."""
        return self.reader.style

    def sit(self, site: int) -> None:
        """Let somebody of a site, or now and then of another, write the next documents."""
        at = site if self.rng.random() < 0.85 else int(self.rng.random() * len(SITES))
        self.reader = pick(self.rng, SITES[at])

    def under(self, part: str) -> str:
        """Return what stands before a part of a report: its heading in the house style."""
        name = phrases()["headings"][self.style][part]
        return f"\n{name}: " if name else "\n"

    def say(
        self,
        slot: str,
        options: Sequence[str],
        *,
        fill: Mapping[str, str] | None = None,
        copy: float = 0.0,
        concept: str | None = None,
        polarity: Polarity | None = None,
        lead: str = " ",
        organ: str | None = None,
    ) -> Sentence:
        """Write a sentence, or with probability ``copy`` the one that last stood in the slot, if there is one.

        ``organ`` marks a sentence of a report's findings, which takes the look of the house; the templated style
        puts the organ before it.
        """
        self.sentences += 1
        if organ and self.style == "templated":
            lead = f"\n{organ}: "
        old = self.memory.get(slot)
        if old is not None and self.rng.random() < copy:
            self.copied += 1
            return Sentence(old, concept, polarity, True, lead)
        text = expand(pick(self.rng, options), self.rng)
        text = text.format(**fill) if fill else text
        text = self._shorten(text[0].upper() + text[1:])
        if organ:
            text = self._opened(self._in_style(text))
        self.memory.pop(slot, None)
        self.memory[slot] = text  # last in the order: what was written last is copied first
        return Sentence(text, concept, polarity, False, lead)

    def _in_style(self, text: str) -> str:
        if self.style == "terse":
            text = text.removeprefix("There is a ").removeprefix("There is ").removeprefix("The ")
            return text[0].upper() + text[1:]
        return text

    def _opened(self, text: str) -> str:
        """Begin one new sentence of a document in the style's own way."""
        openers = {"verbose": _VERBOSE_OPENERS, "dictation": _DICTATED_OPENERS}.get(self.style)
        if openers is None or self.opened or not text.startswith(("There ", "The ")):
            return text
        self.opened = True
        return pick(self.rng, openers) + text[0].lower() + text[1:]

    def _shorten(self, text: str) -> str:
        for long, short in phrases()["abbreviations"].items():
            if long in text and self.rng.random() < self.reader.shortens * _SHORTENS[self.style]:
                text = text.replace(long, short)
        if self.rng.random() < self.reader.typos * TYPO_SHARE * (1 + text.count(" ")):
            text = _mistype(text, self.rng)
        return text

    def finish(self, sentences: Sequence[Sentence]) -> tuple[str, list[Span]]:
        """Join sentences into a text with hard line breaks, and say where each concept is spoken of."""
        parts: list[str] = []
        spans: list[Span] = []
        at = 0
        for number, sentence in enumerate(sentences):
            lead = sentence.lead if number else sentence.lead.lstrip()
            parts += [lead, sentence.text]
            at += len(lead) + len(sentence.text)
            if sentence.concept is not None and sentence.polarity is not None:
                start = at - len(sentence.text)
                spans.append(Span(start, at, sentence.concept, sentence.polarity, sentence.is_copy))
        self.opened = False
        text = _break_lines("".join(parts))
        self.words += len(text.split())
        return text, spans


def expand(text: str, rng: np.random.Generator) -> str:
    """Follow the grammar of the phrase book: <a|b> is one of them, <3..9> a number."""
    while "<" in text:
        text = _CHOICE.sub(lambda found: _chosen(found[1], rng), text)
    return text


def _chosen(options: str, rng: np.random.Generator) -> str:
    between = _RANGE.fullmatch(options)
    if between is None:
        return pick(rng, options.split("|"))
    low, high, decimals = float(between[1]), float(between[3]), len(between[2] or "")
    return f"{low + (high - low) * rng.random():.{decimals}f}"


def _mistype(text: str, rng: np.random.Generator) -> str:
    """Swap two neighbouring letters, or lose one, in a word of at least five."""
    words = text.split(" ")
    long = [at for at, word in enumerate(words) if len(word) >= 5 and word.isalpha()]
    if not long:
        return text
    at = pick(rng, long)
    word, cut = words[at], 1 + int(rng.random() * (len(words[at]) - 3))
    words[at] = word[:cut] + (word[cut + 1] + word[cut] if rng.random() < 0.6 else "") + word[cut + 2 :]
    return " ".join(words)


def _break_lines(text: str) -> str:
    """Turn a blank into a line break where a line would grow too long: no offset moves."""
    lines = []
    for line in text.split("\n"):
        start = 0
        while len(line) - start > LINE:
            blank = line.rfind(" ", start, start + LINE)
            if blank <= start:
                break
            line = line[:blank] + "\n" + line[blank + 1 :]  # noqa: PLW2901 - the line is mended as it is read
            start = blank + 1
        lines.append(line)
    return "\n".join(lines)
