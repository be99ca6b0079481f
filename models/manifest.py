"""The manifest of a model version: what it is, what it takes, how good it was, and the digest of every data file."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from models.effects.answers import Comparison
from models.errors import BadSignature, BrokenFile
from models.families.columns import ColumnSpec
from models.families.recipe import Recipe
from models.families.target import Task
from models.plain import dumps, from_plain, loads
from models.software import VERSION
from models.spreads import Spreads
from models.stability.stable import Stability

__all__ = ["FILE", "ColumnSpec", "Facts", "Manifest", "Metric", "read_manifest", "write_manifest"]

FILE = "manifest.json"
Evidence = Literal["simulated", "randomised", "observational"]
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Metric:
    """A measure of performance."""

    name: str
    """E.g. `auc`, `c_index`, `brier`."""
    of: str
    """`model`, `clinical only`, `volume only`."""
    value: float
    lower: float
    """95 % bootstrap interval."""
    upper: float
    protocol: str
    """How it was measured, e.g. `5-fold, by patient`."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a trainer knows of a version beside the fitted model itself."""

    endpoint: str
    """What is predicted, in words, e.g. `response (RECIST 1.1)`."""
    training_patients: int
    simulated: bool
    evidence: Evidence
    """How therapies were given to the training patients."""
    profile: str = ""
    """YAML text by which radiomic features are taken; empty where none is needed."""
    encoder: str = ""
    """Identity of the encoder, 64 hexadecimal digits; empty where no embedding is needed."""
    metrics: tuple[Metric, ...] = ()
    outside: Literal["mark", "withhold"] = "mark"
    """What is done for a patient unlike the training cohort: the prediction is marked, or not given."""
    interval_level: float = 0.9
    time_unit: Literal["days"] = "days"
    comparisons: tuple[Comparison, ...] = ()
    """What the training cohort as a whole says of each pair of therapies, behind the overlap gate."""
    implausible_score: bool = False
    """Whether it did better on held-out patients than honest models do on so few."""
    accepted_score: str = ""
    """Why that is believed; empty where nobody said, and then it is not promoted."""
    software: str = VERSION
    """Version of this software that trained it."""
    spreads: Spreads | None = None
    """What drift is measured against; None where the version brings none."""
    stability: Stability | None = None
    """How stable each image feature was, and which were dropped for it; None where nothing was asked."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """A model version as plain data.

    The manifest holds the digest of each data file and of the card. Its own digest, and those of the
    files that MLflow writes, cannot stand in it: the version's digest covers them (`models.load`).
    """

    recipe: Recipe
    facts: Facts
    files: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of each file, by name."""
    format: Literal["radresponse-1"] = "radresponse-1"

    def __post_init__(self) -> None:
        kinds = {spec.name.partition(".")[0] for spec in self.recipe.columns}
        if "radiomics" in kinds and not self.facts.profile:
            raise BadSignature("the model takes radiomic features and brings no profile by which they are taken")
        if "embedding" in kinds and not _DIGEST.fullmatch(self.facts.encoder):
            raise BadSignature("the model takes embeddings and does not say of which encoder; wanted its identity")
        if not 0.5 <= self.facts.interval_level < 1 or self.facts.training_patients < 1:
            raise BrokenFile(f"{FILE}: the interval level or the number of training patients is impossible")
        if any(not _DIGEST.fullmatch(digest) for digest in self.files.values()):
            raise BrokenFile(f"{FILE}: a digest is not 64 lower-case hexadecimal digits")

    @property
    def task(self) -> Task:
        """Outcome or progression."""
        return self.recipe.task

    @property
    def family(self) -> str:
        """What learned it."""
        return self.recipe.family

    @property
    def columns(self) -> tuple[ColumnSpec, ...]:
        """Input columns, in order; `therapy` is not among them."""
        return self.recipe.columns

    @property
    def therapies(self) -> tuple[str, ...]:
        """What it can be asked about."""
        return self.recipe.therapies

    @property
    def endpoint(self) -> str:
        """What is predicted, in words."""
        return self.facts.endpoint

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """As measured when it was trained."""
        return self.facts.metrics

    @property
    def training_patients(self) -> int:
        """How many it learned from."""
        return self.facts.training_patients

    @property
    def simulated(self) -> bool:
        """Whether these were simulated."""
        return self.facts.simulated

    @property
    def evidence(self) -> Evidence:
        """How therapies were given to them."""
        return self.facts.evidence

    @property
    def profile(self) -> str:
        """YAML text; empty where none is needed."""
        return self.facts.profile

    @property
    def spreads(self) -> Spreads | None:
        """What drift is measured against."""
        return self.facts.spreads

    @property
    def encoder(self) -> str:
        """Identity of the encoder; empty where none is needed."""
        return self.facts.encoder


def write_manifest(manifest: Manifest) -> bytes:
    """The file's content; the same manifest gives the same bytes."""
    return dumps(manifest)


def read_manifest(content: bytes) -> Manifest:
    """From the file's content.

    Raises:
        BrokenFile: Not what `write_manifest` writes.
        BadSignature: It takes features that it does not say how to take.
    """
    plain = loads(content, place=FILE)
    if isinstance(plain, dict) and isinstance(facts := plain.get("facts"), dict):
        facts.setdefault("spreads", None)  # versions from before there was one
        facts.setdefault("stability", None)
        if isinstance(recipe := plain.get("recipe"), dict):
            for later in ("harmonisation", "search", "recalibration"):
                recipe.setdefault(later, None)
    return from_plain(Manifest, plain, place=FILE)
