"""Whether a model sees at all: some servers drop images without a word, and what is then described is made up."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import numpy as np

from xhaim.errors import BackendError
from xhaim.llm.replies import UnusableReplyError, fault_of
from xhaim.ports import LanguageModel, Pixels
from xhaim.summarize.images import TEMPLATES

SIDE = 256
CORNERS = {"top left": (0, 0), "top right": (0, 1), "bottom left": (1, 0), "bottom right": (1, 1)}
ASKED = ("bottom left", "top right", "bottom right")
"""The question is the same each time, so a model that sees nothing gives one answer to all of them."""
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"corner": {"enum": list(CORNERS)}},
    "required": ["corner"],
    "additionalProperties": False,
}


class BlindModelError(BackendError):
    """The model does not see what it is shown: nothing that it says of an image may be used."""


def must_see(model: LanguageModel) -> None:
    """Raise BlindModelError unless ``model`` finds a white square in a corner of a black image, each of three times.

    Raises BackendError where it does not answer.
    """
    for corner in ASKED:
        if _answer(model, square(corner)) != corner:
            raise BlindModelError(
                f"the model '{model.name}' does not see the images that it is sent",
                expected="the corner of a white square in a black image, three times",
                do="serve a vision model and its image part (llama.cpp: --mmproj), or leave out llm.image_model",
            )


def square(corner: str) -> Pixels:
    """Return [256, 256], black with a white square in a corner."""
    image = np.zeros((SIDE, SIDE), np.uint8)
    down, right = CORNERS[corner]
    top, left = 16 + down * (SIDE - 96), 16 + right * (SIDE - 96)
    image[top : top + 64, left : left + 64] = 255
    return image


def _answer(model: LanguageModel, image: Pixels) -> object:
    """Return what the model says; ``None`` for what cannot be used."""
    question = files("xhaim.summarize").joinpath("prompts", TEMPLATES, "sight.txt").read_text(encoding="utf-8")
    try:
        reply = model.ask("You say what is in an image.", question.strip(), _SCHEMA, [image])
    except UnusableReplyError:
        return None
    return None if fault_of(reply, _SCHEMA) else json.loads(reply.text)["corner"]
