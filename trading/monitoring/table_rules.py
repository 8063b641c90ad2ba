"""What whole tables must keep: facts that a row alone cannot show, and findings with the rows that break them.

`bar_rules` judges single rows as they arrive; here are the rules about batches (completeness, one
price basis, share of quarantine) and about what the line made of them (blank features, drifting
coverage, broken limits, books that do not agree).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.special import bdtr

from trading import calendar, frames
from trading.monitoring.bar_rules import FIVE_MINUTES, ROUNDING
from trading.portfolio.mandates import ConvexOptimizer
from trading.portfolio.sizing import KellySizer
from trading.universe import SYMBOLS, groups, instrument

CASH, RECEIVABLE = "USD", "USD_RECEIVABLE"


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes
    ----------
    passed : whether the rule holds
    summary : one sentence for people
    facts : figures by name
    failures : the rows that break the rule; with a column `session` where one can be named
    """

    passed: bool
    summary: str
    facts: Mapping[str, float | str] = field(default_factory=dict)
    failures: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def bad_sessions(self) -> list[str]:
        """Sessions of the failures as YYYY-MM-DD, ascending."""
        if "session" not in self.failures:
            return []
        return [f"{session:%Y-%m-%d}" for session in sorted(self.failures["session"].unique())]


def with_bar_facts(bars: pd.DataFrame) -> pd.DataFrame:
    """`bars` with the columns against which a bar is compared.

    `known_after_seconds` counts from the bar's end, `usual_basis` is the most common price basis of
    its timeframe; `highest` and `lowest` allow for the last digit of a vendor's adjustment.
    """
    closes = pd.Series(
        calendar.as_of_each(pd.DatetimeIndex(bars["session"]), pd.Timedelta(0)), index=bars.index
    )
    five = bars["timeframe"].eq("5min")
    usual = bars.dropna(subset="basis").groupby("timeframe")["basis"].agg(lambda basis: basis.mode().iloc[0])
    ended = closes.where(~five, bars["ts"] + FIVE_MINUTES)
    return bars.assign(
        known_after_seconds=(bars["known_at"] - ended).dt.total_seconds(),
        usual_basis=bars["timeframe"].map(usual).astype("str"),
        highest=bars["high"] * (1 + ROUNDING),
        lowest=bars["low"] * (1 - ROUNDING),
    )


def with_action_facts(actions: pd.DataFrame, closes: pd.DataFrame | None = None) -> pd.DataFrame:
    """`actions` with `share_of_price`: a dividend over the newest close before its session, NaN if unknown.

    Parameters
    ----------
    actions : columns of `corporate_actions`
    closes : session, symbol, close
    """
    if closes is None or not len(closes):
        return actions.assign(share_of_price=np.nan)
    ordered = actions.sort_values("session", kind="stable")
    prices = closes[["session", "symbol", "close"]].sort_values("session", kind="stable")
    merged = pd.merge_asof(ordered, prices, on="session", by="symbol", allow_exact_matches=False)
    return merged.assign(share_of_price=merged["amount"] / merged["close"]).drop(columns="close")


def completeness(
    bars: pd.DataFrame, sessions: pd.DatetimeIndex | None = None, symbols: Sequence[str] = SYMBOLS
) -> pd.DataFrame:
    """How many of the `symbols` that were listed have a bar: one row a session and timeframe.

    Parameters
    ----------
    bars : columns of `bars`
    sessions : those that must be there; by default all from the first to the last of `bars`

    Returns
    -------
    session, timeframe, listed, present, completeness (1.0 where nothing was listed yet)
    """
    if sessions is None:
        sessions = calendar.sessions_between(bars["session"].min(), bars["session"].max())
    listed = np.sum([sessions >= pd.Timestamp(instrument(symbol).listed) for symbol in symbols], axis=0)
    stocks = bars[bars["symbol"].isin(list(symbols))]
    counted = stocks.groupby(["timeframe", "session"])["symbol"].nunique()
    parts = [
        pd.DataFrame(
            {
                "session": sessions,
                "timeframe": timeframe,
                "listed": listed,
                "present": counted.get(timeframe, default=pd.Series(dtype=int)).reindex(
                    sessions, fill_value=0
                ),
            }
        )
        for timeframe in bars["timeframe"].dropna().unique()
    ]
    table = pd.concat(parts, ignore_index=True) if parts else _no_sessions(sessions, listed)
    return table.assign(completeness=(table["present"] / table["listed"].replace(0, np.nan)).fillna(1.0))


def _no_sessions(sessions: pd.DatetimeIndex, listed: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"session": sessions, "timeframe": "", "listed": listed, "present": 0})


