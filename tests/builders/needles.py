"""DICOM in which everything that a person may have typed is a needle, and the search for it."""

import gzip
from pathlib import Path

from builders.dicom import ROOT
from pydicom._dicom_dict import DicomDictionary
from pydicom.datadict import keyword_for_tag
from pydicom.dataset import Dataset
from pydicom.uid import UID

NAME = "Weatherwax"
BIRTH, STUDY_DAY = "19530214", "20170523"
NEEDLES = (NAME, BIRTH, "1953-02-14", STUDY_DAY, "2017-05-23", "1953/02/14", "2017/05/23", ROOT)
"""In any case of letters; the last is the root of every UID."""

_TYPED = ("PN", "LO", "SH", "LT", "ST", "UT", "UC")
_GROUPS = (0x0008, 0x0010, 0x0012, 0x0018, 0x0020, 0x0032, 0x0038, 0x0040, 0x4008)


def needled(data: Dataset, index: int) -> None:
    """Writes a needle into every attribute that takes text, and every day of the study and of birth."""
    for tag, (vr, many, *_) in DicomDictionary.items():
        if tag >> 16 in _GROUPS and vr in _TYPED and keyword_for_tag(tag):
            value = f"{NAME}^Esme" if vr == "PN" else f"{NAME} {tag & 0xFF}"[:16]
            data.add_new(tag, vr, value if many != "0" else "")
    data.PatientID, data.PatientBirthDate, data.PatientAddress = f"{NAME}-1", BIRTH, f"{NAME} Cottage"
    for keyword in ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate", "InstanceCreationDate"):
        setattr(data, keyword, STUDY_DAY)
    data.SpecificCharacterSet = "ISO_IR 192"
    data.ConversionType = None
    del data.ConversionType
    block = data.private_block(0x0011, f"{NAME} Systems", create=True)
    block.add_new(0x01, "LO", f"{NAME} again")
    block.add_new(0x02, "UN", NAME.encode())
    data.OtherPatientIDsSequence = [Dataset()]
    data.OtherPatientIDsSequence[0].PatientID = f"{NAME}-2"
    data.ReferringPhysicianIdentificationSequence = [Dataset()]
    data.ReferringPhysicianIdentificationSequence[0].PersonAddress = f"{NAME} Lane"
    data.SOPInstanceUID = UID(f"{ROOT}44.{index + 1}")


def found_in(text: str | bytes) -> list[str]:
    """Needles in a text or in bytes, also in two bytes a letter."""
    content = (text.encode() if isinstance(text, str) else text).lower()
    return [
        needle
        for needle in NEEDLES
        if any(needle.lower().encode(code) in content for code in ("utf-8", "utf-16-le", "utf-16-be"))
    ]


def found_below(folder: Path, *, apart_from: tuple[Path, ...] = ()) -> list[str]:
    """Needles in names and contents of all files, inflated where they are gzipped; a line each."""
    found = []
    for path in sorted(folder.rglob("*")):
        if any(path.is_relative_to(other) for other in apart_from):
            continue
        found += [f"{needle} in a name" for needle in found_in(str(path.relative_to(folder)))]
        if path.is_file():
            content = path.read_bytes()
            content += gzip.decompress(content) if content[:2] == b"\x1f\x8b" else b""
            found += [f"{needle} in {path.name}" for needle in found_in(content)]
    return found
