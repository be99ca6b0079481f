"""A manifest for a folder laid out as the soft-tissue-sarcoma cohort.

```
FOLDER/outcomes.csv                               patient_id, lung_metastasis (0 or 1)
FOLDER/images/<patient_id>/PET_image.nii.gz       and PET_mask.nii.gz; CT_ and MR_T1_ likewise; any may be missing
```
"""

import csv
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from models.errors import BadCohort

SCANS = {"CT": "ct", "PET": "pt", "MR_T1": "mr_t1", "MR_T2": "mr_t2"}
"""Scan by the beginning of its files' names."""
_COLUMNS = """simulated: false
evidence: observational
population: adults with soft-tissue sarcoma of the extremities, imaged before treatment
time_zero: day of the baseline image
endpoint: {outcome: lung metastasis later}
"""


@dataclass(frozen=True, slots=True)
class StsManifest:
    """A manifest that was written."""

    path: Path
    patients: int
    scans: dict[str, int]
    """How many patients have each scan."""
    incomplete: dict[str, int]
    """How many have an image without its mask, or a mask without its image: they go without that scan."""


def write_sts_manifest(folder: Path, out: Path) -> StsManifest:
    """Writes the manifest and `columns.yaml` beside it.

    Args:
        folder: As drawn above.
        out: The manifest, `.csv`; image paths in it are relative to it.

    Raises:
        BadCohort: No outcomes, no images, or another cohort's `columns.yaml` is there.
    """
    if out.suffix != ".csv":
        raise BadCohort(f"the manifest would end in {out.suffix!r}; wanted .csv", ending=out.suffix)
    facts = out.parent / "columns.yaml"
    if facts.exists() and facts.read_text(encoding="utf-8") != _COLUMNS:
        raise BadCohort("another columns.yaml lies where the manifest would; wanted a folder of its own")
    outcomes = _outcomes(folder / "outcomes.csv")
    incomplete: Counter[str] = Counter()
    rows = [
        {"subject": patient, **_scans(folder / "images" / patient, out.parent, incomplete), "outcome": outcome}
        for patient, outcome in outcomes.items()
    ]
    scans = Counter(scan for row in rows for scan in SCANS.values() if f"{scan}.baseline.image" in row)
    if not scans:
        raise BadCohort(f"there is no image with its mask; wanted images/<patient_id>/<{'|'.join(SCANS)}>_image.nii.gz")
    found = [column for scan in SCANS.values() if scan in scans for column in _columns(scan)]
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["subject", *found, "outcome"], restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    facts.write_text(_COLUMNS, encoding="utf-8")
    return StsManifest(out, len(rows), dict(scans), dict(incomplete))


def _columns(scan: str) -> tuple[str, str]:
    return f"{scan}.baseline.image", f"{scan}.baseline.mask"


def _outcomes(path: Path) -> dict[str, str]:
    if not path.is_file():
        raise BadCohort("the folder has no outcomes.csv; wanted one with the columns patient_id and lung_metastasis")
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        for column in ("patient_id", "lung_metastasis"):
            if column not in (reader.fieldnames or ()):
                raise BadCohort(f"outcomes.csv has no column {column}", column=column)
        return {row["patient_id"]: row["lung_metastasis"] for row in reader}


def _scans(images: Path, beside: Path, incomplete: Counter[str]) -> dict[str, str]:
    cells: dict[str, str] = {}
    for prefix, scan in SCANS.items():
        files = [images / f"{prefix}_{part}.nii.gz" for part in ("image", "mask")]
        there = [file.is_file() for file in files]
        if all(there):
            paths = [os.path.relpath(file.resolve(), beside.resolve()) for file in files]
            cells |= dict(zip(_columns(scan), paths, strict=True))
        elif any(there):
            incomplete[scan] += 1
    return cells
