"""The only door to MLflow: versions in, versions out, aliases; nothing else in this software imports MLflow."""

from models.registry import quiet
from models.registry.store import DATA_FOLDER, EXPERIMENT, RegisteredModel, RegisteredVersion, Registry

__all__ = ["DATA_FOLDER", "EXPERIMENT", "RegisteredModel", "RegisteredVersion", "Registry"]

quiet.before_import()
