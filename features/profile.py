"""A profile: how features are taken, in pyradiomics' own YAML form, checked key by key.

```yaml
imageType:    {Original: {}, LoG: {sigma: [2.0, 4.0]}}
featureClass: {shape: [], glcm: [Contrast, Idm]}      # [] is every feature of the class
setting:      {binWidth: 25}
radresponse:                                          # ours
  modalities: {pt: {setting: {binWidth: 0.5}}}        # what differs by modality
  definitions: ibsi                                   # IBSI-1's instead of pyradiomics'; then optionally
  ibsi: {aggregation: 3D merged, outliers_sigma: 3}
```

pyradiomics falls back to its defaults on a file that it does not understand; here every key and value is known
or the profile is refused, with the nearest known name.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from features.errors import BadProfile
from features.modalities import MODALITIES, PROJECTIONS, VOLUMES, modality_of
from features.radiomics.catalogue import (
    DEPRECATED,
    FEATURES,
    IMAGE_TYPES,
    WITHDRAWN,
    derived_images,
    feature_names,
)
from features.radiomics.ibsi.rules import AGGREGATIONS, AS_PYRADIOMICS, Ibsi, require_standard
from features.radiomics.settings import ELSEWHERE, REFUSED, RULES, Settings, Value
from features.strict_yaml import nearest, parse_mapping


@dataclass(frozen=True, slots=True)
class Profile:
    """How features are taken. Two profiles are equal when they mean the same."""

    digest: str
    """SHA-256 of what it means: order, comments, spelled-out defaults and `25` for `25.0` make no difference."""
    text: str = field(compare=False, repr=False)
    by_modality: Mapping[str, Settings] = field(compare=False, repr=False)

    @classmethod
    def parse(cls, text: str) -> "Profile":
        """Reads and checks a profile.

        Raises:
            BadProfile: No YAML, or an unknown key, name or value.
        """
        sections = parse_mapping(text)
        _only(sections, ("setting", "imageType", "featureClass", "radresponse"), "")
        setting = _setting(_mapping(sections, "setting"), "setting")
        image_types = _image_types(_mapping(sections, "imageType"))
        features = _feature_classes(_mapping(sections, "featureClass"))
        ours = _mapping(sections, "radresponse")
        _only(ours, ("modalities", "definitions", "ibsi"), "radresponse.")
        overrides, ibsi = _overrides(ours), _ibsi(ours)
        by_modality = {
            word: _settings({**setting, **overrides.get(word, {})}, image_types, features) for word in VOLUMES
        }
        flat = _of_planes(features, standard=ibsi is not None)
        for word in PROJECTIONS:
            told = {**setting, **overrides.get(word, overrides.get("mr", {})), **(_FLAT if ibsi is None else {})}
            by_modality[word] = _settings(told, image_types, flat)
        if ibsi is not None:
            for word, settings in by_modality.items():
                require_standard(settings, word)
                # Hounsfield units are whole numbers; SUV and MR's units are not.
                by_modality[word] = replace(settings, ibsi=replace(ibsi, whole_intensities=word == "ct"))
        # What projections mean follows from the rest, but for what is said of them.
        canonical = {word: _meaning(by_modality[word]) for word in (*VOLUMES, *(overrides.keys() & set(PROJECTIONS)))}
        written = json.dumps(canonical, sort_keys=True, allow_nan=False)
        return cls(hashlib.sha256(written.encode()).hexdigest(), text, by_modality)

    def for_modality(self, word: str) -> Settings:
        """The settings for a scan, by its name or its modality word: `mr_t1` and `mr` are the same.

        Those of a projection are taken in its plane: `force2D`, and all of `shape2D` in the place of `shape`. They are
        MR's where the profile says nothing of it, for neither has a unit.
        """
        return self.by_modality[modality_of(word)]


_FLAT: Mapping[str, Value] = {"force2D": True, "force2Ddimension": 0}


def _of_planes(features: Mapping[str, tuple[str, ...]], *, standard: bool) -> Mapping[str, tuple[str, ...]]:
    """Feature classes of a projection: a plane has no volume, and IBSI defines no shape of a plane.

    What is left to a profile that takes shape alone is shape, which then says why it is missing.
    """
    kept = {name: asked for name, asked in features.items() if name != "shape"}
    if standard:
        return kept or features
    return kept if "shape" not in features else {"shape2D": FEATURES["shape2D"], **kept}


def _settings(
    given: Mapping[str, Value], image_types: Mapping[str, Mapping[str, Value]], features: Mapping[str, tuple[str, ...]]
) -> Settings:
    settings = Settings({**{key: rule.default for key, rule in RULES.items()}, **given}, image_types, features)
    if "LoG" in image_types and not settings.arguments("LoG")["sigma"]:
        raise BadProfile("imageType.LoG has no sigma; wanted a list of widths in mm, e.g. [2.0, 4.0]", key="sigma")
    if not feature_names(settings):
        raise BadProfile("the profile takes no feature; shape2D alone needs force2D: true", key="featureClass")
    return settings


def _setting(given: Mapping[str, object], place: str, image_type: str = "") -> dict[str, Value]:
    found: dict[str, Value] = {}
    for key, value in given.items():
        where = f"{place}.{key}"
        if key in REFUSED:
            raise BadProfile(f"{where} is refused: {REFUSED[key]}", key=key)
        if key in ELSEWHERE:
            allowed, why = ELSEWHERE[key]
            if value not in allowed:
                raise BadProfile(f"{where} is {_shown(value)}; wanted {allowed[0]}, for {why}", key=key)
            continue
        _only({key: value}, (*RULES, *ELSEWHERE), f"{place}.")
        rule = RULES[key]
        if image_type and (rule.before or rule.image_type not in ("", image_type)):
            wanted = "setting" if rule.before else f"imageType.{rule.image_type}"
            raise BadProfile(f"{where} has no effect there; wanted under {wanted}", key=key)
        if not rule.allows(value):
            raise BadProfile(f"{where} is {_shown(value)}; wanted {rule.wanted}", key=key, wanted=rule.wanted)
        found[key] = _frozen(value)
    return found


def _image_types(given: Mapping[str, object]) -> dict[str, Mapping[str, Value]]:
    _only(given, IMAGE_TYPES, "imageType.")
    found = {key: _setting(_mapping(given, key, "imageType."), f"imageType.{key}", key) for key in given}
    return dict(found) or {"Original": {}}


def _feature_classes(given: Mapping[str, object]) -> dict[str, tuple[str, ...]]:
    _only(given, tuple(FEATURES), "featureClass.")
    return {name: _features(name, asked) for name, asked in given.items()} or dict(FEATURES)


def _features(name: str, asked: object) -> tuple[str, ...]:
    if asked is None or asked == []:
        return FEATURES[name]
    if not isinstance(asked, list) or not all(isinstance(one, str) for one in asked):
        raise BadProfile(f"featureClass.{name} is {_shown(asked)}; wanted a list of feature names", key=name)
    for one in asked:
        if one in WITHDRAWN.get(name, ()):
            raise BadProfile(f"featureClass.{name}: pyradiomics no longer computes {one}", key=one)
    known = (*FEATURES[name], *DEPRECATED.get(name, ()))
    _only(dict.fromkeys(asked), known, f"featureClass.{name}: ")
    return tuple(feature for feature in known if feature in asked)


def _overrides(given: Mapping[str, object]) -> dict[str, dict[str, Value]]:
    modalities = _mapping(given, "modalities", "radresponse.")
    _only(modalities, MODALITIES, "radresponse.modalities.")
    found = {}
    for word in modalities:
        place = f"radresponse.modalities.{word}."
        sections = _mapping(modalities, word, "radresponse.modalities.")
        _only(sections, ("setting",), place)
        found[word] = _setting(_mapping(sections, "setting", place), f"{place}setting")
    return found


def _ibsi(given: Mapping[str, object]) -> Ibsi | None:
    """What the profile says about IBSI's definitions; None where it takes pyradiomics'."""
    definitions = given.get("definitions", "pyradiomics")
    if definitions not in ("pyradiomics", "ibsi"):
        raise BadProfile(
            f"radresponse.definitions is {_shown(definitions)}; wanted pyradiomics or ibsi", key="definitions"
        )
    asked = _mapping(given, "ibsi", "radresponse.")
    if definitions == "pyradiomics":
        if "ibsi" in given:
            raise BadProfile("radresponse.ibsi acts only with radresponse.definitions: ibsi", key="ibsi")
        return None
    _only(asked, ("aggregation", "outliers_sigma"), "radresponse.ibsi.")
    aggregation, sigma = asked.get("aggregation", AS_PYRADIOMICS), asked.get("outliers_sigma")
    if not isinstance(aggregation, str) or aggregation not in AGGREGATIONS:
        raise BadProfile(
            f"radresponse.ibsi.aggregation is {_shown(aggregation)}; wanted one of {', '.join(AGGREGATIONS)}",
            key="aggregation",
        )
    if sigma is None:
        return Ibsi(aggregation)
    if isinstance(sigma, bool) or not isinstance(sigma, int | float) or not 0 < sigma < math.inf:
        raise BadProfile(
            f"radresponse.ibsi.outliers_sigma is {_shown(sigma)}; wanted a number above 0, or null",
            key="outliers_sigma",
        )
    return Ibsi(aggregation, float(sigma))


def _meaning(settings: Settings) -> dict[str, object]:
    """What reaches a feature's value or name; keys that act on nothing are left out."""
    images = {}
    for image_type in settings.image_types:
        arguments = settings.arguments(image_type)
        images[image_type] = {
            key: _plain(arguments[key]) for key in _acting(arguments) if RULES[key].image_type in ("", image_type)
        }
    features = {name: sorted(names) for name, names in settings.features.items()}
    names = sorted(derived_images(settings))
    flat = [settings.setting["force2D"], settings.setting["force2Ddimension"]] if "shape2D" in features else []
    ibsi = {} if settings.ibsi is None else {"ibsi": asdict(settings.ibsi)}
    return {"images": images, "names": names, "features": features, "shape2D": flat, **ibsi}


