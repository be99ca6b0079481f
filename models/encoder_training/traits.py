"""What a synthetic lesion is like: the known factors behind its image, each drawn on its own."""

import math
from dataclasses import dataclass

import numpy as np

KINDS = ("ct", "mr", "pt")
_SMALLEST_MM, _LARGEST_MM = 3.0, 28.0
FACTORS = (
    "size",
    "elongation",
    "lobulation",
    "spiculation",
    "softness",
    "heterogeneity",
    "coarseness",
    "necrosis",
    "rim",
    "calcification",
    "density",
    "surroundings",
    "tracer",
)
"""Names of what `Traits.factors` gives, in order."""


@dataclass(frozen=True, slots=True)
class Traits:
    """One lesion. All but `kind` and the first are 0 to 1."""

    kind: str
    """How it was imaged: ct, mr or pt."""
    radius_mm: float
    """Of the ball of the same volume."""
    elongation: float
    lobulation: float
    spiculation: float
    softness: float
    """How wide the transition to the surroundings is."""
    heterogeneity: float
    """How strong the texture is."""
    coarseness: float
    """How coarse it is."""
    necrosis: float
    """Share of the volume that is core, over 0.6."""
    rim: float
    """How much the border differs from what it encloses."""
    calcification: float
    """0 for half of all lesions."""
    density: float
    """Level of the living part within the range of its kind."""

    def factors(self, contrast: float) -> list[float]:
        """What the embedding should tell, each about -1.7 to 1.7; NaN where the image cannot show it.

        Args:
            contrast: Of the lesion against its surroundings, -1 to 1, as painted.
        """
        size = math.log(self.radius_mm / _SMALLEST_MM) / math.log(_LARGEST_MM / _SMALLEST_MM)
        uniform = [
            size,
            self.elongation,
            self.lobulation,
            self.spiculation,
            self.softness,
            self.heterogeneity,
            self.coarseness,
            self.necrosis,
            self.rim,
            self.calcification,
            # Only CT has a scale that all scanners share.
            self.density if self.kind == "ct" else math.nan,
            0.5 + 0.5 * contrast,
            {"ct": math.nan, "mr": 0.2, "pt": 0.8}[self.kind],
        ]
        return [(value - 0.5) * math.sqrt(12.0) for value in uniform]


def draw_traits(rng: np.random.Generator) -> Traits:
    """One lesion: nearly half CT, nearly half MR and PET."""
    u = rng.random(12)
    return Traits(
        kind=KINDS[int(np.searchsorted((0.45, 0.8), u[0]))],
        radius_mm=_SMALLEST_MM * (_LARGEST_MM / _SMALLEST_MM) ** float(u[1]),
        elongation=float(u[2]),
        lobulation=float(u[3]),
        spiculation=float(u[4]),
        softness=float(u[5]),
        heterogeneity=float(u[6]),
        coarseness=float(u[7]),
        necrosis=float(u[8]),
        rim=float(u[9]),
        calcification=max(0.0, 2.0 * float(u[10]) - 1.0),
        density=float(u[11]),
    )
