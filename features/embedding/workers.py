"""Embedding workers: a thread a device, shared by all encoders of a process."""

import threading
import weakref
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import torch

from features.embedding.batching import Batcher, Check, Limits
from features.embedding.lane import Lane, lanes_of
from features.embedding.network import Network
from features.embedding.placement import Cutout
from features.types import Embeddings


@dataclass(frozen=True, slots=True)
class LaneState:
    """How one device does."""

    device: str
    """As asked for."""
    running_on: str
    trouble: str
    """Why it does not run where it was asked to; empty when all is well."""


class Workers:
    """Devices behind one queue. Safe for concurrent calls.

    On a CPU each thread takes one lesion at a time and runs it with one torch thread, so that a lesion's numbers are
    the same bit for bit whatever else runs and whoever calls; on CUDA lesions of several callers share a batch.
    """

    def __init__(
        self,
        device: str = "cpu",
        *,
        cpu_threads: int = 1,
        precision: str = "exact",
        limits: Limits = Limits(),  # noqa: B008  frozen
        observe: Callable[[int], None] = lambda size: None,
    ) -> None:
        """Threads start with the first lesion.

        Args:
            device: auto, cpu, cuda, cuda:N, or several joined by commas.
            cpu_threads: How many lesions at a time where `device` is the CPU.
            precision: On CUDA: one of `lane.PRECISIONS`.
            limits: Of batches and queue.
            observe: Told the size of each batch.

        Raises:
            BadEncoder: No such kind of device.
        """
        names = lanes_of(device)
        on_cpu = set(names) == {"cpu"}
        self.precision = "exact" if on_cpu else precision
        self._networks: dict[Hashable, Network] = {}
        lanes = [Lane(name, self._networks.__getitem__, precision) for name in names]
        if on_cpu:
            lanes = [Lane("cpu", self._networks.__getitem__) for _ in range(max(cpu_threads, len(names)))]
            limits = Limits(1, 0.0, limits.capacity)
        self._lanes = tuple(lanes)
        self._batcher: Batcher[Cutout, Embeddings] = Batcher([_one_thread(lane) for lane in lanes], limits, observe)
        weakref.finalize(self, self._batcher.close)

    @property
    def states(self) -> tuple[LaneState, ...]:
        """Of each device."""
        return tuple(LaneState(lane.device, lane.running_on, lane.trouble) for lane in self._lanes)

    @property
    def depth(self) -> int:
        """Lesions that wait."""
        return self._batcher.depth

    def run(self, network: Network, cutouts: Sequence[Cutout], check: Check = lambda: None) -> list[Embeddings]:
        """One row a cutout."""
        self._networks.setdefault(network.identity, network)
        return self._batcher.run(network.identity, cutouts, check)

    def close(self) -> None:
        """Ends the threads."""
        self._batcher.close()


_FIRST = threading.local()


def _one_thread(lane: Lane) -> Callable[[Hashable, Sequence[Cutout]], Sequence[Embeddings]]:
    """The lane with torch on one thread: sums split over threads differ in the last digits."""

    def embed(key: Hashable, cutouts: Sequence[Cutout]) -> Sequence[Embeddings]:
        if not getattr(_FIRST, "done", False):
            torch.set_num_threads(1)
            _FIRST.done = True
        return list(lane.embed(key, cutouts))

    return embed
