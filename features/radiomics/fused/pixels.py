"""An image as pyradiomics would hold it, of which only the cuts that are looked at are made."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from features.radiomics.bounds import Box
from features.radiomics.settings import Settings
from features.radiomics.shared import Shared

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Normalisation:
    """Zero mean and unit variance over the whole image, outliers clipped, times a factor."""

    mean: float
    deviation: float
    outliers: float | None
    factor: float

    def __call__(self, voxels: Array) -> Array:
        """Normalises a cut, operation for operation as `imageoperations.normalizeImage` does."""
        found = (voxels.astype(np.float64) - self.mean) * (1 / np.float64(self.deviation))
        if self.outliers is not None:
            found[found > self.outliers] = self.outliers
            found[found < -self.outliers] = -self.outliers
        return np.asarray(found * self.factor)


@dataclass(frozen=True, slots=True, eq=False)
class Pixels:
    """Intensities, (z, y, x), with what happens to them before anything else."""

    stored: Array
    kind: np.dtype[Any]
    """In which pyradiomics would hold them before they are normalised."""
    shared: Shared
    normalisation: Normalisation | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the whole image."""
        z, y, x = self.stored.shape
        return z, y, x

    @property
    def pixel_type(self) -> np.dtype[Any]:
        """Of every cut."""
        return self.kind if self.normalisation is None else np.dtype(np.float64)

    def cut(self, box: Box) -> Array:
        """The intensities in a box; not to be written to."""
        found = self.stored[box].astype(self.kind, copy=False)
        return found if self.normalisation is None else self.normalisation(found)

    def greatest(self) -> float:
        """The largest magnitude in the whole image."""
        ends = self.shared.fact(self.stored, "ends", lambda: np.array([self.stored.min(), self.stored.max()]))
        ends = ends.astype(self.kind)
        return float(
            np.abs((ends if self.normalisation is None else self.normalisation(ends)).astype(np.float64)).max()
        )


def normalised(pixels: Pixels, settings: Settings) -> Pixels:
    """The same image, normalised as the settings have it."""

    def moments() -> tuple[float, float]:
        statistics = sitk.StatisticsImageFilter()
        statistics.Execute(sitk.GetImageFromArray(pixels.stored.astype(pixels.kind, copy=False)))
        return statistics.GetMean(), statistics.GetSigma()

    mean, deviation = pixels.shared.fact(pixels.stored, ("moments", pixels.kind), moments)
    outliers, factor = settings.setting["removeOutliers"], settings.setting["normalizeScale"]
    if not isinstance(factor, int | float):
        raise TypeError(f"normalizeScale holds {factor!r}, not a number")
    clipped = float(outliers) if isinstance(outliers, int | float) else None
    return Pixels(pixels.stored, pixels.kind, pixels.shared, Normalisation(mean, deviation, clipped, factor))
