"""Logs: identifiers only. An error's own text may quote a row, so it is never logged."""

from __future__ import annotations

import logging
import sys
import traceback
from typing import Any

import structlog

from chassis.database import sqlstate
from chassis.settings import LogSettings


def configure_logs(settings: LogSettings) -> None:
    """Send every log line to standard error, one JSON object (or readable line) each."""
    level = logging.getLevelNamesMapping().get(settings.level.upper(), logging.INFO)
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if settings.json_lines
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_WithoutErrorText("%(name)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    sys.excepthook = _tell_end


def _tell_end(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    """An error that ends the process is told whole, unless PostgreSQL's words are in it."""
    cause: BaseException | None = error
    while cause is not None:
        if sqlstate(cause) is not None:
            told = {**describe(error), "sqlstate": sqlstate(cause)}
            logger("process").critical("process_failed", **told, next="the process ends")
            return
        cause = cause.__cause__ or cause.__context__
    sys.__excepthook__(kind, error, trace)


class _WithoutErrorText(logging.Formatter):
    """For what libraries log: uvicorn and asyncio write out an error whole, with the row that
    PostgreSQL refused."""

    def format(self, record: logging.LogRecord) -> str:
        if record.name == "asyncio":
            # Below its first line stand the representations of tasks, each with its error's text.
            shown = logging.makeLogRecord(record.__dict__)
            shown.msg, shown.args = record.getMessage().split("\n", 1)[0], None
            record = shown
        # A text that another handler has cached may be the whole one.
        record.exc_text = None
        return super().format(record)

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the library's name
        return str(describe(ei[1])) if ei[1] is not None else ""


def logger(name: str) -> Any:
    """A logger whose event names are constants and whose data are fields."""
    return structlog.get_logger(component=name)


def describe(error: BaseException) -> dict[str, Any]:
    """What may be logged of an error: its type, its SQLSTATE and where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    where = [f"{frame.filename.rsplit('/', 2)[-1]}:{frame.lineno} {frame.name}" for frame in frames]
    return {"error": type(error).__name__, "sqlstate": sqlstate(error), "where": where[-4:]}
