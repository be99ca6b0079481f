"""What a number is, as a code: IBSI's where the value is IBSI's, else one of our own scheme; and its UCUM unit.

The same concepts go into FHIR and DICOM.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from features.errors import UnknownColumn
from features.measures import QUANTITIES
from features.modalities import modality_of
from features.names import MeasureColumn, RadiomicsColumn, ScanColumn, parse
from features.radiomics.definitions import definition_of
from features.radiomics.ibsi_code import ibsi_code
from features.radiomics.settings import Settings
from radresponse.words import feature_parts
from service.results.identity import ROOT, uuid_of

CODE_CHARACTERS = 16
"""Of a DICOM code value (VR SH)."""
MEANING_CHARACTERS = 64
"""Of a DICOM code meaning (VR LO)."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """Who gives a code its meaning."""

    designator: str
    """In DICOM; `99` begins a private one (PS3.16 section 8.2)."""
    uid: str
    name: str


@dataclass(frozen=True, slots=True)
class Concept:
    """A code with its meaning for people."""

    scheme: Scheme
    code: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of the Unified Code for Units of Measure; `code` is empty where UCUM has none that we know."""

    code: str
    name: str


IBSI = Scheme("IBSI", "1.2.840.10008.2.16.13", "Image Biomarker Standardisation Initiative")
OURS = Scheme("99RADRESPONSE", f"2.25.{ROOT.int}", "RadResponse")

ONE, PERCENT, DAYS = Unit("1", "1"), Unit("%", "%"), Unit("d", "days")

PROBABILITY = Concept(OURS, "PROB", "Predicted probability of response")
DIFFERENCE = Concept(OURS, "PROB-DIFF", "Difference in predicted probability of response")
MEDIAN = Concept(OURS, "MEDIAN", "Predicted median time to progression")
MEDIAN_DIFFERENCE = Concept(OURS, "MEDIAN-DIFF", "Difference in predicted median time to progression")
RESTRICTED_MEAN = Concept(OURS, "RMST", "Predicted restricted mean time without progression")
RESTRICTED_MEAN_DIFFERENCE = Concept(OURS, "RMST-DIFF", "Difference in restricted mean time without progression")
RISK = Concept(OURS, "LOG-HR", "Predicted log hazard ratio to the model's own zero")
RISK_DIFFERENCE = Concept(OURS, "LOG-HR-DIFF", "Difference in predicted log hazard ratio")
HORIZON = Concept(OURS, "HORIZON", "Up to when the curve is known")
LOWER = Concept(OURS, "LOWER", "Interval, lower end")
UPPER = Concept(OURS, "UPPER", "Interval, upper end")
LEVEL = Concept(OURS, "LEVEL", "How often such an interval is meant to hold")
THERAPY = Concept(OURS, "THERAPY", "Therapy under discussion")
REFERENCE = Concept(OURS, "REFERENCE", "Therapy compared against")
APPLICABILITY = Concept(OURS, "APPLICABILITY", "Likeness to the training cohort")
EVIDENCE = Concept(OURS, "EVIDENCE", "How therapies were given to the training cohort")
WARNING = Concept(OURS, "WARNING", "What to know before relying on it")
REPORT = Concept(OURS, "REPORT", "Predictions from tumour images")
OUTCOME = Concept(OURS, "OUTCOME", "Response to a therapy")
PROGRESSION = Concept(OURS, "PROGRESSION", "Time to progression")

_UNITS: Mapping[str, Unit] = {
    "": ONE, "1": ONE, "lesions": ONE, "%": PERCENT, "percent": PERCENT,
    "mm": Unit("mm", "mm"), "mm2": Unit("mm2", "mm²"), "mm²": Unit("mm2", "mm²"),
    "mm3": Unit("mm3", "mm³"), "mm³": Unit("mm3", "mm³"), "1/mm": Unit("/mm", "1/mm"), "bit": Unit("bit", "bit"),
    "HU": Unit("[hnsf'U]", "HU"), "SUV": Unit("g/ml{SUVbw}", "g/ml, SUV by body weight"),
    "days": DAYS, "years": Unit("a", "years"), "kg": Unit("kg", "kg"), "cm": Unit("cm", "cm"), "g": Unit("g", "g"),
}  # fmt: skip
_INTENSITY = {
    "ct": ("[hnsf'U]", "HU"),
    "pt": ("g/ml{SUVbw}", "SUV"),
}
_ARBITRARY = ("[arb'U]", "arbitrary units")
"""Of every other modality."""
_POWERS = {"intensity": "", "intensity²": "2"}


