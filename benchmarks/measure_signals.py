"""What signals and selection are worth on ten real names, 2015 to June 2025: calibration, gates, return, turnover.

    python benchmarks/measure_signals.py --folder DIR [--picture FILE]

The line (random walk, AR(1), ridge) is made once and kept in DIR; dividends come from a file that was
derived from adjusted closes, and from the listed ones after it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from pipelines.in_memory import run_in_memory
from pipelines.settings import Settings
from trading import calendar, frames
from trading.evaluation.held_weights import HeldWeights, held_weights
from trading.evaluation.reliability import brier, reliability_table
from trading.evaluation.resampling import paired_figures
from trading.evaluation.uncertainty import Estimate, mean_estimate
from trading.frames import HORIZONS, QUANTILES, REGIMES
from trading.line import Request, make_range
from trading.plan import Plan
from trading.signals.calibration import CalibrationRules
from trading.signals.coordination import View
from trading.signals.expansion import PEER_GROUPS, expansion
from trading.signals.rules import SignalRules
from trading.signals.selection import SelectionRules
from trading.stages.selection import selection_stage
from trading.stages.stage import Inputs, Moment, Outputs, Stage
from trading.testing.memory_store import MemoryStore
from trading.testing.stage_rows import CalendarBook
from trading.universe import SYMBOLS, groups

SHARED = Path(__file__).parents[2] / "shared" / "data"
FIRST, LAST = calendar.session_of("2015-01-02"), calendar.session_of("2025-06-30")
NEEDED = ("bars", "features", "graph_nodes", "regimes", "ensemble_forecast", "ensemble_intervals")
HALF_ROUND_TRIP_BPS = 5.0
NAMES = list(SYMBOLS)
Tables = dict[str, pd.DataFrame]


def prepared(folder: Path) -> Tables:
    """The tables of the line that signals and selection read, made once."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {name: folder / f"{name}.parquet" for name in NEEDED}
    if not all(path.exists() for path in paths.values()):
        settings = Settings().with_value("models", "random_walk,ar1,ridge").with_value("source.name", "files")
        settings = settings.with_value("source.data", str(SHARED)).with_value(
            "source.basis", "fully_adjusted"
        )
        store = run_in_memory(settings, FIRST, LAST)
        for name, path in paths.items():
            store.read(name).to_parquet(path)
    return {name: _typed(name, pd.read_parquet(path)) for name, path in paths.items()}


