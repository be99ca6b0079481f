"""`python -m service replay`: makes a past prediction again, byte for byte, or says what differs."""

import argparse
import os
import secrets
import sys
from pathlib import Path

from features.errors import FeatureError
from features.parser import Parser
from models.errors import ModelError, StoreUnavailable
from radresponse.case_arguments import add_case_arguments, case_of
from radresponse.cases import Archived, Case
from radresponse.files import LocalFile, names_digest
from radresponse.json_form import as_json
from radresponse.v1 import case_pb2
from service.audit.command import SETTINGS, add_settings_to
from service.audit.key import Key
from service.audit.store import AuditStore, audit_store
from service.errors import ServiceError, SettingsError
from service.replay.again import Replay, replay
from service.replay.original import Original, from_answer, from_audit
from service.settings import Settings, read_settings

SAME, BAD_INPUT, DIFFERS = 0, 2, 3
ALSO = ("registry_uri", "device", "pacs_file")


def main(words: list[str]) -> int:
    """Runs it; 0 the same numbers, 2 it cannot be made again, 3 other numbers."""
    chosen = _parser().parse_args(words)
    given = {name: value for name in (*SETTINGS, *ALSO) if (value := getattr(chosen, name, None))}
    store = None
    try:
        settings = read_settings(chosen.settings, os.environ, given)
        case = _with_files(case_of(chosen))
        key, store = _audit(settings, needed=chosen.audit is not None)
        original = (
            from_audit(store, chosen.audit)
            if chosen.audit is not None and store is not None
            else from_answer(chosen.answer, key, store, case.subject)
        )
        made = replay(original, case, settings, key, therapies=chosen.therapy, reference=chosen.reference or "")
    except (ServiceError, ModelError, FeatureError) as error:
        return _trouble(f"{error.place}: {error}" if error.place and error.place not in str(error) else str(error))
    except (ValueError, TypeError) as error:
        return _trouble(str(error))
    except OSError as error:
        return _trouble(f"{error.filename}: {error.strerror}")
    finally:
        if store is not None:
            store.close()
    if chosen.json:
        print(as_json(made.answer))
    return _tell(original, made)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m service replay", description=__doc__)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--answer", type=Path, metavar="FILE.json", help="the answer, as --json printed it")
    which.add_argument("--audit", metavar="ID", help="the number of its call (x-request-id) or its prediction_id")
    add_case_arguments(parser)
    parser.add_argument("--therapy", action="append", default=[], metavar="NAME", help="with --audit: as asked then")
    parser.add_argument("--reference", metavar="NAME", help="with --audit: as asked then")
    parser.add_argument("--json", action="store_true", help="print the answer made now as well")
    add_settings_to(parser)
    for name in ALSO:
        parser.add_argument(f"--{name.replace('_', '-')}", metavar="VALUE", help=f"over {name} of the file")
    return parser


def _audit(settings: Settings, *, needed: bool) -> tuple[Key, AuditStore | None]:
    """The audit where there is one; an answer can be made again without."""
    try:
        key = Key.of(settings.audit_key, make=False)
        store = audit_store(settings, key, must_exist=True)
    except SettingsError:
        if needed:
            raise
        return Key(secrets.token_bytes(32)), None
    try:
        next(store.rows(newest=1), None)
    except StoreUnavailable:
        store.close()
        if needed:
            raise
        return key, None
    return key, store


def _with_files(told: Case | case_pb2.Case) -> case_pb2.Case:
    """The contract's message with every file inside."""
    if isinstance(told, case_pb2.Case):
        return told
    message = case_pb2.Case()
    message.CopyFrom(told.message)
    for part in told.scans:
        scan = message.scans.add()
        scan.CopyFrom(part.message)
        for source, file in ((scan.image, part.image), (scan.segmentation, part.segmentation)):
            if isinstance(file, Archived):
                source.CopyFrom(file.source)
            elif isinstance(file, str) and names_digest(file):
                source.digest = file
            else:
                source.inline = LocalFile.of(file).read()
    return message


def _tell(original: Original, made: Replay) -> int:
    for note in original.notes:
        print(note)
    for version in original.made.models:
        print(f"asked {version.name} {version.version} ({version.digest[:12]})")
    for difference in made.differences:
        print(f"differs: {difference}")
    if made.same:
        print(f"{made.predictions} predictions and differences made again, each the same byte for byte")
        return SAME
    print("not the same numbers")
    return DIFFERS


def _trouble(sentence: str) -> int:
    print(f"service replay: {' '.join(sentence.split())}", file=sys.stderr)
    return BAD_INPUT
