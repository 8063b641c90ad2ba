"""Open, range and volume of a bar beside its close, worked by hand and read by TSMamba."""

import functools
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from models.forecasters.bar_channels import CHANNELS, bar_channels, channels_of
from models.forecasters.tsmamba import Refinement, TSMamba, pack_network
from models.forecasters.tsmamba_network import NetworkShape, TSMambaNetwork
from models.layers.channel_attention import ChannelAttention
from trading.errors import ModelError
from trading.interfaces import Window
from trading.testing.feature_history import full_window

TINY = NetworkShape(d_model=16, d_state=4, layers=1, patch=8, backward=2)
QUICK = Refinement(epochs=3, patience=3, steps=30, origins=4, learning_rate=3e-2, backbone_share=1.0)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def tiny(**settings: object) -> TSMamba:
    torch.manual_seed(2)
    payload = pack_network(TSMambaNetwork(TINY))
    return TSMamba(context_sessions=64, refinement=QUICK, payload_=payload, **settings)  # type: ignore[arg-type]


def told_by_the_gap(bars: int = 400) -> Window:
    """Half of each return's variance is what the opening gap of the bar before said."""
    noise, gap = np.random.default_rng(3).normal(size=(2, bars, 3))
    returns = 0.02 * noise
    returns[1:] += 0.02 * gap[:-1]
    window = full_window(returns, CHANNELS)
    panel = window.panel.copy()
    panel[:, :, CHANNELS.index("overnight_return")] = 0.02 * gap
    panel[:, :, CHANNELS.index("atr_14")] = 0.02
    return replace(window, panel=panel)


def part(window: Window, start: int, end: int) -> Window:
    return replace(window, panel=window.panel[start:end], sessions=window.sessions[start:end])


@functools.cache
def fitted(reads: str) -> TSMamba:
    """Learned from the first 360 bars, once for all tests."""
    return tiny(reads=reads).fit(part(told_by_the_gap(), 0, 360))


def test_a_bar_that_ranges_twice_the_average_says_one() -> None:
    close, average = np.array([100.0, 110.0]), 4.0
    after = (13 * average + 2 * average) / 14  # Wilder's step
    shares = np.array([average, after]) / close
    returns = np.array([0.0, np.log(1.1)])

    opened, ranged, volume = channels_of(*(of[:, None] for of in (returns, shares / 2, shares, returns)))[0].T

    assert ranged[1] == pytest.approx(1.0)
    assert opened == pytest.approx(0.5)
    assert volume == pytest.approx(returns)


def test_what_is_unknown_is_nought_and_a_crash_is_bounded() -> None:
    unknown, crash = np.array([[np.nan], [0.01]]), np.array([[0.0], [-5.0]])

    found = channels_of(unknown, crash, unknown, unknown)

    assert np.isfinite(found).all()
    assert np.abs(found).max() <= 8.0


def test_two_bars_say_of_the_newest_what_the_whole_window_says() -> None:
    window = full_window(np.random.default_rng(1).normal(0, 0.02, (30, 3)), CHANNELS)

    assert np.array_equal(bar_channels(window, 2)[:, -1], bar_channels(window)[:, -1])


def test_attention_says_nothing_at_first_and_asks_every_channel_afterwards() -> None:
    torch.manual_seed(0)
    attention, tokens = ChannelAttention(3, 8, 16), torch.randn(2, 4, 16)
    beside = torch.randn(2, 4, 8, 3)

    assert torch.equal(attention(tokens, beside), tokens)
    torch.nn.init.normal_(attention.out.weight)
    for channel in range(3):
        moved = beside.clone()
        moved[..., channel] += 1
        assert not torch.allclose(attention(tokens, moved), attention(tokens, beside))
    assert attention.compress.weight.shape == (2, 4)  # the token and three channels become ceil(log2(4)) ones


def test_it_learns_what_the_gap_says_and_returns_alone_do_not() -> None:
    window, origins = told_by_the_gap(), range(360, 399)
    came = window.panel[361:400, :, 0].ravel()

    def found(model: TSMamba) -> float:
        said = np.ravel([model.predict(part(window, t - 63, t + 1)).quantiles[:, 0, 3] for t in origins])
        return float(said @ came / np.sqrt(max(said @ said, 1e-12) * (came @ came)))

    read, blind = (found(fitted(reads)) for reads in ("ohlcv", "returns"))

    # 117 cases: a standard error of 0.09; the best correlation is 0.71
    assert read > 0.4
    assert abs(blind) < 0.3


def test_volume_alone_never_says_a_direction() -> None:
    window = told_by_the_gap(80)
    still = window.panel.copy()
    still[:, :, :2] = 0.0  # neither a return nor a gap: the window is its own mirror image

    said = fitted("ohlcv").predict(replace(window, panel=still)).quantiles

    assert said[:, :, 3] == pytest.approx(0.0, abs=1e-9)


def test_before_it_has_learned_it_says_what_returns_say() -> None:
    window = told_by_the_gap(120)
    still = Refinement(epochs=0)

    plain = tiny().predict(window).quantiles
    widened = replace(tiny(reads="ohlcv"), refinement=still).fit(told_by_the_gap())

    assert np.array_equal(tiny(reads="ohlcv").predict(window).quantiles, plain)
    assert widened.network.shape.beside == 3
    assert np.allclose(widened.predict(window).quantiles, plain, atol=1e-9)
    assert np.array_equal(
        tiny().from_bytes(widened.to_bytes()).predict(window).quantiles, widened.predict(window).quantiles
    )


def test_a_stream_says_what_a_whole_pass_over_all_bars_says() -> None:
    window = told_by_the_gap()
    model = replace(fitted("ohlcv"), context_sessions=96)

    stream = model.streaming(part(window, 0, 80))
    streamed = [stream.step(part(window, 0, end)).quantiles for end in range(81, 97)][-1]

    whole = model.predict(part(window, 0, 96)).quantiles
    assert streamed == pytest.approx(whole, abs=1e-5 * 0.02)  # the bound, in volatilities
    assert np.abs(whole[:, :, 3]).max() > 1e-4


def test_a_window_without_the_channels_is_refused() -> None:
    plain = full_window(np.random.default_rng(1).normal(0, 0.02, (200, 3)), ("log_return",))

    with pytest.raises(ModelError, match="lacks atr_14"):
        fitted("ohlcv").predict(plain)
    with pytest.raises(ModelError, match="lacks atr_14"):
        tiny(reads="ohlcv").fit(plain)
