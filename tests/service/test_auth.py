"""Tokens with roles, over a real server: who gets in where, and what a refusal tells."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from builders.servers import Refusal, image_server, refused
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from radresponse.v1.image_pb2 import DeleteSubjectRequest
from radresponse.v1.image_pb2_grpc import ImageServiceStub
from radresponse.v1.model_pb2_grpc import ModelServiceStub
from service.auth import NEEDED, Caller
from service.errors import SettingsError
from service.settings import Settings
from service.tokens import Token, Tokens, add_token, new_token, read_tokens

DELETE = DeleteSubjectRequest(subject="p1")
UNAUTHENTICATED, DENIED = grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def made(file: Path, name: str, *roles: str, expires: datetime | None = None) -> str:
    secret, token = new_token(name, roles, expires)
    add_token(file, token)
    return secret


@contextmanager
def asked(folder: Path) -> Iterator[grpc.Channel]:
    settings = Settings(port=0, data_folder=folder, tokens_file=folder / "tokens.yaml", drain_seconds=1)
    with image_server(settings) as running, grpc.insecure_channel(f"127.0.0.1:{running.port}") as channel:
        yield channel


def with_token(secret: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {secret}"),)


def delete(channel: grpc.Channel, *metadata: tuple[str, str]) -> None:
    ImageServiceStub(channel).DeleteSubject(DELETE, metadata=metadata)


@pytest.fixture(scope="module")
def secrets_(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("auth")
    file = folder / "tokens.yaml"
    now = datetime.now(UTC)
    return {
        "folder": str(folder),
        "clinic": made(file, "clinic", "predict", "read"),
        "reader": made(file, "reader", "read"),
        "boss": made(file, "boss", "admin"),
        "old": made(file, "old", "predict", expires=now - timedelta(minutes=1)),
        "young": made(file, "young", "predict", expires=now + timedelta(hours=1)),
    }


@pytest.fixture(scope="module")
def channel(secrets_: dict[str, str]) -> Iterator[grpc.Channel]:
    with asked(Path(secrets_["folder"])) as channel:
        yield channel


@pytest.mark.parametrize("who", ["clinic", "boss", "young"])
def test_a_caller_with_the_role_gets_in(channel: grpc.Channel, secrets_: dict[str, str], who: str) -> None:
    delete(channel, *with_token(secrets_[who]))


def test_the_word_bearer_is_taken_in_any_case(channel: grpc.Channel, secrets_: dict[str, str]) -> None:
    delete(channel, ("authorization", f"bearer {secrets_['clinic']}"))


def test_a_caller_without_the_role_is_told_which(channel: grpc.Channel, secrets_: dict[str, str]) -> None:
    refusal = refused(delete, channel, *with_token(secrets_["reader"]))
    assert (refusal.code, refusal.reason) == (DENIED, "NOT_ALLOWED")
    assert refusal.metadata == {"needed": "predict", "held": "read"}


def test_no_token_an_unknown_one_and_an_expired_one_are_refused(
    channel: grpc.Channel, secrets_: dict[str, str]
) -> None:
    bearer = [
        (),
        with_token("rr_unknown"),
        with_token(secrets_["old"]),
        with_token(secrets_["clinic"][:-1]),
        with_token(""),
        (("authorization", secrets_["clinic"]),),
        (("authorization", f"Basic {secrets_['clinic']}"),),
        with_token("rr_unknown") + with_token(secrets_["clinic"]),
        (("x-authorization", f"Bearer {secrets_['clinic']}"),),
    ]
    refusals: list[Refusal] = [refused(delete, channel, *metadata) for metadata in bearer]
    assert {(refusal.code, refusal.reason) for refusal in refusals} == {(UNAUTHENTICATED, "UNAUTHENTICATED")}
    for refusal in refusals:
        assert secrets_["clinic"] not in refusal.everything
    assert refusals[1].message == refusals[2].message  # unknown and expired look the same


def test_health_is_open_to_all(channel: grpc.Channel) -> None:
    answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())  # type: ignore[attr-defined]
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_reflection_needs_any_role(channel: grpc.Channel, secrets_: dict[str, str]) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    listing = reflection_pb2.ServerReflectionRequest(list_services="")

    def names(*metadata: tuple[str, str]) -> set[str]:
        answers = stub.ServerReflectionInfo(iter([listing]), metadata=metadata)  # type: ignore[operator]  # of its stubs
        return {service.name for answer in answers for service in answer.list_services_response.service}

    assert "radresponse.v1.ImageService" in names(*with_token(secrets_["reader"]))
    assert refused(names).code is UNAUTHENTICATED


def test_every_service_of_the_contract_has_its_role() -> None:
    from radresponse.v1 import image_pb2, model_pb2, prediction_pb2  # noqa: PLC0415

    for module in (image_pb2, model_pb2, prediction_pb2):
        for service in module.DESCRIPTOR.services_by_name.values():
            assert NEEDED[service.full_name] in {"predict", "read"}


def test_a_service_that_nobody_thought_of_needs_admin() -> None:
    assert not Caller("c", ("predict", "read")).may("admin")
    assert Caller("c", ("admin",)).may("predict")
    assert not Caller("c", ()).may("any")


def test_tokens_are_read_again_when_the_file_changes(tmp_path: Path) -> None:
    file = tmp_path / "tokens.yaml"
    first = made(file, "first", "predict")
    with asked(tmp_path) as channel:
        delete(channel, *with_token(first))
        second = made(file, "second", "predict")
        delete(channel, *with_token(second))
        file.write_text("")
        assert refused(delete, channel, *with_token(first)).code is UNAUTHENTICATED


def test_a_file_that_breaks_leaves_the_tokens_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "tokens.yaml"
    secret = made(file, "first", "predict")
    tokens = Tokens(file)
    file.write_text("- {name: half")
    assert tokens.find(secret) is not None
    assert "stay as they were" in caplog.text
    file.unlink()
    assert tokens.find(secret) is not None


def test_what_is_kept_is_no_secret(tmp_path: Path) -> None:
    file = tmp_path / "tokens.yaml"
    secret = made(file, "clinic", "predict", "read")
    assert secret not in file.read_text()
    assert len(secret) >= 43  # 256 bits
    assert file.stat().st_mode & 0o777 == 0o600
    assert secret != made(file, "clinic", "predict")
    assert len(read_tokens(file)) == 2


def test_a_token_lasts_until_it_expires(tmp_path: Path) -> None:
    file = tmp_path / "tokens.yaml"
    secret = made(file, "clinic", "predict", expires=NOW)
    now = [NOW - timedelta(seconds=1)]
    tokens = Tokens(file, clock=lambda: now[0])
    assert tokens.find(secret) is not None
    now[0] = NOW
    assert tokens.find(secret) is None


def test_a_plain_date_lasts_until_its_end(tmp_path: Path) -> None:
    file = tmp_path / "tokens.yaml"
    secret, token = new_token("clinic", ("read",))
    file.write_text(token.line().replace("}", ", expires: 2026-06-01}"))
    tokens = Tokens(file, clock=lambda: datetime(2026, 6, 1, 23, 59, tzinfo=UTC))
    assert tokens.find(secret) == Token("clinic", ("read",), token.sha256, datetime(2026, 6, 2, tzinfo=UTC))


@pytest.mark.parametrize(
    "content",
    [
        "name: clinic",
        "- clinic",
        "- {name: clinic, roles: [predict]}",
        "- {name: clinic, roles: [boss], sha256: '" + "0" * 64 + "'}",
        "- {name: clinic, roles: predict, sha256: '" + "0" * 64 + "'}",
        "- {name: clinic, roles: [], sha256: '" + "0" * 64 + "'}",
        "- {name: '', roles: [read], sha256: '" + "0" * 64 + "'}",
        "- {name: clinic, roles: [read], sha256: short}",
        "- {name: clinic, roles: [read], sha256: '" + "0" * 64 + "', expires: soon}",
        "- {name: clinic, roles: [read], sha256: '" + "0" * 64 + "', token: secret}",
    ],
)
def test_an_entry_of_another_form_is_refused_at_start(tmp_path: Path, content: str) -> None:
    file = tmp_path / "tokens.yaml"
    file.write_text(content)
    with pytest.raises(SettingsError, match="tokens_file"):
        read_tokens(file)
    before = os.stat(file)  # noqa: PTH116 - beside `add_token`, which must not have touched it
    with pytest.raises(SettingsError):
        add_token(file, new_token("clinic", ("read",))[1])
    assert os.stat(file).st_mtime_ns == before.st_mtime_ns  # noqa: PTH116


def test_models_need_the_role_read(secrets_: dict[str, str], channel: grpc.Channel) -> None:
    from radresponse.v1.model_pb2 import ListModelsRequest  # noqa: PLC0415

    # This server has no ModelService: whoever may ask for it learns that, and nobody else learns more.
    refusal = refused(
        ModelServiceStub(channel).ListModels, ListModelsRequest(), metadata=with_token(secrets_["reader"])
    )
    assert refusal.code is grpc.StatusCode.UNIMPLEMENTED
