"""Schemas of every table, declared once: pandera models, from which Arrow schemas derive.

Long frames. `session` is a naive midnight, every moment (`ts`, `known_at`) is aware UTC in
microseconds. Returns are log returns, weights are fractions of equity, money is USD (integer cents
where the column says `_cents`), costs carry `_bps`. `known_at` of a computed row is `as_of(session)`.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
from pandera.typing import Series

from trading.errors import SchemaError

Storage = Literal["recorded", "computed"]
Session = np.dtype("datetime64[us]")
Stamp = Annotated[pd.DatetimeTZDtype, "us", "UTC"]

HORIZONS: tuple[int, ...] = (1, 5, 20)
LEVELS: tuple[float, ...] = (0.05, 0.125, 0.25, 0.5, 0.75, 0.875, 0.95)
QUANTILES: tuple[str, ...] = ("q050", "q125", "q250", "q500", "q750", "q875", "q950")
TIMEFRAMES: tuple[str, ...] = ("5min", "1D", "1W")
BASES: tuple[str, ...] = ("raw", "split_adjusted", "fully_adjusted")
REGIMES: tuple[str, ...] = ("Bull", "Bear", "Volatile", "Range")


class Frame(pandera.DataFrameModel):
    """A table: its columns, its key, and where it is stored.

    `recorded` tables (what was observed or traded) live in SQL, `computed` ones in Delta.
    """

    key: ClassVar[tuple[str, ...]] = ("session", "symbol")
    storage: ClassVar[Storage] = "computed"

    session: Series[Session]
    known_at: Series[Stamp]

    class Config:
        """Nothing unknown, nothing missing, nothing converted in silence."""

        strict = True
        coerce = False


class Bars(Frame):
    """Market bars; a revision is a further row of the same key with its own `known_at`."""

    key: ClassVar = ("session", "timeframe", "ts", "symbol", "known_at")
    storage: ClassVar[Storage] = "recorded"

    ts: Series[Stamp]
    symbol: Series[str]
    timeframe: Series[str] = pandera.Field(isin=TIMEFRAMES)
    open: Series[float] = pandera.Field(gt=0)
    high: Series[float] = pandera.Field(gt=0)
    low: Series[float] = pandera.Field(gt=0)
    close: Series[float] = pandera.Field(gt=0)
    volume: Series[float] = pandera.Field(ge=0)
    basis: Series[str] = pandera.Field(isin=BASES)
    source: Series[str]


class CorporateActions(Frame):
    """Splits and dividends; `session` is the first session that trades without the entitlement.

    `ratio` is new shares per old share (1.0 for a dividend), `amount` USD per share held at the
    previous close (0.0 for a split).
    """

    key: ClassVar = ("session", "symbol", "kind", "known_at")
    storage: ClassVar[Storage] = "recorded"

    symbol: Series[str]
    kind: Series[str] = pandera.Field(isin=("split", "dividend"))
    ratio: Series[float] = pandera.Field(gt=0)
    amount: Series[float] = pandera.Field(ge=0)
    pay_session: Series[Session]
    source: Series[str]


class Quarantine(Frame):
    """Rows that were kept out of a table, with the reason and the original."""

    key: ClassVar = ("session", "table", "symbol", "reason", "row")
    storage: ClassVar[Storage] = "recorded"

    table: Series[str]
    symbol: Series[str]
    reason: Series[str]
    row: Series[str]
    source: Series[str]


class Features(Frame):
    """Daily features, free of price scale; NaN where a window is not full."""

    key: ClassVar = ("session", "timeframe", "symbol")

    symbol: Series[str]
    timeframe: Series[str] = pandera.Field(isin=TIMEFRAMES)
    log_return: Series[float] = pandera.Field(nullable=True)
    overnight_return: Series[float] = pandera.Field(nullable=True)
    volatility_21: Series[float] = pandera.Field(nullable=True, ge=0)
    volatility_63: Series[float] = pandera.Field(nullable=True, ge=0)
    rsi_14: Series[float] = pandera.Field(nullable=True, ge=0, le=100)
    adx_14: Series[float] = pandera.Field(nullable=True, ge=0, le=100)
    atr_14: Series[float] = pandera.Field(nullable=True, ge=0)
    momentum_21: Series[float] = pandera.Field(nullable=True)
    momentum_63: Series[float] = pandera.Field(nullable=True)
    momentum_252: Series[float] = pandera.Field(nullable=True)
    bollinger_20: Series[float] = pandera.Field(nullable=True)
    volume_ratio_21: Series[float] = pandera.Field(nullable=True)
    log_volume_zscore_63: Series[float] = pandera.Field(nullable=True)


class VersionForecasts(Frame):
    """One row set per live model version: quantiles of the cumulative log return over `horizon` sessions."""

    key: ClassVar = ("session", "timeframe", "model", "version", "horizon", "symbol")

    symbol: Series[str]
    timeframe: Series[str] = pandera.Field(isin=TIMEFRAMES)
    model: Series[str]
    version: Series[str]
    horizon: Series[np.int64] = pandera.Field(gt=0)
    q050: Series[float]
    q125: Series[float]
    q250: Series[float]
    q500: Series[float]
    q750: Series[float]
    q875: Series[float]
    q950: Series[float]
    contaminated: Series[bool]


class VersionLosses(Frame):
    """Forecasts that matured at `session`, with what happened.

    `pinball` is the mean pinball loss over the fixed levels, `score` the conformity score
    max(q125 - realized, realized - q875), `hit` whether the median had the sign of the return.
    """

    key: ClassVar = ("session", "timeframe", "model", "version", "horizon", "symbol")

    symbol: Series[str]
    timeframe: Series[str] = pandera.Field(isin=TIMEFRAMES)
    model: Series[str]
    version: Series[str]
    horizon: Series[np.int64] = pandera.Field(gt=0)
    issued_session: Series[Session]
    realized: Series[float]
    median: Series[float]
    pinball: Series[float] = pandera.Field(ge=0)
    absolute_error: Series[float] = pandera.Field(ge=0)
    score: Series[float]
    hit: Series[bool]
    contaminated: Series[bool]


class VersionIntervals(Frame):
    """Calibrated intervals of each version; NaN and `warming_up` while there are too few scores.

    `miscoverage` is the adaptive level in force, `covered` whether the interval that matured at
    `session` held (NaN if none matured).
    """

    key: ClassVar = ("session", "timeframe", "model", "version", "horizon", "symbol")

    symbol: Series[str]
    timeframe: Series[str] = pandera.Field(isin=TIMEFRAMES)
    model: Series[str]
    version: Series[str]
    horizon: Series[np.int64] = pandera.Field(gt=0)
    lower: Series[float] = pandera.Field(nullable=True)
    upper: Series[float] = pandera.Field(nullable=True)
    miscoverage: Series[float] = pandera.Field(ge=0, le=1)
    covered: Series[float] = pandera.Field(nullable=True)
    status: Series[str] = pandera.Field(isin=("calibrated", "warming_up"))


class Champions(Frame):
    """Who was champion and who challenged at each session: the truth that MLflow's aliases mirror."""

    key: ClassVar = ("session", "model", "version")
    storage: ClassVar[Storage] = "recorded"

    model: Series[str]
    version: Series[str]
    role: Series[str] = pandera.Field(isin=("champion", "challenger"))
    since: Series[Session]
    trained_through: Series[Session] = pandera.Field(nullable=True)
    reason: Series[str]


