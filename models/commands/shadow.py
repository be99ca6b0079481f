"""`shadow-report`: what a challenger said in shadow beside the champion, and how it does."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

from models.database import sqlite_uri
from models.errors import ModelError
from models.live import Live
from models.load import load_model
from models.monitoring.agreement import FEWEST_PATIENTS, Agreement, agreements
from models.monitoring.store import MonitoringStore
from models.monitoring.summary import Monitored, monitored
from models.registry import Registry
from models.spreads import Spreads

_WORDS = {
    "mean_difference": "challenger less champion, on average",
    "mean_absolute_difference": "apart, on average",
    "other_side_of_half": "on another side of a half, share",
    "rank_correlation": "rank correlation",
}


def run(chosen: argparse.Namespace) -> None:
    """Prints it."""
    store = MonitoringStore(chosen.monitoring or sqlite_uri(Path(chosen.data) / "monitoring.db"), must_exist=True)
    try:
        found = agreements(store.beside(chosen.name))
        drifts = {
            one.challenger_digest: _drift(one, store, Registry(chosen.registry, data_folder=chosen.data))
            for one in {one.challenger_digest: one for one in found}.values()
        }
    finally:
        store.close()
    for one in found:
        print(json.dumps({"of": "agreement"} | asdict(one)) if chosen.json else _text(one))
    for of in drifts.values():
        if chosen.json:
            print(json.dumps({"of": "challenger"} | asdict(of) | {"drifted": of.drifted}))
        else:
            print(_drift_text(of))
    if not found and not chosen.json:
        print("no challenger has answered in shadow yet, as far as this store knows")


def _drift(one: Agreement, store: MonitoringStore, registry: Registry) -> Monitored:
    spreads = _spreads(one, registry)
    return monitored(one.name, one.challenger, one.challenger_digest, spreads, store)


def _spreads(one: Agreement, registry: Registry) -> Spreads | None:
    """From the registry; None where the version is gone or another, or brings none."""
    with TemporaryDirectory() as folder:
        try:
            fetched = registry.fetch(one.name, one.challenger, Path(folder) / "model")
            model = load_model(fetched, one.name, one.challenger)
        except ModelError:
            return None
    return getattr(model.manifest, "spreads", None) if model.digest == one.challenger_digest else None


def _text(of: Agreement) -> str:
    therapy = f", {of.therapy}" if of.therapy else ""
    until = f", no progression until day {of.day}" if of.task == "progression" else ""
    lines = [
        f"{of.name}: version {of.challenger} beside {of.champion}{therapy}: "
        f"{of.patients} patient{'s' if of.patients != 1 else ''}{until}"
    ]
    if of.figures:
        lines += [f"{_WORDS[name]}: {estimate}" for name, estimate in of.figures]
    else:
        lines.append(f"too few for figures: wanted {FEWEST_PATIENTS} patients")
    for version, live in ((of.champion, of.champion_live), (of.challenger, of.challenger_live)):
        if live is not None:
            lines.append(f"version {version} on reported outcomes: {_live_text(live)}")
    if of.champion_live is None:
        lines.append("no outcome has been reported")
    return "\n  ".join(lines)


def _live_text(live: Live) -> str:
    told = f"{live.patients} patients, {live.events} events, {live.expected:.1f} foreseen"
    figures = "; ".join(f"{name.replace('_', ' ')} {estimate}" for name, estimate in live.figures)
    return f"{told}; {figures or 'too few for figures'}"


def _drift_text(of: Monitored) -> str:
    who = f"{of.name}: version {of.version}"
    if not of.referenced:
        return f"{who}: drift is not told, no training reference is at hand"
    if not of.inputs:
        return f"{who}: drift is not told, fewer than 20 cases so far"
    return f"{who}: drift in its newest {of.cases} cases: {', '.join(of.drifted) or 'none'}"
