"""DICOM pixels as grey: every way in which the same picture may be stored gives the same array."""

import io
import struct
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels.processing import apply_modality_lut, apply_windowing
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)
from tiny_dicom import dataset, to_bytes

from xhaim.errors import DataError, PrerequisiteError
from xhaim.source.dicom import file as dicom_file
from xhaim.source.dicom import pixels as dicom_pixels
from xhaim.source.image_files import grey

RAMP = np.arange(256, dtype=np.uint16).reshape(16, 16)


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    path = tmp_path_factory.mktemp("pixels") / "image"

    def through_a_file(made):
        path.write_bytes(made if isinstance(made, bytes) else to_bytes(made))
        return grey(path)

    return through_a_file


def windowed(values, centre, width):
    """PS3.3 C.11.2.1.2, as it is written there, with y from 0 to 255."""
    out = []
    for x in np.asarray(values, float).ravel():
        if x <= centre - 0.5 - (width - 1) / 2:
            y = 0.0
        elif x > centre - 0.5 + (width - 1) / 2:
            y = 255.0
        else:
            y = ((x - (centre - 0.5)) / (width - 1) + 0.5) * 255
        out.append(int(np.floor(y + 0.5)))
    return np.array(out, np.uint8).reshape(np.shape(values))


# ---- the grey-scale pipeline --------------------------------------------------------------------------------------


def test_without_a_window_the_range_that_is_there_is_stretched(read):
    assert (read(dataset(RAMP + 100)) == RAMP).all()
    assert (read(dataset(RAMP.astype(np.uint8))) == RAMP).all()
    assert read(dataset(np.array([[10, 20, 30]], np.uint16))).tolist() == [[0, 128, 255]]
    assert read(dataset(np.full((2, 2), 7, np.uint16))).tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize("changes", [{}, {"WindowCenter": 128, "WindowWidth": 256}])
def test_monochrome1_and_2_of_the_same_picture_are_the_same(read, changes):
    plain = read(dataset(RAMP, bits=8, **changes))
    assert (read(dataset(255 - RAMP, bits=8, photometric="MONOCHROME1", **changes)) == plain).all()
    # PresentationLUTShape says the same thing again
    twice = dataset(255 - RAMP, bits=8, photometric="MONOCHROME1", PresentationLUTShape="INVERSE", **changes)
    assert (read(twice) == plain).all()


@pytest.mark.parametrize(("centre", "width"), [(128, 256), (100, 50), (40, 1), (40, 2), (3000, 10), (127.5, 33.3)])
def test_a_window_is_the_standards_formula(read, centre, width):
    made = dataset(RAMP, bits=12, WindowCenter=centre, WindowWidth=width)
    assert (read(made) == windowed(RAMP, centre, width)).all()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(-2000, 5000),
    st.floats(1, 5000),
    st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID"]),
    st.sampled_from([(1, 0), (2, -1024), (0.5, 3)]),
    st.booleans(),
)
def test_rescale_and_window_agree_with_pydicoms_own(read, centre, width, function, rescale, signed):
    pixels = (RAMP.astype(np.int16) * 16 - 2048 * signed).astype(np.int16 if signed else np.uint16)
    made = dataset(pixels, bits=12, WindowCenter=centre, WindowWidth=width, VOILUTFunction=function)
    made.RescaleSlope, made.RescaleIntercept = rescale
    with np.errstate(over="ignore"):
        theirs = apply_windowing(apply_modality_lut(pixels, made), made)
    low, high = -2048 * signed, 4095 - 2048 * signed  # what the standard calls the output range
    low, high = (value * rescale[0] + rescale[1] for value in (low, high))
    expected = (theirs - low) / (high - low) * 255
    assert np.abs(read(made).astype(float) - expected).max() <= 0.5 + 1e-6


def test_of_several_windows_the_first_is_used_and_one_without_width_is_none(read):
    assert (read(dataset(RAMP, WindowCenter=[100, 7], WindowWidth=[50, 9])) == windowed(RAMP, 100, 50)).all()
    assert (read(dataset(RAMP, WindowCenter=100, WindowWidth=0)) == RAMP).all()
    with pytest.raises(DataError, match="window"):
        read(dataset(RAMP, WindowCenter=100, WindowWidth=50, VOILUTFunction="CUBIC"))


def lut(first, values, bits=8):
    item = Dataset()
    item.LUTDescriptor = [len(values), first, bits]
    item["LUTDescriptor"].VR = "US"
    item.LUTData = list(values)
    item["LUTData"].VR = "US"
    return item


