"""Images as they leave for a vision model: a PNG made here of decoded grey pixels, and nothing beside the pixels."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from PIL import Image

from xhaim.errors import BackendError, DataError
from xhaim.ports import Pixels

LONGEST = 1024
"""Pixels of the longest side that is sent: enough for a radiograph's findings, and some 1,400 tokens of Qwen2.5-VL."""

Content: TypeAlias = str | list[dict[str, Any]]
"""Of a message: words, or parts of which some are images."""
_REFUSED = (400, 413, 415, 422)
"""What servers answer to images that they do not take; llama.cpp answers 500 and says so."""
_OF_IMAGES = ("image", "vision", "multimodal", "mmproj")


class ImagesRefusedError(BackendError):
    """The server takes no images, or not these: there is no use in asking it about others."""

    def __init__(self, model: str, status: int) -> None:
        super().__init__(
            f"the server of '{model}' refused a question with images ({status})",
            expected="a vision model that its server lets see (vLLM: --limit-mm-per-prompt; llama.cpp: --mmproj)",
            do="serve one, lower llm.max_images, or leave out llm.image_model",
        )


def content(user: str, images: Sequence[Pixels]) -> Content:
    """Return the user's words as they are, or as the last part behind the images."""
    if not images:
        return user
    shown: list[dict[str, Any]] = [{"type": "image_url", "image_url": {"url": data_url(one)}} for one in images]
    return [*shown, {"type": "text", "text": user}]


def speaks_of_images(status: int, body: object) -> bool:
    """Say whether a server's refusal is one of images: by its status, or by what it says."""
    said = str(body)[:2000].lower()
    return status in _REFUSED or any(word in said for word in _OF_IMAGES)


def data_url(grey: Pixels) -> str:
    """Return ``data:image/png;base64,...`` of a grey image [h, w], no side longer than LONGEST.

    No file is sent and no path, so neither a header with a name nor a URL out of the records can be. Raises DataError
    where the pixels are no grey image.
    """
    out = io.BytesIO()
    Image.fromarray(bounded(grey)).save(out, format="PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode("ascii")


def bounded(grey: Pixels) -> Pixels:
    """Return the image, made smaller where a side is longer than LONGEST; the shape of what it shows is kept."""
    if grey.ndim != 2 or grey.dtype != np.uint8 or not grey.size:
        raise DataError("what was to be shown to a model is no image", got=f"{grey.shape} {grey.dtype}")
    height, width = grey.shape
    longest = max(height, width)
    if longest <= LONGEST:
        return np.ascontiguousarray(grey)
    size = (max(1, round(width * LONGEST / longest)), max(1, round(height * LONGEST / longest)))
    return np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.LANCZOS), np.uint8)


def digest(grey: Pixels) -> str:
    """Return the SHA-256 of the pixels that are sent: what a ledger keeps of an image, and knows it again by."""
    sent = bounded(grey)
    return hashlib.sha256(f"{sent.shape} ".encode() + sent.tobytes()).hexdigest()