def _typed(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    return frames.validated(name, frame.astype(frames.table_of(name).dtypes))


def dividends(closes: pd.DataFrame) -> pd.DataFrame:
    """Corporate actions whose amount over the adjusted close is the dividend's yield; of two in a week the first."""
    derived = pd.read_parquet(SHARED / "events" / "derived_dividends_2000_2024.parquet")
    listed = pd.read_parquet(SHARED / "daily" / "raw_with_actions.parquet").query("div_cash > 0")
    rows = pd.concat(
        [
            pd.DataFrame(
                {
                    "symbol": part["symbol"],
                    "session": pd.to_datetime(part[day]),
                    "part": part[amount] / part["close"],
                }
            )
            for part, day, amount in (
                (derived, "ex_date", "div_per_share_split_adjusted"),
                (listed, "session", "div_cash"),
            )
        ]
    )
    rows = rows[rows["symbol"].isin(NAMES)].sort_values(["symbol", "session"])
    rows = rows[~(rows.groupby("symbol")["session"].diff().dt.days < 8)]
    long = closes.reset_index().melt(id_vars="session", var_name="symbol", value_name="close").dropna()
    rows = rows.merge(long, on=["symbol", "session"])
    rows["session"] = rows["session"].astype("datetime64[us]")
    known = calendar.as_of_each(pd.DatetimeIndex(rows["session"])) - pd.Timedelta(days=1)
    rows = rows.assign(
        amount=rows["part"] * rows["close"],
        kind="dividend",
        ratio=1.0,
        pay_session=rows["session"],
        source="derived",
        known_at=known,
    )
    return _typed("corporate_actions", rows[list(frames.table_of("corporate_actions").dtypes)])


def wide(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    """(n, s) a column by session and symbol."""
    return frame.pivot_table(index="session", columns="symbol", values=column, dropna=False).reindex(
        columns=NAMES
    )


def outcomes(tables: Tables, horizon: int, sessions: pd.Index) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(n, s) the return that had matured at each session, and the one that came after it."""
    returns = wide(tables["features"], "log_return").rolling(horizon, min_periods=horizon).sum()
    return returns.reindex(sessions), returns.shift(-horizon).reindex(sessions)


def happened(returns: pd.DataFrame) -> np.ndarray:
    """(n, s) 1 where the return is positive, 0 where not, NaN where unknown."""
    return np.where(returns.notna(), (returns > 0).astype(float), np.nan)


def shown(estimate: Estimate, digits: int = 4) -> str:
    """An estimate with its interval."""
    return f"{estimate.value:.{digits}f} [{estimate.low:.{digits}f}, {estimate.high:.{digits}f}]"


def calibration(tables: Tables, picture: Path | None) -> Iterator[str]:
    """Brier scores by horizon and recalibration, and the table of reliability of what is traded on."""
    yield "| horizon | recalibration | n | Brier | reliability | resolution | base rate's | gain on none |"
    yield "|---|---|---|---|---|---|---|---|"
    for horizon in HORIZONS:
        rows = tables["ensemble_forecast"].query("horizon == @horizon")
        said = rows.assign(p=View.of("1D", rows[list(QUANTILES)].to_numpy(), horizon).probability)
        given = said.pivot_table(index="session", columns="symbol", values="p").reindex(columns=NAMES)
        matured, ahead = outcomes(tables, horizon, given.index)
        plain: pd.Series | None = None
        for method in ("none", "platt", "beta", "isotonic"):
            rules = CalibrationRules(method)
            cases = cases_of(recalibrated(given, matured, rules, horizon), ahead)
            squared = ((cases["probability"] - cases["happened"]) ** 2).groupby(cases["session"]).mean()
            plain = squared if plain is None else plain
            score, gain = brier(cases, horizon), mean_estimate((plain - squared).to_numpy(), horizon)
            yield (
                f"| {horizon} | {method} | {len(cases)} | {shown(score.score)} | {score.reliability:.5f} | "
                f"{score.resolution:.5f} | {score.base:.4f} | {shown(gain, 5) if method != 'none' else '–'} |"
            )
            if method == "none" and horizon == SignalRules().horizon:
                kept = cases
    yield ""
    yield from _reliability(kept, SignalRules().horizon, picture)


def recalibrated(
    given: pd.DataFrame, matured: pd.DataFrame, rules: CalibrationRules, horizon: int
) -> pd.DataFrame:
    """The probabilities as the stage would give them, session by session."""
    if rules.method == "none":
        return given
    now, past, came = given.to_numpy(), given.shift(horizon).to_numpy(), happened(matured)
    window = rules.window_sessions
    right = [
        rules.recalibrated(
            past[max(0, t + 1 - window) : t + 1], came[max(0, t + 1 - window) : t + 1], now[t], horizon
        )
        for t in range(len(now))
    ]
    return pd.DataFrame(np.array(right), index=given.index, columns=given.columns)


def cases_of(probability: pd.DataFrame, ahead: pd.DataFrame) -> pd.DataFrame:
    """One row a forecast that matured from 2015 on."""
    frame = pd.DataFrame(
        {
            "session": np.repeat(probability.index.to_numpy(), len(NAMES)),
            "probability": probability.to_numpy().ravel(),
            "happened": happened(ahead).ravel(),
        }
    ).dropna()
    return frame[frame["session"] >= FIRST]


def _reliability(cases: pd.DataFrame, horizon: int, picture: Path | None) -> Iterator[str]:
    table = reliability_table(cases, horizon)
    yield "| bin | n | probability | share of rises | 95 % |"
    yield "|---|---|---|---|---|"
    for row in table.itertuples():
        yield (
            f"| {row.bin + 1} | {row.n} | {row.probability:.3f} | {row.frequency:.3f} | "
            f"{row.low:.3f} to {row.high:.3f} |"
        )
    if picture is not None:
        from assets.plots import png
        from assets.signals_plot import reliability

        picture.write_bytes(png(reliability(table, horizon), simulated=False))


def gates(tables: Tables) -> Iterator[str]:
    """What each of the roadmap's gates lets through, by horizon."""
    yield "| horizon | signals | P(direction) >= 0.75 | width < 3 % | both | median width |"
    yield "|---|---|---|---|---|---|"
    for horizon in HORIZONS:
        rules = replace(SignalRules(), horizon=horizon)
        said = tables["ensemble_forecast"].query("horizon == @horizon and session >= @FIRST")
        held = tables["ensemble_intervals"][["session", "symbol", "horizon", "lower", "upper"]]
        rows = said.merge(held, on=["session", "symbol", "horizon"])
        p = View.of("1D", rows[list(QUANTILES)].to_numpy(), horizon).probability
        width = (rows["upper"] - rows["lower"]).to_numpy()
        sure = np.maximum(p, 1 - p) >= rules.confidence_threshold
        narrow = width < rules.interval_width_limit
        both = rules.passes(p, width)
        yield (
            f"| {horizon} | {len(rows)} | {sure.sum()} | {narrow.sum()} ({narrow.mean():.1%}) | {both.sum()} | "
            f"{np.nanmedian(width):.1%} |"
        )


def selected(tables: Tables, rules: SelectionRules) -> pd.DataFrame:
    """The table `selection` over the years, by the stage of the line."""
    store = MemoryStore()
    for name, frame in tables.items():
        store.write({name: frame}, frame["session"].min(), frame["session"].max(), commit={})
    stage = selection_stage(rules)
    given = [_given(name) for name in ("features", "graph_nodes", "regimes")]
    plan = Plan.of([*given, stage], 0)
    return make_range(stage, plan, store, Request(FIRST, FIRST, LAST, CalendarBook()))["selection"]


def _given(table: str) -> Stage:
    def make(_moment: Moment, _inputs: Inputs) -> Outputs:
        raise NotImplementedError

    return Stage(table, (), (table,), make, starts="window")


class Trader:
    """Weights traded in the first session of each week, as the line does, beside equal weight traded so."""

    def __init__(self, tables: Tables) -> None:
        features = tables["features"].query("session >= @FIRST")
        self.total = wide(features, "log_return")
        self.overnight = wide(features, "overnight_return").to_numpy()
        listed = np.isfinite(wide(features, "volatility_63").to_numpy()).astype(float)
        self.equal = listed / listed.sum(axis=1, keepdims=True)
        self.sessions = pd.DatetimeIndex(self.total.index)
        week = self.sessions.isocalendar().week.to_numpy()
        self.weekly = np.append(week[1:] != week[:-1], True)  # decided at the end of a week
        month = self.sessions.month.to_numpy()
        self.monthly = np.append(month[1:] != month[:-1], True)
        self.base = self.held(self.equal, self.monthly)

    def held(self, weights: np.ndarray, trades: np.ndarray | None = None) -> HeldWeights:
        """The book of some weights."""
        when = self.weekly if trades is None else trades
        return held_weights(weights, self.overnight, self.total.to_numpy(), HALF_ROUND_TRIP_BPS, when)

    def row(self, name: str, weights: np.ndarray, trades: np.ndarray | None = None) -> str:
        """One line of the table of strategies."""
        book = self.held(weights, trades)
        figures = paired_figures(book.returns[1:], self.base.returns[1:])
        turnover = pd.Series(book.turnover, self.sessions).resample("ME").sum()
        years = len(book.returns) / 252
        return (
            f"| {name} | {np.prod(1 + book.returns) ** (1 / years) - 1:.1%} | {shown(figures['sharpe'][0], 2)} | "
            f"{shown(figures['sharpe'][2], 2)} | {figures['drawdown'][0].value:.1%} | {turnover.mean():.1%} | "
            f"{turnover.max():.1%} | {(turnover >= 0.2).mean():.0%} |"
        )


def slow_equal(trader: Trader, rules: SelectionRules) -> np.ndarray:
    """(n, s) equal weight that is followed as slowly as the selection: what slowness alone earns."""
    from trading.signals.selection import drifted, moved

    out = [trader.equal[0]]
    for target, returns in zip(trader.equal[1:], trader.total.to_numpy()[1:], strict=True):
        out.append(moved(drifted(out[-1], returns), target, rules)[0])
    return np.array(out)


def selection(tables: Tables) -> Iterator[str]:
    """Return after costs and turnover of the selection, its sleeves and equal weight."""
    trader, rules = Trader(tables), SelectionRules()
    made = selected(tables, rules)
    weights = wide(made, "held_weight").to_numpy()
    yield "| strategy | a year | Sharpe | Sharpe less equal weight's | drawdown | turnover a month | largest | months >= 20 % |"
    yield "|---|---|---|---|---|---|---|---|"
    yield trader.row("equal weight, monthly", trader.equal, trader.monthly)
    yield trader.row("equal weight, as slow as the selection", slow_equal(trader, rules))
    yield trader.row("selection", weights)
    yield trader.row("half selection, half equal weight", (weights + trader.equal) / 2)
    for regime in REGIMES:
        yield trader.row(
            f"sleeve {regime}, monthly", wide(made, f"w_{regime.lower()}").to_numpy(), trader.monthly
        )
    yield trader.row("what is wanted, not slowed", wide(made, "wanted_weight").to_numpy())
    for half_life in (10.5, 21.0, 84.0):
        other = selected(tables, replace(rules, half_life_sessions=half_life))
        yield trader.row(f"selection, half life {half_life:g}", wide(other, "held_weight").to_numpy())
    yield ""
    yield from by_regime(trader, weights, tables["regimes"])
    first = made.drop_duplicates("session")
    counts = first["defensive_sleeve"].value_counts()
    yield f"defensive sleeve by session: {', '.join(f'{k} {v}' for k, v in counts.items())}"
    step = first.set_index("session")["one_way_turnover"].resample("ME").sum()
    yield f"what the stage itself moves: {step.mean():.1%} a month, at most {step.max():.1%}; largest weight {weights.max():.1%}"
    passing = (made["beta"] < rules.beta_limit) & (made["dividend_yield"] > rules.yield_floor)
    names = made[passing]["symbol"].value_counts()
    yield f"sessions in which a name passes the screen: {', '.join(f'{k} {v}' for k, v in names.items())}"


def by_regime(trader: Trader, weights: np.ndarray, regimes: pd.DataFrame) -> Iterator[str]:
    """Mean return of a session over equal weight's, by the regime that was named the session before."""
    book = trader.held(weights)
    over = pd.Series(book.returns - trader.base.returns, trader.sessions) * 1e4
    named = regimes.set_index("session")["regime"].reindex(trader.sessions).shift(1)
    yield "| regime | sessions | basis points a session over equal weight |"
    yield "|---|---|---|"
    for regime in REGIMES:
        yield f"| {regime} | {(named == regime).sum()} | {shown(mean_estimate(over[named == regime].to_numpy()), 2)} |"
    yield ""


def peers() -> Iterator[str]:
    """Which peers the strongest sub-industries would bring, year by year, and what they then did."""
    rows = pd.read_parquet(SHARED / "daily" / "peers_adjusted.parquet")
    rows["session"] = pd.to_datetime(rows["session"])
    named = {**groups(), **PEER_GROUPS}
    closes = rows.pivot_table(index="session", columns="symbol", values="close")
    closes = closes[[symbol for symbol in closes if symbol in named]]
    own = [symbol for symbol in closes if symbol in set(NAMES)]
    ends = closes.groupby(closes.index.to_period("Q")).tail(1).index
    decisions = [end for end in ends if len(closes.loc[:end]) > 253 and end < closes.index[-1]]
    yield "| decided | strongest sub-industries | added | next quarter, added | the ten's names |"
    yield "|---|---|---|---|---|"
    gaps = []
    for end, after in zip(decisions, [*decisions[1:], closes.index[-1]], strict=True):
        table = expansion(closes.loc[:end], named, frozenset(NAMES))
        added = table.loc[table["added"], "symbol"].tolist()
        strongest = table.query("group_place <= 3").drop_duplicates("group")["group"]
        grown = np.log(closes.loc[after] / closes.loc[end])
        theirs, ours = (float(grown[names].mean()) if names else np.nan for names in (added, own))
        gaps.append(theirs - ours)
        yield (
            f"| {end:%Y-%m-%d} | {', '.join(strongest)} | {', '.join(added) or 'nobody'} | "
            f"{'–' if not added else f'{theirs:+.1%}'} | {ours:+.1%} |"
        )
    yield ""
    yield f"added less held, log return a quarter: {shown(mean_estimate(np.array(gaps)), 3)} over {len(gaps)} quarters"


def main() -> None:
    """Print every table as Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--picture", type=Path)
    asked = parser.parse_args()
    tables = prepared(asked.folder)
    bars = tables["bars"].query("timeframe == '1D'")
    tables["corporate_actions"] = dividends(wide(bars, "close"))
    for title, lines in (
        ("Calibration", calibration(tables, asked.picture)),
        ("Gates", gates(tables)),
        ("Selection", selection(tables)),
        ("Peers", peers()),
    ):
        sys.stdout.write(f"\n## {title}\n\n")
        sys.stdout.writelines(f"{line}\n" for line in lines)
        sys.stdout.flush()


if __name__ == "__main__":
    main()
