"""What is admitted and what is not, through the command, against a real MLflow server; what hangs ends in its child."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
from builders.brought import (
    COLUMNS,
    THERAPIES,
    classifier,
    graph_of,
    network,
    save_lifelines,
    save_onnx,
    save_xgboost,
    table,
)
from builders.mlflow_server import MlflowServer, mlflow_server
from onnx import TensorProto, helper, numpy_helper

from models.__main__ import main
from models.admission.trial import Limits, try_version
from models.registry import Registry
from models.releases import PublicKeys, ReleaseStore, make_keys

Output = pytest.CaptureFixture[str]


@dataclass
class Desk:
    """Where somebody admits."""

    home: Path
    registry: Registry

    @property
    def store(self) -> ReleaseStore:
        return ReleaseStore(data_folder=self.home)

    def run(self, *words: str) -> int:
        return main([*words, "--registry", self.registry.uri, "--data", str(self.home), "--by", "a test"])


@pytest.fixture(scope="module")
def starting(tmp_path_factory: pytest.TempPathFactory, blank_database: Path) -> Iterator[MlflowServer]:
    folder = tmp_path_factory.mktemp("server")
    shutil.copy(blank_database, folder / "server.db")
    with mlflow_server(folder, f"sqlite:///{folder}/server.db") as server:
        yield server


@pytest.fixture(scope="module")
def desk(starting: MlflowServer, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    starting.wait()
    home = tmp_path_factory.mktemp("desk")
    make_keys(home)
    return Desk(home, Registry(starting.uri))


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_xgboost(tmp_path_factory.mktemp("trees") / "v", classifier(), "outcome")


@pytest.fixture(scope="module")
def held_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Patients that no model has seen, with the therapy in words."""
    frame = table(300, seed=9).copy()
    frame["therapy"] = np.array(THERAPIES)[frame["therapy"].astype(int)]
    frame["clinical.sex"] = np.where(np.arange(300) % 2, "male", "female")
    file = tmp_path_factory.mktemp("held-out") / "table.csv"
    frame.to_csv(file, index=False)
    return file


@pytest.mark.slow
def test_a_version_is_admitted_promoted_and_rolled_back(
    desk: Desk, trees: Path, held_out: Path, capsys: Output, tmp_path: Path
) -> None:
    desk.registry.register(trees, "story")
    assert desk.run("admit", "models:/story/1") == 3
    said = capsys.readouterr()
    assert "only --policy research admits without" in said.out
    assert said.err.startswith("python -m models: refused: performance: no held-out table")
    assert desk.store.newest("story", "1") is None
    assert desk.registry.aliased("champion") == []

    assert desk.run("admit", "models:/story/1", "--evaluate", str(held_out), "--alias", "champion") == 0
    out = capsys.readouterr().out
    for line in ("pass     parity", "XGBoost's own predictions", "auc", "ADMITTED for clinical use", "sex: female"):
        assert line in out
    assert "calibration, intervals, applicability, card" in out
    assert ("story", "1") in desk.registry.aliased("champion")
    signed = desk.store.newest("story", "1")
    assert signed is not None
    release = signed.verified(PublicKeys.read(desk.home / "release.pub"))
    assert set(release.files) == {path.name for path in trees.iterdir()}
    assert len(release.golden) == 5
    assert release.admitted_by == "a test"
    assert json.loads(release.report)["checks"]

    # The champion is compared with: a model of noise is worse than it, beyond chance.
    noise = classifier_of_noise()
    desk.registry.register(save_xgboost(tmp_path / "noise", noise, "outcome"), "story")
    assert desk.run("admit", "models:/story/latest", "--evaluate", str(held_out), "--alias", "champion") == 3
    assert "worse than version 1" in capsys.readouterr().out
    assert ("story", "1") in desk.registry.aliased("champion")
    assert desk.run("promote", "story", "2") == 2
    assert "was never admitted" in capsys.readouterr().err

    assert desk.run("admit", "models:/story/2", "--policy", "research", "--json") == 0
    assert json.loads(capsys.readouterr().out)["version"] == "2"
    assert desk.run("promote", "story", "2") == 0
    assert ("story", "2") in desk.registry.aliased("champion")
    assert desk.run("rollback", "story") == 0
    assert ("story", "1") in desk.registry.aliased("champion")
    kinds = [(event.kind, event.version) for event in desk.store.events("story")]
    assert kinds == [
        ("refused", "1"), ("admitted", "1"), ("promoted", "1"), ("refused", "2"),
        ("admitted", "2"), ("promoted", "2"), ("rolled back", "1"),
    ]  # fmt: skip

    # Retired, it has no alias and gets none; what was admitted anew may serve again.
    capsys.readouterr()
    assert desk.run("promote", "story", "1", "--alias", "challenger") == 0
    assert desk.run("retire", "story", "1", "--why", "it was taught by mistake") == 0
    assert "is retired; it was challenger, champion" in capsys.readouterr().out
    assert desk.registry.aliased("champion") == desk.registry.aliased("challenger") == []
    assert desk.run("promote", "story", "1") == 2
    assert "version 1 was retired by a test" in (told := capsys.readouterr().err)
    assert "it was taught by mistake; wanted another admission" in told
    assert desk.run("retire", "story", "1") == 2
    assert "was retired by a test" in capsys.readouterr().err
    assert desk.run("retire", "story", "9") == 2
    assert "never admitted" in capsys.readouterr().err
    assert desk.run("admit", "models:/story/1", "--evaluate", str(held_out), "--alias", "champion") == 0
    assert ("story", "1") in desk.registry.aliased("champion")
    last = [(event.kind, event.detail) for event in desk.store.events("story")][-3:]
    assert [kind for kind, _ in last] == ["retired", "admitted", "promoted"]
    assert last[0][1] == "it was taught by mistake"


