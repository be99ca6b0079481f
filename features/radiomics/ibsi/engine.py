"""Features by IBSI's definitions, from the fused engine's passes: what is counted differs, not how.

Source: IBSI reference manual, 3; `docs/ibsi.md` has the differences from pyradiomics one by one.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from features.errors import BadLesion
from features.lesion import Lesion
from features.radiomics.asked import asked_features
from features.radiomics.extracted import Extracted
from features.radiomics.fused.glcm import glcm_features
from features.radiomics.fused.intensities import Intensities, firstorder_features
from features.radiomics.fused.neighbours import LevelVolume, level_volume, neighbour_offsets
from features.radiomics.fused.runs import run_counts, zones
from features.radiomics.fused.shape import Shape, shape_features
from features.radiomics.fused.surroundings import Surroundings, dependence_cells, ngtdm_features, surroundings
from features.radiomics.fused.tables import DEPENDENCES, RUNS, ZONES, table_sums
from features.radiomics.ibsi.discretise import ibsi_levels
from features.radiomics.ibsi.region import IbsiRegion, ibsi_region
from features.radiomics.ibsi.rules import AGGREGATIONS, Aggregation, Ibsi
from features.radiomics.reasons import not_finite
from features.radiomics.settings import Settings

Offsets = NDArray[np.int64]

_BINNED = {"Entropy", "Uniformity"}
_OF_ANY_PAIR = "JointEnergy"
"""Has a value wherever two voxels are neighbours."""
_AXES = {"MajorAxisLength", "MinorAxisLength", "LeastAxisLength"}


def extract(
    lesion: Lesion, settings: Settings, ibsi: Ibsi, names: Collection[str] | None, check: Callable[[], None]
) -> Extracted:
    """As `features.radiomics.extract`."""
    classes = asked_features(settings, names).get("original", {})
    found = Extracted({}, {})
    check()
    with np.errstate(all="ignore"):
        region = ibsi_region(lesion, settings, ibsi)
        counted = _Counted(region, settings, AGGREGATIONS[ibsi.aggregation])
        for class_name, features in _steps(classes):
            check()
            try:
                values = _CLASSES[class_name](counted, features)
            except BadLesion as error:
                found.missing.update({f"original_{class_name}_{one}": f"original: {error}" for one in features})
                continue
            _keep(found, class_name, values, counted)
    return found


def _steps(classes: Mapping[str, Collection[str]]) -> Iterator[tuple[str, Collection[str]]]:
    """Features by class; those of first order that need grey levels apart, so that the others do not need them."""
    for class_name, features in classes.items():
        for binned in (False, True):
            if chosen := [one for one in features if (one in _BINNED) == binned]:
                yield class_name, chosen


def _keep(found: Extracted, class_name: str, values: Mapping[str, float], of: "_Counted") -> None:
    for feature, value in values.items():
        if np.isfinite(value):
            found.values[f"original_{class_name}_{feature}"] = float(value)
        else:
            found.missing[f"original_{class_name}_{feature}"] = not_finite(of.region.voxels[of.region.inside])


@dataclass(frozen=True, eq=False)
class _Counted:
    """One lesion; what several classes need is made once, when the first asks."""

    region: IbsiRegion
    settings: Settings
    how: Aggregation

    def whole(self, key: str) -> int:
        return int(str(self.settings.arguments("Original")[key]))

    @property
    def distances(self) -> tuple[int, ...]:
        found = self.settings.arguments("Original")["distances"]
        return tuple(int(one) for one in found) if isinstance(found, tuple) else (1,)

    @cached_property
    def levels(self) -> NDArray[np.int32]:
        """Of each voxel of the intensity mask, in raster order."""
        arguments = self.settings.arguments("Original")
        range_, count = arguments["resegmentRange"], arguments["binCount"]
        lower = min(range_) if isinstance(range_, tuple) else None
        values = self.region.voxels[self.region.inside]
        return ibsi_levels(values, float(str(arguments["binWidth"])), count if isinstance(count, int) else None, lower)

    @cached_property
    def volumes(self) -> tuple[LevelVolume, ...]:
        """The lesion, or each of its slices, with grey levels; the highest level is always the lesion's."""
        box = np.zeros(self.region.inside.shape, np.int32)
        box[self.region.inside] = self.levels
        parts = [plane[None] for plane in box if plane.any()] if self.how.by_slice else [box]
        greatest = int(self.levels.max())
        return tuple(replace(level_volume(part, max(*self.distances, 1)), greatest=greatest) for part in parts)

    def offsets(self, distances: tuple[int, ...], both_ways: bool) -> Offsets:
        # The size of the box does not matter: a direction in which no voxel has a neighbour has runs of one voxel.
        beyond = (max(distances) + 1,) * 3
        return neighbour_offsets(beyond, distances, 0 if self.how.in_plane else None, both_ways)

    @cached_property
    def around(self) -> tuple[Surroundings, ...]:
        offsets = self.offsets(self.distances, both_ways=True)
        return tuple(surroundings(volume, offsets, self.whole("gldm_a")) for volume in self.volumes)


