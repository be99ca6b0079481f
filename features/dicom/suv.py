"""PET in SUV by body weight: the factor from stored values, by vendor; refused where anything it needs is missing.

Source: QIBA's vendor-neutral pseudo-code for SUV (qibawiki.rsna.org, "Standardized Uptake Value"), DICOM PS3.3 C.8.9.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NoReturn

from features.errors import SuvNotComputable

WEIGHT_KG = (1.0, 500.0)
DOSE_BQ = (1e5, 1e11)
"""0.1 MBq to 100 GBq: what lies outside was written in another unit."""
LONGEST_UPTAKE_S = 86_400.0
CLOCKS_APART_S = 1.0


@dataclass(frozen=True, slots=True)
class PetFacts:
    """What one PET instance says of its activity. None, or empty, where it says nothing."""

    units: str
    suv_type: str
    corrections: tuple[str, ...]
    decay: str
    """START, ADMIN, NONE."""
    weight_kg: float | None = field(repr=False)
    dose_bq: float | None = field(repr=False)
    half_life_s: float | None = field(repr=False)
    injected: str = field(repr=False)
    """Date and time as DT has it."""
    injected_time: str = field(repr=False)
    series_start: tuple[str, str] = field(repr=False)
    """Date, time."""
    acquired: tuple[str, str] = field(repr=False)
    reference_ms: float | None
    """From the start of the series to the moment that this slice's values are of."""
    duration_ms: float | None
    ge_start: str = field(repr=False)
    philips_suv: float | None
    philips_bq: float | None
    decay_reference: str = field(default="", repr=False)
    """Enhanced PET: the moment to which values were corrected."""


@dataclass(frozen=True, slots=True)
class _Dose:
    weight_kg: float
    dose_bq: float
    half_life_s: float


def suv_factor(slices: Sequence[PetFacts]) -> float:
    """What rescaled values of a whole series are multiplied with.

    Args:
        slices: Of one series, in any order.

    Raises:
        SuvNotComputable: Says what is missing, contradictory or of no use for SUV by body weight.
    """
    first = slices[0]
    for one in slices:
        if (one.units, one.suv_type, one.decay, one.weight_kg, one.dose_bq, one.half_life_s) != (
            first.units, first.suv_type, first.decay, first.weight_kg, first.dose_bq, first.half_life_s,
        ):  # fmt: skip
            _refuse("slices of the series differ in units, dose, weight or decay correction")
    if first.units == "GML":
        if first.suv_type not in ("", "BW"):
            _refuse(f"values are SUV of type {first.suv_type:.16}, not by body weight (BW)")
        return 1.0
    if first.units == "CNTS":
        return _philips(slices)
    if first.units != "BQML":
        _refuse(f"units are {first.units:.16}" if first.units else "units are not given")
    return _from_activity(slices)


def _philips(slices: Sequence[PetFacts]) -> float:
    first = slices[0]
    if any((one.philips_suv, one.philips_bq) != (first.philips_suv, first.philips_bq) for one in slices):
        _refuse("Philips' factors differ between slices")
    if first.philips_suv:
        return _positive(first.philips_suv, "Philips' factor from counts to SUV")
    if not first.philips_bq:
        _refuse("units are counts without Philips' factors (7053,1000) or (7053,1009)")
    return _positive(first.philips_bq, "Philips' factor from counts to Bq/ml") * _from_activity(slices)


def _from_activity(slices: Sequence[PetFacts]) -> float:
    """1 over the dose per gram, decayed to the moment that values were corrected to."""
    first = slices[0]
    lacking = [word for word in ("ATTN", "DECY") if word not in first.corrections]
    if lacking:
        _refuse(f"the image is not corrected for {' and '.join(_CORRECTIONS[word] for word in lacking)}")
    dose = _dose(first)
    if first.decay == "ADMIN":
        decayed = dose.dose_bq
    elif first.decay == "START":
        start = _parse(first.decay_reference) or _start(slices, dose.half_life_s)
        if start is None:
            _refuse("when the scan began is missing")
        decayed = dose.dose_bq * 2.0 ** (-_uptake_s(first, start) / dose.half_life_s)
    else:
        _refuse(f"decay was corrected to {first.decay:.16}" if first.decay else "DecayCorrection is missing")
    return 1000.0 * dose.weight_kg / decayed


