"""The card says what a reader must know, and claims nothing that the patients cannot support."""

from dataclasses import replace

from models.card import card
from models.cohort_facts import CohortFacts
from models.evaluation import Estimate
from models.families.all import FAMILIES
from models.families.columns import ColumnSpec
from models.figures import Figure, Subgroup
from models.redundancy import Redundancy, Surrogate
from models.seen_coverage import SEEN
from models.selective import Answered
from models.table import LeftOut
from models.training_report import Lacking, TrainingReport

REPORT = TrainingReport(
    name="outcome-xgboost",
    task="outcome",
    family="xgboost",
    facts=CohortFacts(population="adults with a tumour", endpoint={"outcome": "RECIST 1.1", "progression": ""}),
    patients=300,
    positives=120,
    left_out=(LeftOut(7, "scans[0].image: truncated"),),
    notices=("clinical.stage is empty and was left out",),
    folds=5,
    seed=0,
    figures=(
        Figure("auc", "model", Estimate(0.7, 0.64, 0.76)),
        Figure("auc", "clinical only", Estimate(0.6, 0.5, 0.7)),
        Figure("auc", "volume only", Estimate(0.68, 0.6, 0.76)),
        Figure("auc", "model minus clinical only", Estimate(0.1, 0.02, 0.18)),
        Figure("auc", "model minus volume only", Estimate(0.02, -0.03, 0.07)),
    ),
    subgroups=(Subgroup("sex: male", 160, 60, Estimate(0.69, 0.6, 0.78)), Subgroup("sex: female", 15, 5, None)),
    offered=119,
    columns=(
        ColumnSpec(
            "clinical.age_years", unit="years", required=True, impute=60.0, training_lower=31, training_upper=88
        ),
        ColumnSpec("clinical.sex", "category", categories=("female", "male"), impute="male"),
    ),
    lacking=(Lacking("clinical.sex", 0.25, True), Lacking("clinical.age_years", 0.02, False)),
    needed_scans=(("ct.baseline",),),
    therapies=("a", "b"),
    by_therapy=(("a", 180, 70), ("b", 120, 50)),
    method="Trees.",
    harmonised="ComBat by `clinical.site`",
    profile_digest="ab" * 32,
    encoder_identity="",
)


def test_the_card_says_how_often_intervals_were_seen_to_hold_and_where_too_seldom() -> None:
    assert set(SEEN) <= set(FAMILIES)
    for (task, family), seen in SEEN.items():
        text = card(replace(REPORT, task=task, family=family, figures=()))
        assert f"in {seen.estimate} % and the difference between two therapies in {seen.difference} %" in text
        assert ("differences are too narrow" in text) == (seen.difference < 87)
    assert "was not measured" in card(replace(REPORT, family="forest"))


def test_the_card_says_what_is_made_of_missing_values() -> None:
    text = card(REPORT)
    assert "| `clinical.sex` | 25% | a typical value stands in, and that it is missing counts" in text
    assert "| `clinical.age_years` | 2% | a typical value stands in |" in text
    assert "Missing values" not in card(replace(REPORT, lacking=()))


def test_the_card_says_what_stands_for_volume_and_whether_distance_warns() -> None:
    none = card(REPORT)
    assert "Size and redundancy" not in none and "far away" not in none
    name = "radiomics.ct.baseline.largest.original_shape_SurfaceArea"
    surrogate = (Surrogate(name, 0.98),)
    answered = (
        Answered(1.0, 300, Estimate(0.2, 0.18, 0.22), Estimate(0.0, 0.0, 0.0)),
        Answered(0.9, 270, Estimate(0.19, 0.17, 0.21), Estimate(0.01, 0.002, 0.02)),
    )
    text = card(
        replace(
            REPORT,
            coverage=answered,
            redundancy=Redundancy("measure.ct.baseline.all.volume_mm3", 107, surrogate, surrogate, 0.4),
        )
    )
    assert "1 of 107 image features stand for tumour volume" in text and f"{name} (+0.98)" in text
    assert "carry 40% of what moves its answers" in text
    assert "| 90% | 270 | 0.190 (0.170 to 0.210) | 0.010 (0.002 to 0.020) |" in text
    assert "Not answering the 10% furthest" in text


def test_the_card_holds_what_a_reader_must_know() -> None:
    text = card(REPORT)
    for said in (
        "not a medical device",
        "adults with a tumour",
        "- Harmonised: ComBat by `clinical.site`",
        "Patients: 300, 120 of them with response; real",
        "Endpoint: RECIST 1.1",
        "Time zero: day of the baseline image",
        "could not be measured: 1",
        "row 7: scans[0].image: truncated",
        "clinical.stage is empty and was left out",
        "| a | 180 | 70 |",
        "| AUC | model | 0.700 | 0.640 to 0.760 |",
        "| AUC | clinical only | 0.600 | 0.500 to 0.700 |",
        "Better than clinical only in AUC, beyond chance.",
        "Not shown to be better than volume only in AUC.",
        "| sex: male | 160 | 60 | 0.690 | 0.600 to 0.780 |",
        "| sex: female | 15 | 5 | not given",
        "`clinical.age_years` | number | years | 31 to 88 | refused |",
        "`clinical.sex` | category |  | female, male | taken as male |",
        "no proof of an effect",
    ):
        assert said in text
    assert "No claim of accuracy" not in text
    assert "simulated patients" not in text
    assert "is simulated" not in text


def test_few_patients_claim_nothing_before_any_figure_is_shown() -> None:
    text = card(replace(REPORT, patients=34, positives=9))
    assert text.index("No claim of accuracy is made: 34 patients") < text.index("0.700")
    assert "support no claim of accuracy" in text[text.index("## Limits") :]


def test_simulated_patients_are_named_first() -> None:
    text = card(
        replace(REPORT, facts=CohortFacts(simulated=True, evidence="simulated", endpoint=REPORT.facts.endpoint))
    )
    assert text.index("learned from simulated patients only") < text.index("## Intended use")


def test_worse_than_a_baseline_is_said() -> None:
    worse = Figure("auc", "model minus clinical only", Estimate(-0.1, -0.18, -0.02))
    assert "**Worse than clinical only in AUC.**" in card(replace(REPORT, figures=(*REPORT.figures[:3], worse)))


def test_a_figure_too_good_for_few_real_patients_raises_the_alarm() -> None:
    good = (Figure("auc", "model", Estimate(0.86, 0.8, 0.9)),)
    assert "look for a column that knows the outcome" in card(replace(REPORT, figures=good))
    assert "look for a column" not in card(replace(REPORT, figures=good, patients=900))
    simulated = replace(REPORT.facts, simulated=True)
    assert "look for a column" not in card(replace(REPORT, figures=good, facts=simulated))
