"""The bridge, a real archive and a real service: new studies are asked about once a release, and nothing is lost."""

import json
import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders.dicom import rtstruct, series, square
from builders.orthanc import Orthanc, orthanc
from builders.registry import write
from builders.releases import copied, put
from builders.serving import Service, serving
from grpc import StatusCode
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import UID

from features.pseudonyms import Pseudonyms
from models.registry import Registry
from radresponse.client import AnyCase, Case, Client, RadResponseError
from radresponse.v1 import model_pb2, prediction_pb2
from service.__main__ import main
from service.bridge import rules
from service.bridge.bridge import Bridge, Stopped, due
from service.bridge.journal import ASKING, DEAD, DONE, FORGET_DAYS, WAITING, Entry, Journal
from service.bridge.rules import read_rules
from service.bridge.task import Finder
from service.bridge.verdict import verdict
from service.errors import SettingsError
from service.pacs.settings import read_pacs
from service.pacs.web import WebArchive
from service.settings import Settings

VOXELS = np.random.default_rng(5).integers(900, 1300, (6, 20, 18)).astype(np.int16)
MODEL = "outcome-xgboost"
NEEDLE = "Needle^Nora"
TODAY = f"{datetime.now(UTC):%Y%m%d}"


def root(number: int) -> str:
    return f"1.2.826.0.1.3680043.9.7001.{number}."


def image(number: int, *, part: str = "CHEST") -> list[bytes]:
    """The CT of a study."""

    def change(data: Dataset, index: int) -> None:
        data.PatientName, data.PatientID, data.BodyPartExamined = NEEDLE, f"needle-{number}", part
        data.StudyInstanceUID, data.SeriesInstanceUID = UID(root(number) + "1"), UID(root(number) + "2")
        data.SOPInstanceUID, data.FrameOfReferenceUID = UID(f"{root(number)}3.{index}"), UID(root(number) + "4")
        data.StudyDate = TODAY

    return series(VOXELS + np.int16(number), change=change)


def drawing(number: int, *, name: str = "GTV", again: int = 0, empty: bool = False) -> bytes:
    """Its RTSTRUCT; a later one is a correction. Empty ones are drawn beside all slices."""

    def change(data: Dataset) -> None:
        data.PatientName, data.PatientID, data.StudyDate = NEEDLE, f"needle-{number}", TODAY
        data.StudyInstanceUID = UID(root(number) + "1")
        data.SeriesInstanceUID, data.SOPInstanceUID = UID(f"{root(number)}5.{again}"), UID(f"{root(number)}6.{again}")
        data.StructureSetDate, data.StructureSetTime = TODAY, f"1{again}0000"
        on, study, frame = Dataset(), Dataset(), Dataset()
        on.SeriesInstanceUID = UID(root(number) + "2")
        study.RTReferencedSeriesSequence = Items([on])
        frame.FrameOfReferenceUID, frame.RTReferencedStudySequence = UID(root(number) + "4"), Items([study])
        data.ReferencedFrameOfReferenceSequence = Items([frame])

    planes = range(40, 43) if empty else range(1, 5 - again)
    drawn = {name: [square(3.5, 4.5, 9.5, 11.5, plane) for plane in planes]}
    return rtstruct(drawn, frame=root(number) + "4", numbers=[1], change=change)


def study(number: int, **drawn: object) -> list[bytes]:
    return [*image(number), drawing(number, **drawn)]  # type: ignore[arg-type]


@dataclass
class Round:
    """All that a bridge needs, and what it leaves."""

    archive: Orthanc
    service: Service
    registry: Registry
    rules: Path
    folder: Path

    def told(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.rules.read_text(encoding="utf-8"))
        return found

    def changed(self, **settings: object) -> None:
        self.rules.write_text(json.dumps(self.told() | settings), encoding="utf-8")

    def asks(self, **changes: object) -> None:
        rule = self.told()["rules"]
        assert isinstance(rule, dict)
        self.changed(rules={"lung": rule["lung"] | changes})

    def once(self) -> int:
        return main(["watch", "--rules", str(self.rules), "--once"])

    def journal(self) -> Journal:
        return Journal(read_rules(self.rules).journal)

    def states(self) -> list[str]:
        journal = self.journal()
        try:
            return sorted(entry.state for entry in journal.entries())
        finally:
            journal.close()

    def results(self) -> tuple[int, int]:
        """Segmentations and reports in the archive."""
        return len(self.archive.instances("SEG")), len(self.archive.instances("SR"))


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """The command sets up the logs of its process, which here is that of all tests."""
    loggers = [logging.getLogger(name) for name in ("", "service", "models", "features")]
    before = [(one, one.level, one.handlers[:]) for one in loggers]
    mask = os.umask(0o022)
    os.umask(mask)
    yield
    logging.captureWarnings(False)
    os.umask(mask)
    for one, level, handlers in before:
        one.setLevel(level)
        one.handlers[:] = handlers


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    with orthanc(tmp_path_factory.mktemp("orthanc")) as running:
        yield running


