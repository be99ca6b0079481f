"""Boosted trees of a progression at work: margins from XGBoost, curves from a baseline or from a form of log t."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xgboost

from features.types import Floats
from models.errors import BrokenFile
from models.families.aft_engine import LogTimes, chord
from models.families.boosting import MODEL, REPLICATE, margins, tree_shares
from models.families.cox_progression import STEEPEST, Hazards
from models.families.family import ProgressionScores
from models.families.horizon import interpolate
from models.families.time_curves import Curve, cumulative_hazard
from models.plain import dumps

FILE = "boosted.json"


@dataclass(frozen=True, slots=True)
class BaselineFile:
    """What `boosted.json` holds beside trees of `survival:cox`: a margin is the one column of each."""

    estimate: Hazards
    replicates: tuple[Hazards, ...]


@dataclass(frozen=True, slots=True)
class LogTimesFile:
    """The same beside trees of `survival:aft`."""

    curve: Curve
    estimate: LogTimes
    replicates: tuple[LogTimes, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Boosters:
    """A booster for the estimate, and one with an output for each replicate."""

    estimate: xgboost.Booster
    replicates: xgboost.Booster | None

    def margins(self, X: Floats) -> Floats:
        """Of the estimate and of each replicate, (1 + replicates, n)."""
        own = margins(self.estimate, X).reshape(1, -1)
        if self.replicates is None:
            return own
        return np.concatenate([own, margins(self.replicates, X).reshape(X.shape[0], -1).T])

    def files(self) -> dict[str, bytes]:
        """Native `ubj`."""
        files = {MODEL: bytes(self.estimate.save_raw("ubj"))}
        if self.replicates is not None:
            files[REPLICATE] = bytes(self.replicates.save_raw("ubj"))
        return files


class TreeHazards:
    """Trees of a log-hazard ratio: H(t, x) = H0(t) exp(slope (margin - centre))."""

    def __init__(self, boosters: Boosters, content: BaselineFile, time_days: Sequence[int]) -> None:
        self.boosters, self._content = boosters, content
        every = (content.estimate, *content.replicates)
        if any(len(one.coefficients) != 1 for one in every):
            raise BrokenFile(f"{FILE}: a baseline for other than one margin")
        self._slope = np.array([one.coefficients for one in every])
        self._centre = np.array([one.centre for one in every])
        at = tuple(time_days)
        self._baselines = np.array([interpolate(at, np.array(one.days), np.array(one.baseline)) for one in every])

    def score(self, X: Floats) -> ProgressionScores:
        """Cumulative hazards at the recipe's days."""
        ratio = self._slope * (self.boosters.margins(X) - self._centre)
        hazard = np.exp(np.clip(ratio, -STEEPEST, STEEPEST))[:, :, None] * self._baselines[:, None, :]
        return ProgressionScores(hazard[0], hazard[1:])

    def contributions(self, X: Floats) -> Floats:
        """Tree SHAP (Lundberg 2020), exact on the log-hazard."""
        shares: Floats = self._slope[0, 0] * tree_shares(self.boosters.estimate, X)[0]
        return shares

    def files(self) -> dict[str, bytes]:
        """Trees, and plain JSON."""
        return {**self.boosters.files(), FILE: dumps(self._content)}


class TreeTimes:
    """Trees of a log time: log t = intercept + slope margin + scale e."""

    def __init__(self, boosters: Boosters, content: LogTimesFile, time_days: Sequence[int]) -> None:
        self.boosters, self._content = boosters, content
        every = (content.estimate, *content.replicates)
        if any(len(one.coefficients) != 1 for one in every):
            raise BrokenFile(f"{FILE}: times for other than one margin")
        self._slope = np.array([one.coefficients for one in every])
        self._intercept = np.array([[one.intercept] for one in every])
        self._scale = np.array([[one.scale] for one in every])
        with np.errstate(divide="ignore"):  # day 0 lies infinitely early
            self._log_days = np.log(np.asarray(time_days, dtype=np.float64))

    def score(self, X: Floats) -> ProgressionScores:
        """Cumulative hazards at the recipe's days."""
        located = self._intercept + self._slope * self.boosters.margins(X)
        z = (self._log_days - located[:, :, None]) / self._scale[:, :, None]
        hazard = cumulative_hazard(self._content.curve, z)
        return ProgressionScores(hazard[0], hazard[1:])

    def contributions(self, X: Floats) -> Floats:
        """Tree SHAP on log t, stretched to the log cumulative hazard at the horizon (`AcceleratedEngine`)."""
        shares, start = tree_shares(self.boosters.estimate, X)
        intercept, slope, scale = self._intercept[0, 0], self._slope[0, 0], self._scale[0, 0]
        shares = shares * (-slope / scale)
        z = float((self._log_days[-1] - intercept - slope * start) / scale)
        result: Floats = shares * chord(self._content.curve, z, shares.sum(axis=1))[:, None]
        return result

    def files(self) -> dict[str, bytes]:
        """Trees, and plain JSON."""
        return {**self.boosters.files(), FILE: dumps(self._content)}
