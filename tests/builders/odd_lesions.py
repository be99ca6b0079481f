"""Hypothesis strategies: lesions of every awkward kind, and settings drawn from all that are supported."""

from typing import Any

import numpy as np
import yaml
from hypothesis import strategies as st
from numpy.typing import NDArray

from features.imaging.volume import Grid
from features.lesion import Lesion
from features.radiomics.catalogue import DEPRECATED, FEATURES
from features.radiomics.settings import INTERPOLATORS
from features.types import Mask

PIXEL_TYPES = ("int16", "float32", "uint8", "uint16", "int32", "float64", "int8", "uint32")
WAVELETS = ("coif1", "haar", "db4", "sym5", "bior2.2", "rbio3.1", "dmey", "coif3", "db20")
Draw = Any
Shape = tuple[int, int, int]


def _positions(shape: Shape) -> NDArray[np.float64]:
    return np.indices(shape).astype(float)


def _ball(shape: Shape, random: np.random.Generator) -> Mask:
    centre = [random.uniform(0, size - 1) for size in shape]
    radii = [random.uniform(0.6, max(0.7, size / 2)) for size in shape]
    apart = sum(((axis - at) / radius) ** 2 for axis, at, radius in zip(_positions(shape), centre, radii, strict=True))
    return np.asarray(apart <= 1)


def _box(shape: Shape, random: np.random.Generator) -> Mask:
    mask = np.zeros(shape, bool)
    ends = [np.sort(random.integers(0, size, 2)) for size in shape]
    mask[tuple(slice(low, high + 1) for low, high in ends)] = True
    return mask


def _flat(shape: Shape, random: np.random.Generator) -> Mask:
    mask, axis = _sponge(shape, random), int(random.integers(3))
    kept = np.zeros(shape, bool)
    place = [slice(None)] * 3
    place[axis] = slice(*(np.array([0, 1]) + random.integers(shape[axis])))
    kept[tuple(place)] = mask[tuple(place)]
    return kept


def _line(shape: Shape, random: np.random.Generator) -> Mask:
    mask = np.zeros(shape, bool)
    step, place = random.integers(-1, 2, 3), np.array([random.integers(size) for size in shape])
    for _ in range(max(shape)):
        if ((place < 0) | (place >= shape)).any():
            break
        mask[tuple(place)] = True
        place = place + step
    return mask


def _sponge(shape: Shape, random: np.random.Generator) -> Mask:
    return np.asarray(random.random(shape) < random.choice([0.05, 0.3, 0.6, 0.95]))


def _specks(shape: Shape, random: np.random.Generator) -> Mask:
    mask = np.zeros(shape, bool)
    for _ in range(int(random.integers(1, 5))):
        mask[tuple(random.integers(size) for size in shape)] = True
    return mask


def _checkers(shape: Shape, _: np.random.Generator) -> Mask:
    return np.asarray(_positions(shape).sum(axis=0) % 2 == 0)


def _whole(shape: Shape, _: np.random.Generator) -> Mask:
    return np.ones(shape, bool)


MASKS = (_ball, _box, _sponge, _flat, _specks, _line, _checkers, _whole)


def _noise(shape: Shape, random: np.random.Generator) -> NDArray[np.float64]:
    return random.normal(random.uniform(-1, 1), 1, shape)


def _steps(shape: Shape, random: np.random.Generator) -> NDArray[np.float64]:
    return random.integers(0, int(random.integers(1, 5)), shape).astype(float)


def _slope(shape: Shape, random: np.random.Generator) -> NDArray[np.float64]:
    rise = random.normal(0, 1, 3)
    return np.asarray(
        np.tensordot(rise, _positions(shape), axes=1) + random.choice([0, 0.1]) * random.normal(size=shape)
    )


def _constant(shape: Shape, random: np.random.Generator) -> NDArray[np.float64]:
    return np.full(shape, random.choice([0.0, 1.0, -1.0, 0.3]))


def _spike(shape: Shape, random: np.random.Generator) -> NDArray[np.float64]:
    values = np.zeros(shape)
    values[tuple(random.integers(size) for size in shape)] = random.choice([-1.0, 1.0])
    return values


