"""From somebody's own table to the honest report: leaks refused, every predictor on the same folds."""

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace

from models.asking import ask, processes
from models.baselines import baselines
from models.calibration import probability
from models.crossvalidation import MODEL, CrossValidation, OfBaseline, OfFamily, split_of, validate
from models.effects.answers import Comparison
from models.effects.compare import Comparing, compare_therapies
from models.errors import BadCohort
from models.evaluation import patient_draws
from models.evaluation_report import Choice, EvaluationReport, Sizes
from models.families.all import TRIED, family_of, harmonised, recalibrated, searched, stratified
from models.families.columns import THERAPY
from models.families.family import Family, Searchable
from models.families.known import standing
from models.families.screening import MOST_COLUMNS
from models.families.search import Searching
from models.families.target import OutcomeTarget, ProgressionTarget, Task
from models.figures import figures, subgroups_of
from models.leakage.selection import dealt_anew, refuse_outside
from models.leakage.table import refuse_leaky_table
from models.measures.horizon import judged_days, risk_at
from models.measures.net_benefit import NetBenefit, outcome_decision_curve, survival_decision_curve
from models.nested import INNER_FOLDS, assembled, choose, positives
from models.plain_models import plain_models
from models.progress import progress_bar
from models.redundancy import redundancy
from models.selective import coverage_against_risk
from models.shuffled import SHUFFLED, SHUFFLED_ALL, Shuffled
from models.splits import Predictor
from models.stability.screen import screened_patients
from models.stability.stable import StabilityCheck
from models.tabular.cohort import groups_of
from models.tabular.reading import PatientTable, TableRequest, read_patients


@dataclass(frozen=True, slots=True)
class Evaluating:
    """How a table is evaluated."""

    folds: int = 5
    seed: int = 0
    families: tuple[str, ...] = ()
    """By name; those that are tried unasked where empty."""
    reference: str | None = None
    """The therapy that the others are compared against; None where none are."""
    horizons: tuple[float, ...] = ()
    """Until when therapies are compared, in the table's unit of time."""
    accept_selection: str = ""
    """Why it is known that the columns were not chosen on these patients; empty where nobody says."""
    stability: StabilityCheck | None = None
    """By which table of agreements features that are not stable are left out; None for no such thing."""
    search: int = 0
    """Trials of a search for settings inside each fit; 0 for the fixed ones. Families without settings are as ever."""
    recalibrate: bool = False
    """Of a progression: whether hazards are recalibrated by inner folds of each fit."""
    workers: int = 1
    """Processes that fit; 1 fits in this one."""
    progress: bool = True


def evaluate(request: TableRequest, how: Evaluating) -> EvaluationReport:
    """Reads, refuses leaks, and measures every predictor on the same held-out patients.

    Raises:
        BadCohort: The table, or what it holds, cannot be learned from.
        Leak: A column knows the outcome or the patient, or a patient would be in two folds.
        BadSignature: No such family for the task.
    """
    families = how.families or tuple(name for task, name in TRIED if task == request.task)
    learners = asked(request.task, families, how)
    table = read_patients(request)
    refuse_leaky_table(table, folds=how.folds, seed=how.seed, accept_selection=how.accept_selection)
    stability = None
    if how.stability is not None:
        table, stability = screened_patients(table, how.stability)
    comparisons = compared(table, how)
    predictors = of_families(learners, table, how)
    everyone = {**predictors, **_beside(request.task, table, predictors, how.seed)}
    with processes(how.workers) as pool:
        validation = validate(
            everyone,
            table.frame,
            table.target,
            folds=how.folds,
            seed=how.seed,
            progress=how.progress,
            pool=pool,
        )
        _refuse_selection(predictors, table, validation, pool)
        chosen = _chosen(predictors, table, validation, how, pool)
    own = {families[0]} if len(families) == 1 else set()
    said = {name: unseen for name, unseen in validation.unseen.items() if name not in own}
    whole = replace(validation, unseen={MODEL: assembled(validation, chosen), **said})
    curve, day = _decision_curve(whole, how.seed)
    return EvaluationReport(
        task=request.task,
        label=request.label,
        sizes=Sizes(
            patients=len(table.frame),
            positives=positives(table.target),
            clinical_columns=len(table.columns) - len(table.imaging),
            image_columns=len(table.imaging),
        ),
        folds=validation.folds,
        seed=how.seed,
        protocol=_protocol(validation.folds, learners, how),
        choices=tuple(Choice(index + 1, name) for index, name in enumerate(chosen)),
        figures=figures(whole, seed=how.seed),
        decision_curve=curve,
        decision_day=day,
        subgroups=subgroups_of(whole, groups_of(table), seed=how.seed),
        comparisons=comparisons,
        notices=(*table.notices, *_accepted(how)),
        redundancy=redundancy(table.frame, table.imaging),
        coverage=coverage_against_risk(whole, seed=how.seed),
        stability=stability,
    )


def compared(table: PatientTable, how: Evaluating) -> tuple[Comparison, ...]:
    """Every other therapy against the reference, over all patients and over each group; none where none are asked.

    Raises:
        BadCohort: There is no therapy column, nobody got the reference, or everybody did.
    """
    known = not isinstance(table.target, ProgressionTarget) or table.target.plain
    if not known or (how.reference is None and THERAPY not in table.frame.columns):
        return ()
    if THERAPY not in table.frame.columns:
        raise BadCohort(f"the reference {how.reference} is named, and no therapy column; wanted both, or neither")
    if how.reference is None:
        seen = ", ".join(sorted(map(str, table.frame[THERAPY].dropna().unique()))[:5])
        raise BadCohort(f"therapies ({seen}) and no reference among them; wanted the reference, or no {THERAPY} column")
    comparing = Comparing(table.facts.evidence, how.horizons, seed=how.seed)
    groups = dict(groups_of(table))
    return compare_therapies(
        table.frame, table.columns, table.target, how.reference, comparing, groups=groups, progress=how.progress
    )


