"""The roadmap's numeric targets beside what this home measured, and how far luck alone could reach."""

from __future__ import annotations

import math

import pandas as pd

from pipelines.report import figures
from pipelines.report.contaminated import clean_sessions
from pipelines.report.markup import Child, Html, el, missing, note, table
from pipelines.report.material import Material
from pipelines.report.sections.headline import simple_returns
from trading.evaluation.roadmap import SHARES, target
from trading.evaluation.scoreboard import TABLES, measurements, scoreboard
from trading.evaluation.sharpe_tests import (
    SharpeMoments,
    drawdown_distribution,
    minimum_track_record,
    months_to_detect,
    probabilistic_sharpe,
)
from trading.evaluation.trials import Trials
from trading.interfaces import Floats
from trading.portfolio.covariance import SESSIONS_PER_YEAR

NOT_MEASURED = "not measured"
_DEEP = 0.95


def targets(material: Material) -> list[Html]:
    """The scoreboard, and what the Sharpe ratio is worth after all that was tried."""
    board = scoreboard(measurements({name: material[name] for name in TABLES}))
    known = board[board["verdict"] != NOT_MEASURED]
    if known.empty:
        return [missing("Nothing was measured yet: targets need traded sessions and matured forecasts.")]
    rows = [_row(row) for row in known.itertuples()]
    headers = ["Target", "Here (95 %)", "Rests on", "Knowing nothing", "Verdict"]
    left = len(board) - len(known)
    remark = (
        f"A verdict needs the whole interval on one side of the target. {left} further targets are of speed, uptime and "
        f"of parts that this home has not run: {NOT_MEASURED} here. The command fabline scoreboard lists all."
    )
    return [table(headers, rows, words=(0, 4)), note(remark), *_luck(material)]


def _row(row: pd.Series) -> list[Child]:
    share = target(row.target).measure in SHARES
    interval = figures.span(row.low, row.high, 1 if share else 2, as_percent=share)
    here = el("span", _figure(row.value, share=share), el("small", interval), class_="with-interval")
    verdict = el("b", row.verdict, class_=f"verdict {row.verdict.replace(' ', '-')}")
    return [row.roadmap, here, figures.count(row.n), _figure(row.naive, share=share), verdict]


def _figure(value: float, *, share: bool) -> str:
    return figures.percent(value) if share else figures.plain(value)


def _luck(material: Material) -> list[Html]:
    performance = material["performance"]
    if len(performance) < 2:  # noqa: PLR2004 - one session holds the deposit and no return
        return []
    own = simple_returns(performance)[0][clean_sessions(material)[1:]]
    moments = SharpeMoments.of(own)
    if math.isnan(moments.sharpe):
        return []
    return [
        el("h3", "How much of it could be luck"),
        table(["Question", "Answer"], _answers(material, own, moments), words=(0, 1)),
    ]


def _answers(material: Material, own: Floats, moments: SharpeMoments) -> list[list[Child]]:
    book = Trials(max(material.facts.trials, 1), material.facts.trial_sharpes)
    trials, luck = book.count, book.luck(moments.count)
    year = math.sqrt(SESSIONS_PER_YEAR)
    needed = minimum_track_record(moments)
    deep = float(drawdown_distribution(own, [_DEEP])[0])
    return [
        ["Probability that the true Sharpe ratio is above 0", figures.percent(probabilistic_sharpe(moments))],
        [f"The best of {trials} {'variant' if trials == 1 else 'variants'} without skill would show", figures.plain(luck * year)],
        ["Probability that the true ratio is above that (deflated)", figures.percent(probabilistic_sharpe(moments, luck))],
        ["Sessions until such a ratio is above 0 with 95 % confidence", figures.count(math.ceil(needed)) if math.isfinite(needed) else "never: it is not above 0"],
        ["Months to tell a true ratio of this size from 0, power 80 %", figures.plain(months_to_detect(moments.sharpe * year), 0) if moments.sharpe > 0 else figures.DASH],
        ["Drawdown that as many sessions again would exceed one time in twenty", figures.percent(-deep)],
    ]  # fmt: skip
