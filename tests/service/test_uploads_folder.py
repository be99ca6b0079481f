"""What lies in the folder of uploads: nobody's name, nothing stray, nothing half."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from builders.servers import digest_of
from builders.uploads import CONTENT, Clock, begin, break_off, files, held, opened, put

from service.errors import (
    OffsetMismatch,
    SettingsError,
    UploadTakenOver,
)
from service.upload import Upload
from service.uploads import UploadStore


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[UploadStore]:
    with opened(tmp_path / "uploads", clock) as uploads:
        yield uploads


def test_many_threads_put_and_delete_without_loss(store: UploadStore) -> None:
    def work(number: int) -> None:
        subject = f"s{number % 3}"
        for _ in range(5):
            put_once(subject)
        if number % 3 == 0:
            store.delete_subject("c", subject)

    def put_once(subject: str) -> None:
        begun = store.begin("c", subject, digest_of(CONTENT), len(CONTENT))
        if isinstance(begun, Upload):
            try:
                begun.write(CONTENT)
                begun.finish()
            except UploadTakenOver:
                pass
            finally:
                begun.suspend()

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(work, range(12)))
    for subject in ("s1", "s2"):
        source = store.open("c", subject, digest_of(CONTENT))
        assert isinstance(source.content, Path)
        assert source.content.read_bytes() == CONTENT
    for subject in ("s0", "s1", "s2"):
        store.delete_subject("c", subject)
    assert files(store) == []
    assert not store._live


def test_unfinished_uploads_age_out_and_running_ones_do_not(store: UploadStore, clock: Clock) -> None:
    break_off(store, 1000)
    running = begin(store, b"running")
    running.write(b"run")
    clock.now += 99
    assert store.tidy() == 0
    clock.now += 2
    assert store.tidy() == 1
    assert held(store) is None
    running.write(b"ning")
    running.finish()
    assert [path.name for path in files(store)] == [digest_of(b"running")]


def test_files_that_a_crash_left_behind_are_tidied_at_the_next_start(tmp_path: Path) -> None:
    store = UploadStore(tmp_path)
    digest = put(store)
    store.close()
    (tmp_path / "incoming" / ("f" * 64)).write_bytes(b"stray")
    (tmp_path / "blobs" / "ff").mkdir()
    (tmp_path / "blobs" / "ff" / ("f" * 64)).write_bytes(b"stray")
    again = UploadStore(tmp_path)
    assert [path.name for path in files(again)] == [digest]
    again.close()


def test_a_folder_serves_one_server(store: UploadStore, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="another server"):
        UploadStore(tmp_path / "uploads")


def test_the_folder_is_its_users_alone_and_names_nobody(tmp_path: Path) -> None:
    store = UploadStore(tmp_path / "uploads")
    for number in range(20):
        put(store, CONTENT + bytes([number]), caller="NEEDLE-CALLER", subject="NEEDLE-SUBJECT")
    upload = begin(store, b"half of it", caller="NEEDLE-CALLER", subject="NEEDLE-SUBJECT")
    upload.write(b"half")
    upload.suspend()
    store.delete_subject("NEEDLE-CALLER", "OTHER")
    assert (tmp_path / "uploads").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "uploads" / "key").stat().st_mode & 0o777 == 0o600
    for path in (tmp_path / "uploads").rglob("*"):
        assert "NEEDLE" not in str(path.relative_to(tmp_path))
        if path.is_file():
            assert b"NEEDLE" not in path.read_bytes()
        if path.is_file() and path.parent.name not in {"uploads"}:
            assert len(path.name) == 64 and int(path.name, 16) >= 0
    store.close()


def test_a_full_disk_keeps_what_came_before(store: UploadStore, monkeypatch: pytest.MonkeyPatch) -> None:
    # A real full disk takes rights that tests do not have: RLIMIT_FSIZE ends a write in the middle as well, by EFBIG.
    import errno  # noqa: PLC0415
    import resource  # noqa: PLC0415
    import signal  # noqa: PLC0415

    from service import upload as module  # noqa: PLC0415
    from service.errors import StoreFull  # noqa: PLC0415

    monkeypatch.setattr(module, "_NO_ROOM", {errno.EFBIG})
    old_handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    upload = begin(store)
    upload.write(CONTENT[:4000])
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))
        with pytest.raises(StoreFull):
            upload.write(CONTENT[4000:])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, old_handler)
    upload.suspend()
    resumed = begin(store, offset=4000)
    resumed.write(CONTENT[4000:])
    resumed.finish()
    assert held(store) is not None


def test_a_deletion_during_the_hashing_of_a_resumed_upload_is_no_bug(store: UploadStore) -> None:
    for _ in range(20):
        break_off(store, 9000)
        thread = threading.Thread(target=store.delete_subject, args=("c", "s"))
        try:
            thread.start()
            begin(store, offset=9000).suspend()
        except (UploadTakenOver, OffsetMismatch):
            pass
        finally:
            thread.join()
        store.delete_subject("c", "s")
    assert files(store) == []
