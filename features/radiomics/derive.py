"""Images derived from one image (filters), only those that are asked, by pyradiomics' own functions."""

from collections.abc import Collection, Iterator
from typing import Any

from radiomics import imageoperations

from features.radiomics.lbp3d import lbp3d_images
from features.radiomics.settings import Settings, Value


def derive(image: Any, mask: Any, image_type: str, wanted: Collection[str], settings: Settings) -> Iterator[Any]:  # noqa: ANN401
    """Yields the wanted images of one type, each with its name and the arguments for its feature classes.

    An image that pyradiomics cannot derive (LoG of an image with fewer than four slices) is left out.
    """
    arguments = settings.arguments(image_type)
    called_with = {**arguments, "label": 1}
    if image_type == "LoG":
        called_with["sigma"] = tuple(one for one in _sigmas(arguments) if _log_name(one) in wanted)
    made = lbp3d_images if image_type == "LBP3D" else getattr(imageoperations, f"get{image_type}Image")
    for derived, name, _ in made(image, mask, **called_with):
        if name in wanted:
            yield derived, name, {**arguments, "label": 1}


def _log_name(sigma: float) -> str:
    return f"log-sigma-{str(sigma).replace('.', '-')}-mm-3D"


def _sigmas(arguments: dict[str, Value]) -> tuple[float, ...]:
    sigmas = arguments["sigma"]
    return sigmas if isinstance(sigmas, tuple) else ()
