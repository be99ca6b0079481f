"""Calls of a real server are recorded before their answer leaves, refused ones too; what cannot be, is not answered."""

import json
import re
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from builders.audits import recorded, tamper
from builders.cases import case, image_file, mask_file, scan
from builders.registry import THERAPIES
from builders.servers import Refusal, digest_of, image_server, images_of, whole
from builders.servers import refused as refused_call
from builders.serving import Service, refused, serving

from radresponse.v1 import image_pb2, image_pb2_grpc, model_pb2, prediction_pb2
from service.__main__ import main
from service.audit.call import made_of
from service.audit.key import Key
from service.audit.recording import TOUCH_NO_CASE
from service.settings import Settings

SUBJECT = "NEEDLE-subject"
PREDICT = "radresponse.v1.PredictionService/Predict"


@pytest.fixture(scope="module")
def own(registry_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, Settings]]:
    """A server whose record holds nothing but the calls of this module."""
    folder = tmp_path_factory.mktemp("audited")
    uri = f"sqlite:///{registry_folder / 'mlflow.db'}"
    settings = Settings(port=0, data_folder=folder, registry_uri=uri, drain_seconds=1)
    with serving(settings) as running:
        yield running, settings


Own = tuple[Service, Settings]


def test_a_prediction_is_recorded_with_all_that_made_it(own: Own) -> None:
    service, settings = own
    request = prediction_pb2.PredictRequest(case=case(scan(), subject=SUBJECT), models=["outcome-xgboost"])
    answer, call = service.predict.with_call(request)
    row = recorded(settings)[-1]
    key = Key.of(settings.audit_key, make=False)
    number = dict(call.trailing_metadata())["x-request-id"]
    assert (row.id, row.caller, row.method, row.code, row.reason) == (number, "local", PREDICT, "OK", "")
    assert (row.subject, row.prediction_id) == (key.pseudonym(SUBJECT), answer.provenance.prediction_id)
    assert abs(row.time_us / 1e6 - time.time()) < 600
    made, told = made_of(row.made), answer.provenance
    assert [(of.name, of.version, of.digest) for of in made.models] == [
        (of.name, of.version, of.digest) for of in told.models
    ]
    assert made.profile_digests == tuple(told.profile_digests)
    assert made.files == tuple(key.content(digest_of(file).encode()) for file in (image_file(), mask_file()))
    assert made.inputs == key.content(told.input_digest.encode())
    assert made.answer == key.content(answer.SerializeToString(deterministic=True))
    assert made.parts == tuple(key.content(one.SerializeToString(deterministic=True)) for one in answer.predictions)
    assert (made.software_version, made.radiomics_engine) == (told.software_version, told.radiomics_engine)


def test_a_comparison_and_an_extraction_are_recorded(own: Own) -> None:
    service, settings = own
    one = case(scan(), subject=SUBJECT)
    answer = service.compare(prediction_pb2.CompareTherapiesRequest(case=one, therapies=THERAPIES))
    service.extract(prediction_pb2.ExtractFeaturesRequest(case=one))
    compared, extracted = (made_of(row.made) for row in recorded(settings)[-2:])
    assert len(compared.parts) == sum(len(of.predictions) + len(of.differences) for of in answer.options)
    assert [of.name for of in compared.models] == [of.name for of in answer.provenance.models]
    assert (extracted.models, extracted.parts) == ((), ())
    assert len(extracted.files) == 2


def test_the_same_answer_has_the_same_number_and_another_patients_another(own: Own) -> None:
    service, _ = own

    def number(subject: str, age: float = 61.0) -> str:
        one = case(subject=subject, covariates={"age_years": age, "sex": "female"})
        request = prediction_pb2.PredictRequest(case=one, models=["progression-age"])
        return service.predict(request).provenance.prediction_id

    assert number("p-1") == number("p-1")
    assert len({number("p-1"), number("p-2"), number("p-1", 62.0)}) == 3


def test_refused_calls_are_recorded_with_their_reason(own: Own) -> None:
    service, settings = own
    request = prediction_pb2.PredictRequest(case=case(subject="Jane Doe"))
    refused(service.predict, request, "Jane Doe")
    refused(service.image, image_pb2.GetImageRequest(subject=SUBJECT, digest="a" * 64), SUBJECT)
    malformed: grpc.UnaryUnaryMultiCallable[bytes, bytes] = service.channel.unary_unary(f"/{PREDICT}")
    refused(malformed, b"\xff\xff\xff", "nobody")
    name, image, bytes_ = recorded(settings)[-3:]
    assert (name.code, name.reason) == ("INVALID_ARGUMENT", "BAD_FIELD")
    assert (image.code, image.reason) == ("NOT_FOUND", "IMAGE_NOT_FOUND")
    assert made_of(image.made).files == (Key.of(settings.audit_key).content(b"a" * 64),)
    assert (bytes_.code, bytes_.reason, bytes_.subject) == ("INVALID_ARGUMENT", "UNDECODABLE_REQUEST", "")


