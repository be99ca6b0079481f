"""Monitoring over a real server: drift, outcomes that are reported back, and what a deletion takes."""

import asyncio
import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import grpc
import pandas as pd
import pytest
from builders.cases import case
from builders.registry import AGE, CONTRAST, MEAN, SEX, THERAPIES, VOLUME, patients
from builders.servers import free_port
from builders.serving import Service, refused, serving

from models.families.columns import THERAPY
from radresponse.cli import main as client_command
from radresponse.client import Client
from radresponse.v1 import image_pb2, model_pb2, outcome_pb2, prediction_pb2
from service.__main__ import main
from service.monitoring.observer import FEWEST_CASES
from service.settings import Settings

MODELS = ("outcome-xgboost", "progression-cox")
Served = tuple[Service, Settings]


@pytest.fixture(scope="module")
def server(registry_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("monitored")
    uri = f"sqlite:///{registry_folder / 'mlflow.db'}"
    settings = Settings(port=0, data_folder=folder, registry_uri=uri, drain_seconds=1, metrics_port=free_port())
    with serving(settings) as service:
        yield service, settings


def flushed(service: Service) -> None:
    """Waits until all that was predicted so far is kept."""
    assert service.server.monitoring is not None
    service.server.monitoring.flush()


def ask(service: Service, row: "pd.Series[float]", subject: str, models: tuple[str, ...] = MODELS) -> str:
    """Predicts for one row of a table; its number."""
    told: dict[str, float | str] = {
        "age_years": float(row[AGE.name]),
        **({"sex": str(row[SEX.name])} if row[SEX.name] else {}),
    }
    features = {spec.name: float(row[spec.name]) for spec in (VOLUME, MEAN, CONTRAST)}
    one = case(covariates=told, features=features, subject=subject)
    answer = service.predict(prediction_pb2.PredictRequest(case=one, models=models))
    return answer.provenance.prediction_id


def report(number: str, subject: str, **told: object) -> outcome_pb2.ReportOutcomeRequest:
    known: dict[str, object] = {"therapy": THERAPIES[0], "day": 90, "responded": True}
    if "progressed" in told:
        del known["responded"]
    return outcome_pb2.ReportOutcomeRequest(
        subject=subject,
        prediction_id=number,
        **(known | told),  # type: ignore[arg-type]
    )


def monitoring_of(service: Service, name: str) -> model_pb2.Monitoring:
    flushed(service)
    return service.get_model(model_pb2.GetModelRequest(name=name)).monitoring


def test_drift_and_live_performance_from_cases_and_outcomes(server: Served, capsys: pytest.CaptureFixture[str]) -> None:
    service, settings = server
    table, targets = patients(60, seed=21)
    table = table.assign(**{AGE.name: table[AGE.name] + 14})  # older than those that the models learned from
    response, progression = targets["outcome"], targets["progression"]
    for index in range(len(table)):
        row, subject = table.iloc[index], f"drift-{index}"
        number = ask(service, row, subject)
        assert ask(service, row, subject) == number  # asked twice, counted once
        given = str(row[THERAPY])
        service.report(report(number, subject, therapy=given, responded=bool(response.response[index])))  # type: ignore[union-attr]
        day, event = int(progression.time_days[index]), bool(progression.event[index])  # type: ignore[union-attr]
        told = service.report(report(number, subject, therapy=given, day=day, progressed=event))
        assert [(one.name, one.version) for one in told.models] == [("progression-cox", "1")]
        flushed(service)
    outcome = monitoring_of(service, "outcome-xgboost")
    assert outcome.referenced and outcome.cases >= 3 * FEWEST_CASES - FEWEST_CASES
    drifted = {drift.name for drift in outcome.inputs if drift.drifted}
    assert drifted == {AGE.name}
    assert {drift.name for drift in outcome.predictions} == set(THERAPIES)
    assert (outcome.outcomes, outcome.events) == (60, int(response.response.sum()))  # type: ignore[union-attr]
    figures = {metric.name: metric for metric in outcome.metrics}
    assert set(figures) == {"auc", "brier", "observed_to_expected", "calibration_slope", "calibration_intercept"}
    assert all(metric.lower <= metric.value <= metric.upper for metric in outcome.metrics)
    assert figures["auc"].value > 0.55  # the outcomes follow what the models learned
    cox = monitoring_of(service, "progression-cox")
    assert {metric.name for metric in cox.metrics} == {"concordance", "observed_to_expected"}
    assert cox.outcomes == 60
    # On the command line, from the store and the service's copies alone.
    assert main(["monitor", f"--data-folder={settings.data_folder}", "--json", "--model", "outcome-xgboost"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    told = json.loads(line)
    assert told["drifted"] == [AGE.name]
    assert (told["cases"], told["live"]["patients"]) == (outcome.cases, 60)
    assert main(["monitor", f"--data-folder={settings.data_folder}"]) == 0
    out = capsys.readouterr().out
    assert "outcome-xgboost 1" in out and "observed to expected" in out
    assert client_command(["model", "outcome-xgboost", "--server", f"127.0.0.1:{service.server.port}"]) == 0
    out = capsys.readouterr().out
    assert f"{AGE.name}: PSI" in out and "Outcomes reported: 60 patients" in out


def test_gauges_say_the_same(server: Served) -> None:
    service, settings = server
    running = service.server
    assert running.monitoring is not None and running._predicting is not None
    running.monitoring.flush()
    served = running._predicting._host.serving.served.values()
    asyncio.run(running.monitoring.measure([held.model for held in served], running.metrics))
    with urllib.request.urlopen(f"http://127.0.0.1:{settings.metrics_port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    assert f'radresponse_drift_psi{{model="outcome-xgboost",of="{AGE.name}",version="1"}}' in text
    assert 'radresponse_outcomes{model="progression-cox",version="1"}' in text
    assert "drift-" not in text


@pytest.mark.parametrize(
    ("told", "code", "field"),
    [
        ({"prediction_id": "f" * 32}, grpc.StatusCode.NOT_FOUND, "prediction_id"),
        ({"prediction_id": "what"}, grpc.StatusCode.INVALID_ARGUMENT, "prediction_id"),
        ({"subject": "another"}, grpc.StatusCode.NOT_FOUND, "prediction_id"),
        ({"subject": "Jane Doe"}, grpc.StatusCode.INVALID_ARGUMENT, "subject"),
        ({"therapy": "homoeopathy"}, grpc.StatusCode.INVALID_ARGUMENT, "therapy"),
        ({"day": -1}, grpc.StatusCode.INVALID_ARGUMENT, "day"),
        ({"day": 10**6}, grpc.StatusCode.INVALID_ARGUMENT, "day"),
        ({"day": 0, "progressed": True}, grpc.StatusCode.INVALID_ARGUMENT, "day"),
        ({"progressed": True}, grpc.StatusCode.INVALID_ARGUMENT, "seen"),
    ],
)
def test_odd_reports_are_refused_by_field(
    server: Served, told: dict[str, object], code: grpc.StatusCode, field: str
) -> None:
    service, _ = server
    number = ask(service, patients()[0].iloc[0], "reported", ("outcome-xgboost",))
    flushed(service)
    request = report(number, "reported", **{key: value for key, value in told.items() if key in {"day", "progressed"}})
    for key in ("prediction_id", "subject", "therapy"):
        if key in told:
            setattr(request, key, told[key])
    error = refused(service.report, request, "Jane Doe")
    assert (error.code, error.fields) == (code, (field,))


def test_a_report_without_what_was_seen_is_refused(server: Served) -> None:
    request = outcome_pb2.ReportOutcomeRequest(subject="p", prediction_id="f" * 32, day=3)
    assert refused(server[0].report, request, "nobody").fields == ("seen",)


def test_a_report_can_be_corrected_from_the_client_and_the_command(
    server: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    service, _ = server
    number = ask(service, patients()[0].iloc[1], "corrected")
    flushed(service)
    address = f"127.0.0.1:{service.server.port}"
    with Client(address) as client:
        first = client.report_outcome("corrected", number, day=80, therapy=THERAPIES[1], responded=True)
        assert not first.replaced
        with pytest.raises(ValueError, match="either responded or progressed"):
            client.report_outcome("corrected", number, day=80)
    words = ["report-outcome", number, "--subject", "corrected", "--therapy", THERAPIES[1], "--day", "81"]
    assert client_command([*words, "--responded", "no", "--server", address]) == 0
    assert capsys.readouterr().out == "replaced, beside what was predicted by outcome-xgboost 1\n"


def test_a_deletion_takes_predictions_and_outcomes_of_the_patient_alone(server: Served) -> None:
    service, _ = server
    numbers = {name: ask(service, patients()[0].iloc[2], name) for name in ("leaves", "stays")}
    flushed(service)
    for name, number in numbers.items():
        service.report(report(number, name))
    before = monitoring_of(service, "outcome-xgboost").outcomes
    gone = service.delete(image_pb2.DeleteSubjectRequest(subject="leaves"))
    assert gone.deleted_outcomes == 5  # two models for two therapies, and the report
    assert monitoring_of(service, "outcome-xgboost").outcomes == before - 1
    error = refused(service.report, report(numbers["leaves"], "leaves"), "leaves")
    assert error.reason == "PREDICTION_NOT_FOUND"
    assert service.report(report(numbers["stays"], "stays")).replaced


def test_monitoring_that_is_away_costs_no_prediction(registry_folder: Path, tmp_path: Path) -> None:
    uri = f"sqlite:///{registry_folder / 'mlflow.db'}"
    settings = Settings(
        port=0, data_folder=tmp_path, registry_uri=uri, monitoring_uri="postgresql://nobody@127.0.0.1:1/none"
    )
    with serving(settings) as service:
        number = ask(service, patients()[0].iloc[0], "p-1")
        assert len(number) == 32
        error = refused(service.report, report(number, "p-1"), "nobody")
        assert (error.code, error.reason) == (grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE")
        assert not service.get_model(model_pb2.GetModelRequest(name="outcome-xgboost")).HasField("monitoring")
        refusal = refused(service.delete, image_pb2.DeleteSubjectRequest(subject="p-1"), "nobody")
        assert refusal.reason == "STORE_UNAVAILABLE"  # it cannot be said that nothing is kept
