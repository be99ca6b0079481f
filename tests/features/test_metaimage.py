"""MetaImage headers: spellings, what is refused."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from builders.images import grid, metaimage

from features.case import Source
from features.errors import BadImage, DamagedFile, DetachedHeader, ImageTooLarge, UnsupportedImage
from features.imaging.header import Limits
from features.imaging.metaimage import parse_metaimage
from features.imaging.read import read_image

ARRAY = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
TURNED = (0.0, -1.0, 0.0, 0.6, 0.0, -0.8, 0.8, 0.0, 0.6)
GRID = grid((4, 3, 2), (0.5, 1.0, 2.0), (-10.0, 20.0, 30.0), TURNED)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(
    "renamed", [(), ("Offset", "Position"), ("Offset", "Origin"), ("TransformMatrix", "Rotation"),
                ("TransformMatrix", "Orientation"), ("BinaryDataByteOrderMSB", "ElementByteOrderMSB")],
)  # fmt: skip
def test_fields_of_several_names_are_read_as_in_itk(renamed: tuple[str, ...], compressed: bool, tmp_path: Path) -> None:
    content = metaimage(ARRAY, GRID, compressed=compressed)
    if renamed:
        content = content.replace(renamed[0].encode() + b" =", renamed[1].encode() + b" =")
    path = tmp_path / "image.mha"
    path.write_bytes(content)
    seen, mine = sitk.ReadImage(str(path)), read_image(Source.of(content))
    np.testing.assert_array_equal(mine.voxels, sitk.GetArrayFromImage(seen))
    assert mine.grid.spacing_mm == pytest.approx(seen.GetSpacing())
    assert mine.grid.origin_mm == pytest.approx(seen.GetOrigin())
    assert mine.grid.direction == pytest.approx(seen.GetDirection())
    assert mine.grid.direction == pytest.approx(TURNED)


@pytest.mark.parametrize("named", ["other", "/etc/passwd", "LIST", "image.zraw", "image%03d.raw 1 10 1", ""])
def test_a_header_that_points_elsewhere_is_refused(named: str) -> None:
    with pytest.raises(DetachedHeader, match="LOCAL") as caught:
        read_image(Source.of(metaimage(ARRAY, None, {"ElementDataFile": named})))
    assert "passwd" not in str(caught.value)


def test_a_fourth_dimension_of_one_is_read() -> None:
    four = {
        "NDims": "4",
        "DimSize": "4 3 2 1",
        "ElementSpacing": "1 1 2 1",
        "Offset": "5 6 7 0",
        "TransformMatrix": "1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1",
    }
    image = read_image(Source.of(metaimage(ARRAY, None, four)))
    np.testing.assert_array_equal(image.voxels, ARRAY)
    assert (image.grid.spacing_mm, image.grid.origin_mm) == ((1, 1, 2), (5, 6, 7))
    with pytest.raises(UnsupportedImage, match="4 x 3 x 1 x 2"):
        read_image(Source.of(metaimage(ARRAY, None, four | {"DimSize": "4 3 1 2"})))


REFUSALS: list[tuple[dict[str, str], type[BadImage], str]] = [
    ({"ObjectType": "Tube"}, UnsupportedImage, "ObjectType"),
    ({"BinaryData": "False"}, UnsupportedImage, "text"),
    ({"BinaryData": "Maybe"}, DamagedFile, "True nor False"),
    ({"ElementNumberOfChannels": "3"}, UnsupportedImage, "colour"),
    ({"ElementType": "MET_FLOAT_ARRAY"}, UnsupportedImage, "arrays"),
    ({"ElementType": "MET_SHOT"}, DamagedFile, "type"),
    ({"HeaderSize": "-1"}, UnsupportedImage, "HeaderSize"),
    ({"DistanceUnits": "um"}, UnsupportedImage, "millimetres"),
    ({"ElementToIntensityFunctionSlope": "2"}, UnsupportedImage, "scaled"),
    ({"ElementSpacing": "0 1 1"}, UnsupportedImage, "spacing"),
    ({"ElementSpacing": "1 1"}, DamagedFile, "2 numbers as ElementSpacing"),
    ({"ElementSpacing": "1 1 x"}, DamagedFile, "ElementSpacing"),
    ({"TransformMatrix": "1 0 0 0.5 1 0 0 0 1"}, UnsupportedImage, "sheared"),
    ({"TransformMatrix": "2 0 0 0 2 0 0 0 2"}, UnsupportedImage, "unit length"),
    ({"Offset": "1 2 nan"}, UnsupportedImage, "origin"),
    ({"Position": "1 2 3"}, DamagedFile, "more than one"),
    ({"DimSize": "4 3 0"}, DamagedFile, "4 x 3 x 0"),
    ({"DimSize": "4 3"}, DamagedFile, "3 dimensions and 2 sizes"),
    ({"DimSize": "4 3 2.0"}, DamagedFile, "whole number"),
    ({"NDims": "2", "DimSize": "4 6"}, UnsupportedImage, "three dimensions"),
]


@pytest.mark.parametrize(("changed", "error", "said"), REFUSALS)
def test_headers_that_cannot_be_used_say_why(changed: dict[str, str], error: type[BadImage], said: str) -> None:
    with pytest.raises(error, match=said):
        read_image(Source.of(metaimage(ARRAY, None, changed)))


@pytest.mark.parametrize("name", ["NDims", "DimSize", "ElementType", "ElementSpacing"])
def test_a_missing_field_is_named(name: str) -> None:
    lines = metaimage(ARRAY).split(b"\n")
    content = b"\n".join(line for line in lines if not line.startswith(name.encode() + b" "))
    with pytest.raises(DamagedFile, match=name):
        read_image(Source.of(content))


def test_a_header_that_claims_54_terabytes_is_refused() -> None:
    with pytest.raises(ImageTooLarge, match="54,000,000,000,000 bytes"):
        parse_metaimage(metaimage(ARRAY, None, {"DimSize": "30000 30000 30000"}), Limits())


def test_a_header_without_an_end_is_damaged() -> None:
    with pytest.raises(DamagedFile, match="does not end"):
        read_image(Source.of(metaimage(ARRAY).partition(b"ElementDataFile")[0]))
