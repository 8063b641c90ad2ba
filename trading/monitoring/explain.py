"""From a fill back to the bars: why it happened, step by step, from the tables alone.

fill <- order <- target <- signal <- ensemble forecast <- each model's forecast <- features <- bars

A bar comes with its revisions and with what the checks of the data found of it.
Each step stands at the session in which it was made and shows only what was known then. Between two
optimisations the target keeps an older mix, so its signal and everything behind it is of that session.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from trading import calendar
from trading.errors import UsageError
from trading.interfaces import Store
from trading.plan import Plan

Value = str | int | float | bool | None
LAST = "last"
_DAILY = "1D"
_SHORTEST_PREFIX = 4
_MENTIONED = 3
_MOMENTS = {"open": "at the open of", "within": "in the course of", "close": "at the close of"}


@dataclass(frozen=True)
class Step:
    """One link of the chain.

    Attributes
    ----------
    table : where its values are
    session : at which it was made
    title : what it is, in words
    values : the row, ready for JSON
    because : the steps from which it follows
    """

    table: str
    session: str
    title: str
    values: Mapping[str, Value] = field(default_factory=dict)
    because: tuple[Step, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The step and all behind it as plain values."""
        own = {"table": self.table, "session": self.session, "title": self.title, "values": dict(self.values)}
        return own | {"because": [step.as_dict() for step in self.because]}


def find_fill(fills: pd.DataFrame, wanted: str) -> pd.Series:
    """The row of `fills` that a person means: an id, the start of one, `last`, or SYMBOL@SESSION.

    Raises
    ------
    UsageError
        If none or several fit; names the nearest.
    """
    if fills.empty:
        raise UsageError("this home has no fills yet; an order is filled at the open after its decision")
    if wanted == LAST:
        return fills.iloc[-1]
    if "@" in wanted:
        return _of_symbol(fills, *wanted.split("@", 1))
    exact = fills[(fills["fill_id"] == wanted).to_numpy()]
    found = exact if len(exact) else _starting_with(fills, wanted)
    if len(found) == 1:
        return found.iloc[0]
    ids = sorted(found["fill_id"]) or difflib.get_close_matches(
        wanted, list(fills["fill_id"]), _MENTIONED, 0.0
    )
    named = ", ".join(ids[:_MENTIONED])
    if len(found):
        raise UsageError(f"{len(found)} fills begin with {wanted!r}: {named}; type more of the one you mean")
    raise UsageError(f"there is no fill {wanted!r}; the nearest are {named} (or: last, SYMBOL@SESSION)")


def _starting_with(fills: pd.DataFrame, prefix: str) -> pd.DataFrame:
    return fills[fills["fill_id"].str.startswith(prefix).to_numpy() & (len(prefix) >= _SHORTEST_PREFIX)]


def _of_symbol(fills: pd.DataFrame, symbol: str, day: str) -> pd.Series:
    session = calendar.session_of(day)
    mine = fills[(fills["symbol"] == symbol).to_numpy()]
    if mine.empty:
        known = ", ".join(sorted(fills["symbol"].unique()))
        raise UsageError(f"no fill of {symbol!r}; there are fills of {known}")
    found = mine[(mine["session"] == session).to_numpy()]
    if found.empty:
        away = (mine["session"] - session).abs().to_numpy()
        near = mine.iloc[np.argsort(away, kind="stable")[:_MENTIONED]].sort_values("session")
        named = ", ".join(f"{symbol}@{s:%Y-%m-%d}" for s in near["session"])
        raise UsageError(f"no fill of {symbol} at {session:%Y-%m-%d}; the nearest are {named}")
    return found.iloc[-1]


def explain_fill(store: Store, plan: Plan, wanted: str, strategy: str | None = None) -> Step:
    """The whole chain behind a fill.

    Parameters
    ----------
    wanted : a fill's id, the start of one, `last`, or SYMBOL@SESSION
    strategy : whose fills `last` and SYMBOL@SESSION mean, where there are several; an id says it by itself

    Raises
    ------
    UsageError
        If no fill fits.
    """
    fills = store.read("fills")
    if strategy is not None and (wanted == LAST or "@" in wanted):
        fills = fills[(fills["strategy"] == strategy).to_numpy()]
    return _Chain(store, plan, find_fill(fills, wanted)).fill()


