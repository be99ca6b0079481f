"""What served when, admitted by whom, on which evidence: read from the store that is only added to."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from models.errors import BadRelease, BrokenFile
from models.releases import Event, PublicKeys, ReleaseStore, SignedRelease


@dataclass(frozen=True, slots=True)
class Admitted:
    """Why a version may serve."""

    by: str
    at: str
    """ISO 8601, UTC."""
    policy: str
    signature: str
    """`good`, `not checked` where no public key was given, or what is wrong with it."""
    evidence: str
    """The admission report, JSON."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time in which one version answered at one service."""

    name: str
    version: str
    digest: str
    alias: str
    """That the service follows."""
    service: str
    since: str
    until: str
    """Empty while it serves, as far as is known: a service that broke down says nothing of it."""
    admitted: Admitted | None
    """None where no release of these very files is in the store."""


def history(store: ReleaseStore, name: str = "", keys: PublicKeys | None = None) -> tuple[Stretch, ...]:
    """Of one model or of all, oldest first.

    A service that starts again and says once more that a version serves goes on with its stretch.

    Args:
        store: Of releases and events.
        name: Of a model; empty for all.
        keys: Whose signatures count; None leaves them unchecked.

    Raises:
        ReleasesUnavailable: The store does not answer.
    """
    stretches: list[Stretch] = []
    running: dict[tuple[str, str, str], int] = {}
    for event in store.events(name):
        at = (event.by, event.name, event.alias)
        before = running.get(at)
        if event.kind == "serves":
            if before is not None and stretches[before].digest == event.digest:
                continue
            _end(stretches, before, event.at)
            running[at] = len(stretches)
            stretches.append(_begun(event))
        elif event.kind == "stopped" and before is not None and stretches[before].digest == event.digest:
            _end(stretches, before, event.at)
            del running[at]
    releases = store.releases(name)
    return tuple(replace(one, admitted=_admitted(one, releases, keys)) for one in stretches)


def _begun(event: Event) -> Stretch:
    return Stretch(event.name, event.version, event.digest, event.alias, event.by, event.at, "", None)


def _end(stretches: list[Stretch], index: int | None, at: str) -> None:
    if index is not None:
        stretches[index] = replace(stretches[index], until=at)


def _admitted(stretch: Stretch, releases: Sequence[SignedRelease], keys: PublicKeys | None) -> Admitted | None:
    """By the newest release of these files."""
    for signed in reversed(releases):
        if (signed.name, signed.version) != (stretch.name, stretch.version):
            continue
        signature = "not checked"
        try:
            release = signed.unverified
            if keys is not None:
                signed.verified(keys)
                signature = "good"
        except BadRelease as error:
            signature = str(error)
        except BrokenFile:
            continue
        if release.digest == stretch.digest:
            return Admitted(release.admitted_by, release.admitted_at, release.policy, signature, release.report)
    return None


def evidence_lines(report: str) -> tuple[str, ...]:
    """The gates of an admission report and what each found, a line each; none where it is of another form."""
    try:
        told = json.loads(report)
        checks = told.get("checks", []) if isinstance(told, dict) else []
        return tuple(f"{check['gate']}: {check['status']}, {check['detail']}" for check in checks)
    except (ValueError, TypeError, KeyError):
        return ()
