"""What this is, what it may be compared with, and what can and cannot be concluded from it."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd

from pipelines.report import figures
from pipelines.report.contaminated import clean_sessions
from pipelines.report.markup import Child, Html, el, missing, note, table
from pipelines.report.material import Material
from pipelines.report.sections.headline import simple_returns
from trading.evaluation.book_evaluation import beta
from trading.evaluation.evaluation import benchmark_returns
from trading.evaluation.paired import sharpe_difference
from trading.evaluation.resampling import paired_figures
from trading.evaluation.sharpe_tests import SharpeMoments, months_to_detect, probabilistic_sharpe
from trading.evaluation.trials import Trials
from trading.evaluation.uncertainty import Estimate
from trading.interfaces import Floats
from trading.portfolio.covariance import SESSIONS_PER_YEAR

_MONTH = 21
_SURE = 0.95
THE_LINE = (
    "Every session, 15 minutes after the close, models forecast each name's return over 1, 5 and 20 sessions; an ensemble "
    "weights them by their losses, intervals are calibrated, regimes are filtered, a mean-variance optimiser sets weights "
    "under limits, and orders are filled at the next open with costs. No step reads what was not known that evening."
)


def conclusions(material: Material) -> list[Html]:
    """Identity, benchmarks, and plain words."""
    facts = material.facts
    identity = [
        ("Period", f"{figures.day(facts.first)} to {figures.day(facts.last)}, {len(material.sessions)} sessions"),
        ("Home", facts.home),
        ("Market data", f"{facts.source}{', SIMULATED' if facts.simulated else ''}, {facts.basis.replace('_', ' ')} prices"),
        ("Settings", facts.settings or figures.DASH),
        ("Strategy", material.strategy or figures.DASH),
        ("The line", THE_LINE),
    ]  # fmt: skip
    told = el("dl", [(el("dt", name), el("dd", value)) for name, value in identity])
    own, equal, sessions = _clean(material)
    if len(own) < 2:  # noqa: PLR2004 - nothing varies yet
        return [told, missing("Nothing can be concluded yet: it needs two sessions of returns that count.")]
    sure, open_ = _judged(material, own, equal)
    return [
        told,
        *_benchmarks(material, own, sessions),
        el("h3", "What these sessions allow to say"),
        el("ul", [el("li", said) for said in sure]),
        el("h3", "What they do not allow to say"),
        el("ul", [el("li", said) for said in open_]),
    ]


def _clean(material: Material) -> tuple[Floats, Floats, pd.DatetimeIndex]:
    performance = material["performance"]
    if len(performance) < 2:  # noqa: PLR2004 - one session holds the deposit and no return
        return np.empty(0), np.empty(0), pd.DatetimeIndex([])
    counts = clean_sessions(material)[1:]
    own, equal = simple_returns(performance)
    return own[counts], equal[counts], material.sessions[1:][counts]


def _benchmarks(material: Material, own: Floats, sessions: pd.DatetimeIndex) -> list[Html]:
    """Each fund that the home holds, over the same sessions, with a paired test; nothing where it holds none."""
    held = benchmark_returns(material.tables.get("features", material["features"]))
    rows = [
        _beside(name, own, series.reindex(sessions).to_numpy(dtype=float)) for name, series in held.items()
    ]
    if not rows:
        return [note("The home holds no bars of SPY, QQQ or SMH: only equal weight stands beside it.")]
    headers = [
        "Benchmark",
        "Return",
        "Sharpe ratio",
        "Drawdown",
        "Sharpe apart",
        "p",
        "Beta",
        "n",
    ]
    remark = (
        "Over the sessions that both have, 95 % intervals below. Apart is the strategy's ratio less the fund's, with Ledoit and "
        "Wolf's paired test; p is two-sided and not corrected for there being several benchmarks. Funds pay no costs here."
    )  # fmt: skip
    return [el("h3", "Beside funds that could have been held"), table(headers, rows), note(remark)]


def _beside(name: str, own: Floats, fund: Floats) -> list[Child]:
    both = np.isfinite(fund)
    mine, its = own[both], fund[both]
    if len(its) < 2:  # noqa: PLR2004 - nothing varies
        return [name, *([figures.DASH] * 6), figures.count(len(its))]
    drawn = paired_figures(mine, its)
    apart, p_value = sharpe_difference(mine, its)
    return [
        name, _share(drawn["total_return"][1], signed=True), _plain(drawn["sharpe"][1]), _share(drawn["drawdown"][1]),
        _plain(apart), figures.chance(p_value), _plain(beta(mine, its)), figures.count(len(its)),
    ]  # fmt: skip


def _share(found: Estimate, *, signed: bool = False) -> Html:
    below = figures.span(found.low, found.high, 1, as_percent=True)
    return el("span", figures.percent(found.value, signed=signed), el("small", below), class_="with-interval")


def _plain(found: Estimate) -> Html:
    return el(
        "span",
        figures.plain(found.value),
        el("small", figures.span(found.low, found.high)),
        class_="with-interval",
    )


def _judged(material: Material, own: Floats, equal: Floats) -> tuple[list[str], list[str]]:
    """Sentences that the data carry, and sentences that they do not."""
    sure: list[str] = []
    open_: list[str] = []
    for carried, said in (*_skill(material, own), *_apart(own, equal)):
        (sure if carried else open_).append(said)
    if material.facts.simulated:
        open_.append("Anything about a real market: these prices are SIMULATED.")
    open_.append(
        "That any of it goes on: the names were chosen knowing how they did, and one period is one draw."
    )
    return sure or ["Nothing that chance alone could not have made."], open_


def _skill(material: Material, own: Floats) -> Iterator[tuple[bool, str]]:
    moments = SharpeMoments.of(own)
    if math.isnan(moments.sharpe):
        return
    book = Trials(max(material.facts.trials, 1), material.facts.trial_sharpes)
    annual = moments.sharpe * math.sqrt(SESSIONS_PER_YEAR)
    chance, deflated = probabilistic_sharpe(moments), book.deflated(moments)
    tried = f"{book.count} {'variant' if book.count == 1 else 'variants'} in the book of trials"
    yield (
        deflated > _SURE,
        (
            f"That the Sharpe ratio of {figures.plain(annual)} is skill: the probability that it is above 0 is {figures.percent(chance)}, "
            f"and {figures.percent(deflated)} when deflated by {tried} ({figures.percent(_SURE, 0)} is asked for)."
        ),
    )
    if moments.sharpe > 0 and math.isfinite(months_to_detect(annual)):
        needed, here = months_to_detect(annual), len(own) / _MONTH
        yield (
            here >= needed,
            f"That the period is long enough: to tell a true ratio of this size from 0 takes about {needed:,.0f} months, and here are {here:,.0f}.",
        )


def _apart(own: Floats, equal: Floats) -> Iterator[tuple[bool, str]]:
    apart, p_value = sharpe_difference(own, equal)
    if math.isfinite(p_value):
        interval = figures.span(apart.low, apart.high)
        yield (
            p_value < 1 - _SURE,
            (
                f"That its Sharpe ratio differs from that of equal weight of the same names: the difference is {figures.plain(apart.value, signed=True)} "
                f"({interval}), p = {figures.chance(p_value)}."
            ),
        )
