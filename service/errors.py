"""What can be wrong with a call itself: who makes it, what it uploads, how much is asked at once.

```
ServiceError
├── Unauthenticated      no identity, or one that is not known
├── NotAllowed           a known caller without the role
├── BadRequestField      a field of the request is malformed
├── MixedPatients        scans of one case that are of different patients
├── UndecodableRequest   bytes that are not the message that the method takes
├── UnknownMethod        a method that this server does not have
├── AuditUnavailable     the call cannot be recorded, so it is not answered
├── QueueFull            more work waits than may
├── ImageNotFound        nothing of that digest from this caller for this subject
├── PredictionNotFound   no prediction of that number is kept for this caller and subject
├── UploadError          an upload cannot go on
│   ├── UploadTooLarge   a file larger than the server takes
│   ├── DigestMismatch   what came does not hash to what was declared
│   ├── OffsetMismatch   the rest does not begin where the server's part ends
│   ├── TooManyBytes     more came than was declared
│   ├── UploadIncomplete the stream ended before the file did
│   ├── UploadTakenOver  another upload of the same file, or a deletion, ended this one
│   └── StoreFull        no room on the server's disk
├── NothingToReplay      a past prediction that cannot be made again
├── PacsError            a picture archive does not do what was asked of it
│   ├── UnknownPacs      none of that name is listed, or not for this caller
│   ├── PacsUnavailable  it does not answer, or answers that it cannot now
│   ├── PacsRefused      it does not know this service, or does not let it
│   ├── PacsNonsense     it answers what is no DICOM, or sends this service elsewhere
│   ├── SeriesNotFound   no such series
│   ├── SeriesTooLarge   more bytes, instances or seconds than are allowed
│   └── NotStored        it did not take an object, or gives another one back
└── SettingsError        the server cannot start as it is set; never leaves the command line
```

As in `features.errors`: what was seen, what is wanted, never an identifier.
"""

from typing import ClassVar


class ServiceError(Exception):
    """Base of all errors of this floor.

    Attributes:
        reason: For machines, upper snake case; stable.
        details: What was seen and what is wanted, as text.
        place: The field of the request, or empty.
    """

    reason: ClassVar[str] = "SERVICE_ERROR"

    def __init__(self, message: str, *, place: str = "", **details: object) -> None:
        super().__init__(message)
        self.details = {key: str(value) for key, value in details.items()}
        self.place = place


class Unauthenticated(ServiceError):
    """No identity, or one that is not known."""

    reason = "UNAUTHENTICATED"


class NotAllowed(ServiceError):
    """A known caller without the role that the method needs."""

    reason = "NOT_ALLOWED"

    def __init__(self, needed: str, held: tuple[str, ...]) -> None:
        seen = ", ".join(held) or "none"
        super().__init__(f"the role {needed} is needed; held: {seen}", needed=needed, held=seen)


class BadRequestField(ServiceError):
    """A field of the request is malformed."""

    reason = "BAD_FIELD"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}" if field else message, place=field)


class MixedPatients(ServiceError):
    """Scans of one case that are of different patients by their DICOM files."""

    reason = "MIXED_PATIENTS"

    def __init__(self, place: str) -> None:
        super().__init__(
            "by its DICOM files this scan is of another patient than the one before; wanted scans of one patient",
            place=place,
        )


class UndecodableRequest(ServiceError):
    """Bytes that are not the message that the method takes."""

    reason = "UNDECODABLE_REQUEST"

    def __init__(self, size_bytes: int) -> None:
        super().__init__(
            f"{size_bytes} bytes that are no message of this method; wanted one as its .proto file says",
            size_bytes=size_bytes,
        )


class UnknownMethod(ServiceError):
    """A method that this server does not have."""

    reason = "UNKNOWN_METHOD"

    def __init__(self) -> None:
        super().__init__("this server has no such method; wanted one of radresponse.v1, health or reflection")


class AuditUnavailable(ServiceError):
    """The call cannot be recorded, so it is not answered."""

    reason = "AUDIT_UNAVAILABLE"

    def __init__(self) -> None:
        super().__init__("the call cannot be recorded in the audit, so it is not answered; try again later")


class QueueFull(ServiceError):
    """More work waits than may."""

    reason = "QUEUE_FULL"

    def __init__(self, retry_after_seconds: float) -> None:
        super().__init__(f"the queue is full; try again in {retry_after_seconds:g} s")
        self.retry_after_seconds = retry_after_seconds


class ImageNotFound(ServiceError):
    """Nothing of that digest from this caller for this subject."""

    reason = "IMAGE_NOT_FOUND"

    def __init__(self, place: str = "") -> None:
        super().__init__("no file of that digest was uploaded by this caller for this subject", place=place)


class PredictionNotFound(ServiceError):
    """No prediction of that number is kept for this caller and subject."""

    reason = "PREDICTION_NOT_FOUND"

    def __init__(self) -> None:
        super().__init__("no prediction of that number is kept for this caller and subject", place="prediction_id")


class UploadError(ServiceError):
    """An upload cannot go on."""

    reason = "UPLOAD_ERROR"


