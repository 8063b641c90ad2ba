"""The evaluation of a home's line: what is in which slice, what is kept apart, and what walked forward."""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from trading import calendar, frames
from trading.digest import generator
from trading.evaluation import evaluation as work
from trading.evaluation.book_evaluation import beta, slice_figures
from trading.evaluation.evaluation import Span, evaluation, walked_forward
from trading.evaluation.figures import BOOK, COLUMNS, FORECASTS, NAMES, Of, table_of
from trading.evaluation.forecast_evaluation import forecast_cases, forecast_figures
from trading.evaluation.sharpe_tests import SharpeMoments, minimum_track_record
from trading.evaluation.trials import Trials
from trading.testing.finished_home import MODELS, finished_home
from trading.universe import SYMBOLS, groups

Tables = Mapping[str, pd.DataFrame]
ONE = Trials(1, ())


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    made = finished_home(count=130)
    return {name: made.get(name, frames.empty(name)) for name in work.TABLES}


@pytest.fixture(scope="module")
def span(tables: Tables) -> Span:
    return Span.of(pd.DatetimeIndex(tables["performance"]["session"]), None, None)


@pytest.fixture(scope="module")
def found(tables: Tables, span: Span) -> pd.DataFrame:
    return evaluation(tables, span, ONE)


def pick(found: pd.DataFrame, metric: str, **wanted: object) -> pd.Series:
    rows = found[found["metric"] == metric]
    for name, value in wanted.items():
        rows = rows[rows[name] == value]
    (place,) = rows.index
    return rows.loc[place]


def test_the_last_three_months_are_in_no_row(tables: Tables, span: Span, found: pd.DataFrame) -> None:
    rows = tables["performance"]
    before = np.expm1(rows["log_return"].iloc[1:-63])

    whole = pick(found, "total_return", part=BOOK, slice="all")

    assert span.held_out == rows["session"].iloc[-63]
    assert whole["value"] == pytest.approx((1 + before).prod() - 1)
    assert whole["n"] == 130 - 1 - 63
    assert tuple(found.columns) == COLUMNS


def test_no_change_in_the_tail_moves_a_figure(tables: Tables, span: Span, found: pd.DataFrame) -> None:
    rows = tables["performance"].copy()
    rows.loc[rows["session"] >= span.held_out, ["log_return", "equal_weight_log_return"]] = 0.5
    losses = tables["version_losses"].copy()
    losses.loc[losses["session"] >= span.held_out, ["realized", "pinball"]] = 0.5

    other = evaluation({**tables, "performance": rows, "version_losses": losses}, span, ONE)

    pd.testing.assert_frame_equal(other, found)


def test_the_tail_has_rows_of_its_own_and_shows_nothing_else(tables: Tables, span: Span) -> None:
    tail = evaluation(tables, span, ONE, held_out=True)

    assert set(tail["slice_kind"]) == {"held_out"}
    assert pick(tail, "sharpe", part=BOOK)["n"] == 63
    returns = np.expm1(tables["performance"]["log_return"].iloc[-63:])
    assert pick(tail, "total_return", part=BOOK)["value"] == pytest.approx((1 + returns).prod() - 1)


def test_few_sessions_hold_nothing_out() -> None:
    sessions = calendar.sessions_between(calendar.session_of("2024-01-02"), calendar.session_of("2024-06-28"))

    assert Span.of(sessions[:125], None, None).held_out is None
    assert Span.of(sessions[:124], None, None).end == sessions[123]


def test_asking_for_fewer_sessions_does_not_move_the_tail(tables: Tables, span: Span) -> None:
    sessions = pd.DatetimeIndex(tables["performance"]["session"])

    assert Span.of(sessions, sessions[10], sessions[60]) == replace(
        span, first=sessions[10], last=sessions[60]
    )
    assert Span.of(sessions, None, sessions[-5]).end == span.end


def test_years_regimes_symbols_and_groups_are_all_there(found: pd.DataFrame) -> None:
    book, names = found[found["part"] == BOOK], found[found["part"] == NAMES]

    assert set(book["slice_kind"]) == {"all", "year", "regime"}
    assert set(names.query("slice_kind == 'symbol'")["slice"]) == set(SYMBOLS)
    assert set(names.query("slice_kind == 'group'")["slice"]) == set(groups().values())
    kinds = found[found["part"] == FORECASTS].groupby("subject")["slice_kind"].unique()
    assert all(set(each) == {"all", "year", "regime", "symbol", "group"} for each in kinds)


