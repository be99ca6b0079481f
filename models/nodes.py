"""The nodes of a tree, as XGBoost's file has them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int32]
Singles = NDArray[np.float32]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Nodes:
    """The nodes of one tree that was checked (`models.trees`), root first."""

    left: Indices
    """Child where the value lies below the split; -1 at a leaf."""
    right: Indices
    parent: Indices
    column: Indices
    split: Singles
    """Where it splits; at a leaf, what it adds."""
    missing_left: Flags
    cover: Singles
    """Sum of hessians of the training patients that came here."""
