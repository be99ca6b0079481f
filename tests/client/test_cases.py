"""A case from keywords or from the command line is the contract's message."""

import argparse
import datetime
import io
import json
import sys
from pathlib import Path

import pytest
from google.protobuf import json_format

from radresponse.case_arguments import add_case_arguments, case_of
from radresponse.cases import Case, case, scan
from radresponse.client import Client
from radresponse.files import LocalFile, names_digest
from radresponse.v1 import case_pb2

DIGEST = "0123456789abcdef" * 4


def told(*words: str) -> Case | case_pb2.Case:
    parser = argparse.ArgumentParser()
    add_case_arguments(parser)
    return case_of(parser.parse_args(words))


def test_numbers_and_categories_become_covariates() -> None:
    message = case("p-1", age_years=64, sex="female").message
    assert message.subject == "p-1"
    assert message.covariates["age_years"].number == 64
    assert message.covariates["sex"].category == "female"


def test_a_covariate_may_be_named_like_an_argument() -> None:
    message = case("p-1", covariates={"features": 1.5}).message
    assert message.covariates["features"].number == 1.5


@pytest.mark.parametrize("value", [True, None, [1]])
def test_a_covariate_that_is_neither_number_nor_category_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="covariate smoker"):
        case("p-1", smoker=value)  # type: ignore[arg-type]


def test_a_modality_may_name_its_series() -> None:
    message = scan("mr_t1", b"image", b"mask", day=0, labels=[2, 3]).message
    assert (message.modality, message.series) == (case_pb2.MODALITY_MR, "t1")
    assert message.HasField("day")
    assert list(message.labels) == [2, 3]


def test_a_date_is_midnight_of_that_day_everywhere() -> None:
    message = scan("ct", b"image", b"mask", date=datetime.date(2024, 2, 29)).message
    assert message.date.ToJsonString() == "2024-02-29T00:00:00Z"


def test_an_unknown_modality_is_refused() -> None:
    with pytest.raises(ValueError, match="'us' is not known; wanted one of ct, pt, mr"):
        scan("us", b"image", b"mask")


def test_a_scan_has_a_day_or_a_date() -> None:
    with pytest.raises(ValueError, match="not both"):
        scan("ct", b"image", b"mask", day=0, date=datetime.date(2024, 1, 1))


def test_only_64_lower_case_digits_name_a_digest() -> None:
    assert names_digest(DIGEST)
    assert not any(names_digest(text) for text in (DIGEST.upper(), DIGEST[1:], "scan.nrrd", DIGEST.encode()))


def test_an_empty_file_is_not_sent(tmp_path: Path) -> None:
    (tmp_path / "empty.nrrd").touch()
    with pytest.raises(ValueError, match="empty"):
        LocalFile.of(tmp_path / "empty.nrrd")


def test_a_case_in_words() -> None:
    told_case = told(
        *("--subject", "p-1", "--ct", "a.nrrd", "a_mask.nrrd", "day=0", "--ct", "b.nrrd", "b_mask.nrrd", "day=42"),
        *("--mr", "m.nii.gz", "mm.nii.gz", "series=t1", "labels=1,3", "resample=yes"),
        *("--covariate", "age_years=64", "--covariate", "sex=female", "--feature", "measure.ct.baseline.all.count=2"),
    )
    assert isinstance(told_case, Case)
    first, second, third = (part.message for part in told_case.scans)
    assert [part.image for part in told_case.scans] == ["a.nrrd", "b.nrrd", "m.nii.gz"]
    assert (first.day, second.day, second.modality) == (0, 42, case_pb2.MODALITY_CT)
    assert (third.series, list(third.labels), third.resample_segmentation) == ("t1", [1, 3], True)
    assert not third.HasField("day")
    assert (
        told_case.message
        == case("p-1", age_years=64.0, sex="female", features={"measure.ct.baseline.all.count": 2}).message
    )


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--ct", "a.nrrd", "m.nrrd"], "no --subject"),
        (["--subject", "p", "--ct", "a.nrrd"], "wanted an image and its segmentation"),
        (["--subject", "p", "--ct", "a.nrrd", "m.nrrd", "hour=3"], "does not take hour"),
        (["--subject", "p", "--ct", "a.nrrd", "m.nrrd", "labels=1,x"], "labels=x; wanted a whole number"),
        (["--subject", "p", "--ct", "a.nrrd", "m.nrrd", "resample=maybe"], "wanted yes or no"),
        (["--subject", "p", "--covariate", "age"], "not of the form NAME=VALUE"),
        (["--subject", "p", "--feature", "x=many"], "x=many; wanted a number"),
        (["--subject", "p", "--case", "case.json"], "either it or"),
    ],
)
def test_words_that_make_no_case_are_refused(words: list[str], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        told(*words)


def test_a_case_from_json_is_the_same_message(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    message = case("p-1", age_years=64).message
    message.scans.add(modality=case_pb2.MODALITY_CT, image=case_pb2.ImageSource(digest=DIGEST))
    text = json_format.MessageToJson(message, preserving_proto_field_name=True)
    (tmp_path / "case.json").write_text(text)
    assert told("--case", str(tmp_path / "case.json")) == message
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    assert told("--case", "-") == message


def test_json_that_is_no_case_is_refused(tmp_path: Path) -> None:
    (tmp_path / "case.json").write_text(json.dumps({"patient": "p-1"}))
    with pytest.raises(ValueError, match="patient"):
        told("--case", str(tmp_path / "case.json"))


def test_a_series_in_an_archive_is_named_and_not_sent() -> None:
    made = told("--subject", "p-1", "--ct", "pacs:hospital/1.2/1.3", "pacs:hospital/1.2/1.4", "structure=GTV")
    assert isinstance(made, Case)
    with Client("127.0.0.1:1") as client:  # nothing is sent before it is asked
        message = client.message(made)
    (one,) = message.scans
    assert (one.image.archived.pacs, one.image.archived.study_uid, one.image.archived.series_uid) == (
        "hospital", "1.2", "1.3",
    )  # fmt: skip
    assert one.segmentation.archived.series_uid == "1.4"
    assert list(one.structures) == ["GTV"]
    assert "1.3" not in repr(made.scans[0])


@pytest.mark.parametrize("word", ["pacs:hospital", "pacs:hospital/1.2/", "pacs:/1/2", "pacs:h/1/2/3"])
def test_a_series_that_is_not_named_in_full_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="wanted pacs:NAME/STUDY_UID/SERIES_UID"):
        told("--subject", "p-1", "--ct", word, "mask.nrrd")
