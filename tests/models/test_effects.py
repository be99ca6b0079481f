"""Therapies are compared where patients overlap, rightly on average, with intervals that hold; else refused by name."""

import os
from dataclasses import replace
from functools import cache
from pathlib import Path

import lifelines
import numpy as np
import pandas as pd
import pytest
from builders.treated import COLUMNS, HORIZON, PAIR, Given, treated, true_probability_gain, true_restricted_mean_gain
from lifelines.utils import restricted_mean_survival_time

from models.effects.answers import Comparison, Estimated
from models.effects.compare import Comparing, compare, compare_therapies
from models.effects.estimate import combined
from models.effects.pseudo import restricted_mean, restricted_mean_pseudo_values, survival_pseudo_values
from models.effects.sensitivity import as_risk_ratio, e_value, e_value_of_limit
from models.errors import BadCohort
from models.families.columns import THERAPY, ColumnSpec
from models.families.target import OutcomeTarget, ProgressionTarget
from models.plain import dumps, from_plain, loads

QUICK = Comparing("observational", learners=False)


@cache
def compared(patients: int, seed: int, given: Given = "patient") -> Comparison:
    known = treated(patients, seed, given=given)
    return compare(known.frame, COLUMNS, known.outcome, PAIR, QUICK)


def progression(seed: int, patients: int = 80) -> ProgressionTarget:
    random = np.random.default_rng(seed)
    to_event, watched = random.exponential(300, patients), random.exponential(400, patients)
    return ProgressionTarget(np.ceil(np.minimum(to_event, watched)), to_event <= watched)


def test_confounding_is_adjusted_away() -> None:
    """Who does worse is given the old therapy more often: plain means mislead, the estimate does not."""
    known = treated(1500, 5)
    effect = compare(known.frame, COLUMNS, known.outcome, PAIR, QUICK).effects[0]
    new = (known.frame[THERAPY] == "new").to_numpy()
    plain = known.outcome.response[new].mean() - known.outcome.response[~new].mean()
    truth = true_probability_gain()
    assert abs(plain - truth) > 0.08
    assert effect.difference.value == pytest.approx(truth, abs=0.05)
    assert effect.difference.lower < truth < effect.difference.upper


def test_restricted_means_are_compared_under_censoring() -> None:
    known = treated(500, 6)
    how = replace(QUICK, horizons=(HORIZON,))
    comparison = compare(known.frame, COLUMNS, known.progression, PAIR, how)
    assert [(one.quantity, one.day) for one in comparison.effects] == [
        ("restricted_mean", HORIZON),
        ("survival", HORIZON),
    ]
    assert comparison.effects[0].difference.value == pytest.approx(true_restricted_mean_gain(), abs=45)
    assert comparison.overlap.verdict == "sufficient"


@pytest.mark.slow
def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    """30 draws, for a test; `python -m tests.benchmarks effects` looks at 200."""
    truth = true_probability_gain()
    found = [compared(240, seed).effects[0].difference for seed in range(100, 130)]
    held = np.mean([one.lower <= truth <= one.upper for one in found])
    assert held >= 0.75
    assert np.mean([one.value for one in found]) == pytest.approx(truth, abs=0.035)


def test_patients_without_overlap_are_refused_by_name() -> None:
    overlap = compared(400, 3, "apart").overlap
    assert overlap.verdict == "refused"
    assert "NO_OVERLAP" in {reason.name for reason in overlap.reasons}
    assert compared(400, 3, "apart").effects == ()


def test_chance_gives_balance_and_an_effective_size_near_the_numbers_treated() -> None:
    overlap = compared(400, 3, "chance").overlap
    assert overlap.verdict == "sufficient"
    assert overlap.reasons == ()
    assert overlap.option_effective > 0.9 * overlap.option_patients
    assert max(abs(one.after) for one in overlap.imbalance) < 0.15
    assert overlap.option_patients + overlap.reference_patients == 400


def test_weighting_evens_out_what_the_patient_decided() -> None:
    worst = max(compared(600, 4).overlap.imbalance, key=lambda one: abs(one.before))
    assert worst.column == "x0"
    assert abs(worst.before) > 0.5
    assert abs(worst.after) < 0.5 * abs(worst.before)


def test_a_kind_of_patient_who_never_got_a_therapy_is_named() -> None:
    known = treated(400, 7, given="chance")
    positive = np.arange(400) % 4 == 0
    frame = known.frame.assign(her2=positive.astype(float))
    frame.loc[positive, THERAPY] = "old"
    overlap = compare(frame, (*COLUMNS, ColumnSpec("her2")), known.outcome, PAIR, QUICK).overlap
    assert overlap.verdict == "refused"
    assert any("nobody of the 100 patients with her2 1 was given new" in one.message for one in overlap.reasons)


def test_too_few_treated_are_refused_before_anything_is_fitted() -> None:
    known = treated(200, 8)
    rows = np.flatnonzero((known.frame[THERAPY] == "old").to_numpy())
    few = np.flatnonzero((known.frame[THERAPY] == "new").to_numpy())[:12]
    part = np.sort(np.concatenate([rows, few]))
    overlap = compare(
        known.frame.iloc[part].reset_index(drop=True), COLUMNS, known.outcome.take(part), PAIR, QUICK
    ).overlap
    assert overlap.verdict == "refused"
    assert overlap.reasons[0].name == "FEW_PATIENTS"
    assert "12 patients were given new" in overlap.reasons[0].message


