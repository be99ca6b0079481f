"""Settings of pyradiomics 3.0.1: every key, what it may hold, and how they stand for one modality.

Ranges are pyradiomics' own (`paramSchema.yaml`), with an upper end where a larger value could only exhaust the machine.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from features.radiomics.ibsi.rules import Ibsi

Value = bool | int | float | str | tuple[float, ...] | None
"""What one setting holds."""


@dataclass(frozen=True, slots=True, eq=False)
class Settings:
    """How features are taken from images of one modality, every default filled in; itself only, for caches."""

    setting: Mapping[str, Value]
    """What holds for all image types, by pyradiomics' keys."""
    image_types: Mapping[str, Mapping[str, Value]]
    """Image types with what differs for each."""
    features: Mapping[str, tuple[str, ...]]
    """Feature classes with the features to take."""
    ibsi: Ibsi | None = None
    """Set where values follow IBSI's definitions instead of pyradiomics'."""

    def arguments(self, image_type: str) -> dict[str, Value]:
        """What the filter and the feature classes are called with for one image type.

        A bin's width is broken whatever the profile wrote: pyradiomics adds it to intensities, and a whole one would
        overflow where they are held in 8 or 16 bits (NumPy 2), for want of room beyond the highest.
        """
        found = {**self.setting, **self.image_types[image_type]}
        width = found["binWidth"]
        return {**found, "binWidth": float(width) if isinstance(width, int) else width}


@dataclass(frozen=True, slots=True)
class Rule:
    """What one key may hold."""

    default: Value
    wanted: str
    """For the refusal: what may stand there."""
    kind: str
    """flag, whole, number, word, wholes or numbers."""
    lower: float = -math.inf
    """Inclusive; open (exclusive) where `above` is set."""
    upper: float = math.inf
    above: bool = False
    words: tuple[str, ...] = ()
    lengths: tuple[int, int] = (1, 64)
    image_type: str = ""
    """The one image type that the key is for; empty for all."""
    nullable: bool = False
    """Whether null may stand although the default is another."""
    before: bool = False
    """Acts before images are derived, so it cannot differ between image types."""

    def allows(self, value: object) -> bool:
        """Whether a value may stand there."""
        if value is None:
            return self.nullable or self.default is None
        if self.kind == "flag":
            return isinstance(value, bool)
        if self.kind == "word":
            return isinstance(value, str) and value in self.words
        if self.kind in ("whole", "number"):
            return self._is_number(value)
        if not isinstance(value, list | tuple) or not self.lengths[0] <= len(value) <= self.lengths[1]:
            return False
        return all(self._is_number(one) for one in value)

    def _is_number(self, value: object) -> bool:
        wanted = int if self.kind.startswith("whole") else int | float
        if isinstance(value, bool) or not isinstance(value, wanted):
            return False
        if not math.isfinite(value) or (self.above and value <= self.lower):
            return False
        return self.lower <= value <= self.upper


def words(text: str) -> tuple[str, ...]:
    """The words of a text, for long lists of names."""
    return tuple(text.split())


def _flag(default: bool | None, **more: bool | str) -> Rule:
    return Rule(default, "true or false", "flag", image_type=str(more.get("of", "")), before=bool(more.get("before")))


INTERPOLATORS = words(
    "sitkNearestNeighbor sitkLinear sitkBSpline sitkGaussian sitkLabelGaussian sitkHammingWindowedSinc "
    "sitkCosineWindowedSinc sitkWelchWindowedSinc sitkLanczosWindowedSinc sitkBlackmanWindowedSinc"
)

WAVELETS = (
    *("haar", "dmey"),
    *(f"sym{n}" for n in range(2, 21)),
    *(f"db{n}" for n in range(1, 39)),
    *(f"coif{n}" for n in range(1, 18)),
    *(
        f"{family}{order}"
        for family in ("bior", "rbio")
        for order in words("1.1 1.3 1.5 2.2 2.4 2.6 2.8 3.1 3.3 3.5 3.7 3.9 4.4 5.5 6.8")
    ),
)
"""PyWavelets' discrete wavelets; the continuous ones have no stationary transform."""

