"""Writes `pyradiomics_values.json`: what pyradiomics 3.0.1 gives for a real tumour, for where it cannot be installed.

`python tests/features/derive_parity.py` prints the file; it needs pyradiomics, and breast1 of its archive
(`python -m features.samples`). The values are `RadiomicsFeatureExtractor.execute`'s own.
"""

import json
import logging
import sys
from pathlib import Path

import numpy as np
import yaml

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from builders.feature_profiles import PROFILES  # noqa: E402  found by the path above
from radiomics.featureextractor import RadiomicsFeatureExtractor  # noqa: E402

from features.samples import sample  # noqa: E402

CLASSES = ("shape", "firstorder", "glcm", "glrlm", "glszm", "gldm", "ngtdm")


def derived() -> dict[str, dict[str, float]]:
    """Values by profile and name, those that are finite."""
    logging.getLogger("radiomics").setLevel(logging.CRITICAL)
    image, mask = map(str, sample("breast1"))
    found = {}
    for kind, text in PROFILES.items():
        given = yaml.safe_load(text)
        given["imageType"] = {name: arguments or {} for name, arguments in given["imageType"].items()}
        given["featureClass"] = {name: [] for name in CLASSES}
        values = RadiomicsFeatureExtractor(given).execute(image, mask)
        numbers = {name: float(np.squeeze(one)) for name, one in values.items() if not name.startswith("diagnostics")}
        found[kind] = {name: number for name, number in numbers.items() if np.isfinite(number)}
    return found


if __name__ == "__main__":
    print(json.dumps(derived(), indent=0))  # noqa: T201
