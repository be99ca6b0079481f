"""One version of a model: takes the values of a case, answers for each therapy."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

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
    SimilarPatient,
)
from models.effects.evidence import evidence_for
from models.encoding import Encoding
from models.families.columns import THERAPY, ColumnSpec
from models.families.family import Fitted, OutcomeScores, ProgressionScores, Scores
from models.families.scans import absent_scans, in_words
from models.families.target import Task
from models.inputs import require_scans, therapy_codes
from models.intervals import (
    median_days,
    median_interval,
    plain_interval,
    probability_interval,
    restricted_mean,
    survival_band,
)
from models.manifest import Manifest
from models.model import Model
from models.reasons import Contributions
from models.reference import SHOWN, Neighbourhood, Reference

__all__ = ["SCALES", "Model", "TrainedModel"]

SCALES = {"outcome": "log-odds of response", "progression": "log-hazard of progression"}
"""On which contributions add up."""
_LISTED = 8


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TrainedModel:
    """A loaded version that our trainer made; immutable, and safe to share between threads."""

    name: str
    version: str
    digest: str
    """SHA-256 over the digests of all its files."""
    manifest: Manifest
    card: str
    """Markdown."""
    profile: Profile | None
    """By which its radiomic features are taken; None where it needs none."""
    fitted: Fitted
    reference: Reference | None = None
    """What answers tell of the training cohort; None where the version brings none."""
    encoding: Encoding = field(init=False, repr=False)
    """Its columns, made ready."""

    def __post_init__(self) -> None:
        of = self.manifest.recipe.harmonisation
        lenient = self.columns[of.site].name if of is not None and of.unseen == "flag" else ""
        object.__setattr__(self, "encoding", Encoding(self.columns, lenient))

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
        """Answers one case; the same question gets the same answer, to the bit.

        Args:
            values: By full column name, `clinical.*` and computed features alike.
            therapies: Under discussion; none for all that the model knows. A model that knows no therapy
                answers once, with an empty therapy.
            reference: Which of the model's therapies the others are compared against; None for no comparison.
            missing: Why a column has no value, by name.

        Raises:
            UnknownTherapy: The model was not made for it.
            MissingColumn: A required column has no value, or a scan that every training patient had brings none.
            WrongType: A number where a category is wanted, or the reverse.
            OutOfRange: Not finite, or outside the column's limits.
            UnknownCategory: Not one of the column's.
        """
        asked = tuple(therapies) or self.therapies
        codes = therapy_codes(self.therapies, asked)
        compared = reference is not None and bool(self.therapies)
        if compared:
            codes = np.append(codes, therapy_codes(self.therapies, [str(reference)]))
        if not self.therapies:
            asked, codes = ("",), np.zeros(1)
        require_scans(self.manifest.recipe, values, missing or {})
        row = self.encoding.row(values, missing or {})
        rows = self.fitted.harmonised(np.column_stack([np.tile(row, (codes.size, 1)), codes]))
        applicability = self._applicability(rows[0])
        notices = self._notices(applicability)
        if applicability.status == "outside" and self.manifest.facts.outside == "withhold":
            return Answer(tuple(Prediction(one, None, None, (), applicability, notices) for one in asked), ())
        scores, shares = self.fitted.explained(rows)
        own = rows[0].tolist()
        predictions = tuple(
            Prediction(
                therapy=therapy,
                outcome=self._outcome(scores, index, int(codes[index])) if isinstance(scores, OutcomeScores) else None,
                progression=self._progression(scores, index, int(codes[index]))
                if isinstance(scores, ProgressionScores)
                else None,
                contributions=(reasons := self._contributions(values, own, therapy, shares[index])),
                applicability=applicability,
                notices=notices,
                groups=reasons.groups,
            )
            for index, therapy in enumerate(asked)
        )
        return Answer(predictions, self._differences(scores, asked, str(reference)) if compared else ())

    def similar(
        self, values: Mapping[str, float | str], missing: Mapping[str, str] | None = None, count: int = SHOWN
    ) -> tuple[SimilarPatient, ...]:
        """Training patients like this one, nearest first, with what came of them.

        None where the version does not tell of its cohort, or the cohort is too small for that (`models.reference`).

        Args:
            values: As for `predict`.
            missing: As for `predict`.
            count: At most so many.

        Raises:
            BadInput: As `predict`.
        """
        if self.reference is None:
            return ()
        row = self.fitted.harmonised(np.append(self.encoding.row(values, missing or {}), 0.0)[None, :])[0]
        return Neighbourhood(self.reference, self.manifest.recipe.design, self.therapies).nearest(row, count)

    def _outcome(self, scores: OutcomeScores, index: int, therapy: int) -> Outcome:
        interval = probability_interval(
            float(scores.log_odds[index]), scores.replicates[:, index], self.manifest.facts.interval_level
        )
        chance, sets = float(scores.probability[index]), self.manifest.recipe.assurance.sets
        return Outcome(chance, interval, sets.of(chance, therapy) if sets else None)

    def _progression(self, scores: ProgressionScores, index: int, therapy: int) -> Progression:
        time_days, level = self.manifest.recipe.time_days, self.manifest.facts.interval_level
        survival, horizon = scores.survival[index], float(time_days[-1])
        band = survival_band(scores.cumulative_hazard[index], scores.replicates[:, index], level)
        mean = float(restricted_mean(time_days, survival))
        means = restricted_mean(time_days, np.exp(-scores.replicates[:, index]))
        bounds = self.manifest.recipe.assurance.bounds
        return Progression(
            time_days=time_days,
            survival=tuple(survival.tolist()),
            lower=None if band is None else tuple(band[0].tolist()),
            upper=None if band is None else tuple(band[1].tolist()),
            median_days=median_days(time_days, survival),
            median_interval=median_interval(time_days, band, level),
            restricted_mean_days=mean,
            restricted_mean_interval=plain_interval(mean, means, level, 0.0, horizon),
            horizon_days=horizon,
            at_risk=None if self.reference is None else self.reference.at_risk(therapy, time_days),
            lower_bound=bounds.of(time_days, survival, therapy) if bounds else None,
        )

    def _contributions(
        self, values: Mapping[str, float | str], row: Sequence[float], therapy: str, shares: Floats
    ) -> Contributions:
        """Of one row and therapy; percentiles on the scale that the model learned on."""
        names, units = self.encoding.names, tuple(self.encoding.units.values())
        given, scale, count = list(map(values.get, names)), SCALES[self.task], len(names)

        def percentile(place: int) -> float | None:
            told = self.reference
            if told is None or place == count or self.columns[place].kind == "category" or math.isnan(row[place]):
                return None
            return told.percentile(place, row[place])

        if not self.therapies:
            return Contributions(names, given, units, shares[:count], scale, percentile)
        return Contributions((*names, THERAPY), [*given, therapy], (*units, ""), shares, scale, percentile)

    def _applicability(self, row: Floats) -> Applicability:
        """The verdict on one row; outside where its site could not be mapped."""
        told = self.fitted.distance.judge(row)
        of = self.manifest.recipe.harmonisation
        return replace(told, status="outside") if of is not None and math.isnan(row[of.site]) else told

    def _differences(self, scores: Scores, asked: Sequence[str], reference: str) -> tuple[Difference, ...]:
        """Each option against the reference, which is the last row; paired replicate by replicate."""
        return tuple(
            replace(
                self._outcome_difference(scores, index, therapy, reference)
                if isinstance(scores, OutcomeScores)
                else self._progression_difference(scores, index, therapy, reference),
                population=evidence_for(self.manifest.facts.comparisons, therapy, reference),
            )
            for index, therapy in enumerate(asked)
            if therapy != reference
        )

    def _outcome_difference(self, scores: OutcomeScores, index: int, therapy: str, reference: str) -> Difference:
        each = OutcomeScores(scores.replicates, scores.replicates).probability
        chance = scores.probability
        difference = float(chance[index] - chance[-1])
        level = self.manifest.facts.interval_level
        return Difference(
            therapy=therapy,
            reference_therapy=reference,
            probability=difference,
            probability_interval=plain_interval(difference, each[:, index] - each[:, -1], level, -1.0, 1.0),
            restricted_mean_days=None,
            restricted_mean_interval=None,
            median_days=None,
        )

    def _progression_difference(
        self, scores: ProgressionScores, index: int, therapy: str, reference: str
    ) -> Difference:
        time_days, level = self.manifest.recipe.time_days, self.manifest.facts.interval_level
        horizon = float(time_days[-1])
        means = restricted_mean(time_days, scores.survival)
        each = restricted_mean(time_days, np.exp(-scores.replicates))
        difference = float(means[index] - means[-1])
        medians = [median_days(time_days, scores.survival[row]) for row in (index, -1)]
        return Difference(
            therapy=therapy,
            reference_therapy=reference,
            probability=None,
            probability_interval=None,
            restricted_mean_days=difference,
            restricted_mean_interval=plain_interval(difference, each[:, index] - each[:, -1], level, -horizon, horizon),
            median_days=None if medians[0] is None or medians[1] is None else medians[0] - medians[1],
        )

    def _notices(self, applicability: Applicability) -> tuple[Notice, ...]:
        notices = []
        if self.manifest.simulated:
            notices.append(
                Notice("SIMULATED_TRAINING_COHORT", "This model learned from simulated patients, not from real ones.")
            )
        if applicability.status == "outside":
            withheld = " No prediction is given." if self.manifest.facts.outside == "withhold" else ""
            notices.append(
                Notice(
                    "OUTSIDE_TRAINING_COHORT",
                    f"The patient is unlike the {self.manifest.training_patients} patients that this model learned "
                    f"from: any prediction is an extrapolation.{withheld}",
                )
            )
        of = self.manifest.recipe.harmonisation
        if of is not None and self.columns[of.site].name in applicability.imputed:
            site = self.columns[of.site]
            notices.append(
                Notice(
                    "UNHARMONISED_SITE",
                    f"{site.name} is none that this model learned from ({', '.join(site.categories)}): image "
                    "features are taken as they were measured, and may mean something else there.",
                )
            )
        absent = absent_scans(self.columns, {spec.name for spec in self.columns} - set(applicability.imputed))
        for scan, columns in absent.items():
            notices.append(
                Notice(
                    "IMPUTED",
                    f"The case does not have {in_words([scan])}: the training cohort's typical values stand in for all "
                    f"{len(columns)} columns that come from it.",
                )
            )
        whole = {name for columns in absent.values() for name in columns}
        whole |= {self.columns[of.site].name} if of is not None else set()
        if names := [name for name in applicability.imputed if name not in whole]:
            more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
            listed = ", ".join(names[:_LISTED]) + more
            notices.append(Notice("IMPUTED", f"Missing, so the training cohort's typical value stands in: {listed}."))
        return tuple(notices)
