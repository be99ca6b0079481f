"""Answers as the service gives them, made by hand: every kind of prediction, with and without interval."""

from radresponse.v1 import model_pb2, prediction_pb2

OUTCOME_MODEL = model_pb2.ModelReference(name="outcome-xgboost", version="3", digest="a" * 64)
PROGRESSION_MODEL = model_pb2.ModelReference(name="progression-cox", version="1", digest="b" * 64)
CONTRAST = "radiomics.ct.baseline.largest.original_glcm_Contrast"
AGE = "clinical.age_years"
VOLUME = "measure.ct.baseline.largest.volume_mm3"


def outcome(therapy: str, probability: float = 0.6207, *, interval: bool = True) -> prediction_pb2.Prediction:
    """A probability of response."""
    told = prediction_pb2.Outcome(probability=probability, endpoint="response (RECIST 1.1)")
    if interval:
        told.probability_interval.CopyFrom(prediction_pb2.Interval(lower=0.41, upper=0.79, level=0.9))
    return _prediction(OUTCOME_MODEL, therapy, outcome=told)


def progression(therapy: str, *, median: float | None = 400.0) -> prediction_pb2.Prediction:
    """A survival curve of two years."""
    days = range(0, 731, 10)
    told = prediction_pb2.Progression(
        survival=[
            prediction_pb2.SurvivalPoint(time_days=day, survival=1 - day / 1500, lower=1 - day / 1000, upper=1.0)
            for day in days
        ],
        median_days=median,
        restricted_mean_days=512.25,
        restricted_mean_days_interval=prediction_pb2.Interval(lower=400, upper=600, level=0.9),
        horizon_days=730,
        endpoint="progression or death",
    )
    told.median_days_interval.CopyFrom(prediction_pb2.Interval(lower=250, level=0.9))
    return _prediction(PROGRESSION_MODEL, therapy, progression=told)


def risk(therapy: str, log_hazard_ratio: float = 0.35) -> prediction_pb2.Prediction:
    """What a version without a baseline hazard says."""
    told = prediction_pb2.Risk(log_hazard_ratio=log_hazard_ratio, endpoint="progression or death")
    return _prediction(PROGRESSION_MODEL, therapy, risk=told)


def risks_compared() -> prediction_pb2.CompareTherapiesResponse:
    """Two therapies by such a version: the second multiplies the hazard by 0.74."""
    first, second = "chemotherapy", "immunotherapy"
    difference = prediction_pb2.Difference(
        reference_therapy=first, model=PROGRESSION_MODEL, log_hazard_ratio=-0.3, evidence="observational"
    )
    return prediction_pb2.CompareTherapiesResponse(
        options=[
            prediction_pb2.TherapyOption(therapy=first, predictions=[risk(first)]),
            prediction_pb2.TherapyOption(therapy=second, predictions=[risk(second, 0.05)], differences=[difference]),
        ],
        reference_therapy=first,
        provenance=_provenance(),
    )


def withheld(therapy: str) -> prediction_pb2.Prediction:
    """What a model that answers no patient unlike its own says."""
    told = prediction_pb2.Prediction(therapy=therapy, model=OUTCOME_MODEL)
    told.warnings.add(reason="OUTSIDE_TRAINING_COHORT", message="The patient is unlike them. No prediction is given.")
    return told


def predicted(*predictions: prediction_pb2.Prediction) -> prediction_pb2.PredictResponse:
    """A whole answer."""
    response = prediction_pb2.PredictResponse(predictions=predictions, provenance=_provenance())
    response.warnings.add(reason="MODEL_LEFT_OUT", message="outcome-pet does not answer: <no> pt scan & none asked")
    return response


def compared() -> prediction_pb2.CompareTherapiesResponse:
    """Two therapies by two models."""
    first, second = "chemotherapy", "immunotherapy"
    differences = [
        prediction_pb2.Difference(
            reference_therapy=first,
            model=OUTCOME_MODEL,
            probability=-0.031,
            probability_interval=prediction_pb2.Interval(lower=-0.16, upper=0.1, level=0.9),
            evidence="simulated",
        ),
        prediction_pb2.Difference(
            reference_therapy=first,
            model=PROGRESSION_MODEL,
            restricted_mean_days=30.5,
            median_days=25.0,
            evidence="randomised",
        ),
    ]
    return prediction_pb2.CompareTherapiesResponse(
        options=[
            prediction_pb2.TherapyOption(therapy=first, predictions=[outcome(first), progression(first)]),
            prediction_pb2.TherapyOption(
                therapy=second, predictions=[outcome(second, 0.59), progression(second)], differences=differences
            ),
        ],
        reference_therapy=first,
        provenance=_provenance(),
    )


def _prediction(
    model: model_pb2.ModelReference,
    therapy: str,
    outcome: prediction_pb2.Outcome | None = None,
    progression: prediction_pb2.Progression | None = None,
    risk: prediction_pb2.Risk | None = None,
) -> prediction_pb2.Prediction:
    scale = "log-odds of response" if outcome else "log-hazard of progression"
    reasons = [
        prediction_pb2.Contribution(feature=CONTRAST, value=5.25, contribution=0.5, scale=scale),
        prediction_pb2.Contribution(feature=VOLUME, value=1234.5, unit="mm3", contribution=-0.25, scale=scale),
        prediction_pb2.Contribution(
            feature="clinical.age_years", value=61, unit="years", contribution=0.1, scale=scale
        ),
        prediction_pb2.Contribution(feature="clinical.sex", category="female", contribution=0.0, scale=scale),
    ]
    told = prediction_pb2.Prediction(
        therapy=therapy,
        model=model,
        outcome=outcome,
        progression=progression,
        risk=risk,
        contributions=reasons,
        applicability=prediction_pb2.Applicability(status=prediction_pb2.APPLICABILITY_STATUS_INSIDE),
    )
    told.warnings.add(reason="SIMULATED_TRAINING_COHORT", message="This model learned from simulated patients.")
    return told


def _provenance() -> prediction_pb2.Provenance:
    return prediction_pb2.Provenance(
        models=[OUTCOME_MODEL, PROGRESSION_MODEL], input_digest="c" * 64, software_version="0.1.0"
    )
