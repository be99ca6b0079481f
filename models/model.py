"""What the service asks of any model version, whoever made it."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from features.profile import Profile
from models.answers import Answer, SimilarPatient
from models.encoding import Encoding
from models.families.columns import ColumnSpec
from models.families.target import Task
from models.manifest import Metric


class Described(Protocol):
    """What is known of a version beside its numbers; empty where it brings nothing."""

    @property
    def task(self) -> Task:
        """Outcome or progression."""

    @property
    def family(self) -> str:
        """What learned it, e.g. `xgboost`."""

    @property
    def columns(self) -> tuple[ColumnSpec, ...]:
        """Input columns, in order; `therapy` is not among them."""

    @property
    def therapies(self) -> tuple[str, ...]:
        """What it can be asked about."""

    @property
    def endpoint(self) -> str:
        """What is predicted, in words."""

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """As measured when it was trained."""

    @property
    def training_patients(self) -> int:
        """How many it learned from; 0 where it does not say."""

    @property
    def simulated(self) -> bool:
        """Whether these were simulated."""

    @property
    def evidence(self) -> str:
        """How therapies were given to them."""

    @property
    def encoder(self) -> str:
        """Identity of the encoder; empty where none is needed."""


class Model(Protocol):
    """A loaded version: immutable, safe to share between threads, the same question gets the same answer."""

    @property
    def name(self) -> str:
        """The registered name."""

    @property
    def version(self) -> str:
        """MLflow's number."""

    @property
    def digest(self) -> str:
        """SHA-256 over the digests of all its files."""

    @property
    def manifest(self) -> Described:
        """What is known of it."""

    @property
    def card(self) -> str:
        """Markdown."""

    @property
    def encoding(self) -> Encoding:
        """Its columns, made ready."""

    @property
    def profile(self) -> Profile | None:
        """By which its radiomic features are taken; None where it needs none."""

    @property
    def columns(self) -> tuple[ColumnSpec, ...]:
        """Input columns, in order; `therapy` is not among them."""

    @property
    def therapies(self) -> tuple[str, ...]:
        """What it can be asked about, in its own spelling; none where it knows no therapy."""

    @property
    def task(self) -> Task:
        """Outcome or progression."""

    def predict(
        self,
        values: Mapping[str, float | str],
        therapies: Sequence[str] = (),
        reference: str | None = None,
        missing: Mapping[str, str] | None = None,
    ) -> Answer:
        """Answers one case.

        Args:
            values: By full column name, `clinical.*` and computed features alike.
            therapies: Under discussion; none for all that the model knows. A model that knows no therapy
                answers once, with an empty therapy.
            reference: Which of the model's therapies the others are compared against; None for no comparison.
            missing: Why a column has no value, by name.

        Raises:
            UnknownTherapy: The model was not made for it.
            BadInput: A value is missing, of another type, or out of range.
            ImpossibleAnswer: The model gave no number that can be an answer.
        """

    def similar(
        self, values: Mapping[str, float | str], missing: Mapping[str, str] | None = None
    ) -> tuple[SimilarPatient, ...]:
        """Training patients like this one, nearest first; none where the version does not tell of its cohort."""
