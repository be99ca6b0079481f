"""One answer, whichever method gave it: what every form of a result is made from."""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, cast

from features.profile import Profile
from radresponse.v1 import prediction_pb2
from service.results.identity import digest_of_message

Response = prediction_pb2.PredictResponse | prediction_pb2.CompareTherapiesResponse


class Warned(Protocol):
    """A message with warnings."""

    @property
    def warnings(self) -> Iterable[object]:
        """What to know."""


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """What was said of one patient."""

    subject: str
    """The pseudonym that the caller gave."""
    predictions: tuple[prediction_pb2.Prediction, ...]
    differences: tuple[tuple[str, prediction_pb2.Difference], ...]
    """Each with its therapy; none where nothing was compared."""
    notes: tuple[str, ...]
    """What concerns the case as a whole, in sentences."""
    provenance: prediction_pb2.Provenance
    digest: str
    """SHA-256 of subject and answer: the same answer has the same one."""
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    """By which the radiomic features of a model were taken, by the model's name, where that is known."""

    @classmethod
    def of(cls, subject: str, response: Response, profiles: Mapping[str, Profile] | None = None) -> "Answered":
        """Takes a response of either kind; documents that came with it are no part of what was said."""
        said = type(response).FromString(response.SerializeToString())
        for beside in ("documents", "stored", "pictures", "similar_patients", "saliency"):
            said.ClearField(beside)
        if isinstance(said, prediction_pb2.CompareTherapiesResponse):
            predictions = tuple(prediction for option in said.options for prediction in option.predictions)
            differences = tuple((option.therapy, one) for option in said.options for one in option.differences)
        else:
            predictions, differences = tuple(said.predictions), ()
        return cls(
            subject,
            predictions,
            differences,
            sentences(said),
            said.provenance,
            digest_of_message(subject, _unnumbered(said)),
            profiles or {},
        )


def _unnumbered(said: Response) -> Response:
    """Without the number that is another one for each caller."""
    bare = copy.deepcopy(said)
    bare.provenance.ClearField("prediction_id")
    return bare


def sentences(warned: Warned) -> tuple[str, ...]:
    """What a message warns of, each sentence once; mypy takes the stub's `Warning` for the built-in one."""
    warnings = cast("Iterable[prediction_pb2.Warning]", warned.warnings)
    return tuple(dict.fromkeys(warning.message for warning in warnings))
