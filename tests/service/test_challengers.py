"""A second version beside the one that serves: in shadow, as a canary, and never in its way."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from builders.cases import case, image_file, mask_file, scan
from builders.registry import AGE, CONTRAST, MEAN, THERAPIES, UPTAKE, VOLUME, facts_of, patients, write
from builders.releases import copied, put
from builders.serving import Service, refused, serving, warnings_of
from prometheus_client import CollectorRegistry

from features.cache import FeatureCache
from features.imaging.header import Limits
from models.families.xgboost_outcome import XGBoostOutcome
from models.load import load_model
from models.package import write_version
from models.registry import Registry
from radresponse.v1 import image_pb2, model_pb2, outcome_pb2, prediction_pb2
from service.audit.key import Key
from service.challengers import Challengers, Pinned
from service.convert import case_of
from service.errors import SettingsError
from service.hosting import Served, ServingSet
from service.inputs import Instruments
from service.monitoring.observer import Asked, Ticket
from service.monitoring.part import Monitoring
from service.settings import Settings
from service.shadow import Question, Shadow
from service.trials import Trials

NAME = "outcome-xgboost"
IMAGE, MASK = image_file(), mask_file()
SUBJECTS = [f"patient-{number}" for number in range(12)]


@contextmanager
def trying(
    registry_folder: Path, folder: Path, *, shadow: float = 0.0, canary: float = 0.0
) -> Iterator[tuple[Service, Registry]]:
    """A server whose outcome model has a challenger, learned on other patients."""
    registry = copied(registry_folder, folder)
    put(registry, write(folder / "written", NAME, seed=5), NAME, alias="challenger")
    settings = Settings(
        port=0, data_folder=folder, registry_uri=registry.uri, drain_seconds=1, poll_seconds=0.2,
        shadow_share=shadow, canary_share=canary,
    )  # fmt: skip
    with serving(settings) as service:
        yield service, registry


def asked(subject: str, *therapies: str) -> prediction_pb2.PredictRequest:
    return prediction_pb2.PredictRequest(
        case=case(scan(IMAGE, MASK), subject=subject), models=[NAME], therapies=therapies or THERAPIES
    )


def versions(service: Service, subjects: list[str]) -> dict[str, str]:
    answers = {subject: service.predict(asked(subject)) for subject in subjects}
    for answer in answers.values():
        (reference,) = answer.provenance.models
        assert {one.model.digest for one in answer.predictions} == {reference.digest}
        assert bool(warnings_of(answer, "CANARY")) == (reference.version == "2")
    return {subject: answer.provenance.models[0].version for subject, answer in answers.items()}


def counted(service: Service, name: str, **labels: str) -> float:
    registry: CollectorRegistry = service.server.metrics.registry
    return registry.get_sample_value(name, labels) or 0.0


def parts(service: Service) -> tuple[Trials, Monitoring]:
    assert service.server.trials is not None and service.server.monitoring is not None
    return service.server.trials, service.server.monitoring


def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


def test_a_canary_answers_a_stable_share_of_patients_and_says_so(registry_folder: Path, tmp_path: Path) -> None:
    for share in ("none", "half", "all"):
        (tmp_path / share).mkdir()
    with trying(registry_folder, tmp_path / "half", canary=0.5) as (service, registry):
        first = versions(service, SUBJECTS)
        assert set(first.values()) == {"1", "2"}
        assert versions(service, SUBJECTS[:4]) == {subject: first[subject] for subject in SUBJECTS[:4]}
        canary = next(subject for subject, version in first.items() if version == "2")
        compared = service.compare(
            prediction_pb2.CompareTherapiesRequest(
                case=case(scan(IMAGE, MASK), subject=canary), models=[NAME], therapies=THERAPIES
            )
        )
        assert "version 1 answers the others" in warnings_of(compared, "CANARY")[0]
        assert {one.version for one in compared.provenance.models} == {"2"}
        assert counted(service, "radresponse_canary_total", model=NAME, version="2") >= 2
        (model,) = [one for one in service.list_models(model_pb2.ListModelsRequest()).models
                    if one.reference.name == NAME]  # fmt: skip
        assert (model.reference.version, model.challenger.reference.version) == ("1", "2")
        assert (model.challenger.canary_share, model.challenger.shadow_share) == (0.5, 0.0)
        registry.alias(NAME, "2", "champion")
        other = next(subject for subject, version in first.items() if version == "1")
        until(lambda: versions_quietly(service, [other]) == ["2"])
        assert not warnings_of(service.predict(asked(canary)), "CANARY"), "it serves all now"
    key_file = (tmp_path / "half" / "audit.key").read_bytes()
    for share, wanted in (("all", {"2"}), ("none", {"1"})):
        (tmp_path / share / "audit.key").write_bytes(key_file)
        with trying(registry_folder, tmp_path / share, canary=float(share == "all")) as (service, _):
            assert set(versions(service, SUBJECTS[:4]).values()) == wanted


def versions_quietly(service: Service, subjects: list[str]) -> list[str]:
    return [service.predict(asked(subject)).provenance.models[0].version for subject in subjects]


def test_a_larger_share_only_adds_patients_and_another_version_draws_anew() -> None:
    key, subjects = Key(b"k" * 32), [f"p{number}" for number in range(2000)]
    parts = {subject: key.part("canary", "a" * 64, subject) for subject in subjects}
    shares = {share: {subject for subject, part in parts.items() if part < share} for share in (0.1, 0.3, 1.0)}
    assert shares[0.1] < shares[0.3] < shares[1.0] == set(subjects)
    assert 0.07 < len(shares[0.1]) / 2000 < 0.13
    other = {subject for subject in subjects if key.part("canary", "b" * 64, subject) < 0.3}
    assert 0.2 < len(other & shares[0.3]) / len(other) < 0.4, "no patient is always among the first"
    assert key.part("shadow", "a" * 64, "p1") != parts["p1"]


def test_a_challenger_that_cannot_take_a_case_leaves_it_to_the_champion(registry_folder: Path, tmp_path: Path) -> None:
    moment, table = datetime.now(UTC), patients()
    arms = Challengers(None, None, Key(b"k" * 32), canary_share=1.0)  # type: ignore[arg-type]
    ct = case_of(case(scan(IMAGE, MASK)), pytest.fail)
    champion = Served(load_model(write(tmp_path / "one", NAME), NAME, "1"), moment)
    before = ServingSet({NAME: champion})
    needy = (AGE, replace(UPTAKE, required=True))
    fitted = XGBoostOutcome().fit(table[0], table[1]["outcome"], needy, seed=5, replicates=4)
    write_version(tmp_path / "needy", fitted, facts_of(fitted), "# A card\n")
    for folder in (tmp_path / "needy", write(tmp_path / "none", "progression-age", seed=5)):
        challenger = Served(load_model(folder, NAME, "2"), moment)
        assert arms.answering(Pinned(before, {NAME: challenger}), "p", ct) is before
    able = Served(load_model(write(tmp_path / "able", NAME, seed=5), NAME, "2"), moment)
    assert arms.answering(Pinned(before, {NAME: able}), "p", ct).served == {NAME: able}


def test_a_shadow_is_asked_after_the_answer_and_both_are_kept_until_deleted(
    registry_folder: Path, tmp_path: Path
) -> None:
    with trying(registry_folder, tmp_path, shadow=1.0) as (service, _):
        answers = [service.predict(asked(subject)) for subject in SUBJECTS[:3]]
        assert {answer.provenance.models[0].version for answer in answers} == {"1"}
        assert not any(warnings_of(answer, "CANARY") for answer in answers)
        trials, monitoring = parts(service)
        assert trials.shadow is not None and trials.shadow.settle()
        monitoring.settle()
        store = monitoring.store
        beside = store.beside(NAME)
        assert len(beside) == 3 * len(THERAPIES)
        challenger = load_model(tmp_path / "written", NAME, "2")
        for one in beside:
            assert (one.both.champion.version, one.both.challenger.version) == ("1", "2")
            assert one.both.challenger.digest == challenger.digest
        given = {one.therapy: one.outcome.probability for one in answers[0].predictions}
        assert {one.both.therapy: one.both.champion.probability for one in beside} == pytest.approx(given)
        values = {one.both.therapy: one.both.challenger.probability for one in beside}
        arms = parts(service)[0].challengers.pinned().challengers[NAME].model
        truth = arms.predict({reason.feature: reason.value for reason in answers[0].predictions[0].contributions
                              if not reason.category} | {"clinical.sex": "female"}, THERAPIES)  # fmt: skip
        assert values == pytest.approx(
            {one.therapy: one.outcome.probability for one in truth.predictions if one.outcome}
        )
        assert set(values) == set(THERAPIES)
        assert values != given
        assert counted(service, "radresponse_shadow_total", model=NAME, version="2", result="answered") == 3
        # The same question again is one row; a reported outcome is set beside both.
        service.predict(asked(SUBJECTS[0]))
        trials.shadow.settle()
        service.report(
            outcome_pb2.ReportOutcomeRequest(
                subject=SUBJECTS[0], prediction_id=answers[0].provenance.prediction_id, therapy=THERAPIES[0], day=60,
                responded=True,
            )
        )  # fmt: skip
        monitoring.settle()
        again = store.beside(NAME)
        assert len(again) == len(beside)
        assert [one.outcome.event for one in again if one.outcome is not None] == [True]
        assert not any(subject.encode() in path.read_bytes() for subject in SUBJECTS
                       for path in tmp_path.glob("monitoring*"))  # fmt: skip
        service.delete(image_pb2.DeleteSubjectRequest(subject=SUBJECTS[0]))
        assert len(store.beside(NAME)) == 2 * len(THERAPIES)


def test_a_challenger_in_trouble_is_shown_and_what_serves_goes_on(registry_folder: Path, tmp_path: Path) -> None:
    with trying(registry_folder, tmp_path, shadow=1.0, canary=1.0) as (service, registry):
        never = registry.register(write(tmp_path / "never", NAME, seed=6), NAME)
        registry.alias(NAME, never, "challenger")
        read = model_pb2.GetModelRequest(name=NAME)
        until(lambda: bool(service.get_model(read).model.challenger.trouble))
        told = service.get_model(read).model
        assert "never admitted" in told.challenger.trouble and not told.trouble
        assert service.health() == "SERVING"
        assert told.challenger.reference.version == "2", "the one before goes on being tried"
        assert counted(service, "radresponse_challenger_trouble", model=NAME, version=never, reason="NOT_RELEASED") == 1
        assert versions_quietly(service, SUBJECTS[:1]) == ["2"]


def test_a_canary_that_fails_leaves_the_patient_to_the_champion(registry_folder: Path, tmp_path: Path) -> None:
    with trying(registry_folder, tmp_path, canary=1.0) as (service, _):
        assert versions(service, SUBJECTS[:1]) == {SUBJECTS[0]: "2"}
        held = parts(service)[0].challengers.pinned().challengers[NAME].model
        real = type(held).predict

        def predict(self: object, *args: object, **kwargs: object) -> object:
            if self is held:
                raise FloatingPointError("a value of a patient: 61")
            return real(self, *args, **kwargs)  # type: ignore[arg-type]

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(type(held), "predict", predict)
            before = counted(service, "radresponse_canary_total", model=NAME, version="2")
            answer = service.predict(asked(SUBJECTS[1]))
            assert {one.version for one in answer.provenance.models} == {"1"}
            assert {one.model.version for one in answer.predictions} == {"1"}
            (told,) = warnings_of(answer, "CANARY_FAILED")
            assert "version 2" in told and "61" not in told
            assert not warnings_of(answer, "CANARY")
            assert counted(service, "radresponse_canary_total", model=NAME, version="2") == before
            # What the case itself lacks is said of the version that serves.
            lacking = prediction_pb2.PredictRequest(case=case(subject=SUBJECTS[1]), models=[NAME])
            assert refused(service.predict, lacking, SUBJECTS[1]).reason == "MISSING_COLUMN"
        assert versions(service, SUBJECTS[1:2]) == {SUBJECTS[1]: "2"}


class _Monitoring:
    """Takes what shadows say."""

    def __init__(self) -> None:
        self.kept: list[str] = []

    def shadowed(self, ticket: object, prediction_id: str, champion: object, challenger: object) -> None:
        self.kept.append(prediction_id)


def test_a_challenger_that_hangs_or_breaks_costs_no_call(registry_folder: Path, tmp_path: Path) -> None:
    """The shadow's thread hangs in a model; calls go on, and the server ends."""
    with trying(registry_folder, tmp_path, shadow=1.0) as (service, _):
        held = parts(service)[0].challengers.pinned().challengers[NAME].model
        hang, inside = threading.Event(), threading.Event()
        real = type(held).predict

        def predict(self: object, *args: object, **kwargs: object) -> object:
            if self is held:
                inside.set()
                hang.wait(60)
                raise FloatingPointError("a value of a patient: 61")
            return real(self, *args, **kwargs)  # type: ignore[arg-type]

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(type(held), "predict", predict)
            service.predict(asked("first"))
            assert inside.wait(30)
            for subject in SUBJECTS[:6]:
                assert service.predict(asked(subject)).predictions
            hang.set()
            until(lambda: counted(service, "radresponse_shadow_total", model=NAME, version="2", result="failed") == 7)
        assert service.health() == "SERVING"


