"""Training the default encoder: reproducible, folded exactly, and worth more than its untrained twin."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from features.embedding.encoder import Encoder, default_encoder
from features.embedding.masked_pyramid import Widths
from features.imaging.volume import Grid
from features.lesion import Lesion
from features.types import Floats
from models.encoder_training import train
from models.encoder_training.recovery import explained
from models.encoder_training.trainee import Trainee
from models.encoder_training.training import Recipe
from models.encoder_training.traits import FACTORS
from models.encoder_training.untrained import write_untrained
from models.errors import BadCohort
from models.simulation.render import render
from models.simulation.scanner import draw_scanner
from models.simulation.tumour import Tumour, draw_tumour

SMALL = Recipe(specimens=16, unseen=8, epochs=1, batch=8, looks=1, polish=2)


def drawn(tumour: Tumour, seed: int) -> Lesion:
    """One picture of a tumour by some scanner."""
    rng = np.random.default_rng([77, seed])
    picture = render([tumour], draw_scanner(rng), rng)
    z, y, x = picture.hu.shape
    grid = Grid((x, y, z), picture.spacing_mm, (0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0))
    return Lesion(1, picture.hu.astype(np.float32), picture.labels == 1, grid)


def test_the_same_seed_trains_the_same_bytes(tmp_path: Path) -> None:
    parts: list[str] = []
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for name in ("a", "b"):
            train(tmp_path / name, seed=4, recipe=SMALL, progress=lambda part, done, total: parts.append(part))
    finally:
        torch.set_num_threads(threads)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]
    assert set(parts) == {"lesions", "unseen lesions", "training", "sums", "polish"}
    encoder = Encoder.load(tmp_path / "a")
    assert (encoder.name, encoder.dimension) == ("default", 64)
    assert encoder.identity != default_encoder().identity


@pytest.mark.parametrize(
    ("recipe", "seed"),
    [(replace(SMALL, specimens=4), 1), (replace(SMALL, epochs=0), 1), (replace(SMALL, views=1), 1), (SMALL, -1)],
)
def test_a_recipe_that_cannot_be_learned_from_is_refused(tmp_path: Path, recipe: Recipe, seed: int) -> None:
    with pytest.raises(BadCohort, match="at least one batch"):
        train(tmp_path / "none", seed=seed, recipe=recipe)
    assert not (tmp_path / "none").exists()


def test_folding_the_norms_changes_no_number() -> None:
    widths = Widths(fine=6, middle=8, deep=8, whole=10, hidden=12, embedding=7)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        trainee = Trainee(widths)
        crops = torch.randn(16, 4, 32, 32, 32).clamp(-1.0, 1.0)
        crops[:, 2] = (crops[:, 2] > 0.3).float()
        for norm in trainee.norms.values():
            for parameter in norm.parameters():
                torch.nn.init.uniform_(parameter, 0.3, 2.0)
        trainee.train()
        for _ in range(5):
            trainee(crops)
    trainee.eval()
    with torch.inference_mode():
        assert (trainee(crops) - trainee.folded(widths)(crops)).abs().max() < 1e-4


def test_explained_variance_is_one_for_a_factor_that_is_there_and_none_for_chance() -> None:
    rng = np.random.default_rng(0)
    factors = rng.standard_normal((400, len(FACTORS)))
    factors[:5, 0] = np.nan
    embeddings = np.concatenate([factors[:, :2], rng.standard_normal((400, 3))], axis=1)
    embeddings = np.nan_to_num(embeddings)
    shares = explained((embeddings[:200], factors[:200]), (embeddings[200:], factors[200:]))
    assert min(shares[:2]) > 0.95
    assert max(shares[2:]) < 0.1


def told_apart(low: Floats, high: Floats) -> float:
    """Share of pairs whose order is told by the direction in which the other pairs differ."""
    differences = high - low
    others = differences.sum(axis=0) - differences
    return float(np.mean((differences * others).sum(axis=1) > 0.0))


@pytest.mark.parametrize(
    ("low", "high"),
    [
        ({"heterogeneity_hu": 12.0}, {"heterogeneity_hu": 55.0}),
        ({"texture_scale_mm": 1.2, "heterogeneity_hu": 45.0}, {"texture_scale_mm": 4.5, "heterogeneity_hu": 45.0}),
        ({"necrosis": 0.02}, {"necrosis": 0.5}),
        ({"spiculation": 0.05}, {"spiculation": 0.95}),
    ],
    ids=["heterogeneity", "texture scale", "necrosis", "spiculation"],
)
def test_the_shipped_encoder_tells_a_factor_with_all_else_fixed(low: dict[str, float], high: dict[str, float]) -> None:
    """On new pairs of tumours, alike but for the factor, through the same door that serves."""
    tumours = [replace(draw_tumour(np.random.default_rng([5, index])), volume_mm3=9_000.0) for index in range(16)]
    ends = [
        embedded([drawn(Tumour(**{**asdict(tumour), **end}), index) for index, tumour in enumerate(tumours)])
        for end in (low, high)
    ]
    assert told_apart(ends[0], ends[1]) > 0.85


def test_the_same_tumour_on_another_scanner_stays_nearer_than_another_tumour(tmp_path: Path) -> None:
    """Of the cohort's generator, which the encoder has not learned from; and more often than for the untrained twin."""
    ways = {"encoder": default_encoder(), "twin": Encoder.load(write_untrained(tmp_path / "twin.safetensors"))}
    found: dict[str, list[float]] = {way: [] for way in ways}
    for group in range(3):
        tumours = [draw_tumour(np.random.default_rng([9, 100 * group + index])) for index in range(16)]
        tumours = [replace(tumour, volume_mm3=8_000.0) for tumour in tumours]
        visits = [
            [drawn(tumour, 1000 * group + 100 * visit + index) for index, tumour in enumerate(tumours)]
            for visit in (1, 2)
        ]
        for way, encoder in ways.items():
            first, second = (encoder.embed(visit, ["ct"] * 16).astype(np.float64) for visit in visits)
            distance = np.linalg.norm(first[:, None] - second[None], axis=2)
            place = (distance < np.diag(distance)[:, None]).sum(axis=1)
            found[way].append(float(np.mean(place < 3)))
    assert np.mean(found["encoder"]) > 0.6, "chance is 0.19"
    assert np.mean(found["encoder"]) > np.mean(found["twin"]) + 0.2


def embedded(lesions: list[Lesion]) -> Floats:
    return default_encoder().embed(lesions, ["ct"] * len(lesions)).astype(np.float64)
