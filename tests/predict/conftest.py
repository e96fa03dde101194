"""A tiny random BERT with a WordPiece vocabulary made here, and features around it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from xhaim.records import Features

WORDS = [f"word{letter}{other}" for letter in "abcdefghij" for other in "abcdefghijklmnopqrst"]


def write_tiny_bert(folder: Path, seed: int = 0) -> Path:
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    tokenizer = Tokenizer(WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]"
    ).save_pretrained(folder)
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(pieces),
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    model = BertModel(config)
    torch.nn.init.normal_(model.embeddings.word_embeddings.weight, std=1.0)  # so that words differ at all
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def make_bert() -> Callable[..., Path]:
    return write_tiny_bert


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_tiny_bert(tmp_path_factory.mktemp("bert")))


@pytest.fixture(scope="session")
def random_texts() -> Callable[[int, int], list[str]]:
    def make(n: int, seed: int) -> list[str]:
        generator = np.random.default_rng(seed)
        return [" ".join(generator.choice(WORDS, generator.integers(4, 20))) for _ in range(n)]

    return make


@pytest.fixture(scope="session")
def make_features() -> Callable[..., Features]:
    def make(values: np.ndarray, **texts: list[str]) -> Features:
        n, d = values.shape
        return Features(
            sample_ids=tuple(f"s{row:04d}" for row in range(n)),
            texts={key: tuple(found) for key, found in texts.items()},
            values=values.astype(np.float32),
            names=tuple(f"signal {i}, mean" for i in range(d)),
            blocks={"time_series": (0, d)},
        )

    return make
