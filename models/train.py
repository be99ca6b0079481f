"""From a cohort manifest to a registered model version: measured, cross-validated, fitted on all, registered."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import numpy as np
from threadpoolctl import threadpool_limits

from features.embedding.encoder import DEFAULT
from features.profile import DEFAULT_PROFILE, Profile
from models.assure import assure
from models.card import card
from models.cohort import Cohort, Patient, read_cohort
from models.crossvalidation import cross_validate
from models.effects.evidence import population_evidence
from models.families.all import family_of, harmonised, recalibrated, searched, stratified
from models.families.columns import ColumnSpec
from models.families.combat import Unseen, site_names
from models.families.family import Family, Fitted
from models.families.recalibrated import mended
from models.families.recipe import Recipe
from models.families.search import Searching
from models.families.target import Bools, ProgressionTarget, Task
from models.figures import Figure, figures, subgroups, subgroups_of
from models.grades import grade_figures
from models.leakage.columns import refuse_leaks
from models.leakage.plausibility import implausible
from models.manifest import Evidence, Facts, Metric
from models.package import write_version
from models.redundancy import Redundancy, of_model, redundancy
from models.reference import Reference, describe
from models.registry import DATA_FOLDER, Registry
from models.selective import coverage_against_risk
from models.spreads import Spreads, spreads_of
from models.stability.agreement_table import read_agreements
from models.stability.screen import of_agreements, screened, stability_of
from models.stability.stable import StabilityCheck
from models.table import FeatureTable, Measuring, feature_table
from models.tabular.cohort import as_cohort, groups_of
from models.tabular.reading import PatientTable
from models.training_report import Lacking, TrainingReport

EMBEDDING = "embedding."
EMBEDDED_FAMILIES = frozenset({"fusion"})
"""Families that learn from embeddings; for the others an embedding is thousands of weak columns."""


@dataclass(frozen=True, slots=True)
class Training:
    """What is to be trained."""

    task: Task
    family: str
    name: str = ""
    """Registered name; `<task>-<family>` where empty."""
    profile: Profile = field(default=DEFAULT_PROFILE)
    encoder: Path = DEFAULT
    """File of the encoder that embeds, for families that learn from embeddings."""
    folds: int = 5
    seed: int = 0
    alias: str | None = None
    accept_score: str = ""
    """Why a score that is too high for the cohort's size is believed: without it such a model gets no alias."""
    data_folder: Path = DATA_FOLDER
    """Where measured features are kept, so that a second training need not measure again."""
    harmonise: str | None = None
    """Of a cohort: the column `clinical.*` that names the site by which image features are harmonised."""
    unseen_site: Unseen = "refuse"
    stability: StabilityCheck | None = None
    """By what features that are not stable are left out before anything is learned; None for no such thing."""
    workers: int = 2
    progress: bool = True
    search: int = 0
    """Trials of a search for settings inside each fit; 0 for the family's fixed ones."""
    recalibrate: bool = False
    """Of a progression: whether hazards are recalibrated by inner folds of each fit."""
    similar_patients: bool = True
    """Whether the version tells of its cohort: percentiles, similar patients, numbers at risk (`models.reference`)."""

    @property
    def registered_name(self) -> str:
        """The name in the registry."""
        return self.name or f"{self.task}-{self.family}"


@dataclass(frozen=True, slots=True)
class Trained:
    """What came of it."""

    report: TrainingReport
    version: str
    withheld: bool = False
    """Whether the alias was asked for and not given, for the score is too high to be believed without a reason."""


def train(manifest: Path, training: Training, registry: Registry) -> Trained:
    """Trains one model and registers it; the alias moves last.

    Raises:
        BadCohort: The manifest, or what it holds, cannot be learned from.
        LeakingColumn: A column alone tells the outcome.
        BadSignature: No such family for the task.
        RegistryUnavailable: MLflow does not answer.
    """
    family = _asked(family_of(training.task, training.family), training)
    family = harmonised(family, training.harmonise, training.unseen_site)
    cohort = read_cohort(manifest).labelled(training.task)
    cohort.target(training.task).require_enough()  # before minutes go into measuring
    return _registered(cohort, _stable(cohort, measured(cohort, training), training), family, training, registry)


def train_table(table: PatientTable, training: Training, registry: Registry) -> Trained:
    """Trains one model on somebody's own table of features; else as `train`."""
    family = _asked(stratified(family_of(training.task, training.family), table.strata), training)
    family = harmonised(family, table.harmonise, table.unseen_site)
    cohort, features = as_cohort(table)
    if (check := training.stability) is not None and check.table is not None:
        given = read_agreements(check.table)
        features = screened(features, of_agreements(given, features.columns, check, table.headers))
    return _registered(cohort, features, family, training, registry, groups_of(table))


