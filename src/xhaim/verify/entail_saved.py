"""A verifier read back from its folder: sha256, format and shapes are checked, and nothing is unpickled."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.numpy import load as from_safetensors

from xhaim.backends import load
from xhaim.errors import PrerequisiteError
from xhaim.ports import Entailment
from xhaim.verify.entail_clauses import Rarity
from xhaim.verify.entail_cross import Cross
from xhaim.verify.entail_features import columns
from xhaim.verify.entail_line import Line
from xhaim.verify.entail_model import CROSS_FILE, FORMAT, LINES_FILE, Verifier
from xhaim.verify.entail_seen import remembered
from xhaim.verify.pairs import LABELS

MAX_FILE_BYTES = 256 * 2**20


def verifier(folder: str) -> Entailment:
    """Return the verifier that was saved in a folder: an entailment model by name and path."""
    return load_verifier(Path(folder).expanduser())


def load_verifier(folder: Path) -> Verifier:
    """Read what ``Verifier.save`` wrote. Raises PrerequisiteError where a file is missing, changed or another."""
    try:
        said = json.loads(_read(folder / "verifier.json"))
        files = {
            name: _checked(folder, name, said["sha256"][name])
            for name in (LINES_FILE, CROSS_FILE)
            if name in said["sha256"]
        }
        return _restored(said, files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, SafetensorError) as error:
        raise PrerequisiteError(
            f"no verifier in '{folder.name}'",
            got=f"{type(error).__name__}: {str(error)[:120]}",
            expected=f"the files of '{FORMAT}': verifier.json, {LINES_FILE}",
            do="train one again: xhaim verifier train",
        ) from None


def _restored(said: dict[str, Any], files: dict[str, bytes]) -> Verifier:
    if said["format"] != FORMAT:
        raise ValueError(f"format {str(said['format'])[:40]}")
    encoder = remembered(load("encoders", "minilm")()) if said["encoder"] else None
    if encoder is not None and encoder.name.partition("/")[0] != str(said["encoder"]).partition("/")[0]:
        raise ValueError(f"fitted with encoder {str(said['encoder'])[:60]}")
    rarity = Rarity(int(said["texts"]), {str(word): int(n) for word, n in said["seen"].items()})
    cross = Cross.restore(files[CROSS_FILE]) if CROSS_FILE in files else None
    names = tuple(columns("a", "a", rarity, encoder))
    if names != tuple(said["columns"]):
        raise ValueError("fitted with other columns")
    tensors = from_safetensors(files[LINES_FILE])
    difference, prior = (
        Line.restore(tensors, name) if f"{name}.weights" in tensors else None for name in ("difference", "prior")
    )
    labels = tuple(label for label in LABELS if label in said["labels"])
    line = Line.restore(tensors, "line")
    if line.weights.shape != (len(labels), len(names)):
        raise ValueError("weights of another shape")
    return Verifier(rarity, encoder, names, labels, line, difference, prior, cross)


def _read(path: Path) -> bytes:
    if path.stat().st_size > MAX_FILE_BYTES:
        raise ValueError(f"{path.name} is too large")
    return path.read_bytes()


def _checked(folder: Path, name: str, sha256: str) -> bytes:
    data = _read(folder / name)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ValueError(f"{name} was changed")
    return data
