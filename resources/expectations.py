"""Great Expectations behind a small port: batches of a table go in, a verdict comes out.

Rows were judged one by one before they were written; here whole batches are, with the same words in
Dagster's checks and in Data Docs. The library is imported when the first batch is validated (4 s), and
works in memory: no files, no network, no usage statistics.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from trading import frames
from trading.monitoring import table_rules
from trading.monitoring.bar_rules import ROUNDING
from trading.universe import SYMBOLS

FIRST_ROWS = 20
_ONE_AT_A_TIME = threading.RLock()  # the library keeps its project in a global


@dataclass(frozen=True)
class Outcome:
    """What became of one expectation.

    Attributes
    ----------
    suite, name, column : which one; several columns are joined by commas, a table has none
    success : whether it was met
    observed : the observed value, or the error that kept it from being observed; empty if it has none
    unexpected : rows that broke it
    rows : the first of them, with symbol and session where they have one
    """

    suite: str
    name: str
    column: str
    success: bool
    observed: str
    unexpected: int
    rows: tuple[Mapping[str, object], ...] = ()


@dataclass(frozen=True)
class Verdict:
    """What a table's suites say of a batch.

    Attributes
    ----------
    table, rows : what was validated
    outcomes : one an expectation
    bad_sessions : sessions with a row that broke one, ascending
    results : the library's own results, from which Data Docs are written
    """

    table: str
    rows: int
    outcomes: tuple[Outcome, ...]
    bad_sessions: tuple[pd.Timestamp, ...]
    results: tuple[Any, ...] = field(default=(), repr=False, compare=False)

    @property
    def success(self) -> bool:
        """Whether every expectation was met."""
        return all(outcome.success for outcome in self.outcomes)

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """The expectations that were not met."""
        return tuple(outcome for outcome in self.outcomes if not outcome.success)


def validate_bars(
    frame: pd.DataFrame,
    quarantined: int = 0,
    expected_symbols: Sequence[str] = SYMBOLS,
    sessions: pd.DatetimeIndex | None = None,
) -> Verdict:
    """Validate a batch of bars, one revision of each.

    Parameters
    ----------
    frame : columns of `bars`
    quarantined : rows of the expected symbols that were kept out of this batch
    expected_symbols : those that make a session complete, from their listing on
    sessions : those that must be there; by default all from the first to the last of the batch
    """
    from resources import expectation_suites as suites

    if _lacks_columns("bars", frame) or not len(frame):
        return _verdict("bars", frame, [_run("bars", frame, [*suites.columns("bars"), *suites.rows()])])
    complete = table_rules.completeness(frame, sessions, expected_symbols)
    arrived = int(frame["symbol"].isin(list(expected_symbols)).sum()) + quarantined
    batch = pd.DataFrame({"arrived": [arrived], "quarantined": [quarantined]})
    results = [
        _run("bars", table_rules.with_bar_facts(frame), suites.bars()),
        _run("bar_sessions", complete, suites.bar_sessions()),
        _run("bar_arrivals", batch, suites.bar_arrivals(arrived)),
    ]
    return _verdict("bars", frame, results)


def validate_actions(frame: pd.DataFrame, closes: pd.DataFrame | None = None) -> Verdict:
    """Validate a batch of corporate actions, one revision of each; an empty one is in order.

    Parameters
    ----------
    frame : columns of `corporate_actions`
    closes : session, symbol, close: a dividend is compared with the newest close before its session
    """
    from resources import expectation_suites as suites

    table = "corporate_actions"
    if _lacks_columns(table, frame):
        return _verdict(table, frame, [_run(table, frame, suites.columns(table))])
    facts = table_rules.with_action_facts(frame, closes)
    return _verdict(table, frame, [_run(table, facts, suites.corporate_actions())])


def validate_features(frame: pd.DataFrame) -> Verdict:
    """Validate a batch of daily features; a NaN is an unfilled window and in order."""
    from resources import expectation_suites as suites

    lacking = _lacks_columns("features", frame)
    expectations = suites.columns("features") if lacking else suites.features()
    return _verdict("features", frame, [_run("features", frame, expectations)])


def validate_table(table: str, frame: pd.DataFrame) -> Verdict:
    """Validate a batch of any other table by what its schema says; an empty one is in order.

    Parameters
    ----------
    frame : columns of `table`
    """
    from resources import expectation_suites as suites

    if _lacks_columns(table, frame):
        return _verdict(table, frame, [_run(table, frame, suites.columns(table))])
    if table == "extended_bars":
        frame = frame.assign(highest=frame["high"] * (1 + ROUNDING), lowest=frame["low"] * (1 - ROUNDING))
    return _verdict(table, frame, [_run(table, frame, suites.declared(table))])


def write_data_docs(verdicts: Iterable[Verdict], folder: Path, *, run: str, simulated: bool = False) -> Path:
    """Add verdicts to the Data Docs in `folder`, and give the page to open.

    Parameters
    ----------
    run : the name under which the results are listed, such as the sessions of the run
    simulated : whether the market is made up, which every page then says

    Raises
    ------
    HomeError
        If the folder cannot be written.
    """
    from resources import datadocs

    with _ONE_AT_A_TIME:
        results = [result for verdict in verdicts for result in verdict.results]
        return datadocs.publish(results, folder, run, simulated=simulated)


def _verdict(table: str, frame: pd.DataFrame, results: list[Any]) -> Verdict:
    outcomes = [_outcome(result.suite_name, one) for result in results for one in result.results]
    rows = [row for result in results for one in result.results for row in _rows(one)]
    sessions = {row["session"] for row in rows if "session" in row}
    bad = tuple(sorted(session for session in sessions if pd.notna(session)))
    for result in results:
        _shorten(result)
    return Verdict(table, len(frame), tuple(outcomes), bad, tuple(results))


def _outcome(suite: str, result: Any) -> Outcome:
    config, found = result.expectation_config, result.result
    columns = config.kwargs.get("column") or [
        config.kwargs[name] for name in ("column_A", "column_B") if name in config.kwargs
    ]
    columns = config.kwargs.get("column_list") or columns
    return Outcome(
        suite=suite,
        name=config.description or config.type,
        column=columns if isinstance(columns, str) else ", ".join(columns),
        success=bool(result.success),
        observed=_error_of(result) or str(found.get("observed_value", "")),
        unexpected=int(found.get("unexpected_count", 0)),
        rows=tuple(dict(row) for row in _rows(result)[:FIRST_ROWS]),
    )


def _error_of(result: Any) -> str:
    told = result.exception_info or {}
    errors = [told] if "raised_exception" in told else list(told.values())
    return "; ".join(str(error["exception_message"]) for error in errors if error["raised_exception"])


def _rows(result: Any) -> list[Mapping[str, Any]]:
    """Every unexpected row with symbol and session; none where the batch has neither."""
    return [row for row in result.result.get("unexpected_index_list") or [] if isinstance(row, Mapping)]


def _shorten(result: Any) -> None:
    """Keep the first broken rows only: a page with a hundred thousand helps nobody."""
    for one in result.results:
        for name in ("unexpected_list", "unexpected_index_list"):
            if name in one.result:
                one.result[name] = one.result[name][:FIRST_ROWS]
        one.result.pop("unexpected_index_query", None)


def _lacks_columns(table: str, frame: pd.DataFrame) -> bool:
    return not set(frames.columns(table)) <= set(frame.columns)


def _run(suite: str, frame: pd.DataFrame, expectations: list[Any]) -> Any:
    """The library's result of one suite on one frame, with every unexpected row."""
    with _ONE_AT_A_TIME:
        import great_expectations as gx

        context = gx.get_context(mode="ephemeral", project_config=_settings())
        batch = context.data_sources.add_pandas("fabline").add_dataframe_asset(suite)
        definition = gx.ValidationDefinition(
            name=suite,
            data=batch.add_batch_definition_whole_dataframe("batch"),
            suite=context.suites.add(gx.ExpectationSuite(name=suite, expectations=expectations)),
        )
        index = [name for name in ("symbol", "session") if name in frame]
        return context.validation_definitions.add(definition).run(
            batch_parameters={"dataframe": frame},
            result_format={"result_format": "COMPLETE", "unexpected_index_column_names": index},
        )


def _settings() -> Any:
    from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults

    return DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(),
        analytics_enabled=False,
        progress_bars={"globally": False},
    )
