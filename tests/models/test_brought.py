"""What people bring is loaded natively and answers as its own engine does; what it lacks is said to be absent."""

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
import yaml
from builders.brought import (
    AGE,
    CASE,
    COLUMNS,
    CONTRAST,
    THERAPIES,
    VOLUME,
    booster,
    classifier,
    fit_lifelines,
    graph_of,
    inputs,
    network,
    save_lifelines,
    save_onnx,
    save_xgboost,
    table,
)
from onnx import helper, numpy_helper

from models.admission.gates import tried
from models.answers import Prediction
from models.brought.model import BroughtModel
from models.errors import (
    BadSignature,
    BadVersion,
    BrokenFile,
    ForbiddenFile,
    ImpossibleAnswer,
    MissingColumn,
    UnknownTherapy,
)
from models.load import load_model

TIMES = [90.0, 180.0, 365.0, 730.0]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One of each kind; not to be changed."""
    home = tmp_path_factory.mktemp("brought")
    return {
        "trees": save_xgboost(home / "trees", classifier(), "outcome"),
        "json": save_xgboost(home / "json", classifier(), "outcome", model_format="json"),
        "aft": save_xgboost(home / "aft", booster("survival:aft"), "progression", told={"times": TIMES}),
        "risk": save_xgboost(home / "risk", booster("survival:cox"), "progression"),
        "net": save_onnx(home / "net", network(), "outcome"),
        "curve": save_onnx(home / "curve", curves(), "progression", outputs=4, times=TIMES),
        "cox": save_lifelines(home / "cox"),
        "weibull": save_lifelines(home / "weibull", "WeibullAFTFitter"),
    }


@pytest.fixture
def spoilt(saved: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    return lambda name: Path(shutil.copytree(saved[name], tmp_path / name))


def curves() -> onnx.ModelProto:
    """Survival on four days: the running product of four probabilities."""
    weights = numpy_helper.from_array(np.full((4, 4), 0.0005, np.float32), "weights")
    order = numpy_helper.from_array(np.array(1, np.int64), "axis")
    nodes = [
        helper.make_node("MatMul", ["x", "weights"], ["linear"]),
        helper.make_node("Sigmoid", ["linear"], ["each"]),
        helper.make_node("Log", ["each"], ["logs"]),
        helper.make_node("CumSum", ["logs", "axis"], ["sum"]),
        helper.make_node("Exp", ["sum"], ["p"]),
    ]
    return graph_of(nodes, [weights, order], outputs=4)


def loaded(folder: Path) -> BroughtModel:
    model = load_model(folder, "brought", "1")
    assert isinstance(model, BroughtModel)
    return model


def asked(model: BroughtModel, case: dict[str, float | str] | None = None) -> tuple[Prediction, ...]:
    return model.predict({name: (case or CASE)[name] for name in (case or CASE)}).predictions


def test_trees_answer_as_scikit_learns_class_does(saved: dict[str, Path]) -> None:
    learner, rows = classifier(), inputs().head(20)
    wanted = learner.predict_proba(rows)[:, 1]
    for name in ("trees", "json"):
        model = loaded(saved[name])
        for row, chance in zip(rows.to_dict("records"), wanted, strict=True):
            values = {str(key): float(value) for key, value in row.items() if key != "therapy"}
            (answer,) = model.predict(values, [THERAPIES[int(row["therapy"])]]).predictions
            assert answer.outcome is not None
            assert answer.outcome.probability == pytest.approx(chance, abs=1e-6)
            assert answer.outcome.interval is None


def test_contributions_of_trees_add_up_to_the_log_odds(saved: dict[str, Path]) -> None:
    one, other = asked(loaded(saved["trees"]))
    assert one.outcome is not None
    assert other.outcome is not None
    odds = [
        np.log(answer.outcome.probability / (1 - answer.outcome.probability))
        for answer in (one, other)
        if answer.outcome
    ]
    shares = [sum(reason.contribution for reason in answer.contributions) for answer in (one, other)]
    assert odds[1] - odds[0] == pytest.approx(shares[1] - shares[0], abs=1e-4)


def test_an_accelerated_failure_time_answers_the_declared_distribution(saved: dict[str, Path]) -> None:
    (answer, _) = asked(loaded(saved["aft"]))
    assert answer.progression is not None
    assert answer.progression.time_days == (0, 90, 180, 365, 730)
    row = pd.DataFrame([[61.0, 500.0, 5.0, 0.0]], columns=list(COLUMNS))
    import xgboost  # noqa: PLC0415
    from scipy.stats import norm  # noqa: PLC0415 - the distribution that XGBoost takes where none is named

    expected = float(booster("survival:aft").predict(xgboost.DMatrix(row))[0])
    wanted = norm.sf((np.log(TIMES) - np.log(expected)) / 1.0)
    assert answer.progression.survival == pytest.approx((1.0, *wanted), abs=1e-5)


def test_a_cox_without_a_baseline_gives_risk_alone_and_says_so(saved: dict[str, Path]) -> None:
    model = loaded(saved["risk"])
    answer = model.predict(CASE, reference=THERAPIES[0])
    for prediction in answer.predictions:
        assert prediction.progression is None
        assert prediction.risk is not None
        assert "RISK_ONLY" in {notice.reason for notice in prediction.notices}
    risks = [one.risk.log_hazard_ratio for one in answer.predictions if one.risk is not None]
    assert answer.differences[0].log_hazard_ratio == pytest.approx(risks[1] - risks[0])
    assert "baseline hazard" in model.absent


def test_a_cox_with_a_baseline_gives_a_curve(saved: dict[str, Path], tmp_path: Path) -> None:
    baseline = {"times": [3.0, 6.0, 12.0], "cumulative_hazard": [0.1, 0.2, 0.5]}
    told = {"baseline": baseline, "time_unit": "months", "times": [6.0, 12.0]}
    model = loaded(save_xgboost(tmp_path / "v", booster("survival:cox"), "progression", told=told))
    (curve, _), (risk, _) = asked(model), asked(loaded(saved["risk"]))
    assert curve.progression is not None
    assert risk.risk is not None
    assert curve.progression.time_days == (0, 183, 365)
    ratio = np.exp(risk.risk.log_hazard_ratio)
    at = np.interp([0, 183, 365], [0, 91.3125, 182.625, 365.25], [0, 0.1, 0.2, 0.5])
    assert curve.progression.survival == pytest.approx(np.exp(-ratio * at), rel=1e-6)


def test_a_network_answers_as_the_reference_implementation_does(saved: dict[str, Path]) -> None:
    from onnx.reference import ReferenceEvaluator  # noqa: PLC0415

    model = loaded(saved["net"])
    rows = np.array([[61.0, 500.0, 5.0, therapy] for therapy in (0, 1)], np.float32)
    (wanted,) = ReferenceEvaluator(network()).run(None, {"x": rows})
    given = [answer.outcome.probability for answer in asked(model) if answer.outcome is not None]
    assert given == pytest.approx(np.asarray(wanted)[:, 0], abs=1e-6)
    assert [answer.contributions for answer in asked(model)] == [(), ()]
    assert "reasons" in model.absent


def test_a_network_of_survival_gives_a_curve(saved: dict[str, Path]) -> None:
    (answer, _) = asked(loaded(saved["curve"]))
    assert answer.progression is not None
    assert answer.progression.time_days == (0, 90, 180, 365, 730)
    assert list(answer.progression.survival) == sorted(answer.progression.survival, reverse=True)


@pytest.mark.parametrize("kind", ["CoxPHFitter", "WeibullAFTFitter", "LogNormalAFTFitter", "LogLogisticAFTFitter"])
def test_a_model_of_lifelines_reproduces_its_survival(kind: str, tmp_path: Path) -> None:
    fitted, frame = fit_lifelines(kind)
    model = loaded(save_lifelines(tmp_path / kind, kind))
    days = model.manifest.time_days
    rows = frame.head(8).drop(columns=["time_days", "event"])
    wanted = fitted.predict_survival_function(rows, times=list(days[1:])).to_numpy().T
    for row, curve in zip(rows.to_dict("records"), wanted, strict=True):
        therapy = THERAPIES[int(row[f"therapy={THERAPIES[1]}"])]
        (answer,) = model.predict({AGE: float(row[AGE]), VOLUME: float(row[VOLUME])}, [therapy]).predictions
        assert answer.progression is not None
        first, *others = answer.progression.survival
        assert first == 1.0  # at day 0, where lifelines has what it has at the first event
        assert np.abs(np.array(others) - curve).max() <= 1e-12


def test_what_a_version_does_not_bring_is_absent_and_not_invented(saved: dict[str, Path]) -> None:
    for name, folder in saved.items():
        model = loaded(folder)
        answer = model.predict(CASE if name not in ("cox", "weibull") else {AGE: 61.0, VOLUME: 500.0}).predictions[0]
        assert answer.applicability.status == "unknown"
        (told,) = [notice.message for notice in answer.notices if notice.reason == "NOT_BROUGHT"]
        assert all(word in told for word in ("calibration", "intervals", "applicability", "card"))
        assert model.manifest.metrics == ()
        assert (model.manifest.training_patients, model.manifest.evidence) == (0, "not stated")
        assert "brings no card" in model.card


def test_a_therapy_or_a_column_that_it_does_not_know_is_refused(saved: dict[str, Path]) -> None:
    model = loaded(saved["trees"])
    with pytest.raises(UnknownTherapy, match="chemotherapy, immunotherapy"):
        model.predict(CASE, ["surgery"])
    with pytest.raises(MissingColumn, match="age_years"):
        model.predict({VOLUME: 500.0, CONTRAST: 5.0})


def test_an_optional_column_of_trees_may_be_missing_and_that_is_said(tmp_path: Path) -> None:
    example = inputs().head(5).copy()
    example.iloc[0, 0] = np.nan
    model = loaded(save_xgboost(tmp_path / "v", classifier(), "outcome", example=example))
    (answer, _) = asked(model, {VOLUME: 500.0, CONTRAST: 5.0})
    assert answer.applicability.imputed == (AGE,)
    assert any(AGE in notice.message for notice in answer.notices if notice.reason == "IMPUTED")


def test_categories_are_told_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    frame = inputs().rename(columns={AGE: "clinical.sex"}).assign(**{"clinical.sex": (table()[AGE] > 62).astype(float)})
    import xgboost  # noqa: PLC0415

    learner = xgboost.XGBClassifier(n_estimators=5, n_jobs=1).fit(frame, table()["outcome"])
    told = {"categories": {"clinical.sex": ["female", "male"]}, "units": {VOLUME: "mm3"}}
    model = loaded(save_xgboost(tmp_path / "v", learner, "outcome", example=frame.head(3), told=told))
    sex = model.columns[0]
    assert (sex.kind, sex.categories, model.columns[1].unit) == ("category", ("female", "male"), "mm3")
    values: dict[str, float | str] = {"clinical.sex": "male", VOLUME: 500.0, CONTRAST: 5.0}
    wanted = learner.predict_proba(pd.DataFrame([[1.0, 500.0, 5.0, 0.0]], columns=frame.columns))[0, 1]
    (answer, _) = model.predict(values).predictions
    assert answer.outcome is not None
    assert answer.outcome.probability == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("name", ["trees", "json", "aft", "risk", "net", "curve", "cox", "weibull"])
def test_every_way_in_passes_the_gates(name: str, saved: dict[str, Path]) -> None:
    result = tried(saved[name], name, "1")
    assert [check.status for check in result.checks] == ["passed"] * 4, result.checks
    assert result.golden
    assert result.digest == loaded(saved[name]).digest


FORBIDDEN = {
    "model.pkl": "a pickle runs code",
    "data.pt2": "export the network to ONNX instead",
    "weights.pth": "a torch file is a pickle",
    "model.ubj.gz": "packed files are not opened",
    "loader.py": "code of a version is never run",
    "notes.txt": "not among the files",
    ".hidden": "not among the files",
}


@pytest.mark.parametrize("file", FORBIDDEN)
def test_what_is_no_data_is_refused_by_name(file: str, spoilt: Callable[[str], Path]) -> None:
    folder = spoilt("trees")
    (folder / file).write_bytes(pickle.dumps({}))
    with pytest.raises(ForbiddenFile, match=FORBIDDEN[file]) as caught:
        load_model(folder, "m", "1")
    assert file in str(caught.value)


def test_code_links_and_folders_are_refused(spoilt: Callable[[str], Path], tmp_path: Path) -> None:
    folder = spoilt("trees")
    (folder / "code").mkdir()
    with pytest.raises(ForbiddenFile, match="never run"):
        load_model(folder, "m", "1")
    (folder / "code").rmdir()
    shutil.move(folder / "model.ubj", tmp_path / "outside")
    (folder / "model.ubj").symlink_to(tmp_path / "outside")
    with pytest.raises(ForbiddenFile, match=r"model\.ubj is a link"):
        load_model(folder, "m", "1")


def test_a_pickle_renamed_ubj_is_refused_and_not_run(spoilt: Callable[[str], Path], tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "ran",)

    folder = spoilt("trees")
    (folder / "model.ubj").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(BrokenFile, match="no tree model"):
        load_model(folder, "m", "1")
    assert not (tmp_path / "ran").exists()


def reorder(logged: dict[str, Any]) -> None:
    logged["signature"]["inputs"] = json.dumps(json.loads(logged["signature"]["inputs"])[::-1])


LOGGED: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a foreign loader": (lambda m: m["flavors"]["python_function"].update(loader_module="os"), "loader_module is 'os'"),
    "a foreign class": (lambda m: m["flavors"]["xgboost"].update(model_class="os.system"), "model_class is"),
    "code": (lambda m: m["flavors"]["xgboost"].update(code="code"), "code"),
    "data elsewhere": (lambda m: m["flavors"]["xgboost"].update(data="../model.ubj"), r"\.\./model\.ubj"),
    "the older format": (lambda m: m["flavors"]["xgboost"].update(data="model.xgb"), "model_format"),
    "another flavour too": (lambda m: m["flavors"].update(sklearn={}), "sklearn"),
    "no flavour": (lambda m: m.update(flavors={"sklearn": {}}), "flavours sklearn"),
    "no signature": (lambda m: m.update(signature=None), "no signature"),
    "no task": (lambda m: m["metadata"].pop("radresponse.task"), "task"),
    "an unknown key": (lambda m: m["metadata"].update({"radresponse.loader": "x"}), "no key that is known"),
    "no profile": (lambda m: m["metadata"].pop("radresponse.profile"), "profile"),
    "no therapies": (lambda m: m["metadata"].pop("radresponse.therapies"), "therapies"),
    "times for an outcome": (lambda m: m["metadata"].update({"radresponse.times": [1.0, 2.0]}), "outcome"),
    "a time unit of its own": (lambda m: m["metadata"].update({"radresponse.time_unit": "moons"}), "moons"),
    "evidence of its own": (lambda m: m["metadata"].update({"radresponse.evidence": "proven"}), "proven"),
    "categories of no column": (lambda m: m["metadata"].update({"radresponse.categories": {"x": ["a"]}}), "no column"),
    "a column outside the grammar": (lambda m: rename(m, AGE, "measure.ct.someday.all.count"), "someday"),
    "a column less": (lambda m: columns(m).pop(0), "columns"),
    "a column more": (lambda m: columns(m).append({"name": "clinical.more", "type": "double"}), "columns"),
    "columns in another order": (reorder, "other columns"),
    "another column": (lambda m: rename(m, AGE, "clinical.height_cm"), "other columns"),
}


def columns(logged: dict[str, Any]) -> "Columns":
    return Columns(logged)


class Columns:
    """The signature's inputs, which MLflow keeps as a text."""

    def __init__(self, logged: dict[str, Any]) -> None:
        self._logged = logged

    def pop(self, index: int) -> None:
        self._change(lambda inputs: inputs.pop(index))

    def append(self, column: dict[str, Any]) -> None:
        self._change(lambda inputs: inputs.append(column))

    def _change(self, change: Callable[[list[dict[str, Any]]], object]) -> None:
        inputs = json.loads(self._logged["signature"]["inputs"])
        change(inputs)
        self._logged["signature"]["inputs"] = json.dumps(inputs)


