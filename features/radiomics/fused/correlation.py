"""The maximal correlation coefficient (MCC) of one co-occurrence matrix, as a symmetric problem.

pyradiomics takes the root of the second greatest eigenvalue of Q, which is not symmetric:
Q(i, j) = sum over k of p(i, k) p(j, k) / (px(i) py(k) + eps). But for eps, Q is similar to S S' with
S(i, k) = p(i, k) / sqrt(px(i) py(k)), whose greatest eigenvalue is 1 and belongs to sqrt(px). What is left of S S' once
that is taken out has the wanted one as its greatest, and Lanczos' method finds it from the occupied cells alone. Eps
acts where two rare levels meet in a large lesion; it is then brought in as a disturbance of first order.

Sources: Lanczos, J Res Natl Bur Stand 45 (1950) 255; Parlett, The Symmetric Eigenvalue Problem (1998), 4 and 13.
"""

import numpy as np

from features.compiled import compiled
from features.radiomics.fused.neighbours import Indices
from features.radiomics.fused.pairs import Pairs
from features.types import Floats

EPS = float(np.spacing(1))
_CLOSE = 1e-9
"""Residual, relative to the eigenvalue, at which Lanczos' method ends; the eigenvalue is at least as good."""
_SLIGHT = 1e-7
"""Change of the eigenvalue, relative, that may be left out."""
_SMALL = 40
"""Levels of a matrix that is gone through to the end."""
_STEPS = 600
"""At most, for a larger one."""
_ENDED = 1e-13
"""A vector so short is rounding: the vectors before hold all that they can reach."""


def second_eigenvalue(pairs: Pairs, px: Floats, py: Floats) -> float:
    """The second greatest eigenvalue of Q, which is the square of MCC.

    Args:
        pairs: One direction.
        px: Share of each level at the first voxel, (levels,).
        py: At the second.
    """
    if np.count_nonzero(px) < 2 or np.count_nonzero(py) < 2:
        return 0.0
    scaled = pairs.counts / pairs.counts.sum() / np.sqrt(px[pairs.rows] * py[pairs.columns])
    lost = scaled * (EPS / (px[pairs.rows] * py[pairs.columns] + EPS))
    value, vector, residual = _lanczos(pairs.rows, pairs.columns, scaled, np.sqrt(px)[None])
    if residual > _CLOSE * max(value, EPS):
        return _decomposed(pairs, scaled, lost)
    # The greatest singular value is no greater than the root of the greatest sums of a row and of a column.
    most = np.bincount(pairs.rows, lost).max() * np.bincount(pairs.columns, lost).max()
    if np.sqrt(most) <= _SLIGHT * value:
        return value
    disturbed, certain = _disturbed(pairs, scaled, lost, np.sqrt(px), value, vector)
    return disturbed if certain else _decomposed(pairs, scaled, lost)


def _disturbed(
    pairs: Pairs, scaled: Floats, lost: Floats, first: Floats, value: float, vector: Floats
) -> tuple[float, bool]:
    """The eigenvalue of (S - lost) S' to first order, and whether the second order is slight."""
    rows, columns, size = pairs.rows, pairs.columns, pairs.levels

    def across(cells: Floats, other: Floats) -> Floats:
        return np.bincount(rows, cells * other[columns], minlength=size).astype(np.float64)

    def back(cells: Floats, one: Floats) -> Floats:
        return np.bincount(columns, cells * one[rows], minlength=size).astype(np.float64)

    right = across(lost, back(scaled, vector))
    left = across(scaled, back(lost, vector))
    third = _next(rows, columns, scaled, first, vector)
    apart = min(value - third, 1 - value)
    moved = float(vector @ right)
    second_order = float(np.linalg.norm(right) * np.linalg.norm(left))
    return value - moved, second_order <= _SLIGHT * value * apart


def _next(rows: Indices, columns: Indices, scaled: Floats, first: Floats, second: Floats) -> float:
    """The third greatest eigenvalue, of what is left of S S' without the first two."""
    value, _, residual = _lanczos(rows, columns, scaled, np.stack([first, second]))
    return value + residual


def _decomposed(pairs: Pairs, scaled: Floats, lost: Floats) -> float:
    """All eigenvalues at once, where the quick way is not certain."""
    table, less = np.zeros((pairs.levels, pairs.levels)), np.zeros((pairs.levels, pairs.levels))
    table[pairs.rows, pairs.columns] = scaled
    less[pairs.rows, pairs.columns] = scaled - lost
    values: Floats = np.sort(np.linalg.eigvals(less @ table.T).real)
    return float(values[-2])


@compiled
def _apply(rows: Indices, columns: Indices, scaled: Floats, vector: Floats, half: Floats, out: Floats) -> None:
    """Fills `out` with S S' times a vector."""
    half[:] = 0.0
    out[:] = 0.0
    for cell in range(rows.size):
        half[columns[cell]] += scaled[cell] * vector[rows[cell]]
    for cell in range(rows.size):
        out[rows[cell]] += scaled[cell] * half[columns[cell]]


