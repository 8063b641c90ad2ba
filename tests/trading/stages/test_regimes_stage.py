import itertools
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.regimes.gaussian_hmm import GaussianRegimes
from trading import calendar, frames
from trading.errors import MissingBarsError
from trading.features.market_state import CHANNELS, market_state
from trading.frames import REGIMES
from trading.history import History
from trading.interfaces import Floats, RegimeFit
from trading.stages.regimes import RegimeRules, fit_columns, fit_of, regimes_stage
from trading.stages.stage import Outputs, Stage
from trading.testing.stage_rows import frame_of, history_of, made_by

T = calendar.session_of("2024-06-28")
WINDOW = 70
RULES = RegimeRules(window_sessions=WINDOW, filter_sessions=40, half_life_sessions=1.0)


@dataclass(frozen=True)
class CountingRegimes:
    """Believes in the regime whose number its parameters hold; each fit adds one to the number."""

    fit_: RegimeFit | None = field(default=None, compare=False)

    def fit(self, features: Floats, previous: RegimeFit | None = None) -> Self:
        assert features.shape == (WINDOW, len(CHANNELS))
        count = 0.0 if previous is None else previous.center[0] + 1
        return self.resume(parameters(np.full(len(CHANNELS), count)))

    def resume(self, fit: RegimeFit) -> Self:
        return replace(self, fit_=fit)

    def filter(self, features: Floats) -> Floats:
        assert self.fit_ is not None
        belief = np.zeros((len(features), len(REGIMES)))
        belief[:, int(self.fit_.center[0])] = 1.0
        return belief

    def update(self, belief: Floats, features: Floats) -> Floats:
        assert belief.shape == (len(REGIMES),)
        return self.filter(features[np.newaxis])[-1]


def parameters(center: Floats, scale: Floats | None = None) -> RegimeFit:
    states, features = len(REGIMES), len(CHANNELS)
    return RegimeFit(
        start=np.full(states, 0.25),
        transition=np.random.default_rng(0).dirichlet(np.ones(states), states),
        mean=np.random.default_rng(1).normal(size=(states, features)),
        covariance=np.random.default_rng(2).normal(size=(states, features, features)),
        center=center,
        scale=np.ones(features) if scale is None else scale,
    )


def market(session: pd.Timestamp, missing: tuple[str, ...] = ()) -> dict[str, History]:
    """Features of one symbol and a VIX for the window that ends at `session`; `missing` today."""
    sessions = calendar.sessions_between(calendar.shift(session, 1 - WINDOW), session)
    draws = np.random.default_rng(5).normal(size=(4, WINDOW))
    names = ("log_return", "volatility_21", "log_volume_zscore_63", "momentum_21")
    columns = {name: np.exp(values) for name, values in zip(names, draws, strict=True)}
    if "features" in missing:
        columns = {name: np.append(values[:-1], np.nan) for name, values in columns.items()}
    quoted = sessions[:-1] if "vix" in missing else sessions
    if "any vix" in missing:
        empty: dict[str, list[object]] = {
            name: [] for name in ("symbol", "basis", "ts", "open", "high", "low", "close")
        }
        return market(session) | {"bars": history_of("bars", sessions[:0], **empty)}
    prices = dict.fromkeys(("open", "high", "low", "close"), np.linspace(15, 20, WINDOW)[: len(quoted)])
    named = {"symbol": "VIX", "basis": "raw", "ts": quoted.tz_localize("UTC")}
    return {
        "features": history_of("features", sessions, symbol="NVDA", **columns),
        "bars": history_of("bars", quoted, **named, **prices),
    }


def kept(
    session: pd.Timestamp, multiplier: float = 1.0, center: float = 0.0, dwell: int = 1
) -> dict[str, History]:
    before = calendar.shift(session, -1)
    fit = fit_columns(parameters(np.full(len(CHANNELS), center)), before)
    return {
        "regimes": history_of(
            "regimes",
            [before],
            regime="Bull",
            status="filtered",
            p_bull=1.0,
            multiplier=multiplier,
            dwell=dwell,
        ),
        "regime_models": history_of("regime_models", [before] * len(REGIMES), **fit),
    }


