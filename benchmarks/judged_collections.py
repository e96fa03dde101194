"""Open collections with judged answers as queries, passages and gold, made the same way from the files every time.

Passages are what one vector can hold: BioASQ's snippets and PubMedQA's paragraphs as they are; of a MedQuAD answer the
first chunk as the product cuts it (whole sentences, at most 180 words). Equal texts are one passage. Corpora hold
judged passages alone and no others of the literature, so the tasks are easier than a search of PubMed; what was not
judged for a question counts as not relevant, so that figures are lower bounds.
"""

from __future__ import annotations

import gzip
import json
import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from xhaim.config import RetrieveSettings
from xhaim.records import Document
from xhaim.retrieve.chunk import chunk

SEED = 0


@dataclass(frozen=True)
class Collection:
    """Questions and passages; ``gold[i]`` are the places of the passages that answer question i."""

    name: str
    made: str
    """How, in words."""
    queries: list[str]
    passages: list[str]
    gold: list[frozenset[int]]

    def described(self) -> str:
        """Return the counts."""
        each = sum(map(len, self.gold)) / len(self.gold)
        return (
            f"{self.name}: {len(self.queries)} queries, {len(self.passages)} passages, "
            f"{each:.1f} gold a query ({self.made})"
        )


def _built(name: str, made: str, pairs: Iterable[tuple[str, str]], n_queries: int) -> Collection:
    """Make a collection of (question, passage) pairs; ``n_queries`` questions are drawn, all passages stay."""
    answers: dict[str, set[str]] = defaultdict(set)
    for question, passage in pairs:
        answers[" ".join(question.split())].add(" ".join(passage.split()))
    passages = sorted(set().union(*answers.values()))
    place = {passage: at for at, passage in enumerate(passages)}
    drawn = _drawn(answers, n_queries)
    return Collection(
        name, made, drawn, passages, [frozenset(place[text] for text in answers[question]) for question in drawn]
    )


def _drawn(names: Iterable[str], n: int) -> list[str]:
    """Draw n of some names by the seed, whatever their order."""
    every = sorted(set(names))
    return sorted(random.Random(SEED).sample(every, min(n, len(every))))


def bioasq(data: Path, n_questions: int) -> Collection:
    """Drawn questions of the BioASQ golden sets 7B to 11B; gold: the snippets that experts marked for them."""
    questions = [
        question
        for path in sorted((data / "bioasq_golden").rglob("*_golden.json.gz"))
        for question in json.loads(gzip.decompress(path.read_bytes()))["questions"]
    ]
    drawn = set(_drawn((one["body"] for one in questions if one.get("snippets")), n_questions))
    pairs = [
        (one["body"], snippet["text"])
        for one in questions
        if one["body"] in drawn
        for snippet in one.get("snippets", ())
        if snippet["text"].strip()
    ]
    return _built("BioASQ", "drawn questions; corpus: the gold snippets of all of them", pairs, n_questions)


def medquad(data: Path, n_queries: int, n_pairs: int) -> Collection:
    """Questions of MedQuAD; gold: the beginning of their answers.

    Pages are drawn whole, so that the other answers of a page are in the corpus too, until there are ``n_pairs``.
    """
    pages: dict[str, list[tuple[str, str]]] = defaultdict(list)
    settings, day = RetrieveSettings(), datetime(2000, 1, 1)
    with gzip.open(data / "medquad" / "medquad_answers.jsonl.gz", "rt", encoding="utf-8") as file:
        for row in map(json.loads, file):
            if row["answer"].strip():
                pages[row["url"]].append((row["question"], row["answer"]))
    order = sorted(pages)
    random.Random(SEED).shuffle(order)
    pairs: list[tuple[str, str]] = []
    for page in order:
        if len(pairs) >= n_pairs:
            break
        for question, answer in pages[page]:
            pieces = chunk(Document("", "", "", answer, day, day), "notes", settings)
            pairs.append((question, pieces[0].text))
    return _built("MedQuAD", "drawn questions; corpus: first chunk of each answer of drawn pages", pairs, n_queries)


def pubmedqa(data: Path, n_questions: int) -> Collection:
    """Drawn questions of PubMedQA's labelled part; gold: the paragraphs of the abstract that each was made from."""
    records = json.loads((data / "pubmedqa" / "ori_pqal.json").read_text(encoding="utf-8"))
    pairs = [
        (records[key]["QUESTION"], text) for key in _drawn(records, n_questions) for text in records[key]["CONTEXTS"]
    ]
    return _built(
        "PubMedQA", "drawn questions; corpus: the paragraphs of their abstracts, no conclusion", pairs, n_questions
    )
