"""ExtractFeatures: the numbers themselves, by any profile and by every encoder that serves."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from features.case import Case
from features.compute import all_columns
from features.errors import BadProfile, UnknownColumn
from features.names import ClinicalColumn, EmbeddingColumn, OtherColumn, TherapyColumn, parse
from features.profile import DEFAULT_PROFILE, Profile
from radresponse.v1 import prediction_pb2
from service.answer import warnings_of
from service.convert import require_different, require_digest
from service.encoders import Encoders
from service.errors import BadRequestField
from service.hosting import ServingSet
from service.inputs import Inputs, Instruments, Measured, measure, notices_of
from service.provenance import provenance_of
from service.work import Check

MAX_PROFILE_CHARACTERS = 64 * 1024
COLUMN_CHARACTERS = 160
"""That an error of `features.names` tells of a column."""


@dataclass(frozen=True, slots=True)
class Extraction:
    """What is asked, as far as it can be judged without images."""

    columns: tuple[str, ...]
    """Empty for all of the profile and all measures."""
    profile: Profile
    encoders: tuple[str, ...]
    """Identities of those that are meant where a name has several."""

    @classmethod
    def of(cls, request: prediction_pb2.ExtractFeaturesRequest) -> "Extraction":
        """Reads a request.

        Raises:
            BadRequestField: A column twice, one that no image gives, a profile that is too long.
            UnknownColumn: A column that is not of the grammar.
            BadProfile: A profile that cannot be read.
        """
        columns = require_different(request.columns, "columns")
        _require_computed(columns)
        if len(request.profile) > MAX_PROFILE_CHARACTERS:
            raise BadRequestField(
                "profile", f"{len(request.profile)} characters; at most {MAX_PROFILE_CHARACTERS} are taken"
            )
        encoders = require_different(request.encoder_digests, "encoder_digests")
        for index, digest in enumerate(encoders):
            require_digest(digest, f"encoder_digests[{index}]")
        return cls(columns, _profile(request.profile), encoders)

    def taken(
        self, case: Case, serving: ServingSet, instruments: Instruments, check: Check
    ) -> prediction_pb2.ExtractFeaturesResponse:
        """Takes the features.

        Raises:
            BadRequestField: No scans and no columns; an encoder that does not serve, or one of several of its name.
            FeatureError: With `place` in the contract's words.
        """
        if not case.scans and not self.columns:
            raise BadRequestField("case.scans", "none, and no columns are named; wanted scans to take features from")
        columns = self.columns or all_columns(case, self.profile)
        by_encoder = _Meant(serving, instruments.encoders, self.encoders).grouped(columns, case)
        measured: list[Measured] = []
        with _placed(columns):
            for digest, several in by_encoder.items():
                measured.append(measure(case, self.profile, several, instruments, check, digest))
        known = {name: value for group in measured for name, value in group.features.values.items()} | dict(case.given)
        values = {name: known[name] for name in columns if name in known}
        return prediction_pb2.ExtractFeaturesResponse(
            features=values,
            missing={name: why for group in measured for name, why in group.features.missing.items()},
            warnings=warnings_of(notices_of({str(index): group for index, group in enumerate(measured)})),
            provenance=provenance_of(case, [], measured, {"": Inputs(values, {})}),
        )


@dataclass(frozen=True, slots=True)
class _Meant:
    """Which encoder each embedding column means."""

    serving: ServingSet
    encoders: Encoders
    chosen: tuple[str, ...]
    _known: dict[str, dict[str, None]] = field(default_factory=dict)
    """Identities by name, looked up once."""

    def grouped(self, columns: Sequence[str], case: Case) -> dict[str, list[str]]:
        """Columns by the identity of their encoder; those without one go with the first."""
        by_encoder: dict[str, list[str]] = {}
        others: list[str] = []
        for index, name in enumerate(columns):
            column = parse(name)
            if isinstance(column, EmbeddingColumn) and name not in case.given:
                by_encoder.setdefault(self._identity(column, f"columns[{index}]"), []).append(name)
            else:
                others.append(name)
        first = next(iter(by_encoder), "")
        return {**by_encoder, first: [*others, *by_encoder.get(first, ())]}

    def _identity(self, column: EmbeddingColumn, place: str) -> str:
        known = self._all()
        found = list(known.get(column.encoder, {}))
        if not found:
            raise BadRequestField(place, f"no encoder of that name serves; serving: {', '.join(sorted(known))}")
        meant = [digest for digest in found if digest in self.chosen] or (found if len(found) == 1 else [])
        if len(meant) != 1:
            raise BadRequestField(
                "encoder_digests",
                f"{len(found)} encoders {column.encoder} serve ({', '.join(found)}); wanted one of them named",
            )
        return meant[0]

    def _all(self) -> dict[str, dict[str, None]]:
        if not self._known:
            identities = {held.model.manifest.encoder for held in self.serving.served.values()} - {""}
            for encoder in (self.encoders.default, *(self.encoders.get(one) for one in sorted(identities))):
                self._known.setdefault(encoder.name, {})[encoder.identity] = None
            there = {identity for of_name in self._known.values() for identity in of_name}
            for index, digest in enumerate(self.chosen):
                if digest not in there:
                    raise BadRequestField(
                        f"encoder_digests[{index}]", f"no encoder of it serves; serving: {', '.join(sorted(there))}"
                    )
        return self._known


@contextmanager
def _placed(columns: Sequence[str]) -> Iterator[None]:
    """Says which of the asked columns it is that does not exist."""
    try:
        yield
    except UnknownColumn as error:
        told = error.details.get("column")
        found = (index for index, name in enumerate(columns) if name[:COLUMN_CHARACTERS] == told)
        error.place = next((f"columns[{index}]" for index in found), error.place)
        raise


def _require_computed(columns: Sequence[str]) -> None:
    for index, name in enumerate(columns):
        with _placed(columns):
            column = parse(name)
        if isinstance(column, ClinicalColumn | TherapyColumn | OtherColumn):
            raise BadRequestField(
                f"columns[{index}]",
                "not computed from images; wanted a column that begins with radiomics, embedding or measure",
            )


def _profile(text: str) -> Profile:
    if not text:
        return DEFAULT_PROFILE
    try:
        return Profile.parse(text)
    except BadProfile as error:
        error.place = "profile"
        raise
