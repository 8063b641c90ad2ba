"""The whole line, selection and promotion included, on markets without an edge, and on such with a planted one.

Every market has its seed by its name, so market 17 of a kind is the same in any run; the markets of planted edges
have the shocks of the fair ones. Each market is one line in memory, in a process of its own thread.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

import pandas as pd

from pipelines.in_memory import Made, Market, make_in_memory
from pipelines.settings import Settings
from pipelines.wiring import plan_of, specs_of
from resources.sources.files import FilesSource
from trading import calendar, frames
from trading.digest import digest, generator
from trading.errors import FablineError, MissingBarsError, UsageError
from trading.evaluation.nulls import Outcome, Promotion, claims_of, duels_in, no_worse, promotions_of
from trading.evaluation.scoreboard import EDGE_MEASURE, TABLES, measurements
from trading.frames import HORIZONS
from trading.ingest import ALL_SYMBOLS
from trading.interfaces import Forecaster, ModelVersion
from trading.line import Request, make_and_write
from trading.monitoring.bar_rules import separate_actions, separate_bars
from trading.plan import Plan
from trading.stages.features import features_stage
from trading.stages.layout import DAILY
from trading.stages.version_losses import version_losses_stage
from trading.testing import order_destroyed as destroyed
from trading.testing.market import MarketOptions, SimulatedMarket
from trading.testing.market_model import STRONGEST_EDGE
from trading.testing.memory_store import MemoryStore
from trading.testing.null_mutants import MUTANTS
from trading.universe import CONTEXT_SYMBOLS, SYMBOLS

FAIR, BLOCK_SHUFFLED, SIGN_FLIPPED = KINDS = ("fair", "block_shuffled", "sign_flipped")
REAL = (BLOCK_SHUFFLED, SIGN_FLIPPED)
LAST = calendar.session_of("2024-03-08")  # the shared bars have all names but the youngest up to here
SESSIONS, BURN_IN_SESSIONS = 126, 45
MODELS = ("random_walk", "ridge")
UNIT_EDGE = 0.1  # what an edge of 1 plants: the correlation of what past bars show with the next return
LARGEST_EDGE = round(STRONGEST_EDGE / UNIT_EDGE, 6)
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA")}


@dataclass(frozen=True)
class Case:
    """One market: its kind, its number, what is planted in it as a multiple of 0.1, and what is wrong with the line."""

    kind: str
    market: int
    edge: float = 0.0
    mutant: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.edge <= LARGEST_EDGE:
            raise UsageError(f"--edge is from 0 to {LARGEST_EDGE:g}, not {self.edge:g}")
        if self.edge and self.kind != FAIR:
            raise UsageError(
                "an edge is planted in simulated markets only; leave out --kind, or say --kind fair"
            )

    @property
    def seed(self) -> int:
        """The seed of the market, which is that of its name."""
        return int(generator(f"nulls/{self.kind}/{self.market}").integers(2**31))


@dataclass(frozen=True)
class Terms:
    """What all markets of a folder share: traded sessions, and the folder of real bars, if any."""

    sessions: int = SESSIONS
    data: Path | None = None

    def __post_init__(self) -> None:
        if self.sessions < 22:  # noqa: PLR2004 - below, no figure has an interval
            raise UsageError(f"--sessions {self.sessions} is too short for any interval; give 22 or more")

    @property
    def first(self) -> pd.Timestamp:
        """The first traded session."""
        return calendar.shift(LAST, 1 - self.sessions)


def settings_of() -> Settings:
    """Settings of a line that is quick to make, leaves no stage out, and can see what is planted."""
    chosen = Settings(models=MODELS, burn_in_sessions=BURN_IN_SESSIONS)
    return chosen.with_value("regimes.hmm.starts", 2)


def bound_to(terms: Terms) -> dict[str, str]:
    """What the results of a folder rest on: run length, settings, code, and the real bars, if there are any."""
    bound = {"sessions": str(terms.sessions), "settings": settings_of().digest(), "code": code_digest()}
    if terms.data is not None:
        legs = _legs(terms.data)
        bound["data"] = digest(
            list(legs.symbols), legs.gap, legs.high, legs.low, legs.day, legs.volume, legs.index
        )
    return bound


def code_digest() -> str:
    """Digest of every file of the rooms that the line is made of; a changed comment changes it too."""
    here = Path(__file__).resolve()
    rooms = [path for room in ("trading", "models") for path in (here.parents[1] / room).rglob("*.py")]
    own = [here.with_name(name) for name in ("nulls.py", "in_memory.py", "wiring.py", "settings.py")]
    return digest(*(path.read_bytes() for path in sorted(rooms) + own))


def market_of(case: Case, terms: Terms, *, draw: str = "") -> Market:
    """Bars and corporate actions of a case, with all that leads up to its first session.

    Parameters
    ----------
    draw : another name gives another market of the same law
    """
    begin = plan_of(settings_of()).first_session("bars", terms.first)
    if case.kind == FAIR:
        return _simulated(case, begin, draw)
    if terms.data is None:
        raise UsageError(f"{case.kind} markets are made of real bars; name their folder with --data DIR")
    count = len(calendar.sessions_between(begin, LAST))
    rng = generator(f"nulls/{case.kind}/{case.market}{draw}")
    legs = getattr(destroyed, case.kind)(_legs(terms.data), count, rng)
    return _clean(
        destroyed.bars_of(legs, LAST, case.kind), frames.empty("corporate_actions"), "fully_adjusted"
    )


def _simulated(case: Case, begin: pd.Timestamp, draw: str) -> Market:
    """A market in which nothing earns anything on average, but for what is planted."""
    strength = min(case.edge * UNIT_EDGE, STRONGEST_EDGE)  # thrice a tenth is a little more than three tenths
    seed = case.seed if not draw else int(generator(f"nulls/{case.kind}/{case.market}{draw}").integers(2**31))
    planted = {"edge": "planted", "edge_strength": strength} if strength else {}
    market = SimulatedMarket(MarketOptions(seed=seed, risk_premium=0.0, **planted))  # type: ignore[arg-type]
    bars, actions = market.bars(ALL_SYMBOLS, begin, LAST), market.actions(ALL_SYMBOLS, begin, LAST)
    return _clean(bars, actions, "raw")


def _clean(bars: pd.DataFrame, actions: pd.DataFrame, basis: str) -> Market:
    return {
        "bars": separate_bars(bars, basis=basis).accepted,
        "corporate_actions": separate_actions(actions).accepted,
    }


_HELD: dict[Path, destroyed.Legs] = {}


def _legs(data: Path) -> destroyed.Legs:
    """The legs of the real bars up to `LAST`, of all names that traded since the youngest of what stands beside them."""
    if data not in _HELD:
        source = FilesSource(data)
        source.first_session()  # refuses a folder without bars
        held = source.held(DAILY)
        absent = [symbol for symbol in CONTEXT_SYMBOLS if symbol not in held]
        if absent:
            raise MissingBarsError(
                f"{data} has no daily bars of {', '.join(absent)}, which every market needs"
            )
        begin = max(held[symbol][0] for symbol in CONTEXT_SYMBOLS)
        bars = source.bars([symbol for symbol in ALL_SYMBOLS if symbol in held], begin, LAST)
        bars = separate_bars(bars, basis=source.basis).accepted
        _HELD[data] = destroyed.legs_of(bars, destroyed.traded_throughout(bars, SYMBOLS))
    return _HELD[data]


def judged(case: Case, terms: Terms) -> Outcome:
    """Run the whole line on one market and say what it claims, and whom it promoted."""
    mutant = MUTANTS[case.mutant]
    settings = mutant.settings(settings_of())
    market = market_of(case, terms)
    plan = mutant.plan(plan_of(settings), market)
    made = make_in_memory(settings, plan, market, terms.first, LAST)
    tables = {table: made.store.read(table, terms.first, LAST) for table in TABLES}
    champions = made.store.read("champions")
    measured = measurements(tables)
    gain = measured[EDGE_MEASURE].estimate
    promotions = promotions_of(champions)
    return Outcome(
        **vars(case),
        gain=gain.value,
        low=gain.low,
        high=gain.high,
        claims=claims_of(measured),
        duels=duels_in(champions),
        promoted=len(promotions),
        unearned=_unearned(promotions, made, case, terms),
    )


def _unearned(promotions: Sequence[Promotion], made: Made, case: Case, terms: Terms) -> int:
    """How many promotions were over a champion that loses no more, in another market of the same law."""
    if not promotions:
        return 0
    market = market_of(case, terms, draw="/judge")
    first = calendar.shift(terms.first, -BURN_IN_SESSIONS)
    return sum(_is_unearned(one, made, market, first) for one in promotions)


def _is_unearned(one: Promotion, made: Made, market: Market, first: pd.Timestamp) -> bool:
    spec = next(spec for spec in specs_of(settings_of()) if spec.name == one.model)
    book = _Pair(one, made)
    plan = Plan.of([features_stage(), spec.stage, version_losses_stage((one.model,))], 0)
    store = MemoryStore()
    store.write(market, market["bars"]["session"].min(), LAST, commit={})
    for stage in plan.stages:
        make_and_write(stage, plan, store, Request(first, first, LAST, book))
    losses = store.read("version_losses")
    return no_worse(losses[losses["horizon"] == HORIZONS[0]], one.winner, one.loser)


@dataclass(frozen=True)
class _Pair:
    """The two versions of a promotion, both speaking in every session."""

    promotion: Promotion
    made: Made

    def live(
        self, model: str, session: pd.Timestamp, timeframe: str = DAILY
    ) -> tuple[tuple[ModelVersion, Forecaster], ...]:
        """Both, whatever the session: the loser may have been retired in the session in which it lost."""
        del session
        when = self.promotion.session
        spoke = {self.promotion.winner: when, self.promotion.loser: calendar.shift(when, -1)}
        return tuple(
            (_ageless(version), voice)
            for name, moment in spoke.items()
            for version, voice in self.made.models.live(model, moment, timeframe)
            if version.version == name
        )

    def records(self, model: str, session: pd.Timestamp, timeframe: str = DAILY) -> tuple[ModelVersion, ...]:
        """The same without forecasters."""
        return tuple(version for version, _ in self.live(model, session, timeframe))

    def decided(self, model: str, session: pd.Timestamp) -> None:
        """Nobody decided anything."""


def _ageless(version: ModelVersion) -> ModelVersion:
    return replace(version, live_from=None, champion_from=None, retired=None)


def finished(cases: Sequence[Case], terms: Terms, jobs: int) -> Iterator[Outcome]:
    """The outcome of each case, in their order, from `jobs` processes of one thread each.

    Raises
    ------
    FablineError
        If a process was killed; what was finished before stays.
    """
    work = [(case, terms) for case in cases]
    with _one_thread():
        pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), initializer=_heed_interrupts)
        try:
            yield from pool.map(_judged, work)
        except BrokenProcessPool:
            raise FablineError(
                "a process that made a market was killed, perhaps for want of memory; the same command goes on "
                "where it stopped, with fewer --jobs if need be"
            ) from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _judged(work: tuple[Case, Terms]) -> Outcome:
    return judged(*work)


def _heed_interrupts() -> None:
    """A Ctrl-C ends a worker at once and without a word: what it was making is made again."""

    def leave(_number: int, _frame: FrameType | None) -> None:
        os._exit(130)

    signal.signal(signal.SIGINT, leave)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Processes that are spawned meanwhile compute with one thread each, whatever the machine has."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(ONE_THREAD)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