def test_callers_who_are_turned_away_are_recorded(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens.yaml"
    assert main(["token", "--name", "reader", "--roles", "read", "--tokens-file", str(tokens)]) == 0
    settings = Settings(port=0, data_folder=tmp_path, tokens_file=tokens)
    with image_server(settings) as running, images_of(running) as images:
        refused_call(images.DeleteSubject, image_pb2.DeleteSubjectRequest(subject=SUBJECT))
        unknown = (("authorization", "Bearer rr_unknown"),)
        refused_call(images.DeleteSubject, image_pb2.DeleteSubjectRequest(subject=SUBJECT), metadata=unknown)
    rows = recorded(settings)
    assert [(row.code, row.reason, row.caller) for row in rows] == [("UNAUTHENTICATED", "UNAUTHENTICATED", "")] * 2
    assert {row.subject for row in rows} == {Key.of(settings.audit_key).pseudonym(SUBJECT)}


def test_uploads_and_deletions_are_recorded_and_questions_about_models_are_not(own: Own) -> None:
    service, settings = own
    before = len(recorded(settings))
    service.upload(whole(b"content", SUBJECT))
    service.delete(image_pb2.DeleteSubjectRequest(subject=SUBJECT))
    service.list_models(model_pb2.ListModelsRequest())
    refused(service.get_model, model_pb2.GetModelRequest(name="oracle"), SUBJECT)
    upload, delete = recorded(settings)[before:]
    assert upload.method.endswith("UploadImage")
    assert made_of(upload.made).files == (Key.of(settings.audit_key).content(digest_of(b"content").encode()),)
    assert delete.method.endswith("DeleteSubject") and delete.subject == upload.subject
    assert "radresponse.v1.ModelService" in TOUCH_NO_CASE


def test_a_caller_who_goes_is_recorded(own: Own) -> None:
    service, settings = own
    request = prediction_pb2.PredictRequest(case=case(scan(image_file(seed=99)), subject=SUBJECT))
    before = len(recorded(settings))
    with pytest.raises(grpc.RpcError):
        service.predict(request, timeout=1e-6)
    going = service.predict.future(prediction_pb2.PredictRequest(case=case(scan(image_file(seed=98)))))
    going.cancel()
    service.predict(prediction_pb2.PredictRequest(case=case(), models=["progression-age"]))  # comes after both
    codes = [row.code for row in recorded(settings)[before:]]
    assert codes[-1] == "OK"
    assert set(codes[:-1]) <= {"DEADLINE_EXCEEDED", "CANCELLED", "OK"}  # one that ended before it began has no row


def test_nothing_of_a_patient_is_in_the_record(own: Own) -> None:
    service, settings = own
    service.predict(prediction_pb2.PredictRequest(case=case(scan(), subject=SUBJECT)))
    for file in settings.data_folder.glob("audit*"):
        content = file.read_bytes()
        for needle in (b"NEEDLE", b"Jane Doe", b"61.0", b"female", b"chemotherapy", b"age_years"):
            assert needle not in content, file.name


def test_a_call_that_cannot_be_recorded_is_not_answered(registry_folder: Path, tmp_path: Path) -> None:
    uri = f"sqlite:///{registry_folder / 'mlflow.db'}"
    settings = Settings(port=0, data_folder=tmp_path, registry_uri=uri, drain_seconds=1)
    request = prediction_pb2.PredictRequest(case=case(subject=SUBJECT), models=["progression-age"])
    with serving(settings) as service:
        service.predict(request)
        (tmp_path / "audit.db").rename(tmp_path / "elsewhere.db")
        refusal = refused(service.predict, request, SUBJECT)
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAVAILABLE, "AUDIT_UNAVAILABLE")
        bad = prediction_pb2.PredictRequest(case=case(subject=SUBJECT), models=["oracle"])
        assert refused(service.predict, bad, SUBJECT).reason == "AUDIT_UNAVAILABLE"
        service.list_models(model_pb2.ListModelsRequest())
        (tmp_path / "elsewhere.db").rename(tmp_path / "audit.db")
        service.predict(request)
    assert [row.code for row in recorded(settings)] == ["OK", "OK"]


def test_nothing_is_deleted_while_it_cannot_be_recorded(tmp_path: Path) -> None:
    settings = Settings(port=0, data_folder=tmp_path)
    delete = image_pb2.DeleteSubjectRequest(subject=SUBJECT)
    get = image_pb2.GetImageRequest(subject=SUBJECT, digest=digest_of(b"content"))
    with image_server(settings) as running, images_of(running) as images:
        images.UploadImage(whole(b"content", SUBJECT))
        (tmp_path / "audit.db").rename(tmp_path / "elsewhere.db")
        for _ in range(2):
            assert refused_call(images.DeleteSubject, delete).reason == "AUDIT_UNAVAILABLE"
        (tmp_path / "elsewhere.db").rename(tmp_path / "audit.db")
        assert images.GetImage(get).image.complete
        assert images.DeleteSubject(delete).deleted_images == 1
    assert [row.code for row in recorded(settings)] == ["OK", "OK", "OK"]