def graded(findings: pd.DataFrame) -> Finding:
    """Nothing that was found in the data is an error; what is less is counted by its rule.

    Parameters
    ----------
    findings : columns of `findings`
    """
    errors = findings[(findings["severity"] == "error").to_numpy()]
    counts = findings["severity"].value_counts()
    said = ", ".join(f"{counts.get(name, default=0)} {name}" for name in ("error", "warning", "info"))
    rules = findings["rule"].value_counts().sort_index()
    shown = ["session", "symbol", "timeframe", "rule", "detail"]
    return Finding(
        passed=not len(errors),
        summary=f"{len(findings)} findings: {said}",
        facts={str(rule): int(count) for rule, count in rules.items()},
        failures=errors[shown].reset_index(drop=True),
    )


def blank_columns(features: pd.DataFrame) -> Finding:
    """No feature is NaN for every stock in the newest session."""
    stocks = features[features["symbol"].isin(SYMBOLS).to_numpy()]
    newest = stocks[(stocks["session"] == stocks["session"].max()).to_numpy()]
    if not len(newest):
        return Finding(passed=False, summary="there are no features to look at")
    values = newest.drop(columns=list(frames.table_of("features").key)).select_dtypes("float64")
    blank = list(values.columns[values.isna().all()])
    session = newest["session"].iloc[0]
    summary = f"{len(values.columns) - len(blank)} of {len(values.columns)} features are known in {session:%Y-%m-%d}"
    return Finding(
        passed=not blank,
        summary=f"{summary}; blank: {', '.join(blank)}" if blank else summary,
        facts={"features": len(values.columns), "blank": len(blank)},
        failures=pd.DataFrame({"session": session, "feature": blank}),
    )


@dataclass(frozen=True)
class CoverageBand:
    """How far the share of intervals that held may lie from its promise before somebody should look.

    The symbols of one session move together, and so do overlapping horizons: a session counts as
    one observation, and h sessions of horizon h as one. The band is the central part of the
    binomial distribution with that count, so it is wide rather than quick.

    Attributes
    ----------
    target : share that is promised
    sessions : matured sessions that are looked at
    confidence : probability of the band if the promise holds
    """

    target: float = frames.LEVELS[-2] - frames.LEVELS[1]
    sessions: int = 60
    confidence: float = 0.99

    def limits(self, count: int) -> tuple[float, float]:
        """Lowest and highest share of `count` independent observations that raises no question.

        Examples
        --------
        >>> CoverageBand().limits(60)
        (0.6, 0.8833333333333333)
        """
        tail = (1 - self.confidence) / 2
        below = bdtr(np.arange(count + 1), count, self.target)
        low, high = (int(np.argmax(below >= level)) for level in (tail, 1 - tail))
        return low / count, high / count


def coverage_drift(intervals: pd.DataFrame, band: CoverageBand | None = None) -> Finding:
    """The share of matured intervals that held stays within its band, for every horizon.

    Parameters
    ----------
    intervals : columns session, timeframe, horizon, covered (NaN where nothing matured)
    """
    band = band or CoverageBand()
    matured = intervals[intervals["covered"].notna().to_numpy()]
    rows = [
        {"timeframe": key[0], "horizon": key[1], **_coverage(part, key[1], band)}
        for key, part in matured.groupby(["timeframe", "horizon"], sort=True)
    ]
    table = pd.DataFrame(rows, columns=["timeframe", "horizon", "sessions", "rate", "low", "high"])
    outside = table[((table["rate"] < table["low"]) | (table["rate"] > table["high"])).to_numpy()]
    said = ", ".join(f"horizon {row.horizon}: {row.rate:.3f}" for row in table.itertuples())
    return Finding(
        passed=not len(outside),
        summary=f"{band.target:.0%} promised; {said}" if len(table) else "no interval has matured yet",
        facts={f"rate_{row.timeframe}_{row.horizon}": float(row.rate) for row in table.itertuples()},
        failures=outside.reset_index(drop=True),
    )