def test_a_voi_lut_goes_before_a_window(read):
    made = dataset(RAMP, bits=8, WindowCenter=1, WindowWidth=1)
    made.VOILUTSequence = [lut(100, [0, 10, 20, 255])]
    expected = np.clip(RAMP.astype(int), 100, 103) - 100
    assert (read(made) == np.array([0, 10, 20, 255], np.uint8)[expected]).all()


def test_a_modality_lut_is_applied_first(read):
    made = dataset(RAMP, bits=8)
    made.ModalityLUTSequence = [lut(0, list(range(255, -1, -1)))]
    made.ModalityLUTSequence[0].ModalityLUTType = "US"
    assert (read(made) == 255 - RAMP).all()


def test_signed_pixels_and_bits_above_those_stored(read):
    assert (read(dataset(RAMP.astype(np.int16) - 128)) == RAMP).all()
    assert (read(dataset(RAMP | 0xF000, bits=12)) == RAMP).all()  # an overlay in the unused bits
    assert (read(dataset(((RAMP.astype(np.int16) - 128) & 0x0FFF), PixelRepresentation=1, bits=12)) == RAMP).all()


# ---- how the bytes are stored -------------------------------------------------------------------------------------


def test_every_lossless_way_of_storing_gives_the_same(read):
    made = dataset(RAMP.astype(np.uint8))
    expected = RAMP
    for syntax in (ImplicitVRLittleEndian, ExplicitVRBigEndian):
        other = dataset(RAMP.astype(np.uint8), syntax=syntax)
        assert (read(other) == expected).all(), syntax
    wide = dataset(RAMP.astype(">u2"), syntax=ExplicitVRBigEndian)
    assert (read(wide) == expected).all()
    made.compress(RLELossless, generate_instance_uid=False)
    assert (read(made) == expected).all()
    assert (read(packed(RAMP.astype(np.uint8), "JPEG2000", JPEG2000Lossless, irreversible=False)) == expected).all()
    deep = RAMP * 257
    assert (read(packed(deep, "JPEG2000", JPEG2000Lossless, irreversible=False)) == expected).all()
    lossy = read(packed(RAMP.astype(np.uint8), "JPEG", JPEGBaseline8Bit, quality=95))
    assert np.abs(lossy.astype(int) - RAMP).max() < 12


def packed(pixels, kind, syntax, **how):
    out = io.BytesIO()
    options = {"no_jp2": True, **how} if kind == "JPEG2000" else how
    Image.fromarray(pixels).save(out, kind, **options)
    made = dataset(pixels, syntax=syntax, photometric="MONOCHROME2" if pixels.ndim == 2 else "YBR_FULL_422")
    made.PixelData = encapsulate([out.getvalue()])
    made["PixelData"].VR = "OB"
    made["PixelData"].is_undefined_length = True
    return made


def test_colour_becomes_grey_as_in_a_jpg(read):
    rgb = np.zeros((2, 3, 3), np.uint8)
    rgb[0, :, 0], rgb[1, :, 2] = 255, 200
    expected = np.asarray(Image.fromarray(rgb).convert("L"))
    assert (read(dataset(rgb, photometric="RGB")) == expected).all()
    planes = dataset(np.moveaxis(rgb, 2, 0).reshape(2, 3, 3), photometric="RGB", PlanarConfiguration=1)
    assert (read(planes) == expected).all()
    ybr = np.asarray(Image.fromarray(rgb).convert("YCbCr"))
    assert np.abs(read(dataset(ybr, photometric="YBR_FULL")).astype(int) - expected).max() <= 2


def test_png_of_16_bits_is_stretched(tmp_path):
    Image.fromarray(RAMP * 100 + 7).save(tmp_path / "deep.png")
    assert (grey(tmp_path / "deep.png") == RAMP).all()


# ---- what is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"Rows": 60_000, "Columns": 60_000}, "too large"),
        ({"Rows": 0}, "too large, or empty"),
        ({"NumberOfFrames": 2}, "several frames"),
        ({"SamplesPerPixel": 2}, "other colours"),
        ({"photometric": "PALETTE COLOR"}, "other colours"),
        ({"BitsAllocated": 32, "BitsStored": 32, "HighBit": 31}, "32 bits"),
        ({"BitsStored": 17, "HighBit": 16}, "do not fit"),
        ({"BitsStored": 12, "HighBit": 15}, "do not fit"),
        ({"PixelRepresentation": 2}, "pixel representation"),
        ({"PixelData": b"\0\0"}, "cannot be read"),
        ({"PixelData": None}, "cannot be read"),
        ({"RescaleSlope": "1e400", "RescaleIntercept": "0"}, "not finite"),
        ({"syntax": JPEG2000Lossless}, "cannot be read"),  # says compressed, and is not
    ],
)
def test_what_is_no_single_grey_or_colour_image_is_refused_by_its_header(read, changes, said):
    made = to_bytes(dataset(RAMP, **changes)) if "syntax" not in changes else relabelled(changes["syntax"])
    with pytest.raises(DataError, match=said):
        read(made)


