"""`python -m features extract IMAGE MASK`: named numbers from an image and its segmentation; `list` says which.

Of DICOM, `check` says what files hold, `mask` what a segmentation says, and `scan` makes a cohort of a folder.
"""

import argparse
import os
import sys
from collections.abc import Callable

from features.commands import check, compile_kernels, extract, list_features, mask, pseudonyms, scan
from features.errors import FeatureError
from features.parser import Parser


def main(arguments: list[str] | None = None) -> int:
    """Runs a command.

    Returns:
        0 when done, 2 for bad input, 3 where two engines differ.
    """
    parser = Parser(prog="python -m features", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    extract.add_to(commands)
    check.add_to(commands)
    mask.add_to(commands)
    scan.add_to(commands)
    pseudonyms.add_to(commands)
    list_features.add_to(commands)
    compile_kernels.add_to(commands)
    chosen = parser.parse_args(arguments)
    try:
        return _run(chosen)
    except FeatureError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever read has seen enough; the interpreter's own last flush must find an open pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        print(f"{parser.prog}: {error.filename or 'a file'}: {error.strerror or error}", file=sys.stderr)
        return 2
    return 0


def _run(chosen: argparse.Namespace) -> int:
    out, trouble = sys.stdout, sys.stderr
    runs: dict[str, Callable[[], int]] = {
        "extract": lambda: extract.run(extract.Extraction.of(chosen), out, trouble),
        "check": lambda: check.run(check.Checking(chosen.series), out, trouble),
        "mask": lambda: mask.run(mask.Masking.of(chosen), out),
        "scan": lambda: scan.run(scan.Scanning.of(chosen), out),
        "pseudonyms": lambda: pseudonyms.run(pseudonyms.Naming(chosen.key), sys.stdin, out),
        "list": lambda: list_features.run(list_features.Listing.of(chosen), out),
        "compile": lambda: compile_kernels.run(out),
    }
    return runs[chosen.command]()


if __name__ == "__main__":
    sys.exit(main())
