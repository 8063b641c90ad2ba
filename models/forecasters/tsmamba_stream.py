"""TSMamba bar by bar: one recurrent step of the forward encoder for each new bar, whatever came before.

A patch spans p bars, so a sequence of patches can end at a bar in one way only: there are p sequences, each a
bar later than the one before, and every new bar completes the next patch of one of them. Its forward states
advance by one step; the backward encoder, which begins at the newest patch, reads the newest `backward`
patches again. What is said is what `TSMambaNetwork` says of all bars since the state was begun.

Begin anew from a window of fixed length at every session's open: then what is said depends on that
window and the bars since, and never on how long the process has run.

Letters of the shapes: b rows, l bars, c inputs of a bar, p bars of a patch, r patches that are read again,
m width, s symbols, h horizons, q quantile levels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from models.forecasters.bar_channels import BESIDE, bar_channels
from models.forecasters.bar_inputs import Variances, mirrored, next_inputs, variances_of
from models.forecasters.inference import fixed_threads
from models.forecasters.tabular import places_of
from models.forecasters.tsmamba import RETURN, VOLATILITY_BARS, spoken, unit_of
from trading.errors import ModelError
from trading.frames import HORIZONS
from trading.interfaces import Floats, Forecast, Window

if TYPE_CHECKING:
    from models.forecasters.tsmamba import TSMamba
    from models.forecasters.tsmamba_network import TSMambaNetwork
    from models.layers.mamba_block import MambaState


class Sequel(NamedTuple):
    """One of the p sequences of patches, as far as it has come.

    Attributes
    ----------
    states : of the forward encoder's layers
    ahead : (b, r, m) what it said of the newest patches; tokens : (b, r, m) those patches
    """

    states: tuple[MambaState, ...]
    ahead: Tensor
    tokens: Tensor


@dataclass(frozen=True)
class PatchStream:
    """The network's state after some bars.

    Parameters
    ----------
    bars : (b, p, c) the newest inputs, oldest first
    sequels : p of them; the first is the one whose next patch the next bar completes
    """

    network: TSMambaNetwork
    bars: Tensor
    sequels: tuple[Sequel, ...]

    @classmethod
    def begun(cls, network: TSMambaNetwork, inputs: Tensor) -> Self:
        """From nothing, after the bars (b, l, c).

        Raises
        ------
        ModelError
            If they do not fill two patches.
        """
        patch = network.shape.patch
        if inputs.shape[1] < 2 * patch:
            raise ModelError(
                f"a stream begins with two patches of {patch} bars, {inputs.shape[1]} were given"
            )
        sequels = [_sequel(network, inputs[:, : inputs.shape[1] - back]) for back in range(patch)]
        return cls(network, inputs[:, -patch:], tuple(reversed(sequels)))

    def after(self, bar: Tensor) -> tuple[Tensor, Self]:
        """Quantiles ahead of a new bar (b, c), (b, h, q), and the state after it."""
        bars = torch.cat((self.bars[:, 1:], bar[:, None]), dim=1)
        due, *others = self.sequels
        token = self.network.embed(bars)  # (b, 1, m)
        said, states = self.network.forward_encoder.advance(token, due.states)
        ahead, tokens = (_pushed(old, new) for old, new in ((due.ahead, said), (due.tokens, token)))
        quantiles = self.network.decode(ahead, tokens)[:, 0]
        grown = Sequel(states, ahead, tokens)
        return quantiles, replace(self, bars=bars, sequels=(*others, grown))


def _sequel(network: TSMambaNetwork, inputs: Tensor) -> Sequel:
    tokens = network.embed(inputs)
    empty = network.forward_encoder.empty_states(len(tokens))
    said, states = network.forward_encoder.advance(tokens, empty)
    read = network.shape.backward
    return Sequel(states, _filled(said, read), _filled(tokens, read))


def _filled(of: Tensor, read: int) -> Tensor:
    """The newest r of (b, k, m), zeros before the first."""
    lacking = max(0, read - of.shape[1])
    return torch.nn.functional.pad(of, (0, 0, lacking, 0))[:, -read:]


def _pushed(old: Tensor, new: Tensor) -> Tensor:
    return torch.cat((old[:, 1:], new), dim=1)


@dataclass(frozen=True)
class TSMambaStream:
    """A forecaster that goes on bar by bar; `after` gives a new one, so that a bar can be taken back.

    Parameters
    ----------
    model : whose network speaks
    window : with which it began; its symbols and mask hold for all that comes
    returns : (63, s) the newest, for the unit in which quantiles are spoken
    variances : of the inputs' recursions; patches : the network's state, mirrored rows below the others
    """

    model: TSMamba
    window: Window
    returns: Floats
    variances: Variances
    patches: PatchStream

    @classmethod
    def begun(cls, model: TSMamba, window: Window) -> Self:
        """After the window's last `context_sessions` bars; they may be fewer.

        Raises
        ------
        ModelError
            If they do not fill two patches.
        """
        returns = window.channel(RETURN)[-model.context_sessions :]
        inputs = model.inputs(window)[:, -len(returns) :]
        with fixed_threads(model.threads):
            patches = PatchStream.begun(model.network, _rows(inputs, symmetric=model.symmetric))
        return cls(model, window, returns[-VOLATILITY_BARS:], variances_of(returns.T), patches)

    def after(
        self, returns: Floats, horizons: Sequence[int] = HORIZONS, beside: Floats | None = None
    ) -> tuple[Forecast, Self]:
        """The forecast after a bar with these log returns (s,), NaN where a symbol has none; and the stream.

        Parameters
        ----------
        beside : (s, 3) the bar's `bar_channels`, for a network that reads them; not given, they are unknown
        """
        inputs, variances = next_inputs(returns, self.variances)
        if self.model.network.shape.beside:
            known = np.zeros((len(returns), BESIDE)) if beside is None else beside
            inputs = np.concatenate([inputs, known], axis=-1)
        with fixed_threads(self.model.threads):
            said, patches = self.patches.after(_rows(inputs, symmetric=self.model.symmetric))
        quantiles = said.numpy()
        if self.model.symmetric:
            above, below = np.split(quantiles, 2)
            quantiles = (above - below[..., ::-1]) / 2
        recent = np.concatenate([self.returns, returns[None]])[-VOLATILITY_BARS:]
        places = places_of(horizons, self.model.name)
        forecast = spoken(self.window, quantiles, horizons, places, unit_of(recent))
        return forecast, replace(self, returns=recent, variances=variances, patches=patches)


class SessionStream:
    """A `TSMambaStream` that keeps where it stands: `trading.interfaces.BarStream`."""

    def __init__(self, model: TSMamba, window: Window) -> None:
        everyone = np.ones(len(window.symbols), dtype=bool)  # who may be forecast is each bar's affair
        self._stream = TSMambaStream.begun(model, replace(window, mask=everyone))

    def step(self, window: Window) -> Forecast:
        """The forecast after the newest bar of `window`."""
        reads = self._stream.model.network.shape.beside
        beside = bar_channels(window, 2)[:, -1] if reads else None
        forecast, self._stream = self._stream.after(window.channel(RETURN)[-1], beside=beside)
        return replace(forecast, quantiles=np.where(window.mask[:, None, None], forecast.quantiles, np.nan))


def _rows(inputs: Floats, *, symmetric: bool) -> Tensor:
    rows = np.concatenate([inputs, mirrored(inputs)]) if symmetric else inputs
    return torch.from_numpy(rows.astype(np.float32))
