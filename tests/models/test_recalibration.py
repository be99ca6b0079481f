"""Hazards are recalibrated by Poisson regression: as scikit-learn has it, and right again where the truth is known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from builders.own_tables import site_table, written
from builders.tables import EMBEDDED, Known, known
from builders.versions import facts
from sklearn.linear_model import PoissonRegressor

from features.types import Floats
from models import crossfit
from models.__main__ import main
from models.calibration import Calibration
from models.errors import BadCohort, BadSignature, BrokenFile
from models.evaluate import Evaluating, evaluate
from models.families import aft_progression
from models.families.all import family_of, recalibrated
from models.families.family import Fitted, ProgressionScores
from models.families.target import ProgressionTarget
from models.manifest import FILE, Manifest, read_manifest, write_manifest
from models.measures.calibration_curve import calibration_index
from models.plain import dumps, loads
from models.recalibration import Followed, HazardCalibration, log_at_horizon, measure, mend, recalibrated_hazard
from models.tabular.reading import TableRequest

DAYS = tuple(range(0, 1001, 20))


def patients(count: int, seed: int) -> tuple[Floats, Floats, ProgressionTarget]:
    """Log-hazards, true cumulative hazards at DAYS, and what became of patients who are lost at random."""
    draw = np.random.default_rng(seed)
    log_hazard = draw.normal(0, 0.8, count) - np.log(400)
    time, lost = draw.exponential(np.exp(-log_hazard)), draw.uniform(50, 1500, count)
    target = ProgressionTarget(np.minimum(time, lost) + 1e-9, time <= lost)
    return log_hazard, np.exp(log_hazard)[:, None] * np.array(DAYS), target


def too_extreme(log_hazard: Floats, by: float, level: float) -> Floats:
    """Cumulative hazards whose log ratios are stretched."""
    middle = log_hazard.mean()
    told: Floats = np.exp(middle + level + by * (log_hazard - middle))[:, None] * np.array(DAYS)
    return told


def followed(hazard: Floats, target: ProgressionTarget) -> Followed:
    return Followed.of(hazard, DAYS, float(log_at_horizon(hazard).mean()), target)


def test_slope_is_that_of_scikit_learns_poisson_regression() -> None:
    log_hazard, _, target = patients(300, 1)
    of = followed(too_extreme(log_hazard, 1.7, 0.4), target)
    theirs = PoissonRegressor(alpha=0, tol=1e-10, max_iter=1000, solver="newton-cholesky")
    theirs.fit(of.ratio[:, None], of.event / of.expected, sample_weight=of.expected)
    assert measure(of).slope == pytest.approx(1 + theirs.coef_[0], abs=1e-4)
    mended = mend(of, 0.0)
    assert mended.intercept == pytest.approx(theirs.intercept_, abs=0.02), "but for half an event"


def test_right_hazards_have_slope_1_and_as_many_events_as_expected_late_entry_or_not() -> None:
    _, hazard, target = patients(6000, 2)
    entry = np.random.default_rng(0).uniform(0, 300, 6000)
    later = np.flatnonzero(entry < target.time_days)
    late = replace(target.take(later), entry_days=entry[later])
    for of in (followed(hazard, target), followed(hazard[later], late)):
        found = measure(of)
        assert found.slope_error is not None
        assert found.slope == pytest.approx(1, abs=3 * found.slope_error) and found.slope_error < 0.03
        assert found.events == pytest.approx(found.expected, rel=0.05)


def test_planted_slope_and_level_are_found_and_taken_back() -> None:
    log_hazard, true, target = patients(3000, 3)
    hazard = too_extreme(log_hazard, 1.6, 0.5)
    middle = float(log_at_horizon(hazard).mean())
    calibration = mend(followed(hazard, target), middle)
    assert calibration.slope == pytest.approx(1 / 1.6, abs=0.04)
    told = recalibrated_hazard(hazard, calibration)
    assert np.log(told[:, 1:] / true[:, 1:]) == pytest.approx(np.zeros((3000, len(DAYS) - 1)), abs=0.2)
    after = measure(followed(told, target))
    assert after.slope == pytest.approx(1, abs=1e-4) and after.events == pytest.approx(after.expected, rel=1e-3)


def test_patients_without_events_or_without_spread_have_a_level_and_no_slope() -> None:
    _, hazard, target = patients(60, 4)
    none = replace(target, event=np.zeros(60, dtype=bool))
    calibration = mend(followed(hazard, none), 0.0)
    assert calibration.slope == 1 and np.isfinite(calibration.intercept) and calibration.intercept < -3
    alike = np.repeat(hazard[:1], 60, axis=0)
    found = measure(followed(alike, target))
    assert (found.slope, found.slope_error) == (1.0, None) and "slope 1.00, " in str(found)
    early = replace(target, time_days=target.time_days * 0 + 1e-12, event=np.ones(60, dtype=bool))
    assert np.isfinite(mend(followed(hazard * 0, early), 0.0).intercept), "no hazard before the first event"


def test_no_recalibration_changes_no_bit() -> None:
    _, hazard, _ = patients(5, 5)
    assert recalibrated_hazard(hazard, Calibration()) is hazard


def index_of(fit: Fitted, new: Known, days: Floats) -> tuple[HazardCalibration, float]:
    """Calibration of hazards, and the integrated calibration index by day 300, of patients of whom all is known."""
    scores = fit.predict(new.table)
    assert isinstance(scores, ProgressionScores)
    middle = float(log_at_horizon(scores.cumulative_hazard).mean())
    target = ProgressionTarget(days, np.ones(days.size, dtype=bool))
    found = measure(Followed.of(scores.cumulative_hazard, fit.recipe.time_days, middle, target))
    hazard = np.array([np.interp(300, fit.recipe.time_days, row) for row in scores.cumulative_hazard])
    log_odds, once = np.log(np.expm1(np.maximum(hazard, 1e-9))), np.ones((1, days.size))
    seen = (days <= 300).astype(np.float64)
    return found, float(calibration_index(log_odds, seen, once, np.ones(days.size))[0])


def test_a_family_without_a_penalty_is_mended_on_patients_whose_hazard_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(aft_progression, "_PENALTIES", (1e-6,))
    family, new = family_of("progression", "weibull"), known(3000, seed=90)
    days = np.random.default_rng(0).exponential(300 * np.exp(-new.log_hazard)) + 1e-9
    before: list[tuple[HazardCalibration, float]] = []
    after: list[tuple[HazardCalibration, float]] = []
    for seed in range(4):
        case = known(100, seed=seed)
        for found, learner in ((before, family), (after, recalibrated(family))):
            fit = learner.fit(case.table, case.progression, case.columns, seed=1, replicates=0)
            found.append(index_of(fit, new, days))
    slopes = [np.mean([one.slope for one, _ in found]) for found in (before, after)]
    indices = [np.mean([index for _, index in found]) for found in (before, after)]
    assert slopes[0] < 0.75 and abs(slopes[1] - 1) < 0.2
    assert indices[1] < indices[0] - 0.02


@pytest.mark.parametrize("name", ["log_normal", "xgboost_cox"])
def test_estimate_and_replicates_are_recalibrated_and_shares_still_add_up(name: str) -> None:
    case, family = known(120), family_of("progression", name)
    plain = family.fit(case.table, case.progression, case.columns, seed=1, replicates=3)
    fit = recalibrated(family).fit(case.table, case.progression, case.columns, seed=1, replicates=3)
    assert fit.files() == plain.files() and fit.recipe.recalibration is not None
    assert fit.recipe.calibration.slope == pytest.approx(np.clip(fit.recipe.recalibration.slope, 0.1, 2))
    slope, intercept = 0.6, -0.4  # farther from 1 than these few patients happen to say
    fit = Fitted.of(replace(fit.recipe, calibration=Calibration(slope, intercept)), fit.engine, fit.cohort)
    rows = fit.encode(case.table)
    raw, (told, shares) = plain.score(rows), fit.explained(rows)
    assert isinstance(raw, ProgressionScores) and isinstance(told, ProgressionScores)
    for one, other in ((raw.cumulative_hazard, told.cumulative_hazard), (raw.replicates, told.replicates)):
        assert np.log(other[..., -1]) == pytest.approx(intercept + slope * np.log(one[..., -1]))
        assert (np.diff(other, axis=-1) >= 0).all() and (other[..., 0] == 0).all()
    apart = told.risk - told.risk[0]
    assert shares.sum(axis=1) - shares[0].sum() == pytest.approx(apart, abs=1e-5 if name == "xgboost_cox" else 1e-8)
    content = write_manifest(Manifest(fit.recipe, facts("progression")))
    kept = read_manifest(content).recipe
    again = recalibrated(family).load(kept, fit.files(), fit.cohort).score(rows)
    assert isinstance(again, ProgressionScores)
    assert np.array_equal(again.cumulative_hazard, told.cumulative_hazard)


def test_a_version_from_before_answers_as_before() -> None:
    case, family = known(120), family_of("progression", "weibull")
    fit = family.fit(case.table, case.progression, case.columns, seed=1, replicates=0)
    older = loads(write_manifest(Manifest(fit.recipe, facts("progression"))), place=FILE)
    del older["recipe"]["recalibration"]  # type: ignore[index, call-overload, arg-type, union-attr]
    recipe = read_manifest(dumps(older)).recipe
    assert recipe == fit.recipe and recipe.recalibration is None
    with pytest.raises(BrokenFile, match="counts what cannot be"):
        HazardCalibration(5, 6, 2.0, 1.0, None)


def test_late_entry_is_taken_and_competing_events_and_outcomes_are_refused(tmp_path: Path) -> None:
    case, family = known(120), recalibrated(family_of("progression", "weibull"))
    late = replace(case.progression, entry_days=case.progression.time_days * 0.3)
    assert family.fit(case.table, late, case.columns, seed=1, replicates=0).recipe.recalibration is not None
    died = replace(case.progression, competing=~case.progression.event)
    with pytest.raises(BadCohort, match="takes no competing events"):
        family.fit(case.table, died, case.columns, seed=1, replicates=0)
    few = np.arange(24)
    with pytest.raises(BadCohort, match=r"an inner fold of the recalibration: .* patients with .* wanted at least 20"):
        recalibrated(family_of("progression", "xgboost_cox")).fit(
            case.table.iloc[few], case.progression.take(few), case.columns, seed=1, replicates=0
        )
    with pytest.raises(BadCohort, match="the target is an outcome"):
        family.fit(case.table, case.outcome, case.columns, seed=1, replicates=0)
    request = TableRequest(written(tmp_path, site_table(60)), outcome="pcr")
    with pytest.raises(BadSignature, match="recalibration is of a time to progression"):
        evaluate(request, Evaluating(families=("xgboost",), recalibrate=True, progress=False))


def test_a_training_searches_recalibrates_and_its_card_says_both(
    tmp_path: Path, blank_database: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crossfit, "FOLDS", 2)
    (tmp_path / "mlflow.db").write_bytes(blank_database.read_bytes())
    case = known(90, therapy=False, noise_columns=0)
    table = case.table.drop(columns=EMBEDDED)
    table = table.assign(days=case.progression.time_days, seen=case.progression.event.astype(int))
    table.to_csv(tmp_path / "t.csv", index=False)
    asked = ["--table", str(tmp_path / "t.csv"), "--time", "days", "--event", "seen", "--family", "xgboost_cox"]
    more = ["--folds", "2", "--search", "2", "--recalibrate", "--name", "mine", "--data", str(tmp_path)]
    where = ["--registry", f"sqlite:///{tmp_path / 'mlflow.db'}"]
    assert main(["train", *asked, *more, *where]) == 0
    printed = capsys.readouterr().out
    assert main(["show", "mine", *where, "--data", str(tmp_path)]) == 0
    card = capsys.readouterr().out
    for text in (printed, card):
        assert "settings searched by 2 trials on inner folds: max_depth" in text
        assert "Hazards are recalibrated by patients that inner folds held out: slope" in text
        assert "events where" in text and "; after slope" in text
