"""What made an answer: enough to get it again."""

import copy
from collections.abc import Mapping, Sequence

from features.case import Case
from features.radiomics import ENGINE
from models.version import Model
from radresponse.v1 import prediction_pb2
from service.answer import reference_of
from service.audit.key import Key
from service.auth import Caller
from service.inputs import Inputs, Measured, digest_of
from service.version import VERSION

Answer = prediction_pb2.PredictResponse | prediction_pb2.CompareTherapiesResponse


def provenance_of(
    case: Case, models: Sequence[Model], measured: Sequence[Measured], inputs: Mapping[str, Inputs]
) -> prediction_pb2.Provenance:
    """Names the versions, profiles, images, given features, inputs and engines of one answer.

    Args:
        case: The patient.
        models: Those that answered.
        measured: The features that they used.
        inputs: What each was given, by name.
    """
    encoders = sorted({group.encoder_digest for group in measured if group.encoder_digest})
    looked_at = {scan for group in measured for scan in group.scans}
    return prediction_pb2.Provenance(
        models=[reference_of(model) for model in models],
        profile_digests=sorted(group.profile.digest for group in measured if group.radiomics),
        scans=[
            prediction_pb2.ScanDigest(image_digest=scan.image.digest, segmentation_digest=scan.segmentation.digest)
            for scan in case.scans
            if scan.name in looked_at
        ],
        given_features=_used(case, inputs),
        input_digest=digest_of(inputs),
        software_version=VERSION,
        radiomics_engine=ENGINE if any(group.radiomics for group in measured) else "",
        encoder_digest=next(iter(encoders), ""),
        encoder_digests=encoders,
    )


def _used(case: Case, inputs: Mapping[str, Inputs]) -> list[str]:
    """Names of the given features that a model takes, in order."""
    taken = set[str]().union(*(of.values for of in inputs.values()))
    return sorted(name for name in case.given if name in taken)


def number(answer: Answer, subject: str, caller: Caller, key: Key) -> None:
    """Gives an answer its number, by which its outcome is reported later and its row in the audit is found.

    It is a keyed digest of all that the answer holds, so that the same answer to the same caller for the same patient
    has the same number, and an answer that was changed since does not fit its number. Other forms of the answer are no
    part of it, and come later.
    """
    answer.provenance.prediction_id = key.prediction_id(
        caller.name, subject, answer.SerializeToString(deterministic=True)
    )


def number_of(answer: Answer, subject: str, caller: str, key: Key) -> str:
    """The number that an answer should have."""
    bare = copy.deepcopy(answer)
    bare.provenance.ClearField("prediction_id")
    bare.ClearField("documents")  # other forms of the same answer
    bare.ClearField("stored")
    return key.prediction_id(caller, subject, bare.SerializeToString(deterministic=True))
