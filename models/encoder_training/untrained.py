"""The twin of the default encoder that never learned, as a file: what training must beat."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from features.embedding.masked_pyramid import Widths
from features.embedding.network import DECLARATION
from features.embedding.preprocessing import Preprocessing
from models.encoder_training.pool import make_pool
from models.encoder_training.trainee import Trainee
from models.encoder_training.training import untrained_twin


def write_untrained(out: Path, *, seed: int = 1, specimens: int = 48, batch: int = 16) -> Path:
    """First weights, with norms that have seen some synthetic lesions.

    Args:
        out: The file to write.
        seed: Of the weights and lesions.
        specimens: How many lesions the norms see.
        batch: How many at once.
    """
    preprocessing, widths = Preprocessing(), Widths()
    pool = make_pool(specimens, 1, (seed, 4), preprocessing, lambda done, total: None)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        trainee = Trainee(widths)
    tensors = {
        key: part.contiguous() for key, part in untrained_twin(trainee, widths, pool, batch).state_dict().items()
    }
    declared = {
        "name": "untrained",
        "architecture": {"kind": "masked_pyramid/1", **widths.declared()},
        "preprocessing": preprocessing.declared(),
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, out, metadata={DECLARATION: json.dumps(declared)})
    return out
