"""MLflow without calls home, bars, git or chatter, and quick to notice a dead server."""

import logging
import os

_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "GIT_PYTHON_REFRESH": "quiet",
}
_LOGGERS = ("mlflow", "alembic", "urllib3")


def before_import() -> None:
    """MLflow reads these when it is first imported: this package sets them when it is, and it is the only door."""
    for key, value in _SETTINGS.items():
        os.environ.setdefault(key, value)


def after_import() -> None:
    """MLflow sets its own loggers up when it is imported."""
    for logger in _LOGGERS:
        logging.getLogger(logger).setLevel(logging.ERROR)
