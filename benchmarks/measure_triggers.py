"""How often the triggers of training fire without a cause, what that costs to prevent, and whether more training helps.

    python benchmarks/measure_triggers.py [drift] [accuracy] [often] [duel] [rollback] [--markets 100]

Without a cause: on SIMULATED markets that never change (a common factor and own returns with GARCH volatility and
Student t shocks), and on real features of 2015 to June 2025 put in another order in blocks (stationary bootstrap), so
that nothing drifts. A year has four trainings; a trigger counts once between two of them.
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from trigger_material import RIDGE_CHANNELS, Panel, losses_of_versions, real_panel, simulated_panel

from trading.evaluation.betting import Duel, relative_difference
from trading.evaluation.resampling import stationary_indices
from trading.monitoring.psi import bin_counts, bin_edges, stability_index, stretches
from trading.monitoring.training_triggers import REFERENCE_SESSIONS, TriggerRules, accuracy_reading

FACTORS = (0.0, 1.0, 1.5, 2.0, 3.0)
ERRORS = (0.0, 2.0, 2.5, 3.0, 3.5, 4.0)
LEARNED = {"ar1": 378, "ridge": 756}
QUARTER, YEARS = 63, 4
LINE_CHANNELS = ("log_return", "volatility_21")
BLOCKS = (21, 63)
DUEL_BLOCKS, SHUFFLES = (1, 5, 21, 63), 20
RULES = TriggerRules()
Stepped = Iterator[tuple[int, np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Rates:
    """Of each setting: share of looks that fire, and of quarters in which one does, with its standard error."""

    looks: np.ndarray
    quarters: np.ndarray
    count: int

    def row(self, label: str) -> str:
        """A line of the table; a false trigger a year is four times the share of quarters."""
        error = np.sqrt(self.quarters * (1 - self.quarters) / self.count)
        cells = [f"{look:.1%} / {YEARS * q:.2f} ± {YEARS * e:.2f}" for look, q, e in zip(self.looks, self.quarters, error, strict=True)]  # fmt: skip
        return f"| {label} | {self.count} | {' | '.join(cells)} |"


def rates(fired: Sequence[np.ndarray]) -> Rates:
    """From (looks, settings) of each quarter whether each look fired."""
    looks = np.concatenate(fired).mean(axis=0)
    return Rates(looks, np.array([one.any(axis=0) for one in fired]).mean(axis=0), len(fired))


def drift_looks(panel: Panel, learned: int) -> list[np.ndarray]:
    """(looks, factors) of each quarter, after the cooldown."""
    ends = range(learned, len(panel.values) - QUARTER, QUARTER)
    return [_drift_of(panel.values[end - learned : end + QUARTER], learned) for end in ends]


def _drift_of(values: np.ndarray, learned: int) -> np.ndarray:
    window, found = RULES.window_sessions, []
    for place in range(values.shape[2]):
        edges = bin_edges(values[:learned, :, place])
        counts = bin_counts(values[:, :, place], edges)
        index = stability_index(counts[:learned].sum(axis=0), stretches(counts, window))
        usual, now = index[: learned - window + 1].max(), index[learned - window + RULES.cooldown_sessions :]
        found.append(now[:, None] > np.maximum(RULES.drift_score, np.array(FACTORS) * usual))
    return np.any(found, axis=0)


def accuracy_looks(accuracy: np.ndarray) -> list[np.ndarray]:
    """(looks, numbers of standard errors) of each quarter."""
    begin = REFERENCE_SESSIONS + RULES.window_sessions
    return [
        np.array([_accuracy_of(accuracy[look - begin : look]) for look in range(end, end + QUARTER)])
        for end in range(begin, len(accuracy) - QUARTER, QUARTER)
    ]


def _accuracy_of(accuracy: np.ndarray) -> np.ndarray:
    reading = accuracy_reading(accuracy, TriggerRules(accuracy_errors=1.0, accuracy_drop=1e-9))
    return reading.value > np.maximum(RULES.accuracy_drop, np.array(ERRORS) * reading.threshold)


def reordered(panel: Panel, block: int, seed: int) -> Panel:
    """The panel's sessions in another order, in blocks of `block` on average."""
    (order,) = stationary_indices(len(panel.values), 1, block, np.random.default_rng(seed))
    return Panel(panel.values[order], panel.accuracy[order])


def head(title: str, settings: Sequence[float]) -> None:
    """The first lines of a table."""
    print(
        f"\n| {title} | quarters | {' | '.join(f'{one:g}' for one in settings)} |\n|{' --- |' * (2 + len(settings))}"
    )


