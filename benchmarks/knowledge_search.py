"""Whether the right passage of a real corpus is found for a question, and what the evidence filter keeps and drops.

    python -m benchmarks.knowledge_search [--answers 1500] [--questions 400] [--data FOLDER] [--scratch FOLDER]

MedQuAD: questions and answers of NIH pages (CC BY 4.0). Pages are drawn whole, so that the other answers of a page are
in the corpus too, and other pages on its topic where they were drawn; each answer is written as a line of JSONL, read
back through ``read_corpus``, and cut as the product cuts it. Right for a question: any passage of its own answer.
Nothing is tuned here but the filter's threshold: chosen on one half of the questions, reported on the other.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.retrieval_open import Embeddings, hybrid, interval
from xhaim.config import RetrieveSettings
from xhaim.knowledge.corpus import read_corpus
from xhaim.knowledge.search import searched
from xhaim.records import KnowledgeLine
from xhaim.retrieve.dense import minilm
from xhaim.retrieve.lexical import bm25, coverage, min_max, tokens

SEED = 0
KEEP = 0.95
"""Share of the right passages that the filter must keep on the half that chooses its threshold."""
SHOWN = 5
"""Passages of a question that the filter sees: what would be shown."""
Values = NDArray[np.float64]
Marks = NDArray[np.bool_]


@dataclass(frozen=True)
class Case:
    """Questions and passages: q and n."""

    questions: list[str]
    lines: tuple[KnowledgeLine, ...]
    right: Marks
    """[q, n]: of the question's own answer, or of the same words."""
    on_topic: Marks
    """[q, n]: of a page on the question's topic (``focus``), the right ones among them."""


def written(data: Path, folder: Path, n: int) -> list[tuple[str, str]]:
    """Write answers of drawn pages as JSONL; return (question, topic) of each line.

    A line's title is what its page is about (``focus``), never the question.
    """
    pages: dict[str, list[dict[str, str]]] = defaultdict(list)
    with gzip.open(data / "medquad" / "medquad_answers.jsonl.gz", "rt", encoding="utf-8") as file:
        for row in map(json.loads, file):
            if row["answer"].strip():
                pages[row["url"]].append(row)
    order = sorted(pages)
    random.Random(SEED).shuffle(order)
    asked: list[tuple[str, str]] = []
    with (folder / "medquad.jsonl").open("w", encoding="utf-8") as out:
        for page in order:
            if len(asked) >= n:
                break
            for row in pages[page]:
                line = {
                    "title": row["focus"].strip() or row["source"],
                    "source": f"{row['source']}, in MedQuAD",
                    "licence": "CC BY 4.0",
                    "url": row["url"],
                    "date": "2019",
                    "text": row["answer"],
                }
                out.write(json.dumps(line) + "\n")
                asked.append((" ".join(row["question"].split()), " ".join(tokens(row["focus"])) or page))
    return asked


def case(data: Path, n_answers: int, n_questions: int) -> Case:
    """Draw questions whose passages are read through the product's door."""
    with tempfile.TemporaryDirectory() as folder:
        asked = written(data, Path(folder), n_answers)
        lines = read_corpus(Path(folder)).lines
    row = [int(line.line_id.split(":")[1]) - 1 for line in lines]
    drawn = sorted(random.Random(SEED).sample(sorted({question for question, _ in asked}), n_questions))
    own = [{at for at, (question, _) in enumerate(asked) if question == one} for one in drawn]
    texts = [{line.text for line, at in zip(lines, row, strict=True) if at in mine} for mine in own]
    topics = [{asked[at][1] for at in mine} for mine in own]
    return Case(
        drawn,
        lines,
        np.array([[line.text in mine for line in lines] for mine in texts]),
        np.array([[asked[at][1] in mine for at in row] for mine in topics]),
    )


