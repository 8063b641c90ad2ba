"""The numeric targets of the roadmap, as data. Whether they are met is reported; nothing depends on it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from trading.evaluation.uncertainty import Estimate

Verdict = Literal["met", "not met", "undecided", "not measured"]
Goal = Literal["above", "below", "within", "kept below"]
SESSIONS_PER_MONTH = 21
VALIDATION_SESSIONS = 63  # the roadmap validates over 90 days


# Measurements that are fractions, and read best as percentages.
SHARES: frozenset[str] = frozenset(
    {
        *(
            "monthly_return",
            "drawdown",
            "direction",
            "mape",
            "win_rate",
            "coverage_1",
            "coverage_5",
            "coverage_20",
        ),
        *(
            "ensemble_gain",
            "volatility",
            "risk_adjusted_gain",
            "selection_turnover",
            "uptime",
            "timeframe_return",
        ),
    }
)


@dataclass(frozen=True)
class RoadmapTarget:
    """One line that promises a number.

    Attributes
    ----------
    name : of the target, unique
    roadmap : section and wording
    measure : name of the measurement that decides it
    goal : `kept below` is a limit, broken for good by a single breach; the others are about a mean
    low, high : the bounds, in the measurement's unit
    """

    name: str
    roadmap: str
    measure: str
    goal: Goal
    low: float = -math.inf
    high: float = math.inf

    def verdict(self, estimate: Estimate | None) -> Verdict:
        """What an estimate allows to say; decided only if its whole interval is on one side."""
        if estimate is None or math.isnan(estimate.value):
            return "not measured"
        if self.goal == "kept below":
            return kept_below(self.high, estimate.value, estimate.observations)
        if estimate.low >= self.low and estimate.high <= self.high:
            return "met"
        return "not met" if estimate.high < self.low or estimate.low > self.high else "undecided"


def kept_below(limit: float, observed: float, sessions: int) -> Verdict:
    """Whether a limit was kept over a validation's length; once broken it is not met."""
    if observed >= limit:
        return "not met"
    return "met" if sessions >= VALIDATION_SESSIONS else "undecided"


def _above(name: str, roadmap: str, measure: str, low: float) -> RoadmapTarget:
    return RoadmapTarget(name, roadmap, measure, "above", low=low)


def _below(name: str, roadmap: str, measure: str, high: float) -> RoadmapTarget:
    return RoadmapTarget(name, roadmap, measure, "below", high=high)


def _limit(name: str, roadmap: str, measure: str, high: float) -> RoadmapTarget:
    return RoadmapTarget(name, roadmap, measure, "kept below", high=high)


def _within(name: str, roadmap: str, measure: str, low: float, high: float) -> RoadmapTarget:
    return RoadmapTarget(name, roadmap, measure, "within", low, high)


TARGETS: tuple[RoadmapTarget, ...] = (
    _above("monthly_return_phase_1", "Phase 1: 5-7 % a month", "monthly_return", 0.05),
    _above("monthly_return_phase_2", "Phase 2: 7-9 % a month", "monthly_return", 0.07),
    _above("monthly_return_phase_2_1", "Phase 2.1: 8-10 % a month", "monthly_return", 0.08),
    _above("monthly_return_phase_2_2", "Phase 2.2: 9-12 % a month", "monthly_return", 0.09),
    _above("monthly_return_phase_2_3", "Phase 2.3: 10-15 % a month", "monthly_return", 0.10),
    _above("monthly_return_overall", "Overall: 8-15 % a month over 90 days", "monthly_return", 0.08),
    _above("sharpe_phase_1", "1.6: Sharpe above 1.5 over 12 months", "sharpe", 1.5),
    _above("sharpe_overall", "Overall: Sharpe above 2.0", "sharpe", 2.0),
    _limit("drawdown_phase_1", "1.6: drawdown below 10 %", "drawdown", 0.10),
    _limit("drawdown_overall", "Overall: drawdown below 15 %", "drawdown", 0.15),
    _above("direction_phase_1", "1.6: direction right more than 55 %", "direction", 0.55),
    _above("direction_overall", "Overall: prediction accuracy above 60 %", "direction", 0.60),
    _below("mape", "1.6: MAPE below 5 %", "mape", 0.05),
    _above("win_rate_scalping", "Phase 2.1: win rate of trades above 60 %", "win_rate", 0.60),
    _above("win_rate_overall", "Overall: win rate above 65 %", "win_rate", 0.65),
    _above("profit_factor", "2.1.1: gains over losses of trades above 1.2", "profit_factor", 1.2),
    _within("coverage_one_session", "1.3: 75 % intervals hold 75 %, within 2 points", "coverage_1", 0.73, 0.77),
    _within("coverage_five_sessions", "1.3: the same, five sessions ahead", "coverage_5", 0.73, 0.77),
    _within("coverage_twenty_sessions", "1.3: the same, twenty sessions ahead", "coverage_20", 0.73, 0.77),
    _above("ensemble_gain", "2.5: ensemble 10 % better than single models", "ensemble_gain", 0.10),
    _above("regime_duration", "2.3: regimes last more than 10 sessions", "regime_duration", 10.0),
    _within("volatility", "Phase 2: volatility of 15-20 % a year", "volatility", 0.15, 0.20),
    _above("risk_adjusted_gain", "Phase 2.2: Sharpe 15 % above equal weight", "risk_adjusted_gain", 0.15),
    _below("selection_turnover", "2.2.2: selection turns over less than 20 % a month", "selection_turnover", 0.20),
    _below("market_beta", "2.3.2: market-neutral beta below 0.1", "absolute_beta", 0.10),
    _below("signal_latency_phase_1", "1.6: signals in less than 1 s", "signal_seconds", 1.0),
    _below("signal_latency_phase_2", "2.5: signals end to end in less than 2 s", "signal_seconds", 2.0),
    _below("signal_latency_overall", "Overall: end to end in less than 3 s", "signal_seconds", 3.0),
    _below("intraday_latency", "2.1.1: a bar's signal in less than 200 ms", "intraday_seconds", 0.2),
    _below("ingestion_latency", "1.1: an update in less than 30 s", "ingestion_seconds", 30.0),
    _below("memory", "2.5: less than 8 GB", "memory_gigabytes", 8.0),
    _below("inference_latency", "2.1: a batch in less than 100 ms", "batch_seconds", 0.1),
    _below("gpu_memory", "2.1: less than 4 GB of GPU memory", "gpu_gigabytes", 4.0),
    _below("optimizer_latency", "2.2.4: a solution in less than 10 s", "optimizer_seconds", 10.0),
    _below("graph_latency", "2.2.1: graph operations in less than 5 s", "graph_seconds", 5.0),
    _above("uptime_phase_2", "2.5: more than 99 % uptime over 30 days (SIMULATED faults: docs/results/faults.md)", "uptime", 0.99),
    _above("uptime_overall", "Overall: more than 99.5 % uptime over 30 days (SIMULATED faults: docs/results/faults.md)", "uptime", 0.995),
    _above("return_per_timeframe", "2.1.5: each timeframe more than 2 % a month", "timeframe_return", 0.02),
    _below("stream_correlation", "2.1.5: income streams correlate less than 0.5", "stream_correlation", 0.5),
)  # fmt: skip


def target(name: str) -> RoadmapTarget:
    """The target of a name."""
    return next(each for each in TARGETS if each.name == name)
