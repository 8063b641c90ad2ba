"""Market regimes: recovery, stability, false alarms, past falls by name and delay, strategies by regime.

python benchmarks/measure_regimes.py PART [--model jump] [--markets 1000] [--seed 0]

PART is recovery (SIMULATED), stability, alarms (SIMULATED, minutes), falls, variants, inception, strategies or speed;
falls, variants, inception, strategies and the real half of stability need the daily files of ../shared/data.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd
from regime_ceiling import told_from_features, told_from_shocks
from regime_material import DAILY, first_known, real_panel, state_of
from regime_strategies import told

from models.regimes.choice import RegimeChoice
from models.regimes.estimator import RegimeEstimator
from models.regimes.gaussian_hmm import GaussianRegimes
from models.regimes.jump import JumpRegimes
from trading import calendar
from trading.evaluation.regime_report import complete_stays, delay_until, fall_within, transition_table
from trading.evaluation.regime_walk import RegimeWalk, walk_fitted, walk_regimes
from trading.frames import REGIMES
from trading.interfaces import Floats
from trading.stages.regimes import RegimeRules
from trading.testing.market import MarketOptions, SimulatedMarket
from trading.testing.market_paths import Paths
from trading.testing.regime_markets import chain_market, fair_market
from trading.universe import SYMBOLS

RULES = RegimeRules()
CHAINS, WHOLE_MARKETS = 40, 10
WARNING = [REGIMES.index("Bear"), REGIMES.index("Volatile")]
FALLS = {  # where to look for the peak and the trough
    "2008": ("2007-06-01", "2009-06-30"),
    "2011": ("2011-01-03", "2012-01-31"),
    "2018 Q4": ("2018-08-01", "2019-02-28"),
    "2020": ("2020-01-02", "2020-06-30"),
    "2022": ("2021-10-01", "2023-01-31"),
}


def main() -> None:
    """Print one part."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--model", choices=("hmm", "jump"), default="jump")
    parser.add_argument("--markets", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    PARTS[given.part](given, RegimeChoice(model=given.model).chosen)


def say(text: str) -> None:
    """One line."""
    sys.stdout.write(f"{text}\n")


def real_market() -> tuple[Floats, pd.DataFrame]:
    """State (w, 5) and adjusted closes of the ten names, from the first session at which all is known."""
    close, volume, vix = real_panel()
    state = state_of(close.to_numpy(), volume.to_numpy(), vix.to_numpy())
    first = first_known(state)
    return state[first:], close.iloc[first:]


def sessions_of(closes: pd.DataFrame) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(closes.index).as_unit("us")


def real_walk(model: RegimeEstimator) -> tuple[RegimeWalk, pd.DataFrame]:
    """The walk over the real market, and the closes of its sessions."""
    state, closes = real_market()
    walk = walk_regimes(model, RULES, state, sessions_of(closes))
    return walk, closes.iloc[-len(walk.sessions) :]


def some_sessions(count: int) -> pd.DatetimeIndex:
    first = calendar.session_of("2015-01-02")
    return calendar.sessions_between(first, calendar.shift(first, count - 1))


# recovery ---------------------------------------------------------------------------------------------


def recovery(given: argparse.Namespace, model: RegimeEstimator) -> None:
    """Share of sessions named as they were drawn, walking forward."""
    chains = [chain_market(given.seed + k, 1000) for k in range(CHAINS)]
    found = [_hits(walk_regimes(model, RULES, state, some_sessions(1000)), truth) for state, truth in chains]
    say(f"SIMULATED chain with the five features, {CHAINS} x 749 sessions: {_spread([f[0] for f in found])}; "
        f"lowest of a regime {min(f[1] for f in found):.2f}; stays {np.mean([f[2] for f in found]):.1f} sessions")  # fmt: skip
    kinds: tuple[tuple[Literal["none", "planted"], float], ...] = (("none", 0.0), ("planted", 1.0))
    for edge, drift in kinds:
        options = [
            MarketOptions(seed=given.seed + k, edge=edge, regime_drift=drift) for k in range(WHOLE_MARKETS)
        ]
        found = [_of_market(model, option) for option in options]
        say(f"SIMULATED market, regime_drift {drift}: four names {_spread([f[0] for f in found])}, "
            f"calm or wild {_spread([f[1] for f in found])}; stays {np.mean([f[2] for f in found]):.1f} sessions")  # fmt: skip
        bounds = np.mean([_ceilings(option) for option in options], axis=0)
        say(
            f"    a filter fitted on the true labels: {bounds[0].round(3)}; one that sees the shocks: {bounds[1].round(3)}"
        )


def _hits(walk: RegimeWalk, truth: np.ndarray) -> tuple[float, float, float]:
    truth = truth[-len(walk.labels) :]
    by_regime = [np.mean(walk.labels[truth == k] == k) for k in range(len(REGIMES)) if (truth == k).any()]
    return (
        float(np.mean(walk.labels == truth)),
        float(min(by_regime)),
        float(complete_stays(walk.labels).mean()),
    )


def _of_market(model: RegimeEstimator, options: MarketOptions) -> tuple[float, float, float]:
    state, paths = _state_of_market(options)
    walk = walk_regimes(model, RULES, state, paths.sessions[-len(state) :])
    truth = paths.regimes[-len(walk.labels) :]
    calm = np.isin(walk.labels, WARNING) == np.isin(truth, WARNING)
    return float(np.mean(walk.labels == truth)), float(calm.mean()), float(complete_stays(walk.labels).mean())


def _state_of_market(options: MarketOptions) -> tuple[Floats, Paths]:
    """State (w, 5) of the market's last 2,000 sessions, and its paths."""
    paths = SimulatedMarket(options).paths
    names, split = len(SYMBOLS), np.cumprod(paths.ratio, axis=0)
    close, volume = paths.close[:, :names] * split[:, :names], paths.volume[:, :names] / split[:, :names]
    state = state_of(close, volume, paths.vix[:, 3])
    return state[first_known(state) :][-2000:], paths


def _ceilings(option: MarketOptions) -> list[tuple[float, float]]:
    """Share of four names, and of calm or wild, told by filters that know the market's parameters."""
    state, paths = _state_of_market(option)
    truth = paths.regimes[-len(state) :]
    told = told_from_features(state, truth), told_from_shocks(option.seed, paths.regimes)[-len(state) :]
    judged = slice(RULES.window_sessions - 1, None)
    return [
        (
            float(np.mean(labels[judged] == truth[judged])),
            float(np.mean((np.isin(labels, WARNING) == np.isin(truth, WARNING))[judged])),
        )
        for labels in told
    ]


def _spread(values: list[float]) -> str:
    return f"{np.mean(values):.3f} (of single markets {min(values):.3f} to {max(values):.3f})"


# stability ---------------------------------------------------------------------------------------------


def stability(given: argparse.Namespace, model: RegimeEstimator) -> None:
    """How far 500 refits, each one session on, agree about the sessions that they share."""
    markets = {"SIMULATED chain": chain_market(given.seed, 751)[0]}
    if DAILY.exists():
        state, closes = real_market()
        end = int(closes.index.searchsorted(pd.Timestamp("2022-12-30")))
        markets["real, to 2022-12-30"] = state[end - 751 : end]
    for name, state in markets.items():
        warm, cold = _agreements(model, state, warm=True), _agreements(model, state[:300], warm=False)
        say(f"{name}: {len(warm)} warm refits agree on {np.mean(warm):.4f} of shared sessions, one in twenty on less "
            f"than {np.quantile(warm, 0.05):.3f}, worst {min(warm):.3f}; {len(cold)} cold fits named by rule: "
            f"{np.mean(cold):.3f}, worst {min(cold):.3f}")  # fmt: skip


def _agreements(model: RegimeEstimator, state: Floats, *, warm: bool) -> list[float]:
    """Share of shared sessions that two neighbouring fits give the same likeliest regime."""
    size, out = RULES.window_sessions, []
    fitted = model.fit(state[:size])
    before = fitted.filter(state[:size]).argmax(axis=1)
    for start in range(1, len(state) - size + 1):
        window = state[start : start + size]
        fitted = model.fit(window, fitted.fit_ if warm else None)
        now = fitted.filter(window).argmax(axis=1)
        out.append(float(np.mean(now[:-1] == before[1:])))
        before = now
    return out


# alarms ------------------------------------------------------------------------------------------------


def alarms(given: argparse.Namespace, model: RegimeEstimator) -> None:
    """Changes in fair markets that have no regimes, and delays where volatility doubles at a known session."""
    quick = replace(model, starts=3)  # of ten: the fit of one market matters little among a thousand
    rows = [_alarm(quick, given.seed + k) for k in range(given.markets)]
    table = pd.DataFrame(rows, columns=["changes", "warned", "fair", "fair_new", "broken"])
    count = len(table)
    say(f"SIMULATED fair markets: {count}, {_AFTER} sessions each after a fit on {RULES.window_sessions}")
    say(f"changes of regime in a year without any: mean {table['changes'].mean() * 252 / _AFTER:.2f}; markets without one: "
        f"{np.mean(table['changes'] == 0):.3f}; share of sessions named Bear or Volatile: {table['warned'].mean():.3f}")  # fmt: skip
    quiet = table[table["fair_new"] >= 0]
    say(f"calm (not Bear or Volatile) at the session before the onset: {len(quiet)}")
    for within in (5, 10, 20, 60):
        false, true = (float(np.mean(quiet[name] < within)) for name in ("fair", "broken"))
        say(
            f"named Bear or Volatile within {within} sessions: {true:.3f} where volatility doubled, {false:.3f} where not"
        )
    late = quiet["broken"].to_numpy()
    say(
        f"delay where volatility doubled: median {np.median(late):.0f}, nine in ten within {np.quantile(late, 0.9):.0f} sessions"
    )


_ONSET, _AFTER = 60, 252
_NEVER = 10_000


def _alarm(model: RegimeEstimator, seed: int) -> tuple[int, float, int, int, int]:
    """Changes and warned share of a fair market; sessions to the first warning from the onset, without and with a break."""
    size = RULES.window_sessions
    total, onset = size + _AFTER, size + _ONSET
    fair, broken = fair_market(seed, total), fair_market(seed, total, onset=onset)
    sessions = some_sessions(total)
    fitted = model.fit(fair[:size])
    walks = [walk_fitted(fitted, RULES, state, sessions) for state in (fair, broken)]
    warned = [np.isin(walk.labels, WARNING) for walk in walks]
    calm = 0 if not warned[0][_ONSET] else -1  # place _ONSET is the session before the onset
    delays = [delay_until(flags, _ONSET + 1, len(flags)) for flags in warned]
    fair_delay, broken_delay = (_NEVER if delay is None else delay for delay in delays)
    return int(walks[0].changed.sum()), float(warned[0].mean()), fair_delay, calm, broken_delay


# falls -------------------------------------------------------------------------------------------------


def falls(_given: argparse.Namespace, model: RegimeEstimator) -> None:
    """The known falls of the ten names held equally, by name and delay."""
    walk, closes = real_walk(model)
    index = equal_index(closes)
    warned = np.isin(walk.labels, WARNING)
    say(f"{walk.sessions[0]:%Y-%m-%d} to {walk.sessions[-1]:%Y-%m-%d}, {len(walk.sessions)} sessions, "
        f"mean stay {complete_stays(walk.labels).mean():.1f}, median {np.median(complete_stays(walk.labels)):.0f}, "
        f"named Bear or Volatile {warned.mean():.2f} of them")  # fmt: skip
    for name, (peak, end) in _where(walk, index).items():
        say(f"{name}: {_fall_line(walk, index, peak, end - 1)}")
    table = transition_table(walk.names)
    say(table.round(4).to_string(index=False))


def equal_index(closes: pd.DataFrame) -> Floats:
    """(n,) value of the names held equally."""
    return np.cumprod(1 + closes.pct_change(fill_method=None).mean(axis=1).fillna(0.0).to_numpy())


def _where(walk: RegimeWalk, index: Floats) -> dict[str, tuple[int, int]]:
    """The peak of each known fall, and the session after its trough."""
    found = {}
    for name, (first, last) in FALLS.items():
        begin, end = (int(walk.sessions.searchsorted(pd.Timestamp(day))) for day in (first, last))
        peak, trough = fall_within(index, begin, end)
        found[name] = (peak, trough + 1)
    return found


def _fall_line(walk: RegimeWalk, index: Floats, peak: int, trough: int) -> str:
    warned = np.isin(walk.labels, WARNING)
    delay = delay_until(warned, peak, trough + 1)
    shares = np.bincount(walk.labels[peak : trough + 1], minlength=len(REGIMES)) / (trough + 1 - peak)
    said = ", ".join(f"{regime} {share:.0%}" for regime, share in zip(REGIMES, shares, strict=True))
    head = f"{walk.sessions[peak]:%Y-%m-%d} to {walk.sessions[trough]:%Y-%m-%d}, {index[trough] / index[peak] - 1:.1%}; "
    if delay is None:
        return f"{head}never named Bear or Volatile; {said}"
    first = peak + delay
    before = "already so at the peak" if warned[peak] else f"{delay} sessions after the peak"
    return f"{head}{walk.names[first]} {before} at {index[first] / index[peak] - 1:.1%}; {said}"


# variants ----------------------------------------------------------------------------------------------


def variants(_given: argparse.Namespace, _model: RegimeEstimator) -> None:
    """What was chosen, beside what was not, on the same real bars: stays, warnings, and the delay of each fall."""
    hmm, jump = GaussianRegimes(), JumpRegimes()
    tried: dict[str, tuple[RegimeEstimator, RegimeRules]] = {
        "jump, as it is": (jump, RULES),
        "jump, dwell 10": (jump, replace(RULES, min_dwell_sessions=10)),
        "jump, confidence 0.95": (jump, replace(RULES, confidence=0.95)),
        "jump, memory 20": (replace(jump, memory_sessions=20.0), RULES),
        "hmm, as it is": (hmm, RULES),
        "hmm, dwell 10": (hmm, replace(RULES, min_dwell_sessions=10)),
        "hmm, persistence 100": (replace(hmm, persistence=100.0), RULES),
    }
    tried |= {f"jump, penalty {p}": (replace(jump, penalty=p), RULES) for p in (2.0, 10.0, 20.0)}
    state, closes = real_market()
    for name, (model, rules) in tried.items():
        walk = walk_regimes(model, rules, state, sessions_of(closes))
        stays, warned = complete_stays(walk.labels), np.isin(walk.labels, WARNING)
        index = equal_index(closes.iloc[-len(walk.sessions) :])
        late = [delay_until(warned, *where) for where in _where(walk, index).values()]
        say(f"{name:20s} stays {stays.mean():5.1f}, median {np.median(stays):3.0f}; warned {warned.mean():.2f}; "
            f"sessions to the first warning of {', '.join(FALLS)}: {late}")  # fmt: skip


# inception ---------------------------------------------------------------------------------------------


def inception(_given: argparse.Namespace, model: RegimeEstimator) -> None:
    """How far names of 2015 to June 2025 agree between walks that began elsewhere.

    First fits lie 0, 1, 5, 21 and 63 sessions after the start of 2013, and at the start of each half of 2008 to 2014.
    """
    chains = [chain_market(seed, 1000) for seed in range(CHAINS)]
    sessions = sessions_of(real_market()[1])
    halves = sessions.searchsorted(pd.date_range("2008-01-01", "2014-07-01", freq="6MS"))
    early = int(sessions.searchsorted(pd.Timestamp("2013-01-02")))
    own = model.memory_sessions
    for memory, rule in ((own, model.rule_weight), (own, 2.0), *((m, 20.0) for m in _MEMORIES)):
        varied = replace(model, memory_sessions=memory, rule_weight=rule)
        labels = [_from(varied, early + later) for later in (0, 1, 5, 21, 63)]
        names = [f"{np.mean(other == labels[0]):.2f}" for other in labels[1:]]
        alike = _alike([np.isin(row, WARNING) for row in labels])
        hits = [
            _hits(walk_regimes(varied, RULES, state, some_sessions(1000)), truth)[0]
            for state, truth in chains
        ]
        say(f"memory {memory:.0f}, rule {rule:.0f}: the same name as from the first {', '.join(names)}; all pairs: name "
            f"{_alike(labels):.2f}, warning {alike:.2f}; SIMULATED chain named rightly {np.mean(hits):.3f}")  # fmt: skip
        _tell_halves([_from(varied, int(fit)) for fit in halves])


_MEMORIES = (5.0, 8.0, 10.0, 14.0, 20.0)


def _tell_halves(labels: list[np.ndarray]) -> None:
    """How far walks with first fits half a year apart agree, each pair, and how often Volatile is named."""
    warned = [np.isin(row, WARNING) for row in labels]
    pairs = [np.mean(one == other) for one, other in itertools.combinations(labels, 2)]
    volatile = [int((row == REGIMES.index("Volatile")).sum()) for row in labels]
    say(f"  first fits half a year apart: name {np.mean(pairs):.2f} (lowest pair {min(pairs):.2f}), "
        f"warning {_alike(warned):.2f}; sessions named Volatile {volatile}")  # fmt: skip


def _from(model: RegimeEstimator, fit: int) -> np.ndarray:
    """Places in `REGIMES` of 2015 to June 2025, from a walk that first fits at session `fit` of the panel."""
    state, closes = real_market()
    sessions, begin = sessions_of(closes), fit - RULES.window_sessions
    walk = walk_regimes(model, RULES, state[begin:], sessions[begin:])
    return pd.Series(walk.labels, index=walk.sessions).loc["2015-01-02":"2025-06-30"].to_numpy()  # type: ignore[misc]


def _alike(rows: list[np.ndarray]) -> float:
    """Share of entries that two rows have alike, averaged over all pairs."""
    return float(np.mean([np.mean(one == other) for one, other in itertools.combinations(rows, 2)]))


# strategies --------------------------------------------------------------------------------------------


def strategies(_given: argparse.Namespace, model: RegimeEstimator) -> None:
    """Equal weight, momentum and mean reversion in each regime, after costs, and equal weight scaled by the regimes."""
    for line in told(*real_walk(model)):
        say(line)


# speed -------------------------------------------------------------------------------------------------


def speed(given: argparse.Namespace, model: RegimeEstimator) -> None:
    """One filter step beside hmmlearn's smoother, a refit and the filter of the look-back, in one run."""
    from hmmlearn.hmm import GaussianHMM

    state = chain_market(given.seed, 504)[0]
    fitted = model.fit(state[:252])
    fit, belief, row = fitted.parameters, fitted.filter(state[126:252])[-1], state[252]
    values = (state[126:252] - fit.center) / fit.scale
    peer = GaussianHMM(len(REGIMES), covariance_type="full", init_params="")
    peer.startprob_, peer.transmat_, peer.means_, peer.covars_ = (
        fit.start,
        fit.transition,
        fit.mean,
        fit.covariance,
    )
    peer.n_features = values.shape[1]
    say(f"{given.model}: one step {_micros(lambda: fitted.update(belief, row)):.1f} us; "
        f"filter of 126 sessions {_micros(lambda: fitted.filter(state[126:252])):.0f} us; "
        f"hmmlearn predict_proba of them {_micros(lambda: peer.predict_proba(values)):.0f} us, of one "
        f"{_micros(lambda: peer.predict_proba(values[-1:])):.0f} us")  # fmt: skip
    say(f"refit {_micros(lambda: model.fit(state[63:315], fit), 20) / 1000:.1f} ms, first fit "
        f"{_micros(lambda: model.fit(state[:252]), 3) / 1000:.0f} ms")  # fmt: skip


def _micros(call: Callable[[], object], times: int = 2000) -> float:
    """Best of five means of a call, in microseconds of processor."""
    best = np.inf
    for _ in range(5):
        started = time.process_time()
        for _ in range(times // 5 + 1):
            call()
        best = min(best, (time.process_time() - started) / (times // 5 + 1))
    return 1e6 * best


PARTS: Mapping[str, Callable[[argparse.Namespace, RegimeEstimator], None]] = {
    "recovery": recovery,
    "stability": stability,
    "alarms": alarms,
    "falls": falls,
    "variants": variants,
    "inception": inception,
    "strategies": strategies,
    "speed": speed,
}

if __name__ == "__main__":
    main()
