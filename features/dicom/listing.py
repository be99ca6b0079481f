"""What a heap of DICOM files holds, as lines for a person or a program; nothing of a patient in them."""

from collections.abc import Iterator

from features.case import Source
from features.dicom.clean_names import clean_name
from features.dicom.index import Entry, index
from features.dicom.parts import parts_of
from features.dicom.series import image_of
from features.errors import BadImage
from features.imaging.header import Limits
from features.imaging.volume import Image

Line = dict[str, object]


def listed(source: Source, limits: Limits) -> Iterator[Line]:
    """A line for each series and segmentation, and one for the rest."""
    heap = index(parts_of(source.content, limits), limits)
    for entries in heap.series().values():
        yield {"kind": entries[0].kind, "files": len(entries), **_judged(entries, limits)}
    for entry in heap.segmentations():
        yield {"kind": entry.kind, "structures": {str(one.number): clean_name(one.name) for one in entry.structures}}
    left = {"other_objects": heap.others, "no_dicom": heap.strange, "damaged": len(heap.damaged)}
    if any(left.values()):
        yield {"kind": "other", **{name: count for name, count in left.items() if count}}


def facts(image: Image) -> Line:
    """Size, spacing and range of an image."""
    return {
        "size": image.grid.size,
        "spacing_mm": [round(one, 6) for one in image.grid.spacing_mm],
        "lowest": float(image.voxels.min()),
        "highest": float(image.voxels.max()),
    }


def _judged(entries: list[Entry], limits: Limits) -> Line:
    try:
        return facts(image_of([entry.part for entry in entries], "", limits))
    except BadImage as error:
        return {"refused": {"reason": error.reason, "message": str(error)}}
