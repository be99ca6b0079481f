"""Arguments of the commands that take somebody's own table."""

import argparse
import csv
from typing import get_args

from models.cohort_facts import EVIDENCE
from models.families.combat import Unseen

Arguments = argparse.ArgumentParser | argparse._ArgumentGroup


def names(text: str) -> tuple[str, ...]:
    """Names separated by commas; one that holds a comma stands in double quotes."""
    return tuple(name.strip() for name in next(csv.reader([text], skipinitialspace=True)) if name.strip())


def times(text: str) -> tuple[float, ...]:
    """Times above 0 separated by commas, in the table's unit."""
    found = tuple(float(part) for part in text.split(","))
    if not all(0 < time < float("inf") for time in found):
        raise argparse.ArgumentTypeError(f"{text}; wanted times above 0")
    return found


def add_table_to(parser: Arguments) -> None:
    """Declares what the columns of a table mean."""
    parser.add_argument("--outcome", metavar="COL", help="response: 1 or 0, yes or no; or CR, PR, SD, PD")
    parser.add_argument("--time", metavar="COL", help="time to the event or to censoring, above 0")
    parser.add_argument("--event", metavar="COL", help="1 where the event was seen, 0 where censored")
    parser.add_argument(
        "--entry",
        metavar="COL",
        help="time from which each patient was watched (of cox_net, weibull, log_normal, competing)",
    )
    parser.add_argument(
        "--competing", metavar="COL", help="1 where death came before the event, at the time (of competing)"
    )
    parser.add_argument("--strata", metavar="COL", help="words with a baseline each, such as the site (of cox_net)")
    parser.add_argument("--therapy", metavar="COL", help="what was given")
    parser.add_argument("--groups", type=names, default=(), metavar="COL,...", help="subgroups to report")
    parser.add_argument("--drop", type=names, default=(), metavar="COL,...", help="columns never learned from")
    parser.add_argument("--missing", type=names, default=(), metavar="VALUE,...", help="cells that stand for nothing")
    parser.add_argument("--subject", metavar="COL", help="the patient's pseudonym (default: subject, if there)")
    parser.add_argument(
        "--imaging",
        type=names,
        default=(),
        metavar="COL,...",
        help="image features that bear no known name; * fits all",
    )
    parser.add_argument(
        "--evidence", choices=EVIDENCE, default="", help="how therapies were given (default observational)"
    )
    parser.add_argument(
        "--accept-selection", default="", metavar="REASON", help="why the columns are not chosen on these patients"
    )


def add_harmonisation_to(parser: Arguments) -> None:
    """Declares by what image features are brought onto one scale."""
    parser.add_argument(
        "--harmonise",
        metavar="COL",
        help="the site or scanner by which ComBat maps image features (of a cohort: clinical.NAME)",
    )
    parser.add_argument(
        "--unseen-site",
        choices=get_args(Unseen),
        default="refuse",
        help="what becomes of a case from another site: refused, or answered unmapped and marked (default refuse)",
    )
