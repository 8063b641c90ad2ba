"""The evaluation of a whole line as a home recorded it: books, names and forecasts, with the last months kept apart.

What a home records is walked forward already: a version speaks of sessions after the ones that it was trained on,
every stage sees what was known in the evening, and a fill is at the next open. `walked_forward` checks it on the
rows; nothing is trained or chosen again here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from trading import calendar
from trading.evaluation.book_evaluation import BookHistory, book_figures, book_history, slice_figures
from trading.evaluation.contamination import clean_sessions
from trading.evaluation.contributions import contribution_figures, contributions
from trading.evaluation.figures import BOOK, HELD_OUT, Figure, Of, table_of
from trading.evaluation.forecast_evaluation import forecast_cases, forecast_figures
from trading.evaluation.paired import ALL, Regimes
from trading.evaluation.trials import Trials
from trading.stages.layout import DAILY
from trading.universe import BENCHMARKS

HELD_OUT_SESSIONS = 63
TABLES: tuple[str, ...] = (
    *("performance", "target_portfolio", "ledger", "positions", "regimes", "champions"),
    *("version_losses", "forecasts", "ensemble_intervals", "ensemble_forecast", "features"),
)
Tables = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Span:
    """The sessions that are evaluated, and the tail that is kept apart.

    Attributes
    ----------
    held_out : first session of the last three months, which no choice may look at; None while the home has fewer
        than twice as many sessions
    """

    first: pd.Timestamp
    last: pd.Timestamp
    held_out: pd.Timestamp | None

    @classmethod
    def of(cls, sessions: pd.DatetimeIndex, first: pd.Timestamp | None, last: pd.Timestamp | None) -> Span:
        """The span of a home's traded sessions, narrowed to `first` and `last`.

        The tail is counted from the home's own last session: asking for fewer sessions does not move it.
        """
        tail = sessions[-HELD_OUT_SESSIONS] if len(sessions) >= 2 * HELD_OUT_SESSIONS else None
        return cls(first or sessions[0], min(last or sessions[-1], sessions[-1]), tail)

    @property
    def end(self) -> pd.Timestamp:
        """Last session that is looked at: the one before the tail, if the tail lies within."""
        if self.held_out is None or self.last < self.held_out:
            return self.last
        return calendar.shift(self.held_out, -1)

    @property
    def has_tail(self) -> bool:
        """Whether sessions of the tail were asked for."""
        return self.held_out is not None and self.last >= self.held_out


@dataclass(frozen=True)
class WalkedForward:
    """Whether what a home recorded is out of sample: facts of its rows.

    Attributes
    ----------
    spoken : (session, model) pairs whose champion was trained by this home; zero_shot : by nobody here
    overlaps : of the first, champions that had learned from sessions at or after the one that they spoke in
    nearest : fewest sessions between the end of a training and the first session that it spoke in; -1 if none
    contaminated : traded sessions that rest on pre-trained weights which may have seen them, and are left out
    sessions : traded sessions with a return
    """

    spoken: int
    zero_shot: int
    overlaps: int
    nearest: int
    contaminated: int
    sessions: int


def walked_forward(tables: Tables) -> WalkedForward:
    """The facts of a home's `champions` and `performance`, of one strategy."""
    speaking = tables["champions"]
    speaking = speaking[(speaking["role"] == "champion").to_numpy()]
    trained = speaking.dropna(subset=["trained_through"])
    first = trained.groupby(["model", "version"], sort=False)[["session", "trained_through"]].min()
    apart = [calendar.distance(row.trained_through, row.session) for row in first.itertuples()]
    counts = _counts(tables)
    return WalkedForward(
        spoken=len(trained),
        zero_shot=len(speaking) - len(trained),
        overlaps=int((trained["trained_through"] >= trained["session"]).sum()),
        nearest=min(apart, default=-1),
        contaminated=int((~counts[1:]).sum()),
        sessions=max(len(counts) - 1, 0),
    )


def strategies(performance: pd.DataFrame) -> tuple[str, ...]:
    """Names of the strategies that a home books, sorted."""
    return tuple(sorted(performance["strategy"].unique()))


