"""Which models answer a request, for which therapies, and why the others do not."""

from collections.abc import Sequence
from dataclasses import dataclass

from features.case import Case
from features.names import ClinicalColumn, OtherColumn, ScanColumn, parse
from models.answers import Notice
from models.errors import MissingColumn, ModelError, NoModel, UnknownTherapy
from models.version import Model
from service.hosting import ServingSet

LISTED = 5
"""Names that a sentence lists before it says how many more there are."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One model with the therapies that it is asked about."""

    model: Model
    therapies: tuple[str, ...]
    """In the order asked; empty for a model that knows none."""
    by_name: bool
    """Whether the caller named it: then what it lacks is an error, not a notice."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The models that are asked."""

    asked: tuple[Asked, ...]
    notices: tuple[Notice, ...]
    refusals: tuple[ModelError, ...]
    """Why the others were left out."""


def select(
    serving: ServingSet, case: Case, names: Sequence[str], therapies: Sequence[str], *, compare: bool
) -> Selection:
    """Chooses models by name, or all that serve and fit.

    Args:
        serving: The pinned set.
        case: Its covariates and scans are looked at, no image is.
        names: Of the models asked for; empty for all that fit.
        therapies: Under discussion; empty for all that each model knows.
        compare: Whether a model that knows no therapy is left out.

    Raises:
        NoModel: Nothing serves.
        ModelNotFound: A name that does not serve.
        UnknownTherapy: A therapy that no model knows, or one that a named model does not know.
        MissingColumn: A named model's required column cannot come from this case.
        BadInput: A covariate or given feature is not what a model takes; never passed over, for it may be a slip.
    """
    if not serving.served:
        refused = "".join(f" ({name}: {held.trouble})" for name, held in serving.troubled.items())
        raise NoModel(f"no model serves; wanted one with the serving alias in the registry{refused}")
    models = [serving.get(name, f"models[{index}]").model for index, name in enumerate(names)]
    by_name = bool(models)
    models = models or [held.model for held in serving.served.values()]
    _require_known(models, therapies)
    asked: list[Asked] = []
    refusals: list[ModelError] = []
    notices: list[Notice] = []
    for index, model in enumerate(models):
        try:
            of_model = _therapies_of(model, therapies, compare=compare)
            require_inputs(model, case)
        except (UnknownTherapy, MissingColumn) as error:
            if by_name:
                raise of_named(model, error, f"models[{index}]") from None
            error.details.setdefault("model", model.name)
            refusals.append(error)
            notices.append(left_out(model, error))
        else:
            asked.append(Asked(model, of_model, by_name))
    return Selection(tuple(asked), tuple(notices), tuple(refusals))


def left_out(model: Model, error: ModelError) -> Notice:
    """Says that a model that was not named does not answer, and why."""
    return Notice("MODEL_LEFT_OUT", f"{model.name} does not answer: {error}")


def nothing_left(refusals: Sequence[ModelError]) -> ModelError:
    """What a request ends with when every model was left out: the first that lacks an input, else the first."""
    told = next((error for error in refusals if isinstance(error, MissingColumn)), None) or next(iter(refusals), None)
    if told is None:
        return NoModel("no serving model fits the case")
    what = f"none of {len(refusals)} models can answer; {told.details['model']}" if len(refusals) > 1 else ""
    return _said(told, what or told.details["model"], told.place)


def of_named(model: Model, error: ModelError, place: str) -> ModelError:
    """The error of a model that the caller named, which says its name.

    Args:
        model: That refused.
        error: What it lacks.
        place: Where the caller named it, for an error that blames no other field.
    """
    error.details.setdefault("model", model.name)
    return _said(error, model.name, error.place or place)


def unknown_covariates(serving: ServingSet, case: Case) -> tuple[Notice, ...]:
    """Names covariates and given features that no serving model takes: a slip of the pen would go unseen."""
    covariates = [name for name in case.clinical if f"clinical.{name}" not in serving.columns]
    given = [name for name in case.given if name not in serving.columns]
    notices = []
    if covariates:
        notices.append(Notice("UNKNOWN_COVARIATE", f"no serving model takes the covariates {listed(covariates)}"))
    if given:
        notices.append(Notice("UNUSED_FEATURE", f"no serving model takes the given features {listed(given)}"))
    return tuple(notices)


def require_inputs(model: Model, case: Case) -> None:
    """Refuses, before any image is decoded, a case whose own values the model cannot take.

    Raises:
        MissingColumn: Names what is missing, and the field where it belongs.
        BadInput: A value of the wrong type, out of range, or of an unknown category.
    """
    scans = {scan.name for scan in case.scans}
    missing: list[tuple[str, str]] = []
    for spec in model.encoding.required:
        if spec.name in case.given:
            continue
        match parse(spec.name):
            case ClinicalColumn(name=name) if name not in case.clinical:
                missing.append((spec.name, f"case.covariates.{name}"))
            case OtherColumn():
                missing.append((spec.name, f"case.features.{spec.name}"))
            case ScanColumn(scan=scan) if scan not in scans:
                missing.append((f"a {scan} scan", "case.scans"))
    if missing:
        what = listed(list(dict.fromkeys(name for name, _ in missing)))
        raise MissingColumn(f"the model needs {what}, which the case does not have", place=missing[0][1], wanted=what)
    if not scans:  # nothing is decoded before the model itself checks
        return
    told: dict[str, float | str] = {f"clinical.{name}": value for name, value in case.clinical.items()}
    told |= case.given
    model.encoding.require_taken(told)


def listed(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more


def _said(error: ModelError, who: str, place: str) -> ModelError:
    details: dict[str, object] = dict(error.details)
    return type(error)(f"{who}: {error}", place=place, **details)


def _require_known(models: Sequence[Model], therapies: Sequence[str]) -> None:
    known = list(dict.fromkeys(therapy for model in models for therapy in model.therapies))
    for index, therapy in enumerate(therapies):
        if therapy not in known:
            raise _unknown(therapy, index, known)


def _therapies_of(model: Model, therapies: Sequence[str], *, compare: bool) -> tuple[str, ...]:
    if not model.therapies:
        if compare:
            raise UnknownTherapy("the model knows no therapy, so it has nothing to compare")
        return ()
    for index, therapy in enumerate(therapies):
        if therapy not in model.therapies:
            raise _unknown(therapy, index, model.therapies)
    return tuple(therapies) or tuple(model.therapies)


def _unknown(therapy: str, index: int, known: Sequence[str]) -> UnknownTherapy:
    wanted = ", ".join(known) or "none"
    return UnknownTherapy(
        f"therapy {therapy[:64]!r} is not known; known: {wanted}", place=f"therapies[{index}]", wanted=wanted
    )
