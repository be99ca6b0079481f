"""Simulated patients with known truth: tumour images, covariates, therapies, response and progression."""

from models.simulation.cohort import simulate

__all__ = ["simulate"]
