"""The models of a report by name: what a reader calls them, in which order they stand, and in which part of a table."""

from __future__ import annotations

import re
from typing import Literal

Kind = Literal["systems", "ablations", "learning curve", "what a real model must beat"]

KINDS: tuple[Kind, ...] = ("systems", "ablations", "learning curve", "what a real model must beat")
"""In the order that a table shows them."""
BLOCKS = ("notes", "cxr", "tabular", "time_series", "concepts", "earlier_films", "image", "earlier_image")
MODEL_LABELS: dict[str, str] = {
    "xhaim": "xHAIM",
    "xhaim_frozen": "xHAIM, frozen encoder",
    "xhaim_paper_fusion": "xHAIM, one booster over embeddings and values",
    "no_summary": "xHAIM, evidence unsummarised",
    "no_retrieval": "xHAIM, newest text instead of evidence",
    **{f"without_{block}": f"xHAIM without {block}" for block in BLOCKS},
    "haim": "HAIM, de-leaked",
    "haim_no_radiology": "HAIM, no radiology",
    "haim_published": "HAIM, as published",
    "haim_our_fusion": "HAIM's features, xHAIM's fusion",
    "llm_only": "Language model by itself",
    "prevalence": "Prevalence",
    "demographics": "Demographics only",
    **{f"only_{block}": f"xHAIM, {block} alone" for block in BLOCKS},
    "bag_of_words": "Bag of words",
    "keywords": "Keywords",
    "carry_forward": "Last known label",
    "another_patients_text": "Another patient's text",
    "permuted_labels": "Permuted labels",
}
"""Models in the order that a table shows them, with their name for a reader; others follow under their own name."""
LEAKY_MODELS = ("haim_published",)
"""Models that read what was not known, under every report policy."""

_TO_BEAT = tuple(MODEL_LABELS)[tuple(MODEL_LABELS).index("prevalence") :]
_ABLATIONS = ("xhaim_", "no_", "without_", "haim_our_fusion")
SHARE = re.compile(r"_([1-9]\d?)pct$")
"""Ends the name of what learned from that share of train."""


def is_leaky_model(model: str) -> bool:
    """Say whether a model read what was not known, whatever the report policy and its share of train."""
    return SHARE.sub("", model) in LEAKY_MODELS


def model_words(model: str, *, leaky: bool = False) -> str:
    """Return a model's name for a reader; under a leaky policy nothing is called de-leaked.

    ``xhaim_25pct`` learned from that share of the training part.
    """
    share = SHARE.search(model)
    base = model[: share.start()] if share else model
    name = MODEL_LABELS.get(base, base)
    name = name.replace(", de-leaked", "") if leaky else name
    stamp = " · LEAKY" if is_leaky_model(model) else ""
    return f"{name}{f', {share[1]} % of the training part' if share else ''}{stamp}"


def kind_of(model: str) -> Kind:
    """Say in which part of a table a model stands; one that nobody knows is a system."""
    if SHARE.search(model):
        return "learning curve"
    if model in _TO_BEAT:
        return "what a real model must beat"
    return "ablations" if model.startswith(_ABLATIONS) else "systems"


def order_of(model: str) -> tuple[int, int, int, str]:
    """Return what models are sorted by: the part of the table, the order of MODEL_LABELS, the share learned from."""
    share = SHARE.search(model)
    base = model[: share.start()] if share else model
    known = list(MODEL_LABELS)
    place = known.index(base) if base in known else len(known)
    return KINDS.index(kind_of(model)), place, int(share[1]) if share else 100, model
