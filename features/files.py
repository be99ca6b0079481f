"""Which files a place on the disk stands for: one, several that are named, or all below a folder."""

from pathlib import Path

MAX_LISTED = 100_000
MAX_DEPTH = 8


def files_in(place: Path | tuple[Path, ...]) -> tuple[Path, ...]:
    """One file, the named files, or the files below a folder by name; hidden ones and links are left aside."""
    if isinstance(place, tuple):
        return place
    if not place.is_dir():
        return (place,)
    return tuple(sorted(_below(place, MAX_DEPTH)))[:MAX_LISTED]


def _below(folder: Path, depth: int) -> list[Path]:
    found: list[Path] = []
    for entry in folder.iterdir():
        if entry.name.startswith(".") or entry.is_symlink():
            continue
        if entry.is_file():
            found.append(entry)
        elif depth and entry.is_dir():
            found += _below(entry, depth - 1)
    return found
