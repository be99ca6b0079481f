"""What an admission found: a line for each gate, with what was seen; read by people, kept in the release."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from models.releases.release import Policy

Status = Literal["passed", "refused", "not evaluated", "noted"]


@dataclass(frozen=True, slots=True)
class Check:
    """One gate."""

    gate: str
    """E.g. `files`, `signature`, `parity`."""
    status: Status
    detail: str
    """What was seen, in a sentence."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One figure on a held-out table, with its 95 % interval over patients."""

    name: str
    of: str
    """`candidate`, `champion`, `candidate minus champion`, or a subgroup, e.g. `sex: female`."""
    patients: int
    value: float
    lower: float | None
    upper: float | None

    def __str__(self) -> str:
        span = "" if self.lower is None or self.upper is None else f" ({self.lower:.3f} to {self.upper:.3f})"
        return f"{self.name}, {self.of}: {self.value:.3f}{span}, {self.patients} patients"


@dataclass(frozen=True, slots=True)
class Report:
    """All of it."""

    name: str
    version: str
    digest: str
    """Of the version; empty where its files could not be read."""
    family: str
    task: str
    """Both empty where it could not be loaded."""
    policy: Policy
    checks: tuple[Check, ...]
    absent: tuple[str, ...]
    """What the version does not bring."""
    figures: tuple[Measured, ...]
    golden: int
    """Cases with answers that it must give wherever it is loaded."""
    seconds: float

    @property
    def admitted(self) -> bool:
        """Whether no gate refused it."""
        return not any(check.status == "refused" for check in self.checks)

    def text(self) -> str:
        """As a person reads it."""
        said = f"{self.name} version {self.version}" + (f": {self.family}, {self.task}" if self.family else "")
        lines = [said, *([f"digest {self.digest}"] if self.digest else []), ""]
        width = max((len(check.gate) for check in self.checks), default=0)
        for check in self.checks:
            lines.append(f"{_MARKS[check.status]}  {check.gate.ljust(width)}  {check.detail}")
        if self.figures:
            lines += ["", "On the held-out table:", *(f"  {figure}" for figure in self.figures)]
        if self.absent:
            lines += ["", f"Not brought, and reported as absent: {', '.join(self.absent)}"]
        verdict = f"ADMITTED for {self.policy} use" if self.admitted else "REFUSED"
        lines += ["", f"{verdict}, after {self.seconds:.1f} s"]
        return "\n".join(lines)


_MARKS: dict[Status, str] = {
    "passed": "pass   ",
    "refused": "REFUSED",
    "not evaluated": "open   ",
    "noted": "note   ",
}


def refusals(checks: Sequence[Check]) -> str:
    """Why it was refused, in one line."""
    return "; ".join(f"{check.gate}: {check.detail}" for check in checks if check.status == "refused")
