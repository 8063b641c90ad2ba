"""Schemas of every table, declared once: pandera models, from which Arrow schemas derive.

Long frames. `session` is a naive midnight, every moment (`ts`, `known_at`) is aware UTC in
microseconds. Returns are log returns, weights are fractions of equity, money is USD (integer cents
where the column says `_cents`), costs carry `_bps`. `known_at` of a computed row is `as_of(session)`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

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


# pandera forgets the unit of a naive datetime and the storage of a string: these are what frames hold.
_PANDAS = {"datetime64[ns]": "datetime64[us]", "string[pyarrow]": "str", "string[python]": "str"}


@dataclass(frozen=True)
class Table:
    """What a table is: its columns, its key, and where it is stored.

    `recorded` tables (what was observed or traded) live in SQL, `computed` ones in Delta.
    A `sparse` table may have no rows in a session that was made; any other must have some.
    """

    name: str
    model: type[Frame]
    key: tuple[str, ...]
    storage: Storage
    sparse: bool

    @functools.cached_property
    def dtypes(self) -> dict[str, str]:
        """Type of each column, the key first, then the rest as declared."""
        fields = self.model.to_schema().columns
        declared = {name: _PANDAS.get(str(field.dtype), str(field.dtype)) for name, field in fields.items()}
        return {name: declared[name] for name in (*self.key, *(n for n in declared if n not in self.key))}


class Frame(pandera.DataFrameModel):
    """Columns that every table has."""

    session: Series[Session]
    known_at: Series[Stamp]

    class Config:
        """Nothing unknown, nothing missing, nothing converted in silence."""

        strict = True
        coerce = False


_TABLES: dict[str, Table] = {}
FORECAST_PREFIX = "forecast_"


def table(
    name: str, *, key: tuple[str, ...], storage: Storage = "computed", sparse: bool = False
) -> Callable[[type[Frame]], type[Frame]]:
    """Register a schema as the table `name`."""

    def register(model: type[Frame]) -> type[Frame]:
        _TABLES[name] = Table(name, model, key, storage, sparse)
        return model

    return register


@table("bars", key=("session", "timeframe", "ts", "symbol", "known_at"), storage="recorded")
class Bars(Frame):
    """Market bars; a revision is a further row of the same key with its own `known_at`."""

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


@table("corporate_actions", key=("session", "symbol", "kind", "known_at"), storage="recorded", sparse=True)
class CorporateActions(Frame):
    """Splits and dividends; `session` is the first session that trades without the entitlement.

    `ratio` is new shares per old share (1.0 for a dividend), `amount` USD per share held at the
    previous close (0.0 for a split).
    """

    symbol: Series[str]
    kind: Series[str] = pandera.Field(isin=("split", "dividend"))
    ratio: Series[float] = pandera.Field(gt=0)
    amount: Series[float] = pandera.Field(ge=0)
    pay_session: Series[Session]
    source: Series[str]


@table("quarantine", key=("session", "table", "symbol", "reason", "row"), storage="recorded", sparse=True)
class Quarantine(Frame):
    """Rows that were kept out of a table, with the reason and the original."""

    table: Series[str]
    symbol: Series[str]
    reason: Series[str]
    row: Series[str]
    source: Series[str]


@table("features", key=("session", "timeframe", "symbol"))
class Features(Frame):
    """Daily features, free of price scale; NaN where a window is not full."""

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


@table("forecast_<model>", key=("session", "timeframe", "model", "version", "horizon", "symbol"))
class VersionForecasts(Frame):
    """One row set per live model version: quantiles of the cumulative log return over `horizon` sessions."""

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


@table("version_losses", key=("session", "timeframe", "model", "version", "horizon", "symbol"), sparse=True)
class VersionLosses(Frame):
    """Forecasts that matured at `session`, with what happened.

    `pinball` is the mean pinball loss over the fixed levels, `score` the conformity score
    max(q125 - realized, realized - q875), `hit` whether the median had the sign of the return.
    """

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


@table("version_intervals", key=("session", "timeframe", "model", "version", "horizon", "symbol"))
class VersionIntervals(Frame):
    """Calibrated intervals of each version; NaN and `warming_up` while there are too few scores.

    `miscoverage` is the adaptive level in force, `covered` whether the interval that matured at
    `session` held (NaN if none matured).
    """

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


@table("champions", key=("session", "model", "version"), storage="recorded")
class Champions(Frame):
    """Who was champion and who challenged at each session: the truth that MLflow's aliases mirror."""

    model: Series[str]
    version: Series[str]
    role: Series[str] = pandera.Field(isin=("champion", "challenger"))
    since: Series[Session]
    trained_through: Series[Session] = pandera.Field(nullable=True)
    reason: Series[str]


@table("forecasts", key=("session", "timeframe", "model", "horizon", "symbol"))
class Forecasts(VersionForecasts):
    """The champions' forecasts with their intervals: a selection, one version a model."""

    lower: Series[float] = pandera.Field(nullable=True)
    upper: Series[float] = pandera.Field(nullable=True)


