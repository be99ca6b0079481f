"""A release: one version of a model, file by file, as it was when it was admitted; and its signed form."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from models.errors import BadRelease, BrokenFile, Retired
from models.plain import dumps, from_plain, loads
from models.releases.keys import PrivateKey, PublicKeys

Policy = Literal["clinical", "research"]
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Golden:
    """One case with what the version answered when it was admitted."""

    values: Mapping[str, float | str]
    """By full column name; a column that is not here was missing."""
    therapies: tuple[str, ...]
    """That were asked about; none for a model that knows none."""
    expected: tuple[tuple[float, ...], ...]
    """For each therapy: the probability, or the survival on each day, or the log-hazard ratio."""


@dataclass(frozen=True, slots=True)
class Release:
    """What may serve, and why."""

    name: str
    """The registered name."""
    version: str
    """MLflow's number."""
    digest: str
    """SHA-256 over the digests of all files, as `models.files.digest_of` has it."""
    files: Mapping[str, str]
    """SHA-256 of each file, by name."""
    policy: Policy
    """What it was admitted for."""
    report: str
    """The admission report, JSON."""
    golden: tuple[Golden, ...]
    """What it must still answer wherever it is loaded."""
    admitted_at: str
    """ISO 8601, UTC."""
    admitted_by: str
    format: Literal["radresponse-release-1"] = "radresponse-release-1"

    def __post_init__(self) -> None:
        if not all(_DIGEST.fullmatch(digest) for digest in (self.digest, *self.files.values())) or not self.files:
            raise BrokenFile("a release: a digest is not 64 lower-case hexadecimal digits, or there is no file")
        if self.moment.tzinfo is None:
            raise BrokenFile("a release: the moment has no time zone")

    @property
    def moment(self) -> datetime:
        """When it was admitted."""
        try:
            return datetime.fromisoformat(self.admitted_at)
        except ValueError:
            raise BrokenFile("a release: the moment is not ISO 8601") from None

    def signed(self, key: PrivateKey) -> "SignedRelease":
        """As it goes into the store."""
        content = dumps(self)
        return SignedRelease(self.name, self.version, content, key.sign(content), key.identity)


@dataclass(frozen=True, slots=True)
class Retirement:
    """That a version must not serve any more, signed like the release that it ends."""

    name: str
    version: str
    digest: str
    """Of the version."""
    why: str
    retired_at: str
    """ISO 8601, UTC."""
    retired_by: str
    format: Literal["radresponse-retirement-1"] = "radresponse-retirement-1"

    def signed(self, key: PrivateKey) -> "SignedRelease":
        """As it goes into the store, after the release that it ends."""
        content = dumps(self)
        return SignedRelease(self.name, self.version, content, key.sign(content), key.identity)


@dataclass(frozen=True, slots=True)
class SignedRelease:
    """A release as the store has it: bytes, to be believed once their signature is."""

    name: str
    version: str
    """Both as the store finds it by; what counts stands in the content."""
    content: bytes
    signature: bytes
    key: str
    """Identity of the key that signed it."""

    @property
    def unverified(self) -> Release:
        """The release as it stands there, believed by nobody yet; raises BrokenFile where it is none."""
        return from_plain(Release, loads(self.content, place="release"), place="release")

    @property
    def retirement(self) -> Retirement | None:
        """Where it is the end of a release; not verified."""
        return retirement_of(self.content)

    def verified(self, keys: PublicKeys) -> Release:
        """The release, once one of the known keys is seen to have signed it.

        Raises:
            Retired: It is the end of one.
            BadRelease: No known key did, or it is a release of something else.
        """
        keys.verify(self.content, self.signature)
        try:
            if (ended := self.retirement) is not None:
                raise Retired(
                    f"version {self.version} was retired by {ended.retired_by} at {ended.retired_at}"
                    f"{': ' if ended.why else ''}{ended.why}; wanted another admission"
                )
            release = self.unverified
        except BrokenFile as error:
            raise BadRelease(f"the release cannot be read: {error}") from error
        if (release.name, release.version) != (self.name, self.version):
            raise BadRelease("the release was signed for another model or version")
        return release


def retirement_of(content: bytes) -> Retirement | None:
    """What a signed content says where it is the end of a release, not verified.

    Raises:
        BrokenFile: It is neither that nor a release.
    """
    told = loads(content, place="release")
    if not isinstance(told, dict) or told.get("format") != "radresponse-retirement-1":
        return None
    return from_plain(Retirement, told, place="retirement")


def now() -> str:
    """The moment as releases and events have it."""
    return datetime.now(UTC).isoformat(timespec="seconds")
