"""The pixels of a DICOM file as a grey image of 8 bits, as the standard's grey-scale pipeline shows them.

Stored value, modality LUT or rescale (PS3.3 C.11.1), VOI LUT or window (C.11.2), MONOCHROME1 inverted. All of that is
a function of the stored value, so it is computed once for each of the at most 65,536 values, and looked up.
"""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_modality_lut, apply_voi
from pydicom.uid import (
    JPEG2000,
    UID,
    JPEG2000Lossless,
    JPEGExtended12Bit,
    JPEGLSTransferSyntaxes,
    RLELossless,
)

from xhaim.errors import DataError, PrerequisiteError
from xhaim.source.dicom.codestream import codestream_size
from xhaim.source.dicom.file import items_of, read_dicom, text_of, trusted

MAX_PIXELS = 64_000_000
"""A chest X-ray has about 8 million; what claims far more is not decoded."""
_DECODERS = ("pydicom", "pillow", "pyjpegls", "pylibjpeg")
"""In this order. GDCM is never used: damaged files were seen to abort the whole process."""
_GREY = ("MONOCHROME1", "MONOCHROME2")
_COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_KEYWORDS = (
    *("Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration"),
    *("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PixelData", "ModalityLUTSequence"),
    *("RescaleIntercept", "RescaleSlope", "VOILUTSequence", "WindowCenter", "WindowWidth", "VOILUTFunction"),
)


def dicom_grey(path: Path) -> NDArray[np.uint8]:
    """Return the image of a DICOM file as grey [h, w].

    The first VOI LUT decides the grey values, else the first window (LINEAR, LINEAR_EXACT or SIGMOID); without either,
    or with a window of no width, the range of the values that are there is stretched over 0-255. Colour becomes grey
    as in a JPG. PresentationLUTShape says again what MONOCHROME1 says, and is not applied a second time.

    Raises DataError where the file is broken, far too large, has several frames, or pixels of another kind;
    PrerequisiteError where the package that decompresses it is not installed.
    """
    with trusted("an image cannot be read", path.name):
        image = read_dicom(path, _KEYWORDS, pixels=True)
        _check_shape(image)
        syntax = UID(image.file_meta.TransferSyntaxUID)
        if syntax.is_compressed:
            _check_compressed(image, syntax)
        stored = image.pixel_array
        if stored.shape[:2] != (image.Rows, image.Columns):  # more pixels than one frame has, and no word of frames
            raise DataError("an image is not of the size that its header gives", expected="Rows, Columns")
        if image.SamplesPerPixel == 3:
            return np.asarray(Image.fromarray(stored.astype(np.uint8, casting="safe")).convert("L"), np.uint8)
        return _shown(image, stored)


def check_pixels(rows: int, columns: int) -> None:
    """Raise DataError where an image is empty, or too large to be decoded."""
    if not 0 < rows * columns <= MAX_PIXELS:
        raise DataError(
            "an image is too large, or empty", got=f"{rows} x {columns}", expected=f"1 to {MAX_PIXELS} pixels"
        )


# ---- before anything is decoded -----------------------------------------------------------------------------------


def _check_shape(image: Dataset) -> None:
    check_pixels(int(image.Rows), int(image.Columns))
    if int(image.get("NumberOfFrames") or 1) != 1:
        _refuse("several frames", "one frame, as a chest X-ray has")
    colours = text_of(image, "PhotometricInterpretation")
    if (image.SamplesPerPixel, colours) not in [*((1, kind) for kind in _GREY), *((3, kind) for kind in _COLOUR)]:
        _refuse("other colours", f"{', '.join(_GREY)}, {', '.join(_COLOUR)}")
    allocated, bits = image.BitsAllocated, image.BitsStored
    if allocated not in ((8, 16) if image.SamplesPerPixel == 1 else (8,)):
        _refuse(f"{allocated} bits for a sample", "8 or 16 bits, 8 for colour")
    if not 1 <= bits <= allocated or image.get("HighBit", bits - 1) != bits - 1:
        _refuse("bits that do not fit their sample", "BitsStored up to BitsAllocated, HighBit one below BitsStored")
    if image.PixelRepresentation not in ((0, 1) if image.SamplesPerPixel == 1 else (0,)):
        _refuse("another pixel representation", "0 or 1, 0 for colour")


def _refuse(got: str, expected: str) -> NoReturn:
    raise DataError("an image is of a kind that is not read", got=got, expected=expected)


