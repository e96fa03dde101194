"""A run small enough to be done twice in a test, and what is compared of it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from tokenizers import BertWordPieceTokenizer
from transformers import BertConfig, BertModel, BertTokenizerFast

from xhaim.config import EncoderSettings, ExplainSettings, FusionSettings, RetrieveSettings, RunSettings, SplitSettings
from xhaim.run.context import EngineName, Run
from xhaim.run.directory import RunDirectory, write_json
from xhaim.run.watch import Quiet
from xhaim.source.mimic_iv import MimicIV
from xhaim.source.simulate import simulate
from xhaim.source.store import Store


def tiny_encoder(folder: Path) -> Path:
    """A random BERT with a vocabulary of chest films."""
    folder.mkdir(parents=True)
    corpus = folder / "corpus.txt"
    corpus.write_text("no pleural effusion is seen. the heart is enlarged. patient stable. lactate 4.2\n" * 50)
    tokenizer = BertWordPieceTokenizer(lowercase=True)
    tokenizer.train([str(corpus)], vocab_size=200, min_frequency=1)
    tokenizer.save_model(str(folder))
    corpus.unlink()
    BertTokenizerFast(vocab_file=str(folder / "vocab.txt"), model_max_length=512).save_pretrained(folder)
    torch.manual_seed(0)
    size = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    BertModel(BertConfig(vocab_size=300, **size)).save_pretrained(folder)
    return folder


def tiny_store(folder: Path, stays: int) -> Path:
    simulate(folder / "files", stays=stays, seed=5)
    MimicIV().ingest(folder / "files", folder / "store")
    return folder / "store"


def tiny_settings(encoder: Path, shard_size: int) -> RunSettings:
    return RunSettings(
        tasks=("pleural_effusion",),
        split=SplitSettings(repeats=1),
        retrieve=RetrieveSettings(encoder=str(encoder)),
        encoder=EncoderSettings(name=str(encoder), folds=2, epochs=1, precision="float32"),
        fusion=FusionSettings(grid="small"),
        explain=ExplainSettings(samples=2),
        shard_size=shard_size,
    )


def empty_run(folder: Path, engine: EngineName = "local", workers: int = 1) -> Run:
    """A run of nothing, for jobs that are no stages."""
    (folder / "store").mkdir(parents=True)
    write_json(folder / "run" / "manifest.json", {"layout": 1})
    store = Store(folder / "store", {"image_root": None})
    return Run(RunDirectory(folder / "run"), store, RunSettings(tasks=("x",)), (), Quiet(), workers, engine)


def artefacts(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }
