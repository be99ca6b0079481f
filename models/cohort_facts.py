"""What a cohort says of itself beside its rows: `columns.yaml` in the manifest's folder.

```yaml
simulated: false
evidence: observational            # simulated, randomised or observational
population: adults with soft-tissue sarcoma of a limb
time_zero: day of the baseline image
endpoint: {outcome: "response (RECIST 1.1)", progression: progression or death}
columns:
  clinical.age_years: {unit: years, lower: 18, upper: 110}
  clinical.sex: {categories: [female, male]}
```
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from features.errors import BadProfile
from features.strict_yaml import nearest, parse_mapping
from models.errors import BadCohort

FILE = "columns.yaml"
EVIDENCE = ("simulated", "randomised", "observational")
TASKS = ("outcome", "progression")
_DEFAULT_ENDPOINT = {"outcome": "response", "progression": "progression"}


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """What is known of one column before its values are seen."""

    unit: str = ""
    lower: float | None = None
    upper: float | None = None
    categories: tuple[str, ...] = ()

    @property
    def number(self) -> bool:
        """Whether only numbers make sense."""
        return bool(self.unit) or self.lower is not None or self.upper is not None


@dataclass(frozen=True, slots=True)
class CohortFacts:
    """What a cohort says of itself; what it does not say is empty."""

    simulated: bool = False
    evidence: str = "observational"
    population: str = ""
    time_zero: str = "day of the baseline image"
    endpoint: Mapping[str, str] = field(default_factory=lambda: dict(_DEFAULT_ENDPOINT))
    columns: Mapping[str, ColumnFacts] = field(default_factory=dict)


def read_facts(folder: Path) -> CohortFacts:
    """Reads `columns.yaml`; a cohort without it says nothing of itself.

    Raises:
        BadCohort: Not YAML, or an unknown key or value.
    """
    path = folder / FILE
    if not path.is_file():
        return CohortFacts()
    try:
        found = parse_mapping(path.read_text(encoding="utf-8"))
    except (BadProfile, UnicodeDecodeError) as error:
        raise BadCohort(f"{FILE} cannot be read: {error}") from error
    _only(found, ("simulated", "evidence", "population", "time_zero", "endpoint", "columns"), "")
    simulated = found.get("simulated", False)
    if not isinstance(simulated, bool):
        raise BadCohort(f"{FILE}: simulated is neither true nor false")
    evidence = _text(found, "evidence", "simulated" if simulated else "observational")
    if evidence not in EVIDENCE:
        raise BadCohort(f"{FILE}: evidence is {evidence[:40]!r}; wanted {', '.join(EVIDENCE)}")
    endpoint = _mapping(found, "endpoint", "endpoint")
    _only(endpoint, TASKS, "endpoint")
    columns = _mapping(found, "columns", "columns")
    return CohortFacts(
        simulated=simulated,
        evidence=evidence,
        population=_text(found, "population", ""),
        time_zero=_text(found, "time_zero", CohortFacts().time_zero),
        endpoint={task: _text(endpoint, task, _DEFAULT_ENDPOINT[task]) for task in TASKS},
        columns={name: _column(_mapping(columns, name, f"columns.{name}"), name) for name in columns},
    )


def _column(found: Mapping[str, object], name: str) -> ColumnFacts:
    place = f"columns.{name}"
    _only(found, ("unit", "lower", "upper", "categories"), place)
    categories = found.get("categories", [])
    if not isinstance(categories, list):
        raise BadCohort(f"{FILE}: {place}.categories is no list")
    facts = ColumnFacts(
        unit=_text(found, "unit", ""),
        lower=_bound(found, "lower", place),
        upper=_bound(found, "upper", place),
        categories=tuple(str(category) for category in categories),
    )
    if facts.number and facts.categories:
        raise BadCohort(f"{FILE}: {place} has categories and a unit or limits; wanted one kind")
    if len(set(facts.categories)) != len(facts.categories):
        raise BadCohort(f"{FILE}: {place}.categories holds a word twice")
    if facts.lower is not None and facts.upper is not None and facts.lower >= facts.upper:
        raise BadCohort(f"{FILE}: {place} has lower {facts.lower} and upper {facts.upper}; wanted lower below upper")
    return facts


def _bound(found: Mapping[str, object], key: str, place: str) -> float | None:
    value = found.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadCohort(f"{FILE}: {place}.{key} is no number")
    return float(value)


def _text(found: Mapping[str, object], key: str, default: str) -> str:
    value = found.get(key, default)
    if not isinstance(value, str):
        raise BadCohort(f"{FILE}: {key} is no text; put it in quotes")
    return value


def _mapping(found: Mapping[str, object], key: str, place: str) -> dict[str, object]:
    value = found.get(key, {})
    if not isinstance(value, dict):
        raise BadCohort(f"{FILE}: {place} is no mapping")
    return value


def _only(found: Mapping[str, object], known: tuple[str, ...], place: str) -> None:
    for key in found:
        if key not in known:
            raise BadCohort(f"{FILE}: unknown key {'.'.join(filter(None, (place, key)))!r}; {nearest(key, known)}")
