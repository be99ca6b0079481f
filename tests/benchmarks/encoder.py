"""Whether frozen embeddings are worth having: against the untrained twin, plain statistics and radiomics.

`RADRESPONSE_ENCODER` names another encoder's file to judge in place of the shipped one.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from features.case import Source
from features.embedding.encoder import DEFAULT, Encoder
from features.imaging.read import read_image, read_segmentation
from features.imaging.volume import Grid
from features.lesion import Lesion
from features.lesions import find_lesions
from features.profile import DEFAULT_PROFILE
from features.radiomics import extract
from features.radiomics.catalogue import feature_names
from features.samples import CASES, sample
from features.types import Floats, Mask, Voxels
from models.encoder_training.untrained import write_untrained
from models.simulation.render import render
from models.simulation.scanner import draw_scanner
from models.simulation.tumour import Tumour, draw_tumour
from models.stability.agreement import intraclass

VIEWS = 4
STRENGTHS = {"mild": 0, "marked": 2, "severe": 3}
"""How much another scan differs; the table's other columns are of the mild one."""
DRAWS = 1000
SIMULATED = 200
FEWEST_VOXELS = 8
"""Of a lesion that is scanned coarsely."""
Described = NDArray[np.float64]


def measure(say: Callable[[str], None]) -> dict[str, Any]:
    """On real images: the same lesion again, size, modality, stability by dimension; 95 % intervals over lesions."""
    lesions, words = real_lesions()
    say(f"{len(lesions)} real lesions ({', '.join(f'{words.count(one)} {one}' for one in sorted(set(words)))})\n")
    rng = np.random.default_rng(0)
    again = {
        word: [[rescanned(one, rng, strength) for one in lesions] for _ in range(VIEWS)]
        for word, strength in STRENGTHS.items()
    }
    twin = write_untrained(Path("build/bench/untrained.safetensors"))
    trained = Path(os.environ.get("RADRESPONSE_ENCODER", DEFAULT))
    ways: dict[str, Callable[[list[Lesion]], Described]] = {
        "encoder": _embedding(Encoder.load(trained), words),
        "untrained twin": _embedding(Encoder.load(twin), words),
        "intensity statistics": lambda some: np.stack([statistics(one) for one in some]),
        "radiomics": lambda some: _radiomics(some, words),
    }
    found: dict[str, Any] = {}
    told = " | ".join(f"found again, {word}" for word in STRENGTHS)
    say(f"| features | n | {told} | size (R2) | modality | stable (ICC > 0.75) | median ICC |")
    say("|---" * (6 + len(STRENGTHS)) + "|")
    hits: dict[str, dict[str, Floats]] = {}
    size = np.log([one.volume_mm3 for one in lesions])
    for way, describe in ways.items():
        first = describe(lesions)
        views = {word: scaled([first, *(describe(some) for some in several)]) for word, several in again.items()}
        hits[way] = {word: retrieved(several, words) for word, several in views.items()}
        mild = views["mild"]
        r2, right = left_out(mild[0], size), left_out_sign(mild[0], np.array([word == "pt" for word in words]))
        stable = agreement(mild)
        found[way] = {
            "dimension": mild[0].shape[1],
            "retrieval": {word: interval(found_again) for word, found_again in hits[way].items()},
            "size_r2": r2,
            "modality": interval(right),
            "stable_share": float((stable > 0.75).mean()),
            "median_icc": float(np.median(stable)),
        }
        one = found[way]
        say(
            f"| {way} | {one['dimension']} | {' | '.join(map(_shown, one['retrieval'].values()))} "
            f"| {r2:.2f} | {_shown(one['modality'])} "
            f"| {one['stable_share']:.0%} | {one['median_icc']:.2f} |"
        )
    for word in STRENGTHS:
        more = interval(hits["encoder"][word] - hits["untrained twin"][word])
        found["encoder"][f"more than the twin, {word}"] = more
        say(f"\n{word}: found again by the encoder more than by its twin: {_shown(more)}, paired by lesion")
    found["factors"] = _of_factors(say, Encoder.load(trained), Encoder.load(twin))
    found["planes"] = _of_planes(say, lesions, words, {way: ways[way] for way in ("encoder", "untrained twin")})
    return found


