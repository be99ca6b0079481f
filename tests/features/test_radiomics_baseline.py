"""Every value of pyradiomics' own baselines, from the files of its archive through our reader and our door.

The baselines were written by pyradiomics 1.3 to 2.1 on Python 2.7 and 3.5; its own tests allow 3 %. The worst seen
here is 0.09 %, in shape, whose mesh changed between those versions; all others are below 1e-11.
"""

import ast
import csv
import sys
from collections import defaultdict
from functools import cache

import numpy as np
import pytest
import yaml

from features.case import Source
from features.imaging.read import read_image, read_segmentation
from features.lesion import Lesion
from features.lesions import find_lesions
from features.profile import Profile
from features.radiomics import extract
from features.samples import baseline_folder, sample

NOT_OURS = ("label", "additionalInfo", "correctMask")


@cache
def lesion_of(case: str) -> Lesion:
    image_file, mask_file = sample(case)
    (lesion,) = find_lesions(read_image(Source.of(image_file)), read_segmentation(Source.of(mask_file)))
    return lesion


def baseline(class_name: str) -> dict[str, dict[str, str]]:
    """By test (case and setting), then by row."""
    with (baseline_folder() / f"baseline_{class_name}.csv").open() as file:
        header, *rows = csv.reader(file)
    return {test: {row[0]: row[index] for row in rows} for index, test in enumerate(header) if index}


def settings_of(rows: dict[str, str]) -> str:
    """What the baseline was computed with, as a parameter file without feature classes."""
    setting = ast.literal_eval(rows["diagnostics_Configuration_Settings"])
    kept = {key: value for key, value in setting.items() if key not in NOT_OURS}
    images = ast.literal_eval(rows["diagnostics_Configuration_EnabledImageTypes"])
    return yaml.safe_dump({"setting": kept, "imageType": images})


def in_one_slice(lesion: Lesion, rows: dict[str, str]) -> Lesion:
    """The mask of the archive's `_2D` cases, which it does not hold: the one slice that the baseline names."""
    _, _, low, _, _, height = ast.literal_eval(rows["diagnostics_Mask-corrected_BoundingBox"])
    mask = np.zeros_like(lesion.mask)
    mask[low : low + height] = lesion.mask[low : low + height]
    assert mask.sum() == int(rows["diagnostics_Mask-corrected_VoxelNum"])
    return Lesion(lesion.label, lesion.image, mask, lesion.grid, lesion.pixel_type)


def difference(found: float, wanted: float) -> float:
    """As pyradiomics' tests have it, but for values that are 0 up to rounding."""
    if abs(found) < 1e-10 and abs(wanted) < 1e-10:
        return 0.0
    return abs(found - wanted) / abs(wanted) if wanted else 1.0


@pytest.mark.slow
def test_all_baselines_of_pyradiomics_archive_are_met(capsys: pytest.CaptureFixture[str]) -> None:
    wanted: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    flat: dict[str, dict[str, str]] = baseline("shape2D")
    for class_name in ("firstorder", "glcm", "gldm", "glrlm", "glszm", "ngtdm", "shape", "shape2D"):
        for test, rows in baseline(class_name).items():
            values = {name: float(value) for name, value in rows.items() if name.startswith("original_") and value}
            wanted[test, settings_of(rows)].update(values)
    worst: dict[str, tuple[float, str]] = {}
    for (test, text), values in wanted.items():
        lesion = lesion_of(test.partition("_")[0])
        lesion = in_one_slice(lesion, flat[test]) if test in flat else lesion
        found = extract(lesion, Profile.parse(text).for_modality("ct"), values)
        assert set(values) == set(found.values), (test, found.missing)
        for name, value in values.items():
            class_name = name.split("_")[1]
            seen = difference(found.values[name], value)
            worst[class_name] = max(worst.get(class_name, (0.0, "")), (seen, f"{test} {name}"))
    counted = sum(len(values) for values in wanted.values())
    lines = [f"  {name:10} {seen:.1e}  {where}" for name, (seen, where) in worst.items()]
    with capsys.disabled():
        sys.stdout.write(
            f"\n{counted} baseline values; worst relative difference by class:\n" + "\n".join(lines) + "\n"
        )
    assert counted == 3370
    assert max(seen for seen, _ in worst.values()) < 0.001
