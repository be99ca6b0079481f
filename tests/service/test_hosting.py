"""Which versions serve: against a real MLflow registry, with aliases that move, versions that fail, and none at all."""

import logging
import resource
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from builders.registry import AGE, CT, SEX, facts_of, fit, write
from builders.releases import keys_of, private_key, put, release, store_of

from models.admission.admit import retire
from models.errors import ModelNotFound
from models.families.columns import ColumnSpec
from models.package import write_version
from models.registry import Registry
from models.releases import PrivateKey, ReleaseStore, Retirement, make_keys
from service.hosting import Host

NAME = "progression-age"
CASE: dict[str, float | str] = {AGE.name: 61.0, SEX.name: "female"}
DEAD = "http://127.0.0.1:9"
"""Nothing listens there."""


@contextmanager
def hosting(registry: Registry, folder: Path, **settings: object) -> Iterator[Host]:
    home = Registry(data_folder=folder.parent) if registry.uri == DEAD else registry
    known = {"poll_seconds": 0.1, **settings}
    host = Host(registry, folder, store_of(home), keys_of(home), **known)  # type: ignore[arg-type]
    host.start()
    try:
        yield host
    finally:
        host.stop()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "service.hosting"]


def served(host: Host) -> dict[str, str]:
    return {name: held.model.version for name, held in host.serving.served.items()}


def test_what_has_the_alias_serves(registry: Registry, tmp_path: Path) -> None:
    put(registry, write(tmp_path / "v2", NAME, seed=2), NAME, alias="candidate")
    with hosting(registry, tmp_path / "models") as host:
        assert list(served(host).values()) == ["1", "1", "1", "1"]
        assert list(served(host)) == sorted(served(host))
        with pytest.raises(ModelNotFound, match="outcome-xgboost"):
            host.serving.get("oracle")
    with hosting(registry, tmp_path / "candidates", alias="candidate") as host:
        assert served(host) == {NAME: "2"}


def test_only_named_models_serve_where_names_are_set(registry: Registry, tmp_path: Path) -> None:
    with hosting(registry, tmp_path / "models", names=("outcome-xgboost", "oracle")) as host:
        assert served(host) == {"outcome-xgboost": "1"}


def test_the_next_version_takes_over_while_requests_run(registry: Registry, tmp_path: Path) -> None:
    seen: dict[str, set[float]] = {}
    failures: list[BaseException] = []
    stop = threading.Event()

    def ask(host: Host) -> None:
        try:
            while not stop.is_set():
                model = host.serving.get(NAME).model
                progression = model.predict(CASE).predictions[0].progression
                assert progression is not None
                seen.setdefault(model.version, set()).add(progression.restricted_mean_days)
        except BaseException as error:
            failures.append(error)

    with hosting(registry, tmp_path / "models") as host:
        before = host.serving
        callers = [threading.Thread(target=ask, args=(host,)) for _ in range(3)]
        for caller in callers:
            caller.start()
        put(registry, write(tmp_path / "v2", NAME, seed=2), NAME, alias="champion")
        until(lambda: "2" in seen)
        stop.set()
        for caller in callers:
            caller.join()
        assert before.get(NAME).model.version == "1"
        assert host.serving.get(NAME).since >= before.get(NAME).since
    assert not failures
    assert all(len(answers) == 1 for answers in seen.values())
    assert seen["1"] != seen["2"]


