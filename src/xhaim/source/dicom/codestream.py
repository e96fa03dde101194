"""The size that a compressed picture gives of itself, read before it is decoded: it may not be what the header says."""

from __future__ import annotations

from struct import unpack_from

from xhaim.errors import DataError

_SOC_SIZ = b"\xff\x4f\xff\x51"
_FRAMES = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
"""JPEG's markers of the start of a frame, JPEG-LS's among them."""


def codestream_size(data: bytes, *, jpeg2000: bool) -> tuple[int, int, int]:
    """Return rows, columns and samples for a pixel. Raises DataError where the codestream does not say them first."""
    size = _jpeg2000(data) if jpeg2000 else _jpeg(data)
    if size is None:
        raise DataError("a compressed image does not begin with its size", expected="a JPEG or JPEG 2000 codestream")
    return size


def _jpeg2000(data: bytes) -> tuple[int, int, int] | None:
    if not data.startswith(_SOC_SIZ) or len(data) < 42:
        return None
    width, height, left, top = unpack_from(">4I", data, 8)
    return height - top, width - left, unpack_from(">H", data, 40)[0]


def _jpeg(data: bytes) -> tuple[int, int, int] | None:
    at = 2 if data.startswith(b"\xff\xd8") else len(data)
    while at + 10 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # padding
            at += 1
            continue
        if marker in _FRAMES:
            height, width, samples = unpack_from(">HHB", data, at + 5)
            return height, width, samples
        at += 2 + unpack_from(">H", data, at + 2)[0]
    return None