def test_each_therapy_is_compared_in_each_group_and_what_cannot_be_is_refused_there_alone() -> None:
    known = treated(300, 9, given="chance")
    high = (known.frame["x2"] > 0).to_numpy()
    frame = known.frame.assign(
        **{THERAPY: np.where(high & (known.frame[THERAPY] == "new"), "other", known.frame[THERAPY])}
    )
    found = compare_therapies(frame, COLUMNS, known.outcome, "old", QUICK, groups={"x2: high": high, "x2: low": ~high})
    said = {(one.group, one.therapy): one.overlap.verdict for one in found}
    assert set(said) == {(group, therapy) for group in ("", "x2: high", "x2: low") for therapy in ("new", "other")}
    assert said["x2: high", "new"] == said["x2: low", "other"] == "refused"
    assert said["x2: low", "new"] != "refused"


@pytest.mark.parametrize(
    ("reference", "given", "said"),
    [
        ("placebo", None, "nobody was given the reference 'placebo'; known: new, old"),
        ("old", "old", "everybody was given 'old'; wanted two therapies or more"),
    ],
)
def test_a_therapy_given_to_nobody_or_to_everybody_is_refused(reference: str, given: str | None, said: str) -> None:
    known = treated(100)
    frame = known.frame if given is None else known.frame.assign(**{THERAPY: given})
    with pytest.raises(BadCohort, match=said):
        compare_therapies(frame, COLUMNS, known.outcome, reference, QUICK)


def test_a_horizon_beyond_what_was_watched_is_refused() -> None:
    known = treated(200)
    with pytest.raises(BadCohort, match="a horizon of 9000 lies beyond"):
        compare(known.frame, COLUMNS, known.progression, PAIR, replace(QUICK, horizons=(9000.0,)))


def test_learners_agree_on_the_average_and_the_advice_beats_one_therapy_for_all() -> None:
    known = treated(900, 11)
    effect = compare(known.frame, COLUMNS, known.outcome, PAIR, Comparing("observational")).effects[0]
    by_name = {one.name: one for one in effect.learners}
    assert list(by_name) == ["unadjusted", "T", "S", "DR"]
    for name in ("T", "S", "DR"):
        one = by_name[name]
        assert one.difference is not None
        assert one.policy_value is not None
        assert one.difference.value == pytest.approx(known.probability_gain.mean(), abs=0.08)
        assert one.policy_value.value > max(effect.option.value, effect.reference.value) - 0.03
    assert by_name["unadjusted"].policy_value is None
    alone = compare(known.frame, COLUMNS, known.outcome, PAIR, QUICK).effects[0]
    assert alone.learners == () and alone == replace(effect, learners=())  # what stands beside moves nothing


@pytest.mark.parametrize("seed", range(3))
def test_pseudo_values_are_what_leaving_a_patient_out_takes_from_lifelines_kaplan_meier(seed: int) -> None:
    target = progression(seed, 40)
    curve = lifelines.KaplanMeierFitter().fit(target.time_days, target.event)
    survival, mean = survival_pseudo_values(target, 200.0), restricted_mean_pseudo_values(target, 200.0)
    for index in (0, 7, 23):
        rest = np.delete(np.arange(40), index)
        without = lifelines.KaplanMeierFitter().fit(target.time_days[rest], target.event[rest])
        expected = 40 * float(curve.predict(200.0)) - 39 * float(without.predict(200.0))
        assert survival[index] == pytest.approx(expected, abs=1e-9)
        area = 40 * restricted_mean_survival_time(curve, 200.0) - 39 * restricted_mean_survival_time(without, 200.0)
        assert mean[index] == pytest.approx(area, abs=1e-6)


def test_without_censoring_a_pseudo_value_is_the_patients_own_time() -> None:
    random = np.random.default_rng(0)
    target = ProgressionTarget(random.exponential(100, 50), np.ones(50, dtype=np.bool_))
    assert restricted_mean_pseudo_values(target, 80.0) == pytest.approx(np.minimum(target.time_days, 80.0))
    assert survival_pseudo_values(target, 80.0) == pytest.approx((target.time_days > 80).astype(float))


def test_a_restricted_means_standard_error_is_its_spread_over_samples() -> None:
    """lifelines' `return_variance` is that of a patient's time, not of the mean."""
    means, errors = np.transpose([restricted_mean(progression(seed, 100), 300.0) for seed in range(400)])
    assert np.mean(errors) == pytest.approx(float(np.std(means)), rel=0.1)
    curve = lifelines.KaplanMeierFitter().fit(progression(1).time_days, progression(1).event)
    assert restricted_mean(progression(1), 300.0)[0] == pytest.approx(restricted_mean_survival_time(curve, 300.0))


