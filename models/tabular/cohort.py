"""Somebody's own table as a cohort to train on: the same patients, in the words of the trainer."""

from collections.abc import Iterator

import numpy as np

from features.notice import Notice
from models.cohort import Cohort, Patient
from models.families.columns import THERAPY
from models.families.target import Bools, OutcomeTarget, ProgressionTarget
from models.figures import group_members
from models.table import FeatureTable
from models.tabular.reading import PatientTable


def as_cohort(table: PatientTable) -> tuple[Cohort, FeatureTable]:
    """Patients without scans, and their features as they were given."""
    target = table.target
    late = target.entry_days if isinstance(target, ProgressionTarget) else None
    grade = target.grade if isinstance(target, OutcomeTarget) else None
    died = target.competing if isinstance(target, ProgressionTarget) else None
    therapies = list(table.frame[THERAPY]) if THERAPY in table.frame.columns else [None] * len(table.rows)
    patients = tuple(
        Patient(
            row=row,
            scans=(),
            clinical={},
            given={},
            therapy=therapies[index],
            outcome=bool(target.response[index]) if isinstance(target, OutcomeTarget) else None,
            time_days=None if isinstance(target, OutcomeTarget) else float(target.time_days[index]),
            event=None if isinstance(target, OutcomeTarget) else bool(target.event[index]),
            site=None,
            grade=None if grade is None else int(grade[index]),
            competing=None if died is None else bool(died[index]),
            entry_days=None if late is None else float(late[index]),
        )
        for index, row in enumerate(table.rows)
    )
    clinical = tuple(spec for spec in table.columns if spec.name.startswith("clinical."))
    told = tuple(Notice("TABLE", notice) for notice in table.notices)
    cohort = Cohort(patients, clinical, table.facts, told)
    return cohort, FeatureTable(table.frame, table.columns, patients, (), "")


def groups_of(table: PatientTable) -> Iterator[tuple[str, Bools]]:
    """Every subgroup that was asked for, with its patients."""
    for header, values in table.groups.items():
        for name, members in group_members(header, values):
            yield name, np.asarray(members)
