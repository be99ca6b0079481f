"""How much memory another process holds, and the most that it held while something went on (Linux)."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Peak:
    """Resident memory in MiB."""

    before: float
    most: float

    @property
    def rise(self) -> float:
        """MiB above what was held before."""
        return self.most - self.before


def resident_mib(pid: int) -> float:
    """Of one process, now."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found.group(1)) / 1024


@contextmanager
def watched(pid: int) -> Iterator[Peak]:
    """Looks at a process every 5 ms until the end of the block."""
    peak = Peak(resident_mib(pid), resident_mib(pid))
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.005):
            peak.most = max(peak.most, resident_mib(pid))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield peak
    finally:
        over.set()
        thread.join()
        peak.most = max(peak.most, resident_mib(pid))
