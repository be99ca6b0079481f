"""Challengers: versions with a second alias, tried beside those that serve, and the cases that they answer."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from features.case import Case
from features.errors import FeatureError
from models.answers import Notice
from models.errors import ModelError
from service.audit.key import Key
from service.hosting import Host, Served, ServingSet
from service.selection import require_inputs


@dataclass(frozen=True, slots=True)
class Pinned:
    """What serves, and what is tried beside it, at the moment that a call came."""

    champions: ServingSet
    challengers: Mapping[str, Served]
    """By name; none that is the champion itself."""


class Challengers:
    """Follows the challengers' alias with the same care as the champions': released files, copies, troubles."""

    def __init__(self, champions: Host, host: Host | None, key: Key, *, canary_share: float) -> None:
        """Prepares.

        Args:
            champions: Follows what serves.
            host: Follows the challengers; None where nothing is tried.
            key: Of the audit: services that share it put a patient into the same arm.
            canary_share: Share of patients whom the challenger answers.
        """
        self._champions = champions
        self._host = host
        self._key = key
        self.canary_share = canary_share

    @property
    def host(self) -> Host | None:
        """Who follows them."""
        return self._host

    def pinned(self) -> Pinned:
        """What a call that comes now keeps through all its steps."""
        champions = self._champions.serving
        if self._host is None:
            return Pinned(champions, {})
        tried = {
            name: held
            for name, held in self._host.serving.served.items()
            if name in champions.served and held.model.digest != champions.served[name].model.digest
        }
        return Pinned(champions, tried)

    def answering(self, pinned: Pinned, subject: str, case: Case) -> ServingSet:
        """The set that answers a case: of models whose challenger this patient is given, that challenger.

        A patient's arm rests on the patient and on the challenger's files alone, so it stays the same while these do,
        and a larger share only adds patients. A challenger that cannot take the case, or lacks a therapy that the
        champion knows, leaves it to the champion.
        """
        chosen = {
            name: held
            for name, held in pinned.challengers.items()
            if self._key.part("canary", held.model.digest, subject) < self.canary_share
            and _takes(held, pinned.champions.served[name], case)
        }
        if not chosen:
            return pinned.champions
        before = pinned.champions.served
        return replace(
            pinned.champions,
            served=MappingProxyType({name: chosen.get(name, held) for name, held in before.items()}),
            champions=MappingProxyType({name: before[name].model.version for name in chosen}),
        )


def canary_notices(serving: ServingSet, names: Mapping[str, object]) -> list[Notice]:
    """Says of each of these models that answered as a challenger."""
    return [
        Notice(
            "CANARY",
            f"{name}: version {serving.served[name].model.version} answers a share of patients before it may answer "
            f"all; version {version} answers the others",
        )
        for name, version in serving.champions.items()
        if name in names
    ]


def failed_canaries(serving: ServingSet) -> list[Notice]:
    """Says of the challengers of a set that could not answer that others do in their place."""
    tried = ", ".join(f"{name} version {serving.served[name].model.version}" for name in serving.champions)
    return [Notice("CANARY_FAILED", f"{tried} would answer this patient and failed; the versions that serve answer")]


def _takes(challenger: Served, champion: Served, case: Case) -> bool:
    if not set(champion.model.therapies) <= set(challenger.model.therapies):
        return False
    try:
        require_inputs(challenger.model, case)
    except (ModelError, FeatureError):
        return False
    return True
