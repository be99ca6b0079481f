"""`make fuzz`: hostile files for ten minutes (SECONDS=600), within memory of a fixed size; what breaks is kept.

SEED=1 gives the same files every time, as many as the time allows; without it they are others on each run.

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
    end, tried, slowest, broken = time.monotonic() + SECONDS, 0, 0.0, b""

    def body(content: bytes) -> None:
        nonlocal tried, slowest, broken
        if time.monotonic() > end and not broken:  # hypothesis makes what broke smaller, however long that takes
            return
        start = time.monotonic()
        try:
            survives(content)
            took = time.monotonic() - start
            assert took < SLOWEST_SECONDS, f"a file took {took:.1f} s"
        except Exception:
            broken = content
            raise
        slowest = max(slowest, took)
        tried += 1

    number = int(os.environ.get("SEED", time.time()))
    while time.monotonic() < end:
        number += 1
        run = settings(max_examples=500, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        try:
            seed(number)(run(given(hostile())(body)))()
        except Exception:
            # hypothesis ends with the smallest file that breaks.
            FINDS.mkdir(exist_ok=True)
            (FINDS / f"{hashlib.sha256(broken).hexdigest()[:16]}.bin").write_bytes(broken)
            raise
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(f"{tried} files, none broke; slowest {slowest:.1f} s, {peak:.0f} MiB at most\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