class UploadTooLarge(UploadError):
    """A file larger than the server takes."""

    reason = "UPLOAD_TOO_LARGE"

    def __init__(self, size_bytes: int, limit_bytes: int) -> None:
        super().__init__(
            f"a file of {size_bytes} bytes; this server takes at most {limit_bytes}",
            place="header.size_bytes",
            size_bytes=size_bytes,
            limit_bytes=limit_bytes,
        )


class DigestMismatch(UploadError):
    """What came does not hash to what was declared; it was dropped."""

    reason = "DIGEST_MISMATCH"

    def __init__(self, size_bytes: int) -> None:
        super().__init__(
            f"the {size_bytes} bytes that came do not have the declared SHA-256, and were dropped; "
            "wanted the file unchanged, from its first byte",
            place="header.digest",
            size_bytes=size_bytes,
        )


class OffsetMismatch(UploadError):
    """The rest does not begin where the server's part ends."""

    reason = "OFFSET_MISMATCH"

    def __init__(self, offset_bytes: int, held_bytes: int) -> None:
        wanted = f"{held_bytes} or 0" if held_bytes else "0"
        super().__init__(
            f"the upload starts at byte {offset_bytes}; the server holds {held_bytes} bytes of this file, "
            f"so wanted {wanted}",
            place="header.offset_bytes",
            offset_bytes=offset_bytes,
            held_bytes=held_bytes,
        )


class TooManyBytes(UploadError):
    """More came than was declared; it was dropped."""

    reason = "TOO_MANY_BYTES"

    def __init__(self, size_bytes: int) -> None:
        super().__init__(
            f"more than the declared {size_bytes} bytes came, and were dropped",
            place="header.size_bytes",
            size_bytes=size_bytes,
        )


class UploadIncomplete(UploadError):
    """The stream ended before the file did; what came is kept."""

    reason = "UPLOAD_INCOMPLETE"

    def __init__(self, received_bytes: int, size_bytes: int) -> None:
        super().__init__(
            f"the stream ended at byte {received_bytes} of {size_bytes}; send the rest with "
            f"offset_bytes {received_bytes}",
            received_bytes=received_bytes,
            size_bytes=size_bytes,
        )


class UploadTakenOver(UploadError):
    """Another upload of the same file, or a deletion, ended this one."""

    reason = "UPLOAD_TAKEN_OVER"

    def __init__(self) -> None:
        super().__init__("another call of this caller went on with this file, or deleted it; ask GetImage what is held")


class StoreFull(UploadError):
    """No room on the server's disk."""

    reason = "STORE_FULL"

    def __init__(self) -> None:
        super().__init__("the server has no room for more files")


class NothingToReplay(ServiceError):
    """A past prediction that cannot be made again."""

    reason = "NOTHING_TO_REPLAY"


class PacsError(ServiceError):
    """A picture archive does not do what was asked of it."""

    reason = "PACS_ERROR"


class UnknownPacs(PacsError):
    """None of that name is listed, or not for this caller."""

    reason = "UNKNOWN_PACS"

    def __init__(self, place: str = "") -> None:
        super().__init__(
            "no archive of that name is listed for this caller; wanted one of the server's settings", place=place
        )


class PacsUnavailable(PacsError):
    """It does not answer, or answers that it cannot now."""

    reason = "PACS_UNAVAILABLE"

    def __init__(self, pacs: str, why: str) -> None:
        super().__init__(f"the archive {pacs} {why}; try again later", pacs=pacs)


class PacsRefused(PacsError):
    """It does not know this service, or does not let it."""

    reason = "PACS_REFUSED"

    def __init__(self, pacs: str, why: str) -> None:
        super().__init__(f"the archive {pacs} refuses this service: {why}; wanted credentials that it takes", pacs=pacs)


class PacsNonsense(PacsError):
    """It answers what is no DICOM, or sends this service elsewhere."""

    reason = "PACS_NONSENSE"

    def __init__(self, pacs: str, why: str) -> None:
        super().__init__(f"the archive {pacs} {why}", pacs=pacs)


class SeriesNotFound(PacsError):
    """No such series."""

    reason = "SERIES_NOT_FOUND"

    def __init__(self, pacs: str) -> None:
        super().__init__(f"the archive {pacs} has no such series or instance; wanted one that is there", pacs=pacs)


class SeriesTooLarge(PacsError):
    """More bytes, instances or seconds than are allowed."""

    reason = "SERIES_TOO_LARGE"

    def __init__(self, pacs: str, what: str, limit: float) -> None:
        super().__init__(
            f"what the archive {pacs} holds takes more than {limit:,.0f} {what}, which is all that is allowed",
            pacs=pacs,
            limit=f"{limit:.0f} {what}",
        )


class NotStored(PacsError):
    """It did not take an object, or gives another one back."""

    reason = "NOT_STORED"

    def __init__(self, pacs: str, why: str) -> None:
        super().__init__(f"a result was not stored in the archive {pacs}: {why}", pacs=pacs)


class SettingsError(ServiceError):
    """The server cannot start as it is set; never leaves the command line."""

    reason = "BAD_SETTINGS"
