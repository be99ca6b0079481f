"""A model's columns made ready, once: the values of a case become a row without a look at each column by itself."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from features.errors import UnknownColumn
from features.names import ScanColumn, parse
from features.types import Floats
from models.families.columns import ColumnSpec
from models.inputs import encode_case

_NUMBERS = frozenset({float, int, np.float64})
_NONE = frozenset({type(None)})


class Encoding:
    """Of one version; holds no state that changes."""

    def __init__(self, columns: Sequence[ColumnSpec], lenient: str = "") -> None:
        """Takes the columns in their order.

        Args:
            columns: Of the model.
            lenient: A column of categories whose unknown values count as missing; empty for none.
        """
        self._lenient = next((spec for spec in columns if spec.name == lenient), None)
        self.columns = tuple(columns)
        self.names = tuple(spec.name for spec in columns)
        self.known = frozenset(self.names)
        self.measured = tuple(name for name in self.names if _measured(name))
        """Columns that an image gives."""
        self.units = {spec.name: spec.unit for spec in columns}
        self.required = tuple(spec for spec in columns if spec.required)
        self._needed = frozenset(spec.name for spec in self.required)
        numbers = [spec for spec in columns if spec.kind == "number"]
        self._numbers = tuple(spec.name for spec in numbers)
        self._places = np.array([index for index, spec in enumerate(columns) if spec.kind == "number"], dtype=np.intp)
        self._lower = np.array([-math.inf if spec.lower is None else spec.lower for spec in numbers])
        self._upper = np.array([math.inf if spec.upper is None else spec.upper for spec in numbers])
        self._categories = tuple(
            (index, spec.name, {word: float(code) for code, word in enumerate(spec.categories)})
            for index, spec in enumerate(columns)
            if spec.kind == "category"
        )

    def row(self, values: Mapping[str, float | str], missing: Mapping[str, str]) -> Floats:
        """A row, (columns,), with NaN where a value is missing and may be imputed.

        Args:
            values: By full column name; others than the model's are left aside.
            missing: Why a column has no value, by name.

        Raises:
            BadInput: As `models.inputs.encode_case`, which says what is wrong.
        """
        values = self._known(values)
        told = self._row(values) if self._needed <= values.keys() else None
        return encode_case(self.columns, values, missing) if told is None else told

    def require_taken(self, values: Mapping[str, float | str]) -> None:
        """Checks values while others are still to be measured.

        Raises:
            BadInput: As `row`, of the values alone.
        """
        values = self._known(values)
        if self._row(values) is None:
            encode_case([spec for spec in self.columns if spec.name in values], values, {})

    def _known(self, values: Mapping[str, float | str]) -> Mapping[str, float | str]:
        spec = self._lenient
        if spec is None or values.get(spec.name) in spec.categories or not isinstance(values.get(spec.name), str):
            return values
        return {name: value for name, value in values.items() if name != spec.name}

    def _row(self, values: Mapping[str, float | str]) -> Floats | None:
        """None where anything at all is out of the ordinary."""
        row = np.full(len(self.columns), np.nan)
        given = list(map(values.get, self._numbers))
        if kinds := set(map(type, given)):
            if not kinds <= _NUMBERS | _NONE:
                return None
            if kinds & _NONE and given.count(None) != sum(name not in values for name in self._numbers):
                return None  # nothing, where a number was given
            try:
                numbers = np.array(given, dtype=np.float64)  # None becomes NaN
            except OverflowError:
                return None
            held = (numbers >= self._lower) & (numbers <= self._upper) & np.isfinite(numbers)
            if np.count_nonzero(held) + given.count(None) != numbers.size:
                return None
            row[self._places] = numbers
        for index, name, codes in self._categories:
            if name in values:
                word = values[name]
                if not isinstance(word, str) or word not in codes:
                    return None
                row[index] = codes[word]
        return row


def _measured(name: str) -> bool:
    try:
        return isinstance(parse(name), ScanColumn)
    except UnknownColumn:
        return True  # it looks like one, and who measures it says what is wrong
