"""Many variants on one market: made one after another or side by side, each kept as soon as it is there."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipelines.ablation.results import ResultFolder, digest_of, sessions_of
from pipelines.ablation.sharing import Line, made_line, made_variant, sessions_to_make
from pipelines.ablation.variants import BASE, Variant
from pipelines.in_memory import Market, market_of
from pipelines.settings import Settings
from pipelines.wiring import plan_of
from trading.errors import FablineError
from trading.line import Progress, silent

Told = Callable[[str, str], None]  # a variant, and why it could not be made
_base: list[Line] = []  # what a worker finds when it is forked: the line that it shares


def _nobody(_variant: str, _why: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Study:
    """A base line and its variants on one market.

    Attributes
    ----------
    first, last : traded sessions
    folder : where results are kept
    jobs : processes that make variants
    """

    base: Settings
    variants: tuple[Variant, ...]
    first: pd.Timestamp
    last: pd.Timestamp
    folder: Path
    jobs: int = 1

    @property
    def settings(self) -> dict[str, Settings]:
        """Of each line by name, the base first."""
        return {BASE: self.base} | {variant.name: variant.of(self.base) for variant in self.variants}

    def market(self) -> Market:
        """Bars and actions that reach back as far as any of the lines asks for."""
        widest = max(self.settings.values(), key=lambda one: plan_of(one).lead("bars"))
        return market_of(widest, self.first, self.last)

    def run(
        self, market: Market, progress: Progress = silent, failed: Told = _nobody
    ) -> dict[str, pd.DataFrame]:
        """What each line left (`results.sessions_of`), the base first; those that were kept are not made again.

        Parameters
        ----------
        failed : is told of a variant that could not be made; it is left out, and tried again next time
        """
        kept = ResultFolder(self.folder, digest_of(market), self.first, self.last)
        wanted = self.settings
        missing = _once({name: one for name, one in wanted.items() if kept.read(one) is None})
        if missing:
            told = _as_one(BASE, self._sessions(self.base), progress)
            line = made_line(self.base, market, self.first, self.last, told)
            kept.write(self.base, sessions_of(line))
            missing.pop(BASE, None)
            self._make(line, missing, kept, (progress, failed))
        found = {name: kept.read(one) for name, one in wanted.items()}
        return {name: rows for name, rows in found.items() if rows is not None}

    def _make(
        self, line: Line, wanted: Mapping[str, Settings], kept: ResultFolder, told: tuple[Progress, Told]
    ) -> None:
        progress, failed = told
        if self.jobs == 1 or len(wanted) < 2:  # noqa: PLR2004 - one needs no others
            for name, settings in wanted.items():
                tell = _as_one(name, self._sessions(settings, self.base), progress)
                _report(name, _made(line, settings, kept, tell), failed)
            return
        _base[:] = [line]
        context = multiprocessing.get_context("fork")  # children share the base's tables without a copy
        with ProcessPoolExecutor(min(self.jobs, len(wanted)), mp_context=context) as pool:
            waiting = {pool.submit(_in_child, settings, kept): name for name, settings in wanted.items()}
            try:
                for future in as_completed(waiting):
                    name = waiting[future]
                    _report(name, future.result(), failed)
                    total = self._sessions(wanted[name], self.base)
                    progress(name, total, total)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
            finally:
                _base.clear()

    def _sessions(self, settings: Settings, base: Settings | None = None) -> int:
        return sessions_to_make(settings, self.first, self.last, base)


def _report(name: str, why: str, failed: Told) -> None:
    if why:
        failed(name, why)


def _in_child(settings: Settings, kept: ResultFolder) -> str:
    return _made(_base[0], settings, kept, silent)


def _made(base: Line, settings: Settings, kept: ResultFolder, progress: Progress) -> str:
    """Make and keep one variant; why it could not be made, or nothing."""
    try:
        kept.write(settings, sessions_of(made_variant(base, settings, progress)))
    except FablineError as error:
        return str(error)
    return ""


def _once(wanted: Mapping[str, Settings]) -> dict[str, Settings]:
    """Those of equal settings once, the first of them."""
    seen: dict[str, str] = {}
    for name, settings in wanted.items():
        seen.setdefault(settings.digest(), name)
    return {name: wanted[name] for name in seen.values()}


def _as_one(name: str, total: int, progress: Progress) -> Progress:
    """Progress of many stages as that of one thing, `total` sessions long."""
    done_by: dict[str, int] = {}

    def tell(stage: str, done: int, _sessions: int) -> None:
        done_by[stage] = done
        progress(name, sum(done_by.values()), total)

    return tell
