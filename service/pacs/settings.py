"""Which archives this service may talk to: a YAML file of the operator, read once.

```yaml
hospital:
  dicomweb: https://pacs.example.org/dicom-web
  ca_file: /etc/radresponse/pacs-ca.pem          # else the system's authorities
  credentials_file: /etc/radresponse/pacs-user   # one line, user:password; or token_file: a bearer token
  callers: [oncology-system]                     # who may name it in a request; left out: all who may predict
old:                                             # one without DICOMweb: C-FIND, C-GET and C-STORE
  dimse: pacs.example.org:11112
  called_aet: PACS
  calling_aet: RADRESPONSE                       # under which the archive knows this service
  move_listen: 10.0.0.5:11113                    # where it sends to, if it knows C-MOVE alone; left out: C-GET
  cleartext: true                                # or ca_file: DICOM over TLS
```
A request names an archive by its word here, and never gives an address.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from service.errors import SettingsError
from service.settings import loopback

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_AET = re.compile(r"[!-\[\]-~]([ -\[\]-~]{0,14}[!-\[\]-~])?")
"""PS3.5's AE: 1 to 16 characters, no backslash, no space at the ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pacs:
    """One archive."""

    name: str
    dicomweb: str = ""
    """Root of its DICOMweb services; https, or http on loopback."""
    dimse: str = ""
    """Host and port of its DICOM services, for an archive without DICOMweb."""
    called_aet: str = "ANY-SCP"
    """Its application entity title."""
    calling_aet: str = "RADRESPONSE"
    """This service's."""
    move_listen: str = ""
    """Host and port on which this service takes what C-MOVE sends, while it asks; empty for C-GET."""
    cleartext: bool = False
    """Whether DICOM services of another machine are spoken to without TLS."""
    ca_file: Path | None = None
    """Who signed its certificate, PEM; the system's authorities where None."""
    certificate_file: Path | None = None
    """This service's own certificate, PEM."""
    key_file: Path | None = None
    credentials_file: Path | None = None
    """One line, user:password."""
    token_file: Path | None = None
    """One line, a bearer token."""
    callers: tuple[str, ...] | None = None
    """Who may name it; None for all who may predict."""
    timeout_seconds: float = 30.0
    """For a single answer to begin, and between two pieces of it."""
    max_seconds: float = 300.0
    """For all of one series."""
    max_bytes: int = 2 * 1024**3
    """Of one series."""
    max_instances: int = 8192
    """Of one series, and of a list of found ones."""

    def __post_init__(self) -> None:
        if self.credentials_file and self.token_file:
            raise SettingsError(f"pacs {self.name}: credentials_file and token_file; wanted one of the two")
        if self.key_file and not self.certificate_file:
            raise SettingsError(f"pacs {self.name}: key_file without certificate_file; wanted both")
        for name in ("timeout_seconds", "max_seconds", "max_bytes", "max_instances"):
            if not 0 < getattr(self, name) < float("inf"):
                raise SettingsError(f"pacs {self.name}: {name} is {getattr(self, name)}; wanted a number above 0")
        if bool(self.dicomweb) == bool(self.dimse):
            raise SettingsError(f"pacs {self.name}: wanted either dicomweb or dimse")
        if self.dicomweb:
            self._require_address()
        else:
            self._require_entity()

    def _require_entity(self) -> None:
        for name in ("called_aet", "calling_aet"):
            if not _AET.fullmatch(getattr(self, name)):
                raise SettingsError(f"pacs {self.name}: {name} is no AE title; wanted 1 to 16 letters, digits, spaces")
        host, _ = host_and_port(self.dimse, f"pacs {self.name}: dimse")
        if self.move_listen:
            host_and_port(self.move_listen, f"pacs {self.name}: move_listen")
        if self.credentials_file or self.token_file:
            raise SettingsError(f"pacs {self.name}: DICOM services know no credentials; wanted certificates")
        if not (loopback(host) or self.ca_file or self.cleartext):
            raise SettingsError(f"pacs {self.name}: another machine in the clear; wanted ca_file, or cleartext: true")

    def _require_address(self) -> None:
        parts = urlsplit(self.dicomweb)
        if parts.scheme not in ("https", "http") or not parts.hostname or parts.query or parts.fragment:
            raise SettingsError(f"pacs {self.name}: dicomweb is no address; wanted https://host/path")
        if parts.username or parts.password:
            raise SettingsError(f"pacs {self.name}: a password in the address; wanted credentials_file")
        if parts.scheme == "http" and not loopback(parts.hostname):
            raise SettingsError(f"pacs {self.name}: http to another machine; wanted https")


def host_and_port(text: str, place: str) -> tuple[str, int]:
    """The two parts of `host:port`.

    Raises:
        SettingsError: It is not of that form.
    """
    host, colon, port = text.rpartition(":")
    if not (colon and host and port.isdecimal() and 0 < int(port) < 65536):
        raise SettingsError(f"{place} is no address; wanted host:port")
    return host, int(port)


def read_pacs(file: Path) -> Mapping[str, Pacs]:
    """All archives of a file, by name.

    Raises:
        SettingsError: It cannot be read, or says something that is not known.
    """
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"pacs_file: {file}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise SettingsError(f"pacs_file: {file}: no YAML") from None
    return {name: _pacs(name, told) for name, told in _mapping(content or {}, "pacs_file").items()}


def _pacs(name: str, told: object) -> Pacs:
    if not _NAME.fullmatch(name):
        raise SettingsError(
            "pacs_file: a name of another form; wanted 1 to 64 lower-case letters, digits, '.', '_', '-'"
        )
    values = _known(_mapping(told, f"pacs {name}"), f"pacs {name}")
    callers = values.get("callers")
    if callers is not None:
        if not isinstance(callers, list) or not all(isinstance(one, str) for one in callers):
            raise SettingsError(f"pacs {name}: callers is no list of names")
        values["callers"] = tuple(callers)
    types = {field.name: str(field.type) for field in fields(Pacs)}
    try:
        return Pacs(name=name, **{key: _typed(value, types[key]) for key, value in values.items()})
    except (TypeError, ValueError) as error:
        raise SettingsError(f"pacs {name}: a value of another kind than wanted: {error}") from None


def _typed(value: Any, kind: str) -> Any:  # noqa: ANN401 - as YAML has it
    if "Path" in kind:
        if not isinstance(value, str):
            raise TypeError("a path is no text")
        return Path(value).expanduser()
    wanted: type | None = {"<class 'str'>": str, "<class 'int'>": int, "<class 'float'>": float}.get(kind)
    if kind == "<class 'bool'>":
        if not isinstance(value, bool):
            raise TypeError("wanted true or false")
        return value
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if wanted is not None and (not isinstance(value, wanted) or isinstance(value, bool)):
        raise TypeError(f"wanted {wanted.__name__}")
    return value


def _known(told: Mapping[str, object], place: str) -> dict[str, Any]:
    names = [field.name for field in fields(Pacs) if field.name != "name"]
    for key in told:
        if key not in names:
            raise SettingsError(f"{place}: no such setting {key}; known: {', '.join(names)}")
    return dict(told)


def _mapping(value: object, place: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise SettingsError(f"{place}: wanted keys with values")
    return {str(key): one for key, one in value.items()}
