"""Figures on held-out patients who entered late or died first: by lifelines, scikit-survival, hand and simulation."""

from pathlib import Path

import lifelines
import numpy as np
import pandas as pd
import pytest
from builders.late_patients import DAY, drawn, incidence, once
from lifelines.exceptions import StatError
from scipy.stats import norm
from sklearn.metrics import roc_auc_score
from sksurv.metrics import concordance_index_censored

from features.types import Floats
from models.admission.evaluate import read_table
from models.errors import BadCohort
from models.evaluation import concordance, patient_draws, progression_measures
from models.families.target import ProgressionTarget
from models.lower_bounds import fit_lower_bounds
from models.measures.discrimination import dynamic_auc, uno_concordance
from models.measures.horizon import judged_days, status_at
from models.measures.net_benefit import survival_decision_curve
from models.survival_error import censoring_survival, evaluation_days, integrated_brier
from models.under_watch import progressed_by, well_watched

DAYS = np.linspace(25.0, DAY, 10)


def truth(*, dying: bool) -> Floats:
    """What `the_figures` are of the population itself, by quadrature over log-hazards and times; nobody is drawn."""
    risk = norm.ppf((np.arange(400) + 0.5) / 400)
    chance = incidence(risk, np.array([DAY]), dying=dying)[:, 0]
    above = (chance[:, None] > chance[None, :]) + 0.5 * (chance[:, None] == chance[None, :])
    cases, controls = chance[:, None], 1 - chance[None, :]
    days = np.linspace(0, DAY, 201)
    came = incidence(risk, days, dying=dying)
    low = incidence(risk[risk < 0], DAYS, dying=dying)
    sooner = np.diff(came, axis=1) @ (1 - (came[:, 1:] + came[:, :-1]) / 2).T
    return np.array(
        [
            (chance * (1 - chance)).mean(),
            (cases * controls * above).sum() / (cases * controls).sum(),
            (sooner * above).sum() / sooner.sum(),
            chance.mean(),
            (np.where(chance >= 0.5, 2 * chance - 1, 0.0)).mean(),
            np.trapezoid((low * (1 - low)).mean(axis=0), DAYS) / (DAYS[-1] - DAYS[0]),
        ]
    )


def the_figures(target: ProgressionTarget, risk: Floats, *, dying: bool) -> Floats:
    """Of the true risk by a day: Brier score, AUC, Uno's C, what is observed, net benefit at one half, and the Brier
    score until then of those with less than the middle risk.
    """
    chance = incidence(risk, np.array([DAY]), dying=dying)[:, 0]
    status, draws = status_at(target, DAY), once(risk.size)
    return np.array(
        [
            (status.weight * (status.progressed - chance) ** 2).mean(),
            dynamic_auc(status, chance, draws)[0],
            uno_concordance(target, chance, draws, DAY)[0],
            (status.weight * status.progressed).mean(),
            survival_decision_curve(target, chance, draws, DAY)[4].model.value,
            integrated_brier(target, 1 - incidence(risk, DAYS, dying=dying), DAYS, draws * (risk < 0))[0],
        ]
    )


@pytest.mark.parametrize(("late", "dying"), [(True, False), (False, True), (True, True)])
def test_figures_of_who_is_seen_are_those_of_the_population_and_uncorrected_ones_are_not(
    late: bool, dying: bool
) -> None:
    right = truth(dying=dying)
    seen = [drawn(seed, 500, late=late, dying=dying) for seed in range(16)]
    corrected = np.array([the_figures(target, risk, dying=dying) for target, risk in seen])
    blind = np.array(
        [the_figures(ProgressionTarget(one.time_days, one.event), risk, dying=dying) for one, risk in seen]
    )
    error = corrected.std(axis=0, ddof=1) / 4
    assert (np.abs(corrected.mean(axis=0) - right) < 3 * error).all()
    judged = [0, 2, 4, 5]  # one of AUC and what is observed may be right without: errors of death and entry cancel
    assert (np.abs(blind.mean(axis=0) - right)[judged] > 2.5 * error[judged]).all()


def test_weighted_ends_add_up_to_lifelines_aalen_johansen() -> None:
    target, _ = drawn(1, 200, dying=True)
    assert target.competing is not None
    status = status_at(target, DAY)
    kind = target.event + 2 * target.competing
    fitter = lifelines.AalenJohansenFitter(calculate_variance=False).fit(target.time_days, kind, event_of_interest=1)
    expected = float(fitter.cumulative_density_.loc[:DAY].iloc[-1, 0])
    assert (status.weight * status.progressed).mean() == pytest.approx(expected, abs=1e-12)
    assert progressed_by(target, once(200), np.array([DAY]))[0, 0] == pytest.approx(expected, abs=1e-12)
    assert status.weight.sum() == pytest.approx(200)


