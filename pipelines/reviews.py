"""The review pages of a home's versions, made from what has matured."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from assets import review_plots
from assets.plots import png
from resources.open_home import OpenHome
from resources.review_page import ReviewPage
from resources.version_folder import Logged
from trading.evaluation.version_review import ALL, cases_of, losses_over_time, quantile_shares, reviewed
from trading.frames import FORECAST_PREFIX
from trading.stages.layout import DAILY
from trading.stages.training import DATA_VERSION, TRAINED_FROM

NAIVE = "random_walk"
_SPOKE = ["issued_session", "symbol", "horizon", "pinball"]


@dataclass(frozen=True)
class Reviews:
    """Makes pages from the tables of an open home; tables are read once."""

    home: OpenHome

    def pages(self, model: str) -> Iterator[ReviewPage]:
        """A page for each daily version of a model of which a forecast has matured."""
        losses = self._losses
        mine = losses[(losses["model"] == model).to_numpy()]
        spoken = self._spoken
        naive, champion = (spoken[(spoken["model"] == name).to_numpy()] for name in (NAIVE, model))
        forecasts = self.home.store.read(f"{FORECAST_PREFIX}{model}", timeframe=DAILY)
        for logged in self.home.registry.logged(model):
            cases = cases_of(mine, logged.version.version, naive[_SPOKE], champion[_SPOKE])
            if len(cases):
                said = forecasts[(forecasts["version"] == logged.version.version).to_numpy()]
                yield self._page(logged, cases, said)

    def _page(self, logged: Logged, cases: pd.DataFrame, said: pd.DataFrame) -> ReviewPage:
        table, shares = reviewed(cases, self._regimes), quantile_shares(said, cases)
        draw = functools.partial(png, simulated=self.home.source.simulated)
        roles = self._roles[(self._roles["version"] == logged.version.version).to_numpy()]
        return ReviewPage(
            model=logged.version.model,
            version=logged.version.version,
            words=self._words(logged, cases, table, roles),
            forecasts=len(cases),
            figures=_figures(table),
            files={
                "loss_over_time.png": draw(review_plots.over_time(losses_over_time(cases))),
                "reliability.png": draw(review_plots.reliability(shares)),
                "by_year_and_regime.png": draw(review_plots.by_slice(table, 1)),
                "figures.csv": table.to_csv(index=False).encode(),
            },
            tags=_tags(roles),
        )

    def _words(self, logged: Logged, cases: pd.DataFrame, table: pd.DataFrame, roles: pd.DataFrame) -> str:
        version, facts = logged.version, logged.version.facts
        market = "SIMULATED market. " if self.home.source.simulated else ""
        role = "" if roles.empty else f"{roles.sort_values('session')['role'].iloc[-1].capitalize()}. "
        learned = "Zero-shot: it learned from no market here."
        if version.trained_through is not None:
            learned = f"Learned from {facts.get(TRAINED_FROM, '?')} to {version.trained_through:%Y-%m-%d}, data `{facts.get(DATA_VERSION, '?')}`."  # fmt: skip
        first, last = cases["issued_session"].min(), cases["issued_session"].max()
        return "\n\n".join(
            [
                f"{role}{market}Version `{version.version}` of **{version.model}**. {learned}",
                f"{len(cases):,} forecasts issued {first:%Y-%m-%d} to {last:%Y-%m-%d} have matured.",
                _lineage(logged),
                f"**Loss beside the random walk (below 1 is better), by horizon**\n\n{_markdown(table)}",
                f"**Roles**\n\n{_history(roles)}",
                "Pictures and the whole table are artifacts of the run, in `review/`.",
            ]
        )

    @functools.cached_property
    def _losses(self) -> pd.DataFrame:
        return self.home.store.read("version_losses", timeframe=DAILY)

    @functools.cached_property
    def _spoken(self) -> pd.DataFrame:
        """Losses of the versions that were champion when the forecast was issued."""
        crowned = self._roles[(self._roles["role"] == "champion").to_numpy()]
        keys = crowned[["session", "model", "version"]].rename(columns={"session": "issued_session"})
        return self._losses.merge(keys, on=["issued_session", "model", "version"])

    @functools.cached_property
    def _roles(self) -> pd.DataFrame:
        return self.home.store.read("champions")

    @functools.cached_property
    def _regimes(self) -> dict[pd.Timestamp, str]:
        rows = self.home.store.read("regimes", timeframe=DAILY)
        return dict(zip(rows["session"], rows["regime"], strict=True))


def publish_reviews(home: OpenHome, models: Sequence[str]) -> list[ReviewPage]:
    """Make the pages of some models and write them to MLflow; what was made."""
    made = [page for model in models for page in Reviews(home).pages(model)]
    home.registry.review(made)
    return made


def _figures(table: pd.DataFrame) -> dict[str, float]:
    """Metrics by name; MLflow groups them by what stands before the last stroke."""
    names = {
        "over_naive": "loss over random walk",
        "accuracy": "direction right",
        "coverage": "coverage of 75",
    }
    return {
        f"review/{name}/{row.slice}/{row.horizon} ahead": float(getattr(row, column))
        for row in table.itertuples()
        for column, name in names.items()
    }


def _tags(roles: pd.DataFrame) -> dict[str, str]:
    if roles.empty:
        return {}
    newest = roles.iloc[-1]
    return {"fabline.role": str(newest["role"]), "fabline.reason": str(newest["reason"])}


def _lineage(logged: Logged) -> str:
    known = ", ".join(f"{name} `{value}`" for name, value in logged.lineage.items())
    return f"**Lineage** {known or 'was not recorded: the version is of an earlier release'}."


def _markdown(table: pd.DataFrame) -> str:
    heads = (
        "slice",
        "ahead",
        "n",
        "loss / random walk",
        "loss / champion",
        "direction right",
        "in the 75 % interval",
    )
    lines = [_line(heads), "|" + "---|" * len(heads)]
    lines += [
        _line(
            (
                row.slice,
                row.horizon,
                f"{row.n:,}",
                _told(row.over_naive),
                _told(row.over_champion),
                _share(row.accuracy),
                _share(row.coverage),
            )
        )
        for row in table.itertuples()
        if row.horizon == 1 or row.slice == ALL
    ]
    return "\n".join(lines)


def _line(cells: Sequence[object]) -> str:
    """A row of a table; MLflow leaves no room between columns."""
    return "| " + " | ".join(f"{cell}\u2003" for cell in cells) + " |"


def _told(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:.3f}"


def _share(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:.1%}"


def _history(roles: pd.DataFrame) -> str:
    """One line for each stretch of sessions in one role for one reason."""
    if roles.empty:
        return "It has never spoken."
    ordered = roles.sort_values("session")
    change = (ordered[["role", "reason"]] != ordered[["role", "reason"]].shift()).any(axis=1).cumsum()
    reigns = [part for _, part in ordered.groupby(change)]
    return "\n".join(_reign(part) for part in reigns)


def _reign(part: pd.DataFrame) -> str:
    first, last = part["session"].iloc[0], part["session"].iloc[-1]
    return f"- {first:%Y-%m-%d} to {last:%Y-%m-%d}: {part['role'].iloc[0]} ({part['reason'].iloc[0]})"
