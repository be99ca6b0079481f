"""MLflow's webhooks, signed by MLflow's own hand: a hint that is believed only when signed and timely, no more."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest
from builders.registry import write
from builders.releases import copied, put
from builders.servers import free_port
from builders.serving import serving
from hypothesis import given
from hypothesis import strategies as st
from mlflow.webhooks.delivery import _generate_hmac_signature

from radresponse.v1 import model_pb2
from service.errors import SettingsError
from service.settings import Settings
from service.webhook import MAX_AGE_SECONDS, MAX_BODY_BYTES, Webhook, genuine, webhook_of

SECRET = "a secret of some length"
NAME = "progression-age"
BODY = '{"entity": "model_version_alias", "action": "created"}'


def headers(body: str = BODY, *, secret: str = SECRET, moment: float | None = None) -> dict[str, str]:
    told = str(int(time.time() if moment is None else moment))
    signature = _generate_hmac_signature(secret, "delivery-1", told, body)
    return {"X-MLflow-Signature": signature, "X-MLflow-Delivery-Id": "delivery-1", "X-MLflow-Timestamp": told}


def post(port: int, body: str = BODY, path: str = "/registry", **changed: str) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("POST", path, body, headers(body) | {name.replace("_", "-"): of for name, of in changed.items()})
    status = connection.getresponse().status
    connection.close()
    return status


@contextmanager
def listening(hint: Callable[[], None], clock: Callable[[], float] = time.time) -> Iterator[Webhook]:
    webhook = Webhook("127.0.0.1", 0, SECRET.encode(), hint, clock)
    webhook.start()
    try:
        yield webhook
    finally:
        webhook.stop()


@given(st.text(max_size=40), st.text(alphabet=st.characters(codec="ascii", min_codepoint=33), max_size=20))
def test_what_mlflow_signs_is_genuine_and_nothing_else(body: str, delivery: str) -> None:
    signature = _generate_hmac_signature(SECRET, delivery, "1000", body)
    content = body.encode("utf-8")
    assert genuine(SECRET.encode(), signature, delivery, "1000", content, 1000.0)
    assert not genuine(b"another secret", signature, delivery, "1000", content, 1000.0)
    assert not genuine(SECRET.encode(), signature, delivery, "1001", content, 1000.0)
    assert not genuine(SECRET.encode(), signature, delivery + "x", "1000", content, 1000.0)
    assert not genuine(SECRET.encode(), signature, delivery, "1000", content + b"x", 1000.0)
    assert not genuine(SECRET.encode(), signature, delivery, "1000", content, 1001.0 + MAX_AGE_SECONDS)
    assert not genuine(SECRET.encode(), signature, delivery, "1000", content, 999.0 - MAX_AGE_SECONDS)


@pytest.mark.parametrize("timestamp", ["", "now", "-5", "1e3", "1000.5", "1" * 13, "٣"])
def test_a_moment_that_is_no_number_is_not_genuine(timestamp: str) -> None:
    signature = _generate_hmac_signature(SECRET, "d", timestamp, BODY)
    assert not genuine(SECRET.encode(), signature, "d", timestamp, BODY.encode(), 1000.0)


def test_only_a_genuine_one_is_a_hint() -> None:
    hints: list[float] = []
    with listening(lambda: hints.append(1.0)) as webhook:
        assert post(webhook.port) == 204
        end = time.monotonic() + 20
        while not hints and time.monotonic() < end:  # the answer goes out first
            time.sleep(0.01)
        assert len(hints) == 1
        for status in (
            post(webhook.port, X_MLflow_Signature="v1,AAAA"),
            post(webhook.port, X_MLflow_Signature="ü"),
            post(webhook.port, X_MLflow_Timestamp=str(int(time.time() - 2 * MAX_AGE_SECONDS))),
            post(webhook.port, X_MLflow_Delivery_Id="another"),
            post(webhook.port, path="/other"),
            post(webhook.port, "x" * (MAX_BODY_BYTES + 1)),
            post(webhook.port, Content_Length="-1"),
        ):
            assert status == 403
        assert len(hints) == 1


def test_a_hint_makes_the_next_look_come_at_once(registry_folder: Path, tmp_path: Path) -> None:
    registry = copied(registry_folder, tmp_path)
    (tmp_path / "secret").write_text(SECRET + "\n")
    port = free_port()
    settings = Settings(
        port=0, data_folder=tmp_path, registry_uri=registry.uri, poll_seconds=600, drain_seconds=1,
        webhook_port=port, webhook_secret_file=tmp_path / "secret",
    )  # fmt: skip
    with serving(settings) as service:
        put(registry, write(tmp_path / "v2", NAME, seed=2), NAME)

        def version() -> str:
            return service.get_model(model_pb2.GetModelRequest(name=NAME)).model.reference.version

        assert post(port, X_MLflow_Signature="v1,AAAA") == 403
        assert version() == "1"
        assert post(port) == 204
        end = time.monotonic() + 30
        while version() != "2":
            assert time.monotonic() < end
            time.sleep(0.02)
    assert not [one for one in threading.enumerate() if one.name == "webhook"]


def test_a_secret_that_is_none_and_a_port_that_is_taken_are_refused(tmp_path: Path) -> None:
    def settings(port: int) -> Settings:
        return Settings(webhook_port=port, webhook_secret_file=tmp_path / "secret")

    with pytest.raises(SettingsError, match="webhook_secret_file: No such file"):
        webhook_of(settings(1234), lambda: None)
    (tmp_path / "secret").write_text("short\n")
    with pytest.raises(SettingsError, match="5 characters; wanted 16"):
        webhook_of(settings(1234), lambda: None)
    (tmp_path / "secret").write_text(SECRET)
    with listening(lambda: None) as webhook, pytest.raises(SettingsError, match=r"webhook_port: .*in use"):
        webhook_of(settings(webhook.port), lambda: None)
    with pytest.raises(SettingsError, match="wanted both or none"):
        Settings(webhook_port=1234)
