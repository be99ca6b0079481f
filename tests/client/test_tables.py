"""What a clinician reads is what the message says, and no number is lost or turned round."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from builders.answers import risks_compared
from rich.console import Console

from radresponse.models_table import show_model, show_models
from radresponse.said import DISCLAIMER
from radresponse.table import show_comparison, show_predictions
from radresponse.v1 import model_pb2, prediction_pb2

COX = model_pb2.ModelReference(name="progression-cox", version="3", digest="cd" * 32)
TREES = model_pb2.ModelReference(name="outcome-xgboost", version="2", digest="ab" * 32)


def interval(lower: float | None, upper: float | None) -> prediction_pb2.Interval:
    return prediction_pb2.Interval(lower=lower, upper=upper, level=0.9)


def outcome(therapy: str, probability: float) -> prediction_pb2.Prediction:
    return prediction_pb2.Prediction(
        therapy=therapy,
        model=TREES,
        outcome=prediction_pb2.Outcome(
            probability=probability,
            probability_interval=interval(probability / 2, probability * 1.5),
            endpoint="response (RECIST 1.1)",
        ),
        contributions=[
            prediction_pb2.Contribution(
                feature="clinical.age_years", value=64, unit="years", contribution=-0.4, scale="log-odds of response"
            )
        ],
        applicability=prediction_pb2.Applicability(
            status=prediction_pb2.APPLICABILITY_STATUS_OUTSIDE, distance_percentile=0.97
        ),
        warnings=[prediction_pb2.Warning(reason="OUTSIDE_TRAINING_COHORT", message="unlike its patients")],
    )


def progression(therapy: str, median_days: float | None) -> prediction_pb2.Prediction:
    return prediction_pb2.Prediction(
        therapy=therapy,
        model=COX,
        progression=prediction_pb2.Progression(
            median_days=median_days,
            median_days_interval=interval(100, None),
            restricted_mean_days=365.25,
            horizon_days=730.5,
            endpoint="progression or death",
        ),
        applicability=prediction_pb2.Applicability(status=prediction_pb2.APPLICABILITY_STATUS_INSIDE),
    )


def comparison() -> prediction_pb2.CompareTherapiesResponse:
    return prediction_pb2.CompareTherapiesResponse(
        reference_therapy="a",
        options=[
            prediction_pb2.TherapyOption(therapy="a", predictions=[outcome("a", 0.2), progression("a", 304.375)]),
            prediction_pb2.TherapyOption(
                therapy="b",
                predictions=[outcome("b", 0.4), progression("b", None)],
                differences=[
                    prediction_pb2.Difference(
                        reference_therapy="a",
                        model=TREES,
                        probability=0.2,
                        probability_interval=interval(-0.05, 0.31),
                        evidence="observational",
                    ),
                    prediction_pb2.Difference(
                        reference_therapy="a", model=COX, restricted_mean_days=-60.875, evidence="observational"
                    ),
                ],
            ),
        ],
        warnings=[prediction_pb2.Warning(reason="LESION_LEFT_OUT", message="label 3 is too small")],
        provenance=prediction_pb2.Provenance(models=[TREES, COX], software_version="0.1.0"),
    )


def page(show: Callable[[Any, Console], None], answer: object, width: int = 140) -> str:
    text = io.StringIO()
    show(answer, Console(file=text, width=width, highlight=False))
    return text.getvalue()


def row(text: str, *parts: str) -> str:
    """The first line that holds all parts."""
    for line in text.splitlines():
        if all(part in line for part in parts):
            return line
    raise AssertionError(f"no line with {parts} in\n{text}")


def under(text: str, title: str, *therapies: str) -> list[list[str]]:
    """Of the table with the title: the line of each therapy and the one that follows it."""
    lines = text[text.index(title) :].splitlines()
    found = [next(index for index, line in enumerate(lines) if line.split()[:1] == [name]) for name in therapies]
    return [lines[index : index + 2] for index in found]


def words_of(line: str) -> str:
    return " ".join(line.split())


def test_each_therapy_has_its_probability_interval_and_difference() -> None:
    text = page(show_comparison, comparison())
    first, second = under(text, "Probability of response (RECIST 1.1) (90 % interval)", "a", "b")
    assert "reference" in first[0]
    assert words_of(first[1]) == "outcome-xgboost v2 20 % (10 to 30)"
    assert words_of(second[1]) == "outcome-xgboost v2 40 % (20 to 60) +20 (-5 to +31)"


def test_a_risk_without_a_time_has_a_table_of_its_own() -> None:
    first, second = under(
        page(show_comparison, risks_compared()), "Risk of progression or death", "chemotherapy", "immunotherapy"
    )
    assert "reference" in first[0]
    assert words_of(first[1]) == "progression-cox v1 +0.35"
    assert words_of(second[1]) == "progression-cox v1 +0.05 0.74"


def test_times_are_in_months_and_an_unreached_median_says_so() -> None:
    text = page(show_comparison, comparison())
    first, second = under(text, "Months to progression or death", "a", "b")
    assert "reference" in first[0]
    assert words_of(first[1]) == "progression-cox v3 10.0 (3.3 or more) 12.0"
    assert words_of(second[1]) == "progression-cox v3 beyond 24.0 (3.3 or more) 12.0 -2.0"


def test_reasons_warnings_applicability_and_versions_are_told() -> None:
    text = page(show_comparison, comparison())
    row(text, "outcome-xgboost v2", "(+ more likely)")
    row(text, "age", "64 years", "-0.40", "-0.40")
    row(text, "figures are log-odds of response, and add up")
    row(text, "label 3 is too small [LESION_LEFT_OUT]")
    row(text, "outcome-xgboost: unlike its patients [OUTSIDE_TRAINING_COHORT]")
    row(text, "NO, the prediction is an extrapolation", "outcome-xgboost 97 %")
    row(text, "yes;", "progression-cox 0 %")
    row(text, "outcome-xgboost v2 (abababababab), progression-cox v3 (cdcdcdcdcdcd)")
    row(text, "not by itself an effect of treatment", "observational evidence")
    assert DISCLAIMER in text


def test_likeness_is_told_by_part_where_the_model_tells_it() -> None:
    answer = comparison()
    for option in answer.options:
        told = option.predictions[0].applicability
        told.embedding_percentile, told.feature_percentile = 1.0, 0.4
    text = page(show_comparison, answer)
    assert "outcome-xgboost 97 % (image embedding 100 %, all else 40 %)" in words_of(text)
    assert "progression-cox 0 % (" not in text


@pytest.mark.parametrize("width", [80, 100, 120])
def test_no_word_or_figure_is_broken_where_the_page_is_wide_enough(width: int) -> None:
    answer = comparison()
    names = {"a": "chemotherapy", "b": "chemoimmunotherapy"}
    for option in answer.options:
        option.therapy = names[option.therapy]
        for prediction in option.predictions:
            prediction.therapy = option.therapy
    answer.reference_therapy = "chemotherapy"
    text = page(show_comparison, answer, width=width)
    assert "…" not in text
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width
    for whole in ("chemoimmunotherapy", "outcome-xgboost v2", "progression-cox v3", "(-5 to +31)", "(3.3 or more)"):
        assert whole in text


def test_a_narrow_page_has_letters_for_therapies_above_the_reasons() -> None:
    answer = comparison()
    for option, therapy in zip(answer.options, ("x" * 30, "y" * 30), strict=True):
        option.therapy = therapy
    text = page(show_comparison, answer, width=60)
    row(text, "This patient", " A", " B")
    assert "A = xxx" in text
    assert "B = yyy" in words_of(text)


def test_where_features_come_from_is_said_once_where_it_is_one_place() -> None:
    answer = prediction_pb2.PredictResponse(predictions=[outcome("a", 0.2)])
    columns = ("measure.ct.baseline.largest.volume_mm3", "radiomics.ct.baseline.largest.original_glcm_Contrast")
    for column in columns:
        answer.predictions[0].contributions.add(feature=column, value=2, contribution=0.1, scale="log-odds of response")
    text = page(show_predictions, answer)
    row(text, "  volume  ", "2 mm³")
    row(text, "what is measured in images is of the largest CT lesion")
    answer.predictions[0].contributions[1].feature = "measure.ct.baseline.all.volume_mm3"
    text = page(show_predictions, answer)
    row(text, "volume of all CT lesions")
    row(text, "contrast (GLCM texture) of the largest CT lesion")


def test_a_warning_of_all_models_is_said_once() -> None:
    answer = comparison()
    for option in answer.options:
        for prediction in option.predictions:
            prediction.warnings.add(reason="SIMULATED_TRAINING_COHORT", message="simulated")
    row(page(show_comparison, answer), "all models: simulated [SIMULATED_TRAINING_COHORT]")


def test_a_narrow_terminal_loses_no_number() -> None:
    text = page(show_comparison, comparison(), width=60)
    for figure in ("20 %", "(10 to", "30)", "40 %", "(20 to", "60)", "10.0", "(-5 to", "+31)", "-2.0", "-0.40"):
        assert figure in text


def test_predictions_are_grouped_by_therapy() -> None:
    answer = prediction_pb2.PredictResponse(predictions=[outcome("a", 0.2), outcome("b", 0.4), progression("a", 10)])
    text = page(show_predictions, answer)
    _, second = under(text, "Probability of response", "a", "b")
    assert "40 %" in second[1]
    assert "gainst a" not in text.replace("against the average", "")


@pytest.mark.parametrize(("probability", "words"), [(0.004, "<1 %"), (0.996, ">99 %"), (0.5, "50 %")])
def test_what_is_not_certain_never_looks_so(probability: float, words: str) -> None:
    answer = prediction_pb2.PredictResponse(predictions=[outcome("a", probability)])
    row(page(show_predictions, answer), "outcome-xgboost v2", words)


def test_markup_in_a_server_s_words_is_printed_as_it_is() -> None:
    answer = comparison()
    answer.warnings[0].message = "seen [bold]this[/nothing]"  # type: ignore[attr-defined]  # the stub's `Warning`
    answer.options[0].therapy = "[red]a"
    text = page(show_comparison, answer)
    assert "seen [bold]this[/nothing]" in text
    assert "[red]a" in text


def model() -> model_pb2.Model:
    return model_pb2.Model(
        reference=TREES,
        task=model_pb2.TASK_OUTCOME,
        family="xgboost",
        endpoint="response (RECIST 1.1)",
        therapies=["a", "b"],
        columns=[
            model_pb2.Column(name="clinical.age_years", unit="years", lower=18, upper=110, required=True),
            model_pb2.Column(name="clinical.sex", categories=["female", "male"]),
        ],
        metrics=[
            model_pb2.Metric(name="auc", of="clinical only", value=0.6, lower=0.5, upper=0.7, protocol="5-fold"),
            model_pb2.Metric(name="auc", of="model", value=0.7, lower=0.6, upper=0.8, protocol="5-fold"),
        ],
        training_patients=240,
        simulated=True,
        evidence="simulated",
    )


def test_a_model_says_what_it_learned_from_and_how_good_it_is() -> None:
    text = page(show_models, model_pb2.ListModelsResponse(models=[model()]))
    row(text, "outcome-xgboost v2", "by xgboost", "240 SIMULATED patients", "AUC 0.70  (0.60 to 0.80)")


def test_what_is_wrong_with_a_model_is_told() -> None:
    troubled = model()
    troubled.trouble = "version 3 was refused"
    refused = model_pb2.Model(reference=model_pb2.ModelReference(name="new", version="1"), trouble="it is broken")
    text = page(show_models, model_pb2.ListModelsResponse(models=[model(), troubled, refused]))
    row(text, "outcome-xgboost: version 3 was refused")
    row(text, "new: it is broken")
    assert "new v1" not in text
    told = model()
    told.challenger.reference.version, told.challenger.reference.digest = "9", "d" * 64
    told.challenger.canary_share, told.challenger.shadow_share = 0.05, 0.2
    text = page(show_models, model_pb2.ListModelsResponse(models=[told]))
    name = told.reference.name
    assert f"{name}: challenger version 9 answers 5 % of patients and is asked in shadow of 20 %" in " ".join(
        text.split()
    )
    told.challenger.CopyFrom(model_pb2.Challenger(trouble="version 10 does not serve"))
    assert "version 10 does not serve" in page(show_models, model_pb2.ListModelsResponse(models=[told]))
    assert "No model serves." in page(show_models, model_pb2.ListModelsResponse(models=[refused]))


def test_therapies_of_all_models_are_said_once() -> None:
    other = model()
    other.reference.name = "other"
    row(page(show_models, model_pb2.ListModelsResponse(models=[model(), other])), "Therapies: a, b")
    other.therapies.append("c")
    row(page(show_models, model_pb2.ListModelsResponse(models=[model(), other])), "Therapies of other: a, b, c")


def test_a_model_has_its_inputs_and_its_card() -> None:
    text = page(show_model, model_pb2.GetModelResponse(model=model(), card="# Use\nFor tests."))
    row(text, "clinical.age_years", "years", "18 to 110", "yes")
    row(text, "clinical.sex", "female, male")
    assert "For tests." in text


def test_no_model_is_said() -> None:
    assert "No model serves." in page(show_models, model_pb2.ListModelsResponse())


def test_promises_of_held_out_patients_are_told_in_words() -> None:
    assert "Promised" not in page(show_comparison, comparison())
    answer = comparison()
    for option, sets in zip(answer.options, ((True, True), (False, True)), strict=True):
        told = prediction_pb2.OutcomeSet(response=sets[0], no_response=sets[1], level=0.9, patients=80)
        option.predictions[0].outcome.outcome_set.CopyFrom(told)
        bound = prediction_pb2.LowerBound(days=91.3125 if sets[0] else 0.0, level=0.9, patients=80)
        option.predictions[1].progression.lower_bound.CopyFrom(bound)
    text = page(show_comparison, answer, width=80)
    title = "Promised by held-out patients (in 90 of 100)"
    lines = [words_of(line) for line in text[text.index(title) :].splitlines()]
    assert lines[lines.index("a") + 1 : lines.index("a") + 3] == [
        "outcome-xgboost v2 response or none: the model cannot tell",
        "progression-cox v3 3.0 months or more",
    ]
    assert lines[lines.index("b") + 1 : lines.index("b") + 3] == [
        "outcome-xgboost v2 no response",
        "progression-cox v3 nothing: too few progressed",
    ]
