"""A first extraction of a small tumour made of numbers, after which every kernel is compiled and kept on disk."""

from collections.abc import Iterator

import numpy as np

from features.compiled import KERNELS
from features.imaging.volume import Grid
from features.lesion import Lesion
from features.radiomics.catalogue import FEATURES
from features.radiomics.fused.engine import extract
from features.radiomics.settings import RULES, Settings, Value


def rehearse() -> Iterator[tuple[str, bool]]:
    """Yields each feature class and filter when its kernels are ready, and whether any of them had to be compiled.

    Kernels are compiled for each kind of number that they meet: where an image is filtered, that is its own, or double
    precision once it was normalised.
    """
    for name, features in FEATURES.items():
        before = _compiled_anew()
        _extract({"force2D": name == "shape2D"}, "Original", name, features)
        yield name, _compiled_anew() > before
    for image_type in ("LoG", "LBP2D"):
        before = _compiled_anew()
        for normalised in (False, True):
            setting: dict[str, Value] = {"normalize": normalised, "normalizeScale": 100, "sigma": (1.0,)}
            _extract(setting, image_type, "firstorder", FEATURES["firstorder"])
        yield image_type, _compiled_anew() > before


def _extract(changed: dict[str, Value], image_type: str, class_name: str, features: tuple[str, ...]) -> None:
    setting = {key: rule.default for key, rule in RULES.items()} | changed
    settings = Settings(setting, {image_type: {}}, {class_name: features})
    extract(_tumour(bool(setting["force2D"])), settings, None, lambda: None)


def _compiled_anew() -> int:
    return sum(sum(kernel.stats.cache_misses.values()) for kernel in KERNELS)


def _tumour(flat: bool) -> Lesion:
    z, y, x = np.indices((5, 12, 12))
    voxels = ((z * 7 + y * 31 + x * 53) % 190).astype(np.float32)
    mask = (np.hypot(y - 5.5, x - 5.5) < 5) & ((z == 2) | (not flat))
    direction = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    return Lesion(1, voxels, mask, Grid((12, 12, 5), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), direction), "int16")
