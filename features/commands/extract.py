"""`extract`: prints the features of each lesion of one image, a line a lesion."""

import argparse
import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TextIO

from tqdm import tqdm

from features.case import Source, Structures
from features.commands.profile_argument import HELP, chosen_profile
from features.commands.structure_arguments import add_structure_arguments, structures_of
from features.errors import BadLesion, UnknownColumn
from features.imaging.read import read_image, read_segmentation
from features.imaging.volume import Image
from features.lesion import Lesion
from features.lesions import find_lesions
from features.measures import NO_VOLUME, lesion_quantities, measure_lesion
from features.modalities import MODALITIES, is_projection
from features.names import LESION_QUANTITIES
from features.radiomics import ENGINES, Engine, extract
from features.radiomics.asked import asked_features
from features.radiomics.catalogue import feature_names
from features.radiomics.compare import Difference, differences
from features.radiomics.extracted import Extracted
from features.radiomics.settings import Settings
from features.radiomics.shared import Shared

COLUMNS_HELP = (
    "only these, comma separated: pyradiomics names (original_glcm_Contrast), or measure.volume_mm3, "
    "measure.long_axis_mm, measure.short_axis_mm, measure.area_mm2"
)

ENGINE_HELP = "default: fused; both also asks the reference, says where the two differ, and exits with 3 if they do"


@dataclass(frozen=True, slots=True)
class Extraction:
    """What is asked on the command line."""

    image: Path
    mask: Path
    labels: tuple[int, ...]
    profile: str | None
    columns: tuple[str, ...] | None
    modality: str | None
    form: str
    measures: bool
    embedding: bool
    engine: Engine | Literal["both"]
    structures: Structures

    @classmethod
    def of(cls, chosen: argparse.Namespace) -> "Extraction":
        """Takes the parsed arguments over."""
        given = {name: getattr(chosen, name) for name in cls.__slots__ if name != "structures"}
        return cls(**given, structures=structures_of(chosen))


@dataclass(frozen=True, slots=True)
class Row:
    """What one lesion gave."""

    label: int
    features: dict[str, float]
    missing: dict[str, str]
    error: BadLesion | None
    differences: tuple[Difference, ...] = ()
    """Of the two engines, where both were asked."""

    def as_json(self) -> str:
        """One line; `error` where radiomics was impossible, `missing` where single features were."""
        line: dict[str, object] = {"label": self.label}
        if self.features or self.error is None:
            line["features"] = self.features
        if self.missing:
            line["missing"] = self.missing
        if self.error is not None:
            line["error"] = {"reason": self.error.reason, "message": str(self.error)}
        if self.differences:
            line["differences"] = {
                one.name: {"fused": one.fused, "pyradiomics": one.pyradiomics} for one in self.differences
            }
        return json.dumps(line, allow_nan=False)


class Subcommands(Protocol):
    """What argparse gives for adding commands."""

    def add_parser(self, name: str, *, help: str, description: str | None) -> argparse.ArgumentParser:
        """Adds one."""


def add_to(commands: Subcommands) -> None:
    """Adds the command."""
    parser = commands.add_parser("extract", help="features of each lesion, a line a lesion", description=__doc__)
    parser.add_argument("image", type=Path, metavar="IMAGE", help="NIfTI, NRRD, MetaImage, or a DICOM folder or zip")
    parser.add_argument("mask", type=Path, metavar="MASK", help="labels on the image's grid, or an RTSTRUCT or SEG")
    parser.add_argument(
        "--label", dest="labels", type=labels_argument, default=(), metavar="N|all", help="default: all"
    )
    add_structure_arguments(parser)
    parser.add_argument("--profile", metavar="NAME|FILE", help=HELP)
    parser.add_argument("--columns", type=_names, metavar="NAME,...", help=COLUMNS_HELP)
    parser.add_argument("--modality", choices=MODALITIES, help="default: the DICOM series' own, else ct")
    parser.add_argument("--format", dest="form", choices=("json", "csv"), default="json", help="default: json lines")
    parser.add_argument("--measures", action="store_true", help="add volume and diameters (measure.volume_mm3)")
    parser.add_argument("--engine", choices=(*ENGINES, "both"), default="fused", help=ENGINE_HELP)
    parser.add_argument("--embedding", action="store_true", help="add the default encoder's (embedding.default.0)")


