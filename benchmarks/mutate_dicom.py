"""Ways to damage a DICOM file: its bytes, or the tag, VR, length or value of its elements."""

from __future__ import annotations

import struct
from random import Random

from benchmarks.mutate import damage

_FIRST = 132
"""Where the elements begin."""
_VRS = (
    b"UN",
    b"SQ",
    b"OB",
    b"OW",
    b"UI",
    b"DS",
    b"IS",
    b"US",
    b"SS",
    b"AT",
    b"PN",
    b"CS",
    b"FD",
    b"\0\0",
    b"ZZ",
    b"UT",
)
_LENGTHS = (0, 1, 3, 0xFFFF, 0xFFFE, 0x7FFFFFFF, 0xFFFFFFFF, 0xFFFFFFFE)
_TAGS = ((0x0010, 0x0020), (0x0008, 0x0005), (0x0028, 0x0010), (0x7FE0, 0x0010), (0xFFFE, 0xE000), (0xFFFE, 0xE0DD))
_NUMBERS = tuple(struct.pack("<H", n) for n in (0, 1, 2, 3, 7, 8, 15, 16, 32, 64, 4096, 32767, 32768, 65535))


def damage_dicom(random: Random, data: bytes) -> bytes:
    """Damage bytes, or an element's tag, VR, length or value."""
    kind = random.random()
    if kind < 0.4:
        spared = _FIRST if kind < 0.3 else 0  # without its preamble it is no DICOM file
        return data[:spared] + damage(random, data[spared:])
    for _ in range(random.choice((1, 1, 2, 4))):
        starts = _elements(data)
        if not starts:
            break
        at = random.choice(starts)
        length_at, size = _length_of(data, at)
        out = bytearray(data)
        kind = random.random()
        if kind < 0.15:
            out[at : at + 4] = struct.pack("<HH", *random.choice(_TAGS))
        elif kind < 0.35:
            out[at + 4 : at + 6] = random.choice(_VRS)
        elif kind < 0.6:
            form = "<I" if size == 4 else "<H"
            value = random.choice((*_LENGTHS, random.randrange(1 << 16))) & ((1 << 8 * size) - 1)
            out[length_at : length_at + size] = struct.pack(form, value)
        elif kind < 0.8:
            out[length_at + size : length_at + size + 2] = random.choice(_NUMBERS)
        elif kind < 0.9:
            nested = struct.pack("<HH2sHI", 0x0054, 0x0220, b"SQ", 0, 0xFFFFFFFF) + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
            out[at:at] = nested * random.choice((1, 20, 2_000))
        else:
            out[at:at] = data[at : random.choice(starts)]
        data = bytes(out)
    return data


def _elements(data: bytes) -> list[int]:
    """Return the offsets of elements of explicit VR, as far as they follow one another."""
    at, starts = _FIRST, []
    while at + 12 <= len(data) and len(starts) < 60:
        length_at, size = _length_of(data, at)
        starts.append(at)
        length = int.from_bytes(data[length_at : length_at + size], "little")
        at = length_at + size + (0 if length == 0xFFFFFFFF else length)
    return starts


def _length_of(data: bytes, at: int) -> tuple[int, int]:
    """Return where an element's length stands, and of how many bytes it is."""
    return (at + 8, 4) if data[at + 4 : at + 6] in {b"OB", b"OW", b"SQ", b"UN", b"UT"} else (at + 6, 2)
