"""MLflow's webhooks, as a hint only: a signed and timely one makes the next look at the registry come at once.

Nothing of what it says is believed: what serves is decided by the look itself, and by the releases.

Source: MLflow's documentation of webhooks: the signature is `v1,` and base64 of HMAC-SHA256 over
`<delivery id>.<timestamp>.<body>`.
"""

import base64
import hashlib
import hmac
import logging
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from service.errors import SettingsError
from service.settings import Settings

log = logging.getLogger(__name__)

PATH = "/registry"
MAX_AGE_SECONDS = 300.0
MAX_BODY_BYTES = 64 * 1024
_FEWEST_CHARACTERS = 16
_PATIENCE_SECONDS = 5.0

Hint = Callable[[], None]
Clock = Callable[[], float]


class Webhook:
    """A small HTTP server in a thread of its own."""

    def __init__(self, host: str, port: int, secret: bytes, hint: Hint, clock: Clock = time.time) -> None:
        """Listens at once, answers once started.

        Raises:
            SettingsError: The port is taken.
        """

        class Handler(BaseHTTPRequestHandler):
            timeout = _PATIENCE_SECONDS

            def do_POST(self) -> None:
                length = self.headers.get("Content-Length", "")
                known = self.path == PATH and length.isdecimal() and int(length) <= MAX_BODY_BYTES
                body = self.rfile.read(int(length)) if known else b""
                told = {
                    key: self.headers.get(f"X-MLflow-{key}", "") for key in ("Signature", "Delivery-Id", "Timestamp")
                }
                believed = known and genuine(
                    secret, told["Signature"], told["Delivery-Id"], told["Timestamp"], body, clock()
                )
                self.send_response(204 if believed else 403)
                self.end_headers()
                if believed:
                    hint()

            def log_message(self, format: str, *args: object) -> None:
                log.debug("a webhook was answered")

        try:
            self._server = ThreadingHTTPServer((host, port), Handler)
        except OSError as error:
            raise SettingsError(f"webhook_port: {host}:{port}: {error.strerror}") from None
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, name="webhook", daemon=True)

    def start(self) -> None:
        """Answers from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Answers no more."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join(timeout=_PATIENCE_SECONDS)
        self._server.server_close()


def genuine(secret: bytes, signature: str, delivery: str, timestamp: str, body: bytes, now: float) -> bool:
    """Whether a holder of the secret sent it, and lately.

    Args:
        secret: Shared with MLflow.
        signature: `v1,` and base64.
        delivery: Its id.
        timestamp: Seconds since 1970, as a whole number.
        body: As it came.
        now: Seconds since 1970.
    """
    if not timestamp.isdecimal() or len(timestamp) > 12 or abs(now - int(timestamp)) > MAX_AGE_SECONDS:
        return False
    signed = f"{delivery}.{timestamp}.".encode() + body
    wanted = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
    return hmac.compare_digest(f"v1,{wanted}".encode(), signature.encode())


def webhook_of(settings: Settings, hint: Hint) -> Webhook | None:
    """As the settings have it; None where none is wanted.

    Raises:
        SettingsError: The secret cannot be read or is too short, or the port is taken.
    """
    if not settings.webhook_port or settings.webhook_secret_file is None:
        return None
    try:
        secret = settings.webhook_secret_file.read_bytes().strip()
    except OSError as error:
        raise SettingsError(f"webhook_secret_file: {error.strerror}") from None
    if len(secret) < _FEWEST_CHARACTERS:
        raise SettingsError(f"webhook_secret_file: {len(secret)} characters; wanted {_FEWEST_CHARACTERS} or more")
    return Webhook(settings.webhook_host, settings.webhook_port, secret, hint)