_CORRECTIONS = {"ATTN": "attenuation (ATTN)", "DECY": "decay (DECY)"}


def _dose(facts: PetFacts) -> _Dose:
    weight, dose, half_life = facts.weight_kg, facts.dose_bq, facts.half_life_s
    missing = [
        name
        for name, value in (("PatientWeight", weight), ("RadionuclideTotalDose", dose), ("half-life", half_life))
        if not value
    ]
    if missing or weight is None or dose is None or half_life is None:
        _refuse(f"{', '.join(missing)} missing or 0")
    if not WEIGHT_KG[0] <= weight <= WEIGHT_KG[1]:
        _refuse("the patient's weight is out of range", "1 to 500 kg")
    if not DOSE_BQ[0] <= dose <= DOSE_BQ[1]:
        _refuse(f"the dose is {dose:g}", "Bq, 100,000 or more")
    return _Dose(weight, dose, _positive(half_life, "the half-life"))


def _uptake_s(facts: PetFacts, start: datetime) -> float:
    """From injection to the start of the scan."""
    told = _parse(facts.injected)
    clock = _clock(facts.injected_time)
    if told is None and clock is None:
        _refuse("when the tracer was injected is missing")
    if clock is not None and told is not None:
        apart = abs((told - datetime.combine(told.date(), datetime.min.time(), UTC)).total_seconds() - clock)
        if min(apart, 86_400 - apart) > CLOCKS_APART_S:
            _refuse("two times of injection contradict each other")
    if told is not None and 0 <= (uptake := (start - told).total_seconds()) < LONGEST_UPTAKE_S:
        return uptake
    if clock is None:
        _refuse("the injection is not within the day before the scan")
    # Dates of injection are often wrong where a file was made anonymous; the time of day is then the scan's last such.
    midnight = datetime.combine(start.date(), datetime.min.time(), UTC)
    return (start - midnight - timedelta(seconds=clock)).total_seconds() % 86_400.0


def _start(slices: Sequence[PetFacts], half_life_s: float) -> datetime | None:
    """When the scan began: the series' own time, unless that was overwritten when the series was made anew."""
    acquired = [moment for one in slices if (moment := _parse("".join(one.acquired)))]
    series = _parse("".join(slices[0].series_start))
    if series and (not acquired or series <= min(acquired)):
        return series
    if slices[0].ge_start and (told := _parse(slices[0].ge_start)):
        return told
    if not acquired:
        return None
    # Each slice's values stand for a moment within its frame; the series began that much before.
    begun = [moment for one in slices if (moment := _begun(one, half_life_s))]
    return min(begun) if len(begun) == len(slices) else None


def _begun(facts: PetFacts, half_life_s: float) -> datetime | None:
    acquired = _parse("".join(facts.acquired))
    if acquired is None or facts.reference_ms is None or not facts.duration_ms or facts.duration_ms <= 0:
        return None
    constant = math.log(2) / half_life_s
    during = constant * facts.duration_ms / 1000
    average_s = math.log(during / -math.expm1(-during)) / constant
    return acquired + timedelta(seconds=average_s - facts.reference_ms / 1000)


def _parse(text: str) -> datetime | None:
    """A DICOM date and time; the offset from UTC is left aside, for all times of one series are of one clock."""
    text = text.strip()
    for sign in "+-":
        text = text.partition(sign)[0]
    digits, _, fraction = text.partition(".")
    if len(digits) < 12 or not digits.isdecimal():
        return None
    try:
        moment = datetime.strptime(digits[:14].ljust(14, "0"), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    return moment + timedelta(seconds=float(f"0.{fraction}") if fraction.isdecimal() else 0.0)


def _clock(text: str) -> float | None:
    """Seconds since midnight."""
    moment = _parse(f"20000101{text}")
    return None if moment is None else (moment - datetime(2000, 1, 1, tzinfo=UTC)).total_seconds()


def _positive(value: float, what: str) -> float:
    if not (math.isfinite(value) and value > 0):
        _refuse(f"{what} is {value:g}", "above 0")
    return value


def _refuse(seen: str, wanted: str = "what SUV by body weight needs, as the scanner wrote it") -> NoReturn:
    raise SuvNotComputable(f"the PET cannot be turned into SUV: {seen}; wanted {wanted}")
