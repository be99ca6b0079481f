"""Ours beside plain lifelines Cox, XGBoost as it comes and a random survival forest: public cohorts, same folds.

Wants RADRESPONSE_DATA with `outcomes/`. The forest is scikit-survival's, which is imported here and in tests alone.
Screening, imputation and scaling happen inside each training fold for all.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from scipy.io import arff
from sksurv.ensemble import RandomSurvivalForest

from features.types import Floats
from models.baselines import baselines
from models.crossvalidation import CrossValidation, OfBaseline, OfFamily, validate
from models.errors import ModelError
from models.evaluation import Estimate, area_under_curve, patient_draws
from models.families.all import FAMILIES, TRIED, family_of
from models.families.columns import ColumnSpec
from models.families.known import standing
from models.families.target import OutcomeTarget, ProgressionTarget, Task
from models.leakage.table import refuse_leaky_table
from models.nested import assembled, choose
from models.plain_models import one_hot, plain_models
from models.progress import progress_bar
from models.splits import Predictor, Split
from models.tabular.reading import TableRequest, read_patients

Say = Callable[[str], None]

FOLDS, SEED = 5, 2026
ONLY = os.environ.get("RADRESPONSE_BENCH_COHORTS", "")
FAMILIES_ASKED = tuple(filter(None, os.environ.get("RADRESPONSE_BENCH_FAMILIES", "").split(",")))
FOREST = "random survival forest"
CLINICAL_OF_MAMA_MIA = ("age", "hr", "her2", "nottingham_grade", "menopause", "ethnicity", "bmi_group", "mammaprint")
SHOWN = {"outcome": ("auc", "brier"), "progression": ("concordance", "integrated_brier")}


@dataclass(frozen=True, slots=True)
class Forest:
    """scikit-survival's random survival forest as it comes, but for leaves of at least 15 patients."""

    columns: tuple[ColumnSpec, ...]

    def __call__(self, split: Split) -> Floats:
        """See `Predictor`."""
        assert isinstance(split.target, ProgressionTarget)
        assert split.days is not None
        X, X_test = one_hot(split, self.columns)
        middle = np.nanmedian(X, axis=0)
        filled = [np.where(np.isnan(part), middle, part) for part in (X, X_test)]
        pairs = list(zip(split.target.event, split.target.time_days, strict=True))
        label = np.array(pairs, dtype=[("event", bool), ("time", float)])
        forest = RandomSurvivalForest(n_estimators=100, min_samples_leaf=15, n_jobs=1, random_state=0)
        curves = forest.fit(filled[0], label).predict_survival_function(filled[1])
        days = np.clip(split.days, *curves[0].domain)
        return np.array([curve(days) for curve in curves])


def measure(say: Say) -> dict[str, Any]:
    """Prints figures and gives them."""
    data = Path(os.environ.get("RADRESPONSE_DATA", "")) / "outcomes"
    if not os.environ.get("RADRESPONSE_DATA") or not data.is_dir():
        say("skipped: RADRESPONSE_DATA with outcomes is not here")
        return {}
    figures: dict[str, Any] = {"folds": FOLDS, "seed": SEED}
    with TemporaryDirectory() as folder:
        for name, build in COHORTS.items():
            if ONLY and name not in ONLY.split(","):
                continue
            figures[name] = _cohort(name, build(data, Path(folder)), say)
        if not ONLY or "mama_mia_external" in ONLY.split(","):
            figures["mama_mia_external"] = _external(data, Path(folder), say)
    return figures


def _asked(task: Task) -> list[str]:
    """Of the task: those asked for by name, else those that are tried unasked."""
    return [family for of, family in (FAMILIES if FAMILIES_ASKED else TRIED) if of == task and _is_asked(family)]


def _is_asked(family: str) -> bool:
    return not FAMILIES_ASKED or family in FAMILIES_ASKED


def _cohort(name: str, request: TableRequest, say: Say) -> dict[str, Any]:
    table = read_patients(request)
    refuse_leaky_table(table, folds=FOLDS, seed=SEED)
    families = _asked(request.task)
    ours: dict[str, Predictor] = {one: OfFamily(family_of(request.task, one), table.columns, SEED) for one in families}
    beside = dict(plain_models(request.task, table.columns))
    if request.task == "progression":
        beside[FOREST] = Forest(table.columns)
    beside |= {one.name: OfBaseline(one) for one in baselines(table.columns) if one.columns}
    said = validate({**ours, **beside}, table.frame, table.target, folds=FOLDS, seed=SEED, progress=False)
    with progress_bar(said.folds, f"choosing for {name}", "fold", shown=False) as bar:
        chosen = choose(ours, table.frame, table.target, said, seed=SEED, bar=bar, standing=standing(ours))
    whole = replace(said, unseen={"ours": assembled(said, chosen), **said.unseen})
    return _told(name, whole, request.task, chosen, say)