def test_what_a_shadow_cannot_keep_up_with_is_dropped_and_counted(registry_folder: Path, tmp_path: Path) -> None:
    with trying(registry_folder, tmp_path, shadow=1.0) as (service, _):
        answer = service.predict(asked("first"))
        trials, _ = parts(service)
        metrics, busy = service.server.metrics, threading.Event()
        shadow = Shadow(_Monitoring(), metrics, busy=lambda: not busy.is_set(), most_waiting=2)  # type: ignore[arg-type]
        held = trials.challengers.pinned().challengers
        champion = parts(service)[0].challengers.pinned().champions.served[NAME].model
        ticket = Ticket("holder")
        values = {AGE.name: 61.0, VOLUME.name: 520.0, MEAN.name: 100.0, CONTRAST.name: 5.0}
        of_champion = Asked(champion, values, champion.predict(values, THERAPIES))
        asked_ = case_of(case(scan(IMAGE, MASK)), pytest.fail)
        assert trials.challengers.host is not None
        instruments = Instruments(FeatureCache(), trials.challengers.host.encoders, Limits(), metrics)
        before = counted(service, "radresponse_shadow_total", model=NAME, version="2", result="dropped")
        for number in range(5):
            shadow.offer(Question(asked_, instruments, ticket, str(number), [of_champion], held))
        dropped = counted(service, "radresponse_shadow_total", model=NAME, version="2", result="dropped") - before
        assert dropped == 3
        busy.set()
        assert shadow.settle()
        assert shadow._monitoring.kept == ["3", "4"]  # type: ignore[attr-defined]
        ticket.forgotten = True
        shadow.offer(Question(asked_, instruments, ticket, "5", [of_champion], held))
        assert shadow.settle()
        assert shadow._monitoring.kept == ["3", "4"]  # type: ignore[attr-defined]
        shadow.close()
        assert answer.predictions