def test_weighted_events_after_late_entry_add_up_to_lifelines_kaplan_meier() -> None:
    target, _ = drawn(2, 200, late=True)
    fitter = lifelines.KaplanMeierFitter().fit(target.time_days, target.event, entry=target.entry_days)
    status = status_at(target, DAY)
    assert (status.weight * status.progressed).mean() == pytest.approx(1 - float(fitter.predict(DAY)), abs=1e-12)
    assert status.weight.sum() == pytest.approx(200)


def test_with_all_from_day_nought_late_entry_is_none() -> None:
    plain, risk = drawn(3, 150)
    late = ProgressionTarget(plain.time_days, plain.event, np.zeros(150))
    days = evaluation_days(plain)
    assert (evaluation_days(late) == days).all()
    survival = 1 - incidence(risk, days)
    ours = progression_measures(late, risk, survival, days, once(150))
    for name, expected in progression_measures(plain, risk, survival, days, once(150)).items():
        # The calibration index is a mean over those seen, or over those whom they stand for.
        assert ours[name] == pytest.approx(expected, abs=0.02 if "index" in name else 1e-9)


def test_who_died_stays_comparable_for_good_as_if_never_progressing() -> None:
    """Wolbers' definition: the time of who died first is put beyond all others."""
    target, risk = drawn(4, 120, dying=True)
    assert target.competing is not None
    score = np.round(risk, 1)
    beyond = np.where(target.competing, 1e9, target.time_days)
    expected = concordance_index_censored(target.event, beyond, score)[0]
    assert concordance(target, score, once(120))[0] == pytest.approx(expected, abs=1e-12)


def test_a_pair_is_compared_only_while_both_are_under_watch() -> None:
    """The first progressed on day 10 with the third, 0 to 50, alone beside it; the second entered on day 20.

    The second progressed on day 30, with the third and the fourth, from day 25 on, beside it. Of these three pairs the
    first is in order (4 above 3), the second and third are not (1 below 3 and below 2).
    """
    target = ProgressionTarget(
        np.array([10.0, 30.0, 50.0, 60.0]), np.array([True, True, False, False]), np.array([0.0, 20.0, 0.0, 25.0])
    )
    risk = np.array([4.0, 1.0, 3.0, 2.0])
    assert concordance(target, risk, once(4))[0] == pytest.approx(1 / 3)
    everybody = ProgressionTarget(target.time_days, target.event)
    assert concordance(everybody, risk, once(4))[0] == pytest.approx(3 / 5)


def test_without_censoring_who_died_is_a_patient_without_progression() -> None:
    random = np.random.default_rng(5)
    event = random.random(90) < 0.6
    target = ProgressionTarget(1.0 + random.permutation(90).astype(np.float64), event, competing=~event)
    chance = random.random(90)
    status = status_at(target, 40.0)
    came = event & (target.time_days <= 40)
    assert (status.weight == 1).all() and (status.progressed == came).all()
    assert dynamic_auc(status, chance, once(90))[0] == pytest.approx(roc_auc_score(came, chance), abs=1e-12)
    days = np.array([20.0, 40.0])
    errors = [((event & (target.time_days <= day)) - 0.3) ** 2 for day in days]
    found = integrated_brier(target, np.full((90, 2), 0.7), days, once(90))[0]
    assert found == pytest.approx(np.mean(errors), abs=1e-12)


def test_a_decision_curve_reads_lifelines_aalen_johansen_of_those_acted_on() -> None:
    target, risk = drawn(6, 150, dying=True)
    assert target.competing is not None
    chance = incidence(risk, np.array([DAY]), dying=True)[:, 0]
    kind = target.event + 2 * target.competing
    for point in survival_decision_curve(target, chance, once(150), DAY):
        above = chance >= point.threshold
        odds, acted, events = point.threshold / (1 - point.threshold), above.mean(), 0.0
        if above.any():
            fitter = lifelines.AalenJohansenFitter(calculate_variance=False)
            curve = fitter.fit(target.time_days[above], kind[above], event_of_interest=1).cumulative_density_
            events = float(curve.loc[:DAY].iloc[-1, 0])
        assert point.model.value == pytest.approx(acted * events - acted * (1 - events) * odds, abs=1e-9)


