"""The network while it learns: batch norms between the layers, folded into the weights at the end."""

import copy

import torch
from torch import Tensor, nn

from features.embedding.crop import CHANNELS
from features.embedding.masked_pyramid import MaskedPyramid, Widths
from models.encoder_training.traits import FACTORS


class Trainee(MaskedPyramid):
    """A masked pyramid with norms, and a head that reads the factors off the embedding."""

    def __init__(self, widths: Widths) -> None:
        super().__init__(widths, CHANNELS)
        self.norms = nn.ModuleDict(
            {
                name: nn.BatchNorm3d(layer.out_channels)
                for name, layer in self.named_children()
                if isinstance(layer, nn.Conv3d)
            }
        )
        self.summary_norm = nn.BatchNorm1d(self.summary_length(widths), affine=False)
        self.embedding_norm = nn.BatchNorm1d(widths.embedding, affine=False)
        self.head = nn.Linear(widths.embedding, len(FACTORS))
        self._names = {id(layer): name for name, layer in self.named_children() if name in self.norms}

    def after(self, layer: nn.Module, stage: Tensor) -> Tensor:
        """A convolution and its norm."""
        out: Tensor = self.norms[self._names[id(layer)]](layer(stage))
        return out

    def embed(self, summary: Tensor) -> Tensor:
        """Embeddings of mean 0 and standard deviation 1 in every dimension."""
        out: Tensor = self.embedding_norm(super().embed(self.summary_norm(summary)))
        return out

    def folded(self, widths: Widths) -> MaskedPyramid:
        """The same function without norms: as they stand in evaluation."""
        plain = MaskedPyramid(widths, CHANNELS)
        plain.load_state_dict(
            {name: copy.deepcopy(tensor) for name, tensor in self.state_dict().items() if name in plain.state_dict()}
        )
        with torch.no_grad():
            for name, norm in self.norms.items():
                _fold_after(getattr(plain, name), norm)
            _fold_before(plain.hidden, self.summary_norm)
            _fold_after(plain.embedding, self.embedding_norm)
        return plain.eval()


def _fold_after(layer: nn.Conv3d | nn.Linear, norm: nn.Module) -> None:
    """What follows a layer goes into its weights."""
    if not isinstance(norm, nn.BatchNorm3d | nn.BatchNorm1d) or layer.bias is None:
        raise TypeError(f"{type(norm).__name__} after {type(layer).__name__} cannot be folded")
    mean, factor, shift = _moments(norm)
    if norm.affine:
        factor, shift = factor * norm.weight.double(), norm.bias.double()
    weight = layer.weight.double() * factor.reshape(-1, *[1] * (layer.weight.dim() - 1))
    bias = (layer.bias.double() - mean) * factor + shift
    layer.weight.copy_(weight.float())
    layer.bias.copy_(bias.float())


def _fold_before(layer: nn.Linear, norm: nn.BatchNorm1d) -> None:
    """What precedes a layer goes into its weights."""
    mean, factor, _ = _moments(norm)
    weight = layer.weight.double() * factor
    layer.bias.copy_((layer.bias.double() - weight @ mean).float())
    layer.weight.copy_(weight.float())


def _moments(norm: nn.BatchNorm3d | nn.BatchNorm1d) -> tuple[Tensor, Tensor, Tensor]:
    if norm.running_mean is None or norm.running_var is None:
        raise TypeError("a norm without running statistics cannot be folded")
    mean = norm.running_mean.double()
    return mean, 1.0 / torch.sqrt(norm.running_var.double() + norm.eps), torch.zeros_like(mean)
