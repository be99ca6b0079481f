"""A case from the command line: scans, covariates and features as words, or a whole case as a JSON file."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from google.protobuf import json_format

from radresponse.cases import MODALITIES, Archived, Case, ImageFile, Scan, case, scan
from radresponse.v1 import case_pb2

_SCAN_HELP = (
    "{name} image and the segmentation of its lesions (NIfTI, NRRD, MetaImage, or a DICOM folder with an RTSTRUCT or "
    "SEG), then, where needed, day=90 series=t1 labels=1,2 resample=yes structure=NAME (again for several); may be "
    "given again for another date or series. A series in an archive of the service: pacs:NAME/STUDY_UID/SERIES_UID"
)
_ARCHIVED = "pacs:"


def add_case_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what describes a patient."""
    parser.add_argument("--subject", help="pseudonym; never a name or record number")
    names = {
        "ct": "a CT",
        "pt": "a PET (SUV)",
        "mr": "an MR",
        "cr": "a radiograph (CR)",
        "dx": "a radiograph (DX)",
        "mg": "a mammogram",
    }
    for modality in MODALITIES:
        parser.add_argument(
            f"--{modality}",
            nargs="+",
            action="append",
            default=[],
            metavar="IMAGE MASK [day=N] [OPTION=VALUE]",
            help=_SCAN_HELP.format(name=names[modality]),
        )
    parser.add_argument(
        "--covariate", action="append", default=[], metavar="NAME=VALUE", help="e.g. age_years=64 or sex=female"
    )
    parser.add_argument(
        "--feature", action="append", default=[], metavar="COLUMN=NUMBER", help="a feature that is already known"
    )
    parser.add_argument("--case", metavar="FILE.json", help="a case in protobuf's JSON form; - for standard input")


def case_of(arguments: argparse.Namespace) -> Case | case_pb2.Case:
    """The case that was described.

    Raises:
        ValueError: Words that are not of the form.
        OSError: The case's file cannot be read.
    """
    scans = [_scan(modality, words) for modality in MODALITIES for words in getattr(arguments, modality)]
    if arguments.case is not None:
        if scans or arguments.covariate or arguments.feature or arguments.subject:
            raise ValueError("--case holds the whole case; wanted either it or --subject, scans and covariates")
        return _from_json(arguments.case)
    if not arguments.subject:
        raise ValueError("no --subject; wanted the patient's pseudonym")
    covariates = dict(_pair(text, "--covariate") for text in arguments.covariate)
    features = dict(_pair(text, "--feature") for text in arguments.feature)
    return case(
        arguments.subject,
        scans,
        covariates={name: _number_or_word(text) for name, text in covariates.items()},
        features={name: _number(name, text) for name, text in features.items()},
    )


def _scan(modality: str, words: Sequence[str]) -> Scan:
    if len(words) < 2:
        raise ValueError(f"--{modality} has {len(words)} file; wanted an image and its segmentation")
    image, segmentation, *options = words
    pairs = [_pair(text, f"--{modality}") for text in options]
    told = dict(pairs)
    if unknown := sorted(told.keys() - {"day", "series", "labels", "resample", "structure"}):
        raise ValueError(f"--{modality} does not take {unknown[0]}; wanted day, series, labels, resample or structure")
    if told.get("resample", "no") not in ("yes", "no"):
        raise ValueError(f"resample={told['resample']} of --{modality}; wanted yes or no")
    return scan(
        modality,
        _file(image),
        _file(segmentation),
        day=_whole("day", told["day"]) if "day" in told else None,
        labels=[_whole("labels", text) for text in told["labels"].split(",")] if "labels" in told else (),
        series=told.get("series", ""),
        resample_segmentation=told.get("resample") == "yes",
        structure=[value for name, value in pairs if name == "structure"],
    )


def _file(word: str) -> ImageFile:
    if not word.startswith(_ARCHIVED):
        return word
    parts = word.removeprefix(_ARCHIVED).split("/")
    if len(parts) != 3 or not all(parts):
        raise ValueError(f"a series in an archive has {len(parts)} parts; wanted {_ARCHIVED}NAME/STUDY_UID/SERIES_UID")
    return Archived(*parts)


def _from_json(file: str) -> case_pb2.Case:
    text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    try:
        return json_format.Parse(text, case_pb2.Case())
    except json_format.ParseError as error:
        raise ValueError(f"--case is not a case in protobuf's JSON form: {error}") from None


def _pair(text: str, option: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not (name and sign and value):
        raise ValueError(f"{option} {text!r} is not of the form NAME=VALUE")
    return name, value


def _number_or_word(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{name}={text}; wanted a number") from None


def _whole(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{name}={text}; wanted a whole number") from None
