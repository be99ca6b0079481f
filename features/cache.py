"""Features computed before, kept by whom they are kept for and what they were computed from; no patient is in it.

One entry holds all features known so far of one region of one scan under one profile or encoder, so that a later ask
for more computes only the more. A number is a value; a text is the reason why there is none.

A holder is whoever may have the features forgotten; it never sees what was computed for another, not even by the time
that an answer takes.
"""

import json
import logging
import sqlite3
import threading
import weakref
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Protocol

from features.write_ahead import write_ahead

LAYOUT = 2
"""Raised whenever entries of older versions must not be read: another layout, or other values for the same key."""

_WAIT_SECONDS = 30
"""For a lock that another process holds."""

Found = dict[str, float | str]
"""By feature: its value, or why there is none."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Key:
    """What features were computed from."""

    image: str
    """SHA-256 of the file."""
    segmentation: str
    """SHA-256 of the file, marked where it was resampled onto the image."""
    what: str
    """Kind with engine and profile digest, or encoder identity."""
    lesions: str
    """A label, or several merged."""


class Cache(Protocol):
    """Where features are looked for and left."""

    def get(self, key: Key) -> Found:
        """All that is known; empty where nothing is."""

    def put(self, key: Key, found: Mapping[str, float | str]) -> None:
        """Adds to what is known."""


class FeatureCache:
    """A cache in one SQLite file, or in memory. Threads and processes may share it.

    Used as it is, it keeps for nobody in particular; `shelf` gives the part of one holder. A cache that fails (a full
    disk) costs time and never an answer: it says so in the log and knows nothing.
    """

    def __init__(self, path: Path | None = None, *, max_entries: int = 200_000) -> None:
        """Opens or creates.

        Args:
            path: The file; None keeps everything in memory.
            max_entries: The oldest entries go when there are more.
        """
        self._max_entries = max_entries
        self._lock = threading.Lock()
        self._shelves: weakref.WeakSet[Shelf] = weakref.WeakSet()
        try:
            self._connection = _open(path)
        except sqlite3.DatabaseError:
            if path is None or not path.is_file():
                raise
            _LOG.warning("the feature cache is no readable database; it starts anew")
            path.unlink()
            self._connection = _open(path)

    def get(self, key: Key) -> Found:
        """All that is known; empty where nothing is."""
        return self._get("", key)

    def put(self, key: Key, found: Mapping[str, float | str]) -> None:
        """Adds to what is known."""
        with self._lock:
            self._put("", key, found)

    def shelf(self, holder: str) -> "Shelf":
        """The part of one holder, for one piece of work.

        Args:
            holder: Any text but the empty one, and not a patient's.
        """
        with self._lock:
            shelf = Shelf(self, holder)
            self._shelves.add(shelf)
        return shelf

    def forget(self, holder: str) -> int:
        """Drops all that is kept for a holder, and leaves no trace of it in the file.

        Work that still runs for the holder keeps nothing any more.

        Returns:
            How many entries went.
        """
        with self._lock:
            for shelf in self._shelves:
                shelf.forgotten = shelf.forgotten or shelf.holder == holder
            with self._connection:
                gone = self._connection.execute("DELETE FROM features WHERE holder = ?", (holder,)).rowcount
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return gone

    def close(self) -> None:
        """Closes the file; the cache cannot be used afterwards."""
        with self._lock:
            self._connection.close()

    def _get(self, holder: str, key: Key) -> Found:
        query = "SELECT found FROM features WHERE holder=? AND image=? AND segmentation=? AND what=? AND lesions=?"
        try:
            with self._lock:
                row = self._connection.execute(
                    query, (holder, key.image, key.segmentation, key.what, key.lesions)
                ).fetchone()
            found: Found = json.loads(row[0]) if row else {}
        except (sqlite3.Error, ValueError) as error:
            _LOG.warning("the feature cache could not be read: %s", type(error).__name__)
            return {}
        return found

    def _put(self, holder: str, key: Key, found: Mapping[str, float | str]) -> None:
        """Under the lock."""
        merge = (
            "INSERT INTO features VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (holder, image, segmentation, what, lesions) "
            "DO UPDATE SET found = json_patch(found, excluded.found)"
        )
        trim = "DELETE FROM features WHERE rowid <= (SELECT max(rowid) FROM features) - ?"
        try:
            with self._connection:
                self._connection.execute(merge, (holder, *astuple(key), json.dumps(found, allow_nan=False)))
                self._connection.execute(trim, (self._max_entries,))
        except sqlite3.Error as error:
            _LOG.warning("the feature cache could not be written: %s", type(error).__name__)


class Shelf:
    """What one piece of work knows and leaves for one holder.

    Only features of files that stay with the holder are kept; those of any other file live as long as the shelf.
    """

    def __init__(self, cache: FeatureCache, holder: str) -> None:
        """Made by `FeatureCache.shelf`."""
        self.holder = holder
        self.forgotten = False
        """Whether the holder was forgotten since; set under the cache's lock."""
        self._cache = cache
        self._staying: set[str] = set()
        self._passing: dict[Key, Found] = {}

    def stays(self, digest: str) -> None:
        """Says that a file stays with the holder, until it is forgotten."""
        self._staying.add(digest)

    def get(self, key: Key) -> Found:
        """All that is known; empty where nothing is."""
        return self._cache._get(self.holder, key) if self._kept(key) else dict(self._passing.get(key, {}))

    def put(self, key: Key, found: Mapping[str, float | str]) -> None:
        """Adds to what is known."""
        if not self._kept(key):
            self._passing[key] = {**self._passing.get(key, {}), **found}
            return
        with self._cache._lock:
            if not self.forgotten:
                self._cache._put(self.holder, key, found)

    def _kept(self, key: Key) -> bool:
        return key.image in self._staying and key.segmentation[:64] in self._staying


def _open(path: Path | None) -> sqlite3.Connection:
    connection = sqlite3.connect(path or ":memory:", timeout=_WAIT_SECONDS, check_same_thread=False)
    try:
        write_ahead(connection, _WAIT_SECONDS)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA secure_delete = ON")
        with connection:
            if connection.execute("PRAGMA user_version").fetchone()[0] != LAYOUT:
                connection.execute("DROP TABLE IF EXISTS features")
                connection.execute(f"PRAGMA user_version = {LAYOUT}")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS features (holder TEXT, image TEXT, segmentation TEXT, what TEXT, "
                "lesions TEXT, found TEXT NOT NULL, PRIMARY KEY (holder, image, segmentation, what, lesions))"
            )
    except sqlite3.DatabaseError:
        connection.close()
        raise
    return connection
