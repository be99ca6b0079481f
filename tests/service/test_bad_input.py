"""Every kind of bad input gets its own status, says what was seen and wanted, and breaks nothing."""

import gzip
import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import grpc
import numpy as np
import pytest
from builders.cases import case, file_of, image_file, mask_file, scan
from builders.images import nifti_header
from builders.serving import Service, refused
from builders.tumours import ball, texture

from radresponse.v1 import case_pb2, image_pb2, prediction_pb2

INVALID, NOT_FOUND = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND
SHAPE = (12, 24, 24)
SUBJECT = "anna-secret-7"
"""A pseudonym that must turn up in no error."""


def nowhere() -> np.ndarray:
    return np.zeros(SHAPE, bool)


def at(*index: int | slice) -> np.ndarray:
    mask = nowhere()
    mask[index] = True
    return mask


def mask_beside_the_image() -> bytes:
    return file_of(ball().astype(np.uint8), origin_mm=(500.0, 0.0, 0.0))


def mask_of_another_size() -> bytes:
    return file_of(np.ones((12, 24, 20), np.uint8))


def mask_of_fractions() -> bytes:
    return file_of(ball().astype(np.float32) * np.float32(0.5))


def with_voxel(value: float) -> bytes:
    voxels = texture(7).astype(np.float32)
    voxels[6, 12, 12] = value
    return file_of(voxels)


