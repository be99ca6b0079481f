"""Versions that people bring: logged with plain MLflow, told by metadata what they are, loaded natively as data."""
