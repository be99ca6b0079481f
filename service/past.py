"""What served when, for callers: from the store of releases, as messages."""

from datetime import datetime

from models.errors import BadKey
from models.history import Admitted, Stretch, evidence_lines, history
from models.releases import ReleaseStore
from radresponse.v1 import model_pb2
from service.released import Keys


class Past:
    """Of one service's store; others that share it are told of as well."""

    def __init__(self, store: ReleaseStore, keys: Keys) -> None:
        """Takes where releases are, and whose signatures count."""
        self._store = store
        self._keys = keys

    def periods(self, name: str) -> dict[str, model_pb2.ServingPeriod]:
        """By place in time, oldest first.

        Args:
            name: Of a model; empty for all.

        Raises:
            ReleasesUnavailable: The store does not answer.
        """
        try:
            keys = self._keys.known()
        except BadKey:
            keys = None
        found = history(self._store, name, keys)
        return {f"{index:012}": _period(stretch) for index, stretch in enumerate(found)}


def _period(stretch: Stretch) -> model_pb2.ServingPeriod:
    message = model_pb2.ServingPeriod(
        model=model_pb2.ModelReference(name=stretch.name, version=stretch.version, digest=stretch.digest),
        alias=stretch.alias,
        service=stretch.service,
    )
    message.since.FromDatetime(datetime.fromisoformat(stretch.since))
    if stretch.until:
        message.until.FromDatetime(datetime.fromisoformat(stretch.until))
    if stretch.admitted is not None:
        message.admission.CopyFrom(_admission(stretch.admitted))
    return message


def _admission(admitted: Admitted) -> model_pb2.Admission:
    message = model_pb2.Admission(
        by=admitted.by,
        policy=admitted.policy,
        signature=admitted.signature,
        evidence=evidence_lines(admitted.evidence),
    )
    message.time.FromDatetime(datetime.fromisoformat(admitted.at))
    return message
