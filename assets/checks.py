"""Checks on the tables of the line: what must hold of whole ranges, and what is said when it does not.

A check looks at the sessions of its run; run on its own, at the whole table. One evaluation speaks for
the range, so the sessions that break a rule are named in its metadata. Only `bars` blocks: what comes
after must not be made from a market that is not there.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg
import pandas as pd

from assets.failures import translated
from resources import expectations
from resources.open_home import OpenHome
from trading import calendar
from trading.errors import HomeError
from trading.monitoring import regime_alert, table_rules
from trading.monitoring.table_rules import BookLimits, CoverageBand, Finding
from trading.stages.layout import DAILY
from trading.universe import SYMBOLS

SHOWN_ROWS, NAMED_SESSIONS, NAMED_EXPECTATIONS = 20, 100, 3
MARKET_TABLES = (
    *("extended_bars", "earnings", "fundamentals", "reconciliation"),
    *("findings", "data_quality", "quarantine", "quarantine_decisions"),
)
_ERROR, _WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN
_EXTRA_SESSIONS = 40  # beyond a coverage band's own: the last horizon matures late


@dataclass(frozen=True)
class Span:
    """The sessions that a check looks at; `first` None is the beginning of the table."""

    first: pd.Timestamp | None
    last: pd.Timestamp

    @property
    def name(self) -> str:
        """The span as text, such as `2025-01-02_2025-06-30`."""
        begins = "begin" if self.first is None else f"{self.first:%Y-%m-%d}"
        return f"{begins}_{self.last:%Y-%m-%d}"


Metadata = Mapping[str, dg.MetadataValue]
Judge = Callable[[OpenHome, Span], tuple[Finding, Metadata]]


@dataclass(frozen=True)
class Check:
    """One check: on which table, what it asks, and how much a failure matters."""

    table: str
    name: str
    description: str
    judge: Judge
    severity: dg.AssetCheckSeverity = _ERROR
    blocking: bool = field(default=False, kw_only=True)


def market_checks(
    limits: BookLimits | None = None, band: CoverageBand | None = None
) -> list[dg.AssetChecksDefinition]:
    """Every check of the line.

    Parameters
    ----------
    limits : what a target portfolio keeps; by default the domain's own
    band : how far coverage may drift
    """
    limits, band = limits or BookLimits(), band or CoverageBand()
    return [
        _definition(check)
        for check in (
            Check("bars", "expectations", "Great Expectations on the bars of the run: prices, keys, one basis, "
                  "completeness, quarantine.", _bars, blocking=True),
            Check("bars", "market_tables", "Great Expectations on every other table of market data that has rows: bars "
                  "outside the session, earnings, findings, quality, comparisons, quarantine.", _market_tables),
            Check("bars", "findings", "Nothing that was found in the data is an error: missing sessions, impossible "
                  "actions.", _findings, _WARN),
            Check("corporate_actions", "expectations", "Great Expectations on splits and dividends.", _actions),
            Check("features", "expectations", "Great Expectations on the features of the run.", _features),
            Check("features", "no_blank_column", "Every feature is known for some stock in the newest session.",
                  _blank_columns, _WARN),
            Check("ensemble_intervals", "coverage", f"Over {band.sessions} sessions the intervals hold as often as "
                  "they promise, within a binomial band.", lambda home, span: _coverage(home, span, band), _WARN),
            Check("regimes", "change", "The newest session has the regime of the one before: if not, a new portfolio is "
                  "due.", _regime_change, _WARN),
            Check("ensemble_weights", "degradation", "No model became worse than the random walk beyond luck, or worse "
                  "than it was itself (e-process and ADWIN).", _degradation, _WARN),
            Check("target_portfolio", "limits", "No weight exceeds the book, a position or a group limit.",
                  lambda home, span: _limits(home, span, limits)),
            Check("positions", "ledger", "The ledger projects to the positions, to the cent and the share.", _books),
        )
    ]  # fmt: skip


def _definition(check: Check) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=check.table, name=check.name, description=check.description, blocking=check.blocking
    )
    def judge(
        context: dg.AssetCheckExecutionContext, home: dg.ResourceParam[OpenHome]
    ) -> dg.AssetCheckResult:
        with translated():
            span = span_of(context, home, check.table)
            finding, metadata = check.judge(home, span)
        return dg.AssetCheckResult(
            passed=finding.passed,
            severity=check.severity,
            description=finding.summary,
            metadata={**shown(finding), **metadata},
        )

    return judge


def span_of(context: dg.AssetCheckExecutionContext, home: OpenHome, table: str) -> Span:
    """The sessions of the run with what leads up to the home's inception; the whole table if it has none."""
    tags = context.run.tags
    if "dagster/partition" not in tags and "dagster/asset_partition_range_start" not in tags:
        listed = home.store.tables().set_index("table")["last_session"]
        return Span(None, listed.get(table, default=calendar.last_closed(home.clock())))
    keys = context.partition_keys
    first, inception = calendar.session_of(keys[0]), home.home.inception
    begins = None if inception is None or first <= inception else first
    return Span(begins, calendar.session_of(keys[-1]))


