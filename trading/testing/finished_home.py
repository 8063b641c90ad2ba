"""Tables of a home that has run, drawn at random but coherent: for whatever reads a home.

Returns are Gaussian, every forecast is the true distribution of one of three models' scale, and the
book holds equal parts and trades a little each session. Nothing here comes from the line itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtri

from trading import calendar, frames
from trading.digest import generator
from trading.frames import HORIZONS, LEVELS, QUANTILES, REGIMES
from trading.interfaces import Floats
from trading.signals.rules import SignalRules
from trading.stages.maturity import pinball
from trading.universe import SYMBOLS

MODELS = ("ar1", "random_walk", "timesfm")
STRATEGY = "swing"
DEPOSIT_CENTS = 100_000_000
_SCALES = {"ar1": 1.15, "random_walk": 1.0, "timesfm": 0.9}
_VOLATILITY = 0.02


@dataclass(frozen=True)
class Draws:
    """What everything else is made of.

    Attributes
    ----------
    sessions : (n,) traded sessions
    returns : (n, s) log returns of the symbols
    """

    sessions: pd.DatetimeIndex
    returns: Floats
    rng: np.random.Generator

    def realized(self, horizon: int) -> Floats:
        """(n, s) log return over the last `horizon` sessions, NaN before the first full one."""
        total = np.cumsum(np.vstack([np.zeros(len(SYMBOLS)), self.returns]), axis=0)
        out = np.full_like(self.returns, np.nan)
        out[horizon - 1 :] = total[horizon:] - total[:-horizon]
        return out


def finished_home(count: int = 40, first: str = "2024-01-02", seed: int = 7) -> dict[str, pd.DataFrame]:
    """Validated tables of `count` traded sessions from `first` on, by name."""
    start = calendar.session_of(first)
    sessions = calendar.sessions_between(start, calendar.shift(start, count - 1))
    rng = generator("finished_home", start, seed)
    draws = Draws(sessions, rng.normal(0.0, _VOLATILITY, (count, len(SYMBOLS))), rng)
    tables = _market(draws) | _forecasts(draws) | _ensemble(draws) | _regimes(draws) | _book(draws)
    tables |= _graph(draws)
    return {name: frames.validated(name, _completed(name, rows)) for name, rows in tables.items()}


def _completed(table: str, rows: pd.DataFrame) -> pd.DataFrame:
    """`rows` with the columns that were not given: 1D, True moments, else 0, False or empty."""
    dtypes = frames.table_of(table).dtypes
    rows = rows.assign(known_at=calendar.as_of_each(pd.DatetimeIndex(rows["session"])))
    if "timeframe" in dtypes and "ts" not in rows:
        rows = rows.assign(ts=calendar.open_each(pd.DatetimeIndex(rows["session"])))
    blank = {"str": "", "bool": False, "datetime64[us]": pd.NaT, "datetime64[us, UTC]": pd.NaT}
    given = {"timeframe": "1D", "strategy": STRATEGY}
    absent = {name: given.get(name, blank.get(kind, 0)) for name, kind in dtypes.items() if name not in rows}
    return rows.assign(**absent)[list(dtypes)].astype(dtypes)


def _laid_out(sessions: pd.DatetimeIndex, **axes: Sequence[object]) -> pd.DataFrame:
    """One row for each combination, the session slowest, the last axis fastest."""
    index = pd.MultiIndex.from_product([sessions, *axes.values()], names=["session", *axes])
    return index.to_frame(index=False)


def _market(draws: Draws) -> dict[str, pd.DataFrame]:
    rows = _laid_out(draws.sessions, symbol=SYMBOLS)
    close = 100 * np.exp(np.cumsum(draws.returns, axis=0)).ravel()
    opens = close * np.exp(draws.rng.normal(0, 0.003, len(close)))
    bars = rows.assign(
        ts=calendar.open_each(pd.DatetimeIndex(rows["session"])),
        open=opens, high=np.maximum(opens, close) * 1.01, low=np.minimum(opens, close) * 0.99,
        close=close, volume=1e6, basis="raw", source="example",
    )  # fmt: skip
    out = rows.head(2).assign(table="bars", reason="high below low", row="{}", source="example")
    return {
        "bars": bars,
        "features": rows.assign(
            log_return=draws.returns.ravel(), held_return=draws.returns.ravel(), volatility_21=_VOLATILITY
        ),
        "quarantine": out.assign(row=["{1}", "{2}"][: len(out)]),
    }


def _graph(draws: Draws) -> dict[str, pd.DataFrame]:
    """Every two names correlate by 0.35 to 0.95: a graph in which all are linked."""
    pairs = _laid_out(draws.sessions, symbol=SYMBOLS, neighbour=SYMBOLS)
    pairs = pairs[pairs["symbol"] != pairs["neighbour"]]
    heat = pd.Series(np.linspace(0.6, 0.97, len(SYMBOLS)), index=list(SYMBOLS))
    correlation = (pairs["symbol"].map(heat) * pairs["neighbour"].map(heat)).to_numpy(dtype=float)
    nodes = _laid_out(draws.sessions, symbol=SYMBOLS).assign(degree=len(SYMBOLS) - 1, community=SYMBOLS[0])
    return {
        "graph_edges": pairs.assign(correlation=correlation),
        "graph_nodes": nodes.assign(pagerank=1 / len(SYMBOLS), clustering=1.0),
        "graph_ahead": pairs.assign(expected_correlation=correlation, link_probability=0.9),
    }


def _quantiles(rows: pd.DataFrame, scale: Floats) -> pd.DataFrame:
    spread = _VOLATILITY * np.sqrt(rows["horizon"].to_numpy(dtype=float)) * scale
    return rows.assign(**{name: ndtri(level) * spread for name, level in zip(QUANTILES, LEVELS, strict=True)})


def _forecasts(draws: Draws) -> dict[str, pd.DataFrame]:
    rows = _laid_out(draws.sessions, model=MODELS, horizon=HORIZONS, symbol=SYMBOLS)
    said = _quantiles(rows, rows["model"].map(_SCALES).to_numpy(dtype=float))
    said = said.assign(version=said["model"] + "-v1", contaminated=False, fallback="")
    said = said.assign(lower=said["q125"], upper=said["q875"])
    losses, intervals = _matured(draws, said)
    each = {
        f"{frames.FORECAST_PREFIX}{m}": said[said["model"] == m].drop(columns=["lower", "upper"])
        for m in MODELS
    }
    return {
        **each,
        "forecasts": said,
        "version_losses": losses,
        "version_intervals": intervals,
        "champions": _champions(draws),
    }  # fmt: skip


def _champions(draws: Draws) -> pd.DataFrame:
    rows = _laid_out(draws.sessions, model=MODELS)
    trained = rows["model"].eq("ar1").map({True: pd.Timestamp("2023-12-29"), False: pd.NaT})
    duel = dict.fromkeys(
        ("log_evidence", "log_counter_evidence", "mean_difference", "mean_square", "mean_size"), 0.0
    )
    return rows.assign(
        version=rows["model"] + "-v1", role="champion", since=draws.sessions[0], trained_through=trained, reason="calendar",
        compared=0, **duel,
    )  # fmt: skip


def _outcomes(draws: Draws, said: pd.DataFrame) -> pd.DataFrame:
    """`said` of its matured session, with `realized` and `issued_session`; what is not due yet is left out."""
    place = draws.sessions.get_indexer(pd.DatetimeIndex(said["session"])) + said["horizon"].to_numpy()
    due = place < len(draws.sessions)
    rows, place = said[due], place[due]
    outcome = np.stack([draws.realized(h) for h in HORIZONS])
    ranks = rows["horizon"].map({h: k for k, h in enumerate(HORIZONS)}).to_numpy(dtype=np.int64)
    names = rows["symbol"].map({s: k for k, s in enumerate(SYMBOLS)}).to_numpy(dtype=np.int64)
    return rows.assign(
        issued_session=rows["session"], session=draws.sessions[place], realized=outcome[ranks, place, names]
    )


def _matured(draws: Draws, said: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    due = _outcomes(draws, said)
    realized, median = due["realized"], due["q500"]
    losses = due.assign(
        median=median,
        pinball=pinball(due[list(QUANTILES)].to_numpy(), realized.to_numpy()),
        absolute_error=(realized - median).abs(),
        score=np.maximum(due["q125"] - realized, realized - due["q875"]),
    )
    key = ["session", "model", "version", "horizon", "symbol"]
    held = due.assign(covered=((due["lower"] <= realized) & (realized <= due["upper"])).astype(float))
    issued = said[[*key, "lower", "upper"]].merge(held[[*key, "covered"]], on=key, how="left")
    return losses, issued.assign(miscoverage=0.25, status="calibrated")


def _ensemble(draws: Draws) -> dict[str, pd.DataFrame]:
    rows = _laid_out(draws.sessions, horizon=HORIZONS, symbol=SYMBOLS)
    said = _quantiles(rows, np.ones(len(rows))).assign(
        between_models=0.002,
        within_variance=4e-4,
        between_variance=4e-6,
        models=len(MODELS),
        contaminated=False,
    )
    bounds = said.assign(lower=said["q125"], upper=said["q875"])
    due = _outcomes(draws, bounds)
    held = due.assign(
        covered=((due["lower"] <= due["realized"]) & (due["realized"] <= due["upper"])).astype(float),
        matured_median=due["q500"], score=0.0,
    )  # fmt: skip
    key = ["session", "horizon", "symbol"]
    issued = bounds[[*key, "lower", "upper", "q500"]].rename(columns={"q500": "median"})
    met = held[[*key, "realized", "covered", "matured_median", "score"]]
    weights = _laid_out(draws.sessions, model=MODELS)
    share = draws.rng.dirichlet([30, 40, 50], len(draws.sessions)).ravel()
    skill = _laid_out(draws.sessions, horizon=HORIZONS).assign(skill=0.1, observations=100)
    return {
        "ensemble_forecast": said,
        "ensemble_intervals": issued.merge(met, on=key, how="left").assign(miscoverage=0.25, status="calibrated"),
        "ensemble_weights": weights.assign(weight=share, average_loss=1.0, score=0.0, observations=100, loss_score=0.0, evidence=0.0,
                                           alike_sessions=100, alarm="", probation=0),
        "ensemble_skill": skill,
    }  # fmt: skip


def _regimes(draws: Draws) -> dict[str, pd.DataFrame]:
    count = len(draws.sessions)
    chances = draws.rng.dirichlet(np.ones(len(REGIMES)), -(-count // 7)).repeat(7, axis=0)[:count]
    rows = pd.DataFrame(chances, columns=[f"p_{name.lower()}" for name in REGIMES])
    best = np.array(REGIMES, dtype=object)[chances.argmax(axis=1)]
    dwell = np.arange(count) % 7 + 1
    named = rows.assign(
        session=draws.sessions, regime=best, dwell=dwell, changed=(dwell == 1) & (np.arange(count) > 0)
    )
    return {"regimes": named.assign(multiplier=0.8, status="filtered")}


def _book(draws: Draws) -> dict[str, pd.DataFrame]:
    rows = _laid_out(draws.sessions, symbol=SYMBOLS)
    probability = np.clip(draws.rng.normal(0.52, 0.1, len(rows)), 0.01, 0.99)
    width = np.abs(draws.rng.normal(0.05, 0.02, len(rows)))
    signals = rows.assign(
        horizon=5, direction=np.sign(probability - 0.5).astype(int), probability=probability, expected_return=0.001,
        alpha=0.0001, lower=-width / 2, upper=width / 2, confidence=0.5, regime="Range",
        passes_filter=SignalRules().passes(probability, width), raw_probability=probability, timeframes="1D", tilt=1.0,
    )  # fmt: skip
    selection = rows.assign(
        regime="Range", momentum_rank=0.5, beta=1.2, volatility=0.3, centrality=0.3, criteria_score=0.5,
        dividend_yield=np.nan, w_bull=0.1, w_bear=0.1, w_volatile=0.1, w_range=0.1, wanted_weight=0.1,
        held_weight=0.1, one_way_turnover=0.002, defensive_sleeve="lowest_beta", beta_market="SPY",
    )  # fmt: skip
    weekly = pd.Series(draws.sessions[(np.arange(len(draws.sessions)) // 5) * 5], index=draws.sessions)
    target = rows.assign(
        cap=0.2, mix_weight=0.1, exposure=0.8, target_weight=0.08, current_weight=0.08,
        optimized_session=rows["session"].map(weekly), status="optimal", objective="maximum_sharpe", gap=1e-9,
        binding="position:NVDA, turnover", fallback="",
    )  # fmt: skip
    return {
        "signals": signals,
        "selection": selection,
        "target_portfolio": target,
        **_trades(draws),
        **_performance(draws),
    }


def _trades(draws: Draws) -> dict[str, pd.DataFrame]:
    """One share of one symbol is ordered each session and filled at the next open."""
    names = np.resize(np.array(SYMBOLS, dtype=object), len(draws.sessions))
    orders = pd.DataFrame({"session": draws.sessions, "symbol": names})
    orders = orders.assign(
        order_id=[f"o{s:%Y%m%d}{n}" for s, n in zip(draws.sessions, names, strict=True)],
        decision_session=draws.sessions, quantity=np.resize([10, -4], len(names)), reference_price=100.0,
        limit_price=np.nan, stop_price=np.nan, status="new", reason="rebalance", kind="on_open", life="new", filled=0,
    )  # fmt: skip
    filled = orders.iloc[:-1].assign(session=draws.sessions[1:])
    fills = filled.assign(
        fill_id="f" + filled["order_id"].str[1:], ts=calendar.open_each(draws.sessions[1:]), open_price=100.0,
        price=100.05, notional_cents=100_000, spread_cents=30, slippage_cents=20, commission_cents=100, impact_cents=0, fees_cents=0, moment="open",
    )  # fmt: skip
    return {"orders": orders, "fills": fills, "ledger": _bookings(draws, fills)}


def _bookings(draws: Draws, fills: pd.DataFrame) -> pd.DataFrame:
    deposit = pd.DataFrame(
        {"session": draws.sessions[:1], "kind": "deposit", "cash_cents": DEPOSIT_CENTS, "sequence": 0}
    )
    shares = fills[["session", "symbol"]].assign(
        kind="fill", shares=fills["quantity"], cash_cents=-fills["quantity"] * 10_005, reference=fills["fill_id"],
        sequence=range(1, 2 * len(fills), 2),
    )  # fmt: skip
    fees = shares.assign(kind="commission", shares=0, cash_cents=-100, sequence=shares["sequence"] + 1)
    joined = pd.concat([deposit, shares, fees], ignore_index=True)
    return joined.assign(shares=joined["shares"].fillna(0)).fillna({"symbol": "USD", "reference": ""})


def _performance(draws: Draws) -> dict[str, pd.DataFrame]:
    own = 0.8 * draws.returns.mean(axis=1) - 2e-5
    own[0] = 0.0
    equity = np.round(DEPOSIT_CENTS * np.exp(np.cumsum(own)))
    equal = np.where(np.arange(len(own)) > 0, np.log(np.expm1(draws.returns).mean(axis=1) + 1), 0.0)
    drawdown = 1 - equity / np.maximum.accumulate(equity)
    base = pd.DataFrame({"session": draws.sessions, "drawdown": drawdown})
    performance = base.assign(
        equity_cents=equity, cash_cents=np.round(0.2 * equity), log_return=own, gross_exposure=0.8, turnover=0.05,
        cost_cents=150, equal_weight_log_return=equal, equal_weight_equity=DEPOSIT_CENTS / 100 * np.exp(np.cumsum(equal)),
    )  # fmt: skip
    risk = base.assign(
        drawdown_state="normal", drawdown_multiplier=1.0, realized_volatility=0.14, value_at_risk_95=0.014
    )
    rows = _laid_out(draws.sessions, symbol=SYMBOLS)
    each = np.round(0.08 * equity).repeat(len(SYMBOLS))
    positions = rows.assign(quantity=np.maximum(each // 10_000, 1), close=100.0, value_cents=each)
    return {"performance": performance, "risk": risk, "positions": positions}
