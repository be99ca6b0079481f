"""A version tells, with every difference, what its training cohort as a whole says of the two therapies."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from builders.treated import COLUMNS, PAIR, treated
from builders.versions import loaded, values_of

from models.effects.answers import Comparison, Effect, Estimated, Imbalance, Overlap, Reason
from models.effects.evidence import evidence_for, population_evidence
from models.families.columns import THERAPY

OVERLAP = Overlap("weak", (Reason("IMBALANCE", "unlike"),), 30, 50, 25.0, 40.0, 0.2, 0.7, (Imbalance("age", 0.5, 0.3),))
EFFECT = Effect(
    "probability", None, Estimated(0.6, 0.5, 0.7), Estimated(0.4, 0.3, 0.5), Estimated(0.2, 0.05, 0.35), 2.4, 1.4, ()
)
COMPARED = Comparison("immunotherapy", "chemotherapy", "", "observational", 0.9, OVERLAP, (EFFECT,))


def test_a_comparison_is_found_either_way_round() -> None:
    assert evidence_for((COMPARED,), "immunotherapy", "chemotherapy") is COMPARED
    turned = evidence_for((COMPARED,), "chemotherapy", "immunotherapy")
    assert turned is not None
    assert (turned.therapy, turned.reference) == ("chemotherapy", "immunotherapy")
    assert turned.effects[0].difference == Estimated(-0.2, -0.35, -0.05)
    assert turned.effects[0].option == EFFECT.reference
    assert (turned.overlap.option_patients, turned.overlap.reference_patients) == (50, 30)
    assert turned.overlap.least_propensity == pytest.approx(0.3)
    assert turned.overlap.imbalance == (Imbalance("age", -0.5, -0.3),)
    assert evidence_for((COMPARED,), "targeted", "chemotherapy") is None
    assert evidence_for((replace(COMPARED, group="her2: 1"),), "immunotherapy", "chemotherapy") is None


def test_every_pair_of_a_cohort_is_compared_or_refused_by_name() -> None:
    known = treated(150, 2, given="chance")
    frame = known.frame.copy()
    frame.loc[:7, THERAPY] = "rare"
    found = population_evidence(frame, COLUMNS, known.outcome, "randomised", seed=0)
    assert [(one.therapy, one.reference) for one in found] == [("old", "new"), ("rare", "new"), ("rare", "old")]
    assert found[0].effects[0].learners == ()
    assert found[0].evidence == "randomised"
    assert [one.overlap.reasons[0].name for one in found[1:]] == ["FEW_PATIENTS", "FEW_PATIENTS"]
    turned = evidence_for(found, *PAIR)
    assert turned is not None
    assert turned.effects[0].difference.value > 0


def test_a_cohort_with_one_therapy_with_none_or_with_many_brings_no_comparison() -> None:
    known = treated(60, 2)
    many = known.frame.assign(**{THERAPY: [f"t{index % 9}" for index in range(60)]})
    for frame in (known.frame.drop(columns=THERAPY), known.frame.assign(**{THERAPY: "old"}), many):
        assert population_evidence(frame, COLUMNS, known.outcome, "observational", seed=0) == ()


def test_a_version_that_brings_comparisons_tells_them_with_its_differences(tmp_path: Path) -> None:
    model = loaded(tmp_path / "model", "outcome", "xgboost", comparisons=(COMPARED,))
    assert model.manifest.facts.comparisons == (COMPARED,)
    answer = model.predict(values_of(model), ("immunotherapy", "targeted"), reference="chemotherapy")
    assert [one.population for one in answer.differences] == [COMPARED, None]
    assert np.isfinite([one.probability or 0.0 for one in answer.differences]).all()
