"""When does a record speak of what was asked? The threshold of ``serve.clinic.ask``, on held questions.

    python -m benchmarks.ask RUN [SAMPLES]

Of each sample of a run (SIMULATED where its store is) questions are asked about findings that this record speaks of, in
its words, in other words and as clinicians ask; about findings that it does not name (the hard ones), as those of the
chest and as clinicians ask; and about what no chart of the simulator speaks of. Prints the quantiles of the greatest
cosine of each kind, and for a range of ``NEAR`` how often something was answered. A question counts as answerable where
the record holds one of its words.
"""

from __future__ import annotations

import re
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
CLINICIANS = {
    "Any PTX?": "pneumothora|ptx",
    "Does he have afib?": r"fibrillation|\ba-?fib",
    "Hx of MI?": r"infarct|\bmi\b|stemi",
    "Is she on pressors?": "pressor|norepinephrine|levophed|vasopressin",
    "History of CHF?": "heart failure|chf|hfref|hfpef",
    "COPD?": "copd|obstructive pulmonary",
    "On a blood thinner?": "anticoag|heparin|warfarin|coumadin|apixaban|eliquis",
    "Is the patient DNR?": "dnr|code status|resuscitate",
    "Any SOB?": r"dyspnea|shortness of breath|\bsob\b",
    "Kidney injury?": r"\baki\b|acute kidney|renal failure|renal insufficiency|ckd",
    "Confused overnight?": "delirium|confus",
    "Is the lung base collapsed?": "atelecta",
    "Is there congestion of the lungs?": "edema|congest",
    "Fluid at the lung bases?": "effusion",
    "Consolidation?": "consolidat|pneumonia",
    "Was he extubated?": "extubat",
    "Diuresed?": "diures|furosemide|lasix",
    "Any fevers?": "fever|febrile",
    "Known diabetic?": "diabet",
    "Does he smoke?": "smok|tobacco",
}
LATER = {
    "Any antibiotics given?": "vancomycin|cef|piperacillin|zosyn|azithromycin|floxacin|antibiotic|meropenem",
    "On a beta blocker?": "metoprolol|carvedilol|atenolol|beta.?block",
    "Statin?": "statin",
    "Was steroid therapy given?": "prednis|hydrocortisone|dexameth|steroid",
    "Opioids for pain?": "oxycodone|morphine|fentanyl|hydromorphone|opioid",
    "Did she aspirate?": "aspirat",
    "Low platelets?": "thrombocytopeni|platelet",
    "Irregular heartbeat?": "fibrillation|arrhythmia",
    "Is the blood infected?": "sepsis|septic|bacteremia",
    "Water on the lungs?": "pulmonary edema",
    "Was a breathing tube placed?": r"intubat|\bett\b|endotracheal",
    "Chest pain?": "chest pain",
    "Liver disease?": "cirrhosis|hepat",
    "Belly pain?": "abdominal pain",
    "Is urine output low?": "urine output|oligur",
    "Drinking problem?": "alcohol|etoh",
    "High blood pressure?": r"hypertension|\bhtn\b",
    "Heart attack?": "infarct|stemi",
    "A blood clot?": r"thrombosis|\bdvt\b|embol",
    "Which water pill?": "furosemide|torsemide|lasix|diuretic",
}
"""Asked like ``CLINICIANS``; written after what those missed had been read and mended, before they were asked."""
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
    near: dict[str, list[tuple[float, float]]] = {}
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
            ("as clinicians ask", CLINICIANS, True),
            ("as clinicians ask, not named", CLINICIANS, False),
            ("later", LATER, True),
            ("later, not named", LATER, False),
        ):
            for question, word in asked.items():
                if bool(re.search(word, text)) == held:
                    near.setdefault(kind, []).append(_best(question, record, vectors, settings))
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
