"""What matplotlib draws, as an inline SVG element of the page.

The page's content security policy permits no style attribute, so every style becomes presentation attributes; text
takes the page's own font and colour, so that it is read in light and dark; the same drawing gives the same bytes.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree as ET

import matplotlib as mpl
from matplotlib.figure import Figure as Canvas

INK = "#010203"
"""Stands for the page's text colour while matplotlib draws."""
_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "xhaim",
    "text.parse_math": False,  # a dollar sign in a name is a dollar sign
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
}


def inline_svg(draw: Callable[[Canvas], None], key: str, title: str, height: float) -> str:
    """Return an ``<svg>`` element 4.4 inches wide and ``height`` high by its proportions, with ``title`` as its name.

    ``key`` begins every id inside, so that many figures can stand on one page.
    """
    with mpl.rc_context(_SETTINGS):
        canvas = Canvas(figsize=(4.4, height), layout="constrained")
        draw(canvas)
        text = io.StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        canvas.savefig(text, format="svg", transparent=True, metadata=nothing)
    return _for_the_page(text.getvalue(), key, title)


def _for_the_page(text: str, key: str, title: str) -> str:
    """Turn matplotlib's file into an inline element: no style, no foreign id, the page's ink, a title."""
    root = ET.fromstring(text)  # noqa: S314  (our own drawing, written a moment ago)
    linked = {value.lstrip("#") for node in root.iter() for name, value in node.items() if name.endswith("href")}
    for parent in root.iter():
        for child in [node for node in parent if node.tag.endswith(("metadata", "}style"))]:
            parent.remove(child)
    for node in root.iter():
        node.tag = node.tag.rpartition("}")[2]
        old = dict(node.items())
        clipped = old.get("clip-path", "")
        node.attrib.clear()
        for name, value in [*_plain(old.pop("style", "")), *old.items()]:
            plain = name.rpartition("}")[2]
            if plain == "id":
                keep = node.tag == "clipPath" or value in linked
                node.attrib.update({"id": f"{key}-{value}"} if keep else {})
            elif plain == "href":
                node.set("href", f"#{key}-{value.lstrip('#')}")
            elif not plain.startswith("font-family"):
                node.set(plain, value.replace(INK, "currentColor"))
        if clipped:
            node.set("clip-path", clipped.replace("#", f"#{key}-"))
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    heading = ET.Element("title", {"id": f"{key}-title"})
    heading.text = title
    root.insert(0, heading)
    root.attrib.update({"role": "img", "aria-labelledby": f"{key}-title", "stroke-linejoin": "round", "class": "plot"})
    return ET.tostring(root, encoding="unicode")


def _plain(style: str) -> list[tuple[str, str]]:
    """``fill: none; stroke: #000`` as attributes."""
    pairs = (item.partition(":") for item in style.split(";") if ":" in item)
    return [(name.strip(), value.strip()) for name, _, value in pairs]
