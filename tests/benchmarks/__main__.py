"""`python -m tests.benchmarks [NAME...]`: runs all benchmarks but those that install other packages, or those named.

Figures also under build/bench/.
"""

import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

BENCHMARKS = (
    "serving",
    "coverage",
    "models",
    "effects",
    "sim_treatment",
    "simulated_effects",
    "by_therapy",
    "radiomics",
    "audit",
    "promises",
    "embedding",
    "encoder",
    "report",
)
INSTALLING = ("peers", "registry")
OUT = Path("build/bench")


def main(argv: Sequence[str]) -> int:
    """Runs them one after the other."""
    if unknown := [name for name in argv if name not in BENCHMARKS + INSTALLING]:
        print(f"no benchmark {unknown[0]}; known: {', '.join(BENCHMARKS + INSTALLING)}", file=sys.stderr)
        return 2
    OUT.mkdir(parents=True, exist_ok=True)
    sys.path.insert(0, str(Path(__file__).parents[1]))  # for `builders`
    for name in argv or BENCHMARKS:
        figures = importlib.import_module(f".{name}", __package__).measure(print)
        file = OUT / f"{name}.json"
        file.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
        print(f"\nalso in {file}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