def test_every_session_of_a_return_is_in_one_regime_the_one_of_the_evening_before(
    tables: Tables, found: pd.DataFrame
) -> None:
    named = tables["regimes"].set_index("session")["regime"].shift(1)
    shown = found[(found["part"] == BOOK) & (found["metric"] == "turnover")]

    counts = shown[shown["slice_kind"] == "regime"].set_index("slice")["n"].to_dict()

    assert counts == named.iloc[1:-63].value_counts().to_dict()


def of_book(tables: Tables, trials: Trials) -> pd.DataFrame:
    of = Of(BOOK, "swing", "all", "all")
    return table_of(slice_figures(work.history_of(tables), of, trials))


def test_the_figures_of_luck_are_those_of_their_own_formulas(tables: Tables) -> None:
    returns = np.expm1(tables["performance"]["log_return"].to_numpy()[1:])
    trials = Trials(20, (0.3, -0.3, 0.1))

    found, moments = of_book(tables, trials), SharpeMoments.of(returns)

    assert pick(found, "deflated_sharpe")["value"] == pytest.approx(trials.deflated(moments))
    assert pick(found, "minimum_track_record")["value"] == minimum_track_record(moments)
    luck = pick(found, "sharpe_of_luck")
    assert (luck["value"], luck["n"]) == (pytest.approx(trials.luck(len(returns)) * math.sqrt(252)), 20)


def test_more_trials_make_a_ratio_less_probable_and_move_nothing_else(tables: Tables) -> None:
    one, many = of_book(tables, ONE), of_book(tables, Trials(1000, ()))

    changed = one.loc[one["value"].fillna(0) != many["value"].fillna(0), "metric"]

    assert set(changed) == {"deflated_sharpe", "sharpe_of_luck"}


def test_beta_is_that_of_least_squares_and_its_interval_near_a_hac_one() -> None:
    rng = generator("beta")
    market = rng.normal(0, 0.01, 4000)
    own = 0.6 * market + rng.normal(0, 0.005, 4000)

    found = beta(own, market)
    fitted = sm.OLS(own, sm.add_constant(market)).fit(cov_type="HAC", cov_kwds={"maxlags": 10})

    assert found.value == pytest.approx(fitted.params[1])
    # both estimate one standard error from 4,000 sessions; 100 cosines are off by 1 / sqrt(200) = 7 %, twice that
    assert found.high - found.low == pytest.approx(2 * 1.98 * fitted.bse[1], rel=0.15)


def test_beta_leaves_sessions_without_the_market_out_and_has_none_without_it() -> None:
    own, market = generator("beta").normal(0, 0.01, (2, 100))
    market[:40] = np.nan

    assert beta(own, market).observations == 60
    assert math.isnan(beta(own, market * np.nan).value)


def test_direction_and_loss_are_counted_case_by_case(tables: Tables) -> None:
    cases = forecast_cases(*(tables[name] for name in work.TABLES[6:10]))
    drawn = generator("medians").normal(0, 0.01, len(cases))
    cases = cases.assign(median=np.where(cases["model"] == "random_walk", 0.0, drawn))
    mine = cases[(cases["model"] == "ar1") & (cases["horizon"] == 1)].reset_index(drop=True)
    naive = cases[(cases["model"] == "random_walk") & (cases["horizon"] == 1)].reset_index(drop=True)

    by = {
        figure.metric: figure
        for figure in forecast_figures(cases, {})
        if (figure.of.subject, figure.of.horizon, figure.of.slice) == ("ar1", 1, "all")
    }

    assert by["direction"].value == pytest.approx(
        (np.sign(mine["median"]) == np.sign(mine["realized"])).mean()
    )
    assert by["direction"].naive == pytest.approx((mine["realized"] > 0).mean())
    assert by["relative_loss"].value == pytest.approx(mine["pinball"].sum() / naive["pinball"].sum())
    assert by["mape"].value == pytest.approx(np.abs(np.expm1(mine["median"] - mine["realized"])).mean())
    assert by["relative_loss"].n == len(mine)


