"""Makes `combat.json`: values that neuroCombat 0.2.12 maps, for three sites and features that they scale and shift.

In an environment with neuroCombat: `python tests/models/derive_combat.py >tests/models/combat.json`.
"""

import contextlib
import io
import json
import sys

import numpy as np
import pandas as pd
from neuroCombat import neuroCombat


def cohort() -> tuple[np.ndarray, np.ndarray]:
    """Values, (patients, features), and each patient's site."""
    draw = np.random.default_rng(20261127)
    site = np.repeat([0, 1, 2], [17, 9, 30])
    values = draw.normal(size=(site.size, 12)) * draw.uniform(0.5, 20, 12) + draw.normal(0, 30, 12)
    shift, scale = draw.normal(0, 4, (3, 12)), draw.uniform(0.5, 2.5, (3, 12))
    return values * scale[site] + shift[site], site


if __name__ == "__main__":
    values, site = cohort()
    with contextlib.redirect_stdout(io.StringIO()):
        told = neuroCombat(dat=values.T, covars=pd.DataFrame({"site": site}), batch_col="site")
    found = {"site": site.tolist(), "values": values.tolist(), "mapped": told["data"].T.tolist()}
    sys.stdout.write(json.dumps(found) + "\n")