def _asked(family: Family, training: Training) -> Family:
    """The family with what was asked beyond its fixed ways."""
    telling, quiet = (
        searched(family, Searching(training.search, shown) if training.search else None)
        for shown in (training.progress, False)
    )
    return recalibrated(telling, wanted=training.recalibrate, inner=quiet)


def _registered(
    cohort: Cohort,
    table: FeatureTable,
    family: Family,
    training: Training,
    registry: Registry,
    groups: Iterable[tuple[str, Bools]] | None = None,
) -> Trained:
    # Matrices of a few hundred rows: on two busy cores BLAS's threads made each step twelve times slower.
    with threadpool_limits(limits=1, user_api="blas"):
        report, fitted = fit(cohort, table, family, training, groups)
    withheld = report.suspicious and not training.accept_score
    with TemporaryDirectory() as folder:
        version_folder = Path(folder) / "model"
        text = card(report)
        told = _reference(cohort, table, fitted, training)
        facts = _facts(report, training, cohort, spreads_of(fitted, table.frame))
        write_version(version_folder, fitted, facts, text, reference=told)
        version = registry.register(
            version_folder,
            report.name,
            params=_params(report, training),
            metrics={_key(figure): figure.estimate.value for figure in report.figures},
            tags=_tags(report),
            description=text,
            alias=None if withheld else training.alias,
        )
    return Trained(report, version, withheld=withheld and training.alias is not None)


def measured(cohort: Cohort, training: Training) -> FeatureTable:
    """The cohort's features, with embeddings where the family learns from them."""
    return feature_table(cohort, _measuring(training), workers=training.workers, progress=training.progress)


def _measuring(training: Training) -> Measuring:
    encoder = training.encoder if training.family in EMBEDDED_FAMILIES else None
    return Measuring(training.profile.text, encoder, training.data_folder / "features.db")


def _stable(cohort: Cohort, table: FeatureTable, training: Training) -> FeatureTable:
    if training.stability is None:
        return table
    found = stability_of(
        cohort,
        table.columns,
        training.stability,
        _measuring(training),
        seed=training.seed,
        workers=training.workers,
        progress=training.progress,
    )
    return screened(table, found)


def fit(
    cohort: Cohort,
    table: FeatureTable,
    family: Family,
    training: Training,
    groups: Iterable[tuple[str, Bools]] | None = None,
) -> tuple[TrainingReport, Fitted]:
    """Figures on held-out patients, then the model itself, fitted on all.

    Args:
        cohort: Checked patients.
        table: Their features.
        family: What learns.
        training: How.
        groups: For subgroups; by sex, age and site where none are given.

    Raises:
        BadCohort: Too few patients, or no column varies.
        Leak: A column alone tells the outcome, or a patient would be in two folds.
    """
    target = Cohort(table.patients, cohort.clinical, cohort.facts, ()).target(training.task)
    target.require_enough()
    refuse_leaks(table.frame, table.columns, target)
    odd = implausible(table.frame, table.columns)
    validation = cross_validate(
        family, table.frame, target, table.columns, folds=training.folds, seed=training.seed, progress=training.progress
    )
    fitted = family.fit(table.frame, target, table.columns, seed=training.seed)
    plain = not isinstance(target, ProgressionTarget) or target.plain
    if plain:  # else what is promised would take late entry for long life, and death for censoring
        fits = validation.fits
        fitted = assure(family, fitted, table.frame, target, table.columns, seed=training.seed, fold_fits=fits)
    recipe = fitted.recipe
    report = TrainingReport(
        name=training.registered_name,
        task=training.task,
        family=training.family,
        facts=cohort.facts,
        patients=len(table.patients),
        positives=_positives(table.patients, training.task),
        left_out=table.left_out,
        notices=(*(notice.message for notice in cohort.notices), *map(str, odd)),
        folds=validation.folds,
        seed=training.seed,
        figures=figures(validation, seed=training.seed),
        subgroups=subgroups(validation, table.patients, seed=training.seed)
        if groups is None
        else subgroups_of(validation, groups, seed=training.seed),
        offered=len(table.columns),
        columns=recipe.columns,
        lacking=_lacking(table, fitted),
        needed_scans=recipe.needed_scans,
        therapies=recipe.therapies,
        by_therapy=_by_therapy(table.patients, training.task),
        method=recipe.method,
        search=recipe.search,
        recalibration=mended(recipe.recalibration, validation.fits, table.frame, target),
        harmonised=_harmonised(recipe),
        profile_digest=training.profile.digest,
        encoder_identity=table.encoder if _takes(recipe.columns, EMBEDDING) else "",
        comparisons=population_evidence(table.frame, table.columns, target, cohort.facts.evidence, seed=training.seed)
        if plain
        else (),
        grades=grade_figures(validation.fits, table.frame, target),
        coverage=coverage_against_risk(validation, seed=training.seed),
        redundancy=_redundancy(table, fitted),
        stability=table.stability,
        accepted_score=training.accept_score,
    )
    return report, fitted


