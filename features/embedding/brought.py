"""The networks whose published weights people bring: architecture, layout of the file, preprocessing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.nn import functional

from features.embedding.patch import Patch


@dataclass(frozen=True, slots=True)
class Brought:
    """One published encoder."""

    dimension: int
    build: Callable[[], nn.Module]
    """An empty module (meta tensors) from a patch to an embedding."""
    patch: Patch
    container: str
    """Key of the file's mapping that holds the tensors; empty where they lie on top."""
    prefix: str
    """Before each of the network's own names in the file."""
    within: str
    """Before each of those names in our module."""
    source: str


class _Pooled(nn.Module):
    """The deepest stage of an encoder of stages, averaged over the patch."""

    def __init__(self, stages: nn.Module) -> None:
        super().__init__()
        self.stages = stages

    def forward(self, patch: Tensor) -> Tensor:
        """(n, channels of the deepest stage)."""
        deepest: Tensor = self.stages(patch)[-1]
        return functional.adaptive_avg_pool3d(deepest, 1).flatten(1)


def _fmcib() -> nn.Module:
    from monai.networks.nets import resnet  # noqa: PLC0415 - seconds to import

    with torch.device("meta"):
        net: nn.Module = resnet.resnet50(
            n_input_channels=1, widen_factor=2, conv1_t_stride=2, feed_forward=False, bias_downsample=True
        )
    return net


def _ct_fm() -> nn.Module:
    from monai.networks.nets.segresnet_ds import SegResEncoder  # noqa: PLC0415 - seconds to import

    with torch.device("meta"):
        return _Pooled(SegResEncoder(spatial_dims=3, in_channels=1, init_filters=32, blocks_down=(1, 2, 2, 4, 4)))


def _medicalnet(depth: int, shortcut: str) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        from monai.networks.nets import resnet  # noqa: PLC0415 - seconds to import

        with torch.device("meta"):
            net: nn.Module = getattr(resnet, f"resnet{depth}")(
                n_input_channels=1, conv1_t_stride=2, feed_forward=False, bias_downsample=False, shortcut_type=shortcut
            )
        return net

    return build


_FMCIB_PATCH = Patch((50, 50, 50), (1.0, 1.0, 1.0), "window", -1024.0, 2048.0, outside=-1024.0)
_CT_FM_PATCH = Patch((24, 128, 128), (3.0, 1.0, 1.0), "window", -1024.0, 2048.0, clip=True, outside=-1024.0)
_MEDICALNET_PATCH = Patch((56, 56, 56), (1.0, 1.0, 1.0), "nonzero_zscore")

BROUGHT: Mapping[str, Brought] = MappingProxyType(
    {
        "fmcib": Brought(
            4096, _fmcib, _FMCIB_PATCH, "trunk_state_dict", "", "", "Pai et al., Nat Mach Intell 6 (2024) 354"
        ),
        "ct_fm": Brought(512, _ct_fm, _CT_FM_PATCH, "", "encoder.", "stages.", "Pai et al., arXiv 2501.09001 (2025)"),
        **{
            f"medicalnet_{depth}": Brought(
                512 if depth < 50 else 2048,
                _medicalnet(depth, shortcut),
                _MEDICALNET_PATCH,
                "state_dict",
                "module.",
                "",
                "Chen et al., arXiv 1904.00625 (2019)",
            )
            for depth, shortcut in ((10, "B"), (18, "A"), (34, "A"), (50, "B"))
        },
    }
)
"""By the word of `encoder import --as`, which is also the declared `kind`."""