def of_strategy(tables: Tables, strategy: str) -> dict[str, pd.DataFrame]:
    """The tables with rows of one strategy, where they tell strategies apart."""
    return {
        name: rows[(rows["strategy"] == strategy).to_numpy()].reset_index(drop=True)
        if "strategy" in rows
        else rows
        for name, rows in tables.items()
    }


def history_of(tables: Tables) -> BookHistory:
    """The clean sessions of the book of one strategy, beside every benchmark that the home has bars of."""
    return book_history(tables["performance"], _counts(tables), benchmark_returns(tables["features"]))


def benchmark_returns(features: pd.DataFrame) -> dict[str, pd.Series[float]]:
    """Simple returns by session of each benchmark fund that the daily `features` hold, in the universe's order."""
    daily = features[(features["timeframe"] == DAILY).to_numpy()]
    funds = [one.symbol for one in BENCHMARKS if one.role == "benchmark"]
    found: dict[str, pd.Series[float]] = {}
    for symbol in funds:
        rows = daily[(daily["symbol"] == symbol).to_numpy()].dropna(subset=["log_return"])
        if len(rows):
            held = np.expm1(rows["log_return"].to_numpy(dtype=float))
            found[symbol] = pd.Series(held, index=pd.DatetimeIndex(rows["session"]), name=symbol)
    return found


def regimes_of(regimes: pd.DataFrame) -> tuple[dict[pd.Timestamp, str], dict[pd.Timestamp, str]]:
    """The regime of each session of issue, and of each session of a return: the one named the evening before."""
    daily = regimes[(regimes["timeframe"] == DAILY).to_numpy()].sort_values("session")
    named = dict(zip(daily["session"], daily["regime"], strict=True))
    decided = {calendar.shift(session, 1): regime for session, regime in named.items()}
    return named, decided


def evaluation(tables: Tables, span: Span, trials: Trials, *, held_out: bool = False) -> pd.DataFrame:
    """Every figure of books, names and forecasts, in columns `figures.COLUMNS`.

    Parameters
    ----------
    tables : `TABLES` of a home, from its first traded session on (`features` may begin earlier)
    held_out : whether to show the sessions of the tail, in rows of their own, instead of all others
    """
    return table_of(_figures(tables, span, trials, held_out=held_out))


def _figures(tables: Tables, span: Span, trials: Trials, *, held_out: bool) -> Iterator[Figure]:
    issued, decided = regimes_of(tables["regimes"])
    for strategy in strategies(tables["performance"]):
        own = of_strategy(tables, strategy)
        book, parts = history_of(own), contributions(own["positions"], own["ledger"], own["performance"])
        if held_out:
            tail = Of(BOOK, strategy, HELD_OUT, f"from {span.held_out:%Y-%m-%d}")
            yield from slice_figures(_between(book, span.held_out, span.last), tail, trials)
            continue
        shown = _between(book, span.first, span.end)
        yield from book_figures(shown, decided, trials)
        yield from contribution_figures(strategy, parts[parts.index.isin(shown.sessions)])
    yield from _of_forecasts(tables, span, issued, held_out=held_out)


def _of_forecasts(tables: Tables, span: Span, regimes: Regimes, *, held_out: bool) -> Iterator[Figure]:
    """Figures of forecasts that were issued and matured on the same side of the tail's first session."""
    cases = forecast_cases(*(tables[name] for name in TABLES[6:10]))
    if not held_out:
        inside = (cases["session"] >= span.first) & (cases["matured"] <= span.end)
        yield from forecast_figures(cases[inside.to_numpy()], regimes)
        return
    tail = cases[((cases["session"] >= span.held_out) & (cases["matured"] <= span.last)).to_numpy()]
    for figure in forecast_figures(tail, {}):
        if figure.of.slice_kind == ALL:
            of = figure.of._replace(slice_kind=HELD_OUT, slice=f"from {span.held_out:%Y-%m-%d}")
            yield figure._replace(of=of)


def _between(book: BookHistory, first: pd.Timestamp | None, last: pd.Timestamp) -> BookHistory:
    return book.where(np.asarray((book.sessions >= first) & (book.sessions <= last)))


def _counts(tables: Tables) -> np.ndarray:
    performance = tables["performance"]
    sessions = pd.DatetimeIndex(performance["session"])
    return clean_sessions(sessions, tables["ensemble_forecast"], tables["target_portfolio"])