def run(asked: Extraction, out: TextIO, trouble: TextIO) -> int:
    """Extracts and prints; lesions that cannot be measured say why, the others go on.

    Returns:
        3 where two engines were asked and differ, 0 otherwise.

    Raises:
        FeatureError: The image, the mask, the profile or a column cannot be used.
        OSError: A file cannot be read.
    """
    profile = chosen_profile(asked.profile)
    image = read_image(Source.of(asked.image))
    modality = asked.modality or _modality_of(image)
    settings = profile.for_modality(modality)
    names = _chosen(asked, settings, modality)
    segmentation = read_segmentation(
        Source.of(asked.mask), image=image, numbers=asked.labels, structures=asked.structures
    )
    lesions = find_lesions(image, segmentation, () if asked.structures else asked.labels)
    embeddings = _embeddings(asked, lesions, modality)
    apart: list[Difference] = []
    rows = _compared(_rows(asked, lesions, settings, names, embeddings, modality), trouble, apart)
    # On one terminal with the lines a bar would only garble them.
    hidden = not trouble.isatty() or out.isatty()
    shown = tqdm(rows, total=len(lesions), unit="lesion", file=trouble, disable=hidden, leave=False)
    if asked.form == "json":
        for row in shown:
            out.write(row.as_json() + "\n")
            out.flush()
    else:
        _write_csv(shown, [*names, *(embeddings[0] if embeddings else ())], out)
    return 3 if apart else 0


def _modality_of(image: Image) -> str:
    """The column word of a DICOM series; ct of every other image."""
    told = "" if image.reference is None else image.reference.modality.lower()
    return told if told in MODALITIES else "ct"


def _rows(
    asked: Extraction,
    lesions: tuple[Lesion, ...],
    settings: Settings,
    names: list[str],
    embeddings: list[dict[str, float]],
    modality: str,
) -> Iterator[Row]:
    radiomic = [name for name in names if not name.startswith("measure.")]
    measures = [name for name in names if name.startswith("measure.")]
    shared = Shared()
    for index, lesion in enumerate(lesions):
        features: dict[str, float] = {}
        missing: dict[str, str] = {}
        error = None
        apart: tuple[Difference, ...] = ()
        if radiomic:
            given = _extracted(lesion, settings, radiomic, "fused" if asked.engine == "both" else asked.engine, shared)
            if isinstance(given, BadLesion):
                error = given
            else:
                features, missing = dict(given.values), given.missing
            if asked.engine == "both":
                apart = differences(given, _extracted(lesion, settings, radiomic, "pyradiomics", shared))
        if measures:
            measured = measure_lesion(lesion)
            features.update({name: measured[name.partition(".")[2]] for name in measures})
            if is_projection(modality) and features.pop("measure.volume_mm3", None) is not None:
                missing = {**missing, "measure.volume_mm3": NO_VOLUME}
        if embeddings:
            features.update(embeddings[index])
        yield Row(lesion.label, features, missing, error, apart)


def _extracted(
    lesion: Lesion, settings: Settings, names: list[str], engine: Engine, shared: Shared
) -> Extracted | BadLesion:
    try:
        return extract(lesion, settings, names, engine=engine, shared=shared)
    except BadLesion as error:
        return error


def _compared(rows: Iterable[Row], trouble: TextIO, apart: list[Difference]) -> Iterator[Row]:
    for row in rows:
        apart += row.differences
        for one in row.differences:
            trouble.write(f"lesion {row.label}: {one}\n")
        yield row


def _embeddings(asked: Extraction, lesions: tuple[Lesion, ...], modality: str) -> list[dict[str, float]]:
    if not asked.embedding:
        return []
    from features.embedding.encoder import default_encoder  # noqa: PLC0415  loads torch only where it is asked

    encoder = default_encoder()
    rows = encoder.embed(lesions, [modality] * len(lesions))
    return [{f"embedding.{encoder.name}.{index}": float(one) for index, one in enumerate(row)} for row in rows]


def _chosen(asked: Extraction, settings: Settings, modality: str) -> list[str]:
    usual = [f"measure.{quantity}" for quantity in lesion_quantities(modality)]
    if asked.columns is None:
        return [*feature_names(settings), *(usual if asked.measures else ())]
    measures = [f"measure.{quantity}" for quantity in LESION_QUANTITIES]
    for name in asked.columns:
        if name.startswith(("radiomics.", "embedding.")) or (name.startswith("measure.") and name not in measures):
            raise UnknownColumn(f"--columns has {name[:120]!r}; wanted pyradiomics names or {', '.join(measures)}")
    asked_features(settings, [name for name in asked.columns if name not in measures])
    return list(dict.fromkeys([*asked.columns, *(usual if asked.measures else ())]))


def _write_csv(rows: Iterable[Row], names: list[str], out: TextIO) -> None:
    table = csv.writer(out, lineterminator="\n")
    table.writerow(["label", *names, "error"])
    for row in rows:
        error = f"{row.error.reason}: {row.error}" if row.error else ""
        table.writerow([row.label, *(row.features.get(name, "") for name in names), error])
        out.flush()


def labels_argument(text: str) -> tuple[int, ...]:
    """One label, or none for all."""
    if text == "all":
        return ()
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r}; wanted a label, 1 or more, or all")
    return (int(text),)


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise argparse.ArgumentTypeError("no name; wanted names, comma separated")
    return names
