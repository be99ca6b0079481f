"""Elastic net, strata and late entry: lifelines and its Nelson-Aalen estimate are the truth."""

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from builders.tables import THERAPIES, known
from builders.versions import facts
from lifelines import CoxPHFitter, NelsonAalenFitter

from features.types import Floats
from models.errors import BadCohort, BadSignature, BrokenFile, MissingColumn, UnknownCategory
from models.families.all import family_of, stratified
from models.families.cox_net import CoxNet
from models.families.family import Fitted, ProgressionScores
from models.families.partial_likelihood import RiskSets, baseline, elastic_net
from models.families.screening import strengths
from models.families.stratified import FILE
from models.families.target import ProgressionTarget
from models.load import load_model
from models.package import write_version
from models.reference import describe

STRATUM = "clinical.sex"
PENALTY = 0.05


def cohort_of(seed: int = 0, *, late: bool = False) -> tuple[Floats, ProgressionTarget, Floats]:
    """Six columns, times with ties, three strata; a third of the patients may come late."""
    generator = np.random.default_rng(seed)
    X, strata = generator.normal(size=(160, 6)), generator.integers(3, size=160).astype(np.float64)
    times = generator.exponential(60 * np.exp(-X[:, 0] + 0.4 * X[:, 1] + strata)).clip(2).round()
    entry = np.where(np.arange(160) % 3 == 0, np.floor(0.4 * times), 0.0) if late else None
    return X, ProgressionTarget(times, generator.random(160) < 0.7, entry), strata


def lifelines_fit(X: Floats, target: ProgressionTarget, strata: Floats, l1_ratio: float) -> CoxPHFitter:
    frame = pd.DataFrame(X).rename(columns=str).assign(time=target.time_days, event=target.event, stratum=strata)
    late = {} if target.entry_days is None else {"entry_col": "entry"}
    frame = frame.assign(entry=target.entry_days) if late else frame
    return CoxPHFitter(penalizer=PENALTY, l1_ratio=l1_ratio).fit(frame, "time", "event", strata=["stratum"], **late)


@cache
def by_sex(*, late: bool = False) -> Fitted:
    data = known(150, seed=3, noise_columns=4)
    entry = np.where(np.arange(150) % 4 == 0, np.floor(0.3 * data.progression.time_days), 0.0) if late else None
    target = ProgressionTarget(data.progression.time_days, data.progression.event, entry)
    return CoxNet(STRATUM).fit(data.table, target, data.columns, seed=5, replicates=6)


@pytest.mark.parametrize("late", [False, True], ids=["from day 0", "late entry"])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
def test_the_elastic_net_is_lifelines_over_strata(l1_ratio: float, late: bool) -> None:
    X, target, strata = cohort_of(late=late)
    spread = X.std(axis=0, ddof=1)
    found, _ = elastic_net(X / spread, RiskSets.of(target, strata), np.full(6, PENALTY), l1_ratio)
    theirs = lifelines_fit(X, target, strata, l1_ratio).params_.to_numpy()
    assert np.abs(found / spread - theirs).max() < 1e-4
    assert ((found == 0) == (np.abs(theirs) < 1e-5)).all()


def test_a_baseline_of_a_stratum_is_lifelines() -> None:
    X, target, strata = cohort_of()
    fitter = lifelines_fit(X, target, strata, 0.0)
    ratio = (X - X.mean(axis=0)) @ fitter.params_.to_numpy()
    for level in range(3):
        days, hazard = baseline(ratio, RiskSets.of(target, strata), target, strata == level)
        theirs = fitter.baseline_cumulative_hazard_[float(level)].loc[days].to_numpy()
        assert np.allclose(hazard, theirs, rtol=0, atol=1e-9)


def test_a_baseline_of_patients_who_came_late_is_nelson_and_aalens() -> None:
    _, target, _ = cohort_of(late=True)
    one = np.zeros(160)
    days, hazard = baseline(one, RiskSets.of(target, one), target, one == 0)
    fitter = NelsonAalenFitter(nelson_aalen_smoothing=False)
    fitter.fit(target.time_days, target.event, entry=target.entry_days)
    assert np.allclose(hazard, fitter.cumulative_hazard_at_times(days).to_numpy(), rtol=0, atol=1e-9)


def test_screening_counts_who_came_late_from_then_on() -> None:
    X, target, _ = cohort_of(late=True)
    untied = ProgressionTarget(target.time_days + np.arange(160) / 1000, target.event, target.entry_days)
    gradient, information = RiskSets.of(untied, np.zeros(160)).slopes(X, np.zeros(160))
    assert np.allclose(strengths(X, untied), gradient**2 / np.diag(information))


