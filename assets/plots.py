"""Small pictures for an asset's metadata. Drawn with matplotlib's object interface: no global state."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DARK = 0.6  # part of the scale from which black on a colour cannot be read
COVERAGE_WINDOWS = (63, 126)  # sessions: a quarter, half a year
REGIME_COLOURS = {"p_bull": "#2a9d5c", "p_range": "#8d99ae", "p_volatile": "#e9a23b", "p_bear": "#c8443f"}


def _canvas() -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 2.6), layout="constrained")
    return figure, figure.subplots()


def png(figure: Figure, *, simulated: bool) -> bytes:
    """The picture as bytes; one of a simulated market says so."""
    if simulated:
        figure.axes[0].set_title("SIMULATED", loc="right", fontsize=8, fontweight="bold", color="#b8741a")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=80)
    return buffer.getvalue()


def equity(frame: pd.DataFrame) -> Figure:
    """Equity of each strategy beside equal weight, in thousands of USD."""
    figure, axes = _canvas()
    books = dict(list(frame.groupby("strategy", sort=True)))
    for name, book in books.items():
        label, colour = (name, None) if len(books) > 1 else ("strategy", "#1d5f9e")
        axes.plot(book["session"], book["equity_cents"] / 100_000, color=colour, label=label)
    frame = next(iter(books.values()))
    start = frame["equity_cents"].iloc[0] / 100_000
    scaled = frame["equal_weight_equity"] / frame["equal_weight_equity"].iloc[0] * start
    axes.plot(frame["session"], scaled, color="#8d99ae", label="equal weight of the same names")
    axes.set_ylabel("thousand USD")
    axes.legend(frameon=False)
    return figure


def regimes(frame: pd.DataFrame) -> Figure:
    """Filtered probabilities of the four regimes, stacked."""
    figure, axes = _canvas()
    columns = list(REGIME_COLOURS)
    axes.stackplot(
        frame["session"], frame[columns].to_numpy().T, labels=columns, colors=list(REGIME_COLOURS.values())
    )
    axes.set_ylim(0, 1)
    axes.legend(ncols=4, frameon=False, loc="lower left", fontsize=8)
    return figure


def ensemble_weights(frame: pd.DataFrame) -> Figure:
    """Weight of each model over the sessions."""
    figure, axes = _canvas()
    for model, rows in frame.groupby("model", sort=True):
        axes.plot(rows["session"], rows["weight"], label=str(model))
    axes.set_ylim(0, 1)
    axes.legend(ncols=3, frameon=False)
    return figure


def coverage(frame: pd.DataFrame) -> Figure:
    """Share of matured intervals that held, over rolling windows of a quarter and of half a year, per horizon."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.2), layout="constrained")
    matured = frame.dropna(subset=["covered"])
    for axes, window in zip(figure.subplots(1, 2, sharey=True), COVERAGE_WINDOWS, strict=True):
        for horizon, rows in matured.groupby("horizon", sort=True):
            daily = rows.groupby("session")["covered"].mean()
            axes.plot(daily.index, daily.rolling(window, min_periods=10).mean(), label=f"{horizon} sessions")
        axes.axhline(0.75, color="#333333", linewidth=0.8)
        axes.set_ylim(0, 1)
        axes.set_title(f"share that held, last {window} sessions", fontsize=8)
        axes.tick_params(axis="x", labelsize=7, rotation=30)
        axes.legend(ncols=3, frameon=False, loc="lower left", fontsize=7)
    return figure


def target_weights(frame: pd.DataFrame) -> Figure:
    """Target weights, stacked by symbol; what is missing to one is cash."""
    figure, axes = _canvas()
    wide = frame.pivot_table(
        index="session", columns="symbol", values="target_weight", aggfunc="last"
    ).fillna(0)
    axes.stackplot(wide.index, wide.to_numpy().T, labels=list(wide.columns))
    axes.set_ylim(0, 1)
    axes.legend(ncols=5, frameon=False, fontsize=7, loc="upper left")
    return figure


