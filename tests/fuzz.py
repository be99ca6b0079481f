"""`make fuzz`: hostile files for ten minutes (SECONDS=600), within memory of a fixed size; what breaks is kept.

A find lies in tests/features/finds/ and is replayed by every test run from then on.
"""

import hashlib
import os
import resource
import sys
import time
from pathlib import Path

from builders.fuzz import hostile, survives
from hypothesis import HealthCheck, given, seed, settings

SECONDS = float(os.environ.get("SECONDS", "600"))
MEMORY_BYTES = 4 * 1024**3
SLOWEST_SECONDS = 60.0
"""For one file in all readers, on a machine that does other work as well."""
FINDS = Path(__file__).parent / "features" / "finds"


def main() -> int:
    """Runs until the time is over or something broke."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    end, tried, slowest, last = time.monotonic() + SECONDS, 0, 0.0, b""

    def body(content: bytes) -> None:
        nonlocal tried, slowest, last
        if time.monotonic() > end:
            return
        last, start = content, time.monotonic()
        survives(content)
        slowest = max(slowest, time.monotonic() - start)
        tried += 1
        assert slowest < SLOWEST_SECONDS, f"a file took {slowest:.1f} s"

    number = int(time.time())
    while time.monotonic() < end:
        number += 1
        run = settings(max_examples=500, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        try:
            seed(number)(run(given(hostile())(body)))()
        except Exception:
            # hypothesis ends with the smallest file that breaks.
            FINDS.mkdir(exist_ok=True)
            (FINDS / f"{hashlib.sha256(last).hexdigest()[:16]}.bin").write_bytes(last)
            raise
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(f"{tried} files, none broke; slowest {slowest:.1f} s, {peak:.0f} MiB at most\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