@compiled
def _project(vector: Floats, known: Floats) -> None:
    """Takes what lies along the known vectors, (n_known, n), out of a vector."""
    for one in range(known.shape[0]):
        along = 0.0
        for place in range(vector.size):
            along += vector[place] * known[one, place]
        for place in range(vector.size):
            vector[place] -= along * known[one, place]


@compiled
def _below(diagonal: Floats, beside: Floats, limit: float) -> int:
    """How many eigenvalues of a symmetric tridiagonal matrix lie below a limit (Sturm's count)."""
    count = 0
    pivot = 1.0
    for place in range(diagonal.size):
        squared = beside[place - 1] ** 2 if place > 0 else 0.0
        pivot = diagonal[place] - limit - squared / pivot
        if pivot == 0.0:
            pivot = -1e-300
        if pivot < 0:
            count += 1
    return count


@compiled
def _greatest(diagonal: Floats, beside: Floats) -> float:
    """The greatest eigenvalue of a symmetric tridiagonal matrix whose eigenvalues lie in -1 to 2, by bisection."""
    low, high = -1.0, 2.0
    while True:
        middle = (low + high) / 2
        if middle in (low, high):
            return high
        if _below(diagonal, beside, middle) < diagonal.size:
            low = middle
        else:
            high = middle


@compiled
def _weights(diagonal: Floats, beside: Floats, value: float, out: Floats) -> None:
    """The eigenvector of a value, backwards, where the recurrence grows and rounding does not."""
    size = diagonal.size
    out[size - 1] = 1.0
    for place in range(size - 1, 0, -1):
        further = beside[place] * out[place + 1] if place < size - 1 else 0.0
        out[place - 1] = ((value - diagonal[place]) * out[place] - further) / beside[place - 1]
        if abs(out[place - 1]) > 1e100:
            out[place - 1 :] /= 1e100
    out /= np.sqrt((out**2).sum())


@compiled
def _fresh(seed: int, known: Floats, basis: Floats) -> Floats:
    """A vector of irregular numbers, of length 1, without what is known and without the basis."""
    vector = np.empty(known.shape[1])
    state = seed
    for place in range(vector.size):
        state = (state * 1103515245 + 12345) % 2147483648
        vector[place] = state / 2147483648 - 0.5 if known[0, place] > 0 else 0.0
    for _ in range(2):
        _project(vector, known)
        _project(vector, basis)
    vector /= max(np.sqrt((vector**2).sum()), 1e-300)
    return vector


@compiled
def _lanczos(rows: Indices, columns: Indices, scaled: Floats, known: Floats) -> tuple[float, Floats, float]:
    """Greatest eigenvalue, its vector and the residual, of S S' without what is known.

    A small matrix is gone through to the end; where the vectors run out before, another block of them begins. In a
    large one the vectors are not kept orthogonal to all before, which the greatest eigenvalue does not need.
    """
    size = known.shape[1]
    small = size <= _SMALL
    rest = (known[0] > 0).sum() - known.shape[0]
    if rest < 1:
        return 0.0, np.zeros(size), 0.0
    most = rest if small else _STEPS
    basis = np.empty((most, size))
    diagonal, beside, weights = np.zeros(most), np.zeros(most), np.zeros(most)
    half, image = np.empty(size), np.empty(size)
    vector = _fresh(1, known, basis[:0])
    begun = done = best_begun = best_done = 0
    best = -1.0
    while done < most:
        basis[done] = vector
        _apply(rows, columns, scaled, vector, half, image)
        _project(image, known)
        diagonal[done] = (vector * image).sum()
        image -= diagonal[done] * vector
        if done > begun:
            image -= beside[done - 1] * basis[done - 1]
        if small:
            _project(image, basis[: done + 1])
        length = np.sqrt((image**2).sum())
        done += 1
        ended = length <= _ENDED or done == most
        if ended or (not small and (done - begun) % 16 == 0):
            value = _greatest(diagonal[begun:done], beside[begun:done])
            if ended and value > best:
                best, best_begun, best_done = value, begun, done
            if not ended and value >= best:
                _weights(diagonal[begun:done], beside[begun:done], value, weights[begun:done])
                if length * abs(weights[done - 1]) <= 0.1 * _CLOSE * value:
                    best, best_begun, best_done = value, begun, done
                    break
        if length <= _ENDED:
            begun = done
            vector = _fresh(done + 1, known, basis[:done])
        else:
            beside[done - 1] = length
            vector = image / length
    block = slice(best_begun, best_done)
    _weights(diagonal[block], beside[block], best, weights[block])
    vector = np.zeros(size)
    for step in range(best_begun, best_done):
        vector += weights[step] * basis[step]
    _project(vector, known)
    vector /= max(np.sqrt((vector**2).sum()), 1e-300)
    _apply(rows, columns, scaled, vector, half, image)
    _project(image, known)
    value = (vector * image).sum()
    return value, vector, np.sqrt(((image - value * vector) ** 2).sum())
