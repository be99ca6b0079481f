"""The fused engine's way from a lesion to its features: one region, the asked images, and of each the asked classes."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.errors import BadLesion
from features.lesion import Lesion
from features.radiomics.asked import Asked, asked_features
from features.radiomics.bounds import slices_of
from features.radiomics.catalogue import derived_images
from features.radiomics.extracted import Extracted
from features.radiomics.fused.filters import Source, derive
from features.radiomics.fused.glcm import glcm_features
from features.radiomics.fused.intensities import Intensities, firstorder_features, grey_levels
from features.radiomics.fused.neighbours import LevelVolume, level_volume, neighbour_offsets
from features.radiomics.fused.region import Region, region_of
from features.radiomics.fused.runs import run_cells, run_counts, zones
from features.radiomics.fused.shape import Shape, shape_features
from features.radiomics.fused.surroundings import Surroundings, dependence_cells, ngtdm_features, surroundings
from features.radiomics.fused.tables import DEPENDENCES, RUNS, ZONES, table_sums
from features.radiomics.limits import require_grey_levels
from features.radiomics.reasons import no_neighbours, not_derived, not_finite, several_slices
from features.radiomics.settings import Settings, Value
from features.radiomics.shared import Shared
from features.types import Floats

Check = Callable[[], None]


def extract(
    lesion: Lesion, settings: Settings, names: Collection[str] | None, check: Check, shared: Shared | None = None
) -> Extracted:
    """As `features.radiomics.extract`."""
    asked = asked_features(settings, names)
    types = derived_images(settings)
    found = Extracted({}, {})
    with np.errstate(all="ignore"):
        region = region_of(lesion, settings, shared or Shared())
        check()
        _take_shape(region, settings, asked, found)
        wanted = {
            name: {one: features for one, features in classes.items() if not one.startswith("shape")}
            for name, classes in asked.items()
        }
        wanted = {name: classes for name, classes in wanted.items() if classes}
        for image_type in dict.fromkeys(types[name] for name in wanted):
            of_type = {name: wanted[name] for name in wanted if types[name] == image_type}
            _take_images(region, settings, image_type, of_type, found, check)
    return found


def _take_shape(region: Region, settings: Settings, asked: Asked, found: Extracted) -> None:
    classes = asked.get("original", {})
    spacing = np.array(region.spacing_mm[::-1])
    if "shape" in classes:
        shape = Shape(np.pad(region.shape, 1), spacing)
        _keep(found, "original_shape", shape_features(shape, classes["shape"]), region.shape[region.shape])
    if "shape2D" in classes:
        across = int(str(settings.setting["force2Ddimension"]))
        slices = region.shape.shape[across]
        if slices > 1:
            reason = several_slices(slices)
            found.missing.update({f"original_shape2D_{feature}": reason for feature in classes["shape2D"]})
        else:
            flat = Shape(np.pad(region.shape.squeeze(axis=across), 1), np.delete(spacing, across))
            _keep(found, "original_shape2D", shape_features(flat, classes["shape2D"]), region.shape[region.shape])


def _take_images(
    region: Region, settings: Settings, image_type: str, wanted: Asked, found: Extracted, check: Check
) -> None:
    arguments = settings.arguments(image_type)
    source = Source(region.pixels, region.spacing_mm, slices_of(region.bounds), region.inside)
    for name, voxels in derive(source, image_type, wanted, arguments):
        check()
        values = voxels[region.inside]
        classes = wanted[name]
        try:
            require_grey_levels(values, arguments)
        except BadLesion as error:
            reason = f"{name}: {error}"
            found.missing.update({f"{name}_{one}_{feature}": reason for one in classes for feature in classes[one]})
            continue
        derived = _Derived(values, region.inside, region.spacing_mm, arguments)
        for class_name, features in classes.items():
            if class_name != "firstorder" and not len(derived.offsets_of(class_name)):
                reason = no_neighbours(class_name, derived.inside.shape[::-1])
                found.missing.update({f"{name}_{class_name}_{feature}": reason for feature in features})
            else:
                _keep(found, f"{name}_{class_name}", _CLASSES[class_name](derived, features), values)
            check()
    for name, classes in wanted.items():
        size = region.pixels.shape[::-1]
        for feature in (f"{name}_{one}_{feature}" for one in classes for feature in classes[one]):
            if feature not in found.values:
                found.missing.setdefault(feature, not_derived(image_type, size))


def _keep(found: Extracted, prefix: str, values: Mapping[str, float], voxels: NDArray[Any]) -> None:
    for feature, value in values.items():
        if np.isfinite(value):
            found.values[f"{prefix}_{feature}"] = float(value)
        else:
            found.missing[f"{prefix}_{feature}"] = not_finite(voxels)


@dataclass(frozen=True, eq=False)
class _Derived:
    """One derived image within the lesion; what several classes need is made once, when the first asks."""

    values: NDArray[Any]
    inside: NDArray[np.bool_]
    spacing_mm: tuple[float, float, float]
    arguments: dict[str, Value]

    def number(self, key: str) -> float:
        value = self.arguments[key]
        if not isinstance(value, int | float):
            raise TypeError(f"{key} holds {value!r}, not a number")
        return value

    @property
    def distances(self) -> tuple[int, ...]:
        found = self.arguments["distances"]
        return tuple(int(one) for one in found) if isinstance(found, tuple) else (1,)

    @cached_property
    def levels(self) -> NDArray[np.int32]:
        count = self.arguments["binCount"]
        return grey_levels(self.values, self.number("binWidth"), count if isinstance(count, int) else None)

    @cached_property
    def volume(self) -> LevelVolume:
        box = np.zeros(self.inside.shape, np.int32)
        box[self.inside] = self.levels
        return level_volume(box, max(*self.distances, 1))

    def offsets_of(self, class_name: str) -> NDArray[np.int64]:
        """To the neighbours that a texture class looks at."""
        flat = int(self.number("force2Ddimension")) if self.arguments["force2D"] else None
        distances = (1,) if class_name in ("glrlm", "glszm") else self.distances
        return neighbour_offsets(self.inside.shape, distances, flat, class_name not in ("glrlm", "glcm"))

    @cached_property
    def around(self) -> Surroundings:
        return surroundings(self.volume, self.offsets_of("gldm"), int(self.number("gldm_a")))

    def lengths(self, offsets: NDArray[np.int64]) -> Floats | None:
        """Of each offset in the norm that weights directions; None where they are not weighted."""
        steps: Floats = np.abs(offsets) * np.array(self.spacing_mm[::-1])
        norms = {"infinity": np.inf, "euclidean": 2, "manhattan": 1}
        order = norms.get(str(self.arguments["weightingNorm"]))
        return None if order is None else np.linalg.norm(steps, order, axis=1)


def _firstorder(of: _Derived, names: Collection[str]) -> dict[str, float]:
    intensities = Intensities(
        of.values.astype(np.float64), of.levels, float(np.prod(of.spacing_mm)), of.number("voxelArrayShift")
    )
    return firstorder_features(intensities, names)


def _glcm(of: _Derived, names: Collection[str]) -> dict[str, float]:
    offsets = of.offsets_of("glcm")
    lengths = of.lengths(offsets)
    weights: Floats | None = None
    if of.arguments["weightingNorm"] is not None:
        weights = np.ones(len(offsets)) if lengths is None else np.exp(-(lengths**2))
    return glcm_features(of.volume, offsets, names, bool(of.arguments["symmetricalGLCM"]), weights)


def _glrlm(of: _Derived, names: Collection[str]) -> dict[str, float]:
    offsets = of.offsets_of("glrlm")
    tables = [run_counts(of.volume, offset) for offset in offsets]
    if of.arguments["weightingNorm"] is not None:
        lengths = of.lengths(offsets)
        tables = [np.tensordot(np.ones(len(tables)) if lengths is None else lengths, np.stack(tables), axes=1)]
    sums = [found for found in (table_sums(run_cells(table)) for table in tables) if found]
    if not sums:
        # pyradiomics sums over no run at all, where it does not take the mean over no direction.
        zero = ("RunEntropy", "RunVariance") if len(tables) == 1 else ()
        return {name: 0.0 if name in zero else float("nan") for name in names}
    return {name: float(np.mean([one[RUNS[name]] for one in sums])) for name in names}


def _glszm(of: _Derived, names: Collection[str]) -> dict[str, float]:
    sums = table_sums(zones(of.volume, of.offsets_of("glszm")))
    return {name: sums[ZONES[name]] for name in names}


def _gldm(of: _Derived, names: Collection[str]) -> dict[str, float]:
    sums = table_sums(dependence_cells(of.around))
    return {name: sums[DEPENDENCES[name]] for name in names}


def _ngtdm(of: _Derived, names: Collection[str]) -> dict[str, float]:
    found = ngtdm_features(of.around)
    return {name: found[name] for name in names}


_CLASSES: dict[str, Callable[[_Derived, Collection[str]], dict[str, float]]] = {
    "firstorder": _firstorder,
    "glcm": _glcm,
    "glrlm": _glrlm,
    "glszm": _glszm,
    "gldm": _gldm,
    "ngtdm": _ngtdm,
}
"""By pyradiomics' names of classes."""
