"""What a request and its answer tell the audit: found by the contract's own words, in whatever message they stand."""

import re
from collections.abc import Iterator
from functools import cache
from typing import TypeVar

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from radresponse.v1 import prediction_pb2
from service.audit.call import Made, Version
from service.audit.key import Key

MOST_FILES = 128
"""Digests that one row holds; a case has at most 32 scans of two files."""

M = TypeVar("M", bound=Message)

_DIGESTS = frozenset({"digest", "image_digest", "segmentation_digest"})
_DIGEST = re.compile(r"[0-9a-f]{64}")
_PARTS: tuple[type[Message], ...] = (prediction_pb2.Prediction, prediction_pb2.Difference)


class Facts:
    """Gathers what is told of one call."""

    def __init__(self, key: Key) -> None:
        self._key = key
        self._files: dict[str, None] = {}
        self.subject = ""
        """Keyed pseudonym."""
        self.prediction_id = ""
        self.made = Made()

    def asked(self, request: object) -> None:
        """Takes a request, or the first message of a stream; what is no message tells nothing."""
        if not isinstance(request, Message):
            return
        for name, value in _words(request):
            if name == "subject" and not self.subject:
                self.subject = self._key.pseudonym(value)
            elif name == "prediction_id" and re.fullmatch(r"[0-9a-f]{32}", value):
                self.prediction_id = value
            elif name in _DIGESTS and _DIGEST.fullmatch(value) and len(self._files) < MOST_FILES:
                self._files[value] = None
        self.made = Made(files=self._keyed_files())

    def answered(self, answer: object) -> object:
        """Takes an answer, and gives it as it goes out: a message as the bytes of which the record keeps the digest."""
        if not isinstance(answer, Message):
            return answer
        sent = answer.SerializeToString(deterministic=True)
        provenance = next(_found(answer, prediction_pb2.Provenance), prediction_pb2.Provenance())
        for scan in provenance.scans:
            self._files |= dict.fromkeys((scan.image_digest, scan.segmentation_digest))
        self.prediction_id = provenance.prediction_id or self.prediction_id
        self.made = Made(
            models=tuple(Version(model.name, model.version, model.digest) for model in provenance.models),
            profile_digests=tuple(provenance.profile_digests),
            files=self._keyed_files(),
            given_features=tuple(provenance.given_features),
            inputs=self._key.content(provenance.input_digest.encode()) if provenance.input_digest else "",
            answer=self._key.content(sent),
            parts=parts_of(answer, self._key),
            software_version=provenance.software_version,
            radiomics_engine=provenance.radiomics_engine,
            encoder_digests=tuple(provenance.encoder_digests) or tuple(provenance.encoder_digest.split()),
        )
        return sent

    def _keyed_files(self) -> tuple[str, ...]:
        return tuple(self._key.content(digest.encode()) for digest in self._files)


def parts_of(answer: Message, key: Key) -> tuple[str, ...]:
    """Keyed digests of an answer's predictions and differences, in order."""
    found = (part for kind in _PARTS for part in _found(answer, kind))
    return tuple(key.content(part.SerializeToString(deterministic=True)) for part in found)


def _words(message: Message) -> Iterator[tuple[str, str]]:
    """Text fields of a message and of those inside it, by name."""
    texts, inside = _layout(message.DESCRIPTOR)
    for name in texts:
        if value := getattr(message, name):
            yield name, value
    for name, repeated in inside:
        for inner in _inside(message, name, repeated):
            yield from _words(inner)


def _found(message: Message, kind: type[M]) -> Iterator[M]:
    """Messages of a kind, wherever they stand."""
    if isinstance(message, kind):
        yield message
        return
    for name, repeated in _leading(message.DESCRIPTOR, kind.DESCRIPTOR):
        for inner in _inside(message, name, repeated):
            yield from _found(inner, kind)


def _inside(message: Message, name: str, repeated: bool) -> Iterator[Message]:
    """The messages of a field."""
    if repeated:
        yield from getattr(message, name)
    elif message.HasField(name):
        yield getattr(message, name)


@cache
def _layout(kind: Descriptor) -> tuple[tuple[str, ...], tuple[tuple[str, bool], ...]]:
    """Names of a message's text fields, and of those that hold messages, with whether they are repeated.

    A map is neither: its keys are the caller's own words. Looked up once: an answer holds hundreds of reasons.
    """
    texts = tuple(one.name for one in kind.fields if one.type == FieldDescriptor.TYPE_STRING and not one.is_repeated)
    inside = tuple(
        (one.name, one.is_repeated)
        for one in sorted(kind.fields, key=lambda one: one.number)
        if one.message_type is not None and not one.message_type.GetOptions().map_entry
    )
    return texts, inside


@cache
def _leading(kind: Descriptor, wanted: Descriptor) -> tuple[tuple[str, bool], ...]:
    """Fields of a message that hold messages of a kind, themselves or deeper inside."""
    return tuple(
        (name, repeated)
        for name, repeated in _layout(kind)[1]
        if _holds(kind.fields_by_name[name].message_type, wanted, frozenset())
    )


def _holds(kind: Descriptor | None, wanted: Descriptor, above: frozenset[str]) -> bool:
    """Whether a message is of a kind, or may hold one."""
    if kind is None:
        return False
    if kind.full_name == wanted.full_name:
        return True
    if kind.full_name in above:
        return False
    inside = (kind.fields_by_name[name].message_type for name, _ in _layout(kind)[1])
    return any(_holds(inner, wanted, above | {kind.full_name}) for inner in inside)