class Forecasts(VersionForecasts):
    """The champions' forecasts with their intervals: a selection, one version a model."""

    key: ClassVar = ("session", "timeframe", "model", "horizon", "symbol")

    lower: Series[float] = pandera.Field(nullable=True)
    upper: Series[float] = pandera.Field(nullable=True)


class EnsembleWeights(Frame):
    """Weight of each model on the simplex, from its exponentially averaged loss."""

    key: ClassVar = ("session", "timeframe", "model")

    timeframe: Series[str] = pandera.Field(isin=TIMEFRAMES)
    model: Series[str]
    average_loss: Series[float] = pandera.Field(nullable=True, ge=0)
    weight: Series[float] = pandera.Field(ge=0, le=1)
    observations: Series[np.int64] = pandera.Field(ge=0)


class EnsembleForecast(Frame):
    """The weighted quantile average (Vincentization) of the champions' forecasts."""

    key: ClassVar = ("session", "timeframe", "horizon", "symbol")

    symbol: Series[str]
    timeframe: Series[str] = pandera.Field(isin=TIMEFRAMES)
    horizon: Series[np.int64] = pandera.Field(gt=0)
    q050: Series[float]
    q125: Series[float]
    q250: Series[float]
    q500: Series[float]
    q750: Series[float]
    q875: Series[float]
    q950: Series[float]
    between_models: Series[float] = pandera.Field(ge=0)
    models: Series[np.int64] = pandera.Field(gt=0)
    contaminated: Series[bool]


