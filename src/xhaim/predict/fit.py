"""Fitting the predictor of one task and split (paper section 4): encoders, fusion, calibration, each on its part."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from xhaim.config import EncoderSettings, FusionSettings
from xhaim.errors import DataError, XhaimError
from xhaim.ports import Progress, silent
from xhaim.predict.calibration import fit_calibrator, fit_conformal, operating_point
from xhaim.predict.columns import assemble, check_features, describe_columns, modalities_of, take
from xhaim.predict.encoder import TextEncoder, load_encoder
from xhaim.predict.finetune import FoldEncoders, finetune, pretrained
from xhaim.predict.fingerprints import fingerprint
from xhaim.predict.folds import grouped_folds
from xhaim.predict.fusion import fit_fusion
from xhaim.predict.model import Model, matrices, mean_probability
from xhaim.predict.risks import Facts
from xhaim.predict.vocabulary import Vocabulary
from xhaim.records import Features


def fit(
    features: Features,
    labels: NDArray[np.int8],
    subjects: NDArray[np.int64],
    train: NDArray[np.int64],
    validation: NDArray[np.int64],
    encoder: EncoderSettings,
    fusion: FusionSettings,
    *,
    fine_tune: bool,
    folder: Path,
    progress: Progress = silent,
) -> Model:
    """Train the predictor of one task and split, and keep it in ``folder``.

    Args:
        features: All samples.
        labels: [n], 0 or 1; -1 (unlabelled) is allowed outside ``train`` and ``validation``.
        subjects: [n]; no subject may be in both parts.
        train: Rows that the fusion is fitted on, with out-of-fold embeddings; their order does not matter.
        validation: Rows that calibration, operating point and conformal set are fitted on, and nothing else is.
        encoder: Not used where there are no texts.
        fusion: Members, grid, calibration and targets.
        fine_tune: Train K encoders per modality; else one frozen encoder embeds everything.
        folder: Finished fold encoders in it are used again, and a finished model of the same inputs is returned.
        progress: Told of fold encoders, then of the fusion, in hundredths of a stage.

    Raises:
        DataError: Parts that overlap, hold one outcome only, or have too few subjects to cross-fit.
        PrerequisiteError: No encoder weights.

    """
    check_features(features)
    train, validation = _by_sample_id(features, train), _by_sample_id(features, validation)
    _check_parts(features, labels, subjects, train, validation)
    base = None
    if features.texts:
        base = load_encoder(encoder.name, encoder.trainable_layers, encoder.precision)
    inputs = _inputs(features, (labels, subjects, train, validation), (encoder, fusion), base, fine_tune)
    done = _finished(folder, inputs, encoder.name)
    if done is not None:
        return done

    part, y, groups = take(features, train), labels[train], subjects[train]
    encoders, embeddings = _encode(part, y, groups, base, encoder if fine_tune else None, folder, progress)
    report = _stage(progress, len(encoders), len(encoders) + 1)
    words = {modality: Vocabulary.of(part.texts[modality]) for modality in modalities_of(part)}
    x_train = assemble(part, embeddings, {key: found.matrix(part.texts[key]) for key, found in words.items()})
    _, blocks = describe_columns(part, base.dim if base else 0, words)
    members, _ = fit_fusion(x_train, y, groups, fusion, report, blocks)

    held, truth = take(features, validation), labels[validation]
    raw = mean_probability(members, matrices(held, encoders, words))
    calibrator = fit_calibrator(raw, truth, subjects[validation], fusion.isotonic_from, fusion.seed)
    facts = Facts(
        base_rate=float(y.mean()),
        operating_point=operating_point(calibrator.risk(raw), truth, fusion.sensitivity),
        n_train=len(train),
        n_validation=len(validation),
        calibration=calibrator.kind,
        encoder=base.base.name if base else None,
        fine_tuned=fine_tune and base is not None,
        epochs={modality: found.epochs for modality, found in encoders.items()},
        device=base.device if base else None,
        precision=base.base.precision if base else None,
        truncated_texts=_truncated(part, base) + _truncated(held, base),
    )
    conformal = fit_conformal(raw, truth, fusion.conformal_error)
    model = Model(members, encoders, words, features.names, dict(features.blocks), calibrator, conformal, facts, inputs)
    model.save(folder)
    return model


def _encode(
    part: Features,
    labels: NDArray[np.int8],
    subjects: NDArray[np.int64],
    base: TextEncoder | None,
    fine_tune: EncoderSettings | None,
    folder: Path,
    progress: Progress,
) -> tuple[dict[str, FoldEncoders], dict[str, NDArray[np.float32]]]:
    """Return the fold encoders of each modality and its embeddings of the training rows, out-of-fold, [n, dim].

    All modalities share the folds, so that encoder k of each has met the same subjects.
    """
    encoders: dict[str, FoldEncoders] = {}
    embeddings: dict[str, NDArray[np.float32]] = {}
    modalities = modalities_of(part)
    if base is None:
        return {}, {}
    for stage, modality in enumerate(modalities):
        if fine_tune is None:
            encoders[modality] = pretrained(base)
            embeddings[modality] = encoders[modality].embed(part.texts[modality])[0]
            continue
        folds = grouped_folds(labels, subjects, fine_tune.folds, fine_tune.seed)
        if folds.max() == 0:
            raise DataError(
                "too few training subjects to cross-fit an encoder",
                got=f"{len(np.unique(subjects[labels == 1]))} subjects with the outcome, "
                f"{len(np.unique(subjects[labels == 0]))} without",
                expected="at least two of each",
                do="use the frozen encoder for this task, or more samples",
            )
        report = _stage(progress, stage, len(modalities) + 1)
        encoders[modality], embeddings[modality] = finetune(
            part.texts[modality], labels, subjects, folds, base, fine_tune, folder / modality, report
        )
    return encoders, embeddings


def _by_sample_id(features: Features, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Put rows into the one order in which they are trained on, whatever order they came in."""
    return np.array(sorted(rows.tolist(), key=lambda row: features.sample_ids[row]), dtype=np.int64)