def _coverage(part: pd.DataFrame, horizon: int, band: CoverageBand) -> dict[str, float]:
    daily = part.groupby("session", sort=True)["covered"].mean().tail(band.sessions)
    low, high = band.limits(max(1, len(daily) // horizon))
    return {"sessions": len(daily), "rate": float(daily.mean()), "low": low, "high": high}


def degraded_models(weights: pd.DataFrame) -> Finding:
    """No model degraded in these sessions: neither worse than the random walk beyond luck, nor worse than it was.

    Parameters
    ----------
    weights : rows of `ensemble_weights`
    """
    alarms = weights.loc[(weights["alarm"] != "").to_numpy(), ["session", "model", "alarm", "weight"]]
    named = ", ".join(
        f"{row.model} ({row.alarm}, {row.session:%Y-%m-%d})" for row in alarms.tail(3).itertuples()
    )
    return Finding(
        passed=alarms.empty,
        summary=f"{len(alarms)} alarms, the last {named}" if len(alarms) else "no model has degraded",
        facts={"alarms": len(alarms), "models": int(alarms["model"].nunique())},
        failures=alarms.sort_values("session", ascending=False, kind="stable").reset_index(drop=True),
    )


@dataclass(frozen=True)
class BookLimits:
    """Limits that every target portfolio keeps, with room for the last digit of a sum.

    Attributes
    ----------
    total, position, group : largest weight of the book, of one name, of one sub-industry group
    tolerance : below which an excess is arithmetic
    """

    total: float = 1.0
    position: float = KellySizer.position_limit
    group: float = ConvexOptimizer.group_cap
    tolerance: float = 1e-6


def broken_limits(targets: pd.DataFrame, limits: BookLimits | None = None) -> Finding:
    """No target portfolio exceeds a limit on the book, a name or a group."""
    limits = limits or BookLimits()
    by = ["session", "strategy"]
    weights = targets[[*by, "symbol", "target_weight"]].rename(columns={"target_weight": "weight"})
    grouped = weights.assign(symbol=weights["symbol"].map(groups()))
    parts = [
        _excess(weights.assign(symbol="all"), by, "book", limits.total),
        _excess(weights, by, "position", limits.position),
        _excess(grouped, by, "group", limits.group),
    ]
    table = pd.concat(parts, ignore_index=True)
    failures = table[(table["weight"] > table["limit"] + limits.tolerance).to_numpy()]
    count = len(targets[by].drop_duplicates())
    return Finding(
        passed=not len(failures),
        summary=f"{len(failures)} limits broken in {count} portfolios",
        facts={"portfolios": count, "broken": len(failures)}
        | {f"largest_{kind}": float(part["weight"].max()) for kind, part in table.groupby("limits")},
        failures=failures.reset_index(drop=True),
    )


def _excess(weights: pd.DataFrame, by: list[str], kind: str, limit: float) -> pd.DataFrame:
    sums = weights.groupby([*by, "symbol"], as_index=False)["weight"].sum()
    return sums.rename(columns={"symbol": "of"}).assign(limits=kind, limit=limit)


def unbalanced_accounts(ledger: pd.DataFrame, positions: pd.DataFrame) -> Finding:
    """The ledger projects to the positions, exactly: shares, cash and dividends owed.

    Parameters
    ----------
    ledger : every booking since the inception
    positions : sessions to look at
    """
    key = ["strategy", "session", "symbol"]
    held = positions[[*key, "quantity"]].rename(columns={"quantity": "held"})
    booked = _projected(ledger, positions)
    table = booked.merge(held, on=key, how="outer").fillna({"booked": 0, "held": 0})
    table = table.astype({"booked": "int64", "held": "int64"})
    failures = table[(table["booked"] != table["held"]).to_numpy()].sort_values(key, ignore_index=True)
    sessions = positions["session"].nunique()
    return Finding(
        passed=not len(failures),
        summary=f"{len(failures)} accounts differ between ledger and positions in {sessions} sessions",
        facts={"sessions": sessions, "accounts": len(table), "different": len(failures)},
        failures=failures,
    )


def _projected(ledger: pd.DataFrame, positions: pd.DataFrame) -> pd.DataFrame:
    """strategy, session, symbol, booked: what bookings add up to at each session of `positions`."""
    amounts = [("shares", None), ("cash_cents", CASH), ("receivable_cents", RECEIVABLE)]
    lines = pd.concat(
        [
            pd.DataFrame(
                {
                    "strategy": ledger["strategy"],
                    "session": ledger["session"],
                    "symbol": ledger["symbol"] if account is None else account,
                    "booked": ledger[column],
                }
            )
            for column, account in amounts
        ]
    )
    parts = [
        _running(lines[(lines["strategy"] == strategy).to_numpy()], mine["session"]).assign(strategy=strategy)
        for strategy, mine in positions.groupby("strategy", sort=True)
    ]
    columns = ["strategy", "session", "symbol", "booked"]
    return pd.concat(parts)[columns] if parts else lines.iloc[:0][columns]


def _running(lines: pd.DataFrame, sessions: pd.Series) -> pd.DataFrame:
    wide = lines.pivot_table(index="session", columns="symbol", values="booked", aggfunc="sum", fill_value=0)
    wanted = pd.DatetimeIndex(sessions.unique()).sort_values()
    total = wide.reindex(wide.index.union(wanted), fill_value=0).cumsum().reindex(wanted)
    total = total.rename_axis(index="session", columns="symbol").reset_index()
    return total.melt(id_vars="session", var_name="symbol", value_name="booked")
