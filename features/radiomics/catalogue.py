"""What pyradiomics 3.0.1 can compute: its feature classes, features and image types, by its own names.

Written down, so that a profile can be checked without loading pyradiomics; a test compares it with pyradiomics' own.
"""

from collections.abc import Mapping
from functools import lru_cache
from itertools import product
from types import MappingProxyType

from features.radiomics.settings import Settings, Value, words

FEATURES: dict[str, tuple[str, ...]] = {
    "firstorder": words(
        "10Percentile 90Percentile Energy Entropy InterquartileRange Kurtosis Maximum Mean MeanAbsoluteDeviation "
        "Median Minimum Range RobustMeanAbsoluteDeviation RootMeanSquared Skewness TotalEnergy Uniformity "
        "Variance"
    ),
    "glcm": words(
        "Autocorrelation ClusterProminence ClusterShade ClusterTendency Contrast Correlation DifferenceAverage "
        "DifferenceEntropy DifferenceVariance Id Idm Idmn Idn Imc1 Imc2 InverseVariance JointAverage JointEnergy "
        "JointEntropy MCC MaximumProbability SumAverage SumEntropy SumSquares"
    ),
    "gldm": words(
        "DependenceEntropy DependenceNonUniformity DependenceNonUniformityNormalized DependenceVariance "
        "GrayLevelNonUniformity GrayLevelVariance HighGrayLevelEmphasis LargeDependenceEmphasis "
        "LargeDependenceHighGrayLevelEmphasis LargeDependenceLowGrayLevelEmphasis LowGrayLevelEmphasis "
        "SmallDependenceEmphasis SmallDependenceHighGrayLevelEmphasis SmallDependenceLowGrayLevelEmphasis"
    ),
    "glrlm": words(
        "GrayLevelNonUniformity GrayLevelNonUniformityNormalized GrayLevelVariance HighGrayLevelRunEmphasis "
        "LongRunEmphasis LongRunHighGrayLevelEmphasis LongRunLowGrayLevelEmphasis LowGrayLevelRunEmphasis RunEntropy "
        "RunLengthNonUniformity RunLengthNonUniformityNormalized RunPercentage RunVariance ShortRunEmphasis "
        "ShortRunHighGrayLevelEmphasis ShortRunLowGrayLevelEmphasis"
    ),
    "glszm": words(
        "GrayLevelNonUniformity GrayLevelNonUniformityNormalized GrayLevelVariance HighGrayLevelZoneEmphasis "
        "LargeAreaEmphasis LargeAreaHighGrayLevelEmphasis LargeAreaLowGrayLevelEmphasis LowGrayLevelZoneEmphasis "
        "SizeZoneNonUniformity SizeZoneNonUniformityNormalized SmallAreaEmphasis SmallAreaHighGrayLevelEmphasis "
        "SmallAreaLowGrayLevelEmphasis ZoneEntropy ZonePercentage ZoneVariance"
    ),
    "ngtdm": ("Busyness", "Coarseness", "Complexity", "Contrast", "Strength"),
    "shape": words(
        "Elongation Flatness LeastAxisLength MajorAxisLength Maximum2DDiameterColumn Maximum2DDiameterRow "
        "Maximum2DDiameterSlice Maximum3DDiameter MeshVolume MinorAxisLength Sphericity SurfaceArea "
        "SurfaceVolumeRatio VoxelVolume"
    ),
    "shape2D": words(
        "Elongation MajorAxisLength MaximumDiameter MeshSurface MinorAxisLength Perimeter PerimeterSurfaceRatio "
        "PixelSurface Sphericity"
    ),
}
"""Feature classes and the features that each computes unless told otherwise."""

DEPRECATED: dict[str, tuple[str, ...]] = {
    "firstorder": ("StandardDeviation",),
    "shape": ("Compactness1", "Compactness2", "SphericalDisproportion"),
    "shape2D": ("SphericalDisproportion",),
}
"""Features that pyradiomics computes only when a profile names them."""

WITHDRAWN: dict[str, tuple[str, ...]] = {
    "glcm": ("Dissimilarity", "Homogeneity1", "Homogeneity2", "SumVariance"),
    "gldm": ("DependencePercentage", "GrayLevelNonUniformityNormalized"),
}
"""Features that pyradiomics still lists and no longer computes."""

IMAGE_TYPES = (
    "Original",
    "Exponential",
    "Gradient",
    "LBP2D",
    "LBP3D",
    "LoG",
    "Logarithm",
    "Square",
    "SquareRoot",
    "Wavelet",
)


def image_names(image_type: str, arguments: dict[str, Value]) -> tuple[str, ...]:
    """Names of the images that one image type derives, as pyradiomics begins its feature names with."""
    if image_type == "LoG":
        return tuple(f"log-sigma-{str(sigma).replace('.', '-')}-mm-3D" for sigma in _numbers(arguments["sigma"]))
    if image_type == "Wavelet":
        return _wavelet_names(arguments)
    if image_type == "LBP3D":
        levels = range(1, _whole(arguments["lbp3DLevels"]) + 1)
        return (*(f"lbp-3D-m{level}" for level in levels), "lbp-3D-k")
    return ("lbp-2D",) if image_type == "LBP2D" else (image_type.lower(),)


@lru_cache(maxsize=64)
def derived_images(settings: Settings) -> Mapping[str, str]:
    """The image type of each image that a profile derives, by the image's name."""
    found = {
        name: image_type
        for image_type in settings.image_types
        for name in image_names(image_type, settings.arguments(image_type))
    }
    return MappingProxyType(found)


@lru_cache(maxsize=64)
def known_names(settings: Settings) -> frozenset[str]:
    """The same as `feature_names`, for asking whether a name is among them."""
    return frozenset(feature_names(settings))


@lru_cache(maxsize=64)
def feature_names(settings: Settings) -> tuple[str, ...]:
    """Every feature that a profile takes, e.g. `original_glcm_Contrast`; shape first, once, as pyradiomics does."""
    of_shape = [
        f"original_{name}_{feature}"
        for name in ("shape", "shape2D")
        for feature in settings.features.get(name, ())
        if name == "shape" or settings.setting["force2D"]
    ]
    of_images = [
        f"{image}_{name}_{feature}"
        for image in derived_images(settings)
        for name, features in settings.features.items()
        if not name.startswith("shape")
        for feature in features
    ]
    return (*of_shape, *of_images)


def _wavelet_names(arguments: dict[str, Value]) -> tuple[str, ...]:
    axes = 2 if arguments["force2D"] else 3
    levels = _whole(arguments["level"])
    bands = ["".join(letters) for letters in product("LH", repeat=axes)]
    details = [
        f"wavelet{level if level > 1 else ''}-{band}" for level in range(1, levels + 1) for band in bands if "H" in band
    ]
    return (*details, f"wavelet{levels if levels > 1 else ''}-{'L' * axes}")


def _numbers(value: Value) -> tuple[float, ...]:
    return value if isinstance(value, tuple) else ()


def _whole(value: Value) -> int:
    return value if isinstance(value, int) else 1