@pytest.fixture
def here(archive: Orthanc, tmp_path: Path, registry_folder: Path) -> Iterator[Round]:
    archive.clear()
    (tmp_path / "registry").mkdir()
    registry = copied(registry_folder, tmp_path / "registry")
    pacs_file = archive.pacs_file(tmp_path / "pacs.yaml")
    settings = Settings(
        port=0, data_folder=tmp_path / "registry", registry_uri=registry.uri, drain_seconds=1, pacs_file=pacs_file,
        poll_seconds=0.2,
    )  # fmt: skip
    with serving(settings) as service:
        told = {
            "server": f"127.0.0.1:{service.server.port}",
            "pacs_file": str(pacs_file),
            "archive": "hospital",
            "journal": str(tmp_path / "bridge" / "journal.db"),
            "pseudonym_key_file": str(tmp_path / "key"),
            "settle_seconds": 0,
            "poll_seconds": 0.2,
            "rules": {
                "lung": {
                    "scans": [{"modality": "ct", "body_part": "chest", "structures": ["GTV"]}],
                    "models": [MODEL],
                    "covariates": {"age_years": 61},
                }
            },
        }
        (tmp_path / "rules.yaml").write_text(json.dumps(told), encoding="utf-8")
        yield Round(archive, service, registry, tmp_path / "rules.yaml", tmp_path)


