"""Forecasts that a version has made before: the same version and the same window need no second look.

    cache/predictions/<model>/<digest>.forecast     a checksum, then the quantiles

The name is a digest of the version and of every byte of the window, so a restated feature, another
universe or another training is another name: nothing ever has to be invalidated. A file that does not
hold what its checksum says is computed anew, and the log says so. Removing the folder loses only time.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from structlog.typing import FilteringBoundLogger

from resources import clock as wall
from resources.deadline import within
from trading.digest import digest
from trading.errors import FablineError, ModelError
from trading.frames import HORIZONS, LEVELS
from trading.interfaces import (
    SILENT,
    BarStream,
    Floats,
    Forecast,
    Forecaster,
    ModelVersion,
    StreamingForecaster,
    TrainingJournal,
    Window,
)

FOLDER, SUFFIX, DRAFT = "predictions", ".forecast", ".draft"
NAME_LENGTH = 40
DRAFT_SECONDS = 600.0
DEADLINE_SECONDS = (
    300.0  # the slowest model of ours answers within one minute, its weights being loaded included
)
_CHECKSUM = hashlib.sha256().digest_size
# What is thrown away at once when the folder is full, so that it is not looked through at every write.
_KEPT_SHARE = 0.8


class PredictionCache:
    """Quantiles in files of one folder, which is never larger than it may be; the oldest files go first.

    Parameters
    ----------
    folder : made when the first forecast is kept
    most_bytes : of all files together
    log : told of entries that were damaged, and of a disk that keeps nothing
    """

    def __init__(self, folder: Path, most_bytes: int, log: FilteringBoundLogger) -> None:
        self._folder = folder / FOLDER
        self._most_bytes = most_bytes
        self._log = log
        self._lock = threading.Lock()
        self._bytes: int | None = None

    def get(self, version: ModelVersion, name: str, shape: tuple[int, ...]) -> Floats | None:
        """The quantiles under `name`, None if they are not there or not whole."""
        path = self._path(version, name)
        try:
            raw = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            self._log.warning("prediction_cache_unreadable", file=str(path), reason=str(error))
            return None
        checksum, payload = raw[:_CHECKSUM], raw[_CHECKSUM:]
        if checksum != _checksum(name, payload) or len(payload) != 8 * np.prod(shape):
            self._log.warning(
                "prediction_cache_damaged", file=str(path), version=version.version, then="made again"
            )
            return None
        with contextlib.suppress(OSError):  # thrown away meanwhile, or a disk that is read only
            os.utime(path)
        return np.frombuffer(payload, dtype="<f8").reshape(shape).copy()

    def keep(self, version: ModelVersion, name: str, quantiles: Floats) -> None:
        """Keep quantiles under `name`, whole or not at all; a full disk costs time only."""
        path = self._path(version, name)
        payload = np.ascontiguousarray(quantiles, dtype="<f8").tobytes()
        draft = path.with_name(f"{name}.{os.getpid()}.{threading.get_ident()}{DRAFT}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(_checksum(name, payload) + payload)
            draft.replace(path)
        except OSError as error:
            self._log.warning("prediction_not_cached", file=str(path), reason=str(error))
            with contextlib.suppress(OSError):
                draft.unlink()
            return
        self._bound(_CHECKSUM + len(payload))

    def _path(self, version: ModelVersion, name: str) -> Path:
        return self._folder / version.model / f"{name}{SUFFIX}"

    def _bound(self, added: int) -> None:
        """Throw the longest unused files away when all are larger together than they may be."""
        with self._lock:
            self._bytes = self._size() if self._bytes is None else self._bytes + added
            if self._bytes > self._most_bytes:
                self._bytes = self._thinned()

    def _size(self) -> int:
        """Bytes of all files; what a killed writer left is taken away.

        A draft lives for milliseconds, so one that is old has no writer; its name would not tell, because
        numbers of processes are given again, and other machines may share the folder.
        """
        eldest = wall.now().timestamp() - DRAFT_SECONDS
        for left in self._folder.glob(f"*/*{DRAFT}"):
            with contextlib.suppress(FileNotFoundError):
                if left.stat().st_mtime < eldest:
                    left.unlink()
        return sum(size for _, _, size in self._entries())

    def _thinned(self) -> int:
        entries = sorted(self._entries())
        held = sum(size for _, _, size in entries)
        for _, path, size in entries:
            if held <= _KEPT_SHARE * self._most_bytes:
                break
            path.unlink(missing_ok=True)
            held -= size
        return held

    def _entries(self) -> Iterator[tuple[int, Path, int]]:
        """When each file was used last, the file, and its bytes."""
        for path in self._folder.glob(f"*/*{SUFFIX}"):
            with contextlib.suppress(FileNotFoundError):  # another process was first
                stat = path.stat()
                yield stat.st_mtime_ns, path, stat.st_size


class LiveForecaster:
    """One version as sessions ask it: loaded when it must speak, its forecasts kept, its fallbacks logged.

    Implements `trading.interfaces.Forecaster`.

    Parameters
    ----------
    version : which
    load : gives the forecaster with its weights
    prototype : the unfitted forecaster, for what a version does not change
    log : told of every forecast that was not made as it was asked for
    cache : where forecasts are kept; None asks the model every time
    seconds : after which a forecast, the loading of weights included, is given up
    """

    def __init__(
        self,
        version: ModelVersion,
        load: Callable[[], Forecaster],
        prototype: Forecaster,
        log: FilteringBoundLogger,
        cache: PredictionCache | None = None,
        *,
        seconds: float = DEADLINE_SECONDS,
    ) -> None:
        self._version = version
        self._load = load
        self._prototype = prototype
        self._log = log
        self._cache = cache
        self._lock = threading.Lock()
        self._loaded: Forecaster | None = None
        self._unable = False
        self._seconds = seconds

    @property
    def name(self) -> str:
        """Name of the model."""
        return self._prototype.name

    @property
    def context_sessions(self) -> int:
        """Sessions of history that it looks at, at most."""
        return self._prototype.context_sessions

    @property
    def forecaster(self) -> Forecaster:
        """The version with its weights, loaded once."""
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load()
            return self._loaded

    def fit(self, window: Window, *, journal: TrainingJournal = SILENT) -> Any:
        """A fitted copy of the version itself."""
        return self.forecaster.fit(window, journal=journal)

    def predict(self, window: Window, *, horizons: Sequence[int] = HORIZONS) -> Forecast:
        """What the version says of `window`, the same bytes whether it was asked before or not."""
        if self._cache is None:
            return self._told(window, horizons)
        name = name_of(self._version, window, horizons)
        shape = (len(window.symbols), len(horizons), len(LEVELS))
        kept = self._cache.get(self._version, name, shape)
        if kept is not None:
            return Forecast(window.symbols, tuple(horizons), kept)
        made = self._told(window, horizons)
        if not made.fallback:  # its digits are those of another batch or device
            self._cache.keep(self._version, name, made.quantiles)
        return made

    def streaming(self, window: Window) -> BarStream | None:
        """A stream of the version, if it can go on from a state; what it says is not kept."""
        inner = self.forecaster
        return inner.streaming(window) if isinstance(inner, StreamingForecaster) else None

    def to_bytes(self) -> bytes:
        """The version's weights."""
        return self.forecaster.to_bytes()

    def from_bytes(self, payload: bytes) -> Any:
        """Another version, from its weights."""
        return self._prototype.from_bytes(payload)

    def _told(self, window: Window, horizons: Sequence[int]) -> Forecast:
        made = self._able(window, horizons)
        if made.fallback:
            self._log.warning(
                "forecast_fallback",
                model=self._version.model,
                version=self._version.version,
                session=str(window.sessions[-1])[:10],
                fallback=made.fallback,
            )
        return made

    def _able(self, window: Window, horizons: Sequence[int]) -> Forecast:
        """What the version says; that it cannot is told once, because the line goes on without it."""
        try:
            return within(self._seconds, lambda: usable(self.forecaster, window, horizons))
        except FablineError as error:
            if isinstance(error, ModelError):
                self._tell_unable(str(error))
            raise
        except (
            ArithmeticError,
            AttributeError,
            LookupError,
            OSError,
            RuntimeError,
            TypeError,
            ValueError,
        ) as error:
            reason = f"{type(error).__name__}: {error}"
            self._tell_unable(reason)
            raise ModelError(
                f"model {self._version.model!r}, version {self._version.version}, failed at "
                f"{str(window.sessions[-1])[:10]}: {reason}; mend it and make the session again (fabline backfill)"
            ) from error

    def _tell_unable(self, reason: str) -> None:
        if not self._unable:
            facts = {"model": self._version.model, "version": self._version.version}
            self._log.error("version_cannot_speak", **facts, reason=reason)
        self._unable = True


def usable(forecaster: Forecaster, window: Window, horizons: Sequence[int]) -> Forecast:
    """What a forecaster says, if it is a forecast.

    Raises
    ------
    ModelError
        If a symbol that can be forecast has a quantile that is no number.
    """
    said = forecaster.predict(window, horizons=horizons)
    unknown = window.mask & ~np.isfinite(said.quantiles).all(axis=(1, 2))
    if unknown.any():
        names = ", ".join(name for name, lacks in zip(window.symbols, unknown, strict=True) if lacks)
        raise ModelError(f"model {forecaster.name!r} gave no number for {names}, whose history is there")
    return said


def name_of(version: ModelVersion, window: Window, horizons: Sequence[int]) -> str:
    """Digest of everything on which a forecast rests."""
    facts = (version.version, window.symbols, window.channels, window.basis, window.timeframe)
    beside = (window.context_symbols, window.context if window.context is not None else b"")
    arrays = (window.sessions, window.mask, window.panel)
    return digest(list(facts), list(horizons), *beside, *arrays, length=NAME_LENGTH)


def _checksum(name: str, payload: bytes) -> bytes:
    return hashlib.sha256(name.encode() + payload).digest()
