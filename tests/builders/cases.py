"""Cases as callers send them: small scans in NRRD and the messages around them."""

from collections.abc import Mapping, Sequence

import numpy as np
from builders.images import Array, grid, nrrd
from builders.tumours import ball, texture

from features.types import Mask, Voxels
from radresponse.v1 import case_pb2


def file_of(
    array: Array,
    *,
    spacing_mm: tuple[float, float, float] = (1.0, 1.0, 2.0),
    origin_mm: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> bytes:
    """A gzipped NRRD file of an array (z, y, x)."""
    z, y, x = array.shape
    return nrrd(array, grid((x, y, z), spacing_mm, origin_mm), compressed=True)


def image_file(seed: int = 7, *, scale: float = 1.0, image: Voxels | None = None) -> bytes:
    """Texture around 100 HU from a seed, as int16."""
    voxels = texture(seed) * scale if image is None else image
    return file_of(voxels.round().astype(np.int16))


def mask_file(radius: float = 4.0, *, mask: Mask | None = None, label: int = 1) -> bytes:
    """A ball in the middle."""
    inside = ball(radius=radius) if mask is None else mask
    return file_of(inside.astype(np.uint8) * np.uint8(label))


def scan(
    image: bytes | str | None = None,
    mask: bytes | str | None = None,
    *,
    modality: case_pb2.Modality = case_pb2.MODALITY_CT,
    series: str = "",
    day: int | None = None,
    labels: Sequence[int] = (),
    resample: bool = False,
) -> case_pb2.Scan:
    """One CT, inline (bytes) or by digest (text)."""
    message = case_pb2.Scan(
        modality=modality,
        series=series,
        image=source(image_file() if image is None else image),
        segmentation=source(mask_file() if mask is None else mask),
        labels=labels,
        resample_segmentation=resample,
    )
    if day is not None:
        message.day = day
    return message


def source(content: bytes | str) -> case_pb2.ImageSource:
    """A file inline (bytes), or by its digest (text)."""
    if isinstance(content, bytes):
        return case_pb2.ImageSource(inline=content)
    return case_pb2.ImageSource(digest=content)


def covariate(value: float | str) -> case_pb2.Covariate:
    """A number or a category."""
    if isinstance(value, str):
        return case_pb2.Covariate(category=value)
    return case_pb2.Covariate(number=value)


def case(
    *scans: case_pb2.Scan,
    covariates: Mapping[str, float | str] | None = None,
    features: Mapping[str, float] | None = None,
    subject: str = "subject-1",
) -> case_pb2.Case:
    """One patient; covariates that the models of the tests take, unless told otherwise."""
    told: Mapping[str, float | str] = {"age_years": 61.0, "sex": "female"} if covariates is None else covariates
    return case_pb2.Case(
        subject=subject,
        scans=scans,
        covariates={name: covariate(value) for name, value in told.items()},
        features=dict(features or {}),
    )
