"""Which words of a conversation come into the note: learned from conversations with their notes, by counting."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from xhaim.judge.summary_read import Read, read_dialogue, read_note

_STRENGTH = 5.0
"""Conversations that the share of its kind counts for, beside those in which a term was heard."""
_STEM = "stem"
Term = tuple[str, str]
"""Kind of concept, or ``stem``; and its name."""


@dataclass(frozen=True, slots=True)
class Salience:
    """How often a term of a conversation comes into its note; with nothing learned, all terms weigh the same."""

    conversations: int = 0
    heard: Mapping[Term, int] = field(default_factory=dict)
    """In how many conversations each term was said."""
    noted: Mapping[Term, int] = field(default_factory=dict)
    """In how many of them the note has it too."""
    by_kind: Mapping[str, float] = field(default_factory=dict)
    """Kind -> the same share of all its terms together."""

    def weight(self, term: Term) -> float:
        """Return the chance that a note has the term, (0, 1); 1 with nothing learned."""
        if not self.conversations:
            return 1.0
        share = self.by_kind.get(term[0], 0.0)
        return (self.noted.get(term, 0) + _STRENGTH * share) / (self.heard.get(term, 0) + _STRENGTH)

    def rarity(self, term: Term) -> float:
        """Return the term's idf, log((N + 1) / (n + 1)) over the conversations; 1 with nothing learned."""
        if not self.conversations:
            return 1.0
        return math.log((self.conversations + 1) / (self.heard.get(term, 0) + 1))


def learn(pairs: Iterable[tuple[str, str]]) -> Salience:
    """Count over (conversation, note) pairs; the same for any order of them."""
    heard: Counter[Term] = Counter()
    noted: Counter[Term] = Counter()
    n = 0
    for conversation, text in pairs:
        source, note = read_dialogue(conversation), read_note(text)
        said = terms(source)
        heard.update(said)
        noted.update(term for term in said if has(note, term))
        n += 1
    kinds = {kind for kind, _ in heard}
    share = {kind: _of(noted, kind) / _of(heard, kind) for kind in sorted(kinds)}
    return Salience(n, dict(heard), dict(noted), share)


def terms(read: Read) -> frozenset[Term]:
    """Return every concept with its kind, and every stem."""
    return frozenset({(concept.kind, name) for name, (concept, _) in read.first.items()} | {
        (_STEM, stem) for stem in read.stems
    })  # fmt: skip


def has(read: Read, term: Term) -> bool:
    """Say whether a text has a term by its very name."""
    return term[1] in (read.stems if term[0] == _STEM else read.first)


def _of(counts: Mapping[Term, int], kind: str) -> int:
    return sum(count for (its, _), count in counts.items() if its == kind)
