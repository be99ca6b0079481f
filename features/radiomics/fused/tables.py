"""Features of a table of grey level by size: GLRLM, GLSZM and GLDM share their sums under different names."""

import numpy as np

from features.compiled import compiled
from features.radiomics.fused.neighbours import Indices
from features.radiomics.fused.runs import Cells
from features.types import Floats

EPS = float(np.spacing(1))
"""What pyradiomics adds inside every logarithm."""

SUMS = (
    "small",
    "large",
    "low",
    "high",
    "small_low",
    "small_high",
    "large_low",
    "large_high",
    "level_uniformity",
    "level_uniformity_normalized",
    "size_uniformity",
    "size_uniformity_normalized",
    "level_variance",
    "size_variance",
    "entropy",
    "percentage",
)
"""Neutral names of the sums: emphasis of small and large sizes, of low and high levels, and so on."""


def table_sums(cells: Cells) -> dict[str, float]:
    """All sums that the three classes take from a table, by name; counts may be weighted."""
    levels, sizes, counts = cells
    if not counts.size:
        return {}
    return dict(zip(SUMS, _sums(levels, sizes, counts).tolist(), strict=True))


@compiled
def _sums(levels: Indices, sizes: Indices, counts: Floats) -> Floats:
    out = np.zeros(16)
    by_level, by_size = np.zeros(levels.max() + 1), np.zeros(sizes.max() + 1)
    total = counts.sum()
    voxels = 0.0
    for cell in range(counts.size):
        level, size, count = float(levels[cell]), float(sizes[cell]), counts[cell]
        level2, size2 = level * level, size * size
        by_level[levels[cell]] += count
        by_size[sizes[cell]] += count
        out[0] += count / size2
        out[1] += count * size2
        out[2] += count / level2
        out[3] += count * level2
        out[4] += count / (level2 * size2)
        out[5] += count * level2 / size2
        out[6] += count * size2 / level2
        out[7] += count * size2 * level2
        out[14] -= count / total * np.log2(count / total + EPS)
        voxels += count * size
    out[:8] /= total
    out[8] = (by_level**2).sum() / total
    out[9] = (by_level**2).sum() / total**2
    out[10] = (by_size**2).sum() / total
    out[11] = (by_size**2).sum() / total**2
    out[12] = _variance(by_level, total)
    out[13] = _variance(by_size, total)
    out[15] = total / voxels
    return out


@compiled
def _variance(counts: Floats, total: float) -> float:
    mean = 0.0
    for value in range(counts.size):
        mean += counts[value] / total * value
    found = 0.0
    for value in range(counts.size):
        found += counts[value] / total * (value - mean) ** 2
    return found


RUNS = {
    "ShortRunEmphasis": "small",
    "LongRunEmphasis": "large",
    "GrayLevelNonUniformity": "level_uniformity",
    "GrayLevelNonUniformityNormalized": "level_uniformity_normalized",
    "RunLengthNonUniformity": "size_uniformity",
    "RunLengthNonUniformityNormalized": "size_uniformity_normalized",
    "RunPercentage": "percentage",
    "GrayLevelVariance": "level_variance",
    "RunVariance": "size_variance",
    "RunEntropy": "entropy",
    "LowGrayLevelRunEmphasis": "low",
    "HighGrayLevelRunEmphasis": "high",
    "ShortRunLowGrayLevelEmphasis": "small_low",
    "ShortRunHighGrayLevelEmphasis": "small_high",
    "LongRunLowGrayLevelEmphasis": "large_low",
    "LongRunHighGrayLevelEmphasis": "large_high",
}
"""GLRLM's features, by which sum each is."""

ZONES = {
    "SmallAreaEmphasis": "small",
    "LargeAreaEmphasis": "large",
    "GrayLevelNonUniformity": "level_uniformity",
    "GrayLevelNonUniformityNormalized": "level_uniformity_normalized",
    "SizeZoneNonUniformity": "size_uniformity",
    "SizeZoneNonUniformityNormalized": "size_uniformity_normalized",
    "ZonePercentage": "percentage",
    "GrayLevelVariance": "level_variance",
    "ZoneVariance": "size_variance",
    "ZoneEntropy": "entropy",
    "LowGrayLevelZoneEmphasis": "low",
    "HighGrayLevelZoneEmphasis": "high",
    "SmallAreaLowGrayLevelEmphasis": "small_low",
    "SmallAreaHighGrayLevelEmphasis": "small_high",
    "LargeAreaLowGrayLevelEmphasis": "large_low",
    "LargeAreaHighGrayLevelEmphasis": "large_high",
}
"""GLSZM's features, by which sum each is."""

DEPENDENCES = {
    "SmallDependenceEmphasis": "small",
    "LargeDependenceEmphasis": "large",
    "GrayLevelNonUniformity": "level_uniformity",
    "DependenceNonUniformity": "size_uniformity",
    "DependenceNonUniformityNormalized": "size_uniformity_normalized",
    "GrayLevelVariance": "level_variance",
    "DependenceVariance": "size_variance",
    "DependenceEntropy": "entropy",
    "LowGrayLevelEmphasis": "low",
    "HighGrayLevelEmphasis": "high",
    "SmallDependenceLowGrayLevelEmphasis": "small_low",
    "SmallDependenceHighGrayLevelEmphasis": "small_high",
    "LargeDependenceLowGrayLevelEmphasis": "large_low",
    "LargeDependenceHighGrayLevelEmphasis": "large_high",
}
"""GLDM's features, by which sum each is."""
