"""The attributes that are read of a DICOM file: these and no others; what is not listed is never parsed into memory.

What a patient is called, lives at or was told is not among them. Of the body's weight only the factor that it leads to
is kept (`features.dicom.suv`).
"""

import io
import logging
import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pydicom
from pydicom import config
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset

from features.dicom.walk import DicomFile
from features.errors import DamagedFile
from features.types import Floats

KEYWORDS = (
    # what it is
    "SOPInstanceUID", "Modality", "ConversionType", "BurnedInAnnotation",
    "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID",
    # where it lies
    "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "ImagerPixelSpacing",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
    # its pixels
    "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated", "BitsStored",
    "HighBit", "PixelRepresentation", "RescaleSlope", "RescaleIntercept", "LossyImageCompression",
    # PET
    "Units", "SUVType", "CorrectedImage", "DecayCorrection", "DecayCorrected", "AttenuationCorrected",
    "DecayCorrectionDateTime",
    "PatientWeight", "RadiopharmaceuticalInformationSequence", "SeriesDate", "SeriesTime", "AcquisitionDate",
    "AcquisitionTime", "FrameReferenceTime", "ActualFrameDuration",
    # structures and segments
    "StructureSetROISequence", "ROIContourSequence", "ReferencedFrameOfReferenceSequence",
    "SegmentationType", "MaximumFractionalValue", "SegmentSequence", "ReferencedSeriesSequence",
)  # fmt: skip
IDENTITY = ("PatientID", "StudyDate")
"""Read by a scan of a cohort alone, which keeps a pseudonym and a number of days."""
PRIVATE = (
    0x00090010, 0x0009100D,  # GEMS_PETD_01: when the scan began
    0x70530010, 0x70531000, 0x70531009,  # Philips PET Private Group: counts to SUV, counts to Bq/ml
)  # fmt: skip

# What pydicom says of values that break the standard would repeat them, in a warning and in the log.
config.settings.reading_validation_mode = config.IGNORE
logging.getLogger("pydicom").disabled = True
warnings.filterwarnings("ignore", module=r"pydicom\.")


def read_attributes(file: DicomFile, keywords: Sequence[str] = KEYWORDS, private: Sequence[int] = PRIVATE) -> Dataset:
    """The listed attributes of one file.

    Raises:
        DamagedFile: pydicom cannot parse it.
    """
    tags = [tag for keyword in keywords if (tag := tag_for_keyword(keyword)) is not None]
    try:
        return read_dataset(
            io.BytesIO(file.data[: file.header_bytes]),
            file.implicit,
            not file.big_endian,
            specific_tags=[pydicom.tag.Tag(tag) for tag in (*tags, *private)],
        )
    except Exception as error:
        raise DamagedFile("the DICOM file cannot be parsed; wanted the whole file as it was written") from error


def text_of(data: Dataset, keyword: str) -> str:
    """A text; empty where there is none. Several values are joined by a backslash, as the file has them."""
    value = _value(data, keyword)
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip("\0 ")
    if isinstance(value, Sequence):
        return "\\".join(str(one) for one in value)
    return str(value)


def whole_of(data: Dataset, keyword: str, otherwise: int | None = None) -> int:
    """A whole number.

    Raises:
        DamagedFile: None is there and there is no other, or it is no number.
    """
    value = _value(data, keyword)
    if value is None or value == "":
        if otherwise is None:
            raise DamagedFile(f"the DICOM file does not give {keyword}; wanted it", attribute=keyword)
        return otherwise
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise DamagedFile(f"{keyword} of the DICOM file is no whole number", attribute=keyword) from error


def number_of(data: Dataset, keyword: str) -> float | None:
    """A finite number, or None where there is none."""
    values = numbers_of(data, keyword)
    if len(values) > 1:
        raise DamagedFile(f"{keyword} of the DICOM file has {len(values)} values; wanted one", attribute=keyword)
    return values[0] if values else None


def numbers_of(data: Dataset, keyword: str, count: int | None = None) -> tuple[float, ...]:
    """Finite numbers; empty where there are none.

    Raises:
        DamagedFile: Something else, or another count.
    """
    value = _value(data, keyword)
    if value is None or value == "":
        return ()
    several = value if isinstance(value, Sequence) and not isinstance(value, str | bytes) else [value]
    try:
        numbers = tuple(float(one) for one in several)
    except (TypeError, ValueError, OverflowError) as error:
        raise DamagedFile(f"{keyword} of the DICOM file is no number", attribute=keyword) from error
    if not all(math.isfinite(one) for one in numbers) or (numbers and count not in (None, len(numbers))):
        raise DamagedFile(
            f"{keyword} of the DICOM file has {len(numbers)} values, or infinite ones; wanted {count or 'finite ones'}",
            attribute=keyword,
        )
    return numbers


def decimals_of(data: Dataset, keyword: str, most: int) -> Floats | None:
    """Many finite numbers that stand as text, without an object for each; None where there are more than may be.

    Raises:
        DamagedFile: Something else.
    """
    tag = tag_for_keyword(keyword)
    if tag is None or tag not in data:
        return np.empty(0)
    raw = data.get_item(tag)
    text = raw.value if isinstance(raw, RawDataElement) else None
    if not isinstance(text, bytes):  # empty, or converted before
        return np.asarray(numbers_of(data, keyword), dtype=np.float64)
    if text.count(b"\\") >= most:
        return None
    try:
        numbers: Floats = np.array(text.rstrip(b"\0 ").split(b"\\"), dtype=np.float64)
    except ValueError as error:
        raise DamagedFile(f"{keyword} of the DICOM file is no list of numbers", attribute=keyword) from error
    if not np.isfinite(numbers).all():
        raise DamagedFile(f"{keyword} of the DICOM file has infinite values", attribute=keyword)
    return numbers


def items_of(data: Dataset, keyword: str) -> list[Dataset]:
    """The items of a sequence; none where there is none."""
    value = _value(data, keyword)
    if value is None:
        return []
    items = list(value) if isinstance(value, Sequence) and not isinstance(value, str | bytes) else []
    if not all(isinstance(item, Dataset) for item in items):
        raise DamagedFile(f"{keyword} of the DICOM file is no sequence", attribute=keyword)
    return items


def first_of(data: Dataset, keyword: str) -> Dataset | None:
    """The only item of a sequence, or its first."""
    items = items_of(data, keyword)
    return items[0] if items else None


def private_of(data: Dataset, creator_tag: int, creator: str, tag: int) -> Any:  # noqa: ANN401 - text or number
    """A private value, where its block is the one of that creator."""
    try:
        owner = data[creator_tag].value if creator_tag in data else None
        value = data[tag].value if tag in data and str(_decoded(owner)).strip() == creator else None
    except Exception as error:
        raise DamagedFile("a private attribute of the DICOM file cannot be read") from error
    return _decoded(value)


def _decoded(value: Any) -> Any:  # noqa: ANN401 - as it came
    """Private values of unknown representation come as bytes."""
    return value.decode("latin-1").strip("\0 ") if isinstance(value, bytes) else value


def _value(data: Dataset, keyword: str) -> Any:  # noqa: ANN401 - pydicom's own types
    try:
        return data.get(keyword)
    except Exception as error:  # pydicom's converters raise whatever they meet
        raise DamagedFile(f"{keyword} of the DICOM file cannot be read", attribute=keyword) from error
