"""`python -m service watch`: follows an archive, asks about new studies, and stores the results back."""

import argparse
import json
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from features.errors import BadPseudonymKey
from features.parser import Parser
from features.pseudonyms import Pseudonyms
from models.errors import ModelError
from radresponse.client import Client, Patience
from service import logs
from service.bridge.bridge import Bridge, Stopped, Tally, key_of
from service.bridge.journal import ASKING, DEAD, DONE, WAITING, Entry, Journal
from service.bridge.rules import Rules, read_rules
from service.bridge.task import Finder
from service.errors import ServiceError, SettingsError
from service.pacs.archive import Archive
from service.pacs.archives import open_archive
from service.pacs.settings import read_pacs

DONE_EXIT, AWAY_EXIT, BAD_INPUT = 0, 1, 2
SHOWN_CHARACTERS = 12
"""Of a question's number."""


def main(words: list[str]) -> int:
    """Runs it; 0 done, 1 a single round that ended early, 2 bad input or a journal that cannot be used."""
    chosen = _parser().parse_args(words)
    try:
        rules = read_rules(chosen.rules)
        if chosen.list:
            return _list(rules, as_json=chosen.json)
        if chosen.where:
            return _where(rules, chosen.where)
        if chosen.retry is not None:
            return _retry(rules, chosen.retry)
        logs.configure(chosen.log_level)
        os.umask(0o077)  # the journal is for this user alone
        return _watch(rules, once=chosen.once)
    except (SettingsError, ServiceError, ModelError, BadPseudonymKey, OSError, ValueError) as error:
        print(f"service watch: {error}", file=sys.stderr)
        return BAD_INPUT


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m service watch", description=__doc__)
    parser.add_argument("--rules", type=Path, required=True, metavar="FILE", help="YAML; see service/bridge/rules.py")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--once", action="store_true", help="one round, as for cron; else round after round")
    what.add_argument("--list", action="store_true", help="how far it is, and what was given up, with the reason")
    what.add_argument("--retry", nargs="*", metavar="QUESTION", help="ask given-up ones again; all where none is named")
    what.add_argument("--where", metavar="QUESTION", help="the study behind a question, from the archive; kept nowhere")
    parser.add_argument("--json", action="store_true", help="with --list: a JSON object a line")
    parser.add_argument("--log-level", default="info", metavar="LEVEL", help="debug, info, warning or error")
    return parser


def _watch(rules: Rules, *, once: bool) -> int:
    told = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: told.set())

    def check() -> None:
        if told.is_set():
            raise Stopped

    with _bridge(rules, check) as bridge:
        bridge.journal.hold()
        while not told.is_set():
            try:
                tally = bridge.round()
            except Stopped:
                break
            _say(tally)
            if once:
                return AWAY_EXIT if tally.away else DONE_EXIT
            told.wait(rules.poll_seconds)
    return DONE_EXIT


@contextmanager
def _bridge(rules: Rules, check: Callable[[], None]) -> Iterator[Bridge]:
    token = rules.token_file.read_text(encoding="utf-8").strip() if rules.token_file else None
    journal = Journal(rules.journal)
    client = Client(
        rules.server,
        token=token,
        ca_file=rules.ca_file,
        certificate_file=rules.certificate_file,
        key_file=rules.key_file,
        timeout=rules.timeout_seconds,
        patience=Patience(attempts=2),
    )
    try:
        with client:
            yield Bridge(
                rules=rules,
                finder=Finder(_archive(rules), rules),
                journal=journal,
                pseudonyms=_pseudonyms(rules),
                client=client,
                now=time.time,
                check=check,
            )
    finally:
        journal.close()


def _archive(rules: Rules) -> Archive:
    listed = read_pacs(rules.pacs_file)
    if rules.archive not in listed:
        raise SettingsError(f"archive: {rules.archive} is not in pacs_file; there are {', '.join(listed) or 'none'}")
    return open_archive(listed[rules.archive])


def _pseudonyms(rules: Rules) -> Pseudonyms:
    return Pseudonyms.of_file(rules.pseudonym_key_file, rules.journal.parent)


def _say(tally: Tally) -> None:
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {tally.words()}", flush=True)


def _list(rules: Rules, *, as_json: bool) -> int:
    entries = _entries(rules)
    if as_json:
        for entry in entries:
            print(json.dumps(asdict(entry)))
        return DONE_EXIT
    counts = Counter(entry.state for entry in entries)
    words = {WAITING: "to be asked", ASKING: "being asked", DONE: "answered and stored", DEAD: "given up"}
    print(", ".join(f"{counts[state]} {told}" for state, told in words.items()))
    failing = [entry for entry in entries if entry.reason]
    if failing:
        Console().print(_failures(failing))
    return DONE_EXIT


def _failures(entries: Sequence[Entry]) -> Table:
    table = Table("Question", "Rule", "State", "Since", "Failed", "Why", box=None, pad_edge=False)
    for entry in sorted(entries, key=lambda one: (one.state != DEAD, -one.changed)):
        table.add_row(
            entry.id[:SHOWN_CHARACTERS],
            entry.rule,
            "given up" if entry.state == DEAD else "to be asked again",
            f"{datetime.fromtimestamp(entry.changed, UTC):%Y-%m-%d %H:%M}",
            str(entry.attempts),
            f"{entry.message} [{entry.reason}]".replace("[", r"\["),
        )
    return table


def _retry(rules: Rules, keys: Sequence[str]) -> int:
    _require_journal(rules)
    journal = Journal(rules.journal)
    try:
        count = journal.revive(keys, time.time())
    finally:
        journal.close()
    print(f"{count} to be asked again in the next round")
    return DONE_EXIT


def _where(rules: Rules, key: str) -> int:
    """The one thing that names a study, for a person who has to look at it in the archive."""
    pseudonyms, finder = _pseudonyms(rules), Finder(_archive(rules), rules)
    found = [one for one in finder.tasks(datetime.now(UTC).date()) if key_of(pseudonyms, one).startswith(key)]
    if len(found) != 1:
        raise SettingsError(
            f"{len(found)} questions of the last {rules.days_back} days begin with {key[:64]}; wanted one"
        )
    print(f"study {found[0].study_uid}")
    for pair in found[0].pairs:
        print(f"image {pair.image.series_uid} segmentation {pair.segmentation.series_uid}")
    return DONE_EXIT


def _entries(rules: Rules) -> list[Entry]:
    _require_journal(rules)
    journal = Journal(rules.journal)
    try:
        return journal.entries()
    finally:
        journal.close()


def _require_journal(rules: Rules) -> None:
    if not rules.journal.is_file():
        raise SettingsError(f"journal: {rules.journal} is not there; no bridge has run with these rules yet")
