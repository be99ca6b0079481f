"""A model's card: its use, whom it learned from, how well it did on patients that it had not seen, its limits."""

from collections.abc import Iterable, Sequence

from models.baselines import CLINICAL, VOLUME
from models.evaluation import Estimate
from models.families.columns import ColumnSpec
from models.families.scans import in_words as scans_in_words
from models.families.search import in_words as search_in_words
from models.figures import FEWEST_IN_A_SUBGROUP, GAIN, LEADING, reading, title
from models.recalibration import in_words as recalibration_in_words
from models.redundancy import in_words as redundancy_in_words
from models.reporting_items import in_markdown, metrics, tripod_ai
from models.seen_coverage import in_words as coverage_in_words
from models.selective import in_words as selective_in_words
from models.software import VERSION
from models.stability.stable import in_words as stability_in_words
from models.training_report import FEWEST_FOR_A_CLAIM, TrainingReport

_MOST_COLUMNS = 200
_MOST_LACKING = 20


def card(report: TrainingReport) -> str:
    """The card in Markdown."""
    sections = (
        (f"# {report.name}", _first(report)),
        ("## Intended use", _use(report)),
        ("## Learned from", _cohort(report)),
        ("## How", _method(report)),
        ("## On patients that it had not seen", _figures(report)),
        ("## Subgroups", _subgroups(report)),
        *((("## Classes of response", _grades(report)),) if report.grades else ()),
        *((("## Therapies compared", _comparisons(report)),) if report.comparisons else ()),
        *((("## Not answering those far away", _coverage(report)),) if report.coverage else ()),
        *((("## Size and redundancy", _redundancy(report)),) if report.redundancy else ()),
        *((("## Stable features", _stability(report)),) if report.stability else ()),
        ("## Limits", _limits(report)),
        ("## Columns", _columns(report.columns)),
        *((("## Missing values", _lacking(report)),) if report.lacking else ()),
        ("## Reporting items", _items(report)),
    )
    return "\n\n".join(f"{title}\n\n{text}" for title, text in sections) + "\n"


def _first(report: TrainingReport) -> str:
    what = "response" if report.task == "outcome" else "time to progression"
    lines = [f"Predicts {what} ({report.facts.endpoint[report.task]}) for each therapy it was trained with."]
    if not report.therapies:
        lines = [f"Predicts {what} ({report.facts.endpoint[report.task]}); it knows no therapy and compares none."]
    if report.facts.simulated:
        lines.append("**It learned from simulated patients only and says nothing about real ones.**")
    if report.patients < FEWEST_FOR_A_CLAIM:
        lines.append(
            f"**No claim of accuracy is made: {report.patients} patients are too few to support one.** "
            "The figures below are printed to show their intervals, not to be relied on."
        )
    return "\n\n".join(lines)


def _use(report: TrainingReport) -> str:
    who = report.facts.population or "patients like those it learned from"
    return (
        f"Research, and as one voice among others where a tumour board discusses {who}. "
        "It supports a decision and never makes one. It is not a medical device."
    )


def _cohort(report: TrainingReport) -> str:
    facts = report.facts
    origin = "simulated, with a known mechanism" if facts.simulated else "real"
    lines = [
        f"- Patients: {report.patients}, {report.positives} of them {report.positive_word}; {origin}",
        f"- Population: {facts.population or 'not stated'}",
        f"- Endpoint: {facts.endpoint[report.task]}",
        f"- Time zero: {facts.time_zero}",
        f"- Therapies given by: {_EVIDENCE[facts.evidence]}",
        f"- Left out because they could not be measured: {len(report.left_out)}",
    ]
    lines += [f"  - row {one.row}: {one.reason}" for one in report.left_out[:20]]
    lines += [f"- {notice}" for notice in report.notices]
    if report.by_therapy:
        lines += ["", f"| therapy | patients | {report.positive_word} |", "|---|---|---|"]
        lines += [f"| {therapy} | {patients} | {positives} |" for therapy, patients, positives in report.by_therapy]
    return "\n".join(lines)


_EVIDENCE = {
    "simulated": "a simulated policy that looks at the patient (confounded)",
    "randomised": "chance (a randomised trial)",
    "observational": "clinicians' choice: differences between therapies may be differences between their patients",
}


def _method(report: TrainingReport) -> str:
    encoder = f"`{report.encoder_identity}`" if report.encoder_identity else "none"
    return "\n".join(
        (
            f"- Family: {report.family}. {report.method}",
            f"- Columns: {len(report.columns)} of the {report.offered} offered; chosen, imputed and scaled inside each "
            "training fold",
            *((f"- Search: {search_in_words(report.search)}",) if report.search else ()),
            *((f"- {line}" for line in recalibration_in_words(report.recalibration)) if report.recalibration else ()),
            *((f"- Harmonised: {report.harmonised}",) if report.harmonised else ()),
            f"- Image features: profile `{report.profile_digest}`; encoder {encoder}",
            f"- Seed: {report.seed}",
            f"- Software: RadResponse {VERSION}",
        )
    )