def test_e_values_are_those_published() -> None:
    """VanderWeele and Ding 2017: a risk ratio of 3.9 (1.8 to 8.7) has 7.26, its limit 3.0."""
    assert e_value(3.9) == pytest.approx(7.26, abs=0.01)
    assert e_value_of_limit(3.9, 1.8, 8.7) == pytest.approx(3.0, abs=0.01)
    assert e_value(1 / 3.9) == pytest.approx(e_value(3.9))
    assert e_value_of_limit(0.8, 0.5, 1.2) == 1.0
    assert e_value(1.0) == 1.0
    assert as_risk_ratio(0.0) == 1.0


def test_repeated_cross_fittings_count_their_spread() -> None:
    same = combined([Estimated(1.0, 0.5, 1.5)] * 3, 0.9, 100)
    assert (same.value, same.lower, same.upper) == pytest.approx((1.0, 0.5, 1.5))
    apart = combined([Estimated(value, value - 0.5, value + 0.5) for value in (0.0, 1.0, 2.0)], 0.9, 100)
    assert apart.value == 1.0
    assert apart.upper - apart.lower > 1.0


def test_a_comparison_travels_as_plain_json() -> None:
    for comparison in (compared(240, 100), compared(400, 3, "apart")):
        assert from_plain(Comparison, loads(dumps(comparison), place="x"), place="x") == comparison


@pytest.fixture(scope="module")
def outcomes() -> Path:
    folder = Path(os.environ.get("RADRESPONSE_DATA", "")) / "outcomes"
    if not os.environ.get("RADRESPONSE_DATA") or not folder.is_dir():
        pytest.skip("RADRESPONSE_DATA with outcomes is not here")
    return folder


def test_pembrolizumab_against_control_covers_what_the_trial_published(outcomes: Path) -> None:
    """I-SPY2, HER2-negative: +0.276 (0.132 to 0.420) in pCR; nobody with HER2 was given it."""
    table = pd.read_csv(outcomes / "mama_mia" / "clinical_and_imaging_info.csv")
    table = table[(table["dataset"] == "ISPY2") & table["pcr"].notna()]
    pair = ("Paclitaxel + Pembrolizumab", "Paclitaxel")
    part = table[table["nac_agent"].isin(pair) & (table["her2"] == 0)].reset_index(drop=True)
    part[THERAPY] = part["nac_agent"]
    columns = (ColumnSpec("age"), ColumnSpec("hr"), ColumnSpec("bmi_group", "category"))
    comparison = compare(part, columns, OutcomeTarget(part["pcr"].to_numpy(dtype=float)), pair, Comparing("randomised"))
    difference = comparison.effects[0].difference
    assert difference.lower < 0.276 < difference.upper
    assert 0.132 < difference.value < 0.420
    positive = table[table["nac_agent"].str.contains("Neratinib") | (table["nac_agent"] == "Paclitaxel")]
    positive = positive.reset_index(drop=True).assign(therapy=lambda t: t["nac_agent"])
    refused = compare(
        positive,
        (*columns, ColumnSpec("her2")),
        OutcomeTarget(positive["pcr"].to_numpy(dtype=float)),
        ("Paclitaxel + Neratinib", "Paclitaxel"),
        QUICK,
    )
    assert refused.overlap.verdict == "refused"
    assert "with her2 1 was given Paclitaxel" in refused.overlap.reasons[0].message


def test_colons_restricted_mean_difference_has_a_right_standard_error(outcomes: Path) -> None:
    """Death in the colon trial within five years; the unadjusted error is that of a bootstrap over patients."""
    table = pd.read_csv(outcomes / "trials" / "survival__colon.csv")
    table = table[(table["etype"] == 2) & table["rx"].isin(("Obs", "Lev+5FU"))].reset_index(drop=True)
    table[THERAPY] = table["rx"]
    target = ProgressionTarget(table["time"].to_numpy(dtype=float), table["status"].to_numpy(dtype=float) > 0)
    horizon = 1826.25
    arms = [target.take(np.flatnonzero((table["rx"] == arm).to_numpy())) for arm in ("Lev+5FU", "Obs")]
    plain = [restricted_mean(arm, horizon) for arm in arms]
    random = np.random.default_rng(0)
    draws = []
    for _ in range(300):
        drawn = [arm.take(random.integers(arm.event.size, size=arm.event.size)) for arm in arms]
        draws.append(restricted_mean(drawn[0], horizon)[0] - restricted_mean(drawn[1], horizon)[0])
    assert np.hypot(plain[0][1], plain[1][1]) == pytest.approx(float(np.std(draws)), rel=0.12)
    how = Comparing("randomised", (horizon,), learners=False)
    columns = tuple(ColumnSpec(name) for name in ("age", "nodes", "extent", "differ", "obstruct"))
    effect = compare(table, columns, target, ("Lev+5FU", "Obs"), how).effects[0]
    assert effect.difference.lower < plain[0][0] - plain[1][0] < effect.difference.upper
    width, unadjusted = (
        effect.difference.upper - effect.difference.lower,
        2 * 1.645 * np.hypot(plain[0][1], plain[1][1]),
    )
    assert 0.8 * unadjusted < width < 1.05 * unadjusted
