"""What stands in a bar beside its close: where it opened, how far it ranged, how much was traded.

Three channels, each made of a symbol's own bar and the one before, so that a stream goes on bar by bar. High and low
enter by the range between them: features hold Wilder's average true range, and its step from bar to bar is
the bar's own true range over that average. All are free of price scale. Letters: l bars, s symbols.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.forecasters.bar_inputs import FURTHEST
from trading.errors import ModelError
from trading.interfaces import Floats, Window

BESIDE = 3
RETURN, OPEN, RANGE, VOLUME = "log_return", "overnight_return", "atr_14", "log_volume_zscore_63"
CHANNELS = (RETURN, OPEN, RANGE, VOLUME)
WILDER_PERIOD = 14


def bar_channels(window: Window, bars: int = 0) -> Floats:
    """(s, l, 3) opening gap over average range, range over average range less one, volume; 0 where unknown.

    Parameters
    ----------
    bars : newest ones to look at, of which the first has no range; 0: all

    Raises
    ------
    ModelError
        If the window lacks one of `CHANNELS`.
    """
    require(window.channels)
    return channels_of(*(window.channel(name)[-bars:] for name in CHANNELS))


def require(given: Sequence[str]) -> list[int]:
    """Places of `CHANNELS` among the channels that are given; ModelError if one is not."""
    lacking = sorted(set(CHANNELS) - set(given))
    if lacking:
        raise ModelError(
            f"a network that reads bars needs the channels {', '.join(CHANNELS)}; the window lacks "
            f"{lacking[0]}: name them in the model's `channels`"
        )
    return [list(given).index(name) for name in CHANNELS]


def channels_of(returns: Floats, gaps: Floats, ranges: Floats, volumes: Floats) -> Floats:
    """The same, of (l, s) `log_return`, `overnight_return`, `atr_14` and `log_volume_zscore_63`."""
    usual = np.where(ranges > 0, ranges, np.nan)
    step = np.full_like(usual, np.nan)
    step[1:] = (
        np.log(usual[1:] / usual[:-1]) + returns[1:]
    )  # the average is a fraction of each bar's own close
    ranged = WILDER_PERIOD * np.expm1(step)
    stacked = np.stack([gaps / usual, ranged, volumes], axis=-1).transpose(1, 0, 2)
    return np.asarray(np.nan_to_num(stacked, nan=0.0).clip(-FURTHEST, FURTHEST))
