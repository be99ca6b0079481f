"""The grammar of column names: what a model asks for, and what is computed.

```
radiomics.<scan>.<when>.<lesions>.<pyradiomics name>   radiomics.pt.baseline.largest.original_glcm_Contrast
embedding.<scan>.<when>.<lesions>.<encoder>.<index>    embedding.ct.baseline.largest.default.17
measure.<scan>.<when>.<lesions>.<quantity>             measure.ct.delta.all.sum_of_diameters_mm
clinical.<name>                                        clinical.age_years
therapy                                                the option under discussion
```
`<scan>` is ct, pt, mr, cr, dx or mg, with a series where there are several (`mr_t1`); `<when>` baseline, latest or
delta; `<lesions>` largest, sum, mean, max, spread (population standard deviation) or all (merged into one region).
Any other name is a column that the caller must give.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from features.errors import UnknownColumn
from features.modalities import MODALITIES

WHENS = ("baseline", "latest", "delta")
"""At the first date of the scan, at its last, and the relative change between them."""
LESIONS = ("largest", "sum", "mean", "max", "spread", "all")
"""One lesion, four ways to summarise all, and all merged into one region."""
LESION_QUANTITIES = ("volume_mm3", "long_axis_mm", "short_axis_mm", "area_mm2")
"""Measures of one lesion."""
ALL_QUANTITIES = ("count", "sum_of_diameters_mm", "volume_mm3")
"""Measures of all lesions together."""

_SCAN = re.compile(rf"({'|'.join(MODALITIES)})(_[a-z0-9]{{1,32}})?")
_RADIOMIC = re.compile(r"[A-Za-z0-9-]+_[A-Za-z0-9]+_[A-Za-z0-9]+")
_ENCODER = re.compile(r"[A-Za-z0-9_-]+")
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")
_CLINICAL = re.compile(r"\S(?:.{0,126}\S)?")


@dataclass(frozen=True, slots=True)
class ScanColumn:
    """A number taken from one scan's lesions."""

    scan: str
    when: str
    lesions: str

    kind: ClassVar[str] = ""

    @property
    def item(self) -> str:
        """What is taken of the lesions, within its kind."""
        raise NotImplementedError

    def __str__(self) -> str:
        return f"{self.kind}.{self.scan}.{self.when}.{self.lesions}.{self.item}"


@dataclass(frozen=True, slots=True)
class RadiomicsColumn(ScanColumn):
    """A radiomic feature."""

    name: str
    """As pyradiomics prints it, e.g. `original_glcm_Contrast`."""

    kind: ClassVar[str] = "radiomics"

    @property
    def item(self) -> str:
        """The feature's name."""
        return self.name


@dataclass(frozen=True, slots=True)
class EmbeddingColumn(ScanColumn):
    """One number of an encoder's embedding."""

    encoder: str
    index: int

    kind: ClassVar[str] = "embedding"

    @property
    def item(self) -> str:
        """Encoder and index."""
        return f"{self.encoder}.{self.index}"


@dataclass(frozen=True, slots=True)
class MeasureColumn(ScanColumn):
    """A measure: volume, diameters, count."""

    quantity: str

    kind: ClassVar[str] = "measure"

    @property
    def item(self) -> str:
        """The quantity, which ends in its unit."""
        return self.quantity


@dataclass(frozen=True, slots=True)
class ClinicalColumn:
    """A covariate that the caller gives."""

    name: str

    def __str__(self) -> str:
        return f"clinical.{self.name}"


@dataclass(frozen=True, slots=True)
class TherapyColumn:
    """The option under discussion."""

    def __str__(self) -> str:
        return "therapy"


@dataclass(frozen=True, slots=True)
class OtherColumn:
    """Any other number that the caller must give."""

    name: str

    def __str__(self) -> str:
        return self.name


_LONGEST_KEPT = 200
"""Longer names are read anew: what callers make up must not fill the memory."""

Column = RadiomicsColumn | EmbeddingColumn | MeasureColumn | ClinicalColumn | TherapyColumn | OtherColumn


def parse(column: str) -> Column:
    """Reads a column name; `str` of the result is the name again.

    Raises:
        UnknownColumn: It begins like a computed column and does not go on like one.
    """
    return _parse(column) if len(column) <= _LONGEST_KEPT else _parse.__wrapped__(column)


@lru_cache(maxsize=16_384)
def _parse(column: str) -> Column:
    """A request asks for the same columns as the one before, each a dozen times on its way."""
    kind, dot, rest = column.partition(".")
    if column == "therapy":
        return TherapyColumn()
    if dot and kind == "clinical":
        return ClinicalColumn(_matching(_CLINICAL, rest, "a covariate's name", column))
    if dot and kind in ("radiomics", "embedding", "measure"):
        return _scan_column(column, kind, rest)
    return OtherColumn(column)


def _scan_column(column: str, kind: str, rest: str) -> RadiomicsColumn | EmbeddingColumn | MeasureColumn:
    parts = rest.split(".")
    if len(parts) != (5 if kind == "embedding" else 4):
        raise _refusal(column, f"{kind}.<scan>.<when>.<lesions>.{_ENDS[kind]}")
    scan = _matching(_SCAN, parts[0], f"{', '.join(MODALITIES)}, with a series where there are several (mr_t1)", column)
    when = _one_of(WHENS, parts[1], column)
    lesions = _one_of(LESIONS, parts[2], column)
    if kind == "radiomics":
        wanted = "a pyradiomics name, e.g. original_glcm_Contrast"
        return RadiomicsColumn(scan, when, lesions, _matching(_RADIOMIC, parts[3], wanted, column))
    if kind == "measure":
        known = ALL_QUANTITIES if lesions == "all" else LESION_QUANTITIES
        return MeasureColumn(scan, when, lesions, _one_of(known, parts[3], column))
    encoder = _matching(_ENCODER, parts[3], "an encoder's name", column)
    index = _matching(_INDEX, parts[4], "an index, decimal without padding", column)
    return EmbeddingColumn(scan, _one_of(("baseline", "latest"), when, column), lesions, encoder, int(index))


_ENDS = {"radiomics": "<pyradiomics name>", "embedding": "<encoder>.<index>", "measure": "<quantity>"}


def _matching(pattern: re.Pattern[str], text: str, wanted: str, column: str) -> str:
    if not pattern.fullmatch(text):
        raise _refusal(column, wanted, text)
    return text


def _one_of(known: tuple[str, ...], text: str, column: str) -> str:
    if text not in known:
        raise _refusal(column, " or ".join(known), text)
    return text


def _refusal(column: str, wanted: str, text: str | None = None) -> UnknownColumn:
    seen = "" if text is None else f" has {text[:60]!r} where it"
    return UnknownColumn(f"the column {column[:160]!r}{seen} wants {wanted}", column=column[:160], wanted=wanted)
