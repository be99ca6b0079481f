"""Names that MLflow takes for models and aliases."""

import argparse
import re

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,127}")


def model_name(text: str) -> str:
    """A name from the command line."""
    if not _NAME.fullmatch(text):
        raise argparse.ArgumentTypeError("wanted a letter, then letters, digits, _, . or -, at most 128")
    return text


def model_name_or_none(text: str) -> str:
    """The same, or nothing: argparse reads its own defaults, too."""
    return model_name(text) if text else ""
