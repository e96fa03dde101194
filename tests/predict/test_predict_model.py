import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from xhaim.config import EncoderSettings, FusionSettings
from xhaim.errors import DataError, PrerequisiteError
from xhaim.predict import finetune as finetune_module
from xhaim.predict.columns import take
from xhaim.predict.fit import fit
from xhaim.predict.model import Model
from xhaim.predict.trees import GRIDS, Grid
from xhaim.records import Features

N = 90
TRAIN, VALIDATION, TEST = np.arange(0, 40), np.arange(40, 66), np.arange(66, N)
SUBJECTS = np.arange(N) // 2


@pytest.fixture(scope="module", autouse=True)
def _tiny_grid():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(GRIDS, "small", Grid(depths=(2, 3), learning_rates=(0.3,), trees=(5, 10)))
        yield


@pytest.fixture(scope="module")
def settings(tiny_bert):
    encoder = EncoderSettings(name=tiny_bert, folds=2, epochs=1, learning_rate=1e-3, batch_size=8, precision="float32")
    return encoder, FusionSettings(grid="small", folds=2, conformal_error=0.2)


@pytest.fixture(scope="module")
def problem(random_texts, make_features):
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, N).astype(np.int8)
    values = generator.normal(size=(N, 4))
    values[generator.random(values.shape) < 0.2] = np.nan
    values[:, 0] = 3 * labels + generator.normal(size=N)
    notes = [f"wordaa {text}" if y else text for text, y in zip(random_texts(N, 1), labels, strict=True)]
    cxr = [text if row % 3 else "" for row, text in enumerate(random_texts(N, 2))]
    return make_features(values, notes=notes, cxr=cxr), labels


@pytest.fixture(scope="module")
def fitted(problem, settings, tmp_path_factory):
    """One fine-tuned model, its folder and its risks of all samples, for the tests that only look."""
    folder = tmp_path_factory.mktemp("fitted")
    model = run(problem, settings, folder)
    return model, folder, model.predict(problem[0])


def run(problem, settings, folder, fine_tune=True, **changes):
    features, labels = problem
    arguments = {"train": TRAIN, "validation": VALIDATION, "subjects": SUBJECTS} | changes
    return fit(
        features, labels, arguments["subjects"], arguments["train"], arguments["validation"], *settings,
        fine_tune=fine_tune, folder=folder,
    )  # fmt: skip


def same(a, b):
    return all(np.array_equal(getattr(a, name), getattr(b, name), equal_nan=True) for name in type(a).__slots__)


def test_saved_and_loaded_it_predicts_the_same_bits(problem, fitted, tmp_path):
    model, folder, expected = fitted
    assert same(Model.load(folder).predict(problem[0]), expected)
    model.save(tmp_path)
    other = Model.load(tmp_path)
    assert same(other.predict(problem[0]), expected)
    assert other.facts == model.facts
    assert roc_auc_score(problem[1][TEST], expected.risk[TEST]) > 0.7
    assert {path.suffix for path in tmp_path.rglob("*") if path.is_file()} == {".json", ".safetensors"}


def test_a_frozen_encoder_is_one_encoder_and_is_not_saved(problem, settings, tmp_path):
    model = run(problem, settings, tmp_path, fine_tune=False)
    expected = model.predict(problem[0])
    assert same(Model.load(tmp_path).predict(problem[0]), expected)
    assert model.facts.epochs == {"notes": (0,), "cxr": (0,)}
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "fusion.json",
        *(f"member-{i}.json" for i in range(5)),
        "model.json",
    ]


def test_facts_say_what_was_done(problem, fitted):
    labels, facts, risk = problem[1], fitted[0].facts, fitted[2].risk
    assert facts.base_rate == labels[TRAIN].mean()
    assert (facts.n_train, facts.n_validation) == (40, 26)
    assert facts.fine_tuned
    assert set(facts.epochs) == {"notes", "cxr"}
    assert all(len(kept) == 2 for kept in facts.epochs.values())
    positives = VALIDATION[labels[VALIDATION] == 1]
    assert facts.operating_point.sensitivity == np.mean(risk[positives] >= facts.operating_point.threshold) >= 0.9


def test_any_order_of_rows_gives_the_same_risks(problem, settings, fitted, tmp_path):
    features, labels = problem
    order = np.random.default_rng(3).permutation(N)
    place = np.argsort(order)
    shuffled = take(features, order), labels[order]
    generator = np.random.default_rng(4)
    changes = {"train": generator.permutation(place[TRAIN]), "validation": generator.permutation(place[VALIDATION])}
    second = run(shuffled, settings, tmp_path, subjects=SUBJECTS[order], **changes)
    assert same(second.predict(features), fitted[2])


