"""What a score makes of an embedding is what the version predicts with it."""

import math
from pathlib import Path

import numpy as np
import pytest
from builders.brought import AGE, CASE, CONTRAST, VOLUME, booster, classifier, save_xgboost
from builders.brought import THERAPIES as BROUGHT_THERAPIES
from builders.registry import EMBEDDED, THERAPIES, write

from features.names import EmbeddingColumn, parse
from models.load import load_model
from models.model import Model
from models.saliency import Embedded, embedded_in, score_of


def log_odds(model: Model, values: dict[str, float | str], therapy: str) -> float:
    (prediction,) = model.predict(values, [therapy]).predictions
    assert prediction.outcome is not None
    return math.log(prediction.outcome.probability / (1.0 - prediction.outcome.probability))


def test_a_version_is_scored_on_other_embeddings_as_it_would_predict(tmp_path: Path) -> None:
    model = load_model(write(tmp_path / "v1", "outcome-embedding", encoder="e" * 64), "outcome-embedding", "1")
    (of, columns), *others = embedded_in(model).items()
    assert not others
    assert set(columns) == {spec.name for spec in EMBEDDED}
    first = parse(EMBEDDED[0].name)
    assert isinstance(first, EmbeddingColumn)
    assert of == Embedded(first.scan, first.when, first.lesions)
    embeddings = np.random.default_rng(0).normal(size=(5, max(columns.values()) + 1)).astype(np.float32)
    values: dict[str, float | str] = {"clinical.age_years": 61.0, **dict.fromkeys(columns, 0.3)}
    score = score_of(model, values, {}, THERAPIES, columns)(embeddings)
    for row, embedding in zip(score, embeddings, strict=True):
        values |= {name: float(embedding[index]) for name, index in columns.items()}
        wanted = [log_odds(model, values, therapy) for therapy in THERAPIES]
        np.testing.assert_allclose(row, wanted, rtol=1e-9, atol=1e-12)
    assert np.ptp(score, axis=0).min() > 0.0


@pytest.mark.parametrize("task", ["outcome", "progression"])
def test_a_brought_version_is_scored_too(task: str, tmp_path: Path) -> None:
    learned = classifier() if task == "outcome" else booster("survival:cox")
    model = load_model(save_xgboost(tmp_path / "v1", learned, task), "brought", "1")
    assert embedded_in(model) == {}
    other = np.array([[300.0, 3.0], [900.0, 8.0]], np.float32)
    found = score_of(model, CASE, {}, BROUGHT_THERAPIES, {VOLUME: 0, CONTRAST: 1})(other)
    assert found.shape == (2, len(BROUGHT_THERAPIES))
    for row, (volume, contrast) in zip(found, other.tolist(), strict=True):
        values: dict[str, float | str] = {AGE: CASE[AGE], VOLUME: volume, CONTRAST: contrast}
        predictions = model.predict(values, BROUGHT_THERAPIES).predictions
        told = [
            math.log(one.outcome.probability / (1.0 - one.outcome.probability))
            if one.outcome is not None
            else one.risk.log_hazard_ratio
            if one.risk is not None
            else math.nan
            for one in predictions
        ]
        np.testing.assert_allclose(row, told, rtol=1e-9)
    assert np.ptp(found, axis=0).min() > 0.0
