"""Whether a judge is of the writer's family: a model may prefer what reads like its own words."""

from __future__ import annotations

import re

_LEADING = re.compile(r"[a-z]+")
_PHRASED = re.compile(r"phrased by ([^;]+)")
_NO_MODEL = ("composed", "extractive", "given", "")


def family(model: str) -> str:
    """Return the leading name of a model, in small letters: ``qwen`` of ``Qwen/Qwen2.5-7B-Instruct``."""
    name = model.lower().replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    found = _LEADING.search(name)
    return found.group() if found else name


def same_family(judge: str, writer: str) -> bool:
    """Say whether a judge is the writer's model, or has the same leading name. ``writer``: of an explanation."""
    phrased = _PHRASED.search(writer)
    model = phrased.group(1).strip() if phrased else writer
    return model not in _NO_MODEL and (judge == model or family(judge) == family(model))
