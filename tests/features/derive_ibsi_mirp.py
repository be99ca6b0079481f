"""Writes `ibsi_mirp.json`: MIRP's values of a public tumour under the settings of IBSI's configurations A to E.

IBSI's own lung CT may not be used commercially, so it is not here; MIRP 2.7.0, by the initiative's first author, meets
the consensus on it (Zwanenburg et al., JOSS 9 (2024) 6413). Run in an environment of its own, for MIRP (EUPL-1.2) is
no part of this project's: `pip install mirp==2.7.0`, then

    python derive_ibsi_mirp.py lung1_image.nrrd lung1_label.nrrd ibsi_mirp.json

with the case of pyradiomics' archive (`python -m features.samples`).
"""

import json
import sys
from pathlib import Path

FAMILIES = {
    "morph": "morphological",
    "stat": "statistical",
    "ih": "intensity_histogram",
    "cm": "cooccurrence_matrix",
    "rlm": "run_length_matrix",
    "szm": "size_zone_matrix",
    "ngt": "neighbourhood_grey_tone_difference_matrix",
    "ngl": "neighbouring_grey_level_dependence_matrix",
}
IN_SLICES = {
    "by_slice": True,
    "glcm_spatial_method": ["2d_average", "2d_slice_merge", "2.5d_direction_merge", "2.5d_volume_merge"],
    "glrlm_spatial_method": ["2d_average", "2d_slice_merge", "2.5d_direction_merge", "2.5d_volume_merge"],
    "glszm_spatial_method": ["2d", "2.5d"],
    "ngtdm_spatial_method": ["2d", "2.5d"],
    "ngldm_spatial_method": ["2d", "2.5d"],
}
IN_SPACE = {
    "glcm_spatial_method": ["3d_average", "3d_volume_merge"],
    "glrlm_spatial_method": ["3d_average", "3d_volume_merge"],
    "glszm_spatial_method": "3d",
    "ngtdm_spatial_method": "3d",
    "ngldm_spatial_method": "3d",
}
WIDTH = {"base_discretisation_method": "fixed_bin_size", "base_discretisation_bin_width": 25.0}
COUNT = {"base_discretisation_method": "fixed_bin_number", "base_discretisation_n_bins": 32}
LINEAR = {"new_spacing": 2.0, "spline_order": 1, "roi_spline_order": 1, "anti_aliasing": False}
CONFIGURATIONS = {
    "A": {**IN_SLICES, **WIDTH, "resegmentation_intensity_range": [-500.0, 400.0]},
    "B": {**IN_SLICES, **COUNT, **LINEAR, "resegmentation_intensity_range": [-500.0, 400.0]},
    "C": {**IN_SPACE, **WIDTH, **LINEAR, "resegmentation_intensity_range": [-1000.0, 400.0]},
    "D": {**IN_SPACE, **COUNT, **LINEAR, "resegmentation_sigma": 3.0},
    "E": {
        **IN_SPACE,
        **COUNT,
        **LINEAR,
        "spline_order": 3,
        "resegmentation_intensity_range": [-1000.0, 400.0],
        "resegmentation_sigma": 3.0,
    },
}


def main(image: str, mask: str, out: str) -> None:
    from mirp import extract_features  # type: ignore[import-not-found]  # noqa: PLC0415

    found = {}
    for name, settings in CONFIGURATIONS.items():
        (table,) = extract_features(
            image=image,
            mask=mask,
            image_modality="ct",
            ibsi_compliant=True,
            no_approximation=True,
            base_feature_families=list(FAMILIES.values()),
            **settings,
        )
        row = table.iloc[0].to_dict()
        found[name] = {key: float(row[key]) for key in row if key.partition("_")[0] in FAMILIES}
    Path(out).write_text(json.dumps(found, indent=0) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
