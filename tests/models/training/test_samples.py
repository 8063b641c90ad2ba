"""Samples hold what stood before an origin and what came after it, and nothing of the other side."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.training.samples import cut, cut_cross_sections, point_in_time_split, trailing_unit
from trading.errors import ModelError
from trading.frames import HORIZONS
from trading.interfaces import Floats, Window


def window_of(returns: Floats, *others: Floats, mask: tuple[bool, ...] | None = None) -> Window:
    bars, symbols = returns.shape
    sessions = pd.bdate_range("2020-01-01", periods=bars).to_numpy("datetime64[us]")
    names = tuple(f"S{place}" for place in range(symbols))
    channels = ("log_return", *(f"other {place}" for place in range(len(others))))
    panel = np.stack([returns, *others], axis=2)
    known = np.ones(symbols, bool) if mask is None else np.array(mask)
    return Window(pd.Timestamp("2024-01-01"), sessions, names, channels, panel, known, "raw")


def returns_of(bars: int, symbols: int = 2, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(0, 0.02, (bars, symbols))


def test_a_context_ends_at_its_origin_and_a_target_begins_after_it() -> None:
    returns = returns_of(150)
    samples = cut(window_of(returns, returns * 3), model="m", length=70, fewest=1)
    row = int(np.flatnonzero((samples.origin == 100) & (samples.symbol == 1))[0])

    context = samples.contexts(np.array([row]))

    assert context.shape == (1, 70, 2)
    assert np.array_equal(context[0, :, 0], returns[31:101, 1])
    assert np.array_equal(context[0, :, 1], 3 * returns[31:101, 1])
    assert samples.targets[row] == pytest.approx([returns[101 : 101 + h, 1].sum() for h in HORIZONS])


def test_no_target_lies_beyond_the_last_session() -> None:
    samples = cut(window_of(returns_of(120)), model="m", length=70, fewest=1)

    assert samples.origin.max() == 118  # the next return is the window's last
    unknown = ~np.isfinite(samples.targets)
    assert np.array_equal(unknown, samples.origin[:, None] + np.array(HORIZONS) > 119)


@settings(max_examples=20, deadline=None)
@given(origin=st.integers(64, 148), seed=st.integers(0, 9))
def test_what_comes_after_an_origin_changes_neither_its_context_nor_its_unit(origin: int, seed: int) -> None:
    returns = returns_of(150, seed=seed)
    changed = returns.copy()
    changed[origin + 1 :] *= 7

    before, after = (cut(window_of(of), model="m", length=90, fewest=1) for of in (returns, changed))
    rows = np.flatnonzero(before.origin <= origin)

    assert np.array_equal(before.contexts(rows), after.contexts(rows), equal_nan=True)
    assert np.array_equal(before.unit[rows], after.unit[rows])


def test_a_context_is_unknown_before_the_window_began() -> None:
    samples = cut(window_of(returns_of(100)), model="m", length=90, fewest=1)

    context = samples.contexts(np.array([0]))[0, :, 0]

    assert samples.origin[0] == 63
    assert np.isnan(context[:26]).all()
    assert np.isfinite(context[26:]).all()


def test_masked_symbols_late_listings_and_gaps_give_no_samples() -> None:
    returns = returns_of(200, 3)
    returns[:90, 1] = np.nan
    returns[150, 2] = np.nan
    samples = cut(window_of(returns, mask=(False, True, True)), model="m", length=70, fewest=1)

    assert set(samples.symbol) == {1, 2}
    assert samples.origin[samples.symbol == 1].min() == 90 + 63
    assert not {149, 150} & set(samples.origin[samples.symbol == 2])


def test_a_stride_counts_back_from_the_last_session() -> None:
    longer, shorter = returns_of(160), returns_of(160)[10:]

    samples = [cut(window_of(of), model="m", length=70, stride=5, fewest=1) for of in (longer, shorter)]

    assert samples[0].origin.max() == 159 - 5
    assert samples[1].origin.max() + 10 == samples[0].origin.max()


def test_earlier_samples_are_of_the_same_symbol() -> None:
    returns = returns_of(150, 3)
    returns[100, 1] = np.nan
    samples = cut(window_of(returns), model="m", length=70, fewest=1)
    rows = np.flatnonzero(samples.origin == 108)

    before = samples.rows_before(rows, (8, 4, 0, 100))

    assert np.array_equal(before[:, 2], rows)
    assert before[1, 0] == -1  # the return of that bar is unknown
    assert (before[:, 3] == -1).all()  # too little was known then
    assert samples.origin[before[[0, 2], 0]].tolist() == [100, 100]
    assert samples.symbol[before[[0, 2], 0]].tolist() == [0, 2]


def test_a_cross_section_holds_all_symbols_of_an_origin() -> None:
    returns = returns_of(150, 3)
    returns[100:, 2] = np.nan
    sections = cut_cross_sections(
        window_of(returns, mask=(True, False, True)), model="m", length=80, fewest=1
    )
    alone = cut(window_of(returns, mask=(True, False, True)), model="m", length=80, fewest=1)
    row = int(np.flatnonzero(sections.origin == 110)[0])

    assert sections.contexts(np.array([row])).shape == (1, 80, 3, 1)
    assert np.isfinite(sections.targets[row]).all(axis=1).tolist() == [True, False, False]
    same = alone.targets[(alone.origin == 110) & (alone.symbol == 0)][0]
    assert np.array_equal(sections.targets[row, 0], same)


def test_scaled_targets_are_in_units_of_volatility_and_the_root_of_the_horizon() -> None:
    window = window_of(returns_of(150))
    samples, sections = (
        cut(window, model="m", length=70, fewest=1),
        cut_cross_sections(window, model="m", length=70),
    )

    scaled = samples.scaled_targets()

    assert scaled[0] == pytest.approx(samples.targets[0] / (samples.unit[0] * np.sqrt([1, 5, 20])))
    assert np.array_equal(sections.scaled_targets().reshape(-1, 3), scaled, equal_nan=True)


def test_the_unit_weighs_the_last_63_bars() -> None:
    returns = returns_of(100, 1)
    weights = 0.94 ** np.arange(62, -1, -1)

    expected = np.sqrt((weights * returns[20:83, 0] ** 2).sum() / weights.sum())

    assert trailing_unit(returns)[82, 0] == pytest.approx(expected)
    assert np.isnan(trailing_unit(returns * 0)).all()


@settings(max_examples=30, deadline=None)
@given(bars=st.integers(120, 300), share=st.floats(0.05, 0.5))
def test_nothing_learned_from_has_a_target_among_what_judges_it(bars: int, share: float) -> None:
    samples = cut(window_of(returns_of(bars)), model="m", length=10, fewest=1)

    split = point_in_time_split(samples.origin, share=share)

    last_target = samples.origin[split.training].max() + max(HORIZONS)
    assert last_target < samples.origin[split.validation].min()
    assert split.validation[-1] == len(samples.origin) - 1
    assert len(set(split.training) & set(split.validation)) == 0


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(ModelError, match="12 samples with a known return ahead, 200 are needed"):
        cut(window_of(returns_of(70)), model="m", length=70)
    with pytest.raises(ModelError, match="60 are needed"):
        cut_cross_sections(window_of(returns_of(70)), model="m", length=70)
    with pytest.raises(ModelError, match="too few to learn from"):
        point_in_time_split(np.arange(10))
