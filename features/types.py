"""Array types of this floor, named by what they hold."""

import numpy as np
from numpy.typing import NDArray

Voxels = NDArray[np.float32]
"""Intensities, (z, y, x): HU, SUV or arbitrary units."""
Labels = NDArray[np.int32]
"""Label of each voxel, (z, y, x); 0 is background."""
Mask = NDArray[np.bool_]
"""True inside the region, (z, y, x)."""
Floats = NDArray[np.float64]
"""Any table or vector of numbers; the docstring gives the shape."""
Embeddings = NDArray[np.float32]
"""One row a lesion, (n_lesions, dimension)."""
Triple = tuple[float, float, float]
"""A point or vector in space, (x, y, z)."""
