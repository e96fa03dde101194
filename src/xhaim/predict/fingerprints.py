"""Fingerprints of what went into a fit."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def fingerprint(parts: Iterable[str | bytes | NDArray[np.generic]]) -> str:
    """Return 16 hex digits of the parts in their order; each part is framed by its length and, of an array, its type.

    Framing keeps ``("ab", "c")`` and ``("a", "bc")`` apart.
    """
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            data = np.ascontiguousarray(part).tobytes()
            digest.update(f"{part.dtype.str}{part.shape}".encode())
        else:
            data = part if isinstance(part, bytes) else part.encode("utf-8", "surrogatepass")
        digest.update(f"{len(data)}:".encode())
        digest.update(data)
    return digest.hexdigest()[:16]