def shown(finding: Finding) -> dict[str, dg.MetadataValue]:
    """A finding as metadata: figures, bad sessions, and the first rows that break the rule."""
    figures = {name: _figure(value) for name, value in finding.facts.items()}
    rows = finding.failures.head(SHOWN_ROWS)
    return {
        **figures,
        **_sessions(finding.bad_sessions),
        "failures": dg.MetadataValue.int(len(finding.failures)),
        **({"first_failures": dg.MetadataValue.md(markdown(rows))} if len(rows) else {}),
    }


def _figure(value: float | str) -> dg.MetadataValue:
    if isinstance(value, str):
        return dg.MetadataValue.text(value)
    return dg.MetadataValue.int(value) if isinstance(value, int) else dg.MetadataValue.float(round(value, 6))


def _sessions(bad: list[str]) -> dict[str, dg.MetadataValue]:
    return {
        "bad_sessions": dg.MetadataValue.json(bad[:NAMED_SESSIONS]),
        "bad_session_count": dg.MetadataValue.int(len(bad)),
    }


def markdown(rows: pd.DataFrame) -> str:
    """A small frame as a Markdown table."""
    lines = [list(rows.columns), ["---"] * rows.shape[1], *rows.itertuples(index=False)]
    return "\n".join(f"| {' | '.join(_cell(value) for value in line)} |" for line in lines)


def _cell(value: object) -> str:
    text = f"{value:%Y-%m-%d}" if isinstance(value, pd.Timestamp) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")


def _bars(home: OpenHome, span: Span) -> tuple[Finding, Metadata]:
    bars = home.store.read("bars", span.first, span.last, timeframe=DAILY)
    bad = home.store.read("quarantine", span.first, span.last)
    missing = _without_a_bar(bad[(bad["table"] == "bars") & bad["symbol"].isin(SYMBOLS)], bars)
    first = bars["session"].min() if span.first is None else span.first
    sessions = calendar.sessions_between(first, span.last) if len(bars) else None
    verdict = expectations.validate_bars(bars, missing, sessions=sessions)
    return _explained(verdict, home, span)


def _market_tables(home: OpenHome, span: Span) -> tuple[Finding, Metadata]:
    """One verdict over all tables beside bars and actions; those without a row in the span say nothing."""
    held = {table: home.store.read(table, span.first, span.last) for table in MARKET_TABLES}
    verdicts = [expectations.validate_table(table, rows) for table, rows in held.items() if len(rows)]
    bad = [_cell(session) for verdict in verdicts for session in verdict.bad_sessions]
    parts = [_finding(verdict) for verdict in verdicts]
    finding = Finding(
        passed=all(part.passed for part in parts),
        summary="; ".join(part.summary for part in parts) or "none of these tables has a row",
        facts={f"{verdict.table}_rows": verdict.rows for verdict in verdicts},
        failures=pd.concat([part.failures for part in parts], ignore_index=True) if parts else pd.DataFrame(),
    )
    pages = {"data_docs": _documents(verdicts, home, span)} if verdicts else {}
    return finding, {**pages, **_sessions(sorted(set(bad)))}


def _findings(home: OpenHome, span: Span) -> tuple[Finding, Metadata]:
    found = home.store.read("findings", span.first, span.last)
    return table_rules.graded(found), {}


def _without_a_bar(bad: pd.DataFrame, bars: pd.DataFrame) -> int:
    """How many bad rows left their symbol without a bar: one that the vendor has mended counts no more."""
    key = ["session", "symbol"]
    found = bad[key].merge(bars[key].drop_duplicates(), on=key, how="left", indicator=True)["_merge"]
    return int((found == "left_only").sum())


