"""A comparison as one printable page: self-contained HTML without script, for a tumour board."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from radresponse.evidence import evidence_lines
from radresponse.page.alike import Alike, alike_of
from radresponse.page.curves import SurvivalChart, survival_chart
from radresponse.page.dots import DotArray, dot_array
from radresponse.page.lesions import Slice, slice_of
from radresponse.page.palette import Look, looks
from radresponse.page.where import Where, where_of
from radresponse.page.why import Reasons, common_place, reasons_of
from radresponse.promises import promise_level, promise_words
from radresponse.quantities import hazard_ratio, level_words, log_hazard, percent, points, signed_months, span
from radresponse.said import (
    DISCLAIMER,
    applicability_words,
    compared_lines,
    evidence_words,
    warned,
    warning_words,
)
from radresponse.therapy_tables import Line, model_words
from radresponse.v1 import prediction_pb2
from radresponse.words import DAYS_PER_MONTH, months

_HERE = Path(__file__).parent
SIMULATED = "SIMULATED_TRAINING_COHORT"


@dataclass(frozen=True, slots=True)
class Cells:
    """One model's line under a therapy."""

    model: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Option:
    """One therapy of a table."""

    therapy: str
    look: Look
    reference: bool
    lines: tuple[Cells, ...]


@dataclass(frozen=True, slots=True)
class FigureTable:
    """Options side by side for one endpoint."""

    title: str
    headings: tuple[str, ...]
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class DotRow:
    """One outcome model's arrays."""

    model: str
    endpoint: str
    arrays: tuple[DotArray, ...]


@dataclass(frozen=True, slots=True)
class _Page:
    """All that the template shows."""

    subject: str
    made: str
    reference: str
    options: tuple[tuple[str, Look], ...]
    disclaimer: str
    simulated: bool
    tables: tuple[FigureTable, ...]
    dots: tuple[DotRow, ...]
    charts: tuple[SurvivalChart, ...]
    slices: tuple[Slice, ...]
    reasons: tuple[Reasons, ...]
    place: str
    """Of which lesions most image features are."""
    where: tuple[Where, ...]
    alike: tuple[Alike, ...]
    applicability: tuple[str, ...]
    warnings: tuple[str, ...]
    evidence: str
    population: tuple[str, ...]
    """What training cohorts as a whole say of the therapies."""
    provenance: tuple[tuple[str, str], ...]


def comparison_page(answer: prediction_pb2.CompareTherapiesResponse, *, subject: str, made: date) -> str:
    """The whole page as HTML.

    It opens nothing from elsewhere and runs no script; what a service says is shown, never taken for markup.

    Args:
        answer: With pictures and similar patients where they were asked for.
        subject: The case's pseudonym.
        made: When the question was asked.
    """
    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    page = _page(answer, subject, made)
    style = (_HERE / "style.css").read_text(encoding="utf-8")
    return environment.get_template("comparison.html.j2").render(page=page, style=style)


def _page(answer: prediction_pb2.CompareTherapiesResponse, subject: str, made: date) -> _Page:
    lines = compared_lines(answer)
    look = looks(line.therapy for line in lines)
    warnings = warning_words(lines, warned(answer))
    place = common_place(lines)
    return _Page(
        subject=subject,
        made=f"{made.day} {made:%B %Y}",
        reference=answer.reference_therapy,
        options=tuple((therapy or "any therapy", one) for therapy, one in look.items()),
        disclaimer=DISCLAIMER,
        simulated=any(f"[{SIMULATED}]" in warning for warning in warnings),
        tables=tuple(_tables(lines, look, answer.reference_therapy)),
        dots=tuple(
            DotRow(
                model_words(of_model[0].prediction.model),
                of_model[0].prediction.outcome.endpoint or "response",
                tuple(dot_array(line, look[line.therapy], answer.reference_therapy) for line in of_model),
            )
            for of_model in _by_model(lines, "outcome")
        ),
        charts=tuple(
            survival_chart(
                f"{model_words(of_model[0].prediction.model)}: free of "
                f"{of_model[0].prediction.progression.endpoint or 'progression'}",
                of_model,
                look,
            )
            for of_model in _by_model(lines, "progression")
        ),
        slices=tuple(slice_of(picture) for picture in answer.pictures),
        reasons=tuple(reasons_of(of_model, look, place) for of_model in _by_model(lines)),
        place=place,
        where=where_of(answer.saliency, look),
        alike=tuple(alike_of(found) for found in answer.similar_patients if found.patients),
        applicability=tuple(applicability_words(lines)),
        warnings=tuple(warnings),
        evidence=evidence_words(lines),
        population=tuple(evidence_lines(lines)),
        provenance=tuple(_provenance(answer.provenance)),
    )


def _by_model(lines: Sequence[Line], kind: str = "") -> list[list[Line]]:
    """Predictions of that kind, model by model; of any kind where none is named."""
    wanted = [line for line in lines if kind in ("", line.prediction.WhichOneof("predicted")) and _told(line)]
    models = dict.fromkeys(model_words(line.prediction.model) for line in wanted)
    return [[line for line in wanted if model_words(line.prediction.model) == model] for model in models]


def _told(line: Line) -> bool:
    """Whether a model gave anything; by its policy it may withhold."""
    return line.prediction.WhichOneof("predicted") is not None


