"""ImageService over a real socket: what its contract says, message by message."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from builders.servers import CHUNK, chunks, digest_of, header, image_server, images_of, refused, whole

from radresponse.v1.image_pb2 import (
    DeleteSubjectRequest,
    GetImageRequest,
    StoredImage,
    UploadImageRequest,
    UploadImageResponse,
)
from radresponse.v1.image_pb2_grpc import ImageServiceStub
from service.server import RunningServer
from service.settings import Settings

CONTENT = bytes(range(256)) * 5000  # 1.28 MB: three chunks
INVALID = grpc.StatusCode.INVALID_ARGUMENT


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("images")
    with image_server(Settings(port=0, data_folder=folder, max_image_bytes=8_000_000, drain_seconds=1)) as server:
        yield server


@pytest.fixture
def images(running: RunningServer) -> Iterator[ImageServiceStub]:
    with images_of(running) as stub:
        yield stub
        for subject in ("p1", "p2"):
            stub.DeleteSubject(DeleteSubjectRequest(subject=subject))


def get(images: ImageServiceStub, content: bytes = CONTENT, subject: str = "p1") -> StoredImage:
    image: StoredImage = images.GetImage(GetImageRequest(subject=subject, digest=digest_of(content))).image
    return image


def received_when_noticed(images: ImageServiceStub, content: bytes = CONTENT) -> int:
    """What is held of a broken-off upload, as soon as the server has written what was sent."""
    before = -1
    for _ in range(200):
        time.sleep(0.02)
        try:
            now = get(images, content).received_bytes
        except grpc.RpcError:
            continue
        if now == before:
            return now
        before = now
    raise AssertionError("nothing was kept")


def test_an_upload_is_held_whole(images: ImageServiceStub) -> None:
    answer: UploadImageResponse = images.UploadImage(whole(CONTENT))
    assert not answer.already_stored
    assert answer.image.complete
    assert answer.image.digest == digest_of(CONTENT)
    assert answer.image.received_bytes == answer.image.size_bytes == len(CONTENT)
    assert abs(answer.image.created.ToSeconds() - time.time()) < 60
    assert get(images) == answer.image


def test_the_same_file_again_is_harmless(images: ImageServiceStub) -> None:
    images.UploadImage(whole(CONTENT))
    assert images.UploadImage(whole(CONTENT)).already_stored
    assert images.UploadImage(iter([header(CONTENT)])).already_stored


def test_another_subject_learns_nothing_and_sends_everything(images: ImageServiceStub) -> None:
    images.UploadImage(whole(CONTENT))
    assert refused(get, images, subject="p2").code is grpc.StatusCode.NOT_FOUND
    refusal = refused(images.UploadImage, iter([header(CONTENT, "p2")]))
    assert (refusal.code, refusal.reason) == (INVALID, "UPLOAD_INCOMPLETE")
    refusal = refused(images.UploadImage, iter([header(CONTENT, "p2", offset=len(CONTENT))]))
    assert refusal.metadata["held_bytes"] == "0"
    assert not images.UploadImage(whole(CONTENT, "p2")).already_stored


def test_deleting_one_subject_leaves_anothers_identical_bytes(images: ImageServiceStub) -> None:
    images.UploadImage(whole(CONTENT))
    images.UploadImage(whole(CONTENT, "p2"))
    deleted = images.DeleteSubject(DeleteSubjectRequest(subject="p1"))
    assert (deleted.deleted_images, deleted.deleted_bytes) == (1, len(CONTENT))
    assert refused(get, images).code is grpc.StatusCode.NOT_FOUND
    assert get(images, subject="p2").complete
    assert images.DeleteSubject(DeleteSubjectRequest(subject="p1")).deleted_images == 0


def test_an_upload_broken_off_by_its_caller_resumes(images: ImageServiceStub, running: RunningServer) -> None:
    sent = threading.Event()

    def first_part() -> Iterator[UploadImageRequest]:
        yield header(CONTENT)
        yield next(chunks(CONTENT))
        sent.set()
        time.sleep(30)

    with grpc.insecure_channel(f"127.0.0.1:{running.port}") as channel:
        call = ImageServiceStub(channel).UploadImage.future(first_part())
        assert sent.wait(10)
        for _ in range(200):
            try:
                if get(images).received_bytes:
                    break
            except grpc.RpcError:
                time.sleep(0.01)
        call.cancel()
    received = received_when_noticed(images)
    assert received == CHUNK
    assert not get(images).complete

    def rest() -> Iterator[UploadImageRequest]:
        yield header(CONTENT, offset=received)
        yield from chunks(CONTENT[received:])

    answer = images.UploadImage(rest())
    assert answer.image.complete
    assert not answer.already_stored


def test_an_upload_that_ends_early_is_kept_and_said_so(images: ImageServiceStub) -> None:
    refusal = refused(images.UploadImage, iter([header(CONTENT), next(chunks(CONTENT))]))
    assert (refusal.code, refusal.reason) == (INVALID, "UPLOAD_INCOMPLETE")
    assert refusal.metadata == {"received_bytes": str(CHUNK), "size_bytes": str(len(CONTENT))}
    assert get(images).received_bytes == CHUNK


def test_a_rest_from_elsewhere_is_refused(images: ImageServiceStub) -> None:
    refused(images.UploadImage, iter([header(CONTENT), next(chunks(CONTENT))]))
    refusal = refused(images.UploadImage, iter([header(CONTENT, offset=7)]))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "OFFSET_MISMATCH")
    assert refusal.metadata == {"offset_bytes": "7", "held_bytes": str(CHUNK)}
    assert refusal.fields == ["header.offset_bytes"]


def test_bytes_that_do_not_hash_to_the_digest_are_dropped(images: ImageServiceStub) -> None:
    other = CONTENT[:-1] + b"?"
    refusal = refused(images.UploadImage, iter([header(CONTENT), *chunks(other)]))
    assert (refusal.code, refusal.reason) == (INVALID, "DIGEST_MISMATCH")
    assert refused(get, images).code is grpc.StatusCode.NOT_FOUND
    assert images.UploadImage(whole(CONTENT)).image.complete


def test_more_bytes_than_declared_are_refused(images: ImageServiceStub) -> None:
    refusal = refused(images.UploadImage, iter([header(CONTENT), *chunks(CONTENT), *chunks(b"more")]))
    assert (refusal.code, refusal.reason) == (INVALID, "TOO_MANY_BYTES")


def test_a_file_above_the_limit_is_refused(images: ImageServiceStub) -> None:
    refusal = refused(images.UploadImage, iter([header(CONTENT, size=8_000_001)]))
    assert (refusal.code, refusal.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "UPLOAD_TOO_LARGE")
    assert refusal.metadata == {"size_bytes": "8000001", "limit_bytes": "8000000"}


@pytest.mark.parametrize(
    ("messages", "field"),
    [
        ([], "header"),
        ([UploadImageRequest()], "header"),
        (list(chunks(CONTENT)), "header"),
        ([header(CONTENT), header(CONTENT)], "header"),
        ([header(CONTENT), UploadImageRequest(chunk=b"")], "chunk"),
        ([header(CONTENT), UploadImageRequest(chunk=bytes(1024 * 1024 + 1))], "chunk"),
        ([header(CONTENT, "")], "header.subject"),
        ([header(CONTENT, "Jane Doe")], "header.subject"),
        ([header(CONTENT, "x" * 129)], "header.subject"),
        ([header(CONTENT, "../../etc/passwd")], "header.subject"),
        ([header(CONTENT, digest="")], "header.digest"),
        ([header(CONTENT, digest="../" + digest_of(CONTENT)[3:])], "header.digest"),
        ([header(CONTENT, digest=digest_of(CONTENT).upper())], "header.digest"),
        ([header(CONTENT, size=0)], "header.size_bytes"),
        ([header(CONTENT, size=-5)], "header.size_bytes"),
        ([header(CONTENT, offset=-1)], "header.offset_bytes"),
        ([header(CONTENT, offset=len(CONTENT) + 1)], "header.offset_bytes"),
    ],
)
def test_what_is_malformed_is_refused_by_its_field(
    images: ImageServiceStub, messages: list[UploadImageRequest], field: str
) -> None:
    refusal = refused(images.UploadImage, iter(messages))
    assert (refusal.code, refusal.fields) == (INVALID, [field])
    assert "Jane" not in refusal.everything
    assert "passwd" not in refusal.everything


def test_get_and_delete_check_their_fields(images: ImageServiceStub) -> None:
    assert refused(images.GetImage, GetImageRequest(subject="", digest=digest_of(b""))).fields == ["subject"]
    assert refused(images.GetImage, GetImageRequest(subject="p1", digest="no")).fields == ["digest"]
    assert refused(images.DeleteSubject, DeleteSubjectRequest(subject="Jane Doe")).fields == ["subject"]


def test_two_uploads_of_one_file_at_once_both_end_well(images: ImageServiceStub) -> None:
    both = [images.UploadImage.future(whole(CONTENT)) for _ in range(2)]
    assert all(upload.result(20).image.complete for upload in both)
    assert get(images).complete


def test_many_uploads_at_once_all_end_well(images: ImageServiceStub, running: RunningServer) -> None:
    contents = [CONTENT + bytes([number]) for number in range(12)]
    uploads = [images.UploadImage.future(whole(content)) for content in contents]
    assert [upload.result(30).image.digest for upload in uploads] == [digest_of(content) for content in contents]
    assert images.DeleteSubject(DeleteSubjectRequest(subject="p1")).deleted_images == 12
    stored = Path(running.settings.data_folder) / "uploads"
    assert not [path for path in stored.glob("*/*/*") if path.is_file()]


def test_a_message_above_the_limit_is_refused_and_the_next_call_works(images: ImageServiceStub) -> None:
    large = iter([header(CONTENT), UploadImageRequest(chunk=bytes(5 * 1024 * 1024))])
    assert refused(images.UploadImage, large).code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert images.UploadImage(whole(CONTENT)).image.complete


def test_bytes_that_are_no_message_are_refused_without_innards(
    running: RunningServer, images: ImageServiceStub
) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{running.port}") as channel:
        one: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary("/radresponse.v1.ImageService/GetImage")
        refusal = refused(one, b"\xff\xff\xff")
        assert (refusal.code, refusal.reason) == (INVALID, "UNDECODABLE_REQUEST")
        assert "DecodeError" not in refusal.everything
        many: grpc.StreamUnaryMultiCallable[bytes, bytes] = channel.stream_unary(
            "/radresponse.v1.ImageService/UploadImage"
        )
        refusal = refused(many, iter([header(CONTENT).SerializeToString(), b"\xff\xff\xff"]))
        assert (refusal.code, refusal.reason) == (INVALID, "UNDECODABLE_REQUEST")
    assert images.UploadImage(whole(CONTENT)).image.complete