def regime(stage: Stage, session: pd.Timestamp, *states: dict[str, History]) -> tuple[pd.Series, Outputs]:
    histories = {name: history for state in states for name, history in state.items()}
    made = made_by(stage, session, histories)
    return frame_of(made, "regimes", session).iloc[0], made


COUNTING = regimes_stage(CountingRegimes(), RULES)


def test_the_first_session_fits_and_takes_its_multiplier_as_it_is() -> None:
    row, made = regime(COUNTING, T, market(T))
    assert (row["regime"], row["p_bull"], row["multiplier"]) == ("Bull", 1.0, 1.0)
    assert frame_of(made, "regime_models", T)["fitted_session"].tolist() == [T] * 4


@pytest.mark.parametrize(("center", "multiplier"), [(0, 1.0), (1, 0.75), (2, 0.65), (3, 0.9)])
def test_the_multiplier_moves_half_way_in_a_half_life(center: int, multiplier: float) -> None:
    row, _ = regime(COUNTING, T, market(T), kept(T, 1.0, center))
    assert row["multiplier"] == pytest.approx(multiplier)


def test_between_refits_the_parameters_stay_to_the_last_bit() -> None:
    _, made = regime(COUNTING, T, market(T), kept(T))
    before = kept(T)["regime_models"].values
    rows = frame_of(made, "regime_models", T)
    assert all(rows[name].tolist() == list(before[name]) for name in ("mean", "covariance", "fitted_session"))


def test_a_refit_starts_from_the_fit_before_on_the_first_session_of_a_quarter() -> None:
    july = calendar.session_of("2024-07-01")
    row, made = regime(COUNTING, july, market(july), kept(july))
    assert row["p_bear"] == 1.0
    assert frame_of(made, "regime_models", july)["fitted_session"].tolist() == [july] * 4


@pytest.mark.parametrize(
    ("day", "month", "quarter"),
    [
        ("2024-07-01", True, True),
        ("2024-07-02", False, False),
        ("2024-06-03", True, False),
        ("2024-01-02", True, True),
    ],
)
def test_refits_are_anchored_to_the_calendar(day: str, month: bool, quarter: bool) -> None:  # noqa: FBT001
    session = calendar.session_of(day)
    assert RegimeRules(refit="month").is_refit(session) is month
    assert RegimeRules(refit="quarter").is_refit(session) is quarter


@pytest.mark.parametrize(
    ("missing", "status"), [((), "filtered"), (("vix",), "partial"), (("vix", "features"), "carried")]
)
def test_what_a_session_lacks_is_said(missing: tuple[str, ...], status: str) -> None:
    row, _ = regime(COUNTING, T, market(T, missing), kept(T))
    assert row["status"] == status


@pytest.mark.parametrize(
    ("belief", "before", "named"),
    [
        ([0.0, 1.0, 0.0, 0.0], None, ("Bear", 1)),
        ([0.2, 0.8, 0.0, 0.0], ("Bull", 9), ("Bear", 1)),
        ([0.31, 0.69, 0.0, 0.0], ("Bull", 9), ("Bull", 10)),  # not likely enough
        ([0.0, 1.0, 0.0, 0.0], ("Bull", 4), ("Bull", 5)),  # too soon
        ([0.0, 1.0, 0.0, 0.0], ("Bull", 5), ("Bear", 1)),
        ([0.9, 0.1, 0.0, 0.0], ("Bull", 5), ("Bull", 6)),
    ],
)
def test_a_regime_is_left_only_for_one_that_is_likely_and_not_too_soon(
    belief: list[float], before: tuple[str, int] | None, named: tuple[str, int]
) -> None:
    assert RULES.named(np.array(belief), before) == named


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60), st.integers(1, 8))
def test_no_stay_is_shorter_than_the_least_dwell(places: list[int], dwell: int) -> None:
    rules, named = replace(RULES, min_dwell_sessions=dwell), None
    lengths = []
    for place in places:
        named = rules.named(np.eye(len(REGIMES))[place], named)
        lengths.append(named[1])
    ends = [before for before, now in itertools.pairwise(lengths) if now == 1]
    assert all(length >= dwell for length in ends)


