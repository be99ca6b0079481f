"""Features of grey level co-occurrence (GLCM), from the occupied cells of one direction's matrix at a time."""

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from features.compiled import compiled
from features.radiomics.fused.correlation import second_eigenvalue
from features.radiomics.fused.letter import (
    correlation_by_the_letter,
    imc2_by_the_letter,
    mcc_by_the_letter,
    normalised,
)
from features.radiomics.fused.neighbours import Indices, LevelVolume
from features.radiomics.fused.pairs import Pairs, count_directions, weighted
from features.types import Floats

NAMES = (
    "Autocorrelation",
    "JointAverage",
    "ClusterProminence",
    "ClusterShade",
    "ClusterTendency",
    "Contrast",
    "Correlation",
    "DifferenceAverage",
    "DifferenceEntropy",
    "DifferenceVariance",
    "JointEnergy",
    "JointEntropy",
    "Imc1",
    "Imc2",
    "Idm",
    "Idmn",
    "Id",
    "Idn",
    "InverseVariance",
    "MaximumProbability",
    "SumAverage",
    "SumEntropy",
    "SumSquares",
)
"""In the order in which `_direction_sums` fills them; MCC, which needs a decomposition, comes last."""

EPS = float(np.spacing(1))
_LITTLE = 1e-4
"""Bits shared by two levels; below, they are summed cell by cell, for Imc2 is a root of theirs."""
_NOISE = 1e-8
"""Below, bits shared and eigenvalues are made of rounding to a part in a million or more."""
_FEW = 64
"""Levels up to which pyradiomics' own tables are small enough to be made."""


@compiled
def _entropy(shares: Floats) -> float:
    total = 0.0
    for share in shares.flat:
        if share > 0:
            total -= share * np.log2(share + EPS)
    return total


@compiled
def _margins(
    rows: Indices, columns: Indices, shares: Floats, present: Indices, greatest: int
) -> tuple[Floats, Floats, Floats, Floats]:
    """Shares of each level at the first and second voxel, of each sum of two levels, and of each difference."""
    px, py = np.zeros(present.size), np.zeros(present.size)
    added, apart = np.zeros(2 * present[-1] + 1), np.zeros(max(greatest, present[-1]))
    for cell in range(shares.size):
        i, j = present[rows[cell]], present[columns[cell]]
        px[rows[cell]] += shares[cell]
        py[columns[cell]] += shares[cell]
        added[i + j] += shares[cell]
        apart[abs(i - j)] += shares[cell]
    return px, py, added, apart


@compiled
def _bits_shared(px: Floats, py: Floats, joint: float) -> float:
    """Entropy of two independent levels less that of the joint ones (HXY2 - HXY)."""
    alone = 0.0
    for share in px:
        if share > 0:
            alone -= share * np.log2(share)
    for share in py:
        if share > 0:
            alone -= share * np.log2(share)
    # Each cell's logarithm is taken of a share to which eps is added; together that makes little more than this.
    alone -= (px > 0).sum() * (py > 0).sum() * EPS / np.log(2)
    if alone - joint > _LITTLE:
        return float(alone - joint)
    alone = 0.0
    for one in px:
        for other in py:
            if one * other > 0:
                alone -= one * other * np.log2(one * other + EPS)
    return float(alone - joint)


@compiled
def _joint(pairs: tuple[Indices, Indices, Floats], present: Indices, px: Floats, py: Floats, out: Floats) -> None:
    """What needs both levels of a pair at once."""
    rows, columns, shares = pairs
    ux, uy = (present * px).sum(), (present * py).sum()
    varx, vary = (px * (present - ux) ** 2).sum(), (py * (present - uy) ** 2).sum()
    covariance = 0.0
    crossed = 0.0
    for cell in range(shares.size):
        i, j, share = present[rows[cell]], present[columns[cell]], shares[cell]
        around = i + j - ux - uy
        out[0] += share * i * j
        out[2] += share * around**4
        out[3] += share * around**3
        out[4] += share * around**2
        out[5] += share * (i - j) ** 2
        covariance += share * (i - ux) * (j - uy)
        out[10] += share * share
        out[11] -= share * np.log2(share + EPS)
        crossed -= share * np.log2(px[rows[cell]] * py[columns[cell]] + EPS)
        out[19] = max(out[19], share)
    out[1] = ux
    spread = np.sqrt(varx) * np.sqrt(vary)
    out[6] = 1.0 if spread == 0 else covariance / (spread + EPS)
    larger = max(_entropy(px), _entropy(py))
    out[12] = 0.0 if larger == 0 else (out[11] - crossed) / larger
    out[13] = _bits_shared(px, py, out[11])
    out[22] = varx


