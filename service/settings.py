"""What an operator can set: one YAML file and RADRESPONSE_* variables, read once; an unknown key is refused."""

import dataclasses
import ipaddress
import json
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from models.database import sqlite_uri
from models.registry import DATA_FOLDER
from service.errors import SettingsError

ROLES = ("predict", "read", "admin")
PREFIX = "RADRESPONSE_"
NOT_SETTINGS = frozenset({"SETTINGS", "TOKEN", "DATA", "SERVERS"})
"""Variables with the prefix that mean something else: the file's place, a client's token, where the tests' data are."""

_WORD = re.compile(r"[A-Za-z0-9._@ -]{1,128}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings; each is a key of the file, and RADRESPONSE_<NAME IN CAPITALS> overrides it."""

    host: str = "127.0.0.1"
    """Address to listen on. Any but loopback needs TLS and a way to know callers."""
    port: int = 50051
    """0 for any free one."""
    data_folder: Path = DATA_FOLDER
    """Uploads, the features' cache and local copies of models."""
    registry_uri: str = ""
    """MLflow's address; empty for MLFLOW_TRACKING_URI, else SQLite in the data folder."""
    releases_uri: str = ""
    """Where releases are kept: sqlite:/// or postgresql://; empty for releases.db beside an embedded registry, else
    in the data folder. No version serves without a release (`python -m models admit`)."""
    releases_key_file: Path | None = None
    """Public keys of those whose releases count, PEM; empty for release.pub in the same place."""
    webhook_host: str = "127.0.0.1"
    """Address for MLflow's webhooks."""
    webhook_port: int = 0
    """Port for MLflow's webhooks, which make the next look at the registry come at once; 0 for none."""
    webhook_secret_file: Path | None = None
    """The secret that MLflow signs its webhooks with; there where webhook_port is set."""
    alias: str = "champion"
    """Which version of each model serves."""
    challenger_alias: str = "challenger"
    """Which version of each model is tried beside it; see shadow_share and canary_share."""
    shadow_share: float = 0.0
    """Share of patients, 0 to 1, whom a challenger answers for as well, after the answer has gone out and into the
    monitoring's store alone (`python -m models shadow-report`)."""
    canary_share: float = 0.0
    """Share of patients, 0 to 1, whose answer is the challenger's in place of the version that serves the others."""
    models: tuple[str, ...] = ()
    """Which models serve; empty for all that have the alias."""
    poll_seconds: float = 10.0
    """Between two looks at the registry."""
    workers: int = 2
    """Predictions that are worked on at a time."""
    queue_size: int = 64
    """Predictions that may wait."""
    max_message_bytes: int = 4 * 1024**2
    """Of one request; larger ones are refused before they are read."""
    max_image_bytes: int = 512 * 1024**2
    """Of one image, as a file and decoded."""
    audit_uri: str = ""
    """Where calls are recorded: postgresql://USER@HOST/DATABASE or sqlite:///FILE; empty for audit.db in the data
    folder. Services may share one."""
    audit_key_file: Path | None = None
    """The key of the audit, 16 random bytes or more; audit.key in the data folder, made there, where none is named.
    Services that share an audit share the key."""
    monitoring_uri: str = ""
    """Where predictions wait for their outcome and drift is counted: as audit_uri; empty for monitoring.db in the data
    folder."""
    monitoring_days: float = 730.0
    """How long a prediction waits for its outcome."""
    pacs_file: Path | None = None
    """Picture archives whose series a request may name, and where results are stored; see service/pacs/settings.py."""
    partial_days: float = 1.0
    """How long a broken-off upload is kept for its rest."""
    reflection: bool = True
    """Whether the service describes itself to tools such as grpcurl."""
    drain_seconds: float = 20.0
    """How long calls may go on after SIGTERM."""
    tls_certificate_file: Path | None = None
    """The server's certificate chain, PEM."""
    tls_key_file: Path | None = None
    """Its key, PEM."""
    tls_client_ca_file: Path | None = None
    """Who signs client certificates, PEM; every client must then show one."""
    client_certificates: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Roles by common name of the client certificate."""
    tokens_file: Path | None = None
    """Hashed bearer tokens with names and roles; see service/tokens.py."""
    health_port: int = 0
    """A second, plain listener on loopback for health alone, for probes that bring no certificate; 0 for none."""
    metrics_host: str = "127.0.0.1"
    """Address of the Prometheus metrics."""
    metrics_port: int = 0
    """Port of the Prometheus metrics; 0 for none."""
    tracing_endpoint: str = ""
    """An OTLP collector (gRPC), e.g. http://localhost:4317; empty for no tracing."""
    device: str = "auto"
    """Where embeddings are computed: auto, cpu, cuda, cuda:1, or several joined by commas."""
    embedding_threads: int = 2
    """Lesions embedded at a time where that is the CPU."""
    embedding_batch: int = 32
    """Lesions of all callers that share a batch on CUDA, at most."""
    embedding_wait_seconds: float = 0.004
    """How long the oldest of them waits for others."""
    embedding_queue_size: int = 256
    """Lesions that may wait for a device; calls with more wait for room."""
    embedding_precision: str = "exact"
    """On CUDA: exact (float64), float32, bfloat16 or float16. Features of one precision are never kept for another."""
    log_level: str = "info"
    """debug, info, warning or error. debug also shows what unforeseen errors say, which may be patient data."""

    def __post_init__(self) -> None:
        for name, lowest in {
            "port": 0, "health_port": 0, "metrics_port": 0, "webhook_port": 0, "poll_seconds": 0.01, "workers": 1,
            "queue_size": 0, "embedding_threads": 1, "embedding_batch": 1, "embedding_wait_seconds": 0,
            "embedding_queue_size": 1, "max_message_bytes": 1024**2 + 1024, "max_image_bytes": 1, "partial_days": 0,
            "monitoring_days": 0,
            "drain_seconds": 0,
        }.items():  # fmt: skip
            value = getattr(self, name)
            if not lowest <= value < float("inf") or (name.endswith("port") and value > 65535):
                raise SettingsError(f"{name}: {value}; wanted {lowest} to {65535 if 'port' in name else 'any'}")
        if self.log_level not in {"debug", "info", "warning", "error"}:
            raise SettingsError(f"log_level: {self.log_level}; wanted debug, info, warning or error")
        one = r"(cpu|cuda(:\d+)?)"
        if not re.fullmatch(rf"auto|{one}(,{one})*", self.device):
            raise SettingsError(f"device: {self.device}; wanted auto, or cpu, cuda, cuda:N joined by commas")
        if self.embedding_precision not in {"exact", "float32", "bfloat16", "float16"}:
            wanted = "wanted exact, float32, bfloat16 or float16"
            raise SettingsError(f"embedding_precision: {self.embedding_precision}; {wanted}")
        for name in ("shadow_share", "canary_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise SettingsError(f"{name}: {getattr(self, name)}; wanted 0 to 1")
        if not self.challenger_alias or self.challenger_alias == self.alias:
            raise SettingsError(f"challenger_alias: {self.challenger_alias!r}; wanted another alias than {self.alias}")
        if not self.alias:
            raise SettingsError("alias: empty; wanted the alias of the versions that serve")
        if bool(self.webhook_port) != (self.webhook_secret_file is not None):
            raise SettingsError("webhook_port and webhook_secret_file: one is set; wanted both or none")
        for name, roles in self.client_certificates.items():
            require_name_and_roles(name, roles, "client_certificates")
        self._require_security()

    @property
    def tls(self) -> bool:
        """Whether the server shows a certificate."""
        return self.tls_certificate_file is not None

    @property
    def audit_address(self) -> str:
        """Of the database of calls."""
        return self.audit_uri or sqlite_uri(self.data_folder / "audit.db")

    @property
    def audit_key(self) -> Path:
        """The file of its key."""
        return self.audit_key_file or self.data_folder / "audit.key"

    @property
    def audit_head(self) -> Path:
        """Where this service notes the last row that it wrote."""
        return self.data_folder / "audit.head"

    @property
    def monitoring_address(self) -> str:
        """Of the database of predictions and outcomes."""
        return self.monitoring_uri or sqlite_uri(self.data_folder / "monitoring.db")

    @property
    def knows_callers(self) -> bool:
        """Whether callers must say who they are."""
        return self.tokens_file is not None or bool(self.client_certificates)

    def _require_security(self) -> None:
        if (self.tls_certificate_file is None) != (self.tls_key_file is None):
            raise SettingsError("tls_certificate_file and tls_key_file: one is set; wanted both or none")
        if self.tls_client_ca_file and not self.tls:
            raise SettingsError("tls_client_ca_file: set without tls_certificate_file; wanted both")
        if self.client_certificates and not self.tls_client_ca_file:
            raise SettingsError("client_certificates: set without tls_client_ca_file, which tells whose are believed")
        if loopback(self.host):
            return
        if not self.tls:
            raise SettingsError(
                f"host: {self.host} is not loopback and there is no TLS; wanted tls_certificate_file and tls_key_file"
            )
        if not self.knows_callers:
            raise SettingsError(
                f"host: {self.host} is not loopback and anyone could call; wanted tokens_file, "
                "or tls_client_ca_file with client_certificates"
            )


def loopback(host: str) -> bool:
    """Whether only this machine reaches the address; a name other than localhost counts as outside."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def require_name_and_roles(name: str, roles: typing.Sequence[str], place: str) -> None:
    """Checks a caller's name and roles, of a token or a certificate."""
    if not _WORD.fullmatch(name):
        raise SettingsError(f"{place}: a name of {len(name)} characters; wanted 1 to 128 letters, digits and ._@ -")
    if not roles or not set(roles) <= set(ROLES):
        raise SettingsError(f"{place}: roles {', '.join(roles) or 'none'}; wanted some of {', '.join(ROLES)}")


def read_settings(
    file: Path | None, environment: Mapping[str, str], given: Mapping[str, object] | None = None
) -> Settings:
    """Reads the settings once, at start.

    Args:
        file: YAML; RADRESPONSE_SETTINGS of the environment where None, else no file.
        environment: Of the process; its RADRESPONSE_* variables go over the file.
        given: From the command line; goes over both.

    Raises:
        SettingsError: An unknown key, a value of another type, or a server that would stand open.
    """
    if file is None and environment.get(f"{PREFIX}SETTINGS"):
        file = Path(environment[f"{PREFIX}SETTINGS"])
    values = _from_file(file) if file else {}
    values |= _from_environment(environment)
    values |= given or {}
    hints = typing.get_type_hints(Settings)
    taken: dict[str, typing.Any] = {key: _typed(value, hints[key], key) for key, value in values.items()}
    return Settings(**taken)


def _from_file(file: Path) -> dict[str, object]:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: no YAML: {' '.join(str(error).split())}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise SettingsError(f"{file}: wanted keys with values")
    for key in content:
        _require_known(str(key), f"{file}: {key}")
    return {str(key): value for key, value in content.items() if value is not None}


def _from_environment(environment: Mapping[str, str]) -> dict[str, object]:
    values: dict[str, object] = {}
    for variable, value in environment.items():
        if not variable.startswith(PREFIX) or variable.removeprefix(PREFIX) in NOT_SETTINGS:
            continue
        key = variable.removeprefix(PREFIX).lower()
        _require_known(key, variable)
        values[key] = value
    return values


def _require_known(key: str, shown: str) -> None:
    if key not in (names := [known.name for known in dataclasses.fields(Settings)]):
        raise SettingsError(f"{shown}: no such setting; known: {', '.join(names)}")


def _typed(value: object, wanted: typing.Any, key: str) -> object:  # noqa: ANN401 - a type as annotations have it
    """A value of the type that the field has; text from a variable is read as that type."""
    if isinstance(wanted, types.UnionType):  # Path | None
        return _typed(value, Path, key) if value not in (None, "") else None
    try:
        return _CONVERT[typing.get_origin(wanted) or wanted](value)
    except (ValueError, TypeError, SettingsError):
        name = "a mapping" if typing.get_origin(wanted) is Mapping else getattr(wanted, "__name__", str(wanted))
        raise SettingsError(f"{key}: {value!r}; wanted {_WORDS.get(name, name)}") from None


def _bool(value: object) -> bool:
    if isinstance(value, bool):
        return value
    return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[_required_text(value)]


def _required_text(value: object) -> str:
    text = _text(value).lower()
    if text not in {"true", "1", "yes", "false", "0", "no"}:
        raise ValueError
    return text


def _int(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError
    return int(value)


def _float(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError
    return float(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _path(value: object) -> Path:
    if isinstance(value, Path):
        return value
    return Path(_text(value)).expanduser()


def _names(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(name.strip() for name in value.split(",") if name.strip())
    if not isinstance(value, list | tuple):
        raise TypeError
    return tuple(_text(name) for name in value)


def _mapping(value: object) -> Mapping[str, tuple[str, ...]]:
    if isinstance(value, str):
        value = json.loads(value)
    if not isinstance(value, dict):
        raise TypeError
    return {_text(name): _names(roles) for name, roles in value.items()}


_CONVERT: dict[object, typing.Callable[[object], object]] = {
    bool: _bool, int: _int, float: _float, str: _text, Path: _path, tuple: _names, Mapping: _mapping,
}  # fmt: skip
_WORDS = {
    "bool": "true or false", "int": "a whole number", "float": "a number", "str": "text", "Path": "a path",
    "tuple": "a list of names", "a mapping": "names with lists of roles",
}  # fmt: skip