def test_the_row_says_that_the_regime_changed_and_begins_to_count_again() -> None:
    row, _ = regime(COUNTING, T, market(T), kept(T, center=1, dwell=9))
    assert (row["regime"], row["dwell"], row["changed"]) == ("Bear", 1, True)
    row, _ = regime(COUNTING, T, market(T), kept(T, center=1, dwell=2))
    assert (row["regime"], row["dwell"], row["changed"]) == ("Bull", 3, False)


def test_the_columns_stand_in_the_order_that_the_command_promises() -> None:
    shown = ["session", "regime", "p_bull", "p_bear", "p_volatile", "p_range", "dwell"]
    declared = list(frames.table_of("regimes").dtypes)
    assert [name for name in declared if name in shown] == shown


def test_the_real_model_goes_on_without_a_vix() -> None:
    stage = regimes_stage(GaussianRegimes(starts=1), RULES)
    row, _ = regime(stage, T, market(T, ("vix",)))
    beliefs = row[["p_bull", "p_bear", "p_volatile", "p_range"]].to_numpy(dtype=float)
    assert beliefs.sum() == pytest.approx(1.0, abs=1e-12)


def test_too_short_a_history_is_an_error_that_names_the_session() -> None:
    stage = regimes_stage(GaussianRegimes(), RULES)
    short = {name: history_of(name, []) for name in ("features", "bars")}
    with pytest.raises(MissingBarsError, match="no regime fit at 2024-06-28: a regime fit needs 60 sessions"):
        regime(stage, T, short)


def test_parameters_survive_the_table_to_the_last_bit() -> None:
    fit = parameters(np.array([0.1, 1 / 3, np.pi, 1e-300, 0.0]), np.array([1.0, 0.1, np.nan, 2.0, 3.0]))
    rows = history_of("regime_models", [T] * len(REGIMES), **fit_columns(fit, T))
    back = fit_of(rows.window(T, T, calendar.as_of(T)))
    for name, values in vars(fit).items():
        np.testing.assert_array_equal(getattr(back, name), values, err_msg=name)


def test_the_market_s_state_is_a_mean_over_the_traded_symbols_that_are_known() -> None:
    named = {
        "symbol": ["NVDA", "AMD", "SPY"],
        "volatility_21": [0.2, 0.4, 9.0],
        "log_return": [0.01, np.nan, 9.0],
    }
    features = history_of("features", [T] * 3, **named)
    prices = dict.fromkeys(("open", "high", "low", "close"), 20.0)
    bars = history_of("bars", [T], symbol="VIX", basis="raw", ts=[T.tz_localize("UTC")], **prices)
    cut = [history.window(T, T, calendar.as_of(T)) for history in (features, bars)]
    np.testing.assert_allclose(market_state(*cut, 1), [[0.01, np.log(0.3), 0.0, 0.0, np.log(20)]], rtol=1e-12)


def test_a_vendor_without_a_vix_leaves_it_out_of_the_regimes_and_they_are_told_by_the_rest() -> None:
    stage = regimes_stage(GaussianRegimes(starts=1), RULES)

    row, _ = regime(stage, T, market(T, ("any vix",)))

    assert row["status"] == "partial"
    assert row["p_bull"] + row["p_bear"] + row["p_range"] + row["p_volatile"] == pytest.approx(1)