def report(title: str, settings: Sequence[float], looks: Callable[[Panel, str], list[np.ndarray]], markets: int, models: Sequence[str]) -> None:  # fmt: skip
    """One table: share of looks that fire / false triggers a year."""
    head(title, settings)
    for model in models:
        if model == "ar1":
            fair = [one for seed in range(markets) for one in looks(simulated_panel(seed), model)]
            print(rates(fair).row(f"{model}, SIMULATED and stationary"), flush=True)
        real = _real(model)
        for block in BLOCKS:
            kept = [
                one
                for seed in range(max(markets // 5, 1))
                for one in looks(reordered(real, block, seed), model)
            ]
            print(rates(kept).row(f"{model}, real features reordered in blocks of {block}"), flush=True)
        print(rates(looks(real, model)).row(f"{model}, real features in their order"), flush=True)


@functools.cache
def _real(model: str) -> Panel:
    return real_panel(LINE_CHANNELS if model == "ar1" else RIDGE_CHANNELS)


def often() -> None:
    """Loss of the newest version for several ages, each beside the quarterly champion of the line."""
    print(
        "\n| model | trained every | loss over that of the quarterly champion | 95 % | sessions |\n|---|---|---|---|---|"
    )
    for model in LEARNED:
        by_step = {step: losses_of_versions(model, step) for step in (5, 30, 63)}
        champion = losses_of_versions(model, QUARTER, delay=QUARTER)
        for step, losses in by_step.items():
            both = np.isfinite(losses) & np.isfinite(champion)
            low, mid, high = _ratio(losses[both], champion[both])
            print(
                f"| {model} | {step} sessions, speaks at once | {mid:.4f} | {low:.4f} to {high:.4f} | {both.sum()} |"
            )


def _ratio(mine: np.ndarray, theirs: np.ndarray) -> tuple[float, float, float]:
    order = stationary_indices(len(mine), 2000, 21, np.random.default_rng(7))
    ratios = mine[order].mean(axis=1) / theirs[order].mean(axis=1)
    low, high = np.quantile(ratios, (0.025, 0.975))
    return float(low), float(mine.mean() / theirs.mean()), float(high)


def duel(streams: int) -> None:
    """Promotions of a challenger on real loss differences of two versions, with and without their mean."""
    print(
        "\n| model, newest against two quarters older | promoted, by mean length of the blocks: 1 | 5 | 21 | 63 |"
    )
    print("|---|---|---|---|---|")
    for model in LEARNED:
        newer, older = (
            losses_of_versions(model, QUARTER),
            losses_of_versions(model, QUARTER, delay=2 * QUARTER),
        )
        known = np.isfinite(newer) & np.isfinite(older)
        found = np.array(
            [relative_difference(*pair) for pair in zip(older[known], newer[known], strict=True)]
        )
        fair = found - found.mean()
        _row(f"{model}, as it was ({found.mean() / found.std():.3f} of the noise)", found, streams)
        _row(f"{model}, mean taken out", fair, streams)
        _row(f"{model}, mean of what is counted taken out", fair - _counted(fair).mean(), streams)
        _shuffled(f"{model}, mean taken out, in {SHUFFLES} other orders: mean, largest", fair, streams // 5)


def _counted(differences: np.ndarray) -> np.ndarray:
    """What a bet counts of them: six mean sizes at most."""
    most = 6 * np.abs(differences).mean()
    return np.clip(differences, -most, most)


def _row(label: str, differences: np.ndarray, streams: int) -> None:
    shares = [_promoted(differences, streams, block) for block in DUEL_BLOCKS]
    cells = " | ".join(f"{share:.1%} ± {np.sqrt(share * (1 - share) / streams):.1%}" for share in shares)
    print(f"| {label} | {cells} |", flush=True)


def _shuffled(label: str, differences: np.ndarray, streams: int) -> None:
    """The same of orders in which no session knows of another: what luck does to one history of this length."""
    orders = [np.random.default_rng(seed).permutation(differences) for seed in range(SHUFFLES)]
    shares = [[_promoted(one, streams, block) for one in orders] for block in DUEL_BLOCKS]
    print(f"| {label} | {' | '.join(f'{np.mean(s):.1%}, {max(s):.1%}' for s in shares)} |", flush=True)


def _promoted(differences: np.ndarray, streams: int, block: int, sessions: int = 500) -> float:
    order = stationary_indices(len(differences), streams, block, np.random.default_rng(11))[:, :sessions]
    return float(np.mean([_passes(differences[one]) for one in order]))


def _passes(stream: np.ndarray) -> bool:
    state = Duel()
    for one in stream.tolist():
        state = state.after(one)
        if state.challenger.passes(0.05):
            return True
    return False


def rollback(streams: int) -> None:
    """Sessions from a champion's degradation to its rollback, by how much worse it is and how long nobody was."""
    print(
        "\n| worse by, of the noise | sessions of equals before | median sessions to the rollback | nine in ten by |"
    )
    print("|---|---|---|---|")
    for worse in (0.5, 1.0, 3.0):
        for before in (30, 60, 120):
            found = [_rolled_back(np.random.default_rng(seed), before, worse) for seed in range(streams)]
            print(
                f"| {worse} | {before} | {np.median(found):.0f} | {np.quantile(found, 0.9):.0f} |", flush=True
            )


def _rolled_back(rng: np.random.Generator, before: int, worse: float, noise: float = 0.02) -> int:
    state, waited = Duel(), 0
    for one in rng.normal(0, noise, before):
        state = state.after(one)
    while not state.challenger.passes(0.05):
        state, waited = state.after(rng.normal(worse * noise, noise)), waited + 1
    return waited


def main() -> None:
    """Print the tables asked for, as Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="*", default=["drift", "accuracy", "often", "duel", "rollback"])
    parser.add_argument("--markets", type=int, default=100)
    asked = parser.parse_args()
    drift = functools.partial(report, "drift above 0.1 and times the largest of training", FACTORS)
    if "drift" in asked.what:
        drift(lambda panel, model: drift_looks(panel, LEARNED[model]), asked.markets, ("ar1", "ridge"))
    if "accuracy" in asked.what:
        looks = lambda panel, _: accuracy_looks(panel.accuracy)  # noqa: E731
        report("accuracy drop above 0.05 and standard errors", ERRORS, looks, asked.markets // 4, ("ar1",))
    if "often" in asked.what:
        often()
    if "duel" in asked.what:
        duel(asked.markets * 5)
    if "rollback" in asked.what:
        rollback(asked.markets * 4)


if __name__ == "__main__":
    main()
