"""FHIR: an answer as resources of R4B and R5 that an independent reader takes, with the answer's own numbers."""

import copy
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import grpc
import pytest
from builders.answers import CONTRAST, compared, outcome, predicted, progression, risks_compared, withheld
from builders.cases import case, image_file, mask_file, scan
from builders.registry import THERAPIES
from builders.serving import Service, refused
from fhir.resources import get_fhir_model_class as r5_class
from fhir.resources.R4B import get_fhir_model_class as r4b_class

from features.profile import DEFAULT_PROFILE, Profile
from features.radiomics.ibsi_code import ibsi_code
from radresponse.cli import main
from radresponse.v1 import prediction_pb2, result_pb2
from service.results.answered import Answered, Response
from service.results.concepts import column_concept, feature_unit
from service.results.fhir.bundle import bundle_of, fhir_json
from service.results.fhir.checks import UNITS, InvalidDocument, require_valid
from service.results.fhir.elements import Element, Release

RELEASES: tuple[Release, ...] = ("R4B", "R5")
IBSI_PROFILE = Profile.parse(Path("features/profiles/ibsi.yaml").read_text(encoding="utf-8"))
SUBJECT = "subject-1"
Document = dict[str, Any]


def made(response: Response, release: Release = "R5", profiles: Mapping[str, Profile] | None = None) -> Document:
    return document(fhir_json(bundle_of(Answered.of(SUBJECT, response, profiles), release)))


def document(text: bytes | str) -> Document:
    found: Document = json.loads(text)
    return found


def resources(bundle: Document, kind: str) -> list[Document]:
    return [entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == kind]


def read(bundle: Document, release: Release) -> Document:
    """By fhir.resources, and back; raises where it is no FHIR."""
    reader = r4b_class if release == "R4B" else r5_class
    return document(reader("Bundle").model_validate(bundle).model_dump_json())


ANSWERS: Mapping[str, Response] = {
    "predicted": predicted(outcome("chemotherapy"), progression("chemotherapy"), progression("")),
    "no interval": predicted(outcome("chemotherapy", interval=False)),
    "beyond": predicted(progression("chemotherapy", median=None)),
    "risk": risks_compared(),
    "withheld": predicted(withheld("chemotherapy")),
    "compared": compared(),
    "nothing": predicted(),
}


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("name", ANSWERS)
def test_an_independent_reader_takes_every_kind_of_answer(name: str, release: Release) -> None:
    bundle = made(ANSWERS[name], release)
    assert as_numbers(read(bundle, release)) == as_numbers(bundle)


def as_numbers(value: object) -> object:
    """The reader writes 62.0 as "62.0": a decimal of any form is a number."""
    if isinstance(value, dict):
        return {key: as_numbers(part) for key, part in value.items()}
    if isinstance(value, list):
        return [as_numbers(part) for part in value]
    try:
        return float(str(value))
    except ValueError:
        return value


@pytest.mark.parametrize("release", RELEASES)
def test_a_probability_is_a_percent_with_its_interval_beside_it(release: Release) -> None:
    bundle = made(predicted(outcome("chemotherapy", 0.6207)), release)
    (assessment,) = resources(bundle, "RiskAssessment")
    (told,) = assessment["prediction"]
    assert told["probabilityDecimal"] == pytest.approx(62.07, abs=1e-9)
    assert told["rationale"] == "90% interval: 41 % to 79 %"
    figure = next(one for one in resources(bundle, "Observation") if one["code"]["coding"][0]["code"] == "PROB")
    assert figure["valueQuantity"] == {"value": 62.07, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}
    parts = {part["code"]["coding"][0]["code"]: part for part in figure["component"]}
    assert (parts["LOWER"]["valueQuantity"]["value"], parts["UPPER"]["valueQuantity"]["value"]) == (41.0, 79.0)
    assert parts["THERAPY"]["valueCodeableConcept"] == {"text": "chemotherapy"}
    assert {"reference": f"urn:uuid:{figure['id']}"} in assessment["basis"]


def test_a_curve_is_told_for_each_half_year_and_its_end() -> None:
    (assessment,) = resources(made(predicted(progression("chemotherapy"))), "RiskAssessment")
    told = {part["whenRange"]["high"]["value"]: part["probabilityDecimal"] for part in assessment["prediction"]}
    assert list(told) == [180, 360, 540, 730]
    assert told == pytest.approx({day: 100 * day / 1500 for day in told}, abs=1e-6)


