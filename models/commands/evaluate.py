"""`evaluate`: the report of a table, printed for people or as JSON."""

import argparse
import sys

from models.commands.comparisons import print_comparisons
from models.commands.stability import check_of
from models.commands.tables import request_of
from models.evaluate import Evaluating, evaluate
from models.evaluation_report import EvaluationReport
from models.figures import ERROR, FEWEST_IN_A_SUBGROUP, GAIN, LEADING, reading, title
from models.plain import dumps
from models.redundancy import in_words
from models.selective import in_words as coverage_in_words
from models.show import print_table
from models.stability.stable import in_words as stability_in_words

_MOST_DROPPED = 10


def run(chosen: argparse.Namespace) -> None:
    """Evaluates, and prints the report."""
    how = Evaluating(
        folds=chosen.folds,
        seed=chosen.seed,
        families=chosen.families,
        reference=chosen.reference,
        horizons=chosen.horizon,
        accept_selection=chosen.accept_selection,
        stability=check_of(chosen),
        workers=max(1, chosen.workers),
        search=chosen.search,
        recalibrate=chosen.recalibrate,
    )
    report = evaluate(request_of(chosen, chosen.table), how)
    if chosen.json:
        sys.stdout.write(dumps(report).decode())
    else:
        print_evaluation(report)


def print_evaluation(report: EvaluationReport) -> None:
    """Prints a report for people."""
    sizes = report.sizes
    marked = "with response" if report.task == "outcome" else "with the event seen"
    print(f"{sizes.patients} patients, {sizes.positives} {marked} ({report.label})")
    print(f"{sizes.clinical_columns} columns of the clinical record, {sizes.image_columns} of images")
    print(report.protocol)
    for notice in report.notices:
        print(notice)
    print("\nOn patients that it had not seen\n")
    order = list(dict.fromkeys(one.name for one in report.figures))
    by_name = sorted(report.figures, key=lambda one: order.index(one.name))
    rows = [
        (title(one.name), one.of, str(one.estimate), "" if one.of.startswith(GAIN) else reading(one.name))
        for one in by_name
    ]
    print_table(("figure", "of", "value (95 % interval)", "how to read it"), rows)
    if len({choice.family for choice in report.choices}) > 1:
        print("\nchosen by fold: " + ", ".join(f"{choice.fold} {choice.family}" for choice in report.choices))
    _print_decision_curve(report)
    _print_subgroups(report)
    print_comparisons(report.comparisons)
    _print_coverage(report)
    for line in in_words(report.redundancy) if report.redundancy else ():
        print(f"\n{line}")
    _print_stability(report)
    if report.suspicious:
        print(
            f"\nThis is better than honest models are on {sizes.patients} patients: look for a column that knows the "
            "outcome. A model trained on this table is not promoted until somebody says why (--accept-score REASON)."
        )


def _print_decision_curve(report: EvaluationReport) -> None:
    if not report.decision_curve:
        return
    by = "" if report.decision_day is None else f", events by day {report.decision_day}"
    print(f"\nDecision curve (net benefit a patient{by}; acting on nobody gains 0)\n")
    rows = [(f"{one.threshold:.0%}", str(one.model), str(one.everybody)) for one in report.decision_curve]
    print_table(("threshold", "model (95 % interval)", "everybody (95 % interval)"), rows)


def _print_coverage(report: EvaluationReport) -> None:
    if not report.coverage:
        return
    print("\nNot answering those furthest from the patients whom a fold's model learned from\n")
    rows = [
        (f"{one.coverage:.0%}", str(one.patients), str(one.error), "" if one.coverage == 1 else str(one.gain))
        for one in report.coverage
    ]
    error = title(ERROR[report.task])
    print_table(("answered", "patients", f"{error} (95 % interval)", "less than of all (above 0 is better)"), rows)
    print("\n" + coverage_in_words(report.coverage).replace("**", ""))  # emphasis of a card


def _print_stability(report: EvaluationReport) -> None:
    if report.stability is None:
        return
    print(f"\n{stability_in_words(report.stability)}")
    dropped = [one.feature for one in report.stability.dropped]
    if dropped:
        more = f" and {len(dropped) - _MOST_DROPPED} more (--json)" if len(dropped) > _MOST_DROPPED else ""
        print(f"not learned from: {', '.join(dropped[:_MOST_DROPPED])}{more}")


def _print_subgroups(report: EvaluationReport) -> None:
    if not report.subgroups:
        return
    leading = title(LEADING[report.task])
    few = f"not given: wants {FEWEST_IN_A_SUBGROUP} patients with both classes"
    rows = [
        (
            one.name,
            str(one.patients),
            str(one.positives),
            few if one.estimate is None else str(one.estimate),
            "" if one.gap is None else f"{one.gap}{'  WORSE' if one.flagged else ''}",
        )
        for one in report.subgroups
    ]
    print(f"\nSubgroups ({leading})\n")
    print_table(("group", "patients", "positive", "value (95 % interval)", "against all others"), rows)
