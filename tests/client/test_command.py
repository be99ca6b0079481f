"""The `radresponse` command: a table or JSON on standard output, one line of trouble, and an exit code."""

import json
from pathlib import Path

import pytest
from builders.cases import image_file, mask_file
from builders.registry import THERAPIES
from google.protobuf import json_format

from radresponse.cli import main
from radresponse.v1 import image_pb2, model_pb2, prediction_pb2


@pytest.fixture
def words(address: str, tmp_path: Path) -> list[str]:
    """A whole case in words."""
    image, mask = tmp_path / "ct.nrrd", tmp_path / "mask.nrrd"
    image.write_bytes(image_file())
    mask.write_bytes(mask_file())
    return [
        *("--server", address, "--subject", "p-1", "--ct", str(image), str(mask)),
        *("--covariate", "age_years=61", "--covariate", "sex=female"),
    ]


def therapies() -> list[str]:
    return [word for therapy in THERAPIES for word in ("--therapy", therapy)]


def test_a_comparison_is_a_table(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", *words, *therapies(), "--model", "outcome-xgboost"]) == 0
    printed = capsys.readouterr()
    assert "Probability of response (RECIST 1.1)" in printed.out
    assert f"Against {THERAPIES[0]}" in printed.out
    assert "Not a medical device." in printed.out
    assert printed.err == ""


def test_the_same_comparison_is_json(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    models = ["--model", "outcome-xgboost", "--model", "progression-cox"]
    assert main(["compare", *words, *therapies(), "--reference", THERAPIES[1], *models, "--json"]) == 0
    text = capsys.readouterr().out
    answer = json_format.Parse(text, prediction_pb2.CompareTherapiesResponse())
    assert answer.reference_therapy == THERAPIES[1]
    outcome, progression = json.loads(text)["options"][0]["predictions"]
    assert 0 < outcome["outcome"]["probability"] < 1
    assert progression["progression"]["survival"][0]["time_days"] == 0  # which protobuf alone would leave out


def test_predictions_of_one_model_as_json(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", *words, "--model", "progression-cox", "--json"]) == 0
    answer = json_format.Parse(capsys.readouterr().out, prediction_pb2.PredictResponse())
    assert {one.model.name for one in answer.predictions} == {"progression-cox"}


def test_features_one_a_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    column = "measure.ct.baseline.all.count"
    assert main(["extract", *words, "--column", column]) == 0
    assert capsys.readouterr().out == f"{column}\t1.0\n"


def test_models_and_one_model(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    server = ["--server", address]
    assert main(["models", *server]) == 0
    assert "outcome-xgboost v1" in capsys.readouterr().out
    assert main(["models", *server, "--json"]) == 0
    assert json_format.Parse(capsys.readouterr().out, model_pb2.ListModelsResponse()).models
    assert main(["model", "progression-cox", *server]) == 0
    assert "Made for a test." in capsys.readouterr().out


def test_a_subject_is_deleted(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["delete-subject", "p-9", "--server", address, "--json"]) == 0
    assert json_format.Parse(capsys.readouterr().out, image_pb2.DeleteSubjectResponse()).deleted_images == 0


def test_a_refusal_is_one_line_and_exit_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", *words, "--therapy", "chemotherapy", "--therapy", "prayer"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("radresponse: ")
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["compare", "--subject", "p", "--ct", "nowhere.nrrd", "nowhere.nrrd"], "nowhere.nrrd: No such file"),
        (["predict"], "no --subject"),
        (["models", "--token-file", "nowhere.txt"], "nowhere.txt: No such file"),
        (["models", "--cert", "nowhere.pem"], "go together"),
    ],
)
def test_wrong_arguments_are_exit_2(arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert complaint in printed.err
    assert printed.err.count("\n") == 1


def test_an_unknown_command_is_one_line_and_exit_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["cure"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_service_that_is_away_is_exit_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--server", "127.0.0.1:1", "--timeout", "0.5"]) == 1
    assert "no answer from 127.0.0.1:1" in capsys.readouterr().err
