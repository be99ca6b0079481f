"""The store of uploads by itself: who holds what, and what is kept of a broken-off one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from builders.servers import digest_of
from builders.uploads import CONTENT, Clock, begin, break_off, files, held, opened, put
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.cache import FeatureCache, Key
from service.errors import (
    BadRequestField,
    DigestMismatch,
    ImageNotFound,
    OffsetMismatch,
    TooManyBytes,
    UploadIncomplete,
    UploadTakenOver,
    UploadTooLarge,
)
from service.upload import Upload
from service.uploads import Stored, UploadStore


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[UploadStore]:
    with opened(tmp_path / "uploads", clock) as uploads:
        yield uploads


def test_what_was_put_opens_with_its_digest(store: UploadStore) -> None:
    digest = put(store)
    source = store.open("c", "s", digest)
    assert isinstance(source.content, Path)
    assert source.content.read_bytes() == CONTENT
    assert source.digest == digest
    assert held(store) == Stored(digest, len(CONTENT), len(CONTENT), True, 1_000_000.0)


@pytest.mark.parametrize(("caller", "subject"), [("d", "s"), ("c", "t"), ("", "cs"), ("cs", "")])
def test_nobody_else_sees_it(store: UploadStore, caller: str, subject: str) -> None:
    digest = put(store)
    with pytest.raises(ImageNotFound):
        store.open(caller, subject, digest)
    assert held(store, caller, subject) is None


def test_another_must_send_every_byte(store: UploadStore) -> None:
    put(store)
    upload = begin(store, caller="d")
    upload.write(CONTENT[:-1])
    with pytest.raises(UploadIncomplete):
        upload.finish()
    assert held(store, "d") is not None
    assert not store.get("d", "s", digest_of(CONTENT)).complete


def test_callers_and_subjects_that_join_to_one_text_are_apart(store: UploadStore) -> None:
    put(store, caller="a", subject="b:c")
    assert held(store, "a:b", "c") is None


def test_a_second_time_nothing_is_needed(store: UploadStore) -> None:
    put(store)
    assert isinstance(store.begin("c", "s", digest_of(CONTENT), len(CONTENT)), Stored)


def test_identical_bytes_lie_once_and_stay_until_the_last_holder_deletes(store: UploadStore) -> None:
    digest = put(store)
    put(store, subject="t")
    put(store, caller="d")
    assert len(files(store)) == 1
    assert store.delete_subject("c", "s").images == 1
    assert store.open("c", "t", digest).content
    store.delete_subject("c", "t")
    source = store.open("d", "s", digest)
    assert isinstance(source.content, Path)
    assert source.content.read_bytes() == CONTENT
    store.delete_subject("d", "s")
    assert files(store) == []


def test_a_deletion_counts_finished_and_unfinished(store: UploadStore) -> None:
    put(store)
    put(store, b"other")
    break_off(store, 100, CONTENT + b"x")
    deleted = store.delete_subject("c", "s")
    assert (deleted.images, deleted.bytes) == (3, len(CONTENT) + 5 + 100)
    assert files(store) == []
    deleted = store.delete_subject("c", "s")
    assert (deleted.images, deleted.bytes) == (0, 0)


def test_features_go_with_their_own_holder(tmp_path: Path) -> None:
    cache = FeatureCache()
    store = UploadStore(tmp_path, features=cache)
    digest = put(store)
    put(store, caller="d")
    key = Key(digest, digest, "radiomics", "1")
    for caller, value in (("c", 1.0), ("d", 2.0)):
        shelf = cache.shelf(store.holder(caller, "s"))
        shelf.stays(digest)
        shelf.put(key, {"a": value})
    store.delete_subject("c", "s")
    found = []
    for caller in ("c", "d"):
        shelf = cache.shelf(store.holder(caller, "s"))
        shelf.stays(digest)
        found.append(shelf.get(key))
    assert found == [{}, {"a": 2.0}]
    store.close()
    cache.close()


def test_a_broken_off_upload_goes_on_where_it_stopped(store: UploadStore) -> None:
    break_off(store, 1000)
    assert held(store) == Stored(digest_of(CONTENT), len(CONTENT), 1000, False, 1_000_000.0)
    upload = begin(store, offset=1000)
    upload.write(CONTENT[1000:])
    upload.finish()
    source = store.open("c", "s", digest_of(CONTENT))
    assert isinstance(source.content, Path)
    assert source.content.read_bytes() == CONTENT
    assert len(files(store)) == 1


def test_it_goes_on_after_a_restart(tmp_path: Path) -> None:
    store = UploadStore(tmp_path)
    upload = begin(store)
    upload.write(CONTENT[:5000])
    store.close()  # with the upload still running
    again = UploadStore(tmp_path)
    resumed = begin(again, offset=5000)
    resumed.write(CONTENT[5000:])
    resumed.finish()
    assert held(again) is not None
    again.close()


def test_another_cannot_go_on_with_it(store: UploadStore) -> None:
    break_off(store, 1000)
    with pytest.raises(OffsetMismatch) as refused:
        begin(store, caller="d", offset=1000)
    assert refused.value.details["held_bytes"] == "0"


@pytest.mark.parametrize("offset", [999, 1001, len(CONTENT)])
def test_the_rest_must_begin_where_the_part_ends(store: UploadStore, offset: int) -> None:
    break_off(store, 1000)
    with pytest.raises(OffsetMismatch, match="1000"):
        begin(store, offset=offset)
    assert held(store) is not None


def test_of_two_broken_off_ones_the_longer_is_kept(store: UploadStore) -> None:
    break_off(store, 3000)
    break_off(store, 1000)
    assert [path.stat().st_size for path in files(store)] == [3000]


def test_one_that_broke_off_before_its_first_byte_leaves_nothing(store: UploadStore) -> None:
    begin(store).suspend()
    assert files(store) == []
    assert held(store) is None


def test_a_wrong_digest_drops_what_came(store: UploadStore) -> None:
    upload = store.begin("c", "s", digest_of(b"something else"), len(CONTENT))
    assert isinstance(upload, Upload)
    upload.write(CONTENT)
    with pytest.raises(DigestMismatch):
        upload.finish()
    upload.suspend()
    assert files(store) == []


def test_a_wrong_beginning_is_found_when_the_rest_has_come(store: UploadStore) -> None:
    upload = begin(store)
    upload.write(b"?" * 1000)
    upload.suspend()
    resumed = begin(store, offset=1000)
    resumed.write(CONTENT[1000:])
    with pytest.raises(DigestMismatch):
        resumed.finish()
    assert files(store) == []


def test_more_than_declared_is_refused_and_dropped(store: UploadStore) -> None:
    upload = begin(store)
    with pytest.raises(TooManyBytes):
        upload.write(CONTENT + b"x")
    upload.suspend()
    assert files(store) == []


@pytest.mark.parametrize(("size", "offset"), [(0, 0), (-1, 0), (10, -1), (10, 11)])
def test_sizes_that_cannot_be_are_refused(store: UploadStore, size: int, offset: int) -> None:
    with pytest.raises(BadRequestField):
        store.begin("c", "s", digest_of(CONTENT), size, offset)


def test_a_file_above_the_limit_is_refused_by_its_header(store: UploadStore) -> None:
    with pytest.raises(UploadTooLarge, match="100000"):
        store.begin("c", "s", digest_of(CONTENT), 100_001)


def test_a_size_other_than_the_stored_files_is_refused(store: UploadStore) -> None:
    put(store)
    with pytest.raises(BadRequestField, match=str(len(CONTENT))):
        store.begin("c", "s", digest_of(CONTENT), len(CONTENT) - 1)


def test_a_caller_who_is_back_before_the_break_was_noticed_goes_on(store: UploadStore) -> None:
    stuck = begin(store)
    stuck.write(CONTENT[:4000])
    upload = begin(store, offset=4000)
    with pytest.raises(UploadTakenOver):
        stuck.write(CONTENT[4000:])
    upload.write(CONTENT[4000:])
    upload.finish()
    stuck.suspend()
    source = store.open("c", "s", digest_of(CONTENT))
    assert isinstance(source.content, Path)
    assert source.content.read_bytes() == CONTENT


def test_a_deletion_ends_an_upload_that_runs(store: UploadStore) -> None:
    upload = begin(store)
    upload.write(CONTENT[:4000])
    assert store.delete_subject("c", "s").bytes == 4000
    with pytest.raises(UploadTakenOver):
        upload.write(CONTENT[4000:])
    upload.suspend()
    assert files(store) == []
    upload = begin(store)
    upload.write(CONTENT)
    store.delete_subject("c", "s")
    with pytest.raises(UploadTakenOver):
        upload.finish()
    assert files(store) == []


def test_two_uploads_of_the_same_file_at_once_both_end_well(store: UploadStore) -> None:
    first, second = begin(store), begin(store)
    first.write(CONTENT[:6000])
    second.write(CONTENT[:2000])
    first.write(CONTENT[6000:])
    first.finish()
    second.write(CONTENT[2000:])
    second.finish()
    assert len(files(store)) == 1
    assert held(store) == Stored(digest_of(CONTENT), len(CONTENT), len(CONTENT), True, 1_000_000.0)


@given(cuts=st.lists(st.integers(0, 60), max_size=6), content=st.binary(min_size=1, max_size=60))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_however_often_an_upload_breaks_the_file_comes_out_whole(
    store: UploadStore, cuts: list[int], content: bytes
) -> None:
    received = 0
    for cut in [*cuts, len(content)]:
        upload = begin(store, content, offset=received)
        upload.write(content[received:cut])
        if cut == len(content):
            upload.finish()
        upload.suspend()
        found = held(store, content=content)
        received = found.received_bytes if found else 0
        if found and found.complete:
            break
    source = store.open("c", "s", digest_of(content))
    assert isinstance(source.content, Path)
    assert source.content.read_bytes() == content
    store.delete_subject("c", "s")
    assert files(store) == []
