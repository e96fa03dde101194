"""The rule checks of step 2 as a judge of entailment, which they are not: what they catch, what they refuse in vain.

    python -m benchmarks.checks [--data FOLDER]

Each pair is a text and a sentence with a human label. NLI4CT: a statement and the section (or two) of the trial reports
that it is about, train and dev. HealthVer: a claim and a passage, dev. MEDEC: the corrected note as the text; the
sentence with its one injected error, and the corrected one, which stands in the text word for word (so it must hold).
Refused: ``checks.faults`` finds anything. The concepts are those of all shipped tasks; the trials and claims hardly
name them, so negation is nearly unseen here. "every shared word" makes each word of four letters that both hold a
concept: what a general check of negation would add. Nothing is tuned on these labels.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.retrieval_open import interval
from xhaim.summarize.checks import faults
from xhaim.task import Concept, Task, load_task, shipped_tasks

ENTAILED, NEUTRAL, CONTRADICTED = "entailed", "neutral", "contradicted"
_WORD = re.compile(r"[^\W\d_]{4,}")


@dataclass(frozen=True)
class Pair:
    """Texts, a sentence, and what people say of it."""

    texts: tuple[str, ...]
    sentence: str
    label: str
    kind: str = ""


def nli4ct(data: Path) -> Iterator[Pair]:
    """Statements about one or two trials."""
    labels = {"Entailment": ENTAILED, "Contradiction": CONTRADICTED}
    trials: dict[str, dict[str, list[str]]] = {}
    with tarfile.open(data / "nli4ct" / "CT_json.tar.gz") as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isfile() and member.name.endswith(".json") else None
            if file is not None and not Path(member.name).name.startswith("."):
                trials[Path(member.name).stem] = json.loads(file.read())
    for part in ("train", "dev"):
        for row in json.loads((data / "nli4ct" / f"{part}.json").read_text(encoding="utf-8")).values():
            ids = [row["Primary_id"], *([row["Secondary_id"]] if row.get("Secondary_id") else [])]
            texts = tuple("\n".join(trials[one][row["Section_id"]]) for one in ids)
            yield Pair(texts, row["Statement"], labels[row["Label"]], row["Section_id"])


def healthver(data: Path) -> Iterator[Pair]:
    """Claims about COVID-19."""
    labels = {"Supports": ENTAILED, "Neutral": NEUTRAL, "Refutes": CONTRADICTED}
    with (data / "healthver" / "healthver_dev.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield Pair((row["evidence"],), row["claim"], labels[row["label"]])


def medec(data: Path) -> Iterator[Pair]:
    """Notes with one injected error."""
    name = "MEDEC-MS-ValidationSet-with-GroundTruth-and-ErrorType.csv"
    with (data / "medec" / name).open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            if row["Error Flag"] == "1":
                yield Pair((row["Corrected Text"],), row["Error Sentence"], CONTRADICTED, row["Error Type"])
                yield Pair((row["Corrected Text"],), row["Corrected Sentence"], ENTAILED, row["Error Type"])


def shipped_concepts() -> Task:
    """Return a task that holds the concepts of all shipped ones."""
    first = load_task("pleural_effusion")
    concepts = {concept.name: concept for name in shipped_tasks() for concept in load_task(name).concepts}
    return first.model_copy(update={"concepts": tuple(concepts.values())})


def shared_words(pair: Pair) -> Task:
    """Return a task whose concepts are the words that the sentence and its texts share."""
    ours = set(_WORD.findall(pair.sentence.lower()))
    theirs = {word for text in pair.texts for word in _WORD.findall(text.lower())}
    concepts = tuple(Concept(name=word) for word in sorted(ours & theirs)) or (Concept(name="nothing"),)
    return load_task("pleural_effusion").model_copy(update={"concepts": concepts})


def measure(name: str, pairs: list[Pair], task_of: Callable[[Pair], Task], by_fault: bool) -> None:
    """Print how many of each label are refused, and by which check."""
    found = [faults(one.sentence, one.texts, [], task_of(one)) for one in pairs]
    refused = np.array([bool(one) for one in found], dtype=float)
    cells, rates = [], {}
    for label in (CONTRADICTED, NEUTRAL, ENTAILED):
        mine = np.array([one.label == label for one in pairs])
        if mine.any():
            rates[label] = refused[mine].mean()
            cells.append(f"{label} {interval(refused[mine])} of {mine.sum()}")
    balanced = (rates[CONTRADICTED] + 1 - rates[ENTAILED]) / 2
    print(f"  {name}: refused " + ", ".join(cells) + f"; balanced accuracy {balanced:.3f} (chance 0.5)")
    if not by_fault:
        return
    count: Counter[tuple[str, str]] = Counter()
    for one, wrong in zip(pairs, found, strict=True):
        count.update({("a concept's polarity" if fault[0] == "'" else fault, one.label) for fault in wrong})
    total = Counter(one.label for one in pairs)
    for fault in sorted({fault for fault, _ in count}):
        shares = [f"{label} {count[fault, label] / n:.3f}" for label, n in sorted(total.items())]
        print(f"      {fault:<45} " + ", ".join(shares))
    for kind in sorted({one.kind for one in pairs} - {""}):
        rows = [(one.label, bool(wrong)) for one, wrong in zip(pairs, found, strict=True) if one.kind == kind]
        caught, kept = ([hit for label, hit in rows if label == which] for which in (CONTRADICTED, ENTAILED))
        print(f"      of {kind}: {np.mean(caught):.2f} of {len(caught)} contradicted, {np.mean(kept):.2f} of entailed")


def main() -> None:
    """Print a block for each collection."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[1].parent / "shared" / "data")
    given = asked.parse_args()
    everything = shipped_concepts()
    for read in (nli4ct, healthver, medec):
        pairs = list(read(given.data))
        print(f"\n{read.__name__}: {len(pairs)} pairs")
        measure("the checks as they are", pairs, lambda _: everything, by_fault=True)
        measure("and every shared word a concept", pairs, shared_words, by_fault=False)


if __name__ == "__main__":
    main()
