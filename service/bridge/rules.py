"""Which studies are asked about, and what: a YAML file of the operator, read once.

```yaml
server: 127.0.0.1:50051             # the service; also token_file, ca_file, certificate_file, key_file
pacs_file: pacs.yaml                # as the service has it, with the archive under the same name
archive: hospital
journal: /var/lib/radresponse/bridge.db
pseudonym_key_file: /etc/radresponse/pseudonyms.key
days_back: 14                       # studies of so many days are looked at
poll_seconds: 60
rules:
  lung:                             # one a question; its name stands in lists and logs
    scans:
      - modality: ct
        body_part: CHEST            # BodyPartExamined; left out: any
        structures: [GTV-1]         # names exactly as the RTSTRUCT or SEG has them; or labels: [1], their numbers
    therapies: [chemotherapy, immunotherapy]   # two or more are compared; left out: all that each model knows
    models: [outcome-fusion]        # left out: all that apply
    covariates: {ecog: 1}           # the same for all patients
    covariates_file: covariates.csv # a line a patient: patient_id, then covariates by name
    each_release: true              # false: a study is asked about once, whichever release serves later
```
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, Field, asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import yaml

from features.modalities import MODALITIES, modality_of
from service.errors import SettingsError

Told = TypeVar("Told")


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedScan:
    """One image of a study with its segmentation."""

    modality: str
    body_part: str = ""
    structures: tuple[str, ...] = ()
    labels: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if modality_of(self.modality) not in MODALITIES:
            raise SettingsError(f"scans: modality {self.modality}; wanted one of {', '.join(MODALITIES)}")
        if bool(self.structures) == bool(self.labels):
            raise SettingsError("scans: wanted either structures, by name, or labels, by number")

    @property
    def dicom_modality(self) -> str:
        """As an archive has it."""
        return modality_of(self.modality).upper()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One question, asked of every study that has what it needs."""

    name: str
    scans: tuple[WantedScan, ...]
    therapies: tuple[str, ...] = ()
    reference_therapy: str = ""
    models: tuple[str, ...] = ()
    covariates: Mapping[str, float | str]
    covariates_file: Path | None = None
    each_release: bool = True
    """Whether a study is asked about again when another release serves."""

    def __post_init__(self) -> None:
        if not self.scans:
            raise SettingsError(f"rule {self.name}: no scans; wanted one or more")
        if self.reference_therapy and self.reference_therapy not in self.therapies:
            raise SettingsError(f"rule {self.name}: reference_therapy is not among the therapies")

    @property
    def digest(self) -> str:
        """SHA-256 of what is asked: a rule that is changed asks anew."""
        told = asdict(self) | {"covariates_file": str(self.covariates_file)}
        del told["each_release"]  # says when it is asked, not what
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """All that a bridge needs to know."""

    pacs_file: Path
    archive: str
    journal: Path
    pseudonym_key_file: Path
    rules: tuple[Rule, ...]
    server: str = "127.0.0.1:50051"
    token_file: Path | None = None
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    days_back: int = 14
    poll_seconds: float = 60.0
    settle_seconds: float = 60.0
    """A study is left alone until its series have not grown for so long."""
    timeout_seconds: float = 300.0
    """For one question."""
    at_most: int = 100
    """Questions in one round."""
    attempts: int = 5
    """Before a study that fails again and again is given up."""

    def __post_init__(self) -> None:
        for name in ("days_back", "poll_seconds", "timeout_seconds", "at_most", "attempts"):
            if not 0 < getattr(self, name) < float("inf"):
                raise SettingsError(f"{name} is {getattr(self, name)}; wanted a number above 0")
        if not 0 <= self.settle_seconds < float("inf"):
            raise SettingsError(f"settle_seconds is {self.settle_seconds}; wanted 0 or more")
        if not self.rules:
            raise SettingsError("rules: none; wanted one or more")
        if self.pseudonym_key_file.resolve().parent == self.journal.resolve().parent:
            raise SettingsError("pseudonym_key_file lies beside the journal that it protects; wanted another folder")


def read_rules(file: Path) -> Rules:
    """Reads the operator's file.

    Raises:
        SettingsError: It cannot be read, or says something that is not known.
    """
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise SettingsError(f"{file}: no YAML") from None
    told = _mapping(content, "the rules' file")
    rules = tuple(_rule(name, one) for name, one in _mapping(told.pop("rules", {}), "rules").items())
    return _made(Rules, told, "the rules' file", rules=rules)


def _rule(name: str, told: object) -> Rule:
    place = f"rule {name}"
    values = _mapping(told, place)
    scans = values.pop("scans", [])
    if not isinstance(scans, list):
        raise SettingsError(f"{place}: scans is no list")
    wanted = tuple(_made(WantedScan, _mapping(one, f"{place}, scans"), f"{place}, scans") for one in scans)
    covariates = _mapping(values.pop("covariates", {}), f"{place}, covariates")
    for key, value in covariates.items():
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise SettingsError(f"{place}, covariates: {key} is neither a number nor a word")
    return _made(Rule, values, place, name=name, scans=wanted, covariates=covariates)


def _made(kind: type[Told], told: Mapping[str, Any], place: str, **known: object) -> Told:
    types = {field.name: str(field.type) for field in fields(kind) if field.name not in known}  # type: ignore[arg-type]
    for key in told:
        if key not in types:
            raise SettingsError(f"{place}: no such setting {key}; known: {', '.join((*types, *known))}")
    try:
        return kind(**{key: _typed(value, types[key], f"{place}: {key}") for key, value in told.items()}, **known)
    except TypeError:
        needed = [field.name for field in fields(kind) if field.name in types and _required(field)]  # type: ignore[arg-type]
        lacking = [name for name in needed if name not in told]
        raise SettingsError(f"{place}: lacks {', '.join(lacking)}") from None


def _required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _typed(value: object, kind: str, place: str) -> object:
    if "tuple" in kind:
        item = int if "int" in kind else str
        if not isinstance(value, list) or not all(_is(one, item) for one in value):
            raise SettingsError(f"{place} is no list of {'numbers' if item is int else 'names'}")
        return tuple(value)
    if "Path" in kind:
        if not isinstance(value, str):
            raise SettingsError(f"{place} is no path")
        return Path(value).expanduser()
    if "bool" in kind:
        if not isinstance(value, bool):
            raise SettingsError(f"{place} is neither true nor false")
        return value
    wanted = next((one for one in (float, int, str) if one.__name__ in kind), str)
    if wanted is float and _is(value, int):
        return float(value)  # type: ignore[arg-type]
    if not _is(value, wanted):
        raise SettingsError(f"{place} is no {'number' if wanted is not str else 'text'}")
    return value


def _is(value: object, kind: type) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _mapping(value: object, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise SettingsError(f"{place}: wanted keys with values")
    return {str(key): one for key, one in value.items()}
