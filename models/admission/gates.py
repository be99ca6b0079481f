"""The gates that need the version loaded: engine, features, golden cases, parity. Run in the child of a trial."""

from collections.abc import Mapping
from pathlib import Path

from features.embedding.encoder import default_encoder
from features.errors import FeatureError
from features.names import ScanColumn, parse
from features.plan import require_known
from models.admission.golden import Values, example_cases, record, replay, typical_cases
from models.admission.parity import compare
from models.admission.report import Check
from models.admission.trial import Tried
from models.brought.hazards import Hazards
from models.brought.logged import read_logged
from models.brought.model import BroughtModel
from models.computable import profile_of, require_computable
from models.errors import ModelError
from models.families.columns import THERAPY
from models.files import EXAMPLE, read_all
from models.load import model_of
from models.model import Model
from models.registry.mlmodel import MLMODEL

GATES = ("engine", "features", "golden cases", "parity")
"""In this order; each adds its check when it has passed."""


def tried(folder: Path, name: str, version: str) -> Tried:
    """Loads a version's folder and asks it; whatever is wrong with it is the check of the gate that found it."""
    checks: list[Check] = []
    try:
        return _passed(folder, name, version, checks)
    except (ModelError, FeatureError) as error:
        told = str(error)
    except MemoryError:
        told = "it takes more memory than a trial may"
    except Exception as error:  # of whatever engine; the type says enough, for the message may quote data
        told = f"it cannot be loaded and asked ({type(error).__name__})"
    checks.append(Check(GATES[len(checks)], "refused", told))
    return Tried("", "", "", tuple(checks), (), ())


def _passed(folder: Path, name: str, version: str, checks: list[Check]) -> Tried:
    files = read_all(folder)
    model = model_of(files, name, version)
    checks.append(Check("engine", "passed", f"{model.manifest.family}: every tree, node and number is in bounds"))
    _require_features(model)
    checks.append(Check("features", "passed", f"{len(model.columns)} columns, each computed or given by the caller"))
    cases = _cases(model, files)
    golden = record(model, cases)
    replay(model, golden)
    origin = "the input example" if isinstance(model, BroughtModel) else "the training cohort's ranges"
    checks.append(Check("golden cases", "passed", f"{len(golden)} recorded from {origin}; all answers are finite"))
    checks.append(Check("parity", "passed", compare(model, [case.values for case in golden], files)))
    absent = model.absent if isinstance(model, BroughtModel) else ()
    return Tried(model.digest, model.manifest.family, model.task, tuple(checks), absent, golden)


def _require_features(model: Model) -> None:
    wanted = model.manifest.encoder
    if not any(spec.name.startswith("embedding.") for spec in model.columns):
        return require_computable(model, None)
    encoder = default_encoder()
    if wanted == encoder.identity:
        return require_computable(model, encoder)
    # One that is registered with the service, which takes it by its identity, or refuses the version without it.
    plain = [parse(spec.name) for spec in model.columns if not spec.name.startswith("embedding.")]
    return require_known([column for column in plain if isinstance(column, ScanColumn)], profile_of(model))


def _cases(model: Model, files: Mapping[str, bytes]) -> list[Values]:
    if not isinstance(model, BroughtModel):
        return typical_cases(model.columns)
    if isinstance(model.engine, Hazards):
        columns = model.engine.content.columns
        return [
            {name: value for name, value in zip(columns, row.values, strict=True) if name != THERAPY}
            for row in model.engine.content.golden
        ]
    logged = read_logged(files.get(MLMODEL))
    if not logged.example or EXAMPLE not in files:
        return []
    return example_cases(files[EXAMPLE], logged.example, model.manifest.order, model.columns)