def _actions(home: OpenHome, span: Span) -> tuple[Finding, Metadata]:
    actions = home.store.read("corporate_actions", span.first, span.last)
    bars = home.store.read("bars", span.first, span.last, timeframe=DAILY)
    closes = bars[(bars["timeframe"] == "1D").to_numpy()]
    return _explained(expectations.validate_actions(actions, closes), home, span)


def _features(home: OpenHome, span: Span) -> tuple[Finding, Metadata]:
    features = home.store.read("features", span.first, span.last, timeframe=DAILY)
    return _explained(expectations.validate_features(features), home, span)


def _blank_columns(home: OpenHome, span: Span) -> tuple[Finding, Metadata]:
    return table_rules.blank_columns(home.store.read("features", span.last, span.last, timeframe=DAILY)), {}


def _coverage(home: OpenHome, span: Span, band: CoverageBand) -> tuple[Finding, Metadata]:
    back = min(band.sessions + _EXTRA_SESSIONS, calendar.position(span.last))
    first = calendar.shift(span.last, -back)
    return table_rules.coverage_drift(home.store.read("ensemble_intervals", first, span.last), band), {}


def _regime_change(home: OpenHome, span: Span) -> tuple[Finding, Metadata]:
    return regime_alert.regime_change(home.store.read("regimes", span.first, span.last, timeframe=DAILY)), {}


def _degradation(home: OpenHome, span: Span) -> tuple[Finding, Metadata]:
    """The alarms of the span; people are told of those of its last session, for older ones are no news."""
    finding = table_rules.degraded_models(home.store.read("ensemble_weights", span.first, span.last))
    news = finding.failures[(finding.failures["session"] == span.last).to_numpy()]
    for row in news.itertuples():
        home.notifier.notify(
            "model_degradation_suspected",
            model=str(row.model), alarm=str(row.alarm), session=f"{span.last:%Y-%m-%d}", weight=f"{row.weight:.3f}",
        )  # fmt: skip
    return finding, {}


def _limits(home: OpenHome, span: Span, limits: BookLimits) -> tuple[Finding, Metadata]:
    return table_rules.broken_limits(home.store.read("target_portfolio", span.first, span.last), limits), {}


def _books(home: OpenHome, span: Span) -> tuple[Finding, Metadata]:
    ledger = home.store.read("ledger", None, span.last)
    return table_rules.unbalanced_accounts(ledger, home.store.read("positions", span.first, span.last)), {}


def _explained(verdict: expectations.Verdict, home: OpenHome, span: Span) -> tuple[Finding, Metadata]:
    bad = [_cell(session) for session in verdict.bad_sessions]
    return _finding(verdict), {"data_docs": _documents([verdict], home, span), **_sessions(bad)}


def _documents(verdicts: Sequence[expectations.Verdict], home: OpenHome, span: Span) -> dg.MetadataValue:
    """Where the Data Docs are; that they cannot be written is no fault of the table.

    A single session in order adds no page: it would cost more than all that the session trades.
    """
    if all(verdict.success for verdict in verdicts) and span.first == span.last:
        return dg.MetadataValue.text("no page for a single session in order; ranges and failures have one")
    try:
        page = expectations.write_data_docs(verdicts, home.home.datadocs, run=span.name)
    except HomeError as error:
        return dg.MetadataValue.text(str(error))
    return dg.MetadataValue.path(str(page.absolute()))


def _finding(verdict: expectations.Verdict) -> Finding:
    failed = verdict.failed
    rows = [
        {
            "expectation": outcome.name,
            "column": outcome.column,
            "unexpected": outcome.unexpected,
            "observed": outcome.observed,
            "first": _where(outcome),
        }
        for outcome in failed
    ]
    met = len(verdict.outcomes) - len(failed)
    summary = f"{met} of {len(verdict.outcomes)} expectations of {verdict.table} met by {verdict.rows} rows"
    broken = "; ".join(outcome.name for outcome in failed[:NAMED_EXPECTATIONS])
    return Finding(
        passed=verdict.success,
        summary=f"{summary}; not met: {broken}" if broken else summary,
        facts={"rows": verdict.rows, "expectations": len(verdict.outcomes), "not_met": len(failed)},
        failures=pd.DataFrame(rows),
    )


def _where(outcome: expectations.Outcome) -> str:
    """Symbol and session of the first row that broke an expectation."""
    if not outcome.rows:
        return ""
    first = outcome.rows[0]
    return " ".join(_cell(first[name]) for name in ("symbol", "session") if name in first)