def relabelled(syntax):
    """A file whose meta data names another transfer syntax than that of its pixels."""
    plain = to_bytes(dataset(RAMP))
    old, new = b"1.2.840.10008.1.2.1\0", str(syntax).encode()
    new += b"\0" * (len(new) % 2)
    at = plain.index(old)
    length = struct.pack("<H", len(new))
    group = struct.unpack_from("<I", plain, 140)[0] + len(new) - len(old)
    return plain[:140] + struct.pack("<I", group) + plain[144 : at - 2] + length + new + plain[at + len(old) :]


def test_a_missing_decoder_is_named_with_what_to_install(read):
    with pytest.raises(PrerequisiteError, match="pip install pyjpegls"):
        read(relabelled(JPEGLSLossless))


def test_gdcm_is_never_asked_since_damaged_files_abort_it(read, monkeypatch):
    able = SimpleNamespace(available_plugins=("gdcm",))
    monkeypatch.setattr(dicom_pixels, "get_decoder", lambda syntax: able)
    with pytest.raises(PrerequisiteError, match="pip install"):
        read(packed(RAMP.astype(np.uint8), "JPEG", JPEGBaseline8Bit))


def test_pillow_is_not_asked_for_jpeg_of_12_bits():
    """A file of pydicom's own."""
    path = Path(pydicom.__file__).parent / "data" / "test_files" / "JPGExtended.dcm"
    with pytest.raises(PrerequisiteError, match="pip install pylibjpeg pylibjpeg-libjpeg"):
        grey(path)


def test_a_compressed_picture_larger_than_its_header_is_not_decoded(read, monkeypatch):
    big = packed(np.zeros((64, 64), np.uint8), "JPEG2000", JPEG2000Lossless)
    big.Rows = big.Columns = 16
    bomb = dataset(RAMP.astype(np.uint8), syntax=RLELossless)
    segment = b"\x81\0" * 50_000  # 6.4 million zeros
    bomb.PixelData = encapsulate([struct.pack("<16I", 1, 64, *[0] * 14) + segment])
    bomb["PixelData"].is_undefined_length = True
    monkeypatch.setattr(Dataset, "pixel_array", property(lambda self: pytest.fail("decoded")))
    colour = packed(np.zeros((64, 64, 3), np.uint8), "JPEG", JPEGBaseline8Bit)
    colour.Rows = 63
    for made in (big, bomb, colour):
        with pytest.raises(DataError, match="not of the size"):
            read(made)


def test_a_deflated_file_is_refused_before_it_is_inflated(read):
    plain = relabelled(DeflatedExplicitVRLittleEndian)
    at = 144 + struct.unpack_from("<I", plain, 140)[0]
    packer = zlib.compressobj(wbits=-15)
    bomb = plain[:at] + packer.compress(b"\0" * 20_000_000) + packer.flush()
    with pytest.raises(DataError, match="deflated"):
        read(bomb)


def test_a_file_larger_than_the_limit_is_not_read(read, monkeypatch):
    monkeypatch.setattr(dicom_file, "MAX_FILE_BYTES", 100)
    with pytest.raises(DataError, match="too large"):
        read(dataset(RAMP))
    monkeypatch.undo()
    monkeypatch.setattr(dicom_pixels, "MAX_PIXELS", 255)
    with pytest.raises(DataError, match="too large"):
        read(dataset(RAMP))


def test_pydicoms_own_examples_are_read_or_refused(tmp_path):
    """72 files of many makers and faults, as pydicom's package has them."""
    folder = Path(pydicom.__file__).parent / "data" / "test_files"
    outcomes = {}
    for path in sorted(folder.glob("*.dcm")):
        try:
            outcomes[path.name] = grey(path).shape
        except (DataError, PrerequisiteError) as error:
            outcomes[path.name] = type(error).__name__
    mr = {(64, 64)}
    assert {outcomes[f"MR_small{kind}.dcm"] for kind in ("", "_RLE", "_bigendian", "_implicit", "_jp2klossless")} == mr
    same = [grey(folder / f"MR_small{kind}.dcm") for kind in ("", "_RLE", "_bigendian", "_implicit", "_jp2klossless")]
    assert all((other == same[0]).all() for other in same)
    assert outcomes["MR_truncated.dcm"] == outcomes["rtdose.dcm"] == outcomes["image_dfl.dcm"] == "DataError"
    assert sum(isinstance(shape, tuple) for shape in outcomes.values()) >= 30