def _of_factors(say: Callable[[str], None], encoder: Encoder, twin: Encoder) -> dict[str, Any]:
    """Known factors of tumours from another generator than the encoder's own, that of simulated cohorts."""
    lesions, tumours = zip(*(_simulated(seed) for seed in range(SIMULATED)), strict=True)
    truths = {
        "volume": np.log([one.volume_mm3 for one in tumours]),
        "texture scale": np.log([one.texture_scale_mm for one in tumours]),
        "heterogeneity": np.array([one.heterogeneity_hu for one in tumours]),
        "necrosis": np.array([one.necrosis for one in tumours]),
        "spiculation": np.array([one.spiculation for one in tumours]),
        "lobulation": np.array([one.lobulation for one in tumours]),
        "density": np.array([one.density_hu for one in tumours]),
        "chest wall": np.array([float(one.wall_attached) for one in tumours]),
    }
    words, listed = ["ct"] * len(lesions), list(lesions)
    described = {
        "encoder": _embedding(encoder, words)(listed),
        "untrained twin": _embedding(twin, words)(listed),
        "intensity statistics": np.stack([statistics(one) for one in listed]),
        "radiomics": _radiomics(listed, words),
    }
    features = {way: scaled([one])[0] for way, one in described.items()}
    say(f"\nFactors of {SIMULATED} simulated tumours, explained variance (R2), each by the others")
    say(f"| factor | {' | '.join(features)} | encoder more than its twin |")
    say("|---" * (len(features) + 2) + "|")
    found: dict[str, Any] = {}
    for factor, truth in truths.items():
        errors = {way: (_ridge_left_out(one, truth, 10.0) - truth) ** 2 / truth.var() for way, one in features.items()}
        more = interval(errors["untrained twin"] - errors["encoder"])
        found[factor] = {**{way: float(1.0 - of.mean()) for way, of in errors.items()}, "more": more}
        shares = " | ".join(f"{1.0 - of.mean():.2f}" for of in errors.values())
        say(f"| {factor} | {shares} | {_shown(more)} |")
    return found


def _simulated(seed: int) -> tuple[Lesion, Tumour]:
    rng = np.random.default_rng([77, seed])
    tumour = draw_tumour(rng)
    picture = render([tumour], draw_scanner(rng), rng)
    z, y, x = picture.hu.shape
    grid = Grid((x, y, z), picture.spacing_mm, (0.0, 0.0, 0.0), (1, 0, 0, 0, 1, 0, 0, 0, 1))
    return Lesion(1, picture.hu.astype(np.float32), picture.labels == 1, grid), tumour


def _of_planes(
    say: Callable[[str], None],
    lesions: Sequence[Lesion],
    words: Sequence[str],
    ways: dict[str, Callable[[list[Lesion]], Described]],
) -> dict[str, Any]:
    """The same question of single planes, as near to projections as these images come."""
    planes, rng = [flattened(one) for one in lesions], np.random.default_rng(2)
    ways = {**ways, "intensity statistics": lambda some: np.stack([statistics(one) for one in some])}
    hits: dict[str, dict[str, Floats]] = {way: {} for way in ways}
    for word, strength in STRENGTHS.items():
        again = [[rescanned(one, rng, strength) for one in planes] for _ in range(VIEWS)]
        for way, describe in ways.items():
            hits[way][word] = retrieved(scaled([describe(planes), *(describe(some) for some in again)]), words)
    say("\nOne plane of each, its largest, as a projection")
    for way, of in hits.items():
        say(f"{way}: found again {', '.join(f'{word} {_shown(interval(one))}' for word, one in of.items())}")
    more = {word: interval(hits["encoder"][word] - hits["untrained twin"][word]) for word in STRENGTHS}
    say("more than the twin: " + ", ".join(f"{word} {_shown(one)}" for word, one in more.items()))
    return {"found_again": {way: {word: interval(one) for word, one in of.items()} for way, of in hits.items()},
            "more than the twin": more}  # fmt: skip


def flattened(lesion: Lesion) -> Lesion:
    """The plane in which it is largest, as an image of its own."""
    at = int(lesion.mask.sum(axis=(1, 2)).argmax())
    x, y, _ = lesion.grid.size
    grid = Grid((x, y, 1), (*lesion.grid.spacing_mm[:2], 1.0), (0.0, 0.0, 0.0), (1, 0, 0, 0, 1, 0, 0, 0, 1))
    return Lesion(lesion.label, lesion.image[at : at + 1], lesion.mask[at : at + 1], grid)


