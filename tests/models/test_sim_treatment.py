"""The treatment simulation that benchmarks judge effects on is the one that DeepSurv's authors published."""

import numpy as np
import pytest
from builders.sim_treatment import HORIZON, PAIR, YEAR, published_treatment, sim_treatment, true_gains

from models.effects.pseudo import restricted_mean
from models.families.columns import THERAPY


def test_the_truth_is_what_many_patients_live() -> None:
    known = sim_treatment(40_000, 0)
    new = (known.frame[THERAPY] == PAIR[0]).to_numpy()
    means = [restricted_mean(known.target.take(np.flatnonzero(new == arm)), HORIZON) for arm in (False, True)]
    error = float(np.hypot(means[0][1], means[1][1]))
    assert means[1][0] - means[0][0] == pytest.approx(true_gains()[1], abs=3 * error)
    assert known.restricted_mean_gain.mean() == pytest.approx(true_gains()[1], abs=3)
    assert known.survival_gain.mean() == pytest.approx(true_gains()[0], abs=0.003)


def test_the_published_file_follows_the_law() -> None:
    known = published_treatment("train")
    if known is None:
        pytest.skip("RADRESPONSE_DATA with the authors' file is not here")
    target, gain = known.target, known.restricted_mean_gain
    new = (known.frame[THERAPY] == PAIR[0]).to_numpy()
    assert 0.49 < new.mean() < 0.51
    assert target.event.mean() == pytest.approx(0.5, abs=0.01)
    assert 3.3 * YEAR < target.time_days.max() < 3.7 * YEAR
    for members in (gain < -100, (gain >= -100) & (gain < 50), gain >= 50):
        arms = [restricted_mean(target.take(np.flatnonzero(members & (new == arm))), HORIZON) for arm in (False, True)]
        error = float(np.hypot(arms[0][1], arms[1][1]))
        assert arms[1][0] - arms[0][0] == pytest.approx(gain[members].mean(), abs=3 * error)
