"""A version serves only what its digests cover, and nothing but data."""

import hashlib
import json
import os
import pickle
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders.tables import THERAPIES
from builders.versions import loaded, values_of, written
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save

from models.errors import BadSignature, BadVersion, BrokenFile, ForbiddenFile
from models.families.all import FAMILIES
from models.load import WRITTEN_BY_MLFLOW, load_model

EVERY = sorted(FAMILIES)


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder for each family; not to be changed."""
    root = tmp_path_factory.mktemp("versions")
    return {f"{task}-{family}": written(root / f"{task}-{family}", task, family) for task, family in EVERY}


@pytest.fixture
def version(versions: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    """A copy that a test may spoil."""

    def copied(name: str) -> Path:
        return Path(shutil.copytree(versions[name], tmp_path / name))

    return copied


def sign_again(folder: Path) -> None:
    """Makes the manifest's digests true again, as one who can write the registry could."""
    manifest = json.loads((folder / "manifest.json").read_bytes())
    for name in manifest["files"]:
        manifest["files"][name] = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_the_version_digest_is_sha256_over_names_and_digests_of_all_files(versions: dict[str, Path]) -> None:
    folder = versions["progression-cox"]
    lines = "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(folder.iterdir())
    )
    assert load_model(folder, "m", "1").digest == hashlib.sha256(lines.encode()).hexdigest()


def test_the_digest_covers_every_file_that_mlflow_may_write(version: Callable[[str], Path]) -> None:
    folder = version("progression-cox")
    digests = {load_model(folder, "m", "1").digest}
    for name in sorted(WRITTEN_BY_MLFLOW - {"MLmodel"}):
        (folder / name).write_text("anything, and never looked at: !!python/object/apply:os.system ['exit']")
        digests.add(load_model(folder, "m", "1").digest)
    assert len(digests) == len(WRITTEN_BY_MLFLOW)
    (folder / "MLmodel").unlink()
    assert load_model(folder, "m", "1").digest not in digests


@pytest.mark.parametrize("name", [f"{task}-{family}" for task, family in EVERY])
def test_any_changed_byte_of_any_file_is_noticed(name: str, version: Callable[[str], Path]) -> None:
    folder = version(name)
    before = load_model(folder, name, "1").digest
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        path.write_bytes(content[:-2] + bytes([content[-2] ^ 1]) + content[-1:])
        with suppress(BadVersion):
            assert load_model(folder, name, "1").digest != before
        path.write_bytes(content)
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        path.unlink()
        if path.name != "MLmodel":
            with pytest.raises(BadVersion):
                load_model(folder, name, "1")
        path.write_bytes(content)


@pytest.mark.parametrize(
    "name", ["model.pkl", "python_model.pkl", "data.pt2", "model.pt", "loader.py", "model.onnx", ".hidden", "card.md "]
)
def test_a_file_that_is_not_on_the_list_is_refused(name: str, version: Callable[[str], Path]) -> None:
    folder = version("outcome-xgboost")
    (folder / name).write_bytes(pickle.dumps({}))
    with pytest.raises(ForbiddenFile, match="not among the files"):
        load_model(folder, "m", "1")


