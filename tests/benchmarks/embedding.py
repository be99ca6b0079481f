"""Lesions per second of the workers that serve, beside a plain loop over the same network; images decoded in memory.

On the CPU the default encoder; where there is CUDA, on the card too, with two published networks (random values).
"""

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from builders.encoders import published

from features.embedding.bring import import_encoder
from features.embedding.encoder import DEFAULT, Encoder
from features.embedding.lane import CPU, PRECISIONS
from features.embedding.network import Network, load_network
from features.embedding.workers import Workers
from features.imaging.volume import Grid
from features.lesion import Lesion
from models.simulation.render import render
from models.simulation.scanner import draw_scanner
from models.simulation.tumour import draw_tumour

ON_CPU = (1, 2, 4, 8, 16, 32)
ON_CUDA = (1, 8, 32, 128)
BROUGHT = ("fmcib", "ct_fm")
REPEATS = 5
Say = Callable[[str], None]
Way = Callable[[list[Lesion]], object]


def measure(say: Say) -> dict[str, Any]:
    """By place, encoder, way and size of batch: lesions per second of the fastest of some repeats, taken in turns."""
    lesions = [_lesion(seed) for seed in range(max(ON_CPU))]
    on_cpu: dict[str, Way] = {
        "plain loop, torch's own threads": _plain(load_network(DEFAULT), CPU, 1),
        "one batch, torch's own threads": _plain(load_network(DEFAULT), CPU, len(lesions)),
        "workers, 1 thread": _by(Encoder.load(DEFAULT, workers=Workers("cpu"))),
        "workers, 2 threads": _by(Encoder.load(DEFAULT, workers=Workers("cpu", cpu_threads=2))),
    }
    found = {"cpu": {"default": _table(say, "default encoder, CPU", on_cpu, lesions, ON_CPU)}}
    if torch.cuda.is_available():
        name = torch.cuda.get_device_name()
        found[name] = {}
        lesions = [_lesion(seed) for seed in range(max(ON_CUDA))]
        with tempfile.TemporaryDirectory() as folder:
            files = {"default": DEFAULT} | {kind: _published(kind, Path(folder)) for kind in BROUGHT}
            for kind, file in files.items():
                found[name][kind] = _table(say, f"{kind}, {name}", _on_card(file), lesions, ON_CUDA)
    return {"lesions_per_second": found, "torch_threads": torch.get_num_threads(), "torch": torch.__version__}


def _on_card(file: Path) -> dict[str, Way]:
    card = torch.device("cuda:0")
    ways: dict[str, Way] = {
        "plain loop, as torch ships": _plain(load_network(file), card, 1),
        "plain batches of 32, as torch ships": _plain(load_network(file), card, 32),
    }
    for precision in PRECISIONS:
        encoder = Encoder.load(file, workers=Workers("cuda:0", precision=precision))
        ways[f"workers, {precision}"] = _by(encoder)
        if precision == "exact":
            ways["workers, exact, a caller a lesion"] = _by_callers(encoder)
    return ways


def _table(
    say: Say, what: str, ways: Mapping[str, Way], lesions: list[Lesion], sizes: Sequence[int]
) -> dict[str, dict[int, float]]:
    found: dict[str, dict[int, float]] = {way: {} for way in ways}
    for size in sizes:
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        for repeat in range(REPEATS + 1):
            for way, run in ways.items():
                began = time.perf_counter()
                run(lesions[:size])
                if repeat:  # the first warms up
                    seconds[way].append(time.perf_counter() - began)
        for way in ways:
            found[way][size] = size / min(seconds[way])
    say(f"Lesions per second ({what}, decoded images in memory), by lesions asked for at once\n")
    say("| way | " + " | ".join(str(size) for size in sizes) + " |")
    say("|---|" + "---|" * len(sizes))
    for way, rates in found.items():
        say(f"| {way} | " + " | ".join(f"{rate:.0f}" for rate in rates.values()) + " |")
    say("")
    return found


def _plain(network: Network, place: torch.device, most: int) -> Way:
    """What one writes who has a network and lesions: cut out, sample, run, `most` at a time."""
    module = network.module.to(place)

    def run(lesions: list[Lesion]) -> object:
        rows = []
        with torch.inference_mode():
            for first in range(0, len(lesions), most):
                cutouts = [network.view.prepare(one, "ct") for one in lesions[first : first + most]]
                rows.append(module(network.view.tensors(cutouts, place, together=False)).cpu().numpy())
        return np.concatenate(rows)

    return run


def _published(kind: str, folder: Path) -> Path:
    file = folder / f"{kind}.safetensors"
    import_encoder(published(kind, folder), kind, file)
    return file


def _by_callers(encoder: Encoder) -> Way:
    callers = ThreadPoolExecutor(32)
    return lambda some: list(callers.map(lambda one: encoder.embed([one], ["ct"]), some))


def _lesion(seed: int) -> Lesion:
    """A simulated tumour of the lung."""
    rng = np.random.default_rng([31, seed])
    picture = render([draw_tumour(rng)], draw_scanner(rng), rng)
    z, y, x = picture.hu.shape
    grid = Grid((x, y, z), picture.spacing_mm, (0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0))
    return Lesion(1, picture.hu.astype(np.float32), picture.labels == 1, grid)


def _by(encoder: Encoder) -> Way:
    return lambda some: np.asarray(encoder.embed(some, ["ct"] * len(some)))
