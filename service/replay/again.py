"""Makes a prediction again by the very versions that answered, and says what differs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from google.protobuf.message import Message

from features.cache import FeatureCache
from features.case import Source
from features.imaging.read import Limits
from models.computable import require_computable
from models.errors import ModelError, ModelNotFound
from models.load import load_model
from models.registry import Registry
from models.version import Model
from radresponse.v1 import case_pb2
from service.audit.call import Made, Version
from service.audit.facts import Facts
from service.audit.key import Key
from service.convert import case_of
from service.encoders import Encoders
from service.errors import BadRequestField, NothingToReplay
from service.hosting import ServingSet
from service.inputs import Instruments
from service.metrics import Metrics
from service.pacs.archives import Archives
from service.pacs.door import ArchiveDoor
from service.predictions import ask, compared, predicted
from service.provenance import Answer
from service.replay.original import Original
from service.selection import Asked, Selection
from service.settings import Settings

TOLD = 12
"""Differences between numbers that are named."""


@dataclass(frozen=True, slots=True)
class Replay:
    """What came of it."""

    predictions: int
    """Made again, differences between therapies among them."""
    same: bool
    """Whether each is the same, byte for byte."""
    differences: tuple[str, ...]
    """What is another than it was; software, say, may be, and the numbers the same."""
    answer: Answer


def replay(
    original: Original,
    case: case_pb2.Case,
    settings: Settings,
    key: Key,
    *,
    therapies: Sequence[str] = (),
    reference: str = "",
) -> Replay:
    """Makes it again.

    Args:
        original: The past prediction.
        case: The same case, with its files inside or in an archive.
        settings: Of the service: where its models and their copies are.
        key: With which the original's digests were made.
        therapies: As they were asked about, where the original does not say; empty for all.
        reference: As it was asked about, where the original does not say; empty for the first.

    Raises:
        NothingToReplay: A version that answered is no longer to be had as it was.
        FeatureError, ModelError, ServiceError: The case is not what it was, so that it is refused now.
    """
    registry = Registry(settings.registry_uri or None, data_folder=settings.data_folder)
    encoders = Encoders(registry, settings.data_folder / "encoders", settings)
    limits = Limits(settings.max_image_bytes)
    models = [_model(version, settings, registry, encoders) for version in original.made.models]
    asked_of_all = original.therapies or tuple(therapies)
    asked = tuple(
        Asked(
            model, original.by_model.get(model.name, asked_of_all or model.therapies) if model.therapies else (), True
        )
        for model in models
    )
    of_comparison = asked_of_all or (models[0].therapies if models else ())
    against = (original.reference or reference or of_comparison[0]) if original.compared else None
    cache = FeatureCache()
    try:
        instruments = Instruments(cache, encoders, limits, Metrics())
        with TemporaryDirectory() as folder, _archives(settings, Path(folder)).fetching(None) as fetched:
            taken = case_of(case, _files_only, fetched.open)
            asking = ask(taken, ServingSet(), Selection(asked, (), ()), against, instruments, lambda: None)
    finally:
        cache.close()
        encoders.close()
    answer = predicted(asking) if against is None else compared(asking, of_comparison, against)
    facts = Facts(key)
    facts.answered(answer)
    return Replay(
        predictions=len(facts.made.parts),
        same=facts.made.parts == original.made.parts,
        differences=tuple(_differences(original, facts.made, answer)),
        answer=answer,
    )


def _archives(settings: Settings, folder: Path) -> ArchiveDoor:
    return ArchiveDoor(Archives.of(settings.pacs_file), folder / "fetched")


def _files_only(digest: str) -> Source:
    raise BadRequestField("", "a file by its digest; wanted the file itself, for a replay reads no uploads")


def _model(version: Version, settings: Settings, registry: Registry, encoders: Encoders) -> Model:
    """The version that answered, from the service's own copy or from the registry."""
    kept = f"{version.name}/{version.version}-{version.digest[:16]}"
    copies = [settings.data_folder / tried / kept for tried in ("serving", "challengers")]
    found = (model for copy in copies if copy.is_dir() and (model := _loaded(copy, version)) is not None)
    if (model := next(found, None)) is None:
        with TemporaryDirectory() as folder:
            try:
                model = _loaded(registry.fetch(version.name, version.version, Path(folder) / "model"), version)
            except ModelNotFound:
                model = None
    if model is None:
        raise NothingToReplay(
            f"{version.name} {version.version} is neither kept here nor in the registry with the files that answered"
        )
    wanted = model.manifest.encoder
    require_computable(model, encoders.get(wanted) if wanted else None)
    return model


def _loaded(folder: Path, version: Version) -> Model | None:
    """The model of a folder where it is the one that answered."""
    try:
        model = load_model(folder, version.name, version.version)
    except ModelError:
        return None
    return model if model.digest == version.digest else None


def _differences(original: Original, again: Made, answer: Answer) -> Iterator[str]:
    then = original.made
    told: Mapping[str, tuple[object, object]] = {
        "the models that answer": (then.models, again.models),
        "the profiles of features": (then.profile_digests, again.profile_digests),
        "the columns that the caller gives": (then.given_features, again.given_features),
        "what the models are given (covariates, features or what is measured)": (then.inputs, again.inputs),
        "the version of this software": (then.software_version, again.software_version),
        "the engine of radiomic features": (then.radiomics_engine, again.radiomics_engine),
        "the encoders": (then.encoder_digests, again.encoder_digests),
    }
    for what, (before, now) in told.items():
        if before != now:
            seen = f": {before} then, {now} now" if isinstance(before, str) and "given" not in what else ""
            yield f"{what} differ{'s' if what[-1] != 's' else ''}{seen}"
    if not set(again.files) <= set(then.files):
        yield "the files of the case differ: not those that were read then"
    if len(then.parts) != len(again.parts):
        yield f"{len(then.parts)} predictions then, {len(again.parts)} now: other therapies were asked about"
    elif then.parts != again.parts:
        others = sum(one != other for one, other in zip(then.parts, again.parts, strict=True))
        yield f"{others} of {len(then.parts)} predictions differ"
    if original.answer is not None:
        yield from list(_numbers(original.answer, answer, ""))[:TOLD]


def _numbers(before: Message, now: Message, place: str) -> Iterator[str]:
    """Where two answers differ, by the contract's names; provenance and warnings are told elsewhere."""
    for field in before.DESCRIPTOR.fields:
        if field.name in {"provenance", "warnings"} or (
            field.message_type and field.message_type.GetOptions().map_entry
        ):
            continue
        one, other, name = getattr(before, field.name), getattr(now, field.name), f"{place}{field.name}"
        if field.is_repeated:
            if len(one) != len(other):
                yield f"{name}: {len(one)} then, {len(other)} now"
                continue
            for index, (first, second) in enumerate(zip(one, other, strict=True)):
                if isinstance(first, Message):
                    yield from _numbers(first, second, f"{name}[{index}].")
                elif first != second:
                    yield f"{name}[{index}]: {first} then, {second} now"
        elif isinstance(one, Message):
            yield from _numbers(one, other, f"{name}.")
        elif one != other:
            yield f"{name}: {one} then, {other} now"
