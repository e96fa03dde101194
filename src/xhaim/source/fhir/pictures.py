"""Pictures that resources carry: base64 decoded, looked at, and kept as files of the store, named by their hash.

Nothing that a picture says of itself is trusted: its bytes decide what it is, and it is opened within the limits of
``source.image_files`` before it is kept.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xhaim.errors import XhaimError
from xhaim.source.dicom.header import Header, read_header
from xhaim.source.fhir.unused import NotUsedError, SetAsideError
from xhaim.source.fhir.values import words
from xhaim.source.image_files import grey

FOLDER = "images"
MAX_PICTURE_BYTES = 32 << 20
"""Of one picture, decoded: a chest film of 16 bits has about 16 MB."""
MOST_SCANS = 100
"""Of a JPG: each passes over all pixels once more; a progressive film has about ten."""
_SUFFIX = {"image/png": ".png", "image/jpeg": ".jpg", "image/jpg": ".jpg", "application/dicom": ".dcm"}


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that was kept."""

    file: str
    """Its name in ``images/`` of the store."""
    header: Header | None
    """Of DICOM."""


def kind_of(attachment: Mapping[str, Any]) -> str:
    """Return the media type that an attachment says it has, without parameters."""
    return (words(attachment.get("contentType")) or "").partition(";")[0].strip().lower()


def is_picture(attachment: Mapping[str, Any]) -> bool:
    """Say whether an attachment says that it is a picture of a kind that is read."""
    return kind_of(attachment) in _SUFFIX


def key_of(attachment: Mapping[str, Any]) -> str:
    """Return 32 hex digits of what an attachment carries, and of what it says that it is."""
    data = attachment.get("data")
    text = data if isinstance(data, str) else ""
    return hashlib.sha256(f"{kind_of(attachment)}\0{text}".encode("utf-8", "surrogatepass")).hexdigest()[:32]


class Shelf:
    """The pictures of one ingest, each looked at once."""

    def __init__(self, folder: Path) -> None:
        """``folder``: made with the first picture."""
        self._folder = folder
        self._found: dict[str, Picture | SetAsideError | NotUsedError] = {}

    def put(self, attachment: Mapping[str, Any]) -> Picture | None:
        """Keep an attachment's picture, and return it; ``None`` where it is none that can be used."""
        key = key_of(attachment)
        if key not in self._found:
            try:
                self._found[key] = self._keep(attachment)
            except (SetAsideError, NotUsedError) as error:
                self._found[key] = error
        found = self._found[key]
        return found if isinstance(found, Picture) else None

    def get(self, attachment: Mapping[str, Any]) -> Picture:
        """Return the picture of an attachment that was put here. Raises SetAsideError, or NotUsedError: no film."""
        found = self._found[key_of(attachment)]
        if isinstance(found, Picture):
            return found
        raise type(found)(str(found))

    def _keep(self, attachment: Mapping[str, Any]) -> Picture:
        data = _decoded(attachment)
        suffix = _suffix(data)
        if suffix != _SUFFIX[kind_of(attachment)]:
            raise SetAsideError("picture: not what its contentType says")
        if suffix == ".jpg" and data.count(b"\xff\xda") > MOST_SCANS:
            raise SetAsideError("picture: more scans than a film has")
        self._folder.mkdir(exist_ok=True)
        path = self._folder / f"{hashlib.sha256(data).hexdigest()[:40]}{suffix}"
        path.write_bytes(data)
        found = _looked_at(path)
        if not isinstance(found, Picture):
            path.unlink()
            raise found
        return found


def _looked_at(path: Path) -> Picture | SetAsideError | NotUsedError:
    """Return the picture of a file; or why it is none, or cannot be shown: known now, not when somebody needs it."""
    try:
        header = read_header(path) if path.suffix == ".dcm" else None
        if isinstance(header, str):
            return NotUsedError(f"picture: {header}")
        grey(path)
    except XhaimError as error:
        return SetAsideError(f"picture: {error.what}")
    return Picture(path.name, header)


def put_beside(folder: Path, other: Path, names: Iterable[str]) -> bool:
    """Put files of another folder beside the pictures, where there are some; say whether there are."""
    if not folder.is_dir():
        return False
    for name in names:
        try:
            os.link(other / name, folder / name, follow_symlinks=False)
        except OSError:  # another file system
            shutil.copyfile(other / name, folder / name, follow_symlinks=False)
    return True


def _decoded(attachment: Mapping[str, Any]) -> bytes:
    data = attachment.get("data")
    if not isinstance(data, str) or not data.strip():
        raise NotUsedError("an attachment by url: never fetched" if words(attachment.get("url")) else "no picture")
    if len(data) > MAX_PICTURE_BYTES * 4 // 3 + 1024:
        raise SetAsideError(f"picture: more than {MAX_PICTURE_BYTES >> 20} MiB")
    try:
        return base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        raise SetAsideError("picture: not base64") from None


def _suffix(data: bytes) -> str | None:
    """Return what the first bytes say: a PNG, a JPG, a DICOM file, or none of them."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return ".png"
    if data.startswith(b"\xff\xd8\xff"):
        return ".jpg"
    return ".dcm" if data[128:132] == b"DICM" else None
