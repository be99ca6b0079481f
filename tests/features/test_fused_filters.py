"""Filters of the fused engine against the libraries that pyradiomics filters with, bit for bit."""

import warnings

import numpy as np
import pytest
import pywt
import SimpleITK as sitk
from numpy.typing import NDArray
from skimage.feature import local_binary_pattern

from features.radiomics.bounds import Box
from features.radiomics.fused import filters
from features.radiomics.fused.filters import Source, derive
from features.radiomics.fused.laplacian import REACH_SIGMAS, laplacian_of_gaussian
from features.radiomics.fused.patterns import METHODS, patterns_in_slices
from features.radiomics.fused.pixels import Pixels
from features.radiomics.settings import RULES, Value
from features.radiomics.shared import Shared
from features.radiomics.sphere import sphere_patterns

TYPES = ("int16", "float32", "float64", "uint8")


def noise(seed: int, shape: tuple[int, ...], kind: str) -> NDArray[np.generic]:
    return np.random.default_rng(seed).normal(100, 50, shape).clip(0, 255).astype(kind)


def by_itk(voxels: NDArray[np.generic], spacing: tuple[float, ...], sigma: float) -> NDArray[np.float32]:
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing(spacing)
    filtered = sitk.LaplacianRecursiveGaussianImageFilter()
    filtered.SetNormalizeAcrossScale(True)
    filtered.SetSigma(sigma)
    found: NDArray[np.float32] = sitk.GetArrayFromImage(filtered.Execute(image))
    return found


@pytest.mark.parametrize("seed", range(30))
def test_laplacians_are_itks_to_the_last_bit(seed: int) -> None:
    random = np.random.default_rng(seed)
    shape = random.integers(4, 40, 3)
    voxels = noise(seed, tuple(shape), TYPES[seed % 4])
    spacing, sigma = tuple(random.uniform(0.3, 5, 3).tolist()), float(random.uniform(0.3, 9))
    low = random.integers(0, shape)
    z, y, x = (slice(int(a), int(random.integers(a + 1, size + 1))) for a, size in zip(low, shape, strict=True))
    wanted = by_itk(voxels, spacing, sigma)[z, y, x]
    np.testing.assert_array_equal(laplacian_of_gaussian(voxels, (z, y, x), spacing, sigma), wanted)


def test_a_cut_gives_the_laplacian_of_the_whole_image() -> None:
    voxels = noise(1, (24, 150, 150), "int16")
    spacing, sigma = (1.0, 1.0, 3.0), 2.0
    reach = int(REACH_SIGMAS * sigma)
    box = (slice(8, 16), slice(60, 80), slice(65, 75))
    cut = voxels[:, 60 - reach : 80 + reach, 65 - reach : 75 + reach]
    inner = (box[0], slice(reach, reach + 20), slice(reach, reach + 10))
    wanted = by_itk(voxels, spacing, sigma)[box]
    found = laplacian_of_gaussian(cut, inner, spacing, sigma)
    assert np.count_nonzero(found != wanted) <= 1  # one part in 10^12 may turn a last bit
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-9)


def source_of(voxels: NDArray[np.generic], box: Box) -> Source:
    inside = np.ones(tuple(side.stop - side.start for side in box), dtype=bool)
    return Source(Pixels(voxels, voxels.dtype, Shared()), (1.0, 1.0, 2.0), box, inside)


def arguments(**more: Value) -> dict[str, Value]:
    return {key: rule.default for key, rule in RULES.items()} | more


def test_a_laplacian_of_nothing_but_what_is_far_away_is_taken_from_the_whole_image() -> None:
    voxels = np.zeros((8, 90, 90), dtype=np.float32)
    voxels[4, 2, 2] = 1000
    box = (slice(3, 6), slice(36, 46), slice(36, 46))
    ((_, found),) = derive(source_of(voxels, box), "LoG", ["log-sigma-1-5-mm-3D"], arguments(sigma=(1.5,)))
    wanted = by_itk(voxels, (1.0, 1.0, 2.0), 1.5)[box]
    assert wanted.any()
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("wavelet", ["coif1", "haar", "db4", "bior2.2", "dmey"])
@pytest.mark.parametrize("level", [1, 2])
@pytest.mark.parametrize("start", [0, 1])
def test_wavelets_in_a_box_are_those_of_the_whole_image(wavelet: str, level: int, start: int) -> None:
    voxels = noise(2, (15, 61, 70), "int16")
    box = (slice(4, 9), slice(0, 5), slice(30, 40))
    asked = arguments(wavelet=wavelet, level=level, start_level=start, force2D=False, force2Ddimension=0)
    wanted = np.pad(voxels, [(0, size % 2) for size in voxels.shape], "wrap").astype(float)
    for _ in range(start + level):
        bands = pywt.swtn(wanted, wavelet, level=1, start_level=0, axes=(2, 1, 0))[0]
        wanted = bands["aaa"]
    names = [f"wavelet{level if level > 1 else ''}-{band.upper()}" for band in ("lll", "lhh", "hlh")]
    found = dict(derive(source_of(voxels, box), "Wavelet", names, asked))
    for name in names:
        band = name[-3:].replace("L", "a").replace("H", "d")
        np.testing.assert_array_equal(found[name], bands[band][box])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("radius", "samples"), [(1, 8), (1.5, 9), (3.7, 24), (0.1, 1), (7, 30)])
@pytest.mark.parametrize("kind", TYPES)
def test_patterns_are_scikit_images(method: str, radius: float, samples: int, kind: str) -> None:
    voxels = noise(3, (3, 30, 41), kind)
    voxels[1] = 7  # equal everywhere: rounding decides
    places = np.array(np.nonzero(np.random.default_rng(4).random((3, 30, 41)) < 0.3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = [local_binary_pattern(plane, P=samples, R=radius, method=method) for plane in voxels]  # type: ignore[no-untyped-call]
    first = (5, 9)
    places = places[:, (places[1] >= 14) & (places[1] < 20) & (places[2] >= 18) & (places[2] < 28)]
    found = patterns_in_slices(
        voxels[:, first[0] :, first[1] :],
        first,
        places - np.array([[0], [first[0]], [first[1]]]),
        radius=radius,
        samples=samples,
        method=method,
    )
    np.testing.assert_array_equal(found, np.array(wanted)[tuple(places)])


def test_patterns_on_a_sphere_are_taken_from_the_whole_image_where_equals_meet(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[tuple[int, ...]] = []
    real = sphere_patterns

    def spied(voxels: NDArray[np.generic], *rest: object, **more: object) -> object:
        taken.append(voxels.shape)
        return real(voxels, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(filters, "sphere_patterns", spied)
    box = (slice(2, 4), slice(60, 64), slice(60, 64))
    flat = np.zeros((6, 130, 130))
    flat[3, 3, 3] = 1000.0
    for voxels, shapes in ((flat, 2), (noise(5, flat.shape, "float64"), 1)):
        taken.clear()
        list(derive(source_of(voxels, box), "LBP3D", ["lbp-3D-m1"], arguments()))
        assert len(taken) == shapes
        assert taken[0] < voxels.shape
        assert (taken[-1] == voxels.shape) is (shapes == 2)
