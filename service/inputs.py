"""What the asked models are given: each feature is computed once for all models that share its profile."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from struct import pack

from features.cache import Cache
from features.case import Case
from features.compute import FeatureValues, compute
from features.imaging.read import Limits
from features.names import EmbeddingColumn, RadiomicsColumn, ScanColumn, parse
from features.profile import Profile
from models.answers import Notice
from models.computable import profile_of
from models.version import Model
from service.brief_hash import update
from service.convert import within_case
from service.encoders import Encoders
from service.errors import ImageNotFound
from service.metrics import Metrics
from service.tracing import span
from service.work import Check


@dataclass(frozen=True, slots=True)
class Instruments:
    """All that measuring takes beside the case."""

    cache: Cache
    """Where features are kept."""
    encoders: Encoders
    """Loads each when it is first needed."""
    limits: Limits
    metrics: Metrics


@dataclass(frozen=True, slots=True)
class Measured:
    """Features of one case under one profile."""

    profile: Profile
    columns: tuple[str, ...]
    """Those that were asked for and not given, sorted."""
    features: FeatureValues
    encoder_digest: str
    """Empty where no embedding was asked for."""

    @property
    def scans(self) -> frozenset[str]:
        """Names of the scans that were looked at."""
        return frozenset(scan for column in self.columns if (scan := _scan_of(column)))

    @property
    def radiomics(self) -> bool:
        """Whether the radiomics engine was needed."""
        return any(isinstance(parse(column), RadiomicsColumn) for column in self.columns)


@dataclass(frozen=True, slots=True)
class Inputs:
    """What one model is given."""

    values: Mapping[str, float | str]
    """By full column name; only columns of the model."""
    missing: Mapping[str, str]
    """Columns that have no value, with the reason."""


def measure(
    case: Case,
    profile: Profile,
    columns: Sequence[str],
    instruments: Instruments,
    check: Check,
    encoder_digest: str = "",
) -> Measured:
    """Computes columns of one case; those that the caller gave, or that no image can give, are left aside.

    Args:
        case: The patient.
        profile: How radiomic features are taken.
        columns: Full names.
        instruments: All else that it takes.
        check: Ends the work when nobody waits.
        encoder_digest: Identity of the encoder of embedding columns; empty for the default one.

    Raises:
        FeatureError: With `place` in the contract's words.
        ImageNotFound: An uploaded file was deleted since the case was opened.
        Cancelled: From `check`.
    """
    wanted = tuple(sorted({name for name in columns if name not in case.given and _scan_of(name)}))
    if not wanted:
        return Measured(profile, (), FeatureValues({}, {}, (), {}, ()), "")
    embeds = any(isinstance(parse(name), EmbeddingColumn) for name in wanted)
    encoder = instruments.encoders.get(encoder_digest) if embeds else None
    with span("features", columns=len(wanted)), within_case(), files_there(case):
        features = compute(
            case,
            wanted,
            profile=profile,
            encoder=encoder,
            cache=instruments.cache,
            check=check,
            limits=instruments.limits,
        )
    for stage, seconds in features.seconds.items():
        if seconds > 0:  # a step that was not needed took no time, and is no case of a quick one
            instruments.metrics.observe(stage, seconds)
    return Measured(profile, wanted, features, encoder.identity if encoder else "")


def measure_for(case: Case, models: Sequence[Model], instruments: Instruments, check: Check) -> dict[str, Measured]:
    """Computes what the models need, once for all that share profile and encoder; by the model's name."""
    profiles = {profile.digest: profile for model in models for profile in [profile_of(model)]}
    measured: dict[str, Measured] = {}
    for digest in sorted(profiles):
        sharing = [model for model in models if profile_of(model).digest == digest]
        encoders = sorted({model.manifest.encoder for model in sharing if model.manifest.encoder}) or [""]
        for encoder in encoders:
            # A model without embeddings goes with the first.
            group = [model for model in sharing if (model.manifest.encoder or encoders[0]) == encoder]
            columns = [name for model in group for name in model.encoding.measured]
            taken = measure(case, profiles[digest], columns, instruments, check, encoder)
            measured |= {model.name: taken for model in group}
    return measured


def inputs_of(model: Model, case: Case, measured: Measured) -> Inputs:
    """The values of the model's own columns."""
    known: dict[str, float | str] = {f"clinical.{name}": value for name, value in case.clinical.items()}
    known |= measured.features.values
    known |= case.given
    names = model.encoding.known
    if not known.keys() <= names:
        known = {name: value for name, value in known.items() if name in names}
    return Inputs(known, {name: why for name, why in measured.features.missing.items() if name in names})


def notices_of(measured: Mapping[str, Measured]) -> list[Notice]:
    """What was said while measuring, each once."""
    groups = {id(group): group for group in measured.values()}
    said = (Notice(notice.reason, notice.message) for group in groups.values() for notice in group.features.notices)
    return list(dict.fromkeys(said))


def digest_of(inputs: Mapping[str, Inputs]) -> str:
    """SHA-256 over names and exact values of all inputs, model by model, in the order of names.

    Of each model a line of JSON, its name and its columns of numbers in order; those numbers as little-endian IEEE 754
    doubles; a line of JSON, its columns of categories with their values.
    """
    hasher = hashlib.sha256()
    for name in sorted(inputs):
        values = inputs[name].values
        words = {}
        if any(issubclass(kind, str) for kind in set(map(type, values.values()))):
            words = {column: value for column, value in values.items() if isinstance(value, str)}
        numbers = tuple(sorted(values.keys() - words.keys() if words else values))
        update(hasher, _heading(name, numbers))
        update(hasher, pack(f"<{len(numbers)}d", *map(values.__getitem__, numbers)))
        update(hasher, f"{json.dumps(sorted(words.items()))}\n".encode() if words else b"[]\n")
    return hasher.hexdigest()


@lru_cache(maxsize=32)
def _heading(model: str, columns: tuple[str, ...]) -> bytes:
    """The same for most cases: only columns of the model stand there, no value does."""
    return f"{json.dumps([model, columns])}\n".encode()


@contextmanager
def files_there(case: Case) -> Iterator[None]:
    """Says of a file that was deleted meanwhile that it is not there."""
    try:
        yield
    except FileNotFoundError as error:
        for index, scan in enumerate(case.scans):
            for part, source in (("image", scan.image), ("segmentation", scan.segmentation)):
                if not isinstance(source.content, bytes) and error.filename in _paths(source.content):
                    raise ImageNotFound(f"case.scans[{index}].{part}.digest") from None
        raise


def _paths(content: Path | tuple[Path, ...]) -> set[str]:
    return {str(path) for path in (content if isinstance(content, tuple) else (content,))}


def _scan_of(column: str) -> str:
    """The scan that a column comes from; empty where it comes from none."""
    parsed = parse(column)
    return parsed.scan if isinstance(parsed, ScanColumn) else ""
