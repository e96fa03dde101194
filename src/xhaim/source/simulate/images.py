"""Chest films as grey JPGs of 160 x 160, drawn from severities with enough noise that none is certain.

The heart's width, the height of the fluid, the density of opacities and of the haze follow the severity at the
study's time, each blurred by what a film cannot show; exposure, rotation, habitus and devices vary beside them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from xhaim.source.simulate.studies import Study

SIZE = 160
QUALITY = 85
BLUR = 0.6
"""Standard deviation of the error with which a film shows a severity."""

Grid = NDArray[np.float32]

_Y, _X = np.meshgrid(
    np.linspace(-1, 1, SIZE, dtype=np.float32), np.linspace(-1, 1, SIZE, dtype=np.float32), indexing="ij"
)


def _inside(x: Grid, y: Grid, at: tuple[float, float], radii: tuple[float, float], sharp: float = 5.0) -> Grid:
    """Return a soft mask of an ellipse, [160, 160] in [0, 1]."""
    far = ((x - at[0]) / radii[0]) ** 2 + ((y - at[1]) / radii[1]) ** 2
    return np.clip((1.0 - far) * sharp, 0.0, 1.0)


def _spot(x: Grid, y: Grid, at: tuple[float, float], width: float) -> Grid:
    spot: Grid = np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * width**2))
    return spot


def draw(study: Study, side: str, view: str, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return [160, 160] grey levels of a study's view (``AP``, ``PA`` or ``LATERAL``)."""
    seen = {finding: value + BLUR * float(rng.standard_normal()) for finding, value in study.severity.items()}
    turn = 0.06 * float(rng.standard_normal())
    x = _X * np.float32(np.cos(turn)) - _Y * np.float32(np.sin(turn)) + np.float32(0.03 * rng.standard_normal())
    y = _X * np.float32(np.sin(turn)) + _Y * np.float32(np.cos(turn)) + np.float32(0.03 * rng.standard_normal())
    film = _lateral(x, y, seen) if view == "LATERAL" else _frontal(x, y, seen, side, view, rng)
    if study.devices and view != "LATERAL":
        film += 0.25 * ((np.abs(x - 0.02) < 0.015) & (y < -0.25))
    for _ in range(int(rng.random() * 4)):
        film += 0.3 * _spot(x, y, (float(rng.uniform(-0.8, 0.8)), float(rng.uniform(-0.8, 0.8))), 0.03)
    cloud = Image.fromarray(rng.standard_normal((6, 6)).astype(np.float32)).resize(
        (SIZE, SIZE), Image.Resampling.BICUBIC
    )
    film += 0.04 * np.asarray(cloud) + 0.035 * rng.standard_normal((SIZE, SIZE), dtype=np.float32)
    level = np.clip(film * rng.uniform(0.85, 1.15) + rng.uniform(-0.06, 0.06), 0.0, 1.0)
    return np.asarray(255 * level, dtype=np.uint8)


def _frontal(x: Grid, y: Grid, seen: dict[str, float], side: str, view: str, rng: np.random.Generator) -> Grid:
    lung = 0.33 + 0.02 * float(rng.standard_normal())
    right, left = _inside(x, y, (-0.42, -0.08), (lung, 0.66)), _inside(x, y, (0.42, -0.08), (lung, 0.66))
    film = 0.66 - 0.48 * np.maximum(right, left)
    film += 0.16 * np.clip(0.16 - np.abs(x), 0, 0.1) * 10
    width = 0.34 + 0.055 * seen["cardiomegaly"] + (0.03 if view == "AP" else 0.0)
    heart = _inside(x, y, (0.12, 0.28), (max(width, 0.15), 0.36))
    film = np.maximum(film, 0.72 * heart)
    film += 0.10 * max(0.0, seen["edema"]) * (_spot(x, y, (-0.3, 0.0), 0.22) + _spot(x, y, (0.3, 0.0), 0.22))
    sign = -1.0 if side == "right" else 1.0
    for _ in range(1 + int(rng.random() * 3)):
        at = (sign * float(rng.uniform(0.25, 0.6)), float(rng.uniform(0.0, 0.4)))
        film += 0.15 * max(0.0, seen["pneumonia"] + 0.2) * _spot(x, y, at, float(rng.uniform(0.08, 0.16)))
    film += 0.10 * max(0.0, seen["atelectasis"]) * _spot(x, 3 * y, (-sign * 0.4, 1.35), 0.2)
    for which, share in ((sign, 1.0), (-sign, 0.5)):
        top = 0.54 - 0.22 * max(0.0, share * seen["effusion"]) - 0.35 * np.clip(which * x - 0.35, 0, 0.4)
        fluid = np.clip((y - top) * 5, 0, 1) * (np.maximum(right, left) > 0) * (which * x > 0)
        film += np.maximum(0.66 - film, 0.0) * fluid
    return np.asarray(film, dtype=np.float32)


def _lateral(x: Grid, y: Grid, seen: dict[str, float]) -> Grid:
    lungs = _inside(x, y, (0.0, -0.05), (0.6, 0.7))
    film = 0.7 - 0.45 * lungs
    film = np.maximum(film, 0.68 * _inside(x, y, (-0.2, 0.25), (0.24 + 0.05 * max(seen["cardiomegaly"], -2), 0.32)))
    top = 0.5 - 0.15 * max(0.0, seen["effusion"]) - 0.2 * np.clip(x - 0.1, 0, 0.5)
    film += 0.4 * np.clip((y - top) * 4, 0, 1) * lungs
    film += 0.1 * max(0.0, seen["pneumonia"]) * _spot(x, y, (0.25, 0.2), 0.15)
    return np.asarray(film, dtype=np.float32)


def image_path(subject_id: int, study_id: int, dicom_id: str) -> str:
    """Return the path of an image below ``mimic-cxr-jpg``, as MIMIC-CXR-JPG lays them out."""
    return f"files/p{str(subject_id)[:2]}/p{subject_id}/s{study_id}/{dicom_id}.jpg"


def save(film: NDArray[np.uint8], path: Path) -> None:
    """Write a film as JPG, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(film, mode="L").save(path, format="JPEG", quality=QUALITY)
