"""`fabline ingest --live`: listen to a market and store its five-minute bars until told to stop."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from pipelines import environment, settings
from pipelines.cli import rendering
from pipelines.cli.dates import session_range
from pipelines.cli.run import check_source, overrides_of
from pipelines.ingest.live import live
from pipelines.ingest.live_forecasts import LiveForecasts
from pipelines.ingest.tally import as_frame
from pipelines.settings import Settings
from pipelines.what_if import refuse_news
from pipelines.wiring import Workshop, source_of, specs_of
from resources import clock as wall
from resources.sources.alpaca import AlpacaSource
from resources.sources.alpaca_keys import REMEDY
from resources.sources.borrowed import BorrowedIndices
from trading import calendar
from trading.errors import UsageError
from trading.stages.layout import FIVE_MINUTES
from trading.testing.market import MarketOptions
from trading.universe import SYMBOLS, instrument

if TYPE_CHECKING:
    from trading.interfaces import LiveBars


@dataclass(frozen=True)
class LiveRequest:
    """What the command line says of the stream; `first`, `last` and `speed` are of a replayed market."""

    first: str | None = None
    last: str | None = None
    speed: float | None = None
    symbols: str | None = None


def ingest_live(path: Path, request: LiveRequest, *, source: str | None, format_: str) -> None:
    """Store live bars until the stream ends or SIGINT or SIGTERM comes; then print the counts.

    A home that makes five-minute forecasts makes them at the end of each bar as well.

    Raises
    ------
    UsageError
        If the source has no stream, or lacks credentials.
    """
    overrides = overrides_of(source, None, None)
    wanted = settings.load(path, overrides).settings
    check_source(path, wanted)
    symbols, stream = symbols_of(request.symbols), stream_of(wanted, request)
    home = environment.open_or_create(path)
    refuse_news(home)
    opened = Workshop.of(home, wanted).open()
    heading = "market: SIMULATED" if stream.simulated else ""
    console = Console(stderr=True)
    console.print(f"listening to {stream.name} {heading}; Ctrl-C stops", highlight=False)
    forecasts = None
    if FIVE_MINUTES in wanted.timeframes:
        tell = functools.partial(console.print, highlight=False)
        forecasts = LiveForecasts(opened, specs_of(wanted), symbols, tell)
    with closing(opened.store):
        tallies = live(opened, stream, symbols=symbols, forecasts=forecasts)
        settings.set_values(path, overrides)
    rendering.write(as_frame(tallies), format_, None, heading=heading)


def symbols_of(text: str | None) -> Sequence[str]:
    """The symbols named, or the ten of the universe."""
    if text is None:
        return SYMBOLS
    named = [part.strip() for part in text.split(",") if part.strip()]
    if not named:
        raise UsageError("--symbols names none; write them as NVDA,AMD")
    return [instrument(symbol).symbol for symbol in dict.fromkeys(named)]


def stream_of(wanted: Settings, request: LiveRequest) -> LiveBars:
    """The stream of the source that the settings name.

    Raises
    ------
    UsageError
        If that source has none, or a market that is live is asked for other sessions than the present.
    """
    name = wanted.source.name
    if name == "simulated":
        return _replay(wanted, request)
    if name != "alpaca":
        raise UsageError(f"the source {name} has no stream; --live takes alpaca, or simulated for a replay")
    if request.first or request.last or request.speed is not None:
        raise UsageError("--from, --to and --speed are for a replayed market; alpaca is live")
    return _alpaca(wanted)


def _replay(wanted: Settings, request: LiveRequest) -> LiveBars:
    from resources.sources.simulated_live import SimulatedLiveBars

    first, last = session_range(request.first, request.last, now=wall.now())
    newest = last or first or calendar.last_closed(wall.now())
    options = MarketOptions(seed=wanted.source.seed, edge=wanted.source.edge)
    speed = math.inf if request.speed is None else request.speed
    return SimulatedLiveBars(options, first=first or newest, last=newest, speed=speed)


def _alpaca(wanted: Settings) -> LiveBars:
    keys, history = environment.alpaca_keys(), source_of(wanted)
    history = history.vendor if isinstance(history, BorrowedIndices) else history  # a stream has no indices
    if keys is None or not isinstance(history, AlpacaSource):
        raise UsageError(f"the source alpaca needs credentials: {REMEDY}")
    try:
        from resources.sources.alpaca_stream import AlpacaLiveBars
    except ImportError as error:
        raise UsageError(
            f"the source alpaca needs the extra `brokers` ({error.name} is not installed): "
            f"pip install -c requirements.lock -e '.[brokers]'"
        ) from error
    return AlpacaLiveBars(
        keys, history.minutes, feed=wanted.source.feed, url=wanted.source.stream_url or None
    )
