"""Writes a model version: an MLflow model folder that holds data only."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from models import applicability
from models.families.family import Fitted
from models.manifest import FILE, Facts, Manifest, write_manifest
from models.reference import FILE as REFERENCE
from models.reference import Reference, write_reference
from models.registry.mlmodel import write_mlmodel

CARD = "card.md"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def write_version(
    folder: Path,
    fitted: Fitted,
    facts: Facts,
    card: str,
    *,
    reference: Reference | None = None,
    created: datetime = EPOCH,
) -> Manifest:
    """Writes all files of a version into a new folder.

    Args:
        folder: Made; must not exist or be empty.
        fitted: The model.
        facts: What else is known of it.
        card: Markdown.
        reference: What answers may tell of the training cohort; None for nothing.
        created: Stands in `MLmodel`. The default keeps the folder's digest a function of its content alone.

    Returns:
        The manifest as written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FileExistsError("the folder of a new model version is not empty")
    files = {
        **fitted.files(),
        applicability.FILE: applicability.write_cohort(fitted.cohort),
        CARD: card.encode(),
    }
    if reference is not None:
        files[REFERENCE] = write_reference(reference)
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}
    manifest = Manifest(fitted.recipe, facts, digests)
    files[FILE] = write_manifest(manifest)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    write_mlmodel(folder, manifest, hashlib.sha256(files[FILE]).hexdigest()[:32], created)
    return manifest