@dataclass(frozen=True)
class _Chain:
    """The steps behind one row of `fills`."""

    store: Store
    plan: Plan
    row: pd.Series

    @property
    def symbol(self) -> str:
        return str(self.row["symbol"])

    @property
    def decided(self) -> pd.Timestamp:
        return self.row["decision_session"]

    def rows(self, table: str, session: pd.Timestamp, **where: Any) -> pd.DataFrame:
        """Daily rows of a session as they were known when it decided, of this strategy where there are several."""
        timeframe = where.get("timeframe", _DAILY)
        found = self.store.read(table, session, session, as_of=calendar.as_of(session), timeframe=timeframe)
        if "strategy" in found:
            where = {"strategy": self.row["strategy"], **where}
        keep = np.ones(len(found), dtype=bool)
        for column, value in where.items():
            keep &= (found[column] == value).to_numpy()
        return found[keep]

    def fill(self) -> Step:
        session, side = self.row["session"], "bought" if self.row["quantity"] > 0 else "sold"
        title = f"{side} {abs(self.row['quantity'])} {self.symbol} {_MOMENTS[self.row['moment']]} {session:%Y-%m-%d}"
        values = _values(self.row, without=("session", "known_at"))
        return Step("fills", _day(session), title, values, (self.order(), *self.bookings()))

    def bookings(self) -> tuple[Step, ...]:
        booked = self.rows("ledger", self.row["session"], reference=self.row["fill_id"])
        return tuple(
            Step("ledger", _day(row["session"]), f"booked as {row['kind']}", _values(row, without=("session", "known_at")))
            for _, row in booked.iterrows()
        )  # fmt: skip

    def order(self) -> Step:
        ordered = self.rows("orders", self.decided, order_id=self.row["order_id"])
        waited = calendar.distance(self.decided, self.row["session"]) - 1
        late = f", carried over {waited} more sessions" if waited else ""
        kind = f" {ordered['kind'].iloc[0]}" if len(ordered) else ""
        title = f"ordered{kind} after the close of {self.decided:%Y-%m-%d}{late}"
        causes = (*self.life(), self.target())
        return Step("orders", _day(self.decided), title, _only(ordered), causes)

    def life(self) -> tuple[Step, ...]:
        """What became of the order in each session from its decision to the fill."""
        first = calendar.shift(self.decided, 1)
        rows = self.store.read(
            "orders", first, self.row["session"], as_of=calendar.as_of(self.row["session"])
        )
        mine = rows[(rows["order_id"] == self.row["order_id"]).to_numpy()]
        return tuple(
            Step("orders", _day(row["session"]), f"went on: {row['life']}", _values(row, without=("session", "known_at")))
            for _, row in mine.iterrows()
        )  # fmt: skip

    def target(self) -> Step:
        rows = self.rows("target_portfolio", self.decided, symbol=self.symbol)
        if rows.empty:
            return _absent("target_portfolio", self.decided)
        row = rows.iloc[0]
        solved = row["optimized_session"]
        kept = "" if solved == self.decided else f", of the mix solved at {solved:%Y-%m-%d}"
        title = f"wanted {row['target_weight']:.2%} of equity, held {row['current_weight']:.2%}{kept}"
        return Step(
            "target_portfolio", _day(self.decided), title, _only(rows),
            (self.simple("risk", self.decided, "what the drawdown allowed"),
             self.simple("regimes", self.decided, "the regime then"), self.signal(solved)),
        )  # fmt: skip

    def simple(self, table: str, session: pd.Timestamp, title: str, **where: object) -> Step:
        rows = self.rows(table, session, **where)
        return _absent(table, session) if rows.empty else Step(table, _day(session), title, _only(rows))

    def signal(self, session: pd.Timestamp) -> Step:
        rows = self.rows("signals", session, symbol=self.symbol)
        if rows.empty:
            return _absent("signals", session)
        row = rows.iloc[0]
        horizon, word = int(row["horizon"]), {1: "up", -1: "down", 0: "undecided"}[int(row["direction"])]
        title = f"signal {word}, probability {row['probability']:.1%}, over {horizon} sessions"
        causes = (*self.ensemble(session, horizon), *self.selection(session))
        return Step("signals", _day(session), title, _only(rows), causes)

    def selection(self, session: pd.Timestamp) -> tuple[Step, ...]:
        """What the regime asked for, where the settings let it tilt the signals."""
        makers = [stage for stage in self.plan.stages if stage.name == "signals"]
        if not any(read.table == "selection" for stage in makers for read in stage.reads):
            return ()
        title = "what the regime asked for, which is held without a forecast"
        return (self.simple("selection", session, title, symbol=self.symbol),)

    def ensemble(self, session: pd.Timestamp, horizon: int) -> tuple[Step, ...]:
        case = {"symbol": self.symbol, "horizon": horizon}
        forecast = self.rows("ensemble_forecast", session, **case)
        causes = (*self.models(session, horizon), self.features(session))
        title = "the models' quantiles, averaged by weight"
        said = Step("ensemble_forecast", _day(session), title, _only(forecast), causes)
        interval = self.simple("ensemble_intervals", session, "its calibrated interval", **case)
        skill = "its skill so far, which shrinks the forecast"
        return said, interval, self.simple("ensemble_skill", session, skill, horizon=horizon)

    def models(self, session: pd.Timestamp, horizon: int) -> tuple[Step, ...]:
        spoke = self.rows("forecasts", session, symbol=self.symbol, horizon=horizon)
        weights = self.rows("ensemble_weights", session).set_index("model")["weight"]
        return tuple(self.model(row, weights) for _, row in spoke.iterrows())

    def model(self, row: pd.Series, weights: pd.Series) -> Step:
        session, name, version = row["session"], str(row["model"]), str(row["version"])
        crowned = self.rows("champions", calendar.shift(session, -1), model=name, version=version)
        crowned = crowned if len(crowned) else self.rows("champions", session, model=name, version=version)
        trained = crowned["trained_through"].iloc[0] if len(crowned) else pd.NaT
        origin = "zero-shot" if pd.isna(trained) else f"trained through {trained:%Y-%m-%d}"
        mark = ", CONTAMINATED" if row["contaminated"] else ""
        title = f"{name} {version} ({origin}{mark}), weight {weights.get(name, float('nan')):.1%}"
        values = _values(row, without=("session", "known_at", "symbol", "timeframe", "ts"))
        values |= {"weight": _plain(weights.get(name)), "trained_through": _plain(trained)}
        return Step("forecasts", _day(session), title, values, (self.window(session, name),))

    def window(self, session: pd.Timestamp, model: str) -> Step:
        """How far a model's forecast reaches back, through its features to the bars."""
        depth = self._depth(f"forecast_{model}", "features")
        first = calendar.shift(session, -depth)
        oldest = calendar.shift(first, -self._depth("features", "bars"))
        title = f"looks at features from {first:%Y-%m-%d} on, and they at bars from {oldest:%Y-%m-%d} on"
        values: dict[str, Value] = {
            "sessions": depth + 1,
            "first_features": _day(first),
            "first_bars": _day(oldest),
        }
        return Step("features", _day(session), title, values)

    def features(self, session: pd.Timestamp) -> Step:
        rows = self.rows("features", session, symbol=self.symbol)
        title = "the newest features that the models saw"
        return Step("features", _day(session), title, _only(rows), (self.bars(session),))

    def bars(self, session: pd.Timestamp) -> Step:
        first = calendar.shift(session, -self._depth("features", "bars"))
        rows = self.rows("bars", session, symbol=self.symbol, timeframe="1D")
        known = f"as known at {calendar.as_of(session):%Y-%m-%d %H:%M} UTC"
        title = f"the newest of their bars, {first:%Y-%m-%d} to {session:%Y-%m-%d}, {known}"
        values = _only(rows, without=("session", "symbol", "timeframe"))
        return Step("bars", _day(session), title, values, (*self.revisions(session), *self.quality(session)))

    def revisions(self, session: pd.Timestamp) -> tuple[Step, ...]:
        """The bar as it was told before and after, oldest first; none where it was told once."""
        told = self.store.read("bars", session, session, revisions=True, timeframe=_DAILY, symbol=self.symbol)
        told = told.sort_values("known_at", kind="stable")
        if len(told) < 2:  # noqa: PLR2004 - one telling is no revision
            return ()
        decided = calendar.as_of(session)
        steps = []
        for _, row in told.iterrows():
            when = "known then" if row["known_at"] <= decided else "known only later, and not used"
            values = _values(row, without=("session", "symbol", "timeframe"))
            steps.append(
                Step("bars", _day(session), f"told at {row['known_at']:%Y-%m-%d %H:%M} UTC: {when}", values)
            )
        return tuple(steps)

    def quality(self, session: pd.Timestamp) -> tuple[Step, ...]:
        """What the checks of the data found of the bar: figures, oddities, and rows that were kept apart."""
        titles = {
            "data_quality": "what the checks counted", "findings": "found odd", "quarantine": "a row kept apart",
        }  # fmt: skip
        steps = []
        for table, title in titles.items():
            rows = self.store.read(table, session, session)
            mine = rows[(rows["symbol"] == self.symbol).to_numpy()]
            if "timeframe" in mine:
                mine = mine[mine["timeframe"].isin(("", _DAILY)).to_numpy()]
            steps += [
                Step(
                    table,
                    _day(session),
                    title,
                    _values(row, without=("session", "symbol", "timeframe", "ts")),
                )
                for _, row in mine.iterrows()
            ]
        return tuple(steps)

    def _depth(self, stage: str, table: str) -> int:
        """How far a stage looks back into daily rows of a table, by its declaration."""
        reads = self.plan.stage(stage).reads
        return max((read.depth for read in reads if read.name == table), default=0)


def _absent(table: str, session: pd.Timestamp) -> Step:
    return Step(table, _day(session), f"no row of {table} at {session:%Y-%m-%d}")


def _only(
    rows: pd.DataFrame,
    without: tuple[str, ...] = ("session", "known_at", "symbol", "timeframe", "ts", "strategy"),
) -> dict[str, Value]:
    return _values(rows.iloc[0], without) if len(rows) else {}


def _values(row: pd.Series, without: tuple[str, ...]) -> dict[str, Value]:
    return {str(name): _plain(value) for name, value in row.items() if name not in without}


def _plain(value: Any) -> Value:
    """A value as JSON has it; unknown ones as None."""
    if value is None or pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return _day(value) if value.tz is None else value.tz_convert("UTC").strftime("%Y-%m-%dT%H:%M:%SZ")
    return value.item() if isinstance(value, np.generic) else value


def _day(session: pd.Timestamp) -> str:
    return f"{session:%Y-%m-%d}"
