"""Which scan, lesions and features the asked columns need; nothing is opened here."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from features.case import Case
from features.errors import UnknownColumn
from features.measures import all_quantities, lesion_quantities
from features.names import ScanColumn
from features.profile import Profile
from features.radiomics.asked import asked_features
from features.radiomics.catalogue import feature_names, known_names


@dataclass(frozen=True, slots=True)
class Need:
    """One number to be taken from one scan."""

    kind: str
    """radiomics, embedding or measure."""
    lesions: str
    """largest, sum, mean, max, spread or all."""
    item: str
    """The feature, the quantity, or encoder and index."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be taken where."""

    needs: Mapping[int, tuple[Need, ...]]
    """By index of the scan in the case."""
    sources: Mapping[str, tuple[int, ...]]
    """By column: the scan that it is read from; baseline and latest for a change."""
    missing: Mapping[str, str]
    """Columns that no scan of the case can give, and why."""


def plan(case: Case, columns: Mapping[str, ScanColumn]) -> Plan:
    """Finds the scans that columns need: of each scan name the earliest is the baseline, the last the latest."""
    needs: dict[int, dict[Need, None]] = {}
    sources: dict[str, tuple[int, ...]] = {}
    missing: dict[str, str] = {}
    for name, column in columns.items():
        dated = _by_day(case, column.scan)
        if not dated:
            missing[name] = f"the case has no scan {column.scan}"
        elif column.when == "delta" and len(dated) == 1:
            missing[name] = f"a change needs two dates; the case has one scan {column.scan}"
        else:
            sources[name] = {"baseline": dated[:1], "latest": dated[-1:]}.get(column.when, (dated[0], dated[-1]))
            for index in sources[name]:
                needs.setdefault(index, {})[Need(column.kind, column.lesions, column.item)] = None
    return Plan({index: tuple(needs[index]) for index in sorted(needs)}, sources, missing)


def require_known(columns: Collection[ScanColumn], profile: Profile) -> None:
    """Refuses a radiomic feature that the profile does not take, before anything is opened.

    Raises:
        UnknownColumn: With the nearest feature that it does take.
    """
    for column in columns:
        settings = profile.for_modality(column.scan)
        if column.kind == "radiomics" and column.item not in known_names(settings):
            try:
                asked_features(settings, [column.item])
            except UnknownColumn as error:
                raise UnknownColumn(f"{str(column)[:160]}: {error}", column=str(column)[:160]) from None


def all_columns(case: Case, profile: Profile) -> tuple[str, ...]:
    """Every radiomic feature of the profile and every measure, of every scan, at baseline.

    Of the largest lesion; measures of all lesions too.
    """
    found: list[str] = []
    for scan in sorted({scan.name for scan in case.scans}):
        names = feature_names(profile.for_modality(scan))
        found += [f"radiomics.{scan}.baseline.largest.{name}" for name in names]
        found += [f"measure.{scan}.baseline.largest.{quantity}" for quantity in lesion_quantities(scan)]
        found += [f"measure.{scan}.baseline.all.{quantity}" for quantity in all_quantities(scan)]
    return tuple(found)


def _by_day(case: Case, name: str) -> tuple[int, ...]:
    dated = [(scan.day, index) for index, scan in enumerate(case.scans) if scan.name == name]
    return tuple(index for _, index in sorted(dated))