def test_symbols_of_a_model_add_up_to_it(found: pd.DataFrame) -> None:
    rows = found[(found["subject"] == "ar1") & (found["horizon"] == 5) & (found["metric"] == "mape")]
    by = rows.groupby("slice_kind")["n"].sum()

    assert len(set(by)) == 1
    assert (rows["n"] * rows["value"]).groupby(rows["slice_kind"]).sum().std() == pytest.approx(0, abs=1e-9)


def test_a_contaminated_forecast_counts_only_as_such(tables: Tables) -> None:
    cases = forecast_cases(*(tables[name] for name in work.TABLES[6:10]))
    tainted = cases.assign(contaminated=cases["model"] == "timesfm")

    figures = [figure for figure in forecast_figures(tainted, {}) if figure.of.subject == "timesfm"]

    assert {figure.metric for figure in figures} == {"contaminated"}
    assert all(figure.value == 1 for figure in figures)


def test_five_minute_bars_of_one_session_are_not_mixed_up(tables: Tables) -> None:
    losses = tables["version_losses"].query("horizon == 1 and model in ('ar1', 'random_walk')")
    said = tables["forecasts"].query("horizon == 1 and model in ('ar1', 'random_walk')")
    fine = [
        losses.assign(
            timeframe="5min", ts=losses["ts"] + pd.Timedelta(minutes=5 * bar), pinball=losses["pinball"] * bar
        )
        for bar in (1, 2)
    ]
    losses = pd.concat(fine)
    losses["pinball"] *= np.where(losses["model"] == "ar1", 2.0, 1.0)
    none = (tables["ensemble_intervals"].iloc[:0], tables["ensemble_forecast"].iloc[:0])

    cases = forecast_cases(losses, said.assign(timeframe="5min"), *none)
    ratio = next(
        f for f in forecast_figures(cases, {}) if f.metric == "relative_loss" and f.of.slice == "all"
    )

    version = (
        losses[losses["model"] == "ar1"]["pinball"].sum()
        / losses[losses["model"] == "random_walk"]["pinball"].sum()
    )
    assert ratio.value == pytest.approx(version)
    assert ratio.n == len(losses) / 2


def test_a_version_that_spoke_of_what_it_had_learned_is_found(tables: Tables) -> None:
    rows = tables["champions"]
    session = rows["session"].iloc[40]
    peeking = rows.assign(
        trained_through=rows["trained_through"].where(
            ~((rows["session"] == session) & (rows["model"] == "ar1")), session
        )
    )

    honest, caught = walked_forward(tables), walked_forward({**tables, "champions": peeking})

    assert (honest.overlaps, caught.overlaps) == (0, 1)
    assert honest.spoken + honest.zero_shot == 130 * len(MODELS)
    assert honest.nearest == calendar.distance(pd.Timestamp("2023-12-29"), rows["session"].iloc[0])


def test_sessions_that_rest_on_contaminated_forecasts_are_counted_and_left_out(tables: Tables) -> None:
    said = tables["ensemble_forecast"]
    day = said["session"].unique()[30]
    tainted = {**tables, "ensemble_forecast": said.assign(contaminated=said["session"] == day)}

    lost = walked_forward(tainted).contaminated

    assert 0 < lost < 20
    assert len(work.history_of(tainted).own) == 129 - lost


def test_benchmarks_are_the_funds_that_the_home_has_bars_of(tables: Tables) -> None:
    rows = tables["features"]
    fund = rows[rows["symbol"] == "NVDA"].assign(symbol="SMH")

    held = work.benchmark_returns(pd.concat([rows, fund]))

    assert list(held) == ["SMH"]
    assert held["SMH"].to_numpy() == pytest.approx(np.expm1(fund["log_return"].to_numpy()))


def test_every_strategy_of_a_home_is_evaluated_on_its_own() -> None:
    made = finished_home(count=25)
    tables = {name: made.get(name, frames.empty(name)) for name in work.TABLES}
    both = {
        name: pd.concat([rows, rows.assign(strategy="bold")], ignore_index=True)
        if "strategy" in rows
        else rows
        for name, rows in tables.items()
    }
    span = Span.of(pd.DatetimeIndex(made["performance"]["session"]), None, None)

    found = evaluation(both, span, ONE)

    books = found[found["part"].isin((BOOK, NAMES))]
    one, other = (books[books["subject"] == name].drop(columns="subject") for name in ("bold", "swing"))
    pd.testing.assert_frame_equal(one.reset_index(drop=True), other.reset_index(drop=True))
    assert len(one)
