"""The values of one case, checked against a model's columns and made a row of numbers."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from features.types import Floats
from models.errors import BadInput, MissingColumn, OutOfRange, UnknownCategory, UnknownTherapy, WrongType
from models.families.columns import ColumnSpec
from models.families.recipe import Recipe
from models.families.scans import absent_scans, in_words

_LISTED = 5


def encode_case(columns: Sequence[ColumnSpec], values: Mapping[str, float | str], missing: Mapping[str, str]) -> Floats:
    """A row, (columns,), with NaN where a value is missing and may be imputed.

    Args:
        columns: Of the model.
        values: By full column name; others than the model's are left aside.
        missing: Why a column has no value, by name.

    Raises:
        MissingColumn: Required columns have no value.
        WrongType: A number where a category is wanted, or the reverse.
        OutOfRange: Not finite, or outside the column's limits.
        UnknownCategory: Not one of the column's.
    """
    lacking = [spec for spec in columns if spec.required and spec.name not in values]
    if lacking:
        raise _missing(lacking, missing)
    return np.array([_code(spec, values[spec.name]) if spec.name in values else np.nan for spec in columns])


def require_scans(recipe: Recipe, values: Mapping[str, float | str], missing: Mapping[str, str]) -> None:
    """Refuses a case that would be answered from the training cohort's typical values where an image should speak.

    Raises:
        MissingColumn: A scan that every training patient had brings no value, or no column has a value at all.
    """
    absent = absent_scans(recipe.columns, values.keys())
    for scans in recipe.needed_scans:
        if all(scan in absent for scan in scans):
            why = next((missing[name] for scan in scans for name in absent[scan] if name in missing), "")
            what = in_words(scans)
            raise MissingColumn(
                f"the model needs {what}, which the case does not have" + (f" ({why})" if why else ""),
                place="case.scans",
                wanted=what,
            )
    if recipe.columns and not any(spec.name in values for spec in recipe.columns):
        raise _missing(recipe.columns, missing)


def therapy_codes(known: Sequence[str], asked: Sequence[str]) -> Floats:
    """Index of each therapy asked about, (asked,).

    Raises:
        UnknownTherapy: The model was not made for it.
    """
    for index, therapy in enumerate(asked):
        if therapy not in known:
            wanted = ", ".join(known) or "none: this model knows no therapy"
            raise UnknownTherapy(
                f"therapy {therapy[:64]!r} is not known; known: {wanted}",
                place=f"therapies[{index}]",
                therapy=therapy[:64],
                wanted=wanted,
            )
    return np.array([float(known.index(therapy)) for therapy in asked])


def place_of(column: str) -> str:
    """Where a case holds a column, in the words of the contract."""
    kind, _, name = column.partition(".")
    if kind == "clinical" and name:
        return f"case.covariates.{name}"
    return f"case.features.{column}"


def _code(spec: ColumnSpec, value: object) -> float:
    if spec.kind == "category":
        if not isinstance(value, str):
            raise _refused(WrongType, spec, "a number was given", "a category: " + ", ".join(spec.categories))
        if value not in spec.categories:
            raise _refused(UnknownCategory, spec, f"category {value[:64]!r} was given", ", ".join(spec.categories))
        return float(spec.categories.index(value))
    if isinstance(value, bool | np.bool_ | str) or not isinstance(value, int | float | np.integer | np.floating):
        seen = "a category was given" if isinstance(value, str) else "something that is no number was given"
        raise _refused(WrongType, spec, seen, f"a number{f' in {spec.unit}' if spec.unit else ''}")
    number = _finite(value)
    if number is None:
        raise _refused(OutOfRange, spec, "the value is not finite", "a finite number")
    if (spec.lower is not None and number < spec.lower) or (spec.upper is not None and number > spec.upper):
        raise _refused(OutOfRange, spec, f"{number:g} was given", _limits(spec))
    return number


def _finite(value: object) -> float | None:
    try:
        number = float(value)  # type: ignore[arg-type]
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _limits(spec: ColumnSpec) -> str:
    unit = f" {spec.unit}" if spec.unit else ""
    if spec.lower is None:
        return f"at most {spec.upper:g}{unit}"
    return f"{spec.lower:g}{unit} or more" if spec.upper is None else f"{spec.lower:g} to {spec.upper:g}{unit}"


def _refused(error: type[BadInput], spec: ColumnSpec, seen: str, wanted: str) -> BadInput:
    message = f"{spec.name}: {seen}; wanted {wanted}"
    return error(message, place=place_of(spec.name), column=spec.name, wanted=wanted)


def _missing(lacking: Sequence[ColumnSpec], why: Mapping[str, str]) -> MissingColumn:
    names = [spec.name for spec in lacking]
    first = next((name for name in names if name in why), names[0])
    listed = ", ".join(names[:_LISTED]) + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")
    reason = f" ({first}: {why[first]})" if first in why else ""
    return MissingColumn(f"the model needs {listed}{reason}", place=place_of(first), columns=names)
