"""The parser of every command: what is wrong in one line, and no guessing of words.

argparse takes `--out` for `--outcome` where there is no other such word; who mistypes is to read of it, not of what
comes of it.
"""

import argparse
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """Also of the commands below it."""

    def __init__(self, **given: object) -> None:
        """Takes what argparse takes."""
        super().__init__(**{"allow_abbrev": False} | given)  # type: ignore[arg-type]

    def error(self, message: str) -> NoReturn:
        """Ends with status 2."""
        self.exit(2, f"{self.prog}: {message}\n")
