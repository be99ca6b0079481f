"""What can be wrong with models, cohorts and what is asked of them.

```
ModelError
├── ModelNotFound          no serving model, or no version, of that name
├── NoModel                nothing serves, or nothing fits the case
├── UnknownTherapy         a therapy that the model was not made for
├── BadInput               the values of a case do not fit the model's columns
│   ├── MissingColumn      a required column without a value
│   ├── WrongType          a number where a category is wanted, or the reverse
│   ├── OutOfRange         outside the limits of the column
│   └── UnknownCategory    a category that the column does not have
├── BadVersion             the files of a model version cannot be served
│   ├── ForbiddenFile      a pickle, code, a link, or a file that is not on the list
│   ├── BrokenFile         a digest or a structure is wrong
│   ├── BadSignature       columns, task or metadata missing or outside the grammar
│   ├── NotReleased        never admitted, or changed since it was
│   ├── BadRelease         a release that no known key signed
│   ├── AdmissionRefused   a gate of the admission does not let it pass
│   └── ImpossibleAnswer   a number that is not finite, or no probability
├── BadCohort              a cohort that cannot be learned from
│   └── Leak               figures would be a lie
│       ├── LeakingColumn  a column that alone tells the outcome, or who the patient is
│       └── LeakingFold    a held-out patient is also learned from, or seen when columns are chosen
├── NoRoom                 this machine's disk is full
├── BadKey                 a key of releases that cannot be read, or of another kind
├── BadStore               an address at which no store of ours can be
├── StoreUnavailable       a database of ours does not answer, or is full
├── ImplausibleScore       better than honest models are on so few patients; nobody said why
└── RegistryUnavailable    MLflow does not answer
    └── ReleasesUnavailable  the store of releases does not
```

As in `features.errors`: what was seen, what is wanted, never an identifier.
"""

from typing import ClassVar


class ModelError(Exception):
    """Base of all errors of this floor.

    Attributes:
        reason: For machines, upper snake case; stable.
        details: What was seen and what is wanted, as text.
        place: The part of the request, e.g. `case.covariates.age_years`, or empty.
    """

    reason: ClassVar[str] = "MODEL_ERROR"

    def __init__(self, message: str, *, place: str = "", **details: object) -> None:
        super().__init__(message)
        self.details = {key: str(value) for key, value in details.items()}
        self.place = place


class ModelNotFound(ModelError):
    """No serving model, or no version, of that name."""

    reason = "MODEL_NOT_FOUND"


class NoModel(ModelError):
    """Nothing serves, or nothing fits the case."""

    reason = "NO_MODEL"


class UnknownTherapy(ModelError):
    """A therapy that the model was not made for."""

    reason = "UNKNOWN_THERAPY"


class BadInput(ModelError):
    """The values of a case do not fit the model's columns."""

    reason = "BAD_INPUT"


class MissingColumn(BadInput):
    """A required column without a value."""

    reason = "MISSING_COLUMN"


class WrongType(BadInput):
    """A number where a category is wanted, or the reverse."""

    reason = "WRONG_TYPE"


class OutOfRange(BadInput):
    """Outside the limits of the column."""

    reason = "OUT_OF_RANGE"


class UnknownCategory(BadInput):
    """A category that the column does not have."""

    reason = "UNKNOWN_CATEGORY"


class BadVersion(ModelError):
    """The files of a model version cannot be served."""

    reason = "BAD_VERSION"


class ForbiddenFile(BadVersion):
    """A pickle, code, a link, or a file that is not on the list."""

    reason = "FORBIDDEN_FILE"


class BrokenFile(BadVersion):
    """A digest or a structure is wrong."""

    reason = "BROKEN_FILE"


class BadSignature(BadVersion):
    """Columns, task or metadata missing or outside the grammar."""

    reason = "BAD_SIGNATURE"


class NotReleased(BadVersion):
    """Never admitted, or changed since it was."""

    reason = "NOT_RELEASED"


class BadRelease(BadVersion):
    """A release that no known key signed."""

    reason = "BAD_RELEASE"


class Retired(BadVersion):
    """Its release was ended."""

    reason = "RETIRED"


class AdmissionRefused(BadVersion):
    """A gate of the admission does not let it pass."""

    reason = "ADMISSION_REFUSED"


class ImpossibleAnswer(BadVersion):
    """A number that is not finite, or no probability."""

    reason = "IMPOSSIBLE_ANSWER"


class BadCohort(ModelError):
    """A cohort that cannot be learned from."""

    reason = "BAD_COHORT"


class Leak(BadCohort):
    """Figures would be a lie."""

    reason = "LEAK"


class LeakingColumn(Leak):
    """A column that alone tells the outcome, or who the patient is."""

    reason = "LEAKING_COLUMN"


class LeakingFold(Leak):
    """A held-out patient is also learned from, or seen when columns are chosen."""

    reason = "LEAKING_FOLD"


class NoRoom(ModelError):
    """This machine's disk is full."""

    reason = "NO_ROOM"


class BadKey(ModelError):
    """A key of releases that cannot be read, or of another kind."""

    reason = "BAD_KEY"


class BadStore(ModelError):
    """An address at which no store of ours can be."""

    reason = "BAD_STORE"


class ImplausibleScore(ModelError):
    """Better than honest models are on so few patients, and nobody said why."""

    reason = "IMPLAUSIBLE_SCORE"


class RegistryUnavailable(ModelError):
    """MLflow does not answer."""

    reason = "REGISTRY_UNAVAILABLE"


class ReleasesUnavailable(RegistryUnavailable):
    """The store of releases does not answer."""

    reason = "RELEASES_UNAVAILABLE"


class StoreUnavailable(ModelError):
    """A database of ours does not answer, or is full."""

    reason = "STORE_UNAVAILABLE"


class StoreBusy(StoreUnavailable):
    """Another writes to it, and was not waited for, or for too long."""

    reason = "STORE_BUSY"
