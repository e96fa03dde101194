"""The words of attachments: plain text as it is, HTML without its tags.

What an attachment's url points at is never fetched. HTML becomes its words; scripts, styles and entities of its own do
nothing. PDF and other formats are counted as not used.
"""

from __future__ import annotations

import base64
import binascii
import re
from html.parser import HTMLParser
from typing import Any

from xhaim.source.fhir.unused import NotUsedError, SetAsideError
from xhaim.source.fhir.values import words

MAX_TEXT_BYTES = 16 << 20
"""Of one attachment, decoded."""
_PLAIN = ("text/plain", "text/html", "application/xhtml+xml")
_CHARSETS = {"utf-8": "utf-8", "us-ascii": "utf-8", "iso-8859-1": "latin-1", "windows-1252": "cp1252"}
_SPACES = re.compile(r"\s+")


def text_of(attached: list[dict[str, Any]], conclusion: str | None) -> str:
    """Return the words of the attachments, and the conclusion where they lack it.

    Raises NotUsedError where there are none, SetAsideError where an attachment cannot be read.
    """
    found: list[str] = []
    reasons = ["no text"]
    for part in attached:
        kind = (words(part.get("contentType")) or "text/plain").lower()
        if kind.split(";")[0].strip() not in _PLAIN:
            reasons.append("an attachment that is neither plain text nor HTML")
        elif words(part.get("data")):
            text = _decoded(part["data"], kind).strip()
            if text and text not in found:
                found.append(text)
        elif words(part.get("url")):
            reasons.append("an attachment by url: never fetched")
    if conclusion and not any(conclusion in text for text in found):
        found.append(f"CONCLUSION: {conclusion}" if found else conclusion)
    if not found:
        raise NotUsedError(max(reasons, key=lambda reason: (reason != "no text", reason)))
    return "\n\n".join(found)


def _decoded(data: str, kind: str) -> str:
    if len(data) > MAX_TEXT_BYTES * 4 // 3 + 1024:
        raise SetAsideError("attachment: more than 16 MiB")
    stated = re.search(r"charset\s*=\s*\"?([\w-]+)", kind)
    charset = _CHARSETS.get(stated[1] if stated else "utf-8")
    if charset is None:
        raise SetAsideError("attachment: a charset that is not read")
    try:
        text = base64.b64decode("".join(data.split()), validate=True).decode(charset)
    except (binascii.Error, ValueError):
        raise SetAsideError("attachment: not base64, or not text in its charset") from None
    if "\0" in text:
        raise SetAsideError("attachment: text with NUL")
    return _Words.of(text) if kind.startswith(_PLAIN[1:]) else text


class _Words(HTMLParser):
    """The words of HTML, a line for each block."""

    _BLOCKS = frozenset(
        ("p", "div", "br", "tr", "li", "h1", "h2", "h3", "h4", "h5", "h6", "table", "ul", "ol", "pre", "hr", "title")
    )
    _SILENT = frozenset(("script", "style", "head", "template"))

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._silent = 0

    @classmethod
    def of(cls, html: str) -> str:
        """Return the words of a page."""
        parser = cls()
        parser.feed(html)
        parser.close()
        lines = (_SPACES.sub(" ", line).strip() for line in "".join(parser._parts).split("\n"))
        text = "\n".join(line for line in lines if line)
        return "".join(char for char in text if not "\ud800" <= char <= "\udfff" and char != "\0")  # from &#xD800;

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a line with a block."""
        del attrs  # no link, image or handler of a page matters
        self._silent += tag in self._SILENT
        self._parts.append("\n" if tag in self._BLOCKS else " " if tag in {"td", "th"} else "")

    def handle_endtag(self, tag: str) -> None:
        """End a block's line."""
        self._silent -= tag in self._SILENT and self._silent > 0
        self._parts.append("\n" if tag in self._BLOCKS else "")

    def handle_data(self, data: str) -> None:
        """Keep words that a reader would see."""
        if not self._silent:
            self._parts.append(data.replace("\n", " ").replace("\r", " "))