def _told(name: str, whole: CrossValidation, task: Task, chosen: tuple[str, ...], say: Say) -> dict[str, Any]:
    weights = patient_draws(whole.fold.size, SEED)
    draws = {who: whole.measures(who, weights) for who in whole.unseen}
    say(f"\n{name}: {whole.fold.size} patients; chosen {', '.join(chosen)}")
    rows: dict[str, Any] = {"patients": int(whole.fold.size), "chosen": list(chosen), "of": {}}
    for who, measures in draws.items():
        estimates = {figure: Estimate.of(measures[figure]) for figure in SHOWN[task]}
        gains = {figure: Estimate.of(draws["ours"][figure] - measures[figure]) for figure in SHOWN[task]}
        rows["of"][who] = {figure: [one.value, one.lower, one.upper] for figure, one in estimates.items()} | {
            f"ours minus it, {figure}": [one.value, one.lower, one.upper] for figure, one in gains.items()
        }
        told = "  ".join(f"{figure} {one}" for figure, one in estimates.items())
        against = "" if who == "ours" else f"   ours minus it: {gains[SHOWN[task][0]]}"
        say(f"  {who:28}{told}{against}")
    return rows


def _external(data: Path, folder: Path, say: Say) -> dict[str, Any]:
    """Learned from I-SPY2 without the arm, which other cohorts do not have; judged on all others of MAMA-MIA."""
    request = _mama_mia(data, folder, whole=True)
    table = read_patients(request)
    inside = np.array([value == "ISPY2" for value in table.groups["dataset"]])
    names = [spec for spec in table.columns if spec.name != "clinical.dataset"]
    rows = np.flatnonzero(inside), np.flatnonzero(~inside)
    parts = [table.frame.iloc[one].reset_index(drop=True) for one in rows]
    split = Split(parts[0], table.target.take(rows[0]), parts[1], None)
    target = table.target.take(rows[1])
    assert isinstance(target, OutcomeTarget)
    weights = patient_draws(len(rows[1]), SEED)
    found: dict[str, Any] = {"patients": len(rows[1])}
    say(f"\nmama_mia, learned from I-SPY2, judged on {len(rows[1])} of other cohorts")
    predictors: dict[str, Predictor] = {
        family: OfFamily(family_of("outcome", family), tuple(names), SEED) for family in _asked("outcome")
    }
    predictors |= plain_models("outcome", tuple(names))
    for who, predictor in predictors.items():
        try:
            score = predictor(split)
        except ModelError as error:
            say(f"  {who:28}{error}")
            continue
        auc = Estimate.of(area_under_curve(score, target.response > 0, weights))
        found[who] = [auc.value, auc.lower, auc.upper]
        say(f"  {who:28}auc {auc}")
    return found


def _from_arff(data: Path, folder: Path, name: str) -> Path:
    table = pd.DataFrame(arff.loadarff(data / "sksurv" / f"{name}.arff")[0])
    words = table.select_dtypes(object)
    table[words.columns] = words.map(lambda cell: cell.decode())
    return _written(table, folder, name)


def _written(table: pd.DataFrame, folder: Path, name: str) -> Path:
    path = folder / f"{name}.csv"
    table.to_csv(path, index=False)
    return path


def _lung1(data: Path, folder: Path) -> TableRequest:
    clinical = pd.read_csv(data / "lung1" / "clinical_data.csv")
    radiomics = pd.read_csv(data / "lung1" / "radiomics_features.csv")
    deep = pd.read_csv(data / "lung1" / "deep_features.csv")
    whole = clinical.merge(radiomics, on="PatientID").merge(deep, on="PatientID")
    path = _written(whole, folder, "lung1")
    return TableRequest(path, time="Survival.time", event="deadstatus.event", subject="PatientID")


def _mama_mia(data: Path, folder: Path, *, whole: bool = False) -> TableRequest:
    clinical = pd.read_csv(data / "mama_mia" / "clinical_and_imaging_info.csv")
    kinetics = pd.read_csv(data / "mama_mia" / "tic_kinetic_features.csv")
    kept = ["patient_id", "dataset", "nac_agent", "pcr", *CLINICAL_OF_MAMA_MIA]
    table = clinical[kept].merge(kinetics, on="patient_id", how="left")
    imaging = tuple(name for name in kinetics.columns if name != "patient_id")
    if whole:
        path = _written(table.drop(columns="nac_agent"), folder, "mama_mia_whole")
        return TableRequest(path, outcome="pcr", subject="patient_id", groups=("dataset",), imaging=imaging)
    inside = table[table["dataset"] == "ISPY2"].drop(columns="dataset")
    path = _written(inside, folder, "mama_mia")
    return TableRequest(path, outcome="pcr", subject="patient_id", therapy="nac_agent", imaging=imaging)


COHORTS: Mapping[str, Callable[[Path, Path], TableRequest]] = {
    "gbsg2": lambda data, folder: TableRequest(_from_arff(data, folder, "GBSG2"), time="time", event="cens"),
    "whas500": lambda data, folder: TableRequest(_from_arff(data, folder, "whas500"), time="lenfol", event="fstat"),
    "veteran": lambda data, _: TableRequest(
        data / "trials" / "survival__veteran.csv", time="time", event="status", drop=("rownames",)
    ),
    "ispy2": lambda data, _: TableRequest(
        data / "ispy2_radiomics_pcr" / "TrainDataset2024.csv",
        outcome="pCR (outcome)",
        drop=("RelapseFreeSurvival (outcome)",),
        subject="ID",
        missing=("999",),
    ),
    "mama_mia": _mama_mia,
    "lung1": _lung1,
}
