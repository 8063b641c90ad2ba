"""Checks in a graph: what they say, of which sessions, and whom a failing one stops."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest

from assets.checks import MARKET_TABLES, markdown, market_checks
from resources.home import Home
from resources.open_home import OpenHome
from resources.sources import SimulatedSource
from trading import calendar, frames
from trading.monitoring.table_rules import BookLimits, CoverageBand
from trading.stages.trading_rules import TradingRules
from trading.testing.example_rows import example
from trading.testing.market_frames import actions_frame, bars_frame
from trading.testing.memory_store import MemoryStore
from trading.testing.tiny_market import FixedMix, tiny_market, trade
from trading.universe import SYMBOLS

FIRST, LAST = pd.Timestamp("2024-07-01"), pd.Timestamp("2024-07-05")
SESSIONS = dg.DailyPartitionsDefinition("2024-06-01", end_date="2024-08-01")
CHECKS = {
    (key.asset_key.to_user_string(), key.name): check for check in market_checks() for key in check.check_keys
}


BESIDE = ("corporate_actions", "ensemble_weights", "ensemble_intervals", "target_portfolio", "positions")


def good_bars() -> pd.DataFrame:
    return bars_frame({symbol: np.full(4, 100.0) for symbol in SYMBOLS}, LAST)


def without(bars: pd.DataFrame, session: str, *kept: str) -> pd.DataFrame:
    """The bars, of which only those of `kept` are left up to and with `session`."""
    return bars[((bars["session"] > session) | bars["symbol"].isin(kept)).to_numpy()]


def late_dividend() -> pd.DataFrame:
    return actions_frame((f"{LAST:%Y-%m-%d}", "MU", "dividend", 0.5))


def opened(folder: Path, store: MemoryStore | None = None, **tables: pd.DataFrame) -> OpenHome:
    """A home with these tables that began on the first of July."""
    home = Home.open_or_create(folder)
    home.fix_inception(FIRST)
    store = store or MemoryStore()
    for table, frame in tables.items():
        store.write({table: frame}, frame["session"].min(), frame["session"].max(), commit={})
    unused: dict[str, Any] = {
        field.name: None for field in dataclasses.fields(OpenHome) if field.default is dataclasses.MISSING
    }
    now = pd.Timestamp("2024-08-01", tz="UTC")
    source = SimulatedSource()
    return OpenHome(**{**unused, "home": home, "store": store, "source": source, "clock": lambda: now})


def ran(
    home: OpenHome,
    checks: Iterable[dg.AssetChecksDefinition],
    *,
    keys: tuple[str, str] | None = ("2024-07-01", "2024-07-05"),
) -> tuple[dg.ExecuteInProcessResult, list[str]]:
    """One run over bars -> features and assets beside them; which of them were made."""
    made: list[str] = []

    def asset(name: str, *causes: str) -> dg.AssetsDefinition:
        @dg.asset(name=name, deps=causes, partitions_def=SESSIONS if keys else None)
        def make() -> None:
            made.append(name)

        return make

    assets = [asset("bars"), asset("features", "bars"), *(asset(name) for name in BESIDE)]
    job = dg.Definitions(
        assets=assets,
        asset_checks=[*checks],
        jobs=[dg.define_asset_job("line", selection=dg.AssetSelection.all())],
        resources={"home": home},
        executor=dg.in_process_executor,
    ).resolve_job_def("line")
    bounds = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
    tags = dict(zip(bounds, keys, strict=True)) if keys else {}
    with dg.DagsterInstance.ephemeral() as instance:
        return job.execute_in_process(instance=instance, tags=tags, raise_on_error=False), made


def evaluation(
    home: OpenHome, table: str, name: str, keys: tuple[str, str] | None = ("2024-07-01", "2024-07-05")
) -> dg.AssetCheckEvaluation:
    """What one check says."""
    result, _ = ran(home, [CHECKS[table, name]], keys=keys)
    (said,) = result.get_asset_check_evaluations()
    return said


def bad_sessions(said: dg.AssetCheckEvaluation) -> object:
    return said.metadata["bad_sessions"].value


class TestWhomAFailureStops:
    def test_good_bars_let_everything_pass(self, tmp_path: Path) -> None:
        result, made = ran(opened(tmp_path, bars=good_bars()), [CHECKS["bars", "expectations"]])
        assert result.success
        assert {"bars", "features"} <= set(made)

    def test_bad_bars_stop_what_comes_after_them_and_nothing_else(self, tmp_path: Path) -> None:
        bars = without(good_bars(), "2024-07-03", *SYMBOLS[:7])
        result, made = ran(opened(tmp_path, bars=bars), [CHECKS["bars", "expectations"]])
        assert not result.success
        assert set(made) == {"bars", *BESIDE}

    def test_no_other_check_blocks(self, tmp_path: Path) -> None:
        home = opened(tmp_path, bars=good_bars())  # and not one of the other tables
        result, made = ran(home, market_checks())
        assert {"bars", "features", *BESIDE} == set(made)
        assert not all(said.passed for said in result.get_asset_check_evaluations())


class TestBars:
    def test_a_range_has_one_evaluation_that_names_its_bad_sessions(self, tmp_path: Path) -> None:
        bars = good_bars()
        bars.loc[bars["session"] != "2024-07-03", "basis"] = "fully_adjusted"
        said = evaluation(opened(tmp_path, bars=bars), "bars", "expectations")
        assert not said.passed
        assert said.severity == dg.AssetCheckSeverity.ERROR
        assert said.partition is None
        assert bad_sessions(said) == ["2024-07-03"]
        assert "one price basis" in str(said.metadata["first_failures"].value)
        assert said.metadata["rows"].value == 40

    def test_the_data_docs_are_where_it_says(self, tmp_path: Path) -> None:
        said = evaluation(opened(tmp_path, bars=good_bars()), "bars", "expectations")
        page = Path(str(said.metadata["data_docs"].value))
        assert page == tmp_path / "datadocs" / "index.html"
        assert "begin_2024-07-05" in page.read_text()

    def test_a_single_session_has_a_page_only_if_something_is_wrong(self, tmp_path: Path) -> None:
        home = opened(tmp_path, bars=without(good_bars(), "2024-07-03", *SYMBOLS[:7]))
        assert evaluation(home, "bars", "expectations", ("2024-07-05", "2024-07-05")).passed
        assert not list(home.home.datadocs.iterdir())
        assert not evaluation(home, "bars", "expectations", ("2024-07-03", "2024-07-03")).passed
        assert (home.home.datadocs / "index.html").exists()

    def test_only_the_sessions_of_the_run_count(self, tmp_path: Path) -> None:
        bars = without(good_bars(), "2024-07-03", "NVDA")
        home = opened(tmp_path, bars=bars)
        assert evaluation(home, "bars", "expectations", ("2024-07-05", "2024-07-05")).passed
        assert not evaluation(home, "bars", "expectations", ("2024-07-03", "2024-07-05")).passed

    def test_a_run_from_the_inception_answers_for_what_leads_up_to_it(self, tmp_path: Path) -> None:
        bars = bars_frame({symbol: np.full(9, 100.0) for symbol in SYMBOLS}, LAST)
        home = opened(tmp_path, bars=without(bars, "2024-06-28", "NVDA"))
        said = evaluation(home, "bars", "expectations")
        assert bad_sessions(said) == ["2024-06-24", "2024-06-25", "2024-06-26", "2024-06-27", "2024-06-28"]

    def test_quarantined_stocks_count_and_others_do_not(self, tmp_path: Path) -> None:
        bad = example("quarantine", LAST, LAST).head(6).assign(table="bars", symbol="VIX")
        bad["row"] = [f"row {number}" for number in range(len(bad))]
        bars = good_bars()
        arrived = bars[~((bars["symbol"] == "NVDA") & (bars["session"] == LAST))]
        home = opened(tmp_path, bars=arrived, quarantine=bad)
        assert evaluation(home, "bars", "expectations").passed
        home.store.write({"quarantine": bad.assign(symbol="NVDA")}, LAST, LAST, commit={})
        said = evaluation(home, "bars", "expectations")
        assert not said.passed
        assert "not met: at most 5% of the stock rows, or one, are in quarantine" in said.description

        home.store.write(
            {"bars": bars[bars["session"] == LAST]}, LAST, LAST, commit={}
        )  # the vendor has mended it
        assert evaluation(home, "bars", "expectations").passed

    def test_pages_that_cannot_be_written_are_no_fault_of_the_bars(self, tmp_path: Path) -> None:
        home = opened(tmp_path, bars=good_bars())
        home.home.datadocs.rmdir()
        home.home.datadocs.write_text("in the way")
        said = evaluation(home, "bars", "expectations")
        assert said.passed
        assert "cannot be written" in str(said.metadata["data_docs"].value)

    def test_a_check_run_on_its_own_looks_at_the_whole_table(self, tmp_path: Path) -> None:
        home = opened(tmp_path, bars=without(good_bars(), "2024-07-01", "NVDA"))
        assert bad_sessions(evaluation(home, "bars", "expectations", None)) == ["2024-07-01"]


class TestTheOtherMarketTables:
    def test_tables_without_rows_say_nothing(self, tmp_path: Path) -> None:
        said = evaluation(opened(tmp_path, bars=good_bars()), "bars", "market_tables")
        assert (said.passed, said.description) == (True, "none of these tables has a row")

    def test_every_table_with_rows_is_validated_and_has_its_page(self, tmp_path: Path) -> None:
        tables = {name: frames.validated(name, well_formed(name)) for name in MARKET_TABLES}
        said = evaluation(opened(tmp_path, **tables), "bars", "market_tables")
        assert said.passed, said.description
        assert [name for name in MARKET_TABLES if f"of {name} met" not in said.description] == []
        assert Path(str(said.metadata["data_docs"].value)).exists()

    def test_what_a_schema_cannot_say_is_found_and_stops_nothing(self, tmp_path: Path) -> None:
        quality = well_formed("data_quality").assign(present=79)
        home = opened(tmp_path, bars=good_bars(), data_quality=quality)
        said = evaluation(home, "bars", "market_tables")
        assert (said.passed, said.severity) == (False, dg.AssetCheckSeverity.ERROR)
        assert "no more bars are there than the calendar asks for" in said.description
        _, made = ran(home, [CHECKS["bars", "market_tables"]])
        assert "features" in made

    @pytest.mark.parametrize(("severity", "passed"), [("error", False), ("warning", True)])
    def test_a_finding_is_a_warning_if_it_is_an_error(
        self, tmp_path: Path, severity: str, *, passed: bool
    ) -> None:
        found = well_formed("findings").assign(severity=severity, rule="missing_session")
        said = evaluation(opened(tmp_path, findings=found), "bars", "findings")
        assert (said.passed, said.severity) == (passed, dg.AssetCheckSeverity.WARN)
        assert said.metadata["missing_session"].value == len(found)
        assert f"{len(found)} {severity}" in said.description


def well_formed(table: str) -> pd.DataFrame:
    """Example rows that also keep what only the suites ask for."""
    rows = example(table, FIRST, LAST)
    prices = {"open": 2.0, "high": 3.0, "low": 1.0, "close": 2.0}
    values = {
        "extended_bars": {**prices, "volume": 1.0},
        "findings": {"rule": "gap"},
        "data_quality": {"expected": 78, "present": 70},
    }
    return rows.assign(**values.get(table, {}))


def test_a_dividend_of_a_third_of_the_price_is_questioned(tmp_path: Path) -> None:
    home = opened(tmp_path, bars=good_bars(), corporate_actions=late_dividend())
    assert evaluation(home, "corporate_actions", "expectations").passed
    home = opened(tmp_path / "other", bars=good_bars(), corporate_actions=late_dividend().assign(amount=33.0))
    assert not evaluation(home, "corporate_actions", "expectations").passed


def test_a_blank_feature_is_a_warning(tmp_path: Path) -> None:
    features = example("features", FIRST, LAST).assign(timeframe="1D")
    assert evaluation(opened(tmp_path / "known", features=features), "features", "no_blank_column").passed
    home = opened(tmp_path / "blank", features=features.assign(rsi_14=np.nan))
    said = evaluation(home, "features", "no_blank_column")
    assert (said.passed, said.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "rsi_14" in str(said.description)


@pytest.mark.parametrize("held", [0.75, 1.0])
def test_coverage_outside_its_band_is_a_warning(tmp_path: Path, held: float) -> None:
    begin = calendar.shift(LAST, -79)
    frame = example("ensemble_intervals", begin, LAST).assign(horizon=1)
    turn = frame["session"].rank(method="dense") % 4
    home = opened(tmp_path, ensemble_intervals=frame.assign(covered=(turn < 4 * held).astype("float64")))
    said = evaluation(home, "ensemble_intervals", "coverage")
    assert (said.passed, said.severity) == (held == 0.75, dg.AssetCheckSeverity.WARN)
    assert said.metadata["rate_5min_1"].value == held


def traded(**weights: float) -> MemoryStore:
    """The books of a few sessions of real trading, in a market made by hand."""
    rules = dataclasses.replace(TradingRules(), optimizer=FixedMix(weights))
    return trade(tiny_market("2024-07-01", 4), "2024-07-01", ["2024-07-05"], rules)


def test_the_line_keeps_its_limits_and_its_books_agree(tmp_path: Path) -> None:
    home = opened(tmp_path, traded(NVDA=0.2, TSM=0.2, MU=0.2))
    assert evaluation(home, "target_portfolio", "limits").passed
    said = evaluation(home, "positions", "ledger")
    assert said.passed
    assert said.metadata["accounts"].value > 4


def test_a_weight_beyond_its_limit_is_an_error(tmp_path: Path) -> None:
    store = MemoryStore()
    targets = example("target_portfolio", LAST, LAST).assign(target_weight=0.05)
    targets.loc[0, "target_weight"] = 0.25
    said = evaluation(opened(tmp_path, store, target_portfolio=targets), "target_portfolio", "limits")
    assert (said.passed, said.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert bad_sessions(said) == ["2024-07-05"]


def test_a_cent_that_the_ledger_does_not_know_is_an_error(tmp_path: Path) -> None:
    store = traded(NVDA=0.2)
    positions = store.read("positions", LAST, LAST)
    positions.loc[positions["symbol"] == "USD", "quantity"] += 1
    store.write({"positions": positions}, LAST, LAST, commit={})
    said = evaluation(opened(tmp_path, store), "positions", "ledger")
    assert (said.passed, said.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert bad_sessions(said) == ["2024-07-05"]


def test_a_model_that_degraded_is_a_warning_and_today_s_alarm_is_told(tmp_path: Path) -> None:
    weights = example("ensemble_weights", FIRST, LAST).assign(alarm="")
    weights.loc[weights.index[-1], "alarm"] = "drift"
    home = opened(tmp_path, ensemble_weights=weights)
    told: list[dict[str, str]] = []
    home = dataclasses.replace(home, notifier=Listener(told))
    said = evaluation(home, "ensemble_weights", "degradation")
    assert (said.passed, said.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert [(facts["alarm"], facts["session"]) for facts in told] == [("drift", "2024-07-05")]


@dataclasses.dataclass(frozen=True)
class Listener:
    """A notifier that keeps what it was told."""

    told: list[dict[str, str]]

    def notify(self, event: str, /, **facts: str) -> None:
        """Keep the facts."""
        self.told.append({"event": event, **facts})


def test_limits_and_band_can_be_those_of_other_settings(tmp_path: Path) -> None:
    checks = market_checks(BookLimits(position=0.3), CoverageBand(target=0.9))
    (limits,) = [
        check for check in checks if check.check_specs_by_output_name and _names(check) == {"limits"}
    ]
    targets = example("target_portfolio", LAST, LAST).assign(target_weight=0.05)
    targets.loc[0, "target_weight"] = 0.25
    result, _ = ran(opened(tmp_path, target_portfolio=targets), [limits])
    assert result.success
    assert result.get_asset_check_evaluations()[0].passed


def _names(check: dg.AssetChecksDefinition) -> set[str]:
    return {key.name for key in check.check_keys}


def test_markdown_keeps_its_columns_whatever_a_cell_holds() -> None:
    frame = pd.DataFrame({"session": [LAST], "said": ["a | b\nc"]})
    assert markdown(frame).splitlines() == [
        "| session | said |",
        "| --- | --- |",
        "| 2024-07-05 | a \\| b c |",
    ]
