"""Bearer tokens: random, shown once, kept as SHA-256 in a file that is read again when it changes.

```yaml
- {name: oncology-system, roles: [predict, read], sha256: 5e88…, expires: 2027-06-30}
```
A token is 256 random bits, so one plain hash is enough: there is nothing to guess.
"""

import hashlib
import hmac
import logging
import os
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import yaml

from service.errors import SettingsError
from service.settings import require_name_and_roles

log = logging.getLogger(__name__)

_KEYS = {"name", "roles", "sha256", "expires"}
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Token:
    """One token as the file has it."""

    name: str
    """Whose it is."""
    roles: tuple[str, ...]
    sha256: str
    expires: datetime | None = None

    def line(self) -> str:
        """The line of the file."""
        until = f", expires: {self.expires.isoformat()}" if self.expires else ""
        return f'- {{name: "{self.name}", roles: [{", ".join(self.roles)}], sha256: "{self.sha256}"{until}}}'


def new_token(name: str, roles: tuple[str, ...], expires: datetime | None = None) -> tuple[str, Token]:
    """A new secret, and what is kept of it.

    Raises:
        SettingsError: A name or role of another form.
    """
    require_name_and_roles(name, roles, "token")
    secret = f"rr_{secrets.token_urlsafe(32)}"
    return secret, Token(name, roles, _hash(secret), expires)


def read_tokens(file: Path) -> tuple[Token, ...]:
    """All tokens of a file.

    Raises:
        SettingsError: Not readable, or an entry of another form; says which, never what a hash was.
    """
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"tokens_file: {file}: not readable as YAML: {type(error).__name__}") from None
    if content is None:
        return ()
    if not isinstance(content, list):
        raise SettingsError(f"tokens_file: {file}: wanted a list with an entry for each token")
    return tuple(_token(entry, f"tokens_file: entry {index + 1}") for index, entry in enumerate(content))


class Tokens:
    """The tokens of a file, as it stands at each call.

    A file that cannot be read any more leaves the tokens as they were, and says so in the log.
    """

    def __init__(self, file: Path, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._file = file
        self._clock = clock
        self._tokens = read_tokens(file)
        self._seen = self._state()

    def find(self, secret: str) -> Token | None:
        """The token that a caller shows, if it is known and not expired."""
        self._read_again()
        shown = _hash(secret)
        found = None
        for token in self._tokens:  # all of them, so that time tells nothing
            if hmac.compare_digest(token.sha256, shown):
                found = token
        if found is None or (found.expires is not None and found.expires <= self._clock()):
            return None
        return found

    def _read_again(self) -> None:
        state = self._state()
        if state == self._seen:
            return
        self._seen = state
        try:
            self._tokens = read_tokens(self._file)
            log.info("the tokens were read again: %d", len(self._tokens))
        except SettingsError as error:
            log.error("the tokens stay as they were: %s", error)

    def _state(self) -> tuple[int, int, int] | None:
        try:
            of = self._file.stat()
        except OSError:
            return None
        return of.st_mtime_ns, of.st_size, of.st_ino


def add_token(file: Path, token: Token) -> None:
    """Appends to the file, or makes it, readable to its user only; all tokens before must be readable."""
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    if before:
        read_tokens(file)
        if not before.endswith("\n"):
            before += "\n"
    fresh = file.with_name(f"{file.name}.fresh")
    mode = file.stat().st_mode & 0o777 if file.exists() else 0o600
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as opened:
        opened.write(f"{before}{token.line()}\n")
    fresh.replace(file)


def _token(entry: object, place: str) -> Token:
    if not isinstance(entry, dict) or not {"name", "roles", "sha256"} <= entry.keys() <= _KEYS:
        raise SettingsError(f"{place}: wanted name, roles, sha256 and perhaps expires, and no other key")
    name, roles, sha256 = entry["name"], entry["roles"], entry["sha256"]
    if not isinstance(name, str) or not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
        raise SettingsError(f"{place}: wanted a text as name and a list of texts as roles")
    require_name_and_roles(name, roles, place)
    if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
        raise SettingsError(f"{place}: sha256 is not 64 lower-case hexadecimal digits in quotes")
    return Token(name, tuple(roles), sha256, _expires(entry.get("expires"), place))


def _expires(value: object, place: str) -> datetime | None:
    """A moment; a plain date lasts until its end, in UTC."""
    match value:
        case None:
            return None
        case datetime():
            return value if value.tzinfo else value.replace(tzinfo=UTC)
        case date():
            return datetime.combine(value, time(), UTC) + timedelta(days=1)
        case _:
            raise SettingsError(f"{place}: expires is no date; wanted e.g. 2027-06-30")


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
