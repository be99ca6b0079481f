"""Settings of a family, searched by the held-out patients of its own inner folds: optuna's door."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from features.types import Floats
from models.chance import beats
from models.errors import BadCohort, BadSignature, BrokenFile
from models.progress import progress_bar

if TYPE_CHECKING:
    from optuna import Trial

MOST_TRIALS = 1000
_MOST_AT_RANDOM = 10
"""Trials before the search learns from those before."""
Settings = Mapping[str, float]
"""By name; whole numbers where the span is whole."""


@dataclass(frozen=True, slots=True)
class Searching:
    """How long settings are searched."""

    trials: int
    progress: bool = False
    """Whether trials are counted on stderr."""

    def __post_init__(self) -> None:
        if not 1 <= self.trials <= MOST_TRIALS:
            raise BadSignature(f"a search of {self.trials} trials; wanted 1 to {MOST_TRIALS}", trials=self.trials)


@dataclass(frozen=True, slots=True)
class Span:
    """Where one setting is looked for, both ends included."""

    name: str
    lower: float
    upper: float
    log: bool = False
    """Whether its logarithm is even, as of a penalty."""
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting that was chosen."""

    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Searched:
    """What a search came to."""

    trials: int
    """The fixed settings are the first of them."""
    best: int
    """The trial that was chosen, from 1: 1 says that none was better than the fixed settings beyond chance."""
    settings: tuple[Setting, ...]
    fixed_loss: float
    """Of the fixed settings on held-out patients of the inner folds; lower is better."""
    loss: float
    """Of the settings that were chosen, there: the least of many, so it flatters them."""

    def __post_init__(self) -> None:
        names = [one.name for one in self.settings]
        counted = 1 <= self.best <= self.trials <= MOST_TRIALS
        if not counted or not names or not self.loss <= self.fixed_loss:
            raise BrokenFile("a search chose no trial of its own, or one that is worse than the fixed settings")
        if len(set(names)) != len(names):
            raise BrokenFile("a search names a setting twice")

    @property
    def chosen(self) -> dict[str, float]:
        """By name."""
        return {one.name: one.value for one in self.settings}


def in_words(searched: Searched) -> str:
    """What was searched and chosen, a sentence without its full stop."""
    told = ", ".join(f"{one.name} {one.value:.4g}" for one in searched.settings)
    better = (
        f"trial {searched.best} was chosen, held-out loss {searched.loss:.5g} against {searched.fixed_loss:.5g} of the "
        "fixed settings, the least of many and so too hopeful"
        if searched.best > 1
        else f"none was better than the fixed settings beyond chance, held-out loss {searched.loss:.5g}"
    )
    return f"settings searched by {searched.trials} trials on inner folds: {told}; {better}"


def search(
    spans: Sequence[Span],
    fixed: Settings,
    loss: Callable[[Settings], Floats],
    searching: Searching,
    *,
    seed: int,
    check: Callable[[], None],
) -> Searched:
    """The settings of least mean loss, where that is less than of the fixed ones by more than chance would make it.

    The fixed settings are tried first. The least of many losses is so by chance too: settings must beat the fixed ones,
    patient by patient, by two standard errors of the mean difference.

    Args:
        spans: Where each setting is looked for.
        fixed: One value for each span, within it.
        loss: Of settings, each patient's (or event's) that inner folds of the training patients held out, (n,); lower
            is better, and the order of patients is the same each time.
        searching: How long.
        seed: The same seed and losses give the same settings.
        check: Called before each trial.

    Source: tree-structured Parzen estimators (Bergstra et al., NIPS 2011), optuna's multivariate form.
    """
    import optuna  # noqa: PLC0415 - most of a second to import, and only a search needs it

    optuna.logging.set_verbosity(optuna.logging.WARNING)  # else each study is announced on stderr
    startup = min(_MOST_AT_RANDOM, max(1, searching.trials // 3))
    sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, n_startup_trials=startup)
    study = optuna.create_study(sampler=sampler)
    study.enqueue_trial(dict(fixed))
    losses: list[Floats] = []
    tried: list[dict[str, float]] = []
    with progress_bar(searching.trials, "searching settings", "trial", shown=searching.progress) as bar:
        for _ in range(searching.trials):
            check()
            trial = study.ask()
            tried.append({span.name: _suggested(trial, span) for span in spans})
            losses.append(_judged(loss, tried[-1], losses))
            mean = float(losses[-1].mean())
            failed = not math.isfinite(mean)
            study.tell(trial, None if failed else mean, optuna.trial.TrialState.FAIL if failed else None)
            bar.update()
    best = min(range(len(losses)), key=lambda index: float(losses[index].mean()))
    if not beats(losses[best], losses[0]):
        best = 0
    settings = tuple(Setting(name, float(value)) for name, value in tried[best].items())
    return Searched(searching.trials, best + 1, settings, float(losses[0].mean()), float(losses[best].mean()))


def _judged(loss: Callable[[Settings], Floats], settings: Settings, before: Sequence[Floats]) -> Floats:
    """Losses; infinite where nothing can be learned by the settings, but for the fixed ones, whose error stands."""
    try:
        found = loss(settings)
    except BadCohort:
        if not before:
            raise
        return np.full_like(before[0], np.inf)
    return np.where(np.isfinite(found), found, np.inf)


def _suggested(trial: "Trial", span: Span) -> float:
    if span.whole:
        return trial.suggest_int(span.name, int(span.lower), int(span.upper), log=span.log)
    return trial.suggest_float(span.name, span.lower, span.upper, log=span.log)
