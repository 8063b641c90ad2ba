"""Raw prices of the simulated market, session by session: gaps, splits, dividends and earnings jumps.

Letters of the shapes: t sessions since the market's start, s traded instruments.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from trading.digest import generator
from trading.interfaces import Floats
from trading.testing import market_model as model
from trading.testing.market_model import Indices, Instruments, MarketOptions, Shocks
from trading.testing.market_walk import DIVIDEND_NOTICE, Walk
from trading.universe import SYMBOLS, instrument

EARNINGS_JUMP = 0.055  # standard deviation of the gap after an announcement
LARGEST_GAP = 0.4
VOLUME_MEMORY, VOLUME_SPREAD, VOLUME_RESPONSE = 0.9, 0.12, 0.3
VIX_PREMIUM, VIX_NOISE, VIX_RANGE = 1.30, 0.03, (9.0, 95.0)


@dataclass(frozen=True)
class Paths:
    """The whole market from its start, in raw prices.

    Attributes
    ----------
    sessions : (t,); regimes : (t,) index into `frames.REGIMES`; listed : (t, s) True from the listing on
    open, high, low, close, volume : (t, s) USD in cents steps, whole shares
    ratio, dividend : (t, s) new shares per old (1.0), USD per old share (0.0), at the first session without
    split_notice, dividend_notice : (t, s) session index of the announcement, -1 where there is none
    surprise : (t, stocks) announced after the close, NaN where there is none
    vix : (t, 4) open, high, low, close
    """

    sessions: pd.DatetimeIndex
    regimes: Indices
    listed: np.ndarray[tuple[int, int], np.dtype[np.bool_]]
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    ratio: Floats
    dividend: Floats
    split_notice: Indices
    dividend_notice: Indices
    surprise: Floats
    vix: Floats


def simulate(options: MarketOptions, count: int | None = None) -> Paths:
    """The market's first `count` sessions (all up to the calendar's end by default)."""
    sessions = model.market_sessions(options.start, count)
    facts = model.instruments()
    regimes = model.regime_path(options.seed, len(sessions))
    shocks = model.shocks(options.seed, regimes)
    surprise, jump = _earnings(options.seed, sessions)
    first = _listing_index(sessions)
    walk = Walk(options.planted_strength, facts, _dividend_calendar(sessions), first, len(sessions))
    gap, day = _moves(options, facts, regimes, shocks, jump)
    sigma = _volatility(shocks, facts)
    for t in range(len(sessions)):
        walk.step(t, gap[t], day[t], sigma[t])
    listed = np.arange(len(sessions))[:, None] >= first
    surprise[~listed[:, : len(SYMBOLS)]] = np.nan
    bars = _rounded(options.seed, walk, sigma * np.sqrt(1 - model.OVERNIGHT_SHARE))
    return Paths(
        sessions=sessions,
        regimes=regimes,
        listed=listed,
        **bars,
        volume=_volume(options.seed, walk),
        ratio=walk.ratio,
        dividend=walk.dividend,
        split_notice=walk.split_notice,
        dividend_notice=walk.dividend_notice,
        surprise=surprise,
        vix=_vix(options.seed, shocks.outlook),
    )


def _moves(
    options: MarketOptions, facts: Instruments, regimes: Indices, shocks: Shocks, jump: Floats
) -> tuple[Floats, Floats]:
    """Simple returns (t, s) from close to open and from open to close, before the planted signal."""
    gap = model.exposed(shocks.overnight * shocks.scale, facts.loadings)
    gap[:, : len(SYMBOLS)] += jump
    premium = options.risk_premium / model.ANNUAL_SESSIONS * facts.beta
    gap = np.clip(gap, -LARGEST_GAP, LARGEST_GAP) + premium
    day = np.clip(model.exposed(shocks.intraday * shocks.scale, facts.loadings), -LARGEST_GAP, LARGEST_GAP)
    drift = options.regime_drift * model.YEARLY_DRIFT[regimes] / model.ANNUAL_SESSIONS
    return gap, day + drift[:, None] * facts.beta


def _volatility(shocks: Shocks, facts: Instruments) -> Floats:
    """(t, s) standard deviation of a session's return given the past and the regime, without earnings."""
    return np.sqrt(model.exposed(shocks.scale**2, facts.loadings**2 / np.sqrt(model.ANNUAL_SESSIONS)))


