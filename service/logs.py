"""Structured logs: one JSON object a line on stderr, and nothing of a patient in it.

What goes in: the moment, the level, which module, a fixed sentence, fields that the code names. What an
exception says goes in only when it is one of ours, for ours never hold a patient's data; of others the log has
the kind and the lines of code (everything at level debug).
"""

import contextvars
import json
import logging
import os
import sys
import traceback
from datetime import UTC, datetime
from typing import TextIO

from features.errors import FeatureError
from models.errors import ModelError
from service.errors import ServiceError

request_id: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="")
"""Of the call that this task answers."""

_OURS = (FeatureError, ModelError, ServiceError)


class JsonLines(logging.Formatter):
    """Writes a record as one JSON object.

    A record's own fields come as `extra={"fields": {...}}`.
    """

    def __init__(self, *, show_messages: bool = False) -> None:
        """Takes whether messages of exceptions that are not ours are shown."""
        super().__init__()
        self._show_messages = show_messages

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._message(record),
        }
        if current := request_id.get():
            line["request"] = current
        line |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = self._chain(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False, default=str)

    def _message(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        # asyncio adds the repr of a task, with what its exception says.
        return message.partition("\n")[0] if record.name == "asyncio" else message

    def _chain(self, error: BaseException | None) -> list[dict[str, object]]:
        """An error and those that it came from, outermost first."""
        told: list[dict[str, object]] = []
        while error is not None and len(told) < 5:
            frames = traceback.extract_tb(error.__traceback__)[-20:]
            told.append({
                "type": f"{type(error).__module__}.{type(error).__qualname__}",
                "at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
            })  # fmt: skip
            if self._show_messages or isinstance(error, _OURS):
                told[-1]["says"] = str(error)
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return told


def configure(level: str, stream: TextIO | None = None) -> None:
    """Sends all logs of this process to one stream; called once, by the command line.

    Args:
        level: debug, info, warning or error.
        stream: stderr where None.
    """
    os.environ.setdefault("MLFLOW_CONFIGURE_LOGGING", "false")  # else it adds a handler of its own
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines(show_messages=level == "debug"))
    logging.basicConfig(level=logging.WARNING if level != "error" else logging.ERROR, handlers=[handler], force=True)
    for ours in ("service", "models", "features"):
        logging.getLogger(ours).setLevel(level.upper())
    logging.captureWarnings(True)