_PLAIN = {"outcome": "logistic regression", "progression": "a Cox model"}


def _figures(report: TrainingReport) -> str:
    lines = [
        f"{report.protocol[0].upper()}{report.protocol[1:]}. Baselines were judged on the same folds: "
        f"{_PLAIN[report.task]} on the clinical columns and the therapy, or on tumour volume alone.",
        "",
    ]
    lines += ["| figure | of | value | 95 % interval | |", "|---|---|---|---|---|"]
    for figure in report.figures:
        meaning = "difference, same patients" if figure.of.startswith(GAIN) else reading(figure.name)
        lines.append(f"| {title(figure.name)} | {figure.of} | {_row(figure.estimate)} | {meaning} |")
    lines += ["", _against_baselines(report)]
    return "\n".join(lines).rstrip()


def _grades(report: TrainingReport) -> str:
    lines = [
        "Over the same held-out patients: how many had each class, and how probable the model said it was.",
        "",
        "| class | patients | share | said of all | said of those who had it |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {one.name} | {one.patients} | {one.seen:.0%} | {one.told:.0%} | {one.told_of_them:.0%} |"
        for one in report.grades
    ]
    return "\n".join(lines)


def _against_baselines(report: TrainingReport) -> str:
    """What the gains say, in words."""
    said = []
    leading = LEADING[report.task]
    for baseline in (CLINICAL, VOLUME):
        gain = report.figure(leading, GAIN + baseline)
        if gain is None:
            said.append(f"There is no baseline “{baseline}”: the cohort has no such column.")
        elif gain.estimate.lower is not None and gain.estimate.lower > 0:
            said.append(f"Better than {baseline} in {title(leading)}, beyond chance.")
        elif gain.estimate.upper is not None and gain.estimate.upper < 0:
            said.append(f"**Worse than {baseline} in {title(leading)}.**")
        else:
            said.append(f"Not shown to be better than {baseline} in {title(leading)}.")
    if report.suspicious:
        said.append(
            f"**{title(leading)} of 0.8 or more on {report.patients} patients is more than honest models reach: "
            "look for a column that knows the outcome.**"
        )
        reason = report.accepted_score
        said.append(f"It was accepted: {reason}" if reason else "Nobody said why, and it is not promoted.")
    return " ".join(said)


def _subgroups(report: TrainingReport) -> str:
    if not report.subgroups:
        return "None: the cohort has no sex, age or site."
    leading = title(LEADING[report.task])
    lines = [f"| group | patients | {report.positive_word} | {leading} | 95 % interval |", "|---|---|---|---|---|"]
    few = f"not given: wants {FEWEST_IN_A_SUBGROUP} patients with both classes |"
    for group in report.subgroups:
        figure = f"{_row(group.estimate)} |" if group.estimate else f"{few} |"
        lines.append(f"| {group.name} | {group.patients} | {group.positives} | {figure}")
    worse = [f"{group.name} ({group.gap})" for group in report.subgroups if group.flagged]
    if worse:
        lines += ["", f"**Worse than for all other patients, beyond chance: {'; '.join(worse)}.**"]
    return "\n".join(lines)


def _coverage(report: TrainingReport) -> str:
    what = "Brier score" if report.task == "outcome" else "integrated Brier score"
    lines = [
        "Those furthest from the training cohort are left unanswered, a few more each time; over held-out patients, "
        "each interval for itself.",
        "",
        f"| answered | patients | {what} | less than of all (above 0 is better) |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {one.coverage:.0%} | {one.patients} | {one.error} | {'' if one.coverage == 1 else one.gain} |"
        for one in report.coverage
    ]
    return "\n".join([*lines, "", selective_in_words(report.coverage)])


def _redundancy(report: TrainingReport) -> str:
    assert report.redundancy is not None  # noqa: S101 - looked at before
    return "\n".join(f"- {line}" for line in redundancy_in_words(report.redundancy))


def _stability(report: TrainingReport) -> str:
    assert report.stability is not None  # noqa: S101 - looked at before
    taken = report.stability.of(spec.name for spec in report.columns)
    lines = [stability_in_words(report.stability), "", "| feature that the model takes | ICC(1,1) | lower 95 % limit |"]
    lines += [
        "|---|---|---|",
        *(f"| `{one.feature}` | {one.icc:.3f} | {one.lower:.3f} |" for one in taken[:_MOST_COLUMNS]),
    ]
    if len(taken) > _MOST_COLUMNS:
        lines.append(f"\nand {len(taken) - _MOST_COLUMNS} more that are as stable or more, in the manifest.")
    return "\n".join(lines)


