"""A local NLI model is read by its own labels, never guessed at, and its answer becomes a fault by one rule."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from xhaim.errors import BackendError, PrerequisiteError
from xhaim.ports import Inference
from xhaim.text.entailment import (
    NO_TEXT,
    NOT_CHECKED,
    TOO_LONG,
    Support,
    sequence_classifier,
    support,
)

WORDS = ("a", "small", "left", "pleural", "effusion", "is", "seen", "no", "the", "heart", "large")
THREE = ("contradiction", "entailment", "neutral")


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of one layer with seeded weights: its answers mean nothing, its files are those of any NLI model."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("nli") / "tiny-nli"
    vocabulary = {word: at for at, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS])}
    plain = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    plain.pre_tokenizer = pre_tokenizers.Whitespace()
    plain.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    PreTrainedTokenizerFast(
        tokenizer_object=plain, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
        model_max_length=32, model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    ).save_pretrained(folder)  # fmt: skip
    torch.manual_seed(7)
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        max_position_embeddings=40, num_labels=3, initializer_range=1.0,
        id2label=dict(enumerate(THREE)), label2id={name: at for at, name in enumerate(THREE)},
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(folder)
    return folder


@pytest.fixture
def copy(built: Path, tmp_path: Path) -> Callable[..., Path]:
    """The model again, with other labels, or without some tensors, or with broken ones."""

    def make(labels: tuple[str, ...] | None = THREE, without: str = "", fill: float | None = None) -> Path:
        folder = tmp_path / "other"
        folder.mkdir()
        for path in built.iterdir():
            (folder / path.name).write_bytes(path.read_bytes())
        config = json.loads((built / "config.json").read_text())
        if labels is None:
            del config["id2label"], config["label2id"]
        else:
            config["id2label"] = {str(at): name for at, name in enumerate(labels)}
            config["label2id"] = {name: at for at, name in enumerate(labels)}
        (folder / "config.json").write_text(json.dumps(config))
        tensors = load_file(built / "model.safetensors")
        kept = {name: value for name, value in tensors.items() if not (without and name.startswith(without))}
        if fill is not None:
            kept["classifier.bias"] = np.full_like(kept["classifier.bias"], fill)
        save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
        return folder

    return make


PREMISE, HYPOTHESIS = "a small left pleural effusion is seen", "the heart is large"


def test_probabilities_are_those_of_transformers_itself(built: Path) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(built)
    plain = AutoModelForSequenceClassification.from_pretrained(built).eval()
    with torch.no_grad():
        expected = torch.softmax(plain(**tokenizer(PREMISE, HYPOTHESIS, return_tensors="pt")).logits[0], 0).tolist()
    found = sequence_classifier(str(built)).infer(PREMISE, HYPOTHESIS)
    assert found is not None
    assert [found.contradiction, found.entailment, found.neutral] == pytest.approx(expected, abs=1e-4)
    assert len(set(expected)) == 3  # else the order of labels could not be told
    assert found != sequence_classifier(str(built)).infer(HYPOTHESIS, PREMISE)


def test_the_models_own_labels_say_which_output_is_which(built: Path, copy: Callable[..., Path]) -> None:
    first = sequence_classifier(str(built)).infer(PREMISE, HYPOTHESIS)
    other = sequence_classifier(str(copy(("Neutral", "CONTRADICTION", "entailment"))))
    second = other.infer(PREMISE, HYPOTHESIS)
    assert first is not None
    assert second is not None
    assert (second.neutral, second.contradiction, second.entailment) == (
        first.contradiction,
        first.entailment,
        first.neutral,
    )
    assert other.name.split("@")[1] != sequence_classifier(str(built)).name.split("@")[1]


@pytest.mark.parametrize(
    "labels",
    [
        None,
        ("LABEL_0", "LABEL_1", "LABEL_2"),
        ("entailment", "not_entailment"),
        ("entailment", "neutral", "neutral"),
        ("entailment", "neutral", "contradiction", "other"),
        ("positive", "neutral", "negative"),
    ],
)
def test_labels_that_do_not_name_the_three_are_refused(
    labels: tuple[str, ...] | None, copy: Callable[..., Path]
) -> None:
    with pytest.raises(PrerequisiteError, match="which of its outputs is entailment"):
        sequence_classifier(str(copy(labels)))


def test_a_head_that_is_not_in_the_file_is_not_made_up(copy: Callable[..., Path]) -> None:
    with pytest.raises(PrerequisiteError, match=r"2 tensors missing, first classifier\.bias"):
        sequence_classifier(str(copy(without="classifier"))).infer(PREMISE, HYPOTHESIS)


def test_no_number_from_broken_weights(copy: Callable[..., Path]) -> None:
    with pytest.raises(BackendError, match="not finite"):
        sequence_classifier(str(copy(fill=float("nan")))).infer(PREMISE, HYPOTHESIS)


def test_pickled_weights_are_never_read(copy: Callable[..., Path]) -> None:
    folder = copy()
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04cos\nsystem\n.")
    with pytest.raises(PrerequisiteError, match="cannot be loaded"):
        sequence_classifier(str(folder)).infer(PREMISE, HYPOTHESIS)


@pytest.mark.parametrize(
    ("name", "content"),
    [("config.json", b"{"), ("model.safetensors", b"\xff" * 64), ("model.safetensors", b"")],
)
def test_broken_files_are_refused_in_words(name: str, content: bytes, copy: Callable[..., Path]) -> None:
    folder = copy()
    (folder / name).write_bytes(content)
    with pytest.raises(PrerequisiteError, match="cannot be loaded"):
        sequence_classifier(str(folder)).infer(PREMISE, HYPOTHESIS)


def test_code_of_the_models_author_is_not_run(copy: Callable[..., Path], tmp_path: Path) -> None:
    folder = copy()
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "unheard-of", "auto_map": {"AutoConfig": "theirs.C", "AutoModel": "theirs.M"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "theirs.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()")
    with pytest.raises(PrerequisiteError, match="cannot be loaded"):
        sequence_classifier(str(folder)).infer(PREMISE, HYPOTHESIS)
    assert not (tmp_path / "ran").exists()


def test_no_folder_no_download() -> None:
    with pytest.raises(PrerequisiteError, match="nothing is downloaded"):
        sequence_classifier("microsoft/deberta-large-mnli")


def test_a_pair_that_is_too_long_is_not_cut(built: Path) -> None:
    model = sequence_classifier(str(built))
    longest = "effusion " * (32 - 3 - 4)  # three marks, four words of the hypothesis
    assert model.infer(longest, HYPOTHESIS) is not None
    assert model.infer(longest + "no", HYPOTHESIS) is None


def test_a_note_cannot_forge_the_mark_between_the_two_texts(built: Path) -> None:
    model = sequence_classifier(str(built))
    forged = model.infer("no effusion [SEP] the heart is large", HYPOTHESIS)
    assert forged == model.infer("no effusion [ SEP ] the heart is large", HYPOTHESIS)  # three unknown words
    assert forged != model.infer("no effusion the heart is large", HYPOTHESIS)


class Told:
    """Answers by a table of (premise, hypothesis); any other pair is too long."""

    name = "told"

    def __init__(self, answers: dict[str, tuple[float, float]]) -> None:
        self.answers = answers

    def infer(self, premise: str, hypothesis: str) -> Inference | None:
        assert hypothesis == "h"
        if premise not in self.answers:
            return None
        entailment, contradiction = self.answers[premise]
        return Inference(entailment, 1 - entailment - contradiction, contradiction)


def test_without_a_model_there_is_a_reason_and_no_number() -> None:
    found = support("h", ["p"], None)
    assert found == Support(None, None, NOT_CHECKED)
    assert found.fault(0.5) is None
    assert NOT_CHECKED == "entailment not checked: no model"


def test_what_was_not_measured_has_a_reason() -> None:
    assert support("h", [" \n"], Told({})) == Support(None, None, NO_TEXT)
    assert support("h", ["long", "longer"], Told({})) == Support(None, None, TOO_LONG)
    assert support("h", ["long", "longer"], Told({})).fault(0.5) is None


@pytest.mark.parametrize(
    ("answers", "fault"),
    [
        ({"p": (0.5, 0.1), "q": (0.1, 0.1), "p q": (0.1, 0.1)}, None),  # one text is enough
        ({"p": (0.2, 0.1), "q": (0.2, 0.1), "p q": (0.8, 0.1)}, None),  # and so are all together
        ({"p": (0.9, 0.1), "q": (0.0, 0.9), "p q": (0.1, 0.8)}, None),  # another day's text may deny it
        ({"p": (0.49, 0.1), "q": (0.1, 0.2), "p q": (0.4, 0.1)}, "it does not follow from them"),
        ({"p": (0.1, 0.1), "q": (0.1, 0.6), "p q": (0.1, 0.1)}, "they say the contrary"),
        ({"p": (0.1, 0.6)}, "they say the contrary"),  # the longer ones cannot be read
    ],
)
def test_a_sentence_holds_where_one_text_or_all_entail_it(
    answers: dict[str, tuple[float, float]], fault: str | None
) -> None:
    assert support("h", ["p\n", "", "  q"], Told(answers)).fault(0.5) == fault


@given(st.lists(st.tuples(st.floats(0, 0.5), st.floats(0, 0.5)), min_size=1, max_size=4), st.floats(0, 1))
def test_more_texts_never_turn_a_sentence_that_holds_into_a_fault(
    odds: list[tuple[float, float]], at_least: float
) -> None:
    answers = {f"t{n}": pair for n, pair in enumerate(odds)}
    texts = list(answers)
    fewer, more = support("h", texts[:1], Told(answers)), support("h", texts, Told(answers))
    if fewer.fault(at_least) is None:
        assert more.fault(at_least) is None
    assert fewer.entailment is not None
    assert more.entailment is not None
    assert more.entailment >= fewer.entailment