def rename(logged: dict[str, Any], old: str, new: str) -> None:
    logged["signature"]["inputs"] = logged["signature"]["inputs"].replace(old, new)


@pytest.mark.parametrize("what", LOGGED)
def test_an_mlmodel_that_asks_for_more_or_says_less_is_refused(what: str, spoilt: Callable[[str], Path]) -> None:
    folder = spoilt("trees")
    change, told = LOGGED[what]
    logged = yaml.safe_load((folder / "MLmodel").read_text())
    change(logged)
    (folder / "MLmodel").write_text(yaml.safe_dump(logged))
    with pytest.raises(BadVersion, match=told):
        load_model(folder, "m", "1")


def test_a_feature_that_its_profile_does_not_take_is_refused_at_the_gate(tmp_path: Path) -> None:
    strange = "radiomics.ct.baseline.largest.wavelet-LLH_glcm_Contrast"
    import xgboost  # noqa: PLC0415

    frame = inputs().rename(columns={CONTRAST: strange})
    learner = xgboost.XGBClassifier(n_estimators=3, n_jobs=1).fit(frame, table()["outcome"])
    folder = save_xgboost(tmp_path / "v", learner, "outcome", example=frame.head(3))
    check = tried(folder, "m", "1").checks[-1]
    assert (check.gate, check.status) == ("features", "refused")
    assert "wavelet-LLH_glcm_Contrast" in check.detail


