"""Releases: signed by those who admit, believed by whoever has the public key, never changed. SQLite, PostgreSQL."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders.postgres import postgres
from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from models.errors import BadKey, BadRelease, BadStore, BrokenFile, ReleasesUnavailable
from models.releases import Event, Golden, PrivateKey, PublicKeys, Release, ReleaseStore, make_keys

DIGEST = "a" * 64
RELEASE = Release(
    name="outcome",
    version="3",
    digest=DIGEST,
    files={"MLmodel": "b" * 64, "model.ubj": "c" * 64},
    policy="research",
    report=json.dumps({"gates": []}),
    golden=(Golden({"clinical.age_years": 61.5, "clinical.sex": "female"}, ("a", "b"), ((0.25,), (0.1 + 0.2,))),),
    admitted_at="2026-11-25T10:00:00+00:00",
    admitted_by="an admitter",
)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    make_keys(folder)
    return folder


@pytest.fixture(scope="module")
def private(keys: Path) -> PrivateKey:
    return PrivateKey.read(keys / "release.key")


@pytest.fixture(scope="module")
def public(keys: Path) -> PublicKeys:
    return PublicKeys.read(keys / "release.pub")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres() as uri:
        yield uri


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ReleaseStore]:
    uri = None if request.param == "sqlite" else request.getfixturevalue("server").replace("+psycopg2", "")
    opened = ReleaseStore(uri, data_folder=tmp_path)
    yield opened
    opened.close()


def test_a_release_comes_back_as_it_was_signed(store: ReleaseStore, private: PrivateKey, public: PublicKeys) -> None:
    store.add(RELEASE.signed(private))
    found = store.newest("outcome", "3")
    assert found is not None
    assert found.verified(public) == RELEASE
    assert found.key == public.identities[0] == private.identity
    assert store.newest("outcome", "4") is None
    assert store.newest("progression", "3") is None


def test_the_release_that_was_added_last_counts(store: ReleaseStore, private: PrivateKey, public: PublicKeys) -> None:
    for version, who in (("8", "first"), ("8", "second"), ("9", "third")):
        store.add(replace(RELEASE, name="often", version=version, admitted_by=who).signed(private))
    found = store.newest_of({"often": "8", "never": "1"})
    assert [release.verified(public).admitted_by for release in found.values()] == ["second"]
    assert [one.verified(public).admitted_by for one in store.releases("often")] == ["first", "second", "third"]
    assert len(store.releases()) >= 3


def test_what_happened_comes_back_in_its_order(store: ReleaseStore) -> None:
    events = [
        Event("2026-11-25T10:00:00+00:00", "admitted", "told", "1", "an admitter", DIGEST),
        Event("2026-11-25T10:00:01+00:00", "promoted", "told", "1", "an admitter", DIGEST, "champion"),
        Event("2026-11-25T09:00:00+00:00", "serves", "told", "1", "a service", DIGEST, "champion", "its clock is slow"),
    ]
    for event in events:
        store.record(event)
    assert store.events("told") == tuple(events)
    assert set(events) <= set(store.events())


def test_nothing_in_the_store_can_be_changed_or_deleted(store: ReleaseStore, private: PrivateKey) -> None:
    store.add(replace(RELEASE, name="fixed").signed(private))
    store.record(Event("2026-11-25T10:00:00+00:00", "admitted", "fixed", "3", "an admitter"))
    engine = create_engine(store.uri.replace("postgresql:", "postgresql+psycopg2:"))
    for table in ("radresponse_releases", "radresponse_release_events"):
        for change in (f"UPDATE {table} SET version = '9'", f"DELETE FROM {table}"):  # noqa: S608
            with pytest.raises(SQLAlchemyError, match="only added to"), engine.begin() as connection:
                connection.execute(text(change))
    engine.dispose()
    assert store.newest("fixed", "3") is not None


def test_two_stores_that_begin_at_once_share_one(tmp_path: Path) -> None:
    stores = [ReleaseStore(data_folder=tmp_path) for _ in range(6)]
    moment, failures = threading.Barrier(len(stores)), []

    def record(number: int) -> None:
        moment.wait()
        try:
            stores[number].record(Event("2026-11-25T10:00:00+00:00", "serves", "m", str(number), "a service"))
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=record, args=(number,)) for number in range(len(stores))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert {event.version for event in stores[0].events("m")} == {str(number) for number in range(len(stores))}
    for store in stores:
        store.close()


def test_a_release_that_was_touched_is_not_believed(private: PrivateKey, public: PublicKeys) -> None:
    signed = RELEASE.signed(private)
    for touched in (
        replace(signed, content=signed.content.replace(b"research", b"clinical")),
        replace(signed, signature=signed.signature[:-1] + bytes([signed.signature[-1] ^ 1])),
        replace(signed, signature=b""),
        replace(signed, content=b"{}", signature=private.sign(b"{}")),
        replace(signed, version="4"),
        replace(signed, name="other"),
    ):
        with pytest.raises(BadRelease):
            touched.verified(public)
    assert signed.verified(public) == RELEASE


def test_a_release_of_another_key_is_not_believed_until_that_key_is_known(
    tmp_path: Path, keys: Path, public: PublicKeys
) -> None:
    private, other = make_keys(tmp_path / "other")
    signed = RELEASE.signed(PrivateKey.read(private))
    with pytest.raises(BadRelease, match="no key that this service knows"):
        signed.verified(public)
    both = tmp_path / "both.pub"
    both.write_bytes((keys / "release.pub").read_bytes() + other.read_bytes())
    assert signed.verified(PublicKeys.read(both)) == RELEASE


def test_openssl_reads_the_keys_and_keys_are_never_overwritten(tmp_path: Path) -> None:
    private, public = make_keys(tmp_path)
    assert private.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----")
    assert public.read_bytes().startswith(b"-----BEGIN PUBLIC KEY-----")
    assert private.stat().st_mode & 0o077 == 0
    before = private.read_bytes()
    with pytest.raises(BadKey, match="already"):
        make_keys(tmp_path)
    assert private.read_bytes() == before


def test_a_key_that_is_none_is_refused(tmp_path: Path) -> None:
    private, public = make_keys(tmp_path / "keys")
    with pytest.raises(BadKey, match=r"missing\.key: No such file"):
        PrivateKey.read(tmp_path / "missing.key")
    with pytest.raises(BadKey):
        PublicKeys.read(private)
    public.chmod(0o600)
    with pytest.raises(BadKey):
        PrivateKey.read(public)
    private.chmod(0o644)
    with pytest.raises(BadKey, match="chmod 600"):
        PrivateKey.read(private)
    (tmp_path / "empty.pub").write_bytes(b"")
    with pytest.raises(BadKey, match="0 Ed25519 keys"):
        PublicKeys.read(tmp_path / "empty.pub")


@pytest.mark.parametrize("uri", ["mysql://a/b", "http://x", "releases.db", "postgresql", ""])
def test_an_address_of_another_kind_is_refused(uri: str, tmp_path: Path) -> None:
    if not uri:
        assert ReleaseStore(uri, data_folder=tmp_path).uri.endswith("/releases.db")
        return
    with pytest.raises(BadStore):
        ReleaseStore(uri).events()


def test_a_store_that_does_not_answer_says_so_in_one_word(tmp_path: Path) -> None:
    with pytest.raises(ReleasesUnavailable):
        ReleaseStore("postgresql://nobody@127.0.0.1:9/none").releases()
    (tmp_path / "releases.db").write_bytes(b"no database" * 100)
    with pytest.raises(ReleasesUnavailable):
        ReleaseStore(data_folder=tmp_path).releases()


IMPOSSIBLE: list[dict[str, Any]] = [
    {"digest": "a"}, {"files": {}}, {"files": {"a": "b"}}, {"admitted_at": "yesterday"},
    {"admitted_at": "2026-11-25T10:00:00"},
]  # fmt: skip


@pytest.mark.parametrize("changes", IMPOSSIBLE, ids=str)
def test_an_impossible_release_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BrokenFile):
        replace(RELEASE, **changes)
