"""Versions in, versions out, aliases: MLflow on SQLite by default, on any server by its address."""

import errno
import os
import re
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from tempfile import mkdtemp
from typing import Any

from filelock import FileLock

from models.errors import BrokenFile, ForbiddenFile, ModelNotFound, NoRoom, RegistryUnavailable
from models.registry import quiet

DATA_FOLDER = Path("build/data")
"""Where the embedded registry lies when nothing else is said; the service's `data_folder` has the same default."""
EXPERIMENT = "radresponse"
MAX_FILES = 256
MAX_BYTES = 1024**3

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FULL_TOLD = re.compile("|".join(rf"\[Errno {number}\]" for number in sorted(_FULL)))


@dataclass(frozen=True, slots=True)
class RegisteredVersion:
    """One version of one model, as the registry has it."""

    name: str
    version: str
    aliases: tuple[str, ...]
    created: datetime
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RegisteredModel:
    """One name with its newest version and where its aliases point."""

    name: str
    latest: RegisteredVersion | None
    aliases: Mapping[str, str]
    """Version of each alias."""


class Registry:
    """MLflow's tracking store and model registry at one address.

    Safe to share between threads. Every call may raise RegistryUnavailable.
    """

    def __init__(self, uri: str | None = None, *, data_folder: Path = DATA_FOLDER) -> None:
        """Takes `uri`, else MLFLOW_TRACKING_URI, else `mlflow.db` under the data folder."""
        self.uri = uri or os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{data_folder.absolute() / 'mlflow.db'}"
        self._client: Any = None
        self._lock = threading.Lock()

    def register(  # one run: what was tried, what came of it, the files, the name
        self,
        folder: Path,
        name: str,
        *,
        params: Mapping[str, object] | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
        description: str = "",
        alias: str | None = None,
    ) -> str:
        """Logs a model folder as a run and gives it the next version of a name; the alias moves last.

        Args:
            folder: A complete MLflow model folder.
            name: The registered name; made if new.
            params: Of the run.
            metrics: Of the run; finite.
            tags: Of the version, and of the run.
            description: Markdown that MLflow shows beside the version.
            alias: Set to the new version once all else is in place.

        Returns:
            The version.
        """
        from mlflow.entities import Metric, Param, RunTag  # noqa: PLC0415 - MLflow takes a second to import

        tags = dict(tags or {})
        with self._calls() as client:
            run = client.create_run(self._experiment(client), run_name=name)
            run_id = run.info.run_id
            try:
                now = int(datetime.now(UTC).timestamp() * 1000)
                client.log_batch(
                    run_id,
                    metrics=[Metric(key, float(value), now, 0) for key, value in (metrics or {}).items()],
                    params=[Param(key, str(value)) for key, value in (params or {}).items()],
                    tags=[RunTag(key, value) for key, value in tags.items()],
                )
                client.log_artifacts(run_id, str(folder), "model")
            except BaseException:
                client.set_terminated(run_id, "FAILED")
                raise
            client.set_terminated(run_id)
            self._ensure_name(client, name)
            version = client.create_model_version(
                name,
                source=f"{run.info.artifact_uri}/model",
                run_id=run_id,
                tags=tags,
                description=description or None,
            ).version
            if alias:
                client.set_registered_model_alias(name, alias, version)
            return str(version)

    def alias(self, name: str, version: str, alias: str) -> None:
        """Points an alias at a version."""
        with self._calls(name, version) as client:
            client.set_registered_model_alias(name, alias, version)

    def unalias(self, name: str, alias: str) -> None:
        """Takes an alias away; nothing happens where the model has none of that name."""
        with self._calls(name) as client:
            client.delete_registered_model_alias(name, alias)

    def pointed(self, alias: str) -> dict[str, str | None]:
        """Version of the alias of every model there is, None where it has none; one search call, made for polling."""
        with self._calls() as client:
            pointed = ((model.name, (model.aliases or {}).get(alias)) for model in _models(client))
            return {name: None if version is None else str(version) for name, version in pointed}

    def aliased(self, alias: str) -> list[tuple[str, str]]:
        """Name and version of every model that has the alias; one search call, made for polling."""
        with self._calls() as client:
            return sorted(
                (model.name, str(model.aliases[alias])) for model in _models(client) if alias in (model.aliases or {})
            )

    def tagged(self, key: str, value: str) -> list[tuple[str, str]]:
        """Name and version of every version with a tag, newest first."""
        query = f"tags.`{key}` = '{value}'"
        with self._calls() as client:
            found = _pages(lambda token: client.search_model_versions(query, 1000, page_token=token))
            return sorted(((one.name, str(one.version)) for one in found), key=lambda one: int(one[1]), reverse=True)

    def list(self) -> tuple[RegisteredModel, ...]:
        """Every name, sorted."""
        with self._calls() as client:
            return tuple(sorted((_registered_model(model) for model in _models(client)), key=lambda model: model.name))

    def versions(self, name: str) -> tuple[RegisteredVersion, ...]:
        """Every version of a name, newest first.

        Raises:
            ModelNotFound: No model of that name.
        """
        with self._calls(name) as client:
            aliases = client.get_registered_model(name).aliases or {}
            found = _pages(lambda token: client.search_model_versions(f"name='{name}'", 1000, page_token=token))
            versions = (_registered_version(version, aliases) for version in found)
            return tuple(sorted(versions, key=lambda version: int(version.version), reverse=True))

    def fetch(self, name: str, version: str, folder: Path) -> Path:
        """Downloads a version's files into a folder that does not exist yet, all or nothing.

        What the files hold is not looked at: `models.load` does that.

        Raises:
            ModelNotFound: No such name or version.
            ForbiddenFile: A path that leaves the version's folder.
            BrokenFile: More files or bytes than any model version has, or none.
        """
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository  # noqa: PLC0415

        folder.parent.mkdir(parents=True, exist_ok=True)
        with self._calls(name, version) as client:
            address = client.get_model_version_download_uri(name, version)
            if address.startswith("models:/m-"):  # what MLflow 3's own log_model writes
                address = client.get_logged_model(address.removeprefix("models:/")).artifact_location
            files = get_artifact_repository(address, tracking_uri=self.uri, registry_uri=self.uri)
            _check_listing(files)
            partial = Path(mkdtemp(prefix=".fetch-", dir=folder.parent))
            try:
                files.download_artifacts("", str(partial))  # type: ignore[no-untyped-call]
                _check_downloaded(partial)
                partial.rename(folder)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
        return folder

    @contextmanager
    def _calls(self, name: str = "", version: str = "") -> Iterator[Any]:
        """MLflow's client; what it raises comes out as an error of this floor."""
        from mlflow.exceptions import MlflowException  # noqa: PLC0415
        from requests.exceptions import RequestException  # noqa: PLC0415
        from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

        try:
            with self._lock:
                if self._client is None:
                    self._client = _client(self.uri)
            yield self._client
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                raise _not_found(name, version) from error
            if _FULL_TOLD.search(str(error)):  # MLflow quotes what each file of a download came to
                raise NoRoom("this machine has no room for the files of the version") from error
            raise RegistryUnavailable(f"the registry does not answer as it should ({error.error_code})") from error
        except (RequestException, SQLAlchemyError, OSError) as error:
            if isinstance(error, OSError) and error.errno in _FULL:
                raise NoRoom("this machine has no room for the files of the version") from error
            raise RegistryUnavailable(
                f"the registry does not answer ({type(error).__name__}); wanted an MLflow server or a SQLite file"
            ) from error

    def _experiment(self, client: Any) -> str:  # noqa: ANN401 - MLflow's own
        """The experiment's id; made if new, with its files beside the SQLite file where there is one."""
        found = client.get_experiment_by_name(EXPERIMENT)
        if found is not None:
            return str(found.experiment_id)
        beside = None
        if self.uri.startswith("sqlite:///"):
            beside = (Path(self.uri.removeprefix("sqlite:///")).absolute().parent / "artifacts").as_uri()
        return str(client.create_experiment(EXPERIMENT, artifact_location=beside))

    @staticmethod
    def _ensure_name(client: Any, name: str) -> None:  # noqa: ANN401
        from mlflow.exceptions import MlflowException  # noqa: PLC0415

        try:
            client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise


