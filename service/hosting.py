"""Which model versions serve: those that carry the alias in MLflow and were released, checked off the request path."""

import logging
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from features.errors import FeatureError
from models.errors import ModelError, ModelNotFound, NotReleased, RegistryUnavailable, Retired
from models.registry import Registry
from models.releases import Event, EventKind, Release, ReleaseStore, SignedRelease
from models.releases.release import now
from models.version import Model
from service.copies import Copies, Noted
from service.encoders import Encoders
from service.released import Keys, load_released
from service.settings import Settings

log = logging.getLogger(__name__)

FIRST_POLL_SECONDS = 15.0
"""How long a start waits for the registry when local copies can serve without it."""
POLLS_BEFORE_RETRY = 30
"""A version whose files were refused is looked at again after so many polls, or when alias or release change."""


@dataclass(frozen=True, slots=True)
class Served:
    """One model version that answers."""

    model: Model
    since: datetime
    trouble: str = ""
    """Why a newer version does not serve; empty when all is well."""
    release: Release | None = None
    """By which it serves; there for all that a host serves."""


@dataclass(frozen=True, slots=True)
class Troubled:
    """A model of which the version that was to serve does not."""

    name: str
    version: str
    """That was refused; empty where there is none."""
    trouble: str
    reason: str = ""
    """For machines, as of an error."""


@dataclass(frozen=True, slots=True)
class ServingSet:
    """All versions that answer at one moment; a request keeps the one that it began with."""

    served: Mapping[str, Served] = field(default_factory=dict)
    """By name, in the order of names."""
    troubled: Mapping[str, Troubled] = field(default_factory=dict)
    """By name, in the order of names; none of them serves."""
    champions: Mapping[str, str] = field(default_factory=dict)
    """Of models whose challenger answers this case: the version that serves the others, by name."""
    columns: frozenset[str] = field(init=False, repr=False)
    """That any of them takes."""

    def __post_init__(self) -> None:
        columns = frozenset[str]().union(*(held.model.encoding.known for held in self.served.values()))
        object.__setattr__(self, "columns", columns)

    def get(self, name: str, place: str = "") -> Served:
        """The serving version of a name.

        Raises:
            ModelNotFound: None; says why where that is known, and which names serve.
        """
        if (found := self.served.get(name)) is None:
            names = ", ".join(self.served) or "none"
            held = self.troubled.get(name)
            why = f"that model does not serve: {held.trouble}" if held else "no model of that name serves"
            raise ModelNotFound(f"{why}; serving: {names}", place=place, serving=names)
        return found


