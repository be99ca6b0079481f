"""The reference engine: pyradiomics 3.0.1's own feature classes, only those that are asked, one step at a time.

Values equal `RadiomicsFeatureExtractor.execute`; a test compares them over random settings. That class itself is not
used: it sets SimpleITK's tolerances for the whole process, derives every image and cannot be stopped.
"""

import logging
import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import radiomics
import SimpleITK as sitk
from numpy.typing import NDArray
from radiomics import imageoperations

from features.errors import BadLesion
from features.lesion import Lesion
from features.radiomics.asked import Asked, asked_features
from features.radiomics.catalogue import derived_images
from features.radiomics.derive import derive
from features.radiomics.extracted import Extracted
from features.radiomics.limits import require_grey_levels
from features.radiomics.prepare import Prepared, prepare
from features.radiomics.reasons import no_neighbours, not_derived, not_finite, several_slices
from features.radiomics.settings import Settings

Check = Callable[[], None]


def _silence() -> None:
    """Keeps pyradiomics' own log and warnings to itself; nobody else's are touched."""
    logger = logging.getLogger("radiomics")
    logger.removeHandler(radiomics.handler)
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    logger.setLevel(logging.CRITICAL + 1)
    warnings.filterwarnings("ignore", module=r"radiomics\.")


_silence()


def extract(lesion: Lesion, settings: Settings, names: Collection[str] | None, check: Check) -> Extracted:
    """As `features.radiomics.extract`."""
    asked = asked_features(settings, names)
    types = derived_images(settings)
    wanted = {image: classes for image, classes in _without_shape(asked).items() if classes}
    image_types = dict.fromkeys(types[image] for image in wanted)
    check()
    with np.errstate(all="ignore"):
        prepared = prepare(lesion, settings, image_types, check)
        work = _Work(prepared, settings, check, Extracted({}, {}))
        work.take_shape(asked.get("original", {}))
        for image_type in image_types:
            work.take_derived(image_type, {name: wanted[name] for name in wanted if types[name] == image_type})
    return work.found


def _without_shape(asked: Asked) -> Asked:
    return {
        image: {name: features for name, features in classes.items() if not name.startswith("shape")}
        for image, classes in asked.items()
    }


@dataclass(frozen=True, slots=True)
class _Work:
    """One lesion under way."""

    prepared: Prepared
    settings: Settings
    check: Check
    found: Extracted

    def take_shape(self, classes: Mapping[str, Collection[str]]) -> None:
        """Shape, from the mask alone."""
        prepared, setting = self.prepared, {**self.settings.setting, "label": 1}
        for name in [name for name in ("shape", "shape2D") if name in classes]:
            image, mask = imageoperations.cropToTumorMask(prepared.image, prepared.shape_mask, prepared.box)
            slices = mask.GetSize()[::-1][setting["force2Ddimension"]]
            if name == "shape2D" and slices > 1:
                self._miss("original", {name: classes[name]}, several_slices(slices))
            else:
                self._take_class(_Region("original", image, mask, setting), name, classes[name])

    def take_derived(self, image_type: str, wanted: Asked) -> None:
        """All asked classes of the images that one filter derives."""
        prepared = self.prepared
        for image, name, arguments in derive(prepared.image, prepared.mask, image_type, wanted, self.settings):
            self.check()
            cropped, mask = imageoperations.cropToTumorMask(image, prepared.mask, prepared.box)
            region = _Region(name, cropped, mask, arguments)
            try:
                require_grey_levels(region.intensities(), arguments)
            except BadLesion as error:
                self._miss(name, wanted[name], f"{name}: {error}")
                continue
            for class_name, features in wanted[name].items():
                self._take_class(region, class_name, features)
        for name in wanted:
            self._miss(name, wanted[name], not_derived(image_type, prepared.image.GetSize()))

    def _take_class(self, region: "_Region", class_name: str, features: Collection[str]) -> None:
        self.check()
        calculator = radiomics.getFeatureClasses()[class_name](region.image, region.mask, **region.arguments)
        for feature in features:
            calculator.enableFeatureByName(feature)
        try:
            # The generator behind `execute`, which itself cannot be stopped between features.
            for _, feature, value in calculator._calculateFeatures():
                self._take(region, class_name, feature, float(np.squeeze(value)))
                self.check()
        except RuntimeError as error:
            if str(error) != "Error getting angle count.":
                raise
            reason = no_neighbours(class_name, region.image.GetSize())
            self._miss(region.name, {class_name: features}, reason)

    def _take(self, region: "_Region", class_name: str, feature: str, number: float) -> None:
        if np.isfinite(number):
            self.found.values[f"{region.name}_{class_name}_{feature}"] = number
        else:
            self._miss(region.name, {class_name: [feature]}, not_finite(region.intensities()))

    def _miss(self, image: str, classes: Mapping[str, Collection[str]], reason: str) -> None:
        """Gives a reason for each feature that has neither value nor reason yet."""
        for class_name, features in classes.items():
            for name in (f"{image}_{class_name}_{feature}" for feature in features):
                if name not in self.found.values:
                    self.found.missing.setdefault(name, reason)


@dataclass(frozen=True, slots=True)
class _Region:
    """A derived image cropped to the lesion."""

    name: str
    image: Any
    mask: Any
    arguments: dict[str, Any]

    def intensities(self) -> NDArray[Any]:
        """Of the lesion's voxels, in the image's own type."""
        inside: NDArray[Any] = sitk.GetArrayViewFromImage(self.image)[sitk.GetArrayViewFromImage(self.mask) == 1]
        return inside
