"""Small whole DICOM files to be damaged: grey and colour, stored plainly and compressed; and a PNG and a JPG."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
)

_ABOUT = {
    "StudyInstanceUID": "1.2.3",
    "PatientID": "7",
    "Modality": "DX",
    "ViewPosition": "PA",
    "PatientSex": "F",
    "AcquisitionDateTime": "20240102030405.5+0100",
    "PatientBirthDate": "19500203",
    "PatientAge": "073Y",
}


def _dicom(
    pixels: np.ndarray, syntax: UID = ExplicitVRLittleEndian, frame: bytes | None = None, **more: object
) -> bytes:
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = syntax
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID = "1.2.3.1"
    bits = pixels.dtype.itemsize * 8
    samples = 1 if pixels.ndim == 2 else 3
    header = {
        **_ABOUT,
        **dict(zip(("Rows", "Columns", "SamplesPerPixel"), (*pixels.shape[:2], samples), strict=True)),
        **dict(zip(("BitsAllocated", "BitsStored", "HighBit"), (bits, bits, bits - 1), strict=True)),
        "PixelRepresentation": 0,
        "PhotometricInterpretation": "MONOCHROME2" if pixels.ndim == 2 else "RGB",
        **({} if pixels.ndim == 2 else {"PlanarConfiguration": 0}),
        **more,
        "PixelData": encapsulate([frame]) if frame is not None else pixels.tobytes(),
    }
    for name, value in header.items():
        setattr(made, name, value)
    code = Dataset()
    code.CodeValue = "399348003"
    made.ViewCodeSequence = [code]
    made["PixelData"].VR = "OW" if bits > 8 and frame is None else "OB"
    made["PixelData"].is_undefined_length = frame is not None
    if syntax == RLELossless:
        made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        made.compress(RLELossless, generate_instance_uid=False)
    out = io.BytesIO()
    made.save_as(out, enforce_file_format=True)
    return out.getvalue()


def _packed(pixels: np.ndarray, kind: str, **how: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, **how)
    return out.getvalue()


def dicoms() -> list[bytes]:
    """Return one file of each way of storing, and a PNG and a JPG."""
    deep = np.arange(256, dtype=np.uint16).reshape(16, 16) * 16
    flat = (deep // 16).astype(np.uint8)
    colour = np.stack([flat] * 3, axis=2)
    return [
        _dicom(deep, WindowCenter=[2000, 1], WindowWidth=[3000, 2], RescaleSlope="1", RescaleIntercept="-5"),
        _dicom(flat, ImplicitVRLittleEndian, PhotometricInterpretation="MONOCHROME1"),
        _dicom(deep, RLELossless),
        _dicom(flat, JPEGBaseline8Bit, _packed(flat, "JPEG")),
        _dicom(deep, JPEG2000Lossless, _packed(deep, "JPEG2000", no_jp2=True)),
        _dicom(colour),
        _packed(flat, "PNG"),
        _packed(colour, "JPEG"),
    ]
