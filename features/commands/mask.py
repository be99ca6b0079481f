"""`mask`: writes what was understood of a segmentation, on the image's grid."""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from features.case import Source, Structures
from features.commands.extract import Subcommands, labels_argument
from features.commands.structure_arguments import add_structure_arguments, structures_of
from features.imaging.read import holds_dicom, read_image, read_segmentation
from features.imaging.volume import Segmentation
from features.imaging.write import require_ending, write_segmentation
from features.lesions import find_lesions


@dataclass(frozen=True, slots=True)
class Masking:
    """What is asked on the command line."""

    series: Path
    segmentation: Path
    labels: tuple[int, ...]
    structures: Structures
    out: Path

    @classmethod
    def of(cls, chosen: argparse.Namespace) -> "Masking":
        """Takes the parsed arguments over."""
        return cls(chosen.series, chosen.segmentation, chosen.labels, structures_of(chosen), chosen.out)


def add_to(commands: Subcommands) -> None:
    """Adds the command."""
    parser = commands.add_parser("mask", help="what a segmentation says, as a file of labels", description=__doc__)
    parser.add_argument("series", type=Path, metavar="SERIES", help="a DICOM folder, zip or file, or an image file")
    parser.add_argument("segmentation", type=Path, metavar="SEGMENTATION", help="RTSTRUCT, SEG or a file of labels")
    parser.add_argument("--label", dest="labels", type=labels_argument, default=(), metavar="N|all")
    add_structure_arguments(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help=".nii.gz, .nii, .nrrd or .mha")


def run(asked: Masking, out: TextIO) -> int:
    """Writes the file, and prints a JSON line for each label in it.

    Raises:
        FeatureError: The image or the segmentation cannot be used.
        OSError: A file cannot be read or written.
    """
    require_ending(asked.out)
    image, source = read_image(Source.of(asked.series)), Source.of(asked.segmentation)
    segmentation = read_segmentation(source, image=image, numbers=asked.labels, structures=asked.structures)
    lesions = find_lesions(image, segmentation, () if holds_dicom(source) else asked.labels)
    labels = segmentation.labels * 0
    for lesion in lesions:
        labels[lesion.mask] = lesion.label
    write_segmentation(Segmentation(labels, image.grid, segmentation.digest), asked.out)
    for lesion in lesions:
        line = {"label": lesion.label, "voxels": lesion.voxel_count, "volume_mm3": round(lesion.volume_mm3, 3)}
        out.write(json.dumps(line) + "\n")
    return 0