def real_lesions() -> tuple[list[Lesion], list[str]]:
    """Of pyradiomics' archive, and of the sarcoma cohort where `RADRESPONSE_DATA` is set."""
    files = [(*sample(name), "ct" if name.startswith("lung") else "mr") for name in CASES]
    if folder := os.environ.get("RADRESPONSE_DATA"):
        for patient in sorted((Path(folder) / "sts_cohort" / "images").iterdir()):
            for prefix, word in (("PET", "pt"), ("MR_T1", "mr")):
                image, mask = patient / f"{prefix}_image.nii.gz", patient / f"{prefix}_mask.nii.gz"
                if image.is_file() and mask.is_file():
                    files.append((image, mask, word))
    lesions, words = [], []
    for image, mask, word in files:
        found = find_lesions(read_image(Source.of(image)), read_segmentation(Source.of(mask)), ())
        lesions.append(boxed(max(found, key=lambda one: one.voxel_count)))
        words.append(word)
    return lesions, words


def boxed(lesion: Lesion, margin_mm: float = 25.0) -> Lesion:
    """The lesion with so much around it."""
    where, origin = [], np.array(lesion.grid.origin_mm)
    spacing, direction = np.array(lesion.grid.spacing_mm), np.array(lesion.grid.direction).reshape(3, 3)
    for axis in range(3):
        inside = np.flatnonzero(lesion.mask.any(axis=tuple(other for other in range(3) if other != axis)))
        more = int(np.ceil(margin_mm / spacing[2 - axis]))
        where.append(slice(max(0, int(inside[0]) - more), int(inside[-1]) + more + 1))
    origin = origin + direction @ (spacing * [part.start for part in where[::-1]])
    image, mask = np.ascontiguousarray(lesion.image[tuple(where)]), np.ascontiguousarray(lesion.mask[tuple(where)])
    grid = Grid(image.shape[::-1], lesion.grid.spacing_mm, tuple(origin), lesion.grid.direction)
    return Lesion(lesion.label, image, mask, grid, lesion.pixel_type)


def perturbed(lesion: Lesion, rng: np.random.Generator) -> Lesion:
    """Another scan of it: other voxels, noise, pose and reader, all at once."""
    factor = _of_depth(rng.uniform(0.75, 1.3, 3), lesion)
    image = ndimage.zoom(lesion.image, factor, order=1)
    share = ndimage.zoom(lesion.mask.astype(np.float32), factor, order=1)
    noise = 0.1 * float(lesion.image[lesion.mask].std())
    image = (image + noise * rng.standard_normal(image.shape)).astype(np.float32)
    mask = share > rng.uniform(0.3, 0.7)
    if not mask.any():
        mask = share >= share.max()
    return _on_grid(lesion, image, np.asarray(mask), 0.25, rng)


def _of_depth(factor: Floats, lesion: Lesion) -> Floats:
    """A single plane stays one."""
    return np.array([1.0, *factor[1:]]) if len(lesion.image) == 1 else factor


def _on_grid(lesion: Lesion, image: Voxels, mask: Mask, turned: float, rng: np.random.Generator) -> Lesion:
    """Over the same space, turned by up to so many radians."""
    spacing = np.array(lesion.grid.spacing_mm) * np.array(lesion.mask.shape[::-1]) / np.array(mask.shape[::-1])
    angles = rng.uniform(-turned, turned, 3)
    turn = _turn(angles if len(image) > 1 else angles * (0, 0, 1))
    direction = turn @ np.array(lesion.grid.direction).reshape(3, 3)
    grid = Grid(image.shape[::-1], tuple(spacing), lesion.grid.origin_mm, tuple(direction.ravel()))
    return Lesion(lesion.label, image, np.asarray(mask), grid)


def rescanned(lesion: Lesion, rng: np.random.Generator, strength: int) -> Lesion:
    """`perturbed`, or at a strength of 2 or 3 with blur, up to five times the noise, thick slices and larger turns."""
    if not strength:
        return perturbed(lesion, rng)
    factor = rng.uniform(0.5 if strength == 2 else 0.3, 1.3, 3)
    factor[0] *= 0.7 if strength == 2 else 0.5
    factor = _of_depth(factor, lesion)
    within = (0, 1, 1) if len(lesion.image) == 1 else (1, 1, 1)
    image = ndimage.gaussian_filter(lesion.image, np.multiply(within, rng.uniform(0, 0.4 * strength)))
    image = ndimage.zoom(image, factor, order=1)
    share = ndimage.gaussian_filter(
        ndimage.zoom(lesion.mask.astype(np.float32), factor, order=1), np.multiply(within, 0.3 * strength)
    )
    noise = 0.1 * strength**1.5 * float(lesion.image[lesion.mask].std())
    image = (image + noise * rng.standard_normal(image.shape)).astype(np.float32)
    mask = share > rng.uniform(0.1, 0.9)
    if mask.sum() < FEWEST_VOXELS:
        mask = share >= np.sort(share, axis=None)[-FEWEST_VOXELS]
    return _on_grid(lesion, image, mask, 0.25 * strength, rng)


