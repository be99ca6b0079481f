"""How a training is printed for people."""

from models.families.search import in_words as search_in_words
from models.figures import GAIN, reading, title
from models.recalibration import in_words as recalibration_in_words
from models.show import print_table
from models.stability.stable import in_words as stability_in_words
from models.training_report import FEWEST_FOR_A_CLAIM, TrainingReport


def print_report(report: TrainingReport, version: str, alias: str | None) -> None:
    """Prints what a training gave."""
    lines = [f"{report.patients} patients, {report.positives} {report.positive_word}; {report.protocol}"]
    if report.facts.simulated:
        lines.insert(0, "learned from simulated patients: figures describe the simulation")
    if report.left_out:
        lines.append(f"{len(report.left_out)} patients could not be measured and were left out")
        lines += [f"  row {one.row}: {one.reason}" for one in report.left_out[:5]]
    lines += report.notices
    if report.search is not None:
        lines.append(search_in_words(report.search))
    if report.recalibration is not None:
        lines += recalibration_in_words(report.recalibration)
    if report.stability is not None:
        lines.append(stability_in_words(report.stability))
    rows = [
        (
            title(figure.name),
            figure.of,
            str(figure.estimate),
            "" if figure.of.startswith(GAIN) else reading(figure.name),
        )
        for figure in report.figures
    ]
    for line in lines:
        print(line)
    print_table(("figure", "of", "value (95 % interval)", "how to read it"), rows)
    if report.grades:
        told = [
            (one.name, str(one.patients), f"{one.seen:.0%}", f"{one.told:.0%}", f"{one.told_of_them:.0%}")
            for one in report.grades
        ]
        print_table(("class", "patients", "share", "said of all", "said of those who had it"), told)
    if report.patients < FEWEST_FOR_A_CLAIM:
        print(f"{report.patients} patients support no claim of accuracy")
    if report.suspicious:
        print("this is better than honest models on so few patients: look for a column that knows the outcome")
    served = f", alias {alias}" if alias else "; without --alias champion it is not served"
    print(f"registered {report.name} version {version}{served}")
