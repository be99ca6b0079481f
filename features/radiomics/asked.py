"""Which image, class and feature an asked name means, under a profile's settings."""

from collections.abc import Collection

from features.errors import UnknownColumn
from features.radiomics.catalogue import derived_images, feature_names, known_names
from features.radiomics.settings import Settings
from features.strict_yaml import nearest

Asked = dict[str, dict[str, list[str]]]
"""Features by image name and class; shape stands under `original`."""


def asked_features(settings: Settings, names: Collection[str] | None) -> Asked:
    """Groups names by image and class.

    Raises:
        UnknownColumn: The settings do not take that feature.
    """
    known = known_names(settings)
    asked: Asked = {}
    for name in feature_names(settings) if names is None else names:
        if name not in known:
            raise UnknownColumn(_refusal(name, settings), name=name[:120])
        image, class_name, feature = name.rsplit("_", 2)
        asked.setdefault(image, {}).setdefault(class_name, []).append(feature)
    return asked


def _refusal(name: str, settings: Settings) -> str:
    image = name.rsplit("_", 2)[0]
    images = derived_images(settings)
    if image not in images and name.count("_") >= 2:
        return (
            f"the profile takes no image {image[:80]} (asked for {name[:80]}); it takes {', '.join(list(images)[:20])}"
        )
    return f"the profile takes no feature {name[:80]}; {nearest(name, feature_names(settings))}"