def _comparisons(report: TrainingReport) -> str:
    """What the cohort as a whole says of each pair: an effect where chance gave the therapies, else adjusted."""
    first = report.comparisons[0]
    how = "effects of treatment" if first.evidence == "randomised" else "adjusted for the columns, and for nothing else"
    lines = [
        f"Over all patients given either therapy; doubly robust; {first.level * 100:.0f} % intervals; {how}.",
        "",
        "| therapy | against | patients | what | difference | E-value (of the limit) | overlap |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in report.comparisons:
        who = (
            f"| {one.therapy} | {one.reference} | {one.overlap.option_patients} and {one.overlap.reference_patients} |"
        )
        told = ", ".join(dict.fromkeys(reason.name for reason in one.overlap.reasons))
        verdict = f"{one.overlap.verdict}{f': {told}' if told else ''}"
        if not one.effects:
            lines.append(f"{who} | refused | | {verdict} |")
        for effect in one.effects:
            day = "" if effect.day is None else f" ({effect.day:g})"
            e_value = f"{effect.e_value:.2f} ({effect.e_value_of_limit:.2f})"
            what = f"{effect.quantity.replace('_', ' ')}{day}"
            lines.append(f"{who} {what} | {effect.difference} | {e_value} | {verdict} |")
    return "\n".join(lines)


def _items(report: TrainingReport) -> str:
    parts = (in_markdown("TRIPOD+AI", tripod_ai(report)), in_markdown("METRICS", metrics(report)))
    return "\n\n".join(parts)


def _limits(report: TrainingReport) -> str:
    limits = [
        "Judged on held-out patients of its own cohort; other hospitals, scanners and segmentations were not tried.",
        coverage_in_words(report.task, report.family),
        f"A case far from the training cohort is marked in the answer{_parts(report.columns)}, and the answer is then "
        "not to be relied on.",
    ]
    limits += [
        f"A case without {scans_in_words(scans)} is refused: no patient it learned from lacked it."
        for scans in report.needed_scans
    ]
    if report.facts.simulated:
        limits.insert(0, "Every patient it learned from is simulated; figures describe the simulation.")
    if not report.claims_accuracy and not report.facts.simulated:
        limits.insert(
            0, f"{report.patients} patients support no claim of accuracy; intervals are wide and may mislead."
        )
    if report.facts.evidence != "randomised" and report.therapies:
        limits.append("Therapies were not given by chance; a difference between them is no proof of an effect.")
    return "\n".join(f"- {limit}" for limit in limits)


def _parts(columns: Iterable[ColumnSpec]) -> str:
    """By which distances, where there are several."""
    if not any(spec.name.startswith("embedding.") for spec in columns):
        return ""
    return " (by all number columns, by the image embedding alone, or by all others alone)"


def _columns(columns: Sequence[ColumnSpec]) -> str:
    lines = ["| column | kind | unit | in training | when missing |", "|---|---|---|---|---|"]
    lines += [_column(spec) for spec in columns[:_MOST_COLUMNS]]
    if len(columns) > _MOST_COLUMNS:
        lines.append(f"\nand {len(columns) - _MOST_COLUMNS} more, in the manifest.")
    return "\n".join(lines)


def _lacking(report: TrainingReport) -> str:
    lines = ["| column | patients without a value | what is made of it |", "|---|---|---|"]
    for one in report.lacking[:_MOST_LACKING]:
        counted = ", and that it is missing counts: it went with the outcome beyond chance" if one.counted else ""
        lines.append(f"| `{one.column}` | {one.share:.0%} | a typical value stands in{counted} |")
    if len(report.lacking) > _MOST_LACKING:
        lines.append(f"\nand {len(report.lacking) - _MOST_LACKING} more that are missing less often.")
    return "\n".join(lines)


def _column(spec: ColumnSpec) -> str:
    seen: Iterable[str] = spec.categories
    if spec.kind == "number" and spec.training_lower is not None and spec.training_upper is not None:
        seen = (f"{spec.training_lower:.4g} to {spec.training_upper:.4g}",)
    impute = f"{spec.impute:.4g}" if isinstance(spec.impute, float) else spec.impute
    missing = "refused" if spec.required else f"taken as {impute}"
    return f"| `{spec.name}` | {spec.kind} | {spec.unit} | {', '.join(seen)} | {missing} |"


def _row(estimate: Estimate) -> str:
    interval = "none" if estimate.lower is None else f"{estimate.lower:.3f} to {estimate.upper:.3f}"
    return f"{estimate.value:.3f} | {interval}"
