"""What can be counted of a summary against its source, and against a reference: facts lacking, claims unsupported.

Deterministic, by the rules of ``xhaim.verify``; no model is asked. The names say what is counted; a small map fitted
to people's scores weighs them (``benchmarks.judge_people``), or each is read by itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

from xhaim.judge.summary_read import Read, read_dialogue, read_note
from xhaim.judge.summary_salience import Salience, has, terms
from xhaim.verify.align import WEIGHTS, align
from xhaim.verify.check import met
from xhaim.verify.lexicon import Kind

_KINDS: Mapping[Kind, str] = {"finding": "findings", "drug": "drugs", "procedure": "procedures", "part": "parts"}
_HEDGES = frozenset(
    ("may", "might", "possible", "possibly", "probably", "likely", "appears", "seems", "unclear", "suspected")
)


def features(
    source: str, summary: str, reference: str | None = None, *, salience: Salience | None = None
) -> dict[str, float]:
    """Return name -> count, share [0, 1] or logarithm of a ratio; those of the reference only where there is one.

    ``source``: a conversation with its speakers, or any text. A missing or unsupported fact counts by the weight of
    its kind (``verify.align.WEIGHTS``), a term by ``salience``. Nothing to find is a share of 1. Raises DataError for
    a text over 50,000 characters.
    """
    read, ours = read_dialogue(source), read_note(summary)
    known = salience or Salience()
    found = _sizes(read, ours, summary) | lacking(read, ours, known) | unsupported(read, ours)
    if reference is not None:
        found |= {f"reference {name}": value for name, value in against(read_note(reference), ours).items()}
    return found


def lacking(source: Read, summary: Read, salience: Salience) -> dict[str, float]:
    """Return what the source says and the summary does not: facts by kind, and terms by how often notes have them."""
    found = {f"lacks {name}": value for name, value in facts(source, summary).items()}
    for name, stems in (("terms", False), ("words", True)):
        said = sorted(term for term in terms(source) if (term[0] == "stem") == stems)
        weights = [salience.weight(term) for term in said]
        gone = [0.0 if has(summary, term) else weight for term, weight in zip(said, weights, strict=True)]
        rare = sum(weight * salience.rarity(term) for term, weight in zip(said, gone, strict=True))
        whole = sum(weights)
        found |= {
            f"lacks salient {name}": sum(gone),
            f"lacks salient rare {name}": rare,
            f"holds share of salient {name}": 1 - sum(gone) / whole if whole else 1.0,
        }
    return found


def unsupported(source: Read, summary: Read) -> dict[str, float]:
    """Return what the summary says and the source does not, and where its sentences disagree with the source."""
    found = {f"adds {name}": value for name, value in facts(summary, source).items()}
    evidence = ["\n".join(source.sentences)]
    sure, every, covered, score = [0.0], [0.0], [1.0], [1.0]
    for sentence in summary.sentences:
        _, aligned, wrong = met(sentence, evidence)
        sure.append(float(sum(one.sure for one in wrong)))
        every.append(float(len(wrong)))
        covered.append(aligned.covered)
        score.append(aligned.score)
    sentences = max(1, len(summary.sentences))
    return found | {
        "sure disagreements": sum(sure),
        "sure disagreements, worst sentence": max(sure),
        "sure disagreements, each sentence": sum(sure) / sentences,
        "disagreements": sum(every),
        "disagreements, worst sentence": max(every),
        "disagreements, each sentence": sum(every) / sentences,
        "support of the worst sentence": min(covered),
        "support of the worst sentence in one statement": min(score),
        "pairs of words that the source has": _share(_pairs(summary.words), _pairs(source.words)),
    }


def against(reference: Read, summary: Read) -> dict[str, float]:
    """Return how the summary meets a reference: facts of it that are lacking, sizes, the longest common order."""
    wanted = facts(reference, summary)
    weight = sum(WEIGHTS.get(concept.kind, 0.0) for concept, _ in summary.first.values())
    held = wanted["facts in all"] - wanted["facts"]
    return wanted | {
        "words in all": float(len(reference.words)),
        "words, log ratio": math.log((1 + len(summary.words)) / (1 + len(reference.words))),
        "facts, log ratio": math.log((1 + weight) / (1 + wanted["facts in all"])),
        "facts held, log share": math.log((1 + held) / (1 + wanted["facts in all"])),
        "words in its order": _common(reference.words, summary.words) / max(1, len(reference.words)),
    }


def facts(said: Read, by: Read) -> dict[str, float]:
    """Return how many facts of one text another lacks, in all and by kind, and how well its sentences are met."""
    whole = gone = 0.0
    counts = {kind: [0, 0] for kind in _KINDS}
    for concept, sentence in said.first.values():
        weight, there = WEIGHTS.get(concept.kind, 0.0), by.names(concept, sentence)
        whole, gone = whole + weight, gone + weight * (not there)
        if concept.kind in counts:
            counts[concept.kind][0] += 1
            counts[concept.kind][1] += not there
    meets = [align(one, by.facets).score for one in said.facets if one.concepts]
    found = {
        "facts in all": whole,
        "facts": gone,
        "share of facts": gone / whole if whole else 0.0,
        "numbers": float(len(said.numbers - by.numbers)),
        "words": float(len(said.stems - by.stems)),
        "sentences met, mean": sum(meets) / len(meets) if meets else 1.0,
        "sentences met, least": min(meets, default=1.0),
    }
    for kind, name in _KINDS.items():
        n, missing = counts[kind]
        found |= {name: float(missing), f"share of {name}": missing / n if n else 0.0}
    return found


def _sizes(source: Read, summary: Read, text: str) -> dict[str, float]:
    triples = list(zip(summary.words, summary.words[1:], summary.words[2:], strict=False))
    return {
        "source words": float(len(source.words)),
        "summary words": float(len(summary.words)),
        "words, log ratio": math.log((1 + len(summary.words)) / (1 + len(source.words))),
        "summary sentences": float(len(summary.sentences)),
        "breaks off": float(not text.rstrip().endswith((".", "!", "?"))),
        "repeats": 1 - len(set(triples)) / len(triples) if triples else 0.0,
        "hedges": float(sum(word in _HEDGES for word in summary.words)),
    }


def _pairs(words: Sequence[str]) -> list[tuple[str, str]]:
    return list(pairwise(words))


def _share(ours: Sequence[tuple[str, str]], theirs: Sequence[tuple[str, str]]) -> float:
    known = set(theirs)
    return sum(one in known for one in ours) / len(ours) if ours else 1.0


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """Return the length of the longest common subsequence (ROUGE-L), of at most 2,000 words each."""
    row = [0] * (min(len(other), 2000) + 1)
    for word in one[:2000]:
        corner = 0
        for place, its in enumerate(other[:2000], start=1):
            corner, row[place] = row[place], corner + 1 if word == its else max(row[place], row[place - 1])
    return row[-1]
