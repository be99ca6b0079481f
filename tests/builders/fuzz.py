"""Files of every kind that is decoded, and what a hostile hand does to them."""

import gzip
import io
import struct
import zipfile
from collections.abc import Callable
from functools import cache

import numpy as np
from builders.dicom import (
    CT,
    ENHANCED_PT,
    JPEG_2000,
    JPEG_LOSSLESS,
    JPEG_LS,
    MG,
    PT,
    RLE,
    compressed,
    enhanced,
    projection,
    ramp,
    rtstruct,
    seg,
    series,
    square,
    zipped,
)
from builders.images import metaimage, nifti, nifti2, nrrd
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from features.case import Source, Structures
from features.errors import FeatureError
from features.imaging.header import Limits
from features.imaging.read import read_image, read_segmentation
from features.imaging.volume import Image

LIMITS = Limits(max_bytes=4 * 1024**2, max_voxels=1024**2)
VOXELS = ramp(4, 6, 8)
FLAT = projection(VOXELS[1], MG)
NUMBERS = (0, 1, 2, 3, 127, 128, 255, 256, 32767, 32768, 65535, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1)
TEXTS = (b"", b"\\", b"1\\2\\3", b"-1", b"0", b"nan", b"inf", b"1e308", b"1e-308", b"9" * 64, b"\xff\xfe", b"A" * 400)


@cache
def seeds() -> dict[str, bytes]:
    """One whole file of each kind, small."""
    plain = series(VOXELS)
    drawn = rtstruct({"tumour": [square(1.5, 1.5, 5.5, 4.5, plane) for plane in (1, 2)]})
    labels = np.zeros(VOXELS.shape, np.uint8)
    labels[1:3, 2:5, 2:6] = 1
    return {
        "nifti": nifti(VOXELS),
        "nifti gzip": nifti(VOXELS, compressed=True),
        "nifti-2": nifti2(VOXELS),
        "nrrd": nrrd(VOXELS),
        "nrrd gzip": nrrd(VOXELS, compressed=True),
        "metaimage": metaimage(VOXELS, compressed=True),
        "slice": plain[0],
        "implicit": series(VOXELS, CT, syntax=ImplicitVRLittleEndian)[0],
        "big": series(VOXELS.astype(">i2"), CT, syntax=ExplicitVRBigEndian)[0],
        "deflated": enhanced(VOXELS, change=lambda data: None),
        "deflated slice": series(VOXELS, syntax=DeflatedExplicitVRLittleEndian)[0],
        "pet": zipped(series(VOXELS, PT)),
        "series": zipped(plain),
        "stored": _stored(plain),
        "enhanced": enhanced(VOXELS),
        "enhanced pet": enhanced(VOXELS, ENHANCED_PT, change=_in_suv),
        "projection": FLAT,
        "segments of a projection": seg([FLAT], labels[1:2], labels=("tumour",)),
        "structures": drawn,
        "segments": seg(plain, labels, labels=("tumour",)),
        "label map": seg(plain, labels, kind="LABELMAP", labels=("tumour",)),
        **{f"compressed {syntax}": compressed(plain[0], syntax) for syntax in (RLE, JPEG_LOSSLESS, JPEG_LS, JPEG_2000)},
    }


def _in_suv(data: Dataset) -> None:
    mapping, code = Dataset(), Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "{SUVbw}g/ml", "UCUM", "SUV"
    mapping.MeasurementUnitsCodeSequence = [code]
    mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept = 0.01, 0.0
    data.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence = [mapping]


@cache
def flat_image() -> Image:
    return read_image(Source.of(FLAT))


@cache
def image() -> Image:
    return read_image(Source.of(zipped(series(VOXELS))))


def survives(content: bytes) -> None:
    """Reads bytes as an image, within a series, and as a segmentation: each gives a value, or an error of ours."""
    if not content:
        return
    tries: list[Callable[[], object]] = [
        lambda: read_image(Source.of(content), LIMITS),
        lambda: read_image(Source.of(zipped([content, *series(VOXELS)[1:]])), LIMITS),
        lambda: read_segmentation(Source.of(content), LIMITS, image=image(), structures=Structures(names=("tumour",))),
        lambda: read_segmentation(Source.of(content), LIMITS, image=image(), numbers=(1,)),
        lambda: read_segmentation(Source.of(content), LIMITS, image=flat_image(), numbers=(1,)),
    ]
    for attempt in tries:
        try:
            attempt()
        except FeatureError as error:
            assert error.reason != FeatureError.reason
            assert len(str(error)) < 2000


