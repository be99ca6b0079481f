"""First order features, and grey levels: what one voxel's intensity says without its neighbours."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.radiomics.fused.tables import EPS
from features.types import Floats


def grey_levels(values: NDArray[Any], bin_width: float, bin_count: int | None) -> NDArray[np.int32]:
    """Level of each intensity, 1 at the lowest, as pyradiomics bins them.

    Bins of a width begin at a multiple of it; bins of a count share the range, the greatest value in the last one. The
    intensities keep their own type, for pyradiomics takes the edges in that type.
    """
    if bin_count is not None:
        edges: NDArray[Any] = np.histogram(values, bin_count)[1]
        edges[-1] += 1
    else:
        low, high = values.min(), values.max()
        edges = np.arange(low - (low % bin_width), high + 2 * bin_width, bin_width)
        if len(edges) == 1:
            edges = np.array([edges[0] - 0.5, edges[0] + 0.5])
    levels: NDArray[np.int32] = np.digitize(values, edges).astype(np.int32)
    return levels


@dataclass(frozen=True, eq=False)
class Intensities:
    """Intensities of one lesion; each statistic is computed once, when asked."""

    values: Floats
    levels: NDArray[np.int32]
    voxel_volume_mm3: float
    shift: float
    """`voxelArrayShift`: added before energies."""

    @cached_property
    def mean(self) -> float:  # noqa: D102
        return float(self.values.mean())

    @cached_property
    def energy(self) -> float:  # noqa: D102
        return float(((self.values + self.shift) ** 2).sum())

    @cached_property
    def shares(self) -> Floats:
        """Of each grey level that occurs."""
        counts = np.bincount(self.levels)
        return counts[counts > 0] / self.levels.size

    @cached_property
    def percentiles(self) -> Floats:
        """10th, 25th, 75th and 90th."""
        return np.percentile(self.values, [10, 25, 75, 90])

    def moment(self, order: int) -> float:
        """Central moment, of order 2 or more."""
        apart = self.values - self.mean
        power = apart * apart
        for _ in range(order - 2):
            power *= apart
        return float(power.mean())

    def robust_deviation(self) -> float:
        """Mean absolute deviation of what lies between the 10th and the 90th percentile; NaN where nothing does."""
        low, high = self.percentiles[0], self.percentiles[3]
        kept = (self.values >= low) & (self.values <= high)
        count = np.count_nonzero(kept)
        if not count:
            return float("nan")
        # What is left out counts as 0 and is summed over, as numpy's nanmean does: rounding then is pyradiomics'.
        mean = np.where(kept, self.values, 0.0).sum() / count
        return float(np.where(kept, np.abs(self.values - mean), 0.0).sum() / count)

    def standardised(self, order: int) -> float:
        """Moment over a power of the variance; the bare moment for a flat lesion, which is 0."""
        variance = self.moment(2)
        return float(self.moment(order) / (variance if variance != 0 else 1.0) ** (order / 2))


_FEATURES: dict[str, Callable[[Intensities], float]] = {
    "Energy": lambda of: of.energy,
    "TotalEnergy": lambda of: of.energy * of.voxel_volume_mm3,
    "Entropy": lambda of: float(-(of.shares * np.log2(of.shares + EPS)).sum()),
    "Minimum": lambda of: float(of.values.min()),
    "10Percentile": lambda of: float(of.percentiles[0]),
    "90Percentile": lambda of: float(of.percentiles[3]),
    "Maximum": lambda of: float(of.values.max()),
    "Mean": lambda of: of.mean,
    "Median": lambda of: float(np.median(of.values)),
    "InterquartileRange": lambda of: float(of.percentiles[2] - of.percentiles[1]),
    "Range": lambda of: float(of.values.max() - of.values.min()),
    "MeanAbsoluteDeviation": lambda of: float(np.abs(of.values - of.mean).mean()),
    "RobustMeanAbsoluteDeviation": lambda of: of.robust_deviation(),
    "RootMeanSquared": lambda of: float(np.sqrt(of.energy / of.values.size)),
    "StandardDeviation": lambda of: float(of.values.std()),
    "Skewness": lambda of: of.standardised(3),
    "Kurtosis": lambda of: of.standardised(4),
    "Variance": lambda of: float(of.values.std() ** 2),
    "Uniformity": lambda of: float((of.shares**2).sum()),
}


def firstorder_features(of: Intensities, names: Collection[str]) -> dict[str, float]:
    """The asked ones."""
    return {name: _FEATURES[name](of) for name in names}