def frontier(frame: pd.DataFrame) -> Figure:
    """Expected return against volatility, both of a year: both frontiers, the mix in force and equal weight."""
    figure, axes = _canvas()
    points = frame.drop_duplicates("point").sort_values("volatility")
    styles = {"frontier": "-o", "sized_frontier": "-^", "mix": "D", "equal_weight": "s"}
    for kind, style in styles.items():
        mine = points[points["kind"] == kind]
        axes.plot(
            mine["volatility"], mine["expected_return"], style, markersize=4, label=kind.replace("_", " ")
        )
    axes.set_xlabel("volatility of a year")
    axes.set_ylabel("believed return of a year")
    axes.legend(frameon=False, fontsize=8)
    return figure


def stress(frame: pd.DataFrame) -> Figure:
    """Two heat maps: where the book is concentrated, and what each name brings of each case's loss, worst first."""
    from matplotlib.figure import Figure

    order = frame.sort_values(["group", "symbol"])["symbol"].unique()
    wide = frame.pivot_table(index=["loss", "kind", "case"], columns="symbol", values="share", observed=True)
    figure = Figure(figsize=(7, 0.22 * len(wide) + 2.4), layout="constrained")
    upper, lower = figure.subplots(2, height_ratios=(3, len(wide)))
    _concentration(upper, frame.drop_duplicates("symbol").set_index("symbol").loc[order])
    labels = [f"{kind} {case} {loss:.1%}" for loss, kind, case in wide.index]
    _heat(lower, wide[order], labels, "% of equity")
    lower.set_xticks(range(len(order)), list(order), fontsize=7)
    return figure


def _concentration(axes: Axes, names: pd.DataFrame) -> None:
    """Weight and share of the risk of each name, names of a group side by side, groups summed up below them."""
    from trading.risk.decomposition import effective_number

    held, risk = names["weight"].to_numpy(), names["risk_share"].to_numpy()
    groups = names.groupby("group", sort=True)["weight"].transform(lambda held: held.abs().sum())
    rows = pd.DataFrame({"weight": held, "share of risk": risk, "weight of its group": groups.to_numpy()}).T
    _heat(axes, rows, list(rows.index), "%")
    for (row, column), value in np.ndenumerate(rows.to_numpy() * 100):
        colour = "white" if abs(value) > _DARK * 100 * rows.abs().to_numpy().max() else "black"
        axes.text(column, row, f"{value:.0f}", ha="center", va="center", fontsize=6, color=colour)
    axes.set_xticks([])
    axes.set_title(
        f"as good as {effective_number(held):.1f} names, {effective_number(risk):.1f} bets",
        loc="left",
        fontsize=7,
    )


def _heat(axes: Axes, values: pd.DataFrame, labels: list[str], unit: str) -> None:
    """Rows of fractions as colours around zero, in percent."""
    percent = values.to_numpy() * 100
    edge = max(float(np.abs(percent).max()), 1e-9)
    image = axes.imshow(percent, cmap="RdBu", vmin=-edge, vmax=edge, aspect="auto")
    axes.set_yticks(range(len(labels)), labels, fontsize=6)
    bar = axes.figure.colorbar(image, ax=axes, label=unit)
    bar.ax.tick_params(labelsize=6)