def classifier_of_noise() -> object:
    import xgboost  # noqa: PLC0415

    draw = np.random.default_rng(4)
    frame = pd.DataFrame(draw.normal(size=(200, 4)), columns=list(COLUMNS))
    return xgboost.XGBClassifier(n_estimators=3, max_depth=2, n_jobs=1).fit(frame, draw.integers(2, size=200))


def test_what_is_no_data_is_refused_before_anything_is_loaded(
    desk: Desk, trees: Path, tmp_path: Path, capsys: Output
) -> None:
    for number, file in enumerate(("model.pkl", "net.pt2", "model.ubj.gz", "code"), 1):
        folder = Path(shutil.copytree(trees, tmp_path / str(number)))
        if file == "code":
            (folder / file).mkdir()
            (folder / file / "loader.py").write_text("raise SystemExit")
        else:
            (folder / file).write_bytes(b"\x80\x04N.")
        version = desk.registry.register(folder, "forbidden")
        assert desk.run("admit", f"models:/forbidden/{version}", "--policy", "research") == 3
        assert f"'{file}' is not among the files" in capsys.readouterr().out
    assert desk.store.releases("forbidden") == ()


def test_two_gigabytes_are_refused_before_they_are_fetched(
    desk: Desk, starting: MlflowServer, trees: Path, capsys: Output
) -> None:
    version = desk.registry.register(trees, "huge")
    stored = max(starting.files.rglob("model.ubj"), key=lambda path: path.stat().st_mtime)
    with stored.with_name("model.onnx").open("wb") as file:
        file.truncate(2 * 2**30)
    try:
        assert desk.run("admit", f"models:/huge/{version}", "--policy", "research") == 3
        assert "wanted at most" in capsys.readouterr().out
    finally:
        stored.with_name("model.onnx").unlink()


def test_a_version_or_a_name_that_is_not_there_is_told(desk: Desk, capsys: Output) -> None:
    for uri, told in (
        ("models:/none/1", "no model 'none'"),
        ("models:/none/latest", "none"),
        ("models:/none@champion", "no version of none has the alias"),
        ("none", "names no version"),
    ):
        assert desk.run("admit", uri) == 2
        assert told in capsys.readouterr().err
    assert main(["admit", "models:/x/1", "--data", str(desk.home / "no keys")]) == 2
    assert "release.key: No such file" in capsys.readouterr().err


def loop(body: onnx.NodeProto) -> onnx.ModelProto:
    """A network that turns for ever, or as long as it may."""
    cond = helper.make_tensor_value_info("cond", TensorProto.BOOL, [])
    count = helper.make_tensor_value_info("i", TensorProto.INT64, [])
    state = helper.make_tensor_value_info("s", TensorProto.FLOAT, None)
    inner = helper.make_graph(
        [helper.make_node("Identity", ["cond"], ["again"]), body],
        "turn",
        [count, cond, state],
        [
            helper.make_tensor_value_info("again", TensorProto.BOOL, []),
            helper.make_tensor_value_info("t", TensorProto.FLOAT, None),
        ],
    )
    most = numpy_helper.from_array(np.array(2**62, np.int64), "most")
    true = numpy_helper.from_array(np.array(True), "true")
    weights = numpy_helper.from_array(np.zeros((4, 1), np.float32), "weights")
    nodes = [
        helper.make_node("MatMul", ["x", "weights"], ["start"]),
        helper.make_node("Loop", ["most", "true", "start"], ["end"], body=inner),
        helper.make_node("ReduceMean", ["end"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["start", "mean"], ["scaled"]),
        helper.make_node("Sigmoid", ["scaled"], ["p"]),
    ]
    return graph_of(nodes, [most, true, weights])


def hanging() -> onnx.ModelProto:
    return loop(helper.make_node("Identity", ["s"], ["t"]))


def eating() -> onnx.ModelProto:
    return loop(helper.make_node("Concat", ["s", "s"], ["t"], axis=0))


@pytest.mark.slow
@pytest.mark.parametrize(("build", "told"), [(hanging, "did not answer within"), (eating, "")])
def test_a_model_that_hangs_or_eats_memory_ends_in_its_child(
    build: Callable[[], onnx.ModelProto], told: str, tmp_path: Path
) -> None:
    folder = save_onnx(tmp_path / "v", build(), "outcome")
    tried = try_version(folder, "m", "1", Limits(memory_bytes=4 * 2**30, seconds=8))
    check = tried.checks[-1]
    assert check.status == "refused"
    assert told in check.detail
    assert not tried.golden


def test_a_process_that_dies_is_told(tmp_path: Path) -> None:
    folder = save_onnx(tmp_path / "v", network(), "outcome")
    tried = try_version(folder, "m", "1", Limits(memory_bytes=48 * 2**20, seconds=60))  # no room even to begin
    assert (tried.checks[-1].gate, tried.checks[-1].status) == ("trial", "refused")
    assert "ended the process" in tried.checks[-1].detail


@pytest.mark.slow
def test_lifelines_and_networks_pass_the_whole_way(desk: Desk, tmp_path: Path, capsys: Output) -> None:
    for name, folder in (
        ("life", save_lifelines(tmp_path / "a")),
        ("net", save_onnx(tmp_path / "b", network(), "outcome")),
    ):
        version = desk.registry.register(folder, name)
        assert desk.run("admit", f"models:/{name}/{version}", "--policy", "research", "--alias", "champion") == 0
        assert "ADMITTED for research use" in capsys.readouterr().out
