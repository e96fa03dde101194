"""Opening a DICOM file that nobody vouches for: pydicom parses it, and this bounds what parsing may cost.

pydicom promises nothing about which exceptions a damaged file raises, and its warnings quote values, which are a
patient's words. So every fault comes out as a DataError that names a type, and its warnings and log are kept quiet.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from pydicom import config, dcmread
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence as DicomSequence
from pydicom.tag import Tag
from pydicom.uid import DeflatedExplicitVRLittleEndian

from xhaim.errors import DataError, XhaimError

MAX_FILE_BYTES = 256 << 20
"""A chest X-ray of 16 bits has about 16 MB."""
MAX_VALUE_BYTES = 1024
"""A header's value that is longer is taken as not there: an id, a view or a time has 64 at most."""
MAX_ELEMENT_BYTES = 64 << 10
"""What is longer is not read with a header."""
_PREAMBLE = 128
_TRANSFER_SYNTAX = Tag("TransferSyntaxUID")


class _Bounded:
    """A file that reads no more than what is left of it, whatever length a header claims."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._size = file, size
        self.seek, self.tell = file.seek, file.tell

    def read(self, n: int = -1) -> bytes:
        left = max(0, self._size - self._file.tell())
        return self._file.read(left if n < 0 else min(n, left))


def is_dicom(path: Path) -> bool:
    """Say whether a file has DICOM's preamble, whatever its name."""
    with path.open("rb") as file:
        return file.read(_PREAMBLE + 4)[_PREAMBLE:] == b"DICM"


def read_dicom(path: Path, keywords: Sequence[str], *, pixels: bool) -> Dataset:
    """Return the elements ``keywords`` of a file, as far as they are there; ``pixels``: read on to the pixel data.

    Raises DataError where the file is no whole DICOM file, is larger than MAX_FILE_BYTES with ``pixels``, or is
    deflated (its size when inflated is not known beforehand; images are not kept so).
    """
    with trusted("a DICOM file cannot be read", path.name), path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if pixels and size > MAX_FILE_BYTES:
            raise DataError(
                "a DICOM file is too large", got=f"{size} bytes", expected=f"at most {MAX_FILE_BYTES} bytes"
            )
        bounded = _Bounded(file, size)
        _refuse_deflated(bounded)
        return dcmread(
            bounded,
            defer_size=None if pixels else MAX_ELEMENT_BYTES,
            stop_before_pixels=not pixels,
            specific_tags=list(keywords),
        )


def _refuse_deflated(file: _Bounded) -> None:
    file.seek(_PREAMBLE + 4)
    meta = read_dataset(
        cast("BinaryIO", file),
        is_implicit_VR=False,
        is_little_endian=True,
        stop_when=lambda tag, vr, length: tag >> 16 != 2,
        specific_tags=[_TRANSFER_SYNTAX],
    )
    file.seek(0)
    if meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
        raise DataError("a DICOM file is deflated", expected="pixels stored as they are, or as JPEG, JPEG 2000 or RLE")


def text_of(elements: Dataset, keyword: str) -> str | None:
    """Return the one value of an element as printable text; ``None`` where there is none, or another thing."""
    raw = elements.get_item(keyword, keep_deferred=True)
    if raw is None or raw.value is None or (isinstance(raw.value, bytes) and len(raw.value) > MAX_VALUE_BYTES):
        return None
    value = elements[keyword].value
    if value is None or isinstance(value, MultiValue):
        return None
    text = str(value).strip(" \0")
    return text if text and text.isprintable() else None


def items_of(elements: Dataset, keyword: str) -> Sequence[Dataset]:
    """Return the items of a sequence; none where it is not there, or too long to be read with a header."""
    raw = elements.get_item(keyword, keep_deferred=True)
    if raw is None or raw.value is None:
        return ()
    value = elements[keyword].value
    return value if isinstance(value, DicomSequence) else ()


@contextmanager
def trusted(what: str, name: str) -> Iterator[None]:
    """Turn whatever a decoder raises into a DataError, and keep its warnings from being seen."""
    log = logging.getLogger("pydicom")
    level = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings(), config.disable_value_validation():
            warnings.simplefilter("ignore")
            yield
    except XhaimError:
        raise
    except Exception as error:
        raise DataError(what, got=f"{name}: {type(error).__name__}", expected="a whole file") from error
    finally:
        log.setLevel(level)
