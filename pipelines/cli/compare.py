"""`fabline compare A B`: two strategies, homes or benchmarks side by side on the same sessions, and the tests of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pandas as pd

from pipelines import environment
from pipelines.cli import rendering
from pipelines.cli.evaluate import Asked, looked, main_strategy, span_of, tables_of
from pipelines.cli.evaluation_view import aligned, number, write_lines
from resources.home import Home
from resources.store import HomeStore
from resources.trials import adopt_trials, record_trial
from trading.digest import digest
from trading.errors import UsageError
from trading.evaluation import evaluation as work
from trading.evaluation.book_evaluation import EQUAL_WEIGHT
from trading.evaluation.paired import ALPHA, paired_table
from trading.universe import BENCHMARKS

COMMAND = "compare"
_FUNDS = tuple(one.symbol for one in BENCHMARKS if one.role == "benchmark")


def compare(home: Path, pair: tuple[str, str], asked: Asked, format_: str, output: Path | None) -> None:
    """Write the paired table of A and B, and enter what was looked at into the home's book of trials.

    Raises
    ------
    UsageError
        If one of them is nothing that can be compared, or they share no session.
    """
    opened, (a, b) = Home.open(home), pair
    with closing(environment.open_store(home)) as store:
        span, tables = span_of(store, asked), tables_of(store)
        looked(opened, store, asked, span)
        sides = [_side(name, tables, store) for name in pair]
        first = span.held_out if asked.held_out and span.held_out is not None else span.first
        last = span.last if asked.held_out else span.end
        one, other = (returns.loc[first:last] for returns in sides)
        found = paired_table(one, other, work.regimes_of(tables["regimes"])[1])
    if not found["n"].iloc[0]:
        raise UsageError(f"{a} and {b} have no session in common from {first:%Y-%m-%d} to {last:%Y-%m-%d}")
    if format_ != "table":
        rendering.write(found, format_, output)
        return
    lines = [environment.market_line(home), f"A              {a}", f"B              {b}"]
    lines.append(f"sessions       {first:%Y-%m-%d} to {last:%Y-%m-%d} that both have")
    write_lines([*(line for line in lines if line), *_told(found)], output)


def _side(name: str, tables: dict[str, pd.DataFrame], store: HomeStore) -> pd.Series[float]:
    """Simple returns by session of what a person named."""
    strategies = work.strategies(tables["performance"])
    if name in strategies:
        return work.history_of(work.of_strategy(tables, name)).returns
    if name == EQUAL_WEIGHT:
        book = work.history_of(work.of_strategy(tables, strategies[0]))
        return pd.Series(book.equal, index=book.sessions, dtype=float)
    if name in _FUNDS:
        held = work.benchmark_returns(tables["features"])
        if name not in held:
            raise UsageError(
                f"no bars of {name}: this home's features hold {', '.join(held) or 'no benchmark'}"
            )
        return held[name]
    if (Path(name) / "home.json").is_file():
        return _of_home(Path(name), store)
    known = ", ".join((*strategies, EQUAL_WEIGHT, *_FUNDS))
    raise UsageError(f"{name!r} is no strategy, benchmark or folder of a home; there are {known}")


def _of_home(path: Path, store: HomeStore) -> pd.Series[float]:
    """The book of another home's main strategy; its trials are ours from now on, and so is this look at it."""
    with closing(environment.open_store(path)) as other:
        tables = tables_of(other)
        adopt_trials(store, other)
    strategy = main_strategy(path, tables["performance"])
    returns = work.history_of(work.of_strategy(tables, strategy)).returns
    settings = Home.open(path).facts.settings or digest(str(path))
    record_trial(store, returns, command=COMMAND, label=f"{strategy} of {path.name}", settings=settings)
    return returns


def _told(found: pd.DataFrame) -> Iterator[str]:
    yield "\nmean return a year: A, B, A less B (95 % interval), p of no difference, n"
    yield aligned([
        [row.slice, *(number(v, share=True) for v in (row.mean_a, row.mean_b, row.difference)),
         _between(row.low, row.high, share=True), number(row.p, share=False), f"{row.n:,}"]
        for row in found.itertuples()
    ])  # fmt: skip
    yield "\nSharpe ratio a year: A, B, A less B (95 % interval), p of no difference"
    yield aligned([
        [row.slice, *(number(v, share=False) for v in (row.sharpe_a, row.sharpe_b, row.sharpe_difference)),
         _between(row.sharpe_low, row.sharpe_high, share=False), number(row.sharpe_p, share=False)]
        for row in found.itertuples()
    ])  # fmt: skip
    whole = found.iloc[0]
    better = {"a": "A is better", "b": "B is better"}.get(whole.verdict, "undecided")
    yield (
        f"\nby the bets that promote models (looked at every session, error {ALPHA:.0%}): {better}; one dollar on A came to "
        f"{whole.e_a:,.3g} at most, on B to {whole.e_b:,.3g}; {1 / ALPHA:.0f} decides"
    )
    yield "years and regimes are many tests: only the first line was planned"


def _between(low: float, high: float, *, share: bool) -> str:
    return "no interval" if pd.isna(low) else f"{number(low, share=share)} to {number(high, share=share)}"
