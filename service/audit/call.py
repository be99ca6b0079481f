"""One call as it is recorded: nothing of a patient but a keyed pseudonym."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Version:
    """A model version that answered."""

    name: str
    version: str
    digest: str


@dataclass(frozen=True, slots=True)
class Made:
    """What made an answer, as far as it is needed to make it again; empty where there was none."""

    models: tuple[Version, ...] = ()
    profile_digests: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    """Keyed digest of the SHA-256 of each image and segmentation that was named or read: who has a file cannot tell
    from the record that it was here."""
    given_features: tuple[str, ...] = ()
    """Names of columns that the caller gave."""
    inputs: str = ""
    """Keyed digest of `Provenance.input_digest`: of few possible values a plain one would tell which."""
    answer: str = ""
    """Keyed digest of the whole answer."""
    parts: tuple[str, ...] = ()
    """Keyed digests of its predictions and differences, in order."""
    software_version: str = ""
    radiomics_engine: str = ""
    encoder_digests: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Who called what, and how it ended."""

    id: str
    """The number of the call, which its caller reads as `x-request-id`."""
    time_us: int
    """When it ended, in microseconds since 1970 by this machine's clock. The order of rows does not rest on it."""
    caller: str
    """Empty where nobody was recognised."""
    method: str
    code: str
    """gRPC's word, e.g. `OK`."""
    reason: str = ""
    """`ErrorInfo.reason` of a refusal."""
    subject: str = ""
    """Keyed pseudonym; empty where none was told."""
    prediction_id: str = ""
    made: Made = field(default_factory=Made)


def text_of(made: Made) -> str:
    """The form in which it is stored and sealed; what is empty is left out."""
    known: dict[str, object] = {
        "models": [[of.name, of.version, of.digest] for of in made.models],
        "profiles": made.profile_digests,
        "files": made.files,
        "given": made.given_features,
        "inputs": made.inputs,
        "answer": made.answer,
        "parts": made.parts,
        "software": made.software_version,
        "radiomics": made.radiomics_engine,
        "encoders": made.encoder_digests,
    }
    return json.dumps({key: value for key, value in known.items() if value}, separators=(",", ":"))


def made_of(text: str) -> Made:
    """From that form; a row that someone else wrote may hold anything, and then gives ValueError."""
    try:
        known = json.loads(text)
        return Made(
            models=tuple(Version(*(str(part) for part in of)) for of in known.get("models", ())),
            profile_digests=_words(known, "profiles"),
            files=_words(known, "files"),
            given_features=_words(known, "given"),
            inputs=str(known.get("inputs", "")),
            answer=str(known.get("answer", "")),
            parts=_words(known, "parts"),
            software_version=str(known.get("software", "")),
            radiomics_engine=str(known.get("radiomics", "")),
            # The other is of older rows, which had one at most.
            encoder_digests=_words(known, "encoders") or tuple(str(known.get("encoder", "")).split()),
        )
    except (TypeError, AttributeError, RecursionError) as error:
        raise ValueError("not what the audit writes") from error


def _words(known: Mapping[str, object], key: str) -> tuple[str, ...]:
    value = known.get(key, ())
    if not isinstance(value, list | tuple):
        raise TypeError(key)
    return tuple(str(word) for word in value)
