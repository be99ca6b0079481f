"""How often intervals hold the truth, and how right predictions are: simulated cohorts, whose truth is known.

Each cohort's models are judged on the next cohort's patients, under every therapy, through the `Model.predict` that
serves. `truth.csv` knows each patient's probability of response and time to progression under each therapy.
Nothing in the models was chosen on these seeds; who changes a model after looking at them takes others.
"""

import csv
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from features.profile import DEFAULT_PROFILE
from models.answers import Answer, Interval
from models.assure import assure
from models.cohort import Cohort, read_cohort
from models.families.all import FAMILIES
from models.families.family import Family
from models.families.target import Task
from models.manifest import Facts, Manifest
from models.simulation import simulate
from models.simulation.mechanism import Fate
from models.simulation.patient import THERAPIES
from models.table import FeatureTable
from models.train import EMBEDDED_FAMILIES, EMBEDDING, Training, measured
from models.version import TrainedModel as Model

Say = Callable[[str], None]

PATIENTS = int(os.environ.get("RADRESPONSE_COVERAGE_PATIENTS", "200"))
FIRST_SEED = int(os.environ.get("RADRESPONSE_COVERAGE_SEED", "9201"))
COHORTS = int(os.environ.get("RADRESPONSE_COVERAGE_COHORTS", "10"))
NAMED = tuple(os.environ.get("RADRESPONSE_COVERAGE_FAMILIES", "xgboost,cox,fusion").split(","))
REFERENCE = "chemotherapy"
FOLDER = Path("build/bench/coverage")
"""Cohorts and their features are kept there, so that a second run measures no image again."""

Fates = Mapping[str, Fate]
"""Of one patient, by therapy."""


