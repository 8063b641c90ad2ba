"""The correlation graph on real bars: how the forecast of the next window does, and how steady links are.

    python benchmarks/measure_graph.py ../shared/data

Prints a table by years. Origins are thirty sessions apart, so that no two windows that come true overlap.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from trading.features.correlation import CorrelationAhead, fisher, pairwise_correlation
from trading.features.graph import GraphRules, communities, edge_turnover, link_weights
from trading.universe import SYMBOLS

RULES, AHEAD = GraphRules(), CorrelationAhead()
SPANS = (
    ("2010-2014 (settings chosen here)", 2010, 2014),
    ("2015-2019", 2015, 2019),
    ("2020-2025", 2020, 2025),
)
SPAN = RULES.window_sessions


def returns_of(folder: Path) -> tuple[pd.DatetimeIndex, np.ndarray]:
    panel = pd.read_parquet(folder / "daily" / "panel_adjusted.parquet")
    close = panel.pivot_table(index="session", columns="symbol", values="close")[list(SYMBOLS)]
    return pd.DatetimeIndex(close.index), np.log(close).diff().to_numpy()


def losses(returns: np.ndarray, end: int) -> list[float]:
    """Squared errors in Fisher's z and Brier scores: ours, persistence, the long window."""
    recent = pairwise_correlation(returns[end - SPAN : end], RULES.minimum_returns)
    long = pairwise_correlation(returns[end - RULES.long_sessions : end], RULES.long_minimum_returns)
    came = pairwise_correlation(returns[end : end + SPAN], RULES.minimum_returns)
    said = AHEAD.forecast(recent, long)
    pairs = np.triu(np.isfinite(said) & np.isfinite(long) & np.isfinite(came), 1)
    z = fisher(came[pairs])
    linked = np.abs(came[pairs]) > RULES.threshold
    likely = AHEAD.probability_of_link(said[pairs], RULES.threshold)
    squares = [np.mean((fisher(of[pairs]) - z) ** 2) for of in (said, recent, long)]
    guesses = (likely, np.abs(recent[pairs]) > RULES.threshold, np.abs(long[pairs]) > RULES.threshold)
    return [*squares, *(np.mean((guess - linked.astype(float)) ** 2) for guess in guesses)]


def steadiness(returns: np.ndarray, end: int) -> list[float]:
    """Links, share of pairs linked, turnover of links in a session and in a window, communities."""

    def weights_at(last: int) -> np.ndarray:
        correlation = pairwise_correlation(returns[last - SPAN : last], RULES.minimum_returns)
        return link_weights(correlation, RULES.threshold)

    now, before, past = (weights_at(end - back) for back in (0, 1, SPAN))
    part = np.isfinite(returns[end - SPAN : end]).sum(axis=0) >= RULES.minimum_returns
    count = part.sum()
    groups = len(set(communities(now[np.ix_(part, part)]).tolist()))
    share = (now > 0).sum() / (count * (count - 1))
    return [share, edge_turnover(before > 0, now > 0), edge_turnover(past > 0, now > 0), groups]


def main(folder: Path) -> None:
    sessions, returns = returns_of(folder)
    for label, first, last in SPANS:
        inside = np.flatnonzero((sessions.year >= first) & (sessions.year <= last))
        ends = range(int(inside[0]), min(int(inside[-1]) + 1, len(returns) - SPAN), SPAN)
        table = np.array([losses(returns, end) for end in ends])
        mean = table.mean(axis=0)
        print(f"{label}: {len(table)} windows")
        print(
            "  RMSE of z:  forecast {:.3f}  persistence {:.3f}  long window {:.3f}".format(*np.sqrt(mean[:3]))
        )
        print("  Brier:      forecast {:.3f}  persistence {:.3f}  long window {:.3f}".format(*mean[3:]))
        for name, ours, other in (("z²", 0, 1), ("z², long", 0, 2), ("Brier", 3, 4), ("Brier, long", 3, 5)):
            gap = table[:, other] - table[:, ours]
            error = gap.std(ddof=1) / np.sqrt(len(gap))  # the windows do not overlap
            print(f"  better than the other by, {name}: {gap.mean():.4f} (standard error {error:.4f})")
        every = np.array([steadiness(returns, end) for end in range(ends.start, ends.stop, 5)]).mean(axis=0)
        print(
            "  linked {:.0%} of the pairs; turnover {:.1%} a session, {:.0%} a window; {:.2f} communities".format(
                *every
            )
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