def wait(what: Callable[[], bool], seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until
        time.sleep(0.005)


def test_a_new_study_is_asked_about_once_and_again_for_each_release_and_correction(
    here: Round, capfd: pytest.CaptureFixture[str]
) -> None:
    here.archive.upload(study(1))
    here.archive.upload(study(2, name="Lung"))  # another structure
    here.archive.upload([*image(3, part="HEAD"), drawing(3)])
    assert here.once() == 0
    said = capfd.readouterr().out
    assert "1 found, 1 answered (2 objects stored), 0 to be asked again, 0 given up" in said
    assert "2 segmentations fit no rule" in said
    assert (here.states(), here.results()) == ([DONE], (1, 1))
    assert here.once() == 0  # its own segmentation, which lies in the archive now, is none to follow
    assert "1 found, 0 answered" in capfd.readouterr().out
    assert here.results() == (1, 1)

    put(here.registry, write(here.folder / "v2", MODEL, seed=2), MODEL)
    with Client(f"127.0.0.1:{here.service.server.port}") as client:
        wait(lambda: client.model(MODEL).model.reference.version == "2")
    assert here.once() == here.once() == 0
    assert here.results() == (1, 2)  # the lesion is the same, what is said of it is not
    here.archive.upload([drawing(1, again=1)])
    assert here.once() == here.once() == 0
    assert (here.states(), here.results()) == ([DONE, DONE], (2, 3))

    output = capfd.readouterr()
    kept = list((here.folder / "bridge").iterdir())
    for needle in (NEEDLE, "needle-1", root(1)):
        assert needle not in output.out + output.err
        assert not [file for file in kept if needle.encode() in file.read_bytes()]


def test_a_bridge_that_is_killed_while_it_asks_goes_on_and_stores_nothing_twice(here: Round) -> None:
    for number in range(1, 7):
        here.archive.upload(study(number))
    command = [sys.executable, "-m", "service", "watch", "--rules", str(here.rules)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RADRESPONSE_")}
    environment |= {"PYTHONPATH": "proto"}
    journal = here.journal()
    for _ in range(2):
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        left: list[Entry] = []
        while not left:  # held while it is looked at, so that it is killed in the middle of a question
            wait(lambda: bool(journal.entries(ASKING)))
            process.send_signal(signal.SIGSTOP)
            if not (left := journal.entries(ASKING)):
                process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait(30)
        assert journal.entries(ASKING) == left
    last = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    wait(lambda: len(journal.entries(DONE)) == 6)
    last.send_signal(signal.SIGTERM)
    assert last.wait(30) == 0
    assert last.stdout is not None
    last.stdout.close()
    journal.close()
    assert here.results() == (6, 6)


def test_what_cannot_be_answered_is_given_up_with_the_reason_and_asked_again_when_told(
    here: Round, capsys: pytest.CaptureFixture[str]
) -> None:
    here.archive.upload(study(1, empty=True))
    here.archive.upload(study(2))
    assert here.once() == 0
    assert (here.states(), here.results()) == ([DEAD, DONE], (1, 1))
    capsys.readouterr()
    assert main(["watch", "--rules", str(here.rules), "--list"]) == 0
    shown = capsys.readouterr().out
    assert "1 answered and stored, 1 given up" in shown
    assert "given up" in shown
    assert main(["watch", "--rules", str(here.rules), "--list", "--json"]) == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (dead,) = [one for one in told if one["state"] == DEAD]
    assert dead["reason"] in shown
    assert dead["attempts"] == 1
    assert dead["message"]
    assert main(["watch", "--rules", str(here.rules), "--where", dead["id"][:12]]) == 0
    assert f"study {root(1)}1" in capsys.readouterr().out
    assert here.once() == 0  # given up is given up
    assert main(["watch", "--rules", str(here.rules), "--retry", "no such"]) == 0
    assert "0 to be asked again" in capsys.readouterr().out
    assert main(["watch", "--rules", str(here.rules), "--retry", dead["id"][:12]]) == 0
    assert here.states() == [DONE, WAITING]
    assert here.once() == 0
    assert here.states() == [DEAD, DONE]


def test_nothing_is_lost_while_the_service_the_archive_or_a_model_is_away(
    here: Round, capfd: pytest.CaptureFixture[str]
) -> None:
    here.archive.upload(study(1))
    address = here.told()["server"]
    here.changed(server="127.0.0.1:1")
    assert here.once() == 1
    assert "0 found" in (said := capfd.readouterr().out)
    assert "ended early" in said
    here.changed(server=address)
    here.asks(models=["outcome-nobody"])
    assert here.once() == 1
    assert "no model that rule lung asks serves" in capfd.readouterr().out
    here.asks(models=[MODEL])
    good = here.told()["pacs_file"]
    away = here.archive.pacs_file(here.folder / "away.yaml", dicomweb="https://127.0.0.1:1/dicom-web")
    here.changed(pacs_file=str(away))
    assert here.once() == 1
    assert "the archive hospital does not answer" in capfd.readouterr().out
    here.changed(pacs_file=good)
    assert (here.once(), here.states(), here.results()) == (0, [DONE], (1, 1))


class Breaking(Client):
    """The real client; but a question about one patient ends as if the service had gone in the middle of it."""

    broken = ""
    back = True
    """Whether the service is there again when it is asked what serves."""
    gone = False

    def predict(self, case: AnyCase, *args: Any, **kwargs: Any) -> prediction_pb2.PredictResponse:  # noqa: ANN401
        assert isinstance(case, Case)
        if case.message.subject == self.broken:
            self.gone = not self.back
            raise RadResponseError(StatusCode.UNAVAILABLE, "UNAVAILABLE", "the service went away")
        return super().predict(case, *args, **kwargs)

    def models(self) -> Sequence[model_pb2.Model]:
        if self.gone:
            self.gone = False
            raise RadResponseError(StatusCode.UNAVAILABLE, "UNAVAILABLE", "nobody answers")
        return super().models()


@pytest.mark.parametrize("back", [True, False], ids=["the service is back at once", "later"])
def test_a_study_that_ends_the_service_holds_up_no_other(here: Round, *, back: bool) -> None:
    here.archive.upload([file for number in (1, 2, 3) for file in study(number)])
    told = read_rules(here.rules)
    names, seconds = Pseudonyms.of_file(told.pseudonym_key_file), iter(range(100, 10_000, 100))
    finder = Finder(WebArchive(read_pacs(told.pacs_file)["hospital"]), told)
    client = Breaking(told.server)
    with client, closing(Journal(told.journal)) as journal:
        bridge = Bridge(told, finder, journal, names, client, now=lambda: time.time() + next(seconds))
        client.broken = names.patient(finder.tasks(datetime.now(UTC).date())[0].patient)
        client.back = back
        tallies = [bridge.round() for _ in range(1 if back else 2)]
        assert sum(one.answered for one in tallies) == 2
        assert bool(tallies[0].away) is not back
        (left,) = journal.entries(WAITING)
        assert left.attempts == int(back)
        assert len(journal.entries(DONE)) == 2


def test_a_rule_whose_model_is_away_ends_no_other_rule(here: Round) -> None:
    here.archive.upload(study(1))
    lung = here.told()["rules"]["lung"]  # type: ignore[index]
    here.changed(rules={"first": lung | {"models": [MODEL, "outcome-nobody"]}, "second": lung})
    assert here.once() == 1
    assert here.states() == [DONE, WAITING]


def test_covariates_come_from_the_operators_file_and_a_line_added_later_counts(here: Round) -> None:
    table = here.folder / "covariates.csv"
    table.write_text("patient_id,age_years,sex\nneedle-2,70,female\n", encoding="utf-8")
    here.asks(covariates={}, covariates_file=str(table), therapies=["chemotherapy", "immunotherapy"])
    here.archive.upload(study(1))
    assert (here.once(), here.states()) == (0, [DEAD])  # the model needs an age
    journal = here.journal()
    assert journal.entries()[0].reason == "MISSING_COLUMN"
    assert "age_years" in journal.entries()[0].message
    journal.close()
    here.archive.upload(study(2))
    table.write_text("patient_id,age_years,sex\nneedle-1,64,\nneedle-1,66,\nneedle-2,70,female\n", encoding="utf-8")
    assert main(["watch", "--rules", str(here.rules), "--retry"]) == 0
    assert (here.once(), here.states()) == (0, [DEAD, DONE])  # one patient's lines keep no other waiting
    journal = here.journal()
    assert journal.entries(DEAD)[0].reason == "SEVERAL_LINES"
    journal.close()
    table.write_text("patient_id,age_years,sex\nneedle-1,66,\nneedle-2,70,female\n", encoding="utf-8")
    assert main(["watch", "--rules", str(here.rules), "--retry"]) == 0
    assert (here.once(), here.states(), here.results()) == (0, [DONE, DONE], (2, 2))


def test_a_rule_that_does_not_ask_for_each_release_asks_about_a_study_once(here: Round) -> None:
    here.asks(each_release=False)
    here.archive.upload(study(1))
    assert (here.once(), here.results()) == (0, (1, 1))
    put(here.registry, write(here.folder / "v2", MODEL, seed=2), MODEL)
    with Client(f"127.0.0.1:{here.service.server.port}") as client:
        wait(lambda: client.model(MODEL).model.reference.version == "2")
    assert (here.once(), here.results()) == (0, (1, 1))
    here.asks(each_release=True)
    assert (here.once(), here.results()) == (0, (1, 2))


def test_a_study_is_left_alone_until_it_is_whole_and_a_bridge_ends_between_two(here: Round) -> None:
    clock = [time.time()]
    wanted = replace(read_rules(here.rules), settle_seconds=60.0)
    journal = Journal(wanted.journal)
    keys = Pseudonyms.of_file(wanted.pseudonym_key_file)
    with Client(wanted.server) as client:
        bridge = Bridge(
            rules=wanted,
            finder=Finder(WebArchive(read_pacs(wanted.pacs_file)["hospital"]), wanted),
            journal=journal,
            pseudonyms=keys,
            client=client,
            now=lambda: clock[0],
        )
        files = study(1)
        here.archive.upload([*files[:4], files[-1]])
        assert (bridge.round().settling, journal.entries()[0].state) == (1, WAITING)
        clock[0] += 50
        here.archive.upload(files[4:-1])  # it grows
        assert bridge.round().settling == 1
        clock[0] += 50
        assert bridge.round().settling == 1  # 100 s after the first look, 50 after the last growth
        clock[0] += 11

        def stop() -> None:
            raise Stopped

        bridge.check = stop
        with pytest.raises(Stopped):
            bridge.round()
        assert journal.entries()[0].state == WAITING
        bridge.check = lambda: None
        assert bridge.round().answered == 1
        clock[0] += (FORGET_DAYS + 1) * 86_400
        bridge.round()
        assert journal.entries() == []  # no study of the last days
    journal.close()


def test_one_bridge_at_a_time_works_on_a_journal(here: Round, capsys: pytest.CaptureFixture[str]) -> None:
    other = here.journal()
    other.hold()
    assert here.once() == 2
    assert "another bridge works on this journal" in capsys.readouterr().err
    other.close()
    assert here.once() == 0


@pytest.mark.parametrize(
    ("code", "reason", "wanted"),
    [
        (StatusCode.UNAVAILABLE, "PACS_UNAVAILABLE", "away"),
        (StatusCode.RESOURCE_EXHAUSTED, "QUEUE_FULL", "away"),
        (StatusCode.FAILED_PRECONDITION, "PACS_REFUSED", "away"),
        (StatusCode.NOT_FOUND, "MODEL_NOT_FOUND", "rule"),
        (StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", "again"),
        (StatusCode.INTERNAL, "INTERNAL", "again"),
        (StatusCode.NOT_FOUND, "SERIES_NOT_FOUND", "again"),
        (StatusCode.INVALID_ARGUMENT, "EMPTY_SEGMENTATION", "never"),
        (StatusCode.FAILED_PRECONDITION, "SERIES_TOO_LARGE", "never"),
    ],
)
def test_an_error_is_the_studys_own_or_not(code: StatusCode, reason: str, wanted: str) -> None:
    assert verdict(RadResponseError(code, reason, "told")) == wanted


def test_a_failed_question_waits_and_a_crashed_one_does_not(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.db")
    entry = journal.see("k" * 64, "lung", 7, 100.0)
    assert due(entry, "a", 100.0)
    later = journal.postpone(entry.id, 100.0, next_try=160.0, reason="INTERNAL", message="m", failed=True)
    assert (later.attempts, due(later, "a", 159.0), due(later, "a", 160.0)) == (1, False, True)
    journal.begin(entry.id, 161.0)
    assert due(journal.entries(ASKING)[0], "a", 161.0)
    journal.done(entry.id, 162.0, asked_of="a", stored=2, prediction_id="p")
    answered = journal.entries(DONE)[0]
    assert (answered.attempts, answered.reason, due(answered, "a", 163.0), due(answered, "b", 163.0)) == (
        0,
        "",
        False,
        True,
    )
    journal.close()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"colour": 1}, "no such setting colour"),
        ({"days_back": 0}, "wanted a number above 0"),
        ({"days_back": "many"}, "days_back is no number"),
        ({"archive": None}, "archive is no text"),
        ({"rules": {"lung": {"scans": [], "each_release": "no"}}}, "each_release is neither true nor false"),
        ({"rules": {}}, "wanted one or more"),
        ({"rules": {"lung": {"scans": []}}}, "no scans"),
        ({"rules": {"lung": {"scans": [{"modality": "us", "structures": ["x"]}]}}}, "modality us"),
        ({"rules": {"lung": {"scans": [{"modality": "ct"}]}}}, "either structures, by name, or labels"),
        ({"rules": {"lung": {"scans": [{"modality": "ct", "labels": ["x"]}]}}}, "no list of numbers"),
        ({"rules": {"lung": {"scans": [{"structures": ["x"]}]}}}, "lacks modality"),
        ({"rules": {"lung": {"scans": [{"modality": "ct", "labels": [1]}], "reference_therapy": "x"}}}, "not among"),
        ({"pseudonym_key_file": "/j/key"}, "beside the journal"),
    ],
)
def test_rules_that_are_not_understood_are_refused(change: dict[str, object], complaint: str, tmp_path: Path) -> None:
    told = {
        "pacs_file": "pacs.yaml", "archive": "hospital", "journal": "/j/journal.db", "pseudonym_key_file": "/k/key",
        "rules": {"lung": {"scans": [{"modality": "ct", "labels": [1]}]}},
    }  # fmt: skip
    file = tmp_path / "rules.yaml"
    file.write_text(json.dumps(told), encoding="utf-8")
    assert read_rules(file).rules[0].scans[0].labels == (1,)
    file.write_text(json.dumps(told | change), encoding="utf-8")
    with pytest.raises(SettingsError, match=complaint):
        read_rules(file)


def test_the_rules_of_guide_and_docstring_are_understood(tmp_path: Path) -> None:
    guide = Path("docs/hospital.md").read_text(encoding="utf-8")
    texts = [one for one in re.findall(r"```yaml\n(.*?)```", guide + str(rules.__doc__), re.DOTALL) if "rules:" in one]
    assert len(texts) == 2
    for text in texts:
        file = tmp_path / "rules.yaml"
        file.write_text(text, encoding="utf-8")
        assert [rule.name for rule in read_rules(file).rules] == ["lung"]
