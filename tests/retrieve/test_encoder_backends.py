"""Three backends, one model: tiny models of every pooling, against sentence-transformers' own ``encode``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing
from transformers import BertConfig, BertModel, MPNetConfig, MPNetModel, PreTrainedTokenizerFast

from xhaim.errors import PrerequisiteError
from xhaim.retrieve import engines
from xhaim.retrieve.dense import SentenceEncoder, sentence_transformer

CONVERTED = ("onnx", "openvino")
WORDS = [f"word{letter}{other}" for letter in "abcdefgh" for other in "abcdefgh"]
TEXTS = ["", "worda", "wordaa wordbb wordcc", " ".join(WORDS), " ".join(WORDS[:9]), "wordhh never-seen wordab"]
SIZE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}


def skip_without(backend: str) -> None:
    """Skip where the package is not installed, without importing it: how it is imported is part of what is tested."""
    if not find_spec({"onnx": "onnxruntime", "openvino": "openvino"}[backend]):
        pytest.skip(f"{backend} is not installed")


def write_base(folder: Path, kind: str = "bert") -> Path:
    special = ["<s>", "[PAD]", "</s>", "[UNK]", "[MASK]"]  # MPNet counts positions from the padding's id, which is 1
    tokenizer = Tokenizer(WordPiece({piece: i for i, piece in enumerate([*special, *WORDS])}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]", cls_token="<s>", sep_token="</s>"
    ).save_pretrained(folder)
    torch.manual_seed(0)
    size = {"vocab_size": len(special) + len(WORDS), "max_position_embeddings": 48, "pad_token_id": 1, **SIZE}
    model = MPNetModel(MPNetConfig(**size)) if kind == "mpnet" else BertModel(BertConfig(**size))
    torch.nn.init.normal_(model.embeddings.word_embeddings.weight, std=1.0)  # so that words differ at all
    model.save_pretrained(folder)
    return folder


def add_module(folder: Path, name: str, **config: object) -> None:
    """Append a module of sentence-transformers by its files, as a published model has them."""
    listed = folder / "modules.json"
    modules = json.loads(listed.read_text()) if listed.exists() else []
    if not modules:
        modules.append({"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"})
        (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 24}))
    path = f"{len(modules)}_{name}"
    modules.append(
        {"idx": len(modules), "name": str(len(modules)), "path": path, "type": f"sentence_transformers.models.{name}"}
    )
    listed.write_text(json.dumps(modules))
    (folder / path).mkdir()
    (folder / path / "config.json").write_text(json.dumps(config))


def pooling(folder: Path, mode: str) -> Path:
    flags = {f"pooling_mode_{one}": one == mode for one in ("cls_token", "mean_tokens", "max_tokens")}
    add_module(folder, "Pooling", word_embedding_dimension=32, **flags)
    return folder


def dense(folder: Path) -> Path:
    from safetensors.torch import save_file

    activation = "torch.nn.modules.activation.Tanh"
    add_module(folder, "Dense", in_features=32, out_features=16, bias=True, activation_function=activation)
    torch.manual_seed(1)
    weights = {"linear.weight": torch.randn(16, 32), "linear.bias": torch.randn(16)}
    save_file(weights, folder / "2_Dense" / "model.safetensors")
    add_module(folder, "Normalize")
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    return {
        "mean": pooling(write_base(root / "mean"), "mean_tokens"),
        "cls": pooling(write_base(root / "cls"), "cls_token"),  # as MedCPT
        "dense": dense(pooling(write_base(root / "dense"), "mean_tokens")),
        "mpnet": pooling(write_base(root / "mpnet", "mpnet"), "mean_tokens"),
        "bare": write_base(root / "bare"),
    }


@pytest.fixture(scope="module")
def encoder(folders: dict[str, Path]) -> Callable[[str, str], SentenceEncoder]:
    made: dict[str, SentenceEncoder] = {}

    def make(backend: str, model: str) -> SentenceEncoder:
        if backend.startswith(CONVERTED):
            skip_without(backend.split("/", maxsplit=1)[0])
        spec = f"{backend}:{folders[model]}"
        return made.setdefault(spec, sentence_transformer(spec))  # type: ignore[arg-type]

    return make


@pytest.mark.parametrize("model", ["mean", "cls", "dense", "mpnet"])
@pytest.mark.parametrize("backend", ["torch/float32", "onnx", "openvino/float32"])
def test_every_backend_gives_the_vectors_of_the_library_itself(backend, model, encoder, folders):
    own = SentenceTransformer(str(folders[model]), device="cpu", local_files_only=True)
    expected = own.encode(TEXTS, normalize_embeddings=True)
    assert len(np.unique(expected.round(3), axis=0)) == len(TEXTS)  # a test of equal vectors would show nothing
    np.testing.assert_allclose(encoder(backend, model).encode(TEXTS), expected, atol=2e-6)


def test_a_folder_without_modules_is_pooled_by_the_mean(encoder):
    expected = encoder("torch/float32", "mean").encode(TEXTS[:3])  # the same weights
    np.testing.assert_allclose(encoder("torch/float32", "bare").encode(TEXTS[:3]), expected, atol=2e-6)


def test_pooling_decides(encoder):
    mean, first = (encoder("torch/float32", model).encode(TEXTS[2:4]) for model in ("mean", "cls"))
    assert np.abs(mean - first).max() > 0.05


@pytest.mark.parametrize("backend", ["torch/bfloat16", "torch/float32", "onnx", "openvino/float32"])
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join), max_size=12), seed=st.integers(0, 99)
)
def test_a_vector_is_a_function_of_its_text_alone(backend, encoder, texts, seed):
    one = encoder(backend, "mean")
    order = np.random.default_rng(seed).permutation(len(texts))
    together = one.encode(texts)
    assert together.shape == (len(texts), 32)
    np.testing.assert_array_equal(one.encode([texts[i] for i in order]), together[order])
    for text, vector in zip(texts[:3], together, strict=False):
        np.testing.assert_array_equal(one.encode([text])[0], vector)


@pytest.mark.parametrize("backend", ["torch/float32", "onnx", "openvino/float32"])
def test_the_number_of_threads_never_changes_a_vector(backend, encoder, folders):
    texts = [" ".join(WORDS[first : first + n]) for first in range(0, 40, 3) for n in (3, 11, 20)]
    alone = encoder(backend, "mean").encode(texts)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        several = sentence_transformer(f"{backend}:{folders['mean']}").encode(texts)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(several, alone)


def test_the_name_tells_backend_and_precision_and_whatever_in_the_folder_decides(folders, tmp_path):
    names = {
        sentence_transformer(f"{how}:{folders['mean']}").name for how in ("torch/float32", "torch/bfloat16", "onnx")
    }
    names.add(sentence_transformer(f"openvino/bfloat16:{folders['mean']}").name)
    assert sorted(name.partition("/")[2] for name in names) == [
        "onnx/float32", "openvino/bfloat16", "torch/bfloat16", "torch/float32",
    ]  # fmt: skip
    assert len({name.partition("/")[0] for name in names}) == 1
    digest = {sentence_transformer(f"onnx:{folders[model]}").name.partition("@")[2] for model in folders}
    assert len(digest) == len(folders)  # mean and cls differ in one flag of one file, and in no weight
    plain = sentence_transformer(str(folders["mean"])).name
    assert plain.partition("/")[2].startswith("torch/")


@pytest.mark.parametrize("backend", CONVERTED)
def test_a_module_that_cannot_be_converted_is_refused_and_torch_takes_it(backend, encoder, tmp_path):
    folder = write_base(tmp_path / "weighted")
    add_module(folder, "WordWeights", vocab=WORDS, word_weights=dict.fromkeys(WORDS[:9], 2.0), unknown_word_weight=1)
    modules = json.loads((folder / "modules.json").read_text())
    (folder / "1_WordWeights").rename(folder / "kept")
    modules[1]["path"] = "kept"
    (folder / "modules.json").write_text(json.dumps(modules))
    pooling(folder, "mean_tokens")
    with pytest.raises(PrerequisiteError, match=r"modules WordWeights(.|\n)*use torch"):
        sentence_transformer(f"{backend}:{folder}").encode(["wordaa"])


@pytest.mark.parametrize("backend", CONVERTED)
def test_a_conversion_that_changes_vectors_is_refused(backend, folders, monkeypatch):
    skip_without(backend)
    honest = engines._plain

    def wrong(model):
        module = honest(model)
        forward = module.forward
        module.forward = lambda ids: forward(ids.clamp(max=30))  # as if a part of the vocabulary had been lost
        return module

    monkeypatch.setattr(engines, "_plain", wrong)
    with pytest.raises(PrerequisiteError, match="cosine"):
        sentence_transformer(f"{backend}/float32:{folders['mean']}").encode(["wordaa"])


@pytest.mark.parametrize(("backend", "package"), [("onnx", "onnxruntime"), ("openvino", "openvino")])
def test_a_backend_that_is_not_installed_says_what_to_type(backend, package, folders, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(PrerequisiteError, match=rf"pip install 'xhaim\[{backend}\]'"):
        sentence_transformer(f"{backend}/float32:{folders['mean']}").encode(["wordaa"])


def test_specs_that_make_no_sense_are_refused_before_anything_is_loaded(folders, tmp_path):
    with pytest.raises(PrerequisiteError, match=r"no precision 'int8'(.|\n)*bfloat16"):
        sentence_transformer("openvino/int8:minilm")
    with pytest.raises(PrerequisiteError, match="no bfloat16"):
        sentence_transformer("onnx/bfloat16:minilm")
    with pytest.raises(PrerequisiteError, match="no weights for the encoder 'openvinno:minilm'"):
        sentence_transformer("openvinno:minilm")
    with_colon = tmp_path / "a:b"
    (folders["bare"]).rename(with_colon)
    try:
        assert sentence_transformer(str(with_colon)).name.startswith("a:b@")
    finally:
        with_colon.rename(folders["bare"])


def test_the_prompt_that_a_model_asks_for_stands_before_every_text(tmp_path):
    folder = pooling(write_base(tmp_path / "prompted"), "mean_tokens")
    config = {"prompts": {"query": "wordab wordac "}, "default_prompt_name": "query"}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(config))
    own = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    expected = own.encode(TEXTS, normalize_embeddings=True)
    found = sentence_transformer(f"torch/float32:{folder}").encode(TEXTS)
    np.testing.assert_allclose(found, expected, atol=2e-6)


def test_openvino_tells_nobody_of_its_use(encoder):
    """Its package reports each import to its makers, unless its reporter cannot be found."""
    encoder("openvino/float32", "cls").encode(["wordaa"])
    assert "openvino" in sys.modules
    assert not [name for name in sys.modules if name.startswith("openvino_telemetry.")]
