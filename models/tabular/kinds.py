"""What the columns of somebody's own table are: image features, or the clinical record."""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from fnmatch import fnmatchcase

from features.errors import UnknownColumn
from features.names import OtherColumn, parse

_PYRADIOMICS = re.compile(
    r"(original|wavelet|log-sigma|square|squareroot|logarithm|exponential|gradient|lbp)[-\w.]*"
    r"_(shape2D|shape|firstorder|glcm|glrlm|glszm|gldm|ngtdm)_\w+"
)
_NUMBERED = re.compile(r"(?P<stem>.*?)\d+")
_FEWEST_NUMBERED = 10
MOST_CLINICAL = 60
"""Above it, columns without a known name are taken for measurements: nobody keeps so long a record by hand."""


def model_names(headers: Sequence[str], imaging: Collection[str] = ()) -> dict[str, str]:
    """The name by which a model knows each column.

    Names of the grammar, pyradiomics' own, numbered series of ten or more (`feat_0`, `feat_1`, ...) and those that
    are said to be of images stay as they are; all others are the clinical record, `clinical.<header>`.

    Args:
        headers: Of the table, without labels and identifiers.
        imaging: Headers or patterns (`kinetic_*`) of image features.
    """
    series = Counter(found["stem"] for header in headers if (found := _NUMBERED.fullmatch(header)))
    own = {
        header
        for header in headers
        if _in_grammar(header) or _PYRADIOMICS.fullmatch(header) or any(fnmatchcase(header, one) for one in imaging)
    }
    own |= {
        header
        for header in headers
        if (found := _NUMBERED.fullmatch(header)) and series[found["stem"]] >= _FEWEST_NUMBERED
    }
    others = [header for header in headers if header not in own]
    if len(others) > MOST_CLINICAL:
        return {header: header for header in headers}
    return {header: header if header in own else f"clinical.{header.strip()}" for header in headers}


def imaging_columns(names: Collection[str]) -> tuple[str, ...]:
    """Those that are not of the clinical record."""
    return tuple(name for name in names if not name.startswith("clinical."))


def _in_grammar(header: str) -> bool:
    try:
        return not isinstance(parse(header), OtherColumn)
    except UnknownColumn:
        return False