def _mirrored(shape: Shape, random: np.random.Generator) -> NDArray[np.float64]:
    values = _steps(shape, random)
    return values + values[::-1, ::-1, ::-1]


INTENSITIES = (_noise, _steps, _slope, _constant, _spike, _mirrored)


def _voxels(draw: Draw, shape: Shape, pixel_type: str, random: np.random.Generator) -> NDArray[np.float32]:
    values = draw(st.sampled_from(INTENSITIES))(shape, random)
    kind = np.dtype(pixel_type)
    scale = draw(st.sampled_from([1.0, 100.0, 30.0, 1000.0, 1e-6, 1e7]))
    shift = draw(st.sampled_from([0.0, 1000.0, -1000.0]))
    values = values * scale + shift * min(scale, 1)
    if kind.kind in "iu":
        ends = np.iinfo(kind)
        values = np.clip(np.round(values), max(ends.min, -(2**24)), min(ends.max, 2**24))
    return np.asarray(values, dtype=np.float32)


def _direction(random: np.random.Generator, oblique: bool) -> tuple[float, ...]:
    if not oblique:
        signs = random.choice([-1.0, 1.0], 3)
        return tuple(np.diag(signs).ravel().tolist())
    turned, _ = np.linalg.qr(random.normal(size=(3, 3)))
    return tuple(turned.ravel().tolist())


@st.composite
def lesions(draw: Draw, largest: int = 14, margin: int = 0) -> Lesion:
    """A lesion of any shape, of one voxel or more, on a small image, or with up to a margin of voxels around it."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape: Shape = draw(st.tuples(*[st.integers(1, largest)] * 3))
    mask = draw(st.sampled_from((*MASKS, _ball, _box, _ball)))(shape, random)
    if not mask.any():
        mask[tuple(random.integers(size) for size in shape)] = True
    if margin:
        mask = np.pad(mask, draw(st.tuples(*[st.tuples(*[st.integers(0, margin)] * 2)] * 3)))
        shape = mask.shape
    pixel_type = draw(st.sampled_from(PIXEL_TYPES))
    spacing = draw(st.sampled_from([(1.0, 1.0, 1.0), (0.7, 0.7, 3.0), (0.9765625, 0.9765625, 5.0), (4.1, 0.3, 1.7)]))
    a, b, c, d, e, f, g, h, i = _direction(random, draw(st.booleans()))
    x, y, z = random.uniform(-300, 300, 3).tolist()
    grid = Grid(shape[::-1], spacing, (x, y, z), (a, b, c, d, e, f, g, h, i))
    return Lesion(1, _voxels(draw, shape, pixel_type, random), mask, grid, pixel_type)


def _image_types(draw: Draw, width: float) -> dict[str, dict[str, Any]]:
    own: dict[str, Any] = {
        "Original": st.just({}),
        "LoG": st.fixed_dictionaries(
            {"sigma": st.lists(st.sampled_from([0.5, 1, 1.0, 2.5, 7]), min_size=1, max_size=2)}
        ),
        "Wavelet": st.fixed_dictionaries(
            {},
            optional={
                "wavelet": st.sampled_from(WAVELETS),
                "level": st.integers(1, 3),
                "start_level": st.integers(0, 2),
            },
        ),
        "Square": st.just({}),
        "SquareRoot": st.just({}),
        "Logarithm": st.just({}),
        "Exponential": st.just({"binCount": 16}),
        "Gradient": st.fixed_dictionaries({}, optional={"gradientUseSpacing": st.booleans()}),
        "LBP2D": st.fixed_dictionaries(
            {"binWidth": st.sampled_from([0.5, 1, 7])},
            optional={
                "lbp2DRadius": st.sampled_from([1, 2, 1.5, 5]),
                "lbp2DSamples": st.sampled_from([1, 4, 8, 9, 16]),
                "lbp2DMethod": st.sampled_from(["default", "ror", "uniform", "var"]),
            },
        ),
        "LBP3D": st.fixed_dictionaries(
            {"binWidth": st.sampled_from([0.1, 1])},
            optional={
                "lbp3DLevels": st.integers(1, 4),
                "lbp3DIcosphereRadius": st.sampled_from([1, 1.5, 3]),
                "lbp3DIcosphereSubdivision": st.integers(0, 2),
            },
        ),
    }
    chosen = draw(st.lists(st.sampled_from(sorted(own)), min_size=1, max_size=3, unique=True))
    return {name: {"binWidth": width, **draw(own[name])} for name in chosen}


@st.composite
def profiles(draw: Draw, lesion: Lesion) -> str:
    """A profile, as text, whose bins suit the lesion's intensities."""
    spread = float(np.ptp(lesion.image[lesion.mask])) or 1.0
    # pyradiomics takes a minute and gigabytes for a thousand levels that all occur.
    bins = [0.4, 1.5, 8, 32.0] if lesion.voxel_count > 250 else [0.4, 1.5, 8, 32.0, 900]
    setting: dict[str, Any] = {"binWidth": spread / draw(st.sampled_from(bins))}
    width = setting["binWidth"]
    if draw(st.integers(0, 3)) == 0:
        setting["binCount"] = draw(st.sampled_from([1, 2, 7, 16, 32, 1000]))
    if draw(st.booleans()):
        setting["minimumROIDimensions"] = 1
    _before(draw, setting)
    _textures(draw, setting)
    features = {name: [*FEATURES[name], *DEPRECATED.get(name, ())] for name in FEATURES}
    return yaml.safe_dump({"setting": setting, "imageType": _image_types(draw, width), "featureClass": features})


