"""Who calls, and whether they may: one interceptor for all methods."""

import contextvars
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc

from service.errors import NotAllowed, Unauthenticated
from service.settings import ROLES, Settings
from service.tokens import Tokens

OPEN = "open"
ANY = "any"
NEEDED = {
    "radresponse.v1.PredictionService": "predict",
    "radresponse.v1.ImageService": "predict",
    "radresponse.v1.OutcomeService": "predict",
    "radresponse.v1.ModelService": "read",
    "grpc.health.v1.Health": OPEN,
    "grpc.reflection.v1alpha.ServerReflection": ANY,
}
"""The role that each service needs; one that is not named here needs admin."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls."""

    name: str
    roles: tuple[str, ...]

    def may(self, needed: str) -> bool:
        """Whether a role, or any at all, is held; admin holds all."""
        return needed in self.roles or "admin" in self.roles or (needed == ANY and bool(self.roles))


LOCAL = Caller("local", ROLES)
"""Who calls a server of this machine alone, which asks nobody."""

_caller: contextvars.ContextVar[Caller | None] = contextvars.ContextVar("caller", default=None)


def caller_of(context: grpc.aio.ServicerContext[Any, Any]) -> Caller:
    """Who makes the call that this task answers.

    Raises:
        Unauthenticated: Nobody was asked.
    """
    if (caller := _caller.get()) is None:
        raise Unauthenticated("the caller was not asked who they are")
    return caller


def caller_name() -> str:
    """The caller's name for the log; empty where it is not known."""
    caller = _caller.get()
    return caller.name if caller else ""


class Gate:
    """Knows callers by a bearer token or by their client certificate.

    A token, where one is shown, decides alone: an unknown one is refused even beside a good certificate.
    """

    def __init__(self, certificates: Mapping[str, tuple[str, ...]], tokens: Tokens | None) -> None:
        self._certificates = certificates
        self._tokens = tokens

    @classmethod
    def of(cls, settings: Settings) -> "Gate":
        """As the operator set it.

        Raises:
            SettingsError: The tokens cannot be read.
        """
        tokens = Tokens(settings.tokens_file) if settings.tokens_file else None
        return cls(settings.client_certificates, tokens)

    @asynccontextmanager
    async def around(self, method: str, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[None]:
        """Lets a call in, or refuses it."""
        needed = NEEDED.get(method.split("/")[1], "admin")
        if needed != OPEN:
            caller = self._caller(context)
            _caller.set(caller)
            if not caller.may(needed):
                raise NotAllowed(needed, caller.roles)
        yield

    def _caller(self, context: grpc.aio.ServicerContext[Any, Any]) -> Caller:
        if self._tokens is None and not self._certificates:
            return LOCAL
        shown = [value for key, value in context.invocation_metadata() or () if key == "authorization"]
        if shown:
            return self._of_token(shown)
        for name in context.auth_context().get("x509_common_name", ()):
            if roles := self._certificates.get(name.decode("utf-8", "replace")):
                return Caller(name.decode(), roles)
        raise Unauthenticated(f"no known caller; wanted {self._wanted()}")

    def _of_token(self, shown: list[str | bytes]) -> Caller:
        scheme, _, secret = str(shown[0]).partition(" ")
        if len(shown) > 1 or scheme.lower() != "bearer" or not secret.strip():
            raise Unauthenticated("the metadata authorization has another form; wanted one value: Bearer TOKEN")
        if self._tokens is None or (token := self._tokens.find(secret.strip())) is None:
            raise Unauthenticated("the token is not known or has expired")
        return Caller(token.name, token.roles)

    def _wanted(self) -> str:
        ways = ["metadata authorization: Bearer TOKEN"] if self._tokens is not None else []
        ways += ["a client certificate whose common name has roles"] if self._certificates else []
        return " or ".join(ways)
