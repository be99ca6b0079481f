"""What all objects made here have in common: whose they are, and who made them."""

import datetime

from pydicom import config
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

MAKER = "RadResponse"
SERIAL = "0"
"""A device serial number is required of every segmentation; software has none."""
UTF_8 = "ISO_IR 192"

IDENTITY = {
    "PatientName": "", "PatientID": "", "PatientBirthDate": "", "PatientSex": "",
    "StudyID": "", "StudyDate": "", "StudyTime": "", "AccessionNumber": "", "ReferringPhysicianName": "",
}  # fmt: skip
"""Whose an object is: required, even where empty (PS3.3 C.7.1.1, C.7.2.1)."""
ISSUER = "IssuerOfPatientID"


def take_identity(header: Dataset) -> Dataset:
    """Takes out of a header whose it is: highdicom would repeat a name that it dislikes in a warning."""
    taken = Dataset()
    for keyword in (*IDENTITY, ISSUER):
        if keyword in header:
            value = header.get(keyword)
            _set(taken, keyword, "" if value is None else str(value))
            _set(header, keyword, "")
    for keyword in IDENTITY:
        _set(header, keyword, "")
    header.pop("SpecificCharacterSet", None)
    return taken


def finished(made: Dataset, identity: Dataset, moment: datetime.datetime) -> Dataset:
    """Says whose a new object is, as its source does, and when it was made.

    Args:
        made: The object.
        identity: Of its source.
        moment: Of its making, in UTC; highdicom would ask the clock.
    """
    made.SpecificCharacterSet = UTF_8
    for keyword, otherwise in IDENTITY.items():
        _set(made, keyword, identity.get(keyword, otherwise))
    if ISSUER in identity:
        _set(made, ISSUER, identity.get(ISSUER))
    made.InstanceCreationDate = made.ContentDate = moment.strftime("%Y%m%d")
    made.InstanceCreationTime = made.ContentTime = moment.strftime("%H%M%S.%f")
    made.TimezoneOffsetFromUTC = "+0000"
    for equipment in made.get("ContributingEquipmentSequence", ()):
        equipment.ContributionDateTime = moment.strftime("%Y%m%d%H%M%S.%f")
    return made


def _set(data: Dataset, keyword: str, value: object) -> None:
    """Sets a value as it is: what the source has goes back unchanged, and no check repeats it in a warning."""
    tag = tag_for_keyword(keyword)
    assert tag is not None  # noqa: S101 - a keyword of the standard
    data[tag] = DataElement(tag, dictionary_VR(tag), value, validation_mode=config.IGNORE)
