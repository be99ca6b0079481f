"""The catalogue says what each feature is; nothing that can be computed is left out, nothing else stands in it."""

import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from builders.ibsi import data_folder
from builders.tumours import ball, labels_of, nrrd, texture

from features.__main__ import main
from features.embedding.encoder import default_encoder
from features.measures import QUANTITIES
from features.profile import DEFAULT_PROFILE, Profile
from features.radiomics.catalogue import DEPRECATED, FEATURES, feature_names
from features.radiomics.definitions import DEFINITIONS, DIFFERENCES, definition_of
from features.radiomics.ibsi.document import DOCUMENT, missing_features, tables, written

FIELDS = ["name", "class", "definition", "formula", "unit", "ibsi", "source", "differs"]


def test_what_can_be_computed_is_defined_and_nothing_else() -> None:
    computed = {(name, one) for name in FEATURES for one in (*FEATURES[name], *DEPRECATED.get(name, ()))}
    assert set(DEFINITIONS) == computed


def test_every_definition_is_whole() -> None:
    for one in DEFINITIONS.values():
        assert re.fullmatch(r"[^\s].*[^\s]\.", one.definition), one
        assert one.formula, one
        assert one.unit, one
        assert one.source, one
        assert bool(one.ibsi_code) == bool(one.ibsi_tag), one
        assert set(one.differs) <= set(DIFFERENCES), one
        assert one.ibsi_code or not one.differs, one
    assert {key for one in DEFINITIONS.values() for key in one.differs} == set(DIFFERENCES)


def test_a_code_is_the_standard_s_and_of_one_feature() -> None:
    codes = [one.ibsi_code for one in DEFINITIONS.values() if one.ibsi_code]
    codes += [one.ibsi_code for one in missing_features()]
    assert all(re.fullmatch(r"[0-9A-Z]{4}", code) for code in codes)
    assert len(set(codes)) == len(codes)


@pytest.mark.skipif(data_folder() is None, reason="RADRESPONSE_DATA does not point to the initiative's files")
def test_what_the_standard_has_is_either_computed_or_listed_as_missing() -> None:
    folder = data_folder()
    assert folder is not None
    table = folder / "ibsi_reference_values" / "ibsi_1_reference_values_digital_phantom.csv"
    with table.open(encoding="utf-8-sig", newline="") as file:
        tags = {re.sub(r"_(2D|2_5D|3D)(_avg|_comb)?$", "", row["tag"]) for row in csv.DictReader(file)}
    computed = {one.ibsi_tag for one in DEFINITIONS.values() if one.ibsi_tag}
    missing = {one.ibsi_tag for one in missing_features()}
    assert not computed & missing
    assert computed | missing == tags


def test_a_feature_of_any_image_is_found_by_its_whole_name() -> None:
    profile = Profile.parse(
        "imageType: {Original: , Wavelet: , LoG: {sigma: [2.0]}, LBP3D: }\nsetting: {force2D: true}"
    )
    for name in feature_names(profile.for_modality("ct")):
        assert name.endswith(f"_{definition_of(name).class_name}_{definition_of(name).feature}")


def test_the_document_s_tables_are_the_catalogue_s() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert all(f"<!-- {name} -->\n{table}<!-- end of {name} -->" in text for name, table in tables().items()), (
        "run python -m features.radiomics.ibsi.document"
    )
    assert written(text) == text


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, str]]:
    assert main(["list", *arguments]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return [json.loads(line) for line in captured.out.splitlines()]


def test_the_list_names_all_that_a_scan_can_give(capsys: pytest.CaptureFixture[str]) -> None:
    entries = listed(capsys)
    encoder = default_encoder()
    wanted = [
        *feature_names(DEFAULT_PROFILE.for_modality("ct")),
        *(f"measure.{quantity.name}" for quantity in QUANTITIES),
        *(f"embedding.{encoder.name}.{index}" for index in range(encoder.dimension)),
    ]
    assert [entry["name"] for entry in entries] == wanted
    assert all(list(entry) == FIELDS for entry in entries)


def test_the_list_of_one_plane_has_areas_and_no_volume(capsys: pytest.CaptureFixture[str]) -> None:
    names = [entry["name"] for entry in listed(capsys, "--modality", "mg")]
    assert {"original_shape2D_Perimeter", "measure.area_mm2"} <= set(names)
    assert not [name for name in names if "shape_" in name or name == "measure.volume_mm3"]
    assert "original_shape_MeshVolume" in [entry["name"] for entry in listed(capsys, "--modality", "pt")]


def test_an_entry_says_what_the_value_means_under_the_profile(capsys: pytest.CaptureFixture[str]) -> None:
    (plain,) = [one for one in listed(capsys, "--class", "firstorder") if one["name"].endswith("_Kurtosis")]
    assert plain["ibsi"] == "IPH6"
    assert plain["differs"] == DIFFERENCES["excess"]
    (standard,) = [one for one in listed(capsys, "--profile", "ibsi", "--class", "firstorder") if one["ibsi"] == "IPH6"]
    assert standard["name"] == plain["name"]
    assert standard["differs"] == ""
    assert standard["formula"] == "m₄ / m₂² − 3 (normal: 0)"
    assert plain["formula"] == "m₄ / m₂² (normal: 3)"


def test_a_profile_and_a_class_choose(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("imageType: {Original: , Wavelet: }\nfeatureClass: {glcm: [Contrast], ngtdm: }")
    entries = listed(capsys, "--profile", str(file), "--class", "glcm")
    assert len(entries) == 9
    assert {entry["definition"] for entry in entries} == {DEFINITIONS["glcm", "Contrast"].definition}
    assert len(listed(capsys, "--profile", str(file), "--class", "ngtdm")) == 45
    assert len(listed(capsys, "--class", "measure")) == len(QUANTITIES)


def test_as_a_table_for_a_spreadsheet_and_for_the_eye(capsys: pytest.CaptureFixture[str]) -> None:
    wanted = listed(capsys, "--class", "ngtdm")
    assert main(["list", "--class", "ngtdm", "--format", "csv"]) == 0
    assert list(csv.DictReader(io.StringIO(capsys.readouterr().out))) == wanted
    assert main(["list", "--class", "ngtdm", "--format", "table"]) == 0
    shown = capsys.readouterr().out
    for entry in wanted:
        assert entry["name"] in shown
        assert entry["ibsi"] in shown
    assert "HU in CT, SUV in PET" in shown


def test_a_name_stands_for_a_profile_wherever_one_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image, mask = tmp_path / "image.nrrd", tmp_path / "mask.nrrd"
    image.write_bytes(nrrd(texture(7).astype(np.int16)))
    mask.write_bytes(nrrd(labels_of(ball(centre=(5, 7, 7), radius=4.2))))
    found = {}
    for name in ("default", "ibsi", "ibsi_phantom"):
        assert main(["extract", str(image), str(mask), "--profile", name, "--modality", "pt"]) == 0
        (line,) = capsys.readouterr().out.splitlines()
        found[name] = len(json.loads(line)["features"])
    assert found["default"] == 107
    assert found["ibsi"] == 105
    assert main(["extract", str(image), str(mask), "--profile", "ibis"]) == 2
    assert capsys.readouterr().err == ("python -m features: there is no profile and no file ibis; did you mean ibsi?\n")
    assert main(["list", "--profile", str(tmp_path / "nowhere.yaml")]) == 2
    assert "No such file" in capsys.readouterr().err
    assert main(["list", "--profile", str(image)]) == 2
    assert "no text" in capsys.readouterr().err
