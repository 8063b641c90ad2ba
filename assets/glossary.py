"""What each column means, with its unit, for the schema that the UI shows beside a table."""

from __future__ import annotations

from trading import frames

_KEYS = {
    "session": "Trading day of XNYS that the row belongs to.",
    "known_at": "Moment (UTC) at which the row was known; nothing decided earlier may use it.",
    "ts": "Start of the bar (UTC); it is known at its end.",
    "symbol": "Ticker.",
    "timeframe": "Length of the bars that it is made of: 5min, 1D or 1W.",
    "strategy": "The strategy that owns the row.",
    "model": "Name of the forecasting model.",
    "version": "Digest of code, configuration, seed, training data and end of training of the model version.",
    "horizon": "Sessions ahead that the forecast spans.",
    "source": "Where the row came from.",
}
_MARKET = {
    "open": "First price, USD.",
    "high": "Highest price, USD.",
    "low": "Lowest price, USD.",
    "close": "Last price, USD.",
    "volume": "Shares traded.",
    "basis": "Price basis: raw, split_adjusted or fully_adjusted; never mixed in a window.",
    "ratio": "New shares for each old one; 1 for a dividend.",
    "amount": "USD per share held at the previous close; 0 for a split.",
    "pay_session": "Session on which the cash arrives.",
    "table": "The table that the row was kept out of.",
    "row": "The row as it arrived, as JSON.",
}
_FEATURES = {
    "log_return": "Log of close over the previous session's close.",
    "held_return": "Log return since the symbol's last bar, over a gap too: what a holder made.",
    "overnight_return": "Log of open over the previous session's close.",
    "volatility_21": "Standard deviation of the last 21 log returns, of a year.",
    "volatility_63": "Standard deviation of the last 63 log returns, of a year.",
    "rsi_14": "Wilder's relative strength index over 14 bars, 0 to 100.",
    "adx_14": "Wilder's average directional index over 14 bars, 0 to 100.",
    "atr_14": "Wilder's average true range over 14 bars, a fraction of the close.",
    "momentum_21": "Log of close over the close 21 bars before.",
    "momentum_63": "Log of close over the close 63 bars before.",
    "momentum_252": "Log of close over the close 252 bars before.",
    "bollinger_20": "Distance of the close from its 20-bar mean, in units of two standard deviations.",
    "volume_ratio_21": "Volume over its 21-bar mean.",
    "log_volume_zscore_63": "Log volume, standardised over 63 bars.",
}
_LEVELS = dict(zip(frames.QUANTILES, frames.LEVELS, strict=True))
_FORECASTS = {
    **{name: f"Quantile {level:g} of the cumulative log return." for name, level in _LEVELS.items()},
    "contaminated": "Whether pretrained weights may have seen this session; left out of every comparison.",
    "issued_session": "Session in which the matured forecast was made.",
    "realized": "Cumulative log return that came true.",
    "median": "Median of the forecast.",
    "pinball": "Mean pinball loss over the quantiles, in log return.",
    "absolute_error": "Distance of the median from what came true, in log return.",
    "score": "Conformity score max(q125 - realized, realized - q875): positive where it missed.",
    "lower": "Lower end of the calibrated interval, a log return; empty while warming up.",
    "upper": "Upper end of the calibrated interval, a log return; empty while warming up.",
    "miscoverage": "Adaptive level in force: the share of misses that the next interval aims at.",
    "covered": "1 if the interval that matured today held, 0 if not, empty if none matured.",
    "matured_median": "Median of the forecast that matured today.",
    "role": "champion speaks, challenger only competes.",
    "since": "First session of the version in this role.",
    "trained_through": "Last session that the training saw; empty for a zero-shot model.",
}
_ENSEMBLE = {
    "average_loss": "Exponentially averaged loss relative to the mean over the models: 1 is the average model.",
    "weight": "Share of the model in the ensemble; the shares sum to 1.",
    "observations": "Sessions in the average.",
    "between_models": "Weighted standard deviation of the models' medians: how far they disagree.",
    "models": "How many models spoke.",
    "average_product": "Average of forecast times what came true.",
    "average_square": "Average of the squared forecast.",
    "average_realized_square": "Average of what came true, squared.",
    "skill": "Shrunk slope of what came true on the forecast, 0 to 1: what alpha is scaled by.",
}
_REGIMES = {
    "regime": "Bull, Bear, Volatile or Range.",
    "p_bull": "Filtered probability of Bull.",
    "p_bear": "Filtered probability of Bear.",
    "p_volatile": "Filtered probability of Volatile.",
    "p_range": "Filtered probability of Range.",
    "multiplier": "Part of the volatility target that the regimes allow, smoothed, 0 to 1.",
    "fitted_session": "Session of the fit in force.",
    "start": "Probability of the regime before the first observation.",
    "transition": "Probabilities of the next regime, as JSON.",
    "mean": "Mean of the standardised features in the regime, as JSON.",
    "covariance": "Covariance of the standardised features in the regime, as JSON.",
    "center": "What is subtracted from each raw feature, as JSON.",
    "scale": "What each raw feature is divided by, as JSON.",
}
_SIGNALS = {
    "direction": "1 up, -1 down, 0 undecided.",
    "probability": "Probability of a positive return over the horizon.",
    "expected_return": "Mean of the forecast, a log return over the horizon.",
    "alpha": "Expected return shrunk by the measured skill.",
    "confidence": "Probability of the direction, scaled down for a wide interval.",
    "passes_filter": "Whether the roadmap's gates would let it through; counted, binding only by setting.",
}
_BOOK = {
    "order_id": "Names the order; the same order twice is one order.",
    "fill_id": "Names the fill; `fabline explain` takes it.",
    "decision_session": "Session at whose close it was decided.",
    "quantity": "Whole shares, negative to sell.",
    "reference_price": "Close on which the decision rests, USD.",
    "limit_price": "Worst price allowed, USD; empty without a limit.",
    "sessions_waited": "Opens that the order has waited for.",
    "open_price": "Open of the session, USD.",
    "price": "Price paid or received, USD.",
    "notional_cents": "Shares times price, cents.",
    "spread_cents": "Cost of half the spread, cents.",
    "slippage_cents": "Cost of moving the price, cents.",
    "commission_cents": "Commission, cents.",
    "sequence": "Place of the booking within the session.",
    "kind": "What was booked: deposit, fill, commission, split, dividend and the like.",
    "shares": "Change of the shares held.",
    "cash_cents": "Cash, cents.",
    "receivable_cents": "Change of the dividends owed, cents.",
    "reference": "The fill or action behind the booking.",
    "ex_session": "First session that trades without the dividend.",
    "amount_cents": "Dividend owed, cents.",
    "value_cents": "Value at the close, cents.",
    "stale_sessions": "Sessions since the last bar that the value rests on.",
    "equity_cents": "Everything owned at the close, cents.",
    "drawdown": "Fall of equity below its highest, a fraction.",
    "gross_exposure": "Value of all shares, a fraction of equity.",
    "turnover": "Traded value, a fraction of the previous equity.",
    "cost_cents": "Spread, slippage and commission paid, cents.",
    "equal_weight_log_return": "Log return of equal weight of the same names, without costs.",
    "equal_weight_equity": "What the same deposit in equal parts of the same names would be worth, USD.",
}
_DECISION = {
    "drawdown_state": "normal, soft (scaled down) or hard (flat).",
    "drawdown_multiplier": "Part of the book that the drawdown limits allow, 0 to 1.",
    "realized_volatility": "Standard deviation of the book's own log returns, of a year.",
    "value_at_risk_95": "Loss of one session that 95 % of sessions stay below, a fraction of equity.",
    "cap": "Largest weight allowed to the symbol.",
    "mix_weight": "Weight in the optimised mix, before the overlay.",
    "exposure": "Part of the mix that the overlay lets the book hold, 0 to 1.",
    "target_weight": "Weight that the book should have, a fraction of equity.",
    "current_weight": "Weight at the close, a fraction of equity.",
    "optimized_session": "Session of the last optimisation.",
    "objective": "What was optimised.",
    "gap": "Duality gap of the solution: how far from proven best.",
    "binding": "Constraints that bind.",
    "fallback": "Fallback that was used; empty if none.",
}
MEANINGS = {
    **_KEYS, **_MARKET, **_FEATURES, **_FORECASTS, **_ENSEMBLE, **_REGIMES, **_SIGNALS, **_BOOK, **_DECISION,
    "status": "What became of it, in a word.",
    "reason": "Why.",
}  # fmt: skip
_OF_TABLE = {
    ("corporate_actions", "session"): "First session that trades without the entitlement.",
    ("corporate_actions", "kind"): "split or dividend.",
    ("ledger", "cash_cents"): "Change of cash, cents.",
    ("positions", "symbol"): "Ticker; USD is cash, USD_RECEIVABLE the dividends owed.",
    ("positions", "quantity"): "Shares at the close; cents in the two rows of money.",
    ("orders", "status"): "pending goes to the next open, carried waits for one, expired is over.",
    ("performance", "log_return"): "Log return of the strategy's equity.",
    ("version_losses", "session"): "Session in which the forecast matured.",
    ("target_portfolio", "status"): "The solver's word on its solution.",
    ("version_intervals", "status"): "calibrated, or warming_up while there are too few scores.",
    ("ensemble_intervals", "status"): "calibrated, or warming_up while there are too few scores.",
    ("regimes", "status"): "filtered: all features known; partial: some; carried: none, the belief moved on.",
    ("quarantine", "reason"): "The rule that the row broke.",
}


def meaning(table: str, column: str) -> str:
    """What `column` of `table` holds, in one sentence."""
    return _OF_TABLE.get((table, column)) or MEANINGS[column]
