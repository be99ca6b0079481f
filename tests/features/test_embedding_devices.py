"""Devices: what does not fit is halved, what fails goes to the CPU, and numbers stay what they are.

Where there is no CUDA, torch's `meta` device stands for one that fails, and the products made for CUDA run on the CPU;
the last tests want a card.
"""

from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from builders.encoders import published
from builders.lesions import lesion

from features.embedding.batching import Limits
from features.embedding.bring import import_encoder
from features.embedding.crop import CropView
from features.embedding.encoder import DEFAULT, default_encoder
from features.embedding.lane import Lane, lanes_of
from features.embedding.network import Network, load_network
from features.embedding.placement import Cutout
from features.embedding.workers import Workers
from features.types import Embeddings

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def network() -> Network:
    return load_network(DEFAULT)


@pytest.fixture(scope="module")
def cutouts(network: Network) -> list[Cutout]:
    return [
        network.view.prepare(lesion(5.0 + n, spacing_mm=(0.8, 0.8, 2.5), seed=n), "ct" if n % 2 else "mr")
        for n in range(5)
    ]


@pytest.fixture(scope="module")
def truth(network: Network, cutouts: list[Cutout]) -> Embeddings:
    return Lane("cpu", lambda key: network).embed("default", cutouts)


class Small(Lane):
    """A device with room for so many lesions, computed by the path that CUDA takes."""

    room = 2

    def __init__(self, network: Network, fails: Callable[[], Exception] | None = None) -> None:
        super().__init__("cpu", lambda key: network, graphs=False)
        self._place = torch.device("meta")
        self.fails = fails
        self.sizes: list[int] = []

    def _together(self, key: Hashable, cutouts: Sequence[Cutout]) -> Embeddings:
        self.sizes.append(len(cutouts))
        if self.fails is not None:
            raise self.fails()
        if len(cutouts) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        self._place = CPU
        try:
            return super()._together(key, cutouts)
        finally:
            self._place = torch.device("meta")


def test_what_does_not_fit_is_halved_until_it_does(network: Network, cutouts: list[Cutout], truth: Embeddings) -> None:
    lane = Small(network)
    assert np.abs(lane.embed("default", cutouts) - truth).max() < 1e-4
    assert lane.sizes == [5, 2, 3, 1, 2]
    assert (lane.trouble, lane.running_on) == ("", "meta"), "the device stays in use"


def test_one_lesion_that_fits_nowhere_else_goes_to_the_cpu(
    network: Network, cutouts: list[Cutout], truth: Embeddings
) -> None:
    lane = Small(network)
    lane.room = 0
    assert np.array_equal(lane.embed("default", cutouts), truth)
    assert lane.trouble == ""


def test_a_failing_device_is_stood_in_for_and_says_so(
    network: Network, cutouts: list[Cutout], truth: Embeddings
) -> None:
    lane = Small(network, fails=lambda: RuntimeError("CUDA error: an illegal memory access was encountered"))
    assert np.array_equal(lane.embed("default", cutouts), truth)
    assert lane.running_on == "cpu"
    assert "failed (RuntimeError); the CPU stands in" in lane.trouble
    lane.fails = None
    assert np.array_equal(lane.embed("default", cutouts), truth)
    assert lane.sizes == [5], "it is not tried again"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is CUDA here")
def test_cuda_that_is_not_there_is_stood_in_for_and_says_so() -> None:
    encoder = default_encoder("cuda:1")
    (state,) = encoder.states
    assert (state.device, state.running_on) == ("cuda:1", "cpu")
    assert state.trouble == "cuda:1 is asked for, and torch finds no CUDA here; the CPU stands in"
    one = lesion(8.0)
    assert np.array_equal(encoder.embed([one], ["ct"]), default_encoder().embed([one], ["ct"]))
    assert lanes_of("auto") == ("cpu",)


