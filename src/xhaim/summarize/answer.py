"""The JSON that a summary is asked for in: as it is read, and as a server is told."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

_TOKENS_PER_SENTENCE = 20
"""At the least, on average."""


class Sentence(BaseModel):
    """One sentence, and the numbers of the pieces that it rests on."""

    model_config = ConfigDict(extra="forbid", strict=True)

    text: Annotated[str, Field(min_length=1, max_length=2000)]
    chunks: Annotated[list[int], Field(min_length=1, max_length=20)]


class Answer(BaseModel):
    """A whole answer."""

    model_config = ConfigDict(extra="forbid", strict=True)

    sentences: Annotated[list[Sentence], Field(max_length=100)]


def schema(pieces: int, max_tokens: int) -> dict[str, Any]:
    """Return the shape that a server is asked for, with as many sentences as ``max_tokens`` can hold.

    A server that holds its model to the shape ends a loop there, and not at its own limit, where all would be lost.
    That a sentence cites no piece beyond the last is checked for each, so that one costs no more than itself.
    """
    chunks = {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": max(3, pieces)}
    sentence = {
        "type": "object",
        "properties": {"text": {"type": "string"}, "chunks": chunks},
        "required": ["text", "chunks"],
        "additionalProperties": False,
    }
    most = max(8, max_tokens // _TOKENS_PER_SENTENCE)
    return {
        "type": "object",
        "properties": {"sentences": {"type": "array", "items": sentence, "maxItems": most}},
        "required": ["sentences"],
        "additionalProperties": False,
    }