def _turn(angles: Floats) -> Floats:
    """Small rotation by angles round x, y and z, radians."""
    a, b, c = angles
    generator = np.array([[0.0, -c, b], [c, 0.0, -a], [-b, a, 0.0]])
    left, _, right = np.linalg.svd(np.eye(3) + generator)
    return np.asarray(left @ right)


def statistics(lesion: Lesion) -> Floats:
    """31 numbers: percentiles and moments inside and around, and volume."""
    inside = lesion.image[lesion.mask].astype(np.float64)
    shell = ndimage.binary_dilation(lesion.mask, iterations=2) & ~lesion.mask
    outside = lesion.image[shell].astype(np.float64) if shell.any() else inside
    parts = []
    for values in (inside, outside):
        spread = values.std() + 1e-9
        z = (values - values.mean()) / spread
        parts += [values.mean(), spread, (z**3).mean(), (z**4).mean(), *np.percentile(values, np.linspace(0, 100, 11))]
    return np.array([*parts, np.log(lesion.volume_mm3)])


def _embedding(encoder: Encoder, words: Sequence[str]) -> Callable[[list[Lesion]], Described]:
    return lambda some: encoder.embed(some, list(words)).astype(np.float64)


def _radiomics(lesions: list[Lesion], words: Sequence[str]) -> Described:
    rows = []
    for one, word in zip(lesions, words, strict=True):
        settings = DEFAULT_PROFILE.for_modality(word)
        names = [name for name in feature_names(settings) if name.startswith("original_")]
        values = extract(one, settings, names).values
        rows.append([values.get(name, np.nan) for name in names])
    table = np.array(rows)
    return np.asarray(np.nan_to_num(np.sign(table) * np.log1p(np.abs(table))))


def scaled(views: list[Described]) -> list[Described]:
    """By mean and deviation of the first, in every dimension."""
    mean, spread = views[0].mean(axis=0), views[0].std(axis=0)
    return [(view - mean)[:, spread > 1e-9] / spread[spread > 1e-9] for view in views]


def retrieved(views: list[Described], words: Sequence[str]) -> Floats:
    """Of each lesion: how often another scan of it lies nearest to it among all lesions of its modality."""
    same = np.array([[a == b for b in words] for a in words])
    hits = []
    for view in views[1:]:
        distance = np.linalg.norm(view[:, None] - views[0][None], axis=2)
        hits.append(np.where(same, distance, np.inf).argmin(axis=1) == np.arange(len(words)))
    return np.asarray(np.mean(hits, axis=0), np.float64)


def left_out(features: Described, truth: Floats, ridge: float = 10.0) -> float:
    """Explained variance by ridge regression, each lesion by the others."""
    guess = _ridge_left_out(features, truth, ridge)
    return float(1.0 - np.mean((guess - truth) ** 2) / truth.var())


def left_out_sign(features: Described, truth: NDArray[np.bool_], ridge: float = 10.0) -> Floats:
    """Of each lesion: 1 where the sign of the others' ridge regression is right."""
    signs = np.where(truth, 1.0, -1.0)
    return np.asarray((_ridge_left_out(features, signs, ridge) > 0) == truth, np.float64)


def _ridge_left_out(features: Described, truth: Floats, ridge: float) -> Floats:
    X = np.column_stack([features, np.ones(len(features))])
    penalty = ridge * np.eye(X.shape[1])
    penalty[-1, -1] = 1e-6
    hat = X @ np.linalg.solve(X.T @ X + penalty, X.T)
    residual = (truth - hat @ truth) / (1.0 - np.diag(hat))
    return np.asarray(truth - residual)


def agreement(views: list[Described]) -> Floats:
    """Of each dimension: ICC(1, 1) over the scans of each lesion (Shrout and Fleiss 1979)."""
    return np.nan_to_num(intraclass(np.stack(views, axis=1)).icc)  # of a constant nothing is said


def interval(hits: Floats) -> tuple[float, float, float]:
    """Mean and 95 % bootstrap interval over lesions."""
    rng = np.random.default_rng(1)
    means = hits[rng.integers(len(hits), size=(DRAWS, len(hits)))].mean(axis=1)
    return float(hits.mean()), float(np.percentile(means, 2.5)), float(np.percentile(means, 97.5))


def _shown(of: tuple[float, float, float]) -> str:
    return f"{of[0]:.2f} ({of[1]:.2f} to {of[2]:.2f})"
