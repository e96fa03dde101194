"""What some decisions of steps 2 and 3 are worth, on SIMULATED patients that no demonstration uses (seed 11).

    python -m benchmarks.development [--stays 400] [--task pleural_effusion]

1. Summaries of sentences that name a concept of the task, against all sentences of the same evidence: AUC of a
   logistic regression on the frozen [CLS] of each modality, by folds of subjects.
2. What each member of the fusion knows of rows out of fold, what they know together, and the paper's one booster, over
   frozen embeddings.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from xhaim.records import Features

SEED = 11


def by_folds(X: NDArray[np.float32], y: NDArray[np.int8], subjects: NDArray[np.int64]) -> float:
    """AUC of out-of-fold predictions of a logistic regression."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    scores = cross_val_predict(model, X, y, groups=subjects, cv=folds, method="predict_proba")[:, 1]
    return float(roc_auc_score(y, scores))


def members(
    features: Features, embedded: dict[str, NDArray[np.float32]], y: NDArray[np.int8], subjects: NDArray[np.int64]
) -> None:
    """Print what each member of the fusion knows of rows out of fold, and what they know together."""
    from xhaim.config import FusionSettings
    from xhaim.predict.columns import assemble as columns
    from xhaim.predict.columns import describe_columns
    from xhaim.predict.fusion import fit_fusion
    from xhaim.predict.vocabulary import Vocabulary
    from xhaim.run.systems import HAIMS_OWN

    said = {modality: Vocabulary.of(texts) for modality, texts in features.texts.items()}
    X = columns(features, embedded, {key: found.matrix(features.texts[key]) for key, found in said.items()})
    _, blocks = describe_columns(features, embedded["notes"].shape[1], said)
    for title, names in (("xHAIM", FusionSettings().members), ("the paper's", HAIMS_OWN)):
        fusion, out_of_fold = fit_fusion(X, y, subjects, FusionSettings(members=names), blocks=blocks)
        auc = "not known" if out_of_fold is None else f"{roc_auc_score(y, out_of_fold):.3f}"
        print(f"  fusion, {title}: AUC by folds {auc} ({X.shape[1]} columns)")
        for part in fusion.parts:
            print(f"    {part.name}: {part.auc:.3f}, weight {part.weight:.2f}, {dict(part.chosen)}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stays", type=int, default=400)
    parser.add_argument("--task", default="pleural_effusion")
    given = parser.parse_args()
    from xhaim.predict.encoder import load_encoder
    from xhaim.predict.finetune import pretrained
    from xhaim.records import Evidence
    from xhaim.run.demo import demo_settings
    from xhaim.run.known import store_known
    from xhaim.run.numbers import assemble, store_concepts, store_films, store_numbers
    from xhaim.run.parquet_records import from_frame
    from xhaim.run.people import gather
    from xhaim.run.pipeline import begin
    from xhaim.run.vectors import embed_documents
    from xhaim.run.watch import Bars
    from xhaim.run.words import find_evidence, summarize
    from xhaim.source.mimic_iv import MimicIV
    from xhaim.source.simulate import simulate

    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        simulate(root / "cohort", stays=given.stays, seed=SEED)
        MimicIV().ingest(root / "cohort", root / "store")
        run = begin(root / "store", demo_settings((given.task,)), root / "run", Bars())
        people, task = gather(run), run.tasks[0]
        known = store_known(run, people)
        seen = known[run.policy(task)]
        evidence = find_evidence(run, people, seen, embed_documents(run, people, known), task)
        summaries = summarize(run, people, evidence, task)
        labelled = people.labels[task.id].sort("sample_id")
        ids = labelled["sample_id"].to_list()
        y, subjects = labelled["label"].to_numpy().astype(np.int8), labelled["subject_id"].to_numpy()
        features = assemble(
            ids,
            [
                store_numbers(run, people, seen),
                store_concepts(run, people, evidence, task),
                store_films(run, people, seen),
            ],
            summaries,
        )
        encoder = pretrained(load_encoder("minilm", 2, "auto"))
        print(f"SIMULATED, seed {SEED}, {given.task}: {len(y)} samples, {y.mean():.2f} positive")
        found = {(item.sample_id, item.modality): item for item in from_frame(evidence.frame(), Evidence)}
        embedded = {}
        for modality, texts in features.texts.items():
            whole = [" ".join(one.chunk.text for one in found[i, modality].chunks)[:800] for i in ids]
            embedded[modality] = encoder.embed(list(texts))[0]
            named, every = by_folds(embedded[modality], y, subjects), by_folds(encoder.embed(whole)[0], y, subjects)
            print(f"  {modality}: sentences that name a concept {named:.3f}, all sentences of the evidence {every:.3f}")
        members(features, embedded, y, subjects)


if __name__ == "__main__":
    main()
