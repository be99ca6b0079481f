"""Local copies of what serves: the files of each version with the release that let it serve, and a note of which."""

import base64
import json
import logging
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from models.errors import BadVersion, BrokenFile
from models.releases import SignedRelease

log = logging.getLogger(__name__)

NOTE = "serving.json"
RELEASE = ".release.json"
"""End of the name of a copy's release, beside its folder."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_VERSION = re.compile(r"[0-9]{1,12}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_LARGEST_RELEASE = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Noted:
    """What served when it was last written down."""

    version: str
    digest: str
    since: datetime


class Copies:
    """A folder of copies. What lies there is believed no more than what comes from the registry."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def fresh(self, name: str, version: str) -> Path:
        """Where a version is fetched to; nothing is there.

        Raises:
            BadVersion: A name or number that is no name of a folder.
        """
        if not _NAME.fullmatch(name) or not _VERSION.fullmatch(version):
            raise BadVersion("the model's name or version has characters other than letters, digits, '.', '_' and '-'")
        fresh = self._folder / name / f".fresh-{version}"
        shutil.rmtree(fresh, ignore_errors=True)
        return fresh

    def keep(self, fresh: Path, release: SignedRelease, digest: str) -> None:
        """Makes a fetched version a copy, with its release beside it."""
        kept = self.of(release.name, release.version, digest)
        shutil.rmtree(kept, ignore_errors=True)
        told = {
            "content": base64.b64encode(release.content).decode(),
            "signature": base64.b64encode(release.signature).decode(),
            "key": release.key,
        }
        _write(kept.with_name(kept.name + RELEASE), json.dumps(told))
        fresh.rename(kept)

    def drop(self, fresh: Path) -> None:
        """Deletes what was fetched and not kept."""
        _delete(fresh)

    def of(self, name: str, version: str, digest: str) -> Path:
        """The folder of a copy."""
        return self._folder / name / f"{version}-{digest[:16]}"

    def release_of(self, name: str, version: str, digest: str) -> SignedRelease:
        """The release beside a copy, not verified.

        Raises:
            BrokenFile: There is none.
        """
        kept = self.of(name, version, digest)
        try:
            with kept.with_name(kept.name + RELEASE).open("rb") as file:
                told = json.loads(file.read(_LARGEST_RELEASE))
            content, signature = (base64.b64decode(told[key], validate=True) for key in ("content", "signature"))
            return SignedRelease(name, version, content, signature, str(told["key"]))
        except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
            raise BrokenFile("the local copy has no release beside it that can be read") from error

    def note(self, serving: Mapping[str, Noted]) -> None:
        """Writes down what serves, for a start without the registry."""
        noted = {
            name: {"version": one.version, "digest": one.digest, "since": one.since.isoformat()}
            for name, one in serving.items()
        }
        self._folder.mkdir(parents=True, exist_ok=True)
        _write(self._folder / NOTE, json.dumps(noted, indent=1))

    def noted(self) -> dict[str, Noted]:
        """What was written down last; nothing where that cannot be read."""
        try:
            noted = json.loads((self._folder / NOTE).read_text())
            return {
                str(name): Noted(str(of["version"]), str(of["digest"]), datetime.fromisoformat(of["since"]))
                for name, of in noted.items()
                if _NAME.fullmatch(name) and _VERSION.fullmatch(of["version"]) and _DIGEST.fullmatch(of["digest"])
            }
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            log.exception("the note of what served cannot be read")
            return {}

    def tidy(self, kept: Mapping[str, set[Path]]) -> None:
        """Deletes all copies but those, by name of the model."""
        for path in self._folder.glob("*/*"):
            folder = path.with_name(path.name.removesuffix(RELEASE))
            if folder not in kept.get(path.parent.name, ()):
                _delete(path)
        for path in self._folder.iterdir():
            if path.is_dir() and path.name not in kept:
                _delete(path)


def _write(file: Path, text: str) -> None:
    fresh = file.with_name(f"{file.name}.fresh")
    fresh.write_text(text)
    fresh.replace(file)


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
