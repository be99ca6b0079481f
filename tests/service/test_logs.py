"""What the log tells, and what it never tells."""

import io
import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from builders.servers import digest_of, header, image_server, images_of, refused, whole

from features.errors import EmptySegmentation
from radresponse.v1 import case_pb2, image_pb2, model_pb2, prediction_pb2
from service.logs import JsonLines, request_id
from service.requests import REQUEST_KEY
from service.settings import Settings

if TYPE_CHECKING:
    from builders.serving import Service

Lines = list[dict[str, Any]]


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """All that any logger of this process writes, at the lowest level."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield written
    root.setLevel(before)
    root.removeHandler(handler)


def lines(stream: io.StringIO) -> Lines:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def calls(stream: io.StringIO) -> Lines:
    return [line for line in lines(stream) if line["message"] == "call"]


def test_a_call_is_one_line_with_method_caller_code_and_time(stream: io.StringIO, tmp_path: Path) -> None:
    with image_server(Settings(port=0, data_folder=tmp_path)) as running, images_of(running) as images:
        images.UploadImage(whole(b"content"))
        refused(images.GetImage, image_pb2.GetImageRequest(subject="p2", digest=digest_of(b"content")))
    uploaded, missed = calls(stream)
    assert uploaded["method"] == "radresponse.v1.ImageService/UploadImage"
    assert (uploaded["caller"], uploaded["code"], missed["code"]) == ("local", "OK", "NOT_FOUND")
    assert 0 < uploaded["milliseconds"] < 60_000
    assert len(uploaded["request"]) == 16
    assert uploaded["request"] != missed["request"]
    assert uploaded["level"] == "info"


def test_a_cancelled_call_and_one_out_of_time_are_told_apart(stream: io.StringIO, tmp_path: Path) -> None:
    gone = threading.Event()

    def slow() -> Iterator[image_pb2.UploadImageRequest]:
        yield header(b"content")
        gone.wait(60)

    def told(number: int, seconds: float = 30) -> list[str]:
        """Codes of the calls, once there are so many."""
        end = time.monotonic() + seconds
        while len(calls(stream)) < number and time.monotonic() < end:
            time.sleep(0.01)
        return [line["code"] for line in calls(stream)]

    with image_server(Settings(port=0, data_folder=tmp_path)) as running, images_of(running) as images:
        # The first call connects, so that the next one's time is spent at the server.
        refused(images.GetImage, image_pb2.GetImageRequest(subject="p1", digest=digest_of(b"content")))
        for number, timeout in enumerate((1, 3, 10), 2):  # on a busy machine a call arrives late and ends early
            assert refused(images.UploadImage, slow(), timeout=timeout).code is grpc.StatusCode.DEADLINE_EXCEEDED
            before = told(number)
            if before[-1] == "DEADLINE_EXCEEDED":
                break
        assert before[-1] == "DEADLINE_EXCEEDED"
        for seconds in (0.2, 1, 5, 10):  # one cancelled before it reached the server leaves no line
            call: Any = images.UploadImage.future(slow())
            time.sleep(seconds)
            call.cancel()
            after = told(len(before) + 1, seconds=2)
            if len(after) > len(before):
                break
        assert after == [*before, "CANCELLED"]
        gone.set()


def test_the_caller_can_name_the_call(tmp_path: Path, stream: io.StringIO) -> None:
    with image_server(Settings(port=0, data_folder=tmp_path)) as running, images_of(running) as images:
        _, call = images.DeleteSubject.with_call(image_pb2.DeleteSubjectRequest(subject="p1"))
        assert dict(call.trailing_metadata())[REQUEST_KEY] == calls(stream)[-1]["request"]


def test_no_needle_of_any_field_is_in_the_log(service: "Service", stream: io.StringIO) -> None:
    """Good and bad requests to every method, with a word of its own in every field that takes one."""
    content = b"NEEDLE-content" * 1000
    digest = digest_of(content)
    service.upload(whole(content, "NEEDLE-subject"))
    refused(service.upload, iter([header(content, "NEEDLE subject!")]))
    refused(service.upload, iter([header(content, "NEEDLE-other", digest="NEEDLE-digest")]))
    service.image(image_pb2.GetImageRequest(subject="NEEDLE-subject", digest=digest))
    refused(service.get_model, model_pb2.GetModelRequest(name="NEEDLE-model"))
    number, category = case_pb2.Covariate(number=123456789.125), case_pb2.Covariate(category="NEEDLE-category")
    for source in (case_pb2.ImageSource(digest=digest), case_pb2.ImageSource(inline=content)):
        case = case_pb2.Case(
            subject="NEEDLE-subject",
            scans=[case_pb2.Scan(modality=case_pb2.MODALITY_CT, image=source, segmentation=source, day=0)],
            covariates={"age_years": number, "NEEDLE_covariate": category},
            features={"measure.ct.baseline.all.count": 987654321.125},
        )
        refused(service.predict, prediction_pb2.PredictRequest(case=case, models=["NEEDLE-model"]))
        refused(service.predict, prediction_pb2.PredictRequest(case=case, therapies=["NEEDLE-therapy"]))
        compare = prediction_pb2.CompareTherapiesRequest(case=case, therapies=["NEEDLE-a", "NEEDLE-b"])
        refused(service.compare, compare)
        refused(service.extract, prediction_pb2.ExtractFeaturesRequest(case=case, columns=["NEEDLE-column"]))
        refused(service.extract, prediction_pb2.ExtractFeaturesRequest(case=case, profile="NEEDLE-profile: 1"))
        # A file that is no image, all the way to the decoder.
        refused(
            service.extract,
            prediction_pb2.ExtractFeaturesRequest(case=case, columns=["measure.ct.baseline.all.volume_mm3"]),
        )
    service.delete(image_pb2.DeleteSubjectRequest(subject="NEEDLE-subject"))
    end = time.monotonic() + 5  # a refusal is sent before its line is written
    while len(calls(stream)) < 18 and time.monotonic() < end:
        time.sleep(0.01)
    assert len(calls(stream)) == 18
    written = stream.getvalue()
    for secret in ("NEEDLE", digest, "123456789", "987654321", content[:16].hex()):
        assert secret not in written


def formatted(error: BaseException, *, show_messages: bool = False) -> dict[str, Any]:
    record = logging.LogRecord(
        "x", logging.ERROR, "f.py", 1, "it failed", (), (type(error), error, error.__traceback__)
    )
    line: dict[str, Any] = json.loads(JsonLines(show_messages=show_messages).format(record))
    return line


def raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        raise error from cause
    except BaseException as caught:
        return caught


def test_what_an_unforeseen_error_says_stays_out_of_the_log_but_where_it_was_goes_in() -> None:
    line = formatted(raised(ValueError("NEEDLE"), KeyError("NEEDLE")))
    assert "NEEDLE" not in json.dumps(line)
    assert [error["type"] for error in line["error"]] == ["builtins.ValueError", "builtins.KeyError"]
    assert "test_logs.py" in line["error"][0]["at"][-1]


def test_what_ours_say_goes_in() -> None:
    line = formatted(raised(EmptySegmentation("no voxel is labelled")))
    assert line["error"][0]["says"] == "no voxel is labelled"


def test_at_debug_all_goes_in() -> None:
    assert "NEEDLE" in json.dumps(formatted(raised(ValueError("NEEDLE")), show_messages=True))


def test_a_task_whose_error_nobody_took_is_told_without_what_it_says(stream: io.StringIO) -> None:
    logging.getLogger("asyncio").error(
        "Task exception was never retrieved\nfuture: <Task exception=ValueError('NEEDLE')>",
        exc_info=raised(ValueError("NEEDLE")),
    )
    assert "NEEDLE" not in stream.getvalue()
    assert lines(stream)[0]["message"] == "Task exception was never retrieved"


def test_a_line_is_a_line_whatever_is_in_it() -> None:
    record = logging.LogRecord("x", logging.INFO, "f.py", 1, "two\nlines %s", ("é",), None)
    record.fields = {"path": Path("a")}
    token = request_id.set("r1")
    line = JsonLines().format(record)
    request_id.reset(token)
    assert "\n" not in line
    told = json.loads(line)
    assert (told["message"], told["path"], told["request"]) == ("two\nlines é", "a", "r1")


def test_configured_every_line_on_stderr_is_json() -> None:
    program = (
        "import logging, warnings\n"
        "from service import logs\n"
        "logs.configure('info')\n"
        "logging.getLogger('service.x').info('ours'); logging.getLogger('service.x').debug('too low')\n"
        "logging.getLogger('foreign').info('not ours'); logging.getLogger('foreign').warning('theirs')\n"
        "warnings.warn('of Python')\n"
        "import mlflow; logging.getLogger('mlflow').warning('of mlflow')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    messages = [json.loads(line)["message"] for line in done.stderr.splitlines()]
    assert messages[:2] == ["ours", "theirs"]
    assert any("of Python" in message for message in messages)
    assert messages[-1] == "of mlflow"
    assert done.stdout == ""
