"""The demo's server says why it did not start, and nothing of the demo reaches a registry in use."""

from pathlib import Path

import pytest

from service.demo.process import ServerFailed, own_environment, running_server


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    with (
        pytest.raises(ServerFailed, match=r"(?s)code 2.*bogus: no such setting"),
        running_server(tmp_path, {"bogus": 1}),
    ):
        raise AssertionError("it started")


def test_the_demo_s_server_does_not_see_a_registry_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://mlflow.example")
    monkeypatch.setenv("RADRESPONSE_REGISTRY_URI", "https://mlflow.example")
    monkeypatch.setenv("HOME", "/home/someone")
    seen = own_environment()
    assert not any("mlflow.example" in value for value in seen.values())
    assert seen["HOME"] == "/home/someone"