def _means(rows: Sequence[Mapping[str, float]], names: Collection[str]) -> dict[str, float]:
    """Over the tables that hold anything; NaN where none does."""
    if not rows:
        return dict.fromkeys(names, float("nan"))
    return {name: float(np.mean([row[name] for row in rows])) for name in names}


def _shape(of: _Counted, names: Collection[str]) -> dict[str, float]:
    found = shape_features(Shape(np.pad(of.region.shape, 1), of.region.spacing_mm), names)
    voxels = int(np.count_nonzero(of.region.shape))
    for name in _AXES & set(found):
        found[name] *= (voxels / (voxels - 1)) ** 0.5  # variances divided by N - 1, as the consensus values have them
    return found


def _firstorder(of: _Counted, names: Collection[str]) -> dict[str, float]:
    values = of.region.voxels[of.region.inside]
    levels = of.levels if _BINNED & set(names) else np.ones(values.shape, np.int32)
    intensities = Intensities(values, levels, float(np.prod(of.region.spacing_mm)), 0.0)
    found = firstorder_features(intensities, names)
    if "Kurtosis" in found and intensities.moment(2) != 0:
        found["Kurtosis"] -= 3  # excess over the normal distribution's
    return found


def _glcm(of: _Counted, names: Collection[str]) -> dict[str, float]:
    offsets = of.offsets(of.distances, both_ways=False)
    groups = [offsets] if of.how.merged else [offset[None] for offset in offsets]
    asked = {*names, _OF_ANY_PAIR}
    rows = []
    for volume in of.volumes:
        for group in groups:
            alike = np.ones(len(group)) if of.how.merged else None
            rows.append(glcm_features(volume, group, asked, True, alike))
    return _means([row for row in rows if not np.isnan(row[_OF_ANY_PAIR])], names)


def _runs(volume: LevelVolume, offset: Offsets) -> NDArray[np.float64]:
    table = run_counts(volume, offset)
    if not table.any():  # no line holds two voxels: pyradiomics leaves the direction out, IBSI counts runs of one
        table[:, 0] = np.bincount(volume.levels[volume.inside], minlength=volume.greatest + 1)[1:]
    return table


def _glrlm(of: _Counted, names: Collection[str]) -> dict[str, float]:
    offsets = of.offsets((1,), both_ways=False)
    tables: list[NDArray[np.float64]] = []
    for volume in of.volumes:
        by_direction = [_runs(volume, offset) for offset in offsets]
        tables += [np.sum(by_direction, axis=0)] if of.how.merged else by_direction
    rows = []
    for table in tables:
        levels, lengths = np.nonzero(table)
        sums = table_sums((levels + 1, lengths + 1, table[levels, lengths]))
        rows.append({name: sums[RUNS[name]] for name in names})
    return _means(rows, names)


def _glszm(of: _Counted, names: Collection[str]) -> dict[str, float]:
    offsets = of.offsets((1,), both_ways=True)
    sums = [table_sums(zones(volume, offsets)) for volume in of.volumes]
    return _means([{name: one[ZONES[name]] for name in names} for one in sums], names)


def _gldm(of: _Counted, names: Collection[str]) -> dict[str, float]:
    sums = [table_sums(dependence_cells(around)) for around in of.around]
    return _means([{name: one[DEPENDENCES[name]] for name in names} for one in sums], names)


def _ngtdm(of: _Counted, names: Collection[str]) -> dict[str, float]:
    rows = []
    for around in of.around:
        kept = around.near > 0  # a voxel without neighbours has no neighbourhood; pyradiomics counts it with 0
        if kept.any():
            found = ngtdm_features(
                Surroundings(around.levels[kept], around.dependent[kept], around.total[kept], around.near[kept])
            )
            rows.append({name: found[name] for name in names})
    return _means(rows, names)


_CLASSES: Mapping[str, Callable[[_Counted, Collection[str]], dict[str, float]]] = {
    "shape": _shape,
    "firstorder": _firstorder,
    "glcm": _glcm,
    "glrlm": _glrlm,
    "glszm": _glszm,
    "gldm": _gldm,
    "ngtdm": _ngtdm,
}
"""By pyradiomics' names of classes."""