def column_concept(column: str, settings: Settings | None = None) -> Concept:
    """What a column of a model is.

    Args:
        column: Its full name.
        settings: By which radiomic features were taken; None where nobody knows.
    """
    what, where = feature_parts(column)
    meaning = f"{what}, {where}" if where else what
    try:
        parsed = parse(column)
    except UnknownColumn:
        parsed = None
    # A change, or a summary of several lesions, is no longer the feature that IBSI defines.
    if isinstance(parsed, ScanColumn) and parsed.when != "delta" and parsed.lesions in ("largest", "all"):
        if isinstance(parsed, RadiomicsColumn) and (code := ibsi_code(parsed.name, settings)):
            return Concept(IBSI, code, meaning)
        if isinstance(parsed, MeasureColumn) and (known := measure_concept(parsed.item)).scheme is IBSI:
            return Concept(IBSI, known.code, meaning)
    return Concept(OURS, own_code(column), meaning)


def feature_concept(name: str, settings: Settings) -> Concept:
    """What a radiomic feature of one lesion is, e.g. `original_glcm_Contrast`."""
    code = ibsi_code(name, settings)
    return Concept(IBSI if code else OURS, code or own_code(name), _cut(feature_words(name)))


def feature_words(name: str) -> str:
    """A radiomic feature in words."""
    return feature_parts(f"radiomics.ct.baseline.largest.{name}")[0]


def measure_concept(quantity: str) -> Concept:
    """What a measure of one lesion is, e.g. `volume_mm3`."""
    # Our volume counts voxels: IBSI's approximate volume, not that of the mesh.
    if quantity == "volume_mm3":
        return Concept(IBSI, definition_of("original_shape_VoxelVolume").ibsi_code, "volume")
    return Concept(OURS, own_code(quantity), feature_parts(f"measure.ct.baseline.largest.{quantity}")[0])


def own_code(name: str) -> str:
    """A code value for a name of ours: itself where it is short enough, else made from it."""
    return name if len(name) <= CODE_CHARACTERS else f"R{uuid_of('code', name).hex[: CODE_CHARACTERS - 1].upper()}"


def column_unit(column: str, unit: str) -> Unit:
    """The unit of a column; as the model says it, else as the column's own definition has it."""
    try:
        parsed = parse(column)
    except UnknownColumn:
        parsed = None
    if unit in _UNITS and unit:
        return _UNITS[unit]
    if isinstance(parsed, ScanColumn) and parsed.when == "delta":
        return ONE
    if isinstance(parsed, RadiomicsColumn):
        return feature_unit(parsed.name, parsed.scan)
    if isinstance(parsed, MeasureColumn):
        return measure_unit(parsed.item)
    return Unit("", unit) if unit else _UNITS.get(column.rpartition("_")[2], ONE)


def feature_unit(name: str, scan: str) -> Unit:
    """The unit of a radiomic feature of a scan; what is counted (levels, voxels, runs) has the unit 1.

    A filter's output has no unit that is known.
    """
    unit = definition_of(name).unit
    if unit in _UNITS:
        return _UNITS[unit]
    base, _, rest = unit.partition(" ")
    if base not in _POWERS:
        return Unit("1", unit)
    if not name.startswith("original_"):
        return Unit("[arb'U]", f"arbitrary units{_POWERS[base]}")
    code, word = _INTENSITY.get(modality_of(scan), _ARBITRARY)
    if not _POWERS[base]:
        return Unit(code, word)
    # An annotation ends an atom, and only an atom takes an exponent; DICOM has 16 characters for a code.
    squared = "g2/ml2" if "{" in code else f"{code}2"
    return Unit(f"{squared}.mm3" if rest else squared, f"{word}²{' mm³' if rest else ''}")


def measure_unit(quantity: str) -> Unit:
    """The unit of a measure."""
    return next((_UNITS[known.unit] for known in QUANTITIES if known.name == quantity), ONE)


def _cut(text: str) -> str:
    return text[:MEANING_CHARACTERS]
