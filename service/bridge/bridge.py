"""Round after round: finds what is to be asked, asks the service, which stores its answer in the archive, notes it.

A question is asked once for each set of releases that serve. Its answer's objects have identifiers made from what is
said, and the service stores none twice: a bridge that was killed in the middle asks again, and nothing is there twice.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from grpc import StatusCode

from features.pseudonyms import Pseudonyms
from radresponse.client import Archived, Case, Client, RadResponseError, case, scan
from radresponse.v1 import model_pb2, prediction_pb2
from service.bridge.covariates import SeveralLines, covariates_of
from service.bridge.journal import ASKING, DONE, WAITING, Entry, Journal
from service.bridge.rules import Rule, Rules
from service.bridge.task import Finder, Task
from service.bridge.verdict import Verdict, verdict
from service.errors import PacsError, ServiceError

log = logging.getLogger(__name__)

LONGEST_WAIT_SECONDS = 3600.0
Answer = prediction_pb2.PredictResponse | prediction_pb2.CompareTherapiesResponse


@dataclass(slots=True)
class Tally:
    """What came of one round."""

    found: int = 0
    """Questions whose studies are there."""
    answered: int = 0
    postponed: int = 0
    given_up: int = 0
    unfitting: int = 0
    """Segmentations of others that fit no rule: of another region, say, or with structures of other names."""
    settling: int = 0
    """Studies that may still be on their way into the archive."""
    stored: int = 0
    """Objects that were not in the archive before."""
    away: str = ""
    """Why the round ended early; empty where it did not."""

    def words(self) -> str:
        """In one line."""
        told = (
            f"{self.found} found, {self.answered} answered ({self.stored} objects stored), {self.postponed} to be "
            f"asked again, {self.given_up} given up, {self.settling} not complete yet, "
            f"{self.unfitting} segmentations fit no rule"
        )
        return told + (f"; ended early: {self.away}" if self.away else "")


class Stopped(Exception):
    """The bridge was told to end."""


@dataclass(slots=True)
class Bridge:
    """One archive, one service, one journal."""

    rules: Rules
    finder: Finder
    journal: Journal
    pseudonyms: Pseudonyms
    client: Client
    now: Callable[[], float]
    """Seconds since 1970."""
    check: Callable[[], None] = field(default=lambda: None)
    """Called between questions; raises `Stopped` when the bridge is to end."""

    def round(self) -> Tally:
        """Looks once, and asks what is due.

        Raises:
            StoreUnavailable: The journal cannot be used.
            Stopped: From `check`.
        """
        tally = Tally()
        try:
            serving = self.client.models()
            tasks = self.finder.tasks(datetime.fromtimestamp(self.now(), UTC).date(), self.check)
        except (RadResponseError, PacsError) as error:
            tally.away = str(error)
            return tally
        tally.unfitting = self.finder.unfitting
        seen = [(task, self.journal.see(self._key(task), task.rule.name, task.instances, self.now())) for task in tasks]
        tally.found = len(seen)
        left: set[str] = set()
        # What was put off last comes last, so that it holds up nobody for longer than a round.
        for task, entry in sorted(seen, key=lambda one: one[1].next_try):
            if task.rule.name in left:
                continue
            asked_of = asked_of_digest(task.rule, serving)
            if not asked_of:
                tally.away = f"no model that rule {task.rule.name} asks serves"
            elif self.now() - entry.steady_since < self.rules.settle_seconds:
                tally.settling += entry.state == WAITING
            elif due(entry, asked_of, self.now()):
                self.check()
                kind = self._ask(task, entry, asked_of, tally)
                if kind == "away":
                    break
                if kind == "rule":
                    left.add(task.rule.name)
                if tally.answered + tally.postponed + tally.given_up >= self.rules.at_most:
                    break
        self.journal.forget(self.now())
        return tally

    def _ask(self, task: Task, entry: Entry, asked_of: str, tally: Tally) -> Verdict | None:
        """Asks one; gives what is the matter, or None."""
        self.journal.begin(entry.id, self.now())
        try:
            answer = self._answer(task)
            now_serving = asked_of_digest(task.rule, self.client.models())
        except RadResponseError as error:
            kind = verdict(error)
            if kind == "away" and self._answers(error):
                kind = "again"  # the service is there, so it is this question that breaks it off
            return self._failed(entry, error.reason, error.message, kind, tally)
        except SeveralLines as error:
            return self._failed(entry, error.reason, str(error), "never", tally)
        except ServiceError as error:  # of the covariates' file
            return self._failed(entry, error.reason, str(error), "away", tally)
        if now_serving != asked_of:
            # Another release took over meanwhile: which of the two answered is not certain, so it is asked once more.
            return self._failed(
                entry, "RELEASE_CHANGED", "another release took over while it was asked", "again", tally
            )
        stored = sum(not one.already_stored for one in answer.stored)
        self.journal.done(
            entry.id,
            self.now(),
            asked_of=asked_of,
            stored=len(answer.stored),
            prediction_id=answer.provenance.prediction_id,
        )
        tally.answered += 1
        tally.stored += stored
        log.info("a study is answered", extra={"fields": {"question": entry.id[:12], "rule": entry.rule}})
        return None

    def _answers(self, error: RadResponseError) -> bool:
        """Whether the service itself answers, after a question ended with its being unavailable."""
        if error.code is not StatusCode.UNAVAILABLE or error.reason.startswith("PACS"):
            return False
        try:
            self.client.models()
        except RadResponseError:
            return False
        return True

    def _answer(self, task: Task) -> Answer:
        rule, asked = task.rule, self._case(task)
        if len(rule.therapies) > 1:
            return self.client.compare(asked, rule.therapies, rule.reference_therapy or None, rule.models, store=True)
        return self.client.predict(asked, rule.models, rule.therapies, store=True)

    def _case(self, task: Task) -> Case:
        archive = self.rules.archive
        return case(
            self.pseudonyms.patient(task.patient),
            [
                scan(
                    wanted.modality,
                    Archived(archive, task.study_uid, pair.image.series_uid),
                    Archived(archive, task.study_uid, pair.segmentation.series_uid),
                    structure=wanted.structures,
                    labels=wanted.labels,
                )
                for wanted, pair in zip(task.rule.scans, task.pairs, strict=True)
            ],
            covariates=covariates_of(task.rule, task.patient),
        )

    def _failed(self, entry: Entry, reason: str, message: str, kind: Verdict, tally: Tally) -> Verdict:
        now, told = self.now(), {"question": entry.id[:12], "rule": entry.rule, "reason": reason}
        if kind in ("away", "rule"):
            self.journal.postpone(entry.id, now, next_try=now, reason=reason, message=message, failed=False)
            tally.postponed += 1
            tally.away = message
            log.warning("the service, the archive or a model is away", extra={"fields": told})
            return kind
        if kind == "again" and entry.attempts + 1 < self.rules.attempts:
            wait = min(self.rules.poll_seconds * 2.0**entry.attempts, LONGEST_WAIT_SECONDS)
            self.journal.postpone(entry.id, now, next_try=now + wait, reason=reason, message=message, failed=True)
            tally.postponed += 1
            log.warning("a study is asked again later", extra={"fields": told})
            return "again"
        self.journal.give_up(entry.id, now, reason=reason, message=message)
        tally.given_up += 1
        log.error("a study is given up", extra={"fields": told})
        return "never"

    def _key(self, task: Task) -> str:
        return key_of(self.pseudonyms, task)


def key_of(pseudonyms: Pseudonyms, task: Task) -> str:
    """What stands for a question in journal and logs."""
    return pseudonyms.keyed("question", "\n".join((task.rule.name, *task.uids)))


def due(entry: Entry, asked_of: str, now: float) -> bool:
    """Whether a question is to be asked now.

    Args:
        entry: As the journal has it.
        asked_of: Of the releases that serve now.
        now: Seconds since 1970.
    """
    if entry.state == DONE:
        return entry.asked_of != asked_of
    return entry.state == ASKING or (entry.state == WAITING and entry.next_try <= now)


def asked_of_digest(rule: Rule, serving: Sequence[model_pb2.Model]) -> str:
    """SHA-256 over the rule and the releases that it asks, those that it names or all; empty where none serves.

    Of a rule that does not ask for each release it is over the rule alone.
    """
    asked = sorted(
        (one.reference.name, one.reference.version, one.reference.digest)
        for one in serving
        if not rule.models or one.reference.name in rule.models
    )
    if not asked:
        return ""
    return hashlib.sha256(json.dumps([rule.digest, asked if rule.each_release else []]).encode()).hexdigest()
