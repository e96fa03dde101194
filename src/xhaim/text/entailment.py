"""Does a sentence follow from the texts that it cites? A model of natural language inference says, where there is one.

No weights come with xHAIM: without a model nothing is guessed, and ``NOT_CHECKED`` says so in place of a number.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

from xhaim.errors import BackendError, PrerequisiteError
from xhaim.ports import Entailment, Inference

NOT_CHECKED = "entailment not checked: no model"
TOO_LONG = "entailment not checked: the cited texts are longer than the model reads"
NO_TEXT = "entailment not checked: no cited text"
_NAMES = ("entailment", "neutral", "contradiction")
_DECIMALS = 4
"""Of probabilities: coarser than what another number of threads changes."""


@dataclass(frozen=True, slots=True)
class Support:
    """What a model finds of a sentence and its cited texts; probabilities are None with a reason."""

    entailment: float | None
    """The highest: of each cited text alone, and of all of them together."""
    contradiction: float | None
    """The highest, of each cited text alone."""
    reason: str | None = None

    def fault(self, at_least: float) -> str | None:
        """Return what is wrong, in words that quote nothing; None where it follows, or where nothing was measured.

        It follows where a cited text, or all together, entail it with at least this probability. A contradiction by
        one text is no fault where another entails: charts of several days disagree.
        """
        if self.entailment is None or self.contradiction is None or self.entailment >= at_least:
            return None
        return "they say the contrary" if self.contradiction > 0.5 else "it does not follow from them"


def support(sentence: str, cited: Sequence[str], model: Entailment | None) -> Support:
    """Ask ``model`` of each cited text, and of all together in their order; blank texts count for nothing."""
    if model is None:
        return Support(None, None, NOT_CHECKED)
    texts = [folded for text in cited if (folded := " ".join(text.split()))]
    if not texts:
        return Support(None, None, NO_TEXT)
    alone = [found for text in texts if (found := model.infer(text, sentence)) is not None]
    together = model.infer(" ".join(texts), sentence) if len(texts) > 1 else None
    every = [*alone, together] if together is not None else alone
    if not every:
        return Support(None, None, TOO_LONG)
    return Support(max(one.entailment for one in every), max(one.contradiction for one in alone or every))


def sequence_classifier(folder: str) -> Entailment:
    """Return the NLI model in a folder: any sequence-classification model of transformers whose labels are the three.

    Raises PrerequisiteError when there is no such folder, or its labels are not the three of NLI.
    """
    found = Path(folder).expanduser()
    if not found.is_dir():
        raise PrerequisiteError(
            f"no NLI model at '{folder}'",
            expected="a folder with config.json, a tokenizer and model.safetensors",
            do="give the path of a model that was fetched before; nothing is downloaded",
        )
    return SequenceClassifier(found)


class SequenceClassifier:
    """An NLI model in a folder: offline, safetensors only, no code of its author is run.

    One pair at a time, without padding, so that a probability is a function of its two texts alone. A pair that is
    too long is not cut: what was cut off might have been the denial.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._column = _columns(folder)
        self._turn = Lock()

    @cached_property
    def _loaded(self) -> tuple[Any, Any, int]:
        """Tokenizer, model, and how many word pieces it reads; loaded when the first pair is asked."""
        tokenizer, model = _load(self._folder)
        positions = getattr(model.config, "max_position_embeddings", 0) or 512
        return tokenizer, model, int(min(tokenizer.model_max_length, positions - 2))  # RoBERTa keeps two for itself

    @cached_property
    def name(self) -> str:
        """``<folder>@<12 hex digits>`` of the weights, the vocabulary and the order of the labels."""
        digest = hashlib.sha256()
        for path in sorted(self._folder.iterdir()):
            if path.suffix in {".safetensors", ".json", ".txt", ".model"}:
                with path.open("rb") as file:
                    digest.update(path.name.encode() + b"\0" + hashlib.file_digest(file, "sha256").digest())
        return f"{self._folder.name}@{digest.hexdigest()[:12]}"

    def infer(self, premise: str, hypothesis: str) -> Inference | None:
        """Return the probabilities; None where the pair is too long.

        Raises PrerequisiteError when the weights cannot be loaded, BackendError when a probability is not finite.
        """
        import torch

        with self._turn, torch.inference_mode():  # tokenizers are not made for several threads
            tokenizer, model, longest = self._loaded
            encoded = tokenizer(
                premise,
                hypothesis,
                truncation=False,
                split_special_tokens=True,  # a note that says [SEP] does not end the premise
                return_tensors="pt",
                verbose=False,
            )
            if encoded["input_ids"].shape[1] > longest:
                return None
            logits = model(**encoded.to(model.device)).logits[0].double()
        if not bool(torch.isfinite(logits).all()):
            raise BackendError(f"the NLI model '{self._folder.name}' gave a probability that is not finite")
        odds = [round(float(one), _DECIMALS) for one in torch.softmax(logits, dim=0)]
        return Inference(**{name: odds[self._column[name]] for name in _NAMES})


def _columns(folder: Path) -> dict[str, int]:
    """Return label -> column from the model's own ``id2label``; an order that is not written there is not guessed."""
    from transformers import AutoConfig

    config = _from(folder, AutoConfig.from_pretrained)
    named = {str(name).strip().casefold(): int(column) for column, name in (config.id2label or {}).items()}
    if sorted(named) != sorted(_NAMES) or sorted(named.values()) != [0, 1, 2] or len(config.id2label) != len(_NAMES):
        raise PrerequisiteError(
            f"'{folder.name}' does not say which of its outputs is entailment",
            got=", ".join(map(str, (config.id2label or {}).values()))[:200] or "no labels",
            expected="id2label in config.json with the names entailment, neutral and contradiction, each once",
            do="write the names in the order of the model's card, or give another model",
        )
    return named


def _load(folder: Path) -> tuple[Any, Any]:
    """Return (tokenizer, model): complete weights, ready to be asked."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = _from(folder, AutoTokenizer.from_pretrained)
    model, report = _from(
        folder,
        AutoModelForSequenceClassification.from_pretrained,
        use_safetensors=True,
        dtype=torch.float32,
        output_loading_info=True,
    )
    missing = sorted(report["missing_keys"])
    if missing:
        raise PrerequisiteError(
            f"the weights of '{folder.name}' are not complete",
            got=f"{len(missing)} tensors missing, first {missing[0]}",
            expected="every tensor, the classification head included: a made-up one would give made-up probabilities",
            do="fetch the model again",
        )
    return tokenizer, model.to("cuda" if torch.cuda.is_available() else "cpu").eval()


def _from(folder: Path, load: Any, **options: Any) -> Any:  # noqa: ANN401  (transformers is untyped)
    from safetensors import SafetensorError
    from transformers.utils import logging as hf_logging

    hf_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        return load(str(folder), local_files_only=True, trust_remote_code=False, **options)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise PrerequisiteError(
            f"'{folder.name}' cannot be loaded as an NLI model",
            got=(str(error).splitlines() or [type(error).__name__])[0][:200],
            expected="a folder with config.json, a tokenizer and model.safetensors of a sequence classifier",
            do="give the path of a model that transformers knows, with its weights as safetensors",
        ) from error
