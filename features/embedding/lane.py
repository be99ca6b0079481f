"""One device with its networks: halves batches that do not fit, and goes to the CPU when the device fails."""

import copy
import logging
import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from features.embedding.network import Network
from features.embedding.placement import Cutout
from features.errors import BadEncoder, FeatureError
from features.types import Embeddings

log = logging.getLogger(__name__)

PRECISIONS = {
    "exact": torch.float64,
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
"""On CUDA. exact: rounded to float32 at the end, so that a lesion's numbers hang on no batch. A CPU takes float32."""
CPU = torch.device("cpu")

_WARM_RUNS = 3
_PROCESS_FLAG = threading.Lock()


class Lane:
    """Runs networks on one device; one thread at a time."""

    def __init__(
        self,
        device: str,
        networks: Callable[[Hashable], Network],
        precision: str = "exact",
        *,
        graphs: bool = True,
    ) -> None:
        """Nothing is loaded yet.

        Args:
            device: cpu, cuda or cuda:N.
            networks: Gives the network of a key.
            precision: One of `PRECISIONS`; on a CPU always exact.
            graphs: Whether CUDA replays a captured graph for each size of batch.
        """
        self.device = device
        self.trouble = ""
        """Why it runs on the CPU in place of its device; empty when all is well."""
        self._networks = networks
        self._dtype = PRECISIONS[precision]
        # What is faster, and in float32 nearer the truth (tests/benchmarks/README.md).
        self._layout = torch.channels_last_3d if self._dtype.itemsize == 2 else torch.contiguous_format
        self._graphs = graphs
        self._place = torch.device(device)
        self._modules: dict[Hashable, nn.Module] = {}
        self._captured: dict[tuple[Hashable, torch.Size], tuple[Any, Tensor, Tensor]] = {}
        if self._place.type == "cuda" and not torch.cuda.is_available():
            self._fall_back("torch finds no CUDA here")

    @property
    def running_on(self) -> str:
        """Where it runs now."""
        return str(self._place)

    def embed(self, key: Hashable, cutouts: Sequence[Cutout]) -> Embeddings:
        """One row a cutout, (n, dimension).

        Raises:
            FeatureError: From the preprocessing.
            torch.OutOfMemoryError: One lesion alone does not fit even on the CPU.
        """
        with torch.inference_mode():
            return self._embed(key, cutouts)

    def _embed(self, key: Hashable, cutouts: Sequence[Cutout]) -> Embeddings:
        if self._place == CPU:
            return self._each_alone(key, cutouts)
        try:
            return self._together(key, cutouts)
        except torch.OutOfMemoryError:
            self._captured.clear()
            with suppress(RuntimeError):
                torch.cuda.empty_cache()
            if len(cutouts) > 1:
                half = len(cutouts) // 2
                return np.concatenate([self._embed(key, part) for part in (cutouts[:half], cutouts[half:])])
            log.warning("one lesion alone does not fit on the device; it is embedded on the CPU")
        except FeatureError:
            raise
        except Exception as error:
            log.exception("the device fails; embeddings go on on the CPU", extra={"fields": {"device": self.device}})
            self._fall_back(f"it failed ({type(error).__name__})")
        return self._each_alone(key, cutouts)

    def _each_alone(self, key: Hashable, cutouts: Sequence[Cutout]) -> Embeddings:
        """On a CPU large batches are slower, and alone a lesion's numbers are bit for bit its own."""
        network = self._networks(key)
        rows = [np.empty((0, network.dimension), np.float32)]
        for cutout in cutouts:
            tensor = network.view.tensors([cutout], CPU, together=False)
            rows.append(network.module(tensor).float().numpy())
        return np.concatenate(rows)

    def _together(self, key: Hashable, cutouts: Sequence[Cutout]) -> Embeddings:
        network = self._networks(key)
        tensor = network.view.tensors(cutouts, self._place, together=True)
        tensor = _padded(tensor).to(self._dtype, memory_format=self._layout)
        module = self._module(key, network)
        embedded = self._replayed(key, module, tensor) if self._graphs else _forward(module, tensor)
        found: Embeddings = embedded[: len(cutouts)].to("cpu", torch.float32).numpy()
        if not np.isfinite(found).all():
            # What overflows in half precision is a number all the same.
            lost = np.flatnonzero(~np.isfinite(found).all(axis=1)).tolist()
            found[lost] = self._each_alone(key, [cutouts[row] for row in lost])
        return found

    def _module(self, key: Hashable, network: Network) -> nn.Module:
        if key not in self._modules:
            module = copy.deepcopy(network.module).to(self._place, self._dtype)
            self._modules[key] = module.to(memory_format=self._layout)  # type: ignore[call-overload]
        return self._modules[key]

    def _replayed(self, key: Hashable, module: nn.Module, tensor: Tensor) -> Tensor:
        """By a graph captured at this size: launching hundreds of small kernels costs more than running them."""
        at = (key, tensor.shape)
        if at not in self._captured:
            entry = tensor.clone(memory_format=torch.preserve_format)
            side = torch.cuda.Stream(self._place)  # type: ignore[no-untyped-call]
            side.wait_stream(torch.cuda.current_stream(self._place))
            with torch.cuda.stream(side):
                for _ in range(_WARM_RUNS):
                    _forward(module, entry)
            torch.cuda.current_stream(self._place).wait_stream(side)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                leaving = _forward(module, entry)
            self._captured[at] = graph, entry, leaving
        graph, entry, leaving = self._captured[at]
        entry.copy_(tensor)
        graph.replay()
        return leaving

    def _fall_back(self, why: str) -> None:
        self.trouble = f"{self.device} is asked for, and {why}; the CPU stands in"
        self._place = CPU
        self._modules.clear()
        self._captured.clear()


def _forward(module: nn.Module, tensor: Tensor) -> Tensor:
    with _all_digits():
        embedded: Tensor = module(tensor)
    return embedded


@contextmanager
def _all_digits() -> Iterator[None]:
    """Without TF32, by which cuDNN multiplies float32 unless told; a graph keeps what held when it was captured."""
    with _PROCESS_FLAG:
        before = torch.backends.cudnn.allow_tf32
        torch.backends.cudnn.allow_tf32 = False
        try:
            yield
        finally:
            torch.backends.cudnn.allow_tf32 = before


def _padded(tensor: Tensor) -> Tensor:
    """With empty rows up to a power of two, so that few sizes of batch are captured."""
    count = 1 << (len(tensor) - 1).bit_length()
    return torch.cat([tensor, tensor.new_zeros(count - len(tensor), *tensor.shape[1:])])


def lanes_of(word: str) -> tuple[str, ...]:
    """Devices from a setting: `auto` is every CUDA device, or the CPU; several are joined by commas.

    Raises:
        BadEncoder: No such kind of device.
    """
    if word == "auto":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        return tuple(f"cuda:{number}" for number in range(count)) or ("cpu",)
    names = tuple(name.strip() for name in word.split(","))
    for name in names:
        kind, _, number = name.partition(":")
        if kind not in ("cpu", "cuda") or (number and not number.isdecimal()) or name.endswith(":"):
            raise BadEncoder(f"device {name!r}; wanted auto, cpu, cuda or cuda:N", seen=name)
    return names