def test_a_median_beyond_the_horizon_is_above_it() -> None:
    figures = resources(made(predicted(progression("chemotherapy", median=None))), "Observation")
    median = next(one for one in figures if one["code"]["coding"][0]["code"] == "MEDIAN")
    assert median["valueQuantity"] == {
        "value": 730, "comparator": ">", "unit": "days", "system": "http://unitsofmeasure.org", "code": "d",
    }  # fmt: skip


def test_a_comparison_tells_differences_in_percentage_points_and_days() -> None:
    bundle = made(compared())
    figures = {one["code"]["coding"][0]["code"]: one for one in resources(bundle, "Observation")}
    assert figures["PROB-DIFF"]["valueQuantity"]["value"] == pytest.approx(-3.1)
    assert (figures["RMST-DIFF"]["valueQuantity"]["value"], figures["MEDIAN-DIFF"]["valueQuantity"]["value"]) == (
        30.5,
        25,
    )
    evidence = [part for part in figures["PROB-DIFF"]["component"] if part["code"]["coding"][0]["code"] == "EVIDENCE"]
    assert evidence[0]["valueCodeableConcept"]["text"] == "simulated"
    assert "not by itself an effect of treatment" in figures["PROB-DIFF"]["note"][0]["text"]
    assert len(resources(bundle, "RiskAssessment")) == 4


def test_a_risk_without_a_time_is_a_log_hazard_ratio_and_no_probability() -> None:
    bundle = made(risks_compared())
    first, second = resources(bundle, "RiskAssessment")
    for assessment, ratio in ((first, "+0.35"), (second, "+0.05")):
        (told,) = assessment["prediction"]
        assert told["outcome"] == {"text": "progression or death"}
        assert told["rationale"].startswith(f"log hazard ratio {ratio} to the model's own zero")
        assert "probabilityDecimal" not in told
    figures = resources(bundle, "Observation")
    values = [(one["code"]["coding"][0]["code"], one["valueQuantity"]["value"]) for one in figures]
    told_figures = [value for value in values if value[0].startswith("LOG-HR")]
    assert told_figures == [("LOG-HR", 0.35), ("LOG-HR", 0.05), ("LOG-HR-DIFF", -0.3)]
    assert all(one["valueQuantity"]["code"] == "1" for one in figures if one["code"]["coding"][0]["code"] == "LOG-HR")


def test_what_is_withheld_has_no_figure_and_says_why() -> None:
    bundle = made(predicted(withheld("chemotherapy")))
    (assessment,) = resources(bundle, "RiskAssessment")
    assert assessment["prediction"] == [
        {"outcome": {"text": "not predicted"}, "rationale": "The patient is unlike them. No prediction is given."}
    ]
    assert resources(bundle, "Observation") == []


@pytest.mark.parametrize("release", RELEASES)
def test_all_is_preliminary_names_its_model_and_calls_itself_no_device_and_no_decision(release: Release) -> None:
    bundle = made(compared(), release)
    for entry in bundle["entry"]:
        assert entry["resource"]["status"] == "preliminary"
        assert entry["resource"]["subject"]["type"] == "Patient"
        assert entry["resource"]["subject"]["identifier"]["value"] == SUBJECT
    for one in resources(bundle, "RiskAssessment"):
        (coding,) = one["method"]["coding"]
        assert (coding["code"], coding["version"]) in {("outcome-xgboost", "3"), ("progression-cox", "1")}
        assert one["method"]["text"].endswith(("a" * 64, "b" * 64))
    (report,) = resources(bundle, "DiagnosticReport")
    assert "not verified by any person" in report["conclusion"]
    disclaimers = [report.pop("conclusion"), report["text"].pop("div")]
    assert all("it comes from no medical device" in text for text in disclaimers)
    everything = json.dumps(bundle).lower()
    assert "device" not in everything
    assert "decision" not in everything


@pytest.mark.parametrize("release", RELEASES)
def test_the_same_answer_is_the_same_document(release: Release) -> None:
    first, again = (fhir_json(bundle_of(Answered.of(SUBJECT, compared()), release)) for _ in range(2))
    assert first == again
    other = fhir_json(bundle_of(Answered.of("subject-2", compared()), release))
    ids = [{one["fullUrl"] for one in json.loads(text)["entry"]} for text in (first, other)]
    assert not ids[0] & ids[1]


def test_text_of_models_cannot_become_markup() -> None:
    (report,) = resources(made(predicted(outcome("<script>alert(1)</script>"))), "DiagnosticReport")
    assert "<script>" not in report["text"]["div"]
    assert "&lt;no&gt; pt scan &amp; none asked" in report["text"]["div"]


