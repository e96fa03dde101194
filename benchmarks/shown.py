"""What a prompt of step 2 shows of the truth of a SIMULATED cohort: the whole chunks, and what is shown of them.

    python -m benchmarks.shown [--seed 23] [--stays 200] [--keep FOLDER] [--words 120 ...]

Seed 11 is for choosing, 23 for reporting; the demonstration's is 0. The evidence is that of the product. A fact is a
distinct sentence of ``truth/spans.csv.gz`` that stands in a chunk of the evidence; ``kept`` is the share of them whose
words still stand in the prompt, ``must`` that of what was said last of each concept and polarity. Figures are means
over samples; tokens are word pieces of MiniLM, of a whole prompt. Beside the rule of the product: only what names a
concept; chunks without a sentence that bears on the task left out; and every sentence between its two neighbours.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from benchmarks.ablation import CONCEPTS, Case, cases
from benchmarks.retrieval_marks import held, mean
from xhaim.config import RetrieveSettings, SummarizeSettings
from xhaim.predict.encoder import token_counter
from xhaim.records import Chunk
from xhaim.retrieve.hybrid import retrieve
from xhaim.run.demo import demo_settings
from xhaim.run.embedding_cache import FILE, EmbeddingCache
from xhaim.run.known import store_known
from xhaim.run.people import gather
from xhaim.run.pipeline import begin
from xhaim.run.vectors import Vectors, load_encoder
from xhaim.run.watch import Quiet
from xhaim.source.mimic_iv import MimicIV
from xhaim.source.simulate import simulate
from xhaim.summarize import excerpt, prompt
from xhaim.summarize.excerpt import LEFT_OUT, Piece, excerpts
from xhaim.summarize.hostile import readable
from xhaim.summarize.mood import statements
from xhaim.task import Task

Rule = Callable[[Sequence[Chunk], Sequence[str], Task, int], Sequence[Piece]]


def whole(chunks: Sequence[Chunk], texts: Sequence[str], task: Task, words: int) -> list[Piece]:
    """Show every chunk as it stands."""
    found = zip(chunks, texts, strict=True)
    return [Piece(n, one, (" ".join(text.split()),)) for n, (one, text) in enumerate(found, start=1) if text]


def naming(chunks: Sequence[Chunk], texts: Sequence[str], task: Task, words: int) -> Sequence[Piece]:
    """Show what names a concept, and the first words of chunks without any."""
    with patch.object(excerpt, "ENOUGH", 1.5):
        return excerpts(chunks, texts, task, words)


def bearing(chunks: Sequence[Chunk], texts: Sequence[str], task: Task, words: int) -> Sequence[Piece]:
    """Show what bears on the task, and no chunk without."""
    with patch.object(excerpt, "_first", lambda sentences: []):
        return excerpts(chunks, texts, task, words) or excerpts(chunks[:1], texts[:1], task, words)


def neighbours(chunks: Sequence[Chunk], texts: Sequence[str], task: Task, words: int) -> list[Piece]:
    """Show what the product shows, and the sentences before and behind each."""
    found = []
    for piece in excerpts(chunks, texts, task, words):
        every = [sentence for sentence, _ in statements(texts[piece.number - 1])]
        here = {at for at, one in enumerate(every) if one in piece.lines and one != LEFT_OUT}
        near = sorted({at + by for at in here for by in (-1, 0, 1)} & set(range(len(every))))
        found.append(Piece(piece.number, piece.chunk, tuple(every[at] for at in near)))
    return found


RULES: dict[str, Rule] = {
    "whole chunks": whole,
    "what the product shows": excerpts,
    "only what names a concept, and first words": naming,
    "only what bears on the task": bearing,
    "and a neighbour on either side": neighbours,
}


@dataclass(frozen=True, slots=True)
class Shown:
    """Of one sample: the shares of its evidence's facts that a prompt shows, and how long the prompt is."""

    kept: float | None
    must: float | None
    tokens: int


def marked(one: Case, chunks: Sequence[Chunk], rule: Rule, words: int, count: Callable[[str], int]) -> Shown:
    """Make the prompt of one case and its evidence by a rule, and mark it."""
    pieces = rule(chunks, readable(chunks), one.pool.task, words)
    there = frozenset[int]().union(*(one.holds[chunk.chunk_id] for chunk in chunks))
    seen = frozenset[int]().union(*(held(one.facts, " ".join(piece.lines)) for piece in pieces)) & there
    must = there & set(one.must)
    asked = prompt.user(one.pool.task, pieces, int(SummarizeSettings().max_tokens * 0.6), "")
    return Shown(
        len(seen) / len(there) if there else None,
        len(seen & must) / len(must) if must else None,
        count(prompt.system()) + count(asked),
    )


def table(found: Sequence[Case], words: Sequence[int], vectors: Vectors) -> None:
    """Print a line for each rule and number of words."""
    count, settings = token_counter("minilm"), RetrieveSettings()
    evidence = [retrieve("s", one.pool.task, one.modality, one.pool.chunks, vectors, settings) for one in found]
    shown = [(one, [scored.chunk for scored in item.chunks]) for one, item in zip(found, evidence, strict=True)]
    for name, rule in RULES.items():
        for most in words if name != "whole chunks" else words[:1]:
            every = [(one, marked(one, chunks, rule, most, count)) for one, chunks in shown]
            line = [f"{mean([one.kept for _, one in every]):.3f}", f"{mean([one.must for _, one in every]):.3f}"]
            by_task = " ".join(
                f"{task[:5]} {mean([of.kept for one, of in every if one.pool.task.id == task]) or 0:.3f}"
                for task in dict.fromkeys(one.pool.task.id for one in found)
            )
            told = f"{name}, {most} words" if rule is not whole else name
            tokens = mean([float(of.tokens) for _, of in every]) or 0
            print(f"  {told:<55} kept {line[0]}  must {line[1]}  tokens {tokens:5.0f}   {by_task}", flush=True)


def main() -> None:
    """Simulate, retrieve, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=23)
    parser.add_argument("--stays", type=int, default=200)
    parser.add_argument("--words", type=int, nargs="+", default=[SummarizeSettings().shown_words])
    parser.add_argument("--keep", type=Path, help="where the cohort, the store and the vectors stay for the next time")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root = given.keep or Path(scratch)
        if not (root / "store").exists():
            simulate(root / "cohort", stays=given.stays, seed=given.seed, images=False)
            MimicIV().ingest(root / "cohort", root / "store")
        run = begin(root / "store", demo_settings(tuple(CONCEPTS)), root / "run", Quiet(), workers=1)
        people, name = gather(run), run.settings.retrieve.encoder
        vectors = Vectors(name, EmbeddingCache(root / "store" / FILE, load_encoder(name).name))
        found = list(cases(run, people, store_known(run, people), vectors))
        print(
            f"SIMULATED, seed {given.seed}, {given.stays} stays: {len(found)} pairs of sample and modality with facts"
        )
        table(found, given.words, vectors)


if __name__ == "__main__":
    main()