def told(name: str, scores: Values, right: Marks) -> None:
    """Print hit@1, hit@5 and the mean reciprocal rank of the first right passage; equal scores count as worse."""
    best = np.where(right, scores, -np.inf).max(axis=1, keepdims=True)
    rank = 1 + ((scores >= best) & ~right).sum(axis=1)
    cells = [interval((rank <= k).astype(float)) for k in (1, SHOWN)] + [interval(1 / rank)]
    print(f"  {name:<28} " + " ".join(f"{cell:<22}" for cell in cells))


def by_coverage(lexical: Values, cover: Values, cosine: Values) -> Values:
    """Return the score of step 1 as it stands unless the paper's plain form is asked for."""
    return 0.5 * min_max(lexical) * cover + 0.5 * (cosine + 1) / 2


def shown(scores: Values) -> NDArray[np.int64]:
    """Return the places of the first few of each question."""
    return np.argsort(-scores, axis=1, kind="stable")[:, :SHOWN]


def filtered(one: Case, lexical: Values, cosine: Values, about: dict[str, Values]) -> None:
    """Print what thresholds chosen on one half keep on the other; without the topic, nothing should be shown."""
    places = shown(hybrid(lexical, cosine))
    without = shown(hybrid(np.where(one.on_topic, 0.0, lexical), np.where(one.on_topic, -1.0, cosine)))
    choose = np.arange(len(places)) % 2 == 0
    take = np.take_along_axis
    right, topic = take(one.right, places, 1), take(one.on_topic, places, 1)
    print(f"\n  of the hybrid's first {SHOWN}, on the half that did not choose the threshold, the share kept of:")
    print(f"  {'':<28} {'from':<8} {'right':<8} {'its topic':<10} {'other':<11} questions without their topic: "
          "all dropped, passages kept")  # fmt: skip
    for name, scores in about.items():
        mine, left = take(scores, places, 1), take(scores, without, 1)
        from_ = float(np.quantile(mine[choose][right[choose]], 1 - KEEP))
        kept, still = mine[~choose] >= from_, left[~choose] >= from_
        of = [kept[mark[~choose]].mean() for mark in (right, topic & ~right, ~topic)]
        print(f"  {name:<28} {from_:<8.3f} {of[0]:<8.3f} {of[1]:<10.3f} {of[2]:<11.3f} "
              f"{(~still).all(axis=1).mean():.3f}, {still.mean():.3f}")  # fmt: skip


def main() -> None:
    """Print both tables."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[1].parent / "shared" / "data")
    asked.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()) / "xhaim-retrieval-open")
    asked.add_argument("--answers", type=int, default=1500)
    asked.add_argument("--questions", type=int, default=400)
    given = asked.parse_args()
    one, settings, encoder = case(given.data, given.answers, given.questions), RetrieveSettings(), minilm()
    texts, vectors = [searched(line) for line in one.lines], Embeddings(given.scratch)
    held, queries = (vectors.of(some, encoder.name, encoder.encode) for some in (texts, one.questions))
    cosine = (queries @ held.T).astype(np.float64)
    lexical, cover = bm25(one.questions, texts, settings.k1, settings.b), coverage(one.questions, texts)
    print(f"MedQuAD: {len(one.questions)} questions, {len(texts)} passages, {one.right.sum(1).mean():.1f} right each")
    print(f"  {'':<28} {'hit@1':<22} {f'hit@{SHOWN}':<22} mean reciprocal rank")
    plain = bm25(one.questions, [line.text for line in one.lines], settings.k1, settings.b)
    told("BM25, without the source", plain, one.right)
    told("BM25", lexical, one.right)
    told("dense (MiniLM)", cosine, one.right)
    told("hybrid", hybrid(lexical, cosine), one.right)
    told("hybrid, BM25 by coverage", by_coverage(lexical, cover, cosine), one.right)
    near = (cosine + 1) / 2
    about = {"hybrid score": hybrid(lexical, cosine), "cosine, mapped": near, "coverage": cover}
    filtered(one, lexical, cosine, {**about, "mean of coverage and cosine": (cover + near) / 2})


if __name__ == "__main__":
    main()
