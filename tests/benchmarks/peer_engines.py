"""One other package on one case, run by a Python that has it: `python -m tests.benchmarks.peer_engines`.

Asked and answered as `extraction.py`. Each computes shape, intensities and textures of the original image with bins of
a width and no more, on one thread.
"""

# ruff: noqa: PLC0415  each loads only in its own environment
# mypy: disable-error-code="import-not-found, import-untyped, unused-ignore"

import json
import sys
import tempfile
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .extraction import Loaded, Values, measured

WIDTH = 25


def flash(asked: Mapping[str, Any]) -> Loaded:
    """Names of pyradiomics. It keeps what it prepared by the identity of objects, so that each call has new ones."""
    import SimpleITK as sitk
    from flash_radiomics import RadiomicsFeatureExtractor

    started = time.perf_counter()
    image, mask = sitk.ReadImage(asked["image"]), sitk.ReadImage(asked["mask"])
    seconds = time.perf_counter() - started
    folder = Path(tempfile.mkdtemp())

    def extract() -> Values:
        extractor = RadiomicsFeatureExtractor(backend="cpu", num_threads=1, binWidth=WIDTH)
        found = extractor.execute(sitk.Image(image), sitk.Image(mask), label=1, output_hdf5_path=str(folder / "out.h5"))
        return _numbers(found)

    return Loaded(extract, _size(image) + _size(mask), seconds)


def fastrad(asked: Mapping[str, Any]) -> Loaded:
    """Features of pyradiomics under names of its own."""
    import SimpleITK as sitk
    import torch
    from fastrad import FeatureExtractor, FeatureSettings, Mask, MedicalImage

    torch.set_num_threads(1)
    started = time.perf_counter()
    image, mask = sitk.ReadImage(asked["image"]), sitk.ReadImage(asked["mask"])
    spacing = image.GetSpacing()[::-1]
    voxels = MedicalImage(torch.from_numpy(sitk.GetArrayFromImage(image).astype("float32")), spacing)
    inside = Mask(torch.from_numpy((sitk.GetArrayFromImage(mask) == 1).astype("float32")), spacing)
    seconds = time.perf_counter() - started
    extractor = FeatureExtractor(FeatureSettings(bin_width=WIDTH, device="cpu"))
    return Loaded(lambda: _numbers(extractor.extract(voxels, inside)), _size(image) + _size(mask), seconds)


def pictologics(asked: Mapping[str, Any]) -> Loaded:
    """IBSI's features, textures merged over directions."""
    import os

    os.environ["PICTOLOGICS_NUM_THREADS"] = "1"
    from pictologics import RadiomicsPipeline, load_image

    started = time.perf_counter()
    image, mask = load_image(asked["image"]), load_image(asked["mask"])
    seconds = time.perf_counter() - started
    families = {
        "families": ["intensity", "morphology", "texture"],
        "include_spatial_intensity": False,
        "include_local_intensity": False,
    }
    steps = [
        {"step": "discretise", "params": {"method": "FBS", "bin_width": float(WIDTH), "min_val": -1000.0}},
        {"step": "extract_features", "params": families},
    ]

    def extract() -> Values:
        pipeline = RadiomicsPipeline()
        pipeline.add_config("one", steps)
        return _numbers(dict(pipeline.run(image, mask, config_names=["one"])["one"]))

    return Loaded(extract, image.array.nbytes + mask.array.nbytes, seconds)


def mirp(asked: Mapping[str, Any]) -> Loaded:
    """IBSI's features, textures as means over directions; it reads the files in each call."""
    from mirp import extract_features

    families = ["morphological", "statistics", "cm", "rlm", "szm", "ngtdm", "ngldm"]

    def extract() -> Values:
        found = extract_features(
            image=asked["image"],
            mask=asked["mask"],
            image_modality=asked["modality"],
            base_discretisation_method="fixed_bin_size",
            base_discretisation_bin_width=float(WIDTH),
            resegmentation_intensity_range=[-2000.0, 4000.0],
            base_feature_families=families,
        )
        return _numbers(found[0].iloc[0].to_dict())

    return Loaded(extract, 0, 0.0)


def nyxus(asked: Mapping[str, Any]) -> Loaded:
    """IBSI's features and others in space; it reads NIfTI files in each call."""
    import nyxus as package
    import SimpleITK as sitk

    folder = Path(tempfile.mkdtemp())
    image, mask = sitk.ReadImage(asked["image"]), sitk.ReadImage(asked["mask"]) == 1
    files = folder / "image" / "one.nii", folder / "mask" / "one.nii"
    for voxels, file in zip((image, mask), files, strict=True):
        file.parent.mkdir()
        sitk.WriteImage(sitk.Cast(voxels, sitk.sitkInt16), str(file))
    groups = ("ALL_MORPHOLOGY", "ALL_INTENSITY", "GLCM", "GLRLM", "GLSZM", "GLDM", "NGTDM")
    extractor = package.Nyxus3D([f"*3D_{group}*" for group in groups], n_feature_calc_threads=1)

    def extract() -> Values:
        table = extractor.featurize_files([str(files[0])], [str(files[1])], False)
        return _numbers(table.iloc[0].to_dict())

    return Loaded(extract, 0, 0.0)


def _size(image: Any) -> int:  # noqa: ANN401
    return int(image.GetNumberOfPixels() * image.GetSizeOfPixelComponent())


def _numbers(found: Mapping[str, Any]) -> Values:
    values = {}
    for name, value in found.items():
        try:
            values[str(name)] = float(value)
        except (TypeError, ValueError):
            continue
    return values


ENGINES = {"flash-radiomics": flash, "fastrad": fastrad, "pictologics": pictologics, "mirp": mirp, "nyxus": nyxus}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    question = json.load(sys.stdin)
    sys.stdout.write("\n" + json.dumps(measured(question, ENGINES[question["engine"]])) + "\n")