class EnsembleIntervals(Frame):
    """The ensemble's own calibrated interval, and the forecast that matured at `session`."""

    key: ClassVar = ("session", "timeframe", "horizon", "symbol")

    symbol: Series[str]
    timeframe: Series[str] = pandera.Field(isin=TIMEFRAMES)
    horizon: Series[np.int64] = pandera.Field(gt=0)
    median: Series[float]
    lower: Series[float] = pandera.Field(nullable=True)
    upper: Series[float] = pandera.Field(nullable=True)
    miscoverage: Series[float] = pandera.Field(ge=0, le=1)
    matured_median: Series[float] = pandera.Field(nullable=True)
    realized: Series[float] = pandera.Field(nullable=True)
    score: Series[float] = pandera.Field(nullable=True)
    covered: Series[float] = pandera.Field(nullable=True)
    status: Series[str] = pandera.Field(isin=("calibrated", "warming_up"))


class EnsembleSkill(Frame):
    """Point-in-time skill of the ensemble's median: the slope of realized on forecast, clipped to [0, 1]."""

    key: ClassVar = ("session", "timeframe", "horizon")

    timeframe: Series[str] = pandera.Field(isin=TIMEFRAMES)
    horizon: Series[np.int64] = pandera.Field(gt=0)
    average_product: Series[float]
    average_square: Series[float] = pandera.Field(ge=0)
    observations: Series[np.int64] = pandera.Field(ge=0)
    skill: Series[float] = pandera.Field(ge=0, le=1)


class Regimes(Frame):
    """Filtered probability of each market regime, never smoothed."""

    key: ClassVar = ("session", "timeframe")

    timeframe: Series[str] = pandera.Field(isin=TIMEFRAMES)
    regime: Series[str] = pandera.Field(isin=REGIMES)
    p_bull: Series[float] = pandera.Field(ge=0, le=1)
    p_bear: Series[float] = pandera.Field(ge=0, le=1)
    p_volatile: Series[float] = pandera.Field(ge=0, le=1)
    p_range: Series[float] = pandera.Field(ge=0, le=1)
    multiplier: Series[float] = pandera.Field(ge=0, le=1)


class RegimeModels(Frame):
    """Parameters of the hidden Markov model in force, one row a regime (arrays as JSON, exact)."""

    key: ClassVar = ("session", "timeframe", "regime")

    timeframe: Series[str] = pandera.Field(isin=TIMEFRAMES)
    regime: Series[str] = pandera.Field(isin=REGIMES)
    fitted_session: Series[Session]
    start: Series[float] = pandera.Field(ge=0, le=1)
    transition: Series[str]
    mean: Series[str]
    covariance: Series[str]


class Signals(Frame):
    """What the strategy believes of each symbol at `session`.

    `alpha` is the forecast's mean log return over `horizon` shrunk by the measured skill;
    `passes_filter` counts the roadmap's gates and binds only with `filter = "roadmap"`.
    """

    key: ClassVar = ("session", "strategy", "symbol")

    symbol: Series[str]
    strategy: Series[str]
    timeframe: Series[str] = pandera.Field(isin=TIMEFRAMES)
    horizon: Series[np.int64] = pandera.Field(gt=0)
    direction: Series[np.int64] = pandera.Field(isin=(-1, 0, 1))
    probability: Series[float] = pandera.Field(ge=0, le=1)
    expected_return: Series[float]
    alpha: Series[float]
    lower: Series[float] = pandera.Field(nullable=True)
    upper: Series[float] = pandera.Field(nullable=True)
    confidence: Series[float] = pandera.Field(ge=0, le=1)
    regime: Series[str] = pandera.Field(isin=REGIMES)
    passes_filter: Series[bool]


