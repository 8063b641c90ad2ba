"""Whether the losses that were said before came as often as said, and what history and scenarios would cost the book."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipelines.report import figures
from pipelines.report.markup import Child, Html, el, missing, note, table
from pipelines.report.material import Material
from trading.risk.backtest import Backtest, backtest

LEVEL = 0.95
_KINDS = {
    "history": "history",
    "worst_week": "worst week",
    "scenario": "scenario",
    "monte_carlo": "Monte Carlo",
}


def losses_ahead(material: Material) -> list[Html]:
    """The back-test of value at risk, and the stress cases of the last book."""
    return [*_backtested(material), *_stressed(material)]


def _backtested(material: Material) -> list[Html]:
    found = value_at_risk_backtest(material)
    if found is None or not found.sessions:
        return [missing("No value at risk has met its session yet.")]
    rows: list[list[Child]] = [
        ["Sessions", figures.count(found.sessions)],
        ["Losses beyond the value at risk", f"{round(found.exceeded * found.sessions)}, {figures.percent(found.exceeded)} ({figures.percent(1 - LEVEL)} promised)"],
        ["p that the share is as promised (Kupiec)", figures.chance(found.kupiec_p)],
        ["p that they do not follow one another (Christoffersen)", figures.chance(found.independence_p)],
        ["p of both", figures.chance(found.conditional_p)],
        ["Mean loss beyond, over the shortfall expected", figures.plain(found.shortfall_ratio)],
    ]  # fmt: skip
    return [
        el("h3", "Value at risk of a session, 95 %, back-tested"),
        table(["", "Figure"], rows),
        note(
            "Of the evening before, against the return of the session. A small p speaks against the promise."
        ),
    ]


def value_at_risk_backtest(material: Material) -> Backtest | None:
    """What `risk` said in the evening beside what the next session brought; None without both."""
    risk, performance = material["risk"], material["performance"]
    if risk.empty or len(performance) < 2:  # noqa: PLR2004 - nothing has followed an evening yet
        return None
    said = risk.set_index("session")[["value_at_risk_95", "shortfall_95"]].reindex(material.sessions).shift(1)
    outcome = np.expm1(performance["log_return"].to_numpy(dtype=float))[1:]
    said = said.where((said > 0).all(axis=1))  # without a book there was nothing to say
    values = said.to_numpy(dtype=float)[1:]
    return backtest(values[:, 0], values[:, 1], outcome, LEVEL)


def _stressed(material: Material) -> list[Html]:
    rows = material.tables.get("stress", material["stress"])
    if rows.empty:
        return [el("h3", "Stress"), missing("No stress cases yet: fabline run makes them of the last book.")]
    cases = rows.drop_duplicates(["kind", "case"]).sort_values("loss")
    worst = rows.loc[
        (rows["share"] * np.sign(rows["loss"])).groupby([rows["kind"], rows["case"]]).idxmax()
    ].set_index(["kind", "case"])["symbol"]
    body: list[list[Child]] = [
        [_KINDS.get(r.kind, r.kind), str(r.case).replace("_", " "), figures.percent(r.loss, signed=True), str(worst[r.kind, r.case]), figures.percent(r.known, 0)]
        for r in cases.itertuples()
    ]  # fmt: skip
    return [
        el("h3", f"What would happen to the book of {figures.day(pd.Timestamp(rows['session'].max()))}"),
        table(
            ["Kind", "Case", "Return of the book", "Most of it by", "Of the book known"],
            body,
            words=(0, 1, 3),
        ),
        note(
            "History replays returns with today's weights, names that did not trade then stand in as the mean of those that did."
        ),
    ]
