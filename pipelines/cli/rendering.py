"""Frames for people (`table`) and for machines (`csv`, `json`, `parquet`), which get no decoration."""

from __future__ import annotations

import io
import json
import math
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from trading.errors import UsageError

ROWS_ON_A_SCREEN = 60
SIGNIFICANT_DIGITS = 6


def write(frame: pd.DataFrame, format_: str, output: Path | None, *, heading: str = "") -> None:
    """Write `frame` in a format to a file, or to standard output.

    Parameters
    ----------
    heading : a line above a table for people; machines never get it

    Raises
    ------
    UsageError
        If the file cannot be written, or Parquet would go to a terminal.
    """
    if format_ == "parquet" and output is None and sys.stdout.isatty():
        raise UsageError("Parquet is no text for a terminal; add --output FILE or redirect it")
    payload = _ENCODERS[format_](frame)
    if heading and format_ == "table":
        payload = f"{heading}\n".encode() + payload
    _put(payload, output)


def write_text(text: str, output: Path | None) -> None:
    """Write text for people to a file, or to standard output.

    Raises
    ------
    UsageError
        If the file cannot be written.
    """
    _put(text.encode(), output)


def _put(payload: bytes, output: Path | None) -> None:
    if output is None:
        sys.stdout.buffer.write(payload)
        sys.stdout.buffer.flush()
        return
    try:
        output.write_bytes(payload)
    except OSError as error:
        raise UsageError(f"cannot write {output}: {error.strerror}") from None


def _table(frame: pd.DataFrame) -> bytes:
    shown = _with_text_dates(frame)
    text = shown.to_string(
        index=False,
        max_rows=ROWS_ON_A_SCREEN,
        line_width=max(80, shutil.get_terminal_size().columns) if sys.stdout.isatty() else None,
        float_format=lambda value: f"{value:.{SIGNIFICANT_DIGITS}g}",
        na_rep="-",
    )
    if len(frame) > ROWS_ON_A_SCREEN:
        text += f"\n{len(frame)} rows in all; --format csv, json or parquet gives every one"
    return (text if len(frame) else f"no rows; the columns are {', '.join(frame.columns)}").encode() + b"\n"


def _csv(frame: pd.DataFrame) -> bytes:
    return _with_text_dates(frame).to_csv(index=False, lineterminator="\n").encode()


def _json(frame: pd.DataFrame) -> bytes:
    texts = _with_text_dates(frame).astype(object)
    texts = texts.where(texts.notna(), None).replace({math.inf: "Infinity", -math.inf: "-Infinity"})
    rows = texts.to_dict("records")
    lines = ",\n".join(json.dumps(row, allow_nan=False, default=_plain) for row in rows)
    return f"[{lines}]\n".encode()


def _plain(value: Any) -> Any:
    return value.item()


def _parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()


def _with_text_dates(frame: pd.DataFrame) -> pd.DataFrame:
    """Sessions as YYYY-MM-DD and moments as ISO 8601 in UTC."""
    texts = frame.copy()
    for name in frame.columns:
        kind = frame[name].dtype
        if isinstance(kind, pd.DatetimeTZDtype):
            texts[name] = frame[name].map(_iso, na_action="ignore").astype(object)
        elif kind.kind == "M":
            texts[name] = frame[name].dt.strftime("%Y-%m-%d").astype(object)
    return texts


def _iso(moment: pd.Timestamp) -> str:
    return moment.tz_convert("UTC").tz_localize(None).isoformat() + "Z"


_ENCODERS: dict[str, Callable[[pd.DataFrame], bytes]] = {
    "table": _table,
    "csv": _csv,
    "json": _json,
    "parquet": _parquet,
}
