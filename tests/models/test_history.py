"""The history: what served when, admitted by whom, on which evidence."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from models.__main__ import main
from models.history import evidence_lines, history
from models.releases import Event, EventKind, PrivateKey, PublicKeys, Release, ReleaseStore, make_keys

A, B = "a" * 64, "b" * 64
REPORT = json.dumps({"checks": [{"gate": "files", "status": "passed", "detail": "four data files"}]})
RELEASE = Release(
    name="outcome",
    version="1",
    digest=A,
    files={"MLmodel": "c" * 64},
    policy="clinical",
    report=REPORT,
    golden=(),
    admitted_at="2026-11-25T09:00:00+00:00",
    admitted_by="an admitter",
)


def event(minute: int, kind: EventKind, version: str, digest: str, by: str = "service s1") -> Event:
    return Event(f"2026-11-25T10:{minute:02}:00+00:00", kind, "outcome", version, by, digest, "champion")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store in which version 1 served, then 2, then 1 again at one service, and 1 all along at another."""
    make_keys(tmp_path)
    key = PrivateKey.read(tmp_path / "release.key")
    store = ReleaseStore(data_folder=tmp_path)
    store.add(RELEASE.signed(key))
    store.add(replace(RELEASE, version="2", digest=B, policy="research").signed(key))
    for happened in (
        event(0, "serves", "1", A),
        event(1, "serves", "1", A, "service s2"),
        event(5, "serves", "1", A),  # the service started again
        event(10, "stopped", "1", A),
        event(10, "serves", "2", B),
        event(12, "trouble", "3", ""),
        event(20, "serves", "1", A),  # a rollback; that 2 stopped was not told
    ):
        store.record(happened)
    store.close()
    return tmp_path


def test_stretches_are_told_with_who_admitted_what(folder: Path) -> None:
    store = ReleaseStore(data_folder=folder)
    stretches = history(store, "outcome", PublicKeys.read(folder / "release.pub"))
    store.close()
    assert [(one.version, one.service, one.since[14:16], one.until[14:16]) for one in stretches] == [
        ("1", "service s1", "00", "10"),
        ("1", "service s2", "01", ""),
        ("2", "service s1", "10", "20"),
        ("1", "service s1", "20", ""),
    ]
    for one in stretches:
        assert one.admitted is not None
        assert (one.admitted.by, one.admitted.signature) == ("an admitter", "good")
        assert one.admitted.policy == ("research" if one.version == "2" else "clinical")


def test_a_release_of_other_files_or_by_another_key_is_told(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    make_keys(other)
    store = ReleaseStore(data_folder=folder)
    store.record(event(30, "serves", "2", "f" * 64))
    stretches = history(store, keys=PublicKeys.read(other / "release.pub"))
    assert history(store, "another") == ()
    store.close()
    assert stretches[-1].admitted is None
    first = stretches[0].admitted
    assert first is not None and "no key that this service knows" in first.signature


def test_the_command_prints_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "--data", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "outcome 2 (bbbbbbbbbbbb): 2026-11-25T10:10:00+00:00 to 2026-11-25T10:20:00+00:00, as champion" in out
    assert "admitted for research use by an admitter" in out and "signature not checked" in out
    assert "files: passed, four data files" in out
    key = str(folder / "release.pub")
    assert main(["history", "outcome", "--data", str(folder), "--public-key", key, "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["admitted"]["signature"] for row in rows] == ["good"] * 4
    assert main(["history", "--data", str(folder / "empty")]) == 0
    assert "nothing has served yet" in capsys.readouterr().out


def test_a_report_of_another_form_has_no_lines() -> None:
    for report in ("", "[]", "{}", '{"checks": 3}', '{"checks": [1]}', "no JSON"):
        assert evidence_lines(report) == ()
