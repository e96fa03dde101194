"""DICOM files made by the tests: a chest X-ray with a ramp of grey, and whatever a test changes."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from pydicom import config
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

HEADER = {
    "SOPClassUID": DigitalXRayImageStorageForPresentation,
    "SOPInstanceUID": "1.2.3.1",
    "StudyInstanceUID": "1.2.3",
    "PatientID": "MRN-7",
    "PatientName": "DOE^JANE",
    "Modality": "DX",
    "BodyPartExamined": "CHEST",
    "ViewPosition": "PA",
    "PatientSex": "F",
    "PatientBirthDate": "19500203",
    "AcquisitionDate": "20240102",
    "AcquisitionTime": "093015",
    "StudyDate": "20240101",
    "StudyTime": "080000",
}


def dataset(pixels=None, syntax=ExplicitVRLittleEndian, bits=None, photometric="MONOCHROME2", **changes) -> Dataset:
    """A chest X-ray; ``pixels`` [h, w] or [h, w, 3]; a change of ``None`` leaves an element out."""
    pixels = np.arange(12, dtype=np.uint16).reshape(3, 4) if pixels is None else np.asarray(pixels)
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = syntax
    made.file_meta.MediaStorageSOPClassUID = DigitalXRayImageStorageForPresentation
    made.file_meta.MediaStorageSOPInstanceUID = "1.2.3.1"
    stored = bits or pixels.dtype.itemsize * 8
    image = {
        "Rows": pixels.shape[0],
        "Columns": pixels.shape[1],
        "SamplesPerPixel": 1 if pixels.ndim == 2 else pixels.shape[2],
        "PhotometricInterpretation": photometric,
        "PlanarConfiguration": 0 if pixels.ndim == 3 else None,
        "BitsAllocated": pixels.dtype.itemsize * 8,
        "BitsStored": stored,
        "HighBit": stored - 1,
        "PixelRepresentation": int(pixels.dtype.kind == "i"),
        "PixelData": pixels.tobytes() + b"\0" * (pixels.nbytes % 2),
    }
    with config.disable_value_validation():
        for name, value in {**HEADER, **image, **changes}.items():
            if value is not None:
                setattr(made, name, value)
    if "PixelData" in made:
        made["PixelData"].VR = "OW" if made.BitsAllocated > 8 else "OB"
    return made


def to_bytes(made: Dataset) -> bytes:
    out = io.BytesIO()
    with config.disable_value_validation():
        made.save_as(out, enforce_file_format=True)
    return out.getvalue()


def write_dicom(path: Path, pixels=None, **changes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(to_bytes(dataset(pixels, **changes)))
    return path
