"""PET in SUV: each vendor's way of saying it, worked out by hand, and refusals where something is missing."""

import dataclasses
from datetime import datetime, timedelta

import pytest

from features.dicom.suv import PetFacts, suv_factor
from features.errors import SuvNotComputable

HALF_LIFE = 6586.2
PLAIN = PetFacts(
    units="BQML",
    suv_type="",
    corrections=("DECY", "ATTN"),
    decay="START",
    weight_kg=80.0,
    dose_bq=4.0e8,
    half_life_s=HALF_LIFE,
    injected="",
    injected_time="093000",
    series_start=("20200102", "104500"),
    acquired=("20200102", "104500"),
    reference_ms=None,
    duration_ms=None,
    ge_start="",
    philips_suv=None,
    philips_bq=None,
)


def factor(uptake_s: float) -> float:
    return 80_000 / (4.0e8 * 2 ** (-uptake_s / HALF_LIFE))


def of(**changed: object) -> float:
    return suv_factor([dataclasses.replace(PLAIN, **changed)])  # type: ignore[arg-type]


def test_activity_is_set_against_the_dose_that_is_left_at_the_start_of_the_scan() -> None:
    assert of() == pytest.approx(factor(75 * 60))
    assert of(injected="20200102093000.00") == pytest.approx(factor(75 * 60))


def test_a_dose_corrected_to_the_injection_has_not_decayed() -> None:
    assert of(decay="ADMIN", injected_time="", series_start=("", "")) == pytest.approx(80_000 / 4.0e8)


def test_an_injection_before_midnight_is_of_the_day_before() -> None:
    night = {"series_start": ("20200102", "003000"), "acquired": ("20200102", "003000"), "injected_time": "233000"}
    assert of(**night) == pytest.approx(factor(3600))


def test_a_wrong_date_of_injection_leaves_its_time_of_day() -> None:
    """As in files that were made anonymous: the two dates were moved by different numbers of days."""
    assert of(injected="20200103093000") == pytest.approx(factor(75 * 60))
    assert of(injected="20150507093000") == pytest.approx(factor(75 * 60))


def test_a_series_made_anew_counts_from_the_first_acquisition_by_its_frame_times() -> None:
    """Siemens: the series' time is of a reconstruction; values are of the moment within a frame that decay halves."""
    start, duration = datetime(2020, 1, 2, 10, 45), 120.0
    constant = 0.6931471805599453 / HALF_LIFE
    slices = []
    for bed in range(3):
        begun = start + timedelta(seconds=bed * duration)
        # What is emitted in the frame, set against a rate that holds all through it.
        average = _average_moment(duration, constant)
        slices.append(
            dataclasses.replace(
                PLAIN,
                series_start=("20200102", "180000"),
                acquired=(begun.strftime("%Y%m%d"), begun.strftime("%H%M%S")),
                reference_ms=1000 * (bed * duration + average),
                duration_ms=1000 * duration,
            )
        )
    assert suv_factor(slices) == pytest.approx(factor(75 * 60), rel=1e-6)


def _average_moment(duration: float, constant: float) -> float:
    """By bisection: when the rate equals the mean of the rate over the frame."""
    from math import exp  # noqa: PLC0415

    mean = (1 - exp(-constant * duration)) / (constant * duration)
    low, high = 0.0, duration
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if exp(-constant * middle) > mean else (low, middle)
    return low


def test_ge_tells_the_start_of_the_scan_in_a_private_value() -> None:
    late = {"series_start": ("20200102", "180000"), "ge_start": "20200102104500.00"}
    assert of(**late) == pytest.approx(factor(75 * 60))


def test_philips_counts_have_factors_of_their_own() -> None:
    assert of(units="CNTS", philips_suv=0.00125) == pytest.approx(0.00125)
    assert of(units="CNTS", philips_bq=2.5) == pytest.approx(2.5 * factor(75 * 60))


def test_what_is_suv_already_stays() -> None:
    bare = {"weight_kg": None, "dose_bq": None, "half_life_s": None, "injected_time": ""}
    assert of(units="GML", **bare) == of(units="GML", suv_type="BW", **bare) == 1.0


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"weight_kg": None}, "PatientWeight"),
        ({"weight_kg": 0.0}, "PatientWeight"),
        ({"weight_kg": 80_000.0}, "weight is out of range"),
        ({"dose_bq": None}, "RadionuclideTotalDose"),
        ({"dose_bq": 400.0}, "the dose is 400"),
        ({"half_life_s": None}, "half-life"),
        ({"half_life_s": -1.0}, "half-life"),
        ({"injected_time": ""}, "injected is missing"),
        ({"injected": "20200102123000"}, "contradict"),
        ({"injected": "20200105093000", "injected_time": ""}, "not within the day"),
        ({"series_start": ("", ""), "acquired": ("", "")}, "when the scan began"),
        ({"series_start": ("20200102", "180000")}, "when the scan began"),
        ({"decay": "NONE"}, "corrected to NONE"),
        ({"decay": ""}, "DecayCorrection is missing"),
        ({"corrections": ("DECY",)}, "attenuation"),
        ({"corrections": ("ATTN",)}, "decay"),
        ({"units": "GML", "suv_type": "LBM"}, "LBM"),
        ({"units": "CNTS"}, "Philips"),
        ({"units": "CNTS", "philips_suv": -1.0}, "above 0"),
        ({"units": "PROPCPS"}, "PROPCPS"),
        ({"units": ""}, "units are not given"),
    ],
)  # fmt: skip
def test_what_is_missing_or_contradicts_itself_is_refused(changed: dict[str, object], said: str) -> None:
    with pytest.raises(SuvNotComputable, match=said):
        of(**changed)


def test_slices_that_differ_in_dose_are_refused() -> None:
    with pytest.raises(SuvNotComputable, match="differ"):
        suv_factor([PLAIN, dataclasses.replace(PLAIN, dose_bq=1e8)])


def test_the_weight_is_told_to_nobody() -> None:
    with pytest.raises(SuvNotComputable) as caught:
        of(weight_kg=666.6)
    assert "666" not in str(caught.value)
    assert "80" not in repr(PLAIN)
