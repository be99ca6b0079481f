"""Settings: one file and variables, an unknown key refused, and no server that stands open."""

from pathlib import Path

import pytest
import yaml

from service.errors import SettingsError
from service.settings import Settings, read_settings

TLS = {"tls_certificate_file": "c.pem", "tls_key_file": "k.pem"}


def written(folder: Path, **values: object) -> Path:
    file = folder / "service.yaml"
    file.write_text(yaml.safe_dump(values))
    return file


def test_without_anything_the_server_is_this_machines_alone() -> None:
    settings = read_settings(None, {})
    assert settings == Settings()
    assert settings.host == "127.0.0.1"
    assert settings.max_message_bytes == 4 * 1024**2
    assert not settings.tls
    assert settings.metrics_port == 0
    assert settings.tracing_endpoint == ""


def test_variables_go_over_the_file_and_the_command_line_over_both(tmp_path: Path) -> None:
    file = written(tmp_path, port=1, workers=3, queue_size=4)
    settings = read_settings(file, {"RADRESPONSE_PORT": "2", "RADRESPONSE_WORKERS": "5"}, {"port": "6"})
    assert (settings.port, settings.workers, settings.queue_size) == (6, 5, 4)


def test_the_file_can_be_named_by_a_variable(tmp_path: Path) -> None:
    assert read_settings(None, {"RADRESPONSE_SETTINGS": str(written(tmp_path, port=7))}).port == 7


def test_every_kind_of_value_is_read_from_text_and_from_yaml(tmp_path: Path) -> None:
    texts = {
        "RADRESPONSE_REFLECTION": "false",
        "RADRESPONSE_POLL_SECONDS": "2.5",
        "RADRESPONSE_MODELS": "a, b",
        "RADRESPONSE_DATA_FOLDER": "/data",
        "RADRESPONSE_TLS_CERTIFICATE_FILE": "c.pem",
        "RADRESPONSE_TLS_KEY_FILE": "k.pem",
        "RADRESPONSE_TLS_CLIENT_CA_FILE": "ca.pem",
        "RADRESPONSE_CLIENT_CERTIFICATES": '{"clinic": ["predict", "read"]}',
    }
    values = {
        "reflection": False, "poll_seconds": 2.5, "models": ["a", "b"], "data_folder": "/data", **TLS,
        "tls_client_ca_file": "ca.pem", "client_certificates": {"clinic": ["predict", "read"]},
    }  # fmt: skip
    settings = read_settings(None, texts)
    assert settings == read_settings(written(tmp_path, **values), {})
    assert settings.models == ("a", "b")
    assert settings.data_folder == Path("/data")
    assert settings.client_certificates == {"clinic": ("predict", "read")}


def test_an_unknown_key_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"prot.*known: host, port"):
        read_settings(written(tmp_path, prot=1), {})
    with pytest.raises(SettingsError, match="RADRESPONSE_PROT"):
        read_settings(None, {"RADRESPONSE_PROT": "1"})


def test_variables_that_are_no_settings_are_left_alone() -> None:
    assert read_settings(None, {"RADRESPONSE_DATA": "/tests", "PATH": "x"}) == Settings()


@pytest.mark.parametrize(
    ("key", "value", "wanted"),
    [
        ("port", "many", "a whole number"),
        ("port", True, "a whole number"),
        ("port", 1.5, "a whole number"),
        ("port", 65536, "65535"),
        ("port", -1, "0 to 65535"),
        ("poll_seconds", "soon", "a number"),
        ("poll_seconds", "nan", "wanted"),
        ("poll_seconds", "inf", "wanted"),
        ("workers", 0, "wanted 1"),
        ("max_message_bytes", 1000, "wanted"),
        ("reflection", "maybe", "true or false"),
        ("reflection", 1, "true or false"),
        ("models", 3, "a list of names"),
        ("models", [1], "a list of names"),
        ("client_certificates", ["clinic"], "names with lists of roles"),
        ("client_certificates", "{", "names with lists of roles"),
        ("log_level", "loud", "debug, info"),
        ("device", "tpu", "wanted auto, or cpu"),
        ("device", "cuda:0,tpu", "wanted auto, or cpu"),
        ("embedding_precision", "int8", "wanted exact, float32, bfloat16 or float16"),
        ("embedding_threads", 0, "wanted 1"),
        ("alias", "", "alias"),
        ("host", 7, "text"),
    ],
)
def test_a_value_of_another_kind_is_refused_with_what_is_wanted(
    tmp_path: Path, key: str, value: object, wanted: str
) -> None:
    with pytest.raises(SettingsError, match=wanted) as refused:
        read_settings(written(tmp_path, **{key: value}), {})
    assert key in str(refused.value)


def test_variables_of_the_client_and_of_the_tests_in_the_same_shell_are_no_settings() -> None:
    assert read_settings(None, {"RADRESPONSE_TOKEN": "rr_secret", "RADRESPONSE_DATA": "/data"}) == Settings()


@pytest.mark.parametrize("content", ["[1, 2]", "just text", "a: [", "\x00"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "service.yaml"
    file.write_text(content)
    with pytest.raises(SettingsError, match=r"service\.yaml"):
        read_settings(file, {})
    with pytest.raises(SettingsError, match="No such file"):
        read_settings(tmp_path / "missing.yaml", {})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_needs_nothing(host: str) -> None:
    assert read_settings(None, {"RADRESPONSE_HOST": host}).host == host


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.5", "tumour-board.example", "localhost.example", ""])  # noqa: S104
@pytest.mark.parametrize(
    ("values", "missing"),
    [
        ({}, "tls_certificate_file"),
        ({"tokens_file": "t.yaml"}, "tls_certificate_file"),
        (TLS, "tokens_file"),
        ({**TLS, "tls_client_ca_file": "ca.pem"}, "client_certificates"),
    ],
)
def test_any_other_address_without_security_is_refused_by_name(
    tmp_path: Path, host: str, values: dict[str, object], missing: str
) -> None:
    with pytest.raises(SettingsError, match=missing):
        read_settings(written(tmp_path, host=host, **values), {})


@pytest.mark.parametrize(
    "values",
    [
        {**TLS, "tokens_file": "t.yaml"},
        {**TLS, "tls_client_ca_file": "ca.pem", "client_certificates": {"clinic": ["predict"]}},
        {**TLS, "tls_client_ca_file": "ca.pem", "tokens_file": "t.yaml"},
    ],
)
def test_any_other_address_with_security_is_taken(tmp_path: Path, values: dict[str, object]) -> None:
    settings = read_settings(written(tmp_path, host="0.0.0.0", **values), {})  # noqa: S104
    assert settings.tls
    assert settings.knows_callers


@pytest.mark.parametrize(
    "values",
    [
        {"tls_certificate_file": "c.pem"},
        {"tls_key_file": "k.pem"},
        {"tls_client_ca_file": "ca.pem"},
        {**TLS, "client_certificates": {"clinic": ["predict"]}},
        {**TLS, "tls_client_ca_file": "ca.pem", "client_certificates": {"clinic": ["boss"]}},
        {**TLS, "tls_client_ca_file": "ca.pem", "client_certificates": {"clinic": []}},
    ],
)
def test_half_a_security_is_refused(tmp_path: Path, values: dict[str, object]) -> None:
    with pytest.raises(SettingsError):
        read_settings(written(tmp_path, **values), {})


def test_the_containers_settings_are_taken() -> None:
    settings = read_settings(Path("deploy/service.yaml"), {})
    assert settings.tls
    assert settings.knows_callers
