"""What an ordinal model says of each class of response, on patients whom it had not seen."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.baselines import known_only
from models.crossfit import FoldFits
from models.families.design import DesignMatrix
from models.families.ordinal_engine import OrdinalEngine
from models.families.target import GRADES, OutcomeTarget, Target


@dataclass(frozen=True, slots=True)
class GradeFigure:
    """One class, over held-out patients."""

    name: str
    patients: int
    """Who had it."""
    seen: float
    """Their share."""
    told: float
    """Mean probability of it, over all patients."""
    told_of_them: float
    """The same over those who had it: more than `told` where the model tells them from others."""


def grade_figures(fits: FoldFits | None, frame: pd.DataFrame, target: Target) -> tuple[GradeFigure, ...]:
    """Each class, worst first; none where grades were not recorded or the family knows no classes.

    Args:
        fits: One a fold, on the others' patients.
        frame: Raw columns of all patients.
        target: Of these patients.
    """
    if fits is None or not isinstance(target, OutcomeTarget) or target.grade is None:
        return ()
    told = np.zeros((len(frame), len(GRADES)))
    for held_out, fitted in enumerate(fits.fits):
        engine, test = fitted.engine, np.flatnonzero(fits.fold == held_out)
        if not isinstance(engine, OrdinalEngine):
            return ()
        rows = fitted.encode(known_only(frame.iloc[test].reset_index(drop=True), fitted.recipe.columns))
        at = np.array([GRADES.index(name) for name in engine.classes])
        told[np.ix_(test, at)] = engine.class_probabilities(DesignMatrix(fitted.recipe.design).apply(rows))
    figures = []
    for index, name in enumerate(GRADES):
        had = target.grade == index
        if had.any():
            share, of_them = float(told[:, index].mean()), float(told[had, index].mean())
            figures.append(GradeFigure(name, int(had.sum()), float(had.mean()), share, of_them))
    return tuple(figures)
