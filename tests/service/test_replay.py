"""A past prediction is made again to the same bytes, from its answer or its row in the audit, or it is said why not."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from builders.cases import case, image_file, mask_file, scan
from builders.registry import THERAPIES, write
from builders.releases import copied, put
from builders.serving import Service, serving

from models.registry import Registry
from radresponse.json_form import as_json
from radresponse.v1 import prediction_pb2
from service.__main__ import main
from service.settings import Settings

SUBJECT = "subject-1"
MODELS = ("outcome-xgboost", "progression-cox")


@dataclass(frozen=True)
class Past:
    """What was asked of a server that has ended since."""

    folder: Path
    registry: Registry
    predicted: prediction_pb2.PredictResponse
    compared: prediction_pb2.CompareTherapiesResponse
    call_id: str

    def replay(self, *words: str, age: float = 61.0, image: str = "ct.nrrd", subject: str = SUBJECT) -> int:
        where = [f"--data-folder={self.folder / 'data'}", f"--registry-uri={self.registry.uri}"]
        one = ["--subject", subject, "--ct", str(self.folder / image), str(self.folder / "mask.nrrd")]
        covariates = ["--covariate", f"age_years={age}", "--covariate", "sex=female"]
        return main(["replay", *where, *one, *covariates, *words])


@pytest.fixture(scope="module")
def past(registry_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Past:
    folder = tmp_path_factory.mktemp("past")
    registry = copied(registry_folder, folder)
    (folder / "ct.nrrd").write_bytes(image_file())
    (folder / "other.nrrd").write_bytes(image_file(seed=8))
    (folder / "mask.nrrd").write_bytes(mask_file())
    asked = case(scan(image_file(), mask_file()), subject=SUBJECT)
    settings = Settings(port=0, data_folder=folder / "data", registry_uri=registry.uri, drain_seconds=1)
    with serving(settings) as service:
        predicted, call = _predict(service, asked)
        compared = service.compare(
            prediction_pb2.CompareTherapiesRequest(
                case=asked, therapies=THERAPIES[::-1], reference_therapy=THERAPIES[0], models=MODELS
            )
        )
    (folder / "predicted.json").write_text(as_json(predicted))
    (folder / "compared.json").write_text(as_json(compared))
    return Past(folder, registry, predicted, compared, call)


def _predict(service: Service, asked: object) -> tuple[prediction_pb2.PredictResponse, str]:
    request = prediction_pb2.PredictRequest(case=asked, models=MODELS)  # type: ignore[arg-type]
    answer, call = service.predict.with_call(request)
    return answer, str(dict(call.trailing_metadata())["x-request-id"])


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Iterator[pytest.CaptureFixture[str]]:
    yield capsys


Said = pytest.CaptureFixture[str]


def test_a_kept_answer_is_made_again_byte_for_byte(past: Past, said: Said) -> None:
    for file in ("predicted.json", "compared.json"):
        assert past.replay("--answer", str(past.folder / file)) == 0
        out = said.readouterr().out
        assert "each the same byte for byte" in out
        assert "the answer is the one that was given then" in out
        assert "differs" not in out
    assert "6 predictions and differences" in out


def test_a_row_of_the_audit_suffices(past: Past, said: Said) -> None:
    assert past.replay("--audit", past.call_id) == 0
    assert past.replay("--audit", past.predicted.provenance.prediction_id) == 0
    in_order = [word for therapy in THERAPIES[::-1] for word in ("--therapy", therapy)]
    number = past.compared.provenance.prediction_id
    assert past.replay("--audit", number, *in_order, "--reference", THERAPIES[0]) == 0
    assert past.replay("--audit", number, "--therapy", "oracle") == 2
    said.readouterr()
    assert past.replay("--audit", "0" * 32) == 2
    assert "no call and no prediction of that number" in said.readouterr().err


@pytest.mark.parametrize(
    ("changed", "told"),
    [({"age": 62.0}, "what the models are given"), ({"image": "other.nrrd"}, "the files of the case differ")],
)
def test_another_case_gives_other_numbers_and_it_is_said_what_differs(
    past: Past, said: Said, changed: dict[str, object], told: str
) -> None:
    for which in (("--answer", str(past.folder / "predicted.json")), ("--audit", past.call_id)):
        assert past.replay(*which, **changed) == 3  # type: ignore[arg-type]
        out = said.readouterr().out
        assert told in out
        assert "predictions differ" in out
        if which[0] == "--answer":
            assert " then, " in out and "predictions[" in out


def test_an_answer_that_was_changed_is_seen(past: Past, said: Said, tmp_path: Path) -> None:
    told = json.loads((past.folder / "predicted.json").read_text())
    told["predictions"][0]["outcome"]["probability"] = 0.99
    (tmp_path / "changed.json").write_text(json.dumps(told))
    assert past.replay("--answer", str(tmp_path / "changed.json")) == 3
    out = said.readouterr().out
    assert "not the one that was given then" in out
    assert "predictions[0].outcome.probability: 0.99 then, 0." in out
    assert past.replay("--answer", str(past.folder / "predicted.json"), subject="someone-else") == 0
    assert "or of another patient" in said.readouterr().out


def test_other_software_is_told_beside_the_same_numbers(past: Past, said: Said, tmp_path: Path) -> None:
    answer = prediction_pb2.PredictResponse.FromString(past.predicted.SerializeToString())
    answer.provenance.software_version = "0.0.1"
    (tmp_path / "older.json").write_text(as_json(answer))
    assert past.replay("--answer", str(tmp_path / "older.json")) == 0
    assert "the version of this software differs: 0.0.1 then" in said.readouterr().out


def test_without_the_service_s_copies_versions_come_from_the_registry_and_must_be_the_same(
    past: Past, said: Said, tmp_path: Path
) -> None:
    bare = Past(tmp_path, past.registry, past.predicted, past.compared, "")
    for name in ("ct.nrrd", "mask.nrrd"):
        shutil.copy(past.folder / name, tmp_path)
    answer = tmp_path / "answer.json"
    answer.write_text(as_json(past.predicted))
    assert bare.replay("--answer", str(answer)) == 0
    told = json.loads(answer.read_text())
    told["provenance"]["models"][0]["digest"] = "f" * 64
    answer.write_text(json.dumps(told))
    assert bare.replay("--answer", str(answer)) == 2
    assert "outcome-xgboost 1 is neither kept here nor in the registry with the files" in said.readouterr().err


def test_a_newer_version_does_not_answer_for_an_older_one(past: Past, said: Said, tmp_path: Path) -> None:
    put(past.registry, write(tmp_path / "v2", "outcome-xgboost", seed=5), "outcome-xgboost")
    assert past.replay("--answer", str(past.folder / "predicted.json")) == 0
    assert "asked outcome-xgboost 1 " in said.readouterr().out


def test_what_is_no_answer_is_refused(past: Past, said: Said, tmp_path: Path) -> None:
    (tmp_path / "none.json").write_text('{"features": {}}')
    for file in (tmp_path / "none.json", tmp_path / "missing.json"):
        assert past.replay("--answer", str(file)) == 2
    assert past.replay("--audit", past.call_id, image="missing.nrrd") == 2
    assert len(said.readouterr().err.splitlines()) == 3
