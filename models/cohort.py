"""A cohort: patients with scans, covariates, therapy and what became of them; every cell checked when it is read.

One row a patient; an empty cell is a missing value; paths are relative to the manifest:
```
subject                                           pseudonym, once only
<scan>.<when>.image, <scan>.<when>.mask           ct.baseline.image; when: baseline or latest
<scan>.<when>.labels                              which labels are lesions, e.g. 1 2; all where empty
<scan>.latest.day                                 days since the baseline image
clinical.<name>                                   a number or a category
radiomics..., measure..., embedding...            features that are already known
therapy                                           what was given; for each patient or for none
outcome                                           1 response, 0 none
time_days, event                                  to progression (1), or to the last day without it (0)
site                                              for subgroups only
```
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from features.errors import UnknownColumn
from features.names import ScanColumn, parse
from features.notice import Notice
from features.strict_yaml import nearest
from models.cohort_columns import clinical_columns, leave_out, numbers_within
from models.cohort_facts import CohortFacts, read_facts
from models.errors import BadCohort
from models.families.columns import ColumnSpec
from models.families.target import OutcomeTarget, ProgressionTarget, Target, Task
from models.manifest_table import ManifestTable, Row, bad_cell, read_table

LABELS = ("outcome", "time_days", "event")
PLAIN = ("subject", "therapy", "site", *LABELS)
FEWEST_ON_A_THERAPY = 2
_SCAN_COLUMN = re.compile(r"(?P<scan>[^.]+)\.(?P<when>baseline|latest)\.(?P<part>image|mask|labels|day)")


@dataclass(frozen=True, slots=True)
class ScanFiles:
    """One scan of one patient, still in its files."""

    name: str
    day: int
    image: Path
    mask: Path
    labels: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Patient:
    """One row of the manifest."""

    row: int
    """As a spreadsheet counts; what reports speak of instead of the subject."""
    scans: tuple[ScanFiles, ...]
    clinical: Mapping[str, float | str]
    """By full column name."""
    given: Mapping[str, float]
    """Known features, by full column name."""
    therapy: str | None
    outcome: bool | None
    time_days: float | None
    event: bool | None
    site: str | None
    entry_days: float | None = None
    """Day from which the patient was watched; None for day 0."""
    competing: bool | None = None
    """Whether death came before progression, at `time_days`; None where it was not recorded."""
    grade: int | None = None
    """Best response as an index in `GRADES`, where it was recorded beside the outcome."""


@dataclass(frozen=True, slots=True)
class Cohort:
    """Patients, and what the cohort says of itself."""

    patients: tuple[Patient, ...]
    clinical: tuple[ColumnSpec, ...]
    """Clinical columns that can be learned from, by full name."""
    facts: CohortFacts
    notices: tuple[Notice, ...]

    def labelled(self, task: Task) -> "Cohort":
        """The patients whose outcome, or time and event, is known.

        Raises:
            BadCohort: None has it, all have the same, or a therapy went to fewer than two of them.
        """
        needed = ("outcome",) if task == "outcome" else ("time_days", "event")
        known = tuple(
            patient for patient in self.patients if all(getattr(patient, column) is not None for column in needed)
        )
        if not known:
            raise BadCohort(f"no patient has {' and '.join(needed)}; training {task} wants them", task=task)
        _require_variety(known, task)
        _require_therapies(known, self.facts)
        left_out = len(self.patients) - len(known)
        told = f"{left_out} patients without {' and '.join(needed)} were left out"
        notices = (*self.notices, Notice("PATIENTS_LEFT_OUT", told)) if left_out else self.notices
        return replace(self, patients=known, notices=notices)

    def target(self, task: Task) -> Target:
        """What is learned, of a cohort whose labels are all known."""
        if task == "outcome":
            grades = [patient.grade for patient in self.patients if patient.grade is not None]
            return OutcomeTarget(
                np.array([patient.outcome for patient in self.patients], dtype=np.float64),
                np.array(grades, dtype=np.float64) if len(grades) == len(self.patients) else None,
            )
        entry = [patient.entry_days for patient in self.patients]
        died = [patient.competing for patient in self.patients]
        return ProgressionTarget(
            np.array([patient.time_days for patient in self.patients], dtype=np.float64),
            np.array([patient.event for patient in self.patients], dtype=np.bool_),
            None if set(entry) <= {None} else np.array([day or 0.0 for day in entry], dtype=np.float64),
            None if set(died) <= {None} else np.array([one or False for one in died], dtype=np.bool_),
        )


def read_cohort(path: Path) -> Cohort:
    """Reads and checks a manifest, and `columns.yaml` beside it.

    Raises:
        BadCohort: What is wrong, by column and row; never what a cell holds, and never the subject.
    """
    table = read_table(path)
    facts = read_facts(path.parent)
    _check_header(table, facts)
    _check_subjects(table)
    clinical, notices = clinical_columns(table, facts.columns)
    given = [column for column in table.columns if _is_feature(column)]
    for column in given:
        numbers_within(table, column, facts.columns)
    patients = tuple(_patient(row, table.columns, path.parent, clinical, given) for row in table.rows)
    without = [patient.row for patient in patients if patient.therapy is None]
    if without and len(without) < len(patients):
        raise bad_cell("therapy", without[0], "nothing", "a therapy for each patient, or the column left out")
    return Cohort(patients, clinical, facts, (*notices, *leave_out(table)))


def _check_header(table: ManifestTable, facts: CohortFacts) -> None:
    if "subject" not in table.columns:
        raise BadCohort("the manifest has no column subject; wanted one pseudonym for each patient", column="subject")
    scans: dict[tuple[str, str], set[str]] = {}
    for column in table.columns:
        found = _SCAN_COLUMN.fullmatch(column)
        if found:
            _check_scan(found["scan"], column)
            scans.setdefault((found["scan"], found["when"]), set()).add(found["part"])
        elif column not in PLAIN and not column.startswith("clinical.") and not _is_feature(column):
            raise _unknown_column(column)
    for (scan, when), parts in scans.items():
        wanted = {"image", "mask"} | ({"day"} if when == "latest" else set())
        for part in sorted(wanted - parts):
            name = f"{scan}.{when}.{part}"
            raise BadCohort(f"the manifest has no column {name}; {scan}.{when} wants it", column=name)
        if when == "latest" and (scan, "baseline") not in scans:
            raise BadCohort(f"{scan} has a latest scan and no baseline", column=f"{scan}.baseline.image")
    for column in facts.columns:
        if column not in table.columns:
            hint = nearest(column, table.columns)
            raise BadCohort(f"columns.yaml describes {column}, which the manifest has not; {hint}", column=column)


def _unknown_column(column: str) -> BadCohort:
    scan, when, _ = [*column.split("."), "", ""][:3]
    known = (*PLAIN, *(f"{scan}.{when}.{part}" for part in ("image", "mask", "labels", "day") if when))
    hint = nearest(column, known)
    return BadCohort(f"unknown column {column!r}; {hint}; a covariate would be clinical.{column}", column=column)


def _check_scan(scan: str, column: str) -> None:
    try:
        parse(f"measure.{scan}.baseline.all.count")
    except UnknownColumn as error:
        wanted = "ct, pt or mr, with a series where there are several (mr_t1)"
        raise BadCohort(f"the column {column!r} names the scan {scan!r}; wanted {wanted}", column=column) from error


def _is_feature(column: str) -> bool:
    try:
        return isinstance(parse(column), ScanColumn)
    except UnknownColumn as error:
        raise BadCohort(str(error), column=column) from error


def _check_subjects(table: ManifestTable) -> None:
    first: dict[str, int] = {}
    for row in table.rows:
        subject = row.cells.get("subject")
        if subject is None:
            raise bad_cell("subject", row.number, "nothing", "a pseudonym")
        if subject in first:
            raise bad_cell("subject", row.number, f"the subject of row {first[subject]}", "each subject once")
        first[subject] = row.number


def _patient(
    row: Row, columns: tuple[str, ...], folder: Path, clinical: tuple[ColumnSpec, ...], given: list[str]
) -> Patient:
    values: dict[str, float | str] = {}
    for spec in clinical:
        value = row.number_in(spec.name) if spec.kind == "number" else row.cells.get(spec.name)
        if value is not None:
            values[spec.name] = value
    time_days, event = row.number_in("time_days"), row.flag_in("event")
    if time_days is not None and time_days <= 0:
        raise bad_cell("time_days", row.number, f"{time_days:g}", "days above 0")
    for column, value, other, found in (
        ("event", event, "time_days", time_days),
        ("time_days", time_days, "event", event),
    ):
        if value is None and found is not None:
            raise bad_cell(column, row.number, f"nothing beside a {other}", "both, or neither")
    return Patient(
        row=row.number,
        scans=_scans(row, columns, folder),
        clinical=values,
        given={column: value for column in given if (value := row.number_in(column)) is not None},
        therapy=row.cells.get("therapy"),
        outcome=row.flag_in("outcome"),
        time_days=time_days,
        event=event,
        site=row.cells.get("site"),
    )


def _scans(row: Row, columns: tuple[str, ...], folder: Path) -> tuple[ScanFiles, ...]:
    found = []
    for column in columns:
        match = _SCAN_COLUMN.fullmatch(column)
        if match is None or match["part"] != "image":
            continue
        place = f"{match['scan']}.{match['when']}"
        image, mask = row.cells.get(column), row.cells.get(f"{place}.mask")
        if image is None and mask is None:
            continue
        if image is None or mask is None:
            missing = f"{place}.{'image' if image is None else 'mask'}"
            raise bad_cell(missing, row.number, "nothing", "a path, or both image and mask empty")
        day = _day(row, f"{place}.day") if match["when"] == "latest" else 0
        files = [_file(folder, cell, f"{place}.{part}", row) for cell, part in ((image, "image"), (mask, "mask"))]
        found.append(ScanFiles(match["scan"], day, files[0], files[1], _labels(row, f"{place}.labels")))
    return tuple(found)


def _day(row: Row, column: str) -> int:
    day = row.number_in(column)
    if day is None or day < 1 or day != int(day):
        seen = "nothing" if day is None else f"{day:g}"
        raise bad_cell(column, row.number, seen, "whole days since the baseline image, 1 or more")
    return int(day)


def _labels(row: Row, column: str) -> tuple[int, ...]:
    words = re.split(r"[\s;,|]+", row.cells.get(column, ""))
    labels = [word.removesuffix(".0") for word in words if word]
    if not all(re.fullmatch(r"[1-9][0-9]{0,8}", label) for label in labels):
        raise bad_cell(column, row.number, "something else", "whole numbers above 0, e.g. 1 2")
    return tuple(int(label) for label in labels)


def _file(folder: Path, cell: str, column: str, row: Row) -> Path:
    path = folder / cell
    if not path.is_file():
        raise bad_cell(column, row.number, "the path of a file that is not there", "a path relative to the manifest")
    try:
        with path.open("rb"):
            return path
    except OSError as error:
        raise bad_cell(column, row.number, "the path of a file that may not be read", "a readable file") from error


def _require_variety(patients: tuple[Patient, ...], task: Task) -> None:
    if task == "outcome":
        seen = {patient.outcome for patient in patients}
        if len(seen) == 1:
            raise BadCohort(
                f"the column outcome holds {int(seen == {True})} only; wanted both 0 and 1", column="outcome"
            )
    elif not any(patient.event for patient in patients):
        raise BadCohort("the column event holds 0 only; wanted patients who progressed", column="event")


def _require_therapies(patients: tuple[Patient, ...], facts: CohortFacts) -> None:
    given = Counter(patient.therapy for patient in patients if patient.therapy is not None)
    declared = facts.columns["therapy"].categories if "therapy" in facts.columns else ()
    for therapy in sorted({*given, *declared}):
        if given and declared and therapy not in declared:
            raise BadCohort(f"therapy {therapy!r} was given and is not in columns.yaml", column="therapy")
        if given[therapy] < FEWEST_ON_A_THERAPY:
            raise BadCohort(
                f"therapy {therapy!r} was given to {given[therapy]} of the patients; "
                f"wanted at least {FEWEST_ON_A_THERAPY}",
                column="therapy",
                therapy=therapy,
            )
