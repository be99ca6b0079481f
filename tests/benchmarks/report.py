"""How long the honest report takes of 1,000 patients and 1,500 columns: `python -m models evaluate` as users run it.

`make bench ONLY=report`: families that are tried unasked, nested folds, baselines, plain models, shuffled columns,
bootstrap; two processes. The table is noise but for two columns of images and the age.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

Say = Callable[[str], None]

PATIENTS, COLUMNS = 1_000, 1_500
TASKS = {"outcome": ("--outcome", "response"), "progression": ("--time", "days", "--event", "progressed")}


def measure(say: Say) -> dict[str, Any]:
    """Prints figures and gives them."""
    figures: dict[str, Any] = {}
    say(f"The honest report of {PATIENTS:,} patients and {COLUMNS:,} columns\n")
    say("| task | seconds |")
    say("|---|---|")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        table().to_csv(path, index=False)
        for task, label in TASKS.items():
            others = [column for of, columns in TASKS.items() if of != task for column in columns if column[0] != "-"]
            command = [sys.executable, "-m", "models", "evaluate", "--table", str(path), *label]
            started = time.monotonic()
            subprocess.run([*command, "--drop", ",".join(others), "--json"], stdout=subprocess.DEVNULL, check=True)
            figures[task] = time.monotonic() - started
            say(f"| {task} | {figures[task]:.0f} |")
    return figures


def table() -> pd.DataFrame:
    """One row a patient."""
    draw = np.random.default_rng(0)
    images = draw.normal(size=(PATIENTS, COLUMNS - 3))
    images[:, 1 : COLUMNS // 2] += 0.8 * draw.normal(size=(PATIENTS, 1))  # as radiomic features hang together
    frame = pd.DataFrame(images, columns=[f"feat_{index}" for index in range(images.shape[1])])
    age = draw.normal(60, 8, PATIENTS).round()
    frame["age"] = age
    frame["sex"], frame["stage"] = draw.choice(["f", "m"], PATIENTS), draw.choice(["I", "II", "III"], PATIENTS)
    worse = images[:, 0] + 0.5 * images[:, 5] + 0.03 * (age - 60)
    frame["response"] = (draw.random(PATIENTS) < 1 / (1 + np.exp(worse))).astype(int)
    days, end = np.ceil(draw.exponential(300 * np.exp(-0.7 * worse))), draw.uniform(200, 1500, PATIENTS).round()
    frame["days"], frame["progressed"] = np.minimum(days, end), (days <= end).astype(int)
    frame.insert(0, "subject", [f"p{index}" for index in range(PATIENTS)])
    return frame
