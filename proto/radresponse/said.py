"""What an answer says beside its figures: is the patient like those learned from, what to heed, what it rests on."""

from collections.abc import Iterable, Sequence
from typing import cast

from radresponse.therapy_tables import Line
from radresponse.v1 import prediction_pb2

DISCLAIMER = "Supports a clinical decision and never makes one. Not a medical device."


def compared_lines(answer: prediction_pb2.CompareTherapiesResponse) -> list[Line]:
    """Every prediction of a comparison with its difference, option by option."""
    return [
        Line(
            option.therapy,
            prediction,
            next((found for found in option.differences if found.model == prediction.model), None),
        )
        for option in answer.options
        for prediction in option.predictions
    ]


def evidence_words(lines: Sequence[Line]) -> str:
    """What differences rest on; empty where there are none."""
    evidence = sorted({line.difference.evidence for line in lines if line.difference is not None})
    if not evidence:
        return ""
    return (
        "A difference between predictions is not by itself an effect of treatment: "
        f"it rests on {' and '.join(evidence)} evidence."
    )


def applicability_words(lines: Sequence[Line]) -> list[str]:
    """One sentence for each verdict, with the models that came to it."""
    models: dict[str, dict[str, None]] = {}
    for line in lines:
        verdict, share = _verdict(line.prediction.applicability)
        models.setdefault(verdict, {})[line.prediction.model.name + share] = None
    return [f"{verdict}: {', '.join(names)}" for verdict, names in models.items()]


def _verdict(applicability: prediction_pb2.Applicability) -> tuple[str, str]:
    share = f" {applicability.distance_percentile * 100:.0f} %{_by_part(applicability)}"
    of_share = "share of each model's patients that lie nearer to their centre"
    if applicability.status == prediction_pb2.APPLICABILITY_STATUS_INSIDE:
        return f"yes; {of_share}", share
    if applicability.status == prediction_pb2.APPLICABILITY_STATUS_OUTSIDE:
        return f"NO, the prediction is an extrapolation; {of_share}", share
    return "not known, for the model brings no means to tell", ""


def _by_part(applicability: prediction_pb2.Applicability) -> str:
    """The same share by part of the columns, where the model tells of parts."""
    parts = []
    if applicability.HasField("embedding_percentile"):
        parts.append(f"image embedding {applicability.embedding_percentile * 100:.0f} %")
    if applicability.HasField("feature_percentile"):
        parts.append(f"all else {applicability.feature_percentile * 100:.0f} %")
    return f" ({', '.join(parts)})" if parts else ""


def warning_words(lines: Sequence[Line], warnings: Iterable[prediction_pb2.Warning]) -> list[str]:
    """Each warning once, with the models that gave it; those about the case as a whole first."""
    said: dict[str, dict[str, None]] = {f"{warning.message} [{warning.reason}]": {} for warning in warnings}
    every = dict.fromkeys(line.prediction.model.name for line in lines)
    for line in lines:
        for warning in warned(line.prediction):
            said.setdefault(f"{warning.message} [{warning.reason}]", {})[line.prediction.model.name] = None
    whose = {
        sentence: "" if not models else f"{'all models' if models == every and len(every) > 1 else ', '.join(models)}: "
        for sentence, models in said.items()
    }
    return [whose[sentence] + sentence for sentence in said]


def warned(
    message: prediction_pb2.CompareTherapiesResponse | prediction_pb2.PredictResponse | prediction_pb2.Prediction,
) -> Iterable[prediction_pb2.Warning]:
    """Its warnings; mypy takes the stub's `Warning` for the built-in one."""
    return cast("Iterable[prediction_pb2.Warning]", message.warnings)
