"""Variants of the line: which component each turns off, what takes its place, and by which settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pipelines.settings import MODELS, Settings
from trading.errors import UsageError
from trading.portfolio.problem import FREE

BASE = "base"
GRAPH_MODELS = ("samba",)
_NEVER = 1e9  # sessions over which a cost is earned back, so that none is seen
_UNBOUND = 99.0  # of a year: no volatility comes near

Overrides = Mapping[str, object]


@dataclass(frozen=True)
class Variant:
    """A line that differs from the base line.

    Attributes
    ----------
    component : what it is about
    instead : what is there in its place
    overrides : settings by name
    is_ablation : whether it turns one component off or on; else it is one side of a comparison
    """

    name: str
    component: str
    instead: str
    overrides: Overrides
    is_ablation: bool = True

    def of(self, base: Settings) -> Settings:
        """The settings of the variant."""
        changed = base
        for name, value in self.overrides.items():
            changed = changed.with_value(name, value)
        return changed


@dataclass(frozen=True)
class _Switch:
    """A component that settings turn off, and on again."""

    component: str
    off: Overrides
    instead: str
    on: Overrides
    otherwise: str


_SWITCHES = (
    _Switch(
        "regimes",
        {"trading.regime_scaling": False, "trading.solve_on_regime_change": False},
        "every regime counts as 1, and none solves a mix",
        {"trading.regime_scaling": True, "trading.solve_on_regime_change": True},
        "the regime scales the volatility target, and its change solves a mix",
    ),
    _Switch(
        "selection",
        {"signals.selection": "off"},
        "equal weight is held without a forecast",
        {"signals.selection": "tilt"},
        "the regime's selection is held without a forecast",
    ),
    _Switch(
        "links",
        {"trading.optimizer.linked_from": 1.0},
        "no two names share a position's cap",
        {"trading.optimizer.linked_from": 0.7},
        "names that move together share a position's cap",
    ),
    _Switch(
        "correlation penalty",
        {"trading.sizer.correlation_penalty": False},
        "caps do not look at correlations",
        {"trading.sizer.correlation_penalty": True},
        "caps fall with the correlation to the rest of the book",
    ),
    _Switch(
        "robust set",
        {"trading.optimizer.uncertainty": "none"},
        "means are believed as they are",
        {"trading.optimizer.uncertainty": "box"},
        "each mean is taken at the bad end of its interval",
    ),
    _Switch(
        "costs in the objective",
        {"trading.optimizer.cost_sessions": _NEVER},
        "the optimiser trades as if for nothing; costs are still paid",
        {"trading.optimizer.cost_sessions": 21.0},
        "the optimiser earns costs back over 21 sessions",
    ),
    _Switch(
        "adaptive weights",
        {"ensemble.method": "equal", "degradation.degraded_share": 1.0},
        "all models weigh the same",
        {"ensemble.method": "softmax", "degradation.degraded_share": 0.5},
        "models weigh by what they lost",
    ),
    _Switch(
        "adaptive intervals",
        {"intervals.method": "split"},
        "a sliding window at a fixed level",
        {"intervals.method": "adaptive"},
        "the level follows the misses",
    ),
    _Switch(
        "volatility target",
        {"trading.limits.volatility_target": _UNBOUND},
        "only value at risk and drawdown scale the book",
        {"trading.limits.volatility_target": 0.15},
        "the book is scaled to 15 % a year",
    ),
    _Switch(
        "drawdown overlay",
        {"trading.limits.hard_drawdown": 1.0, "trading.limits.soft_drawdown": 1.0},
        "no drawdown scales the book",
        {"trading.limits.soft_drawdown": 0.1, "trading.limits.hard_drawdown": 0.15},
        "the book is scaled down from a drawdown of 10 % on",
    ),
    _Switch(
        "Kelly",
        {"trading.sizer.kelly_fraction": 1e6},
        "a cap is the position limit alone",
        {"trading.sizer.kelly_fraction": 0.25},
        "a cap is a quarter of Kelly's bet at most",
    ),
)  # fmt: skip


def variants_of(base: Settings) -> tuple[Variant, ...]:
    """Every variant of a line: ablations first, then the other sides of the roadmap's comparisons."""
    ablations = (*_switched(base), _without_graph(base), *_without_models(base), *_without_timeframes(base))
    return (*ablations, *_sides(base), *_stages(base))


def chosen(known: tuple[Variant, ...], wanted: Iterable[str]) -> tuple[Variant, ...]:
    """Those of `known` that are named, by their name or their component.

    Raises
    ------
    UsageError
        If a name fits none; it tells those that there are.
    """
    found: dict[str, Variant] = {}
    for word in (" ".join(word.split()) for word in wanted):
        mine = [one for one in known if word in (one.name, one.component)]
        if not mine:
            raise UsageError(
                f"there is no variant {word!r}; there are {', '.join(one.name for one in known)}"
            )
        found |= {one.name: one for one in mine}
    return tuple(one for one in known if one.name in found)


def _switched(base: Settings) -> Iterable[Variant]:
    """Each switch thrown: off where the line has the component, on where it has not."""
    flat = base.flat()
    for switch in _SWITCHES:
        if any(flat[name] != value for name, value in switch.off.items()):
            yield Variant(f"{switch.component} off", switch.component, switch.instead, switch.off)
        else:
            yield Variant(f"{switch.component} on", switch.component, switch.otherwise, switch.on)


