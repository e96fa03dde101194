"""Bytes of a csv or csv.gz file, verified and cut into blocks of whole records, in bounded memory.

No engine is trusted with this: some accept a wrong checksum, a truncated stream or plain text named ``.gz``. ISA-L
checks the CRC and the length at the end of every gzip member, several times faster than zlib; here it is also checked
that the end is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from isal import igzip_lib

from xhaim.errors import DataError

BLOCK_BYTES = 4 << 20
"""Size of a block, decompressed: large enough to parse at full speed, small enough to hold several."""
MAX_RECORD_BYTES = 64 << 20
"""A record that is longer is taken for a quote that was never closed."""
_GZIP_MAGIC = b"\x1f\x8b"

OnBytes = Callable[[int], None]


def blocks(path: Path, on_bytes: OnBytes, block_bytes: int = BLOCK_BYTES) -> Iterator[bytes]:
    r"""Yield the file's text in blocks that end where a record ends; ``on_bytes`` is told the bytes read as stored.

    A record ends at a newline with an even number of quotes before it (RFC 4180). Where no such newline comes within
    ``MAX_RECORD_BYTES``, the first line alone is a block: its quote never closes. Raises DataError for a file that
    is empty, cut short, corrupt, or not what its name says; then nothing of the file may be used.
    """
    carry, found = b"", False
    for piece in _pieces(path, on_bytes, block_bytes):
        carry, found = carry + piece, True
        while len(carry) >= block_bytes:
            cut = _last_record_end(carry)
            if not cut and len(carry) < max(MAX_RECORD_BYTES, block_bytes):
                break
            cut = cut or carry.find(b"\n") + 1 or len(carry)
            yield carry[:cut]
            carry = carry[cut:]
    if carry:
        yield carry
    if not found:
        raise _empty(path)


def _last_record_end(text: bytes) -> int:
    """Return the offset after the last newline that is outside quotes; 0 where there is none."""
    if b'"' not in text:
        return text.rfind(b"\n") + 1
    end, quotes = len(text), text.count(b'"')
    while end >= 0:
        quote = text.rfind(b'"', 0, end)
        newline = text.rfind(b"\n", quote + 1, end)
        if newline >= 0 and quotes % 2 == 0:
            return newline + 1
        end, quotes = quote, quotes - 1
    return 0


def _pieces(path: Path, on_bytes: OnBytes, size: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        magic = file.read(2)
        file.seek(0)
        if not magic:
            raise _empty(path)
        if path.suffix != ".gz":
            if magic == _GZIP_MAGIC:
                raise DataError(f"{path} is compressed", got="a gzip file", expected="plain csv", do="name it .csv.gz")
            while data := file.read(size):
                on_bytes(len(data))
                yield data
            return
        if magic != _GZIP_MAGIC:
            raise DataError(
                f"{path} is named .gz but is not a gzip file",
                got="other first bytes",
                expected="a gzip file",
                do="name it .csv if it is plain text, or fetch it again",
            )
        try:
            yield from _inflate(file, path, on_bytes, size)
        except igzip_lib.IsalError as error:  # type: ignore[misc]  # its stub calls the class an exception
            raise DataError(
                f"{path} is corrupt",
                got=f"ISA-L: {error}",
                expected="a gzip file with a right checksum",
                do=_fetch(path),
            ) from error


def _inflate(file: BinaryIO, path: Path, on_bytes: OnBytes, size: int) -> Iterator[bytes]:
    """Decompress every member; output is bounded by ``size`` for each step, whatever the ratio."""
    member = _member()
    started = False
    while stored := file.read(1 << 20):
        on_bytes(len(stored))
        data = stored
        while data or (started and not member.needs_input):
            if not started:
                data = data.lstrip(b"\0")  # padding between or after members
                started = bool(data)
                continue
            if out := member.decompress(data, size):
                yield out
            data = b""
            if member.eof:
                data, member, started = member.unused_data, _member(), False
    if started:
        raise DataError(
            f"{path} is cut short",
            got="the end of the file before the end of the gzip stream",
            expected="a whole gzip file",
            do=_fetch(path),
        )


def _member() -> igzip_lib.IgzipDecompressor:
    return igzip_lib.IgzipDecompressor(igzip_lib.DECOMP_GZIP)  # header and trailer are read, and the trailer checked


def _empty(path: Path) -> DataError:
    return DataError(f"{path} is empty", got="0 bytes", expected="a csv header at least", do=_fetch(path))


def _fetch(path: Path) -> str:
    return f"fetch {path.name} again and compare it with the checksums that its publisher gives"
