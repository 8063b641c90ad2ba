"""Sets of variants to choose from: each model's own decisions in a home, or a file of returns."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from resources.store import HomeStore
from resources.trials import record_trial, trials_of
from trading import calendar
from trading.digest import digest
from trading.errors import UsageError
from trading.evaluation.attribution import AHEAD, decided, linear_rate
from trading.evaluation.choosing import Variants, choice_figures
from trading.evaluation.comparison import champion_cases
from trading.evaluation.evaluation import Span
from trading.evaluation.figures import table_of
from trading.execution.costs import CostModel
from trading.stages.layout import DAILY

MODELS, COMMAND = "models", "evaluate"


def variants_of(named: str, tables: Mapping[str, pd.DataFrame], span: Span) -> Variants:
    """The variants that `named` means, over sessions that are not held out, beside equal weight of the names.

    Parameters
    ----------
    named : `models`, or the path of a CSV or Parquet file with a column `session` and one of simple returns a variant

    Raises
    ------
    UsageError
        If there is no such file, or it does not hold what it should.
    """
    wide = alone(tables) if named == MODELS else from_file(Path(named))
    book = tables["performance"].drop_duplicates("session").set_index("session")["equal_weight_log_return"]
    inside = wide[(wide.index >= span.first) & (wide.index <= span.end)]
    return Variants.of(named, inside, np.expm1(book.iloc[1:]))


def alone(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Simple returns of each model's own daily decisions after linear costs, by the session that earned them."""
    daily = [
        tables[name][(tables[name]["timeframe"] == DAILY).to_numpy()]
        for name in ("version_losses", "forecasts")
    ]
    cases = champion_cases(*daily)
    clean = cases[((cases["horizon"] == AHEAD) & ~cases["contaminated"].astype(bool)).to_numpy()]
    rate = linear_rate(CostModel())
    held = {}
    for model, part in clean.sort_values("session").groupby("model", sort=True):
        net, _, made = decided(part, rate)
        if made.any():  # the random walk decides nothing, and is no variant
            earned = [calendar.shift(session, AHEAD) for session in part["session"].unique()]
            held[str(model)] = pd.Series(np.expm1(net), index=pd.DatetimeIndex(earned))
    nobody = pd.DatetimeIndex([], dtype="datetime64[us]")
    return pd.DataFrame(held, index=None if held else nobody)


def from_file(path: Path) -> pd.DataFrame:
    """Simple returns of a file, by session, a column a variant.

    Raises
    ------
    UsageError
        Naming the file and what is wrong with it.
    """
    try:
        rows = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"--variants is `{MODELS}` or a CSV or Parquet file; {path} is not: {str(error).splitlines()[0]}"
        ) from None
    if "session" not in rows:
        raise UsageError(f"{path} needs a column `session` and one of simple returns for each variant")
    try:
        days = pd.DatetimeIndex(pd.to_datetime(rows["session"], format="ISO8601")).as_unit("us")
        wide = rows.drop(columns="session").astype(float).set_axis(days, axis=0)
    except (ValueError, TypeError) as error:
        raise UsageError(
            f"{path}: {error}; sessions are YYYY-MM-DD, returns fractions such as 0.012"
        ) from None
    if days.has_duplicates or (wide <= -1).to_numpy().any():
        raise UsageError(
            f"{path} has a session twice, or a return of -100 % or less; give simple returns of a session"
        )
    return wide


def choice_table(variants: Variants, store: HomeStore, settings: str) -> tuple[pd.DataFrame, bool]:
    """The figures of a choice; each of its variants is a trial from now on. Also whether one is new."""
    new = [
        record_trial(
            store,
            pd.Series(variants.returns[:, place], index=variants.sessions),
            command=COMMAND,
            label=f"variant {name}",
            settings=digest(settings, variants.source, name)
            if variants.source == MODELS
            else digest(name, variants.returns[:, place]),
        )
        for place, name in enumerate(variants.names)
    ]
    return table_of(choice_figures(variants, trials_of(store))), any(new)