class Orders(Frame):
    """Orders decided at `as_of(session)` for the next open, and what became of older ones.

    Quantities are signed whole shares. `status`: `pending` goes to the next open; `carried` met no
    tradable open and waits; `expired` waited too long; `split_adjusted` is the status of a carried
    order whose quantity a split changed.
    """

    key: ClassVar = ("session", "strategy", "order_id")
    storage: ClassVar[Storage] = "recorded"

    strategy: Series[str]
    order_id: Series[str]
    symbol: Series[str]
    decision_session: Series[Session]
    quantity: Series[np.int64]
    reference_price: Series[float] = pandera.Field(gt=0)
    limit_price: Series[float] = pandera.Field(nullable=True)
    status: Series[str] = pandera.Field(isin=("pending", "carried", "expired"))
    sessions_waited: Series[np.int64] = pandera.Field(ge=0)
    reason: Series[str]


class Fills(Frame):
    """Executions at the open of `session` of orders decided earlier. Quantities are signed."""

    key: ClassVar = ("session", "strategy", "fill_id")
    storage: ClassVar[Storage] = "recorded"

    strategy: Series[str]
    fill_id: Series[str]
    order_id: Series[str]
    symbol: Series[str]
    decision_session: Series[Session]
    ts: Series[Stamp]
    quantity: Series[np.int64]
    open_price: Series[float] = pandera.Field(gt=0)
    price: Series[float] = pandera.Field(gt=0)
    notional_cents: Series[np.int64] = pandera.Field(ge=0)
    spread_cents: Series[np.int64] = pandera.Field(ge=0)
    slippage_cents: Series[np.int64] = pandera.Field(ge=0)
    commission_cents: Series[np.int64] = pandera.Field(ge=0)


class Ledger(Frame):
    """Every booking of cash or shares, in integer cents; positions and equity are its projections."""

    key: ClassVar = ("session", "strategy", "sequence")
    storage: ClassVar[Storage] = "recorded"

    strategy: Series[str]
    sequence: Series[np.int64] = pandera.Field(ge=0)
    kind: Series[str] = pandera.Field(
        isin=("deposit", "split", "cash_in_lieu", "dividend_accrued", "dividend_paid", "fill", "commission")
    )
    symbol: Series[str]
    shares: Series[np.int64]
    cash_cents: Series[np.int64]
    receivable_cents: Series[np.int64]
    reference: Series[str]


class Positions(Frame):
    """Shares at the close of `session`, valued at the close; cash and receivables are rows of their own.

    The cash row has symbol `USD`, the dividends owed `USD_RECEIVABLE`; both have quantity in cents.
    """

    key: ClassVar = ("session", "strategy", "symbol")
    storage: ClassVar[Storage] = "recorded"

    strategy: Series[str]
    symbol: Series[str]
    quantity: Series[np.int64]
    close: Series[float] = pandera.Field(gt=0)
    value_cents: Series[np.int64]
    stale_sessions: Series[np.int64] = pandera.Field(ge=0)


class Performance(Frame):
    """Equity at the close of `session`, beside equal weight of the same names."""

    key: ClassVar = ("session", "strategy")
    storage: ClassVar[Storage] = "recorded"

    strategy: Series[str]
    equity_cents: Series[np.int64]
    cash_cents: Series[np.int64]
    log_return: Series[float]
    drawdown: Series[float] = pandera.Field(ge=0, le=1)
    gross_exposure: Series[float] = pandera.Field(ge=0)
    turnover: Series[float] = pandera.Field(ge=0)
    cost_cents: Series[np.int64] = pandera.Field(ge=0)
    equal_weight_log_return: Series[float]
    equal_weight_equity: Series[float] = pandera.Field(gt=0)


class Risk(Frame):
    """What the risk overlay allows after the close of `session`."""

    key: ClassVar = ("session", "strategy")
    storage: ClassVar[Storage] = "recorded"

    strategy: Series[str]
    drawdown: Series[float] = pandera.Field(ge=0, le=1)
    drawdown_state: Series[str] = pandera.Field(isin=("normal", "soft", "hard"))
    drawdown_multiplier: Series[float] = pandera.Field(ge=0, le=1)
    realized_volatility: Series[float] = pandera.Field(nullable=True, ge=0)
    value_at_risk_95: Series[float] = pandera.Field(nullable=True, ge=0)
    reason: Series[str]


