"""What reporting guidelines ask of a model's card: filled in from the run, or named as missing.

TRIPOD+AI (Collins et al., BMJ 385 (2024) e078378) and METRICS (Kocak et al., Insights Imaging 15 (2024) 8), each item
in our words with its number. What only the authors of a study can tell is named as missing, never guessed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from models.baselines import CLINICAL, VOLUME
from models.figures import GAIN, LEADING
from models.training_report import TrainingReport

MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that a guideline asks for."""

    number: str
    asks: str
    answer: str
    """Where or how it is told; `missing` where it is not."""


def tripod_ai(report: TrainingReport) -> tuple[Item, ...]:
    """The items of TRIPOD+AI that concern a model's development and evaluation."""
    facts = report.facts
    simulated = "simulated patients (see Learned from)" if facts.simulated else MISSING
    fair = "Subgroups" if report.subgroups else MISSING
    return _items(
        ("1", "title names model, population and outcome", f"{report.name}: {facts.endpoint[report.task]}"),
        ("3", "context, intended use and users", "Intended use"),
        ("4", "objectives", "Intended use"),
        ("5", "source and dates of the data", simulated),
        ("6", "setting, eligibility, treatments received", _known(facts.population) and "Learned from"),
        ("7", "preparation of the data", "How; Columns"),
        ("8", "outcome, its definition, time zero and assessment", f"{facts.endpoint[report.task]}; {facts.time_zero}"),
        ("9", "predictors, definition and measurement", "Columns"),
        ("10", "how the sample size was arrived at", MISSING),
        ("11", "missing data", "Columns, when missing"),
        ("12", "analysis: partition, model, hyperparameters, heterogeneity, performance measures", "How; the figures"),
        ("13", "class imbalance", f"{report.positives} of {report.patients} {report.positive_word}; no resampling"),
        ("14", "fairness, and how it was assessed", fair),
        ("15", "output of the model", "Its first lines; How"),
        ("16", "differences between training and evaluation data", "none: held-out patients of one cohort"),
        ("17", "ethical approval", simulated),
        ("18", "funding, interests, protocol, registration, data and code sharing", MISSING),
        ("19", "involvement of patients and the public", MISSING),
        ("20", "flow and characteristics of participants", "Learned from" if report.by_therapy else MISSING),
        ("21", "numbers of participants and events", "Learned from"),
        ("22", "the whole model", "the version's files; Columns"),
        ("23", "performance with intervals, in key subgroups", "the figures; Subgroups"),
        ("24", "results of model updating", "not applicable: no update"),
        ("25", "interpretation with regard to fairness and earlier studies", MISSING),
        ("26", "limitations", "Limits"),
        ("27", "usability: missing inputs, required expertise, next steps", "Limits; Columns"),
    )


def metrics(report: TrainingReport) -> tuple[Item, ...]:
    """The items of METRICS."""
    images = any(spec.name.startswith(("radiomics.", "embedding.", "measure.")) for spec in report.columns)
    profiled = f"profile {report.profile_digest[:12]}" if images and report.profile_digest else MISSING
    embedded = report.encoder_identity != ""
    leading = LEADING[report.task]
    sites = any(group.name.startswith("site: ") for group in report.subgroups)
    clinical = report.figure(leading, GAIN + CLINICAL) is not None
    volume = report.figure(leading, GAIN + VOLUME) is not None
    return _items(
        ("1", "adherence to a guideline for radiomics", "this table"),
        ("2", "eligibility criteria", _known(report.facts.population) and "Learned from"),
        ("3", "a reference standard of quality", _known(report.facts.endpoint[report.task]) and "Endpoint"),
        ("4", "several centres", "Subgroups, by site" if sites else MISSING),
        ("5", "imaging as in the clinic", MISSING),
        ("6", "imaging protocol", MISSING),
        ("7", "time between imaging and reference standard", f"time zero: {report.facts.time_zero}"),
        ("8", "how lesions were segmented", MISSING),
        ("9", "evaluation of automated segmentation", MISSING),
        ("10", "segmentation of the test set", MISSING),
        ("11", "preprocessing of images", profiled),
        ("12", "standardised software for features", "engine checked against pyradiomics" if images else MISSING),
        ("13", "parameters of extraction", profiled),
        ("14", "removal of features that are not robust", "Stable features" if report.stability else MISSING),
        ("15", "removal of redundant features", "How: near copies are screened out inside each fold"),
        (
            "16",
            "dimension against data size",
            f"{len(report.columns)} of {report.offered} columns, {report.patients} patients",
        ),
        ("17", "robustness of deep pipelines", MISSING if embedded else "not applicable: no deep pipeline"),
        ("18", "proper partition of data", report.protocol),
        ("19", "confounding", "Therapies compared" if report.comparisons else MISSING),
        ("20", "proper performance measures", "the figures"),
        ("21", "uncertainty", "the figures; Limits"),
        ("22", "calibration", "the figures"),
        ("23", "one imaging parameter alone", "volume only" if volume else MISSING),
        ("24", "comparison with an approach without radiomics", "clinical only" if clinical else MISSING),
        ("25", "comparison with simple models", "clinical only; volume only" if clinical or volume else MISSING),
        ("26", "internal testing", report.protocol),
        ("27", "external testing", MISSING),
        ("28", "data available", MISSING),
        ("29", "code available", "the trainer that made this card"),
        ("30", "model available", "the version's files"),
    )


def in_markdown(title: str, items: Sequence[Item]) -> str:
    """How many are told, and what is missing first."""
    missing = [item for item in items if item.answer == MISSING]
    lines = [
        f"**{title}**: {len(items) - len(missing)} of {len(items)} items told, {len(missing)} missing.",
        "",
        "| item | asks for | told |",
        "|---|---|---|",
    ]
    lines += [f"| {item.number} | {item.asks} | {_bold(item.answer)} |" for item in items]
    return "\n".join(lines)


def _items(*told: tuple[str, str, str]) -> tuple[Item, ...]:
    return tuple(Item(number, asks, answer or MISSING) for number, asks, answer in told)


def _known(text: str) -> str:
    return text


def _said(text: str, *words: str) -> str:
    return "How" if any(word in text for word in words) else MISSING


def _bold(answer: str) -> str:
    return f"**{MISSING}**" if answer == MISSING else answer
