"""How far long work is, on stderr: a bar on a terminal, elsewhere a whole line for every tenth at most."""

import sys
from collections.abc import Callable
from time import monotonic
from types import TracebackType
from typing import Any, Protocol, Self, TextIO

from tqdm import tqdm

_PARTS = 10
_SECONDS = 2.0
"""At least so long between two lines: quick work says only that it is done."""


class Progress(Protocol):
    """To use in a `with`, or to be closed."""

    def __enter__(self) -> Self:
        """Itself."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> object:
        """Closes it."""

    @property
    def n(self) -> Any:  # noqa: ANN401 - as tqdm has it
        """How much is done."""

    def update(self, n: int = 1) -> object:
        """So much more is done."""

    def close(self) -> object:
        """Nothing more comes."""


def progress_bar(total: int, what: str, unit: str, *, shown: bool = True) -> Progress:
    """A bar, or lines."""
    if shown and not sys.stderr.isatty():
        return Lines(total, what, unit, sys.stderr)
    bar: Progress = tqdm(total=total, desc=what, unit=unit, disable=not shown)
    return bar


def advance(bar: Progress, done: int) -> None:
    """Brings a bar to how much is done."""
    bar.update(done - bar.n)


class Lines:
    """Progress as whole lines, for logs and pipes."""

    def __init__(self, total: int, what: str, unit: str, to: TextIO, clock: Callable[[], float] = monotonic) -> None:
        self.n = 0
        self._total, self._what, self._unit, self._to, self._clock = total, what, unit, to, clock
        self._start = self._told_at = clock()
        self._told = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def update(self, n: int = 1) -> None:
        """So much more is done; says so where a tenth and some time have gone by since the last line."""
        self.n += n
        now = self._clock()
        last = self.n >= self._total
        if last or ((self.n - self._told) * _PARTS >= self._total and now - self._told_at >= _SECONDS):
            self._told, self._told_at = self.n, now
            took = f" in {now - self._start:.1f} s" if last else ""
            plural = "" if self._total == 1 else "s"
            self._to.write(f"{self._what}: {self.n} of {self._total} {self._unit}{plural}{took}\n")
            self._to.flush()

    def close(self) -> None:
        """Nothing more comes."""
