"""The comparisons that the roadmap asks for, each as two sides, a measure and the sessions that count."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from pipelines.ablation.results import EQUAL_AT_EXPOSURE, EQUAL_WEIGHT
from pipelines.ablation.variants import BASE, GRAPH_MODELS, variants_of
from pipelines.settings import Settings
from trading.evaluation.ablation import differences, with_verdicts

COLUMNS: tuple[str, ...] = (
    *("roadmap", "question", "a", "b", "measure", "value_a", "value_b", "difference", "low", "high"),
    *("n", "p", "holm", "comparisons", "verdict", "note"),
)
NOT_MEASURED = "not measured"
_BOOK = ("sharpe", "annual_return", "drawdown")
_FORECAST = ("loss", "direction")
_STAGES = ("stage 1", "stage 2", "stage 2.1", "stage 2.2", "stage 2.3")


@dataclass(frozen=True)
class Comparison:
    """One question of the roadmap: whether side a differs from side b.

    Attributes
    ----------
    roadmap : section
    a, b : names of variants, the base, or a benchmark; the verdict is on a
    measures : keys of `ablation.MEASURES`
    regimes : only sessions decided in one of these count; all of them if empty
    lacking : why it cannot be answered, if the sides are not there
    """

    roadmap: str
    question: str
    a: str
    b: str
    measures: tuple[str, ...] = _BOOK
    regimes: tuple[str, ...] = ()
    lacking: str = ""


def comparisons_of(base: Settings) -> tuple[Comparison, ...]:
    """Every comparison of the roadmap, of this line."""
    return (*_of_forecasts(base), *_of_signals(base), *_of_the_book(base), *_of_stages(), *_not_here())


def sides_of(comparisons: Iterable[Comparison]) -> list[str]:
    """Names of the variants that comparisons need."""
    names = dict.fromkeys(side for one in comparisons if not one.lacking for side in (one.a, one.b))
    return [name for name in names if name not in (BASE, EQUAL_WEIGHT, EQUAL_AT_EXPOSURE)]


def _of_forecasts(base: Settings) -> Iterator[Comparison]:
    several = len(base.models) > 1
    for model in base.models if several else ():
        yield Comparison(
            "2.5", f"Does the ensemble beat {model} alone?", BASE, f"{model} alone", (*_FORECAST, "sharpe")
        )
    if not several:
        yield _without("2.5", "Does the ensemble beat single models?", "the line has one model")
    yield Comparison(
        "2.2",
        "Do adaptive weights beat equal ones?",
        *_with_and_without(base, "adaptive weights"),
        (*_FORECAST, "sharpe"),
    )
    graph = [model for model in GRAPH_MODELS if model in base.models]
    if graph and several:
        yield Comparison(
            "2.2.1, 2.2.5",
            "Does the graph model beat the others?",
            f"{graph[0]} alone",
            f"{graph[0]} left out",
            _FORECAST,
        )
    else:
        asked = "Do forecasts on a graph beat naive ones?"
        yield _without("2.2.1, 2.2.5", asked, "the line has no model of a graph (samba) beside another")
    for name in ("Bayesian weights", "Thompson sampling"):
        yield Comparison("2.3.1", f"{name} instead of the line's?", name, BASE, (*_FORECAST, "sharpe"))


def _of_signals(base: Settings) -> Iterator[Comparison]:
    yield Comparison("2.1.2", "Is one session a better horizon than five?", "horizon of 1", BASE)
    yield Comparison("2.1.2", "Does a stop beat a profit target?", "stop of 2 ranges", "target of 2.5 %")
    yield Comparison("2.1.2", "Does a stop help?", "stop of 2 ranges", BASE)
    yield Comparison(
        "2.1.3", "Is a trailing stop better tight?", "trailing stop of 2 ranges", "trailing stop of 3 ranges"
    )
    if len(base.timeframes) > 1:
        yield Comparison("2.1.4", "Does priority beat weighing in conflicts?", BASE, "conflicts weighed")
    for timeframe in base.timeframes if len(base.timeframes) > 1 else ():
        yield Comparison("2.1.5", f"What are {timeframe} bars worth?", BASE, f"{timeframe} left out")
    if len(base.timeframes) == 1:
        yield _without("2.1.4, 2.1.5", "Do several timeframes help?", "the line has one timeframe")
    yield Comparison("2.2.2, 2.2.5", "Does selection by regime help?", *_with_and_without(base, "selection"))


def _of_the_book(base: Settings) -> Iterator[Comparison]:
    def pair(component: str) -> tuple[str, str]:
        return _with_and_without(base, component)

    risk, stress, warned = (*_BOOK, "volatility"), ("sharpe", "annual_return"), ("Bear", "Volatile")
    graph = (BASE, "graph off")
    yield Comparison("2.3", "Do regimes help the book?", *pair("regimes"), risk)
    yield Comparison("2.3", "Do regimes help when they warn?", *pair("regimes"), stress, warned)
    yield Comparison("2.2.5", "Is the graph worth something to the book?", *graph)
    yield Comparison(
        "2.2.5", "Does correlation-aware sizing beat equal weight?", BASE, EQUAL_AT_EXPOSURE, risk
    )
    yield Comparison("2.2.4", "Does the optimiser beat equal weight?", BASE, EQUAL_WEIGHT, risk)
    yield Comparison("2.2.3", "Does the correlation penalty reduce risk?", *pair("correlation penalty"), risk)
    yield Comparison("2.2.4", "Do robust sets help under stress?", *pair("robust set"), stress, warned)
    yield Comparison(
        "2.2.4", "Do costs in the objective pay?", *pair("costs in the objective"), ("sharpe", "turnover")
    )
    yield Comparison("2.3.2", "Do shorts help?", "long and short", BASE, risk)
    yield Comparison("2.3.2", "Do shorts help in bear markets?", "long and short", BASE, stress, ("Bear",))


def _with_and_without(base: Settings, component: str) -> tuple[str, str]:
    """The lines with and without a component; one of them is the base."""
    (name,) = (one.name for one in variants_of(base) if one.component == component)
    return (BASE, name) if name.endswith(" off") else (name, BASE)


def _of_stages() -> Iterator[Comparison]:
    for before, stage in itertools.pairwise(_STAGES):
        yield Comparison(
            "each phase", f"Is {stage} better than {before}?", stage, before, (*_BOOK, "volatility")
        )


def _not_here() -> Iterator[Comparison]:
    yield _without(
        "2.1.3",
        "Trend following or mean reversion?",
        "two of the selection's four sleeves: docs/results/selection.md",
    )
    yield _without("2.1.3", "Does pyramiding help?", "the line solves a mix; there is nothing to pyramid")
    yield _without(
        "2.1.4",
        "Dynamic or static capital across timeframes?",
        "one book is traded: timeframes share it by weights",
    )
    yield _without(
        "2.3.5", "Incremental or full training?", "of one model at a time: docs/results/timeframes.md"
    )


def _without(roadmap: str, question: str, why: str) -> Comparison:
    return Comparison(roadmap, question, "", "", (), lacking=why)


def answered(comparisons: Iterable[Comparison], sides: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """One row a comparison and measure, in columns `COLUMNS`.

    Parameters
    ----------
    sides : sessions of each line and benchmark by name, the base among them
    """
    parts = [_rows(place, one, sides) for place, one in enumerate(comparisons)]
    table = pd.concat(parts, ignore_index=True)
    told = table["note"].eq("") & table["slice_kind"].eq("all")
    verdicts = with_verdicts(table)
    out = verdicts.assign(verdict=verdicts["verdict"].where(told, NOT_MEASURED))
    return out.rename(columns={"value": "value_a", "base": "value_b"})[list(COLUMNS)]


def _rows(place: int, one: Comparison, sides: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    facts = {"place": place, "roadmap": one.roadmap, "question": one.question, "a": one.a, "b": one.b}
    missing = [name for name in (one.a, one.b) if name not in sides]
    why = one.lacking or (f"{' and '.join(missing)} could not be made" if missing else "")
    if why:
        return pd.DataFrame([{**facts, "slice_kind": "", "measure": "", "n": 0, "note": why}])
    own, other = sides[one.a], sides[one.b]
    if one.regimes:
        inside = sides[BASE]["regime"].isin(one.regimes)
        own = own[inside.reindex(own.index, fill_value=False)]
    found = differences(own, other, {}, one.measures)
    whole = found[found["slice_kind"] == "all"]
    if whole.empty:
        return pd.DataFrame(
            [{**facts, "slice_kind": "", "measure": "", "n": 0, "note": "both sides are the same"}]
        )
    where = f"sessions decided in {' or '.join(one.regimes)}" if one.regimes else ""
    return whole.assign(**facts, note="", where=where)
