"""`python -m features.radiomics.ibsi.document`: writes the tables of `docs/ibsi.md` anew from the catalogue."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from features.radiomics.definitions import DEFINITIONS, DIFFERENCES
from features.radiomics.ibsi.rules import AGGREGATIONS

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "ibsi.md"


@dataclass(frozen=True, slots=True)
class Missing:
    """A feature of IBSI-1 that pyradiomics has no name for, and that is not computed."""

    family: str
    ibsi_tag: str
    ibsi_code: str
    name: str
    instead: str
    """How it follows from features that are computed; empty where it does not."""


def missing_features() -> tuple[Missing, ...]:
    """All of them, in the order of the manual."""
    with Path(__file__).with_name("missing.csv").open(encoding="utf-8", newline="") as file:
        return tuple(Missing(**row) for row in csv.DictReader(file))


def tables() -> dict[str, str]:
    """Each table of the document, by the name in its marks."""
    return {
        "differences": _table(
            ("key", "how pyradiomics' value can differ from IBSI's"),
            ((f"`{key}`", sentence) for key, sentence in DIFFERENCES.items()),
        ),
        "aggregations": _table(
            ("`aggregation`", "GLCM, GLRLM", "GLSZM, GLDM, NGTDM"),
            ((name, how.code, how.code_without_directions) for name, how in AGGREGATIONS.items()),
        ),
        "features": _table(
            ("feature", "IBSI", "in IBSI's tables", "pyradiomics differs by"),
            (
                (
                    f"{one.class_name} {one.feature}",
                    one.ibsi_code or "none",
                    f"`{one.ibsi_tag}`" if one.ibsi_tag else "",
                    ", ".join(f"`{key}`" for key in one.differs) or ("nothing" if one.ibsi_code else ""),
                )
                for one in DEFINITIONS.values()
            ),
        ),
        "missing": _table(
            ("family", "feature", "IBSI", "in IBSI's tables", "instead"),
            ((one.family, one.name, one.ibsi_code, f"`{one.ibsi_tag}`", one.instead) for one in missing_features()),
        ),
    }


def written(text: str) -> str:
    """The document with its tables made anew."""
    for name, table in tables().items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        text = f"{before}{begin}{table}{end}{after}"
    return text


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |\n" for line in lines)


if __name__ == "__main__":
    DOCUMENT.write_text(written(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
