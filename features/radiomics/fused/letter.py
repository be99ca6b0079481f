"""Three features of co-occurrence to the letter of pyradiomics, where rounding alone decides their values.

Where the levels of two neighbours are independent, or nearly, the information that they share (Imc2) and their maximal
correlation (MCC) are roots of what is zero but for rounding, some 1e-8, or NaN where rounding went below zero; and a
direction that gives NaN is left out of the mean, which can move the mean by a tenth. Where the first voxels, or the
second, all have one level, the correlation is 1 if rounding leaves no variance, and noise if it does. Trained models
have seen these values, so they are repeated here operation for operation, on arrays of the same shape and layout in
memory, which decides in which order numpy sums.

Source: pyradiomics 3.0.1, `radiomics/glcm.py`.
"""

import numpy as np

from features.types import Floats

EPS = float(np.spacing(1))


def normalised(counts: Floats, weights: Floats | None) -> Floats:
    """Matrices as pyradiomics holds them, (1, levels, levels, directions), from counts of all directions."""
    none = np.array([], dtype=int)
    found: Floats = np.delete(np.delete(counts[None], none, 1), none, 2)
    if weights is not None:
        found = np.sum(found * weights[None, None, None, :], 3, keepdims=True)
    totals = np.sum(found, (1, 2))
    if found.shape[3] > 1 and (totals == 0).any():
        empty = np.where(np.sum(totals, 0) == 0)
        found, totals = np.delete(found, empty, 3), np.delete(totals, empty, 1)
    found /= totals[:, None, None, :]
    return found


def imc2_by_the_letter(matrix: Floats) -> float:
    """Mean over directions; NaN where no direction has a number."""
    px, py = matrix.sum(2, keepdims=True), matrix.sum(1, keepdims=True)
    joint = (-1) * np.sum(matrix * np.log2(matrix + EPS), (1, 2))
    independent = (-1) * np.sum((px * py) * np.log2(px * py + EPS), (1, 2))
    found = (1 - np.e ** (-2 * (independent - joint))) ** 0.5
    found[independent == joint] = 0
    return _mean(found)


def correlation_by_the_letter(matrix: Floats, levels: Floats) -> float:
    """The same for Correlation; levels in the order of the matrices' rows."""
    i, j = levels[None, :, None, None], levels[None, None, :, None]
    ux = np.sum(i * matrix, (1, 2), keepdims=True)
    uy = np.sum(j * matrix, (1, 2), keepdims=True)
    sigx = np.sum(matrix * ((i - ux) ** 2), (1, 2), keepdims=True) ** 0.5
    sigy = np.sum(matrix * ((j - uy) ** 2), (1, 2), keepdims=True) ** 0.5
    found = np.sum(matrix * (i - ux) * (j - uy), (1, 2), keepdims=True) / (sigx * sigy + EPS)
    found[sigx * sigy == 0] = 1
    return _mean(found)


def mcc_by_the_letter(matrix: Floats) -> float:
    """The same for MCC."""
    px, py = matrix.sum(2, keepdims=True), matrix.sum(1, keepdims=True)
    q = (matrix[:, :, None, 0, :] * matrix[:, None, :, 0, :]) / (px[:, :, None, 0, :] * py[:, None, :, 0, :] + EPS)
    for level in range(1, matrix.shape[1]):
        q += (matrix[:, :, None, level, :] * matrix[:, None, :, level, :]) / (
            px[:, :, None, 0, :] * py[:, None, :, level, :] + EPS
        )
    values = np.linalg.eigvals(q.transpose((0, 3, 1, 2)))
    values.sort()
    return _mean(np.sqrt(values[:, :, -2]))


def _mean(values: Floats) -> float:
    kept = values[~np.isnan(values)]
    return float(kept.mean().real) if kept.size else float("nan")