def test_a_link_a_folder_a_pipe_and_another_familys_file_are_refused(
    version: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = version("outcome-xgboost")
    (folder / "code").mkdir()
    with pytest.raises(ForbiddenFile):
        load_model(folder, "m", "1")
    (folder / "code").rmdir()
    (folder / "conda.yaml").mkdir()
    with pytest.raises(ForbiddenFile, match="not a plain file"):
        load_model(folder, "m", "1")
    (folder / "conda.yaml").rmdir()
    os.mkfifo(folder / "conda.yaml")
    with pytest.raises(ForbiddenFile, match="not a plain file"):
        load_model(folder, "m", "1")
    (folder / "conda.yaml").unlink()
    (folder / "cox.json").write_text("{}")
    with pytest.raises(ForbiddenFile, match="not in the manifest"):
        load_model(folder, "m", "1")
    (folder / "cox.json").unlink()
    outside = tmp_path / "outside"
    shutil.move(folder / "model.ubj", outside)
    (folder / "model.ubj").symlink_to(outside)
    with pytest.raises(ForbiddenFile, match="a link"):
        load_model(folder, "m", "1")


def test_a_pickle_named_as_a_tree_model_is_refused_even_when_signed(version: Callable[[str], Path]) -> None:
    folder = version("outcome-xgboost")
    ran = folder.parent / "ran"

    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (ran,)

    for name in ("model.ubj", "replicates.ubj"):
        kept = (folder / name).read_bytes()
        (folder / name).write_bytes(pickle.dumps(Trap()))
        sign_again(folder)
        with pytest.raises(BrokenFile, match="no tree model"):
            load_model(folder, "m", "1")
        (folder / name).write_bytes(kept)
    assert not ran.exists()


def test_a_version_without_a_manifest_or_a_folder_is_refused(version: Callable[[str], Path], tmp_path: Path) -> None:
    folder = version("outcome-xgboost")
    (folder / "manifest.json").unlink()
    with pytest.raises(BadSignature, match=r"no manifest\.json"):
        load_model(folder, "m", "1")
    with pytest.raises(BrokenFile, match="cannot be read"):
        load_model(tmp_path / "nothing", "m", "1")


def test_a_file_beyond_its_size_is_refused_before_it_is_read_whole(version: Callable[[str], Path]) -> None:
    folder = version("outcome-xgboost")
    with (folder / "requirements.txt").open("wb") as file:
        file.truncate(40 * 2**30)
    with pytest.raises(BrokenFile, match=r"requirements\.txt is larger"):
        load_model(folder, "m", "1")


Change = Callable[[dict[str, Any]], object]
CHANGES: dict[str, Change] = {
    "another task": lambda m: m["recipe"].__setitem__("task", "outcome"),
    "an unknown family": lambda m: m["recipe"].__setitem__("family", "pickle"),
    "an unknown key": lambda m: m["facts"].__setitem__("loader", "os.system"),
    "a missing key": lambda m: m["facts"].pop("endpoint"),
    "a text for a number": lambda m: m["facts"].__setitem__("training_patients", "many"),
    "no patients": lambda m: m["facts"].__setitem__("training_patients", 0),
    "a level of 2": lambda m: m["facts"].__setitem__("interval_level", 2.0),
    "another evidence": lambda m: m["facts"].__setitem__("evidence", "proven"),
    "no profile": lambda m: m["facts"].__setitem__("profile", ""),
    "a bad profile": lambda m: m["facts"].__setitem__("profile", "imageType: {Nothing: {}}"),
    "no encoder": lambda m: m["facts"].__setitem__("encoder", ""),
    "a column twice": lambda m: m["recipe"]["columns"].append(m["recipe"]["columns"][0]),
    "one column less": lambda m: m["recipe"]["columns"].pop(),
    "one term less": lambda m: m["recipe"]["design"]["terms"].pop(0),
    "a term of a column that is not there": lambda m: m["recipe"]["design"]["terms"][0].__setitem__("column", 99),
    "a term of the column before": lambda m: m["recipe"]["design"]["terms"][0].__setitem__("column", -1),
    "no scale": lambda m: m["recipe"]["design"]["terms"][0].__setitem__("scale", 0.0),
    "an interaction with itself": lambda m: m["recipe"]["design"]["terms"][-1].__setitem__(
        "of", len(m["recipe"]["design"]["terms"]) - 1
    ),
    "days that fall": lambda m: m["recipe"]["time_days"].reverse(),
    "one replicate": lambda m: m["recipe"].__setitem__("replicates", 1),
    "more replicates": lambda m: m["recipe"].__setitem__("replicates", 7),
    "fewer centres": lambda m: m["recipe"]["centre"].pop(),
    "a therapy twice": lambda m: m["recipe"].__setitem__("therapies", ["targeted"] * 3),
    "another therapy": lambda m: m["recipe"].__setitem__("therapies", ["a", "b", "c"]),
    "another format": lambda m: m.__setitem__("format", "radresponse-9"),
    "a short digest": lambda m: m["files"].__setitem__("card.md", "abc"),
    "no digest of the card": lambda m: m["files"].pop("card.md"),
    "a file elsewhere": lambda m: m["files"].__setitem__("../../etc/passwd", "0" * 64),
}


@pytest.mark.parametrize("what", CHANGES)
def test_an_impossible_manifest_is_refused(what: str, version: Callable[[str], Path]) -> None:
    folder = version("progression-cox")
    manifest = json.loads((folder / "manifest.json").read_bytes())
    CHANGES[what](manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BadVersion):
        load_model(folder, "m", "1")


def test_an_mlmodel_that_says_otherwise_is_refused(version: Callable[[str], Path]) -> None:
    folder = version("progression-cox")
    text = (folder / "MLmodel").read_text()
    for old, new in (
        ("radresponse.task: progression", "radresponse.task: outcome"),
        ("clinical.age_years", "clinical.age_months"),
        ("radresponse.endpoint", "radresponse.something"),
    ):
        assert old in text
        (folder / "MLmodel").write_text(text.replace(old, new))
        with pytest.raises(BadSignature, match="MLmodel"):
            load_model(folder, "m", "1")
    for content in ("a: &a [1]\nb: *a\n", "- [", "!!python/object/apply:os.system ['exit']", "", "7"):
        (folder / "MLmodel").write_text(content)
        with pytest.raises(BadSignature, match="MLmodel"):
            load_model(folder, "m", "1")


def test_tensors_other_than_declared_are_refused(version: Callable[[str], Path]) -> None:
    folder = version("progression-fusion")
    path = folder / "fusion.safetensors"
    good = load(path.read_bytes())
    name = sorted(good)[-1]
    wrong: list[bytes] = [
        b"",
        path.read_bytes()[:-4],
        pickle.dumps(good),
        save({key: value for key, value in good.items() if key != name}),
        save(good | {"extra": np.zeros(1, dtype=np.float32)}),
        save(good | {name: good[name][..., :-1].copy()}),
        save(good | {name: good[name].astype(np.float64)}),
        save(good | {name: np.full_like(good[name], np.nan)}),
    ]
    for content in wrong:
        path.write_bytes(content)
        sign_again(folder)
        with pytest.raises(BrokenFile):
            load_model(folder, "m", "1")


@pytest.mark.parametrize(
    ("key", "value"),
    [("members", 10**9), ("hidden", -1), ("radiomics", [0, 0]), ("breaks_days", [9.0, 1.0]), ("outputs", 1)],
)
def test_an_architecture_that_is_none_is_refused(key: str, value: object, version: Callable[[str], Path]) -> None:
    folder = version("progression-fusion")
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["recipe"]["architecture"][key] = value
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BrokenFile):
        load_model(folder, "m", "1")


