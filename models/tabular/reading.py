"""Reads somebody's own table, CSV or Parquet, one row a patient, into what every family learns from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from features.strict_yaml import nearest
from models.cohort_columns import MOST_CATEGORIES
from models.cohort_facts import CohortFacts, read_facts
from models.errors import BadCohort
from models.families.columns import THERAPY, ColumnSpec
from models.families.combat import Unseen
from models.families.target import Bools, OutcomeTarget, ProgressionTarget, Target, Task
from models.leakage.patients import identifies
from models.leakage.plausibility import implausible
from models.manifest_table import bad_cell, read_table
from models.tabular.kinds import model_names
from models.tabular.labels import entries, flags, grades, holds_grades, require_learnable, times

SUBJECT = "subject"
LATE_ENTRY = (
    "patients entered late: families, baselines and plain Cox learn by it, and figures on held-out patients count each "
    "from entry on; plain XGBoost is left out, therapies are not compared, and no promise of coverage is made"
)
COMPETING = (
    "death may come first: the family competing, baselines and plain models learn by it, and figures on held-out "
    "patients are of progression before it; other families take it for censoring, and such figures show it; therapies "
    "are not compared, and no promise of coverage is made"
)
FEWEST_ON_A_THERAPY = 5
"""So that each fold, and each inner fold, has seen a therapy that it is asked about."""
_MISSING = frozenset({"na", "n/a", "nan", "none", "null", "<na>", "missing"})
_LISTED = 6
_MOSTLY = 0.5


@dataclass(frozen=True, slots=True)
class TableRequest:
    """Which table, and what its columns mean; headers as they stand in it."""

    path: Path
    outcome: str | None = None
    time: str | None = None
    event: str | None = None
    entry: str | None = None
    """Time from which each patient was watched; all from 0 where None."""
    competing: str | None = None
    """Whether death (or another end) came before the event, at the time; not recorded where None."""
    strata: str | None = None
    """A column of words, each with a baseline of its own; also learned from by families that know no strata."""
    harmonise: str | None = None
    """A column of words, the sites or scanners by which image features are harmonised; not learned from."""
    unseen_site: Unseen = "refuse"
    """What becomes of a case from a site that is not among them."""
    therapy: str | None = None
    groups: tuple[str, ...] = ()
    """For subgroups; also learned from, unless dropped."""
    drop: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    """Cells that stand for nothing, beside empty ones, such as 999."""
    subject: str | None = None
    imaging: tuple[str, ...] = ()
    """Headers or patterns of image features that bear no known name."""
    evidence: str = ""
    """How therapies were given; empty for what `columns.yaml` beside the table says, else observational."""

    def __post_init__(self) -> None:
        survival = (self.time, self.event)
        if (self.outcome is None) == (survival == (None, None)) or (None in survival and survival != (None, None)):
            raise BadCohort("wanted an outcome column, or a time column and an event column")
        if self.outcome is not None and (self.entry, self.competing, self.strata) != (None, None, None):
            raise BadCohort("a time of entry, competing events and strata go with a time column and an event column")

    @property
    def task(self) -> Task:
        """Outcome or progression."""
        return "outcome" if self.outcome is not None else "progression"

    @property
    def label(self) -> str:
        """The header of the label, for errors."""
        return str(self.outcome if self.outcome is not None else self.event)


@dataclass(frozen=True, slots=True, eq=False)
class PatientTable:
    """Patients with a known label, and what is known of each."""

    frame: pd.DataFrame
    """(patients, columns) by model name; NaN or None where missing; with `therapy` where one is told."""
    columns: tuple[ColumnSpec, ...]
    """All that may be learned from, the therapy not among them."""
    headers: Mapping[str, str]
    """Header in the table, by model name."""
    target: Target
    groups: Mapping[str, tuple[str | float | None, ...]]
    """By header, one value a patient."""
    subjects: tuple[str, ...] | None
    rows: tuple[int, ...]
    """Number of each patient's row, as a spreadsheet counts."""
    notices: tuple[str, ...]
    facts: CohortFacts = field(default_factory=CohortFacts)
    strata: str | None = None
    """Model name of the column of strata."""
    harmonise: str | None = None
    """Model name of the column of sites."""
    unseen_site: Unseen = "refuse"

    @property
    def imaging(self) -> tuple[ColumnSpec, ...]:
        """Columns that are not of the clinical record."""
        return tuple(spec for spec in self.columns if not spec.name.startswith("clinical."))


