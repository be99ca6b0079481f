"""`MLmodel`: what MLflow shows of a version, its signature and our metadata, made from the manifest."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from models.families.columns import THERAPY
from models.manifest import FILE, Manifest
from models.registry import quiet

MLMODEL = "MLmodel"


def write_mlmodel(folder: Path, manifest: Manifest, identity: str, created: datetime) -> None:
    """Writes it into a version's folder, as MLflow itself writes it.

    Args:
        folder: Of the version.
        manifest: As it lies there.
        identity: 32 hexadecimal digits.
        created: When the version was made.
    """
    from mlflow.models import Model  # noqa: PLC0415 - takes seconds to import, and serving never needs it
    from mlflow.models.signature import ModelSignature  # noqa: PLC0415
    from mlflow.types.schema import Schema  # noqa: PLC0415

    quiet.after_import()
    if manifest.task == "outcome":
        outputs = [{"type": "double", "name": "probability", "required": True}]
    else:
        outputs = [{"type": "double", "name": f"survival_{day}", "required": True} for day in manifest.recipe.time_days]
    model = Model(
        utc_time_created=created.strftime("%Y-%m-%d %H:%M:%S.%f"),
        model_uuid=identity,
        signature=ModelSignature(
            inputs=Schema.from_json(json.dumps(signature_of(manifest))), outputs=Schema.from_json(json.dumps(outputs))
        ),
        metadata=metadata_of(manifest),
        flavors={"radresponse": {"family": manifest.family, "manifest": FILE}},
    )
    model.save(str(folder / MLMODEL))


def metadata_of(manifest: Manifest) -> dict[str, str | list[str]]:
    """The `radresponse.*` keys that `MLmodel` carries."""
    metadata: dict[str, str | list[str]] = {
        "radresponse.task": manifest.task,
        "radresponse.family": manifest.family,
        "radresponse.endpoint": manifest.endpoint,
        "radresponse.time_unit": manifest.facts.time_unit,
        "radresponse.therapies": list(manifest.therapies),
        "radresponse.columns": [spec.name for spec in manifest.columns],
        "radresponse.evidence": manifest.evidence,
    }
    if manifest.profile:
        metadata["radresponse.profile"] = manifest.profile
    if manifest.encoder:
        metadata["radresponse.encoder"] = manifest.encoder
    return metadata


def signature_of(manifest: Manifest) -> list[dict[str, Any]]:
    """The inputs of the signature, as MLflow writes them: every column, and the therapy where one is asked for."""
    inputs = [
        {"type": "string" if spec.kind == "category" else "double", "name": spec.name, "required": spec.required}
        for spec in manifest.columns
    ]
    return inputs + ([{"type": "string", "name": THERAPY, "required": True}] if manifest.therapies else [])