@compiled
def _direction_sums(
    rows: Indices, columns: Indices, shares: Floats, present: Indices, greatest: int
) -> tuple[Floats, Floats, Floats]:
    """All features of one direction but MCC, with the bits shared in place of Imc2; then the two margins."""
    px, py, added, apart = _margins(rows, columns, shares, present, greatest)
    out = np.zeros(23)
    _joint((rows, columns, shares), present, px, py, out)
    for k in range(apart.size):
        out[7] += k * apart[k]
        out[14] += apart[k] / (1 + k * k)
        out[15] += apart[k] / (1 + k * k / (greatest * greatest))
        out[16] += apart[k] / (1 + k)
        out[17] += apart[k] / (1 + k / greatest)
        if k > 0:
            out[18] += apart[k] / (k * k)
    for k in range(apart.size):
        out[9] += apart[k] * (k - out[7]) ** 2
    out[8] = _entropy(apart)
    for k in range(2, added.size):
        out[20] += k * added[k]
    out[21] = _entropy(added)
    return out, px, py


def glcm_features(
    volume: LevelVolume,
    offsets: NDArray[np.int64],
    names: Collection[str],
    symmetrical: bool = True,
    weights: Floats | None = None,
) -> dict[str, float]:
    """Means over directions of the asked features; NaN where no two voxels are neighbours."""
    present = volume.present
    counted = count_directions(volume, offsets, symmetrical)
    used = [pairs for pairs in (counted if weights is None else [weighted(counted, weights)]) if pairs.rows.size]
    if not used:
        return _without_pairs(names, volume, alone=weights is not None or len(offsets) == 1)
    rows, eigenvalues, one_sided = [], [], False
    for pairs in used:
        shares = pairs.counts / pairs.counts.sum()
        sums, px, py = _direction_sums(pairs.rows, pairs.columns, shares, present, volume.greatest)
        rows.append(sums)
        one_sided = one_sided or min(np.count_nonzero(px), np.count_nonzero(py)) == 1
        if "MCC" in names:
            eigenvalues.append(second_eigenvalue(pairs, px, py))
    table = np.array(rows)
    means = dict(zip(NAMES, table.mean(axis=0).tolist(), strict=True))
    if one_sided and 1 < present.size <= _FEW:
        means["Correlation"] = correlation_by_the_letter(_as_pyradiomics(counted, weights), present.astype(np.float64))
    means["Imc2"] = _imc2(table[:, NAMES.index("Imc2")], counted, weights)
    if "MCC" in names:
        means["MCC"] = _mcc(np.array(eigenvalues), counted, weights)
    return {name: means[name] for name in names}


def _imc2(bits: Floats, counted: list[Pairs], weights: Floats | None) -> float:
    if bits.min() < _NOISE and 1 < counted[0].levels <= _FEW:
        return imc2_by_the_letter(_as_pyradiomics(counted, weights))
    return float(np.sqrt(1 - np.exp(-2 * np.maximum(bits, 0))).mean())


def _mcc(eigenvalues: Floats, counted: list[Pairs], weights: Floats | None) -> float:
    if counted[0].levels < 2:
        return 1.0
    if eigenvalues.min() < _NOISE and counted[0].levels <= _FEW:
        return mcc_by_the_letter(_as_pyradiomics(counted, weights))
    return float(np.sqrt(np.maximum(eigenvalues, 0)).mean())


def _as_pyradiomics(counted: list[Pairs], weights: Floats | None) -> Floats:
    return normalised(np.stack([pairs.table() for pairs in counted], axis=2), weights)


def _without_pairs(names: Collection[str], volume: LevelVolume, *, alone: bool) -> dict[str, float]:
    """What pyradiomics gives where no two voxels are neighbours: NaN, but for two features of a single grey level."""
    found = dict.fromkeys(names, float("nan"))
    if alone and volume.present.size == 1:
        found["InverseVariance"] = 0.0
    if not alone and volume.present.size == 1:
        found["MCC"] = 1.0
    return {name: found[name] for name in names}