def _check_compressed(image: Dataset, syntax: UID) -> None:
    """Refuse what no installed decoder reads, and what would grow beyond the size that the header gives."""
    deep = syntax == JPEGExtended12Bit and image.BitsStored > 8  # Pillow reads 8 of the 12 bits
    able = get_decoder(syntax).available_plugins  # NotImplementedError: not an image's transfer syntax
    trusted_ones = [name for name in _DECODERS if name in able and not (deep and name == "pillow")]
    if not trusted_ones:
        raise PrerequisiteError(
            "the package that decompresses an image is not installed",
            got=syntax.name,
            expected=f"one of pydicom's decoders {', '.join(_DECODERS)}",
            do=f"pip install {'pyjpegls' if syntax in JPEGLSTransferSyntaxes else 'pylibjpeg pylibjpeg-libjpeg'}",
        )
    image.pixel_array_options(decoding_plugin=trusted_ones[0])
    expected = (int(image.Rows), int(image.Columns), int(image.SamplesPerPixel))
    frame = get_frame(image.PixelData, 0, number_of_frames=1)
    if syntax == RLELossless:
        _check_runs(frame, expected[0] * expected[1] * expected[2] * image.BitsAllocated // 8)
    elif codestream_size(frame, jpeg2000=syntax in {JPEG2000, JPEG2000Lossless}) != expected:
        raise DataError("an image is not of the size that its header gives", expected="Rows, Columns, SamplesPerPixel")


def _check_runs(frame: bytes, size: int) -> None:
    """Refuse run lengths that make far more than ``size`` bytes; an encoder pads at most a byte for each segment."""
    made, at = 0, 64
    while at < len(frame) and made <= size + 1024:
        n = frame[at]
        made += n + 1 if n < 128 else 257 - n if n > 128 else 0
        at += n + 2 if n < 128 else 2 if n > 128 else 1
    if made > size + 1024:
        raise DataError("an image is not of the size that its header gives", expected="Rows, Columns, BitsAllocated")


# ---- the grey-scale pipeline --------------------------------------------------------------------------------------


def _shown(image: Dataset, stored: NDArray[np.generic]) -> NDArray[np.uint8]:
    bits, signed = int(image.BitsStored), image.PixelRepresentation == 1
    index = stored.astype(np.int32, casting="safe") & ((1 << bits) - 1)  # above them there may be an overlay
    values = np.arange(1 << bits, dtype=np.int32)
    if signed:
        values = np.where(values >= 1 << (bits - 1), values - (1 << bits), values)
    there = np.bincount(index.ravel(), minlength=1 << bits) > 0
    shown = _brightness(image, values, there)
    if image.PhotometricInterpretation == "MONOCHROME1":
        shown = 1 - shown
    table = np.floor(255 * np.clip(shown, 0, 1) + 0.5).astype(np.uint8)
    return cast("NDArray[np.uint8]", table[index])


def _brightness(image: Dataset, stored: NDArray[np.int32], there: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the brightness, 0 to 1, of each stored value; ``there``: which values the image has."""
    values = apply_modality_lut(stored, image)
    if items_of(image, "VOILUTSequence"):
        looked_up = apply_voi(np.rint(values).astype(np.int64), image)
        bits = int(image.VOILUTSequence[0].LUTDescriptor[2])
        return looked_up / ((1 << bits) - 1)
    values = np.asarray(values, np.float64)
    if not np.isfinite(values).all():
        raise DataError("an image's rescale is not finite", expected="RescaleSlope and RescaleIntercept")
    window = _window(image)
    if window is None:
        return stretched(values, values[there])
    return _windowed(values, *window)


def stretched(values: NDArray[np.float64], seen: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values with the range of those ``seen`` as 0 to 1; all 0 where these are equal."""
    low, high = float(seen.min()), float(seen.max())
    return (values - low) / (high - low) if high > low else np.zeros_like(values)


def _window(image: Dataset) -> tuple[float, float, str] | None:
    """Return centre, width and function of the first window; ``None`` where there is none, or one without a width."""
    centre, width = (_first(image, word) for word in ("WindowCenter", "WindowWidth"))
    function = text_of(image, "VOILUTFunction") or "LINEAR"
    if centre is None or width is None or not np.isfinite([centre, width]).all():
        return None
    narrow = width < 1 if function == "LINEAR" else width <= 0
    return None if narrow else (centre, width, function)


def _first(image: Dataset, keyword: str) -> float | None:
    value = image.get(keyword)
    value = value[0] if isinstance(value, list | tuple) or hasattr(value, "append") else value
    return None if value is None or value == "" else float(value)


def _windowed(values: NDArray[np.float64], centre: float, width: float, function: str) -> NDArray[np.float64]:
    """Return the brightness, 0 to 1, by PS3.3 C.11.2.1.2 and C.11.2.1.3."""
    if function == "SIGMOID":
        with np.errstate(over="ignore"):
            return 1 / (1 + np.exp(-4 * (values - centre) / width))
    if function == "LINEAR_EXACT":
        return np.clip((values - centre) / width + 0.5, 0, 1)
    if function != "LINEAR":
        raise DataError("an image's window is of a kind that is not read", expected="LINEAR, LINEAR_EXACT or SIGMOID")
    if width == 1:
        return np.where(values <= centre - 0.5, 0.0, 1.0)
    return np.clip((values - (centre - 0.5)) / (width - 1) + 0.5, 0, 1)