TREES: dict[str, Callable[[dict[str, Any]], object]] = {
    "a cycle": lambda tree: tree["left_children"].__setitem__(0, 0),
    "a child out of range": lambda tree: tree["right_children"].__setitem__(0, 10**6),
    "a huge split index": lambda tree: tree["split_indices"].__setitem__(0, 2**30),
    "a child of two": lambda tree: tree["right_children"].__setitem__(0, tree["left_children"][0]),
}


@pytest.mark.parametrize("what", TREES)
def test_a_broken_tree_is_refused_before_xgboost_sees_it(what: str, spoilt: Callable[[str], Path]) -> None:
    folder = spoilt("json")
    model = json.loads((folder / "model.json").read_text())
    TREES[what](model["learner"]["gradient_booster"]["model"]["trees"][0])
    (folder / "model.json").write_text(json.dumps(model))
    with pytest.raises(BrokenFile, match="tree 0"):
        load_model(folder, "m", "1")


def custom() -> onnx.ModelProto:
    model = network(end="")
    model.graph.node.append(helper.make_node("Evil", ["linear"], ["p"], domain="com.evil"))
    model.opset_import.append(helper.make_opsetid("com.evil", 1))
    model.graph.node[0].output[0] = "linear"
    return model


def hidden_inside() -> onnx.ModelProto:
    """A custom operator in the branch of an If."""
    inner = helper.make_graph([helper.make_node("Evil", [], ["y"], domain="com.evil")], "inner", [], [])
    model = network()
    model.graph.node.append(helper.make_node("If", ["p"], ["z"], then_branch=inner, else_branch=inner))
    return model