def test_studies_are_named_where_images_came_as_dicom() -> None:
    elements: dict[Release, str] = {"R4B": "imagingStudy", "R5": "study"}
    for release, element in elements.items():
        bundle = document(fhir_json(bundle_of(Answered.of(SUBJECT, compared()), release, ["1.2.3.4"])))
        read(bundle, release)
        (report,) = resources(bundle, "DiagnosticReport")
        assert report[element][0]["identifier"] == {"system": "urn:dicom:uid", "value": "urn:oid:1.2.3.4"}


def test_a_value_carries_ibsis_code_only_where_it_is_ibsis_value() -> None:
    pyradiomics, standard = DEFAULT_PROFILE.for_modality("ct"), IBSI_PROFILE.for_modality("ct")
    counted = Profile.parse("setting: {binCount: 32}\nfeatureClass: {glcm: [], firstorder: []}").for_modality("ct")
    contrast, kurtosis, volume = (
        f"original_{name}" for name in ("glcm_Contrast", "firstorder_Kurtosis", "shape_MeshVolume")
    )
    assert [ibsi_code(contrast, given) for given in (pyradiomics, standard, counted, None)] == ["", "ACUI", "ACUI", ""]
    assert [ibsi_code(kurtosis, given) for given in (pyradiomics, standard, counted, None)] == ["", "IPH6", "", ""]
    assert [ibsi_code(volume, given) for given in (pyradiomics, None)] == ["RNU0", ""]
    assert ibsi_code("wavelet-LLH_glcm_Contrast", standard) == ""
    assert column_concept(CONTRAST, standard).code == "ACUI"
    for changed in (CONTRAST.replace("baseline", "delta"), CONTRAST.replace("largest", "mean")):
        assert column_concept(changed, standard).scheme.designator == "99RADRESPONSE"


def test_the_profile_of_the_model_decides_on_the_code() -> None:
    for profile, code in ((DEFAULT_PROFILE, None), (IBSI_PROFILE, "ACUI")):
        bundle = made(predicted(outcome("a")), profiles={"outcome-xgboost": profile})
        codes = [one["code"]["coding"][0] for one in resources(bundle, "Observation")]
        (contrast,) = [one for one in codes if "contrast" in one["display"]]
        assert (contrast["code"] == code) == (code is not None)


@pytest.mark.parametrize("scan_name", ["ct", "pt", "mr_t1"])
def test_every_feature_has_a_unit_that_the_checks_know(scan_name: str) -> None:
    from features.radiomics.catalogue import feature_names  # noqa: PLC0415

    for name in feature_names(DEFAULT_PROFILE.for_modality(scan_name)):
        assert feature_unit(name, scan_name).code in UNITS


def broken() -> Iterator[tuple[str, Document]]:
    """Documents with one fault each."""
    good = made(compared())

    def changed(kind: str) -> tuple[Document, Document]:
        bundle = copy.deepcopy(good)
        return bundle, resources(bundle, kind)[0]

    bundle, one = changed("RiskAssessment")
    one["prediction"][0]["probabilityDecimal"] = 100.5
    yield "ras-2", bundle
    bundle, one = changed("RiskAssessment")
    one["status"] = "done"
    yield "not in its code set", bundle
    bundle, one = changed("RiskAssessment")
    one["reasonCode"] = [{"text": "x"}]
    yield "no element of it in R5", bundle
    bundle, one = changed("RiskAssessment")
    del one["subject"]
    yield "subject: required", bundle
    bundle, one = changed("RiskAssessment")
    one["note"] = []
    yield "an empty list", bundle
    bundle, one = changed("RiskAssessment")
    one["basis"][0]["reference"] = "urn:uuid:00000000-0000-0000-0000-000000000000"
    yield "lead nowhere", bundle
    bundle, one = changed("Observation")
    one["component"].append({"code": one["code"], "valueQuantity": one["valueQuantity"]})
    yield "obs-7", bundle
    bundle, one = changed("Observation")
    one["valueQuantity"]["code"] = "furlong"
    yield "not in its code set", bundle
    bundle, one = changed("Observation")
    del one["valueQuantity"]["system"]
    yield "qty-3", bundle
    bundle, one = changed("Observation")
    one["valueQuantity"]["value"] = float("nan")
    yield "no decimal", bundle
    bundle, one = changed("Observation")
    one["subject"] = {"type": "Patient"}
    yield "ref-2", bundle
    bundle, one = changed("Observation")
    one["subject"] = {"type": "Device", "identifier": {"value": "x"}}
    yield "not in its code set", bundle
    bundle, one = changed("Observation")
    one["method"] = [one["method"]]
    yield "wanted one", bundle
    bundle, one = changed("Observation")
    one["code"]["text"] = "  "
    yield "no string", bundle
    bundle, one = changed("DiagnosticReport")
    one["text"]["div"] = "<p>x</p>"
    yield "no xhtml", bundle
    bundle, one = changed("DiagnosticReport")
    one["resourceType"] = "Device"
    yield "no resource that we write", bundle
    bundle, one = changed("DiagnosticReport")
    bundle["entry"].append(bundle["entry"][0])
    yield "bdl-7", bundle
    bundle, one = changed("DiagnosticReport")
    one["imagingStudy"] = [{"reference": "x"}]
    yield "no element of it in R5", bundle


