"""Opens a model version: every file is on a list, its digest is the manifest's, and it holds data only."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import yaml

from features.errors import FeatureError
from features.profile import Profile
from models import applicability, reference
from models.errors import BadSignature, BadVersion, BrokenFile, ForbiddenFile
from models.families.all import family_of
from models.families.family import Fitted
from models.files import WRITTEN_BY_MLFLOW, digest_of, read_all
from models.manifest import FILE, Manifest, read_manifest
from models.package import CARD
from models.plain_yaml import read_yaml
from models.registry.mlmodel import MLMODEL, metadata_of, signature_of
from models.version import Model, TrainedModel

__all__ = ["WRITTEN_BY_MLFLOW", "load_model", "model_of"]

_OURS = frozenset({CARD, applicability.FILE})
_OPTIONAL = frozenset({reference.FILE})


def load_model(folder: Path, name: str, version: str) -> Model:
    """A model ready to predict, or a reason why not: one of our trainer's, or one that somebody brought.

    Each file is read once, and what was read is what is checked and used.

    Args:
        folder: As fetched from the registry.
        name: The registered name.
        version: The registered version.

    Raises:
        ForbiddenFile: A pickle, code, a link, a folder, or a file that is not on the list.
        BrokenFile: Too large, another digest than the manifest's, or a structure that cannot be predicted with.
        BadSignature: Neither a manifest nor a flavour that is taken, or `MLmodel` says otherwise than the manifest.
    """
    return model_of(read_all(folder), name, version)


def model_of(files: Mapping[str, bytes], name: str, version: str) -> Model:
    """The same from files that were read; raises as `load_model`."""
    try:
        if FILE in files:
            return _trained(files, name, version)
        from models.brought.load import load_brought  # noqa: PLC0415 - most services serve none

        return load_brought(files, name, version)
    except FeatureError as error:
        raise BadSignature(f"the version's profile is refused: {error}") from error
    except BadVersion:
        raise
    except (ArithmeticError, LookupError, TypeError, ValueError, RecursionError) as error:
        raise BrokenFile(f"the version's files cannot be read ({type(error).__name__})") from error


def _trained(files: Mapping[str, bytes], name: str, version: str) -> TrainedModel:
    manifest = read_manifest(files[FILE])
    family = family_of(manifest.task, manifest.family)
    _check_files(files, manifest, frozenset(family.files))
    _check_mlmodel(files.get(MLMODEL), manifest)
    profile = Profile.parse(manifest.profile) if manifest.profile else None
    cohort = applicability.read_cohort(files[applicability.FILE])
    data = {name: content for name, content in files.items() if name in family.files}
    fitted = family.load(manifest.recipe, data, cohort)
    return TrainedModel(
        name=name,
        version=version,
        digest=digest_of(files),
        manifest=manifest,
        card=files[CARD].decode(),
        profile=profile,
        fitted=fitted,
        reference=_reference_of(files.get(reference.FILE), fitted),
    )


def _check_files(files: Mapping[str, bytes], manifest: Manifest, data: frozenset[str]) -> None:
    unlisted = set(files) - set(manifest.files) - WRITTEN_BY_MLFLOW - {FILE}
    foreign = set(manifest.files) - _OURS - _OPTIONAL - data
    if unlisted or foreign:
        raise ForbiddenFile(f"{', '.join(sorted(unlisted | foreign))}: not in the manifest, or not of this family")
    if missing := (set(manifest.files) | _OURS) - set(files):
        raise BrokenFile(f"{', '.join(sorted(missing))} is missing", missing=sorted(missing))
    for name, digest in manifest.files.items():
        if hashlib.sha256(files[name]).hexdigest() != digest:
            raise BrokenFile(f"{name} has another SHA-256 than the manifest says", file=name, wanted=digest)
    if not set(manifest.files) >= _OURS:
        raise BrokenFile("the manifest does not cover the card or the applicability")


def _reference_of(content: bytes | None, fitted: Fitted) -> reference.Reference | None:
    """What the version tells of its cohort, once it fits the model."""
    if content is None:
        return None
    told = reference.read_reference(content)
    if len(told.ladders) != len(fitted.recipe.columns):
        raise BrokenFile(f"{reference.FILE} tells of another number of columns than the model")
    if bool(told.followed.weeks) != (fitted.recipe.task == "progression") and told.places:
        raise BrokenFile(f"{reference.FILE} tells of another task than the model's")
    reference.Neighbourhood(told, fitted.recipe.design, fitted.recipe.therapies)
    return told


def _check_mlmodel(content: bytes | None, manifest: Manifest) -> None:
    """What MLflow shows of a version must be what it is: same task, same columns."""
    if content is None:
        return
    try:
        written = read_yaml(content)
        metadata = {key: written["metadata"][key] for key in metadata_of(manifest)}
        signature = json.loads(written["signature"]["inputs"])
    except (yaml.YAMLError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise BadSignature(f"{MLMODEL} lacks the signature, or the metadata radresponse.*") from error
    if metadata != metadata_of(manifest) or signature != signature_of(manifest):
        raise BadSignature(f"{MLMODEL} says otherwise than {FILE}")
