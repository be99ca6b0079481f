"""Whether the record is what was written: every row that was changed, put in or taken out is named."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from service.audit.key import Key
from service.audit.store import BEFORE_THE_FIRST, AuditStore, Head, Recorded

LAG_US = 5_000_000
"""By which clocks of services that share a record may differ before it is worth a word."""
_NONE = Head(0, BEFORE_THE_FIRST)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with the record."""

    sequence: int
    """Of the row, or of the first that is missing."""
    what: str
    """`changed`, `inserted` or `removed`."""
    message: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a look at the whole record gave."""

    rows: int
    last: Head
    findings: tuple[Finding, ...]
    backwards: tuple[int, ...]
    """Rows whose time lies before that of the row before them: a clock was set back. No fault of the record."""


def verify(store: AuditStore, key: Key, known: tuple[Head, ...] = ()) -> Verdict:
    """Reads every row.

    Args:
        store: The record.
        key: That it was sealed with.
        known: Rows that were once the last, noted elsewhere: what was cut off at the end leaves no other trace.

    Raises:
        StoreUnavailable: It cannot be read.
    """
    chain = _Chain(store, key, {head.seal: head for head in known})
    for row, following in _with_next(store.rows()):
        chain.look(row, following)
    chain.end()
    return Verdict(chain.rows, chain.last, tuple(chain.findings), tuple(chain.backwards))


@dataclass(slots=True)
class _Chain:
    """Follows the rows one by one."""

    store: AuditStore
    key: Key
    unseen: dict[str, Head]
    rows: int = 0
    last: Head = _NONE
    findings: list[Finding] = field(default_factory=list)
    backwards: list[int] = field(default_factory=list)
    _number: int = 0
    """Of the row before, one that was put in too."""
    _time_us: int = 0
    _loose: bool = False
    """Whether the row before was changed, its seal too, so that it is not known what should follow it."""

    def look(self, row: Recorded, following: Recorded | None) -> None:
        """Judges one row by itself, by the row before and by the one after."""
        self.rows += 1
        self.unseen.pop(row.seal, None)
        before, self._number = self._number, row.sequence
        sealed = row.seal == row.own_seal(self.key)
        follows = row.previous == self.last.seal
        if not sealed and following is not None and following.previous == self.last.seal:
            self._found(row, "inserted", "the rows before and after it hold on to each other")
            return
        if not sealed:
            self._found(row, "changed", "what it says is not what was sealed")
        elif not follows and (copied := self.store.sealed_before(row.seal, row.sequence)):
            self._found(row, "inserted", f"it is row {copied.sequence} again")
            return
        elif not follows and not self._loose:
            self._missing(row)
        elif row.sequence != before + 1 and not self._loose:
            self._found(row, "changed", f"it follows row {self.last.sequence}, so its number was changed")
        self._loose = not sealed and following is not None and following.previous != row.seal
        if row.time_us < self._time_us - LAG_US:
            self.backwards.append(row.sequence)
        self._time_us = row.time_us
        self.last = Head(row.sequence, row.seal)

    def end(self) -> None:
        """Looks for rows that are known to have been there."""
        for head in self.unseen.values():
            first = self.last.sequence + 1
            message = (
                f"rows {first} to {head.sequence} are gone from the end"
                if head.sequence >= first
                else f"row {head.sequence} is not the one that was noted when it was written"
            )
            self.findings.append(Finding(min(first, head.sequence), "removed", message))

    def _found(self, row: Recorded, what: str, why: str) -> None:
        self.findings.append(Finding(row.sequence, what, f"row {row.sequence} (call {row.id[:32]}) was {what}: {why}"))

    def _missing(self, row: Recorded) -> None:
        first, last = self.last.sequence + 1, row.sequence - 1
        what = f"rows {first} to {last} are missing" if last > first else f"row {first} is missing"
        if last < first:
            what = f"row {row.sequence} does not follow row {self.last.sequence}: rows between them are missing"
        self.findings.append(Finding(first, "removed", what))


def _with_next(rows: Iterator[Recorded]) -> Iterator[tuple[Recorded, Recorded | None]]:
    """Each row with the one after it."""
    before = next(rows, None)
    if before is None:
        return
    for row in rows:
        yield before, row
        before = row
    yield before, None
