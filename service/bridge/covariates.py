"""What is known of patients beside their images: fixed by the rule, or a line a patient in the operator's file."""

import csv
from collections.abc import Mapping
from pathlib import Path

from service.bridge.rules import Rule
from service.errors import SettingsError

PATIENT = "patient_id"


class SeveralLines(Exception):
    """It cannot be told which line of a patient counts: of this study alone."""

    reason = "SEVERAL_LINES"


def covariates_of(rule: Rule, patient: str) -> dict[str, float | str]:
    """By name; the patient's own line over what is the same for all.

    The file is read anew for each question, so that a line that is added counts at once.

    Raises:
        SettingsError: The file cannot be read, or has no column patient_id.
        SeveralLines: It has two lines or more of the patient.
    """
    return {**rule.covariates, **(_of_file(rule.covariates_file, patient) if rule.covariates_file else {})}


def _of_file(file: Path, patient: str) -> Mapping[str, float | str]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as rows:
            table = csv.DictReader(rows)
            if PATIENT not in (table.fieldnames or ()):
                raise SettingsError(f"covariates_file: {file} has no column {PATIENT}")
            found = [row for row in table if row[PATIENT] == patient]
    except (OSError, UnicodeDecodeError, csv.Error):
        raise SettingsError(f"covariates_file: {file} cannot be read as CSV") from None
    if len(found) > 1:
        raise SeveralLines(f"covariates_file has {len(found)} lines of the patient; wanted one")
    told = found[0] if found else {}
    return {name: _value(text) for name, text in told.items() if name and name != PATIENT and text and text.strip()}


def _value(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text.strip()