def _listing_index(sessions: pd.DatetimeIndex) -> Indices:
    listings = [pd.Timestamp(instrument(symbol).listed) for symbol in model.TRADED]
    return np.searchsorted(sessions, pd.DatetimeIndex(listings).as_unit("us")).astype(np.int64)


def _earnings(seed: int, sessions: pd.DatetimeIndex) -> tuple[Floats, Floats]:
    """Surprises (t, stocks) at the session of the announcement, and jumps of the next session's gap."""
    shape = (len(sessions), len(SYMBOLS))
    surprise, jump = np.full(shape, np.nan), np.zeros(shape)
    starts = model.quarter_starts(sessions)
    source = generator("market/earnings", seed=seed)
    for start in starts:
        where = start + 15 + 2 * np.arange(len(SYMBOLS)) + source.integers(0, 4, len(SYMBOLS))
        size, noise = source.standard_normal((2, len(SYMBOLS)))
        for stock in np.flatnonzero(where < len(sessions)):
            surprise[where[stock], stock] = round(0.06 * size[stock] + 0.04 * noise[stock], 4)
        for stock in np.flatnonzero(where + 1 < len(sessions)):
            jump[where[stock] + 1, stock] = EARNINGS_JUMP * size[stock]
    return surprise, jump


def _dividend_calendar(sessions: pd.DatetimeIndex) -> dict[int, list[tuple[int, int]]]:
    """(instrument, session without the dividend) for each session on which a dividend is announced."""
    yields = model.instruments().dividend_yield
    due: dict[int, list[tuple[int, int]]] = {}
    for start in model.quarter_starts(sessions):
        for place in np.flatnonzero(yields > 0):
            without = int(start) + 40 + int(place)
            if without < len(sessions):
                due.setdefault(without - DIVIDEND_NOTICE, []).append((int(place), without))
    return due


def _rounded(seed: int, walk: Walk, sigma: Floats) -> dict[str, Floats]:
    """Bars (t, s) in cents; the extremes are those of a Brownian bridge from open to close.

    The maximum of a bridge from 0 to x with variance v is (x + sqrt(x² - 2 v ln U)) / 2 for a
    uniform U (Glasserman, Monte Carlo Methods in Financial Engineering, section 6.4).
    """
    uniform = 1.0 - generator("market/range", seed=seed).random((*walk.open.shape, 2))
    move = np.log(walk.close / walk.open)
    reach = np.sqrt(move[..., None] ** 2 - 2 * sigma[..., None] ** 2 * np.log(uniform))
    opened, closed = np.round(walk.open, 2), np.round(walk.close, 2)
    top = np.round(walk.open * np.exp((move + reach[..., 0]) / 2), 2)
    bottom = np.round(walk.open * np.exp((move - reach[..., 1]) / 2), 2)
    high = np.maximum(top, np.maximum(opened, closed))
    low = np.minimum(bottom, np.minimum(opened, closed))
    return {"open": opened, "high": high, "low": low, "close": closed}


def _volume(seed: int, walk: Walk) -> Floats:
    """Whole shares (t, s): a slow wave, more on sessions of large moves, multiplied by past splits."""
    noise = generator("market/volume", seed=seed).standard_normal(walk.shock.shape) * VOLUME_SPREAD
    for t in range(1, len(noise)):
        noise[t] += VOLUME_MEMORY * noise[t - 1]
    level = walk.facts.volume * np.cumprod(walk.ratio, axis=0)
    return np.round(level * np.exp(noise + VOLUME_RESPONSE * (np.minimum(np.abs(walk.shock), 4.0) - 0.8)))


def _vix(seed: int, outlook: Floats) -> Floats:
    """(t, 4) open, high, low, close in points, from the variance of the market expected at the close."""
    noise = generator("market/vix", seed=seed).standard_normal((len(outlook), 4)) * VIX_NOISE
    close = 100 * model.MARKET_VOLATILITY * np.sqrt(outlook) * VIX_PREMIUM * np.exp(noise[:, 3])
    close = np.clip(close, *VIX_RANGE)
    before = np.concatenate([close[:1], close[:-1]])
    opened = before**0.7 * close**0.3 * np.exp(noise[:, 0])
    high = np.maximum(opened, close) * np.exp(np.abs(noise[:, 1]))
    low = np.minimum(opened, close) * np.exp(-np.abs(noise[:, 2]))
    return np.round(np.stack([opened, high, low, close], axis=1), 2)
