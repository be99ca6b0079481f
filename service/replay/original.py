"""What is to be made again: an answer as its caller kept it, or its row in the audit."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from google.protobuf import json_format

from radresponse.v1 import prediction_pb2
from service.audit.call import Made
from service.audit.facts import Facts
from service.audit.key import Key
from service.audit.store import AuditStore, Recorded, Wanted
from service.errors import NothingToReplay
from service.provenance import Answer, number_of


@dataclass(frozen=True, slots=True)
class Original:
    """A past prediction."""

    made: Made
    compared: bool
    """Whether therapies were compared."""
    therapies: tuple[str, ...]
    """In the order asked, where that is known; empty where the caller must say."""
    by_model: Mapping[str, tuple[str, ...]]
    """The therapies that each model answered for, where that is known."""
    reference: str
    answer: Answer | None
    """Itself, where the caller kept it."""
    notes: tuple[str, ...] = ()
    """What the audit says of it."""


def from_answer(file: Path, key: Key, store: AuditStore | None, subject: str) -> Original:
    """From an answer in protobuf's JSON form, as `radresponse predict --json` prints it.

    Args:
        file: Holds it.
        key: Of the audit; any where there is none.
        store: The audit; None where there is none.
        subject: The patient's pseudonym, which the answer's number is bound to.

    Raises:
        NothingToReplay: No such answer in the file.
    """
    answer = _parsed(file)
    facts = Facts(key)
    facts.answered(answer)
    notes = _told_by_audit(answer, key, store, subject, facts.made) if store else ()
    if isinstance(answer, prediction_pb2.CompareTherapiesResponse):
        options = {option.therapy: option.predictions for option in answer.options}
        by_model: dict[str, tuple[str, ...]] = {}
        for therapy, predictions in options.items():
            for one in predictions:
                by_model[one.model.name] = (*by_model.get(one.model.name, ()), therapy)
        return Original(facts.made, True, tuple(options), by_model, answer.reference_therapy, answer, notes)
    by_model = {}
    for one in answer.predictions:
        by_model[one.model.name] = (*by_model.get(one.model.name, ()), *([one.therapy] if one.therapy else []))
    return Original(facts.made, False, (), by_model, "", answer, notes)


def from_audit(store: AuditStore, number: str) -> Original:
    """From the row of a call or of a prediction.

    Raises:
        NothingToReplay: No row of that number, or it is none of a prediction.
    """
    found = next(store.rows(Wanted(id=number), newest=1), None)
    if found is None:
        raise NothingToReplay("the audit has no call and no prediction of that number")
    try:
        made = found.call().made
    except ValueError:
        raise NothingToReplay(f"row {found.sequence} cannot be read") from None
    if not made.parts:
        raise NothingToReplay(f"row {found.sequence} is of {found.method}, which predicted nothing ({found.code})")
    return Original(made, found.method.endswith("/CompareTherapies"), (), {}, "", None, (_named(found),))


def _parsed(file: Path) -> Answer:
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise NothingToReplay(f"{file}: {error.strerror}") from None
    kinds = (prediction_pb2.PredictResponse, prediction_pb2.CompareTherapiesResponse)
    for kind in kinds:
        try:
            answer = json_format.Parse(text, kind())
        except json_format.ParseError:
            continue
        if answer.provenance.models:
            return answer
    raise NothingToReplay(f"{file}: no answer of Predict or CompareTherapies in protobuf's JSON form, with provenance")


def _told_by_audit(answer: Answer, key: Key, store: AuditStore, subject: str, made: Made) -> tuple[str, ...]:
    number = answer.provenance.prediction_id
    row = next(store.rows(Wanted(id=number), newest=1), None) if number else None
    if row is None:
        return ("the audit has no row of this answer's number",)
    if number_of(answer, subject, row.caller, key) != number:
        return (f"{_named(row)}, and the answer is not the one that was given then, or of another patient",)
    if row.call().made.answer != made.answer:
        return (f"{_named(row)}, and what it says of the answer does not fit",)
    return (f"{_named(row)}; the answer is the one that was given then",)


def _named(row: Recorded) -> str:
    return f"row {row.sequence} of the audit: call {row.id} by {row.caller or 'nobody'}"