DAMAGED = sorted(
    {"model.ubj", "replicates.ubj", "cox.json", "fusion.safetensors", "applicability.json", "reference.json"}
)


@pytest.mark.parametrize("name", [f"{task}-{family}" for task, family in EVERY])
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damaged_and_signed_again_it_is_refused_or_still_answers_in_bounds(
    name: str, versions: dict[str, Path], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = Path(shutil.copytree(versions[name], tmp_path_factory.mktemp("damaged") / name))
    path = data.draw(st.sampled_from([folder / one for one in DAMAGED if (folder / one).exists()]))
    content = bytearray(path.read_bytes())
    for at, byte in data.draw(
        st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), min_size=1, max_size=3)
    ):
        content[at] = byte
    path.write_bytes(content)
    sign_again(folder)
    try:
        model = load_model(folder, name, "1")
    except BadVersion:
        return
    with np.errstate(all="ignore"):
        answer = model.predict(values_of(model), reference=THERAPIES[0])
    for prediction in answer.predictions:
        if prediction.outcome is not None:
            assert 0 < prediction.outcome.probability < 1


def test_models_of_every_family_say_what_they_are(tmp_path: Path) -> None:
    for task, family in EVERY:
        model = loaded(tmp_path / f"{task}-{family}", task, family)
        assert (model.name, model.version, model.task) == (f"{task}-{family}", "1", task)
        assert model.manifest.family == family
        assert model.therapies == THERAPIES
        assert model.card == "# A card\n"
        assert model.profile is not None
