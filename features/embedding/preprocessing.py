"""How a lesion is cut out of its scan before a network sees it: part of an encoder's identity."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Self

import numpy as np

from features.embedding.placement import Placement, index_to_mm, inside_indices, place
from features.errors import BadEncoder
from features.lesion import Lesion

KIND = "physical_crop/2"
"""Raise the number when the same parameters would give other voxels."""

Window = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """A cube round the lesion's centroid, along the patient's axes (LPS), as four channels.

    The channels: intensity in a wide window, in a narrow one (both -1 to 1), how much of the
    voxel is lesion (0 to 1), and the cube's size (log of side over 48 mm, one value everywhere).
    CT has fixed windows in HU. Other modalities have no fixed scale: the wide window is the
    mean of the cube and `wide_spread` standard deviations round it, the narrow one the lesion's
    mean and `narrow_spread` of its standard deviations.
    """

    size: int = 32
    """Voxels along each side."""
    smallest_mm: float = 24.0
    """Side of the smallest cube."""
    stretch: float = 1.25
    """Half a side is the lesion's farthest voxel times this, plus the margin: it always fits."""
    margin_mm: float = 3.0
    finest_mm: float = 0.75
    """A voxel is the mean of samples at most so far apart, where `most_samples` allow it."""
    most_samples: int = 4
    """Along each side of one voxel."""
    wide_hu: Window = (-1000.0, 400.0)
    narrow_hu: Window = (-160.0, 240.0)
    outside_hu: float = -1000.0
    """What lies beyond the border of a CT."""
    outside: float = 0.0
    """What lies beyond the border of any other image."""
    wide_spread: float = 4.0
    narrow_spread: float = 3.0

    def __post_init__(self) -> None:
        usable = (
            8 <= self.size <= 128
            and 1 <= self.most_samples <= 8
            and min(self.smallest_mm, self.stretch, self.finest_mm, self.wide_spread, self.narrow_spread) > 0
            and self.margin_mm >= 0
            and self.wide_hu[0] < self.wide_hu[1]
            and self.narrow_hu[0] < self.narrow_hu[1]
        )
        if not usable:
            raise BadEncoder("the encoder's preprocessing has a value outside its range", preprocessing=self)

    @classmethod
    def parse(cls, declared: Mapping[str, object]) -> Self:
        """Reads what an encoder's file declares.

        Raises:
            BadEncoder: Another kind, a key that is missing or unknown, a value of another type.
        """
        if declared.get("kind") != KIND:
            raise BadEncoder(f"preprocessing {declared.get('kind')!r}; wanted {KIND!r}", seen=declared.get("kind"))
        wanted = {field.name for field in fields(cls)}
        seen = set(declared) - {"kind"}
        if seen != wanted:
            raise BadEncoder(
                f"preprocessing lacks {sorted(wanted - seen)} and has unknown {sorted(seen - wanted)}",
                missing=sorted(wanted - seen),
                unknown=sorted(seen - wanted),
            )
        return cls(**{name: _value(name, declared[name]) for name in wanted})  # type: ignore[arg-type]

    def declared(self) -> dict[str, object]:
        """What `parse` reads."""
        return {"kind": KIND, **{name: _listed(value) for name, value in asdict(self).items()}}


def cube_round(lesion: Lesion, preprocessing: Preprocessing) -> Placement:
    """The cube that this preprocessing cuts round a lesion."""
    inside = inside_indices(lesion)
    middle = inside.mean(axis=0)
    to_mm = index_to_mm(lesion)
    # The normal of an image of one slice has no extent.
    deep = np.array(lesion.grid.size) > 1
    offsets = (inside - middle) @ to_mm.T
    voxel_half_mm = np.abs(to_mm[:, deep]).sum(axis=1) / 2.0
    farthest = float((np.abs(offsets).max(axis=0) + voxel_half_mm).max())
    side = max(preprocessing.smallest_mm, 2.0 * (preprocessing.stretch * farthest + preprocessing.margin_mm))
    voxel = side / preprocessing.size
    # A side that is a whole number of samples but for rounding must not fall on either side of it.
    samples = int(np.clip(np.ceil(voxel / preprocessing.finest_mm - 1e-6), 1, preprocessing.most_samples))
    return place(lesion, middle, (preprocessing.size,) * 3, (voxel,) * 3, samples)


def _value(name: str, value: object) -> object:
    if name in ("size", "most_samples"):
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    elif name in ("wide_hu", "narrow_hu"):
        if isinstance(value, list) and len(value) == 2 and all(isinstance(end, int | float) for end in value):
            return float(value[0]), float(value[1])
    elif isinstance(value, int | float) and not isinstance(value, bool) and np.isfinite(value):
        return float(value)
    raise BadEncoder(f"preprocessing's {name} is {value!r}", name=name)


def _listed(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
