import numpy as np
import pytest
import torch
from safetensors import safe_open
from sklearn.metrics import roc_auc_score

from xhaim.config import EncoderSettings, FusionSettings
from xhaim.errors import PrerequisiteError
from xhaim.predict import finetune as module
from xhaim.predict.encoder import load_encoder
from xhaim.predict.finetune import finetune, load_fold_encoders, pretrained
from xhaim.predict.folds import grouped_folds
from xhaim.predict.fusion import fit_fusion
from xhaim.predict.trees import GRIDS, Grid

LEARNS = EncoderSettings(
    folds=3, epochs=3, learning_rate=3e-3, head_learning_rate=1e-2, batch_size=8, precision="float32"
)


def problem(random_texts, n=90, informative=False):
    texts = random_texts(n, 5)
    labels = np.random.default_rng(6).integers(0, 2, n).astype(np.int8)
    if informative:
        texts = [f"wordaa {text}" if label else f"wordbb {text}" for text, label in zip(texts, labels, strict=True)]
    subjects = np.arange(n) // 2
    return texts, labels, subjects, grouped_folds(labels, subjects, 3, 0)


@pytest.fixture(scope="module")
def encoder(tiny_bert):
    return load_encoder(tiny_bert, 2, "float32")


def along_class_means(embeddings, labels, fitted, scored):
    """AUC on some rows of the direction between the class means of others: needs no hyperparameter."""
    rows = embeddings[fitted]
    direction = rows[labels[fitted] == 1].mean(axis=0) - rows[labels[fitted] == 0].mean(axis=0)
    return roc_auc_score(labels[scored], embeddings[scored] @ direction)


def test_random_labels_are_memorised_in_sample_but_not_out_of_fold(encoder, random_texts, tmp_path, monkeypatch):
    """The leak test: out-of-fold embeddings carry nothing of a row's own label."""
    monkeypatch.setattr("xhaim.predict.train.PATIENCE", 99)
    monkeypatch.setattr("xhaim.predict.train.EARLY_STOP_SHARE", 1)  # nothing held back: memorise as much as possible
    texts, labels, subjects, folds = problem(random_texts, n=100)
    settings = LEARNS.model_copy(update={"epochs": 12})
    encoders, out_of_fold = finetune(texts, labels, subjects, folds, encoder, settings, tmp_path)
    every = encoders.embed(texts)
    assert np.array_equal(out_of_fold, every[folds, np.arange(len(texts))])
    in_sample, held_out = [], []
    for k in range(3):
        fitted, scored = np.flatnonzero(folds != k), np.flatnonzero(folds == k)
        in_sample.append(along_class_means(every[k], labels, fitted, fitted))
        held_out.append(along_class_means(every[k], labels, fitted, scored))
    assert min(in_sample) > 0.9
    assert abs(np.mean(held_out) - 0.5) < 0.12
    monkeypatch.setitem(GRIDS, "small", Grid(depths=(3,), learning_rates=(0.1,), trees=(60,)))
    # what the booster would believe: nothing out of fold, almost everything from an encoder that saw the labels
    plain = FusionSettings(grid="small", members=("xgboost:embeddings+values",), folds=3)
    honest = fit_fusion(out_of_fold, labels, subjects, plain)[0].parts[0]
    seen = every[(folds + 1) % 3, np.arange(len(texts))]
    leaky = fit_fusion(seen, labels, subjects, plain)[0].parts[0]
    assert honest.auc < 0.65
    assert leaky.auc > 0.8


def test_training_helps_where_words_tell_and_the_fold_spaces_agree(encoder, random_texts, tmp_path):
    texts, labels, subjects, folds = problem(random_texts, informative=True)
    settings = LEARNS.model_copy(update={"learning_rate": 1e-3, "epochs": 8})
    _, out_of_fold = finetune(texts, labels, subjects, folds, encoder, settings, tmp_path)
    before = pretrained(encoder).embed(texts)[0]
    for k in range(3):  # what two encoders' embeddings say must hold in the space of the third
        fitted, scored = np.flatnonzero(folds != k), np.flatnonzero(folds == k)
        assert along_class_means(out_of_fold, labels, fitted, scored) > 0.9
        assert along_class_means(before, labels, fitted, scored) < 0.9


