"""`keys`, `admit`, `promote`, `rollback`, `retire`: who may serve, decided and recorded."""

import argparse
import getpass
import re
import sys

from models.admission.admit import Admission, admit, promote, retire, roll_back
from models.admission.report import refusals
from models.errors import AdmissionRefused, BadStore, ModelNotFound
from models.plain import dumps
from models.registry import Registry
from models.releases import PrivateKey, PublicKeys, ReleaseStore, make_keys
from models.releases.keys import PRIVATE, PUBLIC
from models.releases.place import folder_of

_URI = re.compile(r"models:/(?P<name>[A-Za-z][A-Za-z0-9_.-]{0,127})(/(?P<version>[0-9]{1,12}|latest)|@(?P<alias>\S+))")


def run_keys(chosen: argparse.Namespace) -> None:
    """Makes a pair and says which is which."""
    private, public = make_keys(chosen.out)
    print(f"private key, for those who admit: {private}")
    print(f"public key, for the service's releases_key_file: {public}")


def run_admit(chosen: argparse.Namespace) -> None:
    """Prints the report; raises AdmissionRefused where a gate does not let the version pass."""
    registry, store = _opened(chosen)
    name, version = _resolved(chosen.uri, registry)
    admission = Admission(
        name=name,
        version=version,
        by=_who(chosen),
        policy=chosen.policy,
        table=chosen.evaluate,
        alias=chosen.alias,
        champion=chosen.alias or "champion",
    )
    report = admit(admission, registry, store, _private_key(chosen, registry))
    if chosen.json:
        sys.stdout.write(dumps(report).decode())
    else:
        print(report.text())
    if not report.admitted:
        raise AdmissionRefused(refusals(report.checks))
    if chosen.alias and not chosen.json:
        print(f"{chosen.alias} of {name} is now version {version}")


def run_promote(chosen: argparse.Namespace) -> None:
    """Moves the alias to a version that was admitted."""
    registry, store = _opened(chosen)
    promote(chosen.name, chosen.version, chosen.alias, _who(chosen), registry, store, _keys(chosen, registry))
    print(f"{chosen.alias} of {chosen.name} is now version {chosen.version}")


def run_rollback(chosen: argparse.Namespace) -> None:
    """Moves the alias back to the version that had it before."""
    registry, store = _opened(chosen)
    version = roll_back(chosen.name, chosen.alias, _who(chosen), registry, store, _keys(chosen, registry))
    print(f"{chosen.alias} of {chosen.name} is version {version} again")


def run_retire(chosen: argparse.Namespace) -> None:
    """Ends the release, and says which aliases went with it."""
    registry, store = _opened(chosen)
    key = _private_key(chosen, registry)
    taken = retire(chosen.name, chosen.version, chosen.why, _who(chosen), registry, store, key)
    told = f"; it was {', '.join(taken)}" if taken else ""
    print(f"version {chosen.version} of {chosen.name} is retired{told}")


def _private_key(chosen: argparse.Namespace, registry: Registry) -> PrivateKey:
    return PrivateKey.read(chosen.key or folder_of(registry, chosen.data) / PRIVATE)


def _opened(chosen: argparse.Namespace) -> tuple[Registry, ReleaseStore]:
    registry = Registry(chosen.registry, data_folder=chosen.data)
    return registry, ReleaseStore(chosen.releases, data_folder=folder_of(registry, chosen.data))


def _keys(chosen: argparse.Namespace, registry: Registry) -> PublicKeys:
    return PublicKeys.read(chosen.public_key or folder_of(registry, chosen.data) / PUBLIC)


def _who(chosen: argparse.Namespace) -> str:
    return str(chosen.by) or getpass.getuser()


def _resolved(uri: str, registry: Registry) -> tuple[str, str]:
    """Name and number of the version that is meant now."""
    found = _URI.fullmatch(uri)
    if found is None:
        raise BadStore(
            f"{uri[:80]!r} names no version; wanted models:/NAME/VERSION, models:/NAME/latest or models:/NAME@ALIAS"
        )
    name, version, alias = found["name"], found["version"], found["alias"]
    if alias:
        aliased = dict(registry.aliased(alias)).get(name)
        if aliased is None:
            raise ModelNotFound(f"no version of {name} has the alias {alias}", name=name)
        return name, aliased
    if version != "latest":
        return name, version
    versions = registry.versions(name)
    if not versions:
        raise ModelNotFound(f"the registry has no version of {name}", name=name)
    return name, versions[0].version