def _without_graph(base: Settings) -> Variant:
    """No links, no centrality, and no model that learns on a graph."""
    overrides: dict[str, object] = {"trading.optimizer.linked_from": 1.0, "selection.correlation": 0.0}
    others = tuple(name for name in base.models if name not in GRAPH_MODELS)
    if others and others != base.models:
        overrides[MODELS] = others
    return Variant("graph off", "graph", "no links, no centrality, no model of a graph", overrides)


def _without_models(base: Settings) -> Iterable[Variant]:
    if len(base.models) > 1:
        for model in base.models:
            others = tuple(name for name in base.models if name != model)
            yield Variant(f"{model} left out", model, f"{' and '.join(others)} alone", {MODELS: others})


def _without_timeframes(base: Settings) -> Iterable[Variant]:
    for timeframe in base.timeframes:
        others = [name for name in base.timeframes if name != timeframe]
        instead = f"signals of {' and '.join(others)} alone" if others else "signals believe nothing"
        yield Variant(
            f"{timeframe} left out", timeframe, instead, {"signals.coordination.left_out": (timeframe,)}
        )


def _side(name: str, instead: str, **settings: object) -> Variant:
    overrides = {key.replace("__", "."): value for key, value in settings.items()}
    return Variant(name, name, instead, overrides, is_ablation=False)


def _sides(base: Settings) -> Iterable[Variant]:
    """Sides of the roadmap's comparisons that are no ablations."""
    if len(base.models) > 1:
        yield from (
            _side(f"{model} alone", f"no model but {model}", models=(model,)) for model in base.models
        )
    yield _side("horizon of 1", "signals look one session ahead", signals__horizon=1)
    yield _side(
        "stop of 2 ranges",
        "a position is left two average true ranges down",
        trading__stops__atr_multiple=2.0,
    )
    yield _side("target of 2.5 %", "a position is left 2.5 % up", trading__stops__profit_target=0.025)
    for multiple in (2.0, 3.0):
        yield _side(
            f"trailing stop of {multiple:g} ranges",
            f"a position is left {multiple:g} average true ranges below its best close",
            trading__stops__trailing_multiple=multiple,
        )
    yield _side("Bayesian weights", "models are averaged by likelihood", ensemble__method="bayesian")
    yield _side("Thompson sampling", "one model is drawn by its losses", ensemble__method="thompson")
    yield _side("long and short", "up to 130 % long and 30 % short", **_LONG_SHORT)
    if len(base.timeframes) > 1:
        yield _side(
            "conflicts weighed", "no timeframe has priority", signals__coordination__resolution="weights"
        )


_LONG_SHORT: dict[str, object] = {
    "trading__optimizer__mandate": "long_short",
    "trading__margin__account": "margin",
}


def _stages(base: Settings) -> Iterable[Variant]:
    """The line as it was at each stage of the roadmap: each has what the one before had, and more."""
    stages: tuple[tuple[str, str, Overrides], ...] = (
        (
            "stage 1",
            "one model, quarter Kelly and drawdown limits, at no volatility target",
            _first_stage(base),
        ),
        (
            "stage 2",
            "all models by adaptive weights, regimes, a volatility target",
            _SECOND | {MODELS: base.models},
        ),
        ("stage 2.1", "all timeframes", {"signals.coordination.left_out": ()}),
        ("stage 2.2", "selection, links, groups, correlation penalty, costs in the objective", _CORRELATED),
        ("stage 2.3", "Bayesian weights, long and short", _LAST),
    )
    so_far: dict[str, object] = {}
    for name, instead, more in stages:
        so_far |= more
        yield Variant(name, name, instead, dict(so_far), is_ablation=False)


def _first_stage(base: Settings) -> Overrides:
    model = next((name for name in ("timesfm", *base.models[::-1]) if name in base.models), base.models[0])
    return {
        MODELS: (model,),
        "signals.coordination.left_out": tuple(name for name in base.timeframes if name != "1D"),
        "signals.selection": "off",
        "trading.regime_scaling": False,
        "trading.solve_on_regime_change": False,
        "trading.sizer.correlation_penalty": False,
        "trading.optimizer.linked_from": 1.0,
        "trading.optimizer.group_cap": 1.0,
        "trading.limits.group_limit": FREE,
        "trading.optimizer.uncertainty": "none",
        "trading.optimizer.cost_sessions": _NEVER,
        "trading.limits.volatility_target": _UNBOUND,
    }


_SECOND: dict[str, object] = {
    "ensemble.method": "softmax",
    "trading.regime_scaling": True,
    "trading.solve_on_regime_change": True,
    "trading.limits.volatility_target": 0.15,
}
_CORRELATED: Overrides = {
    "signals.selection": "tilt",
    "trading.sizer.correlation_penalty": True,
    "trading.optimizer.linked_from": 0.7,
    "trading.optimizer.group_cap": 0.4,
    "trading.limits.group_limit": 0.4,
    "trading.optimizer.cost_sessions": 21.0,
}
_LAST: Overrides = {
    "ensemble.method": "bayesian",
    "trading.optimizer.mandate": "long_short",
    "trading.margin.account": "margin",
}
