"""`compile`: compiles the kernels of the fused engine, once, so that no request waits for it."""

import time
from typing import TextIO

from features.commands.extract import Subcommands


def add_to(commands: Subcommands) -> None:
    """Adds the command."""
    commands.add_parser("compile", help="compile the radiomics kernels, once after installing", description=__doc__)


def run(out: TextIO) -> int:
    """Compiles what is not compiled yet, and says how long each took."""
    from features.compiled import KERNELS  # noqa: PLC0415  loads numba
    from features.radiomics.fused.rehearsal import rehearse  # noqa: PLC0415

    start = before = time.perf_counter()
    for name, anew in rehearse():
        now = time.perf_counter()
        if anew:
            out.write(f"  {name} {now - before:.1f} s\n")
            out.flush()
        before = now
    out.write(f"{len(KERNELS)} kernels are compiled ({time.perf_counter() - start:.1f} s)\n")
    return 0
