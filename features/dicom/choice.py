"""Which structures of an RTSTRUCT, or segments of a SEG, are meant: by exact name, number or pattern, never a guess."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from features.case import Structures
from features.dicom.clean_names import clean_name
from features.errors import OverlappingStructures, StructureNotChosen, StructureNotFound
from features.types import Labels, Mask

LISTED = 40


@dataclass(frozen=True, slots=True)
class Named:
    """A structure or segment by what it is called."""

    number: int
    name: str = field(repr=False)


def chosen(there: Sequence[Named], numbers: Sequence[int], structures: Structures) -> dict[int, Named]:
    """The asked structures by the label that each gets: its number, or one above all where that is 0.

    Args:
        there: All that the file has.
        numbers: Asked by number.
        structures: Asked by name or pattern.

    Raises:
        StructureNotChosen: Nothing is asked.
        StructureNotFound: One that is asked is not there, or its name stands twice; lists what there is.
    """
    if not numbers and not structures:
        raise StructureNotChosen(
            f"nothing says which structure is the lesion; there are {_listed(there)}; wanted a name, number or pattern",
            structures=_listed(there),
        )
    found: list[Named] = []
    for number in numbers:
        found += _one([one for one in there if one.number == number], f"the number {number}", there)
    for name in structures.names:
        found += _one([one for one in there if one.name == name], "the name that is asked for", there)
    if structures.pattern:
        pattern = structures.pattern.casefold()
        matching = [one for one in there if fnmatchcase(one.name.casefold(), pattern)]
        if not matching:
            raise _missing("a name that fits the pattern", there)
        found += matching
    highest = max(one.number for one in there)
    return {one.number if one.number > 0 else highest + 1: one for one in dict.fromkeys(found)}


def merge(labels: Labels, mask: Mask, label: int) -> None:
    """Writes one structure into the labels.

    Raises:
        OverlappingStructures: A voxel has a label already.
    """
    shared = int((labels[mask] != 0).sum())
    if shared:
        raise OverlappingStructures(
            f"asked structures share {shared:,} voxels, and a voxel has one label; wanted them asked one at a time",
            shared=shared,
        )
    labels[mask] = label


def _one(found: list[Named], what: str, there: Sequence[Named]) -> list[Named]:
    if not found:
        raise _missing(what, there)
    if len(found) > 1:
        raise StructureNotFound(
            f"{len(found)} structures have {what}; there are {_listed(there)}; wanted one: ask by number",
            structures=_listed(there),
        )
    return found


def _missing(what: str, there: Sequence[Named]) -> StructureNotFound:
    return StructureNotFound(
        f"no structure has {what}; there are {_listed(there)}; names are shown with unknown words as *",
        structures=_listed(there),
    )


def _listed(there: Sequence[Named]) -> str:
    shown = ", ".join(f"{one.number} {clean_name(one.name)}" for one in there[:LISTED])
    return f"{shown} and {len(there) - LISTED} more" if len(there) > LISTED else shown or "none"
