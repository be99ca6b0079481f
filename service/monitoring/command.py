"""`python -m service monitor`: drift and live performance of each model version that has predicted here."""

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from features.parser import Parser
from models.drift import Drift
from models.errors import ModelError
from models.load import load_model
from models.monitoring.summary import Monitored, monitored
from models.spreads import Spreads
from service.errors import SettingsError
from service.monitoring.part import monitoring_store
from service.settings import Settings, read_settings

DONE, BAD_INPUT = 0, 2
SETTINGS = ("data_folder", "monitoring_uri")
SHOWN = 12
"""Columns of a version, those that moved furthest."""


def main(words: list[str]) -> int:
    """Runs it; 0 done, 2 bad input or a store that cannot be read."""
    parser = Parser(prog="python -m service monitor", description=__doc__)
    parser.add_argument("--model", default="", metavar="NAME", help="only this one")
    parser.add_argument("--json", action="store_true", help="a JSON object a version and line")
    parser.add_argument("--settings", type=Path, default=None, metavar="FILE", help="YAML; see service/settings.py")
    for name in SETTINGS:
        parser.add_argument(f"--{name.replace('_', '-')}", metavar="VALUE", help=f"over {name} of the file")
    chosen = parser.parse_args(words)
    store = None
    try:
        given = {name: value for name in SETTINGS if (value := getattr(chosen, name))}
        settings = read_settings(chosen.settings, os.environ, given)
        store = monitoring_store(settings, must_exist=True)
        for name, version, digest in store.versions():
            if chosen.model in ("", name):
                spreads = _spreads(settings, name, version, digest)
                _show(monitored(name, version, digest, spreads, store), plain=chosen.json)
    except (SettingsError, ModelError) as error:
        print(f"service monitor: {error}", file=sys.stderr)
        return BAD_INPUT
    finally:
        if store is not None:
            store.close()
    return DONE


def _spreads(settings: Settings, name: str, version: str, digest: str) -> Spreads | None:
    """From the service's own copy; None where that is gone, or brings none."""
    folder = settings.data_folder / "serving" / name / f"{version}-{digest[:16]}"
    try:
        model = load_model(folder, name, version)
    except ModelError:
        return None
    return getattr(model.manifest, "spreads", None) if model.digest == digest else None


def _show(of: Monitored, *, plain: bool) -> None:
    if plain:
        print(json.dumps(asdict(of) | {"drifted": of.drifted}))
        return
    page = Console(soft_wrap=True)
    page.print(f"[bold]{of.name} {of.version}[/bold] ({of.digest[:12]})")
    if not of.inputs:
        why = "fewer than 20 cases so far" if of.referenced else "no training reference is at hand"
        page.print(f"  drift: not told, {why}")
    else:
        page.print(f"  drift in the newest {of.cases} cases: {', '.join(of.drifted) or 'none'}")
        page.print(_table(of))
    if of.live is None:
        page.print("  no outcome has been reported")
        return
    live = of.live
    page.print(f"  outcomes of {live.patients} patients: {live.events} events, {live.expected:.1f} foreseen")
    for name, estimate in live.figures:
        page.print(f"  {name.replace('_', ' ')} {estimate}")
    if not live.figures:
        page.print("  too few for figures: wanted 20 patients, 5 with and 5 without the event")


def _table(of: Monitored) -> Table:
    table = Table("  ", "Values", "PSI", "by chance", "KS", "by chance", "missing", "in training", box=None)
    inputs = sorted(of.inputs, key=lambda drift: (not drift.drifted, -drift.psi))[:SHOWN]
    for drift in (*of.predictions, *inputs):
        name = drift.name if drift in of.inputs else f"prediction {drift.name}".strip()
        table.add_row(f"  {name}", *_cells(drift), style="red" if drift.drifted else "")
    return table


def _cells(drift: Drift) -> list[str]:
    figures = (drift.psi, drift.psi_by_chance, drift.ks, drift.ks_by_chance)
    shares = (drift.missing, drift.missing_then)
    told = ["" if figure is None else f"{figure:.2f}" for figure in figures]
    return [str(drift.seen), *told, *(f"{100 * share:.0f} %" for share in shares)]
