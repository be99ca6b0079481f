"""`list`: the catalogue of all that a profile takes, and what each of it means."""

import argparse
import csv
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from typing import TextIO

from features.commands.extract import Subcommands
from features.commands.profile_argument import HELP, chosen_profile
from features.embedding.encoder import DEFAULT
from features.measures import QUANTITIES
from features.modalities import MODALITIES, PROJECTIONS, is_projection
from features.profile import Profile
from features.radiomics.catalogue import FEATURES, feature_names
from features.radiomics.definitions import DIFFERENCES, definition_of

OTHERS = ("measure", "embedding")
"""Classes of what is no radiomic feature."""
RECIST = "Eisenhauer et al., Eur J Cancer 45 (2009) 228 (RECIST 1.1)"


@dataclass(frozen=True, slots=True)
class Listing:
    """What is asked on the command line."""

    profile: str | None
    modality: str
    class_name: str | None
    form: str | None

    @classmethod
    def of(cls, chosen: argparse.Namespace) -> "Listing":
        """Takes the parsed arguments over."""
        return cls(**{name: getattr(chosen, name) for name in cls.__slots__})


@dataclass(frozen=True, slots=True)
class Entry:
    """One number that can be asked for."""

    name: str
    class_name: str
    definition: str
    formula: str
    unit: str
    ibsi: str
    """IBSI's code, or empty."""
    source: str
    differs: str
    """How the value under this profile can differ from IBSI's; empty where it cannot, or where IBSI has none."""


def add_to(commands: Subcommands) -> None:
    """Adds the command."""
    description = "name, definition, formula, unit, IBSI code and source of every feature that a profile takes"
    parser = commands.add_parser("list", help="the catalogue of features", description=description)
    parser.add_argument("--profile", metavar="NAME|FILE", help=f"{HELP}; default: default")
    planes = ", ".join(PROJECTIONS)
    parser.add_argument("--modality", choices=MODALITIES, default="ct", help=f"default: ct; of one plane are {planes}")
    parser.add_argument("--class", dest="class_name", choices=(*FEATURES, *OTHERS), help="only these")
    parser.add_argument(
        "--format",
        dest="form",
        choices=("json", "csv", "table"),
        help="default: a table on a terminal, else json lines",
    )


def run(asked: Listing, out: TextIO) -> int:
    """Prints the catalogue, an entry a line.

    Raises:
        BadProfile: The profile cannot be used.
        OSError: It cannot be read.
    """
    entries = [
        one
        for one in catalogue(chosen_profile(asked.profile), asked.modality)
        if asked.class_name in (None, one.class_name)
    ]
    form = asked.form or ("table" if out.isatty() else "json")
    if form == "json":
        for entry in entries:
            out.write(json.dumps(_shown(entry), ensure_ascii=False) + "\n")
    elif form == "csv":
        table = csv.DictWriter(out, _columns(), lineterminator="\n")
        table.writeheader()
        table.writerows(_shown(entry) for entry in entries)
    else:
        _print_table(entries, out)
    return 0


def catalogue(profile: Profile, modality: str = "ct") -> Iterator[Entry]:
    """Every number that a scan of a modality can give under a profile; of one plane there is no volume."""
    settings = profile.for_modality(modality)
    standard = settings.ibsi is not None
    for name in feature_names(settings):
        of = definition_of(name)
        yield Entry(
            name=name,
            class_name=of.class_name,
            definition=of.definition,
            formula=(of.ibsi_formula if standard else "") or of.formula,
            unit=of.unit,
            ibsi=of.ibsi_code,
            source=of.source,
            differs="" if standard else " ".join(DIFFERENCES[key] for key in of.differs),
        )
    for quantity in QUANTITIES:
        if quantity.name == "volume_mm3" and is_projection(modality):
            continue
        # RECIST measures diameters; volume and count are our own.
        source = RECIST if quantity.unit == "mm" else "features/measures.py"
        unit = quantity.unit.replace("mm3", "mm³")
        yield Entry(f"measure.{quantity.name}", "measure", quantity.definition, "", unit, "", source, "")
    name, dimension = _encoder()
    for index in range(dimension):
        yield Entry(
            name=f"embedding.{name}.{index}",
            class_name="embedding",
            definition=f"Number {index} of {dimension} by which the encoder {name} describes lesion and surroundings.",
            formula="",
            unit="1",
            ibsi="",
            source=f"features/embedding/{DEFAULT.name}",
            differs="",
        )


def _encoder() -> tuple[str, int]:
    """Name and length of the default encoder's embedding, from its file's head alone: torch is not loaded."""
    import safetensors  # noqa: PLC0415  only here; `extract` starts faster without

    with safetensors.safe_open(DEFAULT, framework="numpy") as file:
        declared = json.loads((file.metadata() or {})["radresponse.encoder"])
    return str(declared["name"]), int(declared["architecture"]["embedding"])


def _shown(entry: Entry) -> dict[str, str]:
    found = asdict(entry)
    return {column: found["class_name" if column == "class" else column] for column in _columns()}


def _columns() -> list[str]:
    return ["class" if field.name == "class_name" else field.name for field in fields(Entry)]


def _print_table(entries: list[Entry], out: TextIO) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(caption="intensity: HU in CT, SUV in PET, arbitrary in MR", show_lines=False)
    for column in ("name", "definition", "formula", "unit", "IBSI", "source"):
        table.add_column(column, no_wrap=column == "IBSI", overflow="fold")
    for one in entries:
        table.add_row(one.name, one.definition, one.formula, one.unit, one.ibsi, one.source)
    # A file or a pipe has no width: wide enough that no name breaks.
    Console(file=out, width=None if out.isatty() else 200, markup=False, highlight=False).print(table)