def test_contributions_sum_to_the_margin_and_blocks_tile_the_columns(problem, fitted):
    features, model = problem[0], fitted[0]
    found, names, blocks = model.contributions(features)
    assert np.allclose(found.sum(axis=1), model.margins(features), atol=1e-4)
    assert found.shape == (N, len(names) + 1)
    assert list(blocks) == ["notes", "notes_words", "cxr", "cxr_words", "time_series"]
    assert [start for start, _ in blocks.values()] == [0, *(end for _, end in blocks.values())][:-1]
    assert blocks["notes"] == (0, 33)
    assert names[17] == "notes summary, dimension 17"
    assert names[32] == "notes summary, missing"
    assert "notes summary: wordaa" in names[slice(*blocks["notes_words"])]
    assert names[-4] == "signal 0, mean"


def test_test_rows_and_unlabelled_rows_have_no_say(problem, settings, fitted, tmp_path):
    features, labels = problem
    unlabelled = labels.copy()
    unlabelled[TEST] = -1
    values = features.values.copy()
    values[TEST] = 7
    texts = {key: (*found[:66], *["wordbb"] * 24) for key, found in features.texts.items()}
    changed = replace(features, values=values, texts=texts)
    second = run((changed, unlabelled), settings, tmp_path)
    assert second.inputs == fitted[0].inputs
    assert same(second.predict(features), fitted[2])


def test_validation_decides_calibration_threshold_and_set_but_not_the_fusion(problem, settings, fitted, tmp_path):
    features, labels = problem
    flipped = labels.copy()
    flipped[VALIDATION[:15]] = 1 - flipped[VALIDATION[:15]]
    second = run((features, flipped), settings, tmp_path)
    assert np.array_equal(second.predict(features).raw, fitted[2].raw)
    assert second.calibrator != fitted[0].calibrator
    assert second.facts.operating_point != fitted[0].facts.operating_point


def test_permuted_labels_predict_nothing(problem, settings, tmp_path):
    aucs = []
    for seed in range(5):
        permuted = np.random.default_rng(seed).permutation(problem[1])
        model = run((problem[0], permuted), settings, tmp_path / str(seed), fine_tune=False)
        aucs.append(roc_auc_score(permuted[TEST], model.predict(take(problem[0], TEST)).raw))
    assert abs(np.mean(aucs) - 0.5) < 0.2


def test_a_finished_model_is_returned_and_a_broken_or_other_one_fitted_again(
    problem, settings, fitted, tmp_path, monkeypatch
):
    calls = []
    train = finetune_module.train_fold
    monkeypatch.setattr(finetune_module, "train_fold", lambda *args: calls.append(1) or train(*args))
    shutil.copytree(fitted[1], tmp_path, dirs_exist_ok=True)
    expected = fitted[2]
    written = (tmp_path / "model.json").stat().st_mtime_ns
    assert same(run(problem, settings, tmp_path).predict(problem[0]), expected)
    assert (tmp_path / "model.json").stat().st_mtime_ns == written
    assert not calls

    (tmp_path / "member-0.json").write_text("{")
    (tmp_path / "cxr" / "fold-1.safetensors").unlink()
    assert same(run(problem, settings, tmp_path).predict(problem[0]), expected)
    assert len(calls) == 1  # one fold was missing; the others were used again

    other = problem[1].copy()
    other[TRAIN[0]] ^= 1
    assert not np.array_equal(run((problem[0], other), settings, tmp_path).predict(problem[0]).raw, expected.raw)


def test_numbers_alone_need_no_encoder(problem, settings, tmp_path):
    numbers = replace(problem[0], texts={})
    nowhere = settings[0].model_copy(update={"name": "no-such-model"})
    model = run((numbers, problem[1]), (nowhere, settings[1]), tmp_path)
    assert model.facts.encoder is None
    assert not model.facts.fine_tuned
    assert same(Model.load(tmp_path).predict(numbers), model.predict(numbers))
    assert model.contributions(numbers)[0].shape == (N, 5)


def test_missing_text_is_zeros_and_an_indicator(problem, fitted):
    stacked = np.stack(list(fitted[0]._matrices(take(problem[0], np.array([0, 1])))))  # row 0 has no cxr text
    _, names, blocks = fitted[0].contributions(problem[0])
    assert stacked.shape == (2, 2, len(names))
    start, end = blocks["cxr"]
    assert not stacked[:, 0, start : end - 1].any()
    assert stacked[:, 0, end - 1].tolist() == [1, 1]
    assert not stacked[:, 0, slice(*blocks["cxr_words"])].any()
    assert stacked[:, 1, start : end - 1].any()
    assert stacked[:, 1, end - 1].tolist() == [0, 0]
    assert stacked[:, 1, slice(*blocks["cxr_words"])].any()