def test_a_version_that_fails_leaves_the_one_before(
    registry: Registry, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = write(tmp_path / "broken", NAME, seed=3)
    (broken / "card.md").write_text("another card than the manifest's")
    with hosting(registry, tmp_path / "models") as host, caplog.at_level(logging.WARNING, "service.hosting"):
        put(registry, broken, NAME, alias="champion")
        until(lambda: bool(host.serving.get(NAME).trouble))
        held = host.serving.get(NAME)
        assert held.model.version == "1"
        assert held.trouble.startswith("version 2 does not serve: card.md")
        assert said(caplog) == ["a model version does not serve"]
        assert not [path for path in (tmp_path / "models" / NAME).iterdir() if not path.name.startswith("1-")]
        put(registry, write(tmp_path / "v3", NAME, seed=4), NAME, alias="champion")
        until(lambda: served(host)[NAME] == "3")
        assert host.serving.get(NAME).trouble == ""


def test_going_back_clears_the_trouble(registry: Registry, tmp_path: Path) -> None:
    broken = write(tmp_path / "broken", NAME, seed=3)
    (broken / "more.pkl").write_bytes(b"\x80\x04N.")
    with hosting(registry, tmp_path / "models") as host:
        put(registry, broken, NAME, alias="champion")
        until(lambda: "more.pkl" in host.serving.get(NAME).trouble)
        registry.alias(NAME, "1", "champion")
        until(lambda: not host.serving.get(NAME).trouble)
        assert served(host)[NAME] == "1"


IMPOSSIBLE = {
    "a feature that its profile does not take": f"radiomics.{CT}.wavelet-LLH_glcm_Contrast",
    "a column outside the grammar": "measure.ct.someday.all.count",
}


@pytest.mark.parametrize("why", IMPOSSIBLE)
def test_a_version_whose_columns_cannot_be_computed_never_serves(registry: Registry, tmp_path: Path, why: str) -> None:
    fitted = fit("outcome-xgboost")
    *columns, last = fitted.recipe.columns
    renamed: tuple[ColumnSpec, ...] = (*columns, replace(last, name=IMPOSSIBLE[why]))
    impossible = replace(fitted, recipe=replace(fitted.recipe, columns=renamed))
    write_version(tmp_path / "v2", impossible, facts_of(impossible), "# A card\n")
    put(registry, tmp_path / "v2", "outcome-xgboost", alias="champion")
    put(registry, tmp_path / "v2", "outcome-new", alias="champion")
    with hosting(registry, tmp_path / "models") as host:
        assert "outcome-new" not in served(host)
        assert "outcome-xgboost" not in served(host)
        registry.alias("outcome-xgboost", "1", "champion")
        until(lambda: served(host).get("outcome-xgboost") == "1")


def test_a_version_of_another_encoder_never_serves(registry: Registry, tmp_path: Path) -> None:
    name = "outcome-embedding"
    put(registry, write(tmp_path / "v1", name, encoder="a" * 64), name, alias="champion")
    with hosting(registry, tmp_path / "models") as host:
        assert name not in served(host)
        put(registry, write(tmp_path / "v2", name, encoder=host.encoders.default.identity), name, alias="champion")
        until(lambda: served(host).get(name) == "2")


def test_a_model_without_the_alias_stops_serving(registry: Registry, tmp_path: Path) -> None:
    from mlflow.tracking import MlflowClient  # noqa: PLC0415 - seconds to import

    with hosting(registry, tmp_path / "models") as host:
        pinned = host.serving
        MlflowClient(registry.uri, registry.uri).delete_registered_model_alias(NAME, "champion")
        until(lambda: NAME not in host.serving.served)
        assert pinned.get(NAME).model.predict(CASE).predictions


def test_a_registry_that_dies_changes_nothing(
    registry: Registry, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with hosting(registry, tmp_path / "models", poll_seconds=60) as host:
        before = host.serving
        host._registry = Registry(DEAD)
        with caplog.at_level(logging.WARNING, "service.hosting"):
            host.poll()
        assert host.serving is before
        assert said(caplog) == ["the registry does not answer; what serves goes on serving"]


def test_a_start_without_the_registry_serves_what_served_last(registry: Registry, tmp_path: Path) -> None:
    with hosting(registry, tmp_path / "models") as host:
        before = host.serving
    with hosting(Registry(DEAD), tmp_path / "models") as host:
        assert served(host) == {name: held.model.version for name, held in before.served.items()}
        assert host.serving.get(NAME).model.digest == before.get(NAME).model.digest
        assert host.serving.get(NAME).since == before.get(NAME).since


def test_a_local_copy_that_was_changed_does_not_serve(registry: Registry, tmp_path: Path) -> None:
    with hosting(registry, tmp_path / "models"):
        pass
    copy = next(path for path in (tmp_path / "models" / NAME).iterdir() if path.is_dir())
    shutil.rmtree(copy)
    write(copy, NAME, seed=9)
    with hosting(Registry(DEAD), tmp_path / "models") as host:
        assert NAME not in served(host)
        assert len(served(host)) == 3
    with hosting(registry, tmp_path / "models") as host:
        assert served(host)[NAME] == "1"


def test_a_spoilt_note_of_what_served_is_no_reason_not_to_start(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    for spoilt in ("{", "[]", '{"x": 1}', '{"../x": {"version": "1", "digest": "../../y", "since": "2026-01-01"}}'):
        (tmp_path / "models" / "serving.json").write_text(spoilt)
        with hosting(registry, tmp_path / "models") as host:
            assert len(served(host)) == 4


def test_a_first_version_that_is_refused_is_told_and_never_answers(registry: Registry, tmp_path: Path) -> None:
    broken = write(tmp_path / "broken", NAME, seed=3)
    (broken / "card.md").write_text("another card than the manifest's")
    put(registry, broken, "outcome-new", alias="champion")
    with hosting(registry, tmp_path / "models") as host:
        assert "outcome-new" not in served(host)
        held = host.serving.troubled["outcome-new"]
        assert (held.version, held.trouble[:33]) == ("1", "version 1 does not serve: card.md")
        with pytest.raises(ModelNotFound, match=r"that model does not serve: version 1 does not serve: card\.md"):
            host.serving.get("outcome-new")
        host.poll()  # it is not tried again so soon, and stays told
        assert "outcome-new" in host.serving.troubled
        put(registry, write(tmp_path / "v2", NAME, seed=4), "outcome-new", alias="champion")
        until(lambda: served(host).get("outcome-new") == "2")
        assert not host.serving.troubled
    with hosting(registry, tmp_path / "models", names=(NAME, "oracle")) as host:
        assert list(host.serving.troubled) == ["oracle"]
        assert host.serving.troubled["oracle"].trouble == "no version of it has the alias champion"
        assert list(host.troubles) == ["oracle"]


def test_a_refused_model_that_loses_the_alias_is_no_trouble_any_more(registry: Registry, tmp_path: Path) -> None:
    from mlflow.tracking import MlflowClient  # noqa: PLC0415 - seconds to import

    broken = write(tmp_path / "broken", NAME, seed=3)
    (broken / "more.pkl").write_bytes(b"\x80\x04N.")
    put(registry, broken, "outcome-new", alias="champion")
    with hosting(registry, tmp_path / "models", poll_seconds=60) as host:
        assert "outcome-new" in host.serving.troubled
        MlflowClient(registry.uri, registry.uri).delete_registered_model_alias("outcome-new", "champion")
        host.poll()
        assert not host.serving.troubled


def test_no_copy_is_kept_of_a_model_that_lost_the_alias(registry: Registry, tmp_path: Path) -> None:
    from mlflow.tracking import MlflowClient  # noqa: PLC0415 - seconds to import

    kept = tmp_path / "models"
    with hosting(registry, kept, poll_seconds=60) as host:
        assert {path.name for path in kept.iterdir()} == {*served(host), "serving.json"}
        MlflowClient(registry.uri, registry.uri).delete_registered_model_alias(NAME, "champion")
        host.poll()
        assert {path.name for path in kept.iterdir()} == {*served(host), "serving.json"}
        assert NAME not in served(host)


def test_a_copy_that_cannot_be_loaded_is_told_while_the_registry_is_away(registry: Registry, tmp_path: Path) -> None:
    with hosting(registry, tmp_path / "models"):
        pass
    copy = next(path for path in (tmp_path / "models" / NAME).iterdir() if path.is_dir())
    aside = copy.rename(tmp_path / "aside")
    for _ in range(2):
        with hosting(Registry(DEAD), tmp_path / "models") as host:
            assert host.serving.troubled[NAME].trouble == "the local copy of version 1 cannot be loaded"
    aside.rename(copy)
    with hosting(Registry(DEAD), tmp_path / "models") as host:
        assert served(host)[NAME] == "1"


def test_no_more_copies_are_kept_than_what_serves_and_what_served_before(registry: Registry, tmp_path: Path) -> None:
    with hosting(registry, tmp_path / "models") as host:
        for number in (2, 3):
            put(registry, write(tmp_path / f"v{number}", NAME, seed=number), NAME, alias="champion")
            until(lambda wanted=str(number): served(host)[NAME] == wanted)  # type: ignore[misc]
    kept = sorted(path.name[:2] for path in (tmp_path / "models" / NAME).iterdir())
    assert kept == ["2-", "2-", "3-", "3-"]  # the files, and the release beside them


def test_a_server_without_models_picks_up_the_first_one(registry: Registry, tmp_path: Path) -> None:
    with hosting(registry, tmp_path / "models", alias="first") as host:
        assert (served(host), host.ready) == ({}, True)
        registry.alias(NAME, "1", "first")
        until(lambda: served(host) == {NAME: "1"})


def test_a_server_that_knows_no_model_and_reaches_no_registry_is_not_ready(tmp_path: Path) -> None:
    with hosting(Registry(DEAD), tmp_path / "models") as host:
        assert not host.ready


def test_a_version_that_was_never_admitted_does_not_serve(registry: Registry, tmp_path: Path) -> None:
    written = write(tmp_path / "v2", NAME, seed=2)
    with hosting(registry, tmp_path / "models", poll_seconds=60) as host:
        version = registry.register(written, NAME, alias="champion")
        host.poll()
        held = host.serving.get(NAME)
        assert (held.model.version, host.troubles[NAME].reason) == ("1", "NOT_RELEASED")
        assert held.trouble == "version 2 does not serve: it was never admitted; wanted `python -m models admit`"
        release(registry, NAME, version, written)
        host.poll()
        assert (served(host)[NAME], host.serving.get(NAME).trouble) == ("2", "")
        assert not host.troubles


def test_a_release_of_a_key_that_is_not_known_counts_for_nothing(registry: Registry, tmp_path: Path) -> None:
    known = keys_of(registry)
    known.known()
    for file in ("release.key", "release.pub"):
        (tmp_path / file).rename(tmp_path / f"known-{file}")
    put(registry, write(tmp_path / "v2", NAME, seed=2), NAME)  # signed with a key that is made for it
    (tmp_path / "known-release.pub").replace(tmp_path / "release.pub")
    with hosting(registry, tmp_path / "models", poll_seconds=60) as host:
        assert NAME not in served(host)
        assert host.serving.troubled[NAME].reason == "BAD_RELEASE"
        assert len(served(host)) == 3


def test_a_file_that_changed_after_admission_is_refused_and_what_serves_is_not_touched(
    registry: Registry, tmp_path: Path
) -> None:
    from mlflow.tracking import MlflowClient  # noqa: PLC0415 - seconds to import

    written = write(tmp_path / "v2", NAME, seed=2)
    with hosting(registry, tmp_path / "models", poll_seconds=60) as host:
        put(registry, written, NAME)
        host.poll()
        assert served(host)[NAME] == "2"
        before = host.serving.get(NAME).model.predict(CASE)
        stored = MlflowClient(registry.uri, registry.uri).get_model_version_download_uri(NAME, "2")
        file = Path(stored.removeprefix("file://")) / "cox.json"
        file.write_bytes(file.read_bytes() + b" ")
        host.poll()
        assert host.serving.get(NAME).model.predict(CASE) == before
    shutil.rmtree(tmp_path / "models")
    with hosting(registry, tmp_path / "models", poll_seconds=60) as host:
        assert host.troubles[NAME].reason == "NOT_RELEASED"
        assert "cox.json changed since it was admitted" in host.troubles[NAME].trouble


def test_going_back_takes_the_version_that_is_still_loaded(registry: Registry, tmp_path: Path) -> None:
    with hosting(registry, tmp_path / "models", poll_seconds=60) as host:
        first = host.serving.get(NAME).model
        put(registry, write(tmp_path / "v2", NAME, seed=2), NAME)
        host.poll()
        assert served(host)[NAME] == "2"
        registry.alias(NAME, "1", "champion")
        host.poll()
        assert host.serving.get(NAME).model is first


def test_an_emptied_registry_or_store_of_releases_changes_nothing(registry: Registry, tmp_path: Path) -> None:
    from mlflow.tracking import MlflowClient  # noqa: PLC0415 - seconds to import

    with hosting(registry, tmp_path / "models", poll_seconds=60) as host:
        before = served(host)
        client = MlflowClient(registry.uri, registry.uri)
        client.delete_registered_model_alias(NAME, "champion")
        client.delete_registered_model(NAME)
        host._releases = ReleaseStore(data_folder=tmp_path / "empty")
        host.poll()
        assert served(host) == before
        assert "its registered model is gone" in host.serving.get(NAME).trouble
        assert "has no release of version 1 any more" in host.serving.get("outcome-pet").trouble
        host._releases = ReleaseStore("postgresql://nobody@127.0.0.1:9/none")
        host.poll()
        assert (served(host), host.answering) == (before, False)
    with hosting(registry, tmp_path / "models", poll_seconds=60) as host:
        assert served(host) == before


def test_a_start_without_registry_and_store_believes_only_releases_of_known_keys(
    registry: Registry, tmp_path: Path
) -> None:
    with hosting(registry, tmp_path / "models"):
        pass
    with hosting(Registry(DEAD), tmp_path / "models", poll_seconds=60) as host:
        assert len(served(host)) == 4
    for beside in (tmp_path / "models" / NAME).glob("*.release.json"):
        beside.write_text(beside.read_text().replace('"signature": "', '"signature": "AAAA'))
    with hosting(Registry(DEAD), tmp_path / "models", poll_seconds=60) as host:
        assert len(served(host)) == 3
        assert host.serving.troubled[NAME].trouble == "the local copy of version 1 cannot be loaded"


def test_what_served_when_stands_in_the_history(registry: Registry, tmp_path: Path) -> None:
    before = len(store_of(registry).events(NAME))  # of the server that other tests share
    with hosting(registry, tmp_path / "models", poll_seconds=60) as host:
        put(registry, write(tmp_path / "v2", NAME, seed=2), NAME)
        host.poll()
        registry.register(write(tmp_path / "v3", NAME, seed=3), NAME, alias="champion")
        host.poll()
        host.poll()
    events = [(event.kind, event.version) for event in store_of(registry).events(NAME)[before:]]
    assert events == [("serves", "1"), ("stopped", "1"), ("serves", "2"), ("trouble", "3")]


def test_two_services_of_one_registry_serve_the_same(registry: Registry, tmp_path: Path) -> None:
    with hosting(registry, tmp_path / "models") as one, hosting(registry, tmp_path / "others") as other:
        put(registry, write(tmp_path / "v2", NAME, seed=2), NAME)
        until(lambda: served(one)[NAME] == served(other)[NAME] == "2")
        assert one.serving.get(NAME).model.digest == other.serving.get(NAME).model.digest


def test_a_release_of_tomorrow_serves_for_clocks_jump(registry: Registry, tmp_path: Path) -> None:
    written = write(tmp_path / "v2", NAME, seed=2)
    version = registry.register(written, NAME, alias="champion")
    release(registry, NAME, version, written, at="2126-01-01T00:00:00+00:00")
    with hosting(registry, tmp_path / "models", poll_seconds=60) as host:
        assert served(host)[NAME] == "2"


def test_a_full_disk_is_told_and_what_serves_goes_on(registry: Registry, tmp_path: Path) -> None:
    with hosting(registry, tmp_path / "models", poll_seconds=60) as host:
        put(registry, write(tmp_path / "v2", NAME, seed=2), NAME)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2048, hard))  # as full: no file may grow further
        try:
            host.poll()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert (served(host)[NAME], host.troubles[NAME].reason) == ("1", "NO_ROOM")
        registry.alias(NAME, "1", "champion")
        host.poll()
        assert not host.troubles


def test_a_retired_version_stops_serving_and_does_not_come_back(registry: Registry, tmp_path: Path) -> None:
    put(registry, write(tmp_path / "v2", NAME, seed=2), NAME)
    folder = tmp_path / "models"
    with hosting(registry, folder) as host:
        assert served(host)[NAME] == "2"
        retire(NAME, "2", "why", "a test", registry, store_of(registry), private_key(registry))
        until(lambda: NAME not in served(host))
        registry.alias(NAME, "2", "champion")  # by somebody who may write to the registry, and no more
        until(lambda: bool(host.serving.troubled.get(NAME)))
        assert "version 2 was retired by a test" in host.serving.troubled[NAME].trouble
        assert host.serving.troubled[NAME].reason == "RETIRED"
        registry.alias(NAME, "1", "champion")
        until(lambda: served(host).get(NAME) == "1")


def test_a_version_that_is_retired_while_the_registry_is_away_serves_no_more(
    registry: Registry, tmp_path: Path
) -> None:
    folder = tmp_path / "models"
    with hosting(registry, folder) as host:
        assert served(host)[NAME] == "1"
    store, key = store_of(registry), private_key(registry)
    signed = store.newest(NAME, "1")
    assert signed is not None
    digest = signed.unverified.digest
    store.add(Retirement(NAME, "1", digest, "", "2026-01-01T00:00:00+00:00", "a test").signed(key))
    away = Registry(DEAD)
    host = Host(away, folder, store, keys_of(registry), poll_seconds=0.1)
    host.start()
    try:
        assert NAME not in served(host) and len(served(host)) == 3
        assert "retired" in host.serving.troubled[NAME].trouble
    finally:
        host.stop()


def test_nobody_without_a_key_retires_a_version(registry: Registry, tmp_path: Path) -> None:
    make_keys(tmp_path / "stranger")
    stranger = PrivateKey.read(tmp_path / "stranger" / "release.key")
    store = store_of(registry)
    signed = store.newest(NAME, "1")
    assert signed is not None
    with hosting(registry, tmp_path / "models") as host:
        store.add(
            Retirement(NAME, "1", signed.unverified.digest, "", "2026-01-01T00:00:00+00:00", "x").signed(stranger)
        )
        until(lambda: bool(host.serving.get(NAME).trouble))
        assert "no key that this service knows signed" in host.serving.get(NAME).trouble
        assert served(host)[NAME] == "1"
