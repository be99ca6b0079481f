"""A real archive: Debian's Orthanc with its DICOMweb plugin, on loopback and free ports, over TLS, with users."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from builders.certificates import Authority
from builders.servers import free_port
from builders.tls_front import tls_front

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
USER, PASSWORD = "radresponse", "correct horse"


@dataclass(frozen=True)
class Orthanc:
    """One that runs."""

    folder: Path
    port: int
    """Plain HTTP."""
    tls_port: int
    """The same through TLS."""
    dicom_port: int
    move_port: int
    """To which it sends what RADRESPONSE asks for by C-MOVE."""
    ca_file: Path
    credentials_file: Path

    @property
    def dicomweb(self) -> str:
        return f"https://127.0.0.1:{self.tls_port}/dicom-web"

    def get(self, path: str) -> object:
        """Its own REST, which is none of ours."""
        return self._ask("GET", path).json()

    def upload(self, files: Iterable[bytes]) -> None:
        """Stores files without DICOMweb."""
        for content in files:
            self._ask("POST", "instances", content)

    def clear(self) -> None:
        """Deletes all that it holds."""
        studies = self._ask("GET", "studies").json()
        for study in studies:
            self._ask("DELETE", f"studies/{study}")

    def instances(self, modality: str) -> list[bytes]:
        """All files of a modality."""
        found = self._ask(
            "POST", "tools/find", json.dumps({"Level": "Series", "Query": {"Modality": modality}}).encode()
        ).json()
        return [
            self._ask("GET", f"instances/{one}/file").content
            for series in found
            for one in self._ask("GET", f"series/{series}").json()["Instances"]
        ]

    def pacs_file(self, file: Path, **more: object) -> Path:
        """Our settings for it, under the name `hospital`."""
        told = {"dicomweb": self.dicomweb, "ca_file": str(self.ca_file), "credentials_file": str(self.credentials_file)}
        file.write_text(json.dumps({"hospital": told | more}), encoding="utf-8")  # YAML holds JSON
        return file

    def dimse_file(self, file: Path, *, move: bool = False, **more: object) -> Path:
        """The same for its DICOM services, by C-GET or by C-MOVE."""
        told: dict[str, object] = {"dimse": f"127.0.0.1:{self.dicom_port}", "called_aet": "ORTHANC"}
        if move:
            told["move_listen"] = f"127.0.0.1:{self.move_port}"
        file.write_text(json.dumps({"hospital": told | more}), encoding="utf-8")
        return file

    def _ask(self, method: str, path: str, content: bytes | None = None) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            answer = session.request(
                method,
                f"http://127.0.0.1:{self.port}/{path}",
                data=content,
                auth=(USER, PASSWORD),
                timeout=60,
            )
        answer.raise_for_status()
        return answer


@contextmanager
def orthanc(folder: Path) -> Iterator[Orthanc]:
    """Runs one while inside; skips the test where it is not installed."""
    program = shutil.which("Orthanc", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None or not PLUGIN.exists():
        told = "no Orthanc with DICOMweb on this machine; deploy/test_servers.sh installs it"
        if os.environ.get("RADRESPONSE_SERVERS") == "required":
            pytest.fail(told)
        pytest.skip(told)
    folder.mkdir(parents=True, exist_ok=True)
    port, dicom_port, move_port = free_port(), free_port(), free_port()
    authority = Authority()
    (folder / "ca.pem").write_bytes(authority.certificate)
    (folder / "credentials").write_text(f"{USER}:{PASSWORD}\n", encoding="utf-8")
    settings = {
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "HttpPort": port,
        "DicomPort": dicom_port,
        "DicomAet": "ORTHANC",
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": True,
        "RegisteredUsers": {USER: PASSWORD},
        "Plugins": [str(PLUGIN)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        "StableAge": 1,
        "HttpServerEnabled": True,
        "DicomServerEnabled": True,
        "DicomAlwaysAllowEcho": True,
        "DicomAlwaysAllowStore": True,
        "DicomAlwaysAllowGet": True,
        "DicomAlwaysAllowFind": True,
        "DicomAlwaysAllowMove": True,
        "DicomModalities": {"radresponse": ["RADRESPONSE", "127.0.0.1", move_port]},
        "DicomCheckCalledAet": True,
        "ConcurrentJobs": 1,
    }
    file = folder / "orthanc.json"
    file.write_text(json.dumps(settings), encoding="utf-8")
    # Debian's build crashes at the first byte of TLS, so that stands in front of it.
    with _process(program, file), tls_front(port, *authority.server().write(folder, "server")) as tls_port:
        running = Orthanc(folder, port, tls_port, dicom_port, move_port, folder / "ca.pem", folder / "credentials")
        _wait(running)
        yield running


@contextmanager
def _process(program: str, file: Path) -> Iterator[None]:
    with file.with_name("log").open("wb") as log:
        process = subprocess.Popen([program, str(file)], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(30)


def _wait(running: Orthanc) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            running.get("system")
        except requests.ConnectionError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError((running.folder / "log").read_text(errors="replace")[-2000:])