def _client(uri: str) -> Any:  # noqa: ANN401
    """MLflow, quiet. A SQLite file is made by one process at a time: two at once would both make its tables."""
    from mlflow.tracking import MlflowClient  # noqa: PLC0415

    quiet.after_import()
    if not uri.startswith("sqlite:///"):
        return MlflowClient(tracking_uri=uri, registry_uri=uri)
    file = Path(uri.removeprefix("sqlite:///")).absolute()
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{file}.lock"):
        return MlflowClient(tracking_uri=uri, registry_uri=uri)


def _models(client: Any) -> Iterator[Any]:  # noqa: ANN401
    return _pages(lambda token: client.search_registered_models(max_results=1000, page_token=token))


def _pages(search: Any) -> Iterator[Any]:  # noqa: ANN401
    token = None
    while True:
        page = search(token)
        yield from page
        token = page.token
        if not token:
            return


def _registered_version(version: Any, aliases: Mapping[str, object]) -> RegisteredVersion:  # noqa: ANN401
    return RegisteredVersion(
        name=version.name,
        version=str(version.version),
        aliases=tuple(sorted(alias for alias, of in aliases.items() if str(of) == str(version.version))),
        created=datetime.fromtimestamp(version.creation_timestamp / 1000, UTC),
        tags=dict(version.tags or {}),
    )


def _registered_model(model: Any) -> RegisteredModel:  # noqa: ANN401
    aliases = {alias: str(version) for alias, version in (model.aliases or {}).items()}
    latest = max(model.latest_versions or [], key=lambda version: int(version.version), default=None)
    return RegisteredModel(
        name=model.name,
        latest=_registered_version(latest, aliases) if latest is not None else None,
        aliases=dict(sorted(aliases.items())),
    )


def _check_listing(files: Any) -> None:  # noqa: ANN401
    """Refuses what is too much, or leaves the folder, before anything is downloaded."""
    count, size, folders = 0, 0, [""]
    while folders:
        for entry in files.list_artifacts(folders.pop() or None):
            path = PurePosixPath(entry.path)
            if path.is_absolute() or ".." in path.parts or "\\" in entry.path:
                raise ForbiddenFile("a file's path leaves the model version's folder; wanted plain relative paths")
            count += 1
            size += entry.file_size or 0
            if entry.is_dir:
                folders.append(entry.path)
            _check_amount(count, size)


def _check_downloaded(folder: Path) -> None:
    entries = list(folder.rglob("*"))
    if not entries:
        raise BrokenFile("the model version has no files; wanted MLmodel and its data files")
    _check_amount(len(entries), sum(entry.stat().st_size for entry in entries if entry.is_file()))


def _check_amount(count: int, size: int) -> None:
    if count > MAX_FILES or size > MAX_BYTES:
        raise BrokenFile(
            f"the model version has over {count - 1} files or {size} bytes; wanted at most {MAX_FILES} and {MAX_BYTES}",
            files=count,
            bytes=size,
        )


def _not_found(name: str, version: str) -> ModelNotFound:
    which = f"model {name!r}" + (f" version {version!r}" if version else "")
    return ModelNotFound(f"the registry has no {which}", name=name, version=version)