def read_patients(request: TableRequest) -> PatientTable:
    """Reads and checks a table.

    Rows without the label, or without the therapy where one is told, are left out; so are columns that are empty,
    constant, free text, or hold values that no lesion has. All of it is told in the notices.

    Raises:
        BadCohort: A column is not there, or a cell is not what its column holds, by column and row; or nothing can be
            learned from the label.
    """
    cells, rows = _cells(request)
    subject = request.subject or (SUBJECT if SUBJECT in cells.columns else None)
    _require_columns(request, cells, subject)
    notices: list[str] = []
    label = _labels(request, cells, rows)
    kept = ~np.isnan(label).any(axis=1)
    if left := int((~kept).sum()):
        notices.append(f"{left} rows without {' and '.join(_label_headers(request))} were left out")
    if request.therapy is not None:
        without = kept & cells[request.therapy].isna().to_numpy()
        if without.any():
            notices.append(f"{int(without.sum())} rows without {request.therapy} were left out")
        kept &= ~without
        given = cells[request.therapy].where(kept)
        rare = kept & (given.map(given.value_counts()) < FEWEST_ON_A_THERAPY).to_numpy()
        if rare.any():
            few = f"on therapies given to fewer than {FEWEST_ON_A_THERAPY} patients"
            notices.append(f"{int(rare.sum())} rows {few} were left out")
        kept &= ~rare
    if not kept.any():
        raise BadCohort(f"no row has {' and '.join(_label_headers(request))}; wanted one for each patient")
    cells, rows, label = cells[kept].reset_index(drop=True), rows[kept].reset_index(drop=True), label[kept]
    target = _target(request, cells, rows, label)
    require_learnable(target, request.label)
    told = {
        *_label_headers(request),
        *request.drop,
        *filter(None, (request.entry, request.competing, request.therapy, subject)),
    }
    headers = [header for header in cells.columns if header not in told]
    names = model_names(headers, request.imaging)
    frame, columns, said = _features(cells[headers], rows, names)
    notices += said
    notices += [LATE_ENTRY] * (request.entry is not None) + [COMPETING] * (request.competing is not None)
    if request.therapy is not None:
        frame[THERAPY] = _words(cells[request.therapy])
    return PatientTable(
        frame=frame,
        columns=columns,
        headers={name: header for header, name in names.items()},
        target=target,
        strata=_of_words(request.strata, "strata", names, columns),
        harmonise=_of_words(request.harmonise, "sites", names, columns),
        unseen_site=request.unseen_site,
        groups={header: tuple(_group(cells[header])) for header in request.groups},
        subjects=None if subject is None else tuple(str(one) for one in cells[subject]),
        rows=tuple(int(row) for row in rows),
        notices=tuple(notices),
        facts=_facts(request),
    )


def _target(request: TableRequest, cells: pd.DataFrame, rows: pd.Series, label: np.ndarray) -> Target:
    if request.outcome is not None:
        return (OutcomeTarget.of_grades if holds_grades(cells[request.outcome]) else OutcomeTarget)(label[:, 0])
    entry = None if request.entry is None else entries(cells[request.entry], request.entry, rows, label[:, 0])
    return ProgressionTarget(label[:, 0], label[:, 1] > 0, entry, _competing(request, cells, rows, label[:, 1] > 0))


def _competing(request: TableRequest, cells: pd.DataFrame, rows: pd.Series, event: Bools) -> Bools | None:
    """Whether another end came first; an empty cell says that none did.

    Raises:
        BadCohort: A cell that is no flag, or a patient with both.
    """
    if request.competing is None:
        return None
    found: Bools = flags(cells[request.competing], request.competing, rows) == 1
    if (found & event).any():
        row = int(rows[found & event].iloc[0])
        raise bad_cell(request.competing, row, f"an end beside {request.event}", "one of the two, whichever came first")
    return found


def _of_words(header: str | None, what: str, names: Mapping[str, str], columns: Sequence[ColumnSpec]) -> str | None:
    if header is None:
        return None
    name = names.get(header, "")
    if not any(spec.name == name and spec.kind == "category" for spec in columns):
        raise BadCohort(f"the column {header} holds no few words, the same in several patients; no {what}")
    return name


def _facts(request: TableRequest) -> CohortFacts:
    facts = read_facts(request.path.parent)
    return replace(facts, evidence=request.evidence) if request.evidence else facts


def _cells(request: TableRequest) -> tuple[pd.DataFrame, pd.Series]:
    """All cells as text, None where missing, and the number of each row."""
    table = read_table(request.path)
    missing = {*_MISSING, *(word.strip().lower() for word in request.missing)}
    numbers = {float(word) for word in request.missing if _is_number(word)}

    def cell(text: str | None) -> str | None:
        if text is None or text.lower() in missing:
            return None
        return None if numbers and _is_number(text) and float(text) in numbers else text

    data = {
        column or f"unnamed: {index}": [cell(row.cells.get(column)) for row in table.rows]
        for index, column in enumerate(table.columns)
    }
    return pd.DataFrame(data, dtype=object), pd.Series([row.number for row in table.rows])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _require_columns(request: TableRequest, cells: pd.DataFrame, subject: str | None) -> None:
    labels = [request.outcome, request.time, request.event, request.entry, request.competing, request.therapy]
    given = [*labels, request.strata, request.harmonise, subject, *request.groups, *request.drop]
    for header in given:
        if header is not None and header not in cells.columns:
            raise BadCohort(
                f"the table has no column {header!r}; {nearest(header, tuple(cells.columns))}", column=header
            )
    asked = [header for header in (*labels, request.strata, request.harmonise) if header is not None]
    for header in asked:
        if asked.count(header) > 1 or header in request.drop:
            raise BadCohort(f"the column {header} is asked for twice: as a label, as the therapy or to be dropped")


