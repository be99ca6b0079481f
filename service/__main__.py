"""The service's command line: serve, token, health, audit, replay, monitor, watch, demo."""

import argparse
import asyncio
import dataclasses
import gc
import importlib
import logging
import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc

from features.parser import Parser
from service import logs
from service.errors import SettingsError
from service.settings import ROLES, Settings, read_settings
from service.tokens import add_token, new_token

BAD_INPUT = 2
NOT_HEALTHY = 1
COMMANDS = {
    "demo": ("service.demo", "a real lung CT, each therapy compared over gRPC"),
    "audit": ("service.audit.command", "the record of calls: list it, verify it"),
    "replay": ("service.replay.command", "make a past prediction again, or say what differs"),
    "watch": ("service.bridge.command", "follow an archive: ask about new studies, store the results"),
    "monitor": ("service.monitoring.command", "drift, and performance on reported outcomes"),
}
"""With arguments of their own; each loads what it needs when it is asked for."""


def main(words: list[str] | None = None) -> int:
    """Runs one command; gives its exit code: 0 done, 1 not healthy, 2 bad input."""
    words = sys.argv[1:] if words is None else words
    if words and words[0] in COMMANDS:
        run: Callable[[list[str]], int] = importlib.import_module(COMMANDS[words[0]][0]).main
        return run(words[1:])
    given = vars(_parser().parse_args(words))
    command = given.pop("command")
    try:
        if command == "token":
            return _token(given)
        settings = read_settings(given.pop("settings"), os.environ, given)
        return _serve(settings) if command == "serve" else asyncio.run(_health(settings))
    except SettingsError as error:
        print(f"service: {error}", file=sys.stderr)
        return BAD_INPUT


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m service", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (_, told) in COMMANDS.items():
        commands.add_parser(name, help=told, add_help=False)
    for name, told in {"serve": "answer calls", "health": "ask the server of these settings whether it serves"}.items():
        command = commands.add_parser(name, help=told, argument_default=argparse.SUPPRESS)
        command.add_argument(
            "--settings", type=Path, default=None, metavar="FILE", help="YAML; see service/settings.py"
        )
        for field in dataclasses.fields(Settings):
            command.add_argument(
                f"--{field.name.replace('_', '-')}", metavar="VALUE", help=f"over {field.name} of the file"
            )
    token = commands.add_parser("token", help="make a bearer token")
    token.add_argument("--name", required=True, help="whose it is")
    token.add_argument("--roles", required=True, help=f"some of {','.join(ROLES)}")
    token.add_argument("--days", type=float, help="until it expires; for ever where not given")
    token.add_argument("--tokens-file", type=Path, metavar="FILE", help="add its line here instead of printing it")
    return parser


def _token(given: dict[str, object]) -> int:
    """Prints the secret, this once, and the line for the tokens file unless it was added."""
    days, file = given["days"], given["tokens_file"]
    expires = datetime.now(UTC).replace(microsecond=0) + timedelta(days=days) if isinstance(days, float) else None
    secret, token = new_token(str(given["name"]), tuple(str(given["roles"]).split(",")), expires)
    if isinstance(file, Path):
        add_token(file, token)
    print(secret)
    if not isinstance(file, Path):
        print(token.line())
    return 0


def _serve(settings: Settings) -> int:
    logs.configure(settings.log_level)
    os.umask(0o077)  # what is computed of patients is for this user alone
    busy = asyncio.run(_until_told(settings))
    logging.shutdown()
    sys.stdout.flush()
    if busy:
        # A thread is deep in an engine that cannot be interrupted, for a caller who has gone; Python would wait for it.
        os._exit(0)
    return 0


async def _until_told(settings: Settings) -> bool:
    """Serves until SIGTERM or SIGINT; gives whether a thread still works."""
    from service.server import start  # noqa: PLC0415 - logs are configured first

    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, told.set)
    running = await start(settings)
    gc.collect()
    gc.freeze()  # the engines' hundred thousands of objects stay: to look at them again and again held calls up
    models = ", ".join(running.models) or "no model yet"
    way = "TLS" if settings.tls else "plain"
    print(f"listening on {settings.host}:{running.port} ({way}); serving: {models}", flush=True)
    await told.wait()
    logging.getLogger("service").info("stopping", extra={"fields": {"drain_seconds": settings.drain_seconds}})
    await running.stop()
    return running.busy


async def _health(settings: Settings) -> int:
    """Asks over the plain health port where there is one, else over the port itself."""
    from grpc_health.v1 import health_pb2, health_pb2_grpc  # noqa: PLC0415

    if settings.tls and not settings.health_port:
        raise SettingsError("health_port: 0; with TLS the health is asked for there, so wanted a free port")
    host = "127.0.0.1" if settings.health_port or settings.host in {"0.0.0.0", "::"} else settings.host  # noqa: S104
    address = f"[{host}]" if ":" in host else host
    async with grpc.aio.insecure_channel(f"{address}:{settings.health_port or settings.port}") as channel:
        try:
            check = health_pb2_grpc.HealthStub(channel).Check  # type: ignore[attr-defined]  # of its stubs
            asked = check(health_pb2.HealthCheckRequest(), timeout=4)
            word = health_pb2.HealthCheckResponse.ServingStatus.Name((await asked).status)
        except grpc.aio.AioRpcError as error:
            word = str(error.code().name)
    print(word)
    return 0 if word == "SERVING" else NOT_HEALTHY


if __name__ == "__main__":
    sys.exit(main())