def _tables(lines: Sequence[Line], look: dict[str, Look], reference: str) -> Sequence[FigureTable]:
    tables = []
    outcomes = [line for line in lines if line.prediction.WhichOneof("predicted") == "outcome"]
    for endpoint in dict.fromkeys(line.prediction.outcome.endpoint for line in outcomes):
        same = [line for line in outcomes if line.prediction.outcome.endpoint == endpoint]
        level = level_words(same[0].prediction.outcome.probability_interval)
        headings = ("Probability", *_promise_heading(same), f"Against {reference}, percentage points")
        options = tuple(_options(same, look, reference, _outcome_cells))
        tables.append(FigureTable(f"Probability of {endpoint or 'response'}{level}", headings, options))
    progressions = [line for line in lines if line.prediction.WhichOneof("predicted") == "progression"]
    for endpoint in dict.fromkeys(line.prediction.progression.endpoint for line in progressions):
        same = [line for line in progressions if line.prediction.progression.endpoint == endpoint]
        shown = same[0].prediction.progression
        level = level_words(shown.restricted_mean_days_interval)
        within = f"Mean within {shown.horizon_days / DAYS_PER_MONTH:.3g} months"
        against = f"Mean against {reference}"
        options = tuple(_options(same, look, reference, _progression_cells))
        tables.append(
            FigureTable(
                f"Months to {endpoint or 'progression'}{level}",
                ("Median", within, *_promise_heading(same), against),
                options,
            )
        )
    risks = [line for line in lines if line.prediction.WhichOneof("predicted") == "risk"]
    for endpoint in dict.fromkeys(line.prediction.risk.endpoint for line in risks):
        same = [line for line in risks if line.prediction.risk.endpoint == endpoint]
        headings = ("Log-hazard ratio to the model's own zero", f"Hazard ratio to {reference}")
        title = f"Risk of {endpoint or 'progression'}, without a time (higher is worse)"
        tables.append(FigureTable(title, headings, tuple(_options(same, look, reference, _risk_cells))))
    return tables


def _options(
    lines: Sequence[Line], look: dict[str, Look], reference: str, cells: Callable[[Line], tuple[str, ...]]
) -> Sequence[Option]:
    promised = bool(_promise_heading(lines))
    return [
        Option(
            therapy or "any therapy",
            look[therapy],
            bool(reference) and therapy == reference,
            tuple(
                Cells(model_words(line.prediction.model), _with_promise(cells(line), line, promised))
                for line in of_therapy
            ),
        )
        for therapy, of_therapy in groupby(lines, lambda line: line.therapy)
    ]


def _promise_heading(lines: Sequence[Line]) -> tuple[str, ...]:
    level = promise_level(lines)
    return (f"Held-out patients promise, {level * 100:.0f} of 100",) if level else ()


def _with_promise(cells: tuple[str, ...], line: Line, promised: bool) -> tuple[str, ...]:
    """The promise stands before the comparison with the reference, which comes last."""
    return (*cells[:-1], promise_words(line.prediction), cells[-1]) if promised else cells


def _outcome_cells(line: Line) -> tuple[str, ...]:
    outcome, difference = line.prediction.outcome, line.difference
    against = ""
    if difference is not None and difference.HasField("probability"):
        against = points(difference.probability) + span(difference.probability_interval, points, " ")
    return f"{percent(outcome.probability)} %" + span(outcome.probability_interval, percent, " "), against


def _progression_cells(line: Line) -> tuple[str, ...]:
    progression, difference = line.prediction.progression, line.difference
    known = progression.HasField("median_days")
    median = months(progression.median_days) if known else f"beyond {months(progression.horizon_days)}"
    against = ""
    if difference is not None and difference.HasField("restricted_mean_days"):
        interval = span(difference.restricted_mean_days_interval, signed_months, " ")
        against = signed_months(difference.restricted_mean_days) + interval
    mean = months(progression.restricted_mean_days)
    return (
        median + span(progression.median_days_interval, months, " "),
        mean + span(progression.restricted_mean_days_interval, months, " "),
        against,
    )


def _risk_cells(line: Line) -> tuple[str, ...]:
    known = line.difference is not None and line.difference.HasField("log_hazard_ratio")
    against = hazard_ratio(line.difference.log_hazard_ratio) if line.difference is not None and known else ""
    return log_hazard(line.prediction.risk.log_hazard_ratio), against


def _provenance(provenance: prediction_pb2.Provenance) -> Sequence[tuple[str, str]]:
    rows = [(f"model {model_words(model)}", model.digest) for model in provenance.models]
    rows += [("feature profile", digest) for digest in provenance.profile_digests]
    for index, scan in enumerate(provenance.scans):
        rows += [(f"image {index + 1}", scan.image_digest), (f"segmentation {index + 1}", scan.segmentation_digest)]
    rows += [("encoder", digest) for digest in provenance.encoder_digests]
    rows.append(("inputs", provenance.input_digest))
    software = f"RadResponse {provenance.software_version}" if provenance.software_version else ""
    engine = f"features by {provenance.radiomics_engine}" if provenance.radiomics_engine else ""
    rows.append(("software", ", ".join(part for part in (software, engine) if part)))
    return rows