def external(place: str) -> onnx.ModelProto:
    model = network()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in {"location": place, "offset": "0", "length": "16"}.items():
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    return model


NETWORKS: dict[str, tuple[Callable[[], onnx.ModelProto], type[BadVersion], str]] = {
    "a custom operator": (custom, ForbiddenFile, r"custom operator com\.evil\.Evil"),
    "a custom operator in a branch": (hidden_inside, ForbiddenFile, "custom operator"),
    "random numbers": (
        lambda: network(nodes=[helper.make_node("RandomNormal", [], ["r"], shape=[1])]), ForbiddenFile, "RandomNormal",
    ),
    "tensors of another folder": (lambda: external("../weights.data"), ForbiddenFile, r"\.\./weights\.data"),
    "tensors of the system": (lambda: external("/etc/passwd"), ForbiddenFile, "passwd"),
    "tensors that are not there": (lambda: external("weights.data"), BrokenFile, "not among the files"),
    "an operator that is none": (
        lambda: network(nodes=[helper.make_node("NoSuchOperator", ["p"], ["q"])]), BrokenFile, "checker",
    ),
    "too few columns": (lambda: network(columns=3), BadSignature, "4 columns"),
}  # fmt: skip


@pytest.mark.parametrize("what", NETWORKS)
def test_a_network_that_is_more_than_a_graph_of_onnx_is_refused(what: str, spoilt: Callable[[str], Path]) -> None:
    folder = spoilt("net")
    build, kind, told = NETWORKS[what]
    for path in folder.glob("*.data"):
        path.unlink()
    (folder / "model.onnx").write_bytes(build().SerializeToString())
    with pytest.raises(kind, match=told):
        load_model(folder, "m", "1")