def cut_short() -> bytes:
    whole = image_file()
    return whole[: len(whole) * 2 // 3]


def bit_flipped() -> bytes:
    whole = bytearray(image_file())
    whole[-5] ^= 0x10  # in the checksum of gzip
    return bytes(whole)


def nifti_header_of_54_terabytes() -> bytes:
    """30000 x 30000 x 30000 voxels of 16 bits, and nothing after the header."""
    return gzip.compress(nifti_header((30000, 30000, 30000), affine_ras=np.eye(4)), mtime=0)


def detached_header() -> bytes:
    return (
        b"NRRD0004\ntype: short\ndimension: 3\nsizes: 24 24 12\nspace: left-posterior-superior\n"
        b"space directions: (1,0,0) (0,1,0) (0,0,2)\nspace origin: (0,0,0)\nendian: little\nencoding: raw\n"
        b"data file: /etc/passwd\n\n"
    )


def detached_metaimage() -> bytes:
    return (
        b"ObjectType = Image\nNDims = 3\nDimSize = 24 24 12\nElementSpacing = 1 1 2\n"
        b"ElementType = MET_SHORT\nElementDataFile = /etc/passwd\n"
    )


@dataclass(frozen=True)
class Bad:
    """One bad case, and how it must be refused."""

    scan: Callable[[], case_pb2.Scan]
    reason: str
    place: str
    says: tuple[str, ...] = ()


IMAGE, MASK = "case.scans[0].image", "case.scans[0].segmentation"
BAD_SCANS = {
    "empty mask": Bad(lambda: scan(mask=mask_file(mask=nowhere())), "EMPTY_SEGMENTATION", MASK),
    "label not in the mask": Bad(lambda: scan(labels=[13]), "LABEL_NOT_FOUND", MASK, ("13", "1")),
    "mask outside the image": Bad(lambda: scan(mask=mask_beside_the_image()), "GRID_MISMATCH", MASK, ("500",)),
    "mask outside the image, resampled": Bad(
        lambda: scan(mask=mask_beside_the_image(), resample=True), "EMPTY_SEGMENTATION", MASK
    ),
    "wrong grid": Bad(lambda: scan(mask=mask_of_another_size()), "GRID_MISMATCH", MASK, ("20", "24")),
    "mask of fractions": Bad(lambda: scan(mask=mask_of_fractions()), "NOT_LABELS", MASK),
    "NaN voxel": Bad(lambda: scan(with_voxel(math.nan)), "NON_FINITE_VOXELS", IMAGE),
    "infinite voxel": Bad(lambda: scan(with_voxel(math.inf)), "NON_FINITE_VOXELS", IMAGE),
    "truncated file": Bad(lambda: scan(cut_short()), "DAMAGED_FILE", IMAGE),
    "bit-flipped file": Bad(lambda: scan(bit_flipped()), "DAMAGED_FILE", IMAGE),
    "header of 54 TB": Bad(lambda: scan(nifti_header_of_54_terabytes()), "IMAGE_TOO_LARGE", IMAGE, ("30000",)),
    "detached NRRD": Bad(lambda: scan(detached_header()), "DETACHED_HEADER", IMAGE),
    "detached MetaImage": Bad(lambda: scan(detached_metaimage()), "DETACHED_HEADER", IMAGE),
    "no image at all": Bad(lambda: scan(b"%PDF-1.7 not an image"), "UNKNOWN_FORMAT", IMAGE),
    "no modality": Bad(
        lambda: scan(modality=case_pb2.MODALITY_UNSPECIFIED), "BAD_FIELD", "case.scans[0].modality", ("MODALITY_CT",)
    ),
}
"""What no model can be asked about."""


@pytest.fixture(autouse=True)
def a_next_good_request_works(service: Service) -> Iterator[None]:
    yield
    answer = service.predict(prediction_pb2.PredictRequest(case=good()))
    assert 0 < answer.predictions[0].outcome.probability < 1


def good() -> case_pb2.Case:
    return case(scan(), subject=SUBJECT)


def requests_of(one: case_pb2.Case) -> Iterator[tuple[str, object]]:
    yield "predict", prediction_pb2.PredictRequest(case=one)
    yield "compare", prediction_pb2.CompareTherapiesRequest(case=one, therapies=["chemotherapy", "immunotherapy"])
    yield "extract", prediction_pb2.ExtractFeaturesRequest(case=one)


@pytest.mark.parametrize("kind", BAD_SCANS)
def test_a_bad_scan_is_refused_by_every_method(service: Service, kind: str) -> None:
    bad = BAD_SCANS[kind]
    for method, request in requests_of(case(bad.scan(), subject=SUBJECT)):
        error = refused(getattr(service, method), request, SUBJECT)
        assert (error.code, error.reason, error.fields) == (INVALID, bad.reason, (bad.place,))
        for words in bad.says:
            assert words in error.message


@pytest.mark.parametrize("kind", ["one voxel", "one slice"])
def test_a_lesion_too_small_for_a_needed_feature_is_said_so(service: Service, kind: str) -> None:
    mask = at(6, 12, 12) if kind == "one voxel" else at(6, slice(9, 14), slice(9, 14))
    small = case(scan(mask=mask_file(mask=mask)), subject=SUBJECT)
    extracted = service.extract(prediction_pb2.ExtractFeaturesRequest(case=small))
    assert extracted.features["measure.ct.baseline.largest.volume_mm3"] == 2.0 * mask.sum()
    assert all(math.isfinite(value) for value in extracted.features.values())
    if kind == "one voxel":
        assert extracted.missing
        error = refused(service.predict, prediction_pb2.PredictRequest(case=small, models=["outcome-xgboost"]), SUBJECT)
        assert (error.code, error.reason) == (INVALID, "MISSING_COLUMN")
        assert "voxel" in error.message


def test_a_flat_image_is_said_so(service: Service) -> None:
    flat = case(scan(image_file(image=np.full(SHAPE, 40, np.float32))), subject=SUBJECT)
    extracted = service.extract(prediction_pb2.ExtractFeaturesRequest(case=flat))
    assert extracted.features["measure.ct.baseline.largest.volume_mm3"] > 0
    assert all(math.isfinite(value) for value in extracted.features.values())
    name = "radiomics.ct.baseline.largest.original_firstorder_Mean"
    assert extracted.features.get(name, 40.0) == 40.0


def test_the_same_scan_twice_is_refused(service: Service) -> None:
    for method, request in requests_of(case(scan(), scan(), subject=SUBJECT)):
        error = refused(getattr(service, method), request, SUBJECT)
        assert (error.code, error.reason, error.fields) == (INVALID, "DUPLICATE_SCAN", ("case.scans[1]",))


COVARIATES: dict[str, tuple[dict[str, float | str], str, str]] = {
    "missing": ({"sex": "female"}, "MISSING_COLUMN", "age_years"),
    "a category for a number": ({"age_years": "old", "sex": "female"}, "WRONG_TYPE", "age_years"),
    "a number for a category": ({"age_years": 60.0, "sex": 1.0}, "WRONG_TYPE", "sex"),
    "out of range": ({"age_years": -4.0, "sex": "female"}, "OUT_OF_RANGE", "age_years"),
    "unknown category": ({"age_years": 60.0, "sex": "f"}, "UNKNOWN_CATEGORY", "sex"),
}


@pytest.mark.parametrize("kind", COVARIATES)
def test_a_bad_covariate_is_refused_by_name(service: Service, kind: str) -> None:
    covariates, reason, name = COVARIATES[kind]
    one = case(scan(), covariates=covariates, subject=SUBJECT)
    for named in ([], ["outcome-xgboost"], ["progression-cox"]):
        error = refused(service.predict, prediction_pb2.PredictRequest(case=one, models=named), SUBJECT)
        assert (error.code, error.reason) == (INVALID, reason)
        assert error.fields == (f"case.covariates.{name}",)
        assert name in error.message


def test_a_covariate_that_is_no_number_is_refused(service: Service) -> None:
    one = case(scan(), covariates={"age_years": math.nan, "sex": "female"}, subject=SUBJECT)
    error = refused(service.predict, prediction_pb2.PredictRequest(case=one), SUBJECT)
    assert (error.code, error.reason, error.fields) == (INVALID, "BAD_FIELD", ("case.covariates.age_years",))


@pytest.mark.parametrize("named", [[], ["outcome-xgboost"]])
def test_an_unknown_therapy_is_refused_with_the_known_ones(service: Service, named: list[str]) -> None:
    asked = ["immunotherapy", "leeches"]
    for method, request in (
        ("predict", prediction_pb2.PredictRequest(case=good(), therapies=asked, models=named)),
        ("compare", prediction_pb2.CompareTherapiesRequest(case=good(), therapies=asked, models=named)),
    ):
        error = refused(getattr(service, method), request, SUBJECT)
        assert (error.code, error.reason, error.fields) == (INVALID, "UNKNOWN_THERAPY", ("therapies[1]",))
        assert "chemotherapy, immunotherapy" in error.message


def test_an_unknown_model_is_not_found(service: Service) -> None:
    error = refused(service.predict, prediction_pb2.PredictRequest(case=good(), models=["oracle"]), SUBJECT)
    assert (error.code, error.reason) == (NOT_FOUND, "MODEL_NOT_FOUND")
    assert "outcome-xgboost" in error.message


def test_a_digest_that_was_not_uploaded_is_not_found(service: Service) -> None:
    one = case(scan("0" * 64), subject=SUBJECT)
    error = refused(service.predict, prediction_pb2.PredictRequest(case=one), SUBJECT)
    assert (error.code, error.reason) == (NOT_FOUND, "IMAGE_NOT_FOUND")


def test_an_oversized_message_is_refused(service: Service) -> None:
    one = case(scan(bytes(5 * 1024**2)), subject=SUBJECT)
    with pytest.raises(grpc.RpcError) as raised:
        service.predict(prediction_pb2.PredictRequest(case=one))
    assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


def parts(content: bytes, digest: str, size_bytes: int, chunk: int = 2000) -> Iterator[image_pb2.UploadImageRequest]:
    header = image_pb2.UploadHeader(subject=SUBJECT, digest=digest, size_bytes=size_bytes)
    yield image_pb2.UploadImageRequest(header=header)
    for start in range(0, len(content), chunk):
        yield image_pb2.UploadImageRequest(chunk=content[start : start + chunk])


def test_an_upload_that_is_broken_off_is_no_image_yet(service: Service) -> None:
    content = image_file(seed=41)
    digest = hashlib.sha256(content).hexdigest()
    refused(service.upload, parts(content[:4000], digest, len(content)), SUBJECT)
    error = refused(service.predict, prediction_pb2.PredictRequest(case=case(scan(digest), subject=SUBJECT)), SUBJECT)
    assert (error.code, error.reason) == (NOT_FOUND, "IMAGE_NOT_FOUND")
    held = service.image(image_pb2.GetImageRequest(subject=SUBJECT, digest=digest)).image
    assert (held.received_bytes, held.complete) == (4000, False)


def test_an_upload_of_another_digest_is_refused(service: Service) -> None:
    content = image_file(seed=42)
    error = refused(service.upload, parts(content, "a" * 64, len(content)), SUBJECT)
    assert (error.code, error.reason) == (INVALID, "DIGEST_MISMATCH")


def test_a_subject_that_looks_like_a_name_is_refused_and_not_repeated(service: Service) -> None:
    name = "Anna Secret"
    error = refused(service.predict, prediction_pb2.PredictRequest(case=case(scan(), subject=name)), name)
    assert (error.code, error.reason, error.fields) == (INVALID, "BAD_FIELD", ("case.subject",))


def test_a_list_that_names_one_thing_twice_is_refused(service: Service) -> None:
    twice = ["immunotherapy", "immunotherapy"]
    for method, request, place in (
        ("predict", prediction_pb2.PredictRequest(case=good(), therapies=twice), "therapies[1]"),
        ("predict", prediction_pb2.PredictRequest(case=good(), models=["a", "a"]), "models[1]"),
        ("compare", prediction_pb2.CompareTherapiesRequest(case=good(), therapies=twice), "therapies[1]"),
        ("compare", prediction_pb2.CompareTherapiesRequest(case=good(), therapies=twice[:1]), "therapies"),
        ("extract", prediction_pb2.ExtractFeaturesRequest(case=good(), columns=["a", "a"]), "columns[1]"),
    ):
        error = refused(getattr(service, method), request, SUBJECT)
        assert (error.code, error.fields) == (INVALID, (place,))


def test_a_reference_that_is_not_compared_is_refused(service: Service) -> None:
    request = prediction_pb2.CompareTherapiesRequest(
        case=good(), therapies=["chemotherapy", "immunotherapy"], reference_therapy="surgery"
    )
    error = refused(service.compare, request, SUBJECT)
    assert (error.code, error.reason, error.fields) == (INVALID, "BAD_FIELD", ("reference_therapy",))


COLUMNS = {
    "radiomics.ct.baseline.largest.original_firstorder_Maen": "UNKNOWN_COLUMN",
    "measure.ct.someday.all.count": "UNKNOWN_COLUMN",
    "clinical.age_years": "BAD_FIELD",
    "therapy": "BAD_FIELD",
}


@pytest.mark.parametrize("column", COLUMNS)
def test_a_column_that_no_image_gives_is_refused(service: Service, column: str) -> None:
    error = refused(service.extract, prediction_pb2.ExtractFeaturesRequest(case=good(), columns=[column]), SUBJECT)
    assert (error.code, error.reason, error.fields) == (INVALID, COLUMNS[column], ("columns[0]",))


def test_a_profile_with_an_unknown_key_is_refused(service: Service) -> None:
    request = prediction_pb2.ExtractFeaturesRequest(case=good(), profile="setting: {binWidht: 25}")
    error = refused(service.extract, request, SUBJECT)
    assert (error.code, error.reason, error.fields) == (INVALID, "BAD_PROFILE", ("profile",))
    assert "binWidth" in error.message