def _harmonised(recipe: Recipe) -> str:
    of = recipe.harmonisation
    if of is None:
        return ""
    site = recipe.columns[of.site]
    other = "refused" if of.unseen == "refuse" else "answered as it was measured, and marked"
    return (
        f"ComBat by `{site.name}` maps {len(of.columns)} of the columns, fitted inside each training fold; sites and "
        f"patients: {site_names(site.categories, of)}. What the patients of a site have in common goes with its "
        f"scanner. A case of another site is {other}"
    )


def _lacking(table: FeatureTable, fitted: Fitted) -> tuple[Lacking, ...]:
    counted = {term.column for term in fitted.recipe.design.terms if term.kind == "missing"}
    found = [
        Lacking(spec.name, float(table.frame[spec.name].isna().mean()), index in counted)
        for index, spec in enumerate(fitted.recipe.columns)
    ]
    return tuple(sorted((one for one in found if one.share > 0), key=lambda one: -one.share))


def _redundancy(table: FeatureTable, fitted: Fitted) -> Redundancy | None:
    of_images = [spec for spec in table.columns if not spec.name.startswith("clinical.")]
    found = redundancy(table.frame, of_images)
    if found is None:
        return None
    names = [spec.name for spec in fitted.recipe.columns]
    return of_model(found, table.frame, names, fitted.contributions(fitted.encode(table.frame)))


def _facts(report: TrainingReport, training: Training, cohort: Cohort, spreads: Spreads | None) -> Facts:
    return Facts(
        endpoint=cohort.facts.endpoint[training.task],
        training_patients=report.patients,
        simulated=cohort.facts.simulated,
        evidence=cast(Evidence, cohort.facts.evidence),
        profile=training.profile.text if _takes(report.columns, "radiomics.") else "",
        encoder=report.encoder_identity,
        comparisons=report.comparisons,
        implausible_score=report.suspicious,
        accepted_score=report.accepted_score,
        metrics=tuple(
            Metric(
                figure.name,
                figure.of,
                figure.estimate.value,
                figure.estimate.lower,
                figure.estimate.upper,
                report.protocol,
            )
            for figure in report.figures
            if figure.estimate.lower is not None and figure.estimate.upper is not None
        ),
        spreads=spreads,
        stability=report.stability,
    )


def _reference(cohort: Cohort, table: FeatureTable, fitted: Fitted, training: Training) -> Reference | None:
    if not training.similar_patients:
        return None
    target = Cohort(table.patients, cohort.clinical, cohort.facts, ()).target(training.task)
    return describe(fitted.recipe.design, fitted.encode(table.frame), target, np.random.default_rng(training.seed))


def _params(report: TrainingReport, training: Training) -> dict[str, object]:
    return {
        "task": report.task,
        "family": report.family,
        "folds": report.folds,
        "seed": report.seed,
        "patients": report.patients,
        "positives": report.positives,
        "columns_offered": report.offered,
        "columns": len(report.columns),
        "therapies": ", ".join(report.therapies)[:400],
        "profile": training.profile.digest,
        "encoder": report.encoder_identity or "none",
        "search_trials": training.search,
        "recalibrated": training.recalibrate,
    }


def _tags(report: TrainingReport) -> dict[str, str]:
    leading = report.leading
    tags = {
        "radresponse.task": report.task,
        "radresponse.family": report.family,
        "radresponse.patients": str(report.patients),
        "radresponse.simulated": str(report.facts.simulated).lower(),
    }
    if leading is not None and math.isfinite(leading.estimate.value):
        tags["radresponse.figure"] = f"{leading.name} {leading.estimate}"
    return tags


def _key(figure: Figure) -> str:
    """MLflow's metric key: the model's own figures plain, the others with whose they are."""
    return figure.name if figure.of == "model" else f"{figure.name}/{figure.of.replace(' ', '_')}"


def _positives(patients: tuple[Patient, ...], task: Task) -> int:
    return sum(bool(patient.outcome if task == "outcome" else patient.event) for patient in patients)


def _by_therapy(patients: tuple[Patient, ...], task: Task) -> tuple[tuple[str, int, int], ...]:
    given = Counter(patient.therapy for patient in patients if patient.therapy is not None)
    return tuple(
        (therapy, given[therapy], _positives(tuple(one for one in patients if one.therapy == therapy), task))
        for therapy in sorted(given)
    )


def _takes(columns: tuple[ColumnSpec, ...], prefix: str) -> bool:
    return any(spec.name.startswith(prefix) for spec in columns)
