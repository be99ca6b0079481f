"""LBP3D for the reference engine: the patterns of `sphere.py` as SimpleITK images, in place of pyradiomics' own."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import SimpleITK as sitk

from features.radiomics.sphere import sphere_patterns


def lbp3d_images(image: Any, mask: Any, **arguments: Any) -> Iterator[tuple[Any, str, dict[str, Any]]]:  # noqa: ANN401
    """Yields what `imageoperations.getLBP3DImage` would, were what it imports still there."""
    voxels = sitk.GetArrayFromImage(image)
    where = np.array(np.nonzero(sitk.GetArrayViewFromImage(mask) == arguments["label"]))
    patterns, _ = sphere_patterns(
        voxels,
        where,
        radius=arguments["lbp3DIcosphereRadius"],
        subdivision=arguments["lbp3DIcosphereSubdivision"],
        levels=arguments["lbp3DLevels"],
    )
    for name, values in patterns:
        filled = np.zeros(voxels.shape)
        filled[tuple(where)] = values
        derived = sitk.GetImageFromArray(filled)
        derived.CopyInformation(image)
        yield derived, name, arguments
