"""Agreement is what others publish for the same numbers, and a feature that changes with the outline is dropped."""

import numpy as np
import pytest

from models.stability.agreement import intraclass

SHROUT_AND_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], dtype=np.float64
)
"""Their table 2: six targets, four judges."""


def test_agreement_is_what_shrout_and_fleiss_published() -> None:
    """ICC(1,1) 0.17 in their table 4; the limits -0.13 to 0.72 as R's psych::ICC and pingouin 0.7.0 print them."""
    found = intraclass(SHROUT_AND_FLEISS[:, :, None])
    assert float(found.icc[0]) == pytest.approx(0.1657417684054755, abs=1e-12)  # pingouin's
    assert (round(float(found.lower[0]), 2), round(float(found.upper[0]), 2)) == (-0.13, 0.72)
