"""Admits a version: fetches it, holds it to every gate, and signs a release of what was seen, file by file."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from models.admission.evaluate import Evaluated, evaluate, read_table
from models.admission.report import Check, Report, refusals
from models.admission.trial import DEFAULT_LIMITS, Limits, Tried, try_version
from models.errors import BadVersion, BrokenFile, ModelNotFound, NotReleased, Retired
from models.files import digest_of, digests_of, read_all
from models.load import load_model, model_of
from models.model import Model
from models.plain import dumps
from models.registry import Registry
from models.releases import Event, EventKind, PrivateKey, PublicKeys, Release, ReleaseStore, Retirement
from models.releases.release import Policy, now
from models.version import TrainedModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """What is asked."""

    name: str
    version: str
    by: str
    """Who admits."""
    policy: Policy = "clinical"
    """For clinical use a held-out table is wanted; for research it is not."""
    table: Path | None = None
    alias: str | None = None
    """Moved to the version once it is admitted."""
    champion: str = "champion"
    """Alias of the version that it is compared with."""
    limits: Limits = DEFAULT_LIMITS


def admit(admission: Admission, registry: Registry, store: ReleaseStore, key: PrivateKey) -> Report:
    """Runs every gate; where all let it pass, a signed release stands in the store and the alias is moved.

    Raises:
        ModelNotFound: No such version.
        RegistryUnavailable: MLflow, or the store, does not answer.
        BadCohort: The table cannot be read.
    """
    started = time.monotonic()
    with TemporaryDirectory() as scratch:
        folder = Path(scratch) / "version"
        checks: list[Check] = []
        files = _files(admission, registry, folder, checks)
        tried = _tried(admission, folder, files, checks)
        figures = _figures(admission, registry, files, Path(scratch), checks) if tried else None
    report = Report(
        name=admission.name,
        version=admission.version,
        digest=tried.digest if tried else "",
        family=tried.family if tried else "",
        task=tried.task if tried else "",
        policy=admission.policy,
        checks=tuple(checks),
        absent=tried.absent if tried else (),
        figures=figures.figures if figures else (),
        golden=len(tried.golden) if tried else 0,
        seconds=round(time.monotonic() - started, 3),
    )
    if not report.admitted or tried is None:
        store.record(_event("refused", admission, report, refusals(report.checks)))
        return report
    release = Release(
        name=admission.name,
        version=admission.version,
        digest=report.digest,
        files=digests_of(files),
        policy=admission.policy,
        report=dumps(report).decode(),
        golden=tried.golden,
        admitted_at=now(),
        admitted_by=admission.by,
    )
    store.add(release.signed(key))
    store.record(_event("admitted", admission, report, f"for {admission.policy} use, key {key.identity}"))
    if admission.alias:
        registry.alias(admission.name, admission.version, admission.alias)
        store.record(_event("promoted", admission, report, "", admission.alias))
    return report


def promote(
    name: str, version: str, alias: str, by: str, registry: Registry, store: ReleaseStore, keys: PublicKeys
) -> None:
    """Moves the alias to a version that was admitted.

    Raises:
        NotReleased: It was not.
        BadRelease: It was, by nobody whose key is known.
    """
    _move("promoted", name, version, alias, by, registry, store, keys)


def roll_back(name: str, alias: str, by: str, registry: Registry, store: ReleaseStore, keys: PublicKeys) -> str:
    """Moves the alias back to the version that had it before; gives that version.

    Raises:
        ModelNotFound: The alias points nowhere, or was never moved.
    """
    current = dict(registry.aliased(alias)).get(name)
    if current is None:
        raise ModelNotFound(f"no version of {name} has the alias {alias}", name=name)
    before = ""
    for event in store.events(name):
        if event.alias == alias and event.kind in ("promoted", "rolled back"):
            if event.version == current:
                continue
            before = event.version
    if not before:
        raise ModelNotFound(f"{alias} of {name} was never moved by us from another version; nothing to go back to")
    _move("rolled back", name, before, alias, by, registry, store, keys)
    return before


def retire(
    name: str, version: str, why: str, by: str, registry: Registry, store: ReleaseStore, key: PrivateKey
) -> tuple[str, ...]:
    """Ends a version's release, so that no service serves it any more, and takes its aliases away; gives these.

    The end is signed and stands in the store before any alias moves: a registry that does not answer keeps nothing
    serving.

    Raises:
        NotReleased: It was never admitted.
        Retired: It was retired before.
    """
    signed = store.newest(name, version)
    if signed is None:
        raise NotReleased(f"{name} version {version} was never admitted, so there is nothing to retire")
    if (before := signed.retirement) is not None:
        raise Retired(f"{name} version {version} was retired by {before.retired_by} at {before.retired_at}")
    release = signed.unverified
    store.add(Retirement(name, version, release.digest, why, now(), by).signed(key))
    aliases = next((one.aliases for one in registry.list() if one.name == name), {})
    taken = tuple(sorted(alias for alias, of in aliases.items() if of == version))
    for alias in taken:
        registry.unalias(name, alias)
    store.record(Event(now(), "retired", name, version, by, release.digest, ",".join(taken), why))
    return taken


def _move(
    kind: EventKind,
    name: str,
    version: str,
    alias: str,
    by: str,
    registry: Registry,
    store: ReleaseStore,
    keys: PublicKeys,
) -> None:
    signed = store.newest(name, version)
    if signed is None:
        raise NotReleased(f"{name} version {version} was never admitted; wanted `python -m models admit` first")
    release = signed.verified(keys)
    registry.alias(name, version, alias)
    store.record(Event(now(), kind, name, version, by, release.digest, alias))


def _event(kind: EventKind, admission: Admission, report: Report, detail: str, alias: str = "") -> Event:
    return Event(now(), kind, admission.name, admission.version, admission.by, report.digest, alias, detail)


def _files(admission: Admission, registry: Registry, folder: Path, checks: list[Check]) -> dict[str, bytes]:
    """Fetches and reads; what may not be there is refused by name, before anything is made of it."""
    try:
        registry.fetch(admission.name, admission.version, folder)
        files = read_all(folder)
    except BadVersion as error:
        checks.append(Check("files", "refused", str(error)))
        return {}
    size = sum(len(content) for content in files.values())
    checks.append(Check("files", "passed", f"{len(files)} files of data, {size:,} bytes: {', '.join(sorted(files))}"))
    return files


def _tried(admission: Admission, folder: Path, files: dict[str, bytes], checks: list[Check]) -> Tried | None:
    if not files:
        return None
    tried = try_version(folder, admission.name, admission.version, admission.limits)
    checks += tried.checks
    if any(check.status == "refused" for check in tried.checks):
        return None
    if tried.digest != digest_of(files):
        checks.append(Check("files", "refused", "they changed while they were tried"))
        return None
    return tried


def _figures(
    admission: Admission, registry: Registry, files: dict[str, bytes], scratch: Path, checks: list[Check]
) -> Evaluated | None:
    """The soft gates: without a table they are open, which only research may leave so."""
    model = model_of(files, admission.name, admission.version)
    checks.append(_card(model))
    if admission.table is None:
        open_ = admission.policy == "research"
        told = "no held-out table was given (--evaluate TABLE); only --policy research admits without"
        checks.append(Check("performance", "not evaluated" if open_ else "refused", told))
        return None
    evaluated = evaluate(read_table(admission.table, model.task), model, _champion(admission, model, registry, scratch))
    soft: Callable[[Check], Check] = (
        (lambda check: check)
        if admission.policy == "clinical"
        else (lambda check: Check(check.gate, "noted" if check.status == "refused" else check.status, check.detail))
    )
    checks += [soft(check) for check in evaluated.checks]
    return evaluated


def _champion(admission: Admission, model: Model, registry: Registry, scratch: Path) -> Model | None:
    version = dict(registry.aliased(admission.champion)).get(admission.name)
    if version is None or version == admission.version:
        return None
    try:
        champion = load_model(registry.fetch(admission.name, version, scratch / "champion"), admission.name, version)
    except BadVersion as error:
        raise BrokenFile(f"the champion, version {version}, cannot be loaded to compare with: {error}") from error
    return champion if champion.task == model.task else None


def _card(model: Model) -> Check:
    if not isinstance(model, TrainedModel):
        return Check(
            "card", "noted", "it brings none: intended use, cohort, figures, subgroups and limits are not stated"
        )
    lacking = [title for title, word in _CARD if word not in model.card]
    lacking += ["the population"] if "Population: not stated" in model.card else []
    if lacking:
        return Check("card", "noted", f"it lacks {', '.join(lacking)}")
    return Check("card", "passed", "use, cohort, figures, subgroups and limits are stated")


_CARD = (
    ("intended use", "## Intended use"),
    ("the cohort", "## Learned from"),
    ("figures on unseen patients", "## On patients that it had not seen"),
    ("subgroups", "## Subgroups"),
    ("limits", "## Limits"),
)
