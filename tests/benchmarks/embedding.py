"""Lesions per second of the workers that serve, beside a plain loop over the same network; images decoded in memory."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from features.embedding.encoder import DEFAULT, Encoder, default_encoder
from features.embedding.lane import CPU
from features.embedding.network import load_network
from features.embedding.workers import Workers
from features.imaging.volume import Grid
from features.lesion import Lesion
from models.simulation.render import render
from models.simulation.scanner import draw_scanner
from models.simulation.tumour import draw_tumour

SIZES = (1, 2, 4, 8, 16, 32)
REPEATS = 5


def measure(say: Callable[[str], None]) -> dict[str, Any]:
    """By size of batch: seconds of the fastest of some repeats, taken in turns."""
    lesions = [_lesion(seed) for seed in range(SIZES[-1])]
    network = load_network(DEFAULT)

    def forward(some: list[Lesion]) -> object:
        with torch.inference_mode():
            tensors = network.view.tensors([network.view.prepare(one, "ct") for one in some], CPU, together=False)
            return network.module(tensors).numpy()

    ways: dict[str, Callable[[list[Lesion]], object]] = {
        "plain loop, torch's own threads": lambda some: [forward([one]) for one in some],
        "one batch, torch's own threads": forward,
        "workers, 1 thread": _by(default_encoder(workers=Workers("cpu"))),
        "workers, 2 threads": _by(default_encoder(workers=Workers("cpu", cpu_threads=2))),
    }

    found: dict[str, dict[int, float]] = {way: {} for way in ways}
    for size in SIZES:
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        for repeat in range(REPEATS + 1):
            for way, run in ways.items():
                began = time.perf_counter()
                run(lesions[:size])
                if repeat:  # the first warms up
                    seconds[way].append(time.perf_counter() - began)
        for way in ways:
            found[way][size] = size / min(seconds[way])
    say("Lesions per second (CPU, default encoder, decoded images in memory), by lesions asked for at once\n")
    say("| way | " + " | ".join(str(size) for size in SIZES) + " |")
    say("|---|" + "---|" * len(SIZES))
    for way, rates in found.items():
        say(f"| {way} | " + " | ".join(f"{rate:.0f}" for rate in rates.values()) + " |")
    return {"lesions_per_second": found, "torch_threads": torch.get_num_threads(), "torch": torch.__version__}


def _lesion(seed: int) -> Lesion:
    """A simulated tumour of the lung."""
    rng = np.random.default_rng([31, seed])
    picture = render([draw_tumour(rng)], draw_scanner(rng), rng)
    z, y, x = picture.hu.shape
    grid = Grid((x, y, z), picture.spacing_mm, (0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0))
    return Lesion(1, picture.hu.astype(np.float32), picture.labels == 1, grid)


def _by(encoder: Encoder) -> Callable[[list[Lesion]], object]:
    return lambda some: np.asarray(encoder.embed(some, ["ct"] * len(some)))
