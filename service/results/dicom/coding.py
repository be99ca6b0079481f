"""Concepts and units as DICOM codes them."""

from highdicom.coding_schemes import CodingSchemeIdentificationItem
from highdicom.sr.coding import CodedConcept

from service.results.concepts import MEANING_CHARACTERS, OURS, Concept, Unit, own_code


def coded(concept: Concept) -> CodedConcept:
    """A code with its scheme and meaning."""
    return CodedConcept(concept.code, concept.scheme.designator, _meaning(concept.meaning))


def coded_unit(unit: Unit) -> CodedConcept:
    """A UCUM unit; 1 where UCUM has none that we know, with its name as the meaning."""
    return CodedConcept(unit.code or "1", "UCUM", _meaning(unit.name))


def named(name: str) -> CodedConcept:
    """A name of ours (a therapy, a word) as a code: its own, or one made from it where it is long."""
    return CodedConcept(own_code(name), OURS.designator, _meaning(name))


def schemes() -> list[CodingSchemeIdentificationItem]:
    """Says whose our codes are."""
    return [CodingSchemeIdentificationItem(OURS.designator, name=OURS.name, uid=OURS.uid)]


def _meaning(text: str) -> str:
    # A backslash parts values, and control characters do not belong into a line (PS3.5, VR LO).
    plain = "".join(letter if letter.isprintable() and letter != "\\" else " " for letter in text).strip()
    return plain[:MEANING_CHARACTERS] or "?"