def test_a_challengers_copy_serves_its_trial_after_a_restart_without_the_registry(
    registry_folder: Path, tmp_path: Path
) -> None:
    with trying(registry_folder, tmp_path, canary=1.0) as (service, _):
        first = service.predict(asked("p"))
    settings = Settings(
        port=0, data_folder=tmp_path, registry_uri="http://127.0.0.1:9", drain_seconds=1, canary_share=1.0,
        releases_uri=f"sqlite:///{tmp_path / 'releases.db'}", releases_key_file=tmp_path / "release.pub",
    )  # fmt: skip
    with serving(settings) as service:
        again = service.predict(asked("p"))
        assert again.predictions == first.predictions
        assert again.provenance.models[0].version == "2"
        assert refused(service.get_model, model_pb2.GetModelRequest(name="none"), "none").reason == "MODEL_NOT_FOUND"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"shadow_share": 1.5}, "shadow_share: 1.5; wanted 0 to 1"),
        ({"canary_share": -0.1}, "canary_share: -0.1; wanted 0 to 1"),
        ({"challenger_alias": "champion"}, "wanted another alias than champion"),
        ({"challenger_alias": ""}, "wanted another alias"),
    ],
)
def test_shares_and_alias_are_checked(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        Settings(**wrong)  # type: ignore[arg-type]
