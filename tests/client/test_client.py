"""The client asks a real server, and gives the contract's answers or one error with its parts."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from builders.cases import image_file, mask_file
from builders.registry import THERAPIES
from builders.serving import serving
from builders.wires import wire

from radresponse.client import Case, Client, Patience, RadResponseError, case, scan
from radresponse.v1 import case_pb2, model_pb2, prediction_pb2
from service.settings import Settings

PATIENT = Patience(attempts=60)


def patient(image: bytes | Path | str | None = None, mask: bytes | Path | str | None = None) -> Case:
    """One patient whom the models of the tests can take."""
    files = (image_file() if image is None else image, mask_file() if mask is None else mask)
    return case("p-1", [scan("ct", *files)], age_years=61, sex="female")


def test_therapies_are_compared(address: str) -> None:
    with Client(address) as client:
        answer = client.compare(patient(), THERAPIES, reference=THERAPIES[1], models=["outcome-xgboost"])
    assert isinstance(answer, prediction_pb2.CompareTherapiesResponse)
    assert [option.therapy for option in answer.options] == list(THERAPIES)
    assert answer.reference_therapy == THERAPIES[1]
    first, second = (option.predictions[0].outcome.probability for option in answer.options)
    assert answer.options[0].differences[0].probability == pytest.approx(first - second)


def test_predictions_come_by_model_and_therapy(address: str) -> None:
    models = ["outcome-xgboost", "progression-cox"]
    with Client(address) as client:
        answer = client.predict(patient(), models=models, therapies=THERAPIES)
    assert [(one.model.name, one.therapy) for one in answer.predictions] == [
        (model, therapy) for model in models for therapy in THERAPIES
    ]


def test_files_on_disk_answer_as_their_bytes_do(address: str, tmp_path: Path) -> None:
    image, mask = tmp_path / "ct.nrrd", tmp_path / "mask.nrrd"
    image.write_bytes(image_file())
    mask.write_bytes(mask_file())
    with Client(address) as client:
        answers = [
            client.compare(asked, THERAPIES)
            for asked in (patient(), patient(image, str(mask)), patient(client.upload("p-1", image), mask))
        ]
        client.delete_subject("p-1")
    assert answers[0] == answers[1] == answers[2]


def sources(message: case_pb2.Case) -> list[str | None]:
    return [
        source.WhichOneof("source") for one in message.scans for source in (one.image, one.segmentation)
    ]  # fmt: skip


def test_a_scan_with_a_large_file_is_uploaded_before_it_is_asked_about(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Client(address) as client:
        assert sources(client.message(patient())) == ["inline", "inline"]
        monkeypatch.setattr("radresponse.client.INLINE_BYTES", len(mask_file()) + 1)
        message = client.message(patient())
        assert sources(message) == ["digest", "digest"]
        assert client.compare(message, THERAPIES).options
        assert client.delete_subject("p-1").deleted_images == 2


def test_the_mask_of_an_uploaded_image_is_uploaded_too(address: str) -> None:
    with Client(address) as client:
        assert sources(client.message(patient(client.upload("p-1", image_file())))) == ["digest", "digest"]
        client.delete_subject("p-1")


def test_a_request_that_is_too_large_is_said_in_plain_words(address: str) -> None:
    large = case_pb2.ImageSource(inline=bytes(5 * 1024**2))
    asked = case_pb2.Case(subject="p-1", scans=[case_pb2.Scan(image=large)])
    with Client(address) as client, pytest.raises(RadResponseError) as caught:
        client.predict(asked)
    assert caught.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert str(caught.value) == (
        "the request has 5.0 MiB, more than the 4.0 MiB that the service takes; wanted large images uploaded first "
        "and named by digest, not inside the case [RESOURCE_EXHAUSTED]"
    )


def test_another_kind_of_server_is_said_to_be_one() -> None:
    with ThreadPoolExecutor(1) as threads:
        other = grpc.server(threads)
        port = other.add_insecure_port("127.0.0.1:0")
        other.start()
        with (
            Client(f"127.0.0.1:{port}") as client,
            pytest.raises(RadResponseError, match="RadResponse service") as caught,
        ):
            client.models()
        other.stop(0).wait()
    assert caught.value.code is grpc.StatusCode.UNIMPLEMENTED


def test_features_are_given_by_name(address: str) -> None:
    column = "radiomics.ct.baseline.largest.original_shape_Sphericity"
    with Client(address) as client:
        answer = client.extract(patient(), [column])
    assert 0.5 < answer.features[column] < 1


def test_a_profile_goes_with_the_request(address: str) -> None:
    column = "radiomics.ct.baseline.largest.original_firstorder_Entropy"
    profile = "setting: {binWidth: %d}\nimageType: {Original: {}}\nfeatureClass: {firstorder: }\n"
    with Client(address) as client:
        fine, coarse = (client.extract(patient(), [column], profile % width).features[column] for width in (5, 100))
    assert fine > coarse


def test_models_are_listed_and_shown(address: str) -> None:
    with Client(address) as client:
        names = [model.reference.name for model in client.models()]
        shown = client.model("progression-cox")
    assert names == sorted(names)
    assert shown.model.task == model_pb2.TASK_PROGRESSION
    assert "Made for a test." in shown.card


def test_a_refusal_says_what_where_and_why(address: str) -> None:
    with Client(address) as client, pytest.raises(RadResponseError) as caught:
        client.compare(patient(), [THERAPIES[0], "prayer"], models=["outcome-xgboost"])
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.reason == "UNKNOWN_THERAPY"
    assert caught.value.field == "therapies[1]"
    assert "chemotherapy" in caught.value.message


def test_an_empty_mask_is_refused_by_its_field(address: str) -> None:
    with Client(address) as client, pytest.raises(RadResponseError) as caught:
        client.predict(patient(mask=mask_file(label=0)))
    assert (caught.value.reason, caught.value.field) == ("EMPTY_SEGMENTATION", "case.scans[0].segmentation")


def test_an_unknown_model_is_not_found(address: str) -> None:
    with Client(address) as client, pytest.raises(RadResponseError) as caught:
        client.model("oracle")
    assert (caught.value.code, caught.value.reason) == (grpc.StatusCode.NOT_FOUND, "MODEL_NOT_FOUND")


def test_a_call_has_a_deadline(address: str) -> None:
    with Client(address, timeout=0.001) as client, pytest.raises(RadResponseError) as caught:
        client.predict(patient(image_file(seed=99)))
    assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED


def test_a_broken_connection_is_made_again(address: str) -> None:
    patience = Patience(first_wait_seconds=0.02)
    with wire(address) as line, Client(line.address, patience=patience) as client:
        line.cut_after(500, 500)
        assert client.compare(patient(), THERAPIES).options


def test_callers_of_a_full_queue_all_get_their_answer(registry_folder: Path, tmp_path: Path) -> None:
    settings = Settings(
        port=0,
        data_folder=tmp_path,
        registry_uri=f"sqlite:///{registry_folder / 'mlflow.db'}",
        workers=1,
        queue_size=0,
    )
    answers = []
    with serving(settings) as full, Client(f"127.0.0.1:{full.server.port}", patience=PATIENT) as client:
        threads = [
            threading.Thread(target=lambda seed=seed: answers.append(client.predict(patient(image_file(seed=seed)))))
            for seed in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(answers) == 6
        refused = {"method": "radresponse.v1.PredictionService/Predict", "code": "RESOURCE_EXHAUSTED"}
        assert full.server.metrics.registry.get_sample_value("radresponse_calls_total", refused)


def test_a_token_is_never_sent_in_the_clear_to_another_machine() -> None:
    with pytest.raises(ValueError, match="in the clear"):
        Client("radresponse.example:50051", token="secret", tls=False)


def test_a_certificate_needs_its_key(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="go together"):
        Client("127.0.0.1:50051", certificate_file=tmp_path / "client.pem")
