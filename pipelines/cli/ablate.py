"""`fabline ablate`: the line without each component beside the line, and the roadmap's comparisons."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from models.forecasters.catalogue import expanded
from pipelines import environment, ranges, settings
from pipelines.ablation.comparisons import answered, comparisons_of, sides_of
from pipelines.ablation.results import benchmarks_of
from pipelines.ablation.study import Study
from pipelines.ablation.variants import BASE, Variant, chosen, variants_of
from pipelines.cli import rendering
from pipelines.cli.dates import say, session_range
from pipelines.cli.progress import progress_bars
from pipelines.cli.run import checked_range, overrides_of
from pipelines.settings import Settings
from pipelines.wiring import source_of
from resources.store import store_at
from resources.trials import record_trial
from trading.errors import UsageError
from trading.evaluation.ablation import differences, with_verdicts
from trading.evaluation.paired import ALL

FOLDER = "ablation"
DEFAULT_SESSIONS = 252
NOWHERE = ranges.Reach(None, None)
_BOOK = ("sharpe", "annual_return", "drawdown", "turnover")


@dataclass(frozen=True)
class Asked:
    """What a person asks; `only` names variants or components, `models` and the source overrule the home's."""

    home: Path
    source: str | None = None
    data: Path | None = None
    first: str | None = None
    last: str | None = None
    models: str | None = None
    only: str | None = None
    folder: Path | None = None
    jobs: int = 1
    by: str = ALL
    comparisons: bool = False


def ablate(asked: Asked, format_: str) -> None:
    """Make the base line and its variants, enter each as a trial, and write the table.

    Raises
    ------
    UsageError
        If a variant is unknown, or the range cannot be made.
    """
    base = _settings(asked)
    first, last = _range(asked, base)
    known = variants_of(base)
    wanted = _wanted(asked, base, known)
    folder = asked.folder or asked.home / FOLDER
    study = Study(base, wanted, first, last, folder, asked.jobs)
    simulated = source_of(base).simulated
    with progress_bars(None, simulated=simulated) as progress:
        sides = study.run(study.market(), progress, lambda name, why: say(f"{name} was left out: {why}"))
    _enter(asked.home, study, sides)
    if asked.comparisons:
        rows = answered(comparisons_of(base), sides | benchmarks_of(sides[BASE]))
        _write(rows, rows.pipe(_compared_for_people), format_, _sentence(rows))
        return
    table = table_of(wanted, sides)
    _write(table, _for_people(table, asked.by), format_, _sentence(table))


def table_of(wanted: Iterable[Variant], sides: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """One row a variant, slice and measure: columns of `ablation.differences`, its verdict, and what was turned off."""
    base = sides[BASE]
    regimes = base["regime"].to_dict()
    parts = [
        differences(sides[one.name], base, regimes).assign(
            variant=one.name, component=one.component, instead=one.instead
        )
        for one in wanted
        if one.name in sides
    ]
    if not parts:
        raise UsageError("no variant could be made; the notes above say why")
    table = with_verdicts(pd.concat(parts, ignore_index=True))
    names = ["variant", "component", "instead"]
    return table[[*names, *(name for name in table.columns if name not in names)]]


def _settings(asked: Asked) -> Settings:
    overrides = overrides_of(asked.source, asked.data, None)
    if asked.data is not None and asked.source is None:
        overrides["source.name"] = "files"
    if asked.models is not None:
        overrides[settings.MODELS] = list(expanded(part.strip() for part in asked.models.split(",")))
    return settings.load(asked.home, overrides).settings.books[0]  # challengers are strategies of their own


def _range(asked: Asked, base: Settings) -> tuple[pd.Timestamp, pd.Timestamp]:
    """The sessions asked for; the last year that the source has, if nothing is."""
    first, last = (
        None if day is None else f"{day:%Y-%m-%d}" for day in session_range(asked.first, asked.last)
    )
    sessions = None if first and last else DEFAULT_SESSIONS
    begin, end = checked_range(base, ranges.Asked(first, last, sessions), NOWHERE)
    if begin == end:
        raise UsageError(f"one session, {end:%Y-%m-%d}, holds the deposit and no return; widen the range")
    return begin, end


def _wanted(asked: Asked, base: Settings, known: tuple[Variant, ...]) -> tuple[Variant, ...]:
    if asked.comparisons and asked.only is not None:
        raise UsageError("--comparisons makes the variants that it needs; leave --only out")
    if asked.comparisons:
        return chosen(known, sides_of(comparisons_of(base)))
    if asked.only is not None:
        return chosen(known, (part for part in asked.only.split(",")))
    return tuple(one for one in known if one.is_ablation)


def _enter(path: Path, study: Study, sides: Mapping[str, pd.DataFrame]) -> None:
    """Every line that was looked at is a trial in the home's book, whether it was made now or before."""
    home = environment.open_or_create(path)
    cut = f"{study.first:%Y-%m-%d} to {study.last:%Y-%m-%d}"
    with home.writing("fabline ablate", wait=True):
        store = store_at(home.tables, environment.database_of(home), home=home.facts.id)
        with closing(store):
            for name, line in study.settings.items():
                if name in sides:
                    returns = sides[name]["net_return"]
                    record_trial(
                        store, returns, command="ablate", label=name, settings=line.digest(), cut=cut
                    )


def _for_people(table: pd.DataFrame, by: str) -> pd.DataFrame:
    """A row a variant and slice of one kind, a column a measure: difference and interval."""
    shown = table[table["slice_kind"] == by]
    keys = ["variant", *([] if by == ALL else ["slice"])]
    cells = shown.assign(cell=[_cell(row) for row in shown.itertuples(index=False)])
    wide = cells.pivot_table(index=keys, columns="measure", values="cell", aggfunc="first", sort=False)
    names = [name for name in (*_BOOK, "direction", "loss") if name in wide]
    out = wide[names].reset_index()
    counts = shown.groupby(keys, sort=False)["n"].first().reset_index()
    out = out.merge(counts, on=keys)
    if by == ALL:
        verdicts = shown[shown["measure"] == "sharpe"].set_index("variant")["verdict"]
        out = out.assign(by_sharpe=out["variant"].map(verdicts))
    return out.fillna("-")


def _compared_for_people(rows: pd.DataFrame) -> pd.DataFrame:
    told = rows.assign(difference=[_cell(row) for row in rows.itertuples(index=False)])
    return told[["roadmap", "question", "a", "b", "measure", "difference", "n", "verdict", "note"]].fillna(
        "-"
    )


def _cell(row: object) -> str:
    """A difference with its interval, in percent where the figure is a share."""
    measure, value, low, high = (getattr(row, name) for name in ("measure", "difference", "low", "high"))
    if pd.isna(value):
        return "-"
    share = measure in ("annual_return", "drawdown", "volatility", "direction", "loss")
    one, two, three = (f"{100 * x:+.1f}%" if share else f"{x:+.2f}" for x in (value, low, high))
    return one if pd.isna(low) else f"{one} [{two}, {three}]"


def _sentence(table: pd.DataFrame) -> str:
    made = int(table["comparisons"].max())
    return (
        f"differences are variant less base, with 95 % intervals of a block bootstrap, each as if it were the only one; "
        f"a verdict is over all {made} comparisons of its measure (Holm, 5 %)"
    )


def _write(rows: pd.DataFrame, shown: pd.DataFrame, format_: str, sentence: str) -> None:
    if format_ != "text":
        rendering.write(rows, format_, None)
        return
    rendering.write(shown, "table", None)
    sys.stdout.flush()
    sys.stderr.write(sentence + "\n")