@table("ensemble_weights", key=("session", "timeframe", "model"))
class EnsembleWeights(Frame):
    """Weight of each model on the simplex, from its exponentially averaged loss.

    `average_loss` is relative to the session's mean over the models: 1 is the average model.
    """

    timeframe: Series[str] = pandera.Field(isin=TIMEFRAMES)
    model: Series[str]
    average_loss: Series[float] = pandera.Field(nullable=True, ge=0)
    weight: Series[float] = pandera.Field(ge=0, le=1)
    observations: Series[np.int64] = pandera.Field(ge=0)


@table("ensemble_forecast", key=("session", "timeframe", "horizon", "symbol"))
class EnsembleForecast(Frame):
    """The weighted quantile average (Vincentization) of the champions' forecasts."""

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


@table("ensemble_intervals", key=("session", "timeframe", "horizon", "symbol"))
class EnsembleIntervals(Frame):
    """The ensemble's own calibrated interval, and the forecast that matured at `session`."""

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


@table("ensemble_skill", key=("session", "timeframe", "horizon"))
class EnsembleSkill(Frame):
    """Point-in-time skill of the ensemble's median: the shrunk slope of realized on forecast, in [0, 1]."""

    timeframe: Series[str] = pandera.Field(isin=TIMEFRAMES)
    horizon: Series[np.int64] = pandera.Field(gt=0)
    average_product: Series[float]
    average_square: Series[float] = pandera.Field(ge=0)
    average_realized_square: Series[float] = pandera.Field(ge=0)
    observations: Series[np.int64] = pandera.Field(ge=0)
    skill: Series[float] = pandera.Field(ge=0, le=1)


@table("regimes", key=("session", "timeframe"))
class Regimes(Frame):
    """Filtered probability of each market regime, never smoothed.

    `status` says what the session told: `filtered` all market features were known, `partial` some
    (the others were marginalised out), `carried` none (the last belief, moved on by the transitions).
    """

    timeframe: Series[str] = pandera.Field(isin=TIMEFRAMES)
    regime: Series[str] = pandera.Field(isin=REGIMES)
    p_bull: Series[float] = pandera.Field(ge=0, le=1)
    p_bear: Series[float] = pandera.Field(ge=0, le=1)
    p_volatile: Series[float] = pandera.Field(ge=0, le=1)
    p_range: Series[float] = pandera.Field(ge=0, le=1)
    multiplier: Series[float] = pandera.Field(ge=0, le=1)
    status: Series[str] = pandera.Field(isin=("filtered", "partial", "carried"))


@table("regime_models", key=("session", "timeframe", "regime"))
class RegimeModels(Frame):
    """Parameters of the hidden Markov model in force, one row a regime (arrays as JSON, exact).

    `center` and `scale` standardise the market features; they repeat on every row of the session.
    """

    timeframe: Series[str] = pandera.Field(isin=TIMEFRAMES)
    regime: Series[str] = pandera.Field(isin=REGIMES)
    fitted_session: Series[Session]
    start: Series[float] = pandera.Field(ge=0, le=1)
    transition: Series[str]
    mean: Series[str]
    covariance: Series[str]
    center: Series[str]
    scale: Series[str]


@table("signals", key=("session", "strategy", "symbol"))
class Signals(Frame):
    """What the strategy believes of each symbol at `session`.

    `alpha` is the forecast's mean log return over `horizon` shrunk by the measured skill;
    `passes_filter` counts the roadmap's gates and binds only with `filter = "roadmap"`.
    """

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


@table("orders", key=("session", "strategy", "order_id"), storage="recorded", sparse=True)
class Orders(Frame):
    """Orders decided at `as_of(session)` for the next open, and what became of older ones.

    Quantities are signed whole shares. `status`: `pending` goes to the next open; `carried` met no
    tradable open and waits; `expired` is over: it waited too long, was cut or was withdrawn, and
    `reason` says which. A filled order is in `fills` alone.
    """

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


@table("fills", key=("session", "strategy", "fill_id"), storage="recorded", sparse=True)
class Fills(Frame):
    """Executions at the open of `session` of orders decided earlier. Quantities are signed."""

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


@table("ledger", key=("session", "strategy", "sequence"), storage="recorded", sparse=True)
class Ledger(Frame):
    """Every booking of cash or shares, in integer cents; positions and equity are its projections."""

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


@table("receivables", key=("session", "strategy", "symbol", "ex_session"), storage="recorded", sparse=True)
class Receivables(Frame):
    """Dividends owed at the close of `session` and not yet paid; their sum is `USD_RECEIVABLE`."""

    strategy: Series[str]
    symbol: Series[str]
    ex_session: Series[Session]
    pay_session: Series[Session]
    amount_cents: Series[np.int64] = pandera.Field(gt=0)


