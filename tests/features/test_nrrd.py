"""NRRD headers: spaces, spellings, what is refused."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
import SimpleITK as sitk
from builders.images import grid, nrrd, nrrd_fields, nrrd_header

from features.case import Source
from features.errors import BadImage, DamagedFile, DetachedHeader, ImageTooLarge, UnsupportedImage
from features.imaging.header import Limits
from features.imaging.nrrd import parse_nrrd
from features.imaging.read import read_image

ARRAY = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
GRID = grid((4, 3, 2), (0.5, 1.0, 2.0), (-10.0, 20.0, 30.0))


def without(*names: str, added: Mapping[str, str] = MappingProxyType({})) -> bytes:
    fields = nrrd_fields(ARRAY, GRID) | dict(added)
    return nrrd_header({key: value for key, value in fields.items() if key not in names}) + ARRAY.tobytes()


def assert_as_simpleitk(content: bytes, folder: Path) -> None:
    path = folder / "image.nrrd"
    path.write_bytes(content)
    seen, mine = sitk.ReadImage(str(path)), read_image(Source.of(content))
    np.testing.assert_array_equal(mine.voxels, sitk.GetArrayFromImage(seen))
    assert mine.grid.spacing_mm == pytest.approx(seen.GetSpacing())
    assert mine.grid.origin_mm == pytest.approx(seen.GetOrigin())
    assert mine.grid.direction == pytest.approx(seen.GetDirection())


@pytest.mark.parametrize(
    "space",
    ["left-posterior-superior", "LPS", "right-anterior-superior", "RAS", "left-anterior-superior", "LAS"],
)
def test_every_space_becomes_lps_as_in_itk(space: str, tmp_path: Path) -> None:
    assert_as_simpleitk(nrrd(ARRAY, GRID, {"space": space}), tmp_path)


def test_spacings_without_a_space_are_read_as_in_itk(tmp_path: Path) -> None:
    content = without("space", "space directions", "space origin", added={"spacings": "0.5 1.5 2"})
    assert read_image(Source.of(content)).grid.spacing_mm == (0.5, 1.5, 2.0)
    assert_as_simpleitk(content, tmp_path)


def test_a_space_known_only_by_its_dimension_is_read_as_in_itk(tmp_path: Path) -> None:
    content = nrrd(ARRAY, GRID).replace(b"space: left-posterior-superior", b"space dimension: 3")
    assert_as_simpleitk(content, tmp_path)


@pytest.mark.parametrize("word", ["short", "short int", "signed short", "int16", "int16_t", "SHORT"])
def test_types_have_many_spellings(word: str) -> None:
    np.testing.assert_array_equal(read_image(Source.of(nrrd(ARRAY, None, {"type": word}))).voxels, ARRAY)


def test_lines_may_end_as_on_windows_and_hold_comments_and_keys() -> None:
    content = nrrd(ARRAY, GRID)
    head, _, body = content.partition(b"\n\n")
    head += b"\n# a comment: with a colon\nkey := a value: with a colon"
    windows = head.replace(b"\n", b"\r\n") + b"\r\n\r\n" + body
    np.testing.assert_array_equal(read_image(Source.of(windows)).voxels, ARRAY)
    assert read_image(Source.of(windows)).grid == GRID


def test_a_fourth_dimension_of_one_is_read() -> None:
    four = {
        "dimension": "4",
        "sizes": "4 3 2 1",
        "kinds": "domain domain domain list",
        "space directions": "(1,0,0) (0,1,0) (0,0,1) none",
    }
    np.testing.assert_array_equal(read_image(Source.of(nrrd(ARRAY, None, four))).voxels, ARRAY)
    with pytest.raises(UnsupportedImage, match="4 x 3 x 1 x 2"):
        read_image(Source.of(nrrd(ARRAY, None, four | {"sizes": "4 3 1 2"})))


@pytest.mark.parametrize("field", ["data file", "datafile", "Data File"])
@pytest.mark.parametrize("named", ["/etc/passwd", "LIST", "image%03d.raw 1 10 1", "skip:0 image.raw"])
def test_a_header_that_points_elsewhere_is_refused(field: str, named: str) -> None:
    fields = nrrd_fields(ARRAY) | {field: named}
    for content in (nrrd_header(fields), nrrd_header(fields) + ARRAY.tobytes(), nrrd_header(fields)[:-1]):
        with pytest.raises(DetachedHeader, match="data file") as caught:
            read_image(Source.of(content))
        assert "passwd" not in str(caught.value)


REFUSALS: list[tuple[dict[str, str], type[BadImage], str]] = [
    *[({"encoding": word}, UnsupportedImage, word) for word in ("txt", "ascii", "hex", "bzip2", "bz2")],
    ({"encoding": "rav"}, DamagedFile, "none of NRRD's"),
    ({"type": "block"}, UnsupportedImage, "blocks"),
    ({"type": "shprt"}, DamagedFile, "type"),
    ({"endian": "middle"}, DamagedFile, "endian"),
    ({"dimension": "2"}, DamagedFile, "2 dimensions and 3 sizes"),
    ({"dimension": "2", "sizes": "6 4"}, UnsupportedImage, "three dimensions"),
    ({"sizes": "4 3 -2"}, DamagedFile, "whole number"),
    ({"sizes": "4 3 0"}, DamagedFile, "4 x 3 x 0"),
    ({"sizes": "4 3 " + "9" * 30}, DamagedFile, "whole number"),
    ({"byte skip": "-1"}, UnsupportedImage, "byteskip"),
    ({"line skip": "3"}, UnsupportedImage, "lineskip"),
    ({"space": "scanner-xyz"}, UnsupportedImage, "scanner-xyz"),
    ({"space units": '"um" "um" "um"'}, UnsupportedImage, "millimetres"),
    ({"space directions": "none (1,0,0) (0,1,0)"}, UnsupportedImage, "colour"),
    ({"space directions": "(1,0,0) (0,1,0)"}, DamagedFile, "2 space directions"),
    ({"space directions": "(1,0) (0,1) (1,1)"}, UnsupportedImage, "2 dimensions"),
    ({"space directions": "(1,0,x) (0,1,0) (0,0,1)"}, DamagedFile, "number"),
    ({"space directions": "(1,0,0) (0,1,0) [0,0,1]"}, DamagedFile, "vector"),
    ({"space directions": "(0,0,0) (0,1,0) (0,0,1)"}, UnsupportedImage, "spacing"),
    ({"space directions": "(1,0,0) (0.5,1,0) (0,0,1)"}, UnsupportedImage, "sheared"),
    ({"space directions": "(nan,0,0) (0,1,0) (0,0,1)"}, UnsupportedImage, "spacing"),
    ({"space origin": "(0,inf,0)"}, UnsupportedImage, "origin"),
    ({"space origin": "none"}, DamagedFile, "origin"),
    ({"spbce": "LPS"}, DamagedFile, "no field"),
    ({"Type": "short"}, DamagedFile, "twice"),
]


@pytest.mark.parametrize(("changed", "error", "said"), REFUSALS)
def test_headers_that_cannot_be_used_say_why(changed: dict[str, str], error: type[BadImage], said: str) -> None:
    with pytest.raises(error, match=said):
        read_image(Source.of(nrrd(ARRAY, None, changed)))


@pytest.mark.parametrize("name", ["type", "dimension", "sizes", "encoding", "endian"])
def test_a_missing_field_is_named(name: str) -> None:
    with pytest.raises(DamagedFile, match=name):
        read_image(Source.of(without(name)))


def test_an_image_without_spacing_is_refused() -> None:
    with pytest.raises(UnsupportedImage, match="spacing"):
        read_image(Source.of(without("space directions", "space", "space origin")))
    with pytest.raises(UnsupportedImage, match="axismins"):
        read_image(
            Source.of(
                without("space directions", "space", "space origin", added={"spacings": "1 1 1", "axis mins": "0 5 5"})
            )
        )


def test_a_header_that_claims_54_terabytes_is_refused() -> None:
    with pytest.raises(ImageTooLarge, match="54,000,000,000,000 bytes"):
        parse_nrrd(nrrd_header(nrrd_fields(ARRAY) | {"sizes": "30000 30000 30000"}), Limits())


def test_a_header_without_an_end_is_damaged() -> None:
    with pytest.raises(DamagedFile, match="does not end"):
        read_image(Source.of(nrrd_header(nrrd_fields(ARRAY))[:-1]))