def test_the_same_inputs_give_the_same_bits_and_torch_is_left_as_it_was(encoder, random_texts, tmp_path):
    texts, labels, subjects, folds = problem(random_texts, n=30)
    torch.manual_seed(11)
    first = finetune(texts, labels, subjects, folds, encoder, LEARNS, tmp_path / "a")
    drawn = torch.rand(1)
    second = finetune(texts, labels, subjects, folds, encoder, LEARNS, tmp_path / "b")
    torch.manual_seed(11)
    assert torch.equal(torch.rand(1), drawn)
    assert not torch.are_deterministic_algorithms_enabled()
    assert np.array_equal(first[1], second[1])
    assert first[0].epochs == second[0].epochs
    other = LEARNS.model_copy(update={"seed": 1})
    assert not np.array_equal(first[1], finetune(texts, labels, subjects, folds, encoder, other, tmp_path / "c")[1])


def test_an_embedding_is_a_function_of_its_text_alone(encoder, random_texts):
    frozen, texts = pretrained(encoder), random_texts(9, 7)
    together = frozen.embed([*texts, "", texts[0]])
    assert together.shape == (1, 11, 32)
    assert not together[0, 9].any()
    assert np.array_equal(together[0, 0], together[0, 10])
    for row, text in enumerate(texts):
        assert np.array_equal(frozen.embed([text])[0, 0], together[0, row])
    assert frozen.embed([]).shape == (1, 0, 32)


def test_a_killed_run_goes_on_with_the_folds_that_are_there(encoder, random_texts, tmp_path, monkeypatch):
    texts, labels, subjects, folds = problem(random_texts, n=30)
    calls = []
    train = module.train_fold

    def counted(*args):
        calls.append(1)
        return train(*args)

    monkeypatch.setattr(module, "train_fold", counted)
    whole, expected = finetune(texts, labels, subjects, folds, encoder, LEARNS, tmp_path / "whole")
    assert len(calls) == 3

    killed = tmp_path / "killed"
    killed.mkdir()
    (killed / "fold-0.safetensors").write_bytes((tmp_path / "whole" / "fold-0.safetensors").read_bytes())
    (killed / "fold-1.safetensors").write_bytes((tmp_path / "whole" / "fold-1.safetensors").read_bytes()[:5000])
    again, found = finetune(texts, labels, subjects, folds, encoder, LEARNS, killed)
    assert len(calls) == 5  # fold 0 was there, half of fold 1 was not, fold 2 was missing
    assert np.array_equal(found, expected)
    assert again.epochs == whole.epochs

    flipped = labels.copy()
    flipped[0] ^= 1
    finetune(texts, flipped, subjects, folds, encoder, LEARNS, killed)
    assert len(calls) == 8  # other labels: nothing may be used again
    assert sorted(path.name for path in killed.iterdir()) == [f"fold-{k}.safetensors" for k in range(3)]


def test_saved_folds_hold_only_the_top_and_load_the_same(encoder, random_texts, tmp_path):
    texts, labels, subjects, folds = problem(random_texts, n=30)
    encoders, _ = finetune(texts, labels, subjects, folds, encoder, LEARNS, tmp_path / "a")
    encoders.save(tmp_path / "b")
    loaded = load_fold_encoders(tmp_path / "b", encoder, encoders.epochs, encoders.inputs)
    assert np.array_equal(loaded.embed(texts), encoders.embed(texts))
    with safe_open(tmp_path / "b" / "fold-0.safetensors", framework="pt") as file:
        assert {key.split(".")[0] for key in file.keys()} == {"0", "1"}  # noqa: SIM118
    (tmp_path / "b" / "fold-2.safetensors").unlink()
    with pytest.raises(PrerequisiteError, match="fold 2"):
        load_fold_encoders(tmp_path / "b", encoder, encoders.epochs, encoders.inputs)


def test_folds_of_another_base_are_refused(encoder, random_texts, tmp_path, make_bert):
    texts, labels, subjects, folds = problem(random_texts, n=30)
    encoders, _ = finetune(texts, labels, subjects, folds, encoder, LEARNS, tmp_path / "a")
    other = load_encoder(str(make_bert(tmp_path / "other", seed=3)), 2, "float32")
    with pytest.raises(PrerequisiteError, match="same encoder weights"):
        load_fold_encoders(tmp_path / "a", other, encoders.epochs, encoders.inputs)


def test_rows_without_text_and_a_fold_without_an_outcome(encoder, random_texts, tmp_path):
    texts, labels, subjects, folds = problem(random_texts, n=30)
    texts = [text if label == 0 else "" for text, label in zip(texts, labels, strict=True)]
    encoders, out_of_fold = finetune(texts, labels, subjects, folds, encoder, LEARNS, tmp_path)
    assert encoders.epochs == (0, 0, 0)  # the texts that are there hold one outcome: nothing to learn
    assert not out_of_fold[labels == 1].any()
    assert np.array_equal(out_of_fold[labels == 0], pretrained(encoder).embed(texts)[0][labels == 0])