@st.composite
def hostile(draw: st.DrawFn) -> bytes:
    """A seed, changed a few times: bytes anywhere, lengths, values of single attributes, members of a zip."""
    content = seeds()[draw(st.sampled_from(sorted(seeds())))]
    for _ in range(draw(st.integers(1, 4))):
        content = draw(st.sampled_from((_bytes, _bytes, _number, _cut, _copied, _attribute, _attribute, _member)))(
            draw, content
        )
    return gzip.compress(content) if draw(st.integers(0, 3)) == 3 else content


def _bytes(draw: st.DrawFn, content: bytes) -> bytes:
    at = draw(st.integers(0, max(0, len(content) - 1)))
    return content[:at] + draw(st.binary(min_size=1, max_size=4)) + content[at + 1 :]


def _number(draw: st.DrawFn, content: bytes) -> bytes:
    at = draw(st.integers(0, max(0, len(content) - 4)))
    order, width = draw(st.sampled_from("<>")), draw(st.sampled_from("HIQ"))
    number = draw(st.sampled_from(NUMBERS)) % 256 ** struct.calcsize(width)
    packed = struct.pack(order + width, number)
    return content[:at] + packed + content[at + len(packed) :]


def _cut(draw: st.DrawFn, content: bytes) -> bytes:
    return content[: draw(st.integers(0, len(content)))]


def _copied(draw: st.DrawFn, content: bytes) -> bytes:
    start, end, at = (draw(st.integers(0, len(content))) for _ in range(3))
    return content[:at] + content[start:end] * draw(st.sampled_from((1, 2, 50))) + content[at:]


def _attribute(draw: st.DrawFn, content: bytes) -> bytes:
    """Another value for one attribute, at any depth; the file is whole but for that."""
    try:
        data = dcmread(io.BytesIO(content))
        places = [(within, tag) for within in _all(data) for tag in within.keys()]  # noqa: SIM118 - raw elements
        within, tag = places[draw(st.integers(0, len(places) - 1))]
        element = within[tag]
        if draw(st.booleans()):
            del within[tag]
        elif element.VR in ("US", "UL", "SS", "SL"):
            number = draw(st.sampled_from(NUMBERS)) % (2**15 if element.VR[0] == "S" else 2**16)
            element.value = number
        elif element.VR == "SQ":
            element.value = list(element.value) * draw(st.sampled_from((0, 2, 3)))
        else:
            element._value = draw(st.sampled_from(TEXTS))
            within._dict[tag] = element
        out = io.BytesIO()
        data.save_as(out)
        return out.getvalue()
    except Exception:  # what is no DICOM any more, or cannot be written: another kind of change
        return _bytes(draw, content)


def _all(data: Dataset) -> list[Dataset]:
    found = [data]
    for element in data:
        if element.VR == "SQ":
            found += [inner for item in element.value for inner in _all(item)]
    return found


def _member(draw: st.DrawFn, content: bytes) -> bytes:
    """A zip with another file in it, or itself in a zip."""
    out = io.BytesIO()
    name = draw(st.sampled_from(("a.dcm", "../a", "/etc/a", "C:\\a", "a\\..\\b", "a/../../b", "x" * 2000)))
    with zipfile.ZipFile(out, "w", draw(st.sampled_from((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))) as archive:
        member = zipfile.ZipInfo(name)
        member.external_attr = draw(st.sampled_from((0, 0o120777 << 16, 0o100644 << 16, 0o020666 << 16)))
        archive.writestr(member, content)
        archive.writestr("b.dcm", draw(st.sampled_from((b"", bytes(10_000), content))))
    return out.getvalue()


def _stored(files: list[bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for index, file in enumerate(files):
            archive.writestr(zipfile.ZipInfo(f"{index}.dcm"), file)
    return out.getvalue()