class TargetPortfolio(Frame):
    """Weights that the book should have: the optimised mix, the overlay's exposure, the target.

    `certificate` columns repeat the solution's proof on every row of the session.
    """

    key: ClassVar = ("session", "strategy", "symbol")
    storage: ClassVar[Storage] = "recorded"

    strategy: Series[str]
    symbol: Series[str]
    cap: Series[float] = pandera.Field(ge=0, le=1)
    mix_weight: Series[float] = pandera.Field(ge=0, le=1)
    exposure: Series[float] = pandera.Field(ge=0, le=1)
    target_weight: Series[float] = pandera.Field(ge=0, le=1)
    current_weight: Series[float]
    optimized_session: Series[Session]
    status: Series[str]
    objective: Series[str]
    gap: Series[float] = pandera.Field(nullable=True)
    binding: Series[str]
    fallback: Series[str]


_TABLES: dict[str, type[Frame]] = {
    "bars": Bars,
    "corporate_actions": CorporateActions,
    "quarantine": Quarantine,
    "features": Features,
    "version_losses": VersionLosses,
    "version_intervals": VersionIntervals,
    "champions": Champions,
    "forecasts": Forecasts,
    "ensemble_weights": EnsembleWeights,
    "ensemble_forecast": EnsembleForecast,
    "ensemble_intervals": EnsembleIntervals,
    "ensemble_skill": EnsembleSkill,
    "regimes": Regimes,
    "regime_models": RegimeModels,
    "signals": Signals,
    "orders": Orders,
    "fills": Fills,
    "ledger": Ledger,
    "positions": Positions,
    "performance": Performance,
    "risk": Risk,
    "target_portfolio": TargetPortfolio,
}
FORECAST_PREFIX = "forecast_"


def schema(table: str) -> type[Frame]:
    """The schema of `table`; every `forecast_<model>` shares one.

    Raises
    ------
    SchemaError
        If there is no such table.
    """
    if table.startswith(FORECAST_PREFIX):
        return VersionForecasts
    try:
        return _TABLES[table]
    except KeyError:
        raise SchemaError(f"there is no table {table!r}; the tables are {', '.join(_TABLES)}") from None


def columns(table: str) -> list[str]:
    """Column names of `table`: the key first, then the rest as declared."""
    model = schema(table)
    names = list(model.to_schema().columns)
    return [*model.key, *(name for name in names if name not in model.key)]


def arrow_schema(table: str) -> pa.Schema:
    """Arrow types of `table` (microseconds, UTC; sessions without a zone)."""
    fields = schema(table).to_schema().columns
    return pa.schema([pa.field(name, _arrow_type(fields[name].dtype)) for name in columns(table)])


def _arrow_type(dtype: object) -> pa.DataType:
    text = str(dtype)
    if text.startswith("datetime64[us,"):
        return pa.timestamp("us", tz="UTC")
    if text.startswith("datetime64"):
        return pa.timestamp("us")
    known = {"float64": pa.float64(), "int64": pa.int64(), "bool": pa.bool_(), "str": pa.string()}
    return known[text]


def empty(table: str) -> pd.DataFrame:
    """A frame of `table` with its types and no rows."""
    return arrow_schema(table).empty_table().to_pandas(types_mapper=_string_mapper).reset_index(drop=True)


def _string_mapper(kind: pa.DataType) -> pd.StringDtype | None:
    return pd.StringDtype(na_value=np.nan) if pa.types.is_string(kind) else None


def validated(table: str, frame: pd.DataFrame) -> pd.DataFrame:
    """`frame` with its columns in order, sorted by key, checked against the schema of `table`.

    Raises
    ------
    SchemaError
        Naming table, column, check and the first offending rows; also if a key repeats.
    """
    model = schema(table)
    try:
        model.validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as error:
        raise SchemaError(_explain(table, frame, error)) from None
    ordered = frame[columns(table)].sort_values(list(model.key), kind="stable", ignore_index=True)
    repeated = ordered.duplicated(subset=list(model.key))
    if repeated.any():
        row = ordered.loc[repeated, list(model.key)].iloc[0].to_dict()
        raise SchemaError(f"table {table}: {int(repeated.sum())} rows repeat a key, the first is {row}")
    return ordered


def _explain(table: str, frame: pd.DataFrame, error: pandera.errors.SchemaErrors) -> str:
    cases = error.failure_cases
    first = cases.iloc[0]
    where = ""
    if pd.notna(first.get("index")) and "symbol" in frame and "session" in frame:
        row = frame.loc[first["index"]]
        where = f" at symbol {row['symbol']}, session {row['session']:%Y-%m-%d}"
    column = first.get("column") or ""
    return f"table {table}: column {column!s} fails {first['check']} with {first['failure_case']!r}{where} ({len(cases)} failures)"