def data_quality(frame: pd.DataFrame) -> Figure:
    """Completeness, wait for a bar, and agreement with what it was compared with, over the sessions."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    panels = {
        "completeness": ("#2a9d5c", "complete", "mean"),
        "timeliness_seconds": ("#1d5f9e", "seconds late", "median"),
        "accuracy": ("#e9a23b", "agreeing", "mean"),
    }
    for axes, (column, (colour, label, how)) in zip(
        figure.subplots(3, sharex=True), panels.items(), strict=True
    ):
        daily = frame.groupby("session")[column].agg(how)
        axes.plot(daily.index, daily, color=colour)
        axes.set_ylabel(label)
        if column != "timeliness_seconds":
            axes.set_ylim(min(0.9, daily.min(skipna=True)), 1.005)
    return figure


def agreement(frame: pd.DataFrame) -> Figure:
    """How far the worst value of each session is apart, in tolerances, one line for each two that were compared."""
    figure, axes = _canvas()
    apart = (frame["relative_difference"].abs() / frame["tolerance"]).clip(lower=1e-6)
    for (left, right), rows in frame.assign(apart=apart).groupby(["left", "right"], sort=True):
        daily = rows.groupby("session")["apart"].max()
        axes.plot(daily.index, daily, label=f"{left} against {right}", linewidth=0.8)
    axes.axhline(1.0, color="#333333", linewidth=0.8)
    axes.set_yscale("log")
    axes.set_ylabel("worst, in tolerances")
    axes.legend(frameon=False, fontsize=8)
    return figure


def comparison(frame: pd.DataFrame) -> Figure:
    """Correlation, and loss beside the random walk's, of each model and horizon with its interval."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.2), layout="constrained")
    whole = frame[(frame["slice"] == "all").to_numpy()]
    losses = whole[(whole["metric"] == "pinball").to_numpy()]
    relative = losses.assign(**{name: losses[name] / losses["naive"] for name in ("value", "low", "high")})
    correlations = whole[(whole["metric"] == "ic").to_numpy()]
    left, right = figure.subplots(1, 2)
    _with_intervals(left, correlations, "correlation with what came", rule=0.0)
    _with_intervals(right, relative, "loss over the random walk's", rule=1.0)
    left.legend(frameon=False, fontsize=7)
    return figure


def attribution(frame: pd.DataFrame) -> Figure:
    """Sharpe ratio, accuracy and profit factor of each model's own decisions, with intervals."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.2), layout="constrained")
    rules = {"sharpe": 0.0, "accuracy": 0.5, "profit_factor": 1.0}
    for axes, (metric, rule) in zip(figure.subplots(1, 3), rules.items(), strict=True):
        rows = frame[(frame["metric"] == metric).to_numpy()].replace([float("inf")], float("nan"))
        _with_intervals(axes, rows.assign(horizon=1), metric.replace("_", " "), rule=rule)
    return figure


def coverage_table(frame: pd.DataFrame) -> Figure:
    """Coverage of each model and horizon, from its lowest to its highest year, regime and symbol."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 2.8), layout="constrained")
    together = frame["symbol"] == "all"
    slices = {
        "years": frame[(together & (frame["slice_kind"] == "year")).to_numpy()],
        "regimes": frame[(together & (frame["slice_kind"] == "regime")).to_numpy()],
        "symbols": frame[(~together & (frame["slice_kind"] == "all")).to_numpy()],
    }
    whole = frame[(together & (frame["slice_kind"] == "all")).to_numpy()].set_index(["model", "horizon"])
    panels = figure.subplots(1, len(slices), sharey=True)
    for axes, (name, rows) in zip(panels, slices.items(), strict=True):
        value, spread = whole["coverage"], rows.groupby(["model", "horizon"])["coverage"]
        low, high = (edge.reindex(value.index).fillna(value) for edge in (spread.min(), spread.max()))
        shown = whole.assign(value=value, low=low.clip(upper=value), high=high.clip(lower=value))
        _with_intervals(axes, shown.reset_index(), "", rule=float(frame["nominal"].iloc[0]))
        axes.set_title(f"share that held, range of {name}", fontsize=8)
    panels[0].legend(frameon=False, fontsize=7)
    return figure


def _with_intervals(axes: Axes, rows: pd.DataFrame, label: str, *, rule: float) -> None:
    """One point with its interval a model and horizon, the models side by side."""
    models = sorted(rows["model"].unique())
    for step, (horizon, part) in enumerate(rows.groupby("horizon", sort=True)):
        places = [models.index(model) + (step - 1) * 0.2 for model in part["model"]]
        spread = [part["value"] - part["low"], part["high"] - part["value"]]
        axes.errorbar(places, part["value"], yerr=spread, fmt="o", markersize=3, label=f"{horizon} sessions")
    axes.axhline(rule, color="#333333", linewidth=0.8)
    axes.set_xticks(range(len(models)), models, fontsize=7, rotation=30)
    axes.set_ylabel(label)
