"""Columns and numbers in words: `measure.ct.baseline.largest.volume_mm3` is the volume of the largest CT lesion."""

import re

from radresponse.v1 import prediction_pb2

DAYS_PER_MONTH = 30.4375

_MODALITIES = {"ct": "CT", "pt": "PET", "mr": "MR", "cr": "radiograph", "dx": "radiograph", "mg": "mammogram"}
_LESIONS = {
    "largest": "the largest {} lesion",
    "sum": "{} lesions, summed",
    "mean": "{} lesions, mean",
    "max": "{} lesions, largest value",
    "spread": "{} lesions, spread",
    "all": "all {} lesions",
}
_WHENS = {"baseline": "", "latest": ", latest scan", "delta": ", change since baseline"}
_CLASSES = {"shape": "", "firstorder": " of intensity"}
_UNITS = re.compile(r"(?<!pack)_(mm3|mm2|mm|cm|years|days|months|kg|g|percent|hu|suv)$")
_CAMEL = re.compile(r"\d+D(?![a-z])|\d+|[A-Z]+(?![a-z])|[A-Z][a-z]+|[a-z]+")
"""Words of a name such as Maximum2DDiameterSlice or MCC."""
_UNIT_SIGNS = {"mm3": "mm³", "mm2": "mm²", "hu": "HU", "suv": "SUV", "percent": "%"}
_SCAN_COLUMN_PARTS = 5


def feature_parts(column: str) -> tuple[str, str]:
    """What a column is, for a person, and of which lesions; the column itself where it is outside the grammar."""
    if column == "therapy":
        return "the therapy itself", ""
    parts = column.split(".", 4)
    if parts[0] == "clinical":
        return _UNITS.sub("", column.partition(".")[2]).replace("_", " "), ""
    if len(parts) != _SCAN_COLUMN_PARTS or parts[2] not in _WHENS or parts[3] not in _LESIONS:
        return column, ""
    kind, scan, when, lesions, item = parts
    words = {"radiomics": _radiomics_words, "measure": _measure_words, "embedding": _embedding_words}.get(kind)
    if words is None:
        return column, ""
    return words(item), f"{_LESIONS[lesions].format(_scan_words(scan))}{_WHENS[when]}"


def value_words(contribution: prediction_pb2.Contribution) -> str:
    """The value of an input, with its unit."""
    if contribution.category:
        return contribution.category
    if not contribution.HasField("value"):
        return "missing"
    unit = contribution.unit or (_UNITS.findall(contribution.feature) or [""])[0]
    return f"{number(contribution.value)} {_UNIT_SIGNS.get(unit, unit)}".strip()


def number(value: float) -> str:
    """Three digits, or whole with thousands."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def months(days: float) -> str:
    """Days as months of 30.4 days."""
    return f"{days / DAYS_PER_MONTH:.1f}"


def _scan_words(scan: str) -> str:
    modality, _, series = scan.partition("_")
    return f"{_MODALITIES.get(modality, modality)} {series}".strip()


def _radiomics_words(item: str) -> str:
    image, feature_class, name = item.split("_", 2) if item.count("_") > 1 else ("original", "", item)
    words = [word.lower() if word[-1].islower() else word for word in _CAMEL.findall(name)]
    plain = " ".join(words) or item
    of_class = _CLASSES.get(feature_class, f" ({feature_class.upper()} texture)")
    return plain + of_class + ("" if image == "original" else f" after {image}")


def _measure_words(item: str) -> str:
    return _UNITS.sub("", item).replace("_", " ")


def _embedding_words(item: str) -> str:
    return f"image embedding {item.rpartition('.')[2]}"