def test_without_entry_and_death_no_bit_of_a_figure_is_another() -> None:
    """Beside the formulae as they stood before either was taken account of."""
    target, risk = drawn(7, 160)
    time, event = target.time_days, target.event
    days, weights = evaluation_days(target), patient_draws(160, 2, draws=5)
    survival = 1 - incidence(risk, days)
    own, then = censoring_survival(target, time), censoring_survival(target, days)
    own = np.where(own > 0, own, np.inf)
    each = np.where((time[:, None] <= days) & event[:, None], survival**2 / own[:, None], 0.0)
    each += np.where(time[:, None] > days, (1 - survival) ** 2 / then, 0.0)
    error = weights @ (np.trapezoid(each, days, axis=1) / (days[-1] - days[0])) / weights.sum(axis=1)
    assert (integrated_brier(target, survival, days, weights) == error).all()
    pairs = event[:, None] & (time[:, None] < time[None, :])
    order = np.where(risk[:, None] == risk[None, :], 0.5, risk[:, None] > risk[None, :])
    counts = np.where(event & (time < days[-1]), 1 / own**2, 0.0)[:, None] * pairs
    for found, one in (
        (concordance(target, risk, weights), pairs.astype(float)),
        (uno_concordance(target, risk, weights, days[-1]), counts),
    ):
        assert (found == ((weights @ (one * order)) * weights).sum(1) / ((weights @ one) * weights).sum(1)).all()
    nobody = ProgressionTarget(time, event, competing=np.zeros(160, dtype=bool))
    ours = progression_measures(nobody, risk, survival, days, weights)
    for name, expected in progression_measures(target, risk, survival, days, weights).items():
        assert np.array_equal(ours[name], expected, equal_nan=True)


def test_a_bound_is_promised_of_neither() -> None:
    for target, _ in (drawn(9, 40, late=True), drawn(9, 40, dying=True)):
        curves = np.tile(np.array([1.0, 0.5]), (40, 1))
        with pytest.raises(BadCohort, match="entered late, or another end"):
            fit_lower_bounds(target, (0, 1000), curves, np.zeros(40, dtype=np.intp), 1, 0.9)


def test_progression_is_judged_where_enough_are_under_watch_and_nowhere_else() -> None:
    """Four from day 0 to 40, six from day 10 to 30 and on: five at once from 10 to 30 only."""
    entry = np.array([0.0] * 4 + [10.0] * 6)
    target = ProgressionTarget(np.array([40.0] * 4 + [30.0] * 6) + np.arange(10) / 100, np.ones(10, dtype=bool), entry)
    assert well_watched(target, 6) == pytest.approx((10.0, 30.08))
    days = evaluation_days(target)
    assert days[0] == 10.0 and 30 < days[-1] < 30.1
    assert all(days[0] <= day <= days[-1] for day in judged_days(target))
    turns = np.arange(10.0)
    with pytest.raises(BadCohort, match="never as many as 5"):
        evaluation_days(ProgressionTarget(turns + 1, np.ones(10, dtype=bool), turns))


def test_one_patient_alone_under_watch_does_not_end_the_curve_of_all() -> None:
    target, _ = drawn(8, 100, late=True)
    assert target.entry_days is not None
    rows = np.flatnonzero(target.time_days > 2)
    entry = np.append(np.maximum(target.entry_days[rows], 1.5), 0.0)
    event, time = np.append(target.event[rows], True), np.append(target.time_days[rows], 1.0)
    alone, days = ProgressionTarget(time, event, entry), np.array([DAY])
    without = alone.take(np.arange(rows.size))
    assert progressed_by(alone, once(time.size), days) == pytest.approx(progressed_by(without, once(rows.size), days))
    assert status_at(alone, DAY).weight[-1] == 0
    with pytest.raises(StatError, match=r"S\(t\)==0 for all"):
        lifelines.KaplanMeierFitter().fit(time, event, entry=entry)


def test_a_held_out_table_of_an_admission_tells_of_either(tmp_path: Path) -> None:
    target, risk = drawn(10, 40, late=True, dying=True)
    assert target.competing is not None
    told = {"time_days": target.time_days, "event": target.event * 1, "entry_days": target.entry_days}
    frame = pd.DataFrame({"clinical.marker": risk, **told, "competing": target.competing * 1})
    frame.to_csv(tmp_path / "held_out.csv", index=False)
    read = read_table(tmp_path / "held_out.csv", "progression")
    assert list(read.frame.columns) == ["clinical.marker"]
    assert isinstance(read.target, ProgressionTarget) and read.target.competing is not None
    assert (read.target.competing == target.competing).all()
    assert read.target.entry_days == pytest.approx(target.entry_days)
    for column, cell, said in (("competing", 2, "other than 0 and 1"), ("entry_days", "soon", "no number")):
        frame.astype({column: object}).assign(**{column: cell}).to_csv(tmp_path / "odd.csv", index=False)
        with pytest.raises(BadCohort, match=f"{column} of the table holds something.*{said}"):
            read_table(tmp_path / "odd.csv", "progression")