def _acting(arguments: Mapping[str, Value]) -> list[str]:
    resampled = arguments["interpolator"] is not None and arguments["resampledPixelSpacing"] is not None
    idle = {
        "binWidth": arguments["binCount"] is not None,
        "normalizeScale": not arguments["normalize"],
        "removeOutliers": not arguments["normalize"],
        "interpolator": not resampled,
        "resampledPixelSpacing": not resampled,
        "preCrop": resampled,
        "padDistance": not (resampled or arguments["preCrop"]),
        "resegmentMode": arguments["resegmentRange"] is None,
        "resegmentShape": arguments["resegmentRange"] is None,
    }
    return [key for key in arguments if not idle.get(key, False)]


def _plain(value: Value) -> object:
    if isinstance(value, tuple):
        return [float(one) for one in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _frozen(value: object) -> Value:
    if isinstance(value, list | tuple):
        return tuple(value)
    assert value is None or isinstance(value, bool | int | float | str)  # noqa: S101  a rule allowed it
    return value


def _mapping(given: Mapping[str, object], key: str, place: str = "") -> Mapping[str, object]:
    value = given.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadProfile(f"{place}{key} is {_shown(value)}; wanted a mapping", key=key)
    return value


def _only(given: Mapping[str, object], known: tuple[str, ...], place: str) -> None:
    for key in given:
        if key not in known:
            raise BadProfile(f"{place}{_shown(key)} is unknown; {nearest(str(key), known)}", key=str(key)[:80])


def _shown(value: object) -> str:
    shown = value if isinstance(value, str) else repr(value)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."


_SHIPPED = Path(__file__).parent / "profiles"

SHIPPED = tuple(sorted(path.stem for path in _SHIPPED.glob("*.yaml")))
"""Names of the profiles that come with the code."""


def shipped_profile(name: str) -> Profile:
    """One of `SHIPPED`."""
    return Profile.parse((_SHIPPED / f"{name}.yaml").read_text(encoding="utf-8"))


DEFAULT_PROFILE = shipped_profile("default")
"""What is used where nobody brings a profile."""
