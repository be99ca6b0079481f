"""`cohort sts FOLDER`: a manifest for a folder of images by patient, laid out as the soft-tissue-sarcoma cohort."""

import argparse
import sys

from models.sts import write_sts_manifest


def run(chosen: argparse.Namespace) -> None:
    """Writes the manifest and prints where it lies."""
    written = write_sts_manifest(chosen.folder, chosen.out)
    scans = ", ".join(f"{scan} of {count}" for scan, count in written.scans.items())
    print(f"{written.patients} patients: {scans}", file=sys.stderr)
    for scan, count in written.incomplete.items():
        print(f"{count} without {scan}: an image without its mask, or a mask without its image", file=sys.stderr)
    print(written.path)