def _before(draw: Draw, setting: dict[str, Any]) -> None:
    """What acts before images are derived."""
    if draw(st.integers(0, 2)) == 0:
        setting["interpolator"] = draw(st.sampled_from(INTERPOLATORS))
        each = st.sampled_from([0, 1, 2, 0.8, 3.7])
        setting["resampledPixelSpacing"] = draw(st.lists(each, min_size=3, max_size=3))
    if draw(st.integers(0, 3)) == 0:
        setting |= {"normalize": True, "normalizeScale": draw(st.sampled_from([1, 100, 2.5]))}
        setting["removeOutliers"] = draw(st.sampled_from([None, 1, 2.5]))
        setting["binWidth"] = draw(st.sampled_from([0.1, 5.0]))
    if draw(st.integers(0, 3)) == 0:
        mode = draw(st.sampled_from(["absolute", "relative", "sigma"]))
        ends = {"absolute": [-900.0, 100.0, 1500.0], "relative": [0.2, 0.9, -0.5], "sigma": [-1.0, 0.5, 2.0]}[mode]
        setting["resegmentRange"] = draw(st.lists(st.sampled_from(ends), min_size=1, max_size=2))
        setting |= {"resegmentMode": mode, "resegmentShape": draw(st.booleans())}
    if draw(st.integers(0, 2)) == 0:
        setting |= {"preCrop": draw(st.booleans()), "padDistance": draw(st.sampled_from([0, 1, 5, 9]))}
    if draw(st.integers(0, 7)) == 0:
        setting["minimumROISize"] = draw(st.sampled_from([2, 30]))


def _textures(draw: Draw, setting: dict[str, Any]) -> None:
    """What acts on matrices."""
    if draw(st.booleans()):
        setting["weightingNorm"] = draw(st.sampled_from(["manhattan", "euclidean", "infinity", "no_weighting", None]))
    if draw(st.integers(0, 2)) == 0:
        setting["distances"] = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    if draw(st.integers(0, 2)) == 0:
        setting |= {"force2D": True, "force2Ddimension": draw(st.integers(0, 2))}
    if draw(st.integers(0, 2)) == 0:
        setting["symmetricalGLCM"] = draw(st.booleans())
    if draw(st.integers(0, 2)) == 0:
        setting["gldm_a"] = draw(st.sampled_from([0, 1, 3]))
    if draw(st.integers(0, 3)) == 0:
        setting["voxelArrayShift"] = draw(st.sampled_from([1000, -300]))
