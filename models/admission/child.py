"""`python -m models.admission.child`: loads a version and asks it, in a process that may die of it.

Limits of memory and processor time are set before any engine is imported and anything of the version is read.
"""

import argparse
import resource
import sys
from collections.abc import Sequence
from pathlib import Path


def main(arguments: Sequence[str]) -> int:
    """Writes what came of it to the result file; any error of ours is a result too."""
    parser = argparse.ArgumentParser(prog="python -m models.admission.child", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("result", type=Path)
    parser.add_argument("name")
    parser.add_argument("version")
    parser.add_argument("--memory-bytes", type=int, required=True)
    parser.add_argument("--seconds", type=int, required=True)
    chosen = parser.parse_args(arguments)
    resource.setrlimit(resource.RLIMIT_AS, (chosen.memory_bytes, chosen.memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (chosen.seconds, chosen.seconds + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from models.admission.gates import tried  # noqa: PLC0415 - engines come after the limits
    from models.plain import dumps  # noqa: PLC0415

    chosen.result.write_bytes(dumps(tried(chosen.folder, chosen.name, chosen.version)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