def _check_parts(
    features: Features,
    labels: NDArray[np.int8],
    subjects: NDArray[np.int64],
    train: NDArray[np.int64],
    validation: NDArray[np.int64],
) -> None:
    if len(set(features.sample_ids)) < len(features.sample_ids):
        raise DataError("sample ids repeat", expected="one row per sample")
    for name, rows in (("training", train), ("validation", validation)):
        positives, negatives = int(np.sum(labels[rows] == 1)), int(np.sum(labels[rows] == 0))
        if not positives or not negatives or positives + negatives < len(rows):
            raise DataError(
                f"the {name} part cannot be learned from",
                got=f"{positives} positive, {negatives} negative, {len(rows) - positives - negatives} unlabelled",
                expected="both outcomes, and every sample labelled",
                do="use more stays, or a more frequent outcome",
            )
    shared = np.intersect1d(subjects[train], subjects[validation])
    if len(shared):
        raise DataError(
            "training and validation share subjects",
            got=f"{len(shared)} subjects in both, first {shared[0]}",
            expected="splits grouped by subject",
        )


def _inputs(
    features: Features,
    rows: tuple[NDArray[np.int8], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
    settings: tuple[EncoderSettings, FusionSettings],
    base: TextEncoder | None,
    fine_tune: bool,
) -> str:
    """Fingerprint all that decides the model; rows of other parts have no say in it."""
    labels, subjects, train, validation = rows
    seen = np.concatenate([train, validation])
    part = take(features, seen)
    plain = {
        "settings": [one.model_dump(mode="json", exclude={"name"}) for one in settings],
        "base": base.base.fingerprint + base.base.precision if base else None,
        "fine_tune": fine_tune,
        "n_train": len(train),
        "names": part.names,
        "blocks": sorted(part.blocks.items()),
        "ids": part.sample_ids,
        "texts": sorted(part.texts.items()),
    }
    return fingerprint([json.dumps(plain, sort_keys=True), labels[seen], subjects[seen], part.values])


def _finished(folder: Path, inputs: str, encoder: str) -> Model | None:
    """Return the model in a folder if it is whole and of these inputs; else make the folder ready for another."""
    try:
        model = Model.load(folder, encoder=encoder)
    except XhaimError:
        model = None
    if model is not None and model.inputs == inputs:
        return model
    (folder / "model.json").unlink(missing_ok=True)  # it must not outlive the files that it speaks of
    return None


def _truncated(part: Features, base: TextEncoder | None) -> int:
    texts = {text for found in part.texts.values() for text in found}
    return sum(fingerprint([text]) in base.truncated for text in texts) if base else 0


def _stage(progress: Progress, stage: int, stages: int) -> Progress:
    """Return a progress that fills one of several equal stages."""
    return lambda done, total: progress(100 * stage + 100 * done // max(total, 1), 100 * stages)
