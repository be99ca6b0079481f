"""HTTP to one archive and nowhere else: no redirects, no proxies, so many bytes and so much time and no more."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase, HTTPBasicAuth

from service.errors import PacsNonsense, PacsRefused, PacsUnavailable, SeriesNotFound, SeriesTooLarge, SettingsError
from service.pacs.settings import Pacs

CHUNK_BYTES = 256 * 1024


class Budget:
    """What one piece of work may still take."""

    def __init__(self, pacs: Pacs) -> None:
        self._pacs = pacs
        self._bytes = pacs.max_bytes
        self._until = time.monotonic() + pacs.max_seconds

    def take(self, count: int) -> None:
        """Takes bytes that came.

        Raises:
            SeriesTooLarge: More than there may be, or later.
        """
        self._bytes -= count
        if self._bytes < 0:
            raise SeriesTooLarge(self._pacs.name, "bytes", self._pacs.max_bytes)
        if time.monotonic() > self._until:
            raise SeriesTooLarge(self._pacs.name, "seconds", self._pacs.max_seconds)


class _Bearer(AuthBase):
    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class _Bounded(HTTPAdapter):
    """Reads an answer within the budget; whatever is not an answer of the archive itself is refused."""

    def __init__(self, pacs: Pacs, budget: threading.local) -> None:
        super().__init__()
        self._pacs = pacs
        self._budget = budget
        self._origin = urlsplit(pacs.dicomweb)[:2]

    def send(self, request: requests.PreparedRequest, *given: Any, **named: Any) -> requests.Response:  # noqa: ANN401
        if urlsplit(request.url or "")[:2] != self._origin:
            raise PacsNonsense(self._pacs.name, "is asked at another address than its own")
        named["stream"] = True
        response = super().send(request, *given, **named)
        if 300 <= response.status_code < 400:
            response.close()
            raise PacsNonsense(self._pacs.name, "sends this service elsewhere, which is not followed")
        budget = getattr(self._budget, "now", None) or Budget(self._pacs)
        content = bytearray()
        for chunk in response.iter_content(CHUNK_BYTES):
            budget.take(len(chunk))
            content += chunk
        response._content = bytes(content)
        return response


class ArchiveSession(requests.Session):
    """A session with one archive."""

    def __init__(self, pacs: Pacs) -> None:
        """Reads the credentials.

        Raises:
            SettingsError: A file cannot be read.
        """
        super().__init__()
        self._pacs = pacs
        self._spent = threading.local()
        self.trust_env = False  # no proxy, no .netrc
        self.verify = str(pacs.ca_file) if pacs.ca_file else True
        if pacs.certificate_file:
            self.cert = (
                (str(pacs.certificate_file), str(pacs.key_file)) if pacs.key_file else str(pacs.certificate_file)
            )
        self.auth = _auth(pacs)
        for scheme in ("https://", "http://"):
            self.mount(scheme, _Bounded(pacs, self._spent))

    def request(self, *given: Any, **named: Any) -> requests.Response:  # noqa: ANN401 - as requests has it
        """As any session, without redirects."""
        named["allow_redirects"] = False
        return super().request(*given, **named)

    @contextmanager
    def budget(self) -> Iterator[Budget]:
        """All that this thread asks inside shares one budget; errors of HTTP become ours."""
        self._spent.now = Budget(self._pacs)
        try:
            yield self._spent.now
        except requests.HTTPError as error:
            raise _of_status(self._pacs.name, error) from None
        except requests.exceptions.SSLError:
            raise PacsRefused(self._pacs.name, "its certificate is not trusted, or it does not trust ours") from None
        except (requests.ConnectionError, requests.Timeout):
            raise PacsUnavailable(self._pacs.name, "does not answer") from None
        except requests.RequestException:
            raise PacsNonsense(self._pacs.name, "broke off its answer") from None
        finally:
            self._spent.now = None


def _of_status(name: str, error: requests.HTTPError) -> Exception:
    code = error.response.status_code if error.response is not None else 0
    if code in (401, 403, 407):
        return PacsRefused(name, f"HTTP {code}")
    if code in (404, 410):
        return SeriesNotFound(name)
    if code >= 500 or code in (408, 429):
        return PacsUnavailable(name, f"answers HTTP {code}")
    return PacsNonsense(name, f"answers HTTP {code}")


def _auth(pacs: Pacs) -> AuthBase | None:
    file = pacs.credentials_file or pacs.token_file
    if file is None:
        return None
    try:
        line = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"pacs {pacs.name}: {file} cannot be read") from None
    if pacs.token_file:
        return _Bearer(line)
    user, colon, password = line.partition(":")
    if not (user and colon):
        raise SettingsError(f"pacs {pacs.name}: credentials_file is not of the form user:password")
    return HTTPBasicAuth(user.encode(), password.encode())
