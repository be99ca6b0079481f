"""What each radiomic feature is: definition, formula, unit, IBSI code, source, and where IBSI differs.

The table itself is `definitions.csv`, a row a feature. Its symbols: X intensities of N voxels; i, j grey levels, 1 or
more; p shares that add up to 1, of pairs of neighbours (GLCM) or of voxels (NGTDM); T(i, s) how many runs, zones or
voxels have level i and size s, n of them together.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Definition:
    """One feature, whichever image it is taken from."""

    class_name: str
    """pyradiomics' class, e.g. `glcm`."""
    feature: str
    """pyradiomics' name, e.g. `Contrast`."""
    ibsi_code: str
    """The manual's permanent identifier, 4 characters; empty for a feature that IBSI does not have."""
    ibsi_tag: str
    """In IBSI's tables of reference values, without the aggregation, e.g. `cm_contrast`."""
    unit: str
    """`intensity` stands for HU in CT, SUV in PET, and MR's arbitrary units."""
    formula: str
    """pyradiomics'."""
    definition: str
    source: str
    differs: tuple[str, ...]
    """Keys of `DIFFERENCES`: how pyradiomics' value can differ from IBSI's."""
    ibsi_formula: str
    """IBSI's, where it is another."""


DIFFERENCES: Mapping[str, str] = MappingProxyType(
    {
        "bins": "pyradiomics begins bins of a width at a multiple of the width; IBSI where resegmentRange begins, or "
        "at the lesion's minimum where there is none. A count of bins is the same in both.",
        "cut": "after resegmentation pyradiomics cuts the mask for shape to the box of what is left; IBSI leaves it.",
        "excess": "pyradiomics does not subtract the normal distribution's 3.",
        "isolated": "pyradiomics counts a voxel that has no neighbour in the lesion, with difference 0; IBSI does not.",
        "one": "pyradiomics leaves out a direction in which no line meets two voxels (flat lesions); IBSI counts runs "
        "of one voxel there.",
        "sample": "pyradiomics divides the variances of the voxels' places by N; IBSI's values by N - 1.",
        "shift": "the same while voxelArrayShift is 0.",
    }
)
"""How pyradiomics' value can differ from IBSI's, by the keys of `Definition.differs`."""


def _read() -> dict[tuple[str, str], Definition]:
    with Path(__file__).with_name("definitions.csv").open(encoding="utf-8", newline="") as file:
        rows = [
            Definition(
                class_name=row["class"],
                feature=row["feature"],
                ibsi_code=row["ibsi_code"],
                ibsi_tag=row["ibsi_tag"],
                unit=row["unit"],
                formula=row["formula"],
                definition=row["definition"],
                source=row["source"],
                differs=tuple(row["differs"].split()),
                ibsi_formula=row["ibsi_formula"],
            )
            for row in csv.DictReader(file)
        ]
    return {(row.class_name, row.feature): row for row in rows}


DEFINITIONS: Mapping[tuple[str, str], Definition] = MappingProxyType(_read())
"""By class and feature."""


def definition_of(name: str) -> Definition:
    """Of a feature by its whole name, e.g. `wavelet-LLH_glcm_Contrast`."""
    _, class_name, feature = name.rsplit("_", 2)
    return DEFINITIONS[class_name, feature]
