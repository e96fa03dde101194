"""A cross-encoder to start from, trained on questions with answers: PubMedQA, and BioASQ where it may be used.

    nice -n 10 python -m benchmarks.verification_cross OUT.safetensors [--data FOLDER] [--shippable]

A question is the claim and its answer the label: yes, no, maybe. Evidence of a like question is neutral; a sentence of
the answer is entailed by its snippet, and contradicted once its denial or its direction is turned. ``--shippable``:
PubMedQA alone (MIT); BioASQ's licence is not verified, so weights trained on it stay inside. Half an hour of a core.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from xhaim.text.sentences import sentences
from xhaim.verify.entail_train import fit_cross

Row = tuple[str, str, int]
"""Claim, evidence, place of the label in ``LABELS``."""
_ANSWER = {"yes": 0, "maybe": 1, "no": 2}
_VERB = r"\b(is|are|was|were|can|may|should|could|will|has|have|had|does|did)\b"
_OPPOSITES = (
    "increased decreased increase decrease increases decreases higher lower more less better worse effective "
    "ineffective reduced increased positive negative safe unsafe significant insignificant high low common rare "
    "likely unlikely beneficial harmful useful useless associated unrelated"
)
_LONGEST, _SHORTEST = 75, 6
"""Words of claim and evidence together; of a sentence."""


def turned(sentence: str, draw: random.Random) -> str | None:
    """Return a sentence that says the contrary: a denial taken out or put in, or a direction turned; None: neither."""
    if re.search(_VERB + " not", sentence):
        return re.sub(_VERB + " not", r"\1", sentence, count=1)
    words = _OPPOSITES.split()
    other = dict(zip(words[::2] + words[1::2], words[1::2] + words[::2], strict=True))
    hits = [match for match in re.finditer(r"[a-z]+", sentence) if match[0] in other]
    if hits and (draw.random() < 0.6 or not re.search(_VERB, sentence)):
        hit = draw.choice(hits)
        return sentence[: hit.start()] + other[hit[0]] + sentence[hit.end() :]
    return re.sub(_VERB, r"\1 not", sentence, count=1) if re.search(_VERB, sentence) else None


def nearest(questions: list[str]) -> list[int]:
    """Return for each question the one that shares most words with it."""
    vectors = TfidfVectorizer(stop_words="english").fit_transform(questions)
    near = (vectors @ vectors.T).toarray()
    np.fill_diagonal(near, -1)
    return [int(at) for at in near.argmax(axis=1)]


def pubmedqa(folder: Path) -> Iterator[Row]:
    """Yield questions with the conclusion of their own abstract, and of the nearest other one."""
    found = sorted(json.loads((folder / "ori_pqal.json").read_text(encoding="utf-8")).items())
    other = nearest([row["QUESTION"] for _, row in found])
    for at, (_, row) in enumerate(found):
        yield row["QUESTION"], row["LONG_ANSWER"], _ANSWER[row["final_decision"]]
        yield row["QUESTION"], found[other[at]][1]["LONG_ANSWER"], 1


def bioasq(folder: Path, draw: random.Random) -> Iterator[Row]:
    """Yield yes-no questions with their snippets, those of the nearest question, and sentences of their answers."""
    every: dict[str, dict] = {}
    for path in sorted(folder.rglob("*.json.gz")):
        for question in json.loads(gzip.decompress(path.read_bytes()))["questions"]:
            if question["type"] == "yesno" and str(question.get("exact_answer")).lower() in _ANSWER:
                every.setdefault(question["body"], question)
    bodies = sorted(every)
    snippets = [[one["text"] for one in every[body].get("snippets", [])] for body in bodies]
    for at, other in enumerate(nearest(bodies)):
        for text in snippets[at][:6]:
            yield bodies[at], text, _ANSWER[str(every[bodies[at]]["exact_answer"]).lower()]
        for text in snippets[other][:2]:
            yield bodies[at], text, 1
        answer = every[bodies[at]].get("ideal_answer")
        whole = re.sub(r"^(yes|no)\b[,.]?\s*", "", str(answer[0] if isinstance(answer, list) else answer), flags=re.I)
        for start, end in sentences(whole)[:1] if snippets[at] else ():
            said = whole[start:end]
            best = max(snippets[at], key=lambda text: len(set(text.lower().split()) & set(said.lower().split())))
            yield said, best, 0
            contrary = turned(said, draw)
            if contrary:
                yield contrary, best, 2


def main() -> None:
    """Train, and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--shippable", action="store_true", help="PubMedQA alone")
    beside = Path(__file__).resolve().parents[1].parent / "shared" / "data"
    parser.add_argument("--data", type=Path, default=beside)
    given = parser.parse_args()
    draw = random.Random(0)
    rows = [*pubmedqa(given.data / "pubmedqa")]
    if not given.shippable:
        rows += bioasq(given.data / "bioasq_golden", draw)
    rows = [row for row in rows if len(row[0].split()) >= _SHORTEST and len(f"{row[0]} {row[1]}".split()) < _LONGEST]
    print(f"{len(rows)} pairs: {np.bincount([label for *_, label in rows])} entailment, neutral, contradiction")
    pairs, labels = [row[:2] for row in rows], np.array([row[2] for row in rows])
    tell = lambda done, of: print(f"{done} of {of}", flush=True) if done % 25 == 0 else None  # noqa: E731
    given.out.write_bytes(fit_cross(pairs, labels, progress=tell).to_bytes())


if __name__ == "__main__":
    main()