def test_tensors_beside_the_graph_are_taken_and_others_refused(tmp_path: Path) -> None:
    wide = network(columns=4)
    weights = numpy_helper.from_array(np.full((4, 600), 1e-4, np.float32), "weights")
    last = numpy_helper.from_array(np.full((600, 1), 1e-2, np.float32), "last")
    nodes = [
        helper.make_node("MatMul", ["x", "weights"], ["hidden"]),
        helper.make_node("MatMul", ["hidden", "last"], ["linear"]),
        helper.make_node("Sigmoid", ["linear"], ["p"]),
    ]
    wide = graph_of(nodes, [weights, last])
    folder = save_onnx(tmp_path / "v", wide, "outcome")
    beside = [path.name for path in folder.iterdir() if path.suffix == ".data"]
    assert beside  # as MLflow writes it by itself
    assert asked(loaded(folder))
    (folder / "more.data").write_bytes(b"x")
    with pytest.raises(ForbiddenFile, match=r"more\.data"):
        load_model(folder, "m", "1")
    (folder / "more.data").unlink()
    (folder / beside[0]).write_bytes(b"short")
    with pytest.raises(BrokenFile, match="does not lie whole"):
        load_model(folder, "m", "1")


def nan() -> onnx.ModelProto:
    zero = numpy_helper.from_array(np.array(0, np.float32), "zero")
    model = network(end="", nodes=[])
    model.graph.node[0].output[0] = "linear"
    model.graph.initializer.append(zero)
    model.graph.node.append(helper.make_node("Mul", ["linear", "zero"], ["none"]))
    model.graph.node.append(helper.make_node("Div", ["none", "zero"], ["p"]))
    return model


