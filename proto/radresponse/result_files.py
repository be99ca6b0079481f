"""Results as files: `--result FORMAT=FILE` writes an answer in another form, such as FHIR."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from radresponse.v1 import prediction_pb2, result_pb2

FORMATS = {
    "fhir-r4b": result_pb2.RESULT_FORMAT_FHIR_R4B,
    "fhir-r5": result_pb2.RESULT_FORMAT_FHIR_R5,
    "dicom-seg": result_pb2.RESULT_FORMAT_DICOM_SEG,
    "dicom-sr": result_pb2.RESULT_FORMAT_DICOM_SR,
}


def add_result_argument(parser: argparse.ArgumentParser) -> None:
    """Adds `--result`."""
    parser.add_argument(
        "--result",
        action="append",
        default=[],
        metavar="FORMAT=FILE",
        help=f"write the answer in another form too ({', '.join(FORMATS)}); may be given again",
    )


def formats_of(words: Sequence[str]) -> list[result_pb2.ResultFormat]:
    """The contract's formats.

    Raises:
        ValueError: An unknown word.
    """
    for word in words:
        if word not in FORMATS:
            raise ValueError(f"result format {word!r} is not known; wanted one of {', '.join(FORMATS)}")
    return [FORMATS[word] for word in words]


def asked_files(texts: Sequence[str]) -> dict[str, Path]:
    """Files by format.

    Raises:
        ValueError: Words that are not of the form, or a format twice.
    """
    files: dict[str, Path] = {}
    for text in texts:
        word, sign, file = text.partition("=")
        if not (word and sign and file):
            raise ValueError(f"--result {text!r} is not of the form FORMAT=FILE")
        if word in files:
            raise ValueError(f"--result {word} is given twice; wanted each format once")
        files[word] = Path(file)
    formats_of(list(files))
    return files


def write_results(
    answer: prediction_pb2.PredictResponse | prediction_pb2.CompareTherapiesResponse, files: dict[str, Path]
) -> None:
    """Writes each document to its file, and takes it out of the answer.

    Where there are several of a form, such as a segmentation for each scan, numbers follow the first one's name:
    `lesions.dcm`, `lesions-2.dcm`.

    Raises:
        OSError: A file cannot be written.
    """
    written: dict[str, int] = {}
    for document in answer.documents:
        word = next(word for word, number in FORMATS.items() if number == document.format)
        written[word] = written.get(word, 0) + 1
        file, number = files[word], written[word]
        (file if number == 1 else file.with_stem(f"{file.stem}-{number}")).write_bytes(document.content)
    answer.ClearField("documents")


def stored_words(answer: prediction_pb2.PredictResponse | prediction_pb2.CompareTherapiesResponse) -> str:
    """What was stored, in one line; empty where nothing was."""
    if not answer.stored:
        return ""
    there = sum(one.already_stored for one in answer.stored)
    told = f"stored in {answer.stored[0].pacs}, and read back: {len(answer.stored)} objects"
    return told + (f", {there} of them there already" if there else "")
