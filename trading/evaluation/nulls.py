"""Would the line report skill where there is none? What one run on such a market says, and how often runs say it.

A run claims something through the very figures that people are shown: the paired test of its Sharpe ratio against
equal weight of the same names, and the skill rows of the scoreboard. It promotes through the champions' table.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import betaincinv

from trading.evaluation.betting import relative_difference
from trading.evaluation.roadmap import TARGETS, RoadmapTarget
from trading.evaluation.scoreboard import EDGE_MEASURE, Measurement, scoreboard
from trading.stages.champions import CHAMPION
from trading.stages.succession import EVIDENCE

CONFIDENCE = 0.95
CLAIM_LEVEL = round(
    (1 - CONFIDENCE) / 2, 6
)  # a claim needs a two-sided interval of 95 % wholly on the good side
PROMOTION_LEVEL = 0.05
EDGE = RoadmapTarget("edge", "Sharpe ratio above that of equal weight", EDGE_MEASURE, "above", low=0.0)
# Measures of the scoreboard that speak of skill. Without any, the truth lies far from what each target asks for.
SKILLS: tuple[str, ...] = ("sharpe", "monthly_return", "direction", "risk_adjusted_gain")
PROMOTION, ANY_PROMOTION, DUEL = "promotion over a champion no worse", "any promotion", "promotion, of a duel"
COLUMNS = ("kind", "edge", "mutant", "statistic", "n", "count", "share", "low", "high", "level", "verdict")


@dataclass(frozen=True)
class Promotion:
    """One version that became champion by evidence: when, of which model, and over whom."""

    session: pd.Timestamp
    model: str
    winner: str
    loser: str


@dataclass(frozen=True)
class Outcome:
    """What the whole line said of one market.

    Attributes
    ----------
    kind, edge, mutant, market : which market; `edge` multiplies the planted edge of a simulated one
    gain, low, high : annual Sharpe ratio above that of equal weight after costs, with its interval of 95 %
    claims : `EDGE` and the measures of `SKILLS` whose target was called met
    duels : challengers that were compared with a champion for one session or more
    promoted : how often one of them became champion by evidence
    unearned : how many of those promotions were over a champion that is no worse
    """

    kind: str
    edge: float
    mutant: str
    market: int
    gain: float
    low: float
    high: float
    claims: tuple[str, ...]
    duels: int
    promoted: int
    unearned: int


def claims_of(measured: Mapping[str, Measurement]) -> tuple[str, ...]:
    """What the measurements of one run let a person say of its skill, by the scoreboard and its verdicts alone."""
    edge = measured.get(EDGE_MEASURE)
    found = [EDGE.name] if EDGE.verdict(edge.estimate if edge else None) == "met" else []
    board = scoreboard(measured)
    met = set(board.loc[board["verdict"] == "met", "target"])
    return (*found, *(measure for measure in SKILLS if _named(measure) & met))


def _named(measure: str) -> set[str]:
    return {target.name for target in TARGETS if target.measure == measure}


def promotions_of(champions: pd.DataFrame) -> list[Promotion]:
    """Every change of a champion by evidence, from the rows of `champions`, in the order of its sessions."""
    crowned = champions[champions["role"] == CHAMPION].sort_values(["model", "session"])
    before = crowned.groupby("model")["version"].shift()
    changed = before.notna() & (before != crowned["version"]) & crowned["reason"].str.startswith(EVIDENCE)
    rows = crowned[changed].assign(loser=before[changed]).sort_values(["session", "model"])
    return [Promotion(*row) for row in rows[["session", "model", "version", "loser"]].itertuples(index=False)]


def duels_in(champions: pd.DataFrame) -> int:
    """How many duels the rows of `champions` hold: each begins with its first compared session."""
    rows = champions.sort_values(["model", "version", "session"])
    compared = rows["compared"]
    before = compared.groupby([rows["model"], rows["version"]]).shift(fill_value=0)
    return int(((compared > 0) & ((before == 0) | (compared < before))).sum())


def clopper_pearson(count: int, n: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Exact interval of a share that was seen `count` times in `n` independent cases; (0, 1) without any.

    Clopper and Pearson (1934), "The use of confidence or fiducial limits illustrated in the case of the binomial".

    Examples
    --------
    >>> low, high = clopper_pearson(0, 200)
    >>> low, round(high, 4)
    (0.0, 0.0183)
    """
    tail = (1 - confidence) / 2
    low = float(betaincinv(count, n - count + 1, tail)) if count > 0 else 0.0
    high = float(betaincinv(count + 1, n - count, 1 - tail)) if count < n else 1.0
    return low, high


def verdict_of(count: int, n: int, level: float) -> str:
    """`broken` if the level lies below the interval of the share, `kept` if the share is within it, else `undecided`."""
    if not n:
        return "not measured"
    if clopper_pearson(count, n)[0] > level:
        return "broken"
    return "kept" if count <= level * n else "undecided"


def shares(outcomes: Iterable[Outcome]) -> pd.DataFrame:
    """How often runs claimed or promoted, one row a kind of market and statistic, beside what is promised.

    Returns
    -------
    Columns `COLUMNS`. `level` is NaN and the verdict empty where something was planted, and of statistics that
    promise nothing. `n` counts markets, of a duel's row duels: those of one market are not independent.
    """
    groups: dict[tuple[str, float, str], list[Outcome]] = {}
    for one in outcomes:
        groups.setdefault((one.kind, one.edge, one.mutant), []).append(one)
    rows = [row for key in sorted(groups) for row in _rows(key, groups[key])]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _rows(key: tuple[str, float, str], group: Sequence[Outcome]) -> list[tuple[object, ...]]:
    is_null, n = key[1] == 0.0, len(group)
    claimed = {name: sum(name in one.claims for one in group) for name in (EDGE.name, *SKILLS)}
    counted = [(name, n, count, CLAIM_LEVEL) for name, count in claimed.items()]
    counted += [
        (PROMOTION, n, sum(one.unearned > 0 for one in group), PROMOTION_LEVEL),
        (DUEL, sum(one.duels for one in group), sum(one.unearned for one in group), PROMOTION_LEVEL),
        (ANY_PROMOTION, n, sum(one.promoted > 0 for one in group), math.nan),
    ]
    return [(*key, *_row(*one, is_null=is_null)) for one in counted]


def _row(name: str, n: int, count: int, level: float, *, is_null: bool) -> tuple[object, ...]:
    low, high = clopper_pearson(count, n)
    share = count / n if n else math.nan
    promised = level if is_null or name in (PROMOTION, DUEL) else math.nan
    verdict = "" if math.isnan(promised) else verdict_of(count, n, promised)
    return name, n, count, share, low, high, promised, verdict


def is_broken(table: pd.DataFrame) -> bool:
    """Whether any level of the table of `shares` was broken."""
    return bool((table["verdict"] == "broken").any())


def no_worse(losses: pd.DataFrame, winner: str, loser: str) -> bool:
    """Whether `loser` lost no more than `winner` on average, over sessions that neither has seen.

    Parameters
    ----------
    losses : rows of `version_losses` one session ahead of both; the measure is that of their duel
    """
    wide = losses.pivot_table(index=["session", "symbol"], columns="version", values="pinball").dropna()
    means = wide.groupby(level="session").mean()
    pairs = zip(means[loser], means[winner], strict=True)
    return float(np.mean([relative_difference(float(a), float(b)) for a, b in pairs])) <= 0
