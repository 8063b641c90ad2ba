"""Dagster's own messages as JSON lines in the home's log, so that a terminal shows progress and nothing else."""

import logging
from pathlib import Path

import dagster as dg

from resources.logs import log_to

STRUCTURED = "structured"
RUN_CONFIG: dict[str, dict[str, dict[str, str]]] = {"loggers": {STRUCTURED: {}}}


def structured_logger(folder: Path) -> dg.LoggerDefinition:
    """A Dagster logger that appends warnings and errors to `folder`/fabline.jsonl with their run and step."""

    @dg.logger(description="Warnings and errors as JSON lines in the home's logs.")
    def structured(_context: dg.InitLoggerContext) -> logging.Logger:
        logger = logging.Logger(STRUCTURED, logging.WARNING)  # noqa: LOG001 - of one home, apart from the root
        logger.addHandler(_JsonLines(folder))
        return logger

    return structured


class _JsonLines(logging.Handler):
    """Hands each record to the home's structured log."""

    def __init__(self, folder: Path) -> None:
        super().__init__(logging.WARNING)
        self._log = log_to(folder)

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line; the run and the step stand beside the message."""
        meta = getattr(record, "dagster_meta", None) or {}
        facts = {name: meta.get(name) for name in ("run_id", "step_key") if meta.get(name)}
        self._log.log(
            record.levelno, "dagster", message=meta.get("orig_message") or record.getMessage(), **facts
        )
