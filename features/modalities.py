"""What makes an image: volumes of CT, MR and PET, and projections (CR, DX, MG), which have no depth."""

VOLUMES = ("ct", "mr", "pt")
PROJECTIONS = ("cr", "dx", "mg")
"""Radiographs of a plate and of a detector, and mammograms: one plane without a place in the patient."""
MODALITIES = (*VOLUMES, *PROJECTIONS)
"""Words of the column grammar; DICOM has the same in capitals (PS3.3, C.7.3.1.1.1)."""


def modality_of(scan: str) -> str:
    """The modality word of a scan's name: `mr` of `mr_t1`."""
    return scan.partition("_")[0]


def is_projection(scan: str) -> bool:
    """Whether a scan of that name has one plane and no depth."""
    return modality_of(scan) in PROJECTIONS