def test_a_record_that_is_away_at_the_start_refuses_calls_and_not_the_start(tmp_path: Path) -> None:
    settings = Settings(port=0, data_folder=tmp_path, audit_uri="postgresql://nobody@127.0.0.1:1/none")
    with image_server(settings) as running, images_of(running) as images:
        refusal = refused_call(images.DeleteSubject, image_pb2.DeleteSubjectRequest(subject=SUBJECT))
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.UNAVAILABLE, "AUDIT_UNAVAILABLE")
        assert "127.0.0.1" not in refusal.message


FULL = """
import asyncio, signal, sys
from pathlib import Path
from service.server import start
from service.settings import Settings

async def main():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    running = await start(Settings(port=0, data_folder=Path(sys.argv[1])), predicting=False)
    print(running.port, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await running.stop()

asyncio.run(main())
"""


def test_on_a_full_disk_calls_are_refused_until_there_is_room(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FULL, str(tmp_path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdin is not None and process.stdout is not None
    port = int(process.stdout.readline())
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            images = image_pb2_grpc.ImageServiceStub(channel)
            request = image_pb2.DeleteSubjectRequest(subject=SUBJECT)
            images.DeleteSubject(request)
            size = max(file.stat().st_size for file in tmp_path.glob("audit.db*"))
            # The kernel refuses to let any file grow beyond this, as it does on a full disk.
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
            reasons = set()
            for _ in range(200):
                try:
                    images.DeleteSubject(request)
                except grpc.RpcError as error:
                    reasons.add(Refusal(error).reason)
                    break
            assert reasons == {"AUDIT_UNAVAILABLE"}
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            images.DeleteSubject(request)
    finally:
        process.stdin.close()
        process.wait(60)
        process.stdout.close()
    assert main(["audit", "verify", f"--data-folder={tmp_path}"]) == 0


def test_two_servers_on_one_store_keep_one_chain(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = tmp_path / "key"
    key.write_bytes(b"k" * 32)
    both = [
        Settings(
            port=0, data_folder=tmp_path / name, audit_uri=f"sqlite:///{tmp_path / 'shared.db'}", audit_key_file=key
        )
        for name in "ab"
    ]
    with image_server(both[0]) as one, image_server(both[1]) as other:
        begin = threading.Barrier(2)

        def ask(server: int) -> None:
            with images_of((one, other)[server]) as images:
                begin.wait(30)
                for _ in range(25):
                    images.DeleteSubject(image_pb2.DeleteSubjectRequest(subject=SUBJECT))

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(ask, range(2)))
    assert len(recorded(both[0])) == 50
    where = [f"--data-folder={both[1].data_folder}", f"--audit-uri={both[1].audit_uri}", f"--audit-key-file={key}"]
    assert main(["audit", "verify", *where]) == 0
    assert "50 rows, each as it was written" in capsys.readouterr().out


def test_the_command_lists_and_verifies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = Settings(port=0, data_folder=tmp_path)
    with image_server(settings) as running, images_of(running) as images:
        images.DeleteSubject(image_pb2.DeleteSubjectRequest(subject=SUBJECT))
        images.DeleteSubject(image_pb2.DeleteSubjectRequest(subject="other"))
    where = f"--data-folder={tmp_path}"
    assert main(["audit", "list", where, "--subject", SUBJECT]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    row = json.loads(line)
    assert (row["sequence"], row["method"], row["code"]) == (1, "radresponse.v1.ImageService/DeleteSubject", "OK")
    assert SUBJECT not in line
    assert main(["audit", "list", where, "--since", "2999-01-01"]) == 0
    assert main(["audit", "list", where, "--file", "a" * 64]) == 0
    assert capsys.readouterr().out == ""
    tamper(tmp_path / "audit.db", "UPDATE audit_calls SET code = 'CANCELLED' WHERE sequence = 1")
    assert main(["audit", "verify", where]) == 3
    out = capsys.readouterr().out
    assert f"row 1 (call {row['id']}) was changed" in out
    (tmp_path / "audit.db").unlink()
    assert main(["audit", "verify", where]) == 2
    assert "there is no such store" in capsys.readouterr().err
    assert main(["audit", "verify", f"--data-folder={tmp_path / 'none'}"]) == 2


def test_the_pages_commands_work(own: Own, capsys: pytest.CaptureFixture[str]) -> None:
    _, settings = own
    page = (Path(__file__).parents[2] / "docs/audit.md").read_text()
    commands = re.findall(r"^python -m service (audit .*)$", page, re.MULTILINE)
    assert len(commands) == 3
    for command in commands:
        assert main(command.replace("build/demo/data", str(settings.data_folder)).split()) == 0, command
    assert "each as it was written" in capsys.readouterr().out
