"""A real PostgreSQL of its own, on loopback and a free port, gone with the test."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from builders.servers import free_port

_PLACES = ("/usr/lib/postgresql/*/bin", "/usr/local/pgsql/bin")
_USER = "radresponse"


@contextmanager
def postgres(database: str = "radresponse") -> Iterator[str]:
    """Its address, `postgresql+psycopg2://...`; skips the test where there is no PostgreSQL."""
    tools = _tools()
    if tools is None:
        told = "no PostgreSQL on this machine; deploy/test_servers.sh installs it"
        if os.environ.get("RADRESPONSE_SERVERS") == "required":
            pytest.fail(told)
        pytest.skip(told)
    # A short path: that of a Unix socket has at most 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        become = _other_user(folder)
        port = free_port()
        _run(become, tools / "initdb", "-D", folder / "data", "-U", _USER, "--auth=trust", "--no-sync", "-E", "UTF8")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c fsync=off -k {folder}"
        log = folder / "log"
        _run(become, tools / "pg_ctl", "-D", folder / "data", "-o", options, "-l", log, "-w", "-t", "60", "start")
        try:
            _run(become, tools / "createdb", "-h", "127.0.0.1", "-p", port, "-U", _USER, database)
            yield f"postgresql+psycopg2://{_USER}@127.0.0.1:{port}/{database}"
        finally:
            _run(become, tools / "pg_ctl", "-D", folder / "data", "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _tools() -> Path | None:
    found = [path for place in _PLACES for path in sorted(Path("/").glob(place.removeprefix("/")))]
    on_path = shutil.which("initdb")
    candidates = [*reversed(found), *([Path(on_path).resolve().parent] if on_path else [])]
    return next((path for path in candidates if (path / "initdb").exists() and (path / "pg_ctl").exists()), None)


def _other_user(folder: Path) -> int | None:
    """PostgreSQL refuses to run as root: then the folder, and the server, are somebody else's."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        os.chown(folder, user.pw_uid, user.pw_gid)
        return user.pw_uid
    return pytest.skip("no user but root; PostgreSQL refuses to run as root")


def _run(user: int | None, *words: object) -> None:
    done = subprocess.run(
        [str(word) for word in words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
        timeout=120,
        user=user,
        cwd="/",
    )
    assert done.returncode == 0, f"{words[0]} ended with code {done.returncode}"