def test_several_devices_are_named_by_commas() -> None:
    assert lanes_of("cuda:0, cuda:1,cpu") == ("cuda:0", "cuda:1", "cpu")
    assert [state.device for state in Workers("cpu,cpu").states] == ["cpu", "cpu"]
    assert [state.device for state in Workers("cpu", cpu_threads=3).states] == ["cpu"] * 3


def test_products_made_for_cuda_give_what_each_alone_gives(network: Network, cutouts: list[Cutout]) -> None:
    view = network.view
    assert isinstance(view, CropView)
    alone, together = (view.tensors(cutouts, CPU, together=word) for word in (False, True))
    assert (alone - together).abs().max() < 2e-5


@pytest.mark.parametrize(("precision", "bound"), [("bfloat16", 0.5), ("float16", 0.1)])
def test_half_precision_stays_near_and_is_kept_apart(
    network: Network, cutouts: list[Cutout], truth: Embeddings, precision: str, bound: float
) -> None:
    lane = Lane("cpu", lambda key: network, precision, graphs=False)
    near = lane._together("default", cutouts)
    assert 0.0 < np.abs(near - truth).max() < bound * np.abs(truth).max()
    assert default_encoder(workers=Workers("cpu", precision=precision)).variant == network.identity, "a CPU is exact"
    on_card = default_encoder(workers=Workers("cuda", precision=precision))
    assert on_card.variant == f"{network.identity} {precision}"


CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA here")


@CUDA
@pytest.mark.parametrize(
    ("precision", "bound"), [("exact", 1e-4), ("float32", 1e-4), ("bfloat16", 0.5), ("float16", 0.1)]
)
def test_cuda_gives_what_the_cpu_gives(
    network: Network, cutouts: list[Cutout], truth: Embeddings, precision: str, bound: float
) -> None:
    lane = Lane("cuda:0", lambda key: network, precision)
    for _ in range(2):
        assert np.abs(lane.embed("default", cutouts) - truth).max() < bound
    assert (lane.trouble, lane.running_on) == ("", "cuda:0")
    assert torch.backends.cudnn.allow_tf32, "a flag of the process is put back"


@CUDA
def test_on_cuda_exact_numbers_hang_on_no_batch(network: Network, cutouts: list[Cutout]) -> None:
    lane = Lane("cuda:0", lambda key: network)
    together = lane.embed("default", cutouts)
    for count in (1, 2, 3):
        assert np.array_equal(lane.embed("default", cutouts[:count]), together[:count])


@CUDA
def test_callers_share_batches_on_cuda_and_each_gets_his_own() -> None:
    sizes: list[int] = []
    workers = Workers("auto", limits=Limits(8, 0.05), observe=sizes.append)
    lesions = [lesion(4.0 + n / 2, spacing_mm=(0.8, 0.8, 2.5), seed=n) for n in range(24)]
    encoder = default_encoder(workers=workers)
    with ThreadPoolExecutor(24) as callers:
        rows = list(callers.map(lambda one: encoder.embed([one], ["ct"])[0], lesions))
    alone = default_encoder("cpu").embed(lesions, ["ct"] * len(lesions))
    assert np.abs(np.stack(rows) - alone).max() < 1e-4
    assert max(sizes) > 1
    assert all(state.running_on.startswith("cuda") and not state.trouble for state in encoder.states)


@CUDA
@pytest.mark.parametrize("kind", ["fmcib", "ct_fm", "medicalnet_10"])
def test_brought_networks_run_on_cuda(kind: str, tmp_path: Path) -> None:
    import_encoder(published(kind, tmp_path), kind, tmp_path / "ours")
    network = load_network(tmp_path / "ours")
    seen = [network.view.prepare(lesion(6.0 + n, seed=n), "ct") for n in range(2)]
    alone = Lane("cpu", lambda key: network).embed(kind, seen)
    for precision in ("exact", "float32"):
        on_card = Lane("cuda:0", lambda key: network, precision).embed(kind, seen)
        assert np.abs(on_card - alone).max() < 1e-4 * np.abs(alone).max()
