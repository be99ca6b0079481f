"""How a comparison of therapies is printed for people."""

from collections.abc import Sequence

from models.effects.answers import Comparison, Effect
from models.show import print_table

EVIDENCE_IN_WORDS = {
    "randomised": "therapies were given by chance: a difference is an effect of treatment",
    "observational": "clinicians chose therapies: a difference is adjusted for the columns above, and for nothing else",
    "simulated": "therapies were given by a simulated policy that looks at the patient",
}


def print_comparisons(comparisons: Sequence[Comparison]) -> None:
    """Prints every comparison: what was estimated, or why nothing was."""
    if not comparisons:
        return
    first = comparisons[0]
    said = f"{EVIDENCE_IN_WORDS[first.evidence]}; {first.level * 100:.0f} % intervals"
    print(f"\nTherapies against {first.reference} ({said})\n")
    rows = [row for comparison in comparisons for row in _rows(comparison)]
    print_table(
        ("therapy", "patients", "what", "with it", "with the reference", "difference", "E-value", "overlap"), rows
    )
    for comparison in comparisons:
        for reason in comparison.overlap.reasons:
            where = f" ({comparison.group})" if comparison.group else ""
            print(f"{comparison.therapy}{where}: {comparison.overlap.verdict}: {reason.name}: {reason.message}")
    learners = [row for comparison in comparisons for row in _learners(comparison)]
    if learners:
        print("\nOther ways to the same difference, and what following each one's advice would reach\n")
        print_table(("therapy", "what", "learner", "difference", "policy value", "advised the option"), learners)


def _rows(comparison: Comparison) -> list[tuple[str, ...]]:
    overlap = comparison.overlap
    name = comparison.therapy + (f" ({comparison.group})" if comparison.group else "")
    patients = f"{overlap.option_patients} and {overlap.reference_patients}"
    if not comparison.effects:
        return [(name, patients, "", "", "", f"refused: {overlap.reasons[0].name}", "", overlap.verdict)]
    return [
        (
            name,
            patients,
            what(effect),
            str(effect.option),
            str(effect.reference),
            str(effect.difference),
            f"{effect.e_value:.2f} (limit {effect.e_value_of_limit:.2f})",
            overlap.verdict,
        )
        for effect in comparison.effects
    ]


def _learners(comparison: Comparison) -> list[tuple[str, ...]]:
    name = comparison.therapy + (f" ({comparison.group})" if comparison.group else "")
    return [
        (
            name,
            what(effect),
            one.name,
            "" if one.difference is None else str(one.difference),
            "" if one.policy_value is None else str(one.policy_value),
            "" if one.policy_share is None else f"{one.policy_share:.0%}",
        )
        for effect in comparison.effects
        for one in effect.learners
    ]


def what(effect: Effect) -> str:
    """A quantity in words."""
    words = {"probability": "probability", "restricted_mean": "mean time within", "survival": "without event at"}
    return words[effect.quantity] + ("" if effect.day is None else f" {effect.day:g}")
