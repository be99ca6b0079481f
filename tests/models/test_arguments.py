"""Words on the command line are understood, or refused, before an engine is loaded."""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from pkgutil import resolve_name

import pytest

from features.embedding.brought import BROUGHT
from models.__main__ import commands_of
from models.arguments.encoder import KINDS
from models.families import all as families
from models.families import known

ROOT = Path(__file__).parents[2]
ENGINES = ("xgboost", "torch", "mlflow", "pandas", "scipy", "sklearn", "lifelines", "onnxruntime")
ASKED = """
import sys
from {module} import main
for words in {words}:
    try:
        main(words)
    except SystemExit as end:
        print("ended with", end.code, file=sys.stderr)
print([engine for engine in {engines} if engine in sys.modules], file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("module", "command"),
    [
        ("models.__main__", ["train"]),
        ("features.__main__", ["extract"]),
        ("service.__main__", ["serve"]),
        ("radresponse.cli", ["predict"]),
    ],
)
def test_help_and_a_bad_argument_load_no_engine(module: str, command: list[str]) -> None:
    words = [["--help"], [*command, "--help"], ["nonsense"], [*command, "--nonsense", "1"]]
    done = subprocess.run(
        [sys.executable, "-c", ASKED.format(module=module, words=words, engines=ENGINES)],
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT}/proto"},
        capture_output=True,
        text=True,
        check=True,
    )
    said = done.stderr.splitlines()
    assert [line for line in said if line.startswith("ended")] == [f"ended with {code}" for code in (0, 0, 2, 2)]
    assert said[-1] == "[]"


def leaves(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Every command, and every kind of one that has kinds."""
    kinds = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not kinds:
        yield parser
    for action in kinds:
        for one in action.choices.values():
            yield from leaves(one)


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("models.__main__", ["train", "--family", "cox", "--table", "t.csv", "--out", "folder"]),  # not --outcome
        ("features.__main__", ["extract", "--segment", "mask.nrrd"]),
        ("service.__main__", ["serve", "--setting", "service.yaml"]),
        ("service.audit.command", ["verify", "--setting", "service.yaml"]),
        ("service.demo.show", ["--patient", "9"]),
        ("radresponse.cli", ["predict", "--subj", "p1"]),
    ],
)
def test_words_are_not_guessed(module: str, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Half a word would be taken for a whole one, and what is said then is of something else."""
    with pytest.raises(SystemExit) as ended:
        resolve_name(f"{module}:main")(words)
    told = capsys.readouterr().err
    assert ended.value.code == 2
    assert len(told.splitlines()) == 1 and ("unrecognized arguments" in told or "required" in told), told


def test_every_command_has_what_does_it() -> None:
    commands = list(leaves(commands_of()))
    assert len(commands) > 10
    for command in commands:
        assert callable(resolve_name(f"models.commands.{command.get_default('run')}")), command.prog


def test_families_are_known_by_name_as_they_are() -> None:
    assert tuple(families.FAMILIES) == known.FAMILIES
    assert tuple(families.TRIED) == known.TRIED


def test_published_encoders_are_known_by_name_as_they_are() -> None:
    assert tuple(BROUGHT) == KINDS
