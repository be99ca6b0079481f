"""The protobuf door, outwards: what models answer becomes messages."""

from collections.abc import Iterable

from models.answers import (
    Applicability,
    Contribution,
    Difference,
    Interval,
    LowerBound,
    Notice,
    Outcome,
    OutcomeSet,
    Prediction,
    Progression,
)
from models.effects.answers import Comparison
from models.version import Model
from radresponse.v1 import model_pb2, prediction_pb2

MAIN_REASONS = 10
"""Contributions that an answer gives, largest first."""

_APPLICABILITY = {
    "inside": prediction_pb2.APPLICABILITY_STATUS_INSIDE,
    "outside": prediction_pb2.APPLICABILITY_STATUS_OUTSIDE,
    "unknown": prediction_pb2.APPLICABILITY_STATUS_UNSPECIFIED,
}
_OVERLAP = {
    "sufficient": prediction_pb2.OVERLAP_VERDICT_SUFFICIENT,
    "weak": prediction_pb2.OVERLAP_VERDICT_WEAK,
    "refused": prediction_pb2.OVERLAP_VERDICT_REFUSED,
}


def reference_of(model: Model) -> model_pb2.ModelReference:
    """Names exactly one version."""
    return model_pb2.ModelReference(name=model.name, version=model.version, digest=model.digest)


def prediction_of(model: Model, prediction: Prediction) -> prediction_pb2.Prediction:
    """What one model says of one therapy."""
    message = prediction_pb2.Prediction(
        therapy=prediction.therapy,
        model=reference_of(model),
        applicability=_applicability(prediction.applicability),
        warnings=warnings_of(prediction.notices),
        contribution_groups=[
            prediction_pb2.ContributionGroup(group=one.group, contribution=one.contribution)
            for one in prediction.groups
        ],
    )
    for reason in prediction.contributions[:MAIN_REASONS]:
        _add_contribution(message, reason)
    if prediction.outcome is not None:
        message.outcome.CopyFrom(_outcome(prediction.outcome, model.manifest.endpoint))
    if prediction.risk is not None:
        message.risk.log_hazard_ratio = prediction.risk.log_hazard_ratio
        message.risk.endpoint = model.manifest.endpoint
    if prediction.progression is not None:
        message.progression.CopyFrom(_progression(prediction.progression, model.manifest.endpoint))
    return message


def difference_of(model: Model, difference: Difference) -> prediction_pb2.Difference:
    """One option minus the reference, by one model."""
    return prediction_pb2.Difference(
        reference_therapy=difference.reference_therapy,
        model=reference_of(model),
        probability=difference.probability,
        probability_interval=_interval(difference.probability_interval),
        restricted_mean_days=difference.restricted_mean_days,
        restricted_mean_days_interval=_interval(difference.restricted_mean_interval),
        median_days=difference.median_days,
        evidence=model.manifest.evidence,
        log_hazard_ratio=difference.log_hazard_ratio,
        population=_population(difference.population),
    )


def _population(comparison: Comparison | None) -> prediction_pb2.PopulationEvidence | None:
    """What the training cohort says, with numbers only where the overlap gate let them through."""
    if comparison is None:
        return None
    overlap = comparison.overlap
    message = prediction_pb2.PopulationEvidence(
        overlap=_OVERLAP[overlap.verdict],
        reasons=[prediction_pb2.Warning(reason=one.name, message=one.message) for one in overlap.reasons],
        evidence=comparison.evidence,
        option_patients=overlap.option_patients,
        reference_patients=overlap.reference_patients,
        option_effective=overlap.option_effective,
        reference_effective=overlap.reference_effective,
    )
    if comparison.effects:
        effect = comparison.effects[0]
        told = effect.difference
        message.difference, message.e_value, message.e_value_of_limit = (
            told.value,
            effect.e_value,
            effect.e_value_of_limit,
        )
        message.difference_interval.CopyFrom(
            prediction_pb2.Interval(lower=told.lower, upper=told.upper, level=comparison.level)
        )
        if effect.day is not None:
            message.horizon_days = effect.day
    return message


def warnings_of(notices: Iterable[Notice]) -> list[prediction_pb2.Warning]:
    """What to know before relying on an answer."""
    return [prediction_pb2.Warning(reason=notice.reason, message=notice.message) for notice in notices]


def _outcome(outcome: Outcome, endpoint: str) -> prediction_pb2.Outcome:
    return prediction_pb2.Outcome(
        probability=outcome.probability,
        probability_interval=_interval(outcome.interval),
        endpoint=endpoint,
        outcome_set=_outcome_set(outcome.likely),
    )


def _outcome_set(likely: OutcomeSet | None) -> prediction_pb2.OutcomeSet | None:
    if likely is None:
        return None
    return prediction_pb2.OutcomeSet(
        response=likely.response, no_response=likely.no_response, level=likely.level, patients=likely.patients
    )


def _lower_bound(bound: LowerBound | None) -> prediction_pb2.LowerBound | None:
    if bound is None:
        return None
    return prediction_pb2.LowerBound(days=bound.days, level=bound.level, patients=bound.patients)


def _progression(progression: Progression, endpoint: str) -> prediction_pb2.Progression:
    lower, upper, at_risk = progression.lower, progression.upper, progression.at_risk
    return prediction_pb2.Progression(
        survival=[
            prediction_pb2.SurvivalPoint(
                time_days=day,
                survival=progression.survival[index],
                lower=None if lower is None else lower[index],
                upper=None if upper is None else upper[index],
                at_risk=None if at_risk is None else at_risk[index],
            )
            for index, day in enumerate(progression.time_days)
        ],
        median_days=progression.median_days,
        median_days_interval=_interval(progression.median_interval),
        restricted_mean_days=progression.restricted_mean_days,
        restricted_mean_days_interval=_interval(progression.restricted_mean_interval),
        horizon_days=progression.horizon_days,
        endpoint=endpoint,
        lower_bound=_lower_bound(progression.lower_bound),
    )


def _interval(interval: Interval | None) -> prediction_pb2.Interval | None:
    if interval is None:
        return None
    return prediction_pb2.Interval(lower=interval.lower, upper=interval.upper, level=interval.level)


def _add_contribution(message: prediction_pb2.Prediction, reason: Contribution) -> None:
    category = reason.value if isinstance(reason.value, str) else ""
    message.contributions.add(  # in its place: made by itself it would be copied there
        feature=reason.column,
        value=None if isinstance(reason.value, str) else reason.value,
        category=category,
        unit=reason.unit,
        contribution=reason.contribution,
        scale=reason.scale,
        percentile=reason.percentile,
    )


def _applicability(applicability: Applicability) -> prediction_pb2.Applicability:
    return prediction_pb2.Applicability(
        status=_APPLICABILITY[applicability.status],
        distance_percentile=applicability.distance_percentile,
        outside_range=applicability.outside_range,
        imputed=applicability.imputed,
        embedding_percentile=applicability.embedding_percentile,
        feature_percentile=applicability.feature_percentile,
    )