@dataclass(frozen=True, slots=True, eq=False)
class Simulated:
    """A measured cohort and its truth."""

    cohort: Cohort
    table: FeatureTable
    truth: tuple[Fates, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """One estimate beside the truth."""

    quantity: str
    therapy: str
    estimate: float
    truth: float
    interval: Interval | None = None

    @property
    def held(self) -> bool:
        """Whether the interval holds the truth; an end that is not bounded holds all beyond."""
        if self.interval is None:
            return False
        lower, upper = self.interval.lower, self.interval.upper
        return (lower is None or lower <= self.truth) and (upper is None or self.truth <= upper)

    @property
    def width(self) -> float:
        """Of the interval; NaN where an end is not bounded."""
        if self.interval is None or self.interval.lower is None or self.interval.upper is None:
            return math.nan
        return self.interval.upper - self.interval.lower


def measure(say: Say) -> dict[str, Any]:
    """Prints figures and gives them."""
    seeds = range(FIRST_SEED, FIRST_SEED + COHORTS)
    cohorts = []
    for seed in seeds:
        say(f"cohort of seed {seed}: {PATIENTS} simulated patients")
        cohorts.append(_cohort(seed))
    figures: dict[str, Any] = {"seeds": list(seeds), "patients": PATIENTS, "models": {}}
    for family in (family for (_, name), family in FAMILIES.items() if name in NAMED):
        each = []
        for index, known in enumerate(cohorts):
            each.append(list(_judge(_learned(family, known), cohorts[(index + 1) % COHORTS])))
        name = f"{family.task}-{family.name}"
        figures["models"][name] = _figures(each)
        say(f"\n{name}\n" + _printed(figures["models"][name]))
    return figures


def _cohort(seed: int) -> Simulated:
    """Simulates and measures a cohort, or finds it where it was kept."""
    folder = FOLDER / f"{seed}-{PATIENTS}"
    if not (folder / "cohort.csv").exists():
        simulate(folder, PATIENTS, seed)
    cohort = read_cohort(folder / "cohort.csv")
    table = measured(cohort, Training("outcome", "fusion", data_folder=folder, workers=1, progress=False))
    if table.left_out:
        raise RuntimeError(f"{len(table.left_out)} simulated patients could not be measured")
    with (folder / "truth.csv").open(newline="", encoding="utf-8") as file:
        truth = tuple({therapy: _fate(row, therapy) for therapy in THERAPIES} for row in csv.DictReader(file))
    return Simulated(cohort, table, truth)


def _fate(row: Mapping[str, str], therapy: str) -> Fate:
    return Fate(float(row[f"response_probability.{therapy}"]), float(row[f"scale_days.{therapy}"]))


def _learned(family: Family, known: Simulated) -> Model:
    """A model as it would serve."""
    embedded = family.name in EMBEDDED_FAMILIES
    columns = [spec for spec in known.table.columns if embedded or not spec.name.startswith(EMBEDDING)]
    target = known.cohort.target(family.task)
    fitted = family.fit(known.table.frame, target, columns, seed=0)
    fitted = assure(family, fitted, known.table.frame, target, columns, seed=0)
    facts = Facts(
        endpoint="simulated",
        training_patients=len(known.truth),
        simulated=True,
        evidence="simulated",
        profile=DEFAULT_PROFILE.text,
        encoder=known.table.encoder,
    )
    manifest = Manifest(fitted.recipe, facts)
    return Model(
        name=f"{family.task}-{family.name}",
        version="1",
        digest="",
        manifest=manifest,
        card="",
        profile=DEFAULT_PROFILE,
        fitted=fitted,
    )


def _judge(model: Model, fresh: Simulated) -> Iterator[Judged]:
    """Every estimate for every patient that the model has not seen."""
    for record, fates in zip(fresh.table.frame.to_dict("records"), fresh.truth, strict=True):
        values = {spec.name: record[spec.name] for spec in model.columns if record[spec.name] == record[spec.name]}
        answer = model.predict(values, THERAPIES, reference=REFERENCE)
        yield from judged(model.task, answer, fates)


def judged(task: Task, answer: Answer, fates: Fates) -> Iterator[Judged]:
    """Every estimate of one answer beside the truth."""
    yield from _response(answer, fates) if task == "outcome" else _progression(answer, fates)


def _response(answer: Answer, fates: Fates) -> Iterator[Judged]:
    for one in answer.predictions:
        assert one.outcome is not None
        truth, said = fates[one.therapy].response_probability, one.outcome
        yield Judged("probability", one.therapy, said.probability, truth, said.interval)
        yield Judged("log-odds", one.therapy, _log_odds(said.probability), _log_odds(truth))
    for each in answer.differences:
        assert each.probability is not None
        gain = fates[each.therapy].response_probability - fates[REFERENCE].response_probability
        yield Judged("difference of probability", each.therapy, each.probability, gain, each.probability_interval)


def _progression(answer: Answer, fates: Fates) -> Iterator[Judged]:
    horizon = 0.0
    for one in answer.predictions:
        assert one.progression is not None
        said, fate = one.progression, fates[one.therapy]
        horizon = said.horizon_days
        mean = fate.restricted_mean_days(horizon)
        yield Judged("restricted mean", one.therapy, said.restricted_mean_days, mean, said.restricted_mean_interval)
        if said.median_interval is not None:
            median = said.median_days if said.median_days is not None else horizon
            yield Judged("median", one.therapy, median, fate.median_days, said.median_interval)
        hazards = [-math.log(max(said.survival[-1], 1e-12)), -math.log(fate.survival(horizon))]
        yield Judged("log-hazard", one.therapy, math.log(hazards[0]), math.log(hazards[1]))
    for each in answer.differences:
        assert each.restricted_mean_days is not None
        gain = fates[each.therapy].restricted_mean_days(horizon) - fates[REFERENCE].restricted_mean_days(horizon)
        interval = each.restricted_mean_interval
        yield Judged("difference of restricted mean", each.therapy, each.restricted_mean_days, gain, interval)


def _log_odds(chance: float) -> float:
    return math.log(chance / (1 - chance))


def _figures(each: Sequence[Sequence[Judged]]) -> list[dict[str, Any]]:
    """A line for each quantity and therapy, and for all therapies together; `each` is by cohort."""
    kinds = dict.fromkeys((one.quantity, one.therapy) for one in each[0])
    lines = []
    for quantity in dict.fromkeys(quantity for quantity, _ in kinds):
        therapies = [therapy for of, therapy in kinds if of == quantity]
        for chosen in ([therapy] for therapy in therapies):
            lines.append(_line(quantity, chosen[0], _chosen(each, quantity, chosen)))
        lines.append(_line(quantity, "all", _chosen(each, quantity, therapies)))
    return lines


def _chosen(each: Sequence[Sequence[Judged]], quantity: str, therapies: Sequence[str]) -> list[list[Judged]]:
    return [[one for one in judged if one.quantity == quantity and one.therapy in therapies] for judged in each]


def _line(quantity: str, therapy: str, each: Sequence[Sequence[Judged]]) -> dict[str, Any]:
    """Means over cohorts, each with its Monte-Carlo standard error over cohorts."""
    error = [[one.estimate - one.truth for one in judged] for judged in each]
    line: dict[str, Any] = {"quantity": quantity, "therapy": therapy}
    if each[0][0].interval is not None:
        line["held"] = _mean([float(np.mean([one.held for one in judged])) for judged in each])
        line["width"] = _mean([float(np.nanmedian([one.width for one in judged])) for judged in each])
    line["slope"] = _mean([_slope(judged) for judged in each])
    line["bias"] = _mean([float(np.mean(one)) for one in error])
    line["error"] = _mean([float(np.sqrt(np.mean(np.square(one)))) for one in error])
    return line


def _mean(values: Sequence[float]) -> tuple[float, float]:
    return float(np.mean(values)), float(np.std(values, ddof=1) / math.sqrt(len(values)))


def _slope(judged: Sequence[Judged]) -> float:
    """Of the truth on the estimate: below 1, estimates differ more between patients than the truth does."""
    estimate = np.array([one.estimate for one in judged])
    truth = np.array([one.truth for one in judged])
    return float(np.cov(estimate, truth)[0, 1] / max(float(estimate.var(ddof=1)), 1e-12))


def _printed(lines: Sequence[Mapping[str, Any]]) -> str:
    titles = ("quantity", "therapy", "held %", "width", "slope", "bias", "RMSE")
    rows = [titles]
    for line in lines:
        held = "{:.1f} ± {:.1f}".format(*(100 * part for part in line["held"])) if "held" in line else ""
        width = _short(line["width"][0]) if "width" in line else ""
        slope = "{:.2f} ± {:.2f}".format(*line["slope"])
        rows.append(
            (
                line["quantity"],
                line["therapy"],
                held,
                width,
                slope,
                *(_short(line[key][0]) for key in ("bias", "error")),
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(titles))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _short(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.0f}"
