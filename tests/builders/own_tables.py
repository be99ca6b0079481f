"""Tables as a site would bring them: its own headers, words and gaps."""

from pathlib import Path

import numpy as np
import pandas as pd

FEATURES = ("original_shape_MeshVolume", "original_glcm_Contrast", "original_firstorder_Entropy")


def site_table(patients: int = 90, seed: int = 0) -> pd.DataFrame:
    """Age and contrast decide; `pcr` is the response, `months` and `died` the survival, `arm` dealt by chance."""
    random = np.random.default_rng(seed)
    age, contrast = random.normal(60, 9, patients).round(1), random.normal(size=patients)
    arm = random.integers(2, size=patients)
    log_odds = 0.07 * (age - 60) + 1.2 * contrast + 0.8 * arm
    to_death, watched = random.exponential(20 * np.exp(-0.6 * log_odds)), random.uniform(5, 60, patients)
    return pd.DataFrame(
        {
            "subject": [f"S{index:04}" for index in range(patients)],
            "Age": age,
            "Sex": random.choice(["female", "male"], patients),
            FEATURES[0]: random.lognormal(8, 1, patients),
            FEATURES[1]: 5 + contrast,
            FEATURES[2]: random.normal(3, 0.4, patients),
            "arm": np.where(arm > 0, "new", "old"),
            "pcr": (random.random(patients) < 1 / (1 + np.exp(-log_odds))).astype(int),
            "months": np.minimum(to_death, watched) + 0.01,
            "died": (to_death <= watched).astype(int),
        }
    )


def written(folder: Path, table: pd.DataFrame, name: str = "table.csv") -> Path:
    """A table in its file."""
    path = folder / name
    if path.suffix == ".parquet":
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False)
    return path