def test_predictions_say_none_where_there_is_no_interval(problem, settings, fitted, tmp_path):
    features = problem[0]
    few = run(problem, settings, tmp_path, fine_tune=False, validation=VALIDATION[:16]).predict(features)
    found = few.predictions(features.sample_ids, "task", "xhaim", 2)
    assert all(one.low is None and one.high is None for one in found)
    many = fitted[2]
    for row, one in enumerate(many.predictions(features.sample_ids, "task", "xhaim", 2)):
        assert one.low <= one.risk <= one.high
        assert one.outcomes == tuple(outcome for outcome in (0, 1) if many.outcomes[row, outcome])
        assert one.outcomes


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train": np.flatnonzero(np.arange(N) < 0)}, "0 positive, 0 negative"),
        ({"validation": np.arange(30, 60)}, "share subjects"),
        ({"subjects": np.repeat([1, 2], [40, 50])}, "cross-fit"),
    ],
)
def test_parts_that_cannot_be_learned_from_are_refused(problem, settings, tmp_path, change, message):
    with pytest.raises(DataError, match=message):
        run(problem, settings, tmp_path, **change)


def test_one_outcome_or_unlabelled_rows_are_refused_with_counts(problem, settings, tmp_path):
    features, labels = problem
    one = labels.copy()
    one[VALIDATION] = 0
    with pytest.raises(DataError, match=r"validation part.*\n.*0 positive, 26 negative, 0 unlabelled"):
        run((features, one), settings, tmp_path)
    one = labels.copy()
    one[TRAIN[:3]] = -1
    with pytest.raises(DataError, match="3 unlabelled"):
        run((features, one), settings, tmp_path)


def test_other_columns_and_values_are_refused(problem, fitted):
    features, model = problem[0], fitted[0]
    with pytest.raises(DataError, match="not those the model was trained on"):
        model.predict(replace(features, texts={"notes": features.texts["notes"]}))
    with pytest.raises(DataError, match="not those the model was trained on"):
        model.predict(replace(features, names=("a", "b", "c", "d")))
    infinite = features.values.copy()
    infinite[3, 1] = np.inf
    with pytest.raises(DataError, match="signal 1, mean"):
        model.predict(replace(features, values=infinite))
    with pytest.raises(DataError, match="wrong shape"):
        model.predict(replace(features, values=features.values[:, :2]))
    with pytest.raises(DataError, match="tile"):
        model.predict(replace(features, blocks={"time_series": (1, 4)}))


def test_a_changed_base_is_refused(problem, settings, tmp_path, make_bert):
    base = make_bert(tmp_path / "base", seed=5)
    changed = settings[0].model_copy(update={"name": str(base)}), settings[1]
    expected = run(problem, changed, tmp_path / "model").predict(problem[0])
    base.rename(tmp_path / "moved")
    with pytest.raises(PrerequisiteError, match="no encoder"):
        Model.load(tmp_path / "model")
    moved = Model.load(tmp_path / "model", encoder=str(tmp_path / "moved"))
    assert same(moved.predict(problem[0]), expected)
    make_bert(base, seed=6)
    with pytest.raises(PrerequisiteError, match="not those that the model"):
        Model.load(tmp_path / "model")


def test_no_model_and_hostile_json_say_so(tmp_path):
    with pytest.raises(PrerequisiteError, match="no model"):
        Model.load(tmp_path)
    for text in ("[]", "{", json.dumps({"encoders": {"../..": {}}}), "null"):
        (tmp_path / "model.json").write_text(text)
        with pytest.raises(DataError, match="no model that can be read"):
            Model.load(tmp_path)


def test_real_minilm_answers_thirty_variants_of_a_sample_as_it_answers_each_alone(make_features, tmp_path):
    said = ["Small left pleural effusion is seen.", "The lungs are clear, no effusion."]
    rest = "Heart size is normal. Lines and tubes are unchanged. Degenerative change of the spine. "
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, 60).astype(np.int8)
    texts = [f"{said[1 - y]} {rest}{row}" for row, y in enumerate(labels)]
    features = make_features(generator.normal(size=(60, 3)), cxr=texts)
    encoder = EncoderSettings(folds=2, epochs=1)
    model = fit(
        features, labels, np.arange(60), np.arange(40), np.arange(40, 60), encoder, FusionSettings(grid="small"),
        fine_tune=True, folder=tmp_path,
    )  # fmt: skip
    found = model.predict(features)
    assert roc_auc_score(labels[40:], found.raw[40:]) > 0.9
    values = np.repeat(features.values[:1], 30, axis=0)
    variants = Features(("v",) * 30, {"cxr": tuple(f"{rest} {i}" for i in range(30))}, values, features.names,
                        features.blocks)  # fmt: skip
    together = model.predict(variants).raw
    alone = [model.predict(take(variants, np.array([row]))).raw[0] for row in (0, 29)]
    assert together[[0, 29]].tolist() == alone
