"""What of a version's score goes through the embedding of which lesions, as a function of that embedding alone."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from features.names import EmbeddingColumn, parse
from features.types import Embeddings, Floats
from models.answers import Prediction
from models.families.family import OutcomeScores
from models.inputs import therapy_codes
from models.model import Model
from models.version import TrainedModel

if TYPE_CHECKING:
    from features.embedding.saliency import Score  # with torch

_LEAST = 1e-9


@dataclass(frozen=True, slots=True)
class Embedded:
    """Whose embedding a model takes: of which scan, date and lesions."""

    scan: str
    when: str
    lesions: str


def embedded_in(model: Model) -> dict[Embedded, dict[str, int]]:
    """Embedding columns of a model with their index, by what they are taken of; none where it takes no embedding."""
    found: dict[Embedded, dict[str, int]] = {}
    for spec in model.columns:
        column = parse(spec.name)
        if isinstance(column, EmbeddingColumn):
            of = Embedded(column.scan, column.when, column.lesions)
            found.setdefault(of, {})[spec.name] = column.index
    return found


def score_of(
    model: Model,
    values: Mapping[str, float | str],
    missing: Mapping[str, str],
    therapies: Sequence[str],
    columns: Mapping[str, int],
) -> "Score":
    """From embeddings, (n, dimension), to scores, (n, therapies), all else as it is.

    Log-odds of response, or log cumulative hazard at the horizon: the scales on which contributions add up.

    Args:
        model: The version.
        values: As for `predict`.
        missing: As for `predict`.
        therapies: At least one of the model's; a model that knows none has one score.
        columns: Which number of the embedding each of these columns is.
    """
    asked = tuple(therapies) if model.therapies else ()
    return (
        _of_rows(model, values, missing, asked, columns)
        if isinstance(model, TrainedModel)
        else _one_by_one(model, values, missing, asked, columns)
    )


def _of_rows(
    model: TrainedModel,
    values: Mapping[str, float | str],
    missing: Mapping[str, str],
    therapies: Sequence[str],
    columns: Mapping[str, int],
) -> "Score":
    codes = therapy_codes(model.therapies, therapies) if therapies else np.zeros(1)
    row = np.append(model.encoding.row(values, missing), 0.0)
    where = [index for index, spec in enumerate(model.columns) if spec.name in columns]
    taken = [columns[model.columns[index].name] for index in where]

    def score(embeddings: Embeddings) -> Floats:
        rows = np.tile(row, (len(embeddings) * len(codes), 1))
        rows[:, where] = np.repeat(embeddings[:, taken].astype(np.float64), len(codes), axis=0)
        rows[:, -1] = np.tile(codes, len(embeddings))
        scores = model.fitted.score(model.fitted.harmonised(rows))
        of_rows = scores.log_odds if isinstance(scores, OutcomeScores) else scores.risk
        return of_rows.reshape(len(embeddings), len(codes))

    return score


def _one_by_one(
    model: Model,
    values: Mapping[str, float | str],
    missing: Mapping[str, str],
    therapies: Sequence[str],
    columns: Mapping[str, int],
) -> "Score":
    def score(embeddings: Embeddings) -> Floats:
        found = []
        for embedding in embeddings:
            changed = {name: float(embedding[index]) for name, index in columns.items()}
            answer = model.predict({**values, **changed}, therapies, None, missing)
            found.append([_scale(prediction) for prediction in answer.predictions])
        return np.array(found)

    return score


def _scale(prediction: Prediction) -> float:
    if prediction.outcome is not None:
        chance = min(max(prediction.outcome.probability, _LEAST), 1.0 - _LEAST)
        return math.log(chance / (1.0 - chance))
    if prediction.progression is not None:
        survival = min(max(prediction.progression.survival[-1], _LEAST), 1.0 - _LEAST)
        return math.log(-math.log(survival))
    assert prediction.risk is not None  # noqa: S101  a brought version withholds nothing
    return prediction.risk.log_hazard_ratio
