"""The fusion network as a family: radiomics, embedding, covariates and therapy in one torch ensemble."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from features.types import Floats
from models.applicability import Cohort, describe_cohort
from models.calibration import Calibration, choose_calibration
from models.errors import BadCohort, BrokenFile
from models.families.bootstrap import draws
from models.families.columns import ColumnSpec
from models.families.design import Design
from models.families.family import REPLICATES, Check, Fitted
from models.families.hazard_plan import progression_of
from models.families.horizon import days
from models.families.preparation import Prepared, always_kept, keep, prepare
from models.families.recipe import Architecture, Recipe
from models.families.scans import needed_scans
from models.families.screening import MOST_COLUMNS, pick, strengths
from models.families.search import Searched, Searching, search
from models.families.target import OutcomeTarget, ProgressionTarget, Target, Task
from models.fusion.engine import FILE, FusionEngine, check_architecture, read_tensors
from models.fusion.settings import SPANS, FusionSettings

if TYPE_CHECKING:
    from models.fusion.training import Trained

MEMBERS = 10
_MOST_OF_A_BRANCH = 24
_FEWEST_OF_A_BRANCH = 6
_PATIENTS_PER_COLUMN = 25
_MOST_INTERVALS = 8
_EVENTS_PER_INTERVAL = 10
_METHOD = (
    "A fusion network (torch): {members} members, each trained on its own draw of patients, with a branch of {hidden} "
    "units each for radiomics, embedding and covariates, joined, and met by the therapy; {columns} columns (at most "
    "{most}, screened inside each fit); decay {decay}, chosen by the patients that a member had not drawn{last}."
)


class Fusion:
    """The family, for either task."""

    name = "fusion"
    files: tuple[str, ...] = (FILE,)

    def __init__(self, task: Task, searching: Searching | None = None) -> None:
        self.task: Task = task
        self._searching = searching

    def searched(self, searching: Searching) -> "Fusion":
        """The same family, its settings searched inside each fit."""
        return Fusion(self.task, searching)

    def fit(
        self,
        table: pd.DataFrame,
        target: Target,
        columns: Sequence[ColumnSpec],
        *,
        seed: int,
        replicates: int = REPLICATES,
        check: Check = lambda: None,
    ) -> Fitted:
        """See `Family.fit`; the members of the ensemble are the replicates, whose number is its own."""
        from models.fusion.training import train  # noqa: PLC0415 - torch takes seconds to import; serving needs none

        if isinstance(target, OutcomeTarget) != (self.task == "outcome"):
            raise BadCohort(f"fusion was asked to learn {self.task}; the target is the other one")
        if isinstance(target, ProgressionTarget):
            progression_of(target, self.name, late_entry=False)
        generator = np.random.default_rng(seed)
        prepared = _screened(prepare(table, target, columns), target)
        counts = np.array(list(draws(target, MEMBERS, generator)))

        def trained_by(settings: FusionSettings, *, judged_only: bool = False) -> "Trained":
            of = _architecture(prepared, target, settings.hidden)
            return train(
                of, prepared.X, target, counts, seed=seed, check=check, settings=settings, judged_only=judged_only
            )

        settings, found = _searched(trained_by, self._searching, seed, check)
        trained, architecture = trained_by(settings), _architecture(prepared, target, settings.hidden)
        design = Design(prepared.terms)
        time_days = days(target) if isinstance(target, ProgressionTarget) else ()
        calibration = _calibration(trained.held_out, target, generator)
        recipe = Recipe(
            family=self.name,
            task=self.task,
            columns=prepared.columns,
            therapies=prepared.therapies,
            design=design,
            calibration=calibration,
            time_days=time_days,
            replicates=MEMBERS if replicates else 0,
            needed_scans=needed_scans(prepared.columns, prepared.rows),
            centre=(0.0,) * (len(prepared.columns) + 1),
            architecture=architecture,
            method=_METHOD.format(
                members=MEMBERS,
                hidden=settings.hidden,
                columns=len(prepared.terms),
                most=MOST_COLUMNS,
                decay=trained.decay,
                last=f", who also calibrate it ({calibration.kind})" if self.task == "outcome" else "",
            ),
            search=found,
        )
        baseline = prepared.X.mean(axis=0).astype(np.float32)
        tensors = {**trained.weights, "baseline": baseline}
        engine = FusionEngine(architecture, tensors, time_days, spread=recipe.replicates > 0)
        return Fitted.centred(
            recipe, engine, describe_cohort(design, prepared.columns, prepared.rows, generator), prepared.rows
        )

    def load(self, recipe: Recipe, files: Mapping[str, bytes], cohort: Cohort) -> Fitted:
        """See `Family.load`."""
        architecture, width = recipe.architecture, len(recipe.design.terms)
        if set(files) != {FILE} or architecture is None:
            raise BrokenFile(f"wanted {FILE} and a declared architecture; seen {sorted(files)}")
        therapies = [term.level for term in recipe.design.terms if term.kind == "therapy"]
        check_architecture(architecture, width, len(therapies))
        if recipe.replicates not in (0, architecture.members):
            raise BrokenFile(f"{recipe.replicates} replicates of {architecture.members} members")
        if (architecture.outputs > 1) != (recipe.task == "progression"):
            raise BrokenFile(f"{architecture.outputs} outputs do not make a model of {recipe.task}")
        tensors = read_tensors(files[FILE], architecture, width)
        engine = FusionEngine(architecture, tensors, recipe.time_days, spread=recipe.replicates > 0)
        return Fitted.of(recipe, engine, cohort)


def _searched(
    trained_by: "Callable[..., Trained]", searching: Searching | None, seed: int, check: Check
) -> tuple[FusionSettings, Searched | None]:
    """Settings that were searched, judged by the patients that members had not drawn; the fixed ones for None."""
    fixed = FusionSettings()
    if searching is None:
        return fixed, None
    start = {
        "hidden": fixed.hidden,
        "rate": fixed.rate,
        "left_out": fixed.left_out,
        "decay": trained_by(fixed, judged_only=True).decay,
    }

    def loss(settings: Mapping[str, float]) -> Floats:
        return trained_by(_settings(settings), judged_only=True).loss

    found = search(SPANS, start, loss, searching, seed=seed, check=check)
    return _settings(found.chosen), found


def _settings(of: Mapping[str, float]) -> FusionSettings:
    return FusionSettings(int(of["hidden"]), of["rate"], of["left_out"], of["decay"])


def _screened(prepared: Prepared, target: Target) -> Prepared:
    """Clinical columns and the therapy, and the strongest of either image branch."""
    strength = strengths(prepared.X, target)
    fixed = always_kept(prepared)[:MOST_COLUMNS]
    room = max(0, MOST_COLUMNS - len(fixed))
    embedded = set(prepared.of_kind("embedding."))
    others = [i for i in range(len(prepared.terms)) if i not in embedded and i not in set(fixed)]
    most = int(np.clip(prepared.rows.shape[0] // _PATIENTS_PER_COLUMN, _FEWEST_OF_A_BRANCH, _MOST_OF_A_BRANCH))
    radiomic = pick(prepared.X, strength, others, min(most, room))
    deep = pick(prepared.X, strength, sorted(embedded), min(most, room - len(radiomic)))
    return keep(prepared, fixed + radiomic + deep)


def _architecture(prepared: Prepared, target: Target, hidden: int) -> Architecture:
    clinical, embedded = prepared.of_kind("clinical."), prepared.of_kind("embedding.")
    taken = {*clinical, *embedded, *prepared.therapy_terms()}
    breaks = _breaks(target) if isinstance(target, ProgressionTarget) else ()
    return Architecture(
        members=MEMBERS,
        radiomics=tuple(index for index in range(len(prepared.terms)) if index not in taken),
        embedding=tuple(embedded),
        clinical=tuple(clinical),
        therapies=len(prepared.therapy_terms()),
        hidden=hidden,
        outputs=max(1, len(breaks)),
        breaks_days=breaks,
    )


def _breaks(target: ProgressionTarget) -> tuple[float, ...]:
    """Ends of intervals that hold about as many events each; the last is the horizon."""
    horizon = float(days(target)[-1])
    seen = target.time_days[target.event & (target.time_days < horizon)]
    count = int(np.clip(seen.size // _EVENTS_PER_INTERVAL, 2, _MOST_INTERVALS))
    inner = np.unique(np.quantile(seen, np.linspace(0, 1, count + 1)[1:-1]).round()) if seen.size else np.array([])
    inner = inner[(inner > 0) & (inner < horizon)]
    return (*inner.tolist(), horizon) if inner.size else (horizon / 2, horizon)


def _calibration(held_out: np.ndarray, target: Target, generator: np.random.Generator) -> Calibration:
    if not isinstance(target, OutcomeTarget):
        return Calibration()
    known = ~np.isnan(held_out[:, 0])
    return choose_calibration(held_out[known, 0], target.response[known], generator)