@pytest.mark.parametrize(("rule", "bundle"), list(broken()), ids=lambda part: part if isinstance(part, str) else "")
def test_our_own_checks_refuse_each_fault_by_its_rule(rule: str, bundle: Element) -> None:
    with pytest.raises(InvalidDocument, match=rule):
        require_valid(bundle, "R5")


def test_a_refusal_tells_no_value() -> None:
    bundle = made(predicted(outcome("chemotherapy")))
    resources(bundle, "Observation")[0]["subject"]["identifier"]["value"] = ["secret-name"]
    with pytest.raises(InvalidDocument) as refusal:
        require_valid(bundle, "R5")
    assert "secret-name" not in str(refusal.value)


FHIR = [result_pb2.RESULT_FORMAT_FHIR_R5, result_pb2.RESULT_FORMAT_FHIR_R4B]


def test_a_request_gets_its_answer_in_the_forms_and_order_asked(service: Service) -> None:
    one = case(scan(image_file(), mask_file()))
    request = prediction_pb2.PredictRequest(case=one, result_formats=FHIR)
    answer = service.predict(request)
    assert [told.format for told in answer.documents] == FHIR
    assert [told.media_type[-3:] for told in answer.documents] == ["5.0", "4.3"]
    assert service.predict(request).documents == answer.documents
    for told, release in zip(answer.documents, reversed(RELEASES), strict=True):
        bundle = document(told.content)
        read(bundle, release)
        assessments = resources(bundle, "RiskAssessment")
        outcomes = [
            prediction.outcome.probability for prediction in answer.predictions if prediction.HasField("outcome")
        ]
        figures = [part["prediction"][0]["probabilityDecimal"] for part in assessments[: len(outcomes)]]
        assert figures == pytest.approx([100 * probability for probability in outcomes], rel=1e-8)
        assert bundle["entry"][1]["resource"]["subject"]["identifier"]["value"] == one.subject
    comparison = service.compare(
        prediction_pb2.CompareTherapiesRequest(case=one, therapies=THERAPIES, result_formats=FHIR[:1])
    )
    assert len(resources(document(comparison.documents[0].content), "RiskAssessment")) == 5 - 1
    assert not service.predict(prediction_pb2.PredictRequest(case=one)).documents


def test_an_unknown_format_is_refused_by_its_place(service: Service) -> None:
    one = case(scan(image_file(), mask_file()))
    for formats, place in (([1, 0], 1), ([1, 1], 1), ([99], 0)):
        request = prediction_pb2.PredictRequest(case=one)
        request.result_formats.extend(formats)  # type: ignore[arg-type]
        error = refused(service.predict, request, one.subject)
        assert error.code is grpc.StatusCode.INVALID_ARGUMENT
        assert error.fields == (f"result_formats[{place}]",)


def test_the_command_writes_results_as_files(
    service: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image, mask = tmp_path / "ct.nrrd", tmp_path / "mask.nrrd"
    image.write_bytes(image_file())
    mask.write_bytes(mask_file())
    words = ["--server", f"127.0.0.1:{service.server.port}", "--subject", "p-1", "--ct", str(image), str(mask)]
    words += ["--covariate", "age_years=61", "--json"]
    files = [tmp_path / "r4b.json", tmp_path / "r5.json"]
    asked = ["--result", f"fhir-r4b={files[0]}", "--result", f"fhir-r5={files[1]}"]
    assert main(["predict", *words, *asked]) == 0
    assert json.loads(capsys.readouterr().out)["documents"] == []
    for file, release in zip(files, RELEASES, strict=True):
        read(document(file.read_text(encoding="utf-8")), release)
    for wrong, complaint in (("fhir", "not of the form"), ("hl7=x", "not known"), (asked[1], "twice")):
        assert main(["compare", *words, *asked[:2], "--result", wrong]) == 2
        assert complaint in capsys.readouterr().err
