"""The baseline of images that say nothing: each patient gets another's image columns, all else stays.

What a model still finds is not of the image. For a table it stands where shuffled voxels stand for images
(Welch et al., Radiother Oncol 130 (2019) 2).
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from features.types import Floats
from models.splits import Predictor, Split

SHUFFLED = "shuffled images"
SHUFFLED_ALL = "shuffled columns"


@dataclass(frozen=True, slots=True)
class Shuffled:
    """A predictor that learns and speaks on columns dealt anew among patients, whole rows of them at once."""

    predictor: Predictor
    columns: tuple[str, ...]
    seed: int

    def __call__(self, split: Split) -> Floats:
        """See `Predictor`."""
        random = np.random.default_rng(self.seed)
        train, test = (self._dealt(part, random) for part in (split.train, split.test))
        return self.predictor(replace(split, train=train, test=test))

    def _dealt(self, frame: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
        dealt = frame.copy()
        names = list(self.columns)
        dealt[names] = frame[names].to_numpy()[random.permutation(len(frame))]
        return dealt.astype(frame.dtypes.to_dict())
