"""Simulated cohorts that are quickly measured."""

from pathlib import Path

from models.simulation import simulate

QUICK_PROFILE = """
imageType: {Original: {}}
featureClass: {firstorder: [Mean, Entropy, Skewness], glcm: [Contrast], shape: [Sphericity, MeshVolume]}
setting: {binWidth: 25}
"""
"""Six features, a few milliseconds a lesion."""


def simulated_cohort(folder: Path, patients: int = 48, seed: int = 3) -> Path:
    """The manifest of a new simulated cohort."""
    return simulate(folder, patients, seed)
