"""Features of a case: exactly the columns that are asked, from the cache where they are."""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from features.cache import Cache, FeatureCache
from features.case import Case
from features.errors import BadEncoder, UnknownColumn
from features.imaging.read import Limits
from features.names import EmbeddingColumn, ScanColumn, parse
from features.notice import Notice
from features.plan import Need, Plan, all_columns, plan, require_known
from features.profile import Profile
from features.scan_features import ScanFeatures, Tools, scan_features
from features.summary import change

if TYPE_CHECKING:
    from features.embedding.encoder import Encoder

__all__ = ["FeatureValues", "Notice", "all_columns", "compute"]

STEPS = ("decode", "radiomics", "embedding", "measures")


@dataclass(frozen=True, slots=True)
class FeatureValues:
    """What a case gave for the asked columns."""

    values: dict[str, float]
    """By column; finite."""
    missing: dict[str, str]
    """By column: why there is no value, a sentence."""
    notices: tuple[Notice, ...]
    """What concerns the case as a whole."""
    seconds: dict[str, float]
    """By step: decode, radiomics, embedding, measures."""
    given: tuple[str, ...]
    """Columns that the caller gave and that were taken as they came."""


def compute(
    case: Case,
    columns: Collection[str],
    *,
    profile: Profile,
    encoder: "Encoder | None" = None,
    cache: Cache | None = None,
    check: Callable[[], None] = lambda: None,
    limits: Limits = Limits(),  # noqa: B008  frozen
) -> FeatureValues:
    """Computes the asked columns that come from images; clinical ones and the therapy are not its part.

    Args:
        case: Scans are decoded only where the cache lacks something.
        columns: By the grammar of `features.names`.
        profile: How radiomic features are taken.
        encoder: For embedding columns.
        cache: Where features are kept; None for this call only.
        check: Called between steps; what it raises stops the work.
        limits: What an image may claim.

    Raises:
        UnknownColumn: Outside the grammar, or no feature of the profile or encoder.
        BadEncoder: An embedding column of an encoder that is not there.
        BadImage: A scan's image cannot be used; `place` says which, e.g. `scans[0].image`.
        BadSegmentation: The same for a segmentation.
    """
    given = {column: case.given[column] for column in dict.fromkeys(columns) if column in case.given}
    parsed = {column: parse(column) for column in dict.fromkeys(columns) if column not in given}
    asked = {column: part for column, part in parsed.items() if isinstance(part, ScanColumn)}
    require_known(asked.values(), profile)
    _require_encoder([part for part in asked.values() if isinstance(part, EmbeddingColumn)], encoder)
    planned = plan(case, asked)
    tools = Tools(profile, encoder, FeatureCache() if cache is None else cache, check, limits)
    scans = {
        index: scan_features(case.scans[index], f"scans[{index}]", needs, tools)
        for index, needs in planned.needs.items()
    }
    found: dict[str, float | str] = {
        **{column: _as_given(value) for column, value in given.items()},
        **planned.missing,
        **_read_off(planned, asked, scans),
    }
    return FeatureValues(
        values={column: one for column, one in found.items() if not isinstance(one, str)},
        missing={column: one for column, one in found.items() if isinstance(one, str)},
        notices=tuple(notice for one in scans.values() for notice in one.notices),
        seconds={step: math.fsum(one.seconds.get(step, 0.0) for one in scans.values()) for step in STEPS},
        given=tuple(given),
    )


def _read_off(
    planned: Plan, asked: Mapping[str, ScanColumn], scans: Mapping[int, ScanFeatures]
) -> dict[str, float | str]:
    found: dict[str, float | str] = {}
    for column, indices in planned.sources.items():
        part = asked[column]
        need = Need(part.kind, part.lesions, part.item)
        taken = [scans[index].found[need] for index in indices]
        found[column] = change(taken[0], taken[1]) if part.when == "delta" else taken[0]
    return found


def _as_given(value: float) -> float | str:
    return float(value) if math.isfinite(value) else f"the given value is no finite number ({value})"


def _require_encoder(columns: Collection[EmbeddingColumn], encoder: "Encoder | None") -> None:
    for column in columns:
        if encoder is None or column.encoder != encoder.name:
            there = "none" if encoder is None else encoder.name
            raise BadEncoder(
                f"the column {column} wants the encoder {column.encoder}; there is {there}",
                wanted=column.encoder,
                found=there,
            )
        if column.index >= encoder.dimension:
            raise UnknownColumn(
                f"the column {column} wants number {column.index}; the encoder gives 0 to {encoder.dimension - 1}",
                column=column,
            )
