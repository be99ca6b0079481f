"""`history`: what served when, admitted by whom, on which evidence."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from models.history import Stretch, evidence_lines, history
from models.registry import Registry
from models.releases import PublicKeys, ReleaseStore


def run(chosen: argparse.Namespace) -> None:
    """Prints it."""
    keys = PublicKeys.read(chosen.public_key) if chosen.public_key else None
    store = ReleaseStore(chosen.releases, data_folder=_folder(chosen))
    try:
        stretches = history(store, chosen.name, keys)
    finally:
        store.close()
    for stretch in stretches:
        print(json.dumps(asdict(stretch)) if chosen.json else _text(stretch))
    if not stretches and not chosen.json:
        print("nothing has served yet, as far as the store of releases knows")


def _folder(chosen: argparse.Namespace) -> Path:
    """An embedded registry has its releases beside it."""
    uri = Registry(chosen.registry, data_folder=chosen.data).uri
    if uri.startswith("sqlite:///"):
        return Path(uri.removeprefix("sqlite:///")).absolute().parent
    return Path(chosen.data)


def _text(of: Stretch) -> str:
    lines = [
        f"{of.name} {of.version} ({of.digest[:12]}): {of.since} to {of.until or 'now'}, as {of.alias} at {of.service}"
    ]
    if of.admitted is None:
        return f"{lines[0]}\n  no release of these files is in the store"
    admitted = of.admitted
    told = f"admitted for {admitted.policy} use by {admitted.by}, {admitted.at}; signature {admitted.signature}"
    return "\n  ".join([*lines, told, *evidence_lines(admitted.evidence)])