def test_every_stratum_has_its_own_curve_and_the_shares_add_up() -> None:
    fit, data = by_sex(), known(150, seed=3, noise_columns=4)
    scores = fit.predict(data.table)
    assert isinstance(scores, ProgressionScores)
    shares = fit.contributions(fit.encode(data.table)).sum(axis=1)
    assert np.allclose(shares, scores.risk - scores.risk.mean(), rtol=0, atol=1e-9)
    women, men = (fit.predict(data.table.assign(**{STRATUM: sex})) for sex in ("female", "male"))
    assert isinstance(women, ProgressionScores)
    assert isinstance(men, ProgressionScores)
    ratio = men.cumulative_hazard[:, 1:] / np.maximum(women.cumulative_hazard[:, 1:], 1e-12)
    assert np.ptp(ratio, axis=0).max() < 1e-9 * ratio.max()
    assert np.ptp(ratio, axis=1).min() > 0.05


def test_a_version_by_stratum_serves_and_refuses_an_unseen_one_by_name(tmp_path: Path) -> None:
    fit, data = by_sex(late=True), known(150, seed=3, noise_columns=4)
    told = describe(fit.recipe.design, fit.encode(data.table), data.progression, np.random.default_rng(1))
    write_version(tmp_path / "version", fit, facts("progression"), "# A card\n", reference=told)
    model = load_model(tmp_path / "version", "progression-cox_net", "1")
    row = data.table.iloc[0]
    values = {
        spec.name: str(row[spec.name]) if spec.kind == "category" else float(row[spec.name])
        for spec in model.columns
        if row[spec.name] == row[spec.name]
    }
    assert model.predict(values, reference=THERAPIES[0]).predictions[0].progression is not None
    with pytest.raises(UnknownCategory, match="female, male"):
        model.predict(values | {STRATUM: "another"})
    with pytest.raises(MissingColumn, match=STRATUM):
        model.predict({name: value for name, value in values.items() if name != STRATUM})
    with pytest.raises(BadCohort, match="another"):
        fit.predict(data.table.assign(**{STRATUM: "another"}))
    assert "baseline for each of 2 values" in fit.recipe.method
    assert "watched" in fit.recipe.method


def test_strata_that_cannot_be_are_refused() -> None:
    data = known(60, seed=1, noise_columns=0)
    rare = data.table.assign(**{STRATUM: ["male"] * 57 + ["female"] * 3})
    fit = CoxNet(STRATUM).fit
    with pytest.raises(BadCohort, match=r"stratum 'female' of clinical\.sex has"):
        fit(rare, data.progression, data.columns, seed=1)
    with pytest.raises(BadCohort, match="no column of categories"):
        CoxNet("clinical.age_years").fit(data.table, data.progression, data.columns, seed=1)
    missing = data.table.assign(**{STRATUM: data.table[STRATUM].where(np.arange(60) > 0, None)})
    with pytest.raises(BadCohort, match="missing in some"):
        fit(missing, data.progression, data.columns, seed=1)
    with pytest.raises(BadSignature, match="knows no strata"):
        stratified(family_of("progression", "cox"), STRATUM)


def test_late_entry_is_refused_where_a_family_knows_none_and_where_it_is_impossible() -> None:
    data = known(60, seed=1, noise_columns=0)
    times, event = data.progression.time_days, data.progression.event
    late = ProgressionTarget(times, event, 0.2 * times)
    for family in ("cox", "fusion", "xgboost_cox"):
        with pytest.raises(BadCohort, match="takes no late entry"):
            family_of("progression", family).fit(data.table, late, data.columns, seed=1)
    for entry in (times, -times, times[:-1], np.full(60, np.nan)):
        with pytest.raises(BadCohort, match="entr"):
            ProgressionTarget(times, event, entry)


def test_files_whose_strata_do_not_fit_the_design_are_refused() -> None:
    fit = by_sex()
    (content,) = fit.files().values()
    for old, new in (
        (b'"strata": 2', b'"strata": 1'),
        (b'"strata": 2', b'"strata": 3'),
        (b'"coefficients": [', b'"coefficients": [0.0,'),
        (b'"cumulative_hazard": [', b'"cumulative_hazard": [9999.0,'),
    ):
        assert old in content
        with pytest.raises(BrokenFile):
            CoxNet().load(fit.recipe, {FILE: content.replace(old, new)}, fit.cohort)
