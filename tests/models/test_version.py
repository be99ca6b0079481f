"""What an answer says beside its number: differences, notices, reasons."""

from pathlib import Path

import numpy as np
import pytest
from builders.tables import TEXTURE, THERAPIES
from builders.versions import cohort, loaded, values_of

from models.errors import MissingColumn, UnknownTherapy
from models.version import TrainedModel as Model


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return loaded(tmp_path_factory.mktemp("outcome") / "v", "outcome", "xgboost")


@pytest.fixture(scope="module")
def progression(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return loaded(tmp_path_factory.mktemp("progression") / "v", "progression", "cox")


def test_therapies_are_answered_in_the_order_asked(outcome: Model) -> None:
    asked = ("targeted", "chemotherapy")
    answer = outcome.predict(values_of(outcome), asked)
    assert tuple(one.therapy for one in answer.predictions) == asked
    assert answer.differences == ()
    everything = outcome.predict(values_of(outcome))
    assert tuple(one.therapy for one in everything.predictions) == THERAPIES
    assert {one.therapy: one for one in everything.predictions}["targeted"] == answer.predictions[0]


def test_differences_are_those_of_the_predictions_against_the_reference(outcome: Model, progression: Model) -> None:
    answer = outcome.predict(values_of(outcome), reference="immunotherapy")
    chance = {one.therapy: one.outcome.probability for one in answer.predictions if one.outcome}
    assert [one.therapy for one in answer.differences] == ["chemotherapy", "targeted"]
    for one in answer.differences:
        assert one.reference_therapy == "immunotherapy"
        assert one.probability == pytest.approx(chance[one.therapy] - chance["immunotherapy"], abs=1e-15)
        assert one.restricted_mean_days is None and one.median_days is None
    curves = progression.predict(values_of(progression), reference="immunotherapy")
    means = {one.therapy: one.progression for one in curves.predictions}
    for one in curves.differences:
        ours, against = means[one.therapy], means["immunotherapy"]
        assert ours is not None and against is not None
        assert one.restricted_mean_days == pytest.approx(ours.restricted_mean_days - against.restricted_mean_days)
        assert one.probability is None
        if ours.median_days is None or against.median_days is None:
            assert one.median_days is None
        else:
            assert one.median_days == pytest.approx(ours.median_days - against.median_days)


def test_a_reference_that_is_not_asked_about_is_still_compared_against(outcome: Model) -> None:
    answer = outcome.predict(values_of(outcome), ["targeted"], reference="chemotherapy")
    assert [one.therapy for one in answer.predictions] == ["targeted"]
    (difference,) = answer.differences
    assert difference.reference_therapy == "chemotherapy"
    with pytest.raises(UnknownTherapy):
        outcome.predict(values_of(outcome), ["targeted"], reference="surgery")


def test_paired_differences_are_narrower_than_unpaired_ones(progression: Model) -> None:
    """What two therapies share (the patient, the baseline) moves both in a replicate, and cancels."""
    paired, unpaired = [], []
    for row in range(10):
        answer = progression.predict(values_of(progression, row), reference="chemotherapy")
        widths = {}
        for one in answer.predictions:
            assert one.progression is not None
            interval = one.progression.restricted_mean_interval
            assert interval is not None and interval.lower is not None and interval.upper is not None
            widths[one.therapy] = interval.upper - interval.lower
        for difference in answer.differences:
            interval = difference.restricted_mean_interval
            assert interval is not None and interval.lower is not None and interval.upper is not None
            paired.append(interval.upper - interval.lower)
            unpaired.append(np.hypot(widths[difference.therapy], widths["chemotherapy"]))
    assert np.mean(paired) < np.mean(unpaired)


def test_a_missing_value_that_may_be_imputed_is_named(outcome: Model) -> None:
    whole = values_of(outcome, int(np.flatnonzero(cohort().table["clinical.crp_mg_l"].notna())[0]))
    without = {name: value for name, value in whole.items() if name != "clinical.crp_mg_l"}
    (prediction, *_) = outcome.predict(without).predictions
    assert prediction.applicability.imputed == ("clinical.crp_mg_l",)
    (notice,) = [one for one in prediction.notices if one.reason == "IMPUTED"]
    assert "clinical.crp_mg_l" in notice.message
    (reason,) = [one for one in prediction.contributions if one.column == "clinical.crp_mg_l"]
    assert reason.value is None
    spec = next(spec for spec in outcome.columns if spec.name == "clinical.crp_mg_l")
    assert isinstance(spec.impute, float)
    imputed = outcome.predict(without | {"clinical.crp_mg_l": spec.impute}).predictions[0]
    assert imputed.outcome == prediction.outcome
    assert not [one for one in imputed.notices if one.reason == "IMPUTED"]


def test_a_missing_feature_is_refused_with_the_reason_why_it_is_missing(outcome: Model) -> None:
    values = {name: value for name, value in values_of(outcome).items() if name != TEXTURE}
    with pytest.raises(MissingColumn, match="flat lesion") as caught:
        outcome.predict(values, missing={TEXTURE: "flat lesion"})
    assert caught.value.place == f"case.features.{TEXTURE}"


def test_reasons_are_largest_first_and_have_value_unit_and_scale(outcome: Model, progression: Model) -> None:
    for model, scale in ((outcome, "log-odds of response"), (progression, "log-hazard of progression")):
        prediction = model.predict(values_of(model), ["targeted"]).predictions[0]
        sizes = [abs(one.contribution) for one in prediction.contributions]
        assert sizes == sorted(sizes, reverse=True)
        assert {one.scale for one in prediction.contributions} == {scale}
        reasons = {one.column: one for one in prediction.contributions}
        assert set(reasons) == {*(spec.name for spec in model.columns), "therapy"}
        assert reasons["therapy"].value == "targeted"
        assert reasons["clinical.age_years"].unit == "years"
        assert reasons["clinical.sex"].value in ("female", "male")


def test_simulated_patients_are_named_and_real_ones_are_not(tmp_path: Path, outcome: Model) -> None:
    notices = outcome.predict(values_of(outcome)).predictions[0].notices
    assert "SIMULATED_TRAINING_COHORT" in [one.reason for one in notices]
    real = loaded(tmp_path / "v", "outcome", "xgboost", simulated=False, evidence="observational")
    notices = real.predict(values_of(real)).predictions[0].notices
    assert "SIMULATED_TRAINING_COHORT" not in [one.reason for one in notices]


def test_a_patient_unlike_the_cohort_is_marked_or_withheld_as_the_policy_says(tmp_path: Path, outcome: Model) -> None:
    far = values_of(outcome) | {spec.name: 1e5 for spec in outcome.columns if spec.name.startswith("radiomics")}
    marked = outcome.predict(far, reference="targeted")
    assert marked.predictions[0].applicability.status == "outside"
    assert marked.predictions[0].outcome is not None
    assert len(marked.differences) == 2
    (notice,) = [one for one in marked.predictions[0].notices if one.reason == "OUTSIDE_TRAINING_COHORT"]
    assert "150 patients" in notice.message
    withholding = loaded(tmp_path / "v", "outcome", "xgboost", outside="withhold")
    withheld = withholding.predict(far, reference="targeted")
    assert all(one.outcome is None and one.contributions == () for one in withheld.predictions)
    assert withheld.differences == ()
    near = withholding.predict(values_of(withholding)).predictions[0]
    assert near.outcome == outcome.predict(values_of(outcome)).predictions[0].outcome


def test_intervals_widen_with_their_level(tmp_path: Path, outcome: Model) -> None:
    wide = loaded(tmp_path / "v", "outcome", "xgboost", interval_level=0.99)
    for one, other in zip(
        outcome.predict(values_of(outcome)).predictions, wide.predict(values_of(wide)).predictions, strict=True
    ):
        assert one.outcome is not None and one.outcome.interval is not None
        assert other.outcome is not None and other.outcome.interval is not None
        assert one.outcome.interval.level == 0.9 and other.outcome.interval.level == 0.99
        assert one.outcome.probability == other.outcome.probability
        assert (other.outcome.interval.upper or 0) > (one.outcome.interval.upper or 1)
        assert (other.outcome.interval.lower or 1) < (one.outcome.interval.lower or 0)
