"""Features kept: merged, shared, forgotten, and never in the way."""

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.cache import FeatureCache, Key, Shelf

IMAGE, MASK, OTHER = "a" * 64, "b" * 64, "c" * 64


def key(image: str = IMAGE, segmentation: str = MASK, what: str = "radiomics", lesions: str = "1") -> Key:
    return Key(image, segmentation, what, lesions)


def test_what_is_put_is_found_and_nothing_else() -> None:
    cache = FeatureCache()
    cache.put(key(), {"mean": 1.5, "nan": "no finite number"})
    assert cache.get(key()) == {"mean": 1.5, "nan": "no finite number"}
    for other in (key(image=OTHER), key(segmentation=OTHER), key(what="x"), key(lesions="2")):
        assert cache.get(other) == {}


@given(st.dictionaries(st.text(max_size=9), st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9)))
def test_numbers_and_reasons_come_back_as_they_were_to_the_last_bit(found: dict[str, float | str]) -> None:
    cache = FeatureCache()
    cache.put(key(), {"before": 1.0})
    cache.put(key(), found)
    assert cache.get(key()) == {"before": 1.0, **found}
    cache.close()


def test_a_later_put_adds_and_replaces() -> None:
    cache = FeatureCache()
    cache.put(key(), {"a": 1.0, "b": 2.0})
    cache.put(key(), {"b": 3.0, "c": 4.0})
    assert cache.get(key()) == {"a": 1.0, "b": 3.0, "c": 4.0}


def test_a_file_outlives_the_process_and_two_share_it(tmp_path: Path) -> None:
    one, other = FeatureCache(tmp_path / "cache.db"), FeatureCache(tmp_path / "cache.db")
    one.put(key(), {"a": 1.0})
    other.put(key(), {"b": 2.0})
    one.close()
    other.close()
    assert FeatureCache(tmp_path / "cache.db").get(key()) == {"a": 1.0, "b": 2.0}


def test_threads_that_put_to_one_entry_lose_nothing(tmp_path: Path) -> None:
    caches = [FeatureCache(tmp_path / "cache.db") for _ in range(2)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: caches[n % 2].put(key(), {f"feature_{n}": float(n)}), range(100)))
    assert caches[0].get(key()) == {f"feature_{n}": float(n) for n in range(100)}


def shelf_of(cache: FeatureCache, holder: str, *staying: str) -> Shelf:
    shelf = cache.shelf(holder)
    for digest in staying:
        shelf.stays(digest)
    return shelf


def left_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


def test_holders_never_see_what_was_computed_for_another() -> None:
    cache = FeatureCache()
    shelf_of(cache, "one", IMAGE, MASK).put(key(), {"a": 1.0})
    assert shelf_of(cache, "one", IMAGE, MASK).get(key()) == {"a": 1.0}
    assert shelf_of(cache, "other", IMAGE, MASK).get(key()) == {}
    assert cache.get(key()) == {}


def test_a_holder_is_forgotten_without_a_trace_and_no_other_is(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path / "cache.db")
    for holder, value in (("one", 123.456), ("other", 654.321)):
        shelf = shelf_of(cache, holder, IMAGE, MASK)
        shelf.put(key(), {"a": value})
        shelf.put(key(segmentation=f"{MASK} resampled"), {"a": value})
    assert (b"123.456" in left_in(tmp_path), cache.forget("one")) == (True, 2)
    assert b"123.456" not in left_in(tmp_path)
    assert b"one" + IMAGE.encode() not in left_in(tmp_path)
    assert shelf_of(cache, "other", IMAGE, MASK).get(key()) == {"a": 654.321}
    assert cache.forget("one") == 0


@pytest.mark.parametrize("staying", [(), (IMAGE,), (MASK,)])
def test_features_of_files_that_do_not_stay_live_as_long_as_the_shelf(tmp_path: Path, staying: tuple[str, ...]) -> None:
    cache = FeatureCache(tmp_path / "cache.db")
    shelf = shelf_of(cache, "one", *staying)
    shelf.put(key(), {"a": 123.456})
    shelf.put(key(), {"b": 2.0})
    assert shelf.get(key()) == {"a": 123.456, "b": 2.0}
    assert shelf_of(cache, "one", IMAGE, MASK).get(key()) == {}
    assert b"123.456" not in left_in(tmp_path)


def test_work_that_runs_while_its_holder_is_forgotten_keeps_nothing(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path / "cache.db")
    running, others = shelf_of(cache, "one", IMAGE, MASK), shelf_of(cache, "other", IMAGE, MASK)
    cache.forget("one")
    running.put(key(), {"a": 123.456})
    others.put(key(), {"a": 1.0})
    assert b"123.456" not in left_in(tmp_path)
    assert others.get(key()) == {"a": 1.0}
    later = shelf_of(cache, "one", IMAGE, MASK)
    later.put(key(), {"a": 2.0})
    assert later.get(key()) == {"a": 2.0}


def test_the_oldest_go_when_there_are_too_many() -> None:
    cache = FeatureCache(max_entries=3)
    for label in range(6):
        cache.put(key(lesions=str(label)), {"a": float(label)})
    assert [bool(cache.get(key(lesions=str(label)))) for label in range(6)] == [False] * 3 + [True] * 3


def test_another_layout_is_never_read(tmp_path: Path) -> None:
    cache = FeatureCache(tmp_path / "cache.db")
    cache.put(key(), {"a": 1.0})
    cache.close()
    with sqlite3.connect(tmp_path / "cache.db") as connection:
        connection.execute("PRAGMA user_version = 77")
    connection.close()
    assert FeatureCache(tmp_path / "cache.db").get(key()) == {}


def test_a_broken_file_is_made_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "cache.db").write_bytes(b"this is no database " * 500)
    cache = FeatureCache(tmp_path / "cache.db")
    cache.put(key(), {"a": 1.0})
    assert cache.get(key()) == {"a": 1.0}
    assert "starts anew" in caplog.text


def break_content(cache: FeatureCache, path: Path) -> None:
    del cache
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE features SET found = 'no json'")
    connection.close()


def break_table(cache: FeatureCache, path: Path) -> None:
    del cache
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE features")
    connection.close()


@pytest.mark.parametrize("broken", [break_content, break_table])
def test_a_cache_that_fails_costs_time_and_no_answer(
    tmp_path: Path, broken: Callable[[FeatureCache, Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    cache = FeatureCache(tmp_path / "cache.db")
    cache.put(key(), {"a": 1.0})
    broken(cache, tmp_path / "cache.db")
    assert cache.get(key()) == {}
    cache.put(key(), {"a": 2.0})
    assert "could not be read" in caplog.text


def test_a_number_that_json_cannot_hold_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="JSON"):
        FeatureCache().put(key(), {"a": float("nan")})