@pytest.mark.parametrize(("build", "told"), [(nan, "not finite"), (lambda: network(end=""), "outside 0 to 1")])
def test_numbers_that_are_no_answer_are_refused_at_the_gate_and_never_answered(
    build: Callable[[], onnx.ModelProto], told: str, tmp_path: Path
) -> None:
    folder = save_onnx(tmp_path / "v", build(), "outcome")
    with pytest.raises(ImpossibleAnswer, match=told):
        loaded(folder).predict({AGE: 61.0, VOLUME: 1e7, CONTRAST: 5.0})
    check = tried(folder, "m", "1").checks[-1]
    assert (check.gate, check.status) == ("golden cases", "refused")


def test_a_version_without_an_example_is_refused_at_the_gate(spoilt: Callable[[str], Path]) -> None:
    folder = spoilt("trees")
    (folder / "input_example.json").unlink()
    assert "input_example" in tried(folder, "m", "1").checks[-1].detail


LIFELINES: dict[str, Callable[[dict[str, Any]], object]] = {
    "a coefficient less": lambda c: c["location"]["coefficients"].pop(),
    "a baseline that falls": lambda c: c["baseline"]["cumulative_hazard"].reverse(),
    "a column that is not there": lambda c: c["terms"][0].update(column="x"),
    "a level that is not known": lambda c: c["terms"][-1].update(level="surgery"),
    "another kind": lambda c: c.update(kind="pickle"),
    "another format": lambda c: c.update(format="2"),
    "no number": lambda c: c["location"]["coefficients"].__setitem__(0, "1"),
}


@pytest.mark.parametrize("what", LIFELINES)
def test_a_broken_file_of_lifelines_is_refused(what: str, spoilt: Callable[[str], Path]) -> None:
    folder = spoilt("cox")
    content = json.loads((folder / "lifelines.json").read_text())
    LIFELINES[what](content)
    (folder / "lifelines.json").write_text(json.dumps(content))
    with pytest.raises(BadVersion):
        load_model(folder, "m", "1")


def test_a_changed_coefficient_does_not_reproduce_lifelines(spoilt: Callable[[str], Path]) -> None:
    folder = spoilt("cox")
    content = json.loads((folder / "lifelines.json").read_text())
    content["location"]["coefficients"][0] *= 1 + 1e-6
    (folder / "lifelines.json").write_text(json.dumps(content))
    check = tried(folder, "m", "1").checks[-1]
    assert (check.gate, check.status) == ("parity", "refused")


def test_fits_that_the_form_cannot_hold_are_refused_when_they_are_written(tmp_path: Path) -> None:
    from radresponse.lifelines import CannotBeWritten, save_model  # noqa: PLC0415

    fitted, frame = fit_lifelines()
    with pytest.raises(CannotBeWritten, match="level of therapy"):
        save_model(tmp_path / "a", fitted, example=frame)
    with pytest.raises(CannotBeWritten, match="the example lacks"):
        save_model(tmp_path / "b", fitted, example=frame.drop(columns=AGE), levels={"therapy": THERAPIES})
    with pytest.raises(CannotBeWritten, match="strata"):
        stratified, whole = fit_lifelines(strata=[f"therapy={THERAPIES[1]}"])
        save_model(tmp_path / "c", stratified, example=whole)
    with pytest.raises(CannotBeWritten, match="wanted a fitted"):
        save_model(tmp_path / "d", object(), example=frame)