def asked(task: Task, families: tuple[str, ...], how: Evaluating) -> tuple[Family, ...]:
    """Our own, by name, with what was asked beyond their fixed ways.

    Raises:
        BadSignature: No such family for the task, none of them has settings to search, or an outcome is to be
            recalibrated.
    """
    found = tuple(family_of(task, name) for name in families)
    if how.search:
        searching = Searching(how.search)
        if not any(isinstance(one, Searchable) for one in found):
            searched(found[0], searching)  # says which have
        found = tuple(searched(one, searching) if isinstance(one, Searchable) else one for one in found)
    recalibrated(found[0], wanted=how.recalibrate)  # refused before anything is read
    return found


def of_families(families: tuple[Family, ...], table: PatientTable, how: Evaluating) -> dict[str, Predictor]:
    """Each as a predictor of the table, by name."""
    of = [recalibrated(stratified(one, table.strata), wanted=how.recalibrate) for one in families]
    of = [harmonised(one, table.harmonise, table.unseen_site) for one in of]
    return {family.name: OfFamily(family, table.columns, how.seed) for family in of}


def _beside(task: Task, table: PatientTable, predictors: Mapping[str, Predictor], seed: int) -> dict[str, Predictor]:
    """Baselines, the plain models, and the quickest of ours on shuffled columns."""
    found: dict[str, Predictor] = {one.name: OfBaseline(one) for one in baselines(table.columns)}
    quickest = next((name for name in ("cox", "xgboost") if name in predictors), next(iter(predictors)))
    dealt = tuple(spec.name for spec in table.imaging or table.columns)
    found[SHUFFLED if table.imaging else SHUFFLED_ALL] = Shuffled(predictors[quickest], dealt, seed)
    late = isinstance(table.target, ProgressionTarget) and table.target.entry_days is not None
    return found | plain_models(task, table.columns, late_entry=late)


def _refuse_selection(
    predictors: Mapping[str, Predictor], table: PatientTable, validation: CrossValidation, pool: Executor | None
) -> None:
    """The first fold is fitted again, with the outcomes of those it holds out dealt anew."""
    first = validation.fold == 0
    dealt = dealt_anew(table.target, first)
    split, _ = split_of(table.frame, dealt, validation.fold, 0, validation.days)
    again = ask([(predictor, split) for predictor in predictors.values()], pool)
    for name, said_again in zip(predictors, again, strict=True):
        unseen = validation.unseen[name]
        said = unseen.score[first] if unseen.survival is None else unseen.survival[first]
        refuse_outside(said, said_again.answer, fold=0)


def _chosen(
    predictors: Mapping[str, Predictor],
    table: PatientTable,
    validation: CrossValidation,
    how: Evaluating,
    pool: Executor | None,
) -> tuple[str, ...]:
    if len(predictors) == 1:
        return (next(iter(predictors)),) * validation.folds
    with progress_bar(validation.folds, "choosing a family", "fold", shown=how.progress) as bar:
        stands = standing(predictors)
        return choose(
            predictors, table.frame, table.target, validation, seed=how.seed, bar=bar, standing=stands, pool=pool
        )


def _decision_curve(validation: CrossValidation, seed: int) -> tuple[tuple[NetBenefit, ...], int | None]:
    unseen, weights = validation.unseen[MODEL], patient_draws(validation.fold.size, seed)
    if isinstance(validation.target, OutcomeTarget):
        return outcome_decision_curve(validation.target, probability(unseen.score), weights), None
    days = judged_days(validation.target)
    if not days or unseen.survival is None or validation.days is None:
        return (), None
    assert isinstance(validation.target, ProgressionTarget)  # noqa: S101 - the other task
    day = days[len(days) // 2]
    risk = risk_at(unseen.survival, validation.days, day)
    return survival_decision_curve(validation.target, risk, weights, day), day


def _protocol(folds: int, families: tuple[Family, ...], how: Evaluating) -> str:
    every = ", ".join(one.name for one in families)
    chosen = f"; the model is chosen among {every} by {INNER_FOLDS} inner folds of each training fold"
    stands = standing([one.name for one in families])
    if stands is not None:
        chosen += f": {stands}, unless another has a smaller Brier score there by two standard errors of the difference"
    able = ", ".join(one.name for one in families if isinstance(one, Searchable))
    settings = f"; settings of {able} are searched by {how.search} trials inside each fit" if how.search else ""
    settings += "; hazards are recalibrated by inner folds of each fit" if how.recalibrate else ""
    return (
        f"{folds}-fold cross-validation by patient{chosen if len(families) > 1 else ''}{settings}; columns are "
        f"screened, imputed and scaled inside each training fold, and at most {MOST_COLUMNS} reach a Cox or torch fit; "
        "95 % intervals by bootstrap over patients"
    )


def _accepted(how: Evaluating) -> tuple[str, ...]:
    if not how.accept_selection:
        return ()
    return (f"columns are said not to have been chosen on these patients: {how.accept_selection}",)
