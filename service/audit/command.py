"""`python -m service audit`: shows the record of calls, and verifies that nobody changed it."""

import argparse
import json
import os
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from features.parser import Parser
from models.errors import ModelError
from service.audit.key import Key
from service.audit.store import AuditStore, Recorded, Wanted, audit_store
from service.audit.verify import verify
from service.audit.writer import read_head
from service.errors import SettingsError
from service.settings import Settings, read_settings

DONE, BAD_INPUT, REFUSED = 0, 2, 3
SETTINGS = ("data_folder", "audit_uri", "audit_key_file")
"""That a command may set, as `serve` does."""


def main(words: list[str]) -> int:
    """Runs one command; 0 done, 2 bad input or a record that cannot be read, 3 a record that was tampered with."""
    given = vars(_parser().parse_args(words))
    command = given.pop("command")
    try:
        settings = read_settings(
            given.pop("settings"), os.environ, {key: given.pop(key) for key in SETTINGS if key in given}
        )
        key = Key.of(settings.audit_key, make=False)
        store = audit_store(settings, key, must_exist=True)
        try:
            return _verify(store, key, settings) if command == "verify" else _list(store, key, given)
        finally:
            store.close()
    except (SettingsError, ModelError) as error:
        print(f"service audit: {error}", file=sys.stderr)
        return BAD_INPUT


def add_settings_to(parser: argparse.ArgumentParser) -> None:
    """Where the record is, as `serve` takes it."""
    parser.add_argument("--settings", type=Path, default=None, metavar="FILE", help="YAML; see service/settings.py")
    for name in SETTINGS:
        parser.add_argument(
            f"--{name.replace('_', '-')}", default=argparse.SUPPRESS, metavar="VALUE", help=f"over {name} of the file"
        )


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m service audit", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    verifying = commands.add_parser("verify", help="name every row that was changed, put in or taken out")
    listing = commands.add_parser("list", help="the newest calls")
    for command in (verifying, listing):
        add_settings_to(command)
    listing.add_argument("--id", default="", help="of the call (x-request-id) or of the prediction")
    listing.add_argument("--caller", default="")
    listing.add_argument("--method", default="", help="any part of its name")
    listing.add_argument("--code", default="", help="e.g. OK or PERMISSION_DENIED")
    listing.add_argument("--subject", default="", help="the patient's pseudonym as callers send it")
    listing.add_argument("--model", default="", help="a name, or a digest")
    listing.add_argument("--file", default="", help="SHA-256 of an image or segmentation")
    listing.add_argument("--since", type=_moment, metavar="TIME", help="e.g. 2026-11-25 or 2026-11-25T14:00 (UTC)")
    listing.add_argument("--until", type=_moment, metavar="TIME")
    listing.add_argument("--newest", type=int, default=50, metavar="N", help="that fit; 50")
    listing.add_argument("--json", action="store_true", help="a JSON object a line, also on a terminal")
    return parser


def _verify(store: AuditStore, key: Key, settings: Settings) -> int:
    noted = read_head(settings.audit_head)
    verdict = verify(store, key, (noted,) if noted else ())
    for finding in verdict.findings:
        print(finding.message)
    for sequence in verdict.backwards:
        print(f"note: at row {sequence} the clock was set back; the order of rows does not rest on it")
    if not noted:
        print(f"note: {settings.audit_head.name} is not there, so rows cut off at the end cannot be missed")
    if verdict.findings:
        print(f"{len(verdict.findings)} findings in {verdict.rows} rows: the record was tampered with")
        return REFUSED
    print(f"{verdict.rows} rows, each as it was written; the last is {verdict.last.sequence} {verdict.last.seal}")
    return DONE


def _list(store: AuditStore, key: Key, given: dict[str, object]) -> int:
    wanted = Wanted(
        id=str(given["id"]),
        caller=str(given["caller"]),
        method=str(given["method"]),
        code=str(given["code"]),
        subject=key.pseudonym(str(given["subject"])) if given["subject"] else "",
        model=str(given["model"]),
        file=key.content(str(given["file"]).encode()) if given["file"] else "",
        since_us=_microseconds(given["since"]),
        until_us=_microseconds(given["until"]),
    )
    rows = store.rows(wanted, newest=max(0, int(str(given["newest"]))))
    if given["json"] or not sys.stdout.isatty():
        for row in rows:
            print(json.dumps(_plain(row)))
    else:
        Console().print(_table(rows))
    return DONE


def _plain(row: Recorded) -> dict[str, object]:
    """A row as people and programs read it."""
    shown: dict[str, object] = {
        "sequence": row.sequence,
        "time": _time(row.time_us),
        "id": row.id,
        "caller": row.caller,
        "method": row.method,
        "code": row.code,
        "reason": row.reason,
        "subject": row.subject,
        "prediction_id": row.prediction_id,
    }
    return {name: value for name, value in shown.items() if value != ""} | _made(row)


def _made(row: Recorded) -> dict[str, object]:
    """As it stands in the row, which someone else may have written."""
    try:
        made = json.loads(row.made)
    except ValueError:
        made = None
    return made if isinstance(made, dict) else {"made": "not what the audit writes"}


def _table(rows: Iterable[Recorded]) -> Table:
    table = Table("Row", "Time (UTC)", "Caller", "Call", "Ended", "Patient", "Models", box=None)
    for row in rows:
        models = _models(row)
        ended = f"{row.code} {row.reason}".strip()
        table.add_row(
            str(row.sequence), _time(row.time_us)[:19], row.caller or "-", row.method.rpartition(".")[2], ended,
            row.subject[:12], models,
        )  # fmt: skip
    return table


def _models(row: Recorded) -> str:
    try:
        return ", ".join(f"{of.name} {of.version}" for of in row.call().made.models)
    except ValueError:
        return "not readable"


def _time(time_us: int) -> str:
    try:
        return datetime.fromtimestamp(time_us / 1e6, UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError):
        return f"{time_us} us"


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("wanted a date or a date and time, e.g. 2026-11-25T14:00") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _microseconds(moment: object) -> int | None:
    return round(moment.timestamp() * 1e6) if isinstance(moment, datetime) else None
