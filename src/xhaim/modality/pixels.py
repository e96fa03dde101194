"""Chest images as small grey arrays of one size."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 64
"""Pixels; what the small network reads."""


def shrink(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return [64, 64]: the image padded to a square with black, then averaged down."""
    height, width = grey.shape
    side = max(height, width)
    square = np.zeros((side, side), np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = grey
    return np.asarray(Image.fromarray(square).resize((SIDE, SIDE), Image.Resampling.BOX), np.uint8)
