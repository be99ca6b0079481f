"""A brought version as the service asks it; what it lacks is said to be absent, never invented."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from features.profile import Profile
from features.types import Floats
from models.answers import (
    Answer,
    Applicability,
    Difference,
    Notice,
    Outcome,
    Prediction,
    Progression,
    Risk,
    SimilarPatient,
)
from models.brought.declared import Declared
from models.brought.engine import Answers, Curves, Engine, Probabilities, Risks
from models.encoding import Encoding
from models.errors import ImpossibleAnswer
from models.families.columns import THERAPY, ColumnSpec
from models.families.target import Task
from models.inputs import therapy_codes
from models.intervals import median_days, restricted_mean
from models.reasons import Contributions
from models.version import SCALES

_LACKING = ("calibration", "intervals", "applicability", "card")
_LISTED = 8


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class BroughtModel:
    """A loaded version that our trainer did not make; immutable, and safe to share between threads."""

    name: str
    version: str
    digest: str
    """SHA-256 over the digests of all its files."""
    manifest: Declared
    profile: Profile | None
    """By which its radiomic features are taken; None where it needs none."""
    engine: Engine
    encoding: Encoding = field(init=False, repr=False)
    """Its columns, made ready."""
    places: NDArray[np.intp] | slice = field(init=False, repr=False)
    """Where in an encoded row each value stands that the engine takes; a slice where they stand there in order."""
    units: tuple[str, ...] = field(init=False, repr=False)
    """Of those values."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "encoding", Encoding(self.columns))
        place = {spec.name: index for index, spec in enumerate(self.columns)} | {THERAPY: len(self.columns)}
        places = [place[name] for name in self.manifest.order]
        in_order = places == list(range(len(places)))
        object.__setattr__(self, "places", slice(len(places)) if in_order else np.array(places, dtype=np.intp))
        object.__setattr__(self, "units", tuple(self.encoding.units.get(name, "") for name in self.manifest.order))

    @property
    def card(self) -> str:
        """What can be said of it, in Markdown: it brings no card."""
        lacking = "\n".join(f"- {what}" for what in self.absent)
        return (
            f"# {self.name}\n\nThis version brings no card: whom it learned from, how good it is and where its limits "
            f"lie is not stated.\n\nIt is a {self.manifest.family} model of {self.manifest.endpoint}, on "
            f"{len(self.columns)} columns.\n\n## Absent\n\n{lacking}\n"
        )

    @property
    def absent(self) -> tuple[str, ...]:
        """What the version does not bring, in words."""
        return (*_LACKING, *self.engine.absent)

    @property
    def columns(self) -> tuple[ColumnSpec, ...]:
        """Input columns, in order; `therapy` is not among them."""
        return self.manifest.columns

    @property
    def therapies(self) -> tuple[str, ...]:
        """What it can be asked about, in its own spelling; none where it knows no therapy."""
        return self.manifest.therapies

    @property
    def task(self) -> Task:
        """Outcome or progression."""
        return self.manifest.task

    def predict(
        self,
        values: Mapping[str, float | str],
        therapies: Sequence[str] = (),
        reference: str | None = None,
        missing: Mapping[str, str] | None = None,
    ) -> Answer:
        """See `models.model.Model.predict`."""
        asked = tuple(therapies) or self.therapies
        codes = therapy_codes(self.therapies, asked)
        compared = reference is not None and bool(self.therapies)
        if compared:
            codes = np.append(codes, therapy_codes(self.therapies, [str(reference)]))
        if not self.therapies:
            asked, codes = ("",), np.zeros(1)
        row = self.encoding.row(values, missing or {})
        encoded = np.empty((codes.size, row.size + 1))
        encoded[:, :-1], encoded[:, -1] = row, codes
        rows = self.rows(encoded)
        answers = self._finite(rows)
        shares = self.engine.contributions(rows)
        absent = tuple(self.encoding.names[index] for index in np.flatnonzero(np.isnan(row)))
        applicability = Applicability("unknown", 0.0, (), absent)
        notices = self._notices(absent)
        reasons: list[Contributions | None] = [None] * len(asked)
        if shares is not None:  # of the reference, the last row, none are told
            reasons = [self._contributions(values, therapy, shares[index]) for index, therapy in enumerate(asked)]
        predictions = tuple(
            Prediction(
                therapy=therapy,
                outcome=self._outcome(answers, index),
                progression=self._progression(answers, index),
                contributions=of or (),
                applicability=applicability,
                notices=notices,
                groups=of.groups if of else (),
                risk=Risk(float(answers.log_hazard_ratio[index])) if isinstance(answers, Risks) else None,
            )
            for index, (therapy, of) in enumerate(zip(asked, reasons, strict=True))
        )
        return Answer(predictions, self._differences(answers, asked, str(reference)) if compared else ())

    def similar(
        self, values: Mapping[str, float | str], missing: Mapping[str, str] | None = None
    ) -> tuple[SimilarPatient, ...]:
        """None: it brings no cohort."""
        return ()

    def rows(self, encoded: Floats) -> Floats:
        """Rows in the engine's own order, of encoded ones, (n, columns + 1), the therapy's number last."""
        result: Floats = encoded[:, self.places]
        return result

    def _finite(self, rows: Floats) -> Answers:
        answers = self.engine.answer(rows)
        if isinstance(answers, Probabilities):
            numbers = answers.probability
        else:
            numbers = answers.survival if isinstance(answers, Curves) else answers.log_hazard_ratio
        if not np.isfinite(numbers).all():
            raise ImpossibleAnswer(f"{self.name} version {self.version} answers with a number that is not finite")
        return answers

    def _outcome(self, answers: Answers, index: int) -> Outcome | None:
        return Outcome(float(answers.probability[index]), None) if isinstance(answers, Probabilities) else None

    def _progression(self, answers: Answers, index: int) -> Progression | None:
        if not isinstance(answers, Curves):
            return None
        time_days, survival = self.manifest.time_days, answers.survival[index]
        return Progression(
            time_days=time_days,
            survival=tuple(survival.tolist()),
            lower=None,
            upper=None,
            median_days=median_days(time_days, survival),
            median_interval=None,
            restricted_mean_days=float(restricted_mean(time_days, survival)),
            restricted_mean_interval=None,
            horizon_days=float(time_days[-1]),
        )

    def _contributions(self, values: Mapping[str, float | str], therapy: str, shares: Floats) -> Contributions:
        given: Mapping[str, float | str] = {**values, THERAPY: therapy} if self.therapies else values
        names = self.manifest.order
        return Contributions(names, list(map(given.get, names)), self.units, shares, SCALES[self.task])

    def _differences(self, answers: Answers, asked: Sequence[str], reference: str) -> tuple[Difference, ...]:
        """Each option against the reference, which is the last row; without intervals, for it brings none."""
        return tuple(
            self._difference(answers, index, therapy, reference)
            for index, therapy in enumerate(asked)
            if therapy != reference
        )

    def _difference(self, answers: Answers, index: int, therapy: str, reference: str) -> Difference:
        chance = mean = median = risk = None
        if isinstance(answers, Probabilities):
            chance = float(answers.probability[index] - answers.probability[-1])
        elif isinstance(answers, Risks):
            risk = float(answers.log_hazard_ratio[index] - answers.log_hazard_ratio[-1])
        else:
            days = self.manifest.time_days
            means = [float(restricted_mean(days, answers.survival[row])) for row in (index, -1)]
            medians = [median_days(days, answers.survival[row]) for row in (index, -1)]
            mean = means[0] - means[1]
            median = None if medians[0] is None or medians[1] is None else medians[0] - medians[1]
        return Difference(
            therapy=therapy,
            reference_therapy=reference,
            probability=chance,
            probability_interval=None,
            restricted_mean_days=mean,
            restricted_mean_interval=None,
            median_days=median,
            log_hazard_ratio=risk,
        )

    def _notices(self, absent: Sequence[str]) -> tuple[Notice, ...]:
        lacking = ", ".join(self.absent)
        notices = [Notice("NOT_BROUGHT", f"This version brings no {lacking}: none of these is given.")]
        if self.manifest.simulated:
            notices.append(
                Notice("SIMULATED_TRAINING_COHORT", "This model learned from simulated patients, not from real ones.")
            )
        if self.task == "progression" and "baseline hazard" in self.absent:
            notices.append(
                Notice(
                    "RISK_ONLY", "Without a baseline hazard it gives risk only: an order, no times and no probability."
                )
            )
        if absent:
            more = f" and {len(absent) - _LISTED} more" if len(absent) > _LISTED else ""
            listed = ", ".join(absent[:_LISTED]) + more
            notices.append(Notice("IMPUTED", f"Missing; each tree takes the branch that it learned for it: {listed}."))
        return tuple(notices)