class Host:
    """Keeps the serving set up to date with an alias of the registry.

    A new version serves only with a release that a known key signed. It is fetched to a fresh folder, held against
    the release file by file, loaded and asked, before it takes over in one step. The version before it stays loaded,
    so that going back takes no time. A version that fails leaves the one before in place. A registry or a store of
    releases that does not answer, or was emptied, changes nothing: what served last lies in the folder, with its
    release, and serves again after a restart.
    """

    def __init__(
        self,
        registry: Registry,
        folder: Path,
        releases: ReleaseStore,
        keys: Keys,
        *,
        alias: str = "champion",
        names: tuple[str, ...] = (),
        poll_seconds: float = 10.0,
        encoders: Encoders | None = None,
        optional: bool = False,
    ) -> None:
        """Prepares, and loads nothing yet.

        Args:
            registry: Where versions come from.
            folder: Where their local copies are kept.
            releases: Says which of them may serve.
            keys: Of those whose releases count.
            alias: Which version of each model serves.
            names: Which models serve; empty for all that have the alias.
            poll_seconds: Between two looks at the registry.
            encoders: Those of the server; None for some of its own, on the CPU.
            optional: Whether a model may be without the alias.
        """
        self._registry = registry
        self._copies = Copies(folder)
        self._releases = releases
        self._keys = keys
        self._alias = alias
        self._names = names
        self._poll_seconds = poll_seconds
        self._optional = optional
        self.encoders = encoders or Encoders(
            registry, folder.with_name(f"{folder.name}-encoders"), Settings(device="cpu")
        )
        self._serving = ServingSet()
        self._hot: dict[str, Served] = {}
        self._refused: dict[str, _Refused] = {}
        self._troubled: dict[str, Troubled] = {}
        self._told: list[Event] = []
        self._answering = True
        self._looked = False
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._wake = threading.Event()
        self._polled = threading.Event()
        self._thread = threading.Thread(target=self._poll_on, name="poll", daemon=True)

    @property
    def serving(self) -> ServingSet:
        """The set of this moment; immutable."""
        return self._serving

    @property
    def ready(self) -> bool:
        """Whether what serves is known: models were loaded, or the registry answered once."""
        return self._looked or bool(self._serving.served)

    @property
    def answering(self) -> bool:
        """Whether registry and store of releases answered when they were last looked at."""
        return self._answering

    @property
    def troubles(self) -> Mapping[str, Troubled]:
        """Every model whose version with the alias does not serve, whether another one does or not."""
        return dict(self._troubled)

    def start(self) -> None:
        """Loads the local copies, looks at the registry once, and goes on polling in a thread."""
        self._load_copies()
        self._thread.start()
        self._polled.wait(FIRST_POLL_SECONDS if self._serving.served else None)

    def stop(self) -> None:
        """Ends the polling; what serves goes on serving."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5.0)

    def hint(self) -> None:
        """Says that there may be something new; the next look comes at once."""
        self._wake.set()

    def poll(self) -> None:
        """Looks at the registry once and takes over what is new. Never raises."""
        with self._lock:
            try:
                self._take_over(self._registry.pointed(self._alias))
                self._looked = True
                if not self._answering:
                    log.info("the registry answers again")
                self._answering = True
            except RegistryUnavailable as error:
                if self._answering:
                    log.warning("the registry does not answer; what serves goes on serving", exc_info=error)
                self._answering = False
            except Exception:
                log.exception("a look at the registry failed; what serves goes on serving")
            self._record()

    def _poll_on(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            self.poll()
            self._polled.set()
            self._wake.wait(self._poll_seconds)

    def _take_over(self, pointed: Mapping[str, str | None]) -> None:
        ours = {name: version for name, version in pointed.items() if not self._names or name in self._names}
        wanted = {name: version for name, version in ours.items() if version is not None}
        signed = self._releases.newest_of(wanted)
        # A model that is no longer there at all was not taken out of service: somebody emptied the registry.
        served = {name: held for name, held in self._serving.served.items() if name in wanted or name not in pointed}
        named = wanted.keys() | set(self._names) | (served.keys() - pointed.keys())
        self._troubled = {name: held for name, held in self._troubled.items() if name in named}
        for name in set() if self._optional else set(self._names) - wanted.keys():
            self._trouble(name, "", ModelNotFound(f"no version of it has the alias {self._alias}"), served)
        for name in served.keys() - pointed.keys():
            gone = ModelNotFound("its registered model is gone; what serves goes on serving")
            self._trouble(name, served[name].model.version, gone, served)
        for name, version in sorted(wanted.items()):
            self._follow(name, version, signed.get(name), served)
        before = self._serving
        self._swap(served)
        now_ = {name: held.model.digest for name, held in served.items()}
        if now_ != {name: held.model.digest for name, held in before.served.items()}:
            self._keep_hot(before)
            self._write_down()

    def _follow(self, name: str, version: str, signed: SignedRelease | None, served: dict[str, Served]) -> None:
        """Serves the version with the alias, or notes why not at the one that goes on serving."""
        held = served.get(name)
        if signed is None:
            if held is not None and held.model.version == version:
                told = f"the store has no release of version {version} any more; what serves goes on serving"
            else:
                told = f"version {version} does not serve: it was never admitted; wanted `python -m models admit`"
            return self._trouble(name, version, NotReleased(told), served)
        refused = self._refused.get(name)
        if refused is not None and refused.release == signed.signature:
            refused.polls_left -= 1
            if refused.polls_left > 0:
                return None
        try:
            release = signed.verified(self._keys.known())
            if held is not None and held.model.digest == release.digest:
                served[name] = replace(held, trouble="", release=release)
            else:
                served[name] = self._hot_one(release) or Served(
                    self._fetched(signed, release), datetime.now(UTC), "", release
                )
                log.info("a model version serves", extra=self._fields(name, version))
        except RegistryUnavailable as error:
            self._trouble(name, version, _prefixed(version, error), served)
        except (ModelError, FeatureError) as error:
            self._refused[name] = _Refused(signed.signature, POLLS_BEFORE_RETRY)
            _stop_retired(error, version, served)
            self._trouble(name, version, _prefixed(version, error), served)
        except Exception as error:
            log.exception("a model version does not serve", extra=self._fields(name, version))
            self._refused[name] = _Refused(signed.signature, POLLS_BEFORE_RETRY)
            del error
            self._trouble(name, version, ModelError(f"version {version} does not serve: it cannot be loaded"), served)
        else:
            self._refused.pop(name, None)
            self._troubled.pop(name, None)
        return None

    def _trouble(self, name: str, version: str, error: ModelError, served: dict[str, Served]) -> None:
        """Notes it where it is seen: at the model, in the log, in the history; once for each change."""
        trouble = Troubled(name, version, str(error), error.reason)
        if self._troubled.get(name) != trouble:
            log.warning("a model version does not serve", exc_info=error, extra=self._fields(name, version))
            self._tell("trouble", name, version, detail=f"{error.reason}: {error}")
        self._troubled[name] = trouble
        if (held := served.get(name)) is not None:
            served[name] = replace(held, trouble=trouble.trouble)

    def _hot_one(self, release: Release) -> Served | None:
        """The version before, which is still loaded; what serves again serves from now."""
        held = self._hot.get(release.name)
        if held is None or held.model.digest != release.digest or held.model.version != release.version:
            return None
        return replace(held, since=datetime.now(UTC), trouble="", release=release)

    def _fetched(self, signed: SignedRelease, release: Release) -> Model:
        fresh = self._copies.fresh(release.name, release.version)
        try:
            self._registry.fetch(release.name, release.version, fresh)
            model = load_released(fresh, release, self.encoders.get)
            self._copies.keep(fresh, signed, release.digest)
            return model
        finally:
            self._copies.drop(fresh)

    def _swap(self, served: dict[str, Served]) -> None:
        before = self._serving.served
        for name, held in before.items():
            if name not in served:
                log.info("a model no longer serves: it has lost the alias", extra=self._fields(name))
            if name not in served or served[name].model.digest != held.model.digest:
                self._tell("stopped", name, held.model.version, held.model.digest)
        for name, held in served.items():
            if name not in before or before[name].model.digest != held.model.digest:
                self._tell("serves", name, held.model.version, held.model.digest)
        idle = {name: held for name, held in sorted(self._troubled.items()) if name not in served}
        self._serving = ServingSet(MappingProxyType(dict(sorted(served.items()))), MappingProxyType(idle))

    def _keep_hot(self, before: ServingSet) -> None:
        """Keeps the version loaded that a model served before the one that it serves now."""
        now_ = self._serving.served
        for name, held in before.served.items():
            if name in now_ and now_[name].model.digest != held.model.digest:
                self._hot[name] = held
        self._hot = {name: held for name, held in self._hot.items() if name in now_}

    def _write_down(self) -> None:
        """Notes what serves, and deletes local copies but of it and of what served before."""
        served = self._serving.served
        self._copies.note(
            {name: Noted(held.model.version, held.model.digest, held.since) for name, held in served.items()}
        )
        self._copies.tidy(
            {
                name: {
                    self._copies.of(name, one.model.version, one.model.digest)
                    for one in (held, self._hot.get(name, held))
                }
                for name, held in served.items()
            }
        )

    def _load_copies(self) -> None:
        served: dict[str, Served] = {}
        known = self._copies.noted()
        ended = self._retired({name: noted.version for name, noted in known.items()})
        for name, noted in sorted(known.items()):
            if self._names and name not in self._names:
                continue
            if name in ended:
                self._troubled[name] = Troubled(name, noted.version, ended[name], Retired.reason)
                continue
            try:
                signed = self._copies.release_of(name, noted.version, noted.digest)
                release = signed.verified(self._keys.known())
                if release.digest != noted.digest:
                    raise NotReleased("the release beside the local copy is of other files")
                folder = self._copies.of(name, noted.version, noted.digest)
                served[name] = Served(load_released(folder, release, self.encoders.get), noted.since, "", release)
            except Exception:
                log.exception("a local copy cannot serve", extra=self._fields(name, noted.version))
                told = f"the local copy of version {noted.version} cannot be loaded"
                self._troubled[name] = Troubled(name, noted.version, told, NotReleased.reason)
        self._swap(served)

    def _retired(self, versions: Mapping[str, str]) -> dict[str, str]:
        """Which of them were retired, with why; none where the store of releases does not answer."""
        found = {}
        try:
            for name, signed in self._releases.newest_of(versions).items():
                try:
                    signed.verified(self._keys.known())
                except Retired as error:
                    found[name] = str(error)
                except ModelError:
                    continue
        except RegistryUnavailable as error:
            log.warning("the store of releases does not answer; local copies serve", exc_info=error)
        return found

    def _fields(self, name: str, version: str = "") -> dict[str, dict[str, str]]:
        return {"fields": {"model": name, **({"version": version} if version else {}), "alias": self._alias}}

    def _tell(self, kind: EventKind, name: str, version: str, digest: str = "", detail: str = "") -> None:
        self._told.append(
            Event(now(), kind, name, version, f"service {socket.gethostname()}", digest, self._alias, detail)
        )

    def _record(self) -> None:
        """Adds what happened to the history; while the store does not answer it is kept for later."""
        try:
            while self._told:
                self._releases.record(self._told[0])
                self._told.pop(0)
        except RegistryUnavailable:
            del self._told[:-_MOST_KEPT]
        except Exception:
            log.exception("the history cannot be written")
            self._told.clear()


_MOST_KEPT = 1000
"""Events that wait for the store of releases."""


@dataclass(slots=True)
class _Refused:
    """A version whose files cannot serve."""

    release: bytes
    """Signature of the release that it had."""
    polls_left: int


def _stop_retired(error: Exception, version: str, served: dict[str, Served]) -> None:
    """What must not serve any more stops, and nothing takes its place unasked."""
    if isinstance(error, Retired):
        for name in [name for name, held in served.items() if held.model.version == version]:
            del served[name]


def _prefixed(version: str, error: ModelError | FeatureError) -> ModelError:
    """The same error, said of a version."""
    told = ModelError(f"version {version} does not serve: {error}")
    told.reason = error.reason  # type: ignore[misc]  # of this one error
    told.__cause__ = error
    return told