@table("positions", key=("session", "strategy", "symbol"), storage="recorded")
class Positions(Frame):
    """Shares at the close of `session`, valued at the close; cash and receivables are rows of their own.

    The cash row has symbol `USD`, the dividends owed `USD_RECEIVABLE`; both have quantity in cents.
    """

    strategy: Series[str]
    symbol: Series[str]
    quantity: Series[np.int64]
    close: Series[float] = pandera.Field(gt=0)
    value_cents: Series[np.int64]
    stale_sessions: Series[np.int64] = pandera.Field(ge=0)


@table("performance", key=("session", "strategy"), storage="recorded")
class Performance(Frame):
    """Equity at the close of `session`, beside equal weight of the same names."""

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


@table("risk", key=("session", "strategy"), storage="recorded")
class Risk(Frame):
    """What the risk overlay allows after the close of `session`."""

    strategy: Series[str]
    drawdown: Series[float] = pandera.Field(ge=0, le=1)
    drawdown_state: Series[str] = pandera.Field(isin=("normal", "soft", "hard"))
    drawdown_multiplier: Series[float] = pandera.Field(ge=0, le=1)
    realized_volatility: Series[float] = pandera.Field(nullable=True, ge=0)
    value_at_risk_95: Series[float] = pandera.Field(nullable=True, ge=0)
    reason: Series[str]


@table("target_portfolio", key=("session", "strategy", "symbol"), storage="recorded")
class TargetPortfolio(Frame):
    """Weights that the book should have: the optimised mix, the overlay's exposure, the target.

    `certificate` columns repeat the solution's proof on every row of the session.
    """

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


def table_of(name: str) -> Table:
    """The declaration of table `name`; every `forecast_<model>` shares one.

    Raises
    ------
    SchemaError
        If there is no such table.
    """
    shared = "forecast_<model>" if name.startswith(FORECAST_PREFIX) else name
    try:
        return _TABLES[shared]
    except KeyError:
        raise SchemaError(f"there is no table {name!r}; the tables are {', '.join(_TABLES)}") from None


def names(storage: Storage) -> tuple[str, ...]:
    """Tables that are stored so, in the order of their declaration; `forecast_<model>` stands for many."""
    return tuple(name for name, declared in _TABLES.items() if declared.storage == storage)


def columns(name: str) -> list[str]:
    """Column names of a table: the key first, then the rest as declared."""
    return list(table_of(name).dtypes)


def arrow_schema(name: str) -> pa.Schema:
    """Arrow types of a table (microseconds, UTC; sessions without a zone)."""
    return pa.schema([pa.field(column, _ARROW[dtype]) for column, dtype in table_of(name).dtypes.items()])


_ARROW: dict[str, pa.DataType] = {
    "datetime64[us]": pa.timestamp("us"),
    "datetime64[us, UTC]": pa.timestamp("us", tz="UTC"),
    "float64": pa.float64(),
    "int64": pa.int64(),
    "bool": pa.bool_(),
    "str": pa.string(),
}


def empty(name: str) -> pd.DataFrame:
    """A frame of a table with its types and no rows."""
    return pd.DataFrame({column: pd.Series(dtype=dtype) for column, dtype in table_of(name).dtypes.items()})


def validated(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """`frame` with its columns in order, sorted by key, checked against the schema of table `name`.

    Raises
    ------
    SchemaError
        Naming table, column, check and the first offending row; also if a key repeats.
    """
    declared = table_of(name)
    _check_types(declared, frame)
    try:
        declared.model.validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as error:
        raise SchemaError(_explain(name, frame, error)) from None
    ordered = frame[columns(name)].sort_values(list(declared.key), kind="stable", ignore_index=True)
    repeated = ordered.duplicated(subset=list(declared.key))
    if repeated.any():
        row = ordered.loc[repeated, list(declared.key)].iloc[0].to_dict()
        raise SchemaError(f"table {name}: {int(repeated.sum())} rows repeat a key, the first is {row}")
    return ordered


def _check_types(declared: Table, frame: pd.DataFrame) -> None:
    missing = [column for column in declared.dtypes if column not in frame]
    if missing:
        raise SchemaError(f"table {declared.name}: the columns {missing} are missing")
    for column, dtype in declared.dtypes.items():
        if str(frame[column].dtype) != dtype:
            raise SchemaError(f"table {declared.name}: column {column} is {frame[column].dtype}, not {dtype}")


def _explain(name: str, frame: pd.DataFrame, error: pandera.errors.SchemaErrors) -> str:
    cases = error.failure_cases
    first = cases.iloc[0]
    column, check, value = (first.get(part) for part in ("column", "check", "failure_case"))
    row = frame.loc[first["index"]] if pd.notna(first.get("index")) else None
    where = "" if row is None else f" (symbol {row.get('symbol', '-')}, session {row['session']:%Y-%m-%d})"
    return f"table {name}: column {column} fails {check} with {value!r}{where}; {len(cases)} failures in all"
