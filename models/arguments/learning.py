"""Arguments of the commands that learn: how long settings are searched, and whether hazards are recalibrated."""

import argparse

from models.families.search import MOST_TRIALS


def add_learning_to(parser: argparse.ArgumentParser) -> None:
    """Declares what is done beyond the family's fixed ways."""
    parser.add_argument(
        "--search",
        type=trial_count,
        default=0,
        metavar="N",
        help="trials of a search for settings, inside each fit (of xgboost, xgboost_cox, xgboost_aft, fusion; "
        "default 0: the fixed settings)",
    )
    parser.add_argument(
        "--recalibrate",
        action="store_true",
        help="recalibrate hazards by patients that inner folds held out (of a time to progression; six fits for one)",
    )


def trial_count(text: str) -> int:
    """A number of trials from the command line."""
    wanted = f"wanted a whole number of trials, 0 to {MOST_TRIALS}"
    try:
        trials = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}; {wanted}") from None
    if not 0 <= trials <= MOST_TRIALS:
        raise argparse.ArgumentTypeError(f"{trials}; {wanted}")
    return trials
