"""Pictures and similar patients, over a real server, where they are asked for."""

import io

import numpy as np
from builders.cases import case, file_of, image_file, mask_file, scan
from builders.registry import THERAPIES
from builders.servers import refused
from builders.serving import Service
from builders.tumours import ball
from PIL import Image

from radresponse.v1 import board_pb2, prediction_pb2

ONE = case(scan(image_file(), mask_file()))
MODELS = ["outcome-xgboost", "progression-cox"]


def compare(service: Service, **wanted: bool) -> prediction_pb2.CompareTherapiesResponse:
    return service.compare(
        prediction_pb2.CompareTherapiesRequest(
            case=ONE, therapies=THERAPIES, models=MODELS, board=board_pb2.BoardRequest(**wanted)
        )
    )


def test_nothing_is_drawn_or_told_unless_it_is_wanted(service: Service) -> None:
    plain = compare(service)
    assert not plain.pictures
    assert not plain.similar_patients
    full = compare(service, pictures=True, similar_patients=True)
    assert full.options == plain.options
    assert full.provenance == plain.provenance


def test_a_picture_shows_the_lesion_in_its_largest_slice(service: Service) -> None:
    (picture,) = compare(service, pictures=True).pictures
    shown = Image.open(io.BytesIO(picture.png))
    assert shown.size == (picture.width, picture.height)
    assert (picture.scan, picture.scan_name, picture.day, picture.label) == (0, "ct", 0, 1)
    assert picture.slice == int(ball(radius=4.0).sum(axis=(1, 2)).argmax())
    assert (picture.column_spacing_mm, picture.row_spacing_mm) == (1.0, 1.0)
    (outline,) = picture.contours
    assert np.ptp(outline.x) == ball(radius=4.0)[picture.slice].any(axis=0).sum()


def test_predict_gives_them_too_for_every_scan_and_lesion(service: Service) -> None:
    two = ball(radius=3.0).astype(np.uint8)
    two[0, 0, :3] = 2
    patient = case(scan(image_file(), file_of(two), day=0), scan(image_file(8), mask_file(), day=30))
    board = board_pb2.BoardRequest(pictures=True, similar_patients=True)
    answer = service.predict(prediction_pb2.PredictRequest(case=patient, models=MODELS, board=board))
    assert [(one.scan, one.day, one.label) for one in answer.pictures] == [(0, 0, 1), (0, 0, 2), (1, 30, 1)]
    outcome, progression = answer.similar_patients
    assert (outcome.model.name, progression.model.name) == tuple(MODELS)
    assert len(outcome.patients) == len(progression.patients) == 10
    assert {one.therapy for one in outcome.patients} <= set(THERAPIES)
    assert all(one.HasField("responded") for one in outcome.patients)
    assert all(one.progression.time_days % 7 == 0 for one in progression.patients)
    distances = [one.distance for one in outcome.patients]
    assert distances == sorted(distances)


def test_an_image_that_no_model_looks_at_is_still_checked_before_it_is_drawn(service: Service) -> None:
    patient = case(scan(b"no image", mask_file()))
    board = board_pb2.BoardRequest(pictures=True)
    asked = prediction_pb2.PredictRequest(case=patient, models=["progression-age"], board=board)
    assert refused(service.predict, asked).fields == ["case.scans[0].image"]