RULES: dict[str, Rule] = {
    "minimumROIDimensions": Rule(2, "1, 2 or 3", "whole", 1, 3, before=True),
    "minimumROISize": Rule(None, "a whole number above 0, or null", "whole", 1, before=True),
    "normalize": _flag(False, before=True),
    "normalizeScale": Rule(1, "a number above 0", "number", 0, above=True, before=True),
    "removeOutliers": Rule(None, "a number above 0, or null", "number", 0, above=True, before=True),
    "resampledPixelSpacing": Rule(
        None, "three spacings in mm (x, y, z), 0 to keep one, or null", "numbers", 0, lengths=(3, 3), before=True
    ),
    "interpolator": Rule(
        "sitkBSpline",
        f"null (no resampling) or one of {', '.join(INTERPOLATORS)}",
        "word",
        words=INTERPOLATORS,
        nullable=True,
        before=True,
    ),
    "padDistance": Rule(5, "a whole number, 0 to 1000", "whole", 0, 1000, before=True),
    "preCrop": _flag(False, before=True),
    "resegmentRange": Rule(None, "one or two numbers, or null", "numbers", lengths=(1, 2), before=True),
    "resegmentMode": Rule(
        "absolute", "absolute, relative or sigma", "word", words=("absolute", "relative", "sigma"), before=True
    ),
    "resegmentShape": _flag(False, before=True),
    "binWidth": Rule(25, "a number above 0", "number", 0, above=True),
    "binCount": Rule(None, "a whole number, 1 to 2048, or null", "whole", 1, 2048),
    "distances": Rule((1,), "up to 10 whole numbers, 1 to 10", "wholes", 1, 10, lengths=(1, 10)),
    "force2D": _flag(False),
    "force2Ddimension": Rule(0, "0, 1 or 2", "whole", 0, 2),
    "voxelArrayShift": Rule(0, "a whole number", "whole"),
    "symmetricalGLCM": _flag(True),
    "weightingNorm": Rule(
        None,
        "manhattan, euclidean, infinity, no_weighting or null",
        "word",
        words=("manhattan", "euclidean", "infinity", "no_weighting"),
    ),
    "gldm_a": Rule(0, "a whole number, 0 or more", "whole", 0),
    "sigma": Rule((), "up to 32 numbers above 0", "numbers", 0, above=True, lengths=(1, 32), image_type="LoG"),
    "start_level": Rule(0, "a whole number, 0 to 8", "whole", 0, 8, image_type="Wavelet"),
    "level": Rule(1, "a whole number, 1 to 8", "whole", 1, 8, image_type="Wavelet"),
    "wavelet": Rule("coif1", "a discrete wavelet, e.g. coif1", "word", words=WAVELETS, image_type="Wavelet"),
    "gradientUseSpacing": _flag(True, of="Gradient"),
    "lbp2DRadius": Rule(1, "a number above 0, at most 64", "number", 0, 64, above=True, image_type="LBP2D"),
    "lbp2DSamples": Rule(8, "a whole number, 1 to 30", "whole", 1, 30, image_type="LBP2D"),  # bits of an int
    "lbp2DMethod": Rule(
        "uniform",
        "default, ror, uniform or var",
        "word",
        words=("default", "ror", "uniform", "var"),
        image_type="LBP2D",
    ),
    "lbp3DLevels": Rule(2, "a whole number, 1 to 16", "whole", 1, 16, image_type="LBP3D"),
    "lbp3DIcosphereRadius": Rule(1, "a number above 0, at most 64", "number", 0, 64, above=True, image_type="LBP3D"),
    "lbp3DIcosphereSubdivision": Rule(1, "a whole number, 0 to 4", "whole", 0, 4, image_type="LBP3D"),
}
"""Every setting that acts here, by pyradiomics' key, in the order in which it acts."""

ELSEWHERE: dict[str, tuple[tuple[Value, ...], str]] = {
    "label": ((1,), "lesions are chosen by label in the case, or by --label"),
    "label_channel": ((0,), "a segmentation has one channel"),
    "additionalInfo": ((True, False), ""),
    "correctMask": ((False,), "ask for the segmentation to be resampled where the scan is given"),
}
"""Keys of pyradiomics that mean nothing here: the values that may stand, and why no other may."""

REFUSED: dict[str, str] = {
    "geometryTolerance": "it would change SimpleITK for every call of this process; "
    "image and segmentation are compared when they are read",
    "enableCExtensions": "pyradiomics 3 has no way without them",
}
"""Keys of pyradiomics that are refused by name, and why."""
