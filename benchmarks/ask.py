"""When does a record speak of what was asked? The threshold of ``serve.clinic.ask``, on held questions.

    python -m benchmarks.ask RUN [SAMPLES]

Of each sample of a run (SIMULATED where its store is) four kinds of questions are asked: about findings that this
record speaks of, in its words and in other words; about findings of the chest that it does not name (the hard ones);
and about what no chart of the simulator speaks of. Prints the quantiles of the greatest cosine of each kind, and for a
range of ``NEAR`` how often something was answered. A question counts as answerable where the record holds its word.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from xhaim.config import RetrieveSettings
from xhaim.run.vectors import Vectors
from xhaim.serve.clinic import ask as asking
from xhaim.serve.watched import open_run

SAME_WORDS = {
    "Is there a pleural effusion?": "effusion",
    "Was a pneumothorax seen?": "pneumothorax",
    "Is the heart enlarged?": "enlarged",
    "Is there atelectasis?": "atelectasis",
    "Did the patient have pneumonia?": "pneumonia",
    "Is there pulmonary edema?": "edema",
    "Is there atrial fibrillation?": "fibrillation",
}
OTHER_WORDS = {
    "Is there fluid around the lungs?": "effusion",
    "Has the heart grown too big?": "enlarged",
    "Is there a lung infection?": "pneumonia",
    "Has part of the lung collapsed?": "atelectasis",
    "Is there water in the lungs?": "edema",
}
UNNAMED = {
    "Was there a rib fracture?": "fracture",
    "Is there a pulmonary embolism?": "embol",
    "Was a lung nodule seen?": "nodule",
    "Is there a hiatal hernia?": "hernia",
    "Is there emphysema?": "emphysema",
    "Was there a stroke?": "stroke",
}
"""With ``SAME_WORDS``: asked of the records that do not hold the word."""
ABSENT = (
    "Does the patient have psoriasis?",
    "Which hearing aid is worn?",
    "Was a colonoscopy refused?",
    "Is the patient a vegetarian?",
    "What is the name of the dog?",
    "Has malaria been excluded?",
    "Was a cataract removed?",
    "Is there a family history of Huntington disease?",
    "Does the patient play the violin?",
    "Were braces fitted to the teeth?",
    "Is gout treated with colchicine?",
    "Was a tattoo infected?",
)


def main() -> None:
    """Print the table."""
    run = open_run(Path(sys.argv[1]))
    most = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    settings = RetrieveSettings.model_validate(run.manifest["settings"]["retrieve"])
    task = run.tasks[0]
    ids = run.samples["sample_id"].gather_every(max(1, run.samples.height // most)).to_list()[:most]
    near: dict[str, list[tuple[float, float]]] = {"same words": [], "other words": [], "not named": [], "absent": []}
    for sample_id in ids:
        sample = run.sample(sample_id)
        assert sample is not None
        record = run.record(task, sample)
        vectors = Vectors(settings.encoder)
        vectors.load(run.shard("embeddings", sample))
        text = " ".join(one.text.lower() for one in record.documents)
        for kind, asked, held in (
            ("same words", SAME_WORDS, True),
            ("other words", OTHER_WORDS, True),
            ("not named", SAME_WORDS | UNNAMED, False),
            ("absent", dict.fromkeys(ABSENT, "\0"), False),
        ):
            for question, word in asked.items():
                if (word in text) == held:
                    near[kind].append(_best(question, record, vectors, settings))
    for kind, found in near.items():
        print(f"{kind}: {len(found)} questions; greatest cosine, quantiles 5 50 95 99 100 %:", end=" ")
        print(np.quantile([one[1] for one in found], [0.05, 0.5, 0.95, 0.99, 1]).round(2).tolist())
    for threshold in (0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7):
        shares = [np.mean([held >= asking.HELD or close >= threshold for held, close in near[kind]]) for kind in near]
        print(
            f"NEAR {threshold:.2f}  answered: "
            + "  ".join(f"{kind} {part:.2f}" for kind, part in zip(near, shares, strict=True))
        )


def _best(question: str, record: object, vectors: Vectors, settings: RetrieveSettings) -> tuple[float, float]:
    """Return the greatest share of words and the greatest cosine among the sentences, thresholds aside."""
    held, near = asking.HELD, asking.NEAR
    try:
        asking.HELD, asking.NEAR = -1.0, -1.0  # type: ignore[misc]
        found = asking.ask(question, record, vectors, settings).sentences  # type: ignore[arg-type]
    finally:
        asking.HELD, asking.NEAR = held, near  # type: ignore[misc]
    return max((one.held for one in found), default=0.0), max((one.near or 0.0 for one in found), default=0.0)


if __name__ == "__main__":
    main()
