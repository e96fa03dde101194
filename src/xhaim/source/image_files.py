"""An image file as a grey array: DICOM by its preamble, whatever its name; else JPG or PNG."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from xhaim.source.dicom.file import is_dicom, trusted
from xhaim.source.dicom.pixels import check_pixels, dicom_grey, stretched


def grey(path: Path) -> NDArray[np.uint8]:
    """Return an image as grey [h, w].

    A PNG of 16 bits has the range of its values stretched over 0-255. Raises DataError where the image is missing,
    broken, far too large or of another kind; PrerequisiteError where a package that decompresses it is not installed.
    """
    with trusted("an image cannot be read", path.name):
        if is_dicom(path):
            return dicom_grey(path)
        with Image.open(path, formats=("JPEG", "PNG")) as image:
            check_pixels(image.height, image.width)
            if not image.mode.startswith("I"):
                return np.asarray(image.convert("L"), np.uint8)
            values = np.asarray(image, np.float64)
            return np.floor(255 * stretched(values, values) + 0.5).astype(np.uint8)
