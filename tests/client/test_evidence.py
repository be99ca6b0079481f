"""A line says what a training cohort as a whole shows of a therapy, or why it shows nothing."""

from radresponse.evidence import evidence_lines
from radresponse.therapy_tables import Line
from radresponse.v1 import model_pb2, prediction_pb2

MODEL = model_pb2.ModelReference(name="mine", version="2")


def line(population: prediction_pb2.PopulationEvidence | None) -> Line:
    difference = prediction_pb2.Difference(reference_therapy="old", model=MODEL, population=population)
    return Line("new", prediction_pb2.Prediction(therapy="new", model=MODEL), difference)


def population(**more: object) -> prediction_pb2.PopulationEvidence:
    told: dict[str, object] = {
        "overlap": prediction_pb2.OVERLAP_VERDICT_SUFFICIENT,
        "difference": 0.247,
        "difference_interval": prediction_pb2.Interval(lower=0.13, upper=0.364, level=0.9),
        "e_value": 4.23,
        "e_value_of_limit": 2.71,
        "evidence": "randomised",
        "option_patients": 69,
        "reference_patients": 178,
    }
    return prediction_pb2.PopulationEvidence(**(told | more))  # type: ignore[arg-type]


def test_a_difference_is_told_with_its_interval_patients_and_evidence() -> None:
    (told,) = evidence_lines([line(population())])
    assert told == (
        "new by mine v2: +25 (+13 to +36) percentage points on average, over 69 and 178 patients, an effect, therapies "
        "were given by chance; E-value 4.2, of the limit 2.7"
    )


def test_time_is_told_in_months_and_weakness_by_its_reason() -> None:
    days = prediction_pb2.Interval(lower=-30.4375, upper=91.3125, level=0.9)
    weak = population(
        overlap=prediction_pb2.OVERLAP_VERDICT_WEAK,
        difference=30.4375,
        difference_interval=days,
        horizon_days=365.25,
        evidence="observational",
        reasons=[prediction_pb2.Warning(reason="IMBALANCE", message="ages differ")],
    )
    (told,) = evidence_lines([line(weak)])
    assert "+1.0 (-1.0 to +3.0) months within 12.0 on average" in told
    assert "adjusted, clinicians chose the therapies" in told
    assert told.endswith("; weak: ages differ")


def test_what_is_refused_says_why_and_what_is_absent_says_nothing() -> None:
    refused = prediction_pb2.PopulationEvidence(
        overlap=prediction_pb2.OVERLAP_VERDICT_REFUSED,
        reasons=[prediction_pb2.Warning(reason="NOBODY_TREATED", message="nobody with HER2 was given new")],
    )
    assert list(evidence_lines([line(refused), line(None)])) == [
        "new by mine v2: refused: nobody with HER2 was given new"
    ]
