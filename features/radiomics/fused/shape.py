"""Shape features in space and in a plane, from the mask alone."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from features.radiomics.fused.contour import contour
from features.radiomics.fused.diameter import widest, widest_in_plane
from features.radiomics.fused.mesh import surface_and_volume, vertices
from features.types import Floats, Mask


@dataclass(frozen=True, eq=False)
class Shape:
    """A mask with its spacing, (z, y, x) or (y, x); each figure is computed once, when asked."""

    mask: Mask
    """Padded by 1."""
    spacing_mm: Floats

    @cached_property
    def mesh(self) -> tuple[float, float]:
        """Surface in mm2 and volume in mm3; in a plane, perimeter in mm and surface in mm2."""
        measured = surface_and_volume if self.mask.ndim == 3 else contour
        return measured(self.mask, self.spacing_mm)

    @property
    def boundary(self) -> float:  # noqa: D102
        return self.mesh[0]

    @property
    def content(self) -> float:  # noqa: D102
        return self.mesh[1]

    @cached_property
    def voxels(self) -> float:
        """Count of voxels times the size of one, in mm3 or mm2."""
        return float(np.count_nonzero(self.mask) * np.prod(self.spacing_mm))

    @cached_property
    def vertices(self) -> "np.ndarray[tuple[int, int], np.dtype[np.int64]]":
        """Of the mesh, in half voxels."""
        return vertices(self.mask)

    @cached_property
    def variances(self) -> Floats:
        """Along the principal axes, smallest first, in mm2; NaN where rounding made one negative.

        Operation for operation as pyradiomics has it, for along a flat lesion's axis rounding alone is left.
        """
        places = np.argwhere(self.mask) * self.spacing_mm
        places -= places.mean(axis=0)
        places /= np.sqrt(len(places))
        found: Floats = np.linalg.eigvals(np.dot(places.T.copy(), places)).real
        found[(found < 0) & (found > -1e-10)] = 0
        found.sort()
        found[found < 0] = np.nan
        return found

    def axis(self, order: int) -> float:
        """Length in mm of a principal axis, 0 for the shortest: 4 times the root of the variance along it."""
        return float(4 * np.sqrt(self.variances[order]))

    def ratio(self, one: int, other: int) -> float:
        """Length of one principal axis to another."""
        return float(np.sqrt(self.variances[one] / self.variances[other]))

    @property
    def widest(self) -> float:
        """The greatest distance between two vertices, in mm."""
        return widest(self.vertices, self.spacing_mm)

    def widest_across(self, axis: int) -> float:
        """The greatest distance between two vertices of one plane across an axis, in mm."""
        return widest_in_plane(self.vertices, self.spacing_mm, axis)


def _over(one: float, other: float) -> float:
    """NaN where the mesh encloses nothing: voxels that only touch at corners can cancel out."""
    return one / other if other else float("nan")


def _sphericity(of: Shape) -> float:
    return float((36 * np.pi * of.content**2) ** (1 / 3) / of.boundary)


_IN_SPACE: dict[str, Callable[[Shape], float]] = {
    "MeshVolume": lambda of: of.content,
    "VoxelVolume": lambda of: of.voxels,
    "SurfaceArea": lambda of: of.boundary,
    "SurfaceVolumeRatio": lambda of: _over(of.boundary, of.content),
    "Sphericity": _sphericity,
    "Compactness1": lambda of: float(of.content / (of.boundary**1.5 * np.sqrt(np.pi))),
    "Compactness2": lambda of: float(36 * np.pi * of.content**2 / of.boundary**3),
    "SphericalDisproportion": lambda of: _over(1.0, _sphericity(of)),
    "Maximum3DDiameter": lambda of: of.widest,
    "Maximum2DDiameterSlice": lambda of: of.widest_across(0),
    "Maximum2DDiameterColumn": lambda of: of.widest_across(1),
    "Maximum2DDiameterRow": lambda of: of.widest_across(2),
    "MajorAxisLength": lambda of: of.axis(2),
    "MinorAxisLength": lambda of: of.axis(1),
    "LeastAxisLength": lambda of: of.axis(0),
    "Elongation": lambda of: of.ratio(1, 2),
    "Flatness": lambda of: of.ratio(0, 2),
}

_IN_PLANE: dict[str, Callable[[Shape], float]] = {
    "MeshSurface": lambda of: of.content,
    "PixelSurface": lambda of: of.voxels,
    "Perimeter": lambda of: of.boundary,
    "PerimeterSurfaceRatio": lambda of: _over(of.boundary, of.content),
    "Sphericity": lambda of: float(2 * np.sqrt(np.pi * of.content) / of.boundary),
    "SphericalDisproportion": lambda of: _over(of.boundary, float(2 * np.sqrt(np.pi * of.content))),
    "MaximumDiameter": lambda of: of.widest,
    "MajorAxisLength": lambda of: of.axis(1),
    "MinorAxisLength": lambda of: of.axis(0),
    "Elongation": lambda of: of.ratio(0, 1),
}


def shape_features(of: Shape, names: Collection[str]) -> dict[str, float]:
    """The asked ones; `shape` of a volume, `shape2D` of a plane."""
    known = _IN_SPACE if of.mask.ndim == 3 else _IN_PLANE
    return {name: known[name](of) for name in names}
