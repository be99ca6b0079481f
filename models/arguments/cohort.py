"""`cohort sts FOLDER`: a manifest for a folder of images by patient, laid out as the soft-tissue-sarcoma cohort."""

import argparse
from pathlib import Path


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declares the command."""
    parser = commands.add_parser("cohort", help="write a manifest for a folder of images", description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    sts = kinds.add_parser("sts", help="images/<patient>/<SCAN>_image.nii.gz and outcomes.csv", description=__doc__)
    sts.add_argument("folder", type=Path, metavar="FOLDER", help="holds images/ and outcomes.csv")
    sts.add_argument("--out", type=Path, required=True, metavar="MANIFEST", help="a .csv; columns.yaml goes beside it")
    sts.set_defaults(run="cohort:run")
