"""What the engines themselves say: xgboost, lifelines, scikit-survival and torch are the truth."""

import numpy as np
import pandas as pd
import pytest
import torch
import xgboost
from builders.tables import known
from builders.versions import cohort, fitted
from lifelines import CoxPHFitter
from sksurv.metrics import concordance_index_censored

from features.types import Floats
from models.families.cox_progression import CoxEngine, CoxFile, fit_hazards
from models.families.family import OutcomeScores, ProgressionScores
from models.families.recipe import Architecture
from models.families.screening import strengths
from models.families.target import ProgressionTarget
from models.families.xgboost_outcome import TreeEngine
from models.fusion.network import backward, forward, shapes
from models.fusion.training import outputs_of


def design(patients: int = 120, columns: int = 12, seed: int = 0) -> tuple[Floats, ProgressionTarget]:
    """A design matrix with a progression that rests on its first two columns; times with ties."""
    generator = np.random.default_rng(seed)
    X = generator.normal(size=(patients, columns))
    times = generator.exponential(200 * np.exp(-X[:, 0] + 0.5 * X[:, 1])).clip(1).round()
    return X, ProgressionTarget(times, generator.random(patients) < 0.7)


def lifelines_fit(X: Floats, target: ProgressionTarget, penalty: float) -> tuple[CoxPHFitter, pd.DataFrame]:
    frame = pd.DataFrame(X).rename(columns=str).assign(time=target.time_days, event=target.event)
    return CoxPHFitter(penalizer=penalty).fit(frame, "time", "event"), frame


def test_cox_gives_lifelines_curves() -> None:
    X, target = design()
    fitter, frame = lifelines_fit(X, target, 0.1)
    hazards = fit_hazards(X, target, np.full(X.shape[1], 0.1))
    times = np.unique(target.time_days)
    engine = CoxEngine(CoxFile(hazards, ()), [int(day) for day in times])
    expected = fitter.predict_survival_function(frame, times=times).to_numpy().T
    assert np.abs(engine.score(X).survival - expected).max() < 1e-12
    between = [int(day) for day in np.arange(times[0], times[-1], 7)]
    expected = fitter.predict_survival_function(frame, times=between).to_numpy().T
    assert np.abs(CoxEngine(CoxFile(hazards, ()), between).score(X).survival - expected).max() < 1e-12


def test_cox_written_and_read_still_gives_lifelines_curves() -> None:
    fit = fitted("progression", "cox")
    (content,) = fit.files().values()
    assert content.startswith(b"{")
    scores = fit.predict(cohort().table)
    assert isinstance(scores, ProgressionScores)
    assert scores.survival.shape == (150, len(fit.recipe.time_days))


def test_a_penalty_is_that_of_lifelines_column_by_column() -> None:
    X, target = design()
    fitter, _ = lifelines_fit(X, target, 0.3)
    hazards = fit_hazards(X, target, np.full(X.shape[1], 0.3))
    assert np.abs(np.array(hazards.coefficients) - fitter.params_.to_numpy()).max() < 1e-9
    constant = np.column_stack([X, np.ones(X.shape[0])])
    assert fit_hazards(constant, target, np.full(13, 0.3)).coefficients == (*hazards.coefficients, 0.0)


def test_concordance_of_cox_is_that_of_scikit_survival() -> None:
    X, target = design()
    fitter, _ = lifelines_fit(X, target, 0.1)
    hazards = fit_hazards(X, target, np.full(X.shape[1], 0.1))
    risk = CoxEngine(CoxFile(hazards, ()), [0, 100, 200]).score(X).risk
    ours = concordance_index_censored(target.event, target.time_days, risk)[0]
    assert ours == pytest.approx(fitter.concordance_index_, abs=1e-9)
    assert ours > 0.7


def test_screening_is_the_score_test_of_lifelines() -> None:
    """The score statistic at 0 is close to the squared Wald z of a fit with that column alone, where both are small."""
    X, target = design(400, 6, seed=3)
    target = ProgressionTarget(target.time_days + np.random.default_rng(0).random(400) / 2, target.event)
    strength = strengths(X, target)
    for column in range(2, 6):
        fitter, _ = lifelines_fit(X[:, [column]], target, 0.0)
        assert strength[column] == pytest.approx(float(fitter.summary["z"].iloc[0]) ** 2, rel=0.1, abs=0.05)
    assert strength[0] > 30


def test_contributions_of_trees_add_up_to_xgboosts_own_margin() -> None:
    fit = fitted("outcome", "xgboost")
    engine = fit.engine
    assert isinstance(engine, TreeEngine)
    X = np.random.default_rng(0).normal(size=(50, len(fit.recipe.design.terms)))
    margin = engine.booster.predict(xgboost.DMatrix(X.astype(np.float32)), output_margin=True)
    rest = margin - engine.contributions(X).sum(axis=1)
    assert np.ptp(rest) < 1e-5


def test_replicates_side_by_side_are_bootstraps_of_the_model() -> None:
    fit = fitted("outcome", "xgboost")
    scores = fit.predict(cohort().table)
    assert isinstance(scores, OutcomeScores)
    assert scores.replicates.shape == (6, 150)
    each = [np.corrcoef(one, scores.log_odds)[0, 1] for one in scores.replicates]
    assert min(each) > 0.7
    assert max(each) < 0.9999
    assert np.unique(scores.replicates.round(6), axis=0).shape[0] == 6


def test_numpy_and_torch_agree_on_the_fusion_network_and_its_gradient() -> None:
    architecture = Architecture(
        members=3,
        radiomics=(0, 2),
        embedding=(1, 4, 5),
        clinical=(3,),
        therapies=2,
        hidden=4,
        outputs=3,
        breaks_days=(10.0, 20.0, 30.0),
    )
    generator = np.random.default_rng(0)
    weights = {name: generator.normal(size=shape) for name, shape in shapes(architecture, 8).items()}
    X, slopes = generator.normal(size=(6, 8)), generator.normal(size=(3, 6, 3))
    rows = torch.tensor(X, requires_grad=True)
    outputs = outputs_of(architecture, {name: torch.tensor(value) for name, value in weights.items()}, rows)
    assert np.allclose(forward(architecture, weights, X), outputs.detach().numpy(), rtol=0, atol=1e-12)
    (gradient,) = torch.autograd.grad((outputs * torch.tensor(slopes)).sum(), rows)
    assert np.allclose(backward(architecture, weights, X, slopes), gradient.numpy(), rtol=0, atol=1e-12)


def test_training_leaves_torchs_threads_as_they_were() -> None:
    before = torch.get_num_threads()
    fitted("outcome", "fusion")
    assert torch.get_num_threads() == before


def test_columns_beyond_the_training_range_count_no_more() -> None:
    """Extrapolation is bounded: a value a thousand ranges away answers as one a tenth of a range away."""
    for fit in (fitted("progression", "cox"), fitted("outcome", "fusion")):
        table = known(1, seed=1, noise_columns=4).table
        name = next(spec.name for spec in fit.recipe.columns if spec.name.startswith("radiomics"))
        near, far = (fit.predict(table.assign(**{name: value})) for value in (1e6, 1e9))
        assert np.array_equal(near.replicates, far.replicates)
        assert np.isfinite(near.replicates).all()
