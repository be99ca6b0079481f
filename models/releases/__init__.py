"""What was checked and may serve: signed releases, in a store that MLflow cannot write to."""

from models.releases.event import Event, EventKind
from models.releases.keys import PrivateKey, PublicKeys, make_keys
from models.releases.release import Golden, Release, Retirement, SignedRelease
from models.releases.store import ReleaseStore

__all__ = [
    "Event",
    "EventKind",
    "Golden",
    "PrivateKey",
    "PublicKeys",
    "Release",
    "ReleaseStore",
    "Retirement",
    "SignedRelease",
    "make_keys",
]