def _label_headers(request: TableRequest) -> tuple[str, ...]:
    return tuple(header for header in (request.outcome, request.time, request.event) if header is not None)


def _labels(request: TableRequest, cells: pd.DataFrame, rows: pd.Series) -> np.ndarray:
    if request.outcome is not None:
        words = cells[request.outcome]
        of = grades if holds_grades(words) else flags
        return of(words, request.outcome, rows)[:, None]
    assert request.time is not None and request.event is not None  # noqa: S101 - checked at birth
    event = flags(cells[request.event], request.event, rows)
    known = cells[request.time].where(~np.isnan(event), None)
    return np.column_stack([times(known, request.time, rows), event])


def _features(
    cells: pd.DataFrame, rows: pd.Series, names: Mapping[str, str]
) -> tuple[pd.DataFrame, tuple[ColumnSpec, ...], list[str]]:
    data: dict[str, object] = {}
    specs: list[ColumnSpec] = []
    left: dict[str, list[str]] = {}
    respelt = []
    for header, name in names.items():
        numbers = _numbers(cells[header], header, rows)
        values = _one_spelling(cells[header]) if numbers is None else numbers
        if numbers is None and not values.equals(cells[header]):
            respelt.append(header)
        why = _unfit(header, values)
        if why:
            left.setdefault(why, []).append(header)
            continue
        data[name] = values
        if numbers is None:
            seen = tuple(sorted({str(word) for word in values.dropna()}))
            fits = len(seen) <= MOST_CATEGORIES
            specs.append(ColumnSpec(name, "category", categories=seen if fits else ()))
        else:
            specs.append(ColumnSpec(name))
    frame = pd.DataFrame(data, index=cells.index)
    notices = [f"{len(found)} columns are {why} and were left out: {_listed(found)}" for why, found in left.items()]
    if respelt:
        notices.append(f"words that differ in spaces or capitals only were taken as one: {_listed(respelt)}")
    odd = implausible(frame, specs)
    if odd:
        notices.append(
            f"{len(odd)} columns hold values that no lesion has and were left out: "
            + "; ".join(str(one) for one in odd[:_LISTED])
            + (f"; and {len(odd) - _LISTED} more" if len(odd) > _LISTED else "")
        )
    out = {one.column for one in odd}
    kept = tuple(spec for spec in specs if spec.name not in out)
    if not kept:
        raise BadCohort("no column is left to learn from; wanted at least one that differs between patients")
    return frame[[spec.name for spec in kept]].copy(), kept, notices


def _numbers(words: pd.Series, header: str, rows: pd.Series) -> pd.Series | None:
    """The column as numbers where most of its cells are; None for words.

    Raises:
        BadCohort: An infinite value, or a stray word among numbers.
    """
    present = words.dropna()
    numbers = pd.to_numeric(words, errors="coerce").astype(np.float64)
    fitting = int(numbers[present.index].notna().sum())
    if fitting < max(1, len(present) / 2):
        return None
    infinite = np.isinf(numbers.to_numpy())
    if infinite.any():
        raise bad_cell(header, int(rows[infinite].iloc[0]), "an infinite value", "a finite number, or an empty cell")
    stray = numbers.isna() & words.notna()
    if stray.any():
        wanted = "a number, or an empty cell; what else stands for nothing is told by --missing"
        raise bad_cell(header, int(rows[stray].iloc[0]), "something that is no number", wanted)
    return numbers


def _unfit(header: str, values: pd.Series) -> str:
    """Why a column cannot be learned from; an identifier is kept, for the alarm to see it."""
    present = values.dropna()
    if len(present) == 0:
        return "empty"
    if present.nunique() < 2:
        return "the same for every patient"
    if len(present) < _MOSTLY * len(values):
        return "missing for more than half of the patients"
    if values.dtype == object and present.nunique() > MOST_CATEGORIES and not identifies(header, values):
        return f"free text of more than {MOST_CATEGORIES} words"
    return ""


def _one_spelling(words: pd.Series) -> pd.Series:
    """Words that differ in spaces or capitals only, in their most frequent spelling."""
    plain = words.map(lambda word: "".join(str(word).lower().split()), na_action="ignore")
    if plain.nunique() == words.nunique():
        return words.astype(object)
    frequent = words.groupby(plain).agg(lambda group: group.value_counts().index[0])
    return plain.map(frequent).astype(object)


def _words(words: pd.Series) -> list[str]:
    """As people write them: a whole number without its point."""
    return [str(word).removesuffix(".0") if _is_number(str(word)) else str(word) for word in words]


def _group(words: pd.Series) -> Sequence[str | float | None]:
    """Numbers of many values stay numbers, for halves; all else is words."""
    numbers = pd.to_numeric(words, errors="coerce")
    if bool(numbers.notna().sum() == words.notna().sum()) and numbers.nunique() > _LISTED:
        return [None if np.isnan(value) else float(value) for value in numbers]
    return [None if pd.isna(word) else plain for word, plain in zip(words, _words(words), strict=True)]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_LISTED]) + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")
