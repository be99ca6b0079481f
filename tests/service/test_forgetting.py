"""What is kept of a patient goes when they are deleted, also under calls that run; what came inline is never kept."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from builders.cases import case, image_file, mask_file, scan
from builders.registry import MEAN
from builders.serving import Service, refused, serving

import features.opened
import features.scan_features
from features.imaging.read import read_image
from features.radiomics import extract
from radresponse.v1 import image_pb2, prediction_pb2
from service.settings import Settings

SUBJECT = "subject-1"
IMAGE, MASK = image_file(seed=31), mask_file()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def keeping(data: Path, registry_folder: Path) -> Iterator[Service]:
    uri = f"sqlite:///{registry_folder / 'mlflow.db'}"
    with serving(Settings(port=0, data_folder=data, registry_uri=uri, drain_seconds=1)) as running:
        yield running


@pytest.fixture(autouse=True)
def _nothing_kept_before(keeping: Service) -> None:
    for subject in (SUBJECT, "subject-2"):
        keeping.delete(image_pb2.DeleteSubjectRequest(subject=subject))


def digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def upload(service: Service, content: bytes, subject: str = SUBJECT) -> str:
    digest = digest_of(content)

    def parts() -> Iterator[image_pb2.UploadImageRequest]:
        header = image_pb2.UploadHeader(subject=subject, digest=digest, size_bytes=len(content))
        yield image_pb2.UploadImageRequest(header=header)
        yield image_pb2.UploadImageRequest(chunk=content)

    assert service.upload(parts()).image.complete
    return digest


def stored(service: Service, subject: str = SUBJECT) -> prediction_pb2.PredictRequest:
    """A question about two uploaded files."""
    one = scan(upload(service, IMAGE, subject), upload(service, MASK, subject))
    return prediction_pb2.PredictRequest(case=case(one, subject=subject))


def value_of(answer: prediction_pb2.PredictResponse, name: str = MEAN.name) -> str:
    """A computed feature, as text."""
    found = [reason.value for one in answer.predictions for reason in one.contributions if reason.feature == name]
    return repr(found[0])


def lies_in(folder: Path, *words: str) -> list[str]:
    """Files that hold any of the words, or are called so."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [
        str(path.relative_to(folder))
        for path in files
        if any(word in path.name or word.encode() in path.read_bytes() for word in words)
    ]


@pytest.mark.parametrize("uploaded", ["none", "image", "mask"])
def test_nothing_of_an_inline_file_is_kept(keeping: Service, data: Path, uploaded: str) -> None:
    image = upload(keeping, IMAGE) if uploaded == "image" else IMAGE
    mask = upload(keeping, MASK) if uploaded == "mask" else MASK
    answer = keeping.predict(prediction_pb2.PredictRequest(case=case(scan(image, mask))))
    inline = {"none": (IMAGE, MASK), "image": (MASK,), "mask": (IMAGE,)}[uploaded]
    assert lies_in(data, value_of(answer), *(digest_of(content) for content in inline)) == []


def test_a_deletion_leaves_no_trace_of_files_and_features(keeping: Service, data: Path) -> None:
    answer = keeping.predict(stored(keeping))
    words = (value_of(answer), digest_of(IMAGE), digest_of(MASK))
    assert any(name.startswith("features.db") for name in lies_in(data, words[0]))
    keeping.delete(image_pb2.DeleteSubjectRequest(subject=SUBJECT))
    assert lies_in(data, *words) == []


def test_deleting_one_subject_leaves_what_was_computed_for_another(
    keeping: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = stored(keeping), stored(keeping, "subject-2")
    decoded = counting(monkeypatch)
    answers = [keeping.predict(first), keeping.predict(second)]
    assert decoded == [2], "what one subject had was used for another: the time would tell"
    keeping.delete(image_pb2.DeleteSubjectRequest(subject=SUBJECT))
    assert keeping.predict(second) == answers[1]
    assert decoded == [2]
    for answer in answers:
        answer.provenance.prediction_id = ""  # each patient's prediction has a number of its own
    assert answers[0] == answers[1]


def counting(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often an image was decoded since."""
    count = [0]
    read: Callable[..., object] = read_image

    def counted(*given: object) -> object:
        count[0] += 1
        return read(*given)

    monkeypatch.setattr(features.opened, "read_image", counted)
    return count


def test_a_call_that_runs_during_the_deletion_keeps_nothing(
    keeping: Service, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    computing, deleted = threading.Event(), threading.Event()
    computed: Callable[..., object] = extract

    def slow(*given: object, **named: object) -> object:
        found = computed(*given, **named)
        computing.set()
        assert deleted.wait(20)
        return found

    monkeypatch.setattr(features.scan_features, "extract", slow)
    request = stored(keeping)
    with ThreadPoolExecutor(1) as caller:
        answered = caller.submit(keeping.predict, request)
        assert computing.wait(20)
        keeping.delete(image_pb2.DeleteSubjectRequest(subject=SUBJECT))
        deleted.set()
        answer = answered.result(20)
    assert lies_in(data, value_of(answer), digest_of(IMAGE), digest_of(MASK)) == []


@pytest.mark.parametrize("part", ["image", "segmentation"])
def test_a_file_that_is_deleted_before_it_is_read_is_not_found(
    keeping: Service, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    name = f"read_{part}"
    read: Callable[..., object] = getattr(features.opened, name)

    def too_late(*given: object, **named: object) -> object:
        keeping.delete(image_pb2.DeleteSubjectRequest(subject=SUBJECT))
        return read(*given, **named)

    monkeypatch.setattr(features.opened, name, too_late)
    error = refused(keeping.predict, stored(keeping), SUBJECT)
    assert (error.code, error.reason) == (grpc.StatusCode.NOT_FOUND, "IMAGE_NOT_FOUND")
    assert error.fields == (f"case.scans[0].{part}.digest",)
